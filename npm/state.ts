import type { WebSocketError } from "./errors.js";
import type { CloseEvent } from "./message.js";
import type { LostCause } from "./session-lost.js";

/**
 * The state of a {@link ReconnectingStream}, or of the connection of a {@link SessionStream}.
 *
 * - `connecting`: calls the provider, connects, and runs `onOpen` or the handshake of the session; `attempt` counts from 1 since the
 *   last good connection
 * - `open`: the connection is open, and `onOpen` or the session's handshake has finished
 * - `waiting`: waits `delay` milliseconds before the next attempt. If the network comes back or the page is shown, this state comes
 *   once more, with a shorter delay
 * - `closing`: the closing handshake is under way, for a close, a pause or a new connection
 * - `paused`: stays without a connection until `resume`
 * - `closed`: closed for good
 */
export type State =
  | { readonly type: "connecting"; readonly attempt: number; readonly cause: Cause }
  | { readonly type: "open" }
  | { readonly type: "waiting"; readonly delay: number; readonly cause: Cause }
  | { readonly type: "closing" }
  | { readonly type: "paused" }
  | { readonly type: "closed"; readonly cause: Cause };

/**
 * A report about messages. Reports come between the states.
 *
 * - `inDoubt`: a connection has ended, and this many messages are in doubt because of it
 * - `rejected`: the browser threw when the queued message with this number was handed over; the message is dropped
 */
export type Report =
  | { readonly type: "inDoubt"; readonly messages: number }
  | { readonly type: "rejected"; readonly number: number; readonly error: WebSocketError };

/**
 * Why an attempt is made, or why there is no connection.
 *
 * - `requested`: the caller asked for it, or it is the first attempt
 * - `closed`: the peer closed the connection, or it was lost: then the event is not clean
 * - `failed`: the attempt or the connection failed
 */
export type Cause =
  | { readonly type: "requested" }
  | { readonly type: "closed"; readonly event: CloseEvent }
  | { readonly type: "failed"; readonly error: WebSocketError };

/** @internal Converts a state, a report or a cause of the core. Errors in it become errors of this package. */
export function fromCore<T extends State | Report | Cause | LostCause>(
  raw: object,
  errorOf: (thrown: unknown) => WebSocketError,
): T {
  const { error, cause, ...others } = raw as { error?: unknown; cause?: object };
  return {
    ...others,
    ...(error === undefined ? {} : { error: errorOf(error) }),
    ...(cause === undefined ? {} : { cause: fromCore<Cause>(cause, errorOf) }),
  } as unknown as T;
}
