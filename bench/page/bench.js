// Carries out the driver's plan, one thing at a time, and reports each result to the driver.

import { post } from "./report.js";

async function main() {
  const plan = await (await fetch("/plan")).json();
  for (const app of plan.apps) await tryApp(app);
  if (plan.counts) {
    await (await import("./counts.js")).measureCounts(plan);
  } else {
    await (await import("./times.js")).measureTimes(plan);
    if (plan.flood) await (await import("./freeze.js")).measureFreezes(plan.flood);
  }
  await post("/report", { kind: "done" });
}

/** Checks that a minimal app sends `hello` and logs the echo: the size of an app that does not work says nothing. */
async function tryApp(app) {
  const { default: init, greet } = await import(`./apps/${app}/wasm_websocket_minimal.js`);
  await init();
  const logged = new Promise((resolve) => {
    console.log = resolve;
  });
  greet(`ws://${location.host}${app.startsWith("wasm-websocket-session/") ? "/session" : ""}/echo`);
  if (await logged !== "hello") throw new Error(`the app ${app} does not work`);
}

const failed = (error) => post("/report", { kind: "failed", message: `${error} ${error?.stack}` });
addEventListener("error", ({ message }) => failed(message));
main().catch(failed);
