import { abortable } from "./abort.js";
import { WebSocketError, call, errorOf } from "./errors.js";
import { Facts, hooksOf } from "./hooks.js";
import { checkSupport } from "./load.js";
import type { CloseEvent as Closed, Data, Payload } from "./message.js";
import type { BinaryType } from "./options.js";
import { kept } from "./payload.js";
import { core } from "./reconnect.js";
import { Reconnection } from "./reconnect-core.js";
import type { ReconnectOptions, TargetProvider } from "./reconnect-options.js";
import type { ReadyState } from "./socket.js";
import { type Cause, type Report, type State, fromCore } from "./state.js";

/** A URL, or a function that returns a URL for each attempt. */
export type UrlProvider = string | URL | (() => string | URL | PromiseLike<string | URL>);

type Protocols = string | readonly string[] | null | undefined;

/** Subprotocols, or a function that returns subprotocols for each attempt. */
export type ProtocolsProvider = Protocols | (() => Protocols | PromiseLike<Protocols>);

/** Options with the names of partysocket and reconnecting-websocket. Times are in milliseconds. */
export interface ReconnectingWebSocketOptions {
  /** The shortest delay before an attempt. @default 100 */
  minReconnectionDelay?: number | undefined;
  /** The longest delay. @default 10000 */
  maxReconnectionDelay?: number | undefined;
  /** How long an attempt may take. @default 4000 */
  connectionTimeout?: number | undefined;
  /** How many attempts follow the first one before it gives up. See {@link ReconnectingWebSocket.retryCount}. @default Infinity */
  maxRetries?: number | undefined;
  /** How many messages are queued while there is no connection; further messages are dropped. @default Infinity */
  maxEnqueuedMessages?: number | undefined;
  /** Does not connect until {@link ReconnectingWebSocket.reconnect} is called. @default false */
  startClosed?: boolean | undefined;
  /**
   * Returns whether it connects again after this event: only `false` stops it. Called for every `close`;
   * {@link ReconnectingWebSocket.reconnect} connects in any case. An exception is reported as an error of the page, and it connects
   * again.
   *
   * @default () => true
   */
  shouldReconnectOnClose?: ((event: CloseEvent) => boolean) | undefined;
  /** Logs each state. @default false */
  debug?: boolean | undefined;
  /** The function that logs. @default console.log */
  debugLogger?: ((...values: unknown[]) => void) | undefined;
  /** Has no effect: delays are random up to a limit that doubles, so that clients do not reconnect all at once. */
  reconnectionDelayGrowFactor?: number | undefined;
  /** Has no effect: attempts are counted from zero again after a connection of 10 seconds. */
  minUptime?: number | undefined;
}

/** The events of a {@link ReconnectingWebSocket}: the browser's types. */
export interface ReconnectingWebSocketEvents {
  open: Event;
  message: MessageEvent;
  close: CloseEvent;
  error: ErrorEvent;
}

type Handler<Type extends keyof ReconnectingWebSocketEvents> =
  | ((this: ReconnectingWebSocket, event: ReconnectingWebSocketEvents[Type]) => void)
  | null;

const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3] as const;

/** In effect, no limit. */
const MANY = 2 ** 32 - 1;

/**
 * A connection that comes back, with the interface of the browser's `WebSocket`, of partysocket and of reconnecting-websocket:
 * changing the import is enough.
 *
 * ```ts
 * import ReconnectingWebSocket from "wasm-websocket/ws";
 *
 * const socket = new ReconnectingWebSocket(() => `wss://example.com/chat?token=${token()}`);
 * socket.addEventListener("message", ({ data }) => show(data));
 * socket.send("hello"); // queued until there is a connection
 * ```
 *
 * `open` is fired for each connection, `error` for each failed attempt, and `close` at the end of both. It stays closed only
 *
 * - after {@link close},
 * - after `maxRetries` retries have failed,
 * - if `shouldReconnectOnClose` returns false,
 * - after an attempt with an invalid URL or an invalid subprotocol, one that the browser blocks, or one for which the browser throws.
 *
 * Queued messages are kept until {@link ReconnectingWebSocket.reconnect} connects again, which any listener may call. A failure to
 * load the wasm is a failed attempt, too.
 *
 * This interface does not report whether a message is queued, failed or in doubt. {@link reconnect} does.
 */
export class ReconnectingWebSocket extends EventTarget {
  static readonly CONNECTING = CONNECTING;
  static readonly OPEN = OPEN;
  static readonly CLOSING = CLOSING;
  static readonly CLOSED = CLOSED;
  readonly CONNECTING = CONNECTING;
  readonly OPEN = OPEN;
  readonly CLOSING = CLOSING;
  readonly CLOSED = CLOSED;

  /** The type of received binary messages. The default is a Blob, as in browsers. */
  binaryType: BinaryType = "blob";

  readonly #url: UrlProvider;
  readonly #protocols: ProtocolsProvider;
  readonly #options: ReconnectingWebSocketOptions;
  readonly #handlers = new Map<string, { handler: unknown; listener: (event: Event) => void }>();
  readonly #facts = new Facts();
  /** The current core. Its queue has no room, so leaving it loses no message. */
  #core: Reconnection | undefined;
  /** Increases when a core, or loading it, is left. Events of older generations are ignored. */
  #generation = 0;
  /** The delay before the wasm is loaded again. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Messages that wait for a connection. */
  readonly #queue: Kept[] = [];
  /** The bytes that were handed over to the browser since its buffer was last seen empty. */
  #unsent = 0;
  #isFlushing = false;
  /** The gate of the current core. */
  #gate = new Gate();
  #readyState: ReadyState = CONNECTING;
  #retryCount = 0;
  /** How many retries since the last connection the core does not count: those that load the wasm, and those before a pause. */
  #earlierRetries = 0;
  /** Whether it is to be connected. If so, there is a core, or it is being loaded, or the timer is set. */
  #isWanted = true;

  /** @throws {WebSocketError} `unsupported` where there is no `WebSocket`, and `invalidOption` */
  constructor(url: UrlProvider, protocols?: ProtocolsProvider, options: ReconnectingWebSocketOptions = {}) {
    super();
    checkSupport();
    if ("WebSocket" in options && options.WebSocket !== undefined) {
      throw new WebSocketError("invalidOption", "there is no option `WebSocket`; set `globalThis.WebSocket` to it");
    }
    this.#url = url;
    this.#protocols = protocols;
    this.#options = options;
    if (options.startClosed === true) [this.#readyState, this.#isWanted] = [CLOSED, false];
    else void this.#begin();
  }

  /** The state of the current connection or attempt. Between attempts it is `CLOSED`. */
  get readyState(): ReadyState {
    return this.#readyState;
  }

  /** The URL of the last connection; empty before the first one. */
  get url(): string {
    return this.#facts.url;
  }

  /** The subprotocol that the server selected; empty if none. */
  get protocol(): string {
    return this.#facts.protocol;
  }

  /** The extensions that the server selected; empty if none. */
  get extensions(): string {
    return this.#facts.extensions;
  }

  /**
   * The bytes of queued messages, and those that the browser has buffered. A sent message is counted until everything that was sent
   * has left the buffer.
   */
  get bufferedAmount(): number {
    return this.#unsent + this.#queue.reduce((sum, data) => sum + sizeOf(data), 0);
  }

  /**
   * How many attempts in a row have failed before this one; 0 while a connection is open. A connection that has ended within 10
   * seconds counts as a failed attempt.
   */
  get retryCount(): number {
    return this.#retryCount;
  }

  /** Whether it connects again after a close. */
  get shouldReconnect(): boolean {
    return this.#isWanted;
  }

  /**
   * Sends a message, or queues it if there is no connection. As in browsers, a value that is neither bytes nor a Blob is sent as
   * text.
   *
   * @returns whether the message was handed over to the browser at once
   */
  send(data: Payload): boolean {
    return this.#hand(payloadOf(data));
  }

  /**
   * Closes the connection for good, or cancels connecting. Queued messages are sent only after {@link reconnect}.
   *
   * @throws {DOMException} `InvalidAccessError` or `SyntaxError`, as browsers do
   */
  close(code = 1000, reason = ""): void {
    reason = checkClose(code, reason);
    if (!this.#isWanted) return;
    this.#isWanted = false;
    if (this.#readyState === OPEN) {
      this.#readyState = CLOSING;
      void this.#core?.close(code, reason).catch(() => {});
      return;
    }
    this.#leave(code, reason);
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSING;
    queueMicrotask(() => {
      // `reconnect` may have been called meanwhile.
      if (this.#readyState === CLOSING) this.#readyState = CLOSED;
      this.#fireClose(ABNORMAL);
    });
  }

  /** Closes the connection, if there is one, and connects at once. Starts counting attempts anew. */
  reconnect(code = 1000, reason = ""): void {
    reason = checkClose(code, reason);
    const isReplaced = this.#core !== undefined && this.#readyState !== CLOSED;
    this.#leave(code, reason);
    [this.#isWanted, this.#retryCount, this.#readyState] = [true, 0, CLOSED];
    const generation = this.#generation;
    if (isReplaced) this.#fireClose({ code, reason, wasClean: true });
    // A listener may have called `close` or `reconnect`.
    if (generation !== this.#generation) return;
    this.#readyState = CONNECTING;
    void this.#begin();
  }

  /** Takes back the queued messages, in order: text, bytes and Blobs. */
  drainQueuedMessages(): (string | Uint8Array | Blob)[] {
    return this.#queue.splice(0);
  }

  /** The handler of `open`. */
  get onopen(): Handler<"open"> {
    return this.#handler("open");
  }

  set onopen(handler: Handler<"open">) {
    this.#handle("open", handler);
  }

  /** The handler of `message`. */
  get onmessage(): Handler<"message"> {
    return this.#handler("message");
  }

  set onmessage(handler: Handler<"message">) {
    this.#handle("message", handler);
  }

  /** The handler of `close`. */
  get onclose(): Handler<"close"> {
    return this.#handler("close");
  }

  set onclose(handler: Handler<"close">) {
    this.#handle("close", handler);
  }

  /** The handler of `error`. */
  get onerror(): Handler<"error"> {
    return this.#handler("error");
  }

  set onerror(handler: Handler<"error">) {
    this.#handle("error", handler);
  }

  override addEventListener<Type extends keyof ReconnectingWebSocketEvents>(
    type: Type,
    listener: ((this: ReconnectingWebSocket, event: ReconnectingWebSocketEvents[Type]) => void) | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(type: string, listener: unknown, options?: AddEventListenerOptions | boolean): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  override removeEventListener<Type extends keyof ReconnectingWebSocketEvents>(
    type: Type,
    listener: ((this: ReconnectingWebSocket, event: ReconnectingWebSocketEvents[Type]) => void) | null,
    options?: EventListenerOptions | boolean,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void;
  override removeEventListener(type: string, listener: unknown, options?: EventListenerOptions | boolean): void {
    super.removeEventListener(type, listener as EventListener, options);
  }

  /** Connects, and fires events until the core is left. */
  async #begin(): Promise<void> {
    const generation = this.#generation;
    try {
      await core.load();
    } catch (error) {
      if (generation === this.#generation) this.#notLoaded(error as WebSocketError);
      return;
    }
    if (generation !== this.#generation) return;
    this.#earlierRetries = this.#retryCount;
    const connection = new Reconnection(this.#hooks(), this.#given());
    this.#core = connection;
    const events = connection.events();
    for (let event; (event = await events.next()) !== undefined; ) {
      const [data, raw] = event;
      if (data === undefined && raw === undefined) await turn();
      // A core that was left still has events until its connection is closed.
      if (generation !== this.#generation) continue;
      if (raw !== undefined) await this.#changed(fromCore<State | Report>(raw, this.#facts.errorOf), connection);
      else if (data !== undefined) this.#received(data);
    }
    events.free();
    connection.free();
  }

  /** Leaves the current core, or loading it: closes its connection, and ignores its events. No other function leaves a core. */
  #leave(code?: number, reason = ""): void {
    this.#generation++;
    clearTimeout(this.#timer);
    void this.#core?.close(code, reason).catch(() => {});
    this.#core = undefined;
  }

  /** Loads the wasm again after a delay like those of the core. */
  #notLoaded(error: WebSocketError): void {
    const { base, cap, floor } = this.#backoff();
    if (this.#isLast()) {
      this.#isWanted = false;
      this.#leave();
    } else {
      const delay = Math.max(floor, Math.random() * Math.min(cap, base * 2 ** this.#retryCount));
      this.#timer = setTimeout(() => {
        [this.#readyState, this.#retryCount] = [CONNECTING, this.#retryCount + 1];
        void this.#begin();
      }, delay);
    }
    this.#lost({ type: "failed", error });
  }

  /** Returns whether no other attempt follows the current one. */
  #isLast(): boolean {
    return this.#retryCount >= (this.#options.maxRetries ?? Infinity);
  }

  #hooks(): ReturnType<typeof hooksOf> {
    const gate = (this.#gate = new Gate());
    const provider: TargetProvider = async ({ signal }) => {
      // The time at the gate counts as the attempt's time. A pause gives the attempt up before it fails. The next attempt begins when
      // the page has received everything before the pause.
      const timer = setTimeout(() => this.#core?.pause(), Math.min(this.#timeout() / 2, 1000));
      await abortable(gate.pass(), signal).finally(() => clearTimeout(timer));
      return {
        url: await (typeof this.#url === "function" ? this.#url() : this.#url),
        protocols: listOf(await (typeof this.#protocols === "function" ? this.#protocols() : this.#protocols)),
      };
    };
    // The core is left when its connection has ended and `shouldReconnectOnClose` returns false.
    return hooksOf(provider, { afterClose: () => "retry" }, () => undefined, this.#facts);
  }

  #backoff(): Record<"base" | "cap" | "floor" | "maxAttempts", number> {
    const { maxReconnectionDelay: cap = 10_000, minReconnectionDelay: floor = Math.min(100, cap), maxRetries = MANY } = this.#options;
    return { base: Math.max(1000, floor), cap, floor, maxAttempts: Math.min(maxRetries + 1, MANY) };
  }

  #timeout(): number {
    return this.#options.connectionTimeout ?? 4000;
  }

  #given(): ReconnectOptions {
    return {
      connectTimeout: this.#timeout(),
      backoff: this.#backoff(),
      // As in browsers, an open connection takes every message at once. Without a connection, messages are queued here.
      highWaterMark: Number.MAX_SAFE_INTEGER,
      queueLimit: { messages: 0 },
      // This interface has no method to take messages in doubt.
      unconfirmedLimit: { bytes: 0, messages: 0 },
      receiveLimit: { overflow: "unbounded" },
    };
  }

  /** Hands a message over to the browser, or queues it, in the order of the calls. */
  #hand(data: Kept): boolean {
    if (this.#readyState === OPEN && this.#queue.length === 0) {
      try {
        this.#core?.trySend(data);
        this.#unsent += sizeOf(data);
        void this.#flush();
        return true;
      } catch (thrown) {
        const error = errorOf(thrown);
        // The connection may be lost already. Its event follows.
        if (error.code !== "full" && error.code !== "notOpen") {
          // Later, since a listener may send, close or reconnect.
          queueMicrotask(() => this.#fireError(error));
          return false;
        }
      }
    }
    // Copies the bytes, since the message is sent as it is now.
    const { maxEnqueuedMessages = Infinity } = this.#options;
    if (this.#queue.length < maxEnqueuedMessages) this.#queue.push(data instanceof Uint8Array ? data.slice() : data);
    return false;
  }

  /** Counts bytes as unsent until the browser's buffer is empty, or the connection has ended. */
  async #flush(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    while (this.#unsent > 0) {
      const unsent = this.#unsent;
      await this.#core?.flush();
      this.#unsent -= unsent;
    }
    this.#isFlushing = false;
  }

  async #changed(event: State | Report, connection: Reconnection): Promise<void> {
    this.#log("state", event);
    switch (event.type) {
      case "connecting":
        [this.#readyState, this.#retryCount] = [CONNECTING, this.#earlierRetries + event.attempt - 1];
        this.#gate.open();
        break;
      case "open":
        [this.#readyState, this.#retryCount, this.#earlierRetries] = [OPEN, 0, 0];
        for (const data of this.#queue.splice(0)) this.#hand(data);
        this.dispatchEvent(new Event("open"));
        break;
      case "waiting":
        if (this.#earlierRetries > 0 && this.#isLast()) this.#isWanted = false;
        // `close` may have been called before this state has come.
        if (!this.#isWanted) this.#leave();
        this.#lost(event.cause);
        break;
      case "paused":
        // The attempt was given up at the gate. The core starts counting anew.
        this.#earlierRetries = this.#retryCount;
        connection.resume();
        break;
      case "closed": {
        const answer = event.cause.type === "requested" ? await connection.closed().catch(() => undefined) : undefined;
        if (connection !== this.#core) return;
        // Before the events, whose listeners may call `reconnect`.
        this.#isWanted = false;
        this.#leave();
        this.#lost(event.cause, answer);
      }
    }
  }

  /** Fires the events at the end of a connection or an attempt, once. The core says it again when it shortens the delay. */
  #lost(cause: Cause, answer?: Closed): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    const generation = this.#generation;
    if (cause.type === "failed") this.#fireError(cause.error);
    this.#fireClose((cause.type === "closed" ? cause.event : answer) ?? ABNORMAL, generation);
  }

  #received(data: Data): void {
    // As in browsers, messages after `close` are dropped.
    if (this.#readyState !== OPEN) return;
    const isBlob = this.binaryType === "blob" && data instanceof ArrayBuffer;
    const origin = this.url === "" ? "" : new URL(this.url).origin;
    this.dispatchEvent(new MessageEvent("message", { data: isBlob ? new Blob([data]) : data, origin }));
  }

  #fireError(error: WebSocketError): void {
    this.#log("error", error);
    this.dispatchEvent(errorEvent(error));
  }

  /** Fires `close`. If the generation is still the current one, the caller's function decides whether it stays closed. */
  #fireClose(closed: Closed, generation?: number): void {
    const event = closeEvent(closed);
    const { shouldReconnectOnClose } = this.#options;
    if (call(() => shouldReconnectOnClose?.(event)) === false && generation === this.#generation) {
      this.#isWanted = false;
      this.#leave();
    }
    this.#log("close", closed);
    this.dispatchEvent(event);
  }

  #log(...values: unknown[]): void {
    const { debug, debugLogger = console.log } = this.#options;
    if (debug === true) call(() => debugLogger("RWS>", ...values));
  }

  #handler<Type extends keyof ReconnectingWebSocketEvents>(type: Type): Handler<Type> {
    return (this.#handlers.get(type)?.handler ?? null) as Handler<Type>;
  }

  #handle<Type extends keyof ReconnectingWebSocketEvents>(type: Type, handler: Handler<Type>): void {
    const before = this.#handlers.get(type);
    if (before !== undefined) super.removeEventListener(type, before.listener);
    this.#handlers.delete(type);
    if (typeof handler !== "function") return;
    const listener = (event: Event) => handler.call(this, event as ReconnectingWebSocketEvents[Type]);
    this.#handlers.set(type, { handler, listener });
    super.addEventListener(type, listener);
  }
}

export default ReconnectingWebSocket;

type Kept = ReturnType<typeof kept>;

/**
 * Holds each attempt of a core until its state has come. So `close` is fired for a connection before the next attempt begins, also
 * if states come late.
 */
class Gate {
  #attempts = 0;
  #states = 0;
  #open = () => {};

  /** Called by each attempt. Attempts that were given up may still wait. */
  async pass(): Promise<void> {
    const attempt = ++this.#attempts;
    while (this.#states < attempt) await new Promise<void>((resolve) => (this.#open = resolve));
  }

  /** Called for the state of each attempt. */
  open(): void {
    this.#states++;
    this.#open();
  }
}

/** Resolves in the next turn of the event loop. Unlike timers, messages are not delayed in hidden tabs. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof MessageChannel === "undefined") return void setTimeout(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

const ABNORMAL: Closed = { code: 1006, reason: "", wasClean: false };

/** Converts a message to the value that is handed over or queued, as browsers do. */
function payloadOf(data: unknown): Kept {
  try {
    return kept(data as Payload);
  } catch {
    // A detached buffer has no bytes. Any other value is sent as text.
    const isBytes = ArrayBuffer.isView(data) || Object.prototype.toString.call(data) === "[object ArrayBuffer]";
    return isBytes ? new Uint8Array() : String(data);
  }
}

/** Returns the size in bytes; for text its length, since its bytes are not known. */
function sizeOf(data: Kept): number {
  if (typeof data === "string") return data.length;
  return data instanceof Uint8Array ? data.length : data.size;
}

function listOf(protocols: Protocols): string[] {
  if (protocols === undefined || protocols === null) return [];
  return typeof protocols === "string" ? [protocols] : [...protocols];
}

/** Returns the reason as text, as browsers do. */
function checkClose(code: number, reason: string): string {
  if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException(`close code ${code} is not allowed; use 1000 or 3000–4999`, "InvalidAccessError");
  }
  const text = String(reason);
  const { length } = new TextEncoder().encode(text);
  if (length > 123) throw new DOMException(`a close reason of ${length} bytes is too long; use 123 at most`, "SyntaxError");
  return text;
}

/** Creates a close event. Node.js before version 23 has no class `CloseEvent`. */
function closeEvent(event: Closed): CloseEvent {
  if (typeof CloseEvent === "function") return new CloseEvent("close", event);
  return Object.assign(new Event("close"), event) as CloseEvent;
}

/** Creates an error event. Not every environment has the class `ErrorEvent`. */
function errorEvent(error: WebSocketError): ErrorEvent {
  const { message } = error;
  if (typeof ErrorEvent === "function") return new ErrorEvent("error", { error, message });
  return Object.assign(new Event("error"), { error, message }) as ErrorEvent;
}
