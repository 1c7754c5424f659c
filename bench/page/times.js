// Measures times.

import { post } from "./report.js";

/** Times all contenders and cases, in a random order in each round. The first round only warms up. */
export async function measureTimes({ contenders: all, cases, rounds }) {
  const contenders = all.filter((contender) => contender !== "javascript-streams" || globalThis.WebSocketStream);
  const tasks = [];
  for (const work of cases) {
    const run = await realm();
    tasks.push(...contenders.map((contender) => ({ contender, work, run })));
  }
  for (let round = 0; round <= rounds; round++) {
    for (const { contender, work, run } of shuffled(tasks)) {
      const wall = await measureTime(run, contender, work);
      await post("/report", { kind: "time", contender, work: work.name, round, count: work.count, wall });
    }
  }
}

/**
 * Adds a frame, whose functions the browser optimises for one case alone. In a frame for all cases, a loop over a text's characters
 * takes three times as long once it has run over texts of several kinds, which does not happen in an app.
 */
function realm() {
  const frame = document.createElement("iframe");
  frame.src = "frame.html";
  document.body.append(frame);
  return new Promise((resolve) => {
    frame.onload = () => resolve(frame.contentWindow.run);
  });
}

/** Returns the wall time in seconds. The driver measures the CPU time from `/start` to `/end`. */
async function measureTime(run, contender, work) {
  let start, end;
  await run(contender, work, work.count, async () => {
    if (start === undefined) {
      await post("/start");
      start = performance.now();
    } else {
      end = performance.now();
      await post("/end");
    }
  });
  return (end - start) / 1000;
}

function shuffled(list) {
  const result = [...list];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [result[index], result[other]] = [result[other], result[index]];
  }
  return result;
}
