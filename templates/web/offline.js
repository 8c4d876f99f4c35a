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
  const files = model.manifest.targets[model.target].files;
  const used = files.filter((file) => file.role !== 'engine' || file.build === model.build);
  active.postMessage({ id: model.manifest.id, paths: used.map((file) => file.path) }, [port2]);
}
