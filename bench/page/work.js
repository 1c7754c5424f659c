// Makes a contender do the work of one case.

import * as javascript from "./javascript.js";
import * as javascriptStreams from "./javascript-streams.js";
import init, * as rust from "./wasm_websocket_bench.js";

export { init, rust };

export const socketUrl = (path) => `ws://${location.host}${path}`;

const TEXTS = { "ascii": "abcd", "non-ascii": "aé漢b" };

const payload = ({ content, size }) =>
  content === "binary" ? new Uint8Array(size).fill(7) : TEXTS[content].repeat(size / 4);

/** Returns the path of a case's peer. Below `/session`, peers use the session protocol. */
export const path = (contender, { job, content, size }) =>
  (contender === "wasm-websocket-session" ? "/session" : "") +
  { receive: `/flood/${content}/${size}`, trickle: `/trickle/${content}/${size}`, send: "/sink", echo: "/echo" }[job];

/** Returns whether the work is that of a codec, which needs no connection. */
const isCodecs = ({ job }) => job === "encode" || job === "decode";

/** Does the work with `count` messages, and awaits `mark()` before the first and after the last. */
export function run(contender, work, count, mark) {
  if (isCodecs(work)) {
    const job = [work.job, work.size, count, mark];
    return contender === "javascript" ? javascript.runCodec(...job) : rust.run_codec(contender, ...job);
  }
  const job = [socketUrl(path(contender, work)), work.job, payload(work), count, work.connections, mark];
  if (contender === "javascript") return javascript.run(...job);
  return contender === "javascript-streams" ? javascriptStreams.run(...job) : rust.run(contender, ...job);
}
