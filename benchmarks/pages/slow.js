import { load } from '/bundle/runtime/edgekit.js';

/** Load the model anew and predict once; the time is from the call of predictArray, when the manifest is here. */
globalThis.visit = async (row) => {
  delete document.documentElement.dataset.state;
  try {
    const model = await load('/bundle/', { target: 'wasm', cache: false });
    performance.clearResourceTimings();
    const begin = performance.now();
    const output = await model.predictArray(row);
    const milliseconds = performance.now() - begin;
    const bytes = performance.getEntriesByType('resource').reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
    globalThis.result = { milliseconds, bytes, files: performance.getEntriesByType('resource').length, output: [...output] };
  } catch (error) {
    globalThis.result = { error: String(error) };
  }
  document.documentElement.dataset.state = 'done';
};
document.documentElement.dataset.state = 'ready';
