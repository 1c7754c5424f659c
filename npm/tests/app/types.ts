// What must not compile. Nothing runs this.

import {
  type CloseEvent,
  type ErrorCode,
  type Message,
  type Options,
  type Payload,
  SendError,
  WebSocketError,
  type WebSocketStream,
  connect,
} from "wasm-websocket";

/** Whether two types are the same. `any` is the same as nothing else. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export async function messages(socket: WebSocketStream): Promise<void> {
  for await (const message of socket) {
    same<typeof message, Message>(true);
    // @ts-expect-error which type of message it is must be looked at first
    message.data.byteLength;
    if (message.type === "text") same<typeof message.data, string>(true);
    if (message.type === "binary") same<typeof message.data, ArrayBuffer>(true);
    if (message.type === "blob") same<typeof message.data, Blob>(true);
    // @ts-expect-error there is no such type of message
    if (message.type === "ping") return;
    // @ts-expect-error a message is not to be changed
    message.data = "other";
  }
}

export async function sends(socket: WebSocketStream, image: ImageData, file: File): Promise<void> {
  for (const payload of ["text", new ArrayBuffer(1), new Uint8Array(1), new DataView(new ArrayBuffer(1)), image, file]) {
    await socket.send(payload);
    same<void, ReturnType<typeof socket.trySend>>(true);
  }
  // @ts-expect-error a number is no payload
  await socket.send(5);
  // @ts-expect-error nor is an object
  await socket.send({ type: "text", data: "hello" });
  // @ts-expect-error nor is nothing
  socket.trySend(undefined);
  for await (const progress of socket.sendSlices(file)) same<typeof progress.sent, number>(true);
  // @ts-expect-error only what has slices can be sent in slices
  socket.sendSlices("text");
}

export async function options(): Promise<void> {
  const socket = await connect(new URL("wss://example.com"), { protocols: ["a"] as const, connectTimeout: 5 });
  same<typeof socket, WebSocketStream>(true);
  // @ts-expect-error there is no such option
  await connect("/", { protocol: ["a"] });
  // @ts-expect-error protocols are a list
  await connect("/", { protocols: "a" });
  // @ts-expect-error there is no such binary type
  await connect("/", { binaryType: "arrayBuffer" });
  // @ts-expect-error there is no such way to overflow
  await connect("/", { receiveLimit: { overflow: "drop" } });
  // @ts-expect-error a time is a number, of milliseconds
  await connect("/", { closeTimeout: "5s" });
  // @ts-expect-error it is the signal, not what controls it
  await connect("/", { signal: new AbortController() });
  // @ts-expect-error there must be a URL
  await connect();
  const given: Options = {};
  same<typeof given.highWaterMark, number | undefined>(true);
}

export async function events(socket: WebSocketStream): Promise<void> {
  const undo = socket.on("message", (message) => same<typeof message, Message>(true));
  same<typeof undo, () => void>(true);
  socket.on("close", (event) => same<typeof event, CloseEvent>(true));
  socket.on("error", (error) => same<typeof error, WebSocketError>(true));
  // @ts-expect-error there is no such event
  socket.on("open", () => {});
  // @ts-expect-error a listener of messages gets no close event
  socket.on("message", (event: CloseEvent) => event.code);
  same<Awaited<typeof socket.closed>, CloseEvent>(true);
  same<ReturnType<typeof socket.close>, Promise<CloseEvent>>(true);
  // @ts-expect-error the code comes first
  await socket.close("bye");
}

export function state(socket: WebSocketStream): boolean {
  // @ts-expect-error a state is a number
  if (socket.readyState === "open") return false;
  // @ts-expect-error it is only read
  socket.url = "wss://example.com";
  // @ts-expect-error there is no such binary type
  socket.binaryType = "text";
  return socket.readyState === WebSocket.OPEN;
}

export function errors(error: unknown): Payload | undefined {
  // @ts-expect-error only one that was not sent has a message
  if (error instanceof WebSocketError) return error.unsent;
  if (error instanceof SendError) {
    same<typeof error.code, ErrorCode>(true);
    // @ts-expect-error there is no such code
    if (error.code === "closed") return undefined;
    return error.unsent;
  }
  return undefined;
}

export function constructors(): void {
  // @ts-expect-error a socket comes from connect
  new WebSocketStream();
}
