// The package in a service worker.

import { connect, reconnect, session } from "./package/dist/index.js";

self.onmessage = (event) => event.waitUntil(answer(event.ports[0]));

async function answer(port) {
  port.postMessage(await answers().catch((error) => `${error}\n${error.stack}`));
}

async function answers() {
  const socket = await connect("/echo", { transport: "best" });
  const opened = [
    [socket, "over events"],
    [await reconnect("/echo", { transport: "best" }), "over a connection that comes back"],
    [await session("/session/echo/0"), "in a session"],
  ];
  const texts = [];
  for (const [stream, text] of opened) {
    await stream.send(text);
    for await (const { data } of stream) {
      texts.push(data);
      break;
    }
    await stream.close();
  }
  const { code } = await connect("/echo", { transport: "streams" }).catch((error) => error);
  return [socket.transport, ...texts, code];
}
