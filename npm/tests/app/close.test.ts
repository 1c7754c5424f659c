import type { WebSocketError } from "wasm-websocket";
import { Count, assert, codeOf, drain, equal, failure, failureOf, next, open, test } from "./harness.ts";

test("a close resolves with the peer's code and reason", async () => {
  const socket = await open("/echo");
  const event = { code: 4001, reason: "enough", wasClean: true };
  equal(await socket.close(4001, "enough"), event);
  equal(await socket.closed, event);
  equal(await socket.close(), event);
  equal(socket.readyState, WebSocket.CLOSED);
});

test("a close without a code is seen as 1005, with a reason alone as 1000", async () => {
  for (const [reason, code] of [[undefined, 1005], ["done", 1000]] as const) {
    const count = new Count();
    await count.becomes("0 open");
    const socket = await open(count.path("/echo"));
    equal((await socket.close(undefined, reason)).code, code);
    assert((await count.becomes("0 open, 0 received, closed")).endsWith(`closed with ${code}`), "the peer sees it");
    await count.end();
  }
});

test("a close that is not allowed closes nothing", async () => {
  await using socket = await open("/echo");
  for (const code of [0, 999, 1001, 1005, 1006, 2999, 5000, 66_536, -1, 1000.5, Number.NaN]) {
    const error = await failureOf(socket.close(code));
    equal([error.code, error.message], ["invalidCloseCode", `close code ${code} is not allowed; use 1000 or 3000–4999`]);
  }
  equal(await codeOf(socket.close(1000, "€".repeat(42))), "reasonTooLong");
  equal(socket.readyState, WebSocket.OPEN);
});

test("the peer's close ends loops and resolves closed", async () => {
  const socket = await open("/close/4001/bye");
  equal(await drain(socket), []);
  equal(await socket.closed, { code: 4001, reason: "bye", wasClean: true });
});

test("a lost connection ends without a closing handshake", async () => {
  const socket = await open("/reset");
  const lost = next<WebSocketError>((listener) => socket.on("error", listener));
  await socket.send("now");
  equal(await codeOf(drain(socket)), "unclean");
  equal((await lost).code, "unclean");
  equal(await drain(socket), []);
  const { code, wasClean } = await socket.closed;
  equal([code, wasClean], [1006, false]);
});

test("a close times out", async () => {
  const socket = await open("/stall", { closeTimeout: 50 });
  const loop = codeOf(drain(socket));
  const error = await failureOf(socket.close());
  equal([error.code, error.message], ["closeTimeout", "the peer did not answer the close within 50 ms"]);
  equal(await codeOf(socket.closed), "closeTimeout");
  equal(await codeOf(socket.close()), "closeTimeout");
  equal(await loop, "closeTimeout");
});

test("a signal cancels waiting for the close", async () => {
  const socket = await open("/stall/300", { closeTimeout: 60_000 });
  const abort = new AbortController();
  const closing = socket.close(1000, "", { signal: abort.signal });
  const reason = new Error("enough");
  abort.abort(reason);
  assert((await failure(closing)) === reason, "it rejects with the reason");
  equal(socket.readyState, WebSocket.CLOSING);
  equal((await socket.closed).wasClean, false);
});

test("await using closes", async () => {
  const count = new Count();
  await count.becomes("0 open");
  {
    await using socket = await open(count.path("/echo"));
    await count.becomes("1 open");
    equal(socket.readyState, WebSocket.OPEN);
  }
  await count.becomes("0 open, 0 received, closed with 1005");
  await count.end();
  {
    await using silent = await open("/stall", { closeTimeout: 50 });
    equal(silent.readyState, WebSocket.OPEN);
  }
});
