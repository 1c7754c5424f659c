import { codeOf, comeBack, equal, open, take, test, text, url } from "./harness.ts";

const hasStreams = "WebSocketStream" in globalThis;

test("streams are used where the browser has them", async () => {
  await using best = await open("/echo", { transport: "best" });
  equal(best.transport, hasStreams ? "streams" : "events");
  await best.send("hello");
  equal(await take(best), text("hello"));
  await using events = await open("/echo", { transport: "events" });
  equal(events.transport, "events");
  if (!hasStreams) equal(await codeOf(open("/echo", { transport: "streams" })), "unsupported");
  if (!hasStreams) equal(await codeOf(comeBack(url("/echo"), { transport: "streams" })), "unsupported");
  await using back = await comeBack(url("/echo"), { transport: "best", readAhead: 1000 });
  await back.send("hello");
  equal(await take(back), text("hello"));
});

test("over streams the peer waits for a slow reader and nothing is lost", async () => {
  if (!hasStreams) return;
  await using socket = await open("/flood/2000/100000", { transport: "streams", readAhead: 1000, receiveLimit: { messages: 10 } });
  await take(socket);
  await new Promise((resolve) => setTimeout(resolve, 500));
  // Over events, 10 queued messages would have closed it.
  equal([socket.readyState, socket.dropped], [WebSocket.OPEN, 0]);
  for (let number = 1; number < 100; number++) {
    equal(new DataView((await take(socket)).data as ArrayBuffer).getUint32(0, true), number);
  }
});
