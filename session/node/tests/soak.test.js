import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { SessionServer } from '../server.js';
import { Network } from './network.js';
import { random } from './random.js';
import { CONFIG, Runner, listening } from './runner.js';

const SESSIONS = 8;
const DISCONNECTIONS = Number(process.env.DISCONNECTIONS ?? 350);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** Returns the message with a number: a text or bytes that begin with the number, of any size up to `max`. */
function message(number, { below, chance }) {
  const padding = 'é'.repeat(chance(0.05) ? below(2_000) : below(60));
  const text = `${number} ${padding}`;
  return chance(0.5) ? text : Buffer.from(text);
}

/** Sends messages until there were enough disconnections, and takes all messages that arrive. */
async function exchange(sends, takes, chaos, isEnough) {
  const [sent, took] = [[], []];
  const taking = (async () => {
    for (let taken = await takes(); taken !== undefined; taken = await takes()) {
      took.push(taken);
      // Connections are lost while messages are queued, and while the window is full.
      if (chaos.chance(0.05)) await pause(chaos.below(8));
    }
  })();
  while (!isEnough()) {
    const next = message(sent.length + 1, chaos);
    await sends.send(next);
    sent.push(next);
    if (chaos.chance(0.02)) await new Promise(setImmediate);
  }
  await sends.finish();
  await taking;
  return { sent, took };
}

/** Checks that each message arrived once and in order. */
function same(took, sent, where) {
  const [short, wanted] = [took, sent].map((messages) => messages.map((text) => `${typeof text} ${text}`.slice(0, 30)));
  const index = wanted.findIndex((text, at) => text !== short[at]);
  assert.ok(index < 0, `${where}, at ${index}: ${short.slice(index, index + 3)} instead of ${wanted.slice(index, index + 3)}`);
  assert.equal(took.length, sent.length, `${where}: the number of messages`);
  took.forEach((message, at) => assert.deepEqual(message, sent[at], `${where}: message ${at + 1}`));
}

test(`each message arrives once and in order, over ${DISCONNECTIONS} disconnections (SEED=${seed})`, async () => {
  const chaos = random(seed);
  const handled = [];
  let starts = 0;
  let isEnough = () => false;
  const handler = async (session) => {
    starts += 1;
    const takes = async () => (await session.next()).value;
    handled[session.principal] = await exchange(session, takes, chaos, isEnough);
  };
  const errors = [];
  const server = new SessionServer(
    { port: 0, host: '127.0.0.1', authenticate: ({ request }) => request.url, ...CONFIG, delays: { ackDelay: 20 }, onError: (error) => errors.push(error) },
    handler,
  );
  const direct = await listening(server);
  const network = new Network(Number(new URL(direct).port), chaos);
  const url = await network.listen();
  isEnough = () => network.cuts >= DISCONNECTIONS;

  const clients = Array.from({ length: SESSIONS }, (_, index) => new Runner(() => `${url}/${index}`, () => chaos.below(5)));
  const results = Promise.all(clients.map((client) => {
    const takes = async () => (await client.next()).message;
    return exchange(client, takes, chaos, isEnough);
  }));
  const given = await results;
  network.isQuiet = true;
  await Promise.all(clients.map((client) => client.over()));

  let messages = 0;
  for (const [index, client] of clients.entries()) {
    const atServer = handled[`/${index}`];
    assert.ok(client.machine.isComplete, 'the session is complete');
    same(atServer.took, given[index].sent, 'to the server');
    same(given[index].took, atServer.sent, 'to the client');
    messages += given[index].sent.length + atServer.sent.length;
  }
  assert.deepEqual(errors, []);
  assert.equal(starts, SESSIONS, 'a handler runs once per session');
  const connections = clients.reduce((sum, client) => sum + client.connections, 0);
  assert.ok(connections > DISCONNECTIONS, 'a cut connection is followed by another');
  console.log(`${messages} messages, ${connections} connections, ${network.cuts} of them cut`);
  network.close();
  await server.close();
});
