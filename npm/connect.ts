import { abortable, isReason } from "./abort.js";
import instantiate, { type Connection, Connecting } from "./core.js";
import { errorOf } from "./errors.js";
import { Loader, type WasmSource, checkSupport } from "./load.js";
import { type Options, check, isByStreams, signalOf } from "./options.js";
import { WebSocketStream } from "./socket.js";

const core = new Loader(instantiate, () => new URL("./core_bg.wasm", import.meta.url));

/** The module with the browser's streams. It is loaded only for connections over streams. */
const streams = new Loader(
  async (source) => (await import("./core-streams.js")).default(source),
  () => new URL("./core-streams_bg.wasm", import.meta.url),
);

/**
 * Connects to `url`, and resolves with the open connection. The first call loads the wasm.
 *
 * ```ts
 * await using socket = await connect("wss://example.com/chat", { protocols: ["chat.v2"] });
 * await socket.send("hello");
 * for await (const message of socket) {
 *   if (message.type === "text") show(message.data);
 * }
 * ```
 *
 * @throws {WebSocketError} `invalidUrl`, `invalidProtocol`, `duplicateProtocol`, `security`, `unsupported`, `connectFailed`,
 *   `connectTimeout`, `invalidOption` or `loadFailed`. If the signal is aborted first, it rejects with the signal's reason.
 */
export async function connect(url: string | URL, options?: Options): Promise<WebSocketStream> {
  const given = check(options);
  const signal = signalOf(options);
  signal?.throwIfAborted();
  checkSupport();
  const isStreaming = isByStreams(options);
  await abortable((isStreaming ? streams : core).load(), signal);
  const type = isStreaming ? (await import("./core-streams.js")).Connecting : Connecting;
  return new WebSocketStream(await open(type, String(url), given, signal), signal);
}

/**
 * Loads the wasm of {@link connect}, so that the first connection opens sooner.
 *
 * Without `source`, the wasm is the file `core_bg.wasm` beside this module. A source is ignored if the wasm is loaded or being
 * loaded. After a failure the next call tries again, by default from the same source.
 *
 * ```ts
 * preload().catch(() => {}); // while the page starts; connect tries again, and throws the error
 * ```
 *
 * @throws {WebSocketError} `loadFailed`
 */
export function preload(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  return core.load(source);
}

async function open(
  type: typeof Connecting,
  url: string,
  options: object,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  let connecting: Connecting | undefined;
  let opened: Promise<Connection | undefined> | undefined;
  try {
    connecting = new type(url, options);
    opened = connecting.opened();
    return (await abortable(opened, signal)) as Connection;
  } catch (error) {
    // The attempt may have opened a connection when the signal was aborted.
    opened?.then((late) => late?.free()).catch(() => {});
    throw isReason(error, signal) ? error : errorOf(error);
  } finally {
    // Cancels the attempt if it is still connecting.
    connecting?.free();
  }
}
