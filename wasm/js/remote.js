/** The engine of one model in a Web Worker of its own, asked by messages: the page stays responsive while it runs. */
import { EdgekitError } from './errors.js';
import { turns } from './fetch.js';

/** Whether a worker can be started here at all. */
export function isSupported() {
  return typeof Worker === 'function';
}

/**
 * Start a worker, which ends with `signal` or with `dispose`. Its `prepare` is that of wasm.js, but what the members
 * of its result return are promises, and `run` takes a signal: one that fires gives the caller up, and a prediction
 * whose turn has not come is not made.
 */
export function startWorker(signal) {
  const waiting = new Map(); // number of the message -> {resolve, reject}
  let count = 0;
  let ended = null; // why there is no worker any more
  let worker;
  const dispose = (reason) => {
    if (ended) return;
    ended = reason;
    worker?.terminate();
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  };
  const fail = (cause) => dispose(new EdgekitError('engine', "the runtime's worker.js could not be run as a worker; check that it lies beside edgekit.js, and the page's Content-Security-Policy", { cause }));
  try {
    worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    worker.onerror = (event) => {
      event.preventDefault?.();
      fail(event);
    };
    worker.onmessage = ({ data: { number, result, error } }) => {
      const { resolve, reject } = waiting.get(number);
      waiting.delete(number);
      if (error) reject(new EdgekitError(error.code ?? 'engine', error.message, error));
      else resolve(result);
    };
  } catch (error) {
    fail(error); // a page of another origin may not start it
  }
  signal.addEventListener('abort', () => dispose(signal.reason));

  const call = (method, ...args) => new Promise((resolve, reject) => {
    if (ended) throw ended;
    waiting.set(++count, { resolve, reject });
    worker.postMessage({ number: count, method, args });
  });
  const inTurn = turns(1);
  const run = (input, giveUp) => {
    const own = input.slice(); // the caller's may be another one's when the turn comes
    return untilAborted(inTurn(() => (giveUp?.aborted ? null : call('run', own))), giveUp);
  };
  return {
    async prepare({ inputs, outputs }, parts) {
      const steps = await call('prepare', { inputs, outputs }, parts);
      const runner = { steps, run, dispose };
      for (const method of ['write', 'runSteps', 'read']) runner[method] = (...args) => call(method, ...args);
      return { writeShard: (i, bytes) => call('writeShard', i, bytes), runner };
    },
  };
}

function untilAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(abortedPrediction(signal));
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** What a caller gets whose AbortSignal fired when the model was here already. */
export function abortedPrediction(signal) {
  return new EdgekitError('aborted', 'the prediction was aborted', { cause: signal.reason });
}
