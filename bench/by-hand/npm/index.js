// A hand-written socket, with the part of the package's API that the chat in examples/vite uses.

/** Connects, and resolves with the open connection. */
export async function connect(url, { signal } = {}) {
  const socket = new WebSocket(new URL(url, location.href));
  socket.binaryType = "arraybuffer";
  const queue = [];
  let ready = () => {};
  const closed = new Promise((resolve) => {
    socket.onclose = (event) => {
      queue.push(undefined);
      ready();
      resolve(event);
    };
  });
  socket.onmessage = ({ data }) => {
    queue.push(data);
    ready();
  };
  signal?.addEventListener("abort", () => socket.close());
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("it did not connect"));
  });
  return {
    closed,
    send: async (message) => socket.send(message),
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (queue.length === 0) await new Promise((resolve) => ready = resolve);
        const data = queue.shift();
        if (data === undefined) return;
        yield { type: typeof data === "string" ? "text" : "binary", data };
      }
    },
    [Symbol.asyncDispose]: async () => socket.close(),
  };
}
