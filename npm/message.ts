import { SendError } from "./errors.js";

/**
 * A received message.
 *
 * A binary message is `binary` or `blob`, as {@link WebSocketStream.binaryType} says. There are no other types: browsers do not
 * deliver pings, pongs and Close frames as messages.
 */
export type Message =
  | { readonly type: "text"; readonly data: string }
  | { readonly type: "binary"; readonly data: ArrayBuffer }
  | { readonly type: "blob"; readonly data: Blob };

/**
 * A value that can be sent as one message: text, bytes, a `Blob` or a `File`, or the pixels of an `ImageData`, row by row, in four
 * bytes each: red, green, blue, alpha.
 *
 * The bytes are read when the message is handed over to the browser, so do not change a buffer while `send` waits. A view of shared
 * memory can be sent, a `SharedArrayBuffer` itself cannot.
 */
export type Payload = string | ArrayBuffer | ArrayBufferView | Blob | ImageData;

/** The end of a connection. */
export interface CloseEvent {
  /** The peer's close code; 1005 if the peer sent none, 1006 if the connection ended without a closing handshake. */
  readonly code: number;
  /** The peer's reason; may be empty. */
  readonly reason: string;
  /** Whether the closing handshake was completed. */
  readonly wasClean: boolean;
}

/** @internal A message as the browser delivers it. */
export type Data = string | ArrayBuffer | Blob;

/** @internal */
export function messageOf(data: Data): Message {
  if (typeof data === "string") return { type: "text", data };
  return data instanceof Blob ? { type: "blob", data } : { type: "binary", data };
}

/** @internal Returns whether a value can be sent. */
export function isPayload(value: unknown): boolean {
  try {
    dataOf(value as Payload);
    return true;
  } catch {
    return false;
  }
}

/**
 * @internal Converts a payload to a value that the browser sends. Compares tags, since an object of another frame is not an
 * instance of this frame's class.
 */
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
      throw new SendError("invalidMessage", "this value cannot be sent; use text, bytes, a Blob or an ImageData", payload);
  }
}
