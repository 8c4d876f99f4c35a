/**
 * node visit-node.mjs BUNDLE_DIR OPTIONS: one visit in Node; the bundle's runtime lies beside this file. Prints what
 * `measure` gives. With the option `width` it answers rows instead, float32 from stdin to stdout.
 */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { measure } from './measure.js';

async function fetchFile(url, { signal } = {}) {
  return new Response(await readFile(fileURLToPath(url), { signal }));
}

async function rowsOf(stream, width) {
  const values = new Float32Array(Uint8Array.from(await buffer(stream)).buffer);
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

async function visit(folder, { width, ...options }) {
  const rows = width ? await rowsOf(process.stdin, width) : undefined;
  const runtime = new URL('runtime/edgekit.js', import.meta.url).href;
  const found = await measure(pathToFileURL(`${folder}/`).href, { ...options, rows, runtime, fetch: fetchFile });
  if (rows) return Buffer.concat(found.outputs.map((output) => Buffer.from(output.buffer, output.byteOffset, output.byteLength)));
  // Not process.resourceUsage: its peak starts with that of the parent.
  const peak = /^VmHWM:\s*(\d+) kB$/m.exec(await readFile('/proc/self/status', 'utf8').catch(() => ''));
  if (peak) found.values.memory = 1024 * Number(peak[1]);
  return JSON.stringify(found);
}

try {
  const [folder, options] = process.argv.slice(2);
  process.stdout.write(await visit(folder, JSON.parse(options)));
} catch (error) {
  process.stderr.write(`${String(error?.message ?? error).split('\n')[0]}\n`);
  process.exitCode = 1;
}
