// Does what the driver's plan says, one thing at a time, and reports each result to the driver.

import { post } from "./report.js";

async function main() {
  const plan = await (await fetch("/plan")).json();
  if (plan.counts) {
    await (await import("./counts.js")).measureCounts(plan);
  } else {
    await (await import("./times.js")).measureTimes(plan);
  }
  await post("/report", { kind: "done" });
}

const failed = (error) => post("/report", { kind: "failed", message: `${error} ${error?.stack}` });
addEventListener("error", ({ message }) => failed(message));
main().catch(failed);
