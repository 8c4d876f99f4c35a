/** A model's Python package in Pyodide, with the same two members of a model that verify.js uses. */
const PYODIDE = new URL('pyodide/pyodide.mjs', document.baseURI).href;

/** @param {URL} bundle the bundle's folder */
export async function open(bundle) {
  const { targets } = await (await fetch(new URL('manifest.json', bundle))).json();
  const { package: name, weights } = targets.pyodide.options;
  const lockFileURL = new URL('pyodide/pyodide-lock.json', bundle).href;
  const folder = new URL('.', lockFileURL).href;
  const { loadPyodide } = await import(PYODIDE);
  const python = await loadPyodide({ lockFileURL, packageBaseUrl: folder });
  const found = await python.loadPackage(name.replaceAll('_', '-'), { errorCallback: (text) => { throw new Error(text); } });
  if (found.length !== 1) throw new Error(`loadPackage did not find ${name}`);
  const model = python.pyimport(name);
  await model.load(weights === 'inside' ? '' : folder);
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
