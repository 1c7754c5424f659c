import { preload, preloadReconnect } from "wasm-websocket";
import wasm from "wasm-websocket/core_bg.wasm";
import reconnectWasm from "wasm-websocket/reconnect-core_bg.wasm";

// What fails here, fails for whoever connects.
preload(new URL(wasm, import.meta.url)).catch(() => {});
preloadReconnect(new URL(reconnectWasm, import.meta.url)).catch(() => {});
