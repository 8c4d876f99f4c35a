/** The first prediction runs while the weights come: never before its shard, never later than it must. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { bundle, ROOT, serve } from './bundle_fixture.mjs';
import { load } from './runtime.mjs';

const instantiate = WebAssembly.instantiate;
const compile = WebAssembly.compile;
const { crypto } = globalThis;
let runs; // [first step, step after the last] of every ek_run
let spans; // of each step: where its weights begin and end

/** An engine in JavaScript: step s mixes the bytes of its weights into the state, which starts as the input. */
function fakeEngine() {
  const memory = new WebAssembly.Memory({ initial: 4 });
  const words = (model) => new Uint32Array(memory.buffer, model, 6);
  return { exports: {
    memory,
    __heap_base: new WebAssembly.Global({ value: 'i32' }, 1024),
    ek_check: () => 0,
    ek_run(model, first, last) {
      const [, , weights, , arena] = words(model);
      const bytes = new Uint8Array(memory.buffer, weights);
      const state = new Float32Array(memory.buffer, arena, 2);
      runs.push([first, last]);
      if (first === 0) state[1] = state[0];
      for (let s = first; s < last; s++) {
        for (let i = spans[s][0]; i < spans[s][1]; i++) {
          assert.notEqual(bytes[i], 0, `step ${s} reads a weight that is not here`);
          state[1] = (31 * state[1] + bytes[i]) % 65521;
        }
      }
      return 0;
    },
  } };
}

function expected(input, weights) {
  return [input, ...weights].reduce((state, byte) => (31 * state + byte) % 65521);
}

beforeEach(() => {
  runs = [];
  // Nothing here leaves this thread, so that "everything that can happen now has happened" can be said.
  WebAssembly.compile = async (code) => new WebAssembly.Module(code);
  WebAssembly.instantiate = async () => fakeEngine();
  Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true, writable: true });
});
afterEach(() => {
  Object.assign(WebAssembly, { compile, instantiate });
  Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true, writable: true });
});

/** A bundle whose steps have weights of these sizes, cut at about `most` bytes, at the ends of layers. */
function stepped(sizes, most) {
  const weights = Uint8Array.from({ length: sizes.reduce((a, b) => a + b, 0) }, (_, i) => 1 + ((i * 37) % 255));
  const shards = [];
  let pending = 0;
  let first = 0;
  let at = 0;
  spans = [];
  const flush = (size) => {
    shards.push({ bytes: weights.slice(at, at + size), first_step: first });
    at += size;
    pending -= size;
  };
  sizes.forEach((size, step) => {
    const begin = spans.at(-1)?.[1] ?? 0;
    spans.push([begin, begin + size]);
    if (size === 0) return;
    if (pending && pending + size > most) flush(pending);
    if (!pending) first = step;
    pending += size;
    while (pending > most) {
      flush(most);
      first = step;
    }
  });
  if (pending) flush(pending);
  const scalar = (name) => [{ name, shape: [1, 1], dtype: 'float32' }];
  const paths = shards.map((_, i) => `wasm/shard-${String(i).padStart(3, '0')}.0000000000000000.bin`);
  const files = bundle({
    inputs: scalar('x'), outputs: scalar('y'), features: [], results: [], words: { 3: weights.length, 6: sizes.length },
    extra: Object.fromEntries(shards.map((shard, i) => [paths[i], [shard.bytes, 'shard', { first_step: shard.first_step }]])),
    change(manifest) {
      const { wasm } = manifest.targets;
      wasm.files = wasm.files.filter((file) => file.role !== 'shard' || paths.includes(file.path));
    },
    weights: new Array(weights.length / 4).fill(1), // as many bytes, for the plan; the shards above take their place
  });
  return { files, paths, weights, firsts: shards.map((shard) => shard.first_step) };
}

/** Open it with a server that holds every file back until `release(path)`. */
async function held({ files }, options) {
  const gates = new Map();
  const gate = (path) => {
    if (!gates.has(path)) {
      const made = {};
      made.promise = new Promise((resolve) => { made.open = resolve; });
      gates.set(path, made);
    }
    return gates.get(path);
  };
  const faults = Object.fromEntries([...files.keys()].filter((path) => path !== 'manifest.json').map((path) => [path, async (honest) => {
    await gate(path).promise;
    return honest;
  }]));
  const served = serve(files, faults);
  const model = await load(ROOT, { fetch: served.fetch, ...options });
  return { model, log: served.log, release: (path) => gate(path).open() };
}

const settle = async () => { for (let i = 0; i < 20; i++) await new Promise((resolve) => { setImmediate(resolve); }); };
const ENGINE = ['wasm/engine-simd.wasm', 'wasm/plan.bin'];

test('engine and plan are asked for first, then shards in order, four at once', async () => {
  const bundled = stepped([8, 8, 8, 8, 8, 8], 8);
  const { model, log, release } = await held(bundled);
  const done = model.predictArray([5]);
  await settle();
  const order = ['manifest.json', ...ENGINE, ...bundled.paths];
  assert.deepEqual(log, order.slice(0, 5));
  release(order[3]);
  await settle();
  assert.deepEqual(log, order.slice(0, 6));
  order.forEach(release);
  await done;
  assert.deepEqual(log, order);
});

test('steps run as their shards come, while the next ones are on the way', async () => {
  const bundled = stepped([8, 0, 8, 8, 0], 8);
  const { model, release } = await held(bundled);
  const [one, two, three] = bundled.paths;
  const done = model.predictArray([5]);
  await settle();
  for (const path of ENGINE) release(path);
  await settle();
  assert.deepEqual(runs, []);
  release(one);
  await settle();
  assert.deepEqual(runs, [[0, 2]]); // the step without weights too
  release(three); // out of turn: its step waits for the one before
  await settle();
  assert.equal(runs.length, 1);
  release(two);
  await settle();
  assert.deepEqual(runs, [[0, 2], [2, 3], [3, 5]]);
  assert.equal((await done)[0], expected(5, bundled.weights));
  await model.predictArray([6]);
  assert.deepEqual(runs.at(-1), [0, 5]); // all at once from now on
});

test('a step whose weights are in several shards waits for all of them', async () => {
  const bundled = stepped([4, 24, 4], 8);
  assert.deepEqual(bundled.firsts, [0, 1, 1, 1, 2]);
  const { model, release } = await held(bundled);
  const done = model.predictArray([5]);
  [...ENGINE, ...bundled.paths.slice(0, 3)].forEach(release);
  await settle();
  assert.deepEqual(runs, [[0, 1]]);
  release(bundled.paths[3]);
  await settle();
  assert.deepEqual(runs, [[0, 1], [1, 2]]);
  release(bundled.paths[4]);
  assert.equal((await done)[0], expected(5, bundled.weights));
});

test('a manifest whose last shards claim to be needed by no step still waits for them', async () => {
  const bundled = stepped([8, 8], 8);
  const manifest = JSON.parse(new TextDecoder().decode(bundled.files.get('manifest.json')));
  manifest.targets.wasm.files.findLast((file) => file.role === 'shard').first_step = 9;
  bundled.files.set('manifest.json', new TextEncoder().encode(JSON.stringify(manifest)));
  const { model, release } = await held(bundled);
  const done = model.predictArray([5]);
  [...ENGINE, bundled.paths[0]].forEach(release);
  await settle();
  assert.deepEqual(runs, [[0, 1]]);
  release(bundled.paths[1]);
  assert.equal((await done)[0], expected(5, bundled.weights));
});

test('warmUp runs nothing; a prediction that joins it later streams from there', async () => {
  const bundled = stepped([8, 8, 8], 8);
  const quiet = await held(bundled);
  [...ENGINE, ...bundled.paths].forEach(quiet.release);
  await quiet.model.warmUp();
  assert.deepEqual(runs, []);
  const joined = await held(bundled);
  const warm = joined.model.warmUp();
  [...ENGINE, bundled.paths[0]].forEach(joined.release);
  await settle();
  const done = joined.model.predictArray([5]);
  joined.release(bundled.paths[1]);
  await settle();
  assert.deepEqual(runs, [[0, 2]]);
  joined.release(bundled.paths[2]);
  assert.equal((await done)[0], expected(5, bundled.weights));
  await warm;
});

test('of calls that wait together one streams, and each gets its own answer', async () => {
  const bundled = stepped([8, 8, 8], 8);
  const { model, release } = await held(bundled);
  const answers = Promise.all([5, 6, 7].map((x) => model.predictArray([x])));
  for (const path of [...ENGINE, ...bundled.paths]) {
    release(path);
    await settle();
  }
  assert.deepEqual((await answers).map(([y]) => y), [5, 6, 7].map((x) => expected(x, bundled.weights)));
  assert.deepEqual(runs, [[0, 1], [1, 2], [2, 3], [0, 3], [0, 3]]);
});

test('the caller that streams may leave; who stays gets the right answer', async () => {
  const bundled = stepped([8, 8, 8], 8);
  const { model, release } = await held(bundled);
  const controller = new AbortController();
  const first = model.predictArray([5], { signal: controller.signal });
  const second = model.predictArray([6]);
  [...ENGINE, bundled.paths[0]].forEach(release);
  await settle();
  controller.abort();
  await assert.rejects(first, { code: 'aborted' });
  bundled.paths.forEach(release);
  assert.equal((await second)[0], expected(6, bundled.weights));
});

test('a loading that fails half-way leaves nothing to the next one', async () => {
  const bundled = stepped([8, 8, 8], 8);
  const missing = (honest, _, nth) => (nth === 1 ? new Response('', { status: 404 }) : honest);
  const { fetch } = serve(bundled.files, { [bundled.paths[2]]: async (...answer) => (await settle(), missing(...answer)) });
  const model = await load(ROOT, { fetch });
  await assert.rejects(model.predictArray([5]), { code: 'http', file: bundled.paths[2] });
  assert.deepEqual(runs, [[0, 1], [1, 2]]);
  assert.equal((await model.predictArray([6]))[0], expected(6, bundled.weights));
});

/** Small and repeatable: the tests must fail twice in the same way. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('any model, cut anywhere, arriving in any order, gives the same answer', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const below = random(seed);
    const sizes = Array.from({ length: 1 + below(7) }, () => 4 * below(9));
    if (!sizes.some(Boolean)) sizes[0] = 4;
    const bundled = stepped(sizes, 4 * (1 + below(8)));
    runs = [];
    const { model, release } = await held(bundled);
    const early = below(2);
    if (early) model.warmUp();
    const done = model.predictArray([seed]);
    const todo = [...ENGINE, ...bundled.paths];
    while (todo.length) {
      const [path] = todo.splice(below(todo.length), 1);
      release(path);
      if (below(2)) await settle();
    }
    assert.equal((await done)[0], expected(seed, bundled.weights), `seed ${seed}`);
    assert.deepEqual(runs.map(([first]) => first), [0, ...runs.slice(0, -1).map(([, last]) => last)], `seed ${seed}: every step once, in order`);
    assert.equal(runs.at(-1)[1], sizes.length);
  }
});
