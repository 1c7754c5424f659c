// The hook of the README in React's strict mode, which runs effects twice.
import "./preload.js";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "wasm-websocket";
import { useWebSocket } from "./use-web-socket.ts";

const key = String(Math.random());
const MESSAGES = Array.from({ length: 10 }, (_, number) => `number ${number}`);
const url = `ws://${location.host}/echo?${key}`;

function Chat() {
  const [messages, setMessages] = useState<string[]>([]);
  const { state, send } = useWebSocket(url, ({ data }) => setMessages((all) => [...all, String(data)]));
  useEffect(() => {
    // The echoes arrive before the component is rendered again.
    if (state === "open") for (const message of MESSAGES) void send(message);
  }, [state, send]);
  return <p>{state}: {messages.join()}</p>;
}

async function becomes(count: AsyncIterable<{ data: unknown }>, begin: string) {
  for await (const { data } of count) if (String(data).startsWith(begin)) return String(data);
  throw new Error("the server counts no more");
}

async function run(): Promise<string | null> {
  const count = await connect(`ws://${location.host}/count/${key}`);
  await becomes(count, "0 open");
  const element = document.body.appendChild(document.createElement("div"));
  const root = createRoot(element);
  root.render(<StrictMode><Chat /></StrictMode>);
  const expected = `open: ${MESSAGES.join()}`;
  for (let wait = 0; element.textContent !== expected && wait < 500; wait++) await new Promise((resolve) => setTimeout(resolve, 10));
  if (element.textContent !== expected) return `it shows ${element.textContent}`;
  await new Promise((resolve) => setTimeout(resolve, 100));
  root.unmount();
  const end = await becomes(count, "0 open, 10 received");
  await count.close();
  return end === null ? "no end" : null;
}

declare global {
  var outcomes: Promise<{ name: string; error: string | null }[]>;
}

globalThis.outcomes = run().then(
  (error) => [{ name: "the hook of the README in strict mode", error }],
  (error: Error) => [{ name: "the hook of the README in strict mode", error: String(error.stack) }],
);
