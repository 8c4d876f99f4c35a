import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifest } from '../../wasm/js/manifest.js';
import { bundle } from './bundle_fixture.mjs';

const text = (change) => new TextDecoder().decode(bundle({ change }).get('manifest.json'));
const file = (edit) => (m) => edit(m.targets.wasm.files[0]);
const AGAIN = 'export the bundle again';

/** [what is attacked, the edit, what follows "manifest.json " up to the advice] */
const ATTACKS = [
  ['a later schema', (m) => { m.schema_version = 3; }, 'has schema_version 3, this runtime reads 1 and 2; use the runtime of the same edgekit'],
  ['no schema', (m) => { delete m.schema_version; }, 'has schema_version none, this runtime reads 1 and 2; use the runtime of the same edgekit'],
  ['a malformed id', (m) => { m.id = 'x'; }, `has a malformed id; ${AGAIN}`],
  ['no name', (m) => { delete m.name; }, `needs text for name; ${AGAIN}`],
  ['targets as a list', (m) => { m.targets = []; }, `needs an object for targets; ${AGAIN}`],
  ['no parity', (m) => { m.targets.wasm.parity = 'close'; }, `declares no usable parity for target wasm; ${AGAIN}`],
  ['files that are no list', (m) => { m.targets.wasm.files = {}; }, `needs a list for targets.wasm.files; ${AGAIN}`],
  ['a file that is null', (m) => { m.targets.wasm.files[0] = null; }, `needs an object for targets.wasm.files[0]; ${AGAIN}`],
  ['a path upwards', file((f) => { f.path = '../secret'; }), `names the unsafe path "../secret"; ${AGAIN}`],
  ['a path upwards inside', file((f) => { f.path = 'a/../../b'; }), `names the unsafe path "a/../../b"; ${AGAIN}`],
  ['an absolute path', file((f) => { f.path = '/etc/passwd'; }), `names the unsafe path "/etc/passwd"; ${AGAIN}`],
  ['another host', file((f) => { f.path = '//evil.example/x'; }), `names the unsafe path "//evil.example/x"; ${AGAIN}`],
  ['a scheme', file((f) => { f.path = 'https://evil.example/x'; }), `names the unsafe path "https://evil.example/x"; ${AGAIN}`],
  ['a scheme without slashes', file((f) => { f.path = 'data:text/javascript,x'; }), `names the unsafe path "data:text/javascript,x"; ${AGAIN}`],
  ['an escaped path', file((f) => { f.path = '%2e%2e/x'; }), `names the unsafe path "%2e%2e/x"; ${AGAIN}`],
  ['backslashes', file((f) => { f.path = '..\\x'; }), `names the unsafe path "..\\\\x"; ${AGAIN}`],
  ['a query', file((f) => { f.path = 'a?b'; }), `names the unsafe path "a?b"; ${AGAIN}`],
  ['a hidden file', file((f) => { f.path = '.git/config'; }), `names the unsafe path ".git/config"; ${AGAIN}`],
  ['an empty path', file((f) => { f.path = ''; }), `names the unsafe path ""; ${AGAIN}`],
  ['a path with a line end', file((f) => { f.path = 'a\n'; }), `names the unsafe path "a\\n"; ${AGAIN}`],
  ['a path of 201 characters', file((f) => { f.path = 'a'.repeat(201); }), `names the unsafe path "${'a'.repeat(201)}"; ${AGAIN}`],
  ['a path that is a number', file((f) => { f.path = 5; }), `needs text for targets.wasm.files[0].path; ${AGAIN}`],
  ['the manifest as a file', file((f) => { f.path = 'manifest.json'; }), `describes manifest.json twice; ${AGAIN}`],
  ['a file with two contents', (m) => { m.golden = { ...m.targets.wasm.files[0], bytes: 1 }; }, `describes wasm/plan.bin twice; ${AGAIN}`],
  ['a sha256 in capitals', file((f) => { f.sha256 = 'A'.repeat(64); }), `has a malformed sha256 for wasm/plan.bin; ${AGAIN}`],
  ['no sha256', file((f) => { delete f.sha256; }), `has a malformed sha256 for wasm/plan.bin; ${AGAIN}`],
  ['a negative size', file((f) => { f.bytes = -1; }), `has an impossible size for wasm/plan.bin; ${AGAIN}`],
  ['a broken size', file((f) => { f.bytes = 1.5; }), `has an impossible size for wasm/plan.bin; ${AGAIN}`],
  ['a size of 10 TB', file((f) => { f.bytes = 1e13; }), `has an impossible size for wasm/plan.bin; ${AGAIN}`],
  ['a size as text', file((f) => { f.bytes = '10'; }), `has an impossible size for wasm/plan.bin; ${AGAIN}`],
  ['no inputs', (m) => { m.inputs = []; }, `has no inputs; ${AGAIN}`],
  ['an input of int8', (m) => { m.inputs[0].dtype = 'int8'; }, `has a dtype in inputs[0] that is not float32; ${AGAIN}`],
  ['an empty dimension', (m) => { m.inputs[0].shape = [1, 0]; }, `has an impossible shape in inputs[0]; ${AGAIN}`],
  ['a shape that overflows', (m) => { m.inputs[0].shape = [65536, 65536]; }, `has an impossible shape in inputs[0]; ${AGAIN}`],
  ['two inputs of one name', (m) => { m.inputs.push(m.inputs[0]); }, `names inputs "x" twice; ${AGAIN}`],
  ['features that do not cover the input', (m) => { m.features.pop(); }, `has 2 features for 3 input numbers; ${AGAIN}`],
  ['a feature beyond its input', (m) => { m.features[2].index = 3; }, `puts features[2] in a place that no input has; ${AGAIN}`],
  ['a feature of no input', (m) => { m.features[2].input = 'z'; }, `puts features[2] in a place that no input has; ${AGAIN}`],
  ['two features in one place', (m) => { m.features[2].index = 0; }, `cannot use "x 0" for the place of features[2]; ${AGAIN}`],
  ['two features of one name', (m) => { m.features[2].name = 'age'; }, `cannot use "age" for features[2].name; ${AGAIN}`],
  ['a feature that edits objects', (m) => { m.features[2].name = '__proto__'; }, `cannot use "__proto__" for features[2].name; ${AGAIN}`],
  ['an unknown kind', (m) => { m.features[2].kind = 'text'; }, `has an unknown kind in features[2]; ${AGAIN}`],
  ['a range upside down', (m) => { m.features[2].range = [2, 1]; }, `has a range in features[2] that is not two numbers, the lower first; ${AGAIN}`],
  ['a range of one', (m) => { m.features[2].range = [2]; }, `has a range in features[2] that is not two numbers, the lower first; ${AGAIN}`],
  ['no mean', (m) => { delete m.features[2].mean; }, `has a mean in features[2] that is not a number; ${AGAIN}`],
  ['categories that are no list', (m) => { m.features[1].categories = 'ab'; }, `needs a list for features[1].categories; ${AGAIN}`],
  ['a category twice', (m) => { m.features[1].categories = ['a', 'a']; }, `cannot use "a" for features[1].categories[1]; ${AGAIN}`],
  ['results that do not cover the output', (m) => { m.results.pop(); }, `has 1 results for 2 output numbers; ${AGAIN}`],
  ['a result without a unit', (m) => { m.results[0].unit = null; }, `needs text for results[0].unit; ${AGAIN}`],
];

for (const [what, edit, message] of ATTACKS) {
  test(`refused: ${what}`, () => {
    assert.throws(() => parseManifest(text(edit)), { name: 'EdgekitError', code: 'manifest', message: `manifest.json ${message}` });
  });
}

for (const [what, raw, message] of [
  ['text that is no JSON', '{', 'is not JSON'],
  ['an empty file', '', 'is not JSON'],
  ['a list', '[]', 'is not a JSON object'],
  ['null', 'null', 'is not a JSON object'],
]) {
  test(`refused: ${what}`, () => {
    assert.throws(() => parseManifest(raw), { code: 'manifest', message: `manifest.json ${message}; ${AGAIN}` });
  });
}

test('a good manifest is returned frozen to its depth', () => {
  const manifest = parseManifest(text());
  assert.equal(manifest.name, 'health');
  assert.throws(() => { manifest.targets.wasm.files[0].bytes = 1; }, TypeError);
});

test('a model with too many numbers to name has no features and no results', () => {
  const manifest = parseManifest(text((m) => Object.assign(m, { features: [], results: [] })));
  assert.deepEqual(manifest.features, []);
});

test('keys that a later version may add are no error', () => {
  assert.equal(parseManifest(text((m) => { m.canary = { percent: 10 }; })).canary.percent, 10);
});
