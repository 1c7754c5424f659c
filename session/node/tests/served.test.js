/**
 * Runs the exchanges for a server once more, over sockets and with a handler. Neither shows which messages are acknowledged, or
 * whether the session is complete, so only the tests without sockets check this.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { SessionServer } from '../server.js';
import { Raw } from './raw.js';
import { listening } from './runner.js';
import { Tokens, bytes, item, read, written } from './vectors.js';

/** The milliseconds before the ACK of a taken message leaves. */
const ACK_DELAY = 2;

class ServedExchange {
  tokens = new Tokens();
  streams = [];
  /** For the number of each connection: its client, and a promise that resolves when the server's socket has closed. */
  connections = new Map();

  constructor(config) {
    this.config = config;
  }

  async start() {
    const authenticate = ({ request }) => request.url.slice(1);
    const delays = { ackDelay: ACK_DELAY, closeTimeout: 500 };
    const options = { port: 0, host: '127.0.0.1', ...this.config, authenticate, delays };
    this.server = new SessionServer(options, (stream) => {
      this.streams.push(stream);
      return new Promise(() => {});
    });
    this.url = await listening(this.server);
  }

  async stop() {
    for (const { client } of this.connections.values()) client.socket.terminate();
    await this.server.close();
  }

  get stream() {
    assert.ok(this.streams[0], 'the handler has started');
    return this.streams[0];
  }

  async receive(frame, { on, as = 'alice' }) {
    if (!this.connections.has(on)) await this.open(on, as);
    const { client } = this.connections.get(on);
    client.send(this.tokens.frame(frame));
    await this.settle(client);
  }

  async open(on, as) {
    const connected = once(this.server.webSockets, 'connection');
    const client = new Raw(`${this.url}/${as}`);
    const [[socket]] = await Promise.all([connected, client.opened]);
    this.connections.set(on, { client, left: once(socket, 'close') });
  }

  /** Waits until the server has handled all frames: until it answers a WebSocket ping that is sent after them. */
  async settle(client) {
    client.socket.ping(() => {});
    await Promise.race([once(client.socket, 'pong'), client.closed()]);
  }

  async disconnect(on, { code }) {
    const { client, left } = this.connections.get(on);
    if (code) client.socket.close(code);
    else client.socket.terminate();
    await left;
  }

  async take(expected) {
    assert.deepEqual(item(await this.next(), expected), expected);
    await new Promise((resolve) => setTimeout(resolve, 3 * ACK_DELAY));
  }

  async next() {
    const { stream } = this;
    const taken = await stream.next().catch((lost) => lost);
    if (taken instanceof Error) return this.streams.shift() && taken;
    if (taken.done) return { end: stream.end };
    stream.processed();
    return { message: taken.value };
  }

  async send(message) {
    await this.stream.send(bytes(message));
  }

  async finish({ code, reason }) {
    await this.stream.finish(code, reason);
  }

  async restart() {
    await this.stop();
    this.streams = [];
    await this.start();
  }

  /** Checks the order of actions on each connection, but not across connections. */
  async expect(expected) {
    for (const [on, { client }] of this.connections) {
      const wanted = expected.filter((action) => action.on === on);
      if (wanted.some(({ close }) => close)) await client.closed();
      else if (client.socket.readyState === 1) await this.settle(client);
      const frames = client.frames.splice(0);
      const done = frames.map((data) => ({ on, frame: written({ data: Buffer.from(data), isBinary: typeof data !== 'string' }) }));
      if (wanted.some(({ close }) => close)) done.push({ on, close: client.code });
      assert.deepEqual(done, this.tokens.fill(wanted, done));
    }
  }

  async run(steps) {
    for (const step of steps) {
      const [name, value] = Object.entries(step).find(([key]) => key in this) ?? [];
      if (name) await this[name](value, step);
    }
  }
}

/** Returns whether the exchange needs a store, or a handler in a fresh session. This server has neither. */
function isBeyond(steps) {
  const fresh = steps.findIndex(({ restart }) => restart === 'empty');
  return steps.some(({ restart }) => restart === 'stored') || (fresh >= 0 && steps.slice(fresh).some(({ send }) => send));
}

const { config, exchanges } = await read('server');
for (const { name, steps } of exchanges) {
  test(`served: ${name}`, { skip: isBeyond(steps) && 'it needs a store, or a handler in a fresh session' }, async () => {
    const exchange = new ServedExchange(config);
    await exchange.start();
    try {
      await exchange.run(steps);
    } finally {
      await exchange.stop();
    }
  });
}
