import { abortable } from "./abort.js";
import type { Connection } from "./core.js";
import { SendError, sendErrorOf } from "./errors.js";
import { type Payload, dataOf } from "./message.js";

/** Sends messages in the order of the calls, waiting while the high water mark is exceeded. */
export class Outbox {
  readonly #connection: () => Connection | undefined;
  #waiting = 0;
  /** Resolves when all waiting messages were sent or have failed. */
  #turn: Promise<void> = Promise.resolve();

  constructor(connection: () => Connection | undefined) {
    this.#connection = connection;
  }

  /** Sends a message, or throws `full` if the message would have to wait. */
  trySend(message: Payload): void {
    if (this.#waiting > 0 && this.#connection()?.readyState === 1) {
      throw new SendError("full", "the connection is full: other messages wait to be sent", message);
    }
    this.#hand(message);
  }

  /** Sends a message after all waiting ones, waiting for room. If the signal is aborted while the message waits, it is not sent. */
  async send(message: Payload, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    // A message must not overtake the waiting ones.
    if (this.#waiting === 0 && this.#handIfRoom(message)) return;
    this.#waiting++;
    let isHanded = false;
    const hand = () => (isHanded = this.#handIfRoom(message));
    const sent = this.#turn.then(() => this.#whenRoom(hand, message, signal)).finally(() => this.#waiting--);
    this.#turn = sent.catch(() => {});
    // `sent` resolves some microtasks after the message was handed over.
    return abortable(sent, signal, () => !isHanded);
  }

  /** Resolves when no message waits. */
  async settled(): Promise<void> {
    for (let turn; turn !== this.#turn; ) {
      turn = this.#turn;
      await turn;
    }
  }

  /** Calls `hand` until it returns true, whenever there may be room. */
  async #whenRoom(hand: () => boolean, message: Payload, signal: AbortSignal | undefined): Promise<void> {
    // The caller's promise rejects with the signal's reason, so this one resolves.
    const isGivenUp = () => signal?.aborted === true;
    while (!isGivenUp() && !hand()) {
      try {
        await abortable(this.#connection()?.ready() ?? Promise.resolve(), signal);
      } catch (error) {
        if (isGivenUp()) return;
        throw sendErrorOf(error, message);
      }
    }
  }

  #handIfRoom(message: Payload): boolean {
    try {
      this.#hand(message);
      return true;
    } catch (error) {
      if (error instanceof SendError && error.code === "full") return false;
      throw error;
    }
  }

  #hand(message: Payload): void {
    const data = dataOf(message);
    const connection = this.#connection();
    if (connection === undefined) throw new SendError("notOpen", "the connection is closed, not open; connect again", message);
    try {
      connection.trySend(data);
    } catch (error) {
      throw sendErrorOf(error, message);
    }
  }
}
