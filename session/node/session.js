/**
 * A session at its server, without I/O and without a clock: frames and handshakes go in, `poll` returns the frames to write.
 *
 * A connection is any object. A session has at most one connection, and ignores frames of older ones.
 */

import { createHash, randomBytes } from 'node:crypto';

import { Violation, decode, encode } from './frames.js';
import { Inbox } from './inbox.js';
import { Outbox } from './outbox.js';

/** @typedef {import('./frames.js').Hello} Hello */
/** @typedef {import('./outbox.js').Lost} Lost */
/** @typedef {{window: number, max: number, replay: number, ttl: number}} Config Bytes, and seconds. */
/** @typedef {{code: number, reason: string}} Close */
/** @typedef {{frame: {data: Buffer, isBinary: boolean}} | {close: Close}} Action */

/** The last token of a session that was made by a HELLO without a token. */
const NONE = 'none';

/** The close codes of a client that make its server forget the session. */
const GIVEN_UP = [1009, 4400, 4410, 4413];

/** Sessions keep hashes of tokens: tokens are random, so SHA-256 alone hides them. @param {string | undefined} token */
const digest = (token) => (token === undefined ? NONE : createHash('sha256').update(token).digest('hex'));

export class Session {
  /** Whether the client has not shown yet that it knows this session (R8). */
  isFresh = true;
  /** @type {object | undefined} */
  connection;
  /** @type {Lost | undefined} The lost messages, once the session is given up. */
  lost;

  #attempt = 0;
  /** @type {string | undefined} The hash of the token of the last WELCOME. */
  #current;
  /** @type {string | undefined} The hash of the previous token; `NONE` if there was none; `undefined` when it is dropped. */
  #last;
  /** @type {string | undefined} The token of the WELCOME to send. */
  #welcome;
  #isResumed = false;
  #isPinging = false;
  /** @type {Close | undefined} */
  #close;
  #config;

  /** @param {Config} config */
  constructor(config) {
    this.#config = config;
    this.inbox = new Inbox(config.window, config.max);
    this.outbox = new Outbox(config.replay);
  }

  /** Whether both directions have ended, and both ends know (R23). */
  get isComplete() {
    return this.outbox.isEndAcknowledged && this.inbox.isEndProcessed;
  }

  /**
   * Returns how to answer a HELLO for this session, without changing it (R4, R6, R8, R9).
   *
   * @param {Hello} hello
   * @returns {'resume' | 'again' | 'forgotten' | 'give up' | Close} `again`: the session is fresh, and the client does not know
   *   it; `forgotten`: this end has an old copy; `give up`: the client does not accept a message that this end keeps
   */
  judge(hello) {
    const token = digest(hello.token);
    const knows = token === this.#current;
    const { received, processed, sent } = hello;
    if (hello.attempt <= this.#attempt) return { code: 4409, reason: 'an old attempt' };
    if (!knows && token !== this.#last) return { code: 4409, reason: 'another token' };
    if (this.isFresh && !knows) return this.outbox.exceeds(hello.max) ? 'give up' : 'again';
    if (processed > received) return { code: 4400, reason: 'more is processed than received' };
    // `received` needs no check, since it is at least `processed`.
    if (processed < this.outbox.acknowledged || sent < this.inbox.received) {
      return { code: 4409, reason: 'an old copy of the client' };
    }
    if (received > this.outbox.sent) return 'forgotten';
    return this.outbox.exceeds(hello.max) ? 'give up' : 'resume';
  }

  /**
   * Accepts a HELLO, and forgets the previous connection.
   *
   * @param {Hello} hello
   * @param {object} connection
   * @param {'new' | 'again' | 'resume'} as
   */
  accept(hello, connection, as) {
    this.connection = connection;
    this.#attempt = hello.attempt;
    this.#last = digest(hello.token);
    this.#welcome = randomBytes(24).toString('base64url');
    this.#current = digest(this.#welcome);
    this.#isResumed = as === 'resume';
    if (as === 'resume') this.isFresh = false;
    const { max } = hello;
    this.outbox.connect(as === 'resume' ? hello : { received: 0, processed: 0, credit: 0, max });
  }

  /** Handles a frame of the current connection: a string is a text frame, bytes are a binary frame. @param {string | Buffer} data */
  receive(data) {
    this.#last = undefined;
    this.isFresh = false;
    try {
      this.#take(decode(data));
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.giveUp({ code: error.code, reason: error.message });
    }
  }

  /** @param {import('./frames.js').Frame} frame */
  #take(frame) {
    switch (frame.kind) {
      case 'message':
        return this.inbox.receive(frame.message);
      case 'end':
        return this.inbox.end(frame.code, frame.reason);
      case 'ack':
        return this.outbox.acknowledge(frame.processed, frame.credit);
      case 'ping':
        this.inbox.isAckUrgent = true;
        return undefined;
      case 'hello':
        throw new Violation(4400, 'a second HELLO');
      default:
        throw new Violation(4400, 'WELCOME from a client');
    }
  }

  /** Handles the end of the connection: it is lost, or the peer closed it. @param {number} code */
  disconnect(code) {
    this.connection = undefined;
    if (GIVEN_UP.includes(code)) this.giveUp({ code, reason: '' });
  }

  /** Gives the session up, unless it is complete. @param {Close} close */
  giveUp(close) {
    if (this.lost || this.isComplete) return;
    this.lost = this.outbox.lost();
    this.#close = close;
  }

  /** Sends a PING, which asks for an ACK. */
  ping() {
    this.#isPinging = true;
  }

  /** Sends an ACK if one is owed. Called when the delay of an ACK has passed. */
  acknowledge() {
    if (this.inbox.owesAck) this.inbox.isAckUrgent = true;
  }

  /** Returns the next action on the connection, if there is one. After a close the session has no connection. @returns {Action | undefined} */
  poll() {
    if (!this.connection) return undefined;
    if (this.#close) return this.#closeWith(this.#close);
    if (this.#welcome !== undefined) return { frame: this.#greet(this.#welcome) };
    if (this.inbox.isAckUrgent) return { frame: encode({ kind: 'ack', ...this.inbox.takeAck() }) };
    if (this.isComplete) return this.#closeWith({ code: 1000, reason: '' });
    const frame = this.outbox.poll();
    if (frame) return { frame };
    if (!this.#isPinging) return undefined;
    this.#isPinging = false;
    return { frame: encode({ kind: 'ping' }) };
  }

  /** @param {Close} close */
  #closeWith(close) {
    this.connection = undefined;
    return { close };
  }

  /** @param {string} token */
  #greet(token) {
    this.#welcome = undefined;
    const { max, ttl } = this.#config;
    const { received } = this.inbox;
    return encode({ kind: 'welcome', token, resumed: this.#isResumed, received, ...this.inbox.takeAck(), max, ttl });
  }
}

/**
 * Decodes the first frame of a connection, which must be a HELLO (R1).
 *
 * @param {string | Buffer} data
 * @returns {Hello}
 * @throws {Violation}
 */
export function greeting(data) {
  const frame = decode(data);
  if (frame.kind !== 'hello') throw new Violation(4400, 'the first frame is no HELLO');
  return frame;
}
