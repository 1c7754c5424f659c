import { expect, test } from "vitest";
import { ReconnectingWebSocket, connect, reconnect, session } from "wasm-websocket";

const server = process.env.TEST_SERVER;

// The WebSocket of jsdom 29 never fires `open` in Node.js 22.
if (process.env.TEST_WS) globalThis.WebSocket = (await import("ws")).WebSocket;

for (const open of [connect, reconnect, session]) {
  test(`an echo over ${open.name}`, async () => {
    const socket = await open(`${server}${open === session ? "/session/echo/1" : "/echo"}`);
    await socket.send("hello");
    await socket.send(new Uint8Array([1, 2]));
    const seen = [];
    for await (const { data } of socket) if (seen.push(typeof data === "string" ? data : [...new Uint8Array(data)]) === 2) break;
    expect(seen).toEqual(["hello", [1, 2]]);
    await socket.close();
  });
}

test("an echo of ReconnectingWebSocket", async () => {
  const socket = new ReconnectingWebSocket(`${server}/echo`);
  socket.send("hello");
  expect((await new Promise((resolve) => (socket.onmessage = resolve))).data).toBe("hello");
  socket.close();
  expect((await new Promise((resolve) => (socket.onclose = resolve))).code).toBe(1000);
});
