import { WebSocketError } from "./errors.js";

/** The type of received binary messages. The default is `"arraybuffer"`, where the browser's own is `"blob"`. */
export type BinaryType = "arraybuffer" | "blob";

/**
 * What happens to a message that arrives while the receive queue is full. Browsers read from the network even if a page does not
 * keep up.
 *
 * - `close`: closes the connection; after the queued messages, a loop throws a {@link WebSocketError} with the code `overflow`
 * - `dropOldest`: drops the oldest queued messages. For data where only recent values matter
 * - `dropNewest`: drops the message that has arrived
 * - `unbounded`: queues the message; the limit is ignored, and the queue can fill the page's memory
 */
export type Overflow = "close" | "dropOldest" | "dropNewest" | "unbounded";

/** The limit of the receive queue, and what happens when it is full. An empty queue accepts a message of any size. */
export interface ReceiveLimit {
  /**
   * The maximum bytes of all queued messages. Text counts by its length, and a Blob as no bytes, since its bytes are not in the
   * page's memory.
   *
   * @default 67108864 (64 MiB)
   */
  bytes?: number | undefined;
  /**
   * The maximum number of queued messages.
   *
   * @default 262144
   */
  messages?: number | undefined;
  /**
   * What happens to a message that arrives while the queue is full. {@link WebSocketStream.dropped} counts dropped messages.
   *
   * @default "close"
   */
  overflow?: Overflow | undefined;
}

/**
 * The browser's interface that a connection uses.
 *
 * - `events`: `WebSocket`, in all browsers. While the page takes no messages, the browser continues to read, up to
 *   {@link ReceiveLimit}
 * - `streams`: `WebSocketStream`, in Chromium and Edge since version 124. While the page takes no messages, the browser stops
 *   reading at {@link Options.readAhead}, and the peer has to wait. Other browsers fail with `unsupported`
 * - `best`: `streams` where the browser has them, and `events` elsewhere
 *
 * Streams are for connections that receive much and send little, since Chromium has two defects (seen in version 156):
 *
 * - The tab crashes if a connection over streams is lost while a message is buffered.
 * - The last messages may be dropped if the peer closes while it has to wait. The error is then `unclean`.
 */
export type Transport = "events" | "streams" | "best";

/** Options of a connection. Sizes are in bytes and times in milliseconds, both whole numbers. */
export interface Options {
  /**
   * The subprotocols to offer, the preferred one first.
   *
   * If the server selects none of the offered subprotocols, the standard and Chromium fail the connection. Firefox opens it, with
   * an empty {@link WebSocketStream.protocol}.
   *
   * @default []
   */
  protocols?: readonly string[] | undefined;
  /**
   * The type of received binary messages.
   *
   * @default "arraybuffer"
   */
  binaryType?: BinaryType | undefined;
  /**
   * The unsent bytes above which {@link WebSocketStream.send} waits; over streams at most 128 KiB.
   *
   * @default 1048576 (1 MiB)
   */
  highWaterMark?: number | undefined;
  /**
   * The unsent bytes at which a waiting {@link WebSocketStream.send} continues; over streams at most 32 KiB.
   *
   * @default 262144 (256 KiB)
   */
  lowWaterMark?: number | undefined;
  /** The limit of the receive queue, and what happens when it is full. */
  receiveLimit?: ReceiveLimit | undefined;
  /**
   * How long to wait for the connection to open, in milliseconds.
   *
   * @default 20000
   */
  connectTimeout?: number | undefined;
  /**
   * How long {@link WebSocketStream.close} waits for the peer, in milliseconds. Browsers themselves wait 20 to 60 seconds for a
   * silent peer.
   *
   * If unsent bytes have left during the timeout, it starts over, so that a slow upload is completed. If none have left, it gives up
   * after one more timeout for each full 512 KiB that are unsent, since in Firefox and over streams a message counts as unsent until all
   * of it has left. In WebKit, all bytes soon count as sent: there, choose a timeout in which the largest message can leave.
   *
   * @default 5000
   */
  closeTimeout?: number | undefined;
  /**
   * The browser's interface that the connection uses. Where the browser has streams, `streams` and `best` load another wasm
   * module.
   *
   * @default "events"
   */
  transport?: Transport | undefined;
  /**
   * The bytes that are received before a reader takes them, over `streams`.
   *
   * @default 2097152 (2 MiB)
   */
  readAhead?: number | undefined;
  /**
   * Cancels the connection when the signal is aborted: while connecting, {@link connect} rejects with the signal's reason; an open
   * connection is closed, as by {@link WebSocketStream.close}.
   */
  signal?: AbortSignal | undefined;
}

/** Options of a call that waits. */
export interface CallOptions {
  /** Cancels the call: when the signal is aborted, the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Checks the value of an option. Returns what is wrong with the value, or `undefined`. */
type Check = (value: unknown, name: string) => string | undefined;

/** @internal The checks of an object's fields, by their names. */
export type Checks = Readonly<Record<string, Check>>;

/** @internal */
export const whole: Check = (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : "is not a whole number");

/** @internal */
export function oneOf(...names: string[]): Check {
  return (value) => (names.includes(value as string) ? undefined : `is none of ${names.map((name) => `"${name}"`).join(", ")}`);
}

/** @internal Checks an object and its fields, of which some are required. */
export function fields(checks: Checks, ...required: string[]): Check {
  return (value, name) => {
    checkFields(value, checks, name);
    const missing = required.find((field) => (value as Record<string, unknown>)[field] === undefined);
    if (missing !== undefined) throw invalid(`option \`${name}.${missing}\` is missing`);
    return undefined;
  };
}

const CHECKS: Checks = {
  protocols: (value) =>
    Array.isArray(value) && value.every((protocol) => typeof protocol === "string") ? undefined : "is not an array of texts",
  binaryType: oneOf("arraybuffer", "blob"),
  highWaterMark: whole,
  lowWaterMark: whole,
  receiveLimit: fields({ bytes: whole, messages: whole, overflow: oneOf("close", "dropOldest", "dropNewest", "unbounded") }),
  transport: oneOf("events", "streams", "best"),
  readAhead: whole,
  connectTimeout: whole,
  closeTimeout: whole,
  signal: () => undefined, // `signalOf` checks it
};

/**
 * @internal Checks that no option is unknown and none has a wrong value. Returns the options for the core.
 *
 * @throws {WebSocketError} `invalidOption`
 */
export function check(options: unknown, more: Checks = {}): object {
  if (options === undefined) return {};
  checkFields(options, { ...CHECKS, ...more }, "options");
  return options as object;
}

function checkFields(value: unknown, checks: Checks, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`\`${name}\` is not a plain object`);
  for (const [field, given] of Object.entries(value)) {
    const path = name === "options" ? field : `${name}.${field}`;
    if (given === undefined) continue;
    if (!Object.hasOwn(checks, field)) throw invalid(`there is no option \`${path}\``);
    const wrong = checks[field]?.(given, path);
    if (wrong !== undefined) throw invalid(`option \`${path}\`: ${show(given)} ${wrong}`);
  }
}

/** Returns a short text for any value. */
function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : typeof value === "object" ? Object.prototype.toString.call(value) : String(value);
}

function invalid(message: string): WebSocketError {
  return new WebSocketError("invalidOption", message);
}

/**
 * @internal Returns whether a connection uses the module with streams.
 *
 * @throws {WebSocketError} `unsupported`
 */
export function isByStreams(options: Options | undefined): boolean {
  const transport = options?.transport ?? "events";
  if (transport === "events") return false;
  // A service worker cannot load a module after its start, and streams have a module of their own.
  const isServiceWorker = "ServiceWorkerGlobalScope" in globalThis;
  const hasStreams = "WebSocketStream" in globalThis && !isServiceWorker;
  if (transport === "streams" && !hasStreams) {
    const what = isServiceWorker ? "a service worker cannot load the module for streams" : "this browser has no WebSocketStream";
    throw new WebSocketError("unsupported", `${what}; use \`transport: "best"\``);
  }
  return hasStreams;
}

/** @internal Checks the options of a call, and returns its signal. */
export function checkCall(options: { signal?: unknown } | undefined, more: Checks = {}): AbortSignal | undefined {
  if (options !== undefined) checkFields(options, { signal: () => undefined, ...more }, "options");
  return signalOf(options);
}

/** @internal Checks that the signal is an `AbortSignal`, and returns it. */
export function signalOf(options: { signal?: unknown } | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  // The signal of another frame is no instance of this frame's class, and a `TaskSignal` has a tag of its own.
  const isSignal = signal instanceof AbortSignal || Object.prototype.toString.call(signal) === "[object AbortSignal]";
  if (signal === undefined || isSignal) return signal as AbortSignal | undefined;
  throw invalid("option `signal` is not an AbortSignal");
}
