import instantiate from "./core.js";
import { WebSocketError } from "./errors.js";

/** Where the wasm comes from: its URL, a response, its bytes, or a module that is compiled already. */
export type WasmSource = string | URL | Request | Response | BufferSource | WebAssembly.Module;

/**
 * Loads the wasm, once. {@link connect} does so by itself when it is first called.
 *
 * Calling it before makes the first connection open sooner, and lets the wasm come from elsewhere: by default it is the file
 * `core_bg.wasm` beside this module. When it is loaded or being loaded, another source is ignored. After a failure the next
 * call tries again.
 *
 * @throws {WebSocketError} `loadFailed`
 */
export async function init(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  try {
    const module_or_path = await source;
    // It remembers what it has loaded or is loading.
    await instantiate(module_or_path === undefined ? undefined : { module_or_path });
  } catch (cause) {
    throw new WebSocketError("loadFailed", `the wasm could not be loaded: ${String(cause)}`, cause);
  }
}
