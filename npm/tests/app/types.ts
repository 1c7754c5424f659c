// Checks types: the lines below `@ts-expect-error` must not compile. This file is never run.

import {
  type CloseEvent,
  type ErrorCode,
  type Message,
  type Options,
  type Payload,
  type Receipt,
  type ReconnectingStream,
  ReconnectingWebSocket,
  type Report,
  type Schema,
  SendError,
  SessionLostError,
  type SessionStream,
  type State,
  WebSocketError,
  type WebSocketStream,
  connect,
  reconnect,
  session,
} from "wasm-websocket";

/** Whether two types are the same. `any` is the same as nothing else. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export async function messages(socket: WebSocketStream): Promise<void> {
  for await (const message of socket) {
    same<typeof message, Message>(true);
    // @ts-expect-error the type of the message must be checked first
    message.data.byteLength;
    if (message.type === "text") same<typeof message.data, string>(true);
    if (message.type === "binary") same<typeof message.data, ArrayBuffer>(true);
    if (message.type === "blob") same<typeof message.data, Blob>(true);
    // @ts-expect-error there is no such type of message
    if (message.type === "ping") return;
    // @ts-expect-error a message is read-only
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
  // @ts-expect-error an object is no payload
  await socket.send({ type: "text", data: "hello" });
  // @ts-expect-error `undefined` is no payload
  socket.trySend(undefined);
  for await (const progress of socket.sendSlices(file)) same<typeof progress.sent, number>(true);
  // @ts-expect-error only a Blob can be sent in slices
  socket.sendSlices("text");
  // @ts-expect-error the size is an option
  socket.sendSlices(file, 1000);
  await socket.send("text", { signal: AbortSignal.timeout(5) });
  // @ts-expect-error there is no such option
  await socket.send("text", { timeout: 5 });
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
  // @ts-expect-error there is no such policy for overflows
  await connect("/", { receiveLimit: { overflow: "drop" } });
  // @ts-expect-error a time is a number, of milliseconds
  await connect("/", { closeTimeout: "5s" });
  // @ts-expect-error there is no such transport
  await connect("/", { transport: "stream" });
  // @ts-expect-error the option takes a signal, not its controller
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
  // @ts-expect-error the URL is read-only
  socket.url = "wss://example.com";
  // @ts-expect-error there is no such binary type
  socket.binaryType = "text";
  return socket.readyState === WebSocket.OPEN;
}

export function errors(error: unknown): Payload | undefined {
  // @ts-expect-error only a `SendError` has an unsent message
  if (error instanceof WebSocketError) return error.unsent;
  if (error instanceof SendError) {
    same<typeof error.code, ErrorCode>(true);
    // @ts-expect-error there is no such code
    if (error.code === "closed") return undefined;
    return error.unsent;
  }
  return undefined;
}

export async function comingBack(socket: ReconnectingStream): Promise<void> {
  for (const provider of ["/", new URL("/"), { url: "/", protocols: ["a"] }, () => "/", async () => new URL("/")] as const) {
    same<typeof socket, Awaited<ReturnType<typeof reconnect>>>(true);
    await reconnect(provider);
  }
  // @ts-expect-error a provider returns a URL
  await reconnect(() => 5);
  // @ts-expect-error there is no such policy
  await reconnect("/", { whenLost: "retry" });
  // @ts-expect-error a heartbeat has an answer
  await reconnect("/", { heartbeat: { ping: "ping" } });
  // @ts-expect-error there is no such decision
  await reconnect("/", { afterClose: () => "again" });
  await reconnect("/", {
    afterClose: ({ code }) => (code === 4001 ? "stop" : code === 4002 ? { retryAfter: 5 } : undefined),
    onOpen: async (opening, attempt) => {
      same<Awaited<ReturnType<typeof opening.receive>>, Message | undefined>(true);
      for (const { number } of attempt.inDoubt.messages) attempt.confirm(number);
    },
  });
  same<Awaited<ReturnType<typeof socket.send>>, number>(true);
  same<ReturnType<typeof socket.trySend>, number>(true);
  same<Awaited<typeof socket.closed>, CloseEvent | undefined>(true);
  const { state } = socket;
  // @ts-expect-error only the state `waiting` has a delay
  state.delay.toFixed();
  if (state.type === "waiting") same<typeof state.delay, number>(true);
  if (state.type === "closed" && state.cause.type === "failed") same<typeof state.cause.error, WebSocketError>(true);
  for await (const next of socket.states()) same<typeof next, State | Report>(true);
  socket.on("report", (report) => same<typeof report, Report>(true));
  // @ts-expect-error there is no such event
  socket.on("open", () => {});
}

export async function withoutLoss(socket: SessionStream): Promise<void> {
  same<typeof socket, Awaited<ReturnType<typeof session>>>(true);
  for (const credentials of ["token", () => "token", async ({ signal }: { signal: AbortSignal }) => `${signal}`]) {
    await session("/", { credentials, protocol: "chat.v2", heartbeat: { interval: 5 } });
  }
  // @ts-expect-error the subprotocol is the session's
  await session("/", { protocols: ["chat.v2"] });
  // @ts-expect-error a session limits by its window
  await session("/", { receiveLimit: { bytes: 5 } });
  // @ts-expect-error credentials are a text
  await session("/", { credentials: () => 5 });
  // @ts-expect-error the ping is the session's
  await session("/", { heartbeat: { ping: "ping" } });
  const receipt = await socket.send("text");
  same<typeof receipt, Receipt>(true);
  same<typeof receipt.processed, Promise<void>>(true);
  same<ReturnType<typeof socket.trySend>, Receipt>(true);
  // @ts-expect-error a session has receipts instead of `confirm`
  socket.confirm(1);
  try {
    for await (const message of socket) same<typeof message, Message>(true);
  } catch (error) {
    if (!(error instanceof SessionLostError)) throw error;
    const { cause, unacknowledged } = error;
    // @ts-expect-error only the cause `refused` has a code
    cause.code;
    if (cause.type === "refused") same<typeof cause.code, number>(true);
    for (const { message, transmitted } of unacknowledged) same<[typeof message, typeof transmitted], [Message, boolean]>(true);
  }
  socket.on("lost", (lost) => same<typeof lost, SessionLostError>(true));
  socket.on("end", (end) => same<typeof end, { readonly code: number; readonly reason: string }>(true));
  // @ts-expect-error there is no such event
  socket.on("report", () => {});
  for await (const next of socket.states()) same<typeof next, State>(true);
  const chat = socket.json<number, Said>();
  same<Awaited<ReturnType<typeof chat.send>>, Receipt>(true);
  same<ReturnType<typeof chat.trySend>, Receipt>(true);
  for await (const said of chat) same<typeof said, Said>(true);
}

interface Said {
  text: string;
}

export async function values(one: WebSocketStream, other: ReconnectingStream, schema: Schema<Said>): Promise<void> {
  const chat = one.json<number, Said>();
  same<typeof chat.socket, WebSocketStream>(true);
  same<Awaited<ReturnType<typeof chat.send>>, void>(true);
  // @ts-expect-error a text is no number
  await chat.send("text");
  for await (const said of chat) same<typeof said, Said>(true);
  const back = other.json(schema);
  same<Awaited<ReturnType<typeof back.send>>, number>(true);
  for await (const said of back) same<typeof said, Said>(true);
  for await (const unknown of one.json()) same<typeof unknown, unknown>(true);
  // @ts-expect-error this object is not a schema
  one.json({ parse: () => 5 });
}

export function eventTarget(): void {
  const socket = new ReconnectingWebSocket(() => "/", "chat", { maxRetries: 5 });
  socket.onmessage = ({ data }) => same<typeof data, any>(true);
  socket.onclose = function ({ code }) {
    same<typeof this, ReconnectingWebSocket>(true);
    same<typeof code, number>(true);
  };
  socket.addEventListener("close", (event) => same<typeof event.wasClean, boolean>(true), { once: true });
  socket.addEventListener("other", (event) => same<typeof event, Event>(true));
  // @ts-expect-error there is no such option
  new ReconnectingWebSocket("/", [], { retries: 5 });
  // @ts-expect-error a number is no payload
  socket.send(5);
  // Code that uses these members of the browser's `WebSocket` accepts it.
  const shape: Pick<WebSocket, "url" | "protocol" | "extensions" | "readyState" | "binaryType" | "bufferedAmount" | "close"> = socket;
  same<typeof shape.url, string>(true);
}

export function constructors(): void {
  // @ts-expect-error a socket comes from connect
  new WebSocketStream();
}
