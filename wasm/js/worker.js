/** Runs in a Web Worker: the engine of one model, of which remote.js asks what it would ask wasm.js for in the page. */
import { prepare } from './wasm.js';

let members; // by name, all that can be asked for

self.onmessage = async ({ data: { number, method, args } }) => {
  try {
    self.postMessage({ number, result: await answer(method, args) });
  } catch ({ code, message, file }) {
    self.postMessage({ number, error: { code, message, file } });
  }
};

async function answer(method, args) {
  if (method === 'prepare') {
    const { runner, ...others } = await prepare(...args);
    members = { ...runner, ...others };
    return runner.steps;
  }
  const result = members[method](...args);
  return ArrayBuffer.isView(result) ? result.slice() : result; // a view would take the engine's whole memory along
}
