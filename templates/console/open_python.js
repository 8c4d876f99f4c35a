/** Opens a bundle's Python package in Pyodide, which lies at pyodide/ beside the page. */

/**
 * @param {URL} bundle the bundle's folder
 * @returns {Promise<{python: object, model: object, name: string}>} Pyodide, the package's module, ready, and its name
 */
export async function openPython(bundle) {
  const { targets } = await (await fetch(new URL('manifest.json', bundle))).json();
  const { package: name, weights } = targets.pyodide.options;
  const lockFileURL = new URL('pyodide/pyodide-lock.json', bundle).href;
  const packageBaseUrl = new URL('.', lockFileURL).href; // absolute: else the package is not found
  const { loadPyodide } = await import(new URL('pyodide/pyodide.mjs', document.baseURI).href);
  const python = await loadPyodide({ lockFileURL, packageBaseUrl });
  let fault = '';
  await python.loadPackage(name.replaceAll('_', '-'), { messageCallback() {}, errorCallback: (text) => { fault ||= text; } });
  if (fault) throw new Error(fault);
  const model = python.pyimport(name);
  await model.load(weights === 'inside' ? '' : packageBaseUrl);
  return { python, model, name };
}

/** The last line of Python's traceback says what was wrong; the lines above it are Pyodide's. */
export function lastLine(error) {
  return String(error?.message ?? error).trim().split('\n').at(-1);
}
