import { type CloseEvent, type Message, type Payload, isPayload, messageOf } from "./message.js";
import { type Checks, type Options, check, fields, oneOf, whole } from "./options.js";
import type { Cause } from "./state.js";

/** The delays between attempts. Times are in milliseconds. */
export interface Backoff {
  /**
   * The maximum of the first delay; the maximum doubles with each further delay. Each delay is random, between 0 and its maximum.
   *
   * @default 1000
   */
  base?: number | undefined;
  /**
   * The maximum of all delays.
   *
   * @default 30000
   */
  cap?: number | undefined;
  /**
   * The minimum of all delays.
   *
   * @default 100
   */
  floor?: number | undefined;
  /**
   * How many attempts in a row may fail before it gives up, the first one included.
   *
   * @default no limit
   */
  maxAttempts?: number | undefined;
  /**
   * The total time of attempts and delays after which it gives up.
   *
   * @default no limit
   */
  maxElapsed?: number | undefined;
}

/**
 * A message that is sent at intervals, and its answer. It replaces the protocol's own pings, which pages cannot send.
 *
 * An answer confirms all messages that were sent before its ping. So the server must answer each ping at most once, and no other
 * message may look like an answer. The stream does not yield answers.
 */
export interface Heartbeat {
  /** The message that is sent. */
  ping: Payload;
  /** The answer: a text, or a function that recognizes the answer. */
  pong: string | ((message: Message) => boolean);
  /**
   * The time between pings, in milliseconds.
   *
   * @default 25000
   */
  interval?: number | undefined;
  /**
   * How long to wait for the answer or any other message before the connection is given up, in milliseconds.
   *
   * @default 10000
   */
  timeout?: number | undefined;
}

/** The limit of a queue. `Infinity` is no limit. */
export interface KeepLimit {
  /**
   * The maximum bytes of all messages.
   *
   * @default 1048576 (1 MiB)
   */
  bytes?: number | undefined;
  /**
   * The maximum number of messages.
   *
   * @default 1024
   */
  messages?: number | undefined;
}

/**
 * What happens to a message while the queue is full.
 *
 * - `reject`: the send fails with `full`, and the error has the message
 * - `wait`: `send` waits for room
 * - `dropOldest`: the oldest queued messages are dropped and counted; with a limit of zero, the new message
 */
export type WhenFull = "reject" | "wait" | "dropOldest";

/** How many messages are queued while there is no connection. A queue below its limit accepts a message of any size. */
export interface QueueLimit extends KeepLimit {
  /**
   * What happens to a message while the queue is full.
   *
   * @default "reject"
   */
  whenFull?: WhenFull | undefined;
}

/**
 * What happens to messages in doubt: handed over on a connection that was lost before they were confirmed.
 *
 * - `report`: they are reported, and {@link ReconnectingStream.takeInDoubt} returns them: at most once
 * - `resend`: they are reported, and sent again in order, before anything queued: at least once. The server must tolerate
 *   duplicates
 */
export type WhenLost = "report" | "resend";

/**
 * What to do when a connection has ended.
 *
 * - `retry`: it connects again, after the delay of the {@link Backoff}
 * - `stop`: it is closed for good
 * - `{ retryAfter }`: it connects again after this time in milliseconds plus the delay of the {@link Backoff}
 */
export type AfterClose = "retry" | "stop" | { readonly retryAfter: number };

/** Where to connect to. */
export interface Target {
  /** The URL, with `ws:` or `wss:`, or relative to the page. */
  url: string | URL;
  /** The subprotocols to offer, instead of {@link Options.protocols}. */
  protocols?: readonly string[] | undefined;
}

/** The argument of a provider. */
export interface TargetRequest {
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal;
}

/**
 * The target, or a function that returns it for each attempt, for instance with a fresh token. If the function throws, the
 * attempt has failed; a {@link GiveUp} makes it the last attempt.
 */
export type TargetProvider =
  | string
  | URL
  | Target
  | ((request: TargetRequest) => string | URL | Target | PromiseLike<string | URL | Target>);

/** Messages in doubt: it is unknown whether the peer has received them. */
export interface InDoubt {
  /** The number of messages in doubt. */
  readonly count: number;
  /** The messages that were kept, with their numbers, in order. Bytes are `binary`, or `blob` above 64 KiB. */
  readonly messages: readonly { readonly number: number; readonly message: Message }[];
}

/** A connection that has just been opened. It can be used while `onOpen` runs. */
export interface OpeningSocket {
  /** The URL, as the browser has resolved it. */
  readonly url: string;
  /** The subprotocol that the server selected; empty if none. */
  readonly protocol: string;
  /** The extensions that the server selected; empty if none. */
  readonly extensions: string;
  /**
   * Sends a message, before anything queued. The message has no number.
   *
   * @throws {SendError} `notOpen` when `onOpen` is over or the connection has ended
   */
  send(message: Payload): Promise<void>;
  /**
   * Takes the next message, which the stream then does not yield. Resolves with `undefined` when the connection was closed.
   *
   * @throws {WebSocketError} `unclean` if the connection was lost, `overflow` if it was closed because messages arrived faster than they
   * were taken, and `notOpen` when `onOpen` is over
   */
  receive(): Promise<Message | undefined>;
}

/** The attempt that has opened a connection. */
export interface Attempt {
  /** The number of the attempt since the last good connection, from 1. */
  readonly number: number;
  /** Why the attempt was made: `requested` for the first attempt, and after `reconnectNow` and `resume`. */
  readonly cause: Cause;
  /** A copy of the messages in doubt. They stay in doubt. */
  readonly inDoubt: InDoubt;
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal;
  /** Works as {@link ReconnectingStream.confirm}: confirmed messages are not sent again. */
  confirm(number: number): number;
  /** Works as {@link ReconnectingStream.takeInDoubt}. */
  takeInDoubt(): InDoubt;
}

/** Options of {@link reconnect}. Sizes are in bytes and times in milliseconds, both whole numbers. */
export interface ReconnectOptions extends Options {
  /** The delays between attempts, and when to give up. */
  backoff?: Backoff | undefined;
  /**
   * Detects a peer that is gone, and confirms messages. Without a heartbeat, a connection whose peer is gone can look open for
   * many minutes.
   *
   * @default none
   */
  heartbeat?: Heartbeat | undefined;
  /** How many messages are queued while there is no connection, and what happens to further messages. */
  queueLimit?: QueueLimit | undefined;
  /**
   * How many unconfirmed messages are kept, to be returned or sent again: the newest ones. The others are only counted, and so is a
   * message larger than the limit: they are not sent again.
   *
   * After a reconnect, messages in doubt and the whole queue go out unconfirmed, so limits like those of the queue do not keep all:
   * `{ bytes: Infinity, messages: Infinity }` does.
   */
  unconfirmedLimit?: KeepLimit | undefined;
  /**
   * What happens to messages in doubt.
   *
   * @default "report"
   */
  whenLost?: WhenLost | undefined;
  /**
   * Returns what to do when the peer has closed or the connection was lost; `undefined` for the default. The default stops after
   * 1000, 1002, 1003, 1007 to 1010, 3000 and 3003, and retries after all other codes. An exception or any other value is reported as
   * an error of the page, and means the default.
   */
  afterClose?: ((event: CloseEvent) => AfterClose | undefined) | undefined;
  /**
   * Runs on each connection as soon as it is open, before anything queued is sent: to authenticate, to subscribe, or to ask the
   * server which messages in doubt it has received.
   *
   * If it throws, the attempt has failed; a {@link GiveUp} makes it the last attempt. If the connection ends before `onOpen` has
   * settled, it is no longer awaited, and `afterClose` decides.
   */
  onOpen?: ((socket: OpeningSocket, attempt: Attempt) => void | PromiseLike<void>) | undefined;
}

/**
 * An error that makes an attempt the last one. A provider, `onOpen` or `credentials` can throw it.
 *
 * ```ts
 * if (response.status === 401) throw new GiveUp("the session has expired");
 * ```
 */
export class GiveUp extends Error {
  override readonly name: string = "GiveUp";
}

/** @internal */
export const BACKOFF = fields({ base: whole, cap: whole, floor: whole, maxAttempts: whole, maxElapsed: whole });

const size = (value: unknown, name: string) => (value === Infinity ? undefined : whole(value, name));
const KEEP = { bytes: size, messages: size };
const isFunction = (value: unknown) => (typeof value === "function" ? undefined : "is not a function");

const CHECKS: Checks = {
  backoff: BACKOFF,
  heartbeat: fields(
    {
      ping: (value) => (isPayload(value) ? undefined : "cannot be sent"),
      pong: (value) => (typeof value === "string" || typeof value === "function" ? undefined : "is neither a text nor a function"),
      interval: whole,
      timeout: whole,
    },
    "ping",
    "pong",
  ),
  queueLimit: fields({ ...KEEP, whenFull: oneOf("reject", "wait", "dropOldest") }),
  unconfirmedLimit: fields(KEEP),
  whenLost: oneOf("report", "resend"),
  afterClose: isFunction,
  onOpen: isFunction,
};

/**
 * @internal Checks that no option is unknown, and that none has a wrong value.
 *
 * @throws {WebSocketError} `invalidOption`
 */
export function checkReconnect(options: ReconnectOptions): void {
  check(options, CHECKS);
}

/** @internal */
export function inDoubtOf({ count, messages }: { count: number; messages: [number, string | ArrayBuffer | Blob][] }): InDoubt {
  return { count, messages: messages.map(([number, data]) => ({ number, message: messageOf(data) })) };
}
