import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { CONFIG, Runner } from './runner.js';

const folder = new URL('..', import.meta.url);

test('the README has the example', async () => {
  const [readme, example] = await Promise.all(['README.md', 'example.js'].map((file) => readFile(new URL(file, folder), 'utf8')));
  assert.ok(readme.includes(`\`\`\`js\n${example}\`\`\``));
  assert.ok(example.split('\n').length < 40);
});

test('the example answers over lost connections', async () => {
  const program = spawn(process.execPath, ['example.js'], { cwd: folder, env: { ...process.env, PORT: '0' } });
  try {
    const [line] = await once(program.stdout.setEncoding('utf8'), 'data');
    const port = Number(line.match(/\d+/)[0]);
    const credentials = 'the password of Anna';
    const client = new Runner(() => `ws://127.0.0.1:${port}`, () => 1, { ...CONFIG, credentials });
    await client.send('a');
    assert.equal((await client.next()).message, 'anna said a');
    client.terminate();
    await client.send('b');
    assert.equal((await client.next()).message, 'anna said b');
    client.finish();
    assert.deepEqual((await client.next()).end, { code: 1000, reason: '' });
    await client.over();
  } finally {
    program.kill();
  }
});
