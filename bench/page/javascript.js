// The base of all comparisons: the jobs of src/job.rs and src/codec.rs in JavaScript.

export async function run(url, kind, payload, count, connections, mark) {
  if (kind === "trickle") return trickle(url, count, connections, mark);
  const socket = await connect(url);
  await mark();
  if (kind === "receive") {
    socket.send(String(count));
    await receive(socket, count);
  } else if (kind === "send") {
    for (let sent = 0; sent < count; sent++) socket.send(payload);
    // The server answers this when it has received everything.
    socket.send("report");
    await receive(socket, 1);
  } else {
    socket.send(payload);
    await receive(socket, count, () => socket.send(payload));
  }
  await mark();
  socket.close();
}

/** Receives messages that arrive slowly, on many connections at the same time. */
async function trickle(url, count, connections, mark) {
  const sockets = await open(url, connections);
  const each = count / connections;
  await mark();
  await Promise.all(sockets.map((socket) => {
    socket.send(String(each));
    return receive(socket, each);
  }));
  await mark();
  for (const socket of sockets) socket.close();
}

/** Opens `count` connections, one after the other. */
export async function open(url, count) {
  const sockets = [];
  while (sockets.length < count) sockets.push(await connect(url));
  return sockets;
}

function connect(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => resolve(socket);
    socket.onerror = reject;
  });
}

/** Receives `count` messages, and calls `between` after each but the last. */
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

/** Encodes or decodes `size` records at once, `count` times. */
export async function runCodec(kind, size, count, mark) {
  const records = Array.from({ length: size }, (_, id) => record(id));
  const encoded = JSON.stringify(records);
  await mark();
  for (let done = 0; done < count; done++) {
    if (kind === "encode") JSON.stringify(records);
    else JSON.parse(encoded);
  }
  await mark();
}

/** Returns the same record as `Record::new` in src/codec.rs. */
const record = (id) =>
  ({ id, name: `record number ${id}`, price: id * 1.25, tags: ["red", "größer"], is_new: id % 2 === 0 });
