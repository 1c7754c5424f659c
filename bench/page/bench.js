// Does what the driver's plan says, and reports each result to the driver. It lets only one thing happen at a time.

import * as javascript from "./javascript.js";
import init, * as rust from "./wasm_websocket_bench.js";

const socketUrl = (path) => `ws://${location.host}${path}`;

const post = async (path, body) => {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body ?? null),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
};

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const TEXTS = { "ascii": "abcd", "non-ascii": "aé漢b" };

const payload = ({ content, size }) =>
  content === "binary" ? new Uint8Array(size).fill(7) : TEXTS[content].repeat(size / 4);

const run = (contender, work, count, mark) => {
  const path = work.job === "receive" ? `/flood/${work.content}/${work.size}` : work.job === "send" ? "/sink" : "/echo";
  const job = [socketUrl(path), work.job, payload(work), count, mark];
  return contender === "javascript" ? javascript.run(...job) : rust.run(contender, ...job);
};

const shuffled = (list) => {
  const result = [...list];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [result[index], result[other]] = [result[other], result[index]];
  }
  return result;
};

/** The first round warms up; nobody reports it. */
async function measureTimes({ contenders, cases, rounds }) {
  for (let round = 0; round <= rounds; round++) {
    const pairs = shuffled(contenders.flatMap((contender) => cases.map((work) => [contender, work])));
    for (const [contender, work] of pairs) {
      const wall = await measureTime(contender, work);
      await post("/report", { kind: "time", contender, work: work.name, round, count: work.count, wall });
    }
  }
}

async function measureTime(contender, work) {
  const times = [];
  await run(contender, work, work.count, async () => {
    const isStart = times.length === 0;
    if (!isStart) times.push(performance.now());
    await post(isStart ? "/start" : "/end");
    if (isStart) times.push(performance.now());
  });
  return (times[1] - times[0]) / 1000;
}

/** Counts twice, for so many messages and twice as many: the difference is the messages' alone. */
async function measureCounts({ contenders, cases }, now) {
  for (const contender of contenders) {
    for (const work of cases) {
      const count = Math.ceil(work.count / 20);
      const [once, twice] = [await counted(contender, work, count, now), await counted(contender, work, 2 * count, now)];
      const perMessage = Object.fromEntries(Object.keys(once).map((key) => [key, (twice[key] - once[key]) / count]));
      await post("/report", { kind: "count", contender, work: work.name, ...perMessage });
    }
  }
}

async function counted(contender, work, count, now) {
  const marks = [];
  await run(contender, work, count, async () => marks.push(now()));
  const [before, after] = marks;
  return Object.fromEntries(Object.keys(before).map((key) => [key, after[key] - before[key]]));
}

/** Opens and drops a few sockets first, since what is allocated once is not left over. */
async function measureLeftovers({ contenders, sockets }) {
  const openAndDrop = async (contender, count) => {
    await rust.open_and_drop(contender, socketUrl("/echo"), count);
    await pause(300);
    const [, , blocks, bytes, slots] = rust.allocated();
    return { blocks, bytes, slots };
  };
  for (const contender of contenders) {
    const before = await openAndDrop(contender, sockets / 10);
    const after = await openAndDrop(contender, sockets);
    const perSocket = Object.keys(before).map((key) => [key, (after[key] - before[key]) / sockets]);
    await post("/report", { kind: "leftover", contender, ...Object.fromEntries(perSocket) });
  }
}

async function count(plan) {
  const observed = await import("./crossings.js");
  const bytes = await (await fetch("wasm_websocket_bench_bg.wasm")).arrayBuffer();
  await init({ module_or_path: bytes });
  const now = () => {
    const { crossings } = observed; // before those that asking for the rest takes
    const [allocations, reallocations] = rust.allocated();
    return { crossings, allocations, reallocations };
  };
  const contenders = plan.contenders.filter((contender) => contender !== "javascript");
  await measureCounts({ ...plan, contenders }, now);
  await measureLeftovers({ ...plan, contenders });
}

async function time(plan) {
  await init();
  await measureTimes(plan);
}

async function main() {
  const plan = await (await fetch("/plan")).json();
  await (plan.counts ? count(plan) : time(plan));
  await post("/report", { kind: "done" });
}

const failed = (error) => post("/report", { kind: "failed", message: `${error} ${error.stack ?? ""}` });
addEventListener("error", ({ message }) => failed(message));
main().catch(failed);
