// In Node: a stream that pauses for a turn of the event loop goes on, and the process ends with its connections.
import { connect } from "wasm-websocket";

const socket = await connect(process.argv[2]);
let count = 0;
for await (const _ of socket) count++;
if (count !== 1000) throw new Error(`${count} of 1000 messages came`);

// By itself this timer keeps nothing alive.
setTimeout(() => {
  console.error("the process does not end");
  process.exit(1);
}, 5000).unref();
