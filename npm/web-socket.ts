import { Facts, hooksOf } from "./hooks.js";
import { WebSocketError } from "./errors.js";
import { checkSupport } from "./load.js";
import type { CloseEvent as Closed, Data, Payload } from "./message.js";
import type { BinaryType } from "./options.js";
import { kept } from "./payload.js";
import { core } from "./reconnect.js";
import { Reconnection } from "./reconnect-core.js";
import type { ReconnectOptions, Target } from "./reconnect-options.js";
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
  /** How many attempts follow the first one before it gives up. @default Infinity */
  maxRetries?: number | undefined;
  /** How many messages are queued while there is no connection; further messages are dropped. @default Infinity */
  maxEnqueuedMessages?: number | undefined;
  /** Does not connect until {@link ReconnectingWebSocket.reconnect} is called. @default false */
  startClosed?: boolean | undefined;
  /** Whether it connects again after this event. @default () => true */
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
 * `open` and `close` are fired for each connection, `error` for each failed attempt. It stays closed only
 *
 * - after {@link close},
 * - after `maxRetries` retries have failed,
 * - if `shouldReconnectOnClose` returns false.
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
  #core: Reconnection | undefined;
  /** Messages that were sent before the wasm was loaded, or while it is closed. */
  readonly #early: Kept[] = [];
  /** The sizes of the last messages, in bytes: at least of all queued ones. */
  readonly #sizes: number[] = [];
  /** How many messages wait for room. */
  #waiting = 0;
  #readyState: ReadyState = CONNECTING;
  #retryCount = 0;
  #isWanted = true;
  /** Increases when the page asks to connect, or closes before it has connected. Events of an older generation are ignored. */
  #generation = 0;

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

  /** The bytes of queued messages, without the bytes that the browser has buffered. */
  get bufferedAmount(): number {
    this.#forgetSizes();
    return this.#sizes.reduce((sum, size) => sum + size, 0) + this.#early.reduce((sum, data) => sum + sizeOf(data), 0);
  }

  /** The number of retries since the last connection. */
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
    const payload = payloadOf(data);
    if (this.#core !== undefined) return this.#hand(this.#core, payload);
    if (this.#early.length < (this.#options.maxEnqueuedMessages ?? MANY)) this.#early.push(payload);
    return false;
  }

  /**
   * Closes the connection for good, or cancels connecting.
   *
   * @throws {DOMException} `InvalidAccessError` or `SyntaxError`, as browsers do
   */
  close(code = 1000, reason = ""): void {
    checkClose(code, reason);
    this.#isWanted = false;
    if (this.#readyState !== CLOSED) this.#readyState = CLOSING;
    if (this.#core !== undefined) void this.#core.close(code, reason).catch(() => {});
    else if (this.#readyState === CLOSING) void this.#giveUp(++this.#generation);
  }

  /** Closes the connection, if there is one, and connects at once. Starts counting attempts anew. */
  reconnect(code = 1000, reason = ""): void {
    checkClose(code, reason);
    const isAnother = !this.#isWanted || this.#core === undefined;
    [this.#isWanted, this.#retryCount] = [true, 0];
    if (this.#readyState === OPEN) {
      this.#readyState = CLOSING;
      this.#fire("close", { code, reason, wasClean: true });
    }
    if (isAnother) void this.#begin();
    else this.#core?.reconnectNow();
  }

  /** Takes back the queued messages, in order: text, bytes and Blobs. */
  drainQueuedMessages(): (string | Uint8Array | ArrayBuffer | Blob)[] {
    return [...(this.#core?.takeQueued() ?? []), ...this.#early.splice(0)];
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

  /** Connects, and fires events until it is closed for good. */
  async #begin(): Promise<void> {
    const generation = ++this.#generation;
    this.#readyState = CONNECTING;
    try {
      await core.load();
    } catch (error) {
      if (generation === this.#generation) this.#fail(error as WebSocketError);
      return;
    }
    if (generation !== this.#generation) return;
    const connection = new Reconnection(this.#hooks(), this.#given());
    this.#core = connection;
    for (const data of this.#early.splice(0)) this.#hand(connection, data);
    const events = connection.events();
    for (let event; (event = await events.next()) !== undefined && generation === this.#generation; ) {
      const [data, raw] = event;
      if (raw !== undefined) await this.#changed(fromCore<State | Report>(raw, this.#facts.errorOf), connection);
      else if (data !== undefined) this.#received(data);
      else await new Promise((resolve) => setTimeout(resolve));
    }
    events.free();
    connection.free();
    if (generation === this.#generation) this.#core = undefined;
  }

  #hooks(): ReturnType<typeof hooksOf> {
    const { shouldReconnectOnClose } = this.#options;
    const provider = async (): Promise<Target> => ({
      url: await (typeof this.#url === "function" ? this.#url() : this.#url),
      protocols: listOf(await (typeof this.#protocols === "function" ? this.#protocols() : this.#protocols)),
    });
    const afterClose = (event: Closed) => {
      const isWanted = shouldReconnectOnClose?.(closeEvent(event)) !== false;
      return isWanted ? ("retry" as const) : ("stop" as const);
    };
    return hooksOf(provider, { afterClose }, () => undefined, this.#facts);
  }

  #given(): ReconnectOptions {
    const { maxReconnectionDelay: cap = 10_000, minReconnectionDelay: floor = Math.min(100, cap), maxRetries = MANY } = this.#options;
    return {
      connectTimeout: this.#options.connectionTimeout ?? 4000,
      backoff: { base: Math.max(1000, floor), cap, floor, maxAttempts: Math.min(maxRetries + 1, MANY) },
      queueLimit: { bytes: Number.MAX_SAFE_INTEGER, messages: Math.min(this.#options.maxEnqueuedMessages ?? MANY, MANY) },
      // This interface has no method to take messages in doubt.
      unconfirmedLimit: { bytes: 0, messages: 0 },
      receiveLimit: { overflow: "unbounded" },
    };
  }

  /** Hands a message over, or queues it, in the order of the calls. As in browsers, there is no limit by default. */
  #hand(connection: Reconnection, data: Kept): boolean {
    try {
      const sent = connection.send(data);
      if (typeof sent !== "number") {
        this.#waiting++;
        const forget = () => {
          this.#waiting--;
          sent.free();
        };
        sent.settled().then(forget, forget);
      }
      this.#sizes.push(sizeOf(data));
      this.#forgetSizes();
      return typeof sent === "number" && this.#readyState === OPEN;
    } catch {
      // The queue is full, or it is closed. This interface does not report that.
      return false;
    }
  }

  /** Forgets the sizes of messages that are no longer queued. */
  #forgetSizes(): void {
    const queued = this.#waiting + (this.#core?.counts()[QUEUED] ?? 0);
    this.#sizes.splice(0, this.#sizes.length - queued);
  }

  async #changed(event: State | Report, connection: Reconnection): Promise<void> {
    this.#log("state", event);
    switch (event.type) {
      case "connecting":
        this.#lost(event.cause);
        this.#readyState = CONNECTING;
        this.#retryCount = event.attempt - 1;
        break;
      case "open":
        [this.#readyState, this.#retryCount] = [OPEN, 0];
        this.dispatchEvent(new Event("open"));
        break;
      case "closing":
        this.#readyState = CLOSING;
        break;
      case "waiting":
        this.#lost(event.cause);
        break;
      case "closed":
        if (event.cause.type === "requested") this.#close(await connection.closed().catch(() => undefined));
        else this.#lost(event.cause);
        this.#isWanted = false;
        break;
      case "rejected":
        this.#fire("error", event.error);
    }
  }

  /** Called when the connection or the attempt has ended, maybe several times for one end. */
  #lost(cause: Cause): void {
    if (this.#readyState === CLOSED || cause.type === "requested") return;
    if (cause.type === "closed") this.#close(cause.event);
    else this.#fail(cause.error);
  }

  #fail(error: WebSocketError): void {
    this.#readyState = CLOSED;
    this.#fire("error", error);
    this.#fire("close", ABNORMAL);
  }

  #close(event: Closed | undefined): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.#fire("close", event ?? ABNORMAL);
  }

  /** Fires `close` if the page has closed before a connection was begun. */
  async #giveUp(generation: number): Promise<void> {
    await undefined;
    if (generation === this.#generation) this.#close(undefined);
  }

  #received(data: Data): void {
    const isBlob = this.binaryType === "blob" && data instanceof ArrayBuffer;
    const origin = this.url === "" ? "" : new URL(this.url).origin;
    this.dispatchEvent(new MessageEvent("message", { data: isBlob ? new Blob([data]) : data, origin }));
  }

  #fire(...[type, what]: ["close", Closed] | ["error", WebSocketError]): void {
    this.#log(type, what);
    this.dispatchEvent(type === "close" ? closeEvent(what) : errorEvent(what));
  }

  #log(...values: unknown[]): void {
    const { debug, debugLogger = console.log } = this.#options;
    if (debug === true) debugLogger("RWS>", ...values);
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

/** The index of the queued messages in the core's counts. */
const QUEUED = 1;

const ABNORMAL: Closed = { code: 1006, reason: "", wasClean: false };

/** Converts a message to the value that is queued. As in browsers, a value that is neither bytes nor a Blob is sent as text. */
function payloadOf(data: unknown): Kept {
  try {
    const payload = kept(data as Payload);
    // Copies the bytes: the message may wait for the wasm, and is sent as it is now.
    return payload instanceof Uint8Array ? payload.slice() : payload;
  } catch {
    return String(data);
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

function checkClose(code: number, reason: string): void {
  if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException(`close code ${code} is not allowed; use 1000 or 3000–4999`, "InvalidAccessError");
  }
  const { length } = new TextEncoder().encode(reason);
  if (length > 123) throw new DOMException(`a close reason of ${length} bytes is too long; use 123 at most`, "SyntaxError");
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
