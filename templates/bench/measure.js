/**
 * Measures one bundle in this document or process, from the import of its runtime to steady predictions. It knows no
 * driver and no server; whoever calls it starts afresh for every visit, with nothing cached.
 */
const WARM_MS = 60; // the engine is compiled again while it runs
const STEADY_MS = 200;
const BATCHES = 100;
const FEWEST = 5;
const TICKS = 50; // of the clock in a batch, so that its coarseness is 2 %
const BATCH_MS = 0.5;

/**
 * @param {string} bundleUrl the bundle's folder, relative to the document, with a slash at its end
 * @param {object} [options] `target`, `build`, `threads`, `fetch`: those of the runtime's `load`;
 *   `runtime`: the address of its module, else the bundle's own; `rows`: arrays to answer, returned as `outputs`;
 *   `steadyMs`: how long steady predictions are measured; `memory`: ask the browser, which may take seconds;
 *   `batchMs`: how long a batch lasts at least; `now`: a clock in ms since the start, else the performance's
 * @returns {Promise<{values: object, calls: number[], device: object, outputs?: Float32Array[]}>} values by the names
 *   and in the units of edgekit/bench/measures.py, what cannot be had left out; calls in us, each the mean of a batch
 */
export async function measure(bundleUrl, options = {}) {
  performance.setResourceTimingBufferSize?.(10000);
  const root = new URL(bundleUrl, globalThis.document?.baseURI).href;
  const wasm = watchMemories();
  const now = options.now ?? (() => performance.now());
  const begin = now();
  const { load } = await import(options.runtime ?? `${root}runtime/edgekit.js`);
  const { target, build, threads, fetch } = options;
  const model = await load(root, { target, build, threads, fetch, cache: false });
  await model.warmUp();
  const ready = now();
  const row = new Float32Array(model.manifest.inputs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0));
  await model.predictArray(row);
  const answered = now();

  const values = { cold: answered, load: ready - begin, first: 1000 * (answered - ready) };
  const tick = clockTick();
  const calls = await steady(model, row, { now, tick, steadyMs: options.steadyMs ?? STEADY_MS, batchMs: options.batchMs ?? BATCH_MS });
  Object.assign(values, wire(root, begin, ready));
  const memory = await memoryBytes(wasm, options.memory);
  if (memory) values.memory = memory;
  const outputs = options.rows && (await answer(model, options.rows));
  return { id: model.manifest.id, target: model.target, build: model.build, values, calls, device: await describeDevice(tick), outputs };
}

/** What this document or process is, in the words of a Device in edgekit/bench/records.py. */
export async function describeDevice(tick = clockTick()) {
  const { userAgent = '', hardwareConcurrency = 0, userAgentData, deviceMemory, connection } = globalThis.navigator ?? {};
  const hints = { clock_us: String(Math.round(1000 * tick)) };
  if (deviceMemory) hints.memory_gb = String(deviceMemory);
  if (connection?.effectiveType) hints.connection = connection.effectiveType;
  const battery = await globalThis.navigator?.getBattery?.().catch(() => null);
  if (battery && !(battery.charging && battery.level === 1)) hints.battery = `${Math.round(100 * battery.level)} %, ${battery.charging ? 'charging' : 'discharging'}`;
  return { agent: userAgent, system: userAgentData?.platform || '', processors: hardwareConcurrency, features: features(), hints };
}

/** Warm up, then time batches; a batch is as many calls as the clock needs. */
async function steady(model, row, { now, tick, steadyMs, batchMs }) {
  const wanted = Math.max(batchMs, TICKS * tick);
  const timed = async (count) => {
    const begin = now();
    for (let i = 0; i < count; i++) await model.predictArray(row);
    return now() - begin;
  };
  let count = 1;
  let end = now() + WARM_MS;
  do {
    const took = await timed(count);
    if (took < wanted) count = Math.min(2 * count, Math.ceil((count * wanted) / Math.max(took, tick / 2)));
    await new Promise((resolve) => setTimeout(resolve)); // threads report for work
  } while (now() < end);
  const calls = [];
  end = now() + steadyMs;
  while (calls.length < FEWEST || (calls.length < BATCHES && now() < end)) calls.push((1000 * (await timed(count))) / count);
  return calls;
}

/** What went over the line for the bundle, and the time of `load` during which a request was under way. */
function wire(root, begin, ready) {
  const entries = (performance.getEntriesByType?.('resource') ?? []).filter(({ name }) => name.startsWith(root));
  if (!entries.length) return {};
  const sent = entries.filter(({ transferSize }) => transferSize > 0); // what came of a cache has 0
  let network = 0;
  let from = begin;
  for (const { startTime, responseEnd } of entries.sort((a, b) => a.startTime - b.startTime)) {
    const [start, end] = [Math.max(startTime, from), Math.min(responseEnd, ready)];
    if (end > start) network += end - start;
    from = Math.max(from, end);
  }
  const bytes = sent.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  return { network, compute: ready - begin - network, bytes, requests: sent.length };
}

/** All memory of the page where the browser tells, else the JS heap; and the memory of WebAssembly. */
async function memoryBytes(wasm, ask) {
  const told = ask && globalThis.crossOriginIsolated ? await performance.measureUserAgentSpecificMemory?.().catch(() => null) : null;
  let bytes = told?.bytes || performance.memory?.usedJSHeapSize || 0;
  // Chromium 156 counts the memory of WebAssembly only where it is shared.
  for (const { buffer } of wasm) if (!told?.bytes || buffer instanceof ArrayBuffer) bytes += buffer.byteLength;
  return bytes;
}

/** Collect the memories of engines that are made from now on. */
function watchMemories() {
  const found = new Set();
  const original = WebAssembly.instantiate;
  WebAssembly.instantiate = async (source, imports) => {
    const result = await original(source, imports);
    const { exports } = result.instance ?? result;
    for (const value of [...Object.values(exports), ...Object.values(imports?.env ?? {})]) if (value instanceof WebAssembly.Memory) found.add(value);
    return result;
  };
  return found;
}

async function answer(model, rows) {
  const outputs = [];
  for (const row of rows) outputs.push(await model.predictArray(row));
  return outputs;
}

/** The smallest step of the clock, in ms. */
function clockTick() {
  let least = Infinity;
  for (let i = 0; i < 20; i++) {
    const begin = performance.now();
    let now = begin;
    while (now === begin) now = performance.now();
    least = Math.min(least, now - begin);
  }
  return least;
}

// (func (param i32 i32 i32) (result i32)): four bytes of a times four of b, added to c by the relaxed dot product
const RELAXED = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x01, 0x60, 0x03, 0x7f, 0x7f, 0x7f, 0x01, 0x7f,
  0x03, 0x02, 0x01, 0x00, 0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00, 0x0a, 0x16, 0x01, 0x14, 0x00, 0x20, 0x00,
  0xfd, 0x11, 0x20, 0x01, 0xfd, 0x11, 0x20, 0x02, 0xfd, 0x11, 0xfd, 0x93, 0x02, 0xfd, 0x1b, 0x00, 0x0b,
);
// (func (result v128)): i32x4.splat of 0
const SIMD = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, 0x03, 0x02, 0x01, 0x00,
  0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, 0x00, 0xfd, 0x11, 0x0b,
);

/** What WebAssembly can do here, sorted; the relaxed dot product by what it computes, which differs by processor. */
function features() {
  const found = [];
  if (WebAssembly.validate(SIMD)) found.push('simd');
  if (WebAssembly.validate(RELAXED)) {
    found.push('relaxed-simd');
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(RELAXED)).exports;
    found.push(f(0x01010101, 0x80808080 | 0, 0) > 0 ? 'dot-unsigned' : 'dot-signed');
  }
  if (globalThis.crossOriginIsolated) found.push('isolated');
  if (typeof SharedArrayBuffer === 'function') found.push('shared-memory');
  if (globalThis.navigator?.gpu) found.push('webgpu');
  return found.sort();
}
