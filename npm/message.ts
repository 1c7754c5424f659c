import { SendError } from "./errors.js";

/**
 * A message that was received.
 *
 * Binary messages are `binary` or `blob` as {@link WebSocketStream.binaryType} says. There are no other types: pings, pongs
 * and Close frames are not messages.
 */
export type Message =
  | { readonly type: "text"; readonly data: string }
  | { readonly type: "binary"; readonly data: ArrayBuffer }
  | { readonly type: "blob"; readonly data: Blob };

/**
 * What can be sent as one message: text, bytes, a `Blob` or a `File`, or the pixels of an `ImageData`, row by row, four bytes
 * each in the order red, green, blue, alpha.
 *
 * What is sent is what it holds when the browser takes it. Of shared memory a view can be sent, not the memory itself.
 */
export type Payload = string | ArrayBuffer | ArrayBufferView | Blob | ImageData;

/** Why a connection has ended. */
export interface CloseEvent {
  /** The code that the peer gave; 1005 if it gave none, 1006 if the connection ended without a closing handshake. */
  readonly code: number;
  /** The reason that the peer gave, possibly empty. */
  readonly reason: string;
  /** Whether the closing handshake was completed. */
  readonly wasClean: boolean;
}

/** @internal What the browser delivers. */
export type Data = string | ArrayBuffer | Blob;

/** @internal */
export function messageOf(data: Data): Message {
  if (typeof data === "string") return { type: "text", data };
  return data instanceof Blob ? { type: "blob", data } : { type: "binary", data };
}

/** @internal What the browser takes for a payload. By tags, since an object of another frame is no instance of a class of this one. */
export function dataOf(payload: Payload): string | ArrayBuffer | ArrayBufferView | Blob {
  if (typeof payload === "string" || ArrayBuffer.isView(payload)) return payload;
  switch (Object.prototype.toString.call(payload)) {
    case "[object ImageData]":
      return (payload as ImageData).data;
    case "[object ArrayBuffer]":
    case "[object Blob]":
    case "[object File]":
      return payload as ArrayBuffer | Blob;
    default:
      throw new SendError("invalidMessage", "what is to be sent is neither text nor bytes, Blob or ImageData", payload);
  }
}
