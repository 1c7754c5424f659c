import { type Message, type Payload } from "wasm-websocket";
import { assert, binary, codeOf, drain, equal, open, take, test, text } from "./harness.ts";

test("binary messages arrive as the binary type, which can be changed", async () => {
  await using socket = await open("/echo", { binaryType: "blob" });
  equal(socket.binaryType, "blob");
  await socket.send(new Uint8Array([1, 2]));
  const message = await take(socket);
  assert(message.type === "blob", "it is a blob");
  equal(await message.data.arrayBuffer(), new Uint8Array([1, 2]).buffer);
  socket.binaryType = "arraybuffer";
  equal(socket.binaryType, "arraybuffer");
  await socket.send(new Uint8Array([1, 2]));
  equal(await take(socket), binary(1, 2));
  equal(await codeOf(() => (socket.binaryType = "arrayBuffer" as "arraybuffer")), "invalidOption");
});

test("a loop yields every message in order and ends with the connection", async () => {
  const socket = await open("/flood/1000/4");
  const numbers: number[] = [];
  for await (const message of socket) {
    assert(message.type === "binary", "it is binary");
    numbers.push(new DataView(message.data).getUint32(0, true));
  }
  equal(numbers, Array.from({ length: 1000 }, (_, number) => number));
  equal((await socket.closed).code, 1000);
  equal(await drain(socket), []);
});

async function numbered(count: number): Promise<Awaited<ReturnType<typeof open>>> {
  const socket = await open("/echo");
  for (let number = 0; number < count; number++) await socket.send(String(number));
  return socket;
}

test("leaving a loop keeps the connection open and loses no message", async () => {
  await using socket = await numbered(5);
  const taken: unknown[] = [];
  for await (const { data } of socket) {
    taken.push(data);
    if (data === "1") break;
  }
  equal(socket.readyState, WebSocket.OPEN);
  await new Promise((resolve) => setTimeout(resolve, 0));
  for await (const { data } of socket) {
    taken.push(data);
    if (data === "4") break;
  }
  equal(taken, ["0", "1", "2", "3", "4"]);
});

test("a message that arrives after a loop was left goes to the next loop", async () => {
  await using socket = await open("/echo");
  const [left, next] = [socket[Symbol.asyncIterator](), socket[Symbol.asyncIterator]()];
  const waiting = left.next();
  const also = left.next();
  await left.return?.();
  equal([await waiting, await also, await left.next()].map(({ done }) => done), [true, true, true]);
  await socket.send("for the next");
  await socket.send("and another");
  equal((await next.next()).value, text("for the next"));
  equal(await take(socket), text("and another"));
});

test("loops share the messages", async () => {
  await using socket = await open("/echo");
  const taken: Message[] = [];
  const readers = [0, 1, 2].map(async () => {
    for await (const message of socket) taken.push(message);
  });
  for (const payload of ["a", "b", "c", "d", "e"] satisfies Payload[]) await socket.send(payload);
  while (taken.length < 5) await new Promise((resolve) => setTimeout(resolve, 1));
  await socket.close();
  await Promise.all(readers);
  equal(taken.map(({ data }) => data), ["a", "b", "c", "d", "e"]);
});

test("several pending next resolve in order", async () => {
  await using socket = await open("/echo");
  const messages = socket[Symbol.asyncIterator]();
  const nexts = [messages.next(), messages.next(), messages.next()];
  for (const payload of ["a", "b", "c"]) await socket.send(payload);
  equal((await Promise.all(nexts)).map(({ value }) => value?.data), ["a", "b", "c"]);
});

test("messages that arrived before a close can still be taken", async () => {
  const socket = await numbered(3);
  equal(await take(socket), text("0"));
  // Both other messages have arrived when the answer to a later message on another connection has arrived.
  await using other = await open("/echo");
  await other.send("later");
  await take(other);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await socket.close();
  equal(await drain(socket), [text("1"), text("2")]);
  equal(await drain(socket), []);
});

test("an overflow closes the connection", async () => {
  const socket = await open("/flood/100/10", { receiveLimit: { messages: 10 } });
  equal(await codeOf(socket.closed), "overflow");
  equal(await codeOf(socket.send("late")), "overflow");
  const taken: Message[] = [];
  equal(
    await codeOf(async () => {
      for await (const message of socket) taken.push(message);
    }),
    "overflow",
  );
  equal(taken.length, 10);
  equal(await drain(socket), []);
});

test("an overflow drops and counts the oldest or the newest messages", async () => {
  for (const [overflow, first] of [["dropOldest", 90], ["dropNewest", 0]] as const) {
    const socket = await open("/flood/100/4", { receiveLimit: { bytes: 40, overflow } });
    await socket.closed;
    const messages = await drain(socket);
    equal(messages.length, 10);
    equal(new DataView(messages[0]?.data as ArrayBuffer).getUint32(0, true), first);
    equal(socket.dropped, 90);
  }
});
