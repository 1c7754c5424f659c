/**
 * The server of the session protocol for `ws`. See README.md, and docs/session.md for the protocol.
 *
 *   WebSocket ─▶ connection ─▶ sessions ─▶ session ─▶ stream ─▶ handler
 *                              (who, which)  (inbox, outbox)
 */

import { createServer } from 'node:http';

import { WebSocket, WebSocketServer } from 'ws';

import { Connection } from './connection.js';
import { Crowd } from './crowd.js';
import { MAX_CONTROL_FRAME } from './frames.js';
import { settings } from './options.js';
import { Running } from './running.js';
import { Sessions } from './sessions.js';

export { Lost } from './outbox.js';
export { SessionStream } from './stream.js';

/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('./frames.js').Hello} Hello */
/** @typedef {import('./session.js').Session} Session */

const SUBPROTOCOL = 'session.v1';

/** `ws` closes with 1009 when a message exceeds `maxPayload`. The protocol's own code is 4413. */
class SessionWebSocket extends WebSocket {
  /** @param {number} [code] @param {string | Buffer} [reason] */
  close(code, reason) {
    super.close(code === 1009 ? 4413 : code, reason);
  }
}

/** Serves sessions: runs `handler` once per session, over any number of connections. */
export class SessionServer {
  #sessions;
  /** @type {Map<Session, Running>} */
  #running = new Map();
  /** @type {Set<Connection>} */
  #connections = new Set();
  #crowd = new Crowd();
  /** The server of the option `port`. */
  #http;
  #options;
  #context;

  /**
   * @param {import('./options.js').Options} options
   * @param {import('./running.js').Handler} handler
   * @throws {RangeError | TypeError} if the value of an option is not allowed
   */
  constructor(options, handler) {
    if (typeof handler !== 'function') throw new TypeError(`the handler: ${handler} is not a function`);
    this.#options = settings(options);
    const { window, max, replay, ttl, onError, limits, delays } = this.#options;
    this.#sessions = new Sessions({ window, max, replay, ttl }, limits);
    const forget = (/** @type {Session} */ session) => this.#forget(session);
    this.#context = { ttl, ackDelay: delays.ackDelay, handler, onError, forget };
    if (options.port !== undefined && options.server) throw new TypeError('`port` and `server`: choose one of them');
    this.#http = options.port === undefined ? undefined : createServer((_, response) => response.writeHead(426).end());
    /** The server of `ws`: for its `address`, its event `listening` and its `handleUpgrade`. */
    this.webSockets = this.#listen(options);
    this.#http?.listen(options.port, options.host);
  }

  /** @param {import('./options.js').Options} options */
  #listen({ server = this.#http, noServer, path, origins }) {
    const webSockets = new WebSocketServer({
      ...(server && { server }),
      ...(noServer && { noServer }),
      ...(path && { path }),
      WebSocket: SessionWebSocket,
      clientTracking: false,
      // The frame of a text message has one byte more, its kind.
      maxPayload: Math.max(this.#options.max + 1, MAX_CONTROL_FRAME),
      maxBufferedChunks: chunks(this.#options.max),
      handleProtocols: (protocols) => protocols.has(SUBPROTOCOL) && SUBPROTOCOL,
      verifyClient: ({ origin, req }, answer) => answer(...verify(origin, req, origins)),
    });
    webSockets.on('connection', (socket, request) => this.#connect(socket, request));
    return webSockets;
  }

  /** @param {WebSocket} socket @param {Request} request */
  #connect(socket, request) {
    const { address, isKnown } = this.#locate(request);
    const connection = new Connection(socket, request.socket, this.#options, {
      hello: (hello) => this.#hello(connection, address, request, hello),
      idle: () => this.#crowd.add(connection, address),
    });
    this.#connections.add(connection);
    this.#crowd.add(connection, address);
    socket.on('close', () => {
      this.#connections.delete(connection);
      this.#crowd.delete(connection);
    });
    if (this.#crowd.exceeds(this.#options.limits, address)) connection.refuse({ code: 4429, reason: 'too many connections' });
    if (!isKnown) connection.close({ code: 1011, reason: 'the address of the client is unknown' });
  }

  /** Returns the address for limits per address: the remote one if the option throws. @param {Request} request */
  #locate(request) {
    const remote = request.socket.remoteAddress ?? '';
    try {
      /** @type {unknown} */
      const address = this.#options.address?.(request) ?? remote;
      if (typeof address === 'string') return { address, isKnown: true };
      Promise.resolve(address).catch(() => {});
      throw new TypeError(`\`address\` returned a value of type ${typeof address}; return a string`);
    } catch (error) {
      this.#context.onError(error);
      return { address: remote, isKnown: false };
    }
  }

  /** @param {Connection} connection @param {string} address @param {Request} request @param {Hello} hello */
  async #hello(connection, address, request, hello) {
    const { credentials, protocol } = hello;
    const { principal, isKnown } = await this.#authenticate({ credentials, protocol, request });
    if (connection.isClosing || !this.#connections.has(connection)) return undefined;
    if (!isKnown) return connection.close({ code: 1011, reason: 'the authentication has failed' });
    if (principal === undefined) return connection.close({ code: 4401, reason: 'the credentials are refused' });
    const { protocols } = this.#options;
    if (protocols && !protocols.includes(protocol ?? '')) {
      return connection.close({ code: 4406, reason: 'the protocol of the application is unknown' });
    }
    return this.#accept(connection, { principal, address, protocol }, hello);
  }

  /**
   * Returns who the client is. That is unknown if the option throws, for instance since the database of the users does not answer: the
   * client connects again. After 4401 it would stop.
   *
   * @param {{credentials?: string, protocol?: string, request: Request}} client
   * @returns {Promise<{principal?: string, isKnown: boolean}>}
   */
  async #authenticate(client) {
    try {
      /** @type {unknown} */
      const principal = await this.#options.authenticate(client);
      if (!principal) return { isKnown: true };
      if (typeof principal === 'string') return { principal, isKnown: true };
      throw new TypeError(`\`authenticate\` returned a value of type ${typeof principal}; return a string, or \`undefined\``);
    } catch (error) {
      this.#context.onError(error);
      return { isKnown: false };
    }
  }

  /** @param {Connection} connection @param {{principal: string, address: string, protocol?: string}} client @param {Hello} hello */
  #accept(connection, client, hello) {
    const { session, isNew, close, older, lost } = this.#sessions.hello(client, hello, connection);
    if (older) /** @type {Connection} */ (older.connection).close(older.close);
    if (lost) this.#running.get(lost)?.changed();
    if (close) connection.close(close);
    if (!session) return;
    if (isNew) this.#running.set(session, new Running(session, client, this.#context));
    this.#crowd.delete(connection);
    connection.serve(session, () => this.#running.get(session)?.changed());
  }

  /** @param {Session} session */
  #forget(session) {
    this.#sessions.remove(session);
    this.#running.delete(session);
  }

  /** The number of sessions, including disconnected and complete ones. */
  get size() {
    return this.#sessions.size;
  }

  /**
   * Stops: closes all connections with 1012, so that clients connect again, and ends all sessions, which are only in memory. Their
   * handlers get `Lost`. Resolves when all connections are closed, so that the process may end; that takes at most `closeTimeout`.
   */
  async close() {
    const connections = [...this.#connections].map((connection) => connection.closed);
    for (const connection of this.#connections) connection.leave({ code: 1012, reason: 'the server restarts' });
    for (const [session, running] of this.#running) {
      session.connection = undefined;
      session.giveUp({ code: 4410, reason: 'the server restarts' });
      running.changed();
    }
    const servers = [this.webSockets, this.#http].map((server) => new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined))));
    await Promise.all(connections);
    // A client that has sent no whole request would keep the server open.
    this.#http?.closeAllConnections();
    await Promise.all(servers);
  }
}

/**
 * Returns how many packets of an incomplete frame `ws` may keep: it shifts them from an array, which takes 46 s for its default, 2¹⁸.
 * A message of up to 128 MiB may arrive in packets of 512 bytes; the packets of a larger one must be larger, up to 2 KiB for 512 MiB.
 *
 * @param {number} max
 */
const chunks = (max) => Math.min(Math.max(2 ** 14, Math.ceil(max / 512)), 2 ** 18);

/**
 * Returns whether to upgrade; if not, also the HTTP status.
 *
 * @param {string | undefined} origin
 * @param {Request} request
 * @param {string[] | undefined} origins
 * @returns {[boolean, number?, string?]}
 */
function verify(origin, request, origins) {
  if (origins && origin !== undefined && !origins.includes(origin)) return [false, 403, 'this origin may not connect'];
  const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  return offered.includes(SUBPROTOCOL) ? [true] : [false, 400, `the subprotocol ${SUBPROTOCOL} is needed`];
}
