/** A small bundle in memory, with an engine that speaks the ABI and computes a linear model, and a fetch that serves it. */
import { createHash } from 'node:crypto';

/**
 * C compiled to wasm: output j = sum of weights * inputs + bias, weights as float32 from the weights region.
 * Step counts stand for faults: 99 is refused by ek_check (7), 98 traps, 97 makes ek_run return 5.
 */
export const ENGINE = Uint8Array.from(Buffer.from(
  'AGFzbQEAAAABDQJgAX8Bf2ADf39/AX8DAwIAAQQFAXABAQEFAwEAAQYNAn8BQYAIC38AQYAICwcsBAZtZW1vcnkCAAhla19jaGVjawAABmVrX3J1bgAB' +
  'C19faGVhcF9iYXNlAwEKlgMCUQECf0EBIQECQCAAKAIEQSBJDQAgACgCACICKAIAQcWWwYoDRw0AQQIhASAAKAIIIAAoAhByIAJyQQ9xDQBBB0EAIAIo' +
  'AhhB4wBGGyEBCyABC8ECAwp/AX0BfwJAAkACQCACQeIARg0AQQUhAyABDQIgAkHhAEYNAiAAKAIAIgQoAhQiBUUNASAEKAIQIQYgACgCECEHIAAoAggh' +
  'CEEAIQkDQAJAIAQgCSAGakEDdGoiAkEkaigCACIKRQ0AIAJBIGooAgAgB2ohC0EAIQwDQEMAAAAAIQ0CQCAGRQ0AQQAhAQNAAkAgBCABQQN0aiICQSRq' +
  'KAIAIg5FDQAgAkEgaigCACAHaiECIA4hACAIIQMDQCADKgIAIAIqAgCUIA2SIQ0gAkEEaiECIANBBGohAyAAQX9qIgANAAsgCCAOQQJ0aiEICyABQQFq' +
  'IgEgBkcNAAsLIAsgDEECdGogDSAIKgIAkjgCACAIQQRqIQggDEEBaiIMIApHDQALCyAJQQFqIgkgBUYNAgwACwsAC0EAIQMLIAML', 'base64'));

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const size = (tensors) => tensors.map(({ shape }) => shape.reduce((a, b) => a * b, 1));

export const FEATURES = [
  { name: 'age', unit: 'years', kind: 'integer', input: 'x', index: 0, range: [19, 79], mean: 48.5, std: 13 },
  { name: 'sex', unit: '', kind: 'category', input: 'x', index: 1, range: [1, 2], mean: 1.5, std: 0.5, categories: ['female', 'male'] },
  { name: 'bmi', unit: 'kg/m2', kind: 'number', input: 'x', index: 2, range: [18, 42.2], mean: 26.4, std: 4.4 },
];
export const GOOD = { age: 50, sex: 'male', bmi: 25.5 };

/** A plan file; `words` replaces single words of its header. */
export function plan(inputs, outputs, weightBytes, words = {}) {
  const counts = [...size(inputs), ...size(outputs)];
  const arena = 4 * counts.reduce((a, b) => a + b, 0);
  const header = [0x31504b45, 2, arena, weightBytes, inputs.length, outputs.length, 1, 0];
  let offset = 0;
  for (const count of counts) {
    header.push(offset, count);
    offset += 4 * count;
  }
  for (const [at, word] of Object.entries(words)) header[at] = word;
  return new Uint8Array(Uint32Array.from(header).buffer);
}

/**
 * The files of a bundle, path -> bytes, manifest.json among them.
 * weights: float32 numbers, one row for each output number: its factors, then its bias.
 * change: edits the manifest before it is written.
 */
export function bundle({
  inputs = [{ name: 'x', shape: [1, 3], dtype: 'float32' }],
  outputs = [{ name: 'y', shape: [1, 2], dtype: 'float32' }],
  features = FEATURES,
  results = [{ name: 'progression', unit: 'points' }, { name: 'double_age', unit: 'years' }],
  weights = [1, 10, 0.1, 0.5, 2, 0, 0, 0],
  words = {},
  extra = {},
  change = () => {},
} = {}) {
  const raw = new Uint8Array(Float32Array.from(weights).buffer);
  const half = Math.ceil(raw.length / 8) * 4;
  const content = {
    'golden.json': [new TextEncoder().encode('{}'), 'golden'],
    'wasm/plan.bin': [plan(inputs, outputs, raw.length, words), 'plan'],
    'wasm/engine-simd.wasm': [ENGINE, 'engine', { build: 'simd' }],
    'wasm/engine-scalar.wasm': [ENGINE, 'engine', { build: 'scalar' }],
    'wasm/shard-000.0000000000000000.bin': [raw.slice(0, half), 'shard', { first_step: 0 }],
    'wasm/shard-001.1111111111111111.bin': [raw.slice(half), 'shard', { first_step: 1 }],
    ...extra,
  };
  const files = new Map();
  const entries = Object.entries(content).map(([path, [bytes, role, more]]) => {
    files.set(path, bytes);
    return { path, bytes: bytes.length, sha256: sha256(bytes), role, ...more };
  });
  const manifest = structuredClone({
    schema_version: 1, id: 'ab'.repeat(32), name: 'health', version: '1.0.0', task: 'regression',
    inputs, outputs, features, results,
    targets: { wasm: { files: entries.filter((entry) => entry.path.startsWith('wasm/')), parity: 'exact', options: {} } },
    golden: entries[0], quantization: {}, provenance: {}, feature_hash: '',
  });
  const tfjs = entries.filter((entry) => entry.path.startsWith('tfjs/'));
  if (tfjs.length) manifest.targets.tfjs = { files: tfjs, parity: 'bound', bound: 0.1, options: {} };
  change(manifest);
  files.set('manifest.json', new TextEncoder().encode(JSON.stringify(manifest)));
  return files;
}

/**
 * A fetch over the files. `faults`: path -> function from the honest Response and (init, count of this path's
 * requests) to what is answered instead. `log` holds the paths in the order asked.
 */
export function serve(files, faults = {}) {
  const log = [];
  const fetch = async (url, init = {}) => {
    const path = decodeURI(new URL(url).pathname).replace('/bundle/', '');
    log.push(path);
    init.signal?.throwIfAborted();
    const bytes = files.get(path);
    const honest = bytes ? new Response(bytes) : new Response('no such file', { status: 404 });
    return faults[path] ? faults[path](honest, init, log.filter((name) => name === path).length) : honest;
  };
  return { fetch, log };
}

export const ROOT = 'http://test.invalid/bundle/';
