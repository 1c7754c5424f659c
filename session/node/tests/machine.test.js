/** Tests of a session that neither vectors nor sockets cover: the limits of counts, credit and time. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Running } from '../running.js';
import { Session } from '../session.js';
import { HELLO } from './raw.js';
import { name } from './runner.js';

/** Returns a session that has sent WELCOME, with no frames left to send. */
function begun(hello = {}) {
  const machine = new Session({ window: 1000, max: 500, replay: 4000, ttl: 300 });
  machine.accept({ session: name(), ...HELLO, ...hello }, {}, 'new');
  drain(machine);
  return machine;
}

/** Returns all frames that leave now, and the codes of closes. */
function drain(machine) {
  const frames = [];
  for (let action = machine.poll(); action; action = machine.poll()) frames.push(action.frame?.data.toString() ?? action.close.code);
  return frames;
}

function resume(machine, hello) {
  machine.accept({ session: name(), ...HELLO, attempt: 2, ...hello }, {}, 'resume');
  return drain(machine).slice(1);
}

test('an ACK for a message that waits for credit is a violation', () => {
  const machine = begun();
  for (const text of ['a', 'b']) machine.outbox.push(text);
  assert.deepEqual(drain(machine), [':a']);
  machine.receive('A{"processed":2,"credit":0}');
  assert.deepEqual(drain(machine), [4400]);
});

test('END needs no credit', () => {
  const machine = begun();
  machine.outbox.push('a');
  machine.outbox.end(1000, '');
  assert.deepEqual(drain(machine), [':a', 'E{"code":1000}']);
});

test('a resumption transmits from the received count, not from the processed count', () => {
  const machine = begun();
  machine.receive('A{"processed":0,"credit":1000}');
  for (const text of ['a', 'b', 'c']) machine.outbox.push(text);
  drain(machine);
  assert.deepEqual(resume(machine, { received: 2, processed: 1, credit: 1000 }), [':c']);
  assert.equal(machine.outbox.acknowledged, 1);
});

test('a resumption may grant less credit than the connection before', () => {
  const machine = begun();
  machine.receive('A{"processed":0,"credit":1000}');
  for (const text of ['a', 'b']) machine.outbox.push(text);
  assert.deepEqual(drain(machine), [':a', ':b']);
  assert.deepEqual(resume(machine, { credit: 17 }), [':a']);
  machine.receive('A{"processed":0,"credit":34}');
  assert.deepEqual(drain(machine), [':b']);
});

test('a client may acknowledge messages that only an older connection has transmitted', () => {
  const machine = begun();
  machine.receive('A{"processed":0,"credit":1000}');
  for (const text of ['a', 'b']) machine.outbox.push(text);
  drain(machine);
  assert.deepEqual(resume(machine, { credit: 0 }), [':a']);
  machine.receive('A{"processed":2,"credit":1000}');
  machine.outbox.push('c');
  assert.deepEqual(drain(machine), [':c']);
});

test('an unacknowledged message keeps only its own bytes in memory', () => {
  const { outbox } = begun();
  outbox.acknowledge(0, 1000);
  for (const message of ['x', Buffer.from('y')]) outbox.push(message);
  assert.deepEqual([outbox.poll(), outbox.poll()].map(({ data }) => data.buffer.byteLength), [2, 1]);
});

test('an empty replay buffer has room for any message', () => {
  const { outbox } = begun();
  assert.equal(outbox.hasRoom(5000), true);
  outbox.push('a');
  assert.equal(outbox.hasRoom(5000), false);
});

test('a complete session is never lost, whatever its client does', () => {
  const machine = begun();
  machine.outbox.end(1000, '');
  drain(machine);
  for (const frame of ['E{"code":1000}', 'A{"processed":1,"credit":0}']) machine.receive(frame);
  machine.inbox.take();
  machine.inbox.finish();
  assert.equal(machine.isComplete, true);
  machine.disconnect(4410);
  assert.equal(machine.lost, undefined);
});

/** The settings that sessions share, for a handler that waits for ever. */
const CONTEXT = { ttl: 300, ackDelay: 50, handler: () => new Promise(() => {}), onError() {}, forget() {} };

test('a fresh session without a connection is kept for 30 seconds', ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const machine = begun();
  let forgotten = false;
  const forget = () => {
    forgotten = true;
  };
  const running = new Running(machine, { principal: 'alice' }, { ...CONTEXT, forget });
  machine.disconnect(1006);
  running.changed();
  mock.timers.tick(29_999);
  assert.equal(forgotten, false);
  mock.timers.tick(1);
  assert.equal(forgotten, true);
});

test('a session that completes without a connection is kept for its time to live after that', ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const machine = begun();
  const forget = mock.fn();
  const running = new Running(machine, { principal: 'alice' }, { ...CONTEXT, forget });
  machine.outbox.end(1000, '');
  drain(machine);
  for (const frame of ['E{"code":1000}', 'A{"processed":1,"credit":0}']) machine.receive(frame);
  machine.disconnect(1006);
  running.changed();
  mock.timers.tick(295_000);
  machine.inbox.take();
  machine.inbox.finish();
  running.changed();
  mock.timers.tick(200_000);
  running.changed();
  mock.timers.tick(99_999);
  assert.equal(forget.mock.callCount(), 0);
  mock.timers.tick(1);
  assert.equal(forget.mock.callCount(), 1);
});

test('an ACK that cannot leave is not tried again and again', ({ mock }) => {
  for (const connection of [undefined, { transmit() {} }]) {
    mock.timers.enable({ apis: ['setTimeout'] });
    const machine = begun();
    const running = new Running(machine, { principal: 'alice' }, CONTEXT);
    machine.receive(':a');
    machine.inbox.take();
    machine.disconnect(1006);
    machine.connection = connection;
    machine.inbox.finish();
    const acknowledge = mock.method(machine, 'acknowledge');
    running.changed();
    for (let delay = 0; delay < 200; delay += 1) mock.timers.tick(CONTEXT.ackDelay);
    assert.equal(acknowledge.mock.callCount(), connection ? 1 : 0);
    mock.timers.reset();
  }
});

test('a session is given up only after the last ACK has left', async () => {
  const machine = begun();
  const frames = [];
  let hasRoom = true;
  const transmit = () => (hasRoom || machine.lost) && frames.push(...drain(machine));
  machine.connection = { transmit };
  const handler = async (stream) => {
    await stream.next();
  };
  const running = new Running(machine, { principal: 'alice' }, { ...CONTEXT, ackDelay: 60_000, handler });
  for (const frame of [':one', ':two']) machine.receive(frame);
  running.changed();
  await new Promise(setImmediate);
  assert.deepEqual(frames.splice(0), ['E{"code":1000}']);
  hasRoom = false;
  machine.receive('A{"processed":1,"credit":0}');
  running.changed();
  assert.deepEqual(frames, []);
  hasRoom = true;
  running.changed();
  assert.deepEqual(frames, ['A{"processed":1,"credit":1019}', 4410]);
});

test('the credit stays a number of the protocol, however large the window is', () => {
  const machine = new Session({ window: Number.MAX_SAFE_INTEGER, max: 500, replay: 4000, ttl: 300 });
  machine.receive(':a');
  machine.inbox.take();
  machine.inbox.finish();
  assert.equal(machine.inbox.credit, Number.MAX_SAFE_INTEGER);
});

test('a processed message is not kept in memory', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  const { inbox } = begun();
  const kept = (() => {
    const message = Buffer.alloc(10);
    inbox.receive(message);
    return new WeakRef(message);
  })();
  inbox.take();
  inbox.finish();
  return new Promise((resolve) => setImmediate(resolve)).then(() => {
    gc();
    assert.equal(kept.deref(), undefined);
  });
});
