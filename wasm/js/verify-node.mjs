/**
 * node verify-node.mjs BUNDLE_DIR [BUILD]: predict rows with the wasm target under Node.
 * Reads {"inputs": [[...], ...]} from stdin, prints {"outputs": [[...], ...], "build": ..., "runtime": ...}.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { load } from './edgekit.js';

/** The exit code where the build is not one for this device; edgekit/runtimes/node.py knows it. */
const UNFIT_EXIT = 4;

/** The fetch of a folder: a file, or 404. */
async function fetchFile(url, { signal } = {}) {
  try {
    return new Response(await readFile(fileURLToPath(url), { signal }));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EISDIR' || error.code === 'ENOTDIR') return new Response(null, { status: 404 });
    throw error;
  }
}

async function main([folder, build]) {
  if (!folder) throw new Error('usage: node verify-node.mjs BUNDLE_DIR [BUILD] < rows.json');
  const { inputs } = readRows(await text(process.stdin));
  const model = await load(pathToFileURL(`${folder}/`), { target: 'wasm', build, fetch: fetchFile });
  const outputs = [];
  for (const row of inputs) outputs.push(Array.from(await model.predictArray(row)));
  await model.warmUp(); // names the build also when there were no rows
  process.stdout.write(`${JSON.stringify({ outputs, build: model.build, runtime: `node ${process.version}` }, asText)}\n`);
}

/** JSON has no -0: a number's text keeps it. */
function asText(_key, value) {
  return Object.is(value, -0) ? '-0' : value;
}

function readRows(json) {
  let rows;
  try {
    rows = JSON.parse(json);
  } catch {
    throw new Error('stdin is not JSON; give {"inputs": [[...], ...]}');
  }
  if (!Array.isArray(rows?.inputs)) throw new Error('stdin has no list "inputs"; give {"inputs": [[...], ...]}');
  return rows;
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${String(error.message).split('\n')[0]}\n`);
  process.exitCode = error.code === 'unfit' ? UNFIT_EXIT : 1;
});
