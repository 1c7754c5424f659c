import type { Message } from "wasm-websocket";

/** A line of the chat; on the wire `{"name":"Ann","text":"hello"}`. */
export interface Said {
  readonly name: string;
  readonly text: string;
}

export function encode(said: Said): string {
  return JSON.stringify(said);
}

/** Decodes a message. Checks it first, since anyone can send anything. */
export function decode(message: Message): Said {
  if (message.type !== "text") throw new Error("the message cannot be decoded: it is not text");
  const said = parse(message.data);
  if (!isSaid(said)) throw new Error("the message cannot be decoded: it has no name or no text");
  return said;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Error(`the message cannot be decoded: ${String(cause)}`, { cause });
  }
}

function isSaid(value: unknown): value is Said {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    typeof value.name === "string" &&
    "text" in value &&
    typeof value.text === "string"
  );
}
