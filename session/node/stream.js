/** A session for its handler: the messages of the client as an async iterator, and `send`. It outlives connections. */

import { isEndCode, isReason } from './frames.js';
import { Queue } from './queue.js';

/** @typedef {import('./frames.js').Message} Message */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./inbox.js').End} End */
/** @typedef {{message?: Message, end?: End, resolve: () => void, reject: (error: Error) => void}} Waiting */

export class SessionStream {
  /** The code and reason of the client's END, once the iteration has ended. @type {End | undefined} */
  end;
  /** What `authenticate` returned. @type {string} */
  principal;
  /** The application's protocol that the client named. @type {string | undefined} */
  protocol;

  #session;
  #changed;
  /** The messages that wait for room in the replay buffer, in order. @type {Queue<Waiting>} */
  #senders = new Queue();
  #isFinishing = false;
  /** @type {(() => void)[]} */
  #readers = [];

  /**
   * @param {Session} session
   * @param {{principal: string, protocol?: string}} client
   * @param {() => void} changed Called when there is something to transmit.
   */
  constructor(session, { principal, protocol }, changed) {
    this.#session = session;
    this.#changed = changed;
    this.principal = principal;
    this.protocol = protocol;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /**
   * Waits for the next message of the client: a string or a `Buffer`. The call marks the previous message as processed. `done` means
   * that the client has ended its direction.
   *
   * @returns {Promise<IteratorResult<Message, undefined>>}
   * @throws {Lost} after the last message that arrived, if the session is lost; also in a call after the end
   */
  next() {
    const next = this.#next();
    // A handler that fails before it awaits this gets `Lost` from no call; the rejection must not end the process.
    next.catch(() => {});
    return next;
  }

  /** @returns {Promise<IteratorResult<Message, undefined>>} */
  async #next() {
    this.processed();
    for (;;) {
      const item = this.#session.inbox.take();
      if (item?.message !== undefined) return { done: false, value: item.message };
      if (item) this.#ended(/** @type {End} */ (item.end));
      else if (this.#session.lost) throw this.#session.lost;
      if (this.end) return { done: true, value: undefined };
      await new Promise((/** @type {(value?: undefined) => void} */ resolve) => this.#readers.push(resolve));
    }
  }

  /** @param {End} end */
  #ended(end) {
    this.end = end;
    this.processed();
  }

  /** Marks the last message as processed, before the next one is taken. */
  processed() {
    this.#session.inbox.finish();
    this.#changed();
  }

  /**
   * Sends a message. Waits while the replay buffer is full: the client reads slowly, or is disconnected. A sent message arrives in
   * order and exactly once, unless the session is lost. Bytes are copied.
   *
   * @param {string | ArrayBuffer | ArrayBufferView} message
   * @returns {Promise<void>}
   * @throws {Lost} if the session is lost
   * @throws {RangeError} if the message is larger than the client accepts
   */
  send(message) {
    return this.#wait({ message: typeof message === 'string' ? message : bytes(message) });
  }

  /**
   * Ends this direction, after all messages. The client's messages still arrive.
   *
   * @param {number} [code] 1000, or 3000 to 4999.
   * @param {string} [reason] Up to 123 bytes of UTF-8.
   * @returns {Promise<void>}
   */
  finish(code = 1000, reason = '') {
    if (!isEndCode(code)) throw new RangeError(`the code ${code} of END is not allowed; use 1000 or 3000–4999`);
    if (!isReason(reason)) throw new RangeError(`the reason of END has ${Buffer.byteLength(reason)} bytes; use 123 or fewer`);
    const finished = this.#wait({ end: { code, reason } });
    this.#isFinishing = true;
    return finished;
  }

  /** @param {{message?: Message, end?: End}} item @returns {Promise<void>} */
  #wait(item) {
    const promise = new Promise((/** @type {(value?: undefined) => void} */ resolve, reject) => {
      if (this.#isFinishing) reject(new Error('this direction of the session has ended; send before finish'));
      else this.#senders.push({ ...item, resolve, reject });
    });
    // A handler that does not await `send` gets `Lost` from its next call; the rejection must not end the process.
    promise.catch(() => {});
    this.#changed();
    return promise;
  }

  /** Wakes senders and readers whose condition holds now. The server calls it when the session has changed. */
  wake() {
    for (let sender = this.#senders.at(0); sender && this.#settle(sender); sender = this.#senders.at(0)) this.#senders.shift();
    for (const resolve of this.#readers.splice(0)) resolve();
  }

  /** Returns whether a sender has finished waiting. @param {Waiting} sender */
  #settle({ message, end, resolve, reject }) {
    const { outbox, lost } = this.#session;
    const length = message === undefined ? 0 : Buffer.byteLength(message);
    if (lost) reject(lost);
    else if (length > outbox.max) reject(new RangeError(`${length} bytes exceed the ${outbox.max} that the client accepts`));
    else if (message !== undefined && !outbox.hasRoom(length)) return false;
    else {
      if (message !== undefined) outbox.push(message);
      if (end) outbox.end(end.code, end.reason);
      resolve();
    }
    return true;
  }
}

/** @param {ArrayBuffer | ArrayBufferView} message */
function bytes(message) {
  return ArrayBuffer.isView(message)
    ? Buffer.from(new Uint8Array(message.buffer, message.byteOffset, message.byteLength))
    : Buffer.from(message.slice(0));
}
