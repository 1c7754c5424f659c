import { type Payload, dataOf } from "./message.js";

/** Larger buffers are kept outside the memory of wasm, which never shrinks. */
const LARGE = 64 << 10;

/** What the core keeps for a payload, until it is sent or given back: the bytes as they are now. */
export function kept(payload: Payload): string | Uint8Array | Blob {
  const data = dataOf(payload);
  if (typeof data === "string") return data;
  if (ArrayBuffer.isView(data)) return bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  // By what it has, since a buffer of another frame is no instance of a class of this one.
  return "byteLength" in data ? bytes(new Uint8Array(data)) : data;
}

function bytes(view: Uint8Array): Uint8Array | Blob {
  // A Blob takes neither shared nor resizable memory, so it gets a copy.
  return view.length > LARGE ? new Blob([view.slice()]) : view;
}
