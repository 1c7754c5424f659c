/**
 * The browser's WebSocket with backpressure in both directions, errors for messages that were not sent, and types.
 *
 * ```text
 * browser ─▶ core (wasm) ─▶ inbox ──▶ socket ─▶ you
 * browser ◀─ core (wasm) ◀─ outbox ◀─ socket ◀─ you
 * ```
 *
 * Messages stay in JavaScript's memory. Begin with {@link connect}.
 *
 * @module
 */

export { connect, preload } from "./connect.js";
export { type ErrorCode, DecodeError, SendError, WebSocketError } from "./errors.js";
export type { JsonStream, MessageStream } from "./json.js";
export type { WasmSource } from "./load.js";
export type { CloseEvent, Message, Payload } from "./message.js";
export type { BinaryType, CallOptions, Options, Overflow, ReceiveLimit, Transport } from "./options.js";
export { preloadReconnect, reconnect } from "./reconnect.js";
export {
  type AfterClose,
  type Attempt,
  type Backoff,
  GiveUp,
  type Heartbeat,
  type InDoubt,
  type KeepLimit,
  type OpeningSocket,
  type QueueLimit,
  type ReconnectOptions,
  type Target,
  type TargetProvider,
  type TargetRequest,
  type WhenFull,
  type WhenLost,
} from "./reconnect-options.js";
export type { Counts, ReconnectingEvents, ReconnectingStream } from "./reconnecting.js";
export type { Issue, Schema } from "./schema.js";
export { preloadSession, session } from "./session.js";
export { type LostCause, SessionLostError, type Unacknowledged } from "./session-lost.js";
export type { SessionOptions } from "./session-options.js";
export type { End, Receipt, SessionCounts, SessionEvents, SessionStream } from "./session-stream.js";
export type { Progress, SliceOptions } from "./slices.js";
export type { ReadyState, WebSocketEvents, WebSocketStream } from "./socket.js";
export type { Cause, Report, State } from "./state.js";
export {
  type ProtocolsProvider,
  ReconnectingWebSocket,
  type ReconnectingWebSocketEvents,
  type ReconnectingWebSocketOptions,
  type UrlProvider,
} from "./web-socket.js";
