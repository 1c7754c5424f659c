import { abortable } from "./abort.js";
import type { WebSocketError } from "./errors.js";
import type { StateQueue } from "./reconnect-core.js";
import { type Report, type State, fromCore } from "./state.js";

/** Returns a function that holds its target weakly. All closures of a scope hold the same variables, so this one has its own scope. */
export function weakly<T extends object>(target: T): () => T | undefined {
  const weak = new WeakRef(target);
  return () => weak.deref();
}

/**
 * Calls `listener` with each state, and with `undefined` after the last one. Holds the stream weakly, so that it can be collected.
 */
export async function watch<T>(
  states: StateQueue,
  stream: () => T | undefined,
  listener: (stream: T, state: object | undefined) => void,
): Promise<void> {
  while (pass(await states.next(), stream, listener));
  states.free();
}

/** A separate function, since an async function would hold the stream while it awaits. */
function pass<T>(
  state: object | undefined,
  stream: () => T | undefined,
  listener: (stream: T, state: object | undefined) => void,
): boolean {
  const living = stream();
  if (living === undefined) return false;
  listener(living, state);
  return state !== undefined;
}

/** Iterates over the states of a queue. Without a queue, yields the last state. */
export async function* statesOf(
  states: StateQueue | undefined,
  last: () => State,
  errorOf: (thrown: unknown) => WebSocketError,
  signal: AbortSignal | undefined,
): AsyncGenerator<State | Report, undefined, undefined> {
  if (states === undefined) yield last();
  try {
    for (let raw; (raw = await abortable(states?.next() ?? Promise.resolve(undefined), signal)) !== undefined; ) {
      yield fromCore<State | Report>(raw, errorOf);
    }
  } finally {
    states?.free();
  }
}
