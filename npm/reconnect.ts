import { abortable } from "./abort.js";
import { Loader, type WasmSource, checkSupport } from "./load.js";
import { isByStreams, signalOf } from "./options.js";
import instantiate, { Reconnection } from "./reconnect-core.js";
import { type ReconnectOptions, type TargetProvider, checkReconnect } from "./reconnect-options.js";
import { ReconnectingStream } from "./reconnecting.js";

/** @internal */
export const core = new Loader(instantiate, () => new URL("./reconnect-core_bg.wasm", import.meta.url));

/** The module with the browser's streams. It is loaded only for connections over streams. */
const streams = new Loader(
  async (source) => (await import("./reconnect-streams.js")).default(source),
  () => new URL("./reconnect-streams_bg.wasm", import.meta.url),
);

/**
 * Begins to connect, and resolves with a connection that comes back. The first call loads the wasm. It does not wait for the
 * connection to open: messages that are sent earlier are queued.
 *
 * ```ts
 * await using feed = await reconnect(
 *   async ({ signal }) => `wss://example.com/feed?token=${await freshToken(signal)}`, // for each attempt
 *   {
 *     heartbeat: { ping: "ping", pong: "pong" },
 *     onOpen: (socket) => socket.send("subscribe: news"), // before anything queued
 *   },
 * );
 * feed.on("state", (state) => (label.textContent = state.type));
 * for await (const message of feed) show(message);
 * ```
 *
 * @throws {WebSocketError} `unsupported`, `invalidOption` or `loadFailed`. If the signal is aborted first, it rejects with the
 *   signal's reason; if the signal is aborted later, the connection is closed for good.
 */
export async function reconnect(provider: TargetProvider, options: ReconnectOptions = {}): Promise<ReconnectingStream> {
  checkReconnect(options);
  const signal = signalOf(options);
  signal?.throwIfAborted();
  checkSupport();
  const isStreaming = isByStreams(options);
  await abortable((isStreaming ? streams : core).load(), signal);
  const type = isStreaming ? (await import("./reconnect-streams.js")).Reconnection : Reconnection;
  return new ReconnectingStream(type, provider, options, signal);
}

/**
 * Loads the wasm of {@link reconnect}, which is the file `reconnect-core_bg.wasm`, as {@link preload} does for `connect`.
 *
 * @throws {WebSocketError} `loadFailed`
 */
export function preloadReconnect(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  return core.load(source);
}
