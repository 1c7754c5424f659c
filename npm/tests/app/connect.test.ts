import { WebSocketError, connect, preload, preloadReconnect, preloadSession } from "wasm-websocket";
import wasm from "wasm-websocket/core_bg.wasm?url";
import { Count, assert, codeOf, equal, failure, failureOf, open, take, test, text, url } from "./harness.ts";

/** Returns the number of requests for wasm. */
function loads(): number {
  return performance.getEntriesByType("resource").filter(({ name }) => name.includes(".wasm")).length;
}

// This must be the first of all tests: no wasm is loaded yet.
test("preload loads the wasm without connecting, and connect does not load it again", async () => {
  const loaded = [loads()];
  for (const load of [preload, preload, preloadReconnect, preloadSession]) {
    await load();
    loaded.push(loads());
  }
  equal(loaded, [0, 1, 1, 2, 3]);
  const again = await import("wasm-websocket");
  assert(again.connect === connect, "a second import returns the same module");
  const sockets = await Promise.all([open("/echo"), open("/echo"), again.connect(url("/echo"))]);
  equal(loads(), 3);
  await Promise.all(sockets.map((socket) => socket.close()));
});

test("the wasm is served as application/wasm", async () => {
  const response = await fetch(wasm);
  equal([response.status, response.headers.get("content-type")], [200, "application/wasm"]);
});

test("an open connection has a URL, a protocol and extensions", async () => {
  await using socket = await open("/protocol/chat.v2", { protocols: ["chat.v2", "chat.v1"] });
  equal(socket.url, url("/protocol/chat.v2"));
  equal(socket.protocol, "chat.v2");
  equal(socket.extensions, "");
  equal(socket.readyState, WebSocket.OPEN);
  equal(socket.bufferedAmount, 0);
  equal(socket.dropped, 0);
});

test("a URL may be an object, or relative", async () => {
  for (const address of [new URL(url("/echo")), "/echo"]) {
    await using socket = await connect(address);
    equal(socket.url, url("/echo"));
  }
});

test("a failed connect rejects with a code", async () => {
  equal(await codeOf(connect("ftp://127.0.0.1/")), "invalidUrl");
  equal(await codeOf(open("/echo", { protocols: ["a b"] })), "invalidProtocol");
  equal(await codeOf(open("/echo", { protocols: ["chat", "chat"] })), "duplicateProtocol");
  equal(await codeOf(open("/status/401")), "connectFailed");
  const error = await failureOf(open("/hang", { connectTimeout: 50 }));
  equal(error.code, "connectTimeout");
  equal(error.message, `\`${url("/hang")}\` did not connect within 50 ms`);
  assert(error instanceof WebSocketError && error instanceof Error, "it is a `WebSocketError`");
  equal(error.name, "WebSocketError");
});

test("an aborted signal prevents connecting", async () => {
  const reason = new Error("enough");
  const { WebSocket } = globalThis;
  let made = 0;
  globalThis.WebSocket = class extends WebSocket {
    constructor(...of: ConstructorParameters<typeof WebSocket>) {
      super(...of);
      made++;
    }
  };
  try {
    assert((await failure(open("/echo", { signal: AbortSignal.abort(reason) }))) === reason, "it has the same reason");
    equal(made, 0);
    await using socket = await open("/echo");
    equal(socket.readyState, 1);
    equal(made, 1);
  } finally {
    globalThis.WebSocket = WebSocket;
  }
});

test("aborting the signal cancels connecting", async () => {
  const abort = new AbortController();
  const connecting = open("/hang", { signal: abort.signal });
  const reason = new Error("enough");
  abort.abort(reason);
  assert((await failure(connecting)) === reason, "it rejects with the reason");
  const timeout = await failure(open("/hang", { signal: AbortSignal.timeout(50) }));
  equal((timeout as DOMException).name, "TimeoutError");
});

test("aborting the signal while the connection opens closes it", async () => {
  const { WebSocket } = globalThis;
  const count = new Count();
  await count.becomes("0 open");
  for (const isFirst of [true, false]) {
    const abort = new AbortController();
    globalThis.WebSocket = class extends WebSocket {
      constructor(...of: ConstructorParameters<typeof WebSocket>) {
        super(...of);
        const listen = () => this.addEventListener("open", () => abort.abort());
        // Adds the listener before or after the package's own.
        if (isFirst) listen();
        else queueMicrotask(listen);
      }
    };
    const opening = open(count.path("/echo"), { signal: abort.signal });
    const ending = await opening.then(({ closed }) => closed, (error: unknown) => error);
    globalThis.WebSocket = WebSocket;
    equal(ending === abort.signal.reason, isFirst);
    await count.becomes("1 open");
    await count.becomes("0 open");
  }
  await count.end();
});

test("aborting the signal closes the connection", async () => {
  const abort = new AbortController();
  const socket = await open("/echo", { signal: abort.signal });
  await socket.send("before");
  equal(await take(socket), text("before"));
  abort.abort();
  equal(socket.readyState, WebSocket.CLOSING);
  const { code, wasClean } = await socket.closed;
  equal([code, wasClean], [1005, true]);
});

test("the listener of a signal is removed when the connection ends", async () => {
  const { signal } = new AbortController();
  let listening = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listening++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listening--;
    remove(...args);
  };
  const closed = await open("/echo", { signal });
  equal(listening, 1);
  await closed.close(1000, "done", { signal });
  equal(listening, 0);
  await (await open("/close/4001/bye", { signal })).closed;
  equal(listening, 0);
  await failure(open("/status/401", { signal }));
  equal(listening, 0);
});
