/** The tests of the API again, with the built engine in a worker, and what only a worker can do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle, GOOD, ROOT, serve } from './bundle_fixture.mjs';
import { running } from './node_worker.mjs';

globalThis.underTest = { file: '../../wasm/dist/edgekit.js', options: { worker: true } };
await import('./model.test.mjs');
const { load } = await import('./runtime.mjs');

const open = (options) => load(ROOT, { fetch: serve(bundle()).fetch, worker: true, ...options });
const only = async (count) => {
  for (let i = 0; i < 200 && running.size > count; i++) await new Promise((resolve) => { setTimeout(resolve, 10); });
  return running.size <= count;
};
const WITHOUT = 'leave out the option worker';

/** A worker that takes messages and never answers a prediction. */
function silence(t) {
  const { Worker } = globalThis;
  const sent = [];
  globalThis.Worker = class extends Worker {
    postMessage(data) {
      sent.push(data.method);
      if (data.method !== 'run') super.postMessage(data);
    }
  };
  t.after(() => { globalThis.Worker = Worker; });
  return sent;
}

test('a model has a worker of its own, which ends with dispose', async () => {
  const before = running.size;
  const models = await Promise.all([open(), open()]);
  const answers = await Promise.all(models.flatMap((model) => [model.predict(GOOD), model.predict({ ...GOOD, age: 20 })]));
  assert.deepEqual(answers.map((answer) => answer.double_age), [100, 40, 100, 40]);
  assert.equal(running.size, before + 2);
  models[0].dispose();
  assert.equal((await models[1].predict(GOOD)).double_age, 100);
  models[1].dispose();
  assert.ok(await only(before));
});

test('dispose rejects predictions that run and that wait', async (t) => {
  silence(t);
  const model = await open();
  await model.warmUp();
  const calls = [model.predict(GOOD), model.predictArray([20, 1, 20])];
  model.dispose();
  for (const call of calls) await assert.rejects(call, { code: 'disposed', message: 'the model "health" was disposed; load it again' });
});

test('a signal gives up a prediction that runs; one whose turn has not come is not made', async (t) => {
  const sent = silence(t);
  const model = await open();
  await model.warmUp();
  const controller = new AbortController();
  const calls = [1, 2].map(() => model.predict(GOOD, { signal: controller.signal }));
  await new Promise((resolve) => { setImmediate(resolve); });
  controller.abort('enough');
  for (const call of calls) await assert.rejects(call, { code: 'aborted', message: 'the prediction was aborted', cause: 'enough' });
  assert.equal(sent.filter((method) => method === 'run').length, 1);
  await assert.rejects(model.predict(GOOD, { signal: controller.signal }), { code: 'aborted' });
  model.dispose();
});

test('a loading that is given up or fails leaves no worker behind', async () => {
  const before = running.size;
  const controller = new AbortController();
  const never = () => new Promise(() => {});
  const model = await open({ fetch: serve(bundle(), { 'wasm/plan.bin': never }).fetch });
  const waiting = model.predict(GOOD, { signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { code: 'aborted' });
  const broken = await open({ fetch: serve(bundle(), { 'wasm/plan.bin': () => new Response('', { status: 404 }) }).fetch });
  await assert.rejects(broken.warmUp(), { code: 'http' });
  assert.ok(await only(before));
});

test('a worker that cannot be started is an error, which the next call tries to overcome', async (t) => {
  const { Worker } = globalThis;
  const model = await open();
  globalThis.Worker = class { constructor() { throw new Error('another origin'); } };
  t.after(() => { globalThis.Worker = Worker; });
  const message = "the runtime's worker.js could not be run as a worker; check that it lies beside edgekit.js, and the page's Content-Security-Policy";
  await assert.rejects(model.warmUp(), { code: 'engine', message });
  globalThis.Worker = class extends Worker { constructor() { super(new URL('./missing.mjs', import.meta.url)); } };
  await assert.rejects(model.warmUp(), { code: 'engine', message });
  globalThis.Worker = Worker;
  assert.equal((await model.predict(GOOD)).double_age, 100);
  model.dispose();
});

test('where there are no workers, load says so', async (t) => {
  const { Worker } = globalThis;
  delete globalThis.Worker;
  t.after(() => { globalThis.Worker = Worker; });
  await assert.rejects(open(), { code: 'target', message: `there are no workers here; ${WITHOUT}` });
});
