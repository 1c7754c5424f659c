import { type Checks, type Options, check, fields, whole } from "./options.js";
import { BACKOFF, type Backoff, type Heartbeat, type TargetRequest } from "./reconnect-options.js";

/** The options of a connection that a session sets itself. */
type Settled = "protocols" | "receiveLimit" | "transport" | "readAhead";

/**
 * Options of {@link session}. Sizes are in bytes and times in milliseconds, both whole numbers.
 *
 * The options of {@link Options} apply to each connection. There is no `protocols`, since the subprotocol is `session.v1`, and no
 * `receiveLimit`, since `window` makes the peer wait for a slow page in every browser.
 */
export interface SessionOptions extends Omit<Options, Settled | "signal"> {
  /**
   * The credentials that authenticate this page to the server, if neither a cookie nor the URL does. A function is called before each
   * connection, since tokens expire. If the function throws, the attempt has failed; after a {@link GiveUp} the session is lost.
   *
   * @default none
   */
  credentials?: string | ((request: TargetRequest) => string | PromiseLike<string>) | undefined;
  /**
   * The application's protocol, such as `chat.v2`.
   *
   * @default none
   */
  protocol?: string | undefined;
  /**
   * The bytes of messages that are received and not processed, above which the peer waits. A single message may be larger. Each
   * message counts 16 bytes more than its size.
   *
   * @default 1048576 (1 MiB)
   */
  window?: number | undefined;
  /**
   * The bytes of the largest message that the page accepts.
   *
   * @default 16777216 (16 MiB)
   */
  maxMessage?: number | undefined;
  /**
   * The bytes of the replay buffer: messages that are sent and not processed by the peer. {@link SessionStream.send} waits while the
   * buffer is full, with and without a connection. A single message may be larger. Each message counts 16 bytes more than its size.
   *
   * @default 4194304 (4 MiB)
   */
  replay?: number | undefined;
  /**
   * Whether messages are processed when {@link SessionStream.processed} is called. Otherwise a message is processed when the next one
   * is asked for.
   *
   * The end of the peer's messages is processed with the last message, or at once if that is already processed. Until then the
   * session does not complete.
   *
   * Disposing of the session marks all messages as processed, also messages that were not taken. If the page must process each message,
   * call {@link SessionStream.close} and take all messages first.
   *
   * @default false
   */
  explicit?: boolean | undefined;
  /** The delays between attempts, and when to give up. A session that gives up is lost. */
  backoff?: Backoff | undefined;
  /**
   * The time between pings, and how long to wait for an answer.
   *
   * A message that takes longer than both to arrive delays the answer, and the connection is dropped. Each connection that is
   * dropped without a message after its first 10 seconds makes the next one wait twice as long, up to 32 timeouts, so that the
   * message arrives in the end.
   *
   * @default { interval: 25000, timeout: 10000 }
   */
  heartbeat?: Pick<Heartbeat, "interval" | "timeout"> | undefined;
  /**
   * Gives the session up when the signal is aborted: messages that the peer has not processed are not transmitted again. To lose no
   * message, await {@link SessionStream.close} instead.
   */
  signal?: AbortSignal | undefined;
}

const text = (value: unknown) => (typeof value === "string" ? undefined : "is not a text");
const none = () => "is the session's own";

const CHECKS: Checks = {
  protocols: none,
  receiveLimit: none,
  transport: none,
  readAhead: none,
  credentials: (value) => (typeof value === "function" || typeof value === "string" ? undefined : "is neither a text nor a function"),
  protocol: text,
  window: whole,
  maxMessage: whole,
  replay: whole,
  explicit: (value) => (typeof value === "boolean" ? undefined : "is neither true nor false"),
  backoff: BACKOFF,
  heartbeat: fields({ interval: whole, timeout: whole }),
};

/**
 * @internal Checks that no option is unknown, and that none has a wrong value.
 *
 * @throws {WebSocketError} `invalidOption`
 */
export function checkSession(options: SessionOptions): void {
  check(options, CHECKS);
}
