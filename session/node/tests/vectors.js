/** Reads session/vectors, whose README says what its members mean. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { Lost } from '../outbox.js';

export const read = async (name) => JSON.parse(await readFile(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8'));
export const bytes = (frame) => (typeof frame === 'string' ? frame : Buffer.from(frame.binary, 'hex'));
const vector = (message) => (typeof message === 'string' ? message : { binary: message.toString('hex') });

/** Returns a frame in the form of the vectors. Control frames are compared as JSON. */
export function written({ data, isBinary }) {
  return isBinary ? { binary: data.toString('hex') } : parsed(data.toString());
}

/** Splits a control frame into its kind and its JSON. Returns other frames unchanged. */
function parsed(frame) {
  return typeof frame === 'string' && /^[HWAE]/.test(frame) ? [frame[0], JSON.parse(frame.slice(1))] : frame;
}

/** Returns an item in the form of the vectors. */
export function item(taken, expected) {
  if (!(taken instanceof Lost)) return taken.end ? { end: taken.end } : vector(taken.message);
  const { unacknowledged, transmitted, end } = taken;
  const lost = { unacknowledged: unacknowledged.map(vector), end };
  return { lost: expected.lost?.transmitted === undefined ? lost : { ...lost, transmitted } };
}

/** The tokens that `$1`, `$2` … stand for. */
export class Tokens {
  #tokens = new Map();

  /** Returns the data of a frame, with the tokens that it names. */
  frame(frame) {
    return bytes(typeof frame === 'string' ? frame.replace(/\$\d+/g, (name) => this.#tokens.get(name)) : frame);
  }

  /** Returns the expected actions, with the tokens of the actions that were done. */
  fill(expected, done) {
    return expected.map((action, index) => {
      if (action.close) return action;
      const frame = parsed(action.frame);
      if (frame[0] !== 'W') return { ...action, frame };
      return { ...action, frame: ['W', { ...frame[1], token: this.#learn(frame[1].token, done[index]?.frame?.[1]?.token) }] };
    });
  }

  #learn(name, given) {
    if (given && !this.#tokens.has(name)) {
      assert.ok(![...this.#tokens.values()].includes(given), 'a token was given before');
      this.#tokens.set(name, given);
    }
    return this.#tokens.get(name);
  }
}
