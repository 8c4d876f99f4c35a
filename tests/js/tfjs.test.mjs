import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { load } from '../../wasm/js/edgekit.js';
import { bundle, GOOD, ROOT, serve } from './bundle_fixture.mjs';

let calls;
let scripts;
let runs; // what happens to a script that is added: 'load' or 'error'
let scriptNumber = 0;

/** As much of TensorFlow.js as the adapter uses; the model doubles its first number and adds the weight bytes. */
function fakeTf() {
  let scope = 0;
  return {
    setBackend: async (name) => calls.push(`backend ${name}`),
    ready: async () => calls.push('ready'),
    getBackend: () => 'cpu',
    engine: () => ({ startScope: () => { scope++; }, endScope: () => { scope--; } }),
    tensor: (data, shape) => ({ data, shape, scope }),
    io: { fromMemory: (artifacts) => artifacts },
    loadGraphModel: async ({ weightSpecs, weightData, modelTopology }) => {
      calls.push('load model');
      return {
        inputs: [{ name: 'in' }], outputs: [{ name: 'out' }], weightSpecs, modelTopology,
        execute(feeds, outputs) {
          assert.deepEqual(outputs, ['y:0']);
          assert.equal(scope, 1, 'tensors are made in a scope that frees them');
          assert.deepEqual(feeds['x:0'].shape, [1, 3]);
          return [{ dataSync: () => Float32Array.of(2 * feeds['x:0'].data[0], new Uint8Array(weightData)[3]) }];
        },
        dispose: () => calls.push('dispose model'),
      };
    },
  };
}

beforeEach(() => {
  calls = [];
  scripts = [];
  runs = 'load';
  globalThis.document = {
    baseURI: ROOT,
    createElement: () => ({ remove() {} }),
    head: {
      append(element) {
        scripts.push(element);
        if (runs === 'load') globalThis.tf = fakeTf();
        queueMicrotask(() => (runs === 'load' ? element.onload() : element.onerror()));
      },
    },
  };
});
afterEach(() => {
  delete globalThis.document;
  delete globalThis.tf;
});

const json = (value) => new TextEncoder().encode(JSON.stringify(value));
const MODEL = { modelTopology: { node: [] }, weightsManifest: [{ paths: ['a.bin', 'b.bin'], weights: [{ name: 'w' }] }] };

/** A bundle with a tfjs target; each has another script, since a page keeps those that it has run. */
async function open({ model = json(MODEL), faults = {} } = {}) {
  const script = new TextEncoder().encode(`// script ${++scriptNumber}`);
  const files = bundle({
    extra: { 'tfjs/model.json': [model, 'model'], 'tfjs/a.bin': [Uint8Array.of(1, 2), 'weights'], 'tfjs/b.bin': [Uint8Array.of(3, 4), 'weights'], 'tfjs/tf.js': [script, 'script'] },
    change: (m) => { m.targets.tfjs.options = { inputs: ['x:0'], outputs: ['y:0'], input_shapes: [[1, 3]] }; },
  });
  const served = serve(files, faults);
  return { model: await load(ROOT, { fetch: served.fetch, target: 'tfjs' }), script, ...served };
}

test('predicts with TensorFlow.js from the bundle: backend first, then the model, weights joined in order', async () => {
  const { model, log } = await open();
  assert.deepEqual(log, ['manifest.json']);
  assert.deepEqual(await model.predict(GOOD), { progression: 100, double_age: 4 });
  assert.deepEqual(calls, ['backend cpu', 'ready', 'load model']);
  assert.equal(model.build, 'cpu');
  assert.deepEqual([...log].sort(), ['manifest.json', 'tfjs/a.bin', 'tfjs/b.bin', 'tfjs/model.json', 'tfjs/tf.js']);
});

test('the script carries the hash of the bytes that were checked', async () => {
  const { model, script } = await open();
  await model.warmUp();
  const [element] = scripts;
  assert.equal(element.src, `${ROOT}tfjs/tf.js`);
  assert.equal(element.integrity, `sha256-${createHash('sha256').update(script).digest('base64')}`);
});

test('a script whose bytes are wrong is never run', async () => {
  const { model } = await open({ faults: { 'tfjs/tf.js': () => new Response(`// script 00`) } });
  await assert.rejects(model.warmUp(), { file: 'tfjs/tf.js' });
  assert.equal(scripts.length, 0);
});

test('a script that does not run is named, and tried again by the next call', async () => {
  const { model } = await open();
  runs = 'error';
  await assert.rejects(model.warmUp(), { code: 'engine', message: "tfjs/tf.js could not be run as a script; check the page's Content-Security-Policy" });
  runs = 'load';
  await model.warmUp();
  assert.equal(scripts.length, 2);
});

test('dispose frees the model of TensorFlow.js', async () => {
  const { model } = await open();
  await model.warmUp();
  model.dispose();
  assert.equal(calls.at(-1), 'dispose model');
  await assert.rejects(model.predict(GOOD), { code: 'disposed' });
});

for (const [reason, model, message] of [
  ['not JSON', new TextEncoder().encode('{'), 'tfjs/model.json is not JSON; export the bundle again'],
  ['no graph', json({}), 'tfjs/model.json is not a graph model; export the bundle again'],
  ['weights from elsewhere', json({ ...MODEL, weightsManifest: [{ paths: ['https://evil.example/w.bin'], weights: [] }] }), 'tfjs/model.json wants the weights "https://evil.example/w.bin", which the manifest does not name; export the bundle again'],
]) {
  test(`model refused: ${reason}`, async () => {
    const opened = await open({ model });
    await assert.rejects(opened.model.warmUp(), { code: 'engine', message });
  });
}
