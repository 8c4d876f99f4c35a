/**
 * node pyodide-node.mjs PYODIDE_DIR BUNDLE_DIR: predict rows with a bundle's Python package in Pyodide under Node.
 * Reads {"inputs": [[...], ...]} from stdin, prints {"outputs", "engine"}.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';

const refuse = (line) => { throw new Error(line); };

async function main([pyodide, bundle]) {
  const { package: name, weights } = JSON.parse(await readFile(`${bundle}/manifest.json`, 'utf8')).targets.pyodide.options;
  const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`).href);
  const folder = `${bundle}/pyodide/`;
  const python = await loadPyodide({ lockFileURL: `${folder}pyodide-lock.json`, packageBaseUrl: folder, stdout() {} });
  await python.loadPackage(name.replaceAll('_', '-'), { messageCallback() {}, errorCallback: refuse });
  python.mountNodeFS('/bundle', bundle);
  python.mountNodeFS('/verify', fileURLToPath(new URL('.', import.meta.url)));
  python.pyimport('sys').path.append('/verify');
  const model = python.pyimport(name);
  await model.load(weights === 'inside' ? '' : '/bundle/pyodide');
  process.stdout.write(`${python.pyimport('answer').answer(model, await text(process.stdin))}\n`);
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`Error: ${String(error.message).trim().split('\n').at(-1)}\n`);
  process.exitCode = 1;
});
