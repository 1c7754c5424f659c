import { abortable } from "./abort.js";
import type { Connection } from "./core.js";
import { SendError, sendErrorOf } from "./errors.js";
import { type Payload, dataOf } from "./message.js";

/** The way out: sends in the order of the calls, waiting while the browser holds too much. */
export class Outbox {
  readonly #connection: () => Connection | undefined;
  #waiting = 0;
  /** When those that wait have been sent, or have failed. */
  #turn: Promise<void> = Promise.resolve();

  constructor(connection: () => Connection | undefined) {
    this.#connection = connection;
  }

  /** Sends at once, or not at all. */
  trySend(message: Payload): void {
    if (this.#waiting > 0 && this.#connection()?.readyState === 1) {
      throw new SendError("full", "the connection is full: others wait to send", message);
    }
    this.#hand(message);
  }

  /** Sends in turn, and waits for room. If the signal is aborted before the message was handed over, it is not sent. */
  async send(message: Payload, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    // What need not wait must not overtake what does.
    if (this.#waiting === 0 && this.#handIfRoom(message)) return;
    this.#waiting++;
    const sent = this.#turn.then(() => this.#handWhenRoom(message, signal)).finally(() => this.#waiting--);
    this.#turn = sent.catch(() => {});
    return abortable(sent, signal, () => {});
  }

  /** Resolves when those that wait have been sent, or have failed. */
  async settled(): Promise<void> {
    for (let turn; turn !== this.#turn; ) {
      turn = this.#turn;
      await turn;
    }
  }

  async #handWhenRoom(message: Payload, signal: AbortSignal | undefined): Promise<void> {
    // The caller is told by the signal, so this resolves without an error.
    const isGivenUp = () => signal?.aborted === true;
    while (!isGivenUp() && !this.#handIfRoom(message)) {
      try {
        await abortable(this.#connection()?.ready() ?? Promise.resolve(), signal, () => {});
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
