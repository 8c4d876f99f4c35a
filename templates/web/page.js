/** The demo page: a form made from the manifest, and the prediction as it is filled in. */
import { createForm, formatNumber, heading, sentence } from './form.js';
import { keepOffline } from './offline.js';

const NAMES = { wasm: 'WebAssembly', tfjs: 'TensorFlow.js', ort: 'ONNX Runtime Web' };
const RECENT = 31; // predictions that the median is taken of
const MEASURE_MS = 1; // a timer is too coarse for one small prediction, so several are timed together
const WARM_MS = 40; // the first predictions are slow: the browser has not optimised anything yet
const QUIET_MS = 800; // the result is read out when the values have come to rest

const $ = (id) => document.getElementById(id);
const text = (id, content) => {
  if ($(id).textContent !== content) $(id).textContent = content;
};

let wanted = new URLSearchParams(location.search).get('target') ?? undefined;
let starts = 0;
let model = null;
let form = null;
let isBusy = false;
let isStale = false;
let batch = 1;
let times = [];
let quiet = 0;

/** Load the wanted target and predict; a later start makes an earlier one stop. */
async function start() {
  const turn = ++starts;
  $('retry').hidden = true;
  state('loading', 'Loading');
  times = [];
  batch = 1;
  try {
    const next = await open();
    const series = next.manifest.features.some(({ steps }) => steps) ? await script('./series.js') : null;
    if (turn !== starts) return;
    take(next, series);
    await next.warmUp({ onProgress: (progress) => turn === starts && showProgress(progress) });
    if (turn !== starts) return;
    text('engine', `${NAMES[next.target]}, ${next.build}`);
    state('ready', 'Predicting');
    const rested = performance.now() + WARM_MS;
    do await update(); while (performance.now() < rested);
    await form.ready?.();
    keepOffline(next, (message) => text('offline', message));
  } catch (error) {
    if (turn === starts) fail(error);
  }
}

/** Open the bundle beside this page; where it was published, the one that channel.json gives this install. */
async function open() {
  const { channel } = document.documentElement.dataset;
  if (!channel) return (await script('./bundle/runtime/edgekit.js')).load('bundle/', { target: wanted, cache: false });
  const { loadChannel } = await script('./channel.js');
  const { model: next, choice, fallback } = await loadChannel(channel, { target: wanted });
  $('version').dataset.choice = choice;
  if (fallback) console.warn(`the canary was not taken: ${fallback}`);
  return next;
}

async function script(path) {
  try {
    return await import(path);
  } catch (error) {
    throw new Error('the model could not be loaded: there is no bundle beside this page', { cause: error });
  }
}

/** Make the page that of another model, or of the same one on another target. */
function take(next, series) {
  if (model?.manifest.id !== next.manifest.id) build(next, series);
  model?.dispose();
  model = next;
  wanted = next.target;
  describeTarget();
}

function build({ manifest, target: chosen }, series) {
  const name = heading(manifest.name);
  document.title = name;
  text('name', name);
  text('version', `${manifest.version} (${manifest.id.slice(0, 8)})`);
  $('version').title = manifest.id;
  const count = manifest.inputs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const folder = document.documentElement.dataset.channel ? `bundles/${manifest.id}` : 'bundle';
  form = createForm($('fields'), { manifest, count, series, golden: `${folder}/golden.json` }, changed);
  $('fields').classList.toggle('many', manifest.features.length > 12);
  delete $('results').dataset.made;
  describeQuantization(manifest.quantization ?? {}, manifest.results.length === 1 ? ownUnit(manifest.results[0]) : '');
  const offered = Object.keys(NAMES).filter((target) => target in manifest.targets);
  $('targets').replaceChildren($('targets').firstElementChild, ...offered.map((target) => choice(target, target === chosen)));
}

function choice(target, isChecked) {
  const label = document.createElement('label');
  const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'target', value: target, checked: isChecked });
  radio.addEventListener('change', () => {
    wanted = target;
    start();
  });
  label.append(radio, Object.assign(document.createElement('span'), { textContent: NAMES[target] }));
  return label;
}

function changed() {
  if (document.documentElement.dataset.state === 'ready') requestAnimationFrame(update);
}

/** Predict from what the form holds; one at a time, and once more when it changed meanwhile. */
async function update() {
  if (isBusy) {
    isStale = true;
    return;
  }
  isBusy = true;
  do {
    isStale = false;
    await predictOnce();
  } while (isStale);
  isBusy = false;
}

async function predictOnce() {
  const used = model;
  const input = form.values();
  const problems = Array.isArray(input) ? [] : used.check(input);
  try {
    if (problems.length === 0) show(await timed(used, input));
  } catch (error) {
    if (used !== model) return; // another target was chosen meanwhile
    if (error.code !== 'input') return fail(error);
    problems.push(error);
  }
  form.show(problems);
  if (problems.length) showProblems(problems);
}

async function timed(used, input) {
  const begin = performance.now();
  let result;
  for (let i = 0; i < batch; i++) result = await used.predict(input);
  const each = (performance.now() - begin) / batch;
  batch = Math.min(Math.max(Math.round(MEASURE_MS / Math.max(each, 0.001)), 1), 200);
  times = [...times.slice(1 - RECENT), each];
  const median = [...times].sort((a, b) => a - b)[times.length >> 1];
  text('latency', duration(median));
  return result;
}

function show(result) {
  const units = new Map(model.manifest.results.map(({ name, unit }) => [name, unit]));
  const entries = Object.entries(result);
  if ($('results').childElementCount !== entries.length || !$('results').dataset.made) makeResults(entries, units);
  entries.forEach(([, value], i) => {
    const data = $('results').children[i].querySelector('data');
    const words = typeof value === 'number' ? formatNumber(value) : several(value);
    if (data.textContent !== words) data.textContent = words;
    data.value = typeof value === 'number' ? value : Array.from(value.slice(0, 8)).join(' ');
  });
  $('results').classList.remove('old');
  note('');
  announce(entries.slice(0, 3).map(([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : several(value)} ${units.get(name) ?? ''}`).join(', '));
}

/** One result is shown large, several as a list. */
function makeResults(entries, units) {
  const isOne = entries.length === 1 && typeof entries[0][1] === 'number';
  $('results').replaceChildren(...entries.map(([name]) => {
    const line = Object.assign(document.createElement('p'), { className: isOne ? 'value' : 'line' });
    const label = Object.assign(document.createElement('span'), { className: 'name', textContent: heading(name) });
    const unit = Object.assign(document.createElement('span'), { className: 'unit', textContent: units.get(name) ?? '' });
    line.append(...(isOne ? [] : [label]), document.createElement('data'), ' ', unit);
    return line;
  }));
  $('results').dataset.made = 'yes';
  $('results').classList.toggle('list', !isOne);
  if (isOne) text('result-title', heading(entries[0][0]));
}

function several(values) {
  const shown = Array.from(values.slice(0, 8), formatNumber).join(' ');
  return values.length > 8 ? `${shown} ... (${values.length} numbers)` : shown;
}

function showProblems(problems) {
  $('results').classList.add('old');
  const [{ field }] = problems;
  const what = problems.length > 1 ? `${problems.length} values` : field?.replaceAll('_', ' ') ?? 'the numbers';
  note(`Correct ${what}`, true);
  announce(problems[0].message);
}

/** Say something in the place of the prediction; nothing when there is one. */
function note(message, isWrong = false) {
  text('note', message);
  $('note').classList.toggle('wrong', isWrong);
}

function announce(message) {
  clearTimeout(quiet);
  quiet = setTimeout(() => text('announcer', message), QUIET_MS);
}

function state(name, message) {
  document.documentElement.dataset.state = name;
  note(message);
  if (message) $('results').classList.add('old');
}

function fail(error) {
  state('failed', sentence(error.message));
  $('retry').hidden = false;
  announce($('note').textContent);
}

function showProgress({ loaded, total }) {
  $('progress').value = loaded / total;
  text('bytes', `${kilobytes(loaded)} of ${kilobytes(total)}`);
  if (loaded === total) text('bytes', `${kilobytes(total)} loaded and checked`);
}

function describeTarget() {
  const { parity, bound } = model.manifest.targets[model.target];
  const unit = ownUnit(model.manifest.results[0]);
  const reference = parity === 'near' ? 'int8 TFLite' : 'float';
  text('parity', parity === 'exact' ? 'same bits as int8 TFLite' : `within ${Number(bound.toPrecision(3))} ${unit} of ${reference}`.replace('  ', ' '));
  for (const radio of $('targets').querySelectorAll('input')) radio.checked = radio.value === model.target;
  $('progress').value = 0;
  text('bytes', '\u00a0');
}

/** The unit of the model's own answer, which bounds and errors are in: that of what was trained on. */
function ownUnit({ transform = '', unit = '' } = {}) {
  return `${transform} ${unit}`.trim();
}

/** What int8 changed, where the manifest tells: the difference of the outputs, and the task's metric for both. */
function describeQuantization({ metric, float_value: float, quantized_value: int8, rms_difference: rms }, unit) {
  text('int8', Number.isFinite(rms) ? `${Number(rms.toPrecision(3))} ${unit} rms`.replace('  ', ' ') : 'not recorded');
  const isKnown = typeof metric === 'string' && Number.isFinite(float) && Number.isFinite(int8);
  text('metric-name', `${isKnown ? metric.replace('rmse', 'RMSE') : 'Metric'}, int8 / float`);
  text('metric', isKnown ? `${formatNumber(int8)} / ${formatNumber(float)}` : 'not recorded');
}

function duration(milliseconds) {
  const [size, unit] = milliseconds < 1 ? [1000 * milliseconds, '\u00b5s'] : [milliseconds, 'ms'];
  return `${size.toLocaleString('en', { maximumSignificantDigits: 2 })} ${unit}`;
}

function kilobytes(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

$('form').addEventListener('submit', (event) => event.preventDefault());
$('form').addEventListener('reset', (event) => {
  event.preventDefault();
  form?.reset();
  changed();
});
$('retry').addEventListener('click', start);
start();
