import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countThreads, withThreads, withoutThreads } from '../../wasm/js/threads.js';

/** Run as in a page: isolated, with workers, unless `parts` say otherwise. */
function where(parts, check) {
  const page = { crossOriginIsolated: true, Worker: class {}, ...parts };
  const kept = Object.fromEntries(Object.keys(page).map((key) => [key, globalThis[key]]));
  Object.assign(globalThis, page);
  try {
    return check();
  } finally {
    Object.assign(globalThis, kept);
  }
}

const LARGE = { options: { multiplications: 300e6 } };
const SMALL = { options: { multiplications: 5000 } };

/** [reason, target, wanted, cores, parts of the page, threads] */
for (const [reason, target, wanted, cores, page, threads] of [
  ['a large model on two cores', LARGE, undefined, 2, {}, 2],
  ['half of many cores', LARGE, undefined, 6, {}, 3],
  ['no more than four', LARGE, undefined, 64, {}, 4],
  ['one core', LARGE, undefined, 1, {}, 1],
  ['a small model', SMALL, undefined, 8, {}, 1],
  ['a bundle of before', { options: {} }, undefined, 8, {}, 1],
  ['asked for', SMALL, 3, 2, {}, 3],
  ['asked for too many', LARGE, 9, 2, {}, 4],
  ['asked for one', LARGE, 1, 8, {}, 1],
  ['asked for nonsense', LARGE, NaN, 8, {}, 1],
  ['not isolated', LARGE, 2, 8, { crossOriginIsolated: false }, 1],
  ['no workers', LARGE, 2, 8, { Worker: undefined }, 1],
  ['no shared memory', LARGE, 2, 8, { SharedArrayBuffer: undefined }, 1],
]) test(`${threads} where: ${reason}`, () => where(page, () => assert.equal(countThreads(target, wanted, cores), threads)));

test('the build with threads is that of the same instructions, where the bundle has it', () => {
  const files = ['simd', 'relaxed', 'simd-threads'].map((build) => ({ build }));
  assert.equal(withThreads(files[0], files).build, 'simd-threads');
  assert.equal(withThreads(files[1], files).build, 'relaxed');
  assert.equal(withoutThreads('simd-threads'), 'simd');
  assert.equal(withoutThreads('simd'), undefined);
  assert.equal(withoutThreads(undefined), undefined);
});
