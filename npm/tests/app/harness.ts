// Runs the tests, and has their helpers.

import {
  type Message,
  type Options,
  type ReconnectOptions,
  type ReconnectingStream,
  type Report,
  type SessionOptions,
  type SessionStream,
  type State,
  type TargetProvider,
  WebSocketError,
  type WebSocketStream,
  connect,
  reconnect,
  session,
} from "wasm-websocket";

// Firefox 140 has no `Symbol.asyncDispose`: the package and Vite then use this one.
(Symbol as { asyncDispose?: symbol }).asyncDispose ??= Symbol.for("Symbol.asyncDispose");

/** The result of a test: the exception, if it has failed. */
export interface Outcome {
  name: string;
  error: string | null;
}

const tests: { name: string; run: () => Promise<void> }[] = [];

export function test(name: string, run: () => Promise<void>): void {
  tests.push({ name, run });
}

export async function runAll(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, run } of tests) {
    const error = await within(20_000, run()).then(
      () => null,
      (error: unknown) => (error instanceof Error ? `${error}\n${error.stack}` : String(error)),
    );
    outcomes.push({ name, error });
  }
  return outcomes;
}

/** Fails a test that hangs. */
function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const tooLate = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`it takes longer than ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, tooLate]);
}

export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`);
}

export function equal<T>(actual: T, expected: T): void {
  const [is, wanted] = [show(actual), show(expected)];
  if (is !== wanted) throw new Error(`it is ${is}, not ${wanted}`);
}

function show(value: unknown): string {
  const readable = (_: string, value: unknown) => {
    if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
    // JSON would leave these out, or write `null`.
    const isOmitted = value === undefined || (typeof value === "number" && !Number.isFinite(value));
    return isOmitted ? `<${value}>` : value;
  };
  return JSON.stringify(value, readable) ?? String(value);
}

/** Returns what a promise rejects with, or a function throws. */
export async function failure(action: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof action === "function" ? action() : action);
  } catch (error) {
    return error;
  }
  throw new Error("it has not failed");
}

/** Returns the package's error that a promise rejects with, or a function throws. */
export async function failureOf(action: Promise<unknown> | (() => unknown)): Promise<WebSocketError> {
  const error = await failure(action);
  if (!(error instanceof WebSocketError)) throw error;
  return error;
}

/** Returns the code of the package's error. */
export async function codeOf(action: Promise<unknown> | (() => unknown)): Promise<string> {
  return (await failureOf(action)).code;
}

/** Runs a test with a stopped clock, so that no timer counts as late: late timers would raise the high water mark. */
export async function withStoppedClock(run: () => Promise<void>): Promise<void> {
  const { now } = Date;
  const stopped = now();
  Date.now = () => stopped;
  await run().finally(() => (Date.now = now));
}

export function url(path: string): string {
  return `ws://${location.host}${path}`;
}

export function open(path: string, options?: Options): Promise<WebSocketStream> {
  return connect(url(path), options);
}

/** Creates a connection that reconnects after short delays. */
export function comeBack(target: TargetProvider, options?: ReconnectOptions): Promise<ReconnectingStream> {
  return reconnect(target, { backoff: { base: 1, floor: 0 }, ...options });
}

/** Creates a session that reconnects after short delays. */
export function begin(target: TargetProvider, options?: SessionOptions): Promise<SessionStream> {
  return session(target, { backoff: { base: 5, cap: 5, floor: 1 }, ...options });
}

/** Returns the next state or report of a type. */
export async function reaches<Type extends (State | Report)["type"]>(
  socket: ReconnectingStream | SessionStream,
  type: Type,
): Promise<Extract<State | Report, { type: Type }>> {
  for await (const state of socket.states()) if (state.type === type) return state as Extract<State | Report, { type: Type }>;
  throw new Error(`it has ended before it was ${type}`);
}

/** Takes the next message. */
export async function take(socket: WebSocketStream | ReconnectingStream | SessionStream): Promise<Message> {
  for await (const message of socket) return message;
  throw new Error("the connection has ended");
}

/** Takes all remaining messages. */
export async function drain(socket: WebSocketStream | ReconnectingStream | SessionStream): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of socket) messages.push(message);
  return messages;
}

/** Returns the next event of a type. */
export function next<T>(on: (listener: (event: T) => void) => () => void): Promise<T> {
  return new Promise((resolve) => {
    const undo = on((event) => {
      undo();
      resolve(event);
    });
  });
}

/** Returns the next exception that is reported as an error of the page. */
export function reported(): Promise<unknown> {
  return new Promise((resolve) => {
    const caught = (event: ErrorEvent) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      removeEventListener("error", caught, { capture: true });
      resolve(event.error);
    };
    addEventListener("error", caught, { capture: true });
  });
}

export function text(data: string): Message {
  return { type: "text", data };
}

export function binary(...bytes: number[]): Message {
  return { type: "binary", data: new Uint8Array(bytes).buffer };
}

/** Waits for a later turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Makes the browser collect garbage until a promise settles. The browser must have a function for this. */
export async function collectUntil<T>(promise: Promise<T>): Promise<T> {
  const { gc, TestUtils } = globalThis as { gc?: () => void; TestUtils?: { gc: () => Promise<void> } };
  assert(gc !== undefined || TestUtils !== undefined, "this browser has a function that collects garbage");
  let isSettled = false;
  const settled = promise.finally(() => (isSettled = true));
  while (!isSettled) {
    gc?.();
    await TestUtils?.gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return settled;
}

/** The server's count of the connections whose URLs have the same query. */
export class Count {
  readonly #query = String(Math.random());
  readonly #counts: Promise<WebSocketStream>;

  constructor() {
    this.#counts = open(`/count/${this.#query}`);
  }

  path(path: string): string {
    return `${path}?${this.#query}`;
  }

  /** Waits until the server sends a report that begins with a text, such as `0 open`, and returns the whole report. */
  async becomes(begin: string): Promise<string> {
    for await (const message of await this.#counts) {
      if (message.type === "text" && message.data.startsWith(begin)) return message.data;
    }
    throw new Error("the server sends no more reports");
  }

  async end(): Promise<void> {
    await (await this.#counts).close();
  }
}
