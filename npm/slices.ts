import { type CallOptions, checkCall, whole } from "./options.js";
import type { WebSocketStream } from "./socket.js";

/** The progress of a Blob that is sent in slices, in bytes. */
export interface Progress {
  /** The bytes of the Blob that were handed over to the browser. */
  readonly sent: number;
  /** The size of the Blob. */
  readonly total: number;
  /** The unsent bytes of the connection, as {@link WebSocketStream.bufferedAmount}. */
  readonly buffered: number;
}

/** Options of {@link WebSocketStream.sendSlices}. */
export interface SliceOptions extends CallOptions {
  /**
   * The size of a slice in bytes. The last slice may be shorter.
   *
   * @default 262144 (256 KiB)
   */
  size?: number | undefined;
}

/** @internal Sends a Blob in slices, one for each `next` of the result. */
export async function* slices(
  socket: WebSocketStream,
  blob: Blob,
  options: SliceOptions | undefined,
): AsyncGenerator<Progress, undefined, undefined> {
  checkCall(options, { size: (size) => (size !== 0 ? whole(size, "size") : "is not a number of bytes") });
  const { size = 256 << 10, signal } = options ?? {};
  const total = blob.size;
  for (let sent = 0; sent < total; ) {
    const end = Math.min(sent + size, total);
    await socket.send(blob.slice(sent, end), { signal });
    sent = end;
    yield { sent, total, buffered: socket.bufferedAmount };
  }
}
