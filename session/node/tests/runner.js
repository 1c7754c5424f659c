/** Runs a client over sockets: connects again whenever the connection is lost, and hands items to the application. */

import { once } from 'node:events';
import { WebSocket } from 'ws';

import { Client } from './client.js';

export const CONFIG = { window: 8192, max: 4096, replay: 16_384, ttl: 300 };

let names = 0;

/** Returns a name for a session. Tests need no random names. */
export function name() {
  names += 1;
  return `session-of-a-test-${String(names).padStart(8, '0')}`;
}

export class Runner {
  connections = 0;
  codes = [];

  #url;
  #delay;
  #changed = [];
  #ack;

  /** @param {() => string} url The URL of each connection. @param {() => number} delay Milliseconds before each reconnection. */
  constructor(url, delay = () => 1, config = CONFIG) {
    this.machine = new Client(name(), config);
    this.#url = url;
    this.#delay = delay;
    this.#connect();
  }

  #connect() {
    const socket = new WebSocket(this.#url(), 'session.v1', { perMessageDeflate: false });
    this.connections += 1;
    socket.on('error', () => {});
    socket.on('open', () => {
      this.machine.open(socket);
      this.#settle();
    });
    socket.on('message', (data, isBinary) => {
      if (this.machine.connection !== socket) return;
      this.machine.receive(isBinary ? data : data.toString());
      this.#settle();
    });
    socket.on('close', (code) => this.#closed(socket, code));
  }

  #closed(socket, code) {
    this.codes.push(code);
    if (this.machine.connection === socket) this.machine.disconnect(code);
    if (!this.machine.isOver) setTimeout(() => this.#connect(), this.#delay());
    this.#wake();
  }

  /** Loses the connection. */
  terminate() {
    this.machine.connection?.terminate();
  }

  #settle() {
    const socket = this.machine.connection;
    for (let action = this.machine.poll(); action; action = this.machine.poll()) {
      if (action.close) socket.close(action.close.code);
      else socket.send(action.frame.data, { binary: action.frame.isBinary });
    }
    if (this.machine.inbox.owesAck) {
      this.#ack ??= setTimeout(() => {
        this.#ack = undefined;
        this.machine.acknowledge();
        this.#settle();
      }, 20);
    }
    this.#wake();
  }

  #wake() {
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  async until(condition) {
    for (;;) {
      const result = condition();
      if (result) return result;
      await new Promise((resolve) => this.#changed.push(resolve));
    }
  }

  async send(message) {
    await this.until(() => this.machine.outbox.hasRoom(Buffer.byteLength(message)));
    this.machine.outbox.push(message);
    this.#settle();
  }

  finish(code = 1000, reason = '') {
    this.machine.outbox.end(code, reason);
    this.#settle();
  }

  /** Marks the previous item as processed, and waits for the next item. */
  async next() {
    this.machine.finish();
    this.#settle();
    const item = await this.until(() => this.machine.take());
    if (item.end) this.machine.finish();
    this.#settle();
    return item;
  }

  /** Waits until the client will not connect again. */
  over() {
    return this.until(() => this.machine.isOver && !this.machine.connection);
  }
}

export const listening = async (server) => {
  await once(server.webSockets, 'listening');
  return `ws://127.0.0.1:${server.webSockets.address().port}`;
};
