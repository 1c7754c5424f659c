import { type Options, type ReconnectOptions } from "wasm-websocket";
import { begin, codeOf, comeBack, drain, equal, failureOf, open, reaches, take, test, text, turn, url } from "./harness.ts";

const wrong: [unknown, string][] = [
  [{ protocol: ["chat"] }, "there is no option `protocol`"],
  [{ receiveLimit: { byte: 1 } }, "there is no option `receiveLimit.byte`"],
  [{ protocols: "chat" }, "option `protocols`: "],
  [{ protocols: ["chat", 5] }, "option `protocols`: "],
  [{ binaryType: "arrayBuffer" }, "option `binaryType`: "],
  [{ binaryType: 1 }, "option `binaryType`: "],
  [{ highWaterMark: "1" }, "option `highWaterMark`: "],
  [{ highWaterMark: -1 }, "option `highWaterMark`: "],
  [{ lowWaterMark: 1.5 }, "option `lowWaterMark`: "],
  [{ receiveLimit: 5 }, "`receiveLimit` is not a plain object"],
  [{ receiveLimit: { bytes: null } }, "option `receiveLimit.bytes`: "],
  [{ receiveLimit: { messages: Number.NaN } }, "option `receiveLimit.messages`: "],
  [{ receiveLimit: { overflow: "drop" } }, "option `receiveLimit.overflow`: "],
  [{ connectTimeout: Number.POSITIVE_INFINITY }, "option `connectTimeout`: "],
  [{ transport: "stream" }, "option `transport`: "],
  [{ readAhead: -1 }, "option `readAhead`: "],
  [{ closeTimeout: true }, "option `closeTimeout`: "],
  [{ signal: {} }, "option `signal` is not an AbortSignal"],
  [["chat"], "`options` is not a plain object"],
  ["chat", "`options` is not a plain object"],
  [null, "`options` is not a plain object"],
];

for (const [options, problem] of wrong) {
  test(`${JSON.stringify(options)} is an error that names the option`, async () => {
    const error = await failureOf(open("/echo", options as Options));
    equal([error.code, error.message.slice(0, problem.length)], ["invalidOption", problem]);
  });
}

test("options that are undefined have their defaults", async () => {
  const options: Required<{ [Name in keyof Options]: undefined }> = {
    protocols: undefined,
    binaryType: undefined,
    highWaterMark: undefined,
    lowWaterMark: undefined,
    receiveLimit: undefined,
    transport: undefined,
    readAhead: undefined,
    connectTimeout: undefined,
    closeTimeout: undefined,
    signal: undefined,
  };
  await using socket = await open("/echo", options);
  await socket.send("as by default");
  equal(await take(socket), text("as by default"));
});

test("a signal may be of another frame, or of a class that extends `AbortSignal`", async () => {
  const frame = document.body.appendChild(document.createElement("iframe"));
  const { AbortController: Foreign } = frame.contentWindow as typeof globalThis & Window;
  // As the signal of a `TaskController`, which not every browser has.
  const extended = new AbortController().signal;
  Object.defineProperty(extended, Symbol.toStringTag, { value: "TaskSignal" });
  for (const signal of [new Foreign().signal, extended]) {
    await using socket = await open("/echo", { signal });
    equal(socket.readyState, WebSocket.OPEN);
  }
  frame.remove();
});

/** Calls `run`. Meanwhile each sent message is given to `send`, and dropped if `send` returns false. */
async function withSend<T>(send: (message: unknown) => boolean, run: () => Promise<T>): Promise<T> {
  const { prototype } = WebSocket;
  const original = prototype.send;
  prototype.send = function (message) {
    if (send(message)) original.call(this, message);
  };
  return run().finally(() => (prototype.send = original));
}

/** Returns how many messages are in doubt, and how many of them were kept. */
async function doubts(unconfirmedLimit: ReconnectOptions["unconfirmedLimit"]): Promise<number[]> {
  const key = Math.random();
  await using socket = await comeBack(url(`/fault/reset-by/${key}`), { afterClose: () => "stop", unconfirmedLimit });
  await reaches(socket, "open");
  for (const message of ["1", "2"]) await socket.send(message);
  await socket.flush();
  await open(`/fault/reset-now/${key}`);
  await socket.closed;
  const { count, messages } = socket.takeInDoubt();
  return [count, messages.length];
}

/** A visible effect of each option that no other test checks. */
const effects: [string, () => Promise<unknown>, unknown][] = [
  [
    "lowWaterMark",
    async () => {
      const { WebSocket } = globalThis;
      const sentAt: number[] = [];
      let unsent = 0;
      globalThis.WebSocket = class extends WebSocket {
        // A byte leaves between two looks.
        override get bufferedAmount(): number {
          return unsent > 0 ? unsent-- : 0;
        }
        override send(message: Parameters<WebSocket["send"]>[0]): void {
          sentAt.push(unsent);
          super.send(message);
        }
      };
      try {
        await using socket = await open("/sink", { highWaterMark: 100, lowWaterMark: 10 });
        await socket.send(new Uint8Array(110));
        unsent = 110;
        await socket.send("waits");
        return sentAt.map((unsent) => unsent < 50);
      } finally {
        globalThis.WebSocket = WebSocket;
      }
    },
    [true, true],
  ],
  [
    "receiveLimit.overflow",
    async () => {
      await using socket = await open("/flood/100/4", { receiveLimit: { messages: 10, overflow: "unbounded" } });
      await socket.closed;
      return [(await drain(socket)).length, socket.dropped];
    },
    [100, 0],
  ],
  [
    "readAhead",
    async () => {
      const globals = globalThis as { WebSocketStream?: unknown };
      const { WebSocketStream } = globals;
      const never = new Promise<void>(() => {});
      let read = 0;
      globals.WebSocketStream = class {
        readonly opened = Promise.resolve({
          readable: new ReadableStream({ pull: (to) => (read++ < 50 ? to.enqueue("10 letters") : never) }, { highWaterMark: 0 }),
          writable: new WritableStream(),
        });
        readonly closed = never;
        close(): void {}
      };
      try {
        await using _ = await open("/echo", { transport: "streams", readAhead: 25, closeTimeout: 1 });
        for (let wait = 0; wait < 50; wait++) await turn();
        return read;
      } finally {
        if (WebSocketStream === undefined) delete globals.WebSocketStream;
        else globals.WebSocketStream = WebSocketStream;
      }
    },
    3,
  ],
  ["backoff.maxElapsed", async () => codeOf((await comeBack(url("/status/401"), { backoff: { maxElapsed: 1 } })).closed), "connectFailed"],
  ["unconfirmedLimit", () => Promise.all([{ messages: 1 }, { bytes: 1 }].map(doubts)), [[2, 1], [2, 1]]],
  [
    "protocol, credentials and maxMessage",
    async () => {
      const hellos: string[] = [];
      const note = (message: unknown) => String(message)[0] !== "H" || hellos.push(String(message)) > 0;
      return withSend(note, async () => {
        await using echo = await begin(url("/session/echo/0"), { protocol: "echo.v1", credentials: "token", maxMessage: 10 });
        await reaches(echo, "open");
        const { protocol, credentials, max } = JSON.parse(String(hellos[0]).slice(1));
        return [protocol, credentials, max];
      });
    },
    ["echo.v1", "token", 10],
  ],
  [
    "heartbeat of a session",
    () =>
      withSend((message) => message !== "P", async () => {
        await using echo = await begin(url("/session/echo/0"), { heartbeat: { interval: 10, timeout: 30 } });
        const { cause } = await reaches(echo, "waiting");
        return cause.type === "failed" && cause.error.message;
      }),
    "the peer did not answer the heartbeat within 30 ms",
  ],
];

for (const [option, see, expected] of effects) {
  test(`options are read: ${option}`, async () => equal(await see(), expected));
}
