/// <reference lib="esnext.disposable" preserve="true" />

import { abortable, onAbort } from "./abort.js";
import type { Connection } from "./core.js";
import { asyncDispose } from "./dispose.js";
import { WebSocketError, closeCode, rethrow } from "./errors.js";
import { Inbox, call } from "./inbox.js";
import { JsonStream } from "./json.js";
import type { CloseEvent, Message, Payload } from "./message.js";
import { type BinaryType, type CallOptions, checkCall } from "./options.js";
import { Outbox } from "./outbox.js";
import type { Schema } from "./schema.js";
import { type Progress, type SliceOptions, slices } from "./slices.js";

/** The state of a connection, by the standard's numbers: `WebSocket.OPEN` is 1, `CLOSING` 2 and `CLOSED` 3. */
export type ReadyState = 0 | 1 | 2 | 3;

/** What can be listened to, and what listeners are called with. */
export interface WebSocketEvents {
  /** A message. */
  message: Message;
  /** The end of the connection, as {@link WebSocketStream.closed} has it. */
  close: CloseEvent;
  /** Why messages may be missing, at most once: `unclean` when the connection was lost, `overflow` or `closeTimeout`. */
  error: WebSocketError;
}

/** What can be known when the core is free. */
interface State {
  readonly readyState: ReadyState;
  readonly bufferedAmount: number;
  readonly dropped: number;
  asBlob: boolean;
}

/**
 * An open connection: what {@link connect} gives.
 *
 * Its messages are iterated over, or listened to. Iterating with `for await` ends when the connection was closed;
 * {@link closed} says how. If messages may be missing, it throws instead, once: `unclean` when the connection was lost,
 * `overflow` or `closeTimeout`. Leaving the loop (`break`, `return`, an error) closes nothing and loses nothing: the
 * next loop goes on with the next message. Several loops share the messages, each of which goes to one of them.
 *
 * What it has in wasm is freed when the connection has ended and its messages are taken, or when it is disposed of. After
 * that it can be used like any closed connection. A socket that nothing refers to, waits for or listens to any more is closed
 * when the browser collects it, which may be never: close it, or let `await using` do so.
 */
export class WebSocketStream implements AsyncIterable<Message>, AsyncDisposable {
  /** The URL, as the browser has completed it. */
  readonly url: string;
  /** The subprotocol that the server selected; empty if none. */
  readonly protocol: string;
  /** The browser's interface that it uses. */
  readonly transport: "events" | "streams";
  /** The extensions that the server selected, such as `permessage-deflate`; empty if none. */
  readonly extensions: string;

  readonly #closed: Promise<CloseEvent>;
  #awaited: Promise<CloseEvent> | undefined;
  #connection: Connection | undefined;
  #state: State;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #errorListeners = new Set<(error: WebSocketError) => void>();
  #hasEnded = false;
  readonly #forgetSignal: () => void;
  /** How a flush ends, once the connection is freed. */
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
      () => this.#connection?.next() ?? Promise.resolve(undefined),
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
   * It resolves when the browser has taken the message, which is not to say that the peer has it. Messages go out in the order
   * of the calls, awaited or not. What still waits when the connection ceases to be open is not sent. If the signal is aborted
   * while the message waits, it is not sent.
   *
   * @throws {SendError} with the message: `notOpen`, `overflow` if that was the end, `invalidMessage`, or `thrown` for a
   *   buffer that browsers refuse
   */
  async send(message: Payload, options?: CallOptions): Promise<void> {
    return this.#outbox.send(message, checkCall(options));
  }

  /**
   * Sends a message if it need not wait.
   *
   * @throws {SendError} with the message: `full` if it would have to wait; else as {@link send} rejects
   */
  trySend(message: Payload): void {
    this.#outbox.trySend(message);
  }

  /**
   * Sends a Blob or a File of any size in slices, each as one message, with progress.
   *
   * The slices are sent as the result is iterated over. Leaving the loop sends no more. Messages that are sent meanwhile go
   * between the slices. An empty Blob sends nothing.
   *
   * ```ts
   * for await (const { sent, total } of socket.sendSlices(file)) progress.value = sent / total;
   * ```
   *
   * @throws {WebSocketError} as {@link send} rejects, and `invalidOption`
   */
  sendSlices(blob: Blob, options?: SliceOptions): AsyncGenerator<Progress, undefined, undefined> {
    return slices(this, blob, options);
  }

  /**
   * Waits until everything that was sent has gone to the network, including messages that still wait. More than that a page
   * cannot know.
   *
   * @throws {WebSocketError} `notOpen` if the connection is no longer open and some of it may be lost
   */
  async flush(options?: CallOptions): Promise<void> {
    return abortable(this.#flush(), checkCall(options), () => {});
  }

  /**
   * Closes the connection and waits for the peer's answer. The closing is begun by the call.
   *
   * What the browser has taken goes out first; a {@link send} that still waits fails. What had arrived can still be taken. On
   * a connection that has ended, it gives the event that ended it.
   *
   * @param code 1000, or 3000 to 4999; without one, the peer sees 1005
   * @param reason at most 123 bytes of UTF-8; with a reason alone, the code is 1000
   * @throws {WebSocketError} `invalidCloseCode` or `reasonTooLong`, which close nothing; `closeTimeout` if the peer does not
   *   answer within {@link Options.closeTimeout}: the browser then goes on closing by itself, and messages end. If the signal
   *   is aborted first, it rejects with that one's reason, and the closing goes on by itself.
   */
  async close(code?: number, reason?: string, options?: CallOptions): Promise<CloseEvent> {
    const signal = checkCall(options);
    const checked = closeCode(code, reason);
    const closed = this.#connection?.close(checked, reason ?? "").catch(rethrow) ?? this.closed;
    return abortable(closed, signal, () => {});
  }

  /**
   * Calls `listener` with each event of a type, and gives the function that ends this.
   *
   * A listener of `message` takes messages as an iterator does, so there cannot be both: while one is there, `next` of an
   * iterator rejects, and while an iterator waits for a message this throws. Each listener is called with each message that
   * comes while it is there; messages that have come before wait for it. A listener of `close` is also called if the
   * connection has ended already.
   *
   * What a listener throws is reported as an error of the page, and changes nothing else.
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
        return this.#onEnd(listener, () => {});
      case "error":
        return this.#onError(listener);
      default:
        throw new WebSocketError("invalidOption", `there is no event \`${String(type)}\``);
    }
  }

  /** The messages. See {@link WebSocketStream}. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> & AsyncIterable<Message> {
    return this.#inbox.messages();
  }

  /** The messages, for a loop that throws the signal's reason when the signal is aborted. The connection stays open. */
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
   * Closes the connection and waits for its end, as `await using` does, and frees what it has in wasm. Messages that were not
   * taken are lost. It never rejects.
   */
  async [asyncDispose](): Promise<void> {
    await this.close().catch(() => {});
    this.#inbox.discard();
    this.#free();
  }

  /**
   * Resolves when the connection has ended, whoever ended it. It has no limit of time.
   *
   * It rejects with `closeTimeout` if the peer did not answer a close in time, and with `overflow` if more messages have
   * arrived than may wait. One who does not wait for it need not catch that.
   */
  get closed(): Promise<CloseEvent> {
    if (this.#awaited === undefined) {
      // With the socket as a part of it, which so is not collected while somebody waits for its end.
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
   * The bytes that were sent and are still with the browser.
   *
   * After the end it says nothing about what was sent: most browsers go on counting what they could not send, but in Chromium
   * it can be 0 with everything unsent. {@link flush} tells.
   */
  get bufferedAmount(): number {
    return this.#state.bufferedAmount;
  }

  /** How many messages were dropped because too many waited. See {@link ReceiveLimit}. */
  get dropped(): number {
    return this.#state.dropped;
  }

  /** What binary messages arrive as, from the next one that the browser delivers. */
  get binaryType(): BinaryType {
    return this.#state.asBlob ? "blob" : "arraybuffer";
  }

  set binaryType(binaryType: BinaryType) {
    // The browser's own ignores what it does not know, which hides mistakes.
    if (binaryType !== "arraybuffer" && binaryType !== "blob") {
      throw new WebSocketError("invalidOption", `\`binaryType\` cannot be \`${String(binaryType)}\``);
    }
    this.#state.asBlob = binaryType === "blob";
  }

  /** Weakly, or else what waits for the end would keep a socket from being collected before. */
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

  /** Calls one of two listeners at the end. Until then or until the result is called, the socket is not collected. */
  #onEnd(closed: (event: CloseEvent) => void, failed: (error: WebSocketError) => void): () => void {
    let socket: WebSocketStream | undefined = this;
    this.#closed.then(
      (event) => socket && call(closed, event),
      (error: WebSocketError) => socket && call(failed, error),
    );
    return () => {
      socket = undefined;
    };
  }

  #onError(listener: (error: WebSocketError) => void): () => void {
    // What ends the messages may be what `closed` rejects with, too.
    let isTold = false;
    const own = (error: WebSocketError) => {
      if (!isTold) {
        isTold = true;
        listener(error);
      }
    };
    this.#errorListeners.add(own);
    const forget = this.#onEnd(() => {}, own);
    return () => {
      this.#errorListeners.delete(own);
      forget();
    };
  }

  /** There is no more to be taken. After an overflow, that comes before the end. */
  #emptied(error: WebSocketError | undefined): void {
    if (error !== undefined) for (const listener of [...this.#errorListeners]) call(listener, error);
    if (this.#hasEnded) this.#free();
  }

  /** The connection has ended. */
  #ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#forgetSignal();
    if (this.#inbox.isOver) this.#free();
    else this.#inbox.lookAhead();
  }

  #free(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { bufferedAmount, dropped, asBlob } = connection;
    this.#state = { readyState: 3, bufferedAmount, dropped, asBlob };
    // Only the connection knows whether something was lost.
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
