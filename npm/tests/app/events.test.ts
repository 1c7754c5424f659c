import { type Message, type WebSocketError } from "wasm-websocket";
import { assert, codeOf, drain, equal, next, open, reported, take, test, text } from "./harness.ts";

test("a listener is called with each message until it is removed", async () => {
  await using socket = await open("/echo");
  const [first, second]: [Message[], Message[]] = [[], []];
  const undoFirst = socket.on("message", (message) => first.push(message));
  const undoSecond = socket.on("message", (message) => second.push(message));
  await socket.send("a");
  await next((listener) => socket.on("message", listener));
  undoFirst();
  undoFirst();
  await socket.send("b");
  await next((listener) => socket.on("message", listener));
  undoSecond();
  equal([first, second], [[text("a")], [text("a"), text("b")]]);
  await socket.send("c");
  equal(await take(socket), text("c"));
  equal([first.length, second.length], [1, 2]);
});

test("the same function can listen twice and is removed once for each", async () => {
  await using socket = await open("/echo");
  let calls = 0;
  const listener = () => void calls++;
  const undo = socket.on("message", listener);
  socket.on("message", listener);
  await socket.send("a");
  await next((listener) => socket.on("message", listener));
  equal(calls, 2);
  undo();
  await socket.send("b");
  await next((listener) => socket.on("message", listener));
  equal(calls, 3);
});

test("a listener of messages that arrived before can remove itself", async () => {
  const socket = await open("/flood/20/4");
  await socket.closed;
  let calls = 0;
  await new Promise<void>((resolve) => {
    const undo = socket.on("message", () => {
      undo();
      calls++;
      resolve();
    });
  });
  equal(calls, 1);
});

test("messages that arrived before are delivered to the first listener", async () => {
  const socket = await open("/flood/20/4");
  await socket.closed;
  let count = 0;
  socket.on("message", () => count++);
  while (count < 20) await new Promise((resolve) => setTimeout(resolve, 1));
});

test("an exception of a listener is reported and other listeners are called", async () => {
  await using socket = await open("/echo");
  const error = reported();
  const mistake = new Error("a mistake in the page");
  socket.on("message", () => {
    throw mistake;
  });
  const message = next<Message>((listener) => socket.on("message", listener));
  await socket.send("a");
  equal(await message, text("a"));
  assert((await error) === mistake, "the exception is reported");
});

test("listeners and iterators of messages exclude each other", async () => {
  await using socket = await open("/echo");
  const undo = socket.on("message", () => {});
  equal(await codeOf(take(socket)), "locked");
  undo();
  const waiting = take(socket);
  equal(await codeOf(() => socket.on("message", () => {})), "locked");
  await socket.send("not lost");
  equal(await waiting, text("not lost"));
});

test("close listeners are called once, also after the end", async () => {
  const socket = await open("/close/4001/bye");
  const events: unknown[] = [];
  socket.on("close", (event) => events.push(event));
  const undo = socket.on("close", () => events.push("undone"));
  undo();
  await socket.closed;
  equal(await next((listener) => socket.on("close", listener)), { code: 4001, reason: "bye", wasClean: true });
  equal(events, [{ code: 4001, reason: "bye", wasClean: true }]);
});

test("error listeners are called for an overflow and for a close without an answer", async () => {
  const overfull = await open("/flood/100/10", { receiveLimit: { messages: 10 } });
  const errors: WebSocketError[] = [];
  overfull.on("error", (error) => errors.push(error));
  const undo = overfull.on("error", () => errors.pop());
  undo();
  equal(await codeOf(overfull.closed), "overflow");
  await new Promise((resolve) => setTimeout(resolve, 1));
  equal(errors.map(({ code }) => code), ["overflow"]);
  let left = 10;
  await new Promise<void>((resolve) => overfull.on("message", () => --left === 0 && resolve()));
  await new Promise((resolve) => setTimeout(resolve, 1));
  equal(errors.length, 1);
  equal(await drain(await open("/close/1000")), []);

  const silent = await open("/stall", { closeTimeout: 50 });
  const failed = next<WebSocketError>((listener) => silent.on("error", listener));
  silent.on("close", () => errors.pop());
  await silent.close().catch(() => {});
  equal((await failed).code, "closeTimeout");
  equal(errors.length, 1);
});

test("an unknown event is an error", async () => {
  await using socket = await open("/echo");
  equal(await codeOf(() => socket.on("messages" as "message", () => {})), "invalidOption");
});
