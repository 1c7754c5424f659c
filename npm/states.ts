import { abortable } from "./abort.js";
import type { WebSocketError } from "./errors.js";
import type { StateQueue } from "./reconnect-core.js";
import { type Report, type State, told } from "./state.js";

/** Returns a function that holds its target weakly. Functions of one scope share what they hold, so it has its own scope. */
export function weakly<T extends object>(target: T): () => T | undefined {
  const weak = new WeakRef(target);
  return () => weak.deref();
}

/** Passes the states on, and nothing after the last one. It holds the stream weakly, so that the stream can be collected. */
export async function watch<T>(
  states: StateQueue,
  stream: () => T | undefined,
  tell: (stream: T, state: object | undefined) => void,
): Promise<void> {
  while (pass(await states.next(), stream, tell));
  states.free();
}

/** A function of its own, since a function that awaits would hold the stream meanwhile. */
function pass<T>(
  state: object | undefined,
  stream: () => T | undefined,
  tell: (stream: T, state: object | undefined) => void,
): boolean {
  const living = stream();
  if (living === undefined) return false;
  tell(living, state);
  return state !== undefined;
}

/** The states of a queue, or the last one if there is no queue any more. */
export async function* statesOf(
  states: StateQueue | undefined,
  last: () => State,
  errorOf: (thrown: unknown) => WebSocketError,
  signal: AbortSignal | undefined,
): AsyncGenerator<State | Report, undefined, undefined> {
  if (states === undefined) yield last();
  try {
    for (let raw; (raw = await abortable(states?.next() ?? Promise.resolve(undefined), signal, () => {})) !== undefined; ) {
      yield told<State | Report>(raw, errorOf);
    }
  } finally {
    states?.free();
  }
}
