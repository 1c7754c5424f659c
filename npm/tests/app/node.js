// Checks in Node.js that the wasm is found without configuration, that a stream that yields to the event loop continues, that
// cancelled calls leave nothing behind, and that the process exits when its connections have ended.
import { ReconnectingWebSocket, connect, reconnect, session } from "wasm-websocket";

const server = process.argv[2];
const socket = await connect(`${server}/flood/1000/4`);
let count = 0;
for await (const _ of socket) count++;
if (count !== 1000) throw new Error(`${count} of 1000 messages came`);

const back = await reconnect(() => `${server}/echo`);
await back.send("hello");
for await (const { data } of back) {
  if (data !== "hello") throw new Error(`${data} came`);
  await back.close();
}

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

// Calls that are cancelled while they wait leave nothing in wasm.
const never = () => new Promise(() => {});
const waits = {
  core: (signal) => [connect(`${server}/hang`, { signal })],
  "reconnect-core": async (signal) => {
    const full = await reconnect(never, { queueLimit: { messages: 1, whenFull: "wait" } });
    await full.send("queued");
    const given = full.send("waits", { signal }).catch(() => {});
    return [given.finally(() => full.close())];
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

// This timer does not keep the process alive.
setTimeout(() => {
  console.error("the process does not end");
  process.exit(1);
}, 5000).unref();
