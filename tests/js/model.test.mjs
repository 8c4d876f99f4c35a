import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bundle, GOOD, ROOT, serve } from './bundle_fixture.mjs';
import { EdgekitError, load, OPTIONS } from './runtime.mjs';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

async function open(options = {}, faults = {}, loadOptions = {}) {
  const served = serve(bundle(options), faults);
  return { model: await load(ROOT, { fetch: served.fetch, ...OPTIONS, ...loadOptions }), ...served };
}

const EXPECTED = { progression: Math.fround(50 + 10 * 2 + Math.fround(0.1) * 25.5 + 0.5), double_age: 100 };

test('load fetches the manifest only; the first prediction the rest, once', async () => {
  const { model, log } = await open();
  assert.deepEqual(log, ['manifest.json']);
  assert.equal(model.target, 'wasm');
  assert.equal(model.build, null);
  assert.deepEqual(await model.predict(GOOD), EXPECTED);
  assert.equal(model.build, 'simd');
  const needed = ['manifest.json', 'wasm/engine-simd.wasm', 'wasm/plan.bin', 'wasm/shard-000.0000000000000000.bin', 'wasm/shard-001.1111111111111111.bin'];
  assert.deepEqual([...log].sort(), needed);
  await model.predict(GOOD);
  assert.equal(log.length, 5);
});

test('a wrong input is refused before anything is fetched', async () => {
  const { model, log } = await open();
  await assert.rejects(model.predict({ ...GOOD, age: 150 }), { code: 'input', field: 'age' });
  assert.deepEqual(log, ['manifest.json']);
});

test('calls that wait together each get the answer to their own input', async () => {
  const { model } = await open();
  const ages = [20, 30, 40, 50, 60];
  const answers = await Promise.all(ages.map((age) => model.predict({ ...GOOD, age })));
  assert.deepEqual(answers.map((a) => a.double_age), ages.map((age) => 2 * age));
  const arrays = await Promise.all(ages.map((age) => model.predictArray([age, 1, 20])));
  assert.deepEqual(arrays.map((a) => a[1]), ages.map((age) => 2 * age));
});

test('an input that its owner changes while the model loads counts as it was', async () => {
  const { model } = await open();
  const flat = Float32Array.of(20, 1, 20);
  const answer = model.predictArray(flat);
  flat[0] = 70;
  assert.equal((await answer)[1], 40);
});

test('what predictArray gives is not overwritten by the next call', async () => {
  const { model } = await open();
  const first = await model.predictArray([20, 1, 20]);
  await model.predictArray([30, 1, 20]);
  assert.equal(first[1], 40);
});

test('a build can be chosen', async () => {
  const { model, log } = await open({}, {}, { build: 'scalar' });
  await model.warmUp();
  assert.equal(model.build, 'scalar');
  assert.ok(log.includes('wasm/engine-scalar.wasm') && !log.includes('wasm/engine-simd.wasm'));
});

test('progress ends with all bytes of the files that were chosen', async () => {
  const seen = [];
  const { model } = await open({}, {}, { onProgress: (p) => seen.push(p) });
  await model.warmUp();
  const files = model.manifest.targets.wasm.files.filter((f) => f.build !== 'scalar');
  const total = files.reduce((sum, f) => sum + f.bytes, 0);
  assert.deepEqual([seen.at(-1).loaded, seen.at(-1).total], [total, total]);
  assert.ok(seen.every((p, i) => i === 0 || p.loaded > seen[i - 1].loaded));
});

test('a failed download is forgotten: the next call fetches anew', async () => {
  const once = (honest, _, nth) => (nth === 1 ? new Response('', { status: 404 }) : honest);
  const { model } = await open({}, { 'wasm/plan.bin': once });
  await assert.rejects(model.predict(GOOD), { code: 'http', message: 'wasm/plan.bin could not be fetched: the server answered 404' });
  assert.deepEqual(await model.predict(GOOD), EXPECTED);
});

test('a shard that is not what the manifest says is never used', async () => {
  const path = 'wasm/shard-001.1111111111111111.bin';
  const { model } = await open({}, { [path]: () => new Response(new Uint8Array(16)) });
  await assert.rejects(model.predict(GOOD), { code: 'hash', file: path });
});

test('abort while loading', async () => {
  const never = () => new Promise(() => {});
  const { model } = await open({}, { 'wasm/plan.bin': never });
  const controller = new AbortController();
  const waiting = model.predict(GOOD, { signal: controller.signal });
  setTimeout(() => controller.abort(), 5);
  await assert.rejects(waiting, { code: 'aborted', message: 'loading the model "health" was aborted' });
});

test('a signal that fired before stops a prediction, also when the model is here', async () => {
  const { model } = await open();
  const signal = AbortSignal.abort('enough');
  await assert.rejects(model.predict(GOOD, { signal }), { code: 'aborted', message: 'loading the model "health" was aborted' });
  await model.warmUp();
  for (const call of [model.predict(GOOD, { signal }), model.predictArray([50, 2, 25.5], { signal })]) {
    await assert.rejects(call, { code: 'aborted', message: 'the prediction was aborted', cause: 'enough' });
  }
  assert.deepEqual(await model.predict(GOOD), EXPECTED);
});

test('dispose: who waits and who comes later gets "disposed"', async () => {
  const message = 'the model "health" was disposed; load it again';
  const { model } = await open({}, { 'wasm/plan.bin': () => new Promise(() => {}) });
  const waiting = model.predict(GOOD);
  model.dispose();
  model.dispose();
  await assert.rejects(waiting, { code: 'disposed', message });
  for (const call of [() => model.predict(GOOD), () => model.predictArray([50, 2, 20]), () => model.warmUp()]) {
    await assert.rejects(call(), { code: 'disposed', message });
  }
  assert.equal(model.build, null);
});

test('several inputs and outputs', async () => {
  const tensor = (name, n) => ({ name, shape: [1, n], dtype: 'float32' });
  const { model } = await open({
    inputs: [tensor('a', 2), tensor('b', 1)], outputs: [tensor('p', 1), tensor('q', 1)], features: [], results: [],
    weights: [1, 10, 100, 0, 0, 0, 1, 7],
  });
  assert.deepEqual(await model.predictArray([1, 2, 3]), Float32Array.of(321, 10));
  assert.deepEqual(await model.predict([1, 2, 3]), { p: Float32Array.of(321), q: Float32Array.of(10) });
});

test('weights larger than the first page of memory', async () => {
  const wide = 40_000;
  const weights = new Float32Array(wide + 1).fill(1);
  const { model } = await open({
    inputs: [{ name: 'x', shape: [1, wide], dtype: 'float32' }], outputs: [{ name: 'y', shape: [1, 1], dtype: 'float32' }], features: [], results: [], weights,
  });
  assert.deepEqual(await model.predictArray(new Float32Array(wide).fill(2)), Float32Array.of(2 * wide + 1));
});

/** [reason, words of the plan, message] */
const PLANS = [
  ['magic', { 0: 1 }, 'wasm/plan.bin is not a plan; export the bundle again'],
  ['version', { 1: 3 }, 'wasm/plan.bin has version 3, this runtime reads 2; export the bundle again'],
  ['weights', { 3: 64 }, 'wasm/plan.bin wants 64 bytes of weights, the shards have 32; export the bundle again'],
  ['input count', { 4: 2 }, 'wasm/plan.bin has other inputs or outputs than the manifest; export the bundle again'],
  ['input size', { 9: 4 }, 'wasm/plan.bin has 4 numbers for "x", the manifest 3; export the bundle again'],
  ['input beyond the arena', { 8: 4096 }, 'wasm/plan.bin puts "x" outside its arena; export the bundle again'],
  ['input off its alignment', { 8: 2 }, 'wasm/plan.bin puts "x" outside its arena; export the bundle again'],
  ['output beyond the arena', { 10: 0xfffffffc }, 'wasm/plan.bin puts "y" outside its arena; export the bundle again'],
  ['an arena larger than any memory', { 2: 0xffffffff }, 'the model needs 4097 MB of memory, more than there is here'],
  ['refused by ek_check', { 6: 99 }, 'wasm/plan.bin was refused by wasm/engine-simd.wasm (code 7); export the bundle again'],
  ['an error of ek_run', { 6: 97 }, 'wasm/engine-simd.wasm stopped with code 5; export the bundle again'],
  ['a trap in ek_run', { 6: 98 }, 'wasm/engine-simd.wasm failed while it ran; export the bundle again'],
];
for (const [reason, words, message] of PLANS) {
  test(`plan refused: ${reason}`, async () => {
    const { model } = await open({ words });
    await assert.rejects(model.predict(GOOD), { name: 'EdgekitError', message });
  });
}

for (const [reason, bytes, message] of [
  ['no WebAssembly', Uint8Array.of(1, 2, 3, 4), 'wasm/engine-simd.wasm cannot be compiled here; export the bundle again'],
  ['a module without the exports', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), 'wasm/engine-simd.wasm is not an engine; export the bundle again'],
]) {
  test(`engine refused: ${reason}`, async () => {
    const { model } = await open({ extra: { 'wasm/engine-simd.wasm': [bytes, 'engine', { build: 'simd' }] } });
    await assert.rejects(model.warmUp(), { code: 'engine', message });
  });
}

/** [reason, change of the manifest, options of load, message] */
const CHOICES = [
  ['a target that the bundle lacks', () => {}, { target: 'tfjs' }, 'the bundle has no target "tfjs" for the browser; its targets are: wasm'],
  ['a target of no browser', () => {}, { target: 'tflite' }, 'the bundle has no target "tflite" for the browser; its targets are: wasm'],
  ['no target for the browser', (m) => { m.targets = { tflite: m.targets.wasm }; }, {}, 'the bundle has no target for the browser; its targets are: tflite'],
  ['tfjs outside a page', (m) => { m.targets.tfjs = m.targets.wasm; }, { target: 'tfjs' }, 'the target "tfjs" cannot run here; use another browser or target'],
];
for (const [reason, change, options, message] of CHOICES) {
  test(`load refuses: ${reason}`, () => assert.rejects(open({ change }, {}, options), { code: 'target', message }));
}

test('an engine build that the bundle lacks', async () => {
  const { model } = await open({}, {}, { build: 'relaxed' });
  await assert.rejects(model.warmUp(), { code: 'target', message: 'the bundle has no engine build "relaxed"; its builds are: simd, scalar' });
});

test('faults of the manifest itself name it', async () => {
  for (const [fault, code, message] of [
    [() => new Response('', { status: 404 }), 'http', 'manifest.json could not be fetched: the server answered 404'],
    [() => new Response('{', {}), 'manifest', 'manifest.json is not JSON; export the bundle again'],
    [() => new Response('<html>', { headers: { 'content-type': 'text/html' } }), 'http', 'the server sent a web page in place of manifest.json; check where the bundle is hosted'],
  ]) {
    await assert.rejects(open({}, { 'manifest.json': fault }), { code, message });
  }
  await assert.rejects(open({}, {}, { signal: AbortSignal.abort() }), { code: 'aborted', message: 'loading manifest.json was aborted' });
});

test('EdgekitError is an Error', () => assert.ok(new EdgekitError('input', 'x') instanceof Error));

test('a call costs a few microseconds at most and keeps nothing', async () => {
  const { model } = await open();
  const time = async (n) => {
    const start = performance.now();
    for (let i = 0; i < n; i++) await model.predict(GOOD);
    return (1000 * (performance.now() - start)) / n;
  };
  const [calls, most] = OPTIONS.worker ? [2_000, 2_000] : [20_000, 20]; // about 1 us, and 25 us; the machine may be busy
  await time(calls);
  const each = Math.min(await time(calls), await time(calls));
  assert.ok(each < most, `${each} us a call`);
});

test('10,000 predictions leave nothing in memory', async () => {
  const { model } = await open();
  const predict = async (n) => {
    for (let i = 0; i < n; i++) await (i % 2 ? model.predict(GOOD) : model.predictArray([50, 2, 25.5]));
  };
  const used = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  await predict(2_000); // what is compiled and cached at first is no growth
  const before = used();
  await predict(10_000);
  const grown = used() - before;
  assert.ok(grown < 160_000, `${grown} bytes`); // a number kept for each would take more
});
