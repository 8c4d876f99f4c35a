/** Keeps the gallery, and the runtimes that measured a model, for use without a network; models are kept by the runtime. */
const SCOPE = new URL('./', self.location).href;
const SITE = new URL('../', self.location).href;
const CACHE = `edgekit ${SCOPE}`;
const PAGE = ['./', 'gallery.css', 'gallery.js', 'icon.svg'].map((path) => new URL(path, SCOPE).href);
const PATIENCE_MS = 4000; // then a kept copy is better than waiting for the network

self.addEventListener('install', (event) => {
  const requests = PAGE.map((url) => new Request(url, { cache: 'no-cache' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  if (PAGE.includes(request.url)) event.respondWith(networkFirst(request));
  else if (request.url.startsWith(SITE) && /\/bundles\/[0-9a-f]{64}\/runtime\//.test(request.url)) event.respondWith(keptFirst(request));
});

async function networkFirst(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url, { ignoreVary: true });
  const response = await fromNetwork(request, kept);
  if (response.ok && !response.redirected && response !== kept) await cache.put(request.url, response.clone()).catch(() => {});
  return response;
}

/** What lies under a bundle's id never changes. */
async function keptFirst(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url, { ignoreVary: true });
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request.url, response.clone()).catch(() => {});
  return response;
}

async function fromNetwork(request, kept) {
  if (!kept) return fetch(request);
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  const response = await Promise.race([fetch(request).catch(() => kept), late]);
  return response.status >= 500 ? kept : response;
}
