/** A model in one build of the engine, without the loader: for vectors. Bytes are base64; tests/plan_work.py writes them. */

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const up = (n) => (n + 63) & ~63;
const instances = new Map(); // one an engine: each reserves gigabytes of addresses, which an emulator pays for

/** Opens a plan, in place of the one before; `predict` takes rows of float32, gives all their answers in one array. */
export async function open({ engine, plan, weights, inputs, outputs, arena, steps }) {
  if (!instances.has(engine)) instances.set(engine, (await WebAssembly.instantiate(bytes(engine))).instance);
  const { memory, __heap_base, ek_check, ek_run } = instances.get(engine).exports;
  const parts = [bytes(plan), bytes(weights), new Uint8Array(arena)];
  const model = up(__heap_base.value);
  const table = [];
  let at = model + 64;
  for (const part of parts) { table.push(at, part.length); at = up(at + part.length); }
  memory.grow(Math.max(0, Math.ceil((at - memory.buffer.byteLength) / 65536)));
  parts.forEach((part, i) => new Uint8Array(memory.buffer).set(part, table[2 * i]));
  new Uint32Array(memory.buffer, model, 6).set(table);
  if (ek_check(model) !== 0) throw new Error('the plan was refused');
  const view = ([offset, count]) => new Float32Array(memory.buffer, table[4] + offset, count);

  function predict(rows) {
    const values = new Float32Array(bytes(rows).buffer);
    const answers = [];
    for (let from = 0; from < values.length;) {
      for (const port of inputs) { view(port).set(values.subarray(from, from + port[1])); from += port[1]; }
      if (ek_run(model, 0, steps) !== 0) throw new Error('the steps did not run');
      for (const port of outputs) answers.push(...view(port));
    }
    return Float32Array.from(answers);
  }
  return { predict, ek_run };
}
