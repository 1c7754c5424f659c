import { WebSocketError } from "./errors.js";

/** Where the wasm comes from: its URL, a response, its bytes, or a compiled module. */
export type WasmSource = string | URL | Request | Response | BufferSource | WebAssembly.Module;

/** @internal The function with which wasm-bindgen instantiates a module. */
type Instantiate = (source: { module_or_path: WebAssembly.Module }) => Promise<unknown>;

/** A part of `process`, which only Node.js, Deno and Bun have. */
interface Process {
  getBuiltinModule?(name: "node:fs/promises"): { readFile(url: URL): Promise<Uint8Array<ArrayBuffer>> };
}

/** @internal A wasm module that is loaded once. */
export class Loader {
  readonly #instantiate: Instantiate;
  readonly #url: () => URL;
  #given: WasmSource | undefined;
  #loading: Promise<void> | undefined;

  /** Calls `url` only when loading begins, since a bundle for servers may have no `import.meta.url`. */
  constructor(instantiate: Instantiate, url: () => URL) {
    this.#instantiate = instantiate;
    this.#url = url;
  }

  /**
   * Loads the module. A source is ignored if the module is loaded or being loaded. After a failure the next call tries again, by
   * default from the same source.
   */
  load(source?: WasmSource | Promise<WasmSource>): Promise<void> {
    // Otherwise the failure of a source that is ignored would be an unhandled rejection.
    Promise.resolve(source).catch(() => {});
    this.#loading ??= this.#load(source).catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load(source: WasmSource | Promise<WasmSource> | undefined): Promise<void> {
    let from = "";
    try {
      const given = (await source) ?? this.#given ?? beside(this.#url());
      // A response can be read only once. Every other source is kept for the next attempt.
      if (!is<Response>(given, "Response")) this.#given = given;
      if (typeof given === "string" || is<URL>(given, "URL")) from = ` from \`${String(given).split("?")[0]}\``;
      await this.#instantiate({ module_or_path: await compile(given) });
      this.#given = undefined;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new WebSocketError(
        "loadFailed",
        `the wasm could not be loaded${from}: ${why}; if a bundler has moved the package, have it copy the wasm, and ` +
          "give its URL to `preload`, as the README says under “Bundlers”",
        cause,
      );
    }
  }
}

/** @internal Throws an error that says what to do, if there is no `WebSocket`. */
export function checkSupport(): void {
  if (typeof WebSocket !== "undefined") return;
  throw new WebSocketError(
    "unsupported",
    "there is no WebSocket in this environment; use Node.js 22.3 or newer, or set `globalThis.WebSocket` to the `WebSocket` of " +
      "the package `ws`; if a server renders the page, connect only in the browser",
  );
}

/**
 * Returns the URL of the wasm. Vite 7's server caches a copy of the package without the wasm, so a URL in that cache becomes one in
 * the package itself. The result is text, since in a bundle of Next.js it is relative to the server, and cannot be parsed without a
 * base.
 */
function beside(url: URL): string {
  return url.href.replace(/\/\.vite\/deps\w*\/([^/]*)$/, "/wasm-websocket/dist/$1");
}

async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  if (is<WebAssembly.Module>(source, "WebAssembly.Module")) return source;
  if (isBytes(source)) return WebAssembly.compile(source);
  const response = is<Response>(source, "Response") ? source : await get(source as string | URL | Request);
  if (isBytes(response)) return WebAssembly.compile(response);
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok) throw new Error(`the server answered with the status ${response.status}`);
  if (type.startsWith("text/html")) throw new Error("the server answered with a page");
  // Browsers compile a response while it arrives only if it has exactly this type, without parameters.
  if (type.trim().toLowerCase() === "application/wasm") return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** Compares tags, since under jsdom an object of Node.js is not an instance of the page's class. */
function is<T>(value: unknown, tag: string): value is T {
  return Object.prototype.toString.call(value) === `[object ${tag}]`;
}

function isBytes(value: unknown): value is BufferSource {
  return ArrayBuffer.isView(value) || is<ArrayBuffer>(value, "ArrayBuffer");
}

/** Fetches a URL. Node.js cannot fetch files, so it reads them. */
async function get(source: string | URL | Request): Promise<Response | Uint8Array<ArrayBuffer>> {
  const { process } = globalThis as { process?: Process };
  const files = String(source).startsWith("file:") ? process?.getBuiltinModule?.("node:fs/promises") : undefined;
  return files === undefined ? fetch(source) : files.readFile(new URL(source as string | URL));
}
