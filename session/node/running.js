/** A session with its clock and its handler: sends ACK in time, forgets the session in time, and runs the handler once. */

import { SessionStream } from './stream.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {(session: SessionStream) => Promise<void> | void} Handler */
/**
 * @typedef {object} Context The settings that all sessions of a server share.
 * @property {number} ttl Seconds.
 * @property {number} ackDelay Milliseconds.
 * @property {Handler} handler
 * @property {(error: unknown) => void} onError
 * @property {(session: Session) => void} forget
 */

/** Seconds for which a fresh session is kept without a connection. */
const FRESH_TTL = 30;

export class Running {
  #session;
  #context;
  #client;
  /** @type {SessionStream | undefined} */
  #stream;
  /** @type {NodeJS.Timeout | undefined} */
  #ttl;
  /** @type {NodeJS.Timeout | undefined} */
  #ack;
  #isHandled = false;
  /** Whether the session was complete at the last change. */
  #wasComplete = false;

  /** @param {Session} session @param {{principal: string, protocol?: string}} client @param {Context} context */
  constructor(session, client, context) {
    this.#session = session;
    this.#client = client;
    this.#context = context;
  }

  /** Continues after the session may have changed. */
  changed() {
    const session = this.#session;
    if (!session.isFresh && !session.lost) this.#start();
    this.#stream?.wake();
    /** @type {Connection | undefined} */ (session.connection)?.transmit();
    if (session.lost) this.#end();
    else this.#watch();
    if (this.#isHandled) this.#drain();
  }

  /** Sends ACK in time, and keeps a session without a connection for its time to live, which begins again when the session completes. */
  #watch() {
    const { connection, inbox, isComplete, isFresh } = this.#session;
    // An urgent ACK leaves as soon as the connection has room.
    if (connection && inbox.owesAck && !inbox.isAckUrgent) this.#ack ??= setTimeout(() => this.#acknowledge(), this.#context.ackDelay);
    if (connection || isComplete !== this.#wasComplete) {
      clearTimeout(this.#ttl);
      this.#ttl = undefined;
    }
    this.#wasComplete = isComplete;
    if (connection) return;
    const seconds = isFresh ? Math.min(FRESH_TTL, this.#context.ttl) : this.#context.ttl;
    this.#ttl ??= setTimeout(() => this.#expire(), seconds * 1000).unref();
  }

  #acknowledge() {
    this.#ack = undefined;
    this.#session.acknowledge();
    this.changed();
  }

  #expire() {
    this.#session.giveUp({ code: 4410, reason: 'the time to live has passed' });
    this.#end();
    this.#stream?.wake();
  }

  /** Forgets the session: it was given up, or its time to live has passed. */
  #end() {
    clearTimeout(this.#ttl);
    clearTimeout(this.#ack);
    this.#context.forget(this.#session);
  }

  /** Starts the handler, once. */
  #start() {
    if (this.#stream) return;
    this.#stream = new SessionStream(this.#session, this.#client, () => this.changed());
    const { handler } = this.#context;
    // Runs in a later microtask than the event that started the handler, so that a handler behaves the same whether it awaits or not.
    Promise.resolve(this.#stream).then(handler).then(() => this.#returned(), (error) => this.#failed(error));
  }

  /** Called when the handler has returned: marks the messages that it took as processed, and ends its direction. */
  #returned() {
    this.#stream?.processed();
    this.#isHandled = true;
    this.#stream?.finish().catch(() => {}); // The direction may have ended before, or the session may be lost.
  }

  /** @param {unknown} error */
  #failed(error) {
    const { lost } = this.#session;
    if (!lost || error !== lost) this.#context.onError(error);
    this.#session.giveUp({ code: 4410, reason: 'the handler has failed' });
    this.changed();
  }

  /**
   * Completes a session whose handler has returned. If the client has sent messages that the handler did not take, they will never
   * be processed, so the session is given up, and the client reports these messages as lost. The last ACK leaves first, over the next
   * connection if there is none, so that the client reports no processed message, unless this connection is lost, too.
   */
  #drain() {
    const { inbox, outbox, lost } = this.#session;
    const connection = /** @type {Connection | undefined} */ (this.#session.connection);
    const next = inbox.peek();
    if (next?.end) {
      inbox.take();
      inbox.finish();
      this.changed();
    } else if (next && connection && outbox.isEndAcknowledged && !lost) {
      this.#session.acknowledge();
      connection.transmit();
      // A full socket calls `changed` when it has room.
      if (inbox.owesAck) return;
      this.#session.giveUp({ code: 4410, reason: 'the handler has returned' });
      this.changed();
    }
  }
}
