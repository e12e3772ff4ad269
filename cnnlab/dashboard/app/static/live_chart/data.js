// What the browser knows of a run, and the tables uPlot draws. No page, no drawing: arrays in, arrays out.

const KEPT = 4;
const runs = new Map(); // by run id; it outlives a change of page, so coming back costs nothing

const nothing = () => ({ step: [], loss: [], least: [], greatest: [], epochs: [] });
const COLUMNS = ["step", "loss", "least", "greatest"];

/** The series of a run; the runs looked at longest ago are forgotten. */
export function seriesOf(run) {
  const known = runs.get(run) ?? nothing();
  runs.delete(run);
  runs.set(run, known);
  for (const old of [...runs.keys()].slice(0, -KEPT)) runs.delete(old);
  return known;
}

/**
 * Take in what came: points that take the place of all that lie beyond step `first`, of which the newest had not been
 * whole. False where points are missing in between: then everything must be sent again.
 */
export function merge(series, data) {
  if (data.first === 0) Object.assign(series, nothing());
  if (data.first > (series.step.at(-1) ?? 0)) return false;
  const kept = stepAt(series.step, data.first) + 1;
  for (const name of COLUMNS) series[name].splice(kept, Infinity, ...data[name]);
  for (const record of data.epochs) {
    const at = series.epochs.findIndex((known) => known.epoch >= record.epoch);
    if (at < 0) series.epochs.push(record);
    else series.epochs.splice(at, series.epochs[at].epoch === record.epoch ? 1 : 0, record);
  }
  return true;
}

/**
 * x (steps) and seven columns: greatest, least and mean of each point, the smoothed line as far as it is firm, its end,
 * train sample, validation; null where a column has no value.
 */
export function lossTable({ step, loss, least, greatest, smooth, firm, epochs }) {
  const xs = [...new Set([...step, ...epochs.map((e) => e.step)])].sort((a, b) => a - b);
  const place = new Map(xs.map((x, i) => [x, i]));
  const end = smooth.map((value, i) => (i >= firm - 1 ? value : null));
  const columns = [greatest, least, loss, smooth.slice(0, firm), end];
  const ends = epochs.map((e) => e.step);
  const measured = [epochs.map((e) => e.trainLoss), epochs.map((e) => e.validationLoss)];
  return [
    xs,
    ...columns.map((values) => spread(xs.length, place, step, values)),
    ...measured.map((values) => spread(xs.length, place, ends, values)),
  ];
}

function spread(length, place, steps, values) {
  const column = Array(length).fill(null);
  values.forEach((value, i) => (column[place.get(steps[i])] = value));
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
