/** A client that sends any frames. */

import { WebSocket } from 'ws';

export const HELLO = { attempt: 1, sent: 0, received: 0, processed: 0, credit: 1_000_000, max: 1_000_000 };

export class Raw {
  frames = [];
  /** The close code, once the WebSocket is closed. */
  code;
  #waiting = [];

  constructor(url, options = {}) {
    this.socket = new WebSocket(url, options.protocols ?? 'session.v1', { perMessageDeflate: false, ...options });
    this.socket.on('message', (data, isBinary) => {
      this.frames.push(isBinary ? data : data.toString());
      this.#wake();
    });
    this.socket.on('close', (code) => {
      this.code = code;
      this.#wake();
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('unexpected-response', (request, response) => {
      this.status = response.statusCode;
      request.destroy();
      this.#wake();
    });
    this.opened = this.until(() => this.socket.readyState !== WebSocket.CONNECTING || this.status);
    this.socket.on('open', () => this.#wake());
  }

  #wake() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async until(condition) {
    for (;;) {
      const result = condition();
      if (result) return result;
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }

  send(...frames) {
    for (const frame of frames) this.socket.send(frame);
  }

  async next() {
    await this.until(() => this.frames.length > 0 || this.code);
    return this.frames.shift();
  }

  closed() {
    return this.until(() => this.code);
  }

  /** Sends HELLO. Returns the WELCOME; `undefined` if the server closes instead. */
  async hello(session, members = {}) {
    await this.opened;
    this.send(`H${JSON.stringify({ session, ...HELLO, ...members })}`);
    const frame = await this.next();
    return frame && JSON.parse(frame.slice(1));
  }

  ack(processed = 0, credit = 1_000_000) {
    this.send(`A${JSON.stringify({ processed, credit })}`);
  }

  /** Terminates the connection, and waits until it is closed. */
  lose() {
    this.socket.terminate();
    return this.closed();
  }
}
