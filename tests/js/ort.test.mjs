import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { load } from '../../wasm/js/edgekit.js';
import { open } from '../../wasm/js/ort.js';
import { bundle, GOOD, ROOT, serve } from './bundle_fixture.mjs';

let links;
let runs; // what happens to a module that is preloaded: 'load' or 'error'
let number = 0;

beforeEach(() => {
  links = [];
  runs = 'load';
  globalThis.document = {
    baseURI: ROOT,
    createElement: () => ({ remove() {} }),
    head: {
      append(element) {
        links.push(element);
        queueMicrotask(() => (runs === 'load' ? element.onload() : element.onerror()));
      },
    },
  };
  globalThis.location = new URL(ROOT);
});
afterEach(() => {
  delete globalThis.document;
  delete globalThis.location;
  delete globalThis.calls;
});

/** As much of ONNX Runtime Web as the adapter uses; the model doubles its first number and adds the weight bytes. */
const API = `
  const calls = (globalThis.calls ??= []);
  export const env = { wasm: {} };
  export class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
  let busy = false;
  export const InferenceSession = { create: async (bytes, options) => {
    calls.push({ ...options, model: bytes.length, wasm: { ...env.wasm } });
    if (bytes[0] === 0) throw new Error('no model\\nbut more lines');
    return {
      run: async (feeds, outputs) => {
        if (busy) throw new Error('the session is busy');
        busy = true;
        await new Promise((resolve) => setTimeout(resolve, 1));
        busy = false;
        const { data, dims } = feeds['x:0'];
        if (String(dims) !== '1,3') throw new Error('wrong shape');
        return { [outputs[0]]: { data: Float32Array.of(2 * data[0], options.externalData[0].data[3]) } };
      },
      release: async () => calls.push('release'),
    };
  } };`;

/** A target whose API is a module in its own address; each has another engine, since a page keeps those that run. */
function target({ model = Uint8Array.of(8, 8), options = {}, without } = {}) {
  const file = (path, role, bytes, more = {}) => ({ path, role, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), content: bytes, ...more });
  const text = (code) => new TextEncoder().encode(code);
  const files = [
    file('ort/model.onnx', 'model', model),
    file('ort/shard-000.a.bin', 'shard', Uint8Array.of(1, 2), { first_step: 0 }),
    file('ort/shard-001.b.bin', 'shard', Uint8Array.of(3, 4), { first_step: 1 }),
    file('ort/api.mjs', 'script', text(API)),
    file('ort/glue.mjs', 'script', text('export default 1')),
    file('ort/engine.wasm', 'engine', text(`engine ${++number}`), { build: 'wasm' }),
  ].filter(({ role }) => role !== without);
  return { parity: 'bound', bound: 1, files, options: { inputs: ['x:0'], outputs: ['y:0'], input_shapes: [[1, 3]], ...options } };
}

const manifest = { inputs: [{ name: 'x', shape: [1, 3] }], outputs: [{ name: 'y', shape: [1, 2] }] };
const source = { root: new URL(ROOT), url: (path) => (path === 'ort/api.mjs' ? `data:text/javascript,${encodeURIComponent(API)}//${number}` : `${ROOT}${path}`) };
const download = (_source, files) => async (entry) => {
  assert.ok(files.includes(entry));
  return entry.content;
};
const start = (given) => open({ manifest, target: given, source, download });

test('hands the engine, the weights as one file and the model to the runtime, and fetches nothing by it', async () => {
  const { build, run, dispose } = await start(target());
  assert.equal(build, 'wasm');
  assert.deepEqual([...await run(Float32Array.of(5, 6, 7))], [10, 4]);
  const [call] = globalThis.calls;
  assert.deepEqual(call.executionProviders, ['wasm']);
  assert.equal(call.graphOptimizationLevel, 'disabled');
  assert.deepEqual(call.externalData, [{ path: 'weights.bin', data: Uint8Array.of(1, 2, 3, 4) }]);
  assert.equal(new TextDecoder().decode(call.wasm.wasmBinary), `engine ${number}`);
  assert.equal(call.wasm.wasmPaths.mjs, `${ROOT}ort/glue.mjs`);
  assert.equal(call.wasm.numThreads, 1);
  dispose();
  assert.equal(globalThis.calls.at(-1), 'release');
});

test('modules are loaded under their hash, once for all models with the same engine', async () => {
  const given = target();
  await Promise.all([start(given), start(given)]);
  assert.equal(links.length, 2);
  assert.deepEqual(links.map(({ rel, crossOrigin }) => [rel, crossOrigin]), [['modulepreload', 'anonymous'], ['modulepreload', 'anonymous']]);
  const [api] = given.files.filter(({ role }) => role === 'script');
  assert.equal(links[0].integrity, `sha256-${Buffer.from(api.sha256, 'hex').toString('base64')}`);
});

test('calls run one after the other, each with its own input', async () => {
  const { run } = await start(target());
  const shared = Float32Array.of(1, 0, 0);
  const answers = [1, 2, 3].map((x) => {
    shared[0] = x;
    return run(shared);
  });
  assert.deepEqual((await Promise.all(answers)).map(([y]) => y), [2, 4, 6]);
});

test('with WebGPU the runtime optimizes for it, and the CPU takes what is left', async () => {
  await start(target({ options: { backend: 'webgpu' } }));
  assert.deepEqual([globalThis.calls[0].executionProviders, globalThis.calls[0].graphOptimizationLevel], [['webgpu', 'wasm'], 'all']);
});

for (const [what, given, code, message] of [
  ['a model that is none', () => target({ model: Uint8Array.of(0) }), 'engine', 'ONNX Runtime Web does not take ort/model.onnx: no model; export the bundle again'],
  ['a manifest without an engine', () => target({ without: 'engine' }), 'manifest', 'manifest.json names no scripts, engine or model for the target ort; export the bundle again'],
  ['other numbers than the manifest says', () => target({ options: { outputs: ['y:0', 'y:0'] } }), 'engine', 'the ONNX model gave 4 numbers, the manifest says 2; export the bundle again'],
]) {
  test(`an error names ${what}`, async () => {
    await assert.rejects(start(given()).then(({ run }) => run(new Float32Array(3))), { code, message });
  });
}

test('a module that the policy or its hash forbids is named, and tried again later', async () => {
  const given = target();
  runs = 'error';
  await assert.rejects(start(given), { code: 'engine', message: "ort/api.mjs could not be run as a module; check the page's Content-Security-Policy" });
  runs = 'load';
  assert.deepEqual([...await (await start(given)).run(Float32Array.of(1, 0, 0))], [2, 4]);
});

test('outside a page the target cannot run', async () => {
  delete globalThis.document;
  const files = bundle({ change: (m) => { m.targets = { ort: { parity: 'bound', bound: 1, files: [], options: {} } }; } });
  const { fetch } = serve(files);
  await assert.rejects(load(ROOT, { fetch }), { code: 'target', message: 'the target "ort" cannot run here; use another browser or target' });
  assert.ok(GOOD);
});
