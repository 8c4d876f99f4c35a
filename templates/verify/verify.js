/**
 * The page in which `edgekit verify` runs a bundle. The driver calls `start`, waits until data-state is
 * "done" or "failed", and reads `result`. Numbers travel as base64 of float32, so NaN and -0 arrive as they are.
 */
const RUNTIME = './bundle/runtime/edgekit.js';
const state = { model: null, result: null };

globalThis.edgekitVerify = {
  /** @param {{target: string, build: string|null, rows: string, width: number}} work rows: float32, row by row */
  start(work) {
    show('running');
    // Later, so that this call returns even if the model never does.
    setTimeout(async () => {
      try {
        state.result = await answer(work);
        show('done');
      } catch (error) {
        state.result = { [error?.code === 'unfit' ? 'unfit' : 'error']: String(error?.message ?? error) };
        show('failed');
      }
    });
  },
  result: () => state.result,
};
show('ready');

async function answer({ target, build, rows, width }) {
  state.model ??= await open(target, build);
  const inputs = floats(rows);
  const outputs = [];
  const before = performance.now();
  for (let from = 0; from < inputs.length; from += width) {
    outputs.push(await state.model.predictArray(inputs.subarray(from, from + width)));
  }
  const seconds = (performance.now() - before) / 1000;
  return { outputs: outputs.map(base64), build: state.model.build, seconds };
}

async function open(target, build) {
  const bundle = new URL('bundle/', document.baseURI);
  if (target === 'pyodide') return (await import('./pyodide.js')).open(bundle);
  const { load } = await import(RUNTIME);
  const model = await load(bundle.href, { target, build: build ?? undefined });
  await model.warmUp();
  return model;
}

function show(name) {
  document.documentElement.dataset.state = name;
}

function floats(text) {
  return new Float32Array(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer);
}

function base64(values) {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = '';
  for (let from = 0; from < bytes.length; from += 8192) text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  return btoa(text);
}
