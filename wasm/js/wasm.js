/**
 * The wasm target: one prebuilt engine, a plan that says what to run, weights in shards. The words of the
 * plan that are read here are described in docs/bundle.md; the engine checks the rest of it (ek_check).
 */
import { EdgekitError } from './errors.js';
import { download } from './fetch.js';
import { elements } from './manifest.js';
import { buildFits, chooseBuild } from './probe.js';

const MAGIC = 0x31504b45; // "EKP1"
const ABI = 2;
const HEADER_WORDS = 8;
const MODEL_BYTES = 32; // six u32: address and size of plan, weights, arena
const PAGE = 65536;

/** Whether this target can run here at all. */
export function isSupported() {
  return typeof WebAssembly === 'object';
}

/**
 * Fetch what the model needs and return it ready to run.
 * `early` may hold a prediction that waits, now or later: it runs as far as the shards are here, while the next ones
 * are on their way, and `early.output` is its answer. Nothing else may use the engine before this is done.
 * `worker`, of remote.js, is where the engine runs; else it is here.
 */
export async function open({ manifest, target, source, signal, report, build, early, worker }) {
  const { engine, plan, shards } = choose(target.files, build);
  const get = download(source, [engine, plan, ...shards], { signal, report });
  // The engine and the plan say where weights go; shards are copied there as they come, and not kept.
  const memory = Promise.all([get(engine), get(plan)]).then(([code, words]) => (worker?.prepare ?? prepare)(manifest, { engine, code, plan, words, shards }));
  const arrivals = shards.map(async (shard, i) => {
    const bytes = await get(shard);
    await (await memory).writeShard(i, bytes);
  });
  const stream = async ({ runner }) => {
    let at = 0;
    for (let i = 0; i < shards.length; i++) {
      await arrivals[i];
      if (!early.input) continue;
      if (at === 0) await runner.write(early.input);
      at = await runner.runSteps(at, stepsBefore(shards.slice(i + 1), runner.steps));
    }
    if (at && at === runner.steps) early.output = (await runner.read()).slice();
  };
  const [{ runner }] = await Promise.all([memory, memory.then(stream), ...arrivals]);
  return { build: engine.build, run: runner.run, dispose: runner.dispose };
}

/** How many steps can run without these shards; never the last one, so that no answer comes before all was checked. */
function stepsBefore(missing, steps) {
  return Math.min(missing.length ? steps - 1 : steps, ...missing.map((shard) => shard.first_step ?? 0));
}

function choose(files, wanted) {
  const engines = files.filter((file) => file.role === 'engine');
  const build = wanted ?? chooseBuild(engines.map((file) => file.build));
  const engine = engines.find((file) => file.build === build);
  const plan = files.find((file) => file.role === 'plan');
  if (!engine) {
    const has = engines.map((file) => file.build).join(', ') || 'none';
    throw new EdgekitError('target', `the bundle has no engine build ${wanted ? `"${wanted}"` : 'that works here'}; its builds are: ${has}`);
  }
  if (wanted && !buildFits(wanted)) {
    throw new EdgekitError('unfit', `the engine build "${wanted}" does not fit this device: its instructions give other values here`);
  }
  if (!plan) throw new EdgekitError('manifest', 'manifest.json names no plan for the target wasm; export the bundle again', { file: 'manifest.json' });
  return { engine, plan, shards: files.filter((file) => file.role === 'shard') };
}

/** Make an engine ready to take the shards: `inputs` and `outputs` of the manifest, the bytes of engine and plan. */
export async function prepare(manifest, { engine, code, plan, words, shards }) {
  const { exports } = await instantiate(engine, code);
  const header = readPlan(plan, words, manifest, shards);
  const layout = place(exports, words.length, header, engine);
  const { buffer } = exports.memory;
  const bytes = new Uint8Array(buffer);
  bytes.set(words, layout.plan);
  new Uint32Array(buffer, layout.model, 6).set([layout.plan, words.length, layout.weights, header.weights, layout.arena, header.arena]);

  let verdict;
  try {
    verdict = exports.ek_check(layout.model);
  } catch (error) {
    throw broken(engine, 'failed while it ran', error);
  }
  if (verdict !== 0) throw new EdgekitError('engine', `${plan.path} was refused by ${engine.path} (code ${verdict}); export the bundle again`, { file: plan.path });

  const view = ({ offset, count }) => new Float32Array(buffer, layout.arena + offset, count);
  let end = layout.weights;
  const starts = shards.map((shard) => (end += shard.bytes) - shard.bytes);
  return {
    writeShard: (i, shard) => bytes.set(shard, starts[i]),
    runner: makeRunner(exports, layout.model, { engine, steps: header.steps, inputs: header.inputs.map(view), outputs: header.outputs.map(view) }),
  };
}

/** `run` goes from the flat input to the flat output, which the next run overwrites; the other members are its parts. */
function makeRunner(exports, model, { engine, steps, inputs, outputs }) {
  const isSingle = inputs.length === 1;
  const flat = outputs.length === 1 ? outputs[0] : new Float32Array(outputs.reduce((sum, output) => sum + output.length, 0));
  const write = (input) => {
    let from = 0;
    for (const view of inputs) {
      view.set(isSingle ? input : input.subarray(from, from + view.length));
      from += view.length;
    }
  };
  /** Run from the step `first` to before `last`; returns the step that comes next. */
  const runSteps = (first, last) => {
    if (first >= last) return first;
    let verdict;
    try {
      verdict = exports.ek_run(model, first, last);
    } catch (error) {
      throw broken(engine, 'failed while it ran', error);
    }
    if (verdict !== 0) throw broken(engine, `stopped with code ${verdict}`);
    return last;
  };
  const read = () => {
    if (outputs.length > 1) join(outputs, flat);
    return flat;
  };
  const run = (input) => {
    write(input);
    runSteps(0, steps);
    return read();
  };
  return { steps, write, runSteps, read, run };
}

function join(outputs, flat) {
  let at = 0;
  for (const view of outputs) {
    flat.set(view, at);
    at += view.length;
  }
}

async function instantiate(engine, code) {
  let module;
  try {
    module = await WebAssembly.compile(code);
  } catch (error) {
    throw broken(engine, 'cannot be compiled here', error);
  }
  if (WebAssembly.Module.imports(module).length) throw broken(engine, 'asks for imports');
  const instance = await WebAssembly.instantiate(module);
  const { memory, __heap_base: heap, ek_check: check, ek_run: run } = instance.exports;
  const isEngine = memory instanceof WebAssembly.Memory && heap instanceof WebAssembly.Global && typeof check === 'function' && typeof run === 'function';
  if (!isEngine) throw broken(engine, 'is not an engine');
  return instance;
}

function readPlan(file, bytes, { inputs, outputs }, shards) {
  const refuse = (why) => new EdgekitError('engine', `${file.path} ${why}; export the bundle again`, { file: file.path });
  const count = inputs.length + outputs.length;
  if (bytes.length % 4 || bytes.length < 4 * (HEADER_WORDS + 2 * count)) throw refuse('is too short for a plan');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (i) => view.getUint32(4 * i, true);
  if (word(0) !== MAGIC) throw refuse('is not a plan');
  if (word(1) !== ABI) throw refuse(`has version ${word(1)}, this runtime reads ${ABI}`);
  const header = { arena: word(2), weights: word(3), steps: word(6) };
  if (word(4) !== inputs.length || word(5) !== outputs.length) throw refuse('has other inputs or outputs than the manifest');
  if (header.weights !== sumBytes(shards)) throw refuse(`wants ${header.weights} bytes of weights, the shards have ${sumBytes(shards)}`);
  const slots = [...inputs, ...outputs].map((signature, i) => {
    const slot = { offset: word(HEADER_WORDS + 2 * i), count: word(HEADER_WORDS + 2 * i + 1) };
    if (slot.count !== elements(signature)) throw refuse(`has ${slot.count} numbers for "${signature.name}", the manifest ${elements(signature)}`);
    if (slot.offset % 4 || slot.offset + 4 * slot.count > header.arena) throw refuse(`puts "${signature.name}" outside its arena`);
    return slot;
  });
  return { ...header, inputs: slots.slice(0, inputs.length), outputs: slots.slice(inputs.length) };
}

/** Lay the regions one behind the other above the engine's own data, and grow the memory to hold them. */
function place(exports, planBytes, header, engine) {
  let top = align(exports.__heap_base.value);
  const take = (size) => {
    const at = top;
    top = align(top + size);
    return at;
  };
  const layout = { model: take(MODEL_BYTES), plan: take(planBytes), weights: take(header.weights), arena: take(header.arena) };
  const missing = Math.ceil((top - exports.memory.buffer.byteLength) / PAGE);
  try {
    if (missing > 0) exports.memory.grow(missing);
  } catch (error) {
    throw new EdgekitError('memory', `the model needs ${Math.ceil(top / 2 ** 20)} MB of memory, more than there is here`, { file: engine.path, cause: error });
  }
  return layout;
}

function broken(engine, what, cause) {
  return new EdgekitError('engine', `${engine.path} ${what}; export the bundle again`, { file: engine.path, cause });
}

function sumBytes(files) {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}

function align(address) {
  return Math.ceil(address / 16) * 16;
}
