// Tests the interfaces of partysocket, of reconnecting-websocket and of the browser, with ideas from the published tests of both
// packages.

import { ReconnectingWebSocket, type ReconnectingWebSocketOptions, type WebSocketError } from "wasm-websocket";
import Default from "wasm-websocket/ws";
import { Count, assert, equal, failure, reported, test, turn, url } from "./harness.ts";

const FAILS = url("/status/401");
const soon: ReconnectingWebSocketOptions = { minReconnectionDelay: 1, maxReconnectionDelay: 5 };

/** Returns the next event of a type. */
function next<Type extends "open" | "message" | "close" | "error">(socket: ReconnectingWebSocket, type: Type) {
  return new Promise<Event & { data?: unknown; code?: number; reason?: string; wasClean?: boolean; error?: unknown; message?: string }>(
    (resolve) => socket.addEventListener(type, resolve, { once: true }),
  );
}

/** Returns the data of the next messages. */
function receive(socket: ReconnectingWebSocket, count: number): Promise<unknown[]> {
  const received: unknown[] = [];
  return new Promise((resolve) => {
    socket.addEventListener("message", function add({ data }) {
      if (received.push(data) < count) return;
      socket.removeEventListener("message", add);
      resolve(received);
    });
  });
}

/** Waits until the server has no other connection of this count. No message may have been received before. */
async function noneIsLeft(count: Count): Promise<void> {
  const socket = new ReconnectingWebSocket(url(count.path("/echo")));
  socket.send("only");
  await receive(socket, 1);
  socket.close();
  await count.becomes("0 open, 1 received");
  await count.end();
}

/** Waits until nothing is buffered. */
async function emptied(socket: ReconnectingWebSocket): Promise<void> {
  while (socket.bufferedAmount > 0) await pause(1);
  equal(socket.bufferedAmount, 0);
}

/** Collects the types of events. */
function logOf(socket: ReconnectingWebSocket, types: readonly ("open" | "message" | "close" | "error")[]): string[] {
  const log: string[] = [];
  for (const type of types) socket.addEventListener(type, () => log.push(type));
  return log;
}

/** Creates a socket that fails until `mend` is called. */
function failing(options: ReconnectingWebSocketOptions): { socket: ReconnectingWebSocket; mend: () => void } {
  let address = FAILS;
  return { socket: new ReconnectingWebSocket(() => address, [], options), mend: () => (address = url("/echo")) };
}

/**
 * Runs a test in which states come late: the turn between the last messages of a connection and its next state is held from `hold`
 * until `release`. The core's own turns, whose messages are 0, are not held.
 */
async function withLateStates(run: (hold: () => void, release: () => void) => Promise<void>): Promise<void> {
  const { MessageChannel } = globalThis;
  const held: (() => void)[] = [];
  const hold = () => {
    globalThis.MessageChannel = class extends MessageChannel {
      constructor() {
        super();
        const { port2 } = this;
        const post = port2.postMessage.bind(port2);
        port2.postMessage = (message: unknown) => void (message === null ? held.push(() => post(null)) : post(message));
      }
    };
  };
  const release = () => {
    globalThis.MessageChannel = MessageChannel;
    for (const post of held.splice(0)) post();
  };
  await run(hold, release).finally(release);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

test("shape: the class, its constants and its getters before there is a connection", async () => {
  assert(Default === ReconnectingWebSocket, "the default export of `ws` is the same class");
  const socket = new ReconnectingWebSocket(FAILS, undefined, { maxRetries: 0 });
  assert(socket instanceof EventTarget, "it is an event target");
  const { CONNECTING, OPEN, CLOSING, CLOSED } = ReconnectingWebSocket;
  equal([CONNECTING, OPEN, CLOSING, CLOSED], [0, 1, 2, 3]);
  equal([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED], [0, 1, 2, 3]);
  const { bufferedAmount, protocol, extensions, binaryType, readyState, retryCount, shouldReconnect } = socket;
  equal([bufferedAmount, socket.url, protocol, extensions, binaryType], [0, "", "", "", "blob"]);
  equal([readyState, retryCount, shouldReconnect], [0, 0, true]);
  equal([socket.onopen, socket.onmessage, socket.onclose, socket.onerror], [null, null, null, null]);
  const closed = next(socket, "close");
  const { error, message } = await next(socket, "error");
  equal([(error as WebSocketError).code, message === (error as WebSocketError).message], ["connectFailed", true]);
  const { code, wasClean } = await closed;
  equal([code, wasClean, socket.readyState, socket.shouldReconnect], [1006, false, 3, false]);
});

test("shape: it is not called without new, and not given another WebSocket", async () => {
  assert((await failure(() => (ReconnectingWebSocket as unknown as (url: string) => void)(FAILS))) instanceof TypeError, "new");
  const options = { WebSocket: class {} } as ReconnectingWebSocketOptions;
  equal(((await failure(() => new ReconnectingWebSocket(FAILS, [], options))) as WebSocketError).code, "invalidOption");
  const { WebSocket } = globalThis;
  try {
    delete (globalThis as { WebSocket?: unknown }).WebSocket;
    equal(((await failure(() => new ReconnectingWebSocket(FAILS))) as WebSocketError).code, "unsupported");
  } finally {
    globalThis.WebSocket = WebSocket;
  }
});

test("shape: URLs and protocols are given, or returned by functions, also asynchronous ones", async () => {
  const echo = url("/protocol/foobar");
  for (const [address, protocols, protocol] of [
    [echo, "foobar", "foobar"],
    [() => echo, ["foobar", "other"], "foobar"],
    [async () => new URL(echo), () => "foobar", "foobar"],
    [echo, async () => ["foobar"], "foobar"],
    [url("/echo"), undefined, ""],
    [url("/echo"), null, ""],
    [url("/echo"), () => null, ""],
  ] as const) {
    const socket = new ReconnectingWebSocket(address, protocols);
    await next(socket, "open");
    equal([socket.url, socket.protocol, socket.readyState], [protocol === "" ? url("/echo") : echo, protocol, 1]);
    socket.close();
    await next(socket, "close");
  }
  const socket = new ReconnectingWebSocket((() => 123) as never, [], { maxRetries: 0 });
  equal(((await next(socket, "error")).error as WebSocketError).code, "attemptFailed");
});

for (const retries of [0, 1, 5]) {
  test(`shape: it retries ${retries} times`, async () => {
    const counts: number[] = [];
    const socket = new ReconnectingWebSocket(FAILS, undefined, { ...soon, maxRetries: retries });
    socket.addEventListener("error", () => counts.push(socket.retryCount));
    for (let closes = 0; closes <= retries; closes++) await next(socket, "close");
    await pause(100);
    equal(counts, Array.from({ length: retries + 1 }, (_, retry) => retry));
  });
}

test("shape: handlers are kept over reconnections, and listeners of all kinds are called once", async () => {
  const socket = new ReconnectingWebSocket(url("/close/4000/bye"), undefined, soon);
  const calls: string[] = [];
  const onopen = function (this: ReconnectingWebSocket) {
    assert(this === socket, "a handler's `this` is the socket");
    calls.push("handler");
  };
  socket.onopen = () => calls.push("replaced");
  socket.onopen = onopen;
  const listener = () => calls.push("listener");
  socket.addEventListener("open", listener);
  socket.addEventListener("open", listener);
  socket.addEventListener("open", { handleEvent: () => calls.push("object") });
  const never = () => calls.push("never");
  socket.addEventListener("open", never);
  socket.removeEventListener("open", never);
  socket.addEventListener("unknown", never);
  await next(socket, "close");
  await next(socket, "close");
  equal([socket.onopen === onopen, calls], [true, ["handler", "listener", "object", "handler", "listener", "object"]]);
  socket.onopen = null;
  await next(socket, "close");
  equal(calls.length, 8);
  socket.close();
});

test("shape: connect, send, receive and close", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  equal(socket.readyState, socket.CONNECTING);
  await next(socket, "open");
  equal(socket.send("hello"), true);
  const received = await next(socket, "message");
  equal([received instanceof MessageEvent, received.data], [true, "hello"]);
  equal((received as MessageEvent).origin, new URL(url("/")).origin);
  socket.close(1000, "some reason");
  equal([socket.readyState, socket.shouldReconnect], [socket.CLOSING, false]);
  const closed = await next(socket, "close");
  equal([closed instanceof CloseEvent, closed.code, closed.reason, closed.wasClean], [true, 1000, "some reason", true]);
  equal([socket.readyState, socket.url], [socket.CLOSED, url("/echo")]);
  equal(socket.send("late"), false);
});

test("shape: binary messages are Blobs or buffers", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  const bytes = new Uint8Array([1, 2, 3]);
  socket.send(bytes);
  // The bytes are those at the time of the call.
  bytes.fill(0);
  const first = (await next(socket, "message")).data as Blob;
  equal([first instanceof Blob, [...new Uint8Array(await first.arrayBuffer())]], [true, [1, 2, 3]]);
  socket.binaryType = "arraybuffer";
  equal(socket.binaryType, "arraybuffer");
  socket.send(new Blob(["x"]));
  equal((await next(socket, "message")).data, new Uint8Array([120]).buffer);
  // As in browsers, any other value is sent as text.
  socket.send(5 as never);
  equal((await next(socket, "message")).data, "5");
  socket.close();
});

test("shape: messages are queued in order before there is a connection", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  const messages = ["message1", "message2", "message3"];
  for (const message of messages) equal(socket.send(message), false);
  equal(socket.bufferedAmount, 24);
  const opened = next(socket, "open").then(() => socket.send("ok"));
  const seen: unknown[] = [];
  await new Promise<void>((resolve) => {
    socket.onmessage = ({ data }) => void (seen.push(data) === 4 && resolve());
  });
  equal([seen, await opened], [[...messages, "ok"], true]);
  await emptied(socket);
  socket.close();
});

test("shape: the queue has a limit, and what is queued can be taken back", async () => {
  for (const [maxEnqueuedMessages, kept] of [[undefined, 10], [2, 2]] as const) {
    const socket = new ReconnectingWebSocket(FAILS, undefined, { maxRetries: 0, maxEnqueuedMessages });
    for (let count = 0; count < 10; count++) socket.send("message");
    await next(socket, "error");
    equal(socket.bufferedAmount, 7 * kept);
    equal(socket.drainQueuedMessages(), Array.from({ length: kept }, () => "message"));
    equal(socket.bufferedAmount, 0);
  }
});

test("shape: it reconnects when the other side closes, in any case unless it is told not to", async () => {
  for (const code of [1000, 4000]) {
    const socket = new ReconnectingWebSocket(url(`/close/${code}/bye`), undefined, soon);
    for (let round = 0; round < 3; round++) {
      await next(socket, "open");
      const closed = await next(socket, "close");
      equal([closed.code, closed.reason, closed.wasClean, socket.readyState], [code, "bye", true, 3]);
    }
    socket.close();
    await pause(50);
    equal([socket.readyState, socket.shouldReconnect], [3, false]);
  }
  const codes: number[] = [];
  const shouldReconnectOnClose = ({ code }: CloseEvent) => codes.push(code) < 2;
  const socket = new ReconnectingWebSocket(url("/close/4001/bye"), undefined, { ...soon, shouldReconnectOnClose });
  await next(socket, "close");
  await next(socket, "close");
  await pause(50);
  equal([codes, socket.readyState, socket.shouldReconnect], [[4001, 4001], 3, false]);
});

test("shape: shouldReconnectOnClose is asked for every close, and decides after a failed attempt, too", async () => {
  const asked: unknown[] = [];
  const failed = new ReconnectingWebSocket(FAILS, [], { ...soon, shouldReconnectOnClose: ({ code }) => asked.push(code) < 2 });
  const log = logOf(failed, ["error", "close"]);
  for (let closes = 0; closes < 2; closes++) await next(failed, "close");
  await pause(50);
  equal([asked, log], [[1006, 1006], ["error", "close", "error", "close"]]);
  equal([failed.readyState, failed.shouldReconnect], [3, false]);
  asked.length = 0;
  const shouldReconnectOnClose = ({ reason }: CloseEvent) => (asked.push(reason), false);
  const socket = new ReconnectingWebSocket(url("/echo"), [], { shouldReconnectOnClose });
  await next(socket, "open");
  socket.reconnect(1000, "reconnect");
  await next(socket, "open");
  socket.close(1000, "close");
  await next(socket, "close");
  equal(asked, ["reconnect", "close"]);
});

test("shape: only false of shouldReconnectOnClose stops it", async () => {
  for (const answer of [undefined, null, 0, ""]) {
    const socket = new ReconnectingWebSocket(url("/close/1000/bye"), [], { ...soon, shouldReconnectOnClose: () => answer as never });
    await next(socket, "close");
    equal(socket.shouldReconnect, true);
    await next(socket, "open");
    socket.close();
  }
});

test("shape: an exception of shouldReconnectOnClose is reported, and it connects again", async () => {
  const mistake = new Error("a mistake in the page");
  const shouldReconnectOnClose = () => {
    throw mistake;
  };
  const socket = new ReconnectingWebSocket(url("/close/1000/bye"), [], { ...soon, shouldReconnectOnClose });
  const error = reported();
  await next(socket, "close");
  assert((await error) === mistake, "the exception is reported");
  const again = reported();
  await next(socket, "open");
  await again;
  socket.close();
});

test("shape: a lost connection is closed without a handshake, and messages come before the close", async () => {
  const socket = new ReconnectingWebSocket(url("/flood/1000/4"), undefined, { shouldReconnectOnClose: () => false });
  const order: string[] = [];
  for (const type of ["open", "message", "close", "error"] as const) socket.addEventListener(type, () => order.push(type));
  await next(socket, "close");
  equal([order.length, order[0], order[1], order[1000], order[1001]], [1002, "open", "message", "message", "close"]);
  const lost = new ReconnectingWebSocket(url("/reset"), undefined, { shouldReconnectOnClose: () => false });
  lost.send("now");
  const { code, wasClean } = await next(lost, "close");
  equal([code, wasClean], [1006, false]);
});

test("shape: closing several times closes once, also before there is a connection", async () => {
  const count = new Count();
  await count.becomes("0 open");
  const socket = new ReconnectingWebSocket(url(count.path("/echo")));
  let closes = 0;
  socket.onclose = () => closes++;
  await next(socket, "open");
  for (let time = 0; time < 3; time++) socket.close();
  await pause(100);
  const early = new ReconnectingWebSocket(url(count.path("/echo")), undefined, soon);
  early.addEventListener("open", () => closes++);
  early.addEventListener("close", () => closes++);
  early.close();
  early.close();
  equal([early.readyState, early.shouldReconnect], [2, false]);
  await pause(100);
  equal([closes, early.readyState], [2, 3]);
  await noneIsLeft(count);
});

test("shape: a close that is not allowed throws as in browsers and closes nothing", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  await next(socket, "open");
  for (const code of [999, 1001, 2999, 5000]) {
    equal(((await failure(() => socket.close(code))) as DOMException).name, "InvalidAccessError");
  }
  equal(((await failure(() => socket.close(1000, "€".repeat(42)))) as DOMException).name, "SyntaxError");
  equal(socket.readyState, 1);
  socket.close(1000, null as never);
  equal((await next(socket, "close")).reason, "null");
});

test("shape: reconnect replaces a connection, and revives a closed one", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"), undefined, soon);
  socket.reconnect();
  socket.reconnect();
  for (let round = 0; round < 3; round++) {
    await next(socket, "open");
    const closed = next(socket, "close");
    socket.reconnect(1000, "reconnect");
    equal([socket.readyState, socket.retryCount, (await closed).reason], [0, 0, "reconnect"]);
  }
  await next(socket, "open");
  socket.send("hello");
  equal((await next(socket, "message")).data, "hello");
  socket.close();
  await next(socket, "close");
  socket.reconnect();
  equal([socket.readyState, socket.shouldReconnect], [0, true]);
  await next(socket, "open");
  socket.close();
  // This does not wait for the close.
  socket.reconnect();
  await next(socket, "open");
  socket.send("again");
  equal((await next(socket, "message")).data, "again");
  socket.close();
});

test("shape: one that starts closed connects when it is told to", async () => {
  const socket = new ReconnectingWebSocket(url("/protocol/foobar"), "foobar", { startClosed: true });
  equal([socket.readyState, socket.shouldReconnect], [3, false]);
  let opens = 0;
  socket.onopen = () => opens++;
  socket.send("queued");
  await pause(50);
  equal([socket.readyState, opens], [3, 0]);
  socket.reconnect();
  await next(socket, "open");
  equal([socket.protocol, socket.readyState], ["foobar", 1]);
  socket.close(1000, "some reason");
  equal((await next(socket, "close")).reason, "some reason");
});

test("shape: an attempt has a timeout, and an attempt that fails at once does not run into it", async () => {
  const slow = new ReconnectingWebSocket(url("/hang"), undefined, { connectionTimeout: 50, maxRetries: 0 });
  equal(((await next(slow, "error")).error as WebSocketError).code, "connectTimeout");
  const fails = new ReconnectingWebSocket(FAILS, undefined, { connectionTimeout: 2000, maxRetries: 0 });
  equal(((await next(fails, "error")).error as WebSocketError).code, "connectFailed");
});

test("shape: it logs if it is told to", async () => {
  for (const debug of [true, false]) {
    const logged: unknown[] = [];
    const socket = new ReconnectingWebSocket(FAILS, undefined, { maxRetries: 0, debug, debugLogger: (...values) => logged.push(values) });
    await next(socket, "close");
    equal([logged.length > 0, (logged[0] as unknown[] | undefined)?.[0]], [debug, debug ? "RWS>" : undefined]);
  }
  const mistake = new Error("a mistake in the page");
  let isThrown = false;
  const debugLogger = () => {
    if (isThrown) return;
    isThrown = true;
    throw mistake;
  };
  const error = reported();
  const socket = new ReconnectingWebSocket(FAILS, undefined, { maxRetries: 0, debug: true, debugLogger });
  await next(socket, "close");
  assert((await error) === mistake, "an exception is reported");
});

test("shape: messages of a connection that has failed are sent after reconnect, before later ones", async () => {
  const { socket, mend } = failing({ maxRetries: 0 });
  socket.send("early");
  await next(socket, "close");
  socket.send("at the close");
  await turn();
  socket.send(new Blob(["late"]));
  equal(socket.bufferedAmount, 21);
  mend();
  socket.reconnect();
  const [first, second, third] = await receive(socket, 3);
  equal([first, second, await (third as Blob).text()], ["early", "at the close", "late"]);
  socket.close();
});

test("shape: messages that are sent between attempts survive a close", async () => {
  const { socket, mend } = failing(soon);
  await next(socket, "close");
  socket.send("1");
  socket.close();
  await turn();
  equal([socket.readyState, socket.bufferedAmount], [3, 1]);
  mend();
  socket.reconnect();
  equal(await receive(socket, 1), ["1"]);
  socket.close();
});

test("shape: a message that is sent while the old connection closes is sent on the next one", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  await next(socket, "open");
  socket.close();
  equal(socket.send("closing"), false);
  socket.reconnect();
  equal(socket.send("reconnecting"), false);
  equal(await receive(socket, 2), ["closing", "reconnecting"]);
  socket.addEventListener("close", () => socket.send("in the listener"), { once: true });
  socket.close();
  await next(socket, "close");
  socket.reconnect();
  equal(await receive(socket, 1), ["in the listener"]);
  socket.close();
});

test("shape: the last call counts: close after reconnect leaves no connection", async () => {
  const count = new Count();
  await count.becomes("0 open");
  const socket = new ReconnectingWebSocket(url(count.path("/echo")));
  await next(socket, "open");
  const log = logOf(socket, ["open"]);
  socket.close();
  socket.reconnect();
  socket.close();
  // The server has answered the first close, and the second connection would be open.
  await count.becomes("0 open");
  await pause(100);
  equal([log, socket.readyState, socket.shouldReconnect], [[], 3, false]);
  await noneIsLeft(count);
});

test("shape: a connection that is closed and replaced at once fires one close", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  const log = logOf(socket, ["open", "close", "error"]);
  await next(socket, "open");
  socket.close();
  socket.reconnect();
  await next(socket, "open");
  await pause(50);
  equal([log, socket.readyState], [["open", "close", "open"], 1]);
  socket.close();
});

for (const type of ["error", "close"] as const) {
  test(`shape: a listener of the last ${type} may reconnect`, async () => {
    const { socket, mend } = failing({ maxRetries: 0 });
    const log = logOf(socket, ["open", "close", "error"]);
    await new Promise<void>((resolve) => {
      const reconnect = () => {
        mend();
        socket.reconnect();
        resolve();
      };
      socket.addEventListener(type, reconnect, { once: true });
    });
    await next(socket, "open");
    equal([log, socket.readyState, socket.shouldReconnect], [["error", "close", "open"], 1, true]);
    socket.close();
  });
}

test("shape: a listener of the close may reconnect after each way to end", async () => {
  for (const end of ["close", "reconnect", "shouldReconnectOnClose"] as const) {
    const count = new Count();
    await count.becomes("0 open");
    const path = end === "shouldReconnectOnClose" ? "/close/4000/bye" : "/echo";
    let address = url(count.path(path));
    const socket = new ReconnectingWebSocket(() => address, [], { shouldReconnectOnClose: () => false });
    socket.addEventListener("close", () => socket.reconnect(), { once: true });
    await next(socket, "open");
    address = url(count.path("/echo"));
    if (end !== "shouldReconnectOnClose") socket[end]();
    await next(socket, "open");
    equal([socket.readyState, socket.shouldReconnect], [1, true]);
    socket.reconnect();
    await next(socket, "open");
    socket.close();
    await noneIsLeft(count);
  }
});

test("shape: a listener of the close may close a connection that is being replaced", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  await next(socket, "open");
  const log = logOf(socket, ["open", "close"]);
  socket.addEventListener("close", () => socket.close(), { once: true });
  socket.reconnect();
  await pause(100);
  equal([log, socket.readyState, socket.shouldReconnect], [["close"], 3, false]);
});

test("shape: reconnect while the answer to a close is being reported is not undone", async () => {
  const debugLogger = (...[, , state]: unknown[]) => {
    if ((state as { type?: string } | undefined)?.type === "closed") queueMicrotask(() => socket.reconnect());
  };
  const socket = new ReconnectingWebSocket(url("/echo"), [], { debug: true, debugLogger });
  await next(socket, "open");
  const log = logOf(socket, ["open", "close"]);
  socket.close();
  await next(socket, "open");
  equal([log, socket.shouldReconnect], [["close", "open"], true]);
  socket.reconnect();
  socket.close();
});

test("shape: reconnect ends an attempt that has begun with a close, and one that has not begun without an event", async () => {
  let begun = () => {};
  const beginning = new Promise<void>((resolve) => (begun = resolve));
  const socket = new ReconnectingWebSocket(async () => (begun(), url("/hang")));
  const log = logOf(socket, ["open", "close", "error"]);
  socket.reconnect();
  equal([log, socket.readyState], [[], 0]);
  await beginning;
  socket.reconnect();
  equal([log, socket.readyState], [["close"], 0]);
  socket.close();
  await next(socket, "close");
  equal([log, socket.readyState], [["close", "close"], 3]);
});

test("shape: reconnect connects at once between attempts, and fires no other close", async () => {
  const { socket, mend } = failing({ minReconnectionDelay: 10_000 });
  const log = logOf(socket, ["open", "close", "error"]);
  await next(socket, "close");
  mend();
  socket.reconnect();
  await next(socket, "open");
  equal(log, ["error", "close", "open"]);
  socket.close();
});

test("shape: the close of an attempt that was closed and replaced at once comes while the next one connects", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  socket.close();
  socket.reconnect();
  await next(socket, "close");
  equal([socket.readyState, socket.shouldReconnect], [0, true]);
  await next(socket, "open");
  socket.close();
});

test("shape: the server gets the code of reconnect", async () => {
  const count = new Count();
  await count.becomes("0 open");
  const socket = new ReconnectingWebSocket(url(count.path("/echo")));
  await next(socket, "open");
  socket.reconnect(4001, "again");
  await next(socket, "open");
  await count.becomes("1 open, 0 received, closed with 4001");
  socket.close();
  await count.becomes("0 open, 0 received, closed with 1000");
  await count.end();
});

test("shape: everything that was sent before a close arrives, and bufferedAmount counts it until it has left", async () => {
  const count = new Count();
  await count.becomes("0 open");
  const socket = new ReconnectingWebSocket(url(count.path("/sink")));
  await next(socket, "open");
  const large = "x".repeat(3 << 20);
  for (let sent = 0; sent < 4; sent++) equal(socket.send(large), true);
  equal(socket.bufferedAmount, 12 << 20);
  await emptied(socket);
  for (let sent = 0; sent < 4; sent++) socket.send(large);
  socket.close();
  await count.becomes("0 open, 8 received, closed with 1000");
  await count.end();
});

test("shape: an attempt begins after the close of the last connection, also if states come late", () =>
  withLateStates(async (hold, release) => {
    let path = "/close/4000/bye";
    const log: string[] = [];
    const socket = new ReconnectingWebSocket(() => (log.push("attempt"), url(path)), [], soon);
    for (const type of ["open", "message", "close"] as const) socket.addEventListener(type, () => log.push(type));
    socket.addEventListener("open", hold, { once: true });
    await next(socket, "open");
    path = "/flood/2/4";
    await pause(50);
    equal([log, socket.readyState], [["attempt", "open"], 1]);
    release();
    for (let closes = 0; closes < 2; closes++) await next(socket, "close");
    equal(log, ["attempt", "open", "close", "attempt", "open", "message", "message", "close"]);
    socket.close();
  }));

test("shape: messages that are sent before the state of a lost connection has come are sent on the next one, in order", () =>
  withLateStates(async (hold, release) => {
    let path = "/close/4000/bye";
    const socket = new ReconnectingWebSocket(() => url(path), [], soon);
    socket.addEventListener("open", hold, { once: true });
    await next(socket, "open");
    path = "/echo";
    // The connection is lost when a message is queued, but its state has not come.
    let sent = 0;
    while (socket.send(String(++sent))) await pause(1);
    equal([socket.readyState, socket.send("last")], [1, false]);
    release();
    equal(await receive(socket, 2), [String(sent), "last"]);
    socket.close();
  }));

test("shape: close before the state of a lost connection has come fires one close", () =>
  withLateStates(async (hold, release) => {
    const socket = new ReconnectingWebSocket(url("/close/4000/bye"), [], soon);
    const log = logOf(socket, ["open", "close", "error"]);
    socket.addEventListener("open", hold, { once: true });
    await next(socket, "open");
    while (socket.send("")) await pause(1);
    // The next attempt waits for its state.
    await pause(50);
    socket.close();
    release();
    const { code } = await next(socket, "close");
    await pause(50);
    equal([log, code, socket.readyState, socket.shouldReconnect], [["open", "close"], 4000, 3, false]);
  }));

test("shape: an attempt waits for a page that is slow with the messages of the last connection, and does not fail for that", async () => {
  let [path, received] = ["/flood/1000/4", 0];
  const options = { ...soon, connectionTimeout: 2000, maxRetries: 1 };
  const socket = new ReconnectingWebSocket(() => (log.push("attempt"), url(path)), [], options);
  const log = logOf(socket, ["open", "close", "error"]);
  socket.addEventListener("message", () => {
    received++;
    const until = performance.now() + 3;
    while (performance.now() < until);
  });
  for (const wanted of [1000, 1001]) {
    await next(socket, "close");
    equal(received, wanted);
    path = "/flood/1/4";
  }
  equal(log, ["attempt", "open", "close", "attempt", "open", "close"]);
  socket.close();
});

test("shape: the retries before an attempt that waits for a slow page are counted", () =>
  withLateStates(async (hold, release) => {
    const attempts: number[] = [];
    const options = { ...soon, connectionTimeout: 2000, maxRetries: 1 };
    const socket = new ReconnectingWebSocket(() => url(attempts.push(socket.retryCount) === 1 ? "/close/4000/bye" : "/hang"), [], options);
    const log = logOf(socket, ["open", "close", "error"]);
    socket.addEventListener("open", hold, { once: true });
    await next(socket, "open");
    await pause(2500);
    equal(log, ["open"]);
    release();
    const { error } = await next(socket, "error");
    equal((error as WebSocketError).code, "connectTimeout");
    await pause(200);
    equal([log, attempts], [["open", "close", "error", "close"], [0, 1]]);
    equal([socket.retryCount, socket.readyState, socket.shouldReconnect], [1, 3, false]);
  }));

test("shape: an attempt that is replaced before its state has come does not begin", () =>
  withLateStates(async (hold, release) => {
    hold();
    let attempts = 0;
    const socket = new ReconnectingWebSocket(() => (attempts++, url("/echo")));
    const log = logOf(socket, ["open", "close"]);
    await pause(20);
    socket.reconnect();
    await pause(20);
    equal(attempts, 0);
    release();
    await next(socket, "open");
    await pause(50);
    equal([log, attempts], [["close", "open"], 1]);
    socket.close();
  }));

test("shape: messages that arrive after close are dropped, as in browsers", async () => {
  const socket = new ReconnectingWebSocket(url("/flood/10/4"), [], soon);
  const log = logOf(socket, ["message", "close"]);
  socket.addEventListener("message", () => socket.close(), { once: true });
  await next(socket, "close");
  equal(log, ["message", "close"]);
});

test("shape: a detached buffer is sent as an empty message, as in browsers", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  const buffer = new ArrayBuffer(8);
  const payloads = [buffer, new Uint8Array(buffer), new DataView(buffer)];
  structuredClone(buffer, { transfer: [buffer] });
  for (const payload of payloads) socket.send(payload);
  for (const data of await receive(socket, payloads.length)) equal([data instanceof Blob, (data as Blob).size], [true, 0]);
  socket.close();
});

test("shape: a message for which the browser throws is dropped, and fires an error", async () => {
  const socket = new ReconnectingWebSocket(url("/echo"));
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    if (data === "refused") throw new RangeError("too odd");
    send.call(this, data);
  };
  try {
    const errors: unknown[] = [];
    socket.onerror = ({ error }) => errors.push((error as WebSocketError).code);
    for (const message of ["1", "refused", "2"]) socket.send(message);
    equal(await receive(socket, 2), ["1", "2"]);
    equal([socket.send("refused"), socket.send("3"), await receive(socket, 1)], [false, true, ["3"]]);
    equal(errors, ["thrown", "thrown"]);
  } finally {
    WebSocket.prototype.send = send;
    socket.close();
  }
});
