/**
 * Time every step of a plan in the bare engine. The driver calls `layers`; data-state says when `globalThis.result`
 * is there: the least milliseconds of each step and of the whole plan, and the products a millisecond of the dot product alone.
 */
const PAGE = 65536;
const BLOCK_MS = 0.5; // a hundred times what the clock resolves
const align = (address) => Math.ceil(address / 64) * 64;

globalThis.layers = ({ rounds, model }) => settle(async () => {
  const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  const [code, peakCode, plan, weights] = await Promise.all(['engine.wasm', 'peak.wasm', `${model}.plan`, `${model}.weights`].map(bytes));
  const { instance: { exports } } = await WebAssembly.instantiate(code);
  const words = new DataView(plan.buffer);
  const arena = words.getUint32(8, true);
  const steps = words.getUint32(24, true);
  const at = { model: align(exports.__heap_base.value) };
  at.plan = align(at.model + 64);
  at.weights = align(at.plan + plan.length);
  at.arena = align(at.weights + weights.length);
  exports.memory.grow(Math.max(0, Math.ceil((at.arena + arena - exports.memory.buffer.byteLength) / PAGE)));
  const memory = new Uint8Array(exports.memory.buffer);
  memory.set(plan, at.plan);
  memory.set(weights, at.weights);
  new Uint32Array(exports.memory.buffer, at.model, 6).set([at.plan, plan.length, at.weights, weights.length, at.arena, arena]);
  if (exports.ek_check(at.model)) throw new Error(`the plan of ${model} was refused`);
  exports.ek_prepare?.(at.model, 0, steps);
  const run = (first, last, times = 1) => {
    const before = performance.now();
    for (let i = 0; i < times; i++) exports.ek_run(at.model, first, last);
    return (performance.now() - before) / times;
  };
  for (let end = performance.now() + 1000; performance.now() < end;) run(0, steps); // the optimizing compiler
  const whole = [];
  const times = Math.max(1, Math.ceil(BLOCK_MS / run(0, steps, 5)));
  for (let round = 0; round < rounds; round++) whole.push(run(0, steps, times));
  const each = [];
  for (let step = 0; step < steps; step++) {
    memory.fill(0, at.arena, at.arena + arena); // int8 read as float32 may be denormal, which is slow
    const often = Math.max(1, Math.ceil(BLOCK_MS / (run(step, step + 1, 20) + 1e-5)));
    each[step] = Math.min(...Array.from({ length: rounds }, () => run(step, step + 1, often)));
  }
  return { whole: whole.sort((a, b) => a - b), each, peak: await peak(peakCode) };
});
document.documentElement.dataset.state = 'ready';

async function peak(code) {
  const { instance: { exports } } = await WebAssembly.instantiate(code);
  const rounds = 200000;
  let best = Infinity;
  for (let i = 0; i < 40; i++) {
    const before = performance.now();
    exports.peak(rounds, i);
    best = Math.min(best, performance.now() - before);
  }
  return (rounds * exports.peak_products()) / best;
}

async function settle(work) {
  document.documentElement.dataset.state = 'running';
  try {
    globalThis.result = await work();
    document.documentElement.dataset.state = 'done';
  } catch (error) {
    globalThis.result = { error: String(error?.message ?? error) };
    document.documentElement.dataset.state = 'failed';
  }
}
