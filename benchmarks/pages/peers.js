/**
 * Run one model through several runtimes, in turn. The driver calls `prepare` and judges the answers, then calls
 * `time`; data-state says when `globalThis.result` is there. A runtime is {name, note, answer(row), block(n)}, where
 * block predicts n times one after the other through the runtime's public API, float32 in and out.
 */
import { load } from './bundle/runtime/edgekit.js';

const WARM_MS = 1000; // until the optimizing compiler is done
const BLOCK_MS = 5; // a thousand times what the clock resolves
const RUNTIMES = { edgekit, 'LiteRT.js': litert, 'TF.js': tfjs, 'onnxruntime-web': onnx };

let runtimes = [];

globalThis.prepare = (work) => settle(async () => {
  const rows = await fetchRows(work);
  const answers = {};
  const notes = {};
  for (const name of work.runtimes) runtimes.push(...(await RUNTIMES[name](rows, work)));
  for (const { name, note, answer } of runtimes) {
    const outputs = [];
    for (const row of rows) outputs.push(...(await answer(row)));
    answers[name] = base64(Float32Array.from(outputs));
    notes[name] = note;
  }
  return { answers, notes, isolated: crossOriginIsolated };
});

globalThis.time = ({ seconds, seed }) => settle(async () => {
  const random = mulberry32(seed);
  const calls = {};
  for (const runtime of runtimes) calls[runtime.name] = await warmUp(runtime);
  const samples = Object.fromEntries(runtimes.map(({ name }) => [name, []]));
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    for (const { name, block } of shuffled(runtimes, random)) {
      const before = performance.now();
      await block(calls[name]);
      samples[name].push((performance.now() - before) / calls[name]);
    }
    await new Promise((resume) => setTimeout(resume)); // the page lives on
  }
  return { samples, calls };
});
document.documentElement.dataset.state = 'ready';

async function edgekit(rows, { build, threads }) {
  const model = await load('bundle/', { target: 'wasm', build: build ?? undefined, threads });
  await model.warmUp();
  const array = {
    name: 'edgekit',
    note: `build ${model.build}`,
    answer: (row) => model.predictArray(row),
    async block(n) {
      for (let i = 0; i < n; i++) await model.predictArray(rows[i % rows.length]);
    },
  };
  const { features, results } = model.manifest;
  if (!features.length || !results.length) return [array];
  const named = (row) => Object.fromEntries(features.map((feature) => [feature.name, row[place(model.manifest, feature)]]));
  const inside = rows.map(named).filter((input) => !model.check(input).length);
  if (!inside.length) return [array];
  return [array, {
    name: 'edgekit, by name',
    note: 'predict({feature: value})',
    // A row that is only good for the model, such as half a year of age, cannot be given by name.
    answer: async (row) => (model.check(named(row)).length ? model.predictArray(row) : Object.values(await model.predict(named(row)))),
    async block(n) {
      for (let i = 0; i < n; i++) await model.predict(inside[i % inside.length]);
    },
  }];
}

/** Where a feature is in the flat input. */
function place({ inputs }, { input, index }) {
  let at = index;
  for (const { name, shape } of inputs) {
    if (name === input) return at;
    at += elements(shape);
  }
  throw new Error(`the manifest has no input ${input}`);
}

async function litert(rows, { inputs, threads }) {
  const { loadLiteRt, loadAndCompile, Tensor, supportsFeature } = await import('./litert/index.js');
  await loadLiteRt('litert/wasm/', { threads: threads > 1 });
  const model = await loadAndCompile('bundle/tflite/model.tflite', { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  const cut = cutter(inputs);
  const shapes = inputs.map(({ shape }) => shape);
  const answer = async (row) => {
    const feeds = cut(row).map((values, i) => new Tensor(values, shapes[i]));
    const outputs = await model.run(feeds);
    const values = outputs.map((tensor) => tensor.toTypedArray());
    for (const tensor of [...feeds, ...outputs]) tensor.delete();
    return values.length === 1 ? values[0] : values.flatMap((array) => [...array]);
  };
  const files = performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1));
  const relaxed = await supportsFeature('relaxedSimd');
  return [{
    name: 'LiteRT.js',
    note: `${files.find((name) => /^litert.*\.wasm$/.test(name))}, relaxed SIMD ${relaxed ? 'yes' : 'no'}`,
    answer,
    async block(n) {
      for (let i = 0; i < n; i++) await answer(rows[i % rows.length]);
    },
  }];
}

async function tfjs(rows, { inputs, tfjs: options }) {
  await addScript('bundle/tfjs/tf.js');
  const { tf } = globalThis;
  await tf.setBackend('cpu');
  await tf.ready();
  const graph = await tf.loadGraphModel('bundle/tfjs/model.json');
  const cut = cutter(inputs);
  const answer = (row) => tf.tidy(() => {
    const parts = cut(row);
    const feeds = Object.fromEntries(options.inputs.map((name, i) => [name, tf.tensor(parts[i], options.input_shapes[i])]));
    const outputs = graph.execute(feeds, options.outputs);
    return Array.isArray(outputs) ? outputs.flatMap((tensor) => [...tensor.dataSync()]) : outputs.dataSync();
  });
  return [{
    name: 'TF.js',
    note: `backend ${tf.getBackend()}`,
    answer,
    async block(n) {
      for (let i = 0; i < n; i++) answer(rows[i % rows.length]);
    },
  }];
}

async function onnx(rows, { inputs, threads, onnx: models }) {
  const ort = await import('./ort/ort.wasm.min.mjs');
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = new URL('ort/', location.href).href;
  const cut = cutter(inputs);
  return Promise.all(Object.entries(models).map(async ([name, url]) => {
    const session = await ort.InferenceSession.create(url, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
    // The converter keeps the order of the inputs; it may rename them.
    const answer = async (row) => {
      const parts = cut(row);
      const feeds = Object.fromEntries(session.inputNames.map((input, i) => [input, new ort.Tensor('float32', parts[i], inputs[i].shape)]));
      const outputs = await session.run(feeds);
      const values = session.outputNames.map((output) => outputs[output].data);
      return values.length === 1 ? values[0] : values.flatMap((array) => [...array]);
    };
    return {
      name,
      note: `ort-wasm-simd-threaded.wasm, threads ${ort.env.wasm.numThreads}`,
      answer,
      async block(n) {
        for (let i = 0; i < n; i++) await answer(rows[i % rows.length]);
      },
    };
  }));
}

/** A function that cuts the flat input into one array for each input of the model. */
function cutter(inputs) {
  let end = 0;
  const ends = inputs.map(({ shape }) => (end += elements(shape)));
  return (row) => (ends.length === 1 ? [row] : ends.map((to, i) => row.subarray(ends[i - 1] ?? 0, to)));
}

/** Run until it is as fast as it gets; resolves to the number of calls that make a block. */
async function warmUp({ block }) {
  const end = performance.now() + WARM_MS;
  let calls = 1;
  let best = Infinity;
  do {
    const before = performance.now();
    await block(calls);
    const took = performance.now() - before;
    best = Math.min(best, took / calls);
    if (took < BLOCK_MS) calls *= 2;
  } while (performance.now() < end);
  return Math.max(1, Math.round(BLOCK_MS / best));
}

async function settle(work) {
  document.documentElement.dataset.state = 'running';
  try {
    globalThis.result = await work();
    document.documentElement.dataset.state = 'done';
  } catch (error) {
    globalThis.result = { error: String(error?.message ?? error) };
    document.documentElement.dataset.state = 'failed';
  }
}

async function fetchRows({ width }) {
  const flat = new Float32Array(await (await fetch('rows.bin')).arrayBuffer());
  // Arrays of their own: no runtime gets a view into a larger buffer.
  return Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width));
}

function addScript(src) {
  return new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement('script'), { src, onload: resolve, onerror: reject }));
  });
}

function shuffled(items, random) {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

/** A small generator of random numbers in [0, 1), the same for the same seed. */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function elements(shape) {
  return shape.reduce((product, n) => product * n, 1);
}

function base64(values) {
  const bytes = new Uint8Array(values.buffer);
  let text = '';
  for (let from = 0; from < bytes.length; from += 8192) text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  return btoa(text);
}
