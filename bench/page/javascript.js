// The base that everything is compared to: the same jobs as in src/job.rs, by the browser's own means.

export async function run(url, kind, payload, count, mark) {
  const socket = await connect(url);
  await mark();
  if (kind === "receive") {
    socket.send(String(count));
    await receive(socket, count);
  } else if (kind === "send") {
    for (let sent = 0; sent < count; sent++) socket.send(payload);
    // The server answers this when it has everything.
    socket.send("report");
    await receive(socket, 1);
  } else {
    socket.send(payload);
    await receive(socket, count, () => socket.send(payload));
  }
  await mark();
  socket.close();
}

function connect(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => resolve(socket);
    socket.onerror = reject;
  });
}

/** Receives so many messages, and calls `between` after each but the last. */
function receive(socket, count, between = () => {}) {
  return new Promise((resolve) => {
    let received = 0;
    let bytes = 0;
    socket.onmessage = ({ data }) => {
      received += 1;
      bytes += typeof data === "string" ? data.length : data.byteLength;
      if (received === count) resolve(bytes);
      else between();
    };
  });
}
