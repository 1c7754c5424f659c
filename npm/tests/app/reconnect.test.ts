import { type Attempt, type CloseEvent, GiveUp, type ReconnectOptions, SendError, type State, WebSocketError, reconnect } from "wasm-websocket";
import { Count, assert, binary, codeOf, collectUntil, comeBack, drain, equal, failure, failureOf, next, open, reaches, reported, take, test, text, url } from "./harness.ts";

test("messages are sent before the connection is open and afterwards", async () => {
  await using socket = await comeBack(url("/echo"), { protocols: [] });
  equal([socket.state.type, socket.counts.queued], ["connecting", 0]);
  equal([await socket.send("queued"), socket.trySend(new Uint8Array([1, 2])), await socket.send(new Blob(["blob"]))], [1, 2, 3]);
  equal(socket.counts.queued, 3);
  equal([await take(socket), await take(socket), await take(socket)], [text("queued"), binary(1, 2), binary(98, 108, 111, 98)]);
  equal([socket.state.type, socket.url, socket.protocol, socket.extensions], ["open", url("/echo"), "", ""]);
  await socket.flush();
  const { queued, unconfirmed } = socket.counts;
  equal([queued, unconfirmed, socket.dropped], [0, 3, 0]);
  equal(await socket.close(4001, "bye"), { code: 4001, reason: "bye", wasClean: true });
  equal(await socket.closed, { code: 4001, reason: "bye", wasClean: true });
  equal(socket.state, { type: "closed", cause: { type: "requested" } } as State);
});

test("text, buffers, views, blobs and images go round and large ones do, too", async () => {
  await using socket = await comeBack(url("/echo"));
  const bytes = new Uint8Array([0, 1, 2, 3, 255]);
  for (const [payload, expected] of [
    ["Grüße", text("Grüße")],
    [bytes.buffer, binary(...bytes)],
    [bytes.subarray(1, 3), binary(1, 2)],
    [new DataView(bytes.buffer, 3, 2), binary(3, 255)],
    [new Uint16Array(bytes.buffer, 0, 2), binary(0, 1, 2, 3)],
    [new File([bytes], "name.bin"), binary(...bytes)],
    [new ImageData(new Uint8ClampedArray([9, 8, 7, 6]), 1, 1), binary(9, 8, 7, 6)],
  ] as const) {
    await socket.send(payload);
    equal(await take(socket), expected);
  }
  const large = new Uint8Array(1 << 20).fill(7);
  await socket.send(large);
  // The bytes are those at the time of the call.
  large.fill(0);
  const { data } = await take(socket);
  equal([(data as ArrayBuffer).byteLength, new Uint8Array(data as ArrayBuffer)[5]], [1 << 20, 7]);
  const error = (await failure(socket.send(5 as never))) as SendError;
  equal([error instanceof SendError, error.code, error.unsent], [true, "invalidMessage", 5 as never]);
  const moved = new Uint8Array(4);
  structuredClone(moved, { transfer: [moved.buffer] });
  for (const payload of [moved, moved.buffer]) {
    for (const send of [() => socket.send(payload), () => socket.trySend(payload)]) {
      const error = (await failure(async () => send())) as SendError;
      equal([error instanceof SendError, error.code, error.unsent === payload], [true, "thrown", true]);
    }
  }
});

test("the provider is called for each attempt and may return another target", async () => {
  const asked: string[] = [];
  const paths = ["/status/503", "/echo"];
  await using socket = await comeBack(async ({ signal }) => {
    assert(signal instanceof AbortSignal && !signal.aborted, "there is a signal");
    const path = paths[asked.length] ?? "/echo";
    asked.push(path);
    await Promise.resolve();
    return asked.length === 1 ? new URL(url(path)) : { url: url(path), protocols: [] };
  });
  const states: string[] = [];
  socket.on("state", (state) => states.push(state.type));
  await socket.send("hello");
  equal(await take(socket), text("hello"));
  equal(asked, paths);
  assert(states.join().includes("waiting,connecting"), states.join());
});

test("an error of the provider is a failed attempt and its cause", async () => {
  const mistake = new Error("no token now");
  let calls = 0;
  await using socket = await comeBack(() => {
    calls++;
    if (calls < 3) throw mistake;
    throw new GiveUp("the session has expired");
  });
  const { cause } = await reaches(socket, "waiting");
  assert(cause.type === "failed" && cause.error instanceof WebSocketError, "it failed");
  equal([cause.error.code, cause.error.cause === mistake], ["attemptFailed", true]);
  const error = await failureOf(socket.closed);
  equal([error.code, error.cause instanceof GiveUp, calls], ["attemptFailed", true, 3]);
  equal(await codeOf(drain(socket)), "attemptFailed");
  equal(await drain(socket), []);
  for (const [target, code] of [[5, "invalidUrl"], [{ url: url("/echo"), protocols: "chat" }, "invalidOption"]]) {
    await using other = await comeBack((() => target) as never, { backoff: { maxAttempts: 1 } });
    const { cause } = await failureOf(other.closed);
    equal([cause instanceof WebSocketError, (cause as WebSocketError).code], [true, code]);
  }
});

test("each failed attempt has its own cause", async () => {
  const mistakes = [new Error("first"), new TypeError("second"), new GiveUp("third")];
  let calls = 0;
  await using socket = await comeBack(() => {
    const mistake = mistakes[calls++];
    // The second attempt ends by its timeout.
    return calls === 2 ? new Promise<never>(() => {}) : Promise.reject(mistake);
  }, { backoff: { base: 0, floor: 0 }, connectTimeout: 20 });
  const states = socket.states();
  await states.next();
  // The other states are read when all attempts have failed.
  await failureOf(socket.closed);
  const causes: unknown[] = [];
  for await (const state of states) {
    if (state.type !== "waiting" && state.type !== "closed") continue;
    causes.push(state.cause.type === "failed" && mistakes.indexOf(state.cause.error.cause as Error));
  }
  equal(causes, [0, -1, 2]);
});

test("it gives up after the maximum of attempts", async () => {
  await using socket = await comeBack(url("/status/401"), { backoff: { base: 0, floor: 0, maxAttempts: 3 } });
  const attempts: number[] = [];
  socket.on("state", (state) => void (state.type === "connecting" && attempts.push(state.attempt)));
  const failed = new Promise<WebSocketError>((resolve) => socket.on("error", resolve));
  equal([await codeOf(socket.closed), (await failed).code, attempts], ["connectFailed", "connectFailed", [1, 2, 3]]);
  const error = (await failure(socket.send("late"))) as SendError;
  equal([error.code, error.unsent], ["notOpen", "late"]);
});

test("a lost connection after which it stops is a close that is not clean, and no error", async () => {
  for (const options of [{ backoff: { maxAttempts: 1 } }, { afterClose: () => "stop" as const }]) {
    await using socket = await comeBack(url("/reset"), options);
    const types: string[] = [];
    socket.on("error", () => types.push("error"));
    const closed = next<CloseEvent | undefined>((listener) => socket.on("close", listener));
    await socket.send("now");
    equal([(await closed)?.wasClean, (await socket.closed)?.code, types], [false, 1006, []]);
  }
});

test("queued messages can be taken back after it was closed for good", async () => {
  for (const hasReader of [true, false]) {
    const [gaveUp, closed] = await Promise.all([
      comeBack(url("/status/401"), { backoff: { base: 0, floor: 0, maxAttempts: 1 } }),
      comeBack(() => new Promise<never>(() => {})),
    ]);
    for (const socket of [gaveUp, closed]) {
      if (hasReader) socket.on("message", () => {});
      await socket.send("queued");
    }
    const taken = new Promise((resolve) => gaveUp.on("error", () => resolve(gaveUp.takeQueued())));
    await closed.close();
    for (const socket of [gaveUp, closed]) {
      await socket.closed.catch(() => {});
      const { queued, takenBack } = socket.counts;
      equal([queued + takenBack, socket === gaveUp ? await taken : socket.takeQueued()], [1, [text("queued")]]);
      equal([socket.counts.queued, socket.counts.takenBack, socket.takeQueued()], [0, 1, []]);
    }
  }
});

test("messages in doubt can be taken after it was closed for good", async () => {
  const key = Math.random();
  await using socket = await comeBack(url(`/fault/reset-by/${key}`), { afterClose: () => "stop" });
  const loop = codeOf(drain(socket));
  await reaches(socket, "open");
  await socket.send("text");
  await socket.flush();
  await open(`/fault/reset-now/${key}`);
  equal([await loop, (await socket.closed)?.code], ["unclean", 1006]);
  equal(socket.takeInDoubt(), { count: 1, messages: [{ number: 1, message: text("text") }] });
  equal([socket.counts.inDoubt, socket.takeInDoubt()], [1, { count: 0, messages: [] }]);
});

test("large bytes are sent as bytes where Blobs have no streams, as in jsdom", async () => {
  const { stream } = Blob.prototype;
  const { send } = WebSocket.prototype;
  const sent: boolean[] = [];
  WebSocket.prototype.send = function (data) {
    sent.push(data instanceof Blob);
    send.call(this, data);
  };
  try {
    for (const hasStreams of [true, false]) {
      if (!hasStreams) delete (Blob.prototype as { stream?: unknown }).stream;
      await using socket = await comeBack(url("/echo"));
      await socket.send(new Uint8Array(70_000).fill(7));
      equal([...new Uint8Array((await take(socket)).data as ArrayBuffer)].filter((byte) => byte === 7).length, 70_000);
    }
    equal(sent, [true, false]);
  } finally {
    Blob.prototype.stream = stream;
    WebSocket.prototype.send = send;
  }
});

test("an invalid URL ends it", async () => {
  await using socket = await comeBack("ftp://127.0.0.1/");
  equal(await codeOf(socket.closed), "invalidUrl");
});

test("the caller decides what follows a close", async () => {
  const seen: number[] = [];
  const options: ReconnectOptions = {
    afterClose: ({ code, reason }) => {
      equal(reason, "bye");
      return seen.push(code) === 1 ? { retryAfter: 1 } : seen.length === 2 ? "retry" : "stop";
    },
  };
  await using socket = await comeBack(url("/close/4001/bye"), options);
  equal((await socket.closed)?.code, 4001);
  equal(seen, [4001, 4001, 4001]);
  await using other = await comeBack(url("/close/1000/bye"), { afterClose: () => undefined });
  equal((await other.closed)?.code, 1000);
});

test("flush fails after the end while messages are still to be sent again", async () => {
  const key = Math.random();
  await using socket = await comeBack(url(`/fault/reset-by/${key}`), { afterClose: () => "stop", whenLost: "resend" });
  await reaches(socket, "open");
  await socket.send("text");
  await socket.flush();
  await open(`/fault/reset-now/${key}`);
  await socket.closed;
  // Before and after the messages are taken, which frees the core.
  equal([await codeOf(socket.flush()), await codeOf(drain(socket)), await codeOf(socket.flush())], ["notOpen", "unclean", "notOpen"]);
  equal(socket.takeInDoubt().count, 1);
  await socket.flush();
});

for (const [name, wrong] of [["null", null], ["a promise", Promise.resolve("stop")], ["a bigint", { retryAfter: 5n }]] as const) {
  test(`an afterClose that returns ${name} means the default`, async () => {
    const error = wrong === null ? undefined : reported();
    await using socket = await comeBack(url("/close/1000/bye"), { afterClose: () => wrong as never });
    equal((await socket.closed)?.code, 1000);
    equal(((await error) as WebSocketError | undefined)?.code, wrong === null ? undefined : "invalidOption");
  });
}

test("a preamble sends and receives before anything queued", async () => {
  const attempts: Attempt[] = [];
  await using socket = await comeBack(url("/echo"), {
    onOpen: async (opening, attempt) => {
      attempts.push(attempt);
      equal([opening.url, opening.protocol, opening.extensions], [url("/echo"), "", ""]);
      await opening.send("hello");
      equal(await opening.receive(), text("hello"));
      const late = opening.receive();
      await Promise.all([opening.send("one"), opening.send(new Uint8Array([2]))]);
      equal(await late, text("one"));
      escaped = opening;
    },
  });
  let escaped: Parameters<NonNullable<ReconnectOptions["onOpen"]>>[0] | undefined;
  await socket.send("queued");
  equal([await take(socket), await take(socket)], [binary(2), text("queued")]);
  equal(attempts.map(({ number, cause, inDoubt }) => [number, cause.type, inDoubt.count]), [[1, "requested", 0]]);
  equal([await codeOf(() => escaped?.send("late")), await codeOf(() => escaped?.receive())], ["notOpen", "notOpen"]);
});

test("a preamble that fails is a failed attempt, and the last one if it gives up", async () => {
  let calls = 0;
  await using socket = await comeBack(url("/echo"), {
    onOpen: () => {
      throw ++calls < 3 ? new Error("not yet") : new GiveUp("never");
    },
  });
  const error = await failureOf(socket.closed);
  equal([error.code, error.message.endsWith("never"), calls], ["attemptFailed", true, 3]);
});

test("the signals of a preamble and a provider are aborted when the attempt is given up", async () => {
  const aborted: string[] = [];
  const never = (name: string, signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted.push(name);
        reject(signal.reason);
      });
    });
  const backoff = { maxAttempts: 1 };
  await using one = await reconnect(({ signal }) => never("provider", signal), { backoff, connectTimeout: 30 });
  equal(await codeOf(one.closed), "attemptFailed");
  const onOpen: ReconnectOptions["onOpen"] = (_, { signal }) => never("preamble", signal);
  await using other = await reconnect(url("/echo"), { backoff, connectTimeout: 1000, onOpen });
  equal(await codeOf(other.closed), "connectTimeout");
  equal(aborted, ["provider", "preamble"]);
});

test("messages in doubt are reported and can be taken", async () => {
  const key = Math.random();
  let opened = 0;
  await using socket = await comeBack(() => url(opened++ === 0 ? `/fault/reset-by/${key}` : "/echo"));
  await reaches(socket, "open");
  await socket.send("text");
  await socket.send(new Uint8Array([1]));
  await socket.flush();
  equal(socket.counts.unconfirmed, 2);
  const doubt = reaches(socket, "inDoubt");
  const reported = new Promise((resolve) => socket.on("report", resolve));
  await open(`/fault/reset-now/${key}`);
  equal((await doubt).messages, 2);
  equal(await reported, { type: "inDoubt", messages: 2 });
  equal(socket.counts.inDoubt, 2);
  equal(socket.takeInDoubt(), {
    count: 2,
    messages: [
      { number: 1, message: text("text") },
      { number: 2, message: binary(1) },
    ],
  });
  // The count stays: it is unknown whether the peer has received the messages, taken or not.
  equal([socket.counts.inDoubt, socket.takeInDoubt()], [2, { count: 0, messages: [] }]);
});

test("messages in doubt are sent again, except those that the preamble confirms", async () => {
  const key = Math.random();
  let opened = 0;
  const doubts: unknown[] = [];
  await using socket = await comeBack(() => url(opened++ === 0 ? `/fault/reset-by/${key}` : "/echo"), {
    whenLost: "resend",
    onOpen: (_, attempt) => {
      doubts.push(attempt.inDoubt.messages.map(({ number }) => number));
      if (opened === 2) equal(attempt.confirm(1), 1);
    },
  });
  await reaches(socket, "open");
  for (const message of ["one", "two", "three"]) await socket.send(message);
  await socket.flush();
  await open(`/fault/reset-now/${key}`);
  while (doubts.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  await reaches(socket, "open");
  await socket.send("end");
  const seen: unknown[] = [];
  for await (const { data } of socket) if (seen.push(data) > 0 && data === "end") break;
  // Before these, there may be echoes from the first connection.
  equal(seen.slice(-3), ["two", "three", "end"]);
  equal(doubts, [[], [1, 2, 3]]);
  equal([socket.confirm(3), socket.counts.unconfirmed, socket.counts.confirmed], [2, 1, 3]);
});

test("a heartbeat confirms messages, and detects a peer that is gone", async () => {
  for (const pong of ["ping", ({ data }: { data: unknown }) => data === "ping"]) {
    await using socket = await comeBack(url("/echo"), { heartbeat: { ping: "ping", pong, interval: 10 } });
    await socket.send("hello");
    equal(await take(socket), text("hello"));
    while (socket.counts.confirmed < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    await socket.close();
    equal(await drain(socket), []);
  }
  await using silent = await comeBack(url("/fault/half-open"), { heartbeat: { ping: "ping", pong: "pong", interval: 10, timeout: 20 } });
  const { cause } = await reaches(silent, "waiting");
  assert(cause.type === "failed", cause.type);
  equal([cause.error.code, cause.error.message], ["heartbeatTimeout", "the peer did not answer the heartbeat within 20 ms"]);
});

test("the queue has a limit and a policy", async () => {
  const never = () => new Promise<never>(() => {});
  await using strict = await comeBack(never, { queueLimit: { messages: 2 } });
  await Promise.all([strict.send("1"), strict.send("2")]);
  const full = (await failure(strict.send("3"))) as SendError;
  equal([full.code, full.unsent, strict.counts.rejected], ["full", "3", 1]);
  equal([strict.takeQueued(), strict.counts.takenBack], [[text("1"), text("2")], 2]);

  await using open = await comeBack(never, { queueLimit: { bytes: Infinity, messages: Infinity }, unconfirmedLimit: { bytes: Infinity } });
  for (let number = 1; number <= 2000; number++) equal(open.trySend(number % 2 === 0 ? "x".repeat(1000) : ""), number);
  equal(open.takeQueued().length, 2000);

  await using fresh = await comeBack(never, { queueLimit: { messages: 2, whenFull: "dropOldest" } });
  for (const message of ["1", "2", "3"]) await fresh.send(message);
  equal([fresh.takeQueued(), fresh.counts.dropped], [[text("2"), text("3")], 1]);

  await using patient = await comeBack(never, { queueLimit: { bytes: 1, whenFull: "wait" } });
  await patient.send("1");
  const abort = new AbortController();
  const waiting = [failure(patient.send("2", { signal: abort.signal })), patient.send("3")] as const;
  equal(await codeOf(() => patient.trySend("4")), "full");
  const reason = new Error("enough");
  abort.abort(reason);
  // There is room before the promise rejects, and the message is not queued.
  equal(patient.takeQueued(), [text("1")]);
  assert((await waiting[0]) === reason, "it rejects with the reason");
  await waiting[1];
  equal(patient.takeQueued(), [text("3")]);
});

test("a pause closes and a resume connects again", async () => {
  const count = new Count();
  await count.becomes("0 open");
  await using socket = await comeBack(url(count.path("/echo")));
  await count.becomes("1 open");
  socket.pause();
  await reaches(socket, "paused");
  await count.becomes("0 open");
  equal(await socket.send("queued"), 1);
  socket.resume();
  equal(await take(socket), text("queued"));
  socket.reconnectNow();
  await reaches(socket, "connecting");
  await socket.send("again");
  equal(await take(socket), text("again"));
  await count.end();
});

test("a signal closes it for good", async () => {
  const reason = new Error("enough");
  assert((await failure(comeBack(url("/echo"), { signal: AbortSignal.abort(reason) }))) === reason, "it rejects with the reason");
  const abort = new AbortController();
  const socket = await comeBack(url("/echo"), { signal: abort.signal });
  await socket.send("hello");
  equal(await take(socket), text("hello"));
  abort.abort();
  equal((await socket.closed)?.code, 1005);
  const loop = new AbortController();
  await using other = await comeBack(url("/echo"));
  const calls = [
    failure(async () => {
      for await (const _ of other.messages({ signal: loop.signal }));
    }),
    failure(async () => {
      for await (const _ of other.states({ signal: loop.signal }));
    }),
  ];
  loop.abort(reason);
  for (const call of calls) assert((await call) === reason, "it rejects with the reason");
});

test("states can be iterated over from the current one to the last", async () => {
  const socket = await comeBack(url("/close/1000/bye"));
  const states: string[] = [];
  for await (const { type } of socket.states()) states.push(type);
  equal(states, ["connecting", "open", "closed"]);
  for await (const { type } of socket.states()) equal(type, "closed");
});

test("a stream that was disposed of can be used like a closed one", async () => {
  const socket = await comeBack(() => new Promise<never>(() => {}));
  await socket.send("not sent");
  const loop = drain(socket);
  await socket[Symbol.asyncDispose]();
  await socket[Symbol.asyncDispose]();
  equal(await loop, []);
  equal([await codeOf(socket.send("late")), await codeOf(() => socket.trySend("late")), await codeOf(socket.flush())], ["notOpen", "notOpen", "notOpen"]);
  equal([await socket.close(), await socket.closed, await drain(socket)], [undefined, undefined, []]);
  equal([socket.state.type, socket.counts.queued, socket.dropped, socket.confirm(1)], ["closed", 1, 0, 0]);
  equal([socket.takeInDoubt(), socket.takeQueued()], [{ count: 0, messages: [] }, [text("not sent")]]);
  socket.pause();
  socket.resume();
  socket.reconnectNow();
});

test("the network that comes back shortens the delay after a close for which `afterClose` returns retry", async () => {
  for (const after of ["retry", { retryAfter: 0 }] as const) {
    const backoff = { base: 60_000, cap: 60_000, floor: 60_000 };
    await using socket = await reconnect(url("/close/4000/bye"), { backoff, afterClose: () => after });
    const delays: number[] = [];
    for await (const state of socket.states()) {
      if (state.type !== "waiting") continue;
      if (delays.push(state.delay) === 2) break;
      dispatchEvent(new Event("online"));
    }
    const [first = 0, second = Infinity] = delays;
    assert(first >= 60_000 && second <= 500, `${second} ms after ${first} ms is soon`);
  }
});

test("a stream without references is closed when it is collected, also after its listeners were removed", async () => {
  const types = ["message", "state", "report", "close", "error"] as const;
  for (const listened of [[], types]) {
    const count = new Count();
    await count.becomes("0 open");
    await (async () => {
      const stream = await comeBack(url(count.path("/echo")));
      for (const type of listened) stream.on(type, () => {})();
    })();
    await count.becomes("1 open");
    await collectUntil(count.becomes("0 open"));
    await count.end();
  }
});

const wrong: [unknown, string][] = [
  [{ backof: {} }, "there is no option `backof`"],
  [{ backoff: { base: -1 } }, "option `backoff.base`: -1 is not a whole number"],
  [{ backoff: { max: 1 } }, "there is no option `backoff.max`"],
  [{ heartbeat: { ping: "ping", pong: 5 } }, "option `heartbeat.pong`: "],
  [{ heartbeat: { ping: 5, pong: "pong" } }, "option `heartbeat.ping`: "],
  [{ heartbeat: { pong: "pong" } }, "option `heartbeat.ping` is missing"],
  [{ heartbeat: { ping: "ping" } }, "option `heartbeat.pong` is missing"],
  [{ queueLimit: { whenFull: "drop" } }, "option `queueLimit.whenFull`: \"drop\" is none of "],
  [{ unconfirmedLimit: 5 }, "`unconfirmedLimit` is not a plain object"],
  [{ unconfirmedLimit: { bytes: -Infinity } }, "option `unconfirmedLimit.bytes`: -Infinity is not a whole number"],
  [{ whenLost: "retry" }, "option `whenLost`: "],
  [{ afterClose: "stop" }, "option `afterClose`: "],
  [{ onOpen: {} }, "option `onOpen`: "],
  [{ protocols: "chat" }, "option `protocols`: "],
  [{ signal: {} }, "option `signal` is not an AbortSignal"],
  [null, "`options` is not a plain object"],
];

for (const [options, problem] of wrong) {
  test(`reconnect: ${JSON.stringify(options)} is an error that names the option`, async () => {
    const error = await failureOf(reconnect(url("/echo"), options as ReconnectOptions));
    equal([error.code, error.message.slice(0, problem.length)], ["invalidOption", problem]);
  });
}
