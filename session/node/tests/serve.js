/** Servers and sessions for tests. The servers are closed when the tests of a file are over. */

import assert from 'node:assert/strict';
import { after } from 'node:test';

import { SessionServer } from '../server.js';
import { Raw } from './raw.js';
import { listening, name } from './runner.js';

const started = [];
after(() => Promise.all(started.map((server) => server.close())));

/** Sends every message back. */
export const echo = async (session) => {
  for await (const message of session) await session.send(message);
};

/** Starts a server whose principals are the credentials. Returns the server and its URL. */
export async function serve({ delays, ...options } = {}, handler = echo) {
  const authenticate = ({ credentials = 'alice' }) => credentials;
  const common = { port: 0, host: '127.0.0.1', authenticate, window: 1000, max: 500, delays: { closeTimeout: 200, ...delays } };
  const server = new SessionServer({ ...common, ...options }, handler);
  started.push(server);
  return { server, url: await listening(server) };
}

/** Begins a session. Returns its client, its name, its WELCOME and its token. */
export async function session(url, members = {}) {
  const [client, of] = [new Raw(url), name()];
  const welcome = await client.hello(of, members);
  client.ack();
  return { client, of, welcome, token: welcome.token };
}

/** Waits until the server has no session. */
export async function becomesEmpty(server) {
  for (let looks = 0; server.size > 0; looks += 1) {
    assert.ok(looks < 3000, 'the server still has sessions');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Checks that the session still works. */
export async function works(client, text = 'still here') {
  client.send(`:${text}`);
  assert.equal(await client.until(() => client.frames.find((frame) => frame === `:${text}`) ?? client.code), `:${text}`);
}

/** Returns a promise and its function `resolve`. */
export function deferred() {
  let resolve;
  const promise = new Promise((resolvePromise) => {
    resolve = resolvePromise;
  });
  return { promise, resolve };
}
