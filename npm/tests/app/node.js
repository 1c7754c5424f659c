// In Node: the wasm is found without help, a stream that pauses for a turn of the event loop goes on, and the process ends with its
// connections.
import { ReconnectingWebSocket, connect, reconnect } from "wasm-websocket";

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

const shape = new ReconnectingWebSocket(`${server}/echo`);
shape.send("hello");
const { data } = await new Promise((resolve) => (shape.onmessage = resolve));
if (data !== "hello") throw new Error(`${data} came`);
shape.close(4001, "bye");
const { code, reason } = await new Promise((resolve) => (shape.onclose = resolve));
if (code !== 4001 || reason !== "bye") throw new Error(`it was closed with ${code} ${reason}`);

// By itself this timer keeps nothing alive.
setTimeout(() => {
  console.error("the process does not end");
  process.exit(1);
}, 5000).unref();
