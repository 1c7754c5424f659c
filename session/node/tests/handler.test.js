/** The behaviour of sessions that a handler sees, over sockets. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { promisify } from 'node:util';

import { Lost } from '../server.js';
import { Raw } from './raw.js';
import { name } from './runner.js';
import { becomesEmpty, deferred, serve, session, works } from './serve.js';

const connected = async (url, of, members) => {
  const client = new Raw(url);
  const welcome = await client.hello(of, members);
  client.ack(members.processed ?? 0);
  return { client, welcome };
};

test('a message is processed when the handler takes the next one', async () => {
  const next = deferred();
  const { url } = await serve({}, async (stream) => {
    await stream.next();
    await next.promise;
    await stream.next();
  });
  const { client } = await session(url);
  client.send(':a', 'P');
  assert.equal(await client.next(), 'A{"processed":0,"credit":1000}');
  next.resolve();
  assert.equal(await client.next(), 'A{"processed":1,"credit":1017}');
});

test('an ACK of a quarter of the window does not wait', async () => {
  const { url } = await serve({ delays: { ackDelay: 60_000 } });
  const { client } = await session(url);
  client.send(Buffer.alloc(300), Buffer.alloc(1));
  await client.until(() => client.frames.includes('A{"processed":1,"credit":1316}'));
});

test('send waits while the replay buffer is full, and senders are served in order', async () => {
  const sent = [];
  const { url } = await serve({ replay: 100 }, async (stream) => {
    const one = (text) => stream.send(text).then(() => sent.push(text));
    await Promise.all(['1'.repeat(60), '2'.repeat(60), '3', '4'].map(one));
    await stream.next();
  });
  const { client } = await session(url);
  assert.equal(await client.next(), `:${'1'.repeat(60)}`);
  client.send('P');
  assert.equal(await client.next(), 'A{"processed":0,"credit":1000}');
  assert.deepEqual(sent.map((text) => text[0]), ['1']);
  client.ack(1);
  assert.equal(await client.next(), `:${'2'.repeat(60)}`);
  client.ack(2);
  assert.equal(await client.next(), ':3');
  assert.equal(await client.next(), ':4');
  assert.deepEqual(sent.map((text) => text[0]), ['1', '2', '3', '4']);
});

test('a buffer may be changed after it is sent', async () => {
  const { url } = await serve({}, async (stream) => {
    const bytes = new Uint8Array([1, 2, 3]);
    for (const message of [bytes, bytes.subarray(1), bytes.buffer]) await stream.send(message);
    bytes.fill(0);
    await stream.next();
  });
  const of = name();
  const { client } = await connected(url, of, {});
  for (const wanted of [[1, 2, 3], [2, 3], [1, 2, 3]]) assert.deepEqual([...(await client.next())], wanted);
});

test('a message that the client does not accept is an error, and the session continues', async () => {
  const { url } = await serve({}, async (stream) => {
    const error = await stream.send('x'.repeat(31)).catch((refused) => refused);
    await stream.send(`${error.name}: ${error.message}`.slice(0, 30));
    await stream.next();
  });
  const { client } = await connected(url, name(), { max: 30 });
  assert.equal(await client.next(), ':RangeError: 31 bytes exceed th');
});

test('the session is given up if the client no longer accepts a kept message', async () => {
  const caught = deferred();
  const { url, server } = await serve({}, async (stream) => {
    await stream.send('x'.repeat(100));
    await stream.next().catch(caught.resolve);
  });
  const { client, of, token } = await session(url);
  assert.equal(await client.next(), `:${'x'.repeat(100)}`);
  const next = new Raw(url);
  assert.equal(await next.hello(of, { attempt: 2, token, max: 99 }), undefined);
  assert.deepEqual([await next.closed(), await client.closed()], [4410, 4410]);
  assert.deepEqual((await caught.promise).unacknowledged, ['x'.repeat(100)]);
  assert.equal(server.size, 0);
});

test('a handler that returns ends its direction, and the session completes', async () => {
  const { url, server } = await serve({ ttl: 2 }, (stream) => void stream.send('bye'));
  const { client, of, token } = await session(url);
  assert.equal(await client.next(), ':bye');
  assert.equal(await client.next(), 'E{"code":1000}');
  client.send('E{"code":1000}');
  assert.equal(await client.next(), 'A{"processed":1,"credit":1000}');
  client.ack(2);
  assert.equal(await client.closed(), 1000);
  // The client may have missed the close, so it may connect again.
  const again = new Raw(url);
  const welcome = await again.hello(of, { attempt: 2, token, sent: 1, received: 2, processed: 2 });
  assert.deepEqual([welcome.resumed, welcome.processed, await again.closed()], [true, 1, 1000]);
  await becomesEmpty(server);
});

test('messages that no handler will take are not acknowledged: the session is given up', async () => {
  const { url, server } = await serve({}, () => {});
  const { client } = await session(url);
  assert.equal(await client.next(), 'E{"code":1000}');
  client.send(':unread', 'P');
  assert.equal(await client.next(), 'A{"processed":0,"credit":1000}');
  client.ack(1);
  assert.equal(await client.closed(), 4410);
  assert.equal(server.size, 0);
});

test('a client learns what a handler has processed before the session is given up', async () => {
  const { url } = await serve({ delays: { ackDelay: 60_000 } }, async (stream) => {
    await stream.next();
  });
  const { client } = await session(url);
  client.send(':one');
  assert.equal(await client.next(), 'E{"code":1000}');
  client.ack(1);
  client.send(':two');
  assert.equal(await client.next(), 'A{"processed":1,"credit":1019}');
  assert.equal(await client.closed(), 4410);
});

/** Begins a session whose handler ends its direction, takes ":one", and returns after `returns.resolve()`; ":two" stays in the queue. */
async function endedEarly() {
  const returns = deferred();
  const { url, server } = await serve({ delays: { ackDelay: 60_000 } }, async (stream) => {
    await stream.finish();
    await stream.next();
    await returns.promise;
  });
  const left = once(server.webSockets, 'connection').then(([socket]) => once(socket, 'close'));
  const begun = await session(url);
  assert.equal(await begun.client.next(), 'E{"code":1000}');
  begun.client.ack(1);
  begun.client.send(':one', ':two', 'P');
  assert.equal(await begun.client.next(), 'A{"processed":0,"credit":1000}');
  return { ...begun, url, returns, left };
}

test('a handler that ended its direction early has processed its last message when it returns', async () => {
  const { client, returns } = await endedEarly();
  returns.resolve();
  assert.equal(await client.next(), 'A{"processed":1,"credit":1019}');
  assert.equal(await client.closed(), 4410);
});

test('a client that is away when the handler returns learns what the handler has processed', async () => {
  const { client, of, token, url, returns, left } = await endedEarly();
  client.socket.terminate();
  await left;
  returns.resolve();
  await new Promise(setImmediate);
  const again = new Raw(url);
  const welcome = await again.hello(of, { attempt: 2, token, sent: 2, received: 1, processed: 1 });
  assert.deepEqual([welcome.resumed, welcome.processed, await again.closed()], [true, 1, 4410]);
});

test('a handler that throws gives the session up', async () => {
  for (const thrown of [new Error('broken'), undefined]) {
    const errors = [];
    const { url } = await serve({ onError: (error) => errors.push(error) }, () => {
      throw thrown;
    });
    const { client } = await session(url);
    assert.equal(await client.closed(), 4410);
    assert.deepEqual(errors, [thrown]);
  }
});

test('the loss of another session is an error of the handler, the loss of its own is not', async () => {
  const [errors, bob] = [[], deferred()];
  const { url, server } = await serve({ onError: (error) => errors.push(error) }, async (stream) => {
    if (stream.principal === 'alice') await (await bob.promise).send('hello');
    bob.resolve(stream);
    await stream.next();
  });
  const { client } = await session(url, { credentials: 'bob' });
  await bob.promise;
  client.socket.close(4410);
  await becomesEmpty(server);
  assert.deepEqual(errors, []);
  const { client: alice } = await session(url);
  assert.equal(await alice.closed(), 4410);
  assert.deepEqual(errors, [await bob.promise.then((stream) => stream.next()).catch((lost) => lost)]);
});

test('a session is lost when its client stays away for the time to live', async () => {
  const caught = deferred();
  const { url, server } = await serve({ ttl: 1 }, async (stream) => {
    await stream.send('a');
    await stream.next().catch(caught.resolve);
  });
  const { client } = await session(url);
  assert.equal(await client.next(), ':a');
  await client.lose();
  const lost = await caught.promise;
  assert.ok(lost instanceof Lost);
  assert.deepEqual([lost.unacknowledged, lost.transmitted, lost.end], [['a'], 1, false]);
  assert.equal(server.size, 0);
});

test('the next call after the end tells a later loss', async () => {
  const [ended, caught] = [deferred(), deferred()];
  const { url, server } = await serve({}, async (stream) => {
    for await (const message of stream) void message;
    await stream.send('late');
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    await ended.promise;
    await stream.next().catch(caught.resolve);
  });
  const { client } = await session(url);
  client.send('E{"code":1000}');
  await client.until(() => client.frames.includes(':late'));
  client.socket.close(4410);
  await becomesEmpty(server);
  ended.resolve();
  const lost = await caught.promise;
  assert.ok(lost instanceof Lost);
  assert.deepEqual(lost.unacknowledged, ['late']);
});

test('a session with a connection outlives the time to live', async () => {
  const { url } = await serve({ ttl: 2 });
  const { client, of, token } = await session(url);
  await client.lose();
  const next = new Raw(url);
  await next.hello(of, { attempt: 2, token });
  next.ack();
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await works(next);
});

test('a send that nobody awaits does not end the process when the session is lost', async () => {
  const caught = deferred();
  const { url } = await serve({ replay: 20 }, async (stream) => {
    for (const text of ['a', 'b', 'c']) stream.send(text);
    await stream.next().catch(caught.resolve);
  });
  const { client } = await session(url);
  client.socket.close(4410);
  assert.ok((await caught.promise) instanceof Lost);
});

test('the end of a direction has a code and a reason, and nothing follows it', async () => {
  const errors = [];
  const { url } = await serve({}, async (stream) => {
    for (const [code, reason] of [[1001], [5000], [1000, 'é'.repeat(62)]]) {
      try {
        stream.finish(code, reason);
      } catch (error) {
        errors.push(error.name);
      }
    }
    await stream.finish(4000, 'so');
    await stream.send('late').catch((error) => errors.push(error.message));
    for await (const message of stream) void message;
    errors.push(stream.end);
  });
  const { client } = await session(url);
  assert.equal(await client.next(), 'E{"code":4000,"reason":"so"}');
  client.send('E{"code":3000,"reason":"me too"}');
  client.ack(1);
  assert.equal(await client.closed(), 1000);
  const late = 'this direction of the session has ended; send before finish';
  assert.deepEqual(errors, ['RangeError', 'RangeError', 'RangeError', late, { code: 3000, reason: 'me too' }]);
});

test('a server that stops closes with 1012, and tells its handlers', async () => {
  const caught = deferred();
  const { url, server } = await serve({}, (stream) => stream.next().catch(caught.resolve));
  const { client } = await session(url);
  client.send('P');
  assert.equal(await client.next(), 'A{"processed":0,"credit":1000}');
  await server.close();
  assert.equal(await client.closed(), 1012);
  assert.ok((await caught.promise) instanceof Lost);
});

test('a server that stops acknowledges what is processed', async () => {
  const took = deferred();
  const { url, server } = await serve({ delays: { ackDelay: 60_000 } }, async (stream) => {
    await stream.next();
    const next = stream.next();
    took.resolve();
    await next.catch(() => {});
  });
  const { client } = await session(url);
  client.send(':a');
  await took.promise;
  await server.close();
  assert.equal(await client.closed(), 1012);
  assert.deepEqual(client.frames, ['A{"processed":1,"credit":1017}']);
});

test('a server that stops waits until its connections are closed, also at the HTTP server of an application', async () => {
  const http = createServer();
  after(() => http.close());
  const { server } = await serve({ port: undefined, server: http.listen(0, '127.0.0.1') });
  const { client } = await session(`ws://127.0.0.1:${http.address().port}`);
  await server.close();
  assert.equal(await promisify(http.getConnections.bind(http))(), 0);
  assert.equal(await client.closed(), 1012);
});

test('a connection that has sent nothing does not keep a server that stops', async () => {
  const { url, server } = await serve();
  const silent = connect(new URL(url).port, '127.0.0.1');
  silent.on('error', () => {}); // it may be reset
  await once(silent, 'connect');
  const { client } = await session(url);
  await server.close();
  assert.equal(await client.closed(), 1012);
});

test('a message that nobody awaits does not end the process when the handler fails', async () => {
  const failed = deferred();
  const { url } = await serve({ onError: failed.resolve }, async (stream) => {
    stream.next();
    throw new Error('the database does not answer');
  });
  const { client } = await session(url);
  assert.equal((await failed.promise).message, 'the database does not answer');
  assert.equal(await client.closed(), 4410);
});

test('a client that has processed less than it has acknowledged is an old copy', async () => {
  const { url } = await serve({}, async (stream) => {
    await stream.send('x');
    await stream.next();
  });
  const { client, of, token } = await session(url);
  assert.equal(await client.next(), ':x');
  client.ack(1);
  const copy = new Raw(url);
  assert.equal(await copy.hello(of, { attempt: 2, token, received: 1, processed: 0 }), undefined);
  assert.equal(await copy.closed(), 4409);
  client.send('P');
  assert.equal(await client.next(), 'A{"processed":0,"credit":1000}');
});

test('a HELLO with the current token starts the handler, and the session is no longer fresh', async () => {
  const { url } = await serve({}, async (stream) => {
    await stream.send('x');
    await stream.next();
  });
  const [of, client] = [name(), new Raw(url)];
  const { token } = await client.hello(of);
  await client.lose();
  const next = new Raw(url);
  assert.equal((await next.hello(of, { attempt: 2, token })).resumed, true);
  assert.equal(await next.next(), ':x');
  await next.lose();
  const last = new Raw(url);
  assert.equal((await last.hello(of, { attempt: 3, token })).resumed, true);
});

test('a message that is larger than the window is accepted when all others are processed', async () => {
  const { url } = await serve({ window: 100 });
  const { client } = await session(url);
  await works(client, 'x'.repeat(400));
  await works(client, 'y'.repeat(400));
});
