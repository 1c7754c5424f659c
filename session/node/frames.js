/**
 * The frames of the session protocol, decoded and encoded: docs/session.md, "Frames".
 *
 * @typedef {string | Buffer} Message A text, or bytes.
 * @typedef {{session: string, attempt: number, token?: string, sent: number, received: number, processed: number,
 *   credit: number, max: number, protocol?: string, credentials?: string}} Hello
 * @typedef {{token: string, resumed: boolean, received: number, processed: number, credit: number, max: number,
 *   ttl: number}} Welcome
 * @typedef {{kind: 'message', message: Message} | {kind: 'ping'} | {kind: 'hello'} & Hello | {kind: 'welcome'} & Welcome
 *   | {kind: 'ack', processed: number, credit: number} | {kind: 'end', code: number, reason: string}} Frame
 */

/** The bytes of the longest control frame. */
export const MAX_CONTROL_FRAME = 16_384;

/** The bytes of the longest reason of END, and of a WebSocket's close. */
export const MAX_REASON = 123;

/** The peer sent what the protocol forbids. The connection closes with `code`. */
export class Violation extends Error {
  name = 'Violation';

  /** @param {number} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** @param {unknown} value */
const isNumber = (value) => Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
/** @param {unknown} value */
const isString = (value) => typeof value === 'string';
/** @param {RegExp} pattern */
const matches = (pattern) => (/** @type {unknown} */ value) => typeof value === 'string' && pattern.test(value);
const isToken = matches(/^[A-Za-z0-9._~-]{22,256}$/);

/** @param {unknown} value */
export const isEndCode = (value) =>
  Number.isInteger(value) && (value === 1000 || (Number(value) >= 3000 && Number(value) <= 4999));
/** @param {unknown} value */
export const isReason = (value) => typeof value === 'string' && Buffer.byteLength(value) <= MAX_REASON;

/** @typedef {Record<string, (value: unknown) => boolean>} Members */

/** @type {Record<string, {kind: string, required: Members, optional: Members}>} */
const OBJECTS = {
  H: {
    kind: 'hello',
    required: {
      session: matches(/^[A-Za-z0-9_-]{22,64}$/),
      attempt: (value) => isNumber(value) && value !== 0,
      sent: isNumber,
      received: isNumber,
      processed: isNumber,
      credit: isNumber,
      max: isNumber,
    },
    optional: { token: isToken, protocol: isString, credentials: isString },
  },
  W: {
    kind: 'welcome',
    required: {
      token: isToken,
      resumed: (value) => typeof value === 'boolean',
      received: isNumber,
      processed: isNumber,
      credit: isNumber,
      max: isNumber,
      ttl: isNumber,
    },
    optional: {},
  },
  A: { kind: 'ack', required: { processed: isNumber, credit: isNumber }, optional: {} },
  E: { kind: 'end', required: { code: isEndCode }, optional: { reason: isReason } },
};

/**
 * Decodes a frame from a WebSocket: a string is a text frame, bytes are a binary frame.
 *
 * @param {string | Buffer} data
 * @returns {Frame}
 * @throws {Violation} if this is no frame of the protocol
 */
export function decode(data) {
  if (typeof data !== 'string') return { kind: 'message', message: owned(data) };
  if (data.startsWith(':')) return { kind: 'message', message: data.slice(1) };
  if (Buffer.byteLength(data) > MAX_CONTROL_FRAME) throw new Violation(4400, 'a control frame is too long');
  if (data === 'P') return { kind: 'ping' };
  const format = OBJECTS[data.charAt(0)];
  if (!format) throw new Violation(4400, 'a frame of an unknown kind');
  const object = parse(data.slice(1));
  const frame = { kind: format.kind, ...members(object, format.required, true), ...members(object, format.optional, false) };
  return /** @type {Frame} */ (format.kind === 'end' ? { reason: '', ...frame } : frame);
}

/**
 * Returns bytes that keep at most twice their length in memory. A view keeps its whole buffer: the 64 KiB in which a message arrived, or
 * the pool from which `Buffer` allocates.
 *
 * @param {Buffer} bytes
 */
export function owned(bytes) {
  if (bytes.buffer.byteLength <= 2 * bytes.length) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** @param {string} text */
function parse(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Violation(4400, 'a control frame is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Violation(4400, 'a control frame is not a JSON object');
  }
  return value;
}

/**
 * Copies the members that the protocol knows. `null` is absent.
 *
 * @param {Record<string, unknown>} object
 * @param {Members} known
 * @param {boolean} areRequired
 */
function members(object, known, areRequired) {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const [name, isValid] of Object.entries(known)) {
    const value = Object.hasOwn(object, name) ? object[name] : null;
    if (value === null && !areRequired) continue;
    if (!isValid(value)) throw new Violation(4400, `the member ${name} is missing or invalid`);
    found[name] = value;
  }
  return found;
}

/**
 * Encodes a frame. The bytes include the kind of a text message, so that transmitting a message again copies nothing.
 *
 * @param {Frame} frame
 * @returns {{data: Buffer, isBinary: boolean}}
 */
export function encode(frame) {
  if (frame.kind === 'message') {
    const { message } = frame;
    return typeof message === 'string' ? text(`:${message}`) : { data: message, isBinary: true };
  }
  const { kind, ...rest } = frame;
  if (kind === 'ping') return text('P');
  const letter = { hello: 'H', welcome: 'W', ack: 'A', end: 'E' }[kind];
  return text(letter + JSON.stringify(rest));
}

/** @param {string} text */
const text = (text) => ({ data: Buffer.from(text), isBinary: false });
