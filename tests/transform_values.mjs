// transform_values.mjs VALUES: as tests/dart_programs/transforms.dart, for wasm/js/transforms.js.
import { readFileSync } from 'node:fs';
import { TRANSFORMS, inverse } from '../wasm/js/transforms.js';

const bytes = readFileSync(process.argv[2]);
const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const answers = TRANSFORMS.map((transform) => {
  const undone = Float32Array.from(values, (value) => inverse(transform, value));
  return [transform, Buffer.from(undone.buffer).toString('base64')];
});
process.stdout.write(JSON.stringify(Object.fromEntries(answers)));
