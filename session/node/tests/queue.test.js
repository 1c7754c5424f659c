/** Queues, and the cost of long ones: a window of 1 MiB admits 61,680 messages of one byte. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Inbox } from '../inbox.js';
import { Outbox } from '../outbox.js';
import { Queue } from '../queue.js';
import { Session } from '../session.js';
import { SessionStream } from '../stream.js';
import { random } from './random.js';

const SHORT = 600;
const LONG = 60_000;
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** Returns the microseconds that a message costs in a queue of this length, whatever else the machine does: the least of some rounds. */
function cost(queue, length, rounds) {
  const costs = Array.from({ length: rounds }, () => {
    const drain = queue(length);
    const before = process.cpuUsage();
    drain();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / length;
  });
  return Math.min(...costs);
}

/** Queues of messages: each function fills one, and returns a function that drains it. */
const queues = {
  'unprocessed messages'(length) {
    const inbox = new Inbox(UNLIMITED, UNLIMITED);
    for (let number = 0; number < length; number += 1) inbox.receive('x');
    return () => {
      while (inbox.take()) inbox.finish();
      assert.equal(inbox.processed, length);
    };
  },
  'unacknowledged messages'(length) {
    const outbox = new Outbox(Infinity);
    outbox.connect({ received: 0, processed: 0, credit: UNLIMITED, max: UNLIMITED });
    for (let number = 0; number < length; number += 1) outbox.push('x');
    while (outbox.poll());
    return () => {
      for (let number = 1; number <= length; number += 1) outbox.acknowledge(number, UNLIMITED);
      assert.equal(outbox.last, length);
    };
  },
  'messages that wait for room'(length) {
    const session = new Session({ window: 0, max: 0, replay: 0, ttl: 0 });
    const stream = new SessionStream(session, { principal: 'alice' }, () => {});
    const { outbox } = session;
    outbox.connect({ received: 0, processed: 0, credit: UNLIMITED, max: UNLIMITED });
    for (let number = 0; number < length; number += 1) stream.send('x');
    return () => {
      for (let number = 1; number <= length; number += 1) {
        stream.wake();
        outbox.poll();
        outbox.acknowledge(number, UNLIMITED);
      }
      assert.equal(outbox.last, length);
    };
  },
};

for (const [what, queue] of Object.entries(queues)) {
  test(`${what} cost the same each, however many there are`, () => {
    const short = cost(queue, SHORT, 100);
    const long = cost(queue, LONG, 3);
    assert.ok(long < 10 * short, `a message costs ${short} µs in a short queue, and ${long} µs in a long one`);
  });
}

test('a queue is an array, whatever is dropped', () => {
  const { below } = random(3);
  const [queue, array] = [new Queue(), []];
  for (let round = 0; round < 10_000; round += 1) {
    for (let count = below(8); count > 0; count -= 1) {
      queue.push(round + count);
      array.push(round + count);
    }
    const count = below(6);
    queue.drop(count);
    array.splice(0, count);
    assert.equal(queue.shift(), array.shift());
    assert.deepEqual([queue.length, queue.at(1), queue.toArray()], [array.length, array[1], array]);
  }
});
