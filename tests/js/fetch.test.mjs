import assert from 'node:assert/strict';
import { test } from 'node:test';
import { download, getFile, openSource, turns } from '../../wasm/js/fetch.js';
import { bundle, ROOT, serve } from './bundle_fixture.mjs';
import { fast } from './clock.mjs';

const PATH = 'wasm/engine-simd.wasm';
const FILES = bundle();
const ENTRY = JSON.parse(new TextDecoder().decode(FILES.get('manifest.json'))).targets.wasm.files.find((f) => f.path === PATH);
const BYTES = FILES.get(PATH);
const ALL = BYTES.length;
const AGAIN = 'load the page again or publish the bundle again';

/** Get the file, with faults for its first, second, ... request; the last one stays. `asked` is [Range or '', cache mode]. */
async function get(faults, options) {
  const asked = [];
  const { fetch } = serve(FILES, { [PATH]: (honest, init, nth) => {
    asked.push([init.headers?.Range ?? '', init.cache ?? '']);
    return faults[Math.min(nth, faults.length) - 1](honest, init, nth);
  } });
  const { value, error, ms } = await fast(() => getFile(openSource(ROOT, fetch), ENTRY, options));
  return { bytes: value, error, ms, asked, requests: asked.length };
}

const honest = (response) => response;
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

const drop = (n) => stream(BYTES.slice(0, n), new TypeError('network error'));
const status = (code, headers) => () => new Response('', { status: code, headers });
const refused = () => { throw new TypeError('Failed to fetch'); };
const silent = () => new Promise(() => {});
const stalled = (n) => () => new Response(new ReadableStream({ start: (body) => body.enqueue(BYTES.slice(0, n)) }));
/** The part that was asked for, as a server that knows Range sends it; `lie` replaces its Content-Range. */
const part = (lie) => (_, { headers }) => {
  const from = Number(headers.Range.match(/^bytes=(\d+)-$/)[1]);
  return new Response(BYTES.slice(from), { status: 206, headers: { 'content-range': lie ?? `bytes ${from}-${ALL - 1}/${ALL}` } });
};

/** [what the server does, its answers, code, message, requests] */
const FAULTS = [
  ['404', [status(404)], 'http', `${PATH} could not be fetched: the server answered 404`, 1],
  ['403', [status(403)], 'http', `${PATH} could not be fetched: the server answered 403`, 1],
  ['500, always', [status(500)], 'http', `${PATH} could not be fetched: the server answered 500`, 4],
  ['a page with 404', [() => html(404)], 'http', `${PATH} could not be fetched: the server answered 404`, 1],
  ['a page with 200, as a single-page host does', [() => html(200)], 'http', `the server sent a web page in place of ${PATH}; check where the bundle is hosted`, 1],
  ['the connection is refused', [refused], 'network', `${PATH} could not be fetched: Failed to fetch; check the connection`, 4],
  ['the connection drops, always', [() => drop(50)], 'network', `${PATH} broke off after 50 bytes: network error; check the connection`, 4],
  ['no answer', [silent], 'network', `${PATH} stalled: nothing came for 20 s; check the connection`, 4],
  ['stalled in the middle, always', [stalled(50)], 'network', `${PATH} stalled: nothing came for 20 s; check the connection`, 4],
  ['truncated', [() => new Response(BYTES.slice(0, 200))], 'size', `${PATH} has 200 bytes, the manifest says ${ALL}; ${AGAIN}`, 2],
  ['empty', [() => new Response(new Uint8Array(0))], 'size', `${PATH} has 0 bytes, the manifest says ${ALL}; ${AGAIN}`, 2],
  ['one byte more', [() => stream(BYTES, Uint8Array.of(0))], 'size', `${PATH} has more than ${ALL} bytes, the manifest says ${ALL}; ${AGAIN}`, 2],
  ['one bit wrong, always', [() => new Response(changed)], 'hash', `${PATH} does not match its sha256 in the manifest; ${AGAIN}`, 2],
  ['busy for longer than anybody waits', [status(503, { 'retry-after': '31' })], 'http', `${PATH} could not be fetched: the server answered 503`, 1],
];
for (const [what, faults, code, message, requests] of FAULTS) {
  test(`fault: ${what}`, async () => {
    const seen = await get(faults);
    assert.deepEqual([seen.error?.code, seen.error?.file, seen.error?.message], [code, PATH, message]);
    assert.equal(seen.requests, requests);
  });
}

const RELOAD = ['', 'reload'];
const rest = (from) => [`bytes=${from}-`, ''];
/** [what the server does, its answers, what is asked: Range and cache mode] */
const CURED = [
  ['500 once', [status(500), honest], [['', ''], ['', '']]],
  ['408, 429 and 502, then the file', [status(408), status(429), status(502), honest], [['', ''], ['', ''], ['', ''], ['', '']]],
  ['refused once', [refused, honest], [['', ''], ['', '']]],
  ['no answer once', [silent, honest], [['', ''], ['', '']]],
  ['corrupted once', [() => new Response(changed), honest], [['', ''], RELOAD]],
  ['truncated once', [() => new Response(BYTES.slice(0, 9)), honest], [['', ''], RELOAD]],
  ['dropped, then the rest', [() => drop(50), part()], [['', ''], rest(50)]],
  ['stalled, then the rest', [stalled(60), part()], [['', ''], rest(60)]],
  ['dropped, busy, then the rest', [() => drop(50), status(503), part()], [['', ''], rest(50), rest(50)]],
  ['dropped, then a server without Range', [() => drop(50), honest], [['', ''], rest(50)]],
  ['dropped, then a part of something else', [() => drop(50), part('bytes 40-99/100'), honest], [['', ''], rest(50), ['', '']]],
  ['dropped, then a part without Content-Range', [() => drop(50), part(''), honest], [['', ''], rest(50), ['', '']]],
  ['dropped, then 416 for a file that changed', [() => drop(50), status(416, { 'content-type': 'text/html' }), honest], [['', ''], rest(50), ['', '']]],
  ['dropped after the last byte', [() => drop(ALL)], [['', '']]],
  ['dropped with wrong bytes, which the rest does not mend', [() => stream(changed.slice(0, 150), new TypeError('x')), part(), honest], [['', ''], rest(150), RELOAD]],
];
for (const [what, faults, asked] of CURED) {
  test(`cured: ${what}`, async () => {
    const seen = await get(faults);
    assert.equal(seen.error, undefined);
    assert.deepEqual(seen.bytes, BYTES);
    assert.deepEqual(seen.asked, asked);
  });
}

/** [reason, answers, at least, at most this many ms] */
const WAITS = [
  ['the wait doubles', [status(500)], 250 + 500 + 1000, 750 + 1500 + 3000 + 150],
  ['a date to come back', () => [status(503, { 'retry-after': new Date(Date.now() + 20_000).toUTCString() }), honest], 18_000, 20_200],
  ['the seconds that a server asks for', [status(429, { 'retry-after': '30' }), honest], 30_000, 30_100],
  ['a date that has passed', [status(503, { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }), honest], 250, 800],
  ['nothing that can be read', [status(503, { 'retry-after': 'soon' }), honest], 250, 800],
  ['four times without an answer', [silent], 80_000, 86_000],
];
for (const [reason, faults, least, most] of WAITS) {
  test(`waits: ${reason}`, async () => {
    const { ms } = await get(typeof faults === 'function' ? faults() : faults);
    assert.ok(ms >= least && ms <= most, `${ms} ms`);
  });
}

test('a slow answer is no stall as long as bytes come', async () => {
  const slow = () => new Response(new ReadableStream({
    async pull(body) {
      this.at ??= 0;
      await new Promise((resolve) => { setTimeout(resolve, 19_000); });
      body.enqueue(BYTES.slice(this.at, (this.at += 100)));
      if (this.at >= ALL) body.close();
    },
  }));
  const seen = await get([slow]);
  assert.deepEqual([seen.bytes, seen.requests], [BYTES, 1]);
});

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
  const { error } = await get([endless]);
  assert.equal(error.code, 'size');
  assert.equal(cancelled, 2);
  assert.ok(sent < 2 * (ALL + 400), `${sent} bytes were read`);
});

test('progress only grows: what is fetched again counts once', async () => {
  const seen = [];
  const faults = [() => drop(50), status(500), () => stream(changed.slice(0, 20), changed.slice(20)), honest];
  const { fetch } = serve(FILES, { [PATH]: (response, init, nth) => faults[nth - 1](response) });
  const job = download(openSource(ROOT, fetch), [ENTRY, { bytes: 1000 }], { report: (event) => seen.push(event) });
  const { value } = await fast(() => job(ENTRY));
  assert.deepEqual(value, BYTES);
  assert.deepEqual(seen.map(({ loaded }) => loaded), [50, ALL]);
  assert.deepEqual(seen.at(-1), { file: PATH, loaded: ALL, total: ALL + 1000 });
});

test('an error of the caller\'s own onProgress is not taken for a broken line', async () => {
  const { error, requests } = await get([honest], { onBytes: () => { throw new Error('mine'); } });
  assert.deepEqual([error.message, requests], ['mine', 1]);
});

/** [while what, answers] */
const ABORTS = [
  ['the answer is awaited, by a fetch that heeds no signal', [silent]],
  ['the body comes', [stalled(10)]],
  ['it waits to try again', [status(503, { 'retry-after': '30' })]],
];
for (const [what, faults] of ABORTS) {
  test(`abort while ${what}`, async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 1); // a real one: the clock stops at no other time
    const start = performance.now();
    const { fetch, log } = serve(FILES, { [PATH]: faults[0] });
    await assert.rejects(getFile(openSource(ROOT, fetch), ENTRY, { signal: controller.signal }), { code: 'aborted', message: `loading ${PATH} was aborted` });
    assert.ok(performance.now() - start < 200);
    assert.equal(log.length, 1);
  });
}

test('a signal that fired before asks for nothing', async () => {
  const { error, requests } = await get([honest], { signal: AbortSignal.abort() });
  assert.deepEqual([error.code, requests], ['aborted', 0]);
});

/** The file in two halves, with something that happens between them. */
const halves = (between) => {
  let at = 0;
  return new Response(new ReadableStream({
    async pull(body) {
      if (at) {
        between();
        for (let i = 0; i < 10; i++) await new Promise((resolve) => { setImmediate(resolve); });
      }
      body.enqueue(BYTES.slice(at, at ? ALL : 50));
      if (at) body.close();
      at = 50;
    },
  }, { highWaterMark: 0 }));
};

test('a try that was given up cannot write into the next one', async () => {
  let late;
  const slow = () => new Response(new ReadableStream({ start: (body) => { late = body; } }));
  const seen = await get([slow, () => halves(() => late.enqueue(Uint8Array.of(7, 7)))]);
  assert.deepEqual([seen.bytes, seen.requests], [BYTES, 2]);
  let answer;
  const deaf = () => new Promise((resolve) => { answer = resolve; });
  const other = await get([deaf, () => halves(() => answer(new Response(Uint8Array.of(7, 7))))]);
  assert.deepEqual([other.bytes, other.requests], [BYTES, 2]);
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

test('turns: a few at a time, begun in order, also after a failure', async () => {
  let busy = 0;
  let most = 0;
  const begun = [];
  const inTurn = turns(4);
  const work = (item) => inTurn(async () => {
    begun.push(item);
    most = Math.max(most, ++busy);
    await new Promise((resolve) => { setTimeout(resolve, item % 3); });
    busy--;
    if (item === 5) throw new Error('five');
    return item * 2;
  });
  const items = [...Array(20).keys()];
  const results = await Promise.allSettled(items.map(work));
  assert.deepEqual(results.map(({ value, reason }) => value ?? reason.message), items.map((i) => (i === 5 ? 'five' : 2 * i)));
  assert.deepEqual(begun, items);
  assert.equal(most, 4);
});
