/** The tfjs target: TensorFlow.js and a graph model from the bundle, on the cpu backend, in a page. */
import { EdgekitError } from './edgekit.js'; // not errors.js: the built runtime has one class, whichever file throws it
import { elements } from './manifest.js';
import { base64 } from './sha256.js';

const libraries = new Map(); // sha256 -> promise of the `tf` that the script defines

/** Fetch what the model needs by `download`, of fetch.js, and return it ready to run. */
export async function open({ manifest, target, source, signal, report, download }) {
  const role = (name) => target.files.filter((file) => file.role === name);
  const [script] = role('script');
  const [model] = role('model');
  const weights = role('weights');
  if (!script || !model) throw new EdgekitError('manifest', 'manifest.json names no script or model for the target tfjs; export the bundle again', { file: 'manifest.json' });
  const get = download(source, [script, model, ...weights], { signal, report });
  const parts = await Promise.all([script, model, ...weights].map(get));
  const tf = await library(script, source);
  const artifacts = readModel(model, parts[1], new Map(weights.map((file, i) => [file.path, parts[i + 2]])));
  const graph = await tf.loadGraphModel(tf.io.fromMemory(artifacts));
  return { build: tf.getBackend(), run: runner(tf, graph, { manifest, options: target.options ?? {} }), dispose: () => graph.dispose() };
}

/** A function from the flat input to the flat output; what it returns is overwritten by the next run. */
function runner(tf, graph, { manifest, options }) {
  let from = 0;
  const inputs = manifest.inputs.map((signature, i) => {
    const slot = { name: options.inputs?.[i] ?? graph.inputs[i].name, shape: options.input_shapes?.[i] ?? signature.shape, from };
    from += elements(signature);
    return { ...slot, to: from };
  });
  const outputs = options.outputs ?? graph.outputs.map((tensor) => tensor.name);
  const count = manifest.outputs.reduce((sum, signature) => sum + elements(signature), 0);
  const flat = new Float32Array(count);
  return (input) => {
    tf.engine().startScope();
    try {
      const feeds = {};
      // A slice, not a view: the cpu backend keeps the array it is given.
      for (const { name, shape, from, to } of inputs) feeds[name] = tf.tensor(input.slice(from, to), shape, 'float32');
      const results = graph.execute(feeds, outputs);
      const parts = (Array.isArray(results) ? results : [results]).map((tensor) => tensor.dataSync());
      const size = parts.reduce((sum, part) => sum + part.length, 0);
      if (size !== count) throw new EdgekitError('engine', `the TensorFlow.js model gave ${size} numbers, the manifest says ${count}; export the bundle again`);
      let at = 0;
      for (const part of parts) {
        flat.set(part, at);
        at += part.length;
      }
      return flat;
    } finally {
      tf.engine().endScope();
    }
  };
}

/** The artifacts of a graph model, from bytes that were checked; nothing is fetched by TensorFlow.js itself. */
function readModel(file, bytes, weights) {
  const refuse = (why) => new EdgekitError('engine', `${file.path} ${why}; export the bundle again`, { file: file.path });
  let json;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw refuse('is not JSON');
  }
  const groups = json?.weightsManifest;
  if (!json?.modelTopology || !Array.isArray(groups)) throw refuse('is not a graph model');
  const folder = file.path.slice(0, file.path.lastIndexOf('/') + 1);
  const parts = groups.flatMap((group) => group.paths).map((path) => {
    const part = weights.get(folder + path);
    if (!part) throw refuse(`wants the weights ${JSON.stringify(path)}, which the manifest does not name`);
    return part;
  });
  const { weightsManifest, ...rest } = json;
  return { ...rest, weightSpecs: groups.flatMap((group) => group.weights), weightData: join(parts).buffer };
}

/** Run the script once for all models of the page that bring the same one. */
function library(script, source) {
  let loading = libraries.get(script.sha256);
  if (!loading) {
    loading = addScript(script, source).then(ready);
    libraries.set(script.sha256, loading);
    loading.catch(() => libraries.delete(script.sha256));
  }
  return loading;
}

function addScript(script, source) {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.src = source.url(script.path);
    // Its bytes were checked already; the browser checks that what it runs has the same hash.
    element.integrity = `sha256-${base64(script.sha256)}`;
    element.crossOrigin = 'anonymous';
    const fail = () => new EdgekitError('engine', `${script.path} could not be run as a script; check the page's Content-Security-Policy`, { file: script.path });
    element.onload = () => (globalThis.tf ? resolve(globalThis.tf) : reject(fail()));
    element.onerror = () => {
      element.remove();
      reject(fail());
    };
    document.head.append(element);
  });
}

async function ready(tf) {
  // Without both, a model that loads quickly finds no backend and throws.
  await tf.setBackend('cpu');
  await tf.ready();
  return tf;
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
