// The same as javascript.js over the browser's own `WebSocketStream`: the best that contenders over streams can reach.

export async function run(url, kind, payload, count, connections, mark) {
  const sockets = [];
  while (sockets.length < connections) sockets.push(await connect(url));
  const [{ reader, writer }] = sockets;
  await mark();
  if (kind === "trickle") {
    const each = count / connections;
    await Promise.all(sockets.map(({ reader, writer }) => {
      writer.write(String(each));
      return receive(reader, each);
    }));
  } else if (kind === "receive") {
    writer.write(String(count));
    await receive(reader, count);
  } else if (kind === "send") {
    for (let sent = 0; sent < count; sent++) {
      await writer.ready;
      writer.write(payload);
    }
    // The server answers this when it has received everything.
    writer.write("report");
    await receive(reader, 1);
  } else {
    writer.write(payload);
    await receive(reader, count, () => writer.write(payload));
  }
  await mark();
  for (const { stream } of sockets) stream.close();
}

async function connect(url) {
  const stream = new WebSocketStream(url);
  const { readable, writable } = await stream.opened;
  return { stream, reader: readable.getReader(), writer: writable.getWriter() };
}

/** Receives `count` messages, and calls `between` after each but the last. */
async function receive(reader, count, between = () => {}) {
  let bytes = 0;
  for (let received = 1; received <= count; received++) {
    const { value } = await reader.read();
    bytes += typeof value === "string" ? value.length : value.byteLength;
    if (received < count) between();
  }
  return bytes;
}
