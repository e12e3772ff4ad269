// The activation functions, as formulas of one number; cnnlab/inspection/formula/functions.py has the same.
const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

function softplus(x, beta = 1, threshold = Infinity) {
  if (x * beta > threshold) return x;
  return (Math.max(0, x * beta) + Math.log1p(Math.exp(-Math.abs(x * beta)))) / beta;
}

/** The error function by a series of positive terms (Abramowitz and Stegun 7.1.6): nothing cancels out. */
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

export const FUNCTIONS = {
  relu: (x) => Math.max(0, x),
  clamp,
  leaky: (x, slope) => (x >= 0 ? x : slope * x),
  elu: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
  celu: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x / alpha)),
  selu: (x, alpha, scale) => scale * (x > 0 ? x : alpha * Math.expm1(x)),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  tanh: Math.tanh,
  sigmoid,
  log_sigmoid: (x) => -softplus(-x),
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  hard_swish: (x) => (x * clamp(x + 3, 0, 6)) / 6,
  hard_sigmoid: (x) => clamp(x + 3, 0, 6) / 6,
  threshold: (x, threshold, value) => (x > threshold ? x : value),
  soft_shrink: (x, size) => (x > size ? x - size : x < -size ? x + size : 0),
  hard_shrink: (x, size) => (x >= -size && x <= size ? 0 : x),
  tanh_shrink: (x) => x - Math.tanh(x),
};
