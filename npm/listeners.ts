import { call } from "./errors.js";

/** Objects that are listened to, so that they are not collected. */
const listened = new Set<object>();

/**
 * The listeners of an object, by the types of its events. An object with listeners is not collected until they are removed by the
 * caller, or it has ended.
 */
export class Listeners<Events extends object> {
  readonly #owner: object;
  readonly #all: { [Type in keyof Events]?: Set<(event: Events[Type]) => void> } = {};
  #isOver = false;

  constructor(owner: object) {
    this.#owner = owner;
  }

  /** Adds a listener. Returns a function that removes the listener. */
  add<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): () => void {
    // Wraps the listener, since the same function may listen twice.
    const own = (event: Events[Type]) => listener(event);
    const listeners = (this.#all[type] ??= new Set());
    listeners.add(own);
    this.#hold();
    return () => {
      listeners.delete(own);
      this.#hold();
    };
  }

  /**
   * Calls the listeners of a type, and removes them if this is the last event. Returns whether there were any. The object is still not
   * collected: after the last event of this type, for instance, the peer may not have received everything.
   */
  emit<Type extends keyof Events>(type: Type, event: Events[Type], isLast = false): boolean {
    const listeners = this.#all[type] ?? new Set();
    const all = [...listeners];
    for (const listener of all) if (isLast ? listeners.delete(listener) : listeners.has(listener)) call(() => listener(event));
    return all.length > 0;
  }

  /** From now on, the object may be collected. */
  end(): void {
    this.#isOver = true;
    this.#hold();
  }

  #hold(): void {
    const sets: { size: number }[] = Object.values(this.#all);
    if (!this.#isOver && sets.some(({ size }) => size > 0)) listened.add(this.#owner);
    else listened.delete(this.#owner);
  }
}
