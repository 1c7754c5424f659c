/** The options of a server: their defaults, and what is allowed. */

import { constants } from 'node:buffer';

/** @typedef {import('node:http').IncomingMessage} Request */

/**
 * @typedef {object} Limits `Infinity` means no limit.
 * @property {number} sessions Sessions in all. Default 100,000.
 * @property {number} sessionsPerPrincipal Default 100.
 * @property {number} sessionsPerAddress Default 1,000.
 * @property {number} connections Connections that serve no session: before HELLO is accepted, or closing. Default 10,000.
 * @property {number} connectionsPerAddress The same from one address. Default 100.
 */

/**
 * @typedef {object} Options Beside these, `port`, `server`, `noServer`, `path` and `host` of `ws`.
 * @property {(client: {credentials?: string, protocol?: string, request: Request}) => Promise<string | undefined> | string | undefined} authenticate
 *   Returns the principal, or `undefined` to refuse. Called at each HELLO.
 * @property {string[]} [origins] The origins of pages that may connect. Needed if `authenticate` trusts cookies. Default: any.
 * @property {string[]} [protocols] The application's protocols. Default: any, or none.
 * @property {(request: Request) => string} [address] Returns the address for limits per address. Default: the socket's remote address.
 * @property {number} [window] Bytes of unprocessed messages per session. Default 1 MiB.
 * @property {number} [max] Bytes of the largest message, up to 512 MiB - 25, the longest text of Node.js. Default 16 MiB.
 * @property {number} [replay] Bytes of unacknowledged messages per session, above which `send` waits. `Infinity` means no limit.
 *   Default 1 MiB.
 * @property {number} [ttl] Seconds for which a session is kept without a connection, up to 24 days. Default 300.
 * @property {Partial<Limits>} [limits]
 * @property {(error: unknown) => void} [onError] Called with exceptions of handlers, `authenticate` and `address`. Default `console.error`.
 * @property {Partial<import('./connection.js').Delays & {ackDelay: number}>} [delays] For tests.
 * @property {number} [port]
 * @property {import('node:http').Server | import('node:https').Server} [server]
 * @property {boolean} [noServer]
 * @property {string} [path]
 * @property {string} [host]
 */

/** The longest delay of a timer, in milliseconds: Node.js fires a longer one at once. */
const MAX_INT32 = 2 ** 31 - 1;

// Each number has its default and its maximum.

const NUMBERS = {
  window: [1 << 20, Number.MAX_SAFE_INTEGER],
  // The frame of a text message has one byte more, its kind, and becomes a string.
  max: [1 << 24, constants.MAX_STRING_LENGTH - 1],
  replay: [1 << 20, Infinity],
  ttl: [300, Math.floor(MAX_INT32 / 1000)],
};
const LIMITS = {
  sessions: [100_000, Infinity],
  sessionsPerPrincipal: [100, Infinity],
  sessionsPerAddress: [1_000, Infinity],
  connections: [10_000, Infinity],
  connectionsPerAddress: [100, Infinity],
};
const DELAYS = {
  helloTimeout: [10_000, MAX_INT32],
  pingAfter: [25_000, MAX_INT32],
  pingTimeout: [10_000, MAX_INT32],
  closeTimeout: [5_000, MAX_INT32],
  ackDelay: [50, MAX_INT32],
};

/**
 * Returns the options with their defaults.
 *
 * @param {Options} options
 * @throws {RangeError} if a number is not allowed
 * @throws {TypeError} if a function or an array is something else
 */
export function settings({ authenticate, address, origins, protocols, onError = console.error, limits, delays, ...options }) {
  for (const [name, value] of Object.entries({ authenticate, onError, ...(address && { address }) })) {
    if (typeof value !== 'function') throw new TypeError(`option \`${name}\`: ${shown(value)} is not a function`);
  }
  for (const [name, value] of Object.entries({ origins, protocols })) {
    if (value !== undefined && value !== null && !Array.isArray(value)) throw new TypeError(`option \`${name}\`: ${shown(value)} is not an array`);
  }
  const [ofLimits, ofDelays] = [numbers(LIMITS, limits, 'limits.'), numbers(DELAYS, delays, 'delays.')];
  return { authenticate, address, protocols, onError, ...numbers(NUMBERS, options), limits: ofLimits, delays: ofDelays };
}

/**
 * @template {Record<string, number[]>} T
 * @param {T} known
 * @param {Partial<Record<keyof T, number>>} [given]
 * @param {string} [prefix]
 * @returns {{[name in keyof T]: number}}
 */
function numbers(known, given = {}, prefix = '') {
  const entries = Object.entries(known).map(([name, [fallback, most]]) => [name, number(prefix + name, given?.[name] ?? fallback, most)]);
  return /** @type {any} */ (Object.fromEntries(entries));
}

/** @param {string} name @param {unknown} value @param {number} most */
function number(name, value, most) {
  if ((Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most) || value === most) return value;
  const allowed = most === Infinity ? ', or Infinity for no limit' : ` from 0 to ${most}`;
  throw new RangeError(`option \`${name}\`: ${shown(value)} is not allowed; use a whole number${allowed}`);
}

/** @param {unknown} value */
const shown = (value) => (typeof value === 'string' ? JSON.stringify(value) : String(value) + (typeof value === 'bigint' ? 'n' : ''));
