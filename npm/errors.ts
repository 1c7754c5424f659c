import type { Message, Payload } from "./message.js";
import type { Issue } from "./schema.js";

/**
 * The code of a {@link WebSocketError}. Most codes are the names of the variants of Rust's `Error`; the last ones exist only here.
 *
 * - `invalidUrl`: the URL cannot be parsed, or is not a WebSocket URL
 * - `invalidProtocol`, `duplicateProtocol`: a subprotocol is not a token, or is offered twice
 * - `security`: the browser blocks the connection, for instance to `ws:` from an `https:` page
 * - `unsupported`: there is no `WebSocket` in this environment, for instance on a server that renders pages
 * - `connectFailed`: the connection could not be opened; browsers hide why
 * - `connectTimeout`: the connection was not open within {@link Options.connectTimeout}
 * - `connectionLost`: an open connection has failed
 * - `attemptFailed`: the provider, `onOpen` or `credentials` failed; `cause` is what the function threw
 * - `heartbeatTimeout`: the peer did not answer the heartbeat
 * - `notOpen`: the connection is not open, so nothing can be sent
 * - `full`: more than {@link Options.highWaterMark} is unsent, the queue of a {@link ReconnectingStream} or the replay buffer of
 *   a {@link SessionStream} is full, or the schema of a {@link JsonStream} still checks earlier values
 * - `overflow`: the receive queue was full, and the connection was closed, as {@link ReceiveLimit.overflow} says
 * - `invalidCloseCode`: a page may close with 1000 or 3000 to 4999
 * - `reasonTooLong`: the reason for closing has more than 123 bytes
 * - `closeTimeout`: the peer did not answer the close within {@link Options.closeTimeout}
 * - `unclean`: the connection was lost: it ended without a closing handshake, so messages may be missing
 * - `outOfMemory`: a message does not fit into wasm memory
 * - `tooLarge`: the peer of a {@link SessionStream} does not accept messages of this size
 * - `sessionLost`: a session is lost: it is unknown whether the peer has processed the unacknowledged messages. Loops over
 *   messages throw it as a {@link SessionLostError}
 * - `unreadableBlob`: the file of a message cannot be read: it was changed, moved or deleted
 * - `thrown`: the browser threw an exception that has no code of its own
 * - `encode`: a value cannot be written as JSON, or does not fit its schema, or the schema has thrown
 * - `decode`: a message is not JSON, does not fit its schema, or its schema has thrown; {@link DecodeError} has the message
 * - `invalidOption`: an option is unknown or has a wrong value; the error's message names it
 * - `invalidMessage`: the message to send is not a {@link Payload}
 * - `locked`: a listener and an iterator take messages at the same time
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
  | "connectionLost"
  | "attemptFailed"
  | "heartbeatTimeout"
  | "notOpen"
  | "full"
  | "overflow"
  | "invalidCloseCode"
  | "reasonTooLong"
  | "closeTimeout"
  | "unclean"
  | "outOfMemory"
  | "tooLarge"
  | "sessionLost"
  | "unreadableBlob"
  | "thrown"
  | "encode"
  | "decode"
  | "invalidOption"
  | "invalidMessage"
  | "locked"
  | "loadFailed";

/** An error of this package. Its `code` is for programs; its `message` has the datum, such as a URL, and what to do. */
export class WebSocketError extends Error {
  override readonly name: string = "WebSocketError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** A message was not sent. `unsent` is the message. */
export class SendError extends WebSocketError {
  override readonly name: string = "SendError";
  /** The message that was not sent: the same object. */
  readonly unsent: Payload;

  constructor(code: ErrorCode, message: string, unsent: Payload) {
    super(code, message);
    this.unsent = unsent;
  }
}

/** A message could not be decoded. `data` is the message that was received. */
export class DecodeError extends WebSocketError {
  override readonly name: string = "DecodeError";
  /** The message that was received. */
  readonly data: Message;
  /** The problems that the schema has found; empty if the message is not JSON, or the schema has thrown. */
  readonly issues: readonly Issue[];

  constructor(message: string, data: Message, issues: readonly Issue[], cause?: unknown) {
    super("decode", message, cause);
    this.data = data;
    this.issues = issues;
  }
}

/** Returns whether the core threw this: an `Error` with a code. */
function isCoded(thrown: unknown): thrown is Error & { code: ErrorCode } {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string";
}

/** @internal Converts what the core threw to an error of this package. */
export function errorOf(thrown: unknown): WebSocketError {
  if (thrown instanceof WebSocketError) return thrown;
  return isCoded(thrown)
    ? new WebSocketError(thrown.code, thrown.message)
    : new WebSocketError("thrown", String(thrown), thrown);
}

/** @internal Converts what the core threw, and throws the result. */
export function rethrow(thrown: unknown): never {
  throw errorOf(thrown);
}

/** @internal Reports an error of the page, as browsers report an exception of a listener. */
export function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}

/** @internal Calls a function of the caller. As in browsers, an exception is reported as an error of the page. */
export function call<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    report(error);
    return undefined;
  }
}

/** @internal Returns the code to close with: 1000 for a reason without a code. The core checks codes that fit into 16 bits. */
export function closeCode(code: number | undefined, reason: string | undefined): number | undefined {
  if (code === undefined) return reason === undefined ? undefined : 1000;
  if (code === (code & 0xffff)) return code;
  throw new WebSocketError("invalidCloseCode", `close code ${code} is not allowed; use 1000 or 3000–4999`);
}

/** @internal Converts what the core threw to an error with the message that was not sent. */
export function sendErrorOf(thrown: unknown, unsent: Payload): SendError {
  const { code, message } = errorOf(thrown);
  return new SendError(code, message, unsent);
}
