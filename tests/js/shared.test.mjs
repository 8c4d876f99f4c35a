import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Shared } from '../../wasm/js/shared.js';

function deferred() {
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
}

test('many callers share one piece of work, and it is kept', async () => {
  let starts = 0;
  const shared = new Shared('it', async () => ++starts);
  assert.deepEqual(await Promise.all([shared.get(), shared.get()]), [1, 1]);
  assert.equal(await shared.get(), 1);
});

test('a rejection is forgotten, so the next call tries again', async () => {
  let starts = 0;
  const shared = new Shared('it', async () => {
    if (++starts === 1) throw new Error('first');
    return starts;
  });
  await assert.rejects(Promise.all([shared.get(), shared.get()]), { message: 'first' });
  assert.equal(await shared.get(), 2);
});

test('a failure stops what is still under way', async () => {
  let seen;
  const shared = new Shared('it', async (signal) => {
    seen = signal;
    throw new Error('no');
  });
  await assert.rejects(shared.get());
  assert.equal(seen.aborted, true);
});

test('a caller that aborts leaves the others waiting; the work goes on', async () => {
  const work = deferred();
  let seen;
  const shared = new Shared('the model', (signal) => ((seen = signal), work.promise));
  const first = new AbortController();
  const [one, two] = [shared.get({ signal: first.signal }), shared.get()];
  first.abort();
  await assert.rejects(one, { code: 'aborted', message: 'loading the model was aborted' });
  assert.equal(seen.aborted, false);
  work.resolve(5);
  assert.equal(await two, 5);
});

test('when the last caller aborts the work is stopped, and the next call starts anew', async () => {
  const signals = [];
  const shared = new Shared('it', (signal) => (signals.push(signal), deferred().promise));
  const controller = new AbortController();
  const waiting = shared.get({ signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { code: 'aborted' });
  assert.equal(signals[0].aborted, true);
  shared.get().catch(() => {});
  assert.equal(signals.length, 2);
});

test('a signal that fired before starts nothing', async () => {
  const shared = new Shared('it', () => assert.fail('started'));
  await assert.rejects(shared.get({ signal: AbortSignal.abort() }), { code: 'aborted' });
});

test('progress reaches every caller that waits', async () => {
  const work = deferred();
  let tell;
  const shared = new Shared('it', (_, report) => ((tell = report), work.promise));
  const seen = [];
  const waits = [shared.get({ onProgress: (p) => seen.push(['a', p]) }), shared.get({ onProgress: (p) => seen.push(['b', p]) })];
  tell(1);
  work.resolve();
  await Promise.all(waits);
  assert.deepEqual(seen, [['a', 1], ['b', 1]]);
});

test('drop rejects who waits with the reason given', async () => {
  const shared = new Shared('it', () => deferred().promise);
  const waiting = shared.get();
  shared.drop(new Error('gone'));
  await assert.rejects(waiting, { message: 'gone' });
});
