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

/** WebAssembly as a processor whose relaxed dot product gives `dot` for four equal products. */
function processor(dot) {
  const rounded = (a) => 2 * Math.round(a / 2 - 0.25) === a - 0.5 ? a - 0.5 : Math.round(a); // half to even, for the probe's values
  class Module { constructor(bytes) { this.relaxed = bytes.length < 60; } }
  class Instance { constructor(module) { this.exports = { f: module.relaxed ? dot : (a, b) => 2 * rounded(a) * b }; } }
  return { validate: () => true, Module, Instance };
}

const ALL = ['scalar', 'simd', 'relaxed'];
for (const [what, dot, build] of [
  ['x86 with AVX-VNNI reads the second operand unsigned', (a, b) => 4 * a * b, 'relaxed'],
  ['ARM reads it signed', (a, b) => 4 * a * (b > 127 ? b - 256 : b), 'simd'],
  ['older x86 saturates sums of two products', (a, b) => 2 * Math.max(-32768, Math.min(32767, 2 * a * b)), 'simd'],
]) test(`${build} where ${what}`, () => where(processor(dot), () => {
  assert.equal(chooseBuild(ALL), build);
  assert.equal(buildFits('relaxed'), build === 'relaxed');
  assert.equal(buildFits('scalar'), true);
}));
