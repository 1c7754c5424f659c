/// <reference lib="esnext.disposable" preserve="true" />

import { abortable } from "./abort.js";
import { asyncDispose } from "./dispose.js";
import { DecodeError, SendError } from "./errors.js";
import type { Message } from "./message.js";
import { type CallOptions, checkCall } from "./options.js";
import { type Issue, type Schema, textOf } from "./schema.js";

/** A connection that {@link JsonStream} can wrap: {@link WebSocketStream}, {@link ReconnectingStream} or {@link SessionStream}. */
export interface MessageStream extends AsyncDisposable {
  send(message: string, options?: CallOptions): Promise<unknown>;
  trySend(message: string): unknown;
  messages(options?: CallOptions): AsyncIterator<Message, undefined> & AsyncIterable<Message>;
}

/**
 * A connection that sends and receives values as JSON: what {@link WebSocketStream.json} returns.
 *
 * Decodes text and binary messages alike. A message that cannot be decoded ends a loop with a {@link DecodeError} that has the
 * message; the next loop continues with the next message. {@link socket} is the connection itself.
 *
 * @typeParam Out the type of sent values
 * @typeParam In the type of received values
 */
export class JsonStream<Out, In, Socket extends MessageStream = MessageStream> implements AsyncIterable<In>, AsyncDisposable {
  /** The connection itself. */
  readonly socket: Socket;
  readonly #incoming: Schema<In> | undefined;
  readonly #outgoing: Schema<unknown, Out> | undefined;
  /** Settles when the last value that waits for a schema, or for the values before it, was passed to the connection. */
  #passing: Promise<unknown> | undefined;

  /** @internal */
  constructor(socket: Socket, incoming: Schema<In> | undefined, outgoing: Schema<unknown, Out> | undefined) {
    this.socket = socket;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  /**
   * Encodes a value, and sends it as `send` of the connection does. If the signal is aborted while a schema checks this value or an
   * earlier one, the value is not sent, later values do not wait for it, and the call rejects with the signal's reason.
   *
   * @throws {SendError} the errors of the connection's `send`, with the JSON in `unsent`; `encode` if the value cannot be written as
   *   JSON or does not fit the schema, or if the schema throws, with an empty `unsent`
   */
  async send(value: Out, options?: CallOptions): Promise<Awaited<ReturnType<Socket["send"]>>> {
    const signal = checkCall(options);
    signal?.throwIfAborted();
    const checked = validToSend(this.#outgoing, value);
    const pass = (value: unknown) => this.socket.send(encode(value), options) as ReturnType<Socket["send"]>;
    // Passes the value on synchronously if possible. Values are always sent in the order of the calls.
    return await (checked instanceof Promise || this.#passing !== undefined ? this.#inTurn(checked, pass, signal) : pass(checked));
  }

  /**
   * Encodes a value, and sends it without waiting, as `trySend` of the connection does. The schema must check synchronously.
   *
   * @throws {SendError} the errors of {@link send}; `encode` if the schema checks asynchronously; `full` while the schema checks
   *   earlier values
   */
  trySend(value: Out): ReturnType<Socket["trySend"]> {
    const checked = validToSend(this.#outgoing, value);
    if (checked instanceof Promise) {
      // Nobody awaits the result, so its rejection must not be reported.
      checked.catch(() => {});
      throw new SendError("encode", "the schema checks asynchronously; use `send`", "");
    }
    const text = encode(checked);
    if (this.#passing !== undefined) throw new SendError("full", "the schema still checks earlier values; use `send`", text);
    return this.socket.trySend(text) as ReturnType<Socket["trySend"]>;
  }

  /** Iterates over the values. See {@link JsonStream}. */
  [Symbol.asyncIterator](): AsyncIterator<In, undefined> & AsyncIterable<In> {
    return this.values();
  }

  /**
   * Iterates over the values. When the signal is aborted, the loop throws the signal's reason, and the connection stays open. A value
   * that an asynchronous schema checks at that time comes first.
   */
  values(options?: CallOptions): AsyncIterator<In, undefined> & AsyncIterable<In> {
    const messages = this.socket.messages(options);
    const values: AsyncIterator<In, undefined> & AsyncIterable<In> = {
      next: async () => {
        const { done, value } = await messages.next();
        return done === true ? { done, value: undefined } : { done: false, value: await this.#decode(value as Message) };
      },
      return: async () => {
        await messages.return?.();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => values,
    };
    return values;
  }

  /** Disposes of the connection; `await using` calls it. */
  [asyncDispose](): PromiseLike<void> {
    return this.socket[asyncDispose]();
  }

  /**
   * Passes a value to the connection when the schema has checked it, and all values before it were passed. If the signal is aborted
   * before, the value is not passed.
   */
  async #inTurn<T>(checked: unknown, pass: (value: unknown) => T, signal: AbortSignal | undefined): Promise<Awaited<T>> {
    const before = this.#passing;
    let isPassed = false;
    const turn = (async () => {
      const [result] = await Promise.allSettled([abortable(Promise.resolve(checked), signal), before]);
      // Nobody would await the rejection of `send`.
      signal?.throwIfAborted();
      if (result.status === "rejected") throw result.reason;
      isPassed = true;
      // In an array, since the next value does not wait until this one is sent.
      return [pass(result.value)] as const;
    })();
    this.#passing = turn;
    const passed = turn.finally(() => {
      if (this.#passing === turn) this.#passing = undefined;
    });
    // From then on, `send` of the connection ends with the signal.
    const [sent] = await abortable(passed, signal, () => !isPassed);
    return await sent;
  }

  async #decode(message: Message): Promise<In> {
    let value: unknown;
    try {
      value = JSON.parse(await textIn(message));
    } catch (cause) {
      throw new DecodeError(`the message is not JSON: ${(cause as Error).message}`, message, [], cause);
    }
    try {
      return await valid(this.#incoming, value as In, (issues) => {
        throw new DecodeError(`the message does not fit its schema: ${textOf(issues)}`, message, issues);
      });
    } catch (cause) {
      throw cause instanceof DecodeError ? cause : new DecodeError(`the schema has thrown: ${String(cause)}`, message, [], cause);
    }
  }
}

/** Checks a value with a schema, and returns the schema's output, synchronously if the schema checks synchronously. */
function valid<Value>(schema: Schema<Value> | undefined, value: Value, refuse: (issues: readonly Issue[]) => never): Value | Promise<Value>;
function valid(schema: Schema | undefined, value: unknown, refuse: (issues: readonly Issue[]) => never): unknown {
  if (schema === undefined) return value;
  const result = schema["~standard"].validate(value);
  const read = (result: Awaited<ReturnType<Schema["~standard"]["validate"]>>) =>
    result.issues === undefined ? result.value : refuse(result.issues);
  // A promise of another frame is not an instance of this frame's class.
  return "then" in result ? Promise.resolve(result).then(read) : read(result);
}

/** Checks a value to send. Whatever the schema throws is an error of the value. */
function validToSend(schema: Schema | undefined, value: unknown): unknown {
  const failed = (cause: unknown): never => {
    throw cause instanceof SendError ? cause : new SendError("encode", `the schema has thrown: ${String(cause)}`, "");
  };
  try {
    const checked = valid<unknown>(schema, value, refuse);
    return checked instanceof Promise ? checked.catch(failed) : checked;
  } catch (cause) {
    return failed(cause);
  }
}

function refuse(issues: readonly Issue[]): never {
  throw new SendError("encode", `the value does not fit its schema: ${textOf(issues)}`, "");
}

function encode(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new SendError("encode", `the value cannot be written as JSON: ${(cause as Error).message}`, "");
  }
  if (text === undefined) throw new SendError("encode", `a value of type ${typeof value} cannot be written as JSON`, "");
  return text;
}

async function textIn(message: Message): Promise<string> {
  switch (message.type) {
    case "text":
      return message.data;
    case "blob":
      return message.data.text();
    case "binary":
      return new TextDecoder().decode(message.data);
  }
}
