/** Runs the exchanges of session/vectors against the machines, without sockets. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Violation } from '../frames.js';
import { greeting } from '../session.js';
import { Sessions } from '../sessions.js';
import { Client } from './client.js';
import { Tokens, bytes, item, read, written } from './vectors.js';

const limits = { sessions: 10, sessionsPerPrincipal: 10, sessionsPerAddress: 10 };

/** The steps of the vectors for both ends. */
class Exchange {
  /** The actions of the end since the last `expect`. */
  done = [];
  tokens = new Tokens();
  connections = new Map();

  constructor(config) {
    this.config = config;
  }

  connection(number) {
    if (!this.connections.has(number)) this.connections.set(number, { number });
    return this.connections.get(number);
  }

  drain(machine) {
    for (;;) {
      const on = machine.connection?.number;
      const action = machine.poll();
      if (!action) return;
      this.done.push(action.frame ? { on, frame: written(action.frame) } : { on, close: action.close.code });
    }
  }

  expect(expected) {
    const { done } = this;
    this.done = [];
    assert.deepEqual(done, this.tokens.fill(expected, done));
  }

  take(expected) {
    const taken = this.next();
    assert.ok(taken, 'there is an item');
    assert.deepEqual(item(taken, expected), expected);
  }

  acknowledged(number) {
    assert.equal(this.machine.outbox.acknowledged, number);
  }

  send(message) {
    this.machine.outbox.push(bytes(message));
  }

  finish({ code, reason = '' }) {
    this.machine.outbox.end(code, reason);
  }

  is(state) {
    assert.ok(state === 'over' ? this.machine.isOver : this.machine.isComplete, `it is ${state}`);
  }

  run(steps) {
    for (const step of steps) {
      const [name, value] = Object.entries(step).find(([key]) => key in this);
      this[name](value, step);
      this.settle();
    }
  }
}

class ServerExchange extends Exchange {
  sessions = new Sessions(this.config, limits);
  /** All sessions in the order in which they were made. The handler belongs to the first one that is not lost. */
  made = [];
  /** The sessions that connections serve. */
  served = new Map();
  refused = new Set();

  get machine() {
    return this.made[0];
  }

  next() {
    const taken = this.machine.inbox.take();
    if (taken) {
      this.machine.inbox.finish();
      this.machine.acknowledge();
      return taken;
    }
    return this.made.shift().lost;
  }

  receive(frame, { on, as = 'alice' }) {
    const connection = this.connection(on);
    const data = this.tokens.frame(frame);
    const session = this.served.get(connection);
    if (session?.connection === connection) return session.receive(data);
    if (session || this.refused.has(connection)) return undefined;
    return this.hello(data, connection, as);
  }

  hello(data, connection, principal) {
    let outcome;
    try {
      outcome = this.sessions.hello({ principal, address: '::1' }, greeting(data), connection);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      outcome = { close: { code: error.code } };
    }
    const { session, isNew, close, older } = outcome;
    if (older) this.done.push({ on: older.connection.number, close: older.close.code });
    if (close) {
      this.refused.add(connection);
      this.done.push({ on: connection.number, close: close.code });
    }
    if (session) this.served.set(connection, session);
    if (isNew) this.made.push(session);
  }

  disconnect(on, { code = 1006 }) {
    const connection = this.connection(on);
    const session = this.served.get(connection);
    if (session?.connection === connection) session.disconnect(code);
  }

  restart() {
    this.sessions = new Sessions(this.config, limits);
    this.made = [];
    this.served.clear();
  }

  settle() {
    for (const session of this.sessions) {
      this.drain(session);
      if (session.lost) this.sessions.remove(session);
    }
  }
}

class ClientExchange extends Exchange {
  machine = new Client('session-name-1-AAAAAAAA', this.config);

  next() {
    const taken = this.machine.take();
    this.machine.finish();
    this.machine.acknowledge();
    return taken;
  }

  open(on) {
    this.machine.open(this.connection(on));
  }

  receive(frame, { on }) {
    if (this.machine.connection === this.connection(on)) this.machine.receive(this.tokens.frame(frame));
  }

  disconnect(on, { code = 1006 }) {
    if (this.machine.connection === this.connection(on)) this.machine.disconnect(code);
  }

  settle() {
    this.drain(this.machine);
  }
}

for (const [name, Kind] of [['server', ServerExchange], ['client', ClientExchange]]) {
  const { config, exchanges } = await read(name);
  for (const { name: title, rules, steps } of exchanges) {
    const skip = steps.some(({ restart }) => restart === 'stored') && 'sessions are in memory alone';
    test(`${name}: ${title} (${rules.join(', ')})`, { skip }, () => new Kind(config).run(steps));
  }
}
