import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseBuild } from '../../wasm/js/probe.js';

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
