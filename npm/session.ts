import { abortable } from "./abort.js";
import { Loader, type WasmSource, checkSupport } from "./load.js";
import { signalOf } from "./options.js";
import type { TargetProvider } from "./reconnect-options.js";
import instantiate, { Session } from "./session-core.js";
import { type SessionOptions, checkSession } from "./session-options.js";
import { SessionStream } from "./session-stream.js";

const core = new Loader(instantiate, () => new URL("./session-core_bg.wasm", import.meta.url));

/**
 * Begins a session: a connection that comes back, over which every message arrives in order and exactly once, both ways. The first
 * call loads the wasm. It does not wait for the connection to open.
 *
 * It needs a server that speaks the session protocol: the crate `websocket-session-server` for axum, or `websocket-session-node`
 * for Node.js.
 *
 * ```ts
 * await using orders = await session("wss://example.com/orders", {
 *   credentials: ({ signal }) => freshToken(signal), // for each connection, since tokens expire
 * });
 * const receipt = await orders.send("order 1"); // arrives exactly once, however often the connection is lost
 * await receipt.processed; // the server has processed it
 * ```
 *
 * @throws {WebSocketError} `unsupported`, `invalidOption` or `loadFailed`. If the signal is aborted first, it rejects with the
 *   signal's reason.
 */
export async function session(provider: TargetProvider, options: SessionOptions = {}): Promise<SessionStream> {
  checkSession(options);
  const signal = signalOf(options);
  signal?.throwIfAborted();
  checkSupport();
  await abortable(core.load(), signal);
  return new SessionStream(Session, provider, options, signal);
}

/**
 * Loads the wasm of {@link session}, which is the file `session-core_bg.wasm`, as {@link preload} does for `connect`.
 *
 * @throws {WebSocketError} `loadFailed`
 */
export function preloadSession(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  return core.load(source);
}
