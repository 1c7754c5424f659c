/** A server in a thread, so that a test can read its memory without the memory of the client. */

import { parentPort } from 'node:worker_threads';

import { SessionServer } from '../server.js';
import { listening } from './runner.js';

const options = { port: 0, host: '127.0.0.1', authenticate: () => 'alice' };
const server = new SessionServer(options, async (session) => {
  for await (const message of session) {
    // V8 keeps the last string that a regular expression has matched: this one instead of a token.
    /./.test(message);
    await session.send(message);
  }
});
parentPort.postMessage(await listening(server));
