import { WebSocketError } from "./errors.js";
import { type Data, type Message, messageOf } from "./message.js";
import type { Lost } from "./session-core.js";
import { type Cause, fromCore } from "./state.js";

/**
 * Why a session was lost.
 *
 * - `forgotten`: the server has forgotten the session, for instance after a restart or after the session's time to live. A new
 *   session has begun, unless a side had ended its direction
 * - `superseded`: a copy of this page has taken the session over, for instance in a virtual machine that was restored from a
 *   snapshot; a duplicated tab begins a session of its own
 * - `givenUp`: the server's application, or this page, has given the session up
 * - `refused`: the server has closed with this code: 4401 for the credentials, 4406 for the application's protocol, 4400, 4413 and
 *   1009 for a frame that this page has sent
 * - `violation`: the server broke a rule of the protocol
 * - `tooLarge`: a message of `bytes` bytes was sent before it was known that the server accepts at most `max` bytes
 * - `mismatch`: the server counts differently, for instance because its store has lost changes
 * - `stopped`: the session has stopped connecting, for this cause; `unreadableBlob`: a file was changed or deleted before the
 *   server had received it
 */
export type LostCause =
  | { readonly type: "forgotten" }
  | { readonly type: "superseded" }
  | { readonly type: "givenUp" }
  | { readonly type: "refused"; readonly code: number }
  | { readonly type: "violation"; readonly rule: string }
  | { readonly type: "tooLarge"; readonly bytes: number; readonly max: number }
  | { readonly type: "mismatch" }
  | { readonly type: "stopped"; readonly cause: Cause };

/** A message that the peer has not acknowledged. */
export interface Unacknowledged {
  /** The message. Bytes are `binary`, or `blob` above 64 KiB. */
  readonly message: Message;
  /** Whether it was transmitted, so that the peer may have processed it. */
  readonly transmitted: boolean;
}

/**
 * A session was lost: it is unknown whether the peer has processed these messages.
 *
 * A loop over the messages of a {@link SessionStream} throws it in order: after all messages of the session that was lost, and
 * before the first message of the next one. If the server has `forgotten` the session, and no side had ended its direction, a new
 * session has begun, and the next loop continues with its messages. Otherwise the messages have ended. A loss after the peer's end is
 * not thrown by a loop: {@link SessionStream.close}, {@link SessionStream.acknowledged} and receipts reject with `sessionLost`.
 *
 * The messages are not sent again automatically, since the peer may have processed them.
 *
 * ```ts
 * try {
 *   for await (const message of orders) show(message);
 * } catch (error) {
 *   if (!(error instanceof SessionLostError)) throw error;
 *   // Messages that were never transmitted cannot arrive twice.
 *   for (const { message, transmitted } of error.unacknowledged) if (!transmitted) later.push(message.data);
 * }
 * ```
 */
export class SessionLostError extends WebSocketError {
  override readonly name: string = "SessionLostError";
  /** Why the session was lost. */
  override readonly cause: LostCause;
  /** The messages that the peer has not acknowledged, in the order in which they were sent. */
  readonly unacknowledged: readonly Unacknowledged[];

  constructor(message: string, cause: LostCause, unacknowledged: readonly Unacknowledged[]) {
    super("sessionLost", message);
    this.cause = cause;
    this.unacknowledged = unacknowledged;
  }
}

/** @internal Converts a `Lost` of the core to an error. */
export function lostOf({ message, cause, unacknowledged }: Lost, errorOf: (thrown: unknown) => WebSocketError): SessionLostError {
  const kept = unacknowledged.map(([data, transmitted]: [Data, boolean]) => ({ message: messageOf(data), transmitted }));
  return new SessionLostError(message, fromCore<LostCause>(cause, errorOf), kept);
}
