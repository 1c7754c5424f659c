import { WebSocketError, errorOf, report } from "./errors.js";
import { type Data, type Message, messageOf } from "./message.js";

/** One who waits for a message. */
interface Waiter {
  readonly reader: object;
  readonly resolve: (result: IteratorResult<Message, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

type Listener = (message: Message) => void;

const DONE: IteratorResult<Message, undefined> = { done: true, value: undefined };

/**
 * The messages of a connection, for iterators or for listeners, which take them one by one.
 *
 * A message that comes for one who does not want it any more is held for the next who does: none is lost.
 */
export class Inbox {
  readonly #take: () => Promise<Data | undefined>;
  readonly #onOver: (error: WebSocketError | undefined) => void;
  readonly #errorOf: (thrown: unknown) => WebSocketError;
  readonly #onGap: ((error: WebSocketError, isThrown: boolean) => void) | undefined;
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<Listener>();
  #held: Message | WebSocketError | undefined;
  #error: WebSocketError | undefined;
  #isTaking = false;
  #isOver = false;

  /**
   * Calls `onOver` when there is no more to be taken, with the error that ended it, if one did.
   *
   * With `onGap`, errors end nothing: they come between the messages. It is called with each, and with whether an iterator throws it.
   */
  constructor(
    take: () => Promise<Data | undefined>,
    onOver: (error: WebSocketError | undefined) => void,
    errorFor: (thrown: unknown) => WebSocketError = errorOf,
    onGap?: (error: WebSocketError, isThrown: boolean) => void,
  ) {
    this.#take = take;
    this.#onOver = onOver;
    this.#errorOf = errorFor;
    this.#onGap = onGap;
  }

  /** An iterator. After `return`, others take the messages that it did not take. It throws the reason of a signal that is aborted. */
  messages(signal?: AbortSignal): AsyncIterator<Message, undefined> & AsyncIterable<Message> {
    let isReturned = false;
    const finish = () => {
      isReturned = true;
      this.#dismiss((waiter) => waiter.reader === messages);
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

  /** Calls `listener` with each message until the result is called. */
  listen(listener: Listener): () => void {
    if (this.#waiters.size > 0) throw locked();
    // The same function may listen twice.
    const own: Listener = (message) => listener(message);
    this.#listeners.add(own);
    this.#run();
    return () => void this.#listeners.delete(own);
  }

  /** Whether there is no more to be taken from the core. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether something was taken from the core that nobody has yet. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** Finds out whether there is anything left, when the connection has ended. */
  lookAhead(): void {
    if (this.#held === undefined) this.#takeOne();
  }

  /** Forgets what waits. */
  discard(): void {
    this.#isOver = true;
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
      // A waiter that has its message already keeps it, so the message is not lost.
      abort = () => this.#waiters.delete(waiter) && reject(signal?.reason);
      this.#waiters.add(waiter);
      this.#run();
    });
    if (signal === undefined) return next;
    signal.addEventListener("abort", abort);
    return next.finally(() => signal.removeEventListener("abort", abort));
  }

  /** Hands out what is held, and takes more if it is wanted. */
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
        for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) call(listener, value);
      }
      this.#run();
    } else if (this.#isOver) {
      if (waiter !== undefined && this.#error !== undefined) {
        this.#waiters.delete(waiter);
        waiter.reject(this.#error);
        this.#error = undefined;
      }
      this.#dismiss(() => true);
    } else if (waiter !== undefined || this.#listeners.size > 0) {
      this.#takeOne();
    }
  }

  #takeOne(): void {
    if (this.#isTaking || this.#isOver) return;
    this.#isTaking = true;
    this.#take().then(
      (data) => this.#took(data),
      (error: unknown) => this.#took(undefined, this.#errorOf(error)),
    );
  }

  #took(data: Data | undefined, error?: WebSocketError): void {
    this.#isTaking = false;
    if (this.#isOver) return;
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

/** Calls a listener. What it throws is the page's own error, as in a listener of the browser, and stops nothing here. */
export function call<T>(listener: (event: T) => void, event: T): void {
  try {
    listener(event);
  } catch (error) {
    report(error);
  }
}

function locked(): WebSocketError {
  return new WebSocketError("locked", "messages are taken by a listener or by an iterator, not by both");
}
