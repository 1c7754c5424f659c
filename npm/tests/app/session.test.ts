import {
  GiveUp,
  type LostCause,
  type Message,
  SendError,
  SessionLostError,
  type SessionOptions,
  type SessionStream,
  session,
} from "wasm-websocket";
import { Count, assert, begin, codeOf, collectUntil, drain, equal, failure, failureOf, next, open, reaches, reported, take, test, text, turn, url } from "./harness.ts";

const never = () => new Promise<never>(() => {});

/** Returns the content of the message with a number. Some contents have only the number. */
function content(number: number): string {
  return `${number} ${"x".repeat((number * 37) % 500)}`;
}

function payload(number: number): string | Uint8Array | Blob {
  const text = content(number);
  return number % 3 === 0 ? text : number % 3 === 1 ? new TextEncoder().encode(text) : new Blob([text]);
}

/** Returns the text of a message, and whether the message is text. */
async function read({ data }: Message): Promise<[string, boolean]> {
  return typeof data === "string" ? [data, true] : [await new Response(data).text(), false];
}

/** Returns the loss that a loop throws. */
async function lossOf(action: Promise<unknown>): Promise<SessionLostError> {
  const error = await failure(action);
  if (!(error instanceof SessionLostError)) throw error;
  return error;
}

/** Returns the URL of a server of its own, and a function that makes one of its faults strike. */
function node(): { url: string; strike: (fault: string) => Promise<unknown> } {
  const key = Math.random();
  return {
    url: url(`/node/${key}/session`),
    strike: async (fault) => (await open(`/node/${key}/fault/${fault}`)).closed,
  };
}

for (const binaryType of ["arraybuffer", "blob"] as const) {
  test(`messages come once and in order over connections that are cut, as ${binaryType}`, async () => {
    const [cuts, messages] = [10, 90];
    let attempts = 0;
    const target = () => {
      attempts++;
      return url(`/session/echo/${cuts}`);
    };
    await using echo = await begin(target, { replay: 4000, binaryType });
    const send = async () => {
      for (let number = 0; number < messages; number++) await echo.send(payload(number));
      await echo.close(3000, "done");
    };
    const receive = async () => {
      let number = 0;
      for await (const message of echo) {
        if (message.type !== "text") equal(message.type, binaryType === "blob" ? "blob" : "binary");
        equal(await read(message), [content(number), number % 3 === 0]);
        number++;
      }
      equal(number, messages);
    };
    await Promise.all([send(), receive()]);
    assert(attempts > cuts, `${attempts} attempts`);
    equal(echo.peerEnd, { code: 3000, reason: "done" });
    const { transmitted, ...counts } = echo.counts;
    equal(counts, { acknowledged: messages, unacknowledged: 0, unacknowledgedBytes: 0, lost: 0, taken: messages });
    assert(transmitted > messages, `only ${transmitted} were transmitted`);
    await reaches(echo, "closed");
    equal(await drain(echo), []);
  });
}

test("a receipt resolves when the peer has processed the message", async () => {
  await using echo = await begin(url("/session/echo/0"));
  echo.pause();
  await reaches(echo, "paused");
  const [one, other] = [await echo.send("one"), echo.trySend(new Blob(["other"]))];
  const resolved: string[] = [];
  void one.processed.then(() => resolved.push("one"));
  void other.processed.then(() => resolved.push("other"));
  const all = echo.acknowledged().then(() => resolved.push("all"));
  await turn();
  equal([resolved.length, echo.counts.unacknowledged, echo.counts.unacknowledgedBytes], [0, 2, 8 + 2 * 16]);
  echo.resume();
  await all;
  equal(resolved, ["one", "other", "all"]);
  assert(one.processed === one.processed, "the core is asked once");
  equal([echo.counts.acknowledged, echo.counts.unacknowledged], [2, 0]);
  equal([(await take(echo)).data, (await read(await take(echo)))[0]], ["one", "other"]);
});

test("send waits while the replay buffer is full", async () => {
  const giving = new AbortController();
  await using echo = await begin(never, { replay: 20, signal: giving.signal });
  await echo.send("first");
  const full = (await failure(() => echo.trySend("second"))) as SendError;
  equal([full instanceof SendError, full.code, full.unsent], [true, "full", "second"]);
  const abort = new AbortController();
  const given = failure(echo.send("second", { signal: abort.signal }));
  const third = failureOf(echo.send("third"));
  const reason = new Error("enough");
  abort.abort(reason);
  assert((await given) === reason, "it rejects with the reason");
  equal(echo.counts.unacknowledged, 1);
  giving.abort();
  const error = (await third) as SendError;
  equal([error.code, error.unsent], ["sessionLost", "third"]);
});

test("a message waits for room, and then goes out in order", async () => {
  await using echo = await begin(url("/session/echo/2"), { replay: 20 });
  const sent = ["1", "2", "3", "4", "5"].map((message) => echo.send(message));
  const receipts = await Promise.all(sent);
  equal(await Promise.all([take(echo), take(echo), take(echo), take(echo), take(echo)]), ["1", "2", "3", "4", "5"].map(text));
  await Promise.all(receipts.map(({ processed }) => processed));
});

test("a send that is aborted either rejects or has sent the message", async () => {
  await using echo = await begin(url("/session/echo/0"), { replay: 20 });
  const first = await echo.send("first");
  const abort = new AbortController();
  const waiting = echo.send("second", { signal: abort.signal });
  // The acknowledgement of the first message makes room for the second one.
  await first.processed;
  abort.abort();
  const isSent = await waiting.then(
    () => true,
    () => false,
  );
  await echo.send("third");
  const messages = [await take(echo), await take(echo)];
  if (isSent) messages.push(await take(echo));
  equal(messages, (isSent ? ["first", "second", "third"] : ["first", "third"]).map(text));
});

test("acknowledged waits for the last message, though an older one has waited for room", async () => {
  await using echo = await begin(url("/session/echo/0"), { replay: 50 });
  const first = await echo.send("x".repeat(50));
  const waiting = echo.send("waits");
  await first.processed;
  echo.pause();
  await echo.send("last");
  await waiting;
  const abort = new AbortController();
  const reason = new Error("enough");
  const given = failure(echo.acknowledged({ signal: abort.signal }));
  abort.abort(reason);
  assert((await given) === reason && (await failure(echo.acknowledged({ signal: abort.signal }))) === reason, "it rejects with the reason");
  echo.resume();
  await echo.acknowledged();
  equal(echo.counts.unacknowledged, 0);
});

test("a session survives a killed server, and a loop throws the loss when the server forgets", async () => {
  const { url, strike } = node();
  await using echo = await begin(url);
  await echo.send("before");
  equal(await take(echo), text("before"));
  await strike("kill");
  const survivor = await echo.send("survives");
  equal(await take(echo), text("survives"));
  await survivor.processed;

  echo.pause();
  await reaches(echo, "paused");
  const receipt = await echo.send("in question");
  await echo.send(new Uint8Array([1]));
  await strike("forget");
  echo.resume();
  const lost = await lossOf(drain(echo));
  equal([lost.name, lost.code, lost.cause.type], ["SessionLostError", "sessionLost", "forgotten"]);
  assert(lost.message.includes("2 unacknowledged"), lost.message);
  equal(
    lost.unacknowledged.map(({ message: { type }, transmitted }) => [type, transmitted]),
    [["text", false], ["binary", false]],
  );
  equal([await codeOf(receipt.processed), echo.counts.lost], ["sessionLost", 2]);
  await echo.acknowledged(); // the loss is told

  // A new session has begun, and the next loop yields its messages.
  await (await echo.send("after")).processed;
  equal(await take(echo), text("after"));
  await echo.acknowledged();
  await echo.close();
  equal([await drain(echo), echo.peerEnd], [[], { code: 1000, reason: "" }]);
});

test("listeners are called with messages, a loss, the end and states", async () => {
  const { url, strike } = node();
  await using echo = await begin(url);
  const seen: unknown[] = [];
  echo.on("message", ({ data }) => seen.push(data));
  echo.on("end", ({ code, reason }) => seen.push([code, reason]));
  const forget = echo.on("lost", ({ cause, unacknowledged }) => seen.push([cause.type, unacknowledged.length]));
  await (await echo.send("before")).processed;
  for (const hasListener of [true, false]) {
    const isOpen = next<unknown>((listener) => echo.on("state", (state) => state.type === "open" && listener(state)));
    const loss = hasListener ? undefined : reported();
    await strike("forget");
    await isOpen;
    // Without a listener of `lost`, the loss is reported as an error of the page.
    if (!hasListener) assert((await loss) instanceof SessionLostError, "the loss is reported");
    await (await echo.send("after")).processed;
    forget();
  }
  await echo.close();
  await reaches(echo, "closed");
  const late = next<unknown>((listener) => echo.on("end", listener));
  equal(await late, { code: 1000, reason: "" });
  equal(seen, ["before", ["forgotten", 0], "after", "after", [1000, ""]]);
});

test("close ends the direction, and resolves when everything is processed", async () => {
  await using echo = await begin(url("/session/echo/3"));
  equal([await codeOf(echo.close(1001)), await codeOf(echo.close(70_000))], ["invalidCloseCode", "invalidCloseCode"]);
  equal(await codeOf(echo.close(1000, "x".repeat(124))), "reasonTooLong");
  await echo.send("last");
  const abort = new AbortController();
  const given = failure(echo.close(undefined, "bye", { signal: abort.signal }));
  const error = (await failure(echo.send("late"))) as SendError;
  equal([error.code, error.unsent, await codeOf(() => echo.trySend("late"))], ["notOpen", "late", "notOpen"]);
  const reason = new Error("enough");
  abort.abort(reason);
  assert((await given) === reason, "it rejects with the reason");
  await echo.close();
  equal(echo.counts.acknowledged, 1);
  equal([echo.peerEnd, await drain(echo), echo.peerEnd as unknown], [undefined, [text("last")], { code: 1000, reason: "bye" }]);
  await reaches(echo, "closed");
  await echo.close();
  // The wasm memory of the session is freed by now.
  equal([await codeOf(echo.send("later")), echo.counts.taken, await drain(echo)], ["sessionLost", 1, []]);
  const states: string[] = [];
  for await (const { type } of echo.states()) states.push(type);
  equal(states, ["closed"]);
});

const losses: [string, () => Promise<SessionStream>, LostCause["type"]][] = [
  ["a server that speaks another protocol", () => begin(url("/echo"), { backoff: { maxAttempts: 1 } }), "stopped"],
  ["an attempt too many", () => begin(url("/status/401"), { backoff: { base: 0, floor: 0, maxAttempts: 2 } }), "stopped"],
  ["a provider that gives up", () => begin(() => Promise.reject(new GiveUp("log in again"))), "stopped"],
];

for (const [name, open, type] of losses) {
  test(`a session is lost by ${name}`, async () => {
    await using lost = await open();
    const receipt = await lost.send("in question").catch((error: unknown) => {
      // The session may be lost by then.
      equal((error as SendError).code, "sessionLost");
    });
    const { cause, unacknowledged } = await lossOf(drain(lost));
    equal([cause.type, unacknowledged.length], [type, receipt === undefined ? 0 : 1]);
    assert(cause.type === "stopped" && cause.cause.type === "failed", "an attempt has failed");
    if (receipt !== undefined) equal(await codeOf(receipt.processed), "sessionLost");
    equal([await drain(lost), await codeOf(lost.send("late")), await codeOf(lost.close())], [[], "sessionLost", "sessionLost"]);
    equal([lost.state.type, lost.peerEnd], ["closed", undefined]);
  });
}

test("credentials are called for each connection, and can give up", async () => {
  const signals: AbortSignal[] = [];
  const credentials: SessionOptions["credentials"] = async ({ signal }) => {
    if (signals.push(signal) < 3) return "token";
    throw new GiveUp("log in again");
  };
  await using echo = await begin(url("/session/echo/0"), { credentials, protocol: "echo.v1" });
  for (const hello of ["hello", "again"]) {
    await (await echo.send(hello)).processed;
    equal(await take(echo), text(hello));
    echo.reconnectNow();
  }
  const { cause } = await lossOf(drain(echo));
  assert(cause.type === "stopped" && cause.cause.type === "failed", "an attempt has failed");
  equal([cause.cause.error.code, cause.cause.error.cause instanceof GiveUp], ["attemptFailed", true]);
  await using other = await begin(url("/session/echo/0"), { credentials: "token" });
  await other.send("hello");
  equal(await take(other), text("hello"));
  const wrong = begin(url("/session/echo/0"), { credentials: (() => 5) as never, backoff: { maxAttempts: 1 } });
  equal((await lossOf(drain(await wrong))).cause.type, "stopped");
});

test("a message that the peer does not accept is returned", async () => {
  await using echo = await begin(url("/session/echo/0"), { replay: 4 << 20 });
  await reaches(echo, "open");
  const large = new Uint8Array((1 << 20) + 1);
  const error = (await failure(echo.send(large))) as SendError;
  equal([error instanceof SendError, error.code, error.unsent === large], [true, "tooLarge", true]);
  equal(((await failure(echo.send(5 as never))) as SendError).code, "invalidMessage");
  await echo.send(large.subarray(1));
  equal(((await take(echo)).data as ArrayBuffer).byteLength, 1 << 20);
});

test("values as JSON have receipts", async () => {
  await using echo = await begin(url("/session/echo/2"));
  const rooms = echo.json<{ room: number }, { room: number }>();
  const receipt = await rooms.send({ room: 7 });
  rooms.trySend({ room: 8 });
  await receipt.processed;
  const seen: number[] = [];
  for await (const { room } of rooms) if (seen.push(room) === 2) break;
  equal(seen, [7, 8]);
});

test("with explicit, messages are processed when the page says so", async () => {
  await using echo = await begin(url("/session/echo/0"), { explicit: true, window: 100 });
  for (let number = 0; number < 20; number++) await echo.send(`message ${number}`);
  await echo.acknowledged();
  const seen: unknown[] = [];
  const all = (async () => {
    for await (const { data } of echo) if (seen.push(data) === 20) break;
  })();
  // The window has room for this many messages.
  while (seen.length < 4) await turn();
  for (let wait = 0; wait < 50; wait++) await turn();
  assert(seen.length < 20, `${seen.length} have come`);
  const processing = setInterval(() => echo.processed(), 1);
  await all;
  clearInterval(processing);
  equal(seen.length, 20);
});

test("with explicit, a message that was not given to the page is not processed", async () => {
  await using echo = await begin(url("/session/echo/0"), { explicit: true, window: 100 });
  await (await echo.send("1")).processed;
  equal(await take(echo), text("1"));
  const abort = new AbortController();
  const loop = failure(async () => {
    for await (const _ of echo.messages({ signal: abort.signal }));
  });
  abort.abort();
  await loop;
  await (await echo.send("2")).processed;
  for (let wait = 0; wait < 50; wait++) await turn();
  // The message that has arrived meanwhile does not keep this from being processed.
  echo.processed();
  equal(echo.counts.taken, 1);
  for (let number = 3; number < 7; number++) await echo.send("x".repeat(20));
  for (let number = 2; number < 5; number++) await take(echo);
  equal(echo.counts.taken, 4);
});

test("a message is taken from the session in the moment in which it is delivered", async () => {
  await using echo = await begin(url("/session/echo/0"));
  for (let number = 0; number < 20; number++) await echo.send(`${number}`);
  await echo.acknowledged();
  for (let wait = 0; wait < 50; wait++) await turn();
  let delivered = 0;
  const early: number[] = [];
  const all = new Promise<void>((resolve) => {
    echo.on("message", async () => {
      if (++delivered === 20) resolve();
      for (let microtask = 0; microtask < 20; microtask++) {
        if (echo.counts.taken > delivered) early.push(delivered);
        await undefined;
      }
    });
  });
  await all;
  equal(early, []);
});

const uses: [string, (echo: SessionStream) => Promise<unknown>][] = [
  ["takes nothing", async () => {}],
  ["has not processed what it took", take],
  [
    "has processed everything",
    async (echo) => {
      await echo.close();
      for await (const _ of echo) echo.processed();
      await reaches(echo, "closed");
    },
  ],
];

for (const [name, use] of uses) {
  test(`with explicit, a session is completed by a page that ${name}`, async () => {
    const count = new Count();
    await count.becomes("0 open");
    const echo = await begin(url(count.path("/session/echo/0")), { explicit: true });
    await (await echo.send("hello")).processed;
    await use(echo);
    await echo[Symbol.asyncDispose]();
    const end = await count.becomes("0 open");
    assert(!end.includes("4410"), `it is not given up: ${end}`);
    await count.end();
  });
}

test("disposing waits until everything is processed, though nothing takes the echoes", async () => {
  const echo = await begin(url("/session/echo/2"), { window: 1000 });
  const message = "x".repeat(1000);
  const sent = (async () => {
    for (let number = 0; number < 300; number++) await echo.send(message);
  })();
  await echo.send("last");
  // The peer waits until messages are taken.
  await sent.catch(() => {});
  equal([await echo[Symbol.asyncDispose](), await echo[Symbol.asyncDispose]()], [undefined, undefined]);
  const { acknowledged, unacknowledged, lost } = echo.counts;
  equal([acknowledged, unacknowledged, lost], [301, 0, 0]);
  equal([echo.state.type, await drain(echo), await codeOf(echo.send("late"))], ["closed", [], "sessionLost"]);
  echo.pause();
  echo.resume();
  echo.reconnectNow();
  echo.processed();
  await echo.acknowledged();
});

const readers: [string, (echo: SessionStream) => () => unknown][] = [
  [
    "a loop waits",
    (echo) => {
      const loop = drain(echo);
      return () => loop;
    },
  ],
  [
    "an iterator that waits is returned",
    (echo) => {
      const messages = echo.messages();
      // The first call gets the echo.
      void messages.next();
      void messages.next();
      return () => messages.return?.();
    },
  ],
  ["a listener is removed", (echo) => echo.on("message", () => {})],
];

for (const [name, read] of readers) {
  test(`disposing completes the session while ${name}`, async () => {
    const echo = await begin(url("/session/echo/0"));
    const finish = read(echo);
    await (await echo.send("hello")).processed;
    const disposed = echo[Symbol.asyncDispose]();
    await finish();
    await disposed;
    equal(echo.peerEnd, { code: 1000, reason: "" });
  });
}

test("a listener of `end` is called although the session is disposed of", async () => {
  const echo = await begin(url("/session/echo/0"));
  const ends: unknown[] = [];
  echo.on("end", (end) => ends.push(end));
  await echo[Symbol.asyncDispose]();
  equal(ends, [{ code: 1000, reason: "" }]);
});

test("a listener of `end` can dispose of the session", async () => {
  const echo = await begin(url("/session/echo/0"), { closeTimeout: 2 ** 31 });
  echo.on("message", () => {});
  const disposed = new Promise<void>((resolve) => {
    echo.on("end", () => resolve(echo[Symbol.asyncDispose]()));
  });
  await echo.send("hello");
  await echo.close();
  await disposed;
  equal([echo.state.type, echo.peerEnd?.code], ["closed", 1000]);
});

test("disposing takes the echoes for which the peer waits, though a loop has waited", async () => {
  const echo = await begin(url("/session/echo/0"), { window: 1000 });
  await reaches(echo, "open");
  const loop = drain(echo);
  for (let number = 0; number < 300; number++) echo.trySend("x".repeat(1000));
  await echo[Symbol.asyncDispose]();
  equal([await loop, echo.counts.acknowledged, echo.counts.lost, echo.peerEnd?.code], [[], 300, 0, 1000]);
});

/**
 * Returns a session whose server has forgotten one message, and has processed another one since. Nothing has read the loss. Returns a
 * function, too, which ends the connections, and waits until the loss is held.
 */
async function withLoss(): Promise<[echo: SessionStream, stop: () => Promise<void>]> {
  const { url, strike } = node();
  let isOver = false;
  const target = () => {
    if (isOver) throw new GiveUp("log in again");
    return url;
  };
  const echo = await begin(target);
  await reaches(echo, "open");
  echo.pause();
  await reaches(echo, "paused");
  await echo.send("in question");
  await strike("forget");
  echo.resume();
  await reaches(echo, "open");
  await (await echo.send("after")).processed;
  const stop = async () => {
    isOver = true;
    echo.reconnectNow();
    await reaches(echo, "closed");
    await turn();
  };
  return [echo, stop];
}

test("acknowledged rejects until a reader has got the loss of an earlier session", async () => {
  const [echo, stop] = await withLoss();
  equal(await codeOf(echo.acknowledged()), "sessionLost");
  await stop();
  equal([await codeOf(echo.acknowledged()), await codeOf(echo.close())], ["sessionLost", "sessionLost"]);
  equal((await lossOf(drain(echo))).unacknowledged.length, 1);
  await echo.acknowledged();
});

test("acknowledged resolves after a loss without messages", async () => {
  let attempts = 0;
  const target = () => {
    if (attempts++ > 0) throw new GiveUp("log in again");
    return url("/session/echo/0");
  };
  await using echo = await begin(target);
  await (await echo.send("hello")).processed;
  await take(echo);
  echo.reconnectNow();
  await reaches(echo, "closed");
  // The loss is held by now.
  await turn();
  await echo.acknowledged();
  equal((await lossOf(drain(echo))).unacknowledged, []);
});

test("the last state is closed, also of a session that is disposed of", async () => {
  const echo = await begin(url("/session/echo/0"));
  const types: string[] = [];
  echo.on("state", ({ type }) => types.push(type));
  await (await echo.send("hello")).processed;
  const states = (async () => {
    for await (const _ of echo.states());
  })();
  await echo[Symbol.asyncDispose]();
  equal(types.at(-1), "closed");
  await states;
  await turn();
  equal([types.indexOf("closed"), types.at(-1)], [types.length - 1, "closed"]);
});

test("disposing after a loss that nothing has read completes the session, and acknowledged and close reject", async () => {
  const [echo] = await withLoss();
  const closing = codeOf(echo.close());
  await echo[Symbol.asyncDispose]();
  equal([await closing, await codeOf(echo.close()), await codeOf(echo.acknowledged())], ["sessionLost", "sessionLost", "sessionLost"]);
  equal(echo.peerEnd?.code, 1000);
});

test("acknowledged rejects after disposing has dropped a loss that was held", async () => {
  const [echo, stop] = await withLoss();
  await stop();
  await echo[Symbol.asyncDispose]();
  equal(await codeOf(echo.acknowledged()), "sessionLost");
});

test("disposing passes a loss that was held to a listener, which may dispose, too", async () => {
  const [echo, stop] = await withLoss();
  const losses: SessionLostError[] = [];
  echo.on("lost", (lost) => {
    losses.push(lost);
    void echo[Symbol.asyncDispose]();
  });
  await stop();
  await echo[Symbol.asyncDispose]();
  equal(losses.map(({ unacknowledged }) => unacknowledged.length), [1]);
  await echo.acknowledged();
});

for (const hasListener of [true, false]) {
  test(`a loss while a session is disposed of ${hasListener ? "calls listeners of `lost`" : "is an error of the page"}`, async () => {
    const { url, strike } = node();
    const echo = await begin(url);
    await reaches(echo, "open");
    echo.pause();
    await reaches(echo, "paused");
    await echo.send("in question");
    await strike("forget");
    echo.on("message", () => {});
    const loss = hasListener ? next((listener) => echo.on("lost", listener)) : reported();
    await echo[Symbol.asyncDispose]();
    const lost = await loss;
    assert(lost instanceof SessionLostError, "it is the loss");
    equal([lost.cause.type, lost.unacknowledged.length], ["forgotten", 1]);
  });
}

test("disposing of a paused session connects, and completes the session", async () => {
  const echo = await begin(url("/session/echo/0"));
  echo.pause();
  await reaches(echo, "paused");
  await echo.send("last");
  await echo[Symbol.asyncDispose]();
  equal([echo.counts.acknowledged, echo.counts.lost, echo.peerEnd?.code], [1, 0, 1000]);
});

test("disposing waits for the peer's end, also in a browser without AbortSignal.timeout, and with the longest timeout", async () => {
  const { timeout } = AbortSignal;
  delete (AbortSignal as { timeout?: unknown }).timeout;
  try {
    for (const closeTimeout of [5000, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      const echo = await begin(url("/session/echo/0"), { closeTimeout });
      await (await echo.send("hello")).processed;
      await echo[Symbol.asyncDispose]();
      equal([echo.peerEnd?.code, echo.state.type], [1000, "closed"]);
    }
  } finally {
    AbortSignal.timeout = timeout;
  }
});

test("a signal gives the session up", async () => {
  const reason = new Error("enough");
  assert((await failure(begin(never, { signal: AbortSignal.abort(reason) }))) === reason, "it rejects with the reason");
  const count = new Count();
  await count.becomes("0 open");
  const abort = new AbortController();
  const echo = await begin(url(count.path("/session/echo/0")), { signal: abort.signal, replay: 20 });
  await count.becomes("1 open");
  echo.pause();
  const receipt = await echo.send("in question");
  const [waiting, closing, loop] = [codeOf(echo.send("waits")), codeOf(echo.close()), drain(echo)];
  const closed = next<unknown>((listener) => echo.on("state", (state) => state.type === "closed" && listener(state)));
  abort.abort();
  equal(await Promise.all([waiting, closing, loop]), ["sessionLost", "sessionLost", []]);
  equal([await closed, await codeOf(receipt.processed)], [{ type: "closed", cause: { type: "requested" } }, "sessionLost"]);
  equal([echo.state.type, await codeOf(() => echo.trySend("late"))], ["closed", "sessionLost"]);
  await count.becomes("0 open");
  await count.end();
  await using other = await begin(url("/session/echo/0"));
  const loopEnd = new AbortController();
  const call = failure(async () => {
    for await (const _ of other.messages({ signal: loopEnd.signal }));
  });
  loopEnd.abort(reason);
  assert((await call) === reason, "it rejects with the reason");
  await other.send("not lost");
  equal(await take(other), text("not lost"));
});

test("a session without references is given up when it is collected", async () => {
  const count = new Count();
  await count.becomes("0 open");
  const { processed } = await (async () => {
    const echo = await begin(url(count.path("/session/echo/0")));
    await reaches(echo, "open");
    return echo.send("hello");
  })();
  await count.becomes("1 open");
  // While somebody awaits the receipt, the session is not collected.
  await collectUntil(processed);
  await collectUntil(count.becomes("0 open"));
  await count.end();
});

test("a session with listeners is not collected after the end of the peer, while its own direction is open", async () => {
  const { WebSocket } = globalThis;
  let raw: WebSocket | undefined;
  let isCut = false;
  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      raw = this;
    }
    override send(data: Parameters<WebSocket["send"]>[0]): void {
      if (!isCut) super.send(data);
    }
  };
  try {
    const session = await (async () => {
      const echo = await begin(url("/session/echo/0"));
      await reaches(echo, "open");
      echo.on("message", () => {});
      const ended = new Promise((resolve) => echo.on("end", resolve));
      // The server would not end its direction first, and must not get the acknowledgement.
      isCut = true;
      raw?.dispatchEvent(new MessageEvent("message", { data: 'E{"code":1000}' }));
      equal(await ended, { code: 1000, reason: "" });
      return new WeakRef(echo);
    })();
    await collectUntil(new Promise((resolve) => setTimeout(resolve, 100)));
    equal(session.deref()?.state.type, "open");
    isCut = false;
    await session.deref()?.[Symbol.asyncDispose]();
  } finally {
    globalThis.WebSocket = WebSocket;
  }
});

const wrong: [unknown, string][] = [
  [{ protocols: ["chat"] }, "option `protocols`: "],
  [{ receiveLimit: {} }, "option `receiveLimit`: "],
  [{ transport: "best" }, "option `transport`: "],
  [{ protocol: 5 }, "option `protocol`: 5 is not a text"],
  [{ credentials: 5 }, "option `credentials`: "],
  [{ window: -1 }, "option `window`: "],
  [{ maxMessage: 1.5 }, "option `maxMessage`: "],
  [{ replay: "1" }, "option `replay`: "],
  [{ explicit: 1 }, "option `explicit`: "],
  [{ backoff: { max: 1 } }, "there is no option `backoff.max`"],
  [{ heartbeat: { ping: "ping" } }, "there is no option `heartbeat.ping`"],
  [{ whenLost: "resend" }, "there is no option `whenLost`"],
  [{ signal: {} }, "option `signal` is not an AbortSignal"],
  [null, "`options` is not a plain object"],
];

for (const [options, problem] of wrong) {
  test(`session: ${JSON.stringify(options)} is an error that names the option`, async () => {
    const error = await failureOf(session(url("/session/echo/0"), options as SessionOptions));
    equal([error.code, error.message.slice(0, problem.length)], ["invalidOption", problem]);
  });
}
