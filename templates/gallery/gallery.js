/** The gallery: what a visitor asks for is measured; nothing is fetched before. */
const SAMPLES = 31;
const SAMPLE_MS = 1; // a timer is too coarse for one small prediction, so several are timed together
const WARM_MS = 60; // the first predictions are slow: the browser has not optimised anything yet
const REST_EVERY = 4; // samples, after which the page may answer

for (const card of document.querySelectorAll('[data-bundle]')) {
  const button = card.querySelector('button');
  button.addEventListener('click', () => {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    show(card, 'measuring');
    requestAnimationFrame(() => setTimeout(() => measured(card).finally(() => button.removeAttribute('aria-disabled'))));
  });
}

async function measured(card) {
  try {
    const milliseconds = await latency(new URL(card.dataset.bundle, location.href));
    show(card, duration(milliseconds));
    announce(`${card.querySelector('h2').textContent}: ${duration(milliseconds)} per prediction`);
  } catch (error) {
    show(card, 'not measured');
    announce(`It could not be measured: ${error.message}`);
  }
}

/** The median time of a prediction, in ms. */
async function latency(bundle) {
  const { load } = await import(new URL('runtime/edgekit.js', bundle));
  const model = await load(bundle);
  try {
    const input = typical(model.manifest);
    const rested = performance.now() + WARM_MS;
    await model.warmUp();
    await rest();
    do await model.predictArray(input); while (performance.now() < rested);
    const times = [];
    let batch = 1;
    while (times.length < SAMPLES) {
      const begin = performance.now();
      for (let i = 0; i < batch; i++) await model.predictArray(input);
      const each = (performance.now() - begin) / batch;
      times.push(each);
      batch = Math.min(Math.max(Math.round(SAMPLE_MS / Math.max(each, 0.001)), 1), 200);
      if (times.length % REST_EVERY === 0) await rest();
    }
    return times.sort((a, b) => a - b)[SAMPLES >> 1];
  } finally {
    model.dispose();
  }
}

/** The means of the training rows, as the flat input; zeros where its numbers have no names. */
function typical({ inputs, features }) {
  const sizes = inputs.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const flat = new Array(sizes.reduce((a, b) => a + b, 0)).fill(0);
  for (const { input, index, mean, kind, steps = 1 } of features) {
    const at = inputs.findIndex(({ name }) => name === input);
    const start = sizes.slice(0, at).reduce((a, b) => a + b, 0) + index;
    const apart = features.filter((other) => other.input === input).length;
    for (let step = 0; step < steps; step++) flat[start + step * apart] = kind === 'number' ? mean : Math.round(mean);
  }
  return flat;
}

function show(card, text) {
  card.querySelector('.latency').textContent = text;
}

function announce(text) {
  document.getElementById('announcer').textContent = text;
}

function rest() {
  return new Promise((resolve) => setTimeout(resolve));
}

function duration(milliseconds) {
  const [size, unit] = milliseconds < 1 ? [1000 * milliseconds, '\u00b5s'] : [milliseconds, 'ms'];
  return `${size.toLocaleString('en', { maximumSignificantDigits: 2 })} ${unit}`;
}

/** This page works without a network, and so does every model that was measured or opened. */
async function keepOffline() {
  const say = (text) => (document.getElementById('offline').textContent = text);
  const registration = await navigator.serviceWorker?.register('sw.js').catch(() => null);
  if (!registration) return say(isSecureContext ? 'Not available offline in this browser.' : 'Available offline over https only.');
  await navigator.serviceWorker.ready;
  say('This page is available offline, and every model that was measured or opened here.');
}

addEventListener('load', () => setTimeout(keepOffline, 1000));
