// Tests of the package as files, with no bundler between.

import { connect } from "./package/dist/index.js";
import core from "./package/dist/core.js";

const outcomes = [];
globalThis.outcomes = run();

async function run() {
  for (const test of [echo, once, copy, worker, withoutAsyncDispose, nothingLeft]) {
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

/** Two scripts have imported it, and three times it was wanted at the same time. */
async function once() {
  const [one, other] = await second;
  await Promise.all([one.close(), other.close()]);
  equal(loads(), 1);
}

/** A second copy of the package has its own wasm, which is taken from elsewhere, and may fail to be there at first. */
async function copy() {
  const { connect, init, WebSocketError } = await import("./copy/dist/index.js");
  const offline = async () => {
    throw new Error("offline");
  };
  for (const source of [() => "./nowhere.wasm", () => new Uint8Array([1, 2, 3]), offline]) {
    const error = await init(source()).then(() => null, (error) => error);
    equal([error instanceof WebSocketError, error.code, error.cause instanceof Error], [true, "loadFailed", true]);
  }
  await init(fetch("./package/dist/core_bg.wasm"));
  const [socket, other] = [await connect("/echo"), await second.then(([socket]) => socket)];
  equal([socket.constructor === other.constructor, loads()], [false, 3]);
  await socket.send("by the copy");
  equal(await take(socket), "by the copy");
  await socket.close();
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

/** Compilers take `Symbol.for("Symbol.asyncDispose")` where there is none. */
async function withoutAsyncDispose() {
  const { Symbol } = globalThis;
  globalThis.Symbol = Object.create(Symbol, { asyncDispose: { value: undefined } });
  try {
    const { WebSocketStream } = await import("./package/dist/socket.js?without");
    equal(typeof WebSocketStream.prototype[Symbol.for("Symbol.asyncDispose")], "function");
  } finally {
    globalThis.Symbol = Symbol;
  }
}

/** Connections leave nothing behind: neither in the memory of wasm nor in its table of JavaScript objects. */
async function nothingLeft() {
  const { memory, __wbindgen_externrefs: table } = await core();
  const cycle = async () => {
    // Ended by both sides, and nobody cares any more.
    await (await connect("/echo")).close(1000, "done");
    await (await connect("/close/4001/bye")).closed;
    const socket = await connect("/echo", { protocols: [], receiveLimit: { bytes: 1000 } });
    const undo = socket.on("message", () => {});
    await socket.send("text");
    await socket.send(new Uint8Array(10));
    undo();
    socket.trySend(new Blob(["blob"]));
    await connect("/echo", { protocols: "none" }).catch(() => {});
    await socket.flush();
    await socket[globalThis.Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]();
  };
  const cycles = async (count) => {
    for (let number = 0; number < count; number++) await cycle();
    return [memory.buffer.byteLength, table.length];
  };
  const [memory0, objects0] = await cycles(50);
  const [memory1, objects1] = await cycles(250);
  // The table grows by 128 when it is full, and how full it is varies a little.
  equal([memory1 - memory0, objects1 - objects0 <= 128], [0, true]);
}
