// What the browser knows of a run, and the tables uPlot draws. No page, no drawing: arrays in, arrays out.

const KEPT = 4;
const runs = new Map(); // by run id; it outlives a change of page, so coming back costs nothing

/** The series of a run; the runs looked at longest ago are forgotten. */
export function seriesOf(run) {
  const known = runs.get(run) ?? { step: [], loss: [], smooth: [], epochs: [] };
  runs.delete(run);
  runs.set(run, known);
  for (const old of [...runs.keys()].slice(0, -KEPT)) runs.delete(old);
  return known;
}

/** Take in what came. False where points are missing in between: then everything must be sent again. */
export function merge(series, data) {
  if (data.first === 0) Object.assign(series, { step: [], loss: [], smooth: [], epochs: [] });
  const have = series.step.at(-1) ?? 0;
  if (data.first > have) return false;
  data.step.forEach((step, i) => {
    if (step <= have) return;
    series.step.push(step);
    series.loss.push(data.loss[i]);
    series.smooth.push(data.smooth[i]);
  });
  for (const record of data.epochs) {
    const at = series.epochs.findIndex((known) => known.epoch >= record.epoch);
    if (at < 0) series.epochs.push(record);
    else series.epochs.splice(at, series.epochs[at].epoch === record.epoch ? 1 : 0, record);
  }
  return true;
}

/** x (steps) and four columns: the points, smoothed, train sample, validation; null where a column has no value. */
export function lossTable({ step, loss, smooth, epochs }) {
  const xs = [...new Set([...step, ...epochs.map((e) => e.step)])].sort((a, b) => a - b);
  const place = new Map(xs.map((x, i) => [x, i]));
  const columns = [loss, smooth].map((values) => spread(xs.length, place, step, values));
  const ends = epochs.map((e) => e.step);
  columns.push(spread(xs.length, place, ends, epochs.map((e) => e.trainLoss)));
  columns.push(spread(xs.length, place, ends, epochs.map((e) => e.validationLoss)));
  return [xs, ...columns];
}

function spread(length, place, steps, values) {
  const column = Array(length).fill(null);
  steps.forEach((step, i) => (column[place.get(step)] = values[i]));
  return column;
}

/** x (steps) and two columns: train sample, validation. */
export function accuracyTable({ epochs }) {
  return [epochs.map((e) => e.step), epochs.map((e) => e.train), epochs.map((e) => e.validation)];
}

/** The epoch of the highest validation accuracy, the earliest of equals; undefined without validation. */
export function bestEpoch({ epochs }) {
  return epochs.reduce((best, e) => (e.validation !== null && !(best?.validation >= e.validation) ? e : best), undefined);
}

/** The record nearest to a step; the newest for Infinity. */
export function epochAt({ epochs }, step) {
  if (step === Infinity) return epochs.at(-1);
  return epochs.reduce((near, e) => (near && Math.abs(near.step - step) <= Math.abs(e.step - step) ? near : e), undefined);
}

const WINDOWS = [1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 1000];

/** The last step shown: whole epochs, more of them each time the curve has filled the window. */
export function windowEnd(lastStep, stepsTotal, epochsTotal) {
  const perEpoch = stepsTotal / epochsTotal;
  const epochs = WINDOWS.find((n) => n * perEpoch >= lastStep) ?? epochsTotal;
  return Math.min(epochs * perEpoch, stepsTotal) || 1;
}

/** Round numbers from `low` to `high`, at most `most` of them; `whole` allows no fractions. */
export function ticks(low, high, most, whole = false) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  let gap = [1, 2, 5, 10].find((n) => n * power >= rough * 0.999) * power;
  if (whole) gap = Math.max(1, Math.round(gap));
  const from = Math.ceil(low / gap - 1e-9);
  return Array.from({ length: Math.floor(high / gap + 1e-9) - from + 1 }, (_, i) => (from + i) * gap);
}

/** 1, 2, 3 and 5 times powers of ten between `low` and `high`; even steps where those are too few. */
export function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    found.push(...[1, 2, 3, 5].map((digit) => digit * 10 ** power).filter((tick) => tick >= low && tick <= high));
  return found.length > 2 ? found : ticks(low, high, 5);
}

/** The index of the last of the sorted `steps` that is not beyond `step`; -1 where there is none. */
export function stepAt(steps, step) {
  let [low, high] = [-1, steps.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (steps[middle] <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A share in percent. Half up on the decimals a person sees, as everywhere: 0.5365 is 53.7, though its float lies below. */
export function tenths(share) {
  return ((Math.sign(share) * Math.round(1000 * Math.abs(share) + 1e-9)) / 10).toFixed(1);
}
