import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Features } from '../../wasm/js/features.js';
import { FEATURES, GOOD } from './bundle_fixture.mjs';

const MANIFEST = { inputs: [{ name: 'x', shape: [1, 3] }], features: FEATURES };
const encode = (input, policy, manifest = MANIFEST) => {
  const features = new Features(manifest);
  const out = new Float32Array(features.count);
  features.encode(input, out, policy);
  return Array.from(out);
};

/** [reason, input, policy, flat] */
const TAKEN = [
  ['a category by its label', GOOD, 'reject', [50, 2, 25.5]],
  ['a category by its code', { ...GOOD, sex: 1 }, 'reject', [50, 1, 25.5]],
  ['both ends of a range', { age: 19, sex: 1, bmi: 42.2 }, 'reject', [19, 1, Math.fround(42.2)]],
  ['the end of a range as a float32 (42.2 becomes 42.2000007)', { ...GOOD, bmi: Math.fround(42.2) }, 'reject', [50, 2, Math.fround(42.2)]],
  ['the order of the keys does not matter', { bmi: 20, sex: 1, age: 30 }, 'reject', [30, 1, 20]],
  ['a flat array', [50, 2, 25.5], 'reject', [50, 2, 25.5]],
  ['a typed array', Float64Array.of(50, 2, 25.5), 'reject', [50, 2, 25.5]],
  ['clamped to the upper end', { ...GOOD, age: 200 }, 'clamp', [79, 2, 25.5]],
  ['clamped to the lower end, flat', [-5, 2, 25.5], 'clamp', [19, 2, 25.5]],
  ['allowed as it is', { ...GOOD, bmi: 99 }, 'allow', [50, 2, 99]],
];
for (const [reason, input, policy, flat] of TAKEN) test(`taken: ${reason}`, () => assert.deepEqual(encode(input, policy), flat));

/** [reason, input, policy, field, message] */
const REFUSED = [
  ['missing', { sex: 1, bmi: 20 }, 'reject', 'age', '"age" is missing: give a number from 19 to 79 years'],
  ['missing category', { age: 50, bmi: 20 }, 'reject', 'sex', '"sex" is missing: give one of "female", "male"'],
  ['missing, also when out of range is allowed', { sex: 1, bmi: 20 }, 'allow', 'age', '"age" is missing: give a number from 19 to 79 years'],
  ['a typing error names the nearest feature', { ...GOOD, agee: 1 }, 'reject', 'agee', '"agee" is not a feature of this model; did you mean "age"?'],
  ['a wrong name and so one missing: the wrong name is said', { agee: 50, sex: 1, bmi: 20 }, 'reject', 'agee', '"agee" is not a feature of this model; did you mean "age"?'],
  ['wrong case', { Age: 50, sex: 1, bmi: 20 }, 'reject', 'Age', '"Age" is not a feature of this model; did you mean "age"?'],
  ['nothing is near', { ...GOOD, cholesterol: 1 }, 'reject', 'cholesterol', '"cholesterol" is not a feature of this model; its features are "age", "sex", "bmi"'],
  ['text', { ...GOOD, age: '50' }, 'reject', 'age', '"age" must be a number, not "50"'],
  ['null', { ...GOOD, age: null }, 'reject', 'age', '"age" must be a number, not null'],
  ['an array', { ...GOOD, age: [50] }, 'reject', 'age', '"age" must be a number, not an array'],
  ['NaN', { ...GOOD, bmi: NaN }, 'reject', 'bmi', '"bmi" must be a finite number, not NaN'],
  ['NaN, also when out of range is allowed', { ...GOOD, bmi: NaN }, 'allow', 'bmi', '"bmi" must be a finite number, not NaN'],
  ['infinity is not clamped', { ...GOOD, bmi: Infinity }, 'clamp', 'bmi', '"bmi" must be a finite number, not Infinity'],
  ['too large for a float32', { ...GOOD, bmi: 1e39 }, 'allow', 'bmi', '"bmi" must be a finite number, not 1e+39'],
  ['a fraction for an integer', { ...GOOD, age: 50.5 }, 'reject', 'age', '"age" must be a whole number, not 50.5'],
  ['above the range', { ...GOOD, age: 150 }, 'reject', 'age', '"age" is 150 years, outside the range 19 to 79 years'],
  ['below the range', { ...GOOD, bmi: 17.9 }, 'reject', 'bmi', '"bmi" is 17.9 kg/m2, outside the range 18 to 42.2 kg/m2'],
  ['above the range in a flat array', [150, 1, 20], 'reject', 'age', '"age" is 150 years, outside the range 19 to 79 years'],
  ['a hole in a flat array', [50, undefined, 20], 'reject', 'sex', '"sex" is missing: give one of "female", "male"'],
  ['an unknown label', { ...GOOD, sex: 'x' }, 'reject', 'sex', '"sex" must be one of "female", "male", not "x"'],
  ['an unknown code', { ...GOOD, sex: 0 }, 'reject', 'sex', '"sex" must be one of "female", "male", not 0'],
  ['an unknown code is never clamped', { ...GOOD, sex: 3 }, 'clamp', 'sex', '"sex" must be one of "female", "male", not 3'],
  ['an unknown code is never allowed', { ...GOOD, sex: 3 }, 'allow', 'sex', '"sex" must be one of "female", "male", not 3'],
  ['too few numbers', [1, 2], 'reject', undefined, 'the input must have 3 numbers, not 2'],
  ['no object', 5, 'reject', undefined, 'the input must be an object by feature name or an array of 3 numbers, not 5'],
  ['nothing', undefined, 'reject', undefined, 'the input must be an object by feature name or an array of 3 numbers, not undefined'],
  ['an unknown policy', GOOD, 'ignore', undefined, 'outOfRange must be "reject", "clamp" or "allow", not "ignore"'],
];
for (const [reason, input, policy, field, message] of REFUSED) {
  test(`refused: ${reason}`, () => assert.throws(() => encode(input, policy), { name: 'EdgekitError', code: 'input', field, message }));
}

test('a feature that is named like a property of every object can still be missing', () => {
  const manifest = { ...MANIFEST, features: FEATURES.map((f) => (f.name === 'age' ? { ...f, name: 'constructor' } : f)) };
  assert.throws(() => encode({ sex: 1, bmi: 20 }, 'reject', manifest), { message: '"constructor" is missing: give a number from 19 to 79 years' });
});

test('category codes start at 0 where the range does not just hold the labels', () => {
  const sex = { ...FEATURES[1], categories: ['unknown', 'female', 'male'] };
  const manifest = { ...MANIFEST, features: [FEATURES[0], sex, FEATURES[2]] };
  assert.deepEqual(encode({ ...GOOD, sex: 'unknown' }, 'reject', manifest), [50, 0, 25.5]);
  assert.deepEqual(encode({ ...GOOD, sex: 'male' }, 'reject', manifest), [50, 2, 25.5]);
});

test('the end of a range is taken, also where its float32 lies inside of it (0.1 becomes 0.10000000149)', () => {
  const manifest = { inputs: [{ name: 'x', shape: [1, 1] }], features: [{ ...FEATURES[2], index: 0, range: [0.1, 1] }] };
  assert.deepEqual(encode({ bmi: 0.1 }, 'reject', manifest), [Math.fround(0.1)]);
});

test('features of several inputs lie one input behind the other', () => {
  const features = [{ ...FEATURES[0], input: 'b' }, { ...FEATURES[2], input: 'a', index: 1 }, { ...FEATURES[1], input: 'a', index: 0 }];
  const manifest = { inputs: [{ name: 'a', shape: [1, 2] }, { name: 'b', shape: [1, 1] }], features };
  assert.deepEqual(encode(GOOD, 'reject', manifest), [2, 25.5, 50]);
});

test('check tells every wrong field at once', () => {
  const features = new Features(MANIFEST);
  assert.deepEqual(features.check(GOOD), []);
  assert.deepEqual(features.check({ age: 150, bmi: NaN, weight: 3 }), [
    { field: 'weight', message: '"weight" is not a feature of this model; its features are "age", "sex", "bmi"' },
    { field: 'age', message: '"age" is 150 years, outside the range 19 to 79 years' },
    { field: 'sex', message: '"sex" is missing: give one of "female", "male"' },
    { field: 'bmi', message: '"bmi" must be a finite number, not NaN' },
  ]);
});

test('a model without named features takes flat arrays only', () => {
  const manifest = { ...MANIFEST, features: [] };
  assert.deepEqual(encode([1, 2, 3], 'reject', manifest), [1, 2, 3]);
  assert.throws(() => encode(GOOD, 'reject', manifest), { message: 'this model has no named features; give a flat array of 3 numbers' });
  assert.throws(() => encode([1, 'a', 3], 'reject', manifest), { message: 'input[1] must be a finite number, not "a"' });
  assert.throws(() => encode([1, 1e39, 3], 'reject', manifest), { message: 'input[1] is 1e+39, too large for a 32-bit float' });
});

/** Two series of three steps side by side, and an input of one number after them. */
const SERIES = {
  inputs: [{ name: 'window', shape: [1, 3, 2] }, { name: 'x', shape: [1, 1] }],
  features: [
    { name: 'wind', unit: 'm/s', kind: 'number', input: 'window', index: 0, range: [0, 30], mean: 8, std: 1, steps: 3 },
    { name: 'seats', unit: '', kind: 'integer', input: 'window', index: 1, range: [0, 9], mean: 8, std: 1, steps: 3 },
    { name: 'age', unit: 'years', kind: 'number', input: 'x', index: 0, range: [0, 99], mean: 8, std: 1 },
  ],
};
const DAY = { wind: [1, 2, 3], seats: [4, 5, 6], age: 7 };

test('a series goes side by side with the others of its input', () => assert.deepEqual(encode(DAY, 'reject', SERIES), [1, 4, 2, 5, 3, 6, 7]));
test('a series of any list', () => assert.deepEqual(encode({ ...DAY, wind: Float32Array.of(9, 8, 40) }, 'clamp', SERIES), [9, 4, 8, 5, 30, 6, 7]));
test('a flat array is checked at every step', () => {
  assert.deepEqual(encode([1, 4, 2, 5, 3, 6, 7], 'reject', SERIES), [1, 4, 2, 5, 3, 6, 7]);
  assert.throws(() => encode([1, 4, 2, 5.5, 3, 6, 7], 'reject', SERIES), { field: 'seats', message: '"seats" at step 2 must be a whole number, not 5.5' });
});

/** [reason, change, field, message] */
const WRONG_SERIES = [
  ['missing', { wind: undefined }, 'wind', '"wind" is missing: give 3 numbers, the newest last'],
  ['a number', { wind: 5 }, 'wind', '"wind" must be 3 numbers, the newest last, not 5'],
  ['too short', { wind: [1, 2] }, 'wind', '"wind" must be 3 numbers, the newest last, not 2'],
  ['outside the range at one step', { wind: [1, 2, 31] }, 'wind', '"wind" at step 3 is 31 m/s, outside the range 0 to 30 m/s'],
  ['a hole', { seats: [1, NaN, 3] }, 'seats', '"seats" at step 2 must be a finite number, not NaN'],
];
for (const [reason, change, field, message] of WRONG_SERIES) {
  test(`a series refused: ${reason}`, () => {
    const input = { ...DAY, ...change };
    assert.throws(() => encode(input, 'reject', SERIES), { code: 'input', field, message });
    assert.deepEqual(new Features(SERIES).check(input), [{ field, message }]);
  });
}
