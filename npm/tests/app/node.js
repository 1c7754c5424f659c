// Checks in Node.js that the wasm is found without configuration, that a stream that yields to the event loop continues, that
// cancelled calls leave nothing behind, that bytes arrive as they were sent, and that the process exits when its connections have
// ended. With `TEST_WS=1` the sockets are those of `ws`.
import { readFile } from "node:fs/promises";
import { ReconnectingWebSocket, connect, preload, preloadSession, reconnect, session } from "wasm-websocket";

if (process.env.TEST_WS) globalThis.WebSocket = (await import("ws")).WebSocket;

const server = process.argv[2];
const socket = await connect(`${server}/flood/1000/4`);
let count = 0;
for await (const _ of socket) count++;
if (count !== 1000) throw new Error(`${count} of 1000 messages came`);

// A source that is ignored may fail: an unhandled rejection would end the process.
await preload(Promise.reject(new Error("offline")));

const back = await reconnect(() => `${server}/echo`);
await back.send("hello");
for await (const { data } of back) {
  if (data !== "hello") throw new Error(`${data} came`);
  await back.close();
}

// No engine compiles a response of this type while it arrives.
const wasm = await readFile(new URL(import.meta.resolve("wasm-websocket/session-core_bg.wasm")));
await preloadSession(new Response(wasm, { headers: { "content-type": "application/wasm; charset=utf-8" } }));
const orders = await session(`${server}/session/echo/2`);
for (const order of ["one", "two"]) await (await orders.send(order)).processed;
await orders.close();
const answers = [];
for await (const { data } of orders) answers.push(data);
if (answers.join() !== "one,two") throw new Error(`${answers} came`);

const shape = new ReconnectingWebSocket(`${server}/echo`);
shape.send("hello");
const { data } = await new Promise((resolve) => (shape.onmessage = resolve));
if (data !== "hello") throw new Error(`${data} came`);
shape.close(4001, "bye");
const { code, reason } = await new Promise((resolve) => (shape.onclose = resolve));
if (code !== 4001 || reason !== "bye") throw new Error(`it was closed with ${code} ${reason}`);

// Bytes behind a Blob arrive as they were sent, although `ws` and Deno read them only after the Blob. The first message is sent as
// a Blob.
const bytes = [new Uint8Array(70_000), ...[1, 2, 3].map((byte) => new Uint8Array(4).fill(byte))];
const show = (data) => `${data.byteLength} times ${new Uint8Array(data)[3]}`;
const opened = new ReconnectingWebSocket(`${server}/echo`);
await new Promise((resolve) => (opened.onopen = resolve));
opened.binaryType = "arraybuffer";
async function received(socket) {
  const all = [];
  let closing;
  const receive = ({ data }) => {
    if (all.push(show(data)) === bytes.length) closing = socket.close();
  };
  if (socket === opened) {
    opened.onmessage = receive;
    await new Promise((resolve) => (opened.onclose = resolve));
  } else for await (const message of socket) receive(message);
  // A session that is cut while it closes connects again, even after its last message.
  await closing;
  return all.join();
}
for (const socket of [opened, await reconnect(`${server}/echo`), await session(`${server}/session/echo/1`)]) {
  const all = received(socket);
  for (const message of bytes) socket.send(message);
  const [came, wanted] = [await all, bytes.map(show).join()];
  if (came !== wanted) throw new Error(`${came} came instead of ${wanted}`);
}

// An attempt that fails after it was cancelled does not end the process. The attempts to `/hang` below fail, too.
const giving = new AbortController();
const refused = connect(`${server}/status/401`, { signal: giving.signal });
giving.abort();
await refused.catch(() => {});

// Calls that are cancelled while they wait leave nothing in wasm.
const never = () => new Promise(() => {});
const idle = await reconnect(never);
const waits = {
  core: (signal) => [connect(`${server}/hang`, { signal })],
  "reconnect-core": async (signal) => {
    const full = await reconnect(never, { queueLimit: { messages: 1, whenFull: "wait" } });
    await full.send("queued");
    const given = full.send("waits", { signal }).catch(() => {});
    const states = idle.states({ signal });
    await states.next();
    return [given.finally(() => full.close()), states.next()];
  },
  "session-core": async (signal) => {
    const full = await session(never, { replay: 1, signal });
    const { processed } = await full.send("kept");
    return [full.send("waits"), full.close(), full.acknowledged(), full.messages().next(), processed];
  },
};
for (const [name, wait] of Object.entries(waits)) {
  const { __wbindgen_externrefs: objects } = await (await import(`./node_modules/wasm-websocket/dist/${name}.js`)).default();
  const cycles = async (count) => {
    for (; count > 0; count--) {
      const giving = new AbortController();
      const waiting = await wait(giving.signal);
      giving.abort();
      await Promise.allSettled(waiting);
    }
    return objects.length;
  };
  const before = await cycles(50);
  const grown = (await cycles(300)) - before;
  if (grown > 128) throw new Error(`${name}: ${grown} objects were left`);
}
await idle.close();

// This timer does not keep the process alive. Node.js connects the sockets above even though they were closed while they were
// connecting. If the server cannot accept so many at once, that takes until the system has tried a few times.
setTimeout(() => {
  console.error("the process does not end");
  process.exit(1);
}, 60_000).unref();
