/** The runtime that the tests of the API are about: its sources in this thread, or what `underTest` says. */
const { file = '../../wasm/js/edgekit.js', options = {} } = globalThis.underTest ?? {};

export const { EdgekitError, load } = await import(file);

/** What every `load` of a test gets. */
export const OPTIONS = options;
