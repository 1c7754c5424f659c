import { WebSocketError, call, errorOf } from "./errors.js";
import { type Data, type Message, messageOf } from "./message.js";

/** A pending `next` of an iterator. */
interface Waiter {
  readonly reader: object;
  readonly resolve: (result: IteratorResult<Message, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

type Listener = (message: Message) => void;

/** Receives what was taken from the core: a message, an exception, or neither at the end. */
export type Took = (data?: Data, thrown?: unknown) => void;

const DONE: IteratorResult<Message, undefined> = { done: true, value: undefined };

/**
 * Passes the messages of a connection to iterators or to listeners, one at a time. While there is no reader, messages stay in the
 * core: no message is lost, and an inbox whose connection is silent can be collected.
 */
export class Inbox {
  readonly #take: (took: Took) => void;
  readonly #onOver: (error: WebSocketError | undefined) => void;
  readonly #errorOf: (thrown: unknown) => WebSocketError;
  readonly #onGap: ((error: WebSocketError, isThrown: boolean) => void) | undefined;
  readonly #cancel: () => void;
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<Listener>();
  #held: Message | WebSocketError | undefined;
  #error: WebSocketError | undefined;
  #isTaking = false;
  /** Whether each message is taken before a reader asks for it. */
  #isAhead = false;
  #isOver = false;

  /**
   * Takes each message with `take`, which `cancel` cancels. Calls `onOver` after the last message, with the error that ended the
   * messages, if there was one.
   *
   * With `onGap`, errors do not end the messages but come between them. `onGap` is called with each error, and with whether an
   * iterator throws it.
   */
  constructor(
    take: (took: Took) => void,
    cancel: () => void,
    onOver: (error: WebSocketError | undefined) => void,
    errorFor: (thrown: unknown) => WebSocketError = errorOf,
    onGap?: (error: WebSocketError, isThrown: boolean) => void,
  ) {
    this.#take = take;
    this.#onOver = onOver;
    this.#errorOf = errorFor;
    this.#onGap = onGap;
    this.#cancel = cancel;
  }

  /** Returns an iterator. It throws the signal's reason when the signal is aborted. After `return`, other readers take the messages. */
  messages(signal?: AbortSignal): AsyncIterator<Message, undefined> & AsyncIterable<Message> {
    let isReturned = false;
    const finish = () => {
      isReturned = true;
      this.#dismiss((waiter) => waiter.reader === messages);
      this.#rest();
    };
    const messages: AsyncIterator<Message, undefined> & AsyncIterable<Message> = {
      next: async () => {
        if (isReturned) return DONE;
        try {
          const next = await this.#next(messages, signal);
          if (next.done === true) finish();
          return next;
        } catch (error) {
          finish();
          throw error;
        }
      },
      return: async () => {
        finish();
        return DONE;
      },
      [Symbol.asyncIterator]: () => messages,
    };
    return messages;
  }

  /** Calls `listener` with each message. Returns a function that removes the listener. */
  listen(listener: Listener): () => void {
    if (this.#waiters.size > 0) throw locked();
    // Wraps the listener, since the same function may listen twice.
    const own: Listener = (message) => listener(message);
    this.#listeners.add(own);
    // Not at once: the caller may add other listeners, and has no function yet that removes this one.
    queueMicrotask(() => this.#run());
    return () => {
      this.#listeners.delete(own);
      this.#rest();
    };
  }

  /** Whether the core has no more messages. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether listeners take the messages. */
  get isListened(): boolean {
    return this.#listeners.size > 0;
  }

  /** The error between messages that was taken and that no reader has got. */
  get gap(): WebSocketError | undefined {
    return this.#held instanceof WebSocketError ? this.#held : undefined;
  }

  /** From now on takes each message before a reader asks for it, to find out when none is left after the connection has ended. */
  lookAhead(): void {
    this.#isAhead = true;
    if (this.#held === undefined) this.#takeOne();
  }

  /** Drops the held message, and ends all readers. From now on, the core is the caller's: the inbox neither takes nor cancels. */
  discard(): void {
    this.#isOver = true;
    this.#isTaking = false;
    this.#held = this.#error = undefined;
    this.#listeners.clear();
    this.#dismiss(() => true);
  }

  async #next(reader: object, signal: AbortSignal | undefined): Promise<IteratorResult<Message, undefined>> {
    if (this.#listeners.size > 0) throw locked();
    signal?.throwIfAborted();
    let abort = () => {};
    const next = new Promise<IteratorResult<Message, undefined>>((resolve, reject) => {
      const waiter = { reader, resolve, reject };
      // A waiter that has received a message has left the set and resolves with the message, so the message is not lost.
      abort = () => {
        if (!this.#waiters.delete(waiter)) return;
        reject(signal?.reason);
        this.#rest();
      };
      this.#waiters.add(waiter);
      this.#run();
    });
    if (signal === undefined) return next;
    signal.addEventListener("abort", abort);
    return next.finally(() => signal.removeEventListener("abort", abort));
  }

  /** Passes the held message to a reader, and takes more messages while there are readers. */
  #run(): void {
    const [waiter] = this.#waiters;
    if (this.#held !== undefined) {
      if (waiter === undefined && this.#listeners.size === 0) return;
      const value = this.#held;
      this.#held = undefined;
      if (waiter !== undefined) this.#waiters.delete(waiter);
      if (value instanceof WebSocketError) {
        waiter?.reject(value);
        this.#onGap?.(value, waiter !== undefined);
      } else if (waiter !== undefined) {
        waiter.resolve({ done: false, value });
      } else {
        for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) call(() => listener(value));
      }
      this.#run();
    } else if (this.#isOver) {
      if (waiter !== undefined && this.#error !== undefined) {
        this.#waiters.delete(waiter);
        waiter.reject(this.#error);
        this.#error = undefined;
      }
      this.#dismiss(() => true);
    } else if (waiter !== undefined || this.#listeners.size > 0 || this.#isAhead) {
      this.#takeOne();
    }
  }

  #takeOne(): void {
    if (this.#isTaking || this.#isOver) return;
    this.#isTaking = true;
    this.#take((data, thrown) => this.#took(data, thrown));
  }

  /** Takes no message while there is no reader. */
  #rest(): void {
    if (!this.#isTaking || this.#isAhead || this.#waiters.size + this.#listeners.size > 0) return;
    this.#isTaking = false;
    this.#cancel();
  }

  #took(data: Data | undefined, thrown: unknown): void {
    this.#isTaking = false;
    if (this.#isOver) return;
    const error = thrown === undefined ? undefined : this.#errorOf(thrown);
    if (data === undefined && error !== undefined && this.#onGap !== undefined) {
      this.#held = error;
    } else if (data === undefined) {
      this.#isOver = true;
      this.#error = error;
      this.#onOver(error);
    } else {
      this.#held = messageOf(data);
    }
    this.#run();
  }

  #dismiss(which: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiters) {
      if (which(waiter)) {
        this.#waiters.delete(waiter);
        waiter.resolve(DONE);
      }
    }
  }
}

function locked(): WebSocketError {
  return new WebSocketError("locked", "messages are taken by a listener or by an iterator, not by both");
}
