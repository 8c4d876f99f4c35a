import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { base64, sha256, sha256Plain } from '../../wasm/js/sha256.js';

const oracle = (bytes, form = 'hex') => createHash('sha256').update(bytes).digest(form);
const LENGTHS = [...Array(200).keys(), 255, 256, 1000, 4095, 4096, 65537, 1_000_003];

test('the plain implementation equals node:crypto on every length around its block borders', () => {
  for (const length of LENGTHS) {
    const bytes = new Uint8Array(randomBytes(length));
    assert.equal(sha256Plain(bytes), oracle(bytes), `length ${length}`);
  }
});

test('a view into a larger buffer is hashed as the view', async () => {
  const view = new Uint8Array(randomBytes(300)).subarray(7, 207);
  assert.equal(sha256Plain(view), oracle(view));
  assert.equal(await sha256(view), oracle(view));
});

test('without crypto.subtle, as on a page of plain http, the plain one is used', async () => {
  const bytes = new Uint8Array(randomBytes(100));
  const kept = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
  Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true });
  try {
    assert.equal(await sha256(bytes), oracle(bytes));
  } finally {
    Object.defineProperty(globalThis, 'crypto', kept);
  }
});

test('base64 of a digest is what an integrity attribute wants', () => {
  const bytes = new Uint8Array(randomBytes(10));
  assert.equal(base64(oracle(bytes)), oracle(bytes, 'base64'));
});
