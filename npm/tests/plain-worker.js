// The package in a worker.

import { connect } from "./package/dist/index.js";

const socket = await connect("/echo");
await socket.send(new Blob(["from a worker"]));
for await (const { data } of socket) {
  await socket.close();
  postMessage(new TextDecoder().decode(data));
}
