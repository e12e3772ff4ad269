// The formulas of one map: each value worked out in double precision from what the layer received. No drawing here.
const { FUNCTIONS } = await import(`./functions.js${new URL(import.meta.url).search}`);

const size = (shape) => shape.reduce((product, side) => product * side, 1);

/** The stages of a parcel (cnnlab/inspection/formula/parcel.py), their arrays in place. */
export function stagesOf(parcel, numbers) {
  const array = ({ begin, shape }) => (shape.length ? numbers.subarray(begin, begin + size(shape)) : null);
  return parcel.stages.map((stage) => ({
    ...stage,
    shape: { inputs: stage.inputs.shape, kernel: stage.kernel.shape, output: stage.output.shape },
    inputs: array(stage.inputs),
    kernel: array(stage.kernel),
    output: array(stage.output),
    rest: array(stage.rest),
    bias: stage.bias ?? NaN, // JSON has no word for what is not a number
    named: Object.fromEntries(stage.numbers.map(([name, value]) => [name, value ?? NaN])),
  }));
}

/** What lies under the kernel of input `k` at that place: inputs, weights, products, and which of them are padding. */
export function windowOf(stage, k, row, column) {
  const [, height, width] = stage.shape.inputs;
  const [, kernelHeight, kernelWidth] = stage.shape.kernel;
  const window = { patch: [], kernel: [], products: [], inside: [], rows: stage.rows[row].length, columns: stage.columns[column].length };
  for (const [y, i, down] of stage.rows[row])
    for (const [x, j, across] of stage.columns[column]) {
      const inside = y >= 0 && y < height && x >= 0 && x < width;
      const value = inside ? stage.inputs[(k * height + y) * width + x] : 0;
      const weight = down * across * (stage.kernel ? stage.kernel[(k * kernelHeight + i) * kernelWidth + j] : 1);
      window.patch.push(value);
      window.kernel.push(weight);
      window.products.push(value * weight);
      window.inside.push(inside);
    }
  return window;
}

/** What input `k` adds to the value at that place. Plain loops: a map's bars need it for every value of the map. */
export function shareOf({ inputs, kernel, shape, rows, columns }, k, row, column) {
  const [, height, width] = shape.inputs;
  const [, kernelHeight, kernelWidth] = shape.kernel;
  const [down, across] = [rows[row], columns[column]];
  let share = 0;
  for (let r = 0; r < down.length; r++) {
    const y = down[r][0];
    if (y < 0 || y >= height) continue;
    const line = (k * height + y) * width;
    const weights = (k * kernelHeight + down[r][1]) * kernelWidth;
    for (let c = 0; c < across.length; c++) {
      const x = across[c][0];
      if (x < 0 || x >= width) continue;
      share += inputs[line + x] * (kernel ? kernel[weights + across[c][1]] : 1) * down[r][2] * across[c][2];
    }
  }
  return share;
}

/** One value in its parts: shares of the inputs, largest first; what is left out; the bias; the value; the tensor's. */
export function explain(stage, row, column) {
  const at = row * stage.shape.output[1] + column;
  const tensor = stage.output[at];
  if (stage.rule === "unknown") return { terms: [], bias: 0, rest: 0, value: null, tensor };
  const terms = stage.channels.map((channel, k) => ({ k, channel, share: shareOf(stage, k, row, column) }));
  terms.sort((one, other) => Math.abs(other.share) - Math.abs(one.share));
  const rest = stage.rest ? stage.rest[at] : 0;
  const sum = terms.reduce((total, term) => total + term.share, 0) + rest + stage.bias;
  return { terms, bias: stage.bias, rest, tensor, ...RULES[stage.rule](stage, sum, row, column) };
}

const RULES = {
  sum: (stage, sum) => ({ value: sum }),
  largest(stage, sum, row, column) {
    const { patch, inside } = windowOf(stage, 0, row, column);
    const value = patch.reduce((most, one, n) => (inside[n] && one > most ? one : most), -Infinity);
    return { value, winner: patch.indexOf(value) };
  },
  norm(stage, sum, row, column) {
    const { mean, variance, eps, scale, shift } = stage.named;
    const x = shareOf({ ...stage, kernel: null }, 0, row, column);
    return { x, value: ((x - mean) / Math.sqrt(variance + eps)) * scale + shift };
  },
  function: (stage, sum) => ({ x: sum, value: FUNCTIONS[stage.function](sum, ...stage.settings) }),
  softmax(stage) {
    const [logits, chosen] = [stage.inputs, stage.named.chosen];
    const most = logits.reduce((one, other) => Math.max(one, other));
    const all = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
    return { x: logits[chosen], all: all * Math.exp(most), value: Math.exp(logits[chosen] - most) / all };
  },
};

/** The place in a stage's map that is made from the place [row, column] of its input; null where no window holds it. */
export function onwards(stage, [row, column]) {
  const to = [nearest(stage.rows, row), nearest(stage.columns, column)];
  return to.includes(null) ? null : to;
}

/** Of the outputs that are made from `position`, the one whose window has it nearest to its middle. */
function nearest(table, position) {
  let [best, least] = [null, Infinity];
  table.forEach((sources, output) => {
    if (!sources.some(([at]) => at === position)) return;
    const off = Math.abs((sources[0][0] + sources.at(-1)[0]) / 2 - position);
    if (off < least) [best, least] = [output, off];
  });
  return best;
}

/** The lowest and the highest partial sum at any place of the map: the ends of the one scale of its waterfalls. */
export function reach(stage) {
  const [height, width] = stage.shape.output;
  let [low, high] = [0, 0];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const rest = stage.rest ? stage.rest[row * width + column] : 0;
      let [below, above] = [Math.min(0, rest) + Math.min(0, stage.bias), Math.max(0, rest) + Math.max(0, stage.bias)];
      for (let k = 0; k < stage.channels.length; k++) {
        const share = shareOf(stage, k, row, column);
        if (share < 0) below += share;
        else above += share;
      }
      [low, high] = [Math.min(low, below), Math.max(high, above)];
    }
  return [low, high];
}
