/**
 * Keeps the page and its model for use without a network.
 *
 * Page, runtime and manifest come from the network first. Files of the model come from the cache under their
 * path and sha256, so that a new manifest can never be answered with an old file. The manifest that is used
 * offline changes only when all files of the new one are here.
 */
const SCOPE = new URL('./', self.location).href;
const CACHE = `edgekit ${SCOPE}`;
const PAGE = ['./', 'page.css', 'page.js', 'form.js', 'series.js', 'offline.js', 'icon.svg', 'app.webmanifest'].map((path) => new URL(path, SCOPE).href);
const BUNDLE = `${SCOPE}bundle/`;
const BUNDLES = `${SCOPE}bundles/`; // of a published page, each under its id
const MANIFEST = `${BUNDLE}manifest.json`;
const NEWEST = `${MANIFEST}?newest`; // the last one that was seen, whose files may not all be here yet
const PATIENCE_MS = 4000; // then a kept copy is better than waiting for the network

self.addEventListener('install', (event) => {
  const requests = PAGE.map((url) => new Request(url, { cache: 'no-cache' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = request.url.replace(/[?#].*$/, '');
  if (request.method !== 'GET' || !url.startsWith(SCOPE)) return;
  if (url.startsWith(BUNDLES)) event.respondWith(keptFirst(request));
  else if (url === MANIFEST) event.respondWith(manifest(request));
  else if (url.startsWith(BUNDLE) && !url.startsWith(`${BUNDLE}runtime/`)) event.respondWith(modelFile(event, url));
  else if (request.mode !== 'navigate' || url === SCOPE || url === `${SCOPE}index.html`) event.respondWith(networkFirst(request));
});

self.addEventListener('message', (event) => {
  const [port] = event.ports;
  const answer = (event.data.bundle ? keepPublished : keep)(event.data).then(() => ({}), (error) => ({ error: error.message }));
  event.waitUntil(answer.then((data) => port?.postMessage(data)));
});

async function networkFirst(request) {
  const cache = await caches.open(CACHE);
  const key = request.mode === 'navigate' ? SCOPE : request.url;
  const kept = await cache.match(key, { ignoreVary: true });
  const response = await fromNetwork(request, kept);
  if (response.ok && !response.redirected && response !== kept) await cache.put(key, response.clone()).catch(() => {});
  return response;
}

/** What lies under a bundle's id never changes. Only what `keepPublished` chose is here. */
async function keptFirst(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url, { ignoreVary: true });
  return kept && request.cache !== 'reload' ? kept : fromNetwork(request, kept);
}

async function keepPublished({ bundle, paths }) {
  const cache = await caches.open(CACHE);
  const urls = paths.map((path) => `${SCOPE}${path}`);
  const have = new Set((await cache.keys()).map(({ url }) => url));
  await cache.addAll(urls.filter((url) => !url.startsWith(BUNDLES) || !have.has(url)));
  for (const url of have) if (url.startsWith(BUNDLES) && !url.startsWith(`${BUNDLES}${bundle}/`)) await cache.delete(url);
}

async function manifest(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(MANIFEST, { ignoreVary: true });
  const response = await fromNetwork(request, kept);
  // Also the kept one is remembered as the newest: the files that the page asks for next are its files.
  if (response.ok) await cache.put(NEWEST, response.clone()).catch(() => {});
  return response;
}

async function modelFile(event, url) {
  const { request } = event;
  const cache = await caches.open(CACHE);
  const entry = entries(await newest(cache)).get(url);
  if (!entry) return fetch(request);
  const key = keyOf(url, entry);
  const kept = await cache.match(key, { ignoreVary: true });
  if (kept && request.cache !== 'reload') return kept;
  const response = await fromNetwork(request, kept);
  if (response !== kept && response.status === 200) event.waitUntil(store(cache, key, response.clone(), entry).catch(() => {}));
  return response;
}

/** Have every file of the model that the page runs, then make its manifest the one for offline use. */
async function keep({ id, paths }) {
  const cache = await caches.open(CACHE);
  let current = await newest(cache);
  if (current?.id !== id) {
    const response = await fetch(MANIFEST, { cache: 'no-cache' });
    if (!response.ok) throw new Error(`manifest.json could not be fetched: the server answered ${response.status}`);
    await cache.put(NEWEST, response);
    current = await newest(cache);
  }
  if (current?.id !== id) throw new Error('the model was replaced meanwhile; load the page again');
  const all = entries(current);
  for (const [url, entry] of all) if (entry.role === 'runtime' || paths.includes(entry.path)) await have(cache, url, entry);
  await cache.put(MANIFEST, await cache.match(NEWEST));
  const valid = new Set([...all].map(([url, entry]) => keyOf(url, entry)));
  for (const { url } of await cache.keys()) if (url.includes('?sha256=') && !valid.has(url)) await cache.delete(url);
}

async function have(cache, url, entry) {
  const isRuntime = url.startsWith(`${BUNDLE}runtime/`);
  const key = isRuntime ? url : keyOf(url, entry);
  if (await cache.match(key, { ignoreVary: true })) return;
  for (const mode of ['default', 'reload']) {
    const response = await fetch(url, { cache: mode });
    if (response.status === 200 && (await store(cache, key, response, entry))) return;
  }
  throw new Error(`${entry.path} is not what the manifest says`);
}

/** Put a response into the cache if it is the file of the entry; tells whether it was. */
async function store(cache, key, response, entry) {
  const bytes = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  if (Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('') !== entry.sha256) return false;
  const headers = new Headers(response.headers); // a worker's script is refused without the policies that it came with
  for (const name of ['content-encoding', 'content-length']) headers.delete(name);
  await cache.put(key, new Response(bytes, { headers }));
  return true;
}

/** The network's answer; `kept` where there is none in time, or the server is out of order. */
async function fromNetwork(request, kept) {
  if (!kept) return fetch(request);
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  const response = await Promise.race([fetch(request).catch(() => kept), late]);
  return response.status >= 500 ? kept : response;
}

async function newest(cache) {
  const response = await cache.match(NEWEST);
  return response?.json().catch(() => undefined);
}

/** URL -> entry of every file that a manifest names. */
function entries(manifest) {
  const files = Object.values(manifest?.targets ?? {}).flatMap((target) => target.files ?? []);
  if (manifest?.golden) files.push(manifest.golden); // the examples of a form with windows of time
  return new Map(files.map((entry) => [`${BUNDLE}${entry.path}`, entry]));
}

function keyOf(url, { sha256 }) {
  return `${url}?sha256=${sha256}`;
}
