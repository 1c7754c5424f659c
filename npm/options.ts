import { WebSocketError } from "./errors.js";

/** What binary messages arrive as. By default it is `"arraybuffer"`, other than the browser's own. */
export type BinaryType = "arraybuffer" | "blob";

/**
 * What becomes of messages that arrive when as many wait to be taken as may. Browsers read from the network whether a page
 * keeps up or not, so something must.
 *
 * - `close`: the connection is closed; after what waits, taking throws a {@link WebSocketError} of the code `overflow`
 * - `dropOldest`: the oldest that wait make room: for what is of interest only as long as it is new
 * - `dropNewest`: the message that has arrived is dropped
 * - `unbounded`: nothing; memory is the limit
 */
export type Overflow = "close" | "dropOldest" | "dropNewest" | "unbounded";

/** The most that may wait to be taken, and what becomes of more. A message of any size is taken if none waits. */
export interface ReceiveLimit {
  /**
   * The most bytes. Text counts by its length, and a Blob as no bytes, since its bytes are not in the page's memory.
   *
   * @default 67108864 (64 MiB)
   */
  bytes?: number | undefined;
  /**
   * The most messages.
   *
   * @default 262144
   */
  messages?: number | undefined;
  /**
   * What becomes of more. What is dropped is counted by {@link WebSocketStream.dropped}.
   *
   * @default "close"
   */
  overflow?: Overflow | undefined;
}

/** What can be chosen about a connection. Sizes are in bytes and times in milliseconds, both whole numbers. */
export interface Options {
  /**
   * The subprotocols to offer, the preferred one first.
   *
   * If any are offered and the server selects none of them, the standard and Chromium fail the connection. Firefox opens it
   * all the same, with an empty {@link WebSocketStream.protocol}.
   *
   * @default []
   */
  protocols?: readonly string[] | undefined;
  /**
   * What binary messages arrive as.
   *
   * @default "arraybuffer"
   */
  binaryType?: BinaryType | undefined;
  /**
   * The unsent bytes above which {@link WebSocketStream.send} waits.
   *
   * @default 1048576 (1 MiB)
   */
  highWaterMark?: number | undefined;
  /**
   * The unsent bytes at which a send that waits goes on.
   *
   * @default 262144 (256 KiB)
   */
  lowWaterMark?: number | undefined;
  /** The most that may wait to be taken, and what becomes of more. */
  receiveLimit?: ReceiveLimit | undefined;
  /**
   * How long to wait for the connection to open, in milliseconds.
   *
   * @default 20000
   */
  connectTimeout?: number | undefined;
  /**
   * How long {@link WebSocketStream.close} waits for the peer, in milliseconds. Left alone, browsers wait for a silent one
   * for 20 to 60 seconds.
   *
   * @default 5000
   */
  closeTimeout?: number | undefined;
  /**
   * Gives the connection up when it is aborted: while it connects, {@link connect} rejects with the signal's reason; once it
   * is open, it is closed as {@link WebSocketStream.close} does.
   */
  signal?: AbortSignal | undefined;
}

/** What can be chosen about closing. */
export interface CloseOptions {
  /** Gives up the waiting when it is aborted; the closing goes on by itself. */
  signal?: AbortSignal | undefined;
}

/** @internal The signal, if it is one. The other options the core reads. */
export function signalOf(options: Options | CloseOptions | undefined): AbortSignal | undefined {
  const signal: unknown = options?.signal;
  if (signal === undefined || Object.prototype.toString.call(signal) === "[object AbortSignal]") {
    return signal as AbortSignal | undefined;
  }
  throw new WebSocketError("invalidOption", "option `signal` is not an AbortSignal");
}
