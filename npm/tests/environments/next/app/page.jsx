// A server component, rendered for each request.
import { connect, reconnect, session } from "wasm-websocket";
import { Echo } from "./echo.jsx";

/** Returns what the server has loaded. The page asks when the server has rendered all components. */
async function loads() {
  "use server";
  return globalThis.loads;
}

export default async function Page({ searchParams }) {
  const functions = [connect, reconnect, session].map((open) => typeof open);
  return <Echo server={(await searchParams).server} onServer={functions.join()} loads={loads} />;
}
