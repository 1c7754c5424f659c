import { useCallback, useEffect, useEffectEvent, useRef, useState } from "react";
import { type Message, type Payload, type ReconnectOptions, type ReconnectingStream, reconnect } from "wasm-websocket";

/** Connects while the component is mounted, and comes back when the connection is lost. */
export function useWebSocket(url: string, onMessage: (message: Message) => void, options?: ReconnectOptions) {
  const [state, setState] = useState("connecting");
  const socket = useRef<Promise<ReconnectingStream>>(undefined);
  const received = useEffectEvent(onMessage);
  const open = useEffectEvent((signal: AbortSignal) => reconnect(url, { ...options, signal }));
  useEffect(() => {
    const leaving = new AbortController();
    socket.current = open(leaving.signal);
    socket.current.then((socket) => {
      socket.on("state", ({ type }) => leaving.signal.aborted || setState(type));
      socket.on("message", (message) => leaving.signal.aborted || received(message));
    }, (error) => leaving.signal.aborted || setState(error.message));
    return () => leaving.abort();
  }, [url]);
  const send = useCallback(async (message: Payload) => (await socket.current)?.send(message), []);
  return { state, send };
}
