/** A WebSocket at the server: receives HELLO, passes frames to the session, and writes the frames that the session polls. */

import { MAX_CONTROL_FRAME, Violation } from './frames.js';
import { greeting } from './session.js';

/** @typedef {import('ws').WebSocket} WebSocket */
/** @typedef {import('./frames.js').Hello} Hello */
/** @typedef {import('./session.js').Close} Close */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {{helloTimeout: number, pingAfter: number, pingTimeout: number, closeTimeout: number}} Delays Milliseconds. */

/** Bytes that a socket buffers before the session waits: a client that resumes and never reads costs this and one message. */
const HIGH_WATER_MARK = 65_536;

/** While the socket still writes, a peer may be silent for this many times `pingTimeout`. */
const WRITING_PATIENCE = 12;

/** The errors of `ws` for a message that exceeds `maxPayload`. */
const TOO_LONG = ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'];

/** Bytes on the wire around a HELLO: the longest header of a frame. */
const HEADER = 14;

/** Bytes that may arrive in addition to a message and its fragments: two reads of the socket. */
const SLACK = 131_072;

export class Connection {
  /** @type {Session | undefined} */
  session;
  isClosing = false;
  /** Resolves when the WebSocket is closed. @type {Promise<void>} */
  closed;

  #changed = () => {};
  /** Whether HELLO has arrived. */
  #isGreeted = false;
  /** Bytes that arrived since the connection opened, the last message of the session arrived, or the connection began to close. */
  #arriving = 0;
  /** Whether the socket's buffer is full. */
  #isFull = false;
  /** How often the peer did not answer in time. */
  #silences = 0;
  /** @type {NodeJS.Timeout} */
  #timer;
  #socket;
  #raw;
  /** The bytes that had arrived when the timer was set. */
  #arrived = 0;
  #max;
  #delays;
  #events;

  /**
   * @param {WebSocket} socket
   * @param {import('node:net').Socket} raw The socket below, to count bytes.
   * @param {{max: number, delays: Delays}} options
   * @param {{hello: (hello: Hello) => void, idle: () => void}} events `idle`: the connection serves no session any more.
   */
  constructor(socket, raw, { max, delays }, events) {
    this.#socket = socket;
    this.#raw = raw;
    this.#max = max;
    this.#delays = delays;
    this.#events = events;
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
    this.#timer = setTimeout(() => this.close({ code: 4408, reason: 'no HELLO was accepted in time' }), delays.helloTimeout);
    raw.on('data', (/** @type {Buffer} */ chunk) => this.#count(chunk.length));
    socket.on('message', (/** @type {Buffer} */ data, /** @type {boolean} */ isBinary) => this.#receive(isBinary ? data : data.toString()));
    socket.on('close', (code) => this.#closed(code));
    socket.on('error', (/** @type {Error & {code?: string}} */ error) => this.#failed(error));
  }

  /**
   * Counts the bytes that arrive. Terminates the connection when they are more than twice the largest message: each fragment keeps all
   * that arrived with it. If the peer is not authenticated or does not close, closes the connection and stops reading when they are
   * more than a HELLO can have.
   *
   * @param {number} length
   */
  #count(length) {
    this.#arriving += length;
    if (this.session && !this.isClosing) {
      if (this.#arriving > 2 * this.#max + SLACK) this.#socket.terminate();
    } else if (this.#arriving > MAX_CONTROL_FRAME + HEADER) {
      this.close({ code: 4400, reason: 'HELLO is too long' });
      this.#socket.pause();
    }
  }

  /** @param {string | Buffer} data */
  #receive(data) {
    if (this.isClosing) return undefined;
    if (!this.session) return this.#greet(data);
    this.#arriving = 0;
    this.#heard();
    this.session.receive(data);
    return this.#changed();
  }

  /** @param {string | Buffer} data */
  #greet(data) {
    if (this.#isGreeted) return this.close({ code: 4400, reason: 'a frame between HELLO and WELCOME' });
    this.#isGreeted = true;
    try {
      return this.#events.hello(greeting(data));
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return this.close({ code: error.code, reason: error.message });
    }
  }

  /** Serves a session from now on. @param {Session} session @param {() => void} changed Called when the session may have changed. */
  serve(session, changed) {
    this.session = session;
    this.#changed = changed;
    this.#heard();
    changed();
  }

  /** Called when a frame shows that the peer is alive. */
  #heard() {
    this.#silences = 0;
    this.#wait(this.#delays.pingAfter);
  }

  /** @param {number} delay */
  #wait(delay) {
    clearTimeout(this.#timer);
    this.#arrived = this.#raw.bytesRead;
    this.#timer = setTimeout(() => this.#silent(), delay).unref();
  }

  /**
   * Pings a peer that has sent no frame for a while, and terminates the connection if nothing arrives. A large message on a slow line
   * takes long to arrive. A PING behind such a message has not reached the peer yet, so a socket that still writes gets more time.
   */
  #silent() {
    if (this.#raw.bytesRead > this.#arrived) this.#silences = 0;
    const patience = this.#socket.bufferedAmount > 0 ? WRITING_PATIENCE : 1;
    if (this.#silences >= patience) return this.#socket.terminate();
    if (this.#silences === 0) this.session?.ping();
    this.#silences += 1;
    this.#wait(this.#delays.pingTimeout);
    return this.#changed();
  }

  /** Writes the frames of the session while the socket has room. */
  transmit() {
    while (this.session?.connection === this && (!this.#isFull || this.session.lost)) {
      const action = this.session.poll();
      if (!action) return;
      if ('close' in action) return this.close(action.close);
      this.#write(action.frame);
    }
  }

  /** @param {{data: Buffer, isBinary: boolean}} frame */
  #write({ data, isBinary }) {
    this.#socket.send(data, { binary: isBinary }, () => this.#written());
    this.#isFull = this.#socket.bufferedAmount > HIGH_WATER_MARK;
  }

  #written() {
    if (!this.#isFull || this.#socket.bufferedAmount > HIGH_WATER_MARK) return;
    this.#isFull = false;
    this.#changed();
  }

  /** Closes the WebSocket, and drops it if the peer does not answer. @param {Close} close */
  close({ code, reason }) {
    if (this.isClosing) return;
    this.isClosing = true;
    clearTimeout(this.#timer);
    this.#arriving = 0;
    this.#events.idle();
    this.#socket.close(code, reason);
    this.#timer = setTimeout(() => this.#socket.terminate(), this.#delays.closeTimeout).unref();
  }

  /**
   * Closes the WebSocket for a session that ends with its server. What the handler has processed is acknowledged before, even if the
   * socket is full, so that the client does not count it as lost.
   *
   * @param {Close} close
   */
  leave(close) {
    const session = this.session?.connection === this && !this.isClosing ? this.session : undefined;
    session?.acknowledge();
    const action = session?.inbox.isAckUrgent ? session.poll() : undefined;
    if (action && 'frame' in action) this.#write(action.frame);
    this.close(close);
  }

  /** Closes the WebSocket and drops it at once: above the limits, nobody waits for a peer's answer. @param {Close} close */
  refuse(close) {
    this.close(close);
    this.#raw.destroySoon();
  }

  /** @param {Error & {code?: string}} error */
  #failed(error) {
    if (!TOO_LONG.includes(error.code ?? '') || this.session?.connection !== this) return;
    this.session.giveUp({ code: 4413, reason: 'a message exceeds max' });
    this.#changed();
  }

  /** @param {number} code */
  #closed(code) {
    clearTimeout(this.#timer);
    if (this.session?.connection !== this) return;
    this.session.disconnect(code);
    this.#changed();
  }
}
