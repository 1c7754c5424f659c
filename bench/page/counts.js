// Measures the exact counts.

import { crossings } from "./crossings.js";
import { post } from "./report.js";
import * as javascript from "./javascript.js";
import { init, path, run, rust, socketUrl } from "./work.js";

export async function measureCounts(plan) {
  const bytes = await (await fetch("wasm_websocket_bench_bg.wasm")).arrayBuffer();
  await init({ module_or_path: bytes });
  const contenders = plan.contenders.filter((contender) => !contender.startsWith("javascript"));
  for (const contender of contenders) {
    for (const work of plan.cases) {
      await post("/report", { kind: "count", contender, work: work.name, ...await perMessage(contender, work) });
    }
  }
  if (plan.sockets === 0) return;
  for (const contender of ["javascript", ...contenders]) {
    await post("/report", { kind: "idle", contender, ...await heldPerSocket(contender, plan.sockets / 10) });
  }
  for (const contender of contenders) {
    await post("/report", { kind: "leftover", contender, ...await leftPerSocket(contender, plan.sockets) });
  }
}

/** Counts for `count` messages, and for twice as many: the difference is the cost of the messages alone. */
async function perMessage(contender, work) {
  const count = Math.ceil(work.count / 20);
  const once = await counted(contender, work, count);
  const twice = await counted(contender, work, 2 * count);
  return perOne(once, twice, count);
}

async function counted(contender, work, count) {
  const marks = [];
  await run(contender, work, count, async () => marks.push(now()));
  return perOne(...marks, 1);
}

function now() {
  const now = { crossings }; // read first, since reading the other counts adds crossings
  [now.allocations, now.reallocations] = rust.allocated();
  return now;
}

/** Measures what an idle connection holds. A few are opened first, since what is allocated once for all does not count. */
async function heldPerSocket(contender, sockets) {
  const url = echo(contender);
  const few = await open(contender, url, 5);
  const before = held(await settled());
  const many = await open(contender, url, sockets);
  const after = held(await settled());
  for (const idle of [few, many]) close(idle);
  return perOne(before, after, sockets);
}

const echo = (contender) => socketUrl(path(contender, { job: "echo" }));

const open = (contender, url, count) =>
  contender === "javascript" ? javascript.open(url, count) : rust.open(contender, url, count);

const close = (idle) => Array.isArray(idle) ? idle.forEach((socket) => socket.close()) : idle.free();

/** Adds JavaScript's memory, which only Chromium reports. */
const held = (rusts) => ({ ...rusts, heap: performance.memory?.usedJSHeapSize ?? NaN });

/** Measures what a dropped socket leaves behind. A few are dropped first, since what is allocated once for all does not count. */
async function leftPerSocket(contender, sockets) {
  await rust.open_and_drop(contender, echo(contender), sockets / 10);
  const before = await settled();
  await rust.open_and_drop(contender, echo(contender), sockets);
  return perOne(before, await settled(before), sockets);
}

/**
 * Returns what is allocated after garbage collection. This frees closures that JavaScript owns, but only a little later, so the
 * function tries again for some seconds, or until no more blocks are left than `before`.
 */
async function settled(before = { blocks: 0 }) {
  let left;
  for (let tries = 0; tries < 20; tries++) {
    await collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const [, , blocks, bytes, slots] = rust.allocated();
    left = { blocks, bytes, slots };
    if (blocks <= before.blocks) break;
  }
  return left;
}

/** Collects garbage. The driver starts Chromium and Firefox so that the page may do this. */
const collectGarbage = globalThis.gc ?? globalThis.TestUtils.gc;

const perOne = (before, after, count) =>
  Object.fromEntries(Object.keys(before).map((key) => [key, (after[key] - before[key]) / count]));
