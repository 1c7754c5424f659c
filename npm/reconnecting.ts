/// <reference lib="esnext.disposable" preserve="true" />

import { abortable, isReason, onAbort, settled } from "./abort.js";
import { asyncDispose } from "./dispose.js";
import { WebSocketError, closeCode, sendErrorOf } from "./errors.js";
import { Facts, hooksOf } from "./hooks.js";
import { Inbox } from "./inbox.js";
import { JsonStream } from "./json.js";
import { Listeners } from "./listeners.js";
import { type CloseEvent, type Message, type Payload, messageOf } from "./message.js";
import { type CallOptions, checkCall } from "./options.js";
import { kept } from "./payload.js";
import type { Reconnection } from "./reconnect-core.js";
import { type InDoubt, type ReconnectOptions, type TargetProvider, inDoubtOf } from "./reconnect-options.js";
import type { Schema } from "./schema.js";
import { type Report, type State, fromCore } from "./state.js";
import { statesOf, watch, weakly } from "./states.js";

/** Counts of the messages that were sent, by where they are now. Each message is counted in exactly one place. */
export interface Counts {
  /** Not sent: an error returned the message, or the browser threw. */
  readonly rejected: number;
  /** Waiting for a connection, or for room in it. */
  readonly queued: number;
  /** Dropped from the queue by `dropOldest`. */
  readonly dropped: number;
  /** Taken back from the queue by {@link ReconnectingStream.takeQueued}. */
  readonly takenBack: number;
  /** Handed over to the browser on the current connection; not yet known to have arrived. */
  readonly unconfirmed: number;
  /** Known to have reached the peer, by a heartbeat's answer or by {@link ReconnectingStream.confirm}. */
  readonly confirmed: number;
  /** Handed over on a connection that ended before they were confirmed. */
  readonly inDoubt: number;
}

/** The types of events, and the arguments of their listeners. */
export interface ReconnectingEvents {
  /** A received message. */
  message: Message;
  /** A new state. */
  state: State;
  /** Messages are in doubt, or one was rejected. */
  report: Report;
  /** It is closed for good: the event with which {@link ReconnectingStream.closed} resolves, clean or not. */
  close: CloseEvent | undefined;
  /** Why it gave up: the error with which {@link ReconnectingStream.closed} rejects. Then there is no `close`. */
  error: WebSocketError;
}

/** The properties that remain readable after the core is freed. */
interface Last {
  readonly state: State;
  counts: Counts;
  readonly dropped: number;
  /** The messages that were not taken back yet. */
  readonly queued: Message[];
  inDoubt: InDoubt;
}

/**
 * A connection that comes back: what {@link reconnect} returns.
 *
 * When the connection is lost or cannot be made, it connects again after the delay of the {@link Backoff}, which ends
 * early when the network comes back or the page is shown. There is never more than one connection in use.
 *
 * Iterate over its messages with `for await`, or listen to them with {@link on}. Messages come from all connections; messages that
 * the peer sent on a lost connection and that did not arrive are lost. The loop ends when it is closed for good. It throws the
 * error if it gave up, and `unclean` if the last connection was lost and none follows. Leaving the loop keeps the connection open
 * and loses no message.
 *
 * {@link counts} accounts for every message that is sent. While there is no connection, the message is queued. On a
 * connection it is handed over to the browser, and is unconfirmed until the peer is known to have received it: by the answer to
 * a {@link Heartbeat}, or by {@link confirm}. If the connection ends before that, the message is in doubt: {@link takeInDoubt}
 * returns it, or it is sent again, as {@link ReconnectOptions.whenLost} says.
 *
 * A stream without references, pending promises, listeners or a signal that lives is closed when the browser collects it, which may
 * be never: close it, or use `await using`.
 */
export class ReconnectingStream implements AsyncIterable<Message>, AsyncDisposable {
  #core: Reconnection | undefined;
  #last: Last | undefined;
  readonly #facts = new Facts();
  readonly #inbox: Inbox;
  readonly #listeners = new Listeners<ReconnectingEvents>(this);
  #closed: Promise<CloseEvent | undefined> | undefined;
  #hasEnded = false;
  /** Whether messages in doubt are sent again. */
  readonly #isResent: boolean;
  readonly #forgetSignal: () => void;

  /** @internal */
  constructor(
    type: typeof Reconnection,
    provider: TargetProvider,
    options: ReconnectOptions,
    signal: AbortSignal | undefined,
  ) {
    const hooks = hooksOf(provider, options, weakly(this), this.#facts);
    const { heartbeat } = options;
    const given = heartbeat === undefined ? options : { ...options, heartbeat: { ...heartbeat, ping: kept(heartbeat.ping) } };
    this.#core = new type(hooks, given);
    this.#isResent = options.whenLost === "resend";
    this.#inbox = new Inbox(
      (took) => this.#core?.next(took),
      () => this.#core?.cancelNext(),
      () => this.#emptied(),
      this.#facts.errorOf,
    );
    void watch(this.#core.states(), weakly(this), ReconnectingStream.#passOn);
    this.#forgetSignal = onAbort(signal, () => void this.close().catch(() => {}));
  }

  /**
   * Sends a message, or queues it if there is no connection, and returns its number, for {@link confirm}.
   *
   * Resolves when the message was handed over to the browser or is queued; whether the peer receives it is not known yet. Waits
   * while more than {@link Options.highWaterMark} bytes are unsent, or while the queue is full and `whenFull` is `"wait"`.
   * Messages go out in the order of the calls, awaited or not. If the signal is aborted while the message waits, it is not sent.
   *
   * @throws {SendError} with the message: `full`, `notOpen` when it is closed for good, `invalidMessage`, or `thrown`
   */
  async send(message: Payload, options?: CallOptions): Promise<number> {
    const signal = checkCall(options);
    signal?.throwIfAborted();
    const data = kept(message);
    try {
      const sent = this.#open().send(data);
      return typeof sent === "number" ? sent : await settled<number>(sent, signal);
    } catch (error) {
      throw isReason(error, signal) ? error : sendErrorOf(error, message);
    }
  }

  /**
   * Sends or queues a message without waiting, and returns its number.
   *
   * @throws {SendError} with the message: `full` if it would have to wait, and the errors of {@link send}
   */
  trySend(message: Payload): number {
    const data = kept(message);
    try {
      return this.#open().trySend(data);
    } catch (error) {
      throw sendErrorOf(error, message);
    }
  }

  /**
   * Waits until no message is queued or unsent. While a message is queued, it waits for a connection.
   *
   * @throws {WebSocketError} `notOpen` if it is closed for good and messages are still queued, or still to be sent again
   */
  async flush(options?: CallOptions): Promise<void> {
    const signal = checkCall(options);
    const flushed = this.#core?.flush() ?? (this.#isPending() ? Promise.reject(closed()) : undefined);
    await abortable(Promise.resolve(flushed).catch(this.#rethrow), signal);
  }

  /**
   * Closes for good, and waits for the peer's answer. The call begins the closing, awaited or not.
   *
   * While a connection is open, queued messages go out first. While there is no connection, messages stay queued for
   * {@link takeQueued}, and it resolves with `undefined`. Messages that had arrived before can still be taken.
   *
   * @param code 1000, or 3000 to 4999; without one, the peer sees 1005
   * @param reason at most 123 bytes of UTF-8; with a reason alone, the code is 1000
   * @throws {WebSocketError} `invalidCloseCode` or `reasonTooLong`, and the connection stays open; `closeTimeout`; or the error for
   *   which it had given up before. If the signal is aborted first, it rejects with the signal's reason, and the closing continues.
   */
  async close(code?: number, reason?: string, options?: CallOptions): Promise<CloseEvent | undefined> {
    const signal = checkCall(options);
    const checked = closeCode(code, reason);
    const closed = this.#core?.close(checked, reason ?? "").catch(this.#rethrow) ?? this.closed;
    return abortable(closed, signal);
  }

  /**
   * Resolves when it is closed for good, with the event that ended the last connection, if there was one. The event is not clean if
   * an open connection was lost and it does not reconnect:
   *
   * - `afterClose` has returned `"stop"`
   * - {@link Backoff.maxAttempts} or {@link Backoff.maxElapsed} is reached, which are counted anew once a connection is open for 10
   *   seconds
   *
   * Rejects with the error for which it gave up, such as the error of the last attempt, or with `closeTimeout`. A rejection without a
   * handler is not reported.
   */
  get closed(): Promise<CloseEvent | undefined> {
    // While somebody waits for the end, the stream is not collected.
    this.#closed ??= (this.#core?.closed() ?? Promise.resolve(undefined)).catch(this.#rethrow).finally(() => this.#ended());
    this.#closed.catch(() => {});
    return this.#closed;
  }

  /** Connects at once, and starts counting attempts anew. An open connection is replaced. */
  reconnectNow(): void {
    this.#core?.reconnectNow();
  }

  /** Closes the connection, and stays without one until {@link resume}. Queued messages go out first; later ones are queued. */
  pause(): void {
    this.#core?.pause();
  }

  /**
   * Connects after a {@link pause}: at once, or within half a second if the connection is still closing. Otherwise it does nothing.
   */
  resume(): void {
    this.#core?.resume();
  }

  /**
   * Confirms that the peer has received the message with this number, and all messages that were handed over before it on the same
   * connection. Returns the number of newly confirmed messages. For protocols that acknowledge messages.
   */
  confirm(number: number): number {
    return this.#core?.confirm(number) ?? 0;
  }

  /**
   * Takes the messages in doubt: returns the kept messages, and the count of all. They are not sent again, and later calls neither
   * return nor count them again. It also works after it was closed for good: unconfirmed messages are in doubt by then.
   */
  takeInDoubt(): InDoubt {
    const last = this.#last;
    if (last === undefined) return inDoubtOf((this.#core as Reconnection).takeInDoubt());
    const { inDoubt } = last;
    last.inDoubt = { count: 0, messages: [] };
    return inDoubt;
  }

  /** Takes back the queued messages and returns them, in order. They are not sent. It also works after it was closed for good. */
  takeQueued(): Message[] {
    const last = this.#last;
    if (last === undefined) return (this.#core as Reconnection).takeQueued().map(messageOf);
    const queued = last.queued.splice(0);
    const { length } = queued;
    last.counts = { ...last.counts, queued: last.counts.queued - length, takenBack: last.counts.takenBack + length };
    return queued;
  }

  /** The current state. */
  get state(): State {
    return this.#last?.state ?? fromCore<State>((this.#core as Reconnection).state, this.#facts.errorOf);
  }

  /** The number of sent messages in each state. */
  get counts(): Counts {
    return this.#last?.counts ?? countsOf(this.#core as Reconnection);
  }

  /** The number of received messages that were dropped because the receive queue was full. See {@link ReceiveLimit}. */
  get dropped(): number {
    return this.#last?.dropped ?? (this.#core as Reconnection).dropped;
  }

  /** The URL of the last connection, as the browser has resolved it; empty before the first one. */
  get url(): string {
    return this.#facts.url;
  }

  /** The subprotocol that the server selected for the last connection; empty if none. */
  get protocol(): string {
    return this.#facts.protocol;
  }

  /** The extensions that the server selected for the last connection; empty if none. */
  get extensions(): string {
    return this.#facts.extensions;
  }

  /**
   * Iterates over the current state and all later ones, with reports between them, until it is closed for good. States that are not
   * taken are queued: the last 256. To end a loop that waits, abort the signal: `return()` waits for the next state.
   *
   * ```ts
   * for await (const state of feed.states()) label.textContent = state.type;
   * ```
   */
  async *states(options?: CallOptions): AsyncGenerator<State | Report, undefined, undefined> {
    const signal = checkCall(options);
    yield* statesOf(this.#core?.states(), () => this.state, this.#facts.errorOf, signal);
  }

  /**
   * Calls `listener` with each event of a type. Returns a function that removes the listener.
   *
   * Listeners of `message` and iterators exclude each other. A listener of `close` or `error` is also called if the stream is closed
   * for good already. An exception of a listener is reported as an error of the page, and the other listeners are still called.
   *
   * @throws {WebSocketError} `locked`
   */
  on<Type extends keyof ReconnectingEvents>(
    type: Type,
    listener: (event: ReconnectingEvents[Type]) => void,
  ): () => void;
  on(...[type, listener]: Listening): () => void {
    switch (type) {
      case "message":
        return this.#inbox.listen(listener);
      case "state":
        return this.#listeners.add("state", listener);
      case "report":
        return this.#listeners.add("report", listener);
      case "close":
        return this.#onEnd("close", listener);
      case "error":
        return this.#onEnd("error", listener);
      default:
        throw new WebSocketError("invalidOption", `there is no event \`${String(type)}\``);
    }
  }

  /** Iterates over the messages. See {@link ReconnectingStream}. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> & AsyncIterable<Message> {
    return this.#inbox.messages();
  }

  /** Iterates over the messages. When the signal is aborted, the loop throws the signal's reason, and the connection stays open. */
  messages(options?: CallOptions): AsyncIterator<Message, undefined> & AsyncIterable<Message> {
    return this.#inbox.messages(checkCall(options));
  }

  /**
   * Wraps this connection to send and receive values as JSON. See {@link JsonStream}.
   *
   * @param incoming a schema that checks received values: from zod, valibot, arktype, or any other library by Standard Schema
   * @param outgoing a schema that checks sent values
   */
  json<Out = unknown, In = unknown>(incoming?: Schema<In>, outgoing?: Schema<unknown, Out>): JsonStream<Out, In, this> {
    return new JsonStream<Out, In, this>(this, incoming, outgoing);
  }

  /**
   * Closes for good, waits for the peer's answer as {@link close} does, and frees the wasm memory; `await using` calls it. Received
   * messages that were not taken are lost. It never rejects.
   */
  async [asyncDispose](): Promise<void> {
    await this.close().catch(() => {});
    this.#inbox.discard();
    this.#free();
  }

  /** A static method, since a closure of the constructor would hold the stream. */
  static #passOn(stream: ReconnectingStream, state: object | undefined): void {
    if (state === undefined) stream.#ended();
    else stream.#announce(state);
  }

  readonly #rethrow = (thrown: unknown): never => {
    throw this.#facts.errorOf(thrown);
  };

  #open(): Reconnection {
    if (this.#core === undefined) throw closed();
    return this.#core;
  }

  /** Returns whether a message was still to be sent, or to be sent again, when the core was freed. */
  #isPending(): boolean {
    const { queued = [], inDoubt } = this.#last ?? {};
    return queued.length > 0 || (this.#isResent && inDoubt !== undefined && inDoubt.messages.length > 0);
  }

  #announce(raw: object): void {
    const event = fromCore<State | Report>(raw, this.#facts.errorOf);
    if (event.type === "inDoubt" || event.type === "rejected") this.#listeners.emit("report", event);
    else this.#listeners.emit("state", event);
  }

  #onEnd<Type extends "close" | "error">(type: Type, listener: (event: ReconnectingEvents[Type]) => void): () => void {
    const forget = this.#listeners.add(type, listener);
    if (this.#hasEnded) this.#announceEnd();
    return forget;
  }

  /** Calls the listeners that were not called yet. */
  #announceEnd(): void {
    this.closed.then(
      (event) => this.#listeners.emit("close", event, true),
      (error: WebSocketError) => this.#listeners.emit("error", error, true),
    );
  }

  /** Called when the last message is taken. */
  #emptied(): void {
    if (this.#hasEnded) this.#free();
  }

  /** Called when it is closed for good. */
  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#forgetSignal();
    this.#announceEnd();
    this.#listeners.end();
    if (this.#inbox.isOver) this.#free();
    else this.#inbox.lookAhead();
  }

  #free(): void {
    const core = this.#core;
    if (core === undefined) return;
    // Keeps the result of `closed`.
    void this.closed;
    const { state, counts, dropped } = this;
    this.#last = { state, counts, dropped, queued: this.takeQueued(), inDoubt: this.takeInDoubt() };
    this.#core = undefined;
    core.free();
  }
}

/** A type of event with a listener of that type. */
type Listening = {
  [Type in keyof ReconnectingEvents]: [type: Type, listener: (event: ReconnectingEvents[Type]) => void];
}[keyof ReconnectingEvents];

function countsOf(core: Reconnection): Counts {
  const [rejected = 0, queued = 0, dropped = 0, takenBack = 0, unconfirmed = 0, confirmed = 0, inDoubt = 0] = core.counts();
  return { rejected, queued, dropped, takenBack, unconfirmed, confirmed, inDoubt };
}

function closed(): WebSocketError {
  return new WebSocketError("notOpen", "the connection is closed, not open; connect again");
}
