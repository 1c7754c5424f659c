/// <reference lib="esnext.disposable" preserve="true" />

import { abortable, onAbort } from "./abort.js";
import { asyncDispose } from "./dispose.js";
import { WebSocketError, closeCode, report, sendErrorOf } from "./errors.js";
import { Facts, providerOf, settle } from "./hooks.js";
import { Inbox, call } from "./inbox.js";
import { JsonStream } from "./json.js";
import type { Message, Payload } from "./message.js";
import { type CallOptions, checkCall } from "./options.js";
import { kept } from "./payload.js";
import type { TargetProvider } from "./reconnect-options.js";
import type { Schema } from "./schema.js";
import type { Receipt as CoreReceipt, Lost, Pending, Session, SessionHooks } from "./session-core.js";
import { type SessionLostError, lostOf } from "./session-lost.js";
import type { SessionOptions } from "./session-options.js";
import { type State, told } from "./state.js";
import { statesOf, watch, weakly } from "./states.js";

/** How many messages a session has sent and taken, over all of its connections. */
export interface SessionCounts {
  /** Processed by the peer. */
  readonly acknowledged: number;
  /** Kept, and transmitted again on the next connection, until the peer has processed them. */
  readonly unacknowledged: number;
  /** The bytes of the unacknowledged messages, with 16 more for each. */
  readonly unacknowledgedBytes: number;
  /** Not acknowledged when a session was lost, as {@link SessionLostError} tells. */
  readonly lost: number;
  /** How often a message was handed over to the browser. The messages that were transmitted again count again. */
  readonly transmitted: number;
  /** Received, and taken from the stream. */
  readonly taken: number;
}

/** The code and the reason with which a side has ended what it sends. */
export interface End {
  readonly code: number;
  readonly reason: string;
}

/** What can be listened to, and what listeners are called with. */
export interface SessionEvents {
  /** A message. */
  message: Message;
  /** A session was lost. It comes between the messages, as {@link SessionLostError} says. */
  lost: SessionLostError;
  /** The peer has ended, after all of its messages. */
  end: End;
  /** A new state of the connection. */
  state: State;
}

/** Tells what becomes of a message that was sent. */
export class Receipt {
  readonly #ask: () => Promise<void>;
  #processed: Promise<void> | undefined;

  /** @internal */
  constructor(ask: () => Promise<void>) {
    this.#ask = ask;
  }

  /**
   * Resolves when the peer has processed the message: when the peer's application has finished with it, not when it has arrived.
   *
   * Rejects with `sessionLost` if the session is lost before; then it is unknown whether the peer has processed the message. A
   * rejection that nobody waits for is not reported.
   */
  get processed(): Promise<void> {
    if (this.#processed === undefined) {
      this.#processed = this.#ask();
      this.#processed.catch(() => {});
    }
    return this.#processed;
  }
}

/** What is known after the core is freed. */
interface Last {
  readonly state: State;
  readonly counts: SessionCounts;
}

/** The state of one that was given up. */
const CLOSED: State = { type: "closed", cause: { type: "requested" } };

/** Sessions whose states are listened to, so that they are not collected. */
const listened = new Set<object>();

/**
 * A session that loses no message, and has none twice, over any number of connections: what {@link session} returns.
 *
 * Both ends number the messages, keep those that the other end has not processed, and transmit them again on the next connection.
 * **As long as both ends keep the session, every message arrives in order and exactly once, in both directions.** If the server
 * has forgotten the session, loops throw a {@link SessionLostError} once, with the messages in question.
 *
 * It connects, and comes back, as {@link reconnect} does.
 *
 * Messages are iterated over, or listened to, over all connections. A message is processed when the next one is asked for, or by
 * {@link processed} with {@link SessionOptions.explicit}. A peer whose messages are not processed waits. Iterating ends when the
 * peer has ended; {@link peerEnd} says how. Leaving the loop closes nothing and loses nothing.
 *
 * A session that nothing refers to, waits for or listens to any more is given up when the browser collects it, which may be never:
 * close it, or let `await using` do so.
 */
export class SessionStream implements AsyncIterable<Message>, AsyncDisposable {
  #core: Session | undefined;
  #last: Last | undefined;
  readonly #facts = new Facts();
  readonly #inbox: Inbox;
  readonly #listeners = {
    state: new Set<(state: State) => void>(),
    lost: new Set<(lost: SessionLostError) => void>(),
    end: new Set<(end: End) => void>(),
  };
  /** Ends what waits when the session is given up. */
  readonly #givenUp = new AbortController();
  #forgetSignal: () => void = () => {};
  readonly #closeTimeout: number;
  /** Of the last message. */
  #receipt: Receipt | undefined;
  #closing: Promise<void> | undefined;
  #peerEnd: End | undefined;
  #hasEnded = false;

  /** @internal */
  constructor(type: typeof Session, provider: TargetProvider, options: SessionOptions, signal: AbortSignal | undefined) {
    this.#core = new type(hooksOf(provider, options, this.#facts), options);
    this.#closeTimeout = options.closeTimeout ?? 5000;
    this.#inbox = new Inbox(
      () => this.#core?.next() ?? Promise.resolve(undefined),
      () => this.#emptied(),
      (thrown) => lostOf(thrown as Lost, this.#facts.errorOf),
      (lost, isThrown) => this.#lost(lost as SessionLostError, isThrown),
    );
    void watch(this.#core.states(), weakly(this), SessionStream.#passOn);
    this.#forgetSignal = onAbort(signal, () => this.#giveUp());
  }

  /**
   * Sends a message, and returns its receipt.
   *
   * Resolves when the session keeps the message, which it does until the peer has processed it: the message is transmitted when
   * there is a connection, and again on later ones. Waits while {@link SessionOptions.replay} is full. Messages go out in the order
   * of the calls, awaited or not. If the signal is aborted while the message waits, it is not sent.
   *
   * @throws {SendError} with the message: `tooLarge` if the peer does not accept messages of this size, `notOpen` after
   *   {@link close}, `sessionLost` if the session is lost for good, or `invalidMessage`
   */
  async send(message: Payload, options?: CallOptions): Promise<Receipt> {
    const signal = checkCall(options);
    signal?.throwIfAborted();
    const data = kept(message);
    try {
      const sent = this.#open().send(data);
      return this.#sent("settled" in sent ? await this.#settled<CoreReceipt>(sent, signal) : sent);
    } catch (error) {
      throw signal?.aborted === true && error === signal.reason ? error : sendErrorOf(error, message);
    }
  }

  /**
   * Sends a message without waiting, and returns its receipt.
   *
   * @throws {SendError} with the message: `full` if it would have to wait, and the errors of {@link send}
   */
  trySend(message: Payload): Receipt {
    const data = kept(message);
    try {
      return this.#sent(this.#open().trySend(data));
    } catch (error) {
      throw sendErrorOf(error, message);
    }
  }

  /**
   * Waits until the peer has processed everything that was sent before. A message that still waits in {@link send} is not part of
   * it.
   *
   * @throws {WebSocketError} `sessionLost` if the session is lost before; then it is unknown whether the peer has
   */
  async acknowledged(options?: CallOptions): Promise<void> {
    await abortable(this.#receipt?.processed ?? Promise.resolve(), checkCall(options), () => {});
  }

  /**
   * Says that this page has finished with all messages that it has taken. Only with {@link SessionOptions.explicit} does it matter:
   * otherwise asking for the next message says so.
   */
  processed(): void {
    // A message that was taken for a loop that has ended is not this page's yet.
    if (!this.#inbox.isHolding) this.#core?.processed();
  }

  /**
   * Ends what this page sends, and waits until the peer has processed everything. The end is sent with the call.
   *
   * No message is lost by it: the end comes after all messages that the session keeps, is numbered as they are, and comes again
   * after a lost connection. The other direction stays open, so take what is still received: messages end when the peer has ended,
   * too.
   *
   * @param code 1000, or 3000 to 4999
   * @param reason at most 123 bytes of UTF-8
   * @throws {WebSocketError} `invalidCloseCode` or `reasonTooLong`, which end nothing; `sessionLost` if the session is lost before.
   *   If the signal is aborted first, it rejects with the signal's reason, and the end stays sent.
   */
  async close(code?: number, reason?: string, options?: CallOptions): Promise<void> {
    const signal = checkCall(options);
    await abortable(this.#close(closeCode(code, reason) ?? 1000, reason ?? ""), signal, () => {});
  }

  /** How the peer has ended, once its messages have ended with that. */
  get peerEnd(): End | undefined {
    return this.#peerEnd;
  }

  /** Connects at once, and counts attempts from zero again. An open connection is replaced. */
  reconnectNow(): void {
    this.#core?.reconnectNow();
  }

  /**
   * Closes the connection, and stays without one until {@link resume}. The server keeps the session for some minutes, as it
   * chooses.
   */
  pause(): void {
    this.#core?.pause();
  }

  /** Connects at once after a {@link pause}. Otherwise it does nothing. */
  resume(): void {
    this.#core?.resume();
  }

  /** The current state of the connection. It is open once the server has accepted the session. */
  get state(): State {
    return this.#last?.state ?? told<State>((this.#core as Session).state, this.#facts.errorOf);
  }

  /** How many messages are where, over all connections. */
  get counts(): SessionCounts {
    return this.#last?.counts ?? countsOf(this.#core as Session);
  }

  /**
   * The current state of the connection and all later ones, until there will be no more connection. While nobody takes them, the
   * last 256 are kept.
   */
  async *states(options?: CallOptions): AsyncGenerator<State, undefined, undefined> {
    const signal = checkCall(options);
    // There are no reports: messages are the session's.
    yield* statesOf(this.#core?.states(), () => this.state, this.#facts.errorOf, signal) as AsyncGenerator<State, undefined, undefined>;
  }

  /**
   * Calls `listener` with each event of a type, and gives the function that ends this.
   *
   * A listener of `message` takes messages as an iterator does, so there cannot be both. A listener of `end` is also called if the
   * peer has ended already. `lost` and `end` come in order, so they are told when all messages before them are taken. If messages
   * are taken by listeners, and none listens to `lost`, it is reported as an error of the page. So is what a listener throws, which
   * changes nothing else.
   *
   * @throws {WebSocketError} `locked`
   */
  on<Type extends keyof SessionEvents>(type: Type, listener: (event: SessionEvents[Type]) => void): () => void;
  on(...[type, listener]: Listening): () => void {
    switch (type) {
      case "message":
        return this.#inbox.listen(listener);
      case "state":
        return this.#listen(this.#listeners.state, listener);
      case "lost":
        return this.#listen(this.#listeners.lost, listener);
      case "end":
        return this.#onEnd(listener);
      default:
        throw new WebSocketError("invalidOption", `there is no event \`${String(type)}\``);
    }
  }

  /** The messages. See {@link SessionStream}. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> & AsyncIterable<Message> {
    return this.#inbox.messages();
  }

  /** The messages, for a loop that throws the signal's reason when the signal is aborted. The session goes on. */
  messages(options?: CallOptions): AsyncIterator<Message, undefined> & AsyncIterable<Message> {
    return this.#inbox.messages(checkCall(options));
  }

  /**
   * Wraps this session to send and receive values as JSON. See {@link JsonStream}.
   *
   * @param incoming a schema that checks received values: from zod, valibot, arktype, or any other library by Standard Schema
   * @param outgoing a schema that checks sent values
   */
  json<Out = unknown, In = unknown>(incoming?: Schema<In>, outgoing?: Schema<unknown, Out>): JsonStream<Out, In, this> {
    return new JsonStream<Out, In, this>(this, incoming, outgoing);
  }

  /**
   * Closes the session as {@link close} does, waits for the peer's end for at most {@link Options.closeTimeout}, and frees what the
   * session has in wasm, as `await using` does. It never rejects.
   *
   * Messages that were not taken are dropped, and the peer is told that they were processed. Without a network it waits until there
   * is one; {@link SessionOptions.signal} ends that.
   */
  async [asyncDispose](): Promise<void> {
    this.#inbox.discard();
    // What is left is freed here.
    this.#hasEnded = true;
    const dropped = this.#drop();
    const isClosed = await this.close().then(
      () => true,
      () => false,
    );
    if (isClosed) await abortable(dropped, AbortSignal.timeout(this.#closeTimeout), () => {}).catch(() => {});
    this.#giveUp();
  }

  /** Not a function of the constructor, whose functions hold the session. */
  static #passOn(session: SessionStream, state: object | undefined): void {
    if (state === undefined) session.#ended();
    else session.#changed(told<State>(state, session.#facts.errorOf));
  }

  readonly #rethrow = (thrown: unknown): never => {
    throw this.#facts.errorOf(thrown);
  };

  #open(): Session {
    if (this.#core === undefined) throw lost();
    return this.#core;
  }

  #sent(receipt: CoreReceipt): Receipt {
    // By a method, so that the session is not collected while somebody waits.
    return (this.#receipt = new Receipt(() => receipt.processed().catch(this.#rethrow)));
  }

  #close(code: number, reason: string): Promise<void> {
    if (this.#closing === undefined) {
      const pending = this.#end(code, reason);
      this.#closing = (pending === undefined ? Promise.resolve() : this.#settled<void>(pending)).catch(this.#rethrow);
      this.#closing.catch(() => {});
    }
    return this.#closing;
  }

  #end(code: number, reason: string): Pending | undefined {
    const core = this.#open();
    try {
      return core.close(code, reason);
    } catch (error) {
      return this.#rethrow(error);
    }
  }

  /** Waits for what the core has begun, until the session is given up. */
  async #settled<T>(pending: Pending, signal?: AbortSignal): Promise<T> {
    try {
      const settled = abortable(pending.settled() as Promise<T>, this.#givenUp.signal, () => {});
      return await abortable(settled, signal, () => {});
    } finally {
      // If it still waits, that ends it.
      pending.free();
    }
  }

  /** Takes and drops messages: a peer whose messages nobody takes would wait, and process none. */
  async #drop(): Promise<void> {
    const { signal } = this.#givenUp;
    while ((await this.#dropNext(signal)) !== undefined) this.#core?.processed();
  }

  async #dropNext(signal: AbortSignal): Promise<unknown> {
    const next = this.#core?.next() ?? Promise.resolve(undefined);
    return abortable(next, signal, () => {}).catch((error: unknown) => (signal.aborted ? undefined : error));
  }

  #listen<Event>(listeners: Set<(event: Event) => void>, listener: (event: Event) => void): () => void {
    // The same function may listen twice.
    const own = (event: Event) => listener(event);
    listeners.add(own);
    if (!this.#hasEnded) listened.add(this);
    return () => {
      listeners.delete(own);
      if (Object.values(this.#listeners).every(({ size }) => size === 0)) listened.delete(this);
    };
  }

  #onEnd(listener: (end: End) => void): () => void {
    let isListening = true;
    const forget = this.#listen(this.#listeners.end, listener);
    const end = this.#peerEnd;
    if (end !== undefined) queueMicrotask(() => isListening && call(listener, end));
    return () => {
      isListening = false;
      forget();
    };
  }

  #changed(state: State): void {
    for (const listener of [...this.#listeners.state]) call(listener, state);
  }

  #lost(lost: SessionLostError, isThrown: boolean): void {
    const { size } = this.#listeners.lost;
    for (const listener of [...this.#listeners.lost]) call(listener, lost);
    if (size === 0 && !isThrown) report(lost);
  }

  /** There is no more to be taken. */
  #emptied(): void {
    const end = (this.#peerEnd = this.#core?.peerEnd);
    if (end !== undefined) for (const listener of [...this.#listeners.end]) call(listener, end);
    if (this.#hasEnded) this.#free(this.state);
  }

  /** There will be no more connection. */
  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#forgetSignal();
    listened.delete(this);
    if (this.#inbox.isOver) this.#free(this.state);
    else this.#inbox.lookAhead();
  }

  #giveUp(): void {
    if (this.#core === undefined) return;
    const { state } = this;
    const isClosed = state.type === "closed";
    this.#inbox.discard();
    this.#free(isClosed ? state : CLOSED);
    this.#givenUp.abort(lost());
    if (!isClosed) this.#changed(CLOSED);
  }

  #free(state: State): void {
    const core = this.#core;
    if (core === undefined) return;
    this.#last = { state, counts: this.counts };
    this.#peerEnd ??= core.peerEnd;
    this.#core = undefined;
    this.#forgetSignal();
    listened.delete(this);
    core.free();
  }
}

/** A type of event with a listener of that type. */
type Listening = {
  [Type in keyof SessionEvents]: [type: Type, listener: (event: SessionEvents[Type]) => void];
}[keyof SessionEvents];

/** The caller's functions, as the core calls them. */
function hooksOf(provider: TargetProvider, { credentials }: SessionOptions, facts: Facts): SessionHooks {
  return {
    ...providerOf(provider, undefined, facts),
    hasCredentials: credentials !== undefined,
    credentials: (signal) =>
      settle(facts, signal, async () => {
        const given: unknown = await (typeof credentials === "function" ? credentials({ signal }) : credentials);
        if (typeof given === "string") return given;
        throw new WebSocketError("invalidOption", `\`credentials\` gave ${String(given)}; return a text`);
      }),
  };
}

function countsOf(core: Session): SessionCounts {
  const [acknowledged = 0, unacknowledged = 0, unacknowledgedBytes = 0, lost = 0, transmitted = 0, taken = 0] = core.counts();
  return { acknowledged, unacknowledged, unacknowledgedBytes, lost, transmitted, taken };
}

function lost(): WebSocketError {
  return new WebSocketError("sessionLost", "the session is over: it was lost or given up; begin another one");
}
