import { EdgekitError } from './errors.js';
import { retry, retryAfter } from './retry.js';
import { sha256 } from './sha256.js';

const PARALLEL = 4;
const PATIENCE_MS = 20_000;

/** Where a bundle lies and how to read it. `url` may be relative to the page. */
export function openSource(url, fetch, patience = PATIENCE_MS) {
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
  return { root, patience, fetch: (address, init) => get(address, init), url: (path) => new URL(path, root).href };
}

/** Return a function that gets files, a few at a time in the order of the calls, and reports the progress of all together. */
export function download(source, files, { signal, report }) {
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  const inTurn = turns(PARALLEL);
  let loaded = 0;
  return (entry) => inTurn(() => {
    let counted = 0;
    return getFile(source, entry, {
      signal,
      onBytes(size) {
        if (size <= counted) return; // fetched again: counted already
        loaded += size - counted;
        counted = size;
        report({ file: entry.path, loaded, total });
      },
    });
  });
}

/** Return a function that does work: `most` at a time, begun in the order in which it was given. */
export function turns(most) {
  const waiting = [];
  let busy = 0;
  return async (work) => {
    if (busy < most) busy++;
    else await new Promise((resolve) => { waiting.push(resolve); });
    try {
      return await work();
    } finally {
      if (waiting.length) waiting.shift()();
      else busy--;
    }
  };
}

/**
 * Get one file of the manifest, kept or fetched; resolves to its bytes, whose size and sha256 were checked.
 * A file with the wrong content is asked for once more past every cache: after an update an old copy may linger.
 *
 * @param {{signal?: AbortSignal, onBytes?: (size: number) => void}} [options] `onBytes` is told how much of the file
 *   is here; that is less than before when it has to be fetched again
 */
export async function getFile(source, entry, options = {}) {
  const kept = entry.role === 'script' ? null : source.kept; // the browser runs a script from its own address only
  const bytes = await kept?.read(entry);
  if (bytes) {
    if (!(await faultOf(entry, bytes))) {
      options.onBytes?.(bytes.length);
      return bytes;
    }
    await kept.remove(entry);
  }
  const fetched = await fetchFile(source, entry, options).catch((error) => {
    if (error.code !== 'size' && error.code !== 'hash') throw error;
    return fetchFile(source, entry, options, { cache: 'reload' });
  });
  kept?.write(entry, fetched);
  return fetched;
}

async function fetchFile(source, entry, { signal, onBytes }, init) {
  const { path } = entry;
  const part = room(entry.bytes, path);
  const tooMany = () => wrongSize(entry, `more than ${entry.bytes}`);
  await retry(async (life) => {
    if (part.size && part.size === entry.bytes) return; // only the end of the answer did not come
    const { response, from } = await ask(source, entry, part.size, { ...init, signal: life.signal });
    life.signal.throwIfAborted(); // this try is over, and another may be filling the part
    part.size = from;
    await readBody(response, part, { path, ...life, onBytes, tooMany });
  }, { path, signal, patience: source.patience });
  const bytes = part.bytes.subarray(0, part.size);
  const fault = await faultOf(entry, bytes);
  if (fault) throw fault;
  return bytes;
}

/** Ask for a file from a place on; `from` says where the answer begins, which is 0 where servers send no parts. */
async function ask(source, { path, bytes }, from, init) {
  if (from) {
    const response = await request(source, path, { ...init, headers: { Range: `bytes=${from}-` } });
    if (response.status === 200) return { response, from: 0 };
    if (response.status === 206 && response.headers.get('content-range') === `bytes ${from}-${bytes - 1}/${bytes}`) return { response, from };
    discard(response);
  }
  return { response: await request(source, path, init), from: 0 };
}

/** Ask for a file; resolves to a response that is neither an error nor a web page in its place. */
export async function request(source, path, init) {
  let response;
  try {
    response = await source.fetch(source.url(path), init);
  } catch (error) {
    throw new EdgekitError('network', `${path} could not be fetched: ${reason(error)}; check the connection`, { file: path, cause: error, retryAfter: 0 });
  }
  const { ok, status, headers } = response;
  if (status === 416 && init.headers) return response; // no such part: the file may have changed
  if (!ok) {
    discard(response);
    const isPassing = status === 408 || status === 429 || status >= 500;
    throw new EdgekitError('http', `${path} could not be fetched: the server answered ${status}`, { file: path, retryAfter: isPassing ? retryAfter(headers.get('retry-after')) : undefined });
  }
  if (/^text\/html\b/i.test(headers.get('content-type') ?? '')) {
    discard(response);
    throw new EdgekitError('http', `the server sent a web page in place of ${path}; check where the bundle is hosted`, { file: path });
  }
  return response;
}

/** Read a response into what is free of `part`; `tooMany` makes the error when there is more. */
export async function readBody(response, part, { path, signal, alive, onBytes, tooMany }) {
  if (!response.body) return;
  const reader = response.body.getReader();
  const read = () => reader.read().catch((error) => {
    throw new EdgekitError('network', `${path} broke off after ${part.size} bytes: ${reason(error)}; check the connection`, { file: path, cause: error, retryAfter: 0 });
  });
  try {
    for (;;) {
      alive();
      const { done, value } = await read();
      signal.throwIfAborted();
      if (done) return;
      if (part.size + value.length > part.bytes.length) throw tooMany();
      part.bytes.set(value, part.size);
      part.size += value.length;
      onBytes?.(part.size);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Bytes to fill, and how many are filled. */
export function room(size, path) {
  try {
    return { bytes: new Uint8Array(size), size: 0 };
  } catch (error) {
    throw new EdgekitError('memory', `${path} needs ${size} bytes of memory, more than there is here`, { file: path, cause: error });
  }
}

async function faultOf(entry, bytes) {
  if (bytes.length !== entry.bytes) return wrongSize(entry, bytes.length);
  if ((await sha256(bytes)) === entry.sha256) return null;
  return new EdgekitError('hash', `${entry.path} does not match its sha256 in the manifest; load the page again or publish the bundle again`, { file: entry.path });
}

function wrongSize({ path, bytes }, has) {
  return new EdgekitError('size', `${path} has ${has} bytes, the manifest says ${bytes}; load the page again or publish the bundle again`, { file: path });
}

function discard(response) {
  response.body?.cancel().catch(() => {});
}

function reason(error) {
  return String(error?.message ?? error).split('\n')[0];
}
