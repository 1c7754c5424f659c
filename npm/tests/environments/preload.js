import { preload, preloadReconnect, preloadSession } from "wasm-websocket";
import wasm from "wasm-websocket/core_bg.wasm";
import reconnectWasm from "wasm-websocket/reconnect-core_bg.wasm";
import sessionWasm from "wasm-websocket/session-core_bg.wasm";

// If loading fails here, connecting fails with the error.
preload(new URL(wasm, import.meta.url)).catch(() => {});
preloadReconnect(new URL(reconnectWasm, import.meta.url)).catch(() => {});
preloadSession(new URL(sessionWasm, import.meta.url)).catch(() => {});
