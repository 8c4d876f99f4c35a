/** The tests of streaming again, with the runtime that bundles carry. */
globalThis.underTest = { file: '../../wasm/dist/edgekit.js' };
await import('./stream.test.mjs');
