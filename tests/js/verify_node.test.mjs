import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle_fixture.mjs';

const COMMAND = fileURLToPath(new URL('../../wasm/js/verify-node.mjs', import.meta.url));
let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgekit bundle ')); // a space in the path, on purpose
  for (const [path, bytes] of bundle()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
});
after(() => rmSync(folder, { recursive: true }));

const run = (args, input) => spawnSync(process.execPath, [COMMAND, ...args], { input, encoding: 'utf8' });

for (const build of ['simd', 'scalar']) {
  test(`predicts rows with the build ${build}`, () => {
    const { status, stdout, stderr } = run([folder, build], JSON.stringify({ inputs: [[50, 2, 20], [20, 1, 20]] }));
    assert.deepEqual([status, stderr], [0, '']);
    assert.deepEqual(JSON.parse(stdout), { outputs: [[72.5, 100], [32.5, 40]], build, runtime: `node ${process.version}` });
  });
}

for (const [reason, args, input, message] of [
  ['no folder', () => [], '', 'usage: node verify-node.mjs BUNDLE_DIR [BUILD] < rows.json'],
  ['no bundle', () => [join(tmpdir(), 'no-such-bundle')], '{"inputs": []}', 'manifest.json could not be fetched: the server answered 404'],
  ['no JSON', () => [folder], 'x', 'stdin is not JSON; give {"inputs": [[...], ...]}'],
  ['no rows', () => [folder], '{}', 'stdin has no list "inputs"; give {"inputs": [[...], ...]}'],
  ['a short row', () => [folder], '{"inputs": [[1]]}', 'the input must have 3 numbers, not 1'],
  ['an unknown build', () => [folder, 'x'], '{"inputs": []}', 'the bundle has no engine build "x"; its builds are: simd, scalar'],
]) {
  test(`one line and exit code 1: ${reason}`, () => {
    const { status, stdout, stderr } = run(args(), input);
    assert.deepEqual([status, stdout, stderr], [1, '', `${message}\n`]);
  });
}
