// Runs all tests, one after the other, and reports the results to the driver.

import { type Outcome, runAll } from "./harness.ts";
import "./connect.test.ts";
import "./send.test.ts";
import "./receive.test.ts";
import "./events.test.ts";
import "./close.test.ts";
import "./options.test.ts";
import "./lifetime.test.ts";
import "./signal.test.ts";
import "./json.test.ts";
import "./reconnect.test.ts";
import "./session.test.ts";
import "./web-socket.test.ts";
import "./transport.test.ts";

declare global {
  var outcomes: Promise<Outcome[]>;
}

globalThis.outcomes = runAll();
