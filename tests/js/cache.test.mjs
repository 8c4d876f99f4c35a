/** What is kept between visits: only what changed is fetched, nothing wrong is used, and no failure of the cache is one of the model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from '../../wasm/js/edgekit.js';
import { bundle, GOOD, ROOT, serve } from './bundle_fixture.mjs';

/** As much of a Cache as is used. */
class FakeCache {
  entries = new Map();
  async match(request) {
    return this.entries.get(request.url ?? request)?.clone();
  }
  async put(url, response) {
    this.entries.set(new URL(url).href, response);
  }
  async delete(request) {
    return this.entries.delete(request.url ?? request);
  }
  async keys() {
    return [...this.entries.keys()].map((url) => ({ url }));
  }
}

const NEEDED = ['wasm/engine-simd.wasm', 'wasm/plan.bin', 'wasm/shard-000.0000000000000000.bin', 'wasm/shard-001.1111111111111111.bin'];
const SHARD = NEEDED[3];
const WEIGHTS = [1, 10, 0.1, 0.5, 2, 0, 0, 0];
const UPDATED = [...WEIGHTS.slice(0, 7), 1];
const offline = async () => { throw new TypeError('Failed to fetch'); };
const settle = async () => { for (let i = 0; i < 30; i++) await new Promise((resolve) => { setImmediate(resolve); }); };

/** Load and predict once; resolves to the answer and what was asked for beside the manifest. */
async function visit(cache, { files = bundle(), faults = {}, root = ROOT, fetch, target } = {}) {
  const served = serve(files, faults);
  const model = await load(root, { fetch: fetch ?? served.fetch, cache, target });
  const answer = await model.predict(GOOD);
  await settle();
  return { answer, asked: served.log.filter((path) => path !== 'manifest.json').sort() };
}

const named = (name) => (manifest) => { manifest.name = name; };
const shaOf = (files, path) => JSON.parse(new TextDecoder().decode(files.get('manifest.json'))).targets.wasm.files.find((f) => f.path === path).sha256;

test('a second visit fetches the manifest only, and without a network nothing', async () => {
  const cache = new FakeCache();
  const first = await visit(cache);
  assert.deepEqual(first.asked, NEEDED);
  assert.deepEqual(await visit(cache), { answer: first.answer, asked: [] });
  assert.deepEqual(await visit(cache, { fetch: offline }), { answer: first.answer, asked: [] });
});

test('the kept manifest is used when the server is out of order, not when it says no', async () => {
  const cache = new FakeCache();
  const { answer } = await visit(cache);
  const answers = (status) => ({ faults: { 'manifest.json': () => new Response('', { status }) } });
  assert.deepEqual(await visit(cache, answers(503)), { answer, asked: [] });
  await assert.rejects(visit(cache, answers(404)), { code: 'http', file: 'manifest.json' });
});

test('the model of another address is not taken for it', async () => {
  const cache = new FakeCache();
  await visit(cache);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20); // it would try again
  await assert.rejects(load('http://test.invalid/other/', { fetch: offline, cache, signal: controller.signal }), { code: 'aborted' });
});

test('an update fetches what changed, and what only the old version had is removed', async () => {
  const cache = new FakeCache();
  const [old, next] = [bundle(), bundle({ weights: UPDATED })];
  await visit(cache, { files: old });
  const before = cache.entries.size;
  const { answer, asked } = await visit(cache, { files: next });
  assert.deepEqual(asked, [SHARD]);
  assert.equal(answer.double_age, 101);
  assert.equal(cache.entries.size, before);
  const kept = [...cache.entries.keys()].join();
  assert.ok(kept.includes(shaOf(next, SHARD)) && !kept.includes(shaOf(old, SHARD)));
});

test('an update that does not come to its end leaves the old version in use', async () => {
  const cache = new FakeCache();
  const { answer } = await visit(cache);
  const broken = { files: bundle({ weights: UPDATED }), faults: { [SHARD]: () => new Response('', { status: 404 }) } };
  await assert.rejects(visit(cache, broken), { file: SHARD });
  assert.deepEqual(await visit(cache, { fetch: offline }), { answer, asked: [] });
});

for (const other of ['other', '..', "it's / 100% ~ ü?", 'health2', 'heal']) {
  test(`bundles of other names are left alone: ${other}`, async () => {
    const cache = new FakeCache();
    const root = 'http://test.invalid/other/';
    await visit(cache, { root, fetch: serveAt('/other/', bundle({ change: named(other) })) });
    await visit(cache);
    const kept = await visit(cache, { root, fetch: offline });
    assert.equal(kept.answer.double_age, 100);
  });
}

function serveAt(folder, files) {
  return async (url) => new Response(files.get(new URL(url).pathname.replace(folder, '')));
}

test('the same name at a new address takes the place of the old one', async () => {
  const cache = new FakeCache();
  await visit(cache, { root: 'http://test.invalid/v1/', fetch: serveAt('/v1/', bundle()) });
  const before = cache.entries.size;
  await visit(cache, { root: 'http://test.invalid/v2/', fetch: serveAt('/v2/', bundle({ weights: UPDATED })) });
  assert.equal(cache.entries.size, before);
  assert.ok(![...cache.entries.keys()].some((key) => key.includes('v1')));
});

for (const [what, spoil] of [
  ['other bytes', (bytes) => bytes.map((byte) => byte ^ 1)],
  ['fewer bytes', (bytes) => bytes.slice(1)],
]) {
  test(`an entry with ${what} is never used, but replaced`, async () => {
    const cache = new FakeCache();
    const first = await visit(cache);
    for (const [key, response] of cache.entries) {
      if (!key.includes(shaOf(bundle(), SHARD))) continue;
      cache.entries.set(key, new Response(spoil(new Uint8Array(await response.arrayBuffer()))));
    }
    assert.deepEqual(await visit(cache), { answer: first.answer, asked: [SHARD] });
    assert.deepEqual(await visit(cache), { answer: first.answer, asked: [] });
  });
}

const fails = async () => { throw new DOMException('no', 'QuotaExceededError'); };
for (const [what, cache] of [
  ['there is no room', Object.assign(new FakeCache(), { put: fails })],
  ['nothing can be read', Object.assign(new FakeCache(), { match: fails, keys: fails })],
  ['a bad entry cannot be removed', Object.assign(new FakeCache(), { match: async () => new Response('x'), delete: fails })],
  ['it is off', false],
  ['there is none', true],
]) {
  test(`works all the same: ${what}`, async () => {
    assert.deepEqual((await visit(cache)).asked, NEEDED);
    assert.deepEqual((await visit(cache)).asked, NEEDED);
  });
}

test('a page that is not secure has no cache, one that is has', async () => {
  const cache = new FakeCache();
  globalThis.caches = { open: async (name) => (assert.equal(name, 'edgekit'), cache) };
  try {
    await visit(undefined);
    assert.equal(cache.entries.size, 0);
    globalThis.isSecureContext = true;
    await visit(false);
    assert.equal(cache.entries.size, 0);
    await visit(undefined);
    assert.equal(cache.entries.size, NEEDED.length + 1);
  } finally {
    delete globalThis.caches;
    delete globalThis.isSecureContext;
  }
});
