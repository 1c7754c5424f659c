import { type CloseEvent } from "wasm-websocket";
import { Count, assert, codeOf, drain, equal, open, test, turn } from "./harness.ts";

test("a socket that was disposed of can be used like a closed one", async () => {
  const socket = await open("/echo", { binaryType: "blob", protocols: [] });
  await socket.send("not taken");
  await socket.flush();
  await socket[Symbol.asyncDispose]();
  await socket[Symbol.asyncDispose]();
  equal(await codeOf(socket.send("late")), "notOpen");
  equal(await codeOf(() => socket.trySend("late")), "notOpen");
  equal(await codeOf(socket.sendSlices(new Blob(["late"])).next()), "notOpen");
  equal((await socket.close()).code, 1005);
  equal((await socket.close(1000, "again")).code, 1005);
  equal((await socket.closed).code, 1005);
  equal(await drain(socket), []);
  await socket.flush();
  const undo = socket.on("message", () => {});
  undo();
  equal([socket.readyState, socket.bufferedAmount, socket.dropped, socket.binaryType], [3, 0, 0, "blob"]);
  socket.binaryType = "arraybuffer";
  equal(socket.binaryType, "arraybuffer");
});

test("disposing settles all pending calls", async () => {
  const socket = await open("/stall", { highWaterMark: 0, closeTimeout: 50 });
  await socket.send(new Uint8Array(64 << 20));
  const pending = [codeOf(drain(socket)), codeOf(socket.send("waits")), codeOf(socket.flush())] as const;
  await socket[Symbol.asyncDispose]();
  equal(await Promise.all(pending), ["closeTimeout", "notOpen", "notOpen"]);
});

/** Makes the browser collect garbage. The browser must have a function for this. */
async function collect(): Promise<void> {
  const { gc, TestUtils } = globalThis as { gc?: () => void; TestUtils?: { gc: () => Promise<void> } };
  assert(gc !== undefined || TestUtils !== undefined, "this browser has a function that collects garbage");
  gc?.();
  await TestUtils?.gc();
  await turn();
}

test("an open socket without references is closed when it is collected", async () => {
  const count = new Count();
  await count.becomes("0 open");
  await (async () => void (await open(count.path("/echo"))))();
  await count.becomes("1 open");
  let isGone = false;
  const gone = count.becomes("0 open").then(() => (isGone = true));
  while (!isGone) await collect();
  await gone;
  await count.end();
});

test("an open socket with pending promises or listeners is not collected", async () => {
  const quits = async () => {
    const socket = await open("/quit/300");
    await socket.send("now");
    return socket;
  };
  const waits: (() => Promise<unknown>)[] = [
    async () => (await quits()).closed,
    async () => {
      const socket = await quits();
      return new Promise((resolve) => socket.on("close", resolve));
    },
    async () => {
      for await (const _ of await quits()) break;
    },
    async () => {
      const socket = await open("/flood/20000/64");
      let left = 20_000;
      return new Promise<void>((resolve) => socket.on("message", () => --left === 0 && resolve()));
    },
  ];
  let isDone = false;
  const all = Promise.all(waits.map((wait) => wait())).then(([closed, event]) => {
    isDone = true;
    return [closed, event] as CloseEvent[];
  });
  while (!isDone) await collect();
  equal((await all).map(({ code }) => code), [4000, 4000]);
});
