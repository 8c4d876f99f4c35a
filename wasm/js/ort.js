/** The ort target: ONNX Runtime Web and an ONNX model from the bundle, in a page. */
import { EdgekitError } from './edgekit.js'; // not errors.js: the built runtime has one class, whichever file throws it
import { elements } from './manifest.js';
import { base64 } from './sha256.js';
import { countThreads } from './threads.js';

const WEIGHTS = 'weights.bin'; // as the model calls the file that the shards are parts of
const libraries = new Map(); // sha256 of the engine -> promise of the API, which can start it once only

/** Fetch what the model needs by `download`, of fetch.js, and return it ready to run. */
export async function open({ manifest, target, source, signal, report, download, threads }) {
  const role = (name) => target.files.filter((file) => file.role === name);
  const [api, glue] = role('script');
  const [engine] = role('engine');
  const [model] = role('model');
  const shards = role('shard');
  if (!api || !glue || !engine || !model) throw new EdgekitError('manifest', 'manifest.json names no scripts, engine or model for the target ort; export the bundle again', { file: 'manifest.json' });
  const get = download(source, [api, glue, engine, model, ...shards], { signal, report });
  const [, , code, bytes, ...parts] = await Promise.all([api, glue, engine, model, ...shards].map(get));
  const ort = await library({ api, glue, engine, code, source, threads: countThreads(target, threads) });
  const options = target.options ?? {};
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: options.backend === 'webgpu' ? ['webgpu', 'wasm'] : ['wasm'],
    graphOptimizationLevel: options.backend === 'webgpu' ? 'all' : 'disabled', // it was optimized when it was exported
    externalData: parts.length ? [{ path: WEIGHTS, data: join(parts) }] : [],
  }).catch((error) => {
    throw new EdgekitError('engine', `ONNX Runtime Web does not take ${model.path}: ${said(error)}; export the bundle again`, { file: model.path, cause: error });
  });
  return { build: engine.build, run: runner(ort, session, { manifest, options }), dispose: () => { session.release().catch(() => {}); } };
}

/** A function from the flat input to a promise of the flat output; one call after the other, as sessions want it. */
function runner(ort, session, { manifest, options }) {
  let from = 0;
  const inputs = manifest.inputs.map((signature, i) => {
    const slot = { name: options.inputs?.[i] ?? session.inputNames[i], shape: options.input_shapes?.[i] ?? signature.shape, from };
    from += elements(signature);
    return { ...slot, to: from };
  });
  const outputs = options.outputs ?? session.outputNames;
  const count = manifest.outputs.reduce((sum, signature) => sum + elements(signature), 0);
  let last = Promise.resolve();
  const once = async (feeds) => {
    const results = await session.run(feeds, outputs);
    const flat = new Float32Array(count);
    const size = outputs.reduce((sum, name) => sum + results[name].data.length, 0);
    if (size !== count) throw new EdgekitError('engine', `the ONNX model gave ${size} numbers, the manifest says ${count}; export the bundle again`);
    let at = 0;
    for (const name of outputs) {
      flat.set(results[name].data, at);
      at += results[name].data.length;
    }
    return flat;
  };
  return (input) => {
    const feeds = {};
    // A slice: the caller's array may hold another input when the turn comes.
    for (const { name, shape, from: start, to } of inputs) feeds[name] = new ort.Tensor('float32', input.slice(start, to), shape);
    const result = last.then(() => once(feeds));
    last = result.catch(() => {});
    return result;
  };
}

/** Start the runtime once for all models of the page that bring the same one. */
function library(parts) {
  const key = parts.engine.sha256;
  let loading = libraries.get(key);
  if (!loading) {
    loading = start(parts);
    libraries.set(key, loading);
    loading.catch(() => libraries.delete(key));
  }
  return loading;
}

async function start({ api, glue, code, source, threads }) {
  await Promise.all([preload(api, source), preload(glue, source)]);
  const ort = await import(/* @vite-ignore */ source.url(api.path));
  const { wasm } = ort.env;
  wasm.wasmPaths = { mjs: source.url(glue.path) };
  wasm.wasmBinary = code; // fetched, checked and kept like any other file; nothing is fetched by the runtime itself
  wasm.numThreads = source.root.origin === location.origin ? threads : 1; // its workers are of the bundle's origin
  ort.env.logLevel = 'error';
  return ort;
}

/** Load a module under its hash: the one that is imported later is the one that was checked here. */
function preload(script, source) {
  return new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'modulepreload';
    link.href = source.url(script.path);
    link.integrity = `sha256-${base64(script.sha256)}`;
    link.crossOrigin = 'anonymous';
    link.onload = resolve;
    link.onerror = () => {
      link.remove();
      reject(new EdgekitError('engine', `${script.path} could not be run as a module; check the page's Content-Security-Policy`, { file: script.path }));
    };
    document.head.append(link);
  });
}

function join(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function said(error) {
  return String(error?.message ?? error).split('\n')[0].slice(0, 300);
}
