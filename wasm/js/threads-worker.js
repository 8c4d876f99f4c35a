/** A thread of the engine: it works on what the caller of ek_run offers, until it is terminated. */
self.onmessage = async ({ data: { module, memory, model, slot, stack } }) => {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  exports.__stack_pointer.value = stack; // the end of its own: stacks grow down
  self.postMessage('ready');
  exports.ek_work(model, slot);
};
