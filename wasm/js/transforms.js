/**
 * What was done to a label before training, undone: the lines of edgekit/transforms.py, where the reasons stand.
 * Additions, multiplications and divisions of float64 in one order, so that every client gives the same bits.
 */
export const TRANSFORMS = ['log', 'log10', 'log1p'];

const LOG2_E = 1.4426950408889634;
const LN_10 = 2.302585092994046;
const LN_2_HIGH = 0.6931471803691238;
const LN_2_LOW = 1.9082149292705877e-10;
const HIGHEST = 89;
const LOWEST = -105;
const TERMS = 13;

/** Undo a transform of one float32; without one the value is as it is. */
export function inverse(transform, value) {
  if (transform === 'log') return Math.fround(exp(value));
  if (transform === 'log10') return Math.fround(exp(value * LN_10));
  if (transform === 'log1p') return Math.fround(exp(value) - 1);
  return value;
}

function exp(x) {
  if (x > HIGHEST) return Infinity;
  if (x < LOWEST) return 0;
  const k = Math.floor(x * LOG2_E + 0.5);
  const r = x - k * LN_2_HIGH - k * LN_2_LOW;
  let answer = 1;
  for (let n = TERMS; n > 0; n--) answer = 1 + (answer * r) / n;
  for (let i = 0; i < k; i++) answer *= 2;
  for (let i = 0; i > k; i--) answer /= 2;
  return answer;
}
