/**
 * The messages that an end sends in a session: numbered, kept until they are acknowledged, transmitted as the credit allows,
 * and transmitted again on the next connection (R13 to R15, R17, R19 to R22).
 */

import { Violation, encode, owned } from './frames.js';
import { Queue } from './queue.js';

/** The weight of a message beside its bytes. */
export const OVERHEAD = 16;

/** @typedef {import('./frames.js').Message} Message */
/** @typedef {{offset: number, bytes: number, isEnd: boolean, frame: {data: Buffer, isBinary: boolean}}} Kept */

export class Outbox {
  /** The highest number that was transmitted, over any connection. */
  sent = 0;
  /** The number up to which the peer has processed the messages. */
  acknowledged = 0;
  /** The bytes of the largest message that the peer accepts. */
  max = Infinity;
  /** Whether END is numbered. */
  isEnded = false;

  /** @type {Queue<Kept>} The replay buffer. */
  #kept = new Queue();
  /** The offset of the last numbered message. */
  #offset = 0;
  /** The offset up to which the peer has acknowledged. */
  #acknowledgedOffset = 0;
  /** The number to transmit next on this connection. */
  #next = 1;
  #credit = 0;
  #limit;

  /** @param {number} limit The bytes of the replay buffer. */
  constructor(limit) {
    this.#limit = limit;
  }

  /** The highest number, whether transmitted or not. */
  get last() {
    return this.acknowledged + this.#kept.length;
  }

  get isEndAcknowledged() {
    return this.isEnded && this.#kept.length === 0;
  }

  /** Returns whether the replay buffer has room for this many bytes. An empty one has room for any message. */
  hasRoom(/** @type {number} */ bytes) {
    const kept = this.#offset - this.#acknowledgedOffset;
    return this.#kept.length === 0 || kept + bytes + OVERHEAD <= this.#limit;
  }

  /** Numbers a message and keeps it. Its bytes must not change until it is acknowledged. @param {Message} message */
  push(message) {
    const bytes = Buffer.byteLength(message);
    this.#keep(bytes, bytes + OVERHEAD, false, encode({ kind: 'message', message }));
  }

  /** Numbers END. @param {number} code @param {string} reason */
  end(code, reason) {
    const end = reason ? { code, reason } : { code };
    this.isEnded = true;
    this.#keep(0, 0, true, encode(/** @type {any} */ ({ kind: 'end', ...end })));
  }

  /** @param {number} bytes @param {number} weight @param {boolean} isEnd @param {Kept['frame']} frame */
  #keep(bytes, weight, isEnd, { data, isBinary }) {
    this.#offset += weight;
    this.#kept.push({ offset: this.#offset, bytes, isEnd, frame: { data: owned(data), isBinary } });
  }

  /** Returns whether a kept message exceeds the peer's new maximum, so that it can never arrive. */
  exceeds(/** @type {number} */ max) {
    return this.#kept.toArray().some(({ bytes }) => bytes > max);
  }

  /**
   * Begins a connection with the counts of the peer's HELLO or WELCOME, which the caller has checked.
   *
   * @param {{received: number, processed: number, credit: number, max: number}} peer
   */
  connect({ received, processed, credit, max }) {
    this.#drop(processed);
    this.#next = received + 1;
    this.#credit = credit;
    this.max = max;
  }

  /** Handles an ACK. @param {number} processed @param {number} credit @throws {Violation} */
  acknowledge(processed, credit) {
    if (processed > this.sent) throw new Violation(4400, 'ACK for a message that was not sent');
    if (processed < this.acknowledged || credit < this.#credit) throw new Violation(4400, 'ACK goes back');
    this.#drop(processed);
    this.#credit = credit;
  }

  /** @param {number} processed */
  #drop(processed) {
    const count = processed - this.acknowledged;
    this.#acknowledgedOffset = this.#kept.at(count - 1)?.offset ?? this.#acknowledgedOffset;
    this.#kept.drop(count);
    this.acknowledged = processed;
    // A peer may acknowledge messages that only an older connection has transmitted.
    this.#next = Math.max(this.#next, processed + 1);
  }

  /** Returns the next frame that may be transmitted, if there is one. */
  poll() {
    const kept = this.#kept.at(this.#next - this.acknowledged - 1);
    if (!kept) return undefined;
    const isNothingOutstanding = this.#next === this.acknowledged + 1;
    if (!kept.isEnd && kept.offset > this.#credit && !isNothingOutstanding) return undefined;
    this.sent = Math.max(this.sent, this.#next);
    this.#next += 1;
    return kept.frame;
  }

  /** Returns the `Lost` with all unacknowledged messages. */
  lost() {
    const messages = this.#kept.toArray().filter(({ isEnd }) => !isEnd);
    const transmitted = Math.min(this.sent - this.acknowledged, messages.length);
    const unacknowledged = messages.map(({ frame }) => (frame.isBinary ? frame.data : frame.data.toString().slice(1)));
    return new Lost(unacknowledged, transmitted, messages.length < this.#kept.length);
  }
}

/** The session is lost: its peer is gone, or either end has given it up. */
export class Lost extends Error {
  name = 'Lost';

  /**
   * @param {Message[]} unacknowledged The messages of which it is unknown whether the peer has processed them.
   * @param {number} transmitted How many of them were transmitted; the peer has not seen the others.
   * @param {boolean} end Whether END was not acknowledged either.
   */
  constructor(unacknowledged, transmitted, end) {
    super(`the session is lost with ${unacknowledged.length} unacknowledged messages`);
    this.unacknowledged = unacknowledged;
    this.transmitted = transmitted;
    this.end = end;
  }
}
