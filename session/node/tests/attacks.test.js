/** The attacks of docs/session.md, "Security", over sockets. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { Lost } from '../server.js';
import { Session } from '../session.js';
import { random } from './random.js';
import { HELLO, Raw } from './raw.js';
import { name } from './runner.js';
import { becomesEmpty, deferred, echo, serve, session, works } from './serve.js';

const refused = async (url, of, members, code) => {
  const client = new Raw(url);
  assert.equal(await client.hello(of, members), undefined);
  assert.equal(await client.closed(), code);
};

test('a stolen old token is refused, and the session continues', async () => {
  const { url } = await serve();
  const { client, of, token } = await session(url);
  await client.lose();
  const next = new Raw(url);
  assert.equal((await next.hello(of, { attempt: 2, token })).resumed, true);
  next.ack();
  await works(next);
  await refused(url, of, { attempt: 99, token, sent: 1 }, 4409);
  await works(next, 'and again');
});

test('a stolen current token works once, and its owner learns it', async () => {
  const { url } = await serve();
  const { client, of, token } = await session(url);
  const thief = new Raw(url);
  assert.equal((await thief.hello(of, { attempt: 2, token })).resumed, true);
  thief.ack();
  assert.equal(await client.closed(), 4409);
  await works(thief);
  await refused(url, of, { attempt: 3, token, sent: 1 }, 4409);
});

test('guessed tokens are refused, and the session continues', async () => {
  const { url } = await serve();
  const { client, of, token } = await session(url);
  const guesses = [undefined, 'guess-guess-guess-guess', `${token}x`, token.slice(1), token.toLowerCase(), 'none'.padEnd(22, '-')];
  for (const guess of guesses) await refused(url, of, { attempt: 5, token: guess }, 4409);
  await works(client);
});

test('a replayed HELLO is refused, and starts nothing', async () => {
  let starts = 0;
  const { url } = await serve({}, (stream) => {
    starts += 1;
    return echo(stream);
  });
  const { client, of, token } = await session(url);
  await works(client);
  await refused(url, of, {}, 4409);
  await client.lose();
  const next = new Raw(url);
  await next.hello(of, { attempt: 2, token, sent: 1 });
  await refused(url, of, { attempt: 2, token, sent: 1 }, 4409);
  next.ack();
  await works(next, 'more');
  assert.equal(starts, 1);
});

test('a replayed HELLO of a forgotten session makes a fresh one, whose handler does not start', async () => {
  let starts = 0;
  const { url, server } = await serve({}, () => {
    starts += 1;
  });
  const replayed = new Raw(url);
  assert.equal((await replayed.hello(name(), { attempt: 7, token: 'token-1-BBBBBBBBBBBBBBB', sent: 9 })).resumed, false);
  assert.equal(server.size, 1);
  await replayed.lose();
  assert.equal(starts, 0);
});

const violations = [
  ['acknowledging what was never sent', ['A{"processed":1,"credit":1000000}'], 4400],
  ['acknowledging less credit', ['A{"processed":0,"credit":1000000}', 'A{"processed":0,"credit":999999}'], 4400],
  ['the number 2^53', ['A{"processed":0,"credit":9007199254740992}'], 4400],
  ['the number 2^64', ['A{"processed":18446744073709551616,"credit":1000000}'], 4400],
  ['a negative number', ['A{"processed":-1,"credit":1000000}'], 4400],
  ['a second HELLO', [`H{"session":"${name()}","attempt":9,"sent":0,"received":0,"processed":0,"credit":0,"max":0}`], 4400],
  ['WELCOME from a client', ['W{"token":"token-1-BBBBBBBBBBBBBBB","resumed":true,"received":0,"processed":0,"credit":0,"max":0,"ttl":0}'], 4400],
  ['a message after END', ['E{"code":1000}', ':late'], 4400],
  ['END after END', ['E{"code":1000}', 'E{"code":1000}'], 4400],
  ['a control frame that is too long', [`A{"processed":0,"credit":1000000,"x":"${'x'.repeat(16_384)}"}`], 4413],
  ['a message of more than max', [Buffer.alloc(501)], 4413],
  ['a message of more than ws would buffer', [Buffer.alloc(20_000)], 4413],
  ['more than the credit', [Buffer.alloc(400), Buffer.alloc(400), Buffer.alloc(400)], 4413],
];

for (const [title, frames, code] of violations) {
  test(`${title} closes with ${code}, and the handler learns that the session is lost`, async () => {
    const [reported, ended] = [deferred(), deferred()];
    const { url, server } = await serve({}, async (stream) => {
      // The handler takes no message before, so that the window fills.
      await ended.promise;
      try {
        for await (const message of stream) void message;
        await stream.send('behind END');
      } catch (error) {
        reported.resolve(error);
      }
    });
    const { client } = await session(url);
    client.send(...frames);
    assert.equal(await client.closed(), code);
    ended.resolve();
    assert.ok((await reported.promise) instanceof Lost);
    assert.equal(server.size, 0);
  });
}

test('a count that goes back is a violation', async () => {
  const { url } = await serve({}, (stream) => stream.send('x').then(() => stream.next()));
  const { client } = await session(url);
  assert.equal(await client.next(), ':x');
  client.ack(1);
  client.ack(0);
  assert.equal(await client.closed(), 4400);
});

test('numbers in a HELLO are checked before anything is kept', async () => {
  const { url, server } = await serve();
  for (const members of [{ attempt: 0 }, { sent: 2 ** 53 }, { credit: -1 }, { max: 0.5 }]) await refused(url, name(), members, 4400);
  assert.equal(server.size, 0);
});

test('garbage on the wire ends only the connection', async () => {
  const { url } = await serve();
  const chaos = random(7);
  let { client, of, token } = await session(url);
  for (let attempt = 2; attempt < 40; attempt += 1) {
    const garbage = Buffer.from(Array.from({ length: 1 + chaos.below(200) }, () => chaos.below(256)));
    // A first byte with reserved bits, or a frame that is not masked, is no WebSocket frame.
    garbage[0] |= 0x70;
    client.socket._socket.write(garbage);
    await client.closed();
    client = new Raw(url);
    const welcome = await client.hello(of, { attempt, token });
    assert.equal(welcome.resumed, true);
    token = welcome.token;
    client.ack();
  }
  await works(client);
});

test('a frame before HELLO, and a truncated HELLO, end only the connection', async () => {
  const { url, server } = await serve();
  for (const frame of [':early', 'P', 'A{"processed":0,"credit":0}', Buffer.alloc(3), 'H{"session":"', '']) {
    const client = new Raw(url);
    await client.opened;
    client.send(frame);
    assert.equal(await client.closed(), 4400);
  }
  assert.equal(server.size, 0);
});

test('a connection without HELLO costs 16 KiB, and is closed in time', async () => {
  const { url, server } = await serve({ max: 1 << 24, delays: { helloTimeout: 60, closeTimeout: 100 } });
  const sockets = [];
  server.webSockets.on('connection', (socket, request) => sockets.push(request.socket));
  const greedy = new Raw(url);
  await greedy.opened;
  greedy.socket.send(Buffer.alloc(1 << 24));
  await greedy.closed();
  assert.ok(sockets[0].bytesRead < 200_000, `the server has read ${sockets[0].bytesRead} bytes`);
  const silent = new Raw(url);
  assert.equal(await silent.closed(), 4408);
});

test('a second frame before WELCOME is a violation', async () => {
  const { url, server } = await serve({ authenticate: () => new Promise((resolve) => setTimeout(resolve, 50, 'alice')) });
  for (const second of [':early', `H${JSON.stringify({ session: name(), ...HELLO })}`]) {
    const client = new Raw(url);
    await client.opened;
    client.send(`H${JSON.stringify({ session: name(), ...HELLO })}`, second);
    assert.equal(await client.closed(), 4400);
  }
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(server.size, 0);
});

test('sessions have a limit per principal, per address and in all', async () => {
  const cases = [
    [{ sessionsPerPrincipal: 3 }, () => 'alice'],
    [{ sessionsPerAddress: 3 }, (index) => `user ${index}`],
    [{ sessions: 3 }, (index) => `user ${index}`],
  ];
  for (const [limits, who] of cases) {
    const { url, server } = await serve({ limits });
    const clients = [];
    for (let index = 0; index < 3; index += 1) clients.push(await session(url, { credentials: who(index) }));
    await refused(url, name(), { credentials: who(3) }, 4429);
    assert.equal(server.size, 3);
    await works(clients[0].client);
    // An existing session still resumes.
    const again = new Raw(url);
    const { of, token } = clients[1];
    assert.equal((await again.hello(of, { attempt: 2, token, credentials: who(1) })).resumed, true);
  }
});

test('connections that serve no session have a limit per address', async () => {
  const { url } = await serve({ limits: { connectionsPerAddress: 3 } });
  const idle = [new Raw(url), new Raw(url), new Raw(url)];
  await Promise.all(idle.map(({ opened }) => opened));
  const fourth = new Raw(url);
  assert.equal(await fourth.closed(), 4429);
  await idle[0].lose();
  // Connections that serve a session do not count.
  for (let count = 0; count < 5; count += 1) await works((await session(url)).client);
});

test('connections above the limit of an address do not count towards the limit of all', async () => {
  const options = { limits: { connections: 10, connectionsPerAddress: 3 }, delays: { closeTimeout: 60_000 } };
  const { url, server } = await serve({ address: ({ headers }) => headers.origin, ...options });
  const lines = [];
  server.webSockets.on('connection', (socket, { socket: line }) => lines.push(line));
  const greedy = [];
  for (let count = 0; count < 20; count += 1) {
    const one = new Raw(url, { origin: 'https://greedy.example' });
    // It does not answer a close.
    one.socket.close = () => {};
    await one.opened;
    greedy.push(one);
  }
  for (const one of greedy.slice(3)) assert.equal(await one.closed(), 4429);
  const client = new Raw(url, { origin: 'https://other.example' });
  assert.equal((await client.hello(name()))?.resumed, false);
  assert.equal(lines.filter(({ destroyed }) => !destroyed).length, 4);
  for (const line of lines) line.destroy();
});

test('a fresh session is dropped after the time to live', async () => {
  const { url, server } = await serve({ ttl: 2 });
  const client = new Raw(url);
  await client.hello(name());
  await client.lose();
  assert.equal(server.size, 1);
  await becomesEmpty(server);
});

test('a client that resumes again and again without reading costs little, and is refused', async () => {
  const limits = { connectionsPerAddress: 20 };
  const { url, server } = await serve({ replay: 6_000_000, max: 100_000, limits, delays: { closeTimeout: 60_000 } }, async (stream) => {
    for (;;) await stream.send(Buffer.alloc(100_000));
  });
  const sockets = [];
  server.webSockets.on('connection', (socket) => sockets.push(socket));
  const of = name();
  let token;
  let client;
  for (let attempt = 1; attempt < 100; attempt += 1) {
    client = new Raw(url);
    const welcome = await client.hello(of, { attempt, token, credit: 100_000_000 });
    if (!welcome) break;
    client.ack(0, 100_000_000);
    client.socket.pause();
    token = welcome.token;
  }
  assert.equal(await client.closed(), 4429);
  assert.equal(sockets.length, 22);
  // Each connection before the first refused one buffers at most 64 KiB and one message.
  const buffered = sockets.map((socket) => socket.bufferedAmount);
  assert.ok(Math.max(...buffered) < 66_000 + 100_000, `${buffered}`);
  assert.ok(Math.max(...buffered) > 60_000, `nothing is buffered: ${buffered}`);
  for (const socket of sockets) socket.terminate();
});

test('a tiny message that waits does not keep the bytes that arrived with it', async () => {
  const bytes = [];
  const { url } = await serve({}, async (stream) => {
    for await (const message of stream) bytes.push(message.buffer.byteLength);
  });
  const { client } = await session(url);
  const line = client.socket._socket;
  const padded = `A{"processed":0,"credit":1000000,"x":"${'x'.repeat(10_000)}"}`;
  line.cork();
  client.send(Buffer.alloc(1), padded);
  for (const fin of [false, true]) client.socket.send(Buffer.alloc(1), { fin });
  client.send(padded);
  line.uncork();
  client.send('E{"code":1000}');
  await client.until(() => client.frames.some((frame) => frame.startsWith('E')));
  assert.deepEqual(bytes, [1, 2]);
});

test('a message that arrives in tiny packets ends the connection before it costs seconds', async () => {
  const { url, server } = await serve({ max: 1 << 20, window: 1 << 20 });
  const lines = [];
  server.webSockets.on('connection', (socket, request) => lines.push(request.socket));
  const { client, of, token } = await session(url);
  await works(client);
  client.frames.length = 0;
  // A masked binary frame of 60,000 bytes.
  lines[0].emit('data', Buffer.from([0x82, 0xfe, 60_000 >> 8, 60_000 & 0xff, 0, 0, 0, 0]));
  for (let packet = 0; packet < 60_000; packet += 1) lines[0].emit('data', Buffer.alloc(1));
  assert.equal(await client.until(() => client.code ?? client.frames[0]?.length), 1008);
  const again = new Raw(url);
  assert.equal((await again.hello(of, { attempt: 2, token, sent: 1, received: 1 })).resumed, true);
});

test('a message in fragments with much between them ends the connection before it costs memory', async () => {
  const { url } = await serve();
  const { client, of, token } = await session(url);
  await works(client);
  const line = client.socket._socket;
  // Frames that are masked with zeros: a fragment of one byte, and WebSocket pongs of 125 bytes.
  const fragment = (opcode) => Buffer.from([opcode, 0x81, 0, 0, 0, 0, 0]);
  const pongs = Buffer.concat(Array(500).fill(Buffer.concat([Buffer.from([0x8a, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125)])));
  line.write(fragment(0x02));
  for (let count = 0; !client.code && count < 100; count += 1) {
    await new Promise((resolve) => line.write(Buffer.concat([pongs, fragment(0x00)]), resolve));
  }
  client.socket.ping();
  await Promise.race([client.closed(), new Promise((resolve) => client.socket.on('pong', resolve))]);
  assert.equal(client.code, 1006);
  const again = new Raw(url);
  assert.equal((await again.hello(of, { attempt: 2, token, sent: 1, received: 1 })).resumed, true);
});

test('a principal cannot resume another one\'s session, nor tell that it exists', async () => {
  const { url, server } = await serve();
  const { client, of, token } = await session(url);
  const bob = new Raw(url);
  const taken = await bob.hello(of, { attempt: 2, token, credentials: 'bob', sent: 3, received: 3, processed: 3 });
  const other = new Raw(url);
  const free = await other.hello(name(), { attempt: 2, token, credentials: 'bob', sent: 3, received: 3, processed: 3 });
  assert.deepEqual({ ...taken, token: '' }, { ...free, token: '' });
  assert.equal(taken.resumed, false);
  assert.equal(server.size, 3);
  await works(client);
});

test('a revoked user does not resume, and the session is kept', async () => {
  const revoked = new Set();
  const authenticate = ({ credentials }) => (revoked.has(credentials) ? undefined : credentials);
  const { url, server } = await serve({ authenticate });
  const { client, of, token } = await session(url, { credentials: 'carol' });
  await client.lose();
  revoked.add('carol');
  await refused(url, of, { attempt: 2, token, credentials: 'carol' }, 4401);
  assert.equal(server.size, 1);
  revoked.clear();
  const again = new Raw(url);
  assert.equal((await again.hello(of, { attempt: 3, token, credentials: 'carol' })).resumed, true);
});

test('a client may come back if the authentication throws, or returns what is no string', async () => {
  const errors = [];
  const answers = [() => Promise.reject(new Error('down')), () => true, () => ({ name: 'alice' })];
  const authenticate = () => answers.shift()();
  const { url, server } = await serve({ authenticate, onError: (error) => errors.push(error.name) });
  for (const _ of [...answers]) await refused(url, name(), {}, 1011);
  assert.deepEqual(errors, ['Error', 'TypeError', 'TypeError']);
  assert.equal(server.size, 0);
});

test('a client for whom the authentication returns nothing is refused', async () => {
  const answers = [undefined, null, false, '', 0];
  const { url, server } = await serve({ authenticate: async () => answers.shift() });
  for (const _ of [...answers]) await refused(url, name(), {}, 4401);
  assert.equal(server.size, 0);
});

test('a client whose address is no string is refused', async () => {
  const errors = [];
  const address = async () => {
    throw new Error('the address is looked up in vain');
  };
  const { url } = await serve({ address, onError: (error) => errors.push(error.message) });
  assert.equal(await new Raw(url).closed(), 1011);
  assert.deepEqual(errors, ['`address` returned a value of type object; return a string']);
});

test('a client whose address throws is refused', async () => {
  const errors = [];
  const address = (request) => request.headers['x-forwarded-for'].split(',')[0];
  const { url, server } = await serve({ address, limits: { connectionsPerAddress: 1 }, onError: (error) => errors.push(error.name) });
  const direct = new Raw(url);
  await direct.opened;
  assert.equal(await direct.closed(), 1011);
  assert.deepEqual([errors, server.size], [['TypeError'], 0]);
  const behind = new Raw(url, { headers: { 'x-forwarded-for': '192.0.2.1' } });
  await behind.hello(name());
  behind.ack();
  await works(behind);
});

test('a client is refused in time if the authentication takes too long, and makes no session later', async () => {
  let answer;
  const authenticate = () => new Promise((resolve) => {
    answer = resolve;
  });
  const { url, server } = await serve({ authenticate, delays: { helloTimeout: 500 } });
  await refused(url, name(), {}, 4408);
  answer('alice');
  await new Promise(setImmediate);
  assert.equal(server.size, 0);
});

test('another origin may not connect, and neither may a client without the subprotocol', async () => {
  const { url } = await serve({ origins: ['https://example.com'] });
  const other = new Raw(url, { origin: 'https://evil.example' });
  await other.opened;
  assert.equal(other.status, 403);
  const without = new Raw(url, { protocols: ['chat'] });
  await without.opened;
  assert.equal(without.status, 400);
  const page = new Raw(url, { origin: 'https://example.com' });
  await page.opened;
  assert.equal(page.socket.protocol, 'session.v1');
});

test('a protocol that the application does not know is refused', async () => {
  const { url } = await serve({ protocols: ['chat.v2'] });
  await refused(url, name(), { protocol: 'chat.v1' }, 4406);
  const { client } = await session(url, { protocol: 'chat.v2' });
  await works(client);
});

test('a flood of PING by a client that does not read is answered once', () => {
  const machine = new Session({ window: 1000, max: 500, replay: 4000, ttl: 300 });
  machine.accept({ session: name(), ...HELLO }, {}, 'new');
  machine.poll();
  for (let ping = 0; ping < 1000; ping += 1) machine.receive('P');
  assert.equal(machine.poll().frame.data.toString(), 'A{"processed":0,"credit":1000}');
  assert.equal(machine.poll(), undefined);
});

test('a flood of WebSocket pings by a client that does not read ends its connection', async () => {
  const { url, server } = await serve();
  const sockets = [];
  server.webSockets.on('connection', (socket) => sockets.push(socket));
  const { client } = await session(url);
  client.socket.pause();
  const isOpen = () => sockets[0].readyState === sockets[0].OPEN;
  for (let sent = 0; isOpen() && sent < 200_000; sent += 100) {
    for (let ping = 0; ping < 99; ping += 1) client.socket.ping(Buffer.alloc(125));
    await new Promise((resolve) => client.socket.ping(Buffer.alloc(125), true, resolve));
  }
  assert.equal(isOpen(), false);
});

test('a silent client is pinged, and then given up', async () => {
  const { url } = await serve({ delays: { pingAfter: 40, pingTimeout: 1000 } });
  const { client, of, token } = await session(url);
  assert.equal(await client.next(), 'P');
  client.ack();
  assert.equal(await client.next(), 'P');
  assert.equal(await client.closed(), 1006);
  const again = new Raw(url);
  assert.equal((await again.hello(of, { attempt: 2, token })).resumed, true);
});

test('a client whose message takes long to arrive is not given up', async () => {
  const { url } = await serve({ max: 1_000_000, window: 1_000_000, delays: { pingAfter: 100, pingTimeout: 500 } }, async (stream) => {
    for await (const message of stream) await stream.send(`${message.length}`);
  });
  const { client } = await session(url);
  const line = client.socket._socket;
  // A frame of 1,000 bytes, masked with zeros.
  line.write(Buffer.from([0x82, 0xfe, 1000 >> 8, 1000 & 0xff, 0, 0, 0, 0]));
  for (let sent = 0; sent < 1000; sent += 50) {
    line.write(Buffer.alloc(50));
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  assert.equal(await client.until(() => client.frames.find((frame) => frame === ':1000') ?? client.code), ':1000');
  assert.ok(client.frames.includes('P'), 'the client does not hear the server meanwhile');
});

test('no token is in the memory of the server', async (t) => {
  const thread = new Worker(new URL('thread.js', import.meta.url));
  t.after(() => thread.terminate());
  const [url] = await once(thread, 'message');
  const { client, of, token } = await session(url);
  await client.lose();
  const again = new Raw(url);
  const welcome = await again.hello(of, { attempt: 2, token });
  again.ack();
  await works(again);
  const memory = await text(await thread.getHeapSnapshot());
  assert.ok(memory.includes(of), 'the name of the session is found');
  for (const secret of [token, welcome.token]) assert.ok(!memory.includes(secret));
});

test('a token has 192 random bits', async () => {
  const { url } = await serve();
  const { token } = await session(url);
  assert.equal(Buffer.from(token, 'base64url').length * 8, 192);
});

test('the server survives a client that leaves in the middle of its handshake', async () => {
  const { url } = await serve();
  const { port } = new URL(url);
  for (let round = 0; round < 20; round += 1) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    await new Promise((resolve) => socket.on('connect', resolve));
    socket.write('GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSo');
    socket.destroy();
  }
  const { client } = await session(url);
  await works(client);
});
