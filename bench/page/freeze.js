// Measures for how long a flood blocks the page.

import { post } from "./report.js";
import { init, rust, socketUrl } from "./work.js";

/**
 * The reader sleeps meanwhile, so that only the costs that every message has block the page. The first round only warms up.
 */
export async function measureFreezes({ messages, size, limit, rounds }) {
  await init();
  const url = socketUrl(`/flood/binary/${size}`);
  for (let round = 0; round <= rounds; round++) {
    for (const [contender, connect] of Object.entries(SLEEPERS)) {
      const sleeper = await connect(url, limit);
      sleeper.ask(messages);
      const longest = await longestFreeze(() => sleeper.dropped() >= messages - limit);
      if (round > 0) await post("/report", { kind: "freeze", contender, milliseconds: longest });
      sleeper.free();
    }
  }
}

const SLEEPERS = {
  "javascript": connectInJavaScript,
  "wasm-websocket": (url, limit) => rust.Sleeper.connect(url, limit),
};

/** The base: the same without a crate. */
function connectInJavaScript(url, limit) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const queue = [];
    let [oldest, dropped] = [0, 0];
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (queue.length < limit) {
        queue.push(data);
      } else {
        queue[oldest] = data;
        oldest = (oldest + 1) % limit;
        dropped += 1;
      }
    };
    socket.onerror = reject;
    socket.onopen = () => resolve({
      ask: (count) => socket.send(String(count)),
      dropped: () => dropped,
      free: () => socket.close(),
    });
  });
}

/** Returns the longest time in milliseconds between two timers, until `isOver` returns true. */
async function longestFreeze(isOver) {
  let [last, longest] = [performance.now(), 0];
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve));
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  return longest;
}
