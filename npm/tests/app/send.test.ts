import { type Payload, SendError } from "wasm-websocket";
import { assert, binary, codeOf, equal, failure, open, take, test, text, turn, withStoppedClock } from "./harness.ts";

const bytes = new Uint8Array([0, 1, 2, 3, 255]);

async function unsent(action: Promise<unknown> | (() => unknown)): Promise<SendError> {
  const error = await failure(action);
  if (!(error instanceof SendError)) throw error;
  return error;
}

test("text, buffers, views, blobs, files and images go round", async () => {
  await using socket = await open("/echo");
  for (const [payload, expected] of [
    ["Grüße", text("Grüße")],
    ["", text("")],
    ["a\ud800b", text("a\ufffdb")],
    [bytes.buffer, binary(...bytes)],
    [bytes.subarray(1, 3), binary(1, 2)],
    [new DataView(bytes.buffer, 3, 2), binary(3, 255)],
    [new Uint16Array(bytes.buffer, 0, 2), binary(0, 1, 2, 3)],
    [new Blob([bytes]), binary(...bytes)],
    [new File([bytes], "name.bin"), binary(...bytes)],
    [new ImageData(new Uint8ClampedArray([9, 8, 7, 6]), 1, 1), binary(9, 8, 7, 6)],
  ] as const) {
    await socket.send(payload);
    equal(await take(socket), expected);
    socket.trySend(payload);
    equal(await take(socket), expected);
  }
});

test("objects of another frame are sent", async () => {
  const frame = document.body.appendChild(document.createElement("iframe"));
  const { Uint8Array: Bytes, Blob: OtherBlob } = frame.contentWindow as unknown as typeof globalThis;
  assert(!(new Bytes(1) instanceof Uint8Array), "the frame has its own classes");
  await using socket = await open("/echo");
  for (const payload of [new Bytes([5, 6]), new Bytes([5, 6]).buffer, new OtherBlob([new Bytes([5, 6])])]) {
    await socket.send(payload);
    equal(await take(socket), binary(5, 6));
  }
  frame.remove();
});

test("a value that is not a message is handed back by the error", async () => {
  await using socket = await open("/echo");
  for (const payload of [5, null, undefined, {}, [1, 2], Symbol("s"), new Date(0)] as unknown as Payload[]) {
    for (const error of [await unsent(socket.send(payload)), await unsent(() => socket.trySend(payload))]) {
      equal(error.code, "invalidMessage");
      assert(error.unsent === payload, "it is handed back");
    }
  }
  await socket.send("still open");
  equal(await take(socket), text("still open"));
});

test("a message that the browser refuses is handed back by the error", async () => {
  await using socket = await open("/echo");
  const resizable = new ArrayBuffer(8, { maxByteLength: 16 });
  const error = await unsent(socket.send(resizable));
  equal(error.code, "thrown");
  assert(error.message.includes("TypeError"), error.message);
  assert(error.unsent === resizable, "it is handed back");
});

test("a message to a connection that is not open is handed back by the error", async () => {
  const socket = await open("/echo");
  const closing = socket.close();
  const blob = new Blob(["late"]);
  let error = await unsent(() => socket.trySend(blob));
  equal([error.code, error.message, error.name], ["notOpen", "the connection is closing, not open; connect again", "SendError"]);
  assert(error.unsent === blob, "it is handed back");
  await closing;
  error = await unsent(socket.send(blob));
  equal([error.code, error.message], ["notOpen", "the connection is closed, not open; connect again"]);
  assert(error.unsent === blob, "it is handed back");
});

test("a send waits while too much is unsent and fails when the connection ends", () =>
  withStoppedClock(async () => {
    const key = Math.random();
    await using socket = await open(`/fault/stall-by/${key}`, { highWaterMark: 100_000 });
    const chunk = new Uint8Array(100_000);
    let sent = 0;
    const sending = unsent(async () => {
      for (; ; sent++) {
        await socket.send(chunk);
        assert(socket.bufferedAmount <= 200_000, "it holds no more than the mark and one message");
      }
    });
    await open(`/fault/reset-now/${key}`);
    const error = await sending;
    assert(sent > 0, "something was sent");
    equal(error.code, "notOpen");
    assert(error.unsent === chunk, "it is handed back");
  }));

test("waiting sends continue when there is room, in the order of the calls", async () => {
  await using socket = await open("/late/200", { highWaterMark: 10_000, lowWaterMark: 0 });
  const sends = Array.from({ length: 50 }, () => socket.send(new Uint8Array(65_536)));
  equal(await codeOf(() => socket.trySend("overtaking")), "full");
  sends.push(socket.send("report"));
  await Promise.all(sends);
  const { data } = await take(socket);
  assert(String(data).startsWith('{"count":50,"bytes":3276800,'), String(data));
});

test("a send that is aborted when the message was handed over resolves", async () => {
  await using socket = await open("/late/200", { highWaterMark: 10_000, lowWaterMark: 0 });
  socket.trySend(new Uint8Array(1_000_000));
  const abort = new AbortController();
  const { signal } = abort;
  // Both are handed over when there is room. `late` resolves some microtasks after `first`.
  const [first, late] = [socket.send("1", { signal }), socket.send("2", { signal })];
  await first;
  abort.abort();
  equal(await late, undefined);
  await socket.send("report");
  assert(String((await take(socket)).data).startsWith('{"count":3,"bytes":1000002,'), "it is sent once");
});

test("no message overtakes a waiting one", async () => {
  await using socket = await open("/echo", { highWaterMark: 0, lowWaterMark: 0 });
  for (let round = 0; round < 50; round++) {
    // The second message waits until the package looks for room again. There is room before that, when the third message is sent.
    const sends = [socket.send("1"), socket.send("2")];
    while (socket.bufferedAmount > 0) await turn();
    if (round % 2 === 0) sends.push(socket.send("3"));
    else if ((await codeOf(async () => socket.trySend("3")).catch(() => "sent")) === "full") sends.push(socket.send("3"));
    const received = [await take(socket), await take(socket), await take(socket)];
    equal(received.map(({ data }) => data).join(""), "123");
    await Promise.all(sends);
  }
});

test("flush waits for waiting sends", async () => {
  await using socket = await open("/late/100", { highWaterMark: 10_000, lowWaterMark: 0 });
  let done = 0;
  for (let count = 0; count < 5; count++) void socket.send(new Uint8Array(1_000_000)).then(() => done++);
  await socket.flush();
  equal([done, socket.bufferedAmount], [5, 0]);
});

test("flush fails if the connection ends before", async () => {
  // When the connection has ended, Chromium counts nothing as unsent most of the time.
  for (let round = 0; round < 4; round++) {
    const socket = await open("/reset");
    await socket.send(new Uint8Array(20 << 20));
    const flushing = codeOf(socket.flush());
    await socket.closed;
    equal([await flushing, await codeOf(socket.flush())], ["notOpen", "notOpen"]);
  }
});

test("messages flushed before the end stay flushed", async () => {
  const socket = await open("/echo");
  await socket.send("flushed");
  await socket.flush();
  await socket.close();
  await socket.flush();
});

test("a file goes out in slices with progress", () =>
  withStoppedClock(async () => {
    await using socket = await open("/sink", { highWaterMark: 100_000 });
    const file = new File([new Uint8Array(1_000_000).fill(7)], "big.bin");
    const sent: number[] = [];
    for await (const progress of socket.sendSlices(file, { size: 300_000 })) {
      equal(progress.total, 1_000_000);
      assert(progress.buffered <= 400_000, "it is paced");
      sent.push(progress.sent);
    }
    equal(sent, [300_000, 600_000, 900_000, 1_000_000]);
    await socket.send("report");
    assert(String((await take(socket)).data).startsWith('{"count":4,"bytes":1000000,'), "all has arrived");
  }));

test("leaving the loop sends no more slices", async () => {
  await using socket = await open("/sink");
  for await (const { sent } of socket.sendSlices(new Blob([new Uint8Array(1000)]), { size: 100 })) if (sent === 300) break;
  for await (const _ of socket.sendSlices(new Blob([]))) throw new Error("an empty Blob sends nothing");
  equal(await codeOf(socket.sendSlices(new Blob(["x"]), { size: 0 }).next()), "invalidOption");
  await socket.send("report");
  assert(String((await take(socket)).data).startsWith('{"count":3,"bytes":300,'), "the earlier slices have arrived");
});
