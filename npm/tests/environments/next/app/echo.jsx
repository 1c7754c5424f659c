"use client";

// A client component, which the server renders first. It connects in the browser, and shows the answers.
import { useEffect, useRef, useState } from "react";
import { connect, reconnect, session } from "wasm-websocket";

const functions = Object.entries({ connect, reconnect, session });

async function echo(name, open, server) {
  const socket = await open(`ws://${server}${name === "session" ? "/session/echo/1" : "/echo"}`);
  await socket.send("hello");
  for await (const { data } of socket) {
    await socket.close();
    return data;
  }
}

export function Echo({ server, onServer, loads }) {
  const [answers, setAnswers] = useState({});
  const list = useRef(null);
  useEffect(() => {
    for (const [name, open] of functions) {
      const show = (answer) => setAnswers((answers) => ({ ...answers, [name]: answer }));
      echo(name, open, server).then(show, (error) => show(error.message));
    }
  }, [server]);
  useEffect(() => {
    if (Object.keys(answers).length === functions.length) globalThis.outcomes ??= outcomes(list.current.children, onServer, loads);
  }, [answers, onServer, loads]);
  return <ul ref={list}>{functions.map(([name]) => <li key={name}>{answers[name]}</li>)}</ul>;
}

async function outcomes(shown, onServer, loads) {
  const expect = (name, is, expected) => ({ name, error: is === expected ? null : `${is}` });
  return [
    ...functions.map(([name], index) => expect(`an answer over ${name}`, shown[index].textContent, "hello")),
    expect("a server component imports the package", onServer, "function,function,function"),
    expect("the server loads nothing", (await loads()).join(), ""),
  ];
}
