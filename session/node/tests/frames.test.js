import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Violation, decode, encode } from '../frames.js';
import { random } from './random.js';

const vectors = JSON.parse(await readFile(new URL('../../vectors/frames.json', import.meta.url), 'utf8'));

/** Returns the data that a WebSocket would deliver for a frame of the vectors. */
function data({ text, binary, repeat }) {
  if (repeat) return repeat.before + repeat.character.repeat(repeat.times) + repeat.after;
  return binary === undefined ? text : Buffer.from(binary, 'hex');
}

const message = (frame) => (Buffer.isBuffer(frame.message) ? { ...frame, message: { binary: frame.message.toString('hex') } } : frame);

for (const vector of vectors.valid) {
  test(`valid: ${vector.name}`, () => {
    const frame = decode(data(vector));
    assert.deepEqual(message(frame), vector.meaning);
    const encoded = encode(frame);
    assert.deepEqual(decode(encoded.isBinary ? encoded.data : encoded.data.toString()), frame);
  });
}

for (const vector of vectors.invalid) {
  test(`invalid: ${vector.name}`, () => {
    assert.throws(() => decode(data(vector)), (error) => error instanceof Violation && error.code === vector.code);
  });
}

test('a truncated or garbled frame decodes or is a violation', () => {
  const { below, pick } = random(1);
  const frames = vectors.valid.map(data).filter((frame) => typeof frame === 'string' && frame.length < 1000);
  let violations = 0;
  for (let round = 0; round < 5_000; round += 1) {
    const frame = pick(frames);
    const at = below(frame.length + 1);
    const garbled = [frame.slice(0, at), frame.slice(0, at) + String.fromCharCode(below(128)) + frame.slice(at + below(2))][below(2)];
    try {
      assert.equal(typeof decode(garbled).kind, 'string');
    } catch (error) {
      assert.ok(error instanceof Violation, `${garbled}: ${error}`);
      violations += 1;
    }
  }
  assert.ok(violations > 1_250 && violations < 5_000, `${violations} violations`);
});

test('deeply nested JSON is a violation, not a stack overflow', () => {
  assert.throws(() => decode(`A${'['.repeat(16_000)}`), Violation);
});
