/** The tests of the API again, with the runtime that bundles carry. */
globalThis.underTest = { file: '../../wasm/dist/edgekit.js' };
await import('./model.test.mjs');
