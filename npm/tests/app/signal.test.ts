import { assert, codeOf, equal, failure, open, take, test, text } from "./harness.ts";

const reason = new Error("enough");

test("a signal cancels a waiting send and the message is not sent", async () => {
  await using socket = await open("/late/200", { highWaterMark: 10_000, lowWaterMark: 0 });
  const sends = Array.from({ length: 20 }, () => socket.send(new Uint8Array(65_536)));
  const abort = new AbortController();
  const given = failure(socket.send("never sent", { signal: abort.signal }));
  sends.push(socket.send("report"));
  abort.abort(reason);
  assert((await given) === reason, "it rejects with the reason");
  await Promise.all(sends);
  assert(String((await take(socket)).data).startsWith('{"count":20,"bytes":1310720,'), "the others were sent");
  assert((await failure(socket.send("neither", { signal: abort.signal }))) === reason, "an aborted signal sends nothing");
});

test("a signal cancels slices, a flush and a loop", async () => {
  await using socket = await open("/stall", { highWaterMark: 0, closeTimeout: 50 });
  const abort = new AbortController();
  const { signal } = abort;
  const blob = new Blob([new Uint8Array(64 << 20)]);
  const calls = [
    failure(async () => {
      for await (const _ of socket.sendSlices(blob, { size: 16 << 20, signal }));
    }),
    failure(socket.flush({ signal })),
    failure(async () => {
      for await (const _ of socket.messages({ signal }));
    }),
  ];
  abort.abort(reason);
  for (const call of calls) assert((await call) === reason, "it rejects with the reason");
  equal(socket.readyState, WebSocket.OPEN);
});

test("a loop that a signal ends loses no message", async () => {
  await using socket = await open("/echo");
  for (let round = 0; round < 20; round++) {
    const abort = new AbortController();
    const loop = failure(async () => {
      for await (const { data } of socket.messages({ signal: abort.signal })) throw data;
    });
    await socket.send(String(round));
    await socket.flush();
    // Aborts sometimes before the message arrives, and sometimes after.
    for (let wait = 0; wait < round; wait++) await Promise.resolve();
    abort.abort(reason);
    const seen = await loop;
    if (seen === reason) equal(await take(socket), text(String(round)));
    else equal(seen, String(round));
  }
});

test("options of calls are checked", async () => {
  await using socket = await open("/echo");
  for (const options of [{ signal: {} }, { timeout: 5 }, 5, null] as never[]) {
    equal(await codeOf(socket.send("text", options)), "invalidOption");
    equal(await codeOf(socket.flush(options)), "invalidOption");
    equal(await codeOf(socket.close(1000, "", options)), "invalidOption");
    equal(await codeOf(() => socket.messages(options)), "invalidOption");
    equal(await codeOf(socket.sendSlices(new Blob(["x"]), options).next()), "invalidOption");
  }
});
