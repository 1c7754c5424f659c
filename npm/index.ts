/**
 * The browser's WebSocket with backpressure in both directions, sends that tell the truth, and types.
 *
 * ```text
 * browser ─▶ core (wasm) ─▶ inbox ──▶ socket ─▶ you
 * browser ◀─ core (wasm) ◀─ outbox ◀─ socket ◀─ you
 * ```
 *
 * Messages stay in JavaScript's memory all the way. {@link connect} is where to begin.
 *
 * @module
 */

export { connect } from "./connect.js";
export { init, type WasmSource } from "./load.js";
export { type ErrorCode, SendError, WebSocketError } from "./errors.js";
export type { CloseEvent, Message, Payload } from "./message.js";
export type { BinaryType, CloseOptions, Options, Overflow, ReceiveLimit } from "./options.js";
export type { Progress } from "./slices.js";
export type { ReadyState, WebSocketEvents, WebSocketStream } from "./socket.js";
