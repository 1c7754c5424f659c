import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { test } from 'node:test';

import { SessionServer } from '../server.js';
import { serve, session } from './serve.js';

const authenticate = () => 'alice';
const handler = () => {};

/** The largest text message: with its kind, a frame is as long as a string may be. */
const MAX = constants.MAX_STRING_LENGTH - 1;

/** Returns the error of a server with these options. */
function refused(options, run = handler) {
  try {
    new SessionServer({ noServer: true, authenticate, ...options }, run);
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
  return 'accepted';
}

test('a number that is not allowed is refused, with its name and what is allowed', () => {
  const cases = [
    [{ ttl: Infinity }, 'option `ttl`: Infinity is not allowed; use a whole number from 0 to 2147483'],
    [{ ttl: 2_147_484 }, 'option `ttl`: 2147484 is not allowed; use a whole number from 0 to 2147483'],
    [{ ttl: 0.5 }, 'option `ttl`: 0.5 is not allowed; use a whole number from 0 to 2147483'],
    [{ ttl: '300' }, 'option `ttl`: "300" is not allowed; use a whole number from 0 to 2147483'],
    [{ max: Infinity }, `option \`max\`: Infinity is not allowed; use a whole number from 0 to ${MAX}`],
    [{ max: MAX + 1 }, `option \`max\`: ${MAX + 1} is not allowed; use a whole number from 0 to ${MAX}`],
    [{ window: Infinity }, 'option `window`: Infinity is not allowed; use a whole number from 0 to 9007199254740991'],
    [{ window: NaN }, 'option `window`: NaN is not allowed; use a whole number from 0 to 9007199254740991'],
    [{ replay: -1 }, 'option `replay`: -1 is not allowed; use a whole number, or Infinity for no limit'],
    [{ limits: { sessions: NaN } }, 'option `limits.sessions`: NaN is not allowed; use a whole number, or Infinity for no limit'],
    [{ limits: { connections: 10n } }, 'option `limits.connections`: 10n is not allowed; use a whole number, or Infinity for no limit'],
    [{ delays: { pingAfter: Infinity } }, 'option `delays.pingAfter`: Infinity is not allowed; use a whole number from 0 to 2147483647'],
  ];
  for (const [options, message] of cases) assert.equal(refused(options), `RangeError: ${message}`);
});

test('functions and lists are checked', () => {
  const cases = [
    [{ authenticate: undefined }, 'option `authenticate`: undefined is not a function'],
    [{ onError: 'log' }, 'option `onError`: "log" is not a function'],
    [{ address: 'x-forwarded-for' }, 'option `address`: "x-forwarded-for" is not a function'],
    [{ origins: 'https://example.com' }, 'option `origins`: "https://example.com" is not an array'],
    [{ protocols: 'chat.v2' }, 'option `protocols`: "chat.v2" is not an array'],
  ];
  for (const [options, message] of cases) assert.equal(refused(options), `TypeError: ${message}`);
  assert.equal(refused({}, null), 'TypeError: the handler: null is not a function');
});

test('the extremes are accepted', () => {
  const limits = { sessions: Infinity, sessionsPerPrincipal: Infinity, sessionsPerAddress: Infinity, connections: Infinity };
  assert.equal(refused({ window: 2 ** 53 - 1, max: MAX, replay: Infinity, ttl: 2_147_483, limits }), 'accepted');
  assert.equal(refused({ window: 0, max: 0, replay: 0, ttl: 0, limits: { sessions: 0 } }), 'accepted');
});

test('an option that is undefined has its default', async () => {
  const { url } = await serve({ ttl: undefined, max: undefined, window: undefined, onError: undefined, limits: undefined });
  const { welcome } = await session(url);
  assert.deepEqual([welcome.ttl, welcome.max, welcome.credit], [300, 1 << 24, 1 << 20]);
});
