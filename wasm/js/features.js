import { EdgekitError } from './errors.js';
import { countBy, elements } from './manifest.js';

const POLICIES = ['reject', 'clamp', 'allow'];

/** Turns what a caller gives (an object by feature name, or a flat array) into the model's flat float32 input. */
export class Features {
  #fields;
  #byName;

  constructor({ inputs, features }) {
    const offsets = new Map();
    this.count = 0;
    for (const input of inputs) {
      offsets.set(input.name, this.count);
      this.count += elements(input);
    }
    const apart = countBy(features);
    this.#fields = features.map((feature) => compile(feature, offsets.get(feature.input) + feature.index, apart.get(feature.input)));
    this.#byName = new Map(this.#fields.map((field) => [field.name, field]));
  }

  /** Write the input into `out`; throws an EdgekitError that names the first wrong field. */
  encode(input, out, policy = 'reject') {
    if (!POLICIES.includes(policy)) throw wrong(`outOfRange must be "reject", "clamp" or "allow", not ${show(policy)}`);
    if (isList(input)) this.#encodeList(input, out, policy);
    else this.#encodeNamed(input, out, policy);
  }

  /** Every wrong field of an object by name: `{field, message}` each; an empty list means predict takes it. */
  check(input, policy = 'reject') {
    this.#requireNames(input);
    const problems = [];
    const attempt = (work) => {
      try {
        work();
      } catch ({ field, message }) {
        problems.push({ field, message });
      }
    };
    for (const name of Object.keys(input)) if (!this.#byName.has(name)) attempt(() => { throw this.#unknown(name); });
    const nowhere = [];
    for (const field of this.#fields) attempt(() => place(field, own(input, field.name), nowhere, policy));
    return problems;
  }

  /** Copy a flat array as it is: only its length and that each value is a finite number are checked. */
  copy(flat, out) {
    this.#requireLength(flat);
    for (let i = 0; i < this.count; i++) {
      if (!Number.isFinite(flat[i])) throw wrong(`input[${i}] must be a finite number, not ${show(flat[i])}`);
      out[i] = flat[i];
      if (!Number.isFinite(out[i])) throw wrong(`input[${i}] is ${show(flat[i])}, too large for a 32-bit float`);
    }
  }

  #encodeList(input, out, policy) {
    if (this.#fields.length === 0) {
      this.copy(input, out);
      return;
    }
    this.#requireLength(input);
    for (const field of this.#fields) {
      for (let step = 0; step < field.steps; step++) {
        const at = field.place + step * field.apart;
        out[at] = fits(field, input[at]) ? input[at] : settle(stepOf(field, step), input[at], policy);
      }
    }
  }

  #encodeNamed(input, out, policy) {
    this.#requireNames(input);
    let extra = 0;
    for (const name in input) if (!this.#byName.has(name)) extra++;
    if (extra) throw this.#unknown(Object.keys(input).find((name) => !this.#byName.has(name)) ?? 'an inherited key');
    for (const field of this.#fields) {
      const value = input[field.name];
      if (field.steps === 1 && fits(field, value)) out[field.place] = value;
      else place(field, own(input, field.name), out, policy);
    }
  }

  #requireNames(input) {
    if (this.#fields.length === 0) throw wrong(`this model has no named features; give a flat array of ${this.count} numbers`);
    if (typeof input !== 'object' || input === null) throw wrong(`the input must be an object by feature name or an array of ${this.count} numbers, not ${show(input)}`);
  }

  #requireLength(flat) {
    if (!isList(flat)) throw wrong(`the input must be an array of ${this.count} numbers, not ${show(flat)}`);
    if (flat.length !== this.count) throw wrong(`the input must have ${this.count} numbers, not ${flat.length}`);
  }

  #unknown(name) {
    const near = nearest(name, [...this.#byName.keys()]);
    const hint = near ? `did you mean "${near}"?` : `its features are ${quoted([...this.#byName.keys()])}`;
    return wrong(`${show(name)} is not a feature of this model; ${hint}`, name);
  }
}

function compile(feature, place, apart) {
  const { name, unit, kind, range, steps = 1 } = feature;
  const labels = feature.categories ?? [];
  const isCategory = kind === 'category' && labels.length > 0;
  // The code of the first label: 0, or the lower end of the range where the labels just fill the range.
  const first = isCategory && labels.length === range[1] - range[0] + 1 ? range[0] : 0;
  const bounds = isCategory ? [first, first + labels.length - 1] : range;
  const isWhole = kind !== 'number';
  return {
    name, unit, place, steps, apart, isWhole, labels: isCategory ? labels : null, first, range,
    // The input is a float32: 0.1 as a float32 must not lie outside a range that ends at 0.1.
    low: Math.fround(isWhole ? Math.ceil(bounds[0]) : bounds[0]),
    high: Math.fround(isWhole ? Math.floor(bounds[1]) : bounds[1]),
  };
}

/** Put a value where its field is in the input, of a series each step; throws what is wrong with the first bad one. */
function place(field, value, out, policy) {
  if (field.steps === 1) {
    out[field.place] = settle(field, value, policy);
    return;
  }
  const { name, steps } = field;
  if (value === undefined) throw wrong(`${quoted([name])} is missing: give ${steps} numbers, the newest last`, name);
  if (!isList(value) || value.length !== steps) {
    throw wrong(`${quoted([name])} must be ${steps} numbers, the newest last, not ${isList(value) ? value.length : show(value)}`, name);
  }
  for (let step = 0; step < steps; step++) out[field.place + step * field.apart] = settle(stepOf(field, step), value[step], policy);
}

/** The field as messages show it at a step of its series. */
function stepOf(field, step) {
  return field.steps === 1 ? field : { ...field, at: ` at step ${step + 1}` };
}

/** The quick way: true for a number that needs no second look. */
function fits(field, value) {
  if (typeof value !== 'number') return false;
  const single = Math.fround(value);
  return single >= field.low && single <= field.high && (!field.isWhole || Number.isInteger(value));
}

/** The slow way: the number to use, or the error that says what is wrong with the field. */
function settle(field, value, policy) {
  const { name } = field;
  const it = `${quoted([name])}${field.at ?? ''}`;
  if (value === undefined) throw wrong(`${it} is missing: give ${expected(field)}`, name);
  if (field.labels) return category(field, value);
  if (typeof value !== 'number') throw wrong(`${it} must be a number, not ${show(value)}`, name);
  if (!Number.isFinite(Math.fround(value))) throw wrong(`${it} must be a finite number, not ${show(value)}`, name);
  if (field.isWhole && !Number.isInteger(value)) throw wrong(`${it} must be a whole number, not ${show(value)}`, name);
  if (fits(field, value) || policy === 'allow') return value;
  if (policy === 'clamp') return Math.min(Math.max(value, field.low), field.high);
  throw wrong(`${it} is ${withUnit(field, show(value))}, outside the range ${span(field)}`, name);
}

function category(field, value) {
  const at = field.labels.indexOf(value);
  if (at >= 0) return field.first + at;
  if (fits(field, value)) return value;
  throw wrong(`${quoted([field.name])} must be one of ${quoted(field.labels)}, not ${show(value)}`, field.name);
}

function expected(field) {
  return field.labels ? `one of ${quoted(field.labels)}` : `a number from ${span(field)}`;
}

function span(field) {
  const [low, high] = field.range.map((end) => String(Number(end.toPrecision(7))));
  return withUnit(field, `${low} to ${high}`);
}

function withUnit(field, text) {
  return field.unit ? `${text} ${field.unit}` : text;
}

/** The known name that a person most likely meant, or null. */
function nearest(name, known) {
  let best = null;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = edits(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least && distance < candidate.length) [best, least] = [candidate, distance];
  }
  return best;
}

/** The Levenshtein distance of two words. */
function edits(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

function own(input, name) {
  return Object.hasOwn(input, name) ? input[name] : undefined;
}

function isList(value) {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function quoted(names) {
  return names.map((name) => `"${name}"`).join(', ');
}

/** A value as a message shows it, cut to a line. */
function show(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === 'object' && value !== null) return isList(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

function wrong(message, field) {
  return new EdgekitError('input', message, { field });
}
