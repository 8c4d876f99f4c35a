/**
 * What edgekit_flutter needs of the browser, in calls that dart:js_interop makes easily. Loaded as a module by
 * lib/src/web_runtime.dart, which has the types of everything here.
 */

const PREFIX = 'edgekit/';

/**
 * Open a bundle with the browser runtime that came with the app.
 * @param {string} runtime the address of runtime/edgekit.js
 * @param {string} bundle the bundle's folder
 * @param {'wasm' | 'tfjs'} target
 * @param {Uint8Array} manifest the manifest that was checked; it is not fetched a second time
 */
export async function open(runtime, bundle, target, manifest) {
  const { load } = await import(runtime);
  const own = new URL('manifest.json', bundle).href;
  const fetchChecked = (url, init) => (String(url) === own ? Promise.resolve(new Response(manifest)) : fetch(url, init));
  const model = await load(bundle, { target, fetch: fetchChecked });
  await model.warmUp();
  return {
    run: (input) => model.predictArray(input),
    close: () => model.dispose(),
  };
}

/** One request, its headers given and returned as JSON; fails where there is no answer. */
export async function get(url, headers) {
  // Browsers refuse to send these; `cache` says the same as the first.
  const { 'cache-control': _, 'accept-encoding': __, ...rest } = JSON.parse(headers);
  const response = await fetch(url, { headers: rest, cache: 'no-cache' });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: JSON.stringify(Object.fromEntries(response.headers)), bytes };
}

export function read(key) {
  try {
    return globalThis.localStorage.getItem(PREFIX + key);
  } catch {
    return null; // a private window may have none
  }
}

/** Returns whether the text is kept; where it is not, the app's own version opens the next time. */
export function write(key, text) {
  try {
    globalThis.localStorage.setItem(PREFIX + key, text);
    return true;
  } catch {
    return false;
  }
}

export function remove(key) {
  try {
    globalThis.localStorage.removeItem(PREFIX + key);
  } catch {
    // nothing was kept
  }
}

/** The names behind a prefix, as JSON. */
export function list(prefix) {
  try {
    const keys = Object.keys(globalThis.localStorage).filter((key) => key.startsWith(PREFIX + prefix));
    return JSON.stringify(keys.map((key) => key.slice(PREFIX.length + prefix.length)));
  } catch {
    return '[]';
  }
}

export const userAgent = globalThis.navigator?.userAgent ?? '';
