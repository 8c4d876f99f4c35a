/**
 * Which bundle of a published model this install gets: `const { model } = await loadChannel('./')`, where ./channel.json
 * lies. It stands alone, because it comes before any bundle; the bundle that is chosen brings its own runtime.
 * The format of channel.json and the rule of the buckets: docs/publishing.md.
 */
const FORMAT = 'edgekit-channel/1';
const FILE = 'channel.json';
const INSTALL = 'edgekit-install';
const ID = /^[0-9a-f]{64}$/;

/**
 * @param {string | URL} url the folder of channel.json, relative to the page
 * @param {object} [options] those of the runtime's `load`, and
 *   `storage` for the install's id (default: localStorage), `importRuntime` to load a module by its address
 * @returns {Promise<{model: object, choice: 'stable' | 'canary', id: string, fallback: string}>} `fallback` says why a
 *   canary was not taken; it is empty otherwise
 */
export async function loadChannel(url, { storage = localStore(), importRuntime = (href) => import(href), ...options } = {}) {
  const root = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  const { stable, canary } = parseChannel(await fetchChannel(root, storage, options.fetch));
  const open = async ({ id, path }) => {
    const folder = new URL(path, root).href;
    const { load } = await importRuntime(`${folder}runtime/edgekit.js`);
    const model = await load(folder, options);
    if (model.manifest.id === id) return { model, folder };
    model.dispose();
    throw new Error(`the bundle at ${path} has another id than ${FILE} says`);
  };
  let fallback = '';
  if (canary && (await takesCanary(canary, storage))) {
    try {
      const { model, folder } = await open(canary);
      await checkGolden(model, folder, options);
      return { model, choice: 'canary', id: canary.id, fallback };
    } catch (error) {
      if (options.signal?.aborted) throw error;
      fallback = String(error?.message ?? error);
    }
  }
  return { model: (await open(stable)).model, choice: 'stable', id: stable.id, fallback };
}

/** Read the text of channel.json; what is wrong is an Error that says so. */
export function parseChannel(text) {
  let plain;
  try {
    plain = JSON.parse(text);
  } catch {
    throw new Error(`${FILE} is not JSON`);
  }
  if (plain?.format !== FORMAT) throw new Error(`${FILE} has the format ${JSON.stringify(plain?.format)}, this page reads ${FORMAT}`);
  const place = (value, what) => {
    if (!ID.test(value?.id) || value.path !== `bundles/${value.id}/`) throw new Error(`${FILE} names no usable bundle as ${what}`);
    return { id: value.id, path: value.path };
  };
  const { percent } = plain.canary ?? {};
  if (plain.canary && !(typeof percent === 'number' && percent >= 0 && percent <= 100)) throw new Error(`${FILE} has a canary without a percentage`);
  return {
    name: plain.name,
    stable: place(plain.stable, 'stable'),
    canary: plain.canary ? { ...place(plain.canary, 'canary'), percent } : null,
  };
}

/**
 * The place of an install in [0, 100) for a canary: the first 4 bytes, big-endian, of sha256(utf8(id + ":" + install)),
 * divided by 2^32, times 100. The canary is for the installs whose place is below its percentage.
 */
export async function bucket(canaryId, install) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`${canaryId}:${install}`));
  return (new DataView(digest).getUint32(0) / 2 ** 32) * 100;
}

/** Where no id can be kept (a private window) or hashed (plain http), an install is not in any canary. */
async function takesCanary({ id, percent }, storage) {
  try {
    let install = storage.getItem(INSTALL);
    if (!install) storage.setItem(INSTALL, (install = crypto.randomUUID()));
    return (await bucket(id, install)) < percent;
  } catch {
    return false;
  }
}

/** The text of channel.json: the server's, or where there is no network the last one that was seen. */
async function fetchChannel(root, storage, fetch = globalThis.fetch) {
  const address = new URL(FILE, root).href;
  const key = `edgekit-channel ${address}`;
  let response;
  try {
    response = await fetch(address, { cache: 'no-cache' });
  } catch (error) {
    const kept = quietly(() => storage.getItem(key));
    if (kept) return kept;
    throw new Error(`${FILE} could not be fetched; check the connection`, { cause: error });
  }
  if (!response.ok) throw new Error(`${FILE} could not be fetched: the server answered ${response.status}`);
  const text = await response.text();
  quietly(() => storage.setItem(key, text));
  return text;
}

/** Predict every golden row with a model, and throw where an answer is not what its manifest promises. */
export async function checkGolden(model, folder, { fetch = globalThis.fetch } = {}) {
  const { golden, targets } = model.manifest;
  const response = await fetch(new URL(golden.path, folder).href);
  if (!response.ok) throw new Error(`${golden.path} could not be fetched: the server answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (hex !== golden.sha256) throw new Error(`${golden.path} is not what the manifest says`);
  const rows = JSON.parse(new TextDecoder().decode(bytes));
  const { parity, bound } = targets[model.target];
  const near = parity === 'near' ? rows.quantized : rows.float;
  const fits = parity === 'exact'
    ? (value, row, i) => Object.is(value, Math.fround(rows.quantized[row][i]))
    : (value, row, i) => Math.abs(value - near[row][i]) <= bound;
  for (let row = 0; row < rows.inputs.length; row++) {
    const answer = await model.predictArray(rows.inputs[row]);
    if (answer.length !== rows.float[row].length || !answer.every((value, i) => fits(value, row, i))) {
      model.dispose();
      throw new Error(`golden row ${row} has another answer than it must have`);
    }
  }
}

function localStore() {
  return quietly(() => globalThis.localStorage);
}

function quietly(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
