/** The Worker of a browser, for Node: what remote.js and worker.js use of it, over a worker thread. */
import { parentPort, Worker as Thread, workerData } from 'node:worker_threads';

/** The threads that have not ended. */
export const running = new Set();

globalThis.Worker = class {
  constructor(url) {
    this.thread = new Thread(new URL(import.meta.url), { workerData: { script: url.href } });
    running.add(this.thread);
    this.thread.unref(); // a test that forgets to dispose of a model ends all the same
    this.open = 0;
    this.thread.on('message', (data) => {
      if (--this.open === 0) this.thread.unref();
      this.onmessage({ data });
    });
    this.thread.on('error', (error) => this.onerror(error));
    this.thread.on('exit', () => running.delete(this.thread));
  }

  postMessage(data) {
    if (this.open++ === 0) this.thread.ref(); // someone waits for an answer
    this.thread.postMessage(data);
  }

  terminate() {
    this.thread.terminate();
  }
};

if (workerData?.script) {
  globalThis.self = globalThis;
  globalThis.postMessage = (data) => parentPort.postMessage(data);
  await import(workerData.script);
  parentPort.on('message', (data) => globalThis.onmessage({ data }));
}
