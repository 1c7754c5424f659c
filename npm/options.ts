import { WebSocketError } from "./errors.js";

/** What binary messages arrive as. By default it is `"arraybuffer"`, other than the browser's own. */
export type BinaryType = "arraybuffer" | "blob";

/**
 * What becomes of messages that arrive when as many wait to be taken as may. Browsers read from the network whether a page
 * keeps up or not, so something must.
 *
 * - `close`: the connection is closed; after what waits, taking throws a {@link WebSocketError} of the code `overflow`
 * - `dropOldest`: the oldest that wait make room: for what is of interest only as long as it is new
 * - `dropNewest`: the message that has arrived is dropped
 * - `unbounded`: nothing; memory is the limit
 */
export type Overflow = "close" | "dropOldest" | "dropNewest" | "unbounded";

/** The most that may wait to be taken, and what becomes of more. A message of any size is taken if none waits. */
export interface ReceiveLimit {
  /**
   * The most bytes. Text counts by its length, and a Blob as no bytes, since its bytes are not in the page's memory.
   *
   * @default 67108864 (64 MiB)
   */
  bytes?: number | undefined;
  /**
   * The most messages.
   *
   * @default 262144
   */
  messages?: number | undefined;
  /**
   * What becomes of more. What is dropped is counted by {@link WebSocketStream.dropped}.
   *
   * @default "close"
   */
  overflow?: Overflow | undefined;
}

/**
 * The browser's interface that a connection uses.
 *
 * - `events`: `WebSocket`, in all browsers. The browser reads on while nobody takes messages, up to {@link ReceiveLimit}
 * - `streams`: `WebSocketStream`, in Chromium and Edge since version 124. While nobody takes messages, the browser stops reading
 *   at {@link Options.readAhead}, and the peer has to wait. Other browsers fail with `unsupported`
 * - `best`: `streams` where the browser has it, and `events` elsewhere
 *
 * Streams are for connections that receive much and send little, since Chromium's have two defects (seen in version 156):
 *
 * - The tab crashes if the connection is lost while a message is buffered.
 * - The last messages may be dropped if the peer closes while it has to wait. The error is then `unclean`.
 */
export type Transport = "events" | "streams" | "best";

/** What can be chosen about a connection. Sizes are in bytes and times in milliseconds, both whole numbers. */
export interface Options {
  /**
   * The subprotocols to offer, the preferred one first.
   *
   * If any are offered and the server selects none of them, the standard and Chromium fail the connection. Firefox opens it
   * all the same, with an empty {@link WebSocketStream.protocol}.
   *
   * @default []
   */
  protocols?: readonly string[] | undefined;
  /**
   * What binary messages arrive as.
   *
   * @default "arraybuffer"
   */
  binaryType?: BinaryType | undefined;
  /**
   * The unsent bytes above which {@link WebSocketStream.send} waits.
   *
   * @default 1048576 (1 MiB)
   */
  highWaterMark?: number | undefined;
  /**
   * The unsent bytes at which a send that waits goes on.
   *
   * @default 262144 (256 KiB)
   */
  lowWaterMark?: number | undefined;
  /** The most that may wait to be taken, and what becomes of more. */
  receiveLimit?: ReceiveLimit | undefined;
  /**
   * How long to wait for the connection to open, in milliseconds.
   *
   * @default 20000
   */
  connectTimeout?: number | undefined;
  /**
   * How long {@link WebSocketStream.close} waits for the peer, in milliseconds. Left alone, browsers wait for a silent one
   * for 20 to 60 seconds.
   *
   * @default 5000
   */
  closeTimeout?: number | undefined;
  /**
   * The browser's interface that the connection uses. `streams` and `best` load another wasm module where the browser has
   * streams.
   *
   * @default "events"
   */
  transport?: Transport | undefined;
  /**
   * The bytes that are read before a reader takes them, over `streams`.
   *
   * @default 1048576 (1 MiB)
   */
  readAhead?: number | undefined;
  /**
   * Gives the connection up when it is aborted: while it connects, {@link connect} rejects with the signal's reason; once it
   * is open, it is closed as {@link WebSocketStream.close} does.
   */
  signal?: AbortSignal | undefined;
}

/** Options of a call that waits. */
export interface CallOptions {
  /** Cancels the waiting: when it is aborted, the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Checks the value of an option. Returns what is wrong with it. */
type Check = (value: unknown, name: string) => string | undefined;

/** @internal The checks of an object's fields, by their names. */
export type Checks = Readonly<Record<string, Check>>;

/** @internal */
export const whole: Check = (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : "is not a whole number");

/** @internal */
export function oneOf(...names: string[]): Check {
  return (value) => (names.includes(value as string) ? undefined : `is none of ${names.map((name) => `"${name}"`).join(", ")}`);
}

/** @internal Checks an object and its fields. */
export function fields(checks: Checks): Check {
  return (value, name) => {
    checkFields(value, checks, name);
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
  signal: () => undefined, // `signalOf` looks at it
};

/**
 * @internal Returns the options for the core after checking them: none is unknown, and none has a wrong value.
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

/** A short text for any value. */
function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : typeof value === "object" ? Object.prototype.toString.call(value) : String(value);
}

function invalid(message: string): WebSocketError {
  return new WebSocketError("invalidOption", message);
}

/**
 * @internal Whether a connection uses the module with streams.
 *
 * @throws {WebSocketError} `unsupported`
 */
export function isByStreams(options: Options | undefined): boolean {
  const transport = options?.transport ?? "events";
  const hasStreams = "WebSocketStream" in globalThis;
  if (transport === "streams" && !hasStreams) {
    throw new WebSocketError("unsupported", "this browser has no WebSocketStream; use `transport: \"best\"`");
  }
  return transport !== "events" && hasStreams;
}

/** @internal Checks the options of a call, and returns its signal. */
export function checkCall(options: { signal?: unknown } | undefined, more: Checks = {}): AbortSignal | undefined {
  if (options !== undefined) checkFields(options, { signal: () => undefined, ...more }, "options");
  return signalOf(options);
}

/** @internal Returns the signal after checking that it is one. */
export function signalOf(options: { signal?: unknown } | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  if (signal === undefined || Object.prototype.toString.call(signal) === "[object AbortSignal]") {
    return signal as AbortSignal | undefined;
  }
  throw invalid("option `signal` is not an AbortSignal");
}
