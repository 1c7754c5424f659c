// An app for all bundlers, with nothing that is specific to one of them.
import { connect, reconnect, session } from "wasm-websocket";

const server = `ws://${new URLSearchParams(location.search).get("server") ?? location.host}`;

async function echo(open) {
  const socket = await open(`${server}${open === session ? "/session/echo/1" : "/echo"}`);
  await socket.send("hello");
  for await (const { data } of socket) {
    await socket.close();
    return data;
  }
}

async function outcome([name, open]) {
  const data = await echo(open).catch((error) => error.message);
  return { name: `an echo over ${name}`, error: data === "hello" ? null : data };
}

globalThis.outcomes = Promise.all(Object.entries({ connect, reconnect, session }).map(outcome));
