import { aborted } from './errors.js';

/**
 * One piece of work that several callers wait for. It starts with the first of them, is kept when it succeeds
 * and forgotten when it fails, so that the next call tries again. A caller whose signal fires stops waiting;
 * the work itself stops when nobody waits any more.
 */
export class Shared {
  #what;
  #start;
  #job = null;

  /** @param {string} what for messages  @param {(signal: AbortSignal, report: Function) => Promise<any>} start */
  constructor(what, start) {
    this.#what = what;
    this.#start = start;
  }

  /** Wait for the work; starts it when there is none. */
  get({ signal, onProgress } = {}) {
    if (signal?.aborted) return Promise.reject(aborted(this.#what, signal));
    const job = (this.#job ??= this.#begin());
    if (job.done) return job.promise;
    const listener = { onProgress };
    job.waiting.add(listener);
    return new Promise((resolve, reject) => {
      const leave = () => {
        job.waiting.delete(listener);
        signal?.removeEventListener('abort', giveUp);
      };
      const giveUp = () => {
        leave();
        reject(aborted(this.#what, signal));
        if (job.waiting.size === 0) this.#stop(job, signal.reason);
      };
      signal?.addEventListener('abort', giveUp);
      job.promise.then(resolve, reject).finally(leave);
    });
  }

  /** Stop and forget the work, whoever waits; they get `reason`. */
  drop(reason) {
    if (this.#job) this.#stop(this.#job, reason);
  }

  #begin() {
    const controller = new AbortController();
    const job = { controller, waiting: new Set(), done: false };
    const report = (event) => {
      for (const { onProgress } of job.waiting) onProgress?.(event);
    };
    const stopped = new Promise((_, reject) => {
      job.reject = reject;
    });
    job.promise = Promise.race([this.#start(controller.signal, report), stopped]);
    job.promise.then(
      () => { job.done = true; },
      (error) => this.#stop(job, error), // one file failed: the others need not come
    );
    return job;
  }

  #stop(job, reason) {
    if (this.#job === job) this.#job = null;
    job.reject(reason);
    job.controller.abort(reason);
  }
}
