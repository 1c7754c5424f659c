// Tests of the package as plain files, without a bundler.

import { connect, preloadReconnect, preloadSession, reconnect, session } from "./package/dist/index.js";
import core from "./package/dist/core.js";
import reconnectCore from "./package/dist/reconnect-core.js";
import sessionCore from "./package/dist/session-core.js";

const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
const outcomes = [];
globalThis.outcomes = run();

async function run() {
  for (const test of [echo, once, copy, loadedLater, worker, serviceWorker, withoutAsyncDispose, nothingLeft, nothingLeftOfThoseThatComeBack, nothingLeftOfSessions]) {
    const error = await test().then(() => null, (error) => `${error}\n${error.stack}`);
    outcomes.push({ name: `plain: ${test.name}`, error });
  }
  return outcomes;
}

function equal(actual, expected) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`it is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
  }
}

function loads() {
  return performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".wasm")).length;
}

async function take(socket) {
  for await (const { data } of socket) return data;
}

async function echo() {
  const socket = await first;
  await socket.send("Grüße");
  equal(await take(socket), "Grüße");
  equal((await socket.close(4001, "bye")).code, 4001);
}

/** Two scripts have imported the package, and one has called it three times at once. The wasm is loaded once. */
async function once() {
  const [one, other] = await second;
  await Promise.all([one.close(), other.close()]);
  equal(loads(), 1);
}

/** A second copy of the package loads its own wasm, from other sources, of which the first ones fail. */
async function copy() {
  const { connect, preload, WebSocketError } = await import("./copy/dist/index.js");
  const offline = async () => {
    throw new Error("offline");
  };
  for (const source of [() => "./nowhere.wasm", () => new Uint8Array([1, 2, 3]), offline]) {
    const error = await preload(source()).then(() => null, (error) => error);
    equal([error instanceof WebSocketError, error.code, error.cause instanceof Error], [true, "loadFailed", true]);
  }
  // The next attempt uses the same source.
  await preload("./nowhere.wasm").catch(() => {});
  const { message } = await connect("/echo").catch((error) => error);
  equal(message.includes("`./nowhere.wasm`: the server answered with the status 404; "), true);
  await preload(fetch("./package/dist/core_bg.wasm"));
  const [socket, other] = [await connect("/echo"), await second.then(([socket]) => socket)];
  equal([socket.constructor === other.constructor, loads()], [false, 5]);
  await socket.send("by the copy");
  equal(await take(socket), "by the copy");
  await socket.close();
}

/** For a `ReconnectingWebSocket`, a failure to load the wasm is a failed attempt. */
async function loadedLater() {
  const { ReconnectingWebSocket, preloadReconnect } = await import("./copy/dist/index.js");
  // The next attempts use the same source.
  await preloadReconnect("./nowhere.wasm").catch(() => {});
  const options = { minReconnectionDelay: 1, maxReconnectionDelay: 5, maxRetries: 2 };
  const socket = new ReconnectingWebSocket("/echo", [], options);
  const next = (type) => new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));
  const errors = [];
  socket.onerror = ({ error }) => errors.push(error.code, socket.retryCount);
  socket.send("queued");
  for (let attempt = 0; attempt < 3; attempt++) await next("close");
  equal([errors, socket.readyState, socket.shouldReconnect], [["loadFailed", 0, "loadFailed", 1, "loadFailed", 2], 3, false]);
  // Closing cancels the next attempt, and the current one.
  socket.reconnect();
  await next("close");
  socket.close();
  socket.reconnect();
  socket.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  equal(errors.length, 8);
  // Retries of loading and of connecting are counted together.
  const failing = new ReconnectingWebSocket("/status/401", [], options);
  const counted = [];
  failing.onerror = ({ error }) => counted.push(error.code, failing.retryCount);
  socket.reconnect();
  await next("close");
  await preloadReconnect("./package/dist/reconnect-core_bg.wasm");
  equal((await next("message")).data, "queued");
  socket.close();
  while (failing.shouldReconnect) await new Promise((resolve) => setTimeout(resolve, 1));
  equal(counted, ["loadFailed", 0, "connectFailed", 1, "connectFailed", 2]);
}

async function worker() {
  const worker = new Worker("./plain-worker.js", { type: "module" });
  const answer = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
  worker.terminate();
  equal(answer, "from a worker");
}

/** A service worker imports all modules when it starts, so `best` means events there. */
async function serviceWorker() {
  const script = ["./plain-service-worker.js", { type: "module", scope: "./nowhere/" }];
  const registration = await navigator.serviceWorker.register(...script);
  const { port1, port2 } = new MessageChannel();
  const answered = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
  registration.installing.postMessage("", [port2]);
  const answers = await answered;
  await registration.unregister();
  equal(answers, ["events", "over events", "over a connection that comes back", "in a session", "unsupported"]);
}

/** Where `Symbol.asyncDispose` is missing, compilers use `Symbol.for("Symbol.asyncDispose")`. */
async function withoutAsyncDispose() {
  const { Symbol } = globalThis;
  globalThis.Symbol = Object.create(Symbol, { asyncDispose: { value: undefined } });
  try {
    const { asyncDispose } = await import("./package/dist/dispose.js?without");
    equal(asyncDispose === Symbol.for("Symbol.asyncDispose"), true);
  } finally {
    globalThis.Symbol = Symbol;
  }
}

/** Connections leave nothing behind: neither in the memory of wasm nor in its table of JavaScript objects. */
async function nothingLeft() {
  const ended = [];
  await leavesNothing(core, async () => {
    // Connections that either side closes, a call that fails, and a connection that is disposed of with messages that were not
    // taken.
    await (await connect("/echo")).close(1000, "done");
    await (await connect("/close/4001/bye")).closed;
    // A connection that has ended is freed when its last message is taken, although the page still refers to it.
    const last = await connect("/flood/1/4");
    await last.closed;
    await take(last);
    ended.push(last);
    const socket = await connect("/echo", { protocols: [], receiveLimit: { bytes: 1000 } });
    const undo = socket.on("message", () => {});
    await socket.send("text");
    await socket.send(new Uint8Array(10));
    undo();
    socket.trySend(new Blob(["blob"]));
    await connect("/echo", { protocols: "none" }).catch(() => {});
    await socket.flush();
    await socket[asyncDispose]();
  });
}

async function nothingLeftOfThoseThatComeBack() {
  await preloadReconnect();
  const backoff = { base: 0, floor: 0, maxAttempts: 2 };
  await leavesNothing(reconnectCore, async () => {
    // Connections that end by the caller, by the peer and by giving up, with hooks that are called and hooks that are cancelled.
    const socket = await reconnect(() => "/echo", {
      backoff,
      heartbeat: { ping: "ping", pong: ({ data }) => data === "ping", interval: 1 },
      whenLost: "resend",
      afterClose: () => "stop",
      onOpen: async (opening) => {
        await opening.send("hello");
        await opening.receive();
      },
    });
    const undo = socket.on("state", () => {});
    for (const message of ["text", new Uint8Array(10), new Blob(["blob"])]) await socket.send(message);
    equal(await take(socket), "text");
    for await (const { type } of socket.states()) if (type === "open") break;
    undo();
    await socket.close(1000, "done");
    await socket[asyncDispose]();
    await (await reconnect("/close/1000/bye")).closed;
    await (await reconnect("/status/401", { backoff })).closed.catch(() => {});
    const never = await reconnect(() => new Promise(() => {}), { queueLimit: { messages: 1, whenFull: "wait" } });
    await never.send("queued");
    const giving = new AbortController();
    const waiting = [never.send("given up", { signal: giving.signal }), never.send("waits")].map((sent) => sent.catch(() => {}));
    giving.abort();
    await never[asyncDispose]();
    await Promise.all(waiting);
  });
}

async function nothingLeftOfSessions() {
  await preloadSession();
  const backoff = { base: 1, cap: 1, floor: 0 };
  const one = async () => {
    // Sessions that both sides end over connections that are cut, that are lost, that are given up while calls wait, and that are
    // disposed of with messages that were not taken. The server forgets some sessions while they are cut, since there are many.
    const socket = await session(() => "/session/echo/1", { backoff, credentials: () => "token" });
    const undo = [socket.on("state", () => {}), socket.on("lost", () => {})];
    for (const message of ["text", new Uint8Array(10), new Blob(["blob"])]) await socket.send(message);
    await socket.acknowledged().catch(() => {});
    for (const forget of undo) forget();
    await socket.close().catch(() => {});
    await drain(socket);
    for await (const { type } of socket.states()) if (type === "closed") break;
    const lost = await session("/status/401", { backoff: { ...backoff, maxAttempts: 1 } });
    const receipt = await lost.send("lost").catch(() => {});
    await drain(lost);
    await receipt?.processed.catch(() => {});
    const giving = new AbortController();
    const never = await session(() => new Promise(() => {}), { replay: 1, signal: giving.signal });
    const kept = (await never.send("kept")).processed;
    const waiting = [never.send("waits"), never.close(), drain(never), kept].map((waiting) => waiting.catch(() => {}));
    giving.abort();
    await Promise.all(waiting);
    const echo = await session("/session/echo/0");
    await echo.send("not taken");
    await echo[asyncDispose]();
  };
  const { __wbindgen_externrefs: table } = await sessionCore();
  const living = () => Array.from({ length: table.length }, (_, index) => table.get(index)).filter((object) => object != null).length;
  const before = living();
  // Acknowledgements are delayed, so ten sessions run at once.
  for (let number = 0; number < 10; number++) await Promise.all(Array.from({ length: 10 }, one));
  // Some sessions still wait for the server to close. A few objects are made once, and stay.
  for (let wait = 0; living() > before + 20 && wait < 500; wait++) await new Promise((resolve) => setTimeout(resolve, 10));
  equal(living() <= before + 20 || living() - before, true);
}

/** Takes all remaining messages, and continues after a loss. */
async function drain(socket) {
  try {
    for await (const _ of socket);
  } catch {
    await drain(socket);
  }
}

async function leavesNothing(core, cycle) {
  const { memory, __wbindgen_externrefs: table } = await core();
  const cycles = async (count) => {
    for (let number = 0; number < count; number++) await cycle();
    return [memory.buffer.byteLength, table.length];
  };
  const [memory0, objects0] = await cycles(50);
  const [memory1, objects1] = await cycles(250);
  // The table grows by 128 when it is full, and how full it is varies a little.
  equal([memory1 - memory0, objects1 - objects0 <= 128], [0, true]);
}
