import { DecodeError, type Schema, SendError } from "wasm-websocket";
import { assert, comeBack, equal, failure, open, take, test, text, url } from "./harness.ts";

/** A schema as a library would make it: accepts objects with a `text`. */
const said: Schema<{ text: string }, { text: string }> = {
  "~standard": {
    validate: (value) => {
      const { text } = (value ?? {}) as { text?: unknown };
      return typeof text === "string"
        ? { value: { text: text.trim() } }
        : { issues: [{ message: "expected a string", path: [{ key: "text" }] }] };
    },
  },
};

/** The same schema, but asynchronous. */
const slow: Schema<{ text: string }, { text: string }> = {
  "~standard": {
    validate: async (value) => {
      await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
      return said["~standard"].validate(value);
    },
  },
};

test("values go out as JSON and come back from text, bytes and Blobs", async () => {
  await using socket = await open("/echo");
  const chat = socket.json<{ room: number }, { room: number }>();
  await chat.send({ room: 1 });
  chat.trySend({ room: 2 });
  await socket.send(new TextEncoder().encode('{"room":3}'));
  await take(socket).then((message) => equal(message, text('{"room":1}')));
  const rooms: number[] = [];
  for await (const { room } of chat) if (rooms.push(room) === 2) break;
  socket.binaryType = "blob";
  await socket.send(new Blob(['{"room":4}']));
  for await (const { room } of chat) if (rooms.push(room) === 3) break;
  equal(rooms, [2, 3, 4]);
  assert(chat.socket === socket, "`socket` is the connection");
});

test("a message that cannot be decoded ends a loop and the next loop continues", async () => {
  await using socket = await open("/echo");
  for (const message of ["{", '{"text":5}', '{"text":" hi "}']) await socket.send(message);
  const chat = socket.json<unknown, { text: string }>(said);
  const loop = async () => {
    for await (const value of chat) return value;
  };
  const notJson = (await failure(loop())) as DecodeError;
  assert(notJson instanceof DecodeError && notJson.code === "decode", "it is a `DecodeError`");
  equal([notJson.data, notJson.issues, notJson.cause instanceof SyntaxError], [text("{"), [], true]);
  const unfit = (await failure(loop())) as DecodeError;
  equal(unfit.message, "the message does not fit its schema: `text`: expected a string");
  equal([unfit.data, unfit.issues.length], [text('{"text":5}'), 1]);
  equal(await loop(), { text: "hi" });
});

test("a message whose schema throws ends a loop, and is in the error", async () => {
  await using socket = await open("/echo");
  for (const validate of [() => { throw new TypeError("Invalid URL"); }, () => Promise.reject(new TypeError("Invalid URL"))]) {
    await socket.send('{"link":"x"}');
    const links = socket.json<unknown, unknown>({ "~standard": { validate } });
    const error = (await failure(links.values().next())) as DecodeError;
    equal([error instanceof DecodeError, error.message], [true, "the schema has thrown: TypeError: Invalid URL"]);
    equal([error.data, error.cause instanceof TypeError], [text('{"link":"x"}'), true]);
  }
});

test("a value whose schema throws is not sent, and the error says so", async () => {
  await using socket = await open("/echo");
  const throws = () => { throw new TypeError("Invalid URL"); };
  const rejects = () => Promise.reject(new TypeError("Invalid URL"));
  const links = (validate: () => never | Promise<never>) => socket.json<string, unknown>(undefined, { "~standard": { validate } });
  for (const send of [links(throws).send("x"), links(rejects).send("x"), () => links(throws).trySend("x")]) {
    const error = (await failure(send)) as SendError;
    equal([error instanceof SendError, error.code, error.message], [true, "encode", "the schema has thrown: TypeError: Invalid URL"]);
  }
});

test("a schema of another frame may be asynchronous", async () => {
  await using socket = await open("/echo");
  const frame = document.body.appendChild(document.createElement("iframe"));
  const inFrame = frame.contentWindow as unknown as { Promise: PromiseConstructor };
  const validate = (value: unknown) => inFrame.Promise.resolve(said["~standard"].validate(value));
  const chat = socket.json({ "~standard": { validate } } as typeof said, { "~standard": { validate } } as typeof said);
  await chat.send({ text: " hi " });
  equal(await failure(chat.send({ text: 5 } as never)).then((error) => (error as SendError).code), "encode");
  equal((await chat.values().next()).value, { text: "hi" });
  await socket.send('{"text":5}');
  assert((await failure(chat.values().next())) instanceof DecodeError, "the value is checked");
  frame.remove();
});

test("a value that is not JSON or does not fit the schema is not sent", async () => {
  await using socket = await open("/echo");
  const chat = socket.json(undefined, said);
  for (const send of [chat.send({ text: 5 } as never), () => chat.trySend({} as never)]) {
    const error = (await failure(send)) as SendError;
    equal([error instanceof SendError, error.code], [true, "encode"]);
  }
  const any = socket.json();
  const loop: { self?: unknown } = {};
  loop.self = loop;
  for (const value of [undefined, () => {}, loop, 5n]) {
    equal(((await failure(any.send(value))) as SendError).code, "encode");
  }
  await chat.send({ text: " first " });
  equal(await take(socket), text('{"text":"first"}'));
});

test("a schema may be asynchronous and no value overtakes another", async () => {
  await using socket = await open("/echo");
  const chat = socket.json(slow, slow);
  const texts = ["a", "b", "c", "d"];
  await Promise.all(texts.map((text) => chat.send({ text })));
  const seen: string[] = [];
  for await (const { text } of chat) if (seen.push(text) === texts.length) break;
  equal(seen, texts);
  equal(((await failure(() => chat.trySend({ text: "now" }))) as SendError).code, "encode");
});

test("a value that is checked at once does not overtake one that is still checked", async () => {
  const mixed: Schema<unknown, { n: number; wait?: Promise<void> }> = {
    "~standard": {
      validate: (value) => {
        const { n, wait } = value as { n: number; wait?: Promise<void> };
        return wait === undefined ? { value: { n } } : wait.then(() => ({ value: { n } }));
      },
    },
  };
  await using socket = await open("/echo");
  const chat = socket.json(undefined, mixed);
  let go = () => {};
  const sent = [chat.send({ n: 1, wait: new Promise((resolve) => (go = resolve)) }), chat.send({ n: 2 })];
  const refused = (await failure(() => chat.trySend({ n: 0 }))) as SendError;
  equal([refused.code, refused.unsent], ["full", '{"n":0}']);
  go();
  // In each microtask until both are sent.
  let [count, isSent] = [2, false];
  void Promise.all(sent).then(() => (isSent = true));
  for (; !isSent; await undefined) sent.push(chat.send({ n: ++count }));
  await Promise.all(sent);
  chat.trySend({ n: ++count });
  const seen: number[] = [];
  for await (const { n } of socket.json<unknown, { n: number }>()) if (seen.push(n) === count) break;
  equal(seen, Array.from({ length: count }, (_, index) => index + 1));
});

test("a signal ends the wait for a schema, and later values do not wait for it", async () => {
  const checking: Schema<unknown, { n: number; wait?: Promise<void> }> = {
    "~standard": {
      validate: (value) => {
        const { n, wait } = value as { n: number; wait?: Promise<void> };
        return wait === undefined ? { value: { n } } : wait.then(() => ({ value: { n } }));
      },
    },
  };
  await using socket = await open("/echo");
  const chat = socket.json(undefined, checking);
  const never = () => new Promise<void>(() => {});
  let go = () => {};
  const first = chat.send({ n: 1, wait: new Promise((resolve) => (go = resolve)) });
  const abort = new AbortController();
  const { signal } = abort;
  // The last of these has been checked, and waits for its turn.
  const given = [chat.send({ n: 2, wait: never() }, { signal }), chat.send({ n: 3 }, { signal })].map(failure);
  const last = chat.send({ n: 4 });
  const reason = new Error("enough");
  abort.abort(reason);
  for (const error of await Promise.all(given)) assert(error === reason, "it rejects with the reason");
  go();
  await Promise.all([first, last]);
  equal(await take(socket), text('{"n":1}'));
  equal(await take(socket), text('{"n":4}'));
});

test("a signal ends a loop over values", async () => {
  await using socket = await open("/echo");
  const reason = new Error("enough");
  const ended = await failure(socket.json().values({ signal: AbortSignal.abort(reason) }).next());
  assert(ended === reason, "it rejects with the reason");
});

test("values sent over a connection that comes back have numbers", async () => {
  await using socket = await comeBack(url("/echo"));
  const chat = socket.json<{ text: string }, { text: string }>(said);
  equal([await chat.send({ text: "a" }), chat.trySend({ text: "b" })], [1, 2]);
  for await (const { text } of chat) if (text === "b") break;
});
