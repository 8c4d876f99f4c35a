import { EdgekitError, aborted } from './errors.js';
import { sha256 } from './sha256.js';

const PARALLEL = 6;

/** Where a bundle lies and how to read it. `url` may be relative to the page. */
export function openSource(url, fetch) {
  const here = globalThis.document?.baseURI ?? globalThis.location?.href;
  let root;
  try {
    root = new URL(url, here);
  } catch {
    throw new EdgekitError('input', `the bundle's address "${url}" is not a URL; give an absolute one outside a page`);
  }
  if (!root.pathname.endsWith('/')) root.pathname += '/';
  root.search = root.hash = '';
  const get = fetch ?? globalThis.fetch;
  return { root, fetch: (address, init) => get(address, init), url: (path) => new URL(path, root).href };
}

/**
 * Fetch one file of the manifest; resolves to its bytes, whose size and sha256 were checked.
 * A file with the wrong content is asked for once more past every cache: after an update an old copy may linger.
 *
 * @param {{signal?: AbortSignal, onBytes?: (count: number) => void}} [options] counts are negative when bytes are thrown away
 */
export async function getFile(source, entry, options = {}) {
  try {
    return await getOnce(source, entry, options, {});
  } catch (error) {
    if (error.code !== 'size' && error.code !== 'hash') throw error;
    return getOnce(source, entry, options, { cache: 'reload' });
  }
}

/** Return a function that gets files and reports the progress of all of them together. */
export function download(source, files, { signal, report }) {
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let loaded = 0;
  return (entry) => getFile(source, entry, {
    signal,
    onBytes(count) {
      loaded += count;
      report({ file: entry.path, loaded, total });
    },
  });
}

/** Do `work` for every item, a few at a time, begun in order; results are in order too. */
export async function inOrder(items, work) {
  const results = new Array(items.length);
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (next < items.length && !failed) {
      const i = next++;
      try {
        results[i] = await work(items[i], i);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, lane));
  return results;
}

/** Ask for a file; resolves to a response that is neither an error nor a web page in its place. */
export async function request(source, path, init) {
  let response;
  try {
    response = await source.fetch(source.url(path), init);
  } catch (error) {
    if (init.signal?.aborted) throw aborted(path, init.signal);
    throw new EdgekitError('network', `${path} could not be fetched: ${reason(error)}; check the connection`, { file: path, cause: error });
  }
  if (!response.ok) {
    discard(response);
    throw new EdgekitError('http', `${path} could not be fetched: the server answered ${response.status}`, { file: path });
  }
  if (/^text\/html\b/i.test(response.headers?.get('content-type') ?? '')) {
    discard(response);
    throw new EdgekitError('http', `the server sent a web page in place of ${path}; check where the bundle is hosted`, { file: path });
  }
  return response;
}

/** Read a response into one array of at most `limit` bytes; `fail` makes the error when there are more. */
export async function readBody(response, limit, { path, signal, onBytes, tooMany }) {
  const bytes = room(limit, path);
  if (!response.body) return bytes.subarray(0, 0);
  const reader = response.body.getReader();
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return bytes.subarray(0, size);
      if (size + value.length > limit) throw tooMany();
      bytes.set(value, size);
      size += value.length;
      onBytes?.(value.length);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    onBytes?.(-size);
    if (error instanceof EdgekitError) throw error;
    if (signal?.aborted) throw aborted(path, signal);
    throw new EdgekitError('network', `${path} broke off after ${size} bytes: ${reason(error)}; check the connection`, { file: path, cause: error });
  }
}

async function getOnce(source, entry, { signal, onBytes }, init) {
  const { path } = entry;
  const wrongSize = (has) => new EdgekitError('size', `${path} has ${has} bytes, the manifest says ${entry.bytes}; load the page again or publish the bundle again`, { file: path });
  const response = await request(source, path, { ...init, signal });
  const bytes = await readBody(response, entry.bytes, { path, signal, onBytes, tooMany: () => wrongSize(`more than ${entry.bytes}`) });
  let fault = null;
  if (bytes.length !== entry.bytes) fault = wrongSize(bytes.length);
  else if ((await sha256(bytes)) !== entry.sha256) {
    fault = new EdgekitError('hash', `${path} does not match its sha256 in the manifest; load the page again or publish the bundle again`, { file: path });
  }
  if (!fault) return bytes;
  onBytes?.(-bytes.length);
  throw fault;
}

function room(size, path) {
  try {
    return new Uint8Array(size);
  } catch (error) {
    throw new EdgekitError('memory', `${path} needs ${size} bytes of memory, more than there is here`, { file: path, cause: error });
  }
}

function discard(response) {
  response.body?.cancel().catch(() => {});
}

function reason(error) {
  return String(error?.message ?? error).split('\n')[0];
}
