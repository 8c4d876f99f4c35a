/**
 * node visit-node.mjs BUNDLE_DIR OPTIONS: one visit in Node; the bundle's runtime lies beside this file. Prints what
 * `measure` gives. With the option `width` it answers rows instead, float32 from stdin to stdout.
 */
import { openSync, readFileSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { measure } from './measure.js';

async function fetchFile(url, { signal } = {}) {
  signal?.throwIfAborted();
  return new Response(readFileSync(fileURLToPath(url))); // in this thread, whose waits are known
}

/**
 * A clock that stands still while this process waits because others have the processors. Linux tells how long the
 * thread that runs JavaScript was ready to run and did not: the second number of schedstat, in ns.
 */
function stopwatch() {
  const text = Buffer.alloc(64);
  try {
    const file = openSync('/proc/self/schedstat');
    const waited = () => Number(text.latin1Slice(0, readSync(file, text, 0, 64, 0)).split(' ')[1]);
    if (!(waited() >= 0)) return undefined;
    return () => {
      for (;;) {
        const before = waited();
        const clock = performance.now();
        if (waited() === before) return clock - before / 1e6; // no wait between the two readings
      }
    };
  } catch {
    return undefined;
  }
}

async function rowsOf(stream, width) {
  const values = new Float32Array(Uint8Array.from(await buffer(stream)).buffer);
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

async function visit(folder, { width, ...options }) {
  const rows = width ? await rowsOf(process.stdin, width) : undefined;
  const runtime = new URL('runtime/edgekit.js', import.meta.url).href;
  const found = await measure(pathToFileURL(`${folder}/`).href, { ...options, rows, runtime, now: stopwatch(), fetch: fetchFile });
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
