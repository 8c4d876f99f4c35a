/** wasm/js/channel.js: which bundle an install gets, and what happens when a canary is no good. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { bucket, loadChannel, parseChannel } from '../../wasm/js/channel.js';

const STABLE = 'a'.repeat(64);
const CANARY = 'b'.repeat(64);
const place = (id) => ({ id, path: `bundles/${id}/` });
const channel = (percent = 100) => ({ format: 'edgekit-channel/1', name: 'm', stable: place(STABLE), canary: percent === null ? null : { ...place(CANARY), percent }, previous: [] });
const vectors = JSON.parse(await readFile(new URL('../data/channel_buckets.json', import.meta.url), 'utf8'));

const golden = JSON.stringify({ schema_version: 1, inputs: [[1], [2]], float: [[2], [4]], quantized: [[2], [4]] });
const digest = createHash('sha256').update(golden).digest('hex');

/** A storage, a network and runtimes in memory; `answers` maps a bundle's id to how its model predicts. */
function world({ text = JSON.stringify(channel()), answers = {}, kept = {}, parity = { parity: 'exact' }, goldenText = golden, sha256 = digest } = {}) {
  const store = new Map(Object.entries(kept));
  const asked = [];
  const disposed = [];
  return {
    asked, disposed, store,
    options: {
      storage: { getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value) },
      fetch: async (url) => {
        asked.push(url.replace('https://x.test/m/', ''));
        if (text === null) throw new TypeError('no network');
        if (url.endsWith('/channel.json')) return typeof text === 'number' ? new Response('', { status: text }) : new Response(text);
        return url.endsWith('golden.json') ? new Response(goldenText) : new Response('', { status: 404 });
      },
      importRuntime: async (href) => {
        const id = /bundles\/(\w+)\//.exec(href)[1];
        const answer = answers[id] ?? ((x) => 2 * x);
        if (answer instanceof Error) throw answer;
        return { load: async (folder, { target = 'wasm' }) => ({
          folder, target,
          manifest: { id, golden: { path: 'golden.json', sha256 }, targets: { wasm: parity } },
          predictArray: async ([x]) => Float32Array.of(answer(x)),
          dispose: () => disposed.push(id),
        }) };
      },
    },
  };
}

const load = (made) => loadChannel('https://x.test/m/', made.options);

test('the buckets are those of Python', async () => {
  for (const row of vectors.rows) assert.equal(await bucket(row.canary, row.install), row.bucket);
  assert.equal(vectors.rows.length, 12);
});

test('the percentage decides, and an install keeps its place', async () => {
  for (const { install } of vectors.rows.slice(0, 4)) {
    const at = await bucket(CANARY, install);
    for (const [percent, choice] of [[at, 'stable'], [at + 1e-9, 'canary'], [0, 'stable'], [100, 'canary']]) {
      const made = world({ text: JSON.stringify(channel(percent)), kept: { 'edgekit-install': install } });
      assert.equal((await load(made)).choice, choice);
      assert.equal(made.store.get('edgekit-install'), install);
    }
  }
});

test('a new install gets an id, and only where there is a canary', async () => {
  const made = world();
  assert.equal((await load(made)).choice, 'canary');
  assert.match(made.store.get('edgekit-install'), /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  const without = world({ text: JSON.stringify(channel(null)) });
  const { choice, id, fallback, model } = await load(without);
  assert.deepEqual([choice, id, fallback, model.folder], ['stable', STABLE, '', `https://x.test/m/bundles/${STABLE}/`]);
  assert.equal(without.store.has('edgekit-install'), false);
  assert.deepEqual(without.asked, ['channel.json']); // stable is not held up by golden rows
});

for (const [why, made, fallback] of [
  ['its answers are wrong', { answers: { [CANARY]: () => 7 } }, 'golden row 0 has another answer than it must have'],
  ['one answer is wrong', { answers: { [CANARY]: (x) => (x === 2 ? 4.5 : 2 * x) } }, 'golden row 1 has another answer than it must have'],
  ['an answer is no number', { answers: { [CANARY]: () => NaN } }, 'golden row 0 has another answer than it must have'],
  ['it is off by more than its bound', { answers: { [CANARY]: (x) => 2 * x + 0.2 }, parity: { parity: 'bound', bound: 0.1 } }, 'golden row 0 has another answer than it must have'],
  ['it does not load', { answers: { [CANARY]: new Error('no such module') } }, 'no such module'],
  ['its golden rows are not its own', { goldenText: golden.replace('[2]', '[3]') }, 'golden.json is not what the manifest says'],
]) {
  test(`stable is taken where of the canary ${why}`, async () => {
    const found = await load(world(made));
    assert.deepEqual([found.choice, found.id, found.fallback], ['stable', STABLE, fallback]);
  });
}

test('a canary within its bound is taken', async () => {
  const made = world({ answers: { [CANARY]: (x) => 2 * x + 0.05 }, parity: { parity: 'bound', bound: 0.1 } });
  assert.equal((await load(made)).choice, 'canary');
});

test('a canary is near the int8 model where that is what its manifest promises', async () => {
  const rows = JSON.parse(golden);
  const goldenText = JSON.stringify({ ...rows, quantized: rows.float.map((row) => row.map((value) => value + 3)) });
  const sha256 = createHash('sha256').update(goldenText).digest('hex');
  const made = (add) => world({ answers: { [CANARY]: (x) => 2 * x + add }, goldenText, sha256, parity: { parity: 'near', bound: 0.1 } });
  assert.equal((await load(made(3.05))).choice, 'canary');
  assert.equal((await load(made(0.05))).choice, 'stable');
});

test('a bundle that is another one than channel.json says is refused', async () => {
  const made = world();
  const real = made.options.importRuntime;
  made.options.importRuntime = async () => real(`bundles/${'c'.repeat(64)}/`);
  await assert.rejects(load(made), { message: `the bundle at bundles/${STABLE}/ has another id than channel.json says` });
  assert.equal(made.disposed.length, 2);
});

test('where nothing can be stored there is no canary', async () => {
  const made = world();
  made.options.storage = { getItem() { throw new Error('private'); }, setItem() { throw new Error('private'); } };
  assert.equal((await load(made)).choice, 'stable');
});

test('without a network the last channel.json counts', async () => {
  const key = 'edgekit-channel https://x.test/m/channel.json';
  const first = world({ text: JSON.stringify(channel(null)) });
  await load(first);
  const later = world({ text: null, kept: Object.fromEntries(first.store) });
  assert.equal((await load(later)).id, STABLE);
  assert.ok(later.store.has(key));
  await assert.rejects(load(world({ text: null })), { message: 'channel.json could not be fetched; check the connection' });
  await assert.rejects(load(world({ text: 404 })), { message: 'channel.json could not be fetched: the server answered 404' });
});

for (const [text, message] of [
  ['{', 'channel.json is not JSON'],
  ['{"format": "x"}', 'channel.json has the format "x", this page reads edgekit-channel/1'],
  ['null', 'channel.json has the format undefined, this page reads edgekit-channel/1'],
  [JSON.stringify({ ...channel(), stable: null }), 'channel.json names no usable bundle as stable'],
  [JSON.stringify({ ...channel(), stable: { id: STABLE, path: 'https://evil.test/' } }), 'channel.json names no usable bundle as stable'],
  [JSON.stringify({ ...channel(), canary: { ...place(CANARY), percent: '10' } }), 'channel.json has a canary without a percentage'],
  [JSON.stringify({ ...channel(), canary: { ...place('x'), percent: 10 } }), 'channel.json names no usable bundle as canary'],
]) {
  test(`refused: ${message} (${text.length})`, () => assert.throws(() => parseChannel(text), { message }));
}
