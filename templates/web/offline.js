/** Ask the service worker to keep what this model needs, so that the page works without a network. */

const worker = navigator.serviceWorker?.register('sw.js').catch(() => null);

/** Tell by `say` whether the page can be used offline. */
export async function keepOffline(model, say) {
  const registration = await worker;
  if (!registration) return say(isSecureContext ? 'not in this browser' : 'needs https');
  say('being saved');
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => say(data.error ? `not saved: ${data.error}` : 'ready');
  const files = model.manifest.targets[model.target].files;
  const used = files.filter((file) => file.role !== 'engine' || file.build === model.build);
  active.postMessage({ id: model.manifest.id, paths: used.map((file) => file.path) }, [port2]);
}
