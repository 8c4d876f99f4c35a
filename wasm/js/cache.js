/**
 * What the browser keeps of bundles between visits, in its Cache Storage: an update downloads only what changed, and
 * the last model that was complete loads without a network.
 *
 * A file is kept under its bundle's name and its sha256, at an address that no page can fetch from. So the key says
 * what the entry has to be (fetch.js checks that), whose it is (what a new version does not name can go, without an
 * index to keep in step), and not where the bundle lies. Every failure (no room, a private window) means that nothing is kept.
 */
const ROOT = 'https://edgekit.invalid/';
const MANIFESTS = `${ROOT}?`;

/**
 * @param {boolean | Cache} option false for none, true for the browser's
 * @param {string} address the bundle's
 */
export function openCache(option, address) {
  if (!option || (option === true && !(globalThis.isSecureContext && globalThis.caches))) return null;
  let opened = option === true ? null : option;
  const quietly = async (work) => {
    try {
      return await work(await (opened ??= globalThis.caches.open('edgekit')));
    } catch {
      return undefined;
    }
  };
  quietly(() => {}); // opened while the manifest is on its way
  const manifestKey = new URL(MANIFESTS + encodeURIComponent(address)).href;
  return {
    /** The text of the manifest of the last complete model from this address, or undefined. */
    manifest: () => quietly(async (cache) => (await cache.match(manifestKey))?.text()),
    /** The files of one version. */
    files: (manifest) => keptFiles(quietly, manifest, manifestKey),
  };
}

function keptFiles(quietly, manifest, manifestKey) {
  const folder = () => `${ROOT}~${encodeURIComponent(manifest.name)}/`; // the "~": a name may be ".."
  const key = ({ sha256 }) => folder() + sha256;
  const writes = new Set();
  return {
    read: (entry) => quietly(async (cache) => {
      const response = await cache.match(key(entry));
      return response && new Uint8Array(await response.arrayBuffer());
    }),
    write: (entry, bytes) => writes.add(quietly((cache) => cache.put(key(entry), new Response(bytes)))),
    remove: (entry) => quietly((cache) => cache.delete(key(entry))),
    /** All files are here: make this the version to use without a network, and remove what is only of others. */
    complete: () => quietly(async (cache) => {
      await Promise.all(writes);
      writes.clear();
      await cache.put(manifestKey, new Response(JSON.stringify(manifest)));
      const current = new Set([manifestKey, ...Object.values(manifest.targets).flatMap(({ files }) => files.map(key))]);
      const isOld = async (request) => {
        if (request.url.startsWith(folder())) return true;
        if (!request.url.startsWith(MANIFESTS)) return false;
        return (await (await cache.match(request))?.json())?.name === manifest.name;
      };
      for (const request of await cache.keys()) if (!current.has(request.url) && (await isOld(request))) await cache.delete(request);
    }),
  };
}
