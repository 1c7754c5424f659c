import { abortable } from "./abort.js";
import { type Connection, Connecting } from "./core.js";
import { errorOf } from "./errors.js";
import { init } from "./load.js";
import { type Options, signalOf } from "./options.js";
import { WebSocketStream } from "./socket.js";

/**
 * Connects to `url` and gives the open connection. The first call loads the wasm.
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
 *   `connectTimeout`, `invalidOption` or `loadFailed`. If the signal is aborted first, it rejects with that one's reason.
 */
export async function connect(url: string | URL, options?: Options): Promise<WebSocketStream> {
  const signal = signalOf(options);
  signal?.throwIfAborted();
  await abortable(init(), signal, () => {});
  return new WebSocketStream(await open(String(url), options, signal), signal);
}

async function open(url: string, options: Options | undefined, signal: AbortSignal | undefined): Promise<Connection> {
  let connecting: Connecting | undefined;
  try {
    connecting = new Connecting(url, options);
    return await abortable(connecting.opened(), signal, (late) => late.free());
  } catch (error) {
    throw signal?.aborted === true && error === signal.reason ? error : errorOf(error);
  } finally {
    // If it is still connecting, that ends it.
    connecting?.free();
  }
}
