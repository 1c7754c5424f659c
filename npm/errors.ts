import type { Payload } from "./message.js";

/**
 * What has gone wrong. The names are those of Rust's `Error`, but for the last four, which are this package's own.
 *
 * - `invalidUrl`: the URL cannot be parsed, or is not one for a WebSocket
 * - `invalidProtocol`, `duplicateProtocol`: a subprotocol is not a token, or is named twice
 * - `security`: the browser does not let this page connect there, for instance to `ws:` from an `https:` page
 * - `unsupported`: there is no `WebSocket` where this runs, for instance on a server that renders pages
 * - `connectFailed`: the connection could not be opened; browsers do not say why
 * - `connectTimeout`: it was not open within {@link Options.connectTimeout}
 * - `notOpen`: the connection is not open, so nothing can be sent
 * - `full`: more than {@link Options.highWaterMark} is unsent, so nothing is taken without waiting
 * - `overflow`: more messages have arrived than may wait, and the connection was closed, as {@link ReceiveLimit.overflow} says
 * - `invalidCloseCode`: a page may close with 1000 or 3000 to 4999
 * - `reasonTooLong`: the reason for closing has more than 123 bytes
 * - `closeTimeout`: the peer did not answer within {@link Options.closeTimeout}
 * - `unclean`: the connection was lost: it ended without a closing handshake, so messages may be missing
 * - `thrown`: the browser threw something that has no code of its own
 * - `invalidOption`: an option is unknown or has a wrong value; the error's message names it
 * - `invalidMessage`: what was to be sent is no {@link Payload}
 * - `locked`: messages are taken by a listener and by an iterator at the same time
 * - `loadFailed`: the wasm could not be loaded; `cause` says why
 */
export type ErrorCode =
  | "invalidUrl"
  | "invalidProtocol"
  | "duplicateProtocol"
  | "security"
  | "unsupported"
  | "connectFailed"
  | "connectTimeout"
  | "notOpen"
  | "full"
  | "overflow"
  | "invalidCloseCode"
  | "reasonTooLong"
  | "closeTimeout"
  | "unclean"
  | "thrown"
  | "invalidOption"
  | "invalidMessage"
  | "locked"
  | "loadFailed";

/** An error of this package. Its `code` says what has gone wrong, and its `message` names the datum. */
export class WebSocketError extends Error {
  override readonly name: string = "WebSocketError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** A message was not sent. It is in `unsent`, the very object. */
export class SendError extends WebSocketError {
  override readonly name: string = "SendError";
  /** What was to be sent. */
  readonly unsent: Payload;

  constructor(code: ErrorCode, message: string, unsent: Payload) {
    super(code, message);
    this.unsent = unsent;
  }
}

/** What the core throws: an `Error` with a code. Of anything else it is not known what it is. */
function isCoded(thrown: unknown): thrown is Error & { code: ErrorCode } {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string";
}

/** @internal The error for what the core has thrown. */
export function errorOf(thrown: unknown): WebSocketError {
  return isCoded(thrown)
    ? new WebSocketError(thrown.code, thrown.message)
    : new WebSocketError("thrown", String(thrown), thrown);
}

/** @internal The same, for a message that was not sent. */
export function sendErrorOf(thrown: unknown, unsent: Payload): SendError {
  const { code, message } = errorOf(thrown);
  return new SendError(code, message, unsent);
}
