/** node dart_rows.mjs MODULE CASES.json: answers as tests/dart_programs/rows.dart does, by the translated kernels. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, file] = process.argv.slice(2);
const { run } = await import(pathToFileURL(module));
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
const answers = JSON.parse(readFileSync(file, 'utf8')).map((one) => {
  const flat = new Float32Array(bytes(one.rows).buffer);
  const rows = Array.from({ length: flat.length / one.width }, (_, i) => flat.slice(i * one.width, (i + 1) * one.width));
  const out = Float32Array.from(run({ plan: bytes(one.plan), weights: bytes(one.weights), rows }).flat());
  return Buffer.from(out.buffer).toString('base64');
});
process.stdout.write(JSON.stringify(answers));
