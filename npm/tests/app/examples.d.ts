// The names that the examples of the documentation use without declaring them.

type Package = typeof import("wasm-websocket");
declare const connect: Package["connect"];
declare const reconnect: Package["reconnect"];
declare const session: Package["session"];
declare const SessionLostError: Package["SessionLostError"];
declare const preload: Package["preload"];
declare const GiveUp: Package["GiveUp"];
declare const socket: import("wasm-websocket").WebSocketStream;
declare const response: Response;
declare const file: File;
declare const later: unknown[];
declare const progress: HTMLProgressElement;
declare const canvas: { getContext(type: "2d"): CanvasRenderingContext2D };
declare const schema: import("wasm-websocket").Schema<{ text: string }>;
declare const label: HTMLElement;
declare const feed: import("wasm-websocket").ReconnectingStream;
declare const orders: import("wasm-websocket").SessionStream;
declare const url: string;
declare function show(what: unknown): void;
declare function draw(buffer: ArrayBuffer): void;
declare function token(): string;
declare function freshToken(signal: AbortSignal): Promise<string>;
type ToServer = { type: "join"; room: number };
type FromServer = { text: string };
declare module "*.wasm" {
  const url: string;
  export default url;
}
