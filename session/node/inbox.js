/**
 * The messages that an end receives in a session: counted, checked against the window, queued for the application, and
 * acknowledged when the application has processed them (R13, R16, R18 to R22).
 */

import { Violation } from './frames.js';
import { OVERHEAD } from './outbox.js';
import { Queue } from './queue.js';

/** @typedef {import('./frames.js').Message} Message */
/** @typedef {{code: number, reason: string}} End */
/** @typedef {{number: number, offset: number, message?: Message, end?: End}} Item */
/** @typedef {{number: number, offset: number, isEnd: boolean}} Mark */

export class Inbox {
  received = 0;
  processed = 0;
  /** Whether to send ACK at once. */
  isAckUrgent = false;
  /** Whether END has arrived. */
  isEnded = false;

  /** @type {Queue<Item>} */
  #queue = new Queue();
  /** @type {Mark | undefined} The last item that the application has taken, without its message, which may be large. */
  #taken;
  #offset = 0;
  #processedOffset = 0;
  #acked = { processed: 0, offset: 0 };
  #isEndProcessed = false;
  #window;
  #max;

  /** @param {number} window @param {number} max */
  constructor(window, max) {
    this.#window = window;
    this.#max = max;
  }

  get credit() {
    return Math.min(this.#processedOffset + this.#window, Number.MAX_SAFE_INTEGER);
  }

  get isEndProcessed() {
    return this.#isEndProcessed;
  }

  /** Whether `processed` has increased since the last ACK. */
  get owesAck() {
    return this.processed > this.#acked.processed;
  }

  /** @param {Message} message @throws {Violation} */
  receive(message) {
    const bytes = Buffer.byteLength(message);
    const offset = this.#offset + bytes + OVERHEAD;
    const isAlone = this.processed === this.received;
    if (this.isEnded) throw new Violation(4400, 'a message after END');
    if (bytes > this.#max) throw new Violation(4413, 'a message exceeds max');
    if (offset > this.credit && !isAlone) throw new Violation(4413, 'a message exceeds the credit');
    this.#offset = offset;
    this.#queue.push({ number: ++this.received, offset, message });
  }

  /** @param {number} code @param {string} reason @throws {Violation} */
  end(code, reason) {
    if (this.isEnded) throw new Violation(4400, 'END after END');
    this.isEnded = true;
    this.#queue.push({ number: ++this.received, offset: this.#offset, end: { code, reason } });
  }

  /** Takes the next item. Call `finish` when the item is processed. */
  take() {
    const item = this.#queue.shift();
    if (item) this.#taken = { number: item.number, offset: item.offset, isEnd: item.end !== undefined };
    return item;
  }

  /** Returns the next item, which stays in the queue. */
  peek() {
    return this.#queue.at(0);
  }

  /** Marks all taken items as processed. */
  finish() {
    const taken = this.#taken;
    if (!taken || taken.number <= this.processed) return;
    this.processed = taken.number;
    this.#processedOffset = taken.offset;
    this.#isEndProcessed = taken.isEnd;
    if (taken.isEnd || taken.offset - this.#acked.offset >= this.#window / 4) this.isAckUrgent = true;
  }

  /** Returns the members of ACK, HELLO and WELCOME, and records that they are sent now. */
  takeAck() {
    this.#acked = { processed: this.processed, offset: this.#processedOffset };
    this.isAckUrgent = false;
    return { processed: this.processed, credit: this.credit };
  }
}
