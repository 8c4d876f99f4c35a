/** The fields of a model that reads windows of time: a line for each feature, to shift, to edit or to choose from examples. */
import { formatNumber, frame, heading, make } from './form.js';

const EXAMPLES = 8; // the last golden rows: those that were drawn by chance
const [WIDTH, HEIGHT] = [240, 56];

/** A field of as many numbers as the feature has steps, the newest last. */
export function seriesField(feature, id, onChange) {
  const { steps, unit, kind, range: [low, high] } = feature;
  const inside = (value) => Math.min(Math.max(kind === 'number' ? value : Math.round(value), low), high);
  const slider = make('input', { type: 'range', min: (low - high) / 2, max: (high - low) / 2, step: 'any' });
  const { element, showError } = frame(feature, id, slider);
  const newest = make('data', { className: 'newest' });
  element.querySelector('label').after(newest);
  const { svg, draw } = line(feature);
  const box = make('textarea', { rows: 4, spellcheck: false, autocomplete: 'off' });
  box.setAttribute('aria-label', `${heading(feature.name)}, ${steps} numbers, the newest last`);
  box.setAttribute('aria-describedby', `${id}-range ${id}-error`);
  const more = make('details', {});
  more.append(make('summary', { textContent: `${steps} numbers, ${low} to ${high} ${unit}`.trim() }), box);
  const [left, , right] = element.querySelector('.ends').children;
  Object.assign(left, { textContent: 'all lower' });
  Object.assign(right, { textContent: 'all higher' });
  slider.before(svg);
  slider.setAttribute('aria-label', `${heading(feature.name)}, all steps up or down`);
  element.append(more);
  element.classList.add('series');

  let base = []; // what the slider shifts
  let now = [];
  const show = (values) => {
    now = values;
    draw(values);
    const last = values.at(-1);
    newest.textContent = Number.isFinite(last) ? `now ${formatNumber(last)} ${unit}`.trim() : '';
    const part = (slider.valueAsNumber - slider.min) / (slider.max - slider.min);
    slider.style.setProperty('--fill', `${100 * part}%`);
    slider.setAttribute('aria-valuetext', `${formatNumber(slider.valueAsNumber)} ${unit}`.trim());
  };
  const take = (values) => {
    base = values;
    slider.value = 0;
    box.value = values.map((value) => Number(value.toPrecision(6))).join(' ');
    show(values);
  };
  slider.addEventListener('input', () => {
    const shifted = base.map((value) => inside(value + slider.valueAsNumber));
    box.value = shifted.map((value) => Number(value.toPrecision(6))).join(' ');
    show(shifted);
  });
  box.addEventListener('input', () => {
    base = box.value.split(/[\s,;]+/).filter(Boolean).map(Number);
    slider.value = 0;
    show(base);
  });
  const reset = () => take(new Array(steps).fill(inside(feature.mean)));
  reset();
  element.addEventListener('input', onChange);
  return {
    element, name: feature.name, reset, take,
    showError(isWrong) {
      showError(isWrong);
      if (isWrong) more.open = true;
      box.setAttribute('aria-invalid', String(isWrong));
    },
    read: () => (now.length ? now : undefined),
  };
}

/** The choice among the golden rows of a bundle; they are fetched when one is chosen, or by `first`. */
export function exampleChoice(manifest, address, fields, onChange) {
  const places = placesOf(manifest);
  const select = make('select', { id: 'examples' });
  select.append(...['Typical values', ...Array.from({ length: EXAMPLES }, (_, i) => `Example ${i + 1}`)].map((textContent, i) => make('option', { textContent, value: i })));
  const element = make('div', { className: 'field choice examples' });
  const hint = make('p', { className: 'hint muted' });
  element.append(make('label', { htmlFor: 'examples', textContent: 'Start from' }), select, hint);
  let rows = null;
  let isTouched = false;
  const load = () => (rows ??= fetch(address).then((response) => response.json()).then(({ inputs }) => inputs.slice(-EXAMPLES)));
  const choose = async (index) => {
    hint.textContent = '';
    if (index === 0) fields.forEach((field) => field.reset());
    else {
      try {
        const row = (await load())[index - 1];
        fields.forEach((field, i) => field.take(places[i].map((place) => row[place])));
      } catch {
        rows = null;
        hint.textContent = 'The examples could not be fetched.';
        return;
      }
    }
    onChange();
  };
  select.addEventListener('change', () => choose(select.selectedIndex));
  return {
    element,
    touch: () => (isTouched = true),
    reset() { select.selectedIndex = 0; },
    async first() {
      await load().catch(() => (rows = null));
      if (isTouched || !rows) return;
      select.selectedIndex = 1;
      await choose(1);
    },
  };
}

/** Where the numbers of each feature are in the flat input. */
function placesOf({ inputs, features }) {
  const starts = new Map();
  let start = 0;
  for (const { name, shape } of inputs) {
    starts.set(name, start);
    start += shape.reduce((a, b) => a * b, 1);
  }
  return features.map(({ input, index, steps = 1 }) => {
    const apart = features.filter((other) => other.input === input).length;
    return Array.from({ length: steps }, (_, step) => starts.get(input) + index + step * apart);
  });
}

/** A drawing of a series over the feature's range. */
function line({ name, unit, range: [low, high] }) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('class', 'plot');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  svg.append(path);
  const draw = (values) => {
    const finite = values.filter(Number.isFinite);
    const at = (value, i) => `${((WIDTH * i) / Math.max(values.length - 1, 1)).toFixed(1)},${(HEIGHT - 2 - ((HEIGHT - 4) * (Math.min(Math.max(value, low), high) - low)) / (high - low)).toFixed(1)}`;
    path.setAttribute('points', finite.map(at).join(' '));
    const [least, most] = finite.length ? [Math.min(...finite), Math.max(...finite)].map(formatNumber) : ['–', '–'];
    svg.setAttribute('aria-label', `${heading(name)} over time, ${least} to ${most} ${unit}`.trim());
  };
  return { svg, draw };
}
