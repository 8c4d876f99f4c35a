import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildFits, chooseBuild } from '../../wasm/js/probe.js';

const BOTH = ['scalar', 'simd'];

/** Run with parts of WebAssembly replaced. */
function where(parts, check) {
  const kept = globalThis.WebAssembly;
  globalThis.WebAssembly = Object.assign(Object.create(kept), parts);
  try {
    return check();
  } finally {
    globalThis.WebAssembly = kept;
  }
}

test('simd where it computes rightly', () => assert.equal(chooseBuild(BOTH), 'simd'));
test('what the bundle does not have is not chosen', () => {
  assert.equal(chooseBuild(['scalar']), 'scalar');
  assert.equal(chooseBuild([]), undefined);
});
test('scalar where the browser does not know simd', () => where({ validate: () => false }, () => assert.equal(chooseBuild(BOTH), 'scalar')));
test('scalar where simd is known and its values are wrong', () => {
  class Instance { exports = { f: () => 0 }; }
  where({ Instance }, () => assert.equal(chooseBuild(BOTH), 'scalar'));
});
test('scalar where the probe may not be compiled', () => {
  class Module { constructor() { throw new WebAssembly.CompileError('no'); } }
  where({ Module }, () => assert.equal(chooseBuild(BOTH), 'scalar'));
});

/** WebAssembly as a processor whose relaxed dot product gives `dot` for two lists of four int8 and a sum. */
function processor(dot) {
  const rounded = (a) => 2 * Math.round(a / 2 - 0.25) === a - 0.5 ? a - 0.5 : Math.round(a); // half to even, for the probe's values
  const four = (word) => [...new Int8Array(Int32Array.of(word).buffer)];
  class Module { constructor(bytes) { this.relaxed = bytes.length < 60; } }
  class Instance {
    constructor(module) {
      this.exports = { f: module.relaxed ? (a, b, c) => dot(four(a), four(b), c) : (a, b) => 2 * rounded(a) * b };
    }
  }
  return { validate: () => true, Module, Instance };
}

const unsigned = (b) => b.map((n) => n & 255);
const pairs = (a, b) => [a[0] * b[0] + a[1] * b[1], a[2] * b[2] + a[3] * b[3]];
const saturated = (n) => Math.max(-32768, Math.min(32767, n));
const wrapped = (n) => (n << 16) >> 16;
const total = (list) => list.reduce((x, y) => x + y);

const ALL = ['scalar', 'simd', 'signed', 'relaxed'];
for (const [what, dot, build] of [
  ['x86 with AVX-VNNI reads the second operand unsigned', (a, b, c) => c + total(pairs(a, unsigned(b))), 'relaxed'],
  ['older x86 saturates sums of two products', (a, b, c) => c + total(pairs(a, unsigned(b)).map(saturated)), 'simd'],
  ['ARM, or x86 with AVX-VNNI-INT8, reads it signed', (a, b, c) => c + total(pairs(a, b)), 'signed'],
  ['older ARM holds sums of two products in 16 bits', (a, b, c) => c + total(pairs(a, b).map(wrapped)), 'signed'],
  ['the sum is forgotten where it is read unsigned', (a, b) => total(pairs(a, unsigned(b))), 'simd'],
  ['the sum is forgotten where it is read signed', (a, b) => total(pairs(a, b)), 'simd'],
  ['Node 20 takes its own products for the sum', (a, b) => 2 * total(pairs(a, b)), 'simd'],
  ['the first operand is read unsigned', (a, b, c) => c + total(pairs(unsigned(a), b)), 'simd'],
  ['only seven bits of the second operand are read', (a, b, c) => c + total(pairs(a, b.map((n) => n & 127))), 'simd'],
  ['all four products are held in 16 bits', (a, b, c) => wrapped(c + total(pairs(a, b))), 'simd'],
]) test(`${build} where ${what}`, () => where(processor(dot), () => {
  assert.equal(chooseBuild(ALL), build);
  assert.equal(buildFits('relaxed'), build === 'relaxed');
  assert.equal(buildFits('signed'), build === 'signed');
  assert.equal(buildFits('scalar'), true);
}));
