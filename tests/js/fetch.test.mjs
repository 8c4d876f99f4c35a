import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getFile, inOrder, openSource } from '../../wasm/js/fetch.js';
import { bundle, ROOT, serve } from './bundle_fixture.mjs';

const PATH = 'wasm/engine-simd.wasm';
const FILES = bundle();
const ENTRY = JSON.parse(new TextDecoder().decode(FILES.get('manifest.json'))).targets.wasm.files.find((f) => f.path === PATH);
const BYTES = FILES.get(PATH);
const AGAIN = 'load the page again or publish the bundle again';

async function get(fault, options) {
  const { fetch, log } = serve(FILES, { [PATH]: fault ?? ((honest) => honest) });
  try {
    return { bytes: await getFile(openSource(ROOT, fetch), ENTRY, options), requests: log.length };
  } catch (error) {
    return { error, requests: log.length };
  }
}

const changed = BYTES.slice();
changed[100] ^= 1;
const stream = (...steps) => new Response(new ReadableStream({
  pull(controller) {
    const step = steps.shift();
    if (step === undefined) controller.close();
    else if (step instanceof Error) controller.error(step);
    else controller.enqueue(step);
  },
}));
const html = (status) => new Response('<!doctype html>', { status, headers: { 'content-type': 'text/html; charset=utf-8' } });

/** [what the server does, the fault, code, message, requests] */
const FAULTS = [
  ['404', () => new Response('', { status: 404 }), 'http', `${PATH} could not be fetched: the server answered 404`, 1],
  ['500', () => new Response('', { status: 500 }), 'http', `${PATH} could not be fetched: the server answered 500`, 1],
  ['a page with 404', () => html(404), 'http', `${PATH} could not be fetched: the server answered 404`, 1],
  ['a page with 200, as a single-page host does', () => html(200), 'http', `the server sent a web page in place of ${PATH}; check where the bundle is hosted`, 1],
  ['the connection is refused', () => { throw new TypeError('Failed to fetch'); }, 'network', `${PATH} could not be fetched: Failed to fetch; check the connection`, 1],
  ['the connection drops', () => stream(BYTES.slice(0, 50), new TypeError('network error')), 'network', `${PATH} broke off after 50 bytes: network error; check the connection`, 1],
  ['truncated', () => new Response(BYTES.slice(0, 200)), 'size', `${PATH} has 200 bytes, the manifest says ${BYTES.length}; ${AGAIN}`, 2],
  ['empty', () => new Response(new Uint8Array(0)), 'size', `${PATH} has 0 bytes, the manifest says ${BYTES.length}; ${AGAIN}`, 2],
  ['one byte more', () => stream(BYTES, Uint8Array.of(0)), 'size', `${PATH} has more than ${BYTES.length} bytes, the manifest says ${BYTES.length}; ${AGAIN}`, 2],
  ['one bit wrong', () => new Response(changed), 'hash', `${PATH} does not match its sha256 in the manifest; ${AGAIN}`, 2],
];
for (const [what, fault, code, message, requests] of FAULTS) {
  test(`fault: ${what}`, async () => {
    const seen = await get(fault);
    assert.deepEqual([seen.error?.code, seen.error?.file, seen.error?.message], [code, PATH, message]);
    assert.equal(seen.requests, requests);
  });
}

test('an endless answer is cut off when more than declared has come', async () => {
  let sent = 0;
  let cancelled = 0;
  const endless = () => new Response(new ReadableStream({
    pull(controller) {
      sent += 100;
      controller.enqueue(new Uint8Array(100));
    },
    cancel() { cancelled++; },
  }));
  const { error } = await get(endless);
  assert.equal(error.code, 'size');
  assert.equal(cancelled, 2);
  assert.ok(sent < 2 * (BYTES.length + 400), `${sent} bytes were read`);
});

test('a stale copy in a cache is passed by the second request', async () => {
  const seen = await get((honest, { cache }) => (cache === 'reload' ? honest : new Response(changed)));
  assert.deepEqual(seen.bytes, BYTES);
  assert.equal(seen.requests, 2);
});

test('progress is counted in bytes as they come, and taken back when they were for nothing', async () => {
  const counts = [];
  const fault = (honest, _, nth) => (nth === 1 ? stream(changed.slice(0, 10), changed.slice(10)) : honest);
  await get(fault, { onBytes: (n) => counts.push(n) });
  assert.deepEqual(counts, [10, BYTES.length - 10, -BYTES.length, BYTES.length]);
});

test('an abort while the body comes rejects at once, without a second request', async () => {
  const controller = new AbortController();
  const fault = (_, { signal }) => new Response(new ReadableStream({
    start(body) {
      body.enqueue(BYTES.slice(0, 10));
      signal.addEventListener('abort', () => body.error(signal.reason));
    },
  }));
  setTimeout(() => controller.abort(), 5);
  const { error, requests } = await get(fault, { signal: controller.signal });
  assert.deepEqual([error.code, error.message, requests], ['aborted', `loading ${PATH} was aborted`, 1]);
});

test('a body of no bytes is a file too', async () => {
  const source = openSource(ROOT, async () => new Response(null));
  const empty = { path: 'a.bin', bytes: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', role: 'shard' };
  assert.equal((await getFile(source, empty)).length, 0);
});

for (const [address, file] of [
  ['http://a.invalid/m', 'http://a.invalid/m/x.bin'],
  ['http://a.invalid/m/?v=1#top', 'http://a.invalid/m/x.bin'],
  ['file:///some/where/', 'file:///some/where/x.bin'],
]) {
  test(`files of ${address} lie in that folder`, () => assert.equal(openSource(address).url('x.bin'), file));
}

test('a relative address outside a page is refused', () => {
  assert.throws(() => openSource('bundle/'), { code: 'input', message: 'the bundle\'s address "bundle/" is not a URL; give an absolute one outside a page' });
});

test('inOrder begins in order, a few at a time, and stops after a failure', async () => {
  let busy = 0;
  let most = 0;
  const begun = [];
  const work = async (item) => {
    begun.push(item);
    most = Math.max(most, ++busy);
    await new Promise((resolve) => setTimeout(resolve, item % 3));
    busy--;
    return item * 2;
  };
  const items = [...Array(20).keys()];
  assert.deepEqual(await inOrder(items, work), items.map((i) => 2 * i));
  assert.deepEqual(begun, items);
  assert.equal(most, 6);
  let count = 0;
  await assert.rejects(inOrder(items, async () => { count++; throw new Error('no'); }), { message: 'no' });
  assert.equal(count, 6);
});
