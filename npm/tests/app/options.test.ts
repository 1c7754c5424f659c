import { type Options } from "wasm-websocket";
import { codeOf, equal, failureOf, open, take, test, text } from "./harness.ts";

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

test("every option is read", async () => {
  const options: Options = {
    protocols: ["chat.v2"],
    binaryType: "blob",
    highWaterMark: 0,
    lowWaterMark: 0,
    receiveLimit: { bytes: 10, messages: 10, overflow: "unbounded" },
    connectTimeout: 10_000,
    closeTimeout: 10_000,
    signal: new AbortController().signal,
  };
  await using socket = await open("/protocol/chat.v2", options);
  equal([socket.protocol, socket.binaryType], ["chat.v2", "blob"]);
  await using other = await open("/stall", { highWaterMark: 0, closeTimeout: 1 });
  other.trySend(new Uint8Array(64 << 20));
  equal(await codeOf(() => other.trySend("more")), "full");
});
