/** Ask the service worker to keep what this model needs, so that the page works without a network. */

/** Tell by `say` whether the page can be used offline. */
export async function keepOffline(model, say) {
  // Not before the first prediction: what it fetches for later would take the line from the model.
  const registration = await navigator.serviceWorker?.register('sw.js').catch(() => null);
  if (!registration) return say(isSecureContext ? 'not in this browser' : 'needs https');
  say('being saved');
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => say(data.error ? `not saved: ${data.error}` : 'ready');
  const { channel } = document.documentElement.dataset;
  if (channel) return active.postMessage({ bundle: model.manifest.id, paths: published(model) }, [port2]);
  const files = model.manifest.targets[model.target].files;
  const used = files.filter((file) => file.role !== 'engine' || file.build === model.build);
  const paths = used.map((file) => file.path);
  active.postMessage({ id: model.manifest.id, paths: [...paths, ...examples(model)] }, [port2]);
}

/** What a published page needs beside itself; the files of the model are kept by the runtime, in its own cache. */
function published({ manifest, target }) {
  const runtime = manifest.targets[target].files.filter(({ role }) => role === 'runtime').map(({ path }) => path);
  const files = ['manifest.json', ...examples({ manifest }), ...runtime].map((path) => `bundles/${manifest.id}/${path}`);
  return ['channel.js', 'channel.json', ...files];
}

/** golden.json, where the form takes examples from it. */
function examples({ manifest }) {
  return manifest.features.some(({ steps }) => steps) ? [manifest.golden.path] : [];
}
