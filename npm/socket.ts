/// <reference lib="esnext.disposable" preserve="true" />

import { abortable, onAbort } from "./abort.js";
import type { Connection } from "./core.js";
import { asyncDispose } from "./dispose.js";
import { WebSocketError, closeCode, rethrow } from "./errors.js";
import { Inbox } from "./inbox.js";
import { JsonStream } from "./json.js";
import { Listeners } from "./listeners.js";
import type { CloseEvent, Message, Payload } from "./message.js";
import { type BinaryType, type CallOptions, checkCall } from "./options.js";
import { Outbox } from "./outbox.js";
import type { Schema } from "./schema.js";
import { type Progress, type SliceOptions, slices } from "./slices.js";

/** The state of a connection, by the standard's numbers: `CONNECTING` is 0, `OPEN` 1, `CLOSING` 2 and `CLOSED` 3. */
export type ReadyState = 0 | 1 | 2 | 3;

/** The types of events, and the arguments of their listeners. */
export interface WebSocketEvents {
  /** A received message. */
  message: Message;
  /** The connection has ended; the event with which {@link WebSocketStream.closed} resolves. */
  close: CloseEvent;
  /**
   * Messages may be missing: `unclean` when the connection was lost, `overflow` or `closeTimeout`. Comes at most once; `unclean` when
   * all messages before it are taken.
   */
  error: WebSocketError;
}

/** The properties that remain readable after the core is freed. */
interface State {
  readonly readyState: ReadyState;
  readonly bufferedAmount: number;
  readonly dropped: number;
  asBlob: boolean;
}

/**
 * An open connection: what {@link connect} resolves with.
 *
 * Iterate over its messages with `for await`, or listen to them with {@link on}.
 *
 * - The loop ends when the connection was closed; {@link closed} returns the code and the reason.
 * - If messages may be missing, the loop throws instead, once: `unclean` when the connection was lost, `overflow` or
 *   `closeTimeout`.
 * - Leaving the loop (`break`, `return`, an error) keeps the connection open and loses no message: the next loop continues with
 *   the next message.
 * - Several loops share the messages: each message goes to one of them.
 *
 * Its wasm memory is freed when the connection has ended and its messages are taken, or when it is disposed of. It can then be
 * used like any closed connection. A socket without references, pending promises, listeners or a signal that lives is closed
 * when the browser collects it, which may be never: close it, or use `await using`.
 */
export class WebSocketStream implements AsyncIterable<Message>, AsyncDisposable {
  /** The URL, as the browser has resolved it. */
  readonly url: string;
  /** The subprotocol that the server selected; empty if none. */
  readonly protocol: string;
  /** The browser's interface that the connection uses. */
  readonly transport: "events" | "streams";
  /** The extensions that the server selected, such as `permessage-deflate`; empty if none. */
  readonly extensions: string;

  readonly #closed: Promise<CloseEvent>;
  #awaited: Promise<CloseEvent> | undefined;
  #connection: Connection | undefined;
  #state: State;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #listeners = new Listeners<WebSocketEvents>(this);
  #hasEnded = false;
  readonly #forgetSignal: () => void;
  /** The result of a flush, once the connection is freed. */
  #flushed: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(connection: Connection, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.#state = connection;
    this.url = connection.url;
    this.protocol = connection.protocol;
    this.transport = (connection as { isByStreams?: boolean }).isByStreams === true ? "streams" : "events";
    this.extensions = connection.extensions;
    this.#inbox = new Inbox(
      (took) => this.#connection?.next(took),
      () => this.#connection?.cancelNext(),
      (error) => this.#emptied(error),
    );
    this.#outbox = new Outbox(() => this.#connection);
    this.#closed = connection.closed().catch(rethrow);
    WebSocketStream.#watch(this.#closed, new WeakRef(this));
    this.#forgetSignal = onAbort(signal, () => void this.close().catch(() => {}));
  }

  /**
   * Sends a message, waiting while more than {@link Options.highWaterMark} bytes are unsent.
   *
   * Resolves when the message was handed over to the browser; whether the peer receives it is unknown. Messages go out in the order
   * of the calls, awaited or not. Messages that still wait when the connection closes or ends are not sent. If the signal is
   * aborted while the message waits, it is not sent.
   *
   * @throws {SendError} with the message: `notOpen`, `overflow` if an overflow has ended the connection, `invalidMessage`, or
   *   `thrown` for a buffer that browsers refuse
   */
  async send(message: Payload, options?: CallOptions): Promise<void> {
    return this.#outbox.send(message, checkCall(options));
  }

  /**
   * Sends a message without waiting.
   *
   * @throws {SendError} with the message: `full` if it would have to wait, and the errors of {@link send}
   */
  trySend(message: Payload): void {
    this.#outbox.trySend(message);
  }

  /**
   * Sends a Blob or a File of any size in slices, each as one message, and yields the progress.
   *
   * Each iteration of the loop sends one slice, waiting as {@link send} does; leaving the loop sends no more. Messages that are sent
   * meanwhile go between the slices. An empty Blob sends nothing.
   *
   * ```ts
   * for await (const { sent, buffered, total } of socket.sendSlices(file)) progress.value = (sent - buffered) / total;
   * await socket.flush(); // everything has left the browser
   * progress.value = 1;
   * ```
   *
   * @throws {WebSocketError} the errors of {@link send}, and `invalidOption`
   */
  sendSlices(blob: Blob, options?: SliceOptions): AsyncGenerator<Progress, undefined, undefined> {
    return slices(this, blob, options);
  }

  /**
   * Waits until everything has left the browser, including messages that still wait in {@link send}. Whether the peer has
   * received it is unknown.
   *
   * @throws {WebSocketError} `notOpen` if the connection is no longer open and some of the messages may be lost
   */
  async flush(options?: CallOptions): Promise<void> {
    return abortable(this.#flush(), checkCall(options));
  }

  /**
   * Closes the connection, and waits for the peer's answer. The call begins the closing, awaited or not.
   *
   * Messages that were handed over to the browser go out first; a {@link send} that still waits fails. Messages that had arrived
   * before can still be taken. If the connection has ended already, it settles as {@link closed} does.
   *
   * @param code 1000, or 3000 to 4999; without one, the peer sees 1005
   * @param reason at most 123 bytes of UTF-8; with a reason alone, the code is 1000
   * @throws {WebSocketError} `invalidCloseCode` or `reasonTooLong`, and the connection stays open; `closeTimeout` if the peer does
   *   not answer within {@link Options.closeTimeout}: the messages end, and the browser continues to close; `overflow` if an
   *   overflow has ended the connection. If the signal is aborted first, it rejects with the signal's reason, and the closing
   *   continues.
   */
  async close(code?: number, reason?: string, options?: CallOptions): Promise<CloseEvent> {
    const signal = checkCall(options);
    const checked = closeCode(code, reason);
    const closed = this.#connection?.close(checked, reason ?? "").catch(rethrow) ?? this.closed;
    return abortable(closed, signal);
  }

  /**
   * Calls `listener` with each event of a type. Returns a function that removes the listener.
   *
   * - `message`: all listeners are called with each message. Messages that arrived before the first listener are delivered to it.
   *   Listeners and iterators exclude each other: while there is a listener, `next` of an iterator rejects with `locked`; while an
   *   iterator waits for a message, `on` throws `locked`.
   * - `close`: the listener is also called if the connection has ended already.
   *
   * An exception of a listener is reported as an error of the page, and the other listeners are still called.
   *
   * @throws {WebSocketError} `locked`
   */
  on<Type extends keyof WebSocketEvents>(
    type: Type,
    listener: (event: WebSocketEvents[Type]) => void,
  ): () => void;
  on(...[type, listener]: Listening): () => void {
    switch (type) {
      case "message":
        return this.#inbox.listen(listener);
      case "close":
        return this.#onEnd("close", listener);
      case "error":
        return this.#onEnd("error", listener);
      default:
        throw new WebSocketError("invalidOption", `there is no event \`${String(type)}\``);
    }
  }

  /** Iterates over the messages. See {@link WebSocketStream}. */
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
   * ```ts
   * const chat = socket.json<ToServer, FromServer>();
   * await chat.send({ type: "join", room: 7 });
   * for await (const event of chat) show(event);
   * ```
   *
   * @param incoming a schema that checks received values: from zod, valibot, arktype, or any other library by Standard Schema
   * @param outgoing a schema that checks sent values
   */
  json<Out = unknown, In = unknown>(incoming?: Schema<In>, outgoing?: Schema<unknown, Out>): JsonStream<Out, In, this> {
    return new JsonStream<Out, In, this>(this, incoming, outgoing);
  }

  /**
   * Closes the connection, waits for the peer's answer as {@link close} does, and frees the wasm memory; `await using` calls it.
   * Messages that were not taken are lost. It never rejects.
   */
  async [asyncDispose](): Promise<void> {
    await this.close().catch(() => {});
    this.#inbox.discard();
    this.#free();
  }

  /**
   * Resolves with the close event when the connection has ended: closed by either side, or lost. It has no timeout.
   *
   * Rejects with `closeTimeout` if the peer did not answer a close in time, and with `overflow` if the receive queue has
   * overflowed. A rejection without a handler is not reported.
   */
  get closed(): Promise<CloseEvent> {
    if (this.#awaited === undefined) {
      // The promise holds the socket, so that the socket is not collected while somebody waits for its end.
      this.#awaited = this.#closed.finally(() => this.#ended());
      this.#awaited.catch(() => {});
    }
    return this.#awaited;
  }

  /** The state of the connection. */
  get readyState(): ReadyState {
    return this.#state.readyState;
  }

  /**
   * The unsent bytes: handed over to the browser, which they have not left yet.
   *
   * Do not use it after the end: most browsers keep counting the messages that they could not send, but in Chromium it can be 0
   * although nothing was sent. {@link flush} rejects if messages may be lost.
   */
  get bufferedAmount(): number {
    return this.#state.bufferedAmount;
  }

  /** The number of received messages that were dropped because the receive queue was full. See {@link ReceiveLimit}. */
  get dropped(): number {
    return this.#state.dropped;
  }

  /** The type of received binary messages. A change applies to messages that the browser delivers from then on. */
  get binaryType(): BinaryType {
    return this.#state.asBlob ? "blob" : "arraybuffer";
  }

  set binaryType(binaryType: BinaryType) {
    // Browsers ignore an unknown type, which hides mistakes.
    if (binaryType !== "arraybuffer" && binaryType !== "blob") {
      throw new WebSocketError("invalidOption", `\`binaryType\` cannot be \`${String(binaryType)}\``);
    }
    this.#state.asBlob = binaryType === "blob";
  }

  /** Holds the socket weakly, so that waiting for the end does not keep it from being collected. */
  static #watch(closed: Promise<CloseEvent>, socket: WeakRef<WebSocketStream>): void {
    const ended = () => {
      const living = socket.deref();
      if (living !== undefined) living.#ended();
    };
    closed.then(ended, ended);
  }

  async #flush(): Promise<void> {
    await this.#outbox.settled();
    await (this.#connection?.flush() ?? this.#flushed).catch(rethrow);
  }

  #onEnd<Type extends "close" | "error">(type: Type, listener: (event: WebSocketEvents[Type]) => void): () => void {
    const forget = this.#listeners.add(type, listener);
    if (this.#hasEnded) this.#announceEnd();
    return forget;
  }

  /** Calls the listeners that were not called yet. */
  #announceEnd(): void {
    this.#closed.then(
      (event) => this.#listeners.emit("close", event, true),
      (error: WebSocketError) => this.#listeners.emit("error", error, true),
    );
  }

  /** Called when the last message is taken. After an overflow, this happens before the end of the connection. */
  #emptied(error: WebSocketError | undefined): void {
    // The same error may reject `closed`.
    if (error !== undefined) this.#listeners.emit("error", error, true);
    if (this.#hasEnded) this.#free();
  }

  /** Called when the connection has ended. */
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
    const connection = this.#connection;
    if (connection === undefined) return;
    const { bufferedAmount, dropped, asBlob } = connection;
    this.#state = { readyState: 3, bufferedAmount, dropped, asBlob };
    // Only the connection knows whether messages were lost.
    this.#flushed = connection.flush();
    this.#flushed.catch(() => {});
    this.#connection = undefined;
    connection.free();
  }
}

/** A type of event with a listener of that type. */
type Listening = {
  [Type in keyof WebSocketEvents]: [type: Type, listener: (event: WebSocketEvents[Type]) => void];
}[keyof WebSocketEvents];
