/**
 * The builds of the engine with threads: whether they can run here, how many threads pay, and the team of workers that
 * share the engine's memory. The caller of ek_run works too, so it never waits for a worker that does not come.
 */

const SUFFIX = '-threads';
const MOST = 4; // EK_SLOTS of wasm/kernels/engine.h
const ENGINE_BYTES = 65536; // for the engine's own data and stack
const STACK_BYTES = 8192;
const WORDS = 6; // of the model, before the number of threads

/** Fewer multiplications than this take some 0.2 ms: waking a worker would cost as much as it saves. */
const LEAST_MULTIPLICATIONS = 20e6;

/** The build without threads of a build with them; undefined for any other. */
export function withoutThreads(build) {
  return build?.endsWith(SUFFIX) ? build.slice(0, -SUFFIX.length) : undefined;
}

/** Whether threads can share memory here: the page is cross-origin isolated. */
export function canShare() {
  return globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === 'function' && typeof Worker === 'function';
}

/** How many threads to use for a target, from 1 to 4; `wanted` by the caller, else as many as pay. */
export function countThreads({ options }, wanted, cores = globalThis.navigator?.hardwareConcurrency ?? 1) {
  if (!canShare()) return 1;
  if (wanted !== undefined) return Math.min(MOST, Math.max(1, Math.floor(wanted) || 1));
  if (!(options?.multiplications >= LEAST_MULTIPLICATIONS) || cores < 2) return 1;
  return Math.min(MOST, Math.max(2, cores >> 1)); // half of the cores are often the small ones, or only half a core
}

/** The engine file with threads in place of one without, where the bundle has it. */
export function withThreads(engine, engines) {
  return engines.find((file) => file.build === engine.build + SUFFIX) ?? engine;
}

/** The memory of an engine with threads: it cannot outgrow what the model needs. */
export function sharedMemory(bytes, pageBytes) {
  return new WebAssembly.Memory({ initial: 1, maximum: Math.ceil((bytes + ENGINE_BYTES) / pageBytes), shared: true });
}

/** Bytes of memory that the workers need. */
export function stackBytes(threads) {
  return (threads - 1) * STACK_BYTES;
}

/**
 * Start the workers of a model that ek_check took; they take part as soon as they run. Returns a function that ends them.
 * Where they cannot start (a policy forbids it, the bundle is of another origin) the caller works alone.
 */
export function startTeam({ module, memory, model, stacks, threads }) {
  const count = new Uint32Array(memory.buffer, model + 4 * WORDS, 1);
  const workers = [];
  const stop = () => {
    count[0] = 1;
    for (const worker of workers) worker.terminate();
  };
  try {
    for (let slot = 1; slot < threads; slot++) {
      const worker = new Worker(new URL('./threads-worker.js', import.meta.url), { type: 'module', name: `edgekit ${slot}` });
      workers.push(worker);
      worker.onerror = (event) => {
        event.preventDefault();
        stop();
      };
      worker.onmessage = () => { count[0] = threads; };
      worker.postMessage({ module, memory, model, slot, stack: stacks + slot * STACK_BYTES });
    }
  } catch {
    stop();
  }
  return stop;
}
