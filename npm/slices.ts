import { WebSocketError } from "./errors.js";
import type { WebSocketStream } from "./socket.js";

/** How far a Blob has come that is sent in slices, in bytes. */
export interface Progress {
  /** The bytes of the Blob that the browser has taken. */
  readonly sent: number;
  /** The bytes of the Blob. */
  readonly total: number;
  /** The bytes of the connection that the browser has not yet handed to the network. */
  readonly buffered: number;
}

/** @internal Sends a Blob in slices of so many bytes, each when it is asked for. */
export async function* slices(
  socket: WebSocketStream,
  blob: Blob,
  size: number,
): AsyncGenerator<Progress, undefined, undefined> {
  if (!(Number.isSafeInteger(size) && size > 0)) {
    throw new WebSocketError("invalidOption", `option \`size\`: ${String(size)} is not a number of bytes`);
  }
  const total = blob.size;
  for (let sent = 0; sent < total; ) {
    const end = Math.min(sent + size, total);
    await socket.send(blob.slice(sent, end));
    sent = end;
    yield { sent, total, buffered: socket.bufferedAmount };
  }
}
