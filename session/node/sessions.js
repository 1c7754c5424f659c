/** The sessions of a server by principal and name, and the handling of HELLO (R2 to R10), without I/O and without a clock. */

import { Session } from './session.js';

/** @typedef {import('./frames.js').Hello} Hello */
/** @typedef {import('./session.js').Close} Close */
/** @typedef {import('./session.js').Config} Config */
/** @typedef {{sessions: number, sessionsPerPrincipal: number, sessionsPerAddress: number}} Limits */
/** @typedef {{principal: string, address: string}} Client The principal and the address of a client. */

/**
 * The outcome of a HELLO: `session` is the session that the connection serves from now on; without it, the connection closes with
 * `close`. `older` is the connection that this one supersedes, and `lost` is a session that is given up.
 *
 * @typedef {{session?: Session, isNew?: boolean, close?: Close, older?: {connection: object, close: Close}, lost?: Session}} Outcome
 */

export class Sessions {
  /** @type {Map<string, Map<string, Session>>} */
  #principals = new Map();
  /** @type {Map<string, number>} The number of sessions that were made from each address. */
  #addresses = new Map();
  /** @type {Map<Session, {principal: string, address: string, name: string}>} */
  #places = new Map();
  #config;
  #limits;

  /** @param {Config} config @param {Limits} limits */
  constructor(config, limits) {
    this.#config = config;
    this.#limits = limits;
  }

  get size() {
    return this.#places.size;
  }

  [Symbol.iterator]() {
    return this.#places.keys();
  }

  /**
   * Handles the HELLO of a client that is authenticated.
   *
   * @param {Client} client
   * @param {Hello} hello
   * @param {object} connection
   * @returns {Outcome}
   */
  hello(client, hello, connection) {
    const session = this.#principals.get(client.principal)?.get(hello.session);
    if (!session) return this.#make(client, hello, connection);
    const verdict = session.judge(hello);
    if (typeof verdict === 'object') return { close: verdict };
    if (verdict === 'give up') {
      const close = { code: 4410, reason: 'a message exceeds the max of its receiver' };
      return { close, ...this.#giveUp(session, close) };
    }
    if (verdict === 'forgotten') {
      const given = this.#giveUp(session, { code: 4410, reason: 'this server has an old copy of the session' });
      return { ...this.#make(client, hello, connection), ...given };
    }
    const older = session.connection;
    session.accept(hello, connection, verdict);
    return { session, older: older && { connection: older, close: { code: 4409, reason: 'superseded' } } };
  }

  /** @param {Client} client @param {Hello} hello @param {object} connection @returns {Outcome} */
  #make({ principal, address }, hello, connection) {
    const ofPrincipal = this.#principals.get(principal) ?? new Map();
    const ofAddress = this.#addresses.get(address) ?? 0;
    const isFull =
      this.size >= this.#limits.sessions ||
      ofPrincipal.size >= this.#limits.sessionsPerPrincipal ||
      ofAddress >= this.#limits.sessionsPerAddress;
    if (isFull) return { close: { code: 4429, reason: 'too many sessions' } };
    const session = new Session(this.#config);
    this.#principals.set(principal, ofPrincipal.set(hello.session, session));
    this.#addresses.set(address, ofAddress + 1);
    this.#places.set(session, { principal, address, name: hello.session });
    session.accept(hello, connection, 'new');
    return { session, isNew: true };
  }

  /** @param {Session} session @param {Close} close */
  #giveUp(session, close) {
    const { connection } = session;
    session.giveUp(close);
    session.connection = undefined;
    this.remove(session);
    return { lost: session, older: connection && { connection, close } };
  }

  /** Forgets a session: a HELLO for it makes another one. @param {Session} session */
  remove(session) {
    const place = this.#places.get(session);
    if (!place) return;
    this.#places.delete(session);
    const ofPrincipal = this.#principals.get(place.principal);
    ofPrincipal?.delete(place.name);
    if (ofPrincipal?.size === 0) this.#principals.delete(place.principal);
    const ofAddress = (this.#addresses.get(place.address) ?? 1) - 1;
    if (ofAddress === 0) this.#addresses.delete(place.address);
    else this.#addresses.set(place.address, ofAddress);
  }
}
