import { EdgekitError } from './errors.js';
import { readBody, request, room } from './fetch.js';
import { retry } from './retry.js';
import { TRANSFORMS } from './transforms.js';

/** 2 adds the steps of a feature and the transform of a result. */
export const SCHEMA_VERSIONS = [1, 2];
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
const MAX_FILE_BYTES = 2_000_000_000;
const MAX_ELEMENTS = 2 ** 28;
// Relative, forward slashes, plain names, nothing hidden: no scheme, no "..", no query can be written with it.
const PATH = /^(?=.{1,200}$)[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;
const SHA256 = /^[0-9a-f]{64}$/;
const FILE = 'manifest.json';

/**
 * Fetch and check a bundle's manifest; always asks the server whether it is still the newest.
 * @param {() => Promise<string | undefined>} [kept] the text to take when the server cannot be reached
 */
export async function fetchManifest(source, signal, kept) {
  const tooMany = () => refusal(`is larger than ${MAX_MANIFEST_BYTES} bytes`);
  const text = await retry(async (life) => {
    const response = await request(source, FILE, { cache: 'no-cache', signal: life.signal });
    const part = room(MAX_MANIFEST_BYTES, FILE);
    await readBody(response, part, { path: FILE, ...life, tooMany });
    return new TextDecoder().decode(part.bytes.subarray(0, part.size));
  }, { path: FILE, signal, patience: source.patience, instead: kept });
  return parseManifest(text);
}

/** Read the text of a manifest; what is wrong is an EdgekitError that names the place. */
export function parseManifest(text) {
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw refusal('is not JSON');
  }
  record(manifest, '');
  if (!SCHEMA_VERSIONS.includes(manifest.schema_version)) {
    const found = JSON.stringify(manifest.schema_version) ?? 'none';
    throw new EdgekitError('manifest', `${FILE} has schema_version ${found}, this runtime reads ${SCHEMA_VERSIONS.join(' and ')}; use the runtime of the same edgekit`, { file: FILE });
  }
  if (!SHA256.test(manifest.id)) throw refusal('has a malformed id');
  for (const key of ['name', 'version', 'task']) string(manifest[key], key);
  checkFiles(manifest);
  const inputs = signatures(manifest.inputs, 'inputs');
  const outputs = signatures(manifest.outputs, 'outputs');
  checkFeatures(manifest, inputs);
  checkResults(manifest, outputs);
  record(manifest.quantization ?? {}, 'quantization');
  return freeze(manifest);
}

/** The count of numbers in a signature. */
export function elements({ shape }) {
  return shape.reduce((product, n) => product * n, 1);
}

function checkFiles({ targets, golden }) {
  const seen = new Map();
  record(targets, 'targets');
  for (const [name, target] of Object.entries(targets)) {
    record(target, `targets.${name}`);
    if (target.options != null) record(target.options, `targets.${name}.options`);
    if (!['exact', 'near', 'bound'].includes(target.parity)) throw refusal(`declares no usable parity for target ${name}`);
    list(target.files, `targets.${name}.files`).forEach((file, i) => checkFile(file, `targets.${name}.files[${i}]`, seen));
  }
  checkFile(golden, 'golden', seen);
}

function checkFile(file, where, seen) {
  record(file, where);
  const { path, bytes, sha256 } = file;
  string(path, `${where}.path`);
  string(file.role, `${where}.role`);
  if (!PATH.test(path)) throw refusal(`names the unsafe path ${JSON.stringify(path)}`);
  if (!SHA256.test(sha256)) throw refusal(`has a malformed sha256 for ${path}`);
  if (!whole(bytes, 0, MAX_FILE_BYTES)) throw refusal(`has an impossible size for ${path}`);
  const content = `${bytes} ${sha256}`;
  if (path === FILE || (seen.get(path) ?? content) !== content) throw refusal(`describes ${path} twice`);
  seen.set(path, content);
}

function signatures(value, where) {
  if (list(value, where).length === 0) throw refusal(`has no ${where}`);
  const sizes = new Map();
  value.forEach((signature, i) => {
    const place = `${where}[${i}]`;
    record(signature, place);
    string(signature.name, `${place}.name`);
    if (signature.dtype !== 'float32') throw refusal(`has a dtype in ${place} that is not float32`);
    if (!list(signature.shape, `${place}.shape`).every((n) => whole(n, 1, MAX_ELEMENTS)) || elements(signature) > MAX_ELEMENTS) {
      throw refusal(`has an impossible shape in ${place}`);
    }
    if (sizes.has(signature.name)) throw refusal(`names ${where} ${JSON.stringify(signature.name)} twice`);
    sizes.set(signature.name, elements(signature));
  });
  return sizes;
}

/** How many features each input has: of a series, the numbers from one step to the next. */
export function countBy(features) {
  const counts = new Map();
  for (const feature of Array.isArray(features) ? features : []) counts.set(feature?.input, (counts.get(feature?.input) ?? 0) + 1);
  return counts;
}

function checkFeatures({ features }, inputs) {
  const names = new Set();
  const places = new Set();
  const apart = countBy(features);
  list(features, 'features').forEach((feature, i) => {
    const where = `features[${i}]`;
    record(feature, where);
    unique(feature.name, `${where}.name`, names);
    string(feature.unit, `${where}.unit`);
    if (!['number', 'integer', 'category'].includes(feature.kind)) throw refusal(`has an unknown kind in ${where}`);
    const { input, index, steps = 1 } = feature;
    const last = whole(steps, 1, MAX_ELEMENTS) ? index + (steps - 1) * apart.get(input) : -1;
    if (!inputs.has(input) || !whole(index, 0, last) || !whole(last, 0, inputs.get(input) - 1)) {
      throw refusal(`puts ${where} in a place that no input has`);
    }
    for (let s = 0; s < steps; s++) unique(`${input} ${index + s * apart.get(input)}`, `the place of ${where}`, places);
    const [low, high] = list(feature.range, `${where}.range`);
    if (feature.range.length !== 2 || !Number.isFinite(low) || !Number.isFinite(high) || low > high) {
      throw refusal(`has a range in ${where} that is not two numbers, the lower first`);
    }
    if (!Number.isFinite(feature.mean)) throw refusal(`has a mean in ${where} that is not a number`);
    const labels = new Set();
    list(feature.categories ?? [], `${where}.categories`).forEach((label, j) => unique(label, `${where}.categories[${j}]`, labels));
  });
  const count = sum(inputs);
  if (features.length && places.size !== count) throw refusal(`has ${places.size === features.length ? '' : `${places.size} numbers of `}${features.length} features for ${count} input numbers`);
}

function checkResults({ results }, outputs) {
  const names = new Set();
  list(results, 'results').forEach((result, i) => {
    record(result, `results[${i}]`);
    unique(result.name, `results[${i}].name`, names);
    string(result.unit, `results[${i}].unit`);
    if (![undefined, ...TRANSFORMS].includes(result.transform)) throw refusal(`has an unknown transform in results[${i}]`);
  });
  const count = sum(outputs);
  if (results.length && results.length !== count) throw refusal(`has ${results.length} results for ${count} output numbers`);
}

function unique(name, where, names) {
  string(name, where);
  if (names.has(name) || name === '__proto__') throw refusal(`cannot use ${JSON.stringify(name)} for ${where}`);
  names.add(name);
}

function record(value, where) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refusal(where ? `needs an object for ${where}` : 'is not a JSON object');
}

function list(value, where) {
  if (!Array.isArray(value)) throw refusal(`needs a list for ${where}`);
  return value;
}

function string(value, where) {
  if (typeof value !== 'string') throw refusal(`needs text for ${where}`);
}

function whole(value, low, high) {
  return Number.isInteger(value) && value >= low && value <= high;
}

function sum(sizes) {
  return [...sizes.values()].reduce((a, b) => a + b, 0);
}

function refusal(what) {
  return new EdgekitError('manifest', `${FILE} ${what}; export the bundle again`, { file: FILE });
}

function freeze(value) {
  if (typeof value !== 'object' || value === null) return value;
  Object.values(value).forEach(freeze);
  return Object.freeze(value);
}
