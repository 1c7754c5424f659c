/** The client of the session protocol, without I/O and without a clock, as docs/session.md describes it. For the tests. */

import { Violation, decode, encode } from '../frames.js';
import { Inbox } from '../inbox.js';
import { Lost, Outbox } from '../outbox.js';

/** The close codes of the server that end the session. */
const GIVES_UP = [1009, 4400, 4409, 4410, 4413];

export class Client {
  /** Whether the client will not connect again. */
  isOver = false;
  connection;

  #name;
  #config;
  #attempt = 0;
  #token;
  #state = 'idle';
  #greeting;
  #close;
  /** The untaken items of earlier sessions: inboxes and `Lost`. */
  #past = [];

  constructor(name, config) {
    this.#name = name;
    this.#config = config;
    this.#reset();
  }

  #reset() {
    this.inbox = new Inbox(this.#config.window, this.#config.max);
    this.outbox = new Outbox(this.#config.replay);
  }

  get isComplete() {
    return this.outbox.isEndAcknowledged && this.inbox.isEndProcessed;
  }

  open(connection) {
    this.connection = connection;
    this.#state = 'greeting';
    this.#attempt += 1;
    const { sent } = this.outbox;
    const { received } = this.inbox;
    const token = this.#token ? { token: this.#token } : {};
    const { max, credentials } = this.#config;
    const counts = { sent, received, ...this.inbox.takeAck(), max };
    const who = credentials ? { credentials } : {};
    this.#greeting = { kind: 'hello', session: this.#name, attempt: this.#attempt, ...token, ...counts, ...who };
  }

  receive(data) {
    try {
      const frame = decode(data);
      if ((this.#state === 'greeting') !== (frame.kind === 'welcome')) throw new Violation(4400, 'WELCOME is first, and once');
      if (frame.kind === 'welcome') this.#welcome(frame);
      else this.#take(frame);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#giveUp(error.code);
    }
  }

  #welcome(welcome) {
    const { outbox } = this;
    const hadSession = this.#token !== undefined;
    if (welcome.resumed && !hadSession) throw new Violation(4400, 'a session that never began is resumed');
    if (welcome.resumed) {
      const { received, processed } = welcome;
      const isOther = received < outbox.acknowledged || processed < outbox.acknowledged || received > outbox.sent;
      if (isOther) throw new Violation(4410, 'another session');
      if (processed > received) throw new Violation(4400, 'more is processed than received');
    } else if (hadSession) {
      if (outbox.isEnded || this.inbox.isEnded) throw new Violation(4410, 'a direction has ended');
      this.#past.push(this.inbox, outbox.lost());
      this.#reset();
    }
    if (this.outbox.exceeds(welcome.max)) throw new Violation(4410, 'a message exceeds max');
    this.#token = welcome.token;
    this.#state = 'live';
    this.inbox.isAckUrgent = true;
    const { credit, max } = welcome;
    this.outbox.connect(welcome.resumed ? welcome : { received: 0, processed: 0, credit, max });
  }

  #take(frame) {
    if (frame.kind === 'message') this.inbox.receive(frame.message);
    else if (frame.kind === 'end') this.inbox.end(frame.code, frame.reason);
    else if (frame.kind === 'ack') this.outbox.acknowledge(frame.processed, frame.credit);
    else if (frame.kind === 'ping') this.inbox.isAckUrgent = true;
    else throw new Violation(4400, 'HELLO from a server');
  }

  #giveUp(code) {
    this.#close = code;
    if (!this.isComplete) this.#past.push(this.inbox, this.outbox.lost());
    this.isOver = true;
    this.#state = 'over';
  }

  disconnect(code) {
    this.connection = undefined;
    if (this.isOver) return;
    this.#state = 'idle';
    if (GIVES_UP.includes(code)) this.#giveUp(code);
    if (this.isComplete && code === 1000) this.isOver = true;
  }

  /** Takes the next item: a message, `{end}` or `Lost`. It is processed when `finish` is called. */
  take() {
    while (this.#past.length > 0) {
      const item = this.#past[0] instanceof Lost ? this.#past.shift() : this.#past[0].take();
      if (item) return item;
      this.#past.shift();
    }
    return this.isOver ? undefined : this.inbox.take();
  }

  finish() {
    this.inbox.finish();
  }

  acknowledge() {
    if (this.inbox.owesAck) this.inbox.isAckUrgent = true;
  }

  poll() {
    if (!this.connection) return undefined;
    if (this.#close) {
      this.connection = undefined;
      return { close: { code: this.#close, reason: '' } };
    }
    if (this.#greeting) {
      const frame = encode(this.#greeting);
      this.#greeting = undefined;
      return { frame };
    }
    if (this.#state !== 'live') return undefined;
    if (this.inbox.isAckUrgent) return { frame: encode({ kind: 'ack', ...this.inbox.takeAck() }) };
    const frame = this.outbox.poll();
    return frame && { frame };
  }
}
