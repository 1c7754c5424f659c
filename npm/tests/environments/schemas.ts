// Schemas of three libraries.
import { type } from "arktype";
import * as v from "valibot";
import { DecodeError, connect } from "wasm-websocket";
import { z } from "zod";

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const SCHEMAS = {
  zod: z.object({ room: z.number() }),
  valibot: v.object({ room: v.number() }),
  arktype: type({ room: "number" }),
};

const server = (globalThis as unknown as { process: { argv: string[] } }).process.argv[2];

for (const [name, schema] of Object.entries(SCHEMAS)) {
  const socket = await connect(`${server}/echo`);
  const rooms = socket.json(schema, schema);
  await rooms.send({ room: 7 });
  await socket.send('{"room":"7"}');
  const seen: { room: number }[] = [];
  try {
    for await (const room of rooms) {
      same<typeof room, { room: number }>(true);
      seen.push(room);
    }
  } catch (error) {
    if (!(error instanceof DecodeError) || error.issues.length !== 1) throw error;
    if (!error.message.startsWith("the message does not fit its schema: `room`: ")) throw error;
  }
  if (JSON.stringify(seen) !== '[{"room":7}]') throw new Error(`${name}: ${JSON.stringify(seen)} came`);
  await socket.close();
}
