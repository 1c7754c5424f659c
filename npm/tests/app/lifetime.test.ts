import { type CloseEvent, type WebSocketStream } from "wasm-websocket";
import { Count, codeOf, collectUntil, comeBack, drain, equal, failure, open, test, url } from "./harness.ts";

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

/** Uses of a socket after which nothing refers to it. */
const uses: ((socket: WebSocketStream) => unknown)[] = [
  () => {},
  (socket) => {
    for (const type of ["message", "close", "error"] as const) socket.on(type, () => {})();
  },
  async (socket) => {
    const abort = new AbortController();
    const ended = failure(socket.messages({ signal: abort.signal })[Symbol.asyncIterator]().next());
    abort.abort();
    await ended;
  },
];

test("an open socket without references is closed when it is collected", async () => {
  for (const use of uses) {
    const count = new Count();
    await count.becomes("0 open");
    await (async () => use(await open(count.path("/echo"))))();
    await count.becomes("1 open");
    await collectUntil(count.becomes("0 open"));
    await count.end();
  }
});

test("a listener that was removed is collected while its socket is open", async () => {
  await using socket = await open("/echo");
  await using stream = await comeBack(url("/echo"));
  const removed: WeakRef<() => void>[] = [];
  const listener = () => {
    const own = () => {};
    removed.push(new WeakRef(own));
    return own;
  };
  for (const type of ["message", "close", "error"] as const) socket.on(type, listener())();
  for (const type of ["message", "state", "report", "close", "error"] as const) stream.on(type, listener())();
  const collected = (async () => {
    while (removed.some((weak) => weak.deref() !== undefined)) await new Promise((resolve) => setTimeout(resolve, 5));
  })();
  await collectUntil(collected);
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
  const [closed, event] = await collectUntil(Promise.all(waits.map((wait) => wait())));
  equal([closed, event].map((event) => (event as CloseEvent).code), [4000, 4000]);
});
