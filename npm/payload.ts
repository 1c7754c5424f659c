import { sendErrorOf } from "./errors.js";
import { type Payload, dataOf } from "./message.js";

/** Larger buffers are kept outside wasm memory, which never shrinks. */
const LARGE = 64 << 10;

/**
 * Converts a payload to the value that the core keeps until the message is sent or returned. Its bytes are those at the time of the
 * call.
 *
 * @throws {SendError} `invalidMessage`, or `thrown` for a buffer that was transferred
 */
export function kept(payload: Payload): string | Uint8Array | Blob {
  try {
    return convert(payload);
  } catch (error) {
    throw sendErrorOf(error, payload);
  }
}

function convert(payload: Payload): string | Uint8Array | Blob {
  const data = dataOf(payload);
  if (typeof data === "string") return data;
  if (ArrayBuffer.isView(data)) return bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  // Looks for a property, since a buffer of another frame is not an instance of this frame's class.
  return "byteLength" in data ? bytes(new Uint8Array(data)) : data;
}

function bytes(view: Uint8Array): Uint8Array | Blob {
  // The Blobs of jsdom have no streams, and `ws` does not send them.
  const isLarge = view.length > LARGE && "stream" in Blob.prototype;
  // A Blob takes neither shared nor resizable memory, so it gets a copy.
  return isLarge ? new Blob([view.slice()]) : view;
}
