/** Trying again what failed in passing: a network that is away, a busy server, an answer that stopped coming. */
import { EdgekitError, aborted } from './errors.js';

const TRIES = 4;
const FIRST_WAIT_MS = 500; // doubles from try to try; by chance half of it to half more, so that pages do not come back together
const LONGEST_WAIT_MS = 30_000; // a server that asks for more is not asked again

/**
 * Do `work` until it succeeds, fails for good, or has failed four times. It gets a signal that stops one try and a
 * function to call at every sign of life; a try without one for `patience` ms is over. Rejects at once when `signal` fires.
 *
 * @param {{path: string, signal?: AbortSignal, patience: number, instead?: () => Promise<any>}} options
 *   `instead`: asked for something to take after a first failure in passing; undefined means to go on
 */
export async function retry(work, { path, signal, patience, instead }) {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt(work, { path, signal, patience });
    } catch (error) {
      if (error.retryAfter === undefined) throw error;
      const other = await instead?.();
      if (other !== undefined) return other;
      if (tries === TRIES || error.retryAfter > LONGEST_WAIT_MS) throw error;
      await pause(Math.max(error.retryAfter, FIRST_WAIT_MS * 2 ** (tries - 1) * (0.5 + Math.random())), path, signal);
    }
  }
}

/** The ms that a Retry-After header asks for, given in seconds or as a date; 0 where there is none. */
export function retryAfter(header) {
  if (!header) return 0;
  const ms = /^\d+$/.test(header) ? 1000 * header : Date.parse(header) - Date.now();
  return Math.max(ms, 0) || 0;
}

async function attempt(work, { path, signal, patience }) {
  if (signal?.aborted) throw aborted(path, signal);
  const controller = new AbortController();
  let timer;
  let stop;
  // Not left to the signal alone: a fetch that a caller brings may not heed it.
  const stopped = new Promise((_, reject) => {
    stop = (error) => {
      reject(error);
      controller.abort(error);
    };
  });
  const alive = () => {
    clearTimeout(timer);
    if (controller.signal.aborted) return;
    timer = setTimeout(() => stop(stalled(path, patience)), patience);
  };
  const release = onAbort(path, signal, stop);
  alive();
  try {
    return await Promise.race([stopped, work({ signal: controller.signal, alive })]);
  } finally {
    controller.abort(); // a try that is over makes no sign any more
    clearTimeout(timer);
    release();
  }
}

function pause(ms, path, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      release();
      resolve();
    }, ms);
    const release = onAbort(path, signal, (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/** Call `stop` when the signal fires; returns a function that ends this. */
function onAbort(path, signal, stop) {
  const listener = () => stop(aborted(path, signal));
  signal?.addEventListener('abort', listener, { once: true });
  return () => signal?.removeEventListener('abort', listener);
}

function stalled(path, patience) {
  return new EdgekitError('network', `${path} stalled: nothing came for ${patience / 1000} s; check the connection`, { file: path, retryAfter: 0 });
}
