/** A clock for tests: timers run as soon as nothing else happens, so that no test waits for one. */
import { mock } from 'node:test';

/** Resolve what `work` starts, with time passing at once; tells how many ms went by (in steps of 50) when it was done. */
export async function fast(work) {
  mock.timers.enable({ apis: ['setTimeout'] });
  const { crypto } = globalThis;
  // Hashing is left to plain JavaScript: another thread's work would not be seen, and time would run ahead of it.
  Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true, writable: true });
  let isDone = false;
  let ms = 0;
  try {
    const result = work();
    result.catch(() => {}).finally(() => { isDone = true; });
    while (!isDone) {
      for (let i = 0; i < 30 && !isDone; i++) await new Promise((resolve) => { setImmediate(resolve); });
      if (isDone) break;
      mock.timers.tick(50);
      ms += 50;
      if (ms > 1e6) throw new Error('it never ends');
    }
    return { ms, ...(await result.then((value) => ({ value }), (error) => ({ error }))) };
  } finally {
    mock.timers.reset();
    Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true, writable: true });
  }
}
