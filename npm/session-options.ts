import { type Checks, type Options, check, fields, whole } from "./options.js";
import { BACKOFF, type Backoff, type Heartbeat, type TargetRequest } from "./reconnect-options.js";

/** What a session decides by itself. */
type Settled = "protocols" | "receiveLimit" | "transport" | "readAhead";

/**
 * Options of {@link session}. Sizes are in bytes and times in milliseconds, both whole numbers.
 *
 * Those of {@link Options} are for each connection. A session has neither `protocols`, since its subprotocol is `session.v1`, nor a
 * `receiveLimit`, since a slow page makes the peer wait in every browser.
 */
export interface SessionOptions extends Omit<Options, Settled | "signal"> {
  /**
   * What tells the server who this page is, if neither a cookie nor the URL does. A function is asked before each connection, since
   * tokens expire. If the function throws, the attempt has failed; after a {@link GiveUp} the session is lost.
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
   * How many bytes may be received and not processed. The peer waits above it. A single message may be larger. Each message counts
   * 16 bytes more than it has.
   *
   * @default 1048576 (1 MiB)
   */
  window?: number | undefined;
  /**
   * The bytes of the largest message that is accepted.
   *
   * @default 16777216 (16 MiB)
   */
  maxMessage?: number | undefined;
  /**
   * How many bytes may be sent and not processed by the peer. {@link SessionStream.send} waits above it, with and without a
   * connection. A single message may be larger. Each message counts 16 bytes more than it has.
   *
   * @default 4194304 (4 MiB)
   */
  replay?: number | undefined;
  /**
   * Whether a message counts as processed when {@link SessionStream.processed} is called, and not when the next one is asked for.
   *
   * @default false
   */
  explicit?: boolean | undefined;
  /** The delays between attempts, and when to give up: then the session is lost. */
  backoff?: Backoff | undefined;
  /**
   * The time between pings, and how long to wait for an answer.
   *
   * @default { interval: 25000, timeout: 10000 }
   */
  heartbeat?: Pick<Heartbeat, "interval" | "timeout"> | undefined;
  /**
   * Gives the session up when it is aborted: what the peer has not processed is not sent again. To lose nothing, await
   * {@link SessionStream.close} instead.
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
