/** The form of a model: a field for each feature, or one box of numbers where the features have no names. */

/**
 * @param series the module series.js, where a feature has steps; `golden` is the address of golden.json for its examples
 * @returns {{values: () => object | number[], show: (problems: {field?: string, message: string}[]) => void, reset: () => void, ready?: () => void}}
 */
export function createForm(container, { manifest, count, series, golden }, onChange) {
  const { features } = manifest;
  if (!features.length) return flatForm(container, count, onChange);
  const fields = features.map((feature, i) => fieldOf(feature, `f${i}`, { onChange, series }));
  const examples = series?.exampleChoice(manifest, golden, fields, onChange);
  return namedForm(container, fields, examples);
}

/** A number as a person wants to read it: about four digits, and no more after the point than they are worth. */
export function formatNumber(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(3);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A name as a heading: without underscores, and with a capital where its first word has none of its own ("pH", "s1"). */
export function heading(name) {
  return name.replaceAll('_', ' ').replace(/^[a-z](?=[a-z]* |[a-z]+(?![A-Za-z0-9]))/, (letter) => letter.toUpperCase());
}

/** A message with a capital and a full stop; a path at its beginning stays as it is. */
export function sentence(message) {
  const isPath = /^\S*[./]/.test(message);
  return `${isPath ? message[0] : message[0].toUpperCase()}${message.slice(1)}.`;
}

function fieldOf(feature, id, { onChange, series }) {
  if (feature.steps) return series.seriesField(feature, id, onChange);
  const field = feature.categories?.length && feature.kind === 'category' ? selectField(feature, id) : numberField(feature, id, onChange);
  field.element.addEventListener('input', onChange);
  return field;
}

function namedForm(container, fields, examples) {
  const elements = fields.map((field) => field.element);
  container.replaceChildren(...(examples ? [examples.element] : []), ...elements);
  for (const element of elements) element.addEventListener('input', () => examples?.touch());
  return {
    values() {
      const given = fields.map((field) => [field.name, field.read()]).filter(([, value]) => value !== undefined);
      return Object.fromEntries(given);
    },
    show(problems) {
      const wrong = new Set(problems.map((problem) => problem.field));
      for (const field of fields) field.showError(wrong.has(field.name));
    },
    reset() {
      examples?.reset();
      fields.forEach((field) => field.reset());
    },
    ready: () => examples?.first(),
  };
}

function numberField(feature, id, onChange) {
  const [low, high] = feature.range;
  const step = stepOf(feature);
  const snap = (value) => Math.min(Math.max(Number((Math.round(value / step) * step).toPrecision(12)), low), high);
  const { element, control: number, showError } = frame(feature, id, make('input', { type: 'number', step: 'any', inputMode: 'decimal', autocomplete: 'off', required: true }));
  const slider = make('input', { type: 'range', min: low, max: high, step: 'any' });
  slider.setAttribute('aria-label', `${heading(feature.name)}, slider`);
  slider.setAttribute('aria-describedby', `${id}-range`);
  element.querySelector('.hint').before(slider);

  const follow = () => {
    const value = number.valueAsNumber;
    if (Number.isFinite(value)) slider.value = value;
    const part = high > low ? (slider.valueAsNumber - low) / (high - low) : 0;
    slider.style.setProperty('--fill', `${100 * part}%`);
    slider.setAttribute('aria-valuetext', `${plain(slider.valueAsNumber, step)} ${feature.unit}`.trim());
  };
  const set = (value) => {
    number.value = plain(value, step);
    follow();
  };
  number.addEventListener('input', follow);
  slider.addEventListener('input', () => set(snap(slider.valueAsNumber)));
  const byKeys = (event) => {
    const next = keyed(event, { value: number.valueAsNumber, step, low, high, isSlider: event.target === slider });
    if (next === undefined) return;
    event.preventDefault();
    set(snap(next));
    onChange();
  };
  number.addEventListener('keydown', byKeys);
  slider.addEventListener('keydown', byKeys);

  const reset = () => set(snap(feature.mean));
  reset();
  return { element, name: feature.name, showError, reset, take: ([value]) => set(value), read: () => (Number.isNaN(number.valueAsNumber) ? undefined : number.valueAsNumber) };
}

/** Where a key moves a value to. Browsers leave open what arrows do to a slider without steps. */
function keyed({ key, shiftKey, altKey, ctrlKey, metaKey }, { value, step, low, high, isSlider }) {
  if (altKey || ctrlKey || metaKey) return undefined;
  const from = Number.isFinite(value) ? value : low;
  const page = Math.max(step, (high - low) / 10);
  const some = shiftKey ? page : step;
  const moves = { ArrowUp: from + some, ArrowDown: from - some, PageUp: from + page, PageDown: from - page };
  if (isSlider) Object.assign(moves, { ArrowRight: from + some, ArrowLeft: from - some, Home: low, End: high });
  return moves[key];
}

function selectField(feature, id) {
  const select = make('select', {});
  select.append(...feature.categories.map((label) => make('option', { value: label, textContent: label })));
  const { element, showError } = frame(feature, id, select);
  const first = feature.categories.length === feature.range[1] - feature.range[0] + 1 ? feature.range[0] : 0;
  const reset = () => {
    const typical = Math.round(feature.mean) - first;
    select.selectedIndex = Math.min(Math.max(typical, 0), feature.categories.length - 1);
  };
  reset();
  element.classList.add('choice');
  const take = ([code]) => (select.selectedIndex = Math.min(Math.max(Math.round(code) - first, 0), feature.categories.length - 1));
  return { element, name: feature.name, showError, reset, take, read: () => select.value };
}

/** The parts that every field has: label with unit, control, the range, and room for an error. */
export function frame(feature, id, control) {
  const element = make('div', { className: 'field' });
  const label = make('label', { htmlFor: id, textContent: heading(feature.name) });
  if (feature.unit) label.append(' ', make('span', { className: 'unit', textContent: feature.unit }));
  const hint = make('p', { className: 'hint' });
  const ends = make('span', { className: 'ends', id: `${id}-range` });
  const [low, high] = feature.range.map((end) => String(Number(end.toPrecision(7))));
  if (control.tagName === 'INPUT') {
    ends.append(make('span', { textContent: low }), make('span', { className: 'hidden', textContent: ' to ' }), make('span', { textContent: high }));
  }
  const error = make('span', { className: 'error', id: `${id}-error` });
  hint.append(ends, error);
  Object.assign(control, { id, name: feature.name });
  control.setAttribute('aria-describedby', `${id}-range ${id}-error`);
  element.append(label, control, hint);
  // Short, so that it takes the place of the range; the runtime's own sentence is read out.
  const advice = `Needs ${feature.kind === 'number' ? 'a number' : 'a whole number'} from ${low} to ${high}`;
  const showError = (isWrong) => {
    const message = isWrong ? advice : '';
    if (error.textContent !== message) error.textContent = message;
    element.classList.toggle('wrong', isWrong);
    control.setAttribute('aria-invalid', String(isWrong));
  };
  return { element, control, showError };
}

function flatForm(container, count, onChange) {
  const label = make('label', { htmlFor: 'flat', textContent: `${count.toLocaleString('en')} numbers` });
  const box = make('textarea', { id: 'flat', rows: 10, spellcheck: false, placeholder: '0, 0, 0, ...' });
  box.setAttribute('aria-describedby', 'flat-hint flat-error');
  const hint = make('p', { id: 'flat-hint', className: 'muted', textContent: 'This model has too many inputs to name each. Give them in order, with commas or spaces between; an empty box means zeros.' });
  const error = make('p', { id: 'flat-error', className: 'error' });
  const element = make('div', { className: 'field flat' });
  element.append(label, box, hint, error);
  box.addEventListener('input', onChange);
  container.replaceChildren(element);
  return {
    values() {
      const words = box.value.split(/[\s,;]+/).filter(Boolean);
      return words.length ? words.map(Number) : new Array(count).fill(0);
    },
    show(problems) {
      error.textContent = problems.length ? sentence(problems[0].message) : '';
      element.classList.toggle('wrong', problems.length > 0);
      box.setAttribute('aria-invalid', String(problems.length > 0));
    },
    reset() { box.value = ''; },
  };
}

/** A step that a person would choose: 1, 2 or 5 times a power of ten, 200 to 500 of them in the range. */
function stepOf({ kind, range: [low, high] }) {
  if (kind !== 'number' || high <= low) return 1;
  const rough = (high - low) / 200;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [5, 2, 1].find((n) => n * power <= rough * 1.001) * power;
}

/** A number with the decimals of its step, and no zeros at its end. */
function plain(value, step) {
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const short = Number(value.toFixed(Math.min(decimals, 20)));
  return String(Math.abs(short - value) > step / 1000 ? Number(value.toPrecision(7)) : short);
}

export function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
