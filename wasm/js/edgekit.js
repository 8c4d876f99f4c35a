/** edgekit in the browser: `const model = await load('bundle/'); await model.predict({age: 50, ...})`. */
import { openCache } from './cache.js';
import { EdgekitError, aborted } from './errors.js';
import { Features } from './features.js';
import { download, openSource } from './fetch.js';
import { elements, fetchManifest } from './manifest.js';
import * as remote from './remote.js';
import { Shared } from './shared.js';
import { inverse } from './transforms.js';
import * as wasm from './wasm.js';

export { EdgekitError };

/** The targets that run in a browser, the one to prefer first. */
const inPage = () => typeof document === 'object';
const TARGETS = { wasm, tfjs: { isSupported: inPage, open: openTfjs }, ort: { isSupported: inPage, open: openOrt } };

/** TensorFlow.js comes as a script, which only a page can load; a page that runs the wasm engine does not fetch this. */
async function openTfjs(context) {
  return (await import('./tfjs.js')).open({ ...context, download });
}

/** ONNX Runtime Web comes as modules that a page imports, and as WebAssembly. */
async function openOrt(context) {
  return (await import('./ort.js')).open({ ...context, download });
}

/** Open a bundle. Only its manifest is fetched now; the rest with the first prediction, or by `warmUp`. */
export async function load(url, { target, build, threads, fetch, signal, onProgress, cache = true, patience, worker = false } = {}) {
  const source = openSource(url, fetch, patience);
  const store = openCache(cache, source.root.href);
  const manifest = await fetchManifest(source, signal, store?.manifest);
  const chosen = chooseTarget(manifest, target);
  if (worker) requireWorker(chosen);
  return new Model({ ...source, kept: store?.files(manifest) }, manifest, { target: chosen, build, threads, onProgress, worker });
}

function requireWorker(target) {
  if (target !== 'wasm') throw new EdgekitError('target', `the target "${target}" cannot run in a worker; leave out the option worker`);
  if (!remote.isSupported()) throw new EdgekitError('target', 'there are no workers here; leave out the option worker');
}

function chooseTarget({ targets }, wanted) {
  const here = Object.keys(TARGETS).filter((name) => Object.hasOwn(targets, name));
  const name = wanted ?? here.find((candidate) => TARGETS[candidate].isSupported()) ?? here[0];
  if (!here.includes(name)) {
    const what = wanted ? `no target "${wanted}" for the browser` : 'no target for the browser';
    throw new EdgekitError('target', `the bundle has ${what}; its targets are: ${Object.keys(targets).join(', ') || 'none'}`);
  }
  if (!TARGETS[name].isSupported()) throw new EdgekitError('target', `the target "${name}" cannot run here; use another browser or target`);
  return name;
}

/** What a run of an engine gave, for its caller to keep. */
function owned(flat) {
  return flat instanceof Float32Array ? flat.slice() : flat;
}

class Model {
  #features;
  #outputs;
  #flat;
  #loading;
  #onProgress;
  #early = {}; // the first prediction that waits, which runs while the model comes
  #engine = null;
  #isDisposed = false;

  constructor(source, manifest, { target, build, threads, onProgress, worker }) {
    this.manifest = manifest;
    this.target = target;
    this.#features = new Features(manifest);
    this.#outputs = manifest.outputs.map((signature) => ({ name: signature.name, size: elements(signature) }));
    this.#flat = new Float32Array(this.#features.count);
    this.#onProgress = onProgress;
    const context = { manifest, target: manifest.targets[target], source, build, threads, worker };
    this.#loading = new Shared(`the model "${manifest.name}"`, (signal, report) => this.#open({ ...context, signal, report }));
  }

  get build() {
    return this.#engine?.build ?? null;
  }

  async warmUp({ signal, onProgress } = {}) {
    await this.#ready(signal, onProgress);
  }

  async predict(input, { outOfRange, signal } = {}) {
    this.#requireAlive();
    this.#features.encode(input, this.#flat, outOfRange);
    if (this.#engine) {
      const flat = this.#run(signal);
      return this.#name(flat instanceof Float32Array ? flat : await flat);
    }
    return this.#name(await this.#predictEarly(signal));
  }

  async predictArray(flat, { signal } = {}) {
    this.#requireAlive();
    this.#features.copy(flat, this.#flat);
    if (this.#engine) return owned(this.#run(signal));
    return this.#predictEarly(signal);
  }

  check(input, { outOfRange } = {}) {
    return this.#features.check(input, outOfRange);
  }

  dispose() {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#engine?.dispose?.(this.#gone());
    this.#engine = null;
    this.#loading.drop(this.#gone());
    this.#loading = this.#flat = this.#early = null;
  }

  /** Predict from the shared input before the model is here: the first such call as it comes, the others then. */
  async #predictEarly(signal) {
    // Other calls overwrite the shared input while this one waits, so it keeps its own.
    const own = this.#flat.slice();
    const ready = this.#ready(signal);
    const early = this.#early; // that of the loading which has begun by now
    early.input ??= own;
    const engine = await ready;
    return early.input === own && early.output ? early.output : owned(engine.run(own, signal));
  }

  /** Run the engine on the shared input: an array that the next run overwrites, or in a worker a promise of an own one. */
  #run(signal) {
    if (signal?.aborted) throw remote.abortedPrediction(signal);
    return this.#engine.run(this.#flat, signal);
  }

  async #ready(signal, onProgress = this.#onProgress) {
    this.#requireAlive();
    const engine = await this.#loading.get({ signal, onProgress });
    this.#requireAlive();
    return engine;
  }

  /** Fetch and build the engine; one that nobody waits for any more is thrown away. */
  async #open(context) {
    const early = (this.#early = {});
    const worker = context.worker ? remote.startWorker(context.signal) : null;
    const engine = await TARGETS[this.target].open({ ...context, early, worker });
    if (context.signal.aborted) {
      engine.dispose?.();
      throw aborted(this.manifest.name, context.signal);
    }
    this.#engine = engine;
    context.source.kept?.complete(); // not waited for: it is for the next visit
    return engine;
  }

  /** Results by name, each with its transform undone; a model with too many outputs to name gives an array for each output tensor. */
  #name(flat) {
    const named = {};
    const { results } = this.manifest;
    for (let i = 0; i < results.length; i++) named[results[i].name] = inverse(results[i].transform, flat[i]);
    if (results.length) return named;
    let from = 0;
    for (const { name, size } of this.#outputs) named[name] = flat.slice(from, (from += size));
    return named;
  }

  #requireAlive() {
    if (this.#isDisposed) throw this.#gone();
  }

  #gone() {
    return new EdgekitError('disposed', `the model "${this.manifest.name}" was disposed; load it again`);
  }
}
