// How numbers are written in the curves, and which of them stand at an axis: from 1e-9 to 1e30.

const RAISED = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";

/** Half up on the decimals a person sees, as everywhere: 0.5365 with three is 0.537, though its float lies below. */
function fixed(value, digits) {
  const scale = 10 ** digits;
  const size = Math.round(scale * Math.abs(value) + 1e-9) / scale;
  return `${value < 0 && size ? "\u2212" : ""}${size.toFixed(digits)}`;
}

/** A number by powers of ten: 3.340\u00b710\u00b9\u00b2. Without digits it is 10\u00b9\u00b2 where its mantissa is one. */
function scientific(value, digits, power = Math.floor(Math.log10(Math.abs(value)))) {
  let mantissa = fixed(value / 10 ** power, digits);
  if (/^\u2212?10/.test(mantissa)) mantissa = fixed(value / 10 ** ++power, digits); // 9.9996 was rounded up
  const raised = (power < 0 ? "\u207b" : "") + [...`${Math.abs(power)}`].map((digit) => RAISED[digit]).join("");
  return mantissa === "1" ? `10${raised}` : `${mantissa}\u00b710${raised}`;
}

/** A loss with four decimals, or with a power of ten where that says more; as cnnlab/formatting.py writes it. */
export function lossText(value) {
  if (value === null || value === undefined) return "\u2013";
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "infinite" : "\u2212infinite";
  const size = Math.abs(value);
  return size === 0 || (size >= 0.001 && size < 1000) ? fixed(value, 4) : scientific(value, 3);
}

/** A share in percent, with one decimal. */
export const tenths = (share) => fixed(100 * share, 1);

/** Labels of an even axis: just as many digits as tell them apart. */
export function axisTexts(values) {
  const size = Math.max(...values.map(Math.abs));
  const gap = values.length > 1 ? Math.abs(values[1] - values[0]) : size;
  const digitsAt = (power) => Math.max(0, Math.min(12, Math.ceil(power - Math.log10(gap) - 1e-6)));
  if (!size || (size >= 0.001 && size < 1e5)) return values.map((value) => fixed(value, size ? digitsAt(0) : 0));
  const power = Math.floor(Math.log10(size) + 1e-9);
  return values.map((value) => (Math.abs(value) < gap / 2 ? "0" : scientific(value, digitsAt(power), power)));
}

/** Labels of a logarithmic axis, each by itself; where so they were alike, as of an even one. */
export function logTexts(values) {
  const plain = (value) => value >= 0.001 && value < 1e5;
  const texts = values.map((value) => (plain(value) ? `${+value.toPrecision(3)}` : scientific(+value.toPrecision(3), 0)));
  return new Set(texts).size < values.length ? axisTexts(values) : texts;
}

/** The ends of an even loss axis: a little room, also round a single value, and not below zero without need. */
export function lossLimits(low, high) {
  const room = 0.05 * (high - low) || 0.1 * Math.abs(high) || 1;
  return [low < 0 ? low - room : Math.max(0, low - room), high + room];
}

/** The ends of an accuracy axis: whole tens of percent, never twice the same. */
export function accuracyLimits(low, high) {
  const from = Math.min(9, Math.floor(10 * low));
  return [from / 10, Math.max(from + 1, Math.ceil(10 * high)) / 10];
}

/** Round numbers from `low` to `high`, at most `most` of them; `whole` allows no fractions. */
export function ticks(low, high, most, whole = false) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  let gap = [1, 2, 5, 10].find((n) => n * power >= rough * 0.999) * power;
  if (whole) gap = Math.max(1, Math.round(gap));
  const from = Math.ceil(low / gap - 1e-9);
  return Array.from({ length: Math.max(0, Math.floor(high / gap + 1e-9) - from + 1) }, (_, i) => (from + i) * gap);
}

/** Round numbers between `low` and `high` for a logarithmic axis; even steps where those are too few. */
export function logTicks(low, high) {
  const decades = Math.log10(high) - Math.log10(low);
  const digits = decades > 4 ? [1] : decades > 2 ? [1, 3] : [1, 2, 3, 5];
  const stride = Math.max(1, Math.ceil(decades / 8));
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    if (power % stride === 0) found.push(...digits.map((digit) => +`${digit}e${power}`));
  const inside = found.filter((tick) => tick >= low && tick <= high);
  return inside.length > 2 ? inside : ticks(low, high, 5).filter((tick) => tick > 0);
}
