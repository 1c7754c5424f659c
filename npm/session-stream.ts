/// <reference lib="esnext.disposable" preserve="true" />

import { abortable, isReason, onAbort, settled } from "./abort.js";
import { asyncDispose } from "./dispose.js";
import { WebSocketError, closeCode, report, sendErrorOf } from "./errors.js";
import { Facts, providerOf, settle } from "./hooks.js";
import { Inbox, type Took } from "./inbox.js";
import { JsonStream } from "./json.js";
import { Listeners } from "./listeners.js";
import type { Message, Payload } from "./message.js";
import { type CallOptions, checkCall } from "./options.js";
import { kept } from "./payload.js";
import type { TargetProvider } from "./reconnect-options.js";
import type { Schema } from "./schema.js";
import type { Receipt as CoreReceipt, Lost, Pending, Session, SessionHooks } from "./session-core.js";
import { SessionLostError, lostOf } from "./session-lost.js";
import type { SessionOptions } from "./session-options.js";
import { type State, fromCore } from "./state.js";
import { statesOf, watch, weakly } from "./states.js";

/** Counts of the messages of a session, over all of its connections. */
export interface SessionCounts {
  /** Processed by the peer. */
  readonly acknowledged: number;
  /** Kept, and transmitted again on the next connection, until the peer has processed them. */
  readonly unacknowledged: number;
  /** The bytes of the unacknowledged messages, with 16 more for each. */
  readonly unacknowledgedBytes: number;
  /** Not acknowledged when a session was lost. See {@link SessionLostError}. */
  readonly lost: number;
  /** Handed over to the browser. A message that is transmitted again counts again. */
  readonly transmitted: number;
  /** Received, and taken from the stream. */
  readonly taken: number;
}

/** The code and the reason with which a side has ended its direction. */
export interface End {
  readonly code: number;
  readonly reason: string;
}

/** The types of events, and the arguments of their listeners. */
export interface SessionEvents {
  /** A received message. */
  message: Message;
  /**
   * A session was lost. It comes between the messages, as {@link SessionLostError} says, while a loop or a listener of `message` takes
   * them, or on disposal.
   */
  lost: SessionLostError;
  /** The peer has ended its direction. It comes after all of the peer's messages, when they are taken. */
  end: End;
  /** A new state of the connection. */
  state: State;
}

/**
 * The receipt of a sent message. {@link processed} resolves when the peer has processed the message. A receipt whose `processed` nobody
 * reads takes a little wasm memory until the browser collects it.
 */
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
   * rejection without a handler is not reported.
   */
  get processed(): Promise<void> {
    if (this.#processed === undefined) {
      this.#processed = this.#ask();
      this.#processed.catch(() => {});
    }
    return this.#processed;
  }
}

/** The properties that remain readable after the core is freed. */
interface Last {
  readonly state: State;
  readonly counts: SessionCounts;
}

/** The state of a session that was given up. */
const CLOSED: State = { type: "closed", cause: { type: "requested" } };

/**
 * A session: delivers every message exactly once, over any number of connections. {@link session} returns it.
 *
 * Both ends number the messages, keep each message until the other end has processed it, and transmit it again on the next connection.
 * **As long as both ends keep the session, every message arrives in order and exactly once, in both directions.** If the server
 * has forgotten the session, loops throw a {@link SessionLostError} once, with the messages in question.
 *
 * It connects and reconnects as {@link reconnect} does.
 *
 * Iterate over its messages with `for await`, or listen to them with {@link on}. A message is processed when the loop asks for the
 * next one, or by {@link processed} with {@link SessionOptions.explicit}. The peer waits while {@link SessionOptions.window} bytes are
 * received and not processed. The loop ends when the peer has ended its direction; {@link peerEnd} has the code and the reason.
 * Leaving the loop keeps the session and loses no message.
 *
 * A session without references, pending promises, listeners or a signal that lives is given up when the browser collects it, which
 * may be never: close it, or use `await using`.
 */
export class SessionStream implements AsyncIterable<Message>, AsyncDisposable {
  #core: Session | undefined;
  #last: Last | undefined;
  readonly #facts = new Facts();
  readonly #inbox: Inbox;
  readonly #listeners = new Listeners<SessionEvents>(this);
  /** Aborted when the session is given up, which rejects pending calls. */
  readonly #givenUp = new AbortController();
  #forgetSignal: () => void = () => {};
  readonly #closeTimeout: number;
  #closing: Promise<void> | undefined;
  /** The result of {@link acknowledged}, once the core is freed. */
  #acknowledged: Promise<void> | undefined;
  #peerEnd: End | undefined;
  #hasEnded = false;
  /** Whether a loss with messages was dropped that no listener got. */
  #isLossDropped = false;
  /** The disposal, once it has begun. */
  #disposal: Promise<void> | undefined;
  /** Whether listeners were called with the state `closed`. */
  #isClosedAnnounced = false;

  /** @internal */
  constructor(type: typeof Session, provider: TargetProvider, options: SessionOptions, signal: AbortSignal | undefined) {
    this.#core = new type(hooksOf(provider, options, this.#facts), options);
    this.#closeTimeout = options.closeTimeout ?? 5000;
    this.#inbox = new Inbox(
      (took) => this.#core?.next(took),
      () => this.#core?.cancelNext(),
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
   * Resolves when the session has the message in its replay buffer: it transmits the message when there is a connection, and again
   * on later ones, until the peer has processed it. Waits while the replay buffer is full, see {@link SessionOptions.replay}. Messages
   * go out in the order of the calls, awaited or not. If the signal is aborted while the message waits, it is not sent.
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
      return this.#sent("settled" in sent ? await settled<CoreReceipt>(sent, signal, this.#givenUp.signal) : sent);
    } catch (error) {
      throw isReason(error, signal) ? error : sendErrorOf(error, message);
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
   * Waits until the peer has processed all messages that were sent before, without messages that still wait in {@link send}.
   *
   * @throws {WebSocketError} `sessionLost` if the session is lost before, or if an earlier session was lost with messages and no loop or
   *   listener got the {@link SessionLostError}; then it is unknown whether the peer has processed them
   */
  async acknowledged(options?: CallOptions): Promise<void> {
    const signal = checkCall(options);
    signal?.throwIfAborted();
    await (this.#acknowledged ?? this.#wait(this.#call((core) => core.acknowledged()), signal));
  }

  /**
   * Marks all messages that were taken as processed. For {@link SessionOptions.explicit}: otherwise a message is processed when the
   * next one is asked for.
   */
  processed(): void {
    this.#core?.processed();
  }

  /**
   * Ends this page's direction, and waits until the peer has processed everything. The call sends the end, awaited or not.
   *
   * No message is lost: the end follows all messages of the session, and is transmitted again on the next connection, as messages
   * are. The other direction stays open: continue to take messages until the loop ends, which it does when the peer has ended its
   * direction, too.
   *
   * @param code 1000, or 3000 to 4999
   * @param reason at most 123 bytes of UTF-8
   * @throws {WebSocketError} `invalidCloseCode` or `reasonTooLong`, and the direction stays open; `sessionLost` as for
   *   {@link acknowledged}. If the signal is aborted first, it rejects with the signal's reason, and the end stays sent.
   */
  async close(code?: number, reason?: string, options?: CallOptions): Promise<void> {
    const signal = checkCall(options);
    await abortable(this.#close(closeCode(code, reason) ?? 1000, reason ?? ""), signal);
  }

  /** The code and the reason with which the peer has ended its direction; `undefined` until all its messages are taken. */
  get peerEnd(): End | undefined {
    return this.#peerEnd;
  }

  /** Connects at once, and starts counting attempts anew. An open connection is replaced. */
  reconnectNow(): void {
    this.#core?.reconnectNow();
  }

  /**
   * Closes the connection, and stays without one until {@link resume}. The server keeps the session only for its time to live, which
   * is some minutes.
   */
  pause(): void {
    this.#core?.pause();
  }

  /**
   * Connects after a {@link pause}: at once, or within half a second if the connection is still closing. Otherwise it does nothing.
   */
  resume(): void {
    this.#core?.resume();
  }

  /** The current state of the connection. It is open once the server has accepted the session. */
  get state(): State {
    return this.#last?.state ?? fromCore<State>((this.#core as Session).state, this.#facts.errorOf);
  }

  /** The number of messages in each state, over all connections. */
  get counts(): SessionCounts {
    return this.#last?.counts ?? countsOf(this.#core as Session);
  }

  /**
   * Iterates over the current state of the connection and all later ones, until there will be no more connection. States that are
   * not taken are queued: the last 256. To end a loop that waits, abort the signal: `return()` waits for the next state.
   */
  async *states(options?: CallOptions): AsyncGenerator<State, undefined, undefined> {
    const signal = checkCall(options);
    // A session has no reports.
    yield* statesOf(this.#core?.states(), () => this.state, this.#facts.errorOf, signal) as AsyncGenerator<State, undefined, undefined>;
  }

  /**
   * Calls `listener` with each event of a type. Returns a function that removes the listener.
   *
   * - `message`: listeners and iterators exclude each other.
   * - `lost`: comes in order, when all messages before it are taken, and not after the peer's end. If there are listeners of
   *   `message` and none of `lost`, the loss is reported as an error of the page.
   * - `end`: comes in order, too. The listener is also called if the peer has ended its direction already.
   *
   * An exception of a listener is reported as an error of the page, and the other listeners are still called.
   *
   * @throws {WebSocketError} `locked`
   */
  on<Type extends keyof SessionEvents>(type: Type, listener: (event: SessionEvents[Type]) => void): () => void;
  on(...[type, listener]: Listening): () => void {
    switch (type) {
      case "message":
        return this.#inbox.listen(listener);
      case "state":
        return this.#listeners.add("state", listener);
      case "lost":
        return this.#listeners.add("lost", listener);
      case "end":
        return this.#onEnd(listener);
      default:
        throw new WebSocketError("invalidOption", `there is no event \`${String(type)}\``);
    }
  }

  /** Iterates over the messages. See {@link SessionStream}. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> & AsyncIterable<Message> {
    return this.#inbox.messages();
  }

  /** Iterates over the messages. When the signal is aborted, the loop throws the signal's reason, and the session continues. */
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
   * Closes the session as {@link close} does, waits for the peer's end for at most {@link Options.closeTimeout}, and frees the wasm
   * memory; `await using` calls it. It never rejects.
   *
   * Messages that were not taken are dropped. They and all earlier messages are acknowledged to the peer as processed. A paused
   * session connects for this. Without a network it waits until there is one; aborting {@link SessionOptions.signal} ends the wait.
   *
   * A loss with messages is not dropped silently: listeners of `lost` are called, and the loss is reported as {@link on} says. Without
   * such a listener, {@link close} and {@link acknowledged} reject.
   */
  [asyncDispose](): Promise<void> {
    if (this.#disposal === undefined) {
      let done!: () => void;
      // Set first, since a listener of `lost` may dispose of the session, too.
      this.#disposal = new Promise((resolve) => (done = resolve));
      void this.#dispose().then(done);
    }
    return this.#disposal;
  }

  /** A static method, since a closure of the constructor would hold the session. */
  static #passOn(session: SessionStream, state: object | undefined): void {
    if (state === undefined) session.#ended();
    else session.#changed(fromCore<State>(state, session.#facts.errorOf));
  }

  readonly #rethrow = (thrown: unknown): never => {
    throw this.#facts.errorOf(thrown);
  };

  #open(): Session {
    if (this.#core === undefined) throw lost();
    return this.#core;
  }

  #sent(receipt: CoreReceipt): Receipt {
    // Uses a method of the session, so that the session is not collected while somebody waits for the receipt.
    return new Receipt(() => receipt.processed().catch(this.#rethrow));
  }

  async #close(code: number, reason: string): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#wait(this.#call((core) => core.close(code, reason)));
      this.#closing.catch(() => {});
    }
    return this.#closing;
  }

  /** Calls the core, and converts its exceptions. */
  #call<T>(call: (core: Session) => T): T {
    const core = this.#open();
    try {
      return call(core);
    } catch (error) {
      return this.#rethrow(error);
    }
  }

  /** Whether a loss with messages was taken, and neither a reader nor a listener has got it. */
  get #isUntold(): boolean {
    return this.#isLossDropped || isOfMessages(this.#inbox.gap);
  }

  /** Waits for a call of the core. Rejects if the session is given up first, or if a loss with messages is untold. */
  async #wait(call: true | Pending, signal?: AbortSignal): Promise<void> {
    try {
      if (call !== true) await settled(call, signal, this.#givenUp.signal);
      // The core counts a loss as told once it is taken.
      if (this.#isUntold) throw lost();
    } catch (error) {
      throw isReason(error, signal) ? error : this.#facts.errorOf(error);
    }
  }

  async #dispose(): Promise<void> {
    const { isListened, gap } = this.#inbox;
    this.#inbox.discard();
    this.#hasEnded = true;
    if (gap instanceof SessionLostError) this.#dropLoss(gap, isListened);
    // A paused session would never send the end.
    this.#core?.resume();
    const dropped = this.#drop(isListened);
    await this.close().catch(() => {});
    await within(this.#closeTimeout, dropped);
    this.#giveUp();
  }

  /**
   * Takes and drops messages. Otherwise a peer that waits for room in the window would process no more messages. `isListened` says
   * whether there were listeners of `message`.
   */
  #drop(isListened: boolean): Promise<void> {
    const dropped = new Promise<void>((resolve) => {
      const drop: Took = (data, lost) => {
        this.#core?.processed();
        if (lost !== undefined) this.#dropLoss(lostOf(lost as Lost, this.#facts.errorOf), isListened);
        if (data !== undefined || lost !== undefined) return this.#core?.next(drop);
        this.#emptied();
        resolve();
      };
      if (this.#core === undefined) return resolve();
      // The peer may send nothing more before it learns this.
      this.#core.processed();
      this.#core.next(drop);
    });
    return abortable(dropped, this.#givenUp.signal).catch(() => {});
  }

  /** Passes a loss to listeners of `lost`; without them, `close` and `acknowledged` reject. Ignores a loss without messages. */
  #dropLoss(lost: SessionLostError, isListened: boolean): void {
    if (!isOfMessages(lost) || this.#listeners.emit("lost", lost)) return;
    this.#isLossDropped = true;
    if (isListened) report(lost);
  }

  #onEnd(listener: (end: End) => void): () => void {
    const forget = this.#listeners.add("end", listener);
    const end = this.#peerEnd;
    if (end !== undefined) queueMicrotask(() => this.#listeners.emit("end", end, true));
    return forget;
  }

  /** Announces a state, until `closed` was announced: the connection of a session that was given up closes later. */
  #changed(state: State): void {
    if (this.#isClosedAnnounced) return;
    this.#isClosedAnnounced = state.type === "closed";
    this.#listeners.emit("state", state);
  }

  #lost(lost: SessionLostError, isThrown: boolean): void {
    if (!this.#listeners.emit("lost", lost) && !isThrown) report(lost);
  }

  /** Called when the last message is taken. */
  #emptied(): void {
    const end = (this.#peerEnd = this.#core?.peerEnd);
    if (end !== undefined) this.#listeners.emit("end", end, true);
    // A disposal frees the core itself.
    if (this.#hasEnded && this.#disposal === undefined) this.#free(this.state);
  }

  /** Called when there will be no more connection. */
  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#forgetSignal();
    this.#listeners.end();
    if (this.#inbox.isOver) this.#free(this.state);
    else this.#inbox.lookAhead();
  }

  #giveUp(): void {
    if (this.#core === undefined) return;
    const state = this.state.type === "closed" ? this.state : CLOSED;
    this.#isLossDropped = this.#isUntold;
    this.#inbox.discard();
    this.#free(state);
    this.#givenUp.abort(lost());
    this.#changed(state);
  }

  #free(state: State): void {
    const core = this.#core;
    if (core === undefined) return;
    this.#last = { state, counts: this.counts };
    this.#peerEnd ??= core.peerEnd;
    this.#acknowledged = this.acknowledged();
    this.#acknowledged.catch(() => {});
    this.#core = undefined;
    this.#forgetSignal();
    this.#listeners.end();
    core.free();
  }
}

/** A type of event with a listener of that type. */
type Listening = {
  [Type in keyof SessionEvents]: [type: Type, listener: (event: SessionEvents[Type]) => void];
}[keyof SessionEvents];

/** Wraps the caller's functions in those that the core calls. */
function hooksOf(provider: TargetProvider, { credentials }: SessionOptions, facts: Facts): SessionHooks {
  return {
    ...providerOf(provider, undefined, facts),
    hasCredentials: credentials !== undefined,
    credentials: (signal) =>
      settle(facts, signal, async () => {
        const given: unknown = await (typeof credentials === "function" ? credentials({ signal }) : credentials);
        if (typeof given === "string") return given;
        throw new WebSocketError("invalidOption", `\`credentials\` returned ${String(given)}; return a text`);
      }),
  };
}

/** Waits for a promise, but no longer than a time in milliseconds. */
async function within(time: number, promise: Promise<void>): Promise<void> {
  let timer;
  // A longer timer would fire at once.
  const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, Math.min(time, 2 ** 31 - 1))));
  await Promise.race([promise, tooLong]);
  clearTimeout(timer);
}

function countsOf(core: Session): SessionCounts {
  const [acknowledged = 0, unacknowledged = 0, unacknowledgedBytes = 0, lost = 0, transmitted = 0, taken = 0] = core.counts();
  return { acknowledged, unacknowledged, unacknowledgedBytes, lost, transmitted, taken };
}

/** Returns whether an error is a loss with messages. */
function isOfMessages(error: WebSocketError | undefined): boolean {
  return error instanceof SessionLostError && error.unacknowledged.length > 0;
}

function lost(): WebSocketError {
  return new WebSocketError("sessionLost", "the session has ended: it was lost or given up; begin another one");
}
