/** A model's Python package in Pyodide, with the two members of a model that verify.js uses. */
import { lastLine, openPython } from './open_python.js';

export async function open(bundle) {
  const { python, model } = await openPython(bundle).catch((error) => { throw new Error(lastLine(error)); });
  return {
    build: null,
    async predictArray(flat) {
      const given = python.toPy(flat);
      const answer = model.predict_array(given);
      try {
        return Float32Array.from(answer.toJs());
      } finally {
        given.destroy();
        answer.destroy();
      }
    },
  };
}
