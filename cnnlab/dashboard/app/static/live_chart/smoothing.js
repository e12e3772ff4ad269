// The thick line: the loss without its noise, and without lag.

/**
 * At each point the height of the straight line that fits the points around it best, the near ones counting most
 * (W. S. Cleveland, "Robust locally weighted regression", JASA 74 (1979), without the robust part). A mean over the
 * steps before lags behind a loss that falls; this does not: of a straight line it gives back that line, to both ends.
 *
 * `over`: steps that count at a point, half of them before it. Returns the smoothed values, and from which index on
 * they may still move, because steps that will count are not taken yet.
 */
export function smoothed({ step, loss }, over, stepsTotal) {
  const half = over / 2;
  const covered = step.map((last, i) => last - (step[i - 1] ?? 0));
  const middle = step.map((last, i) => last - (covered[i] - 1) / 2); // a mean over steps stands for their middle
  let [low, high] = [0, 0];
  const smooth = middle.map((at, i) => {
    while (middle[low] <= at - half) low++;
    while (high < step.length && middle[high] < at + half) high++;
    return loss[i] === null ? null : lineAt(at, low, high, { middle, loss, covered, half });
  });
  const last = step.at(-1) ?? 0;
  const firm = last >= stepsTotal ? step.length : middle.findIndex((at) => at + half > last);
  return { smooth, firm: firm < 0 ? step.length : firm };
}

/** The best line through the points `low` to `high`, read at `at`; within the range of their losses, as any mean is. */
function lineAt(at, low, high, { middle, loss, covered, half }) {
  let [w, wx, wy, wxx, wxy, least, greatest] = [0, 0, 0, 0, 0, Infinity, -Infinity];
  for (let j = low; j < high; j++) {
    if (loss[j] === null) continue;
    const x = (middle[j] - at) / half;
    const weight = covered[j] * (1 - Math.abs(x) ** 3) ** 3;
    w += weight;
    wx += weight * x;
    wy += weight * loss[j];
    wxx += weight * x * x;
    wxy += weight * x * loss[j];
    least = Math.min(least, loss[j]);
    greatest = Math.max(greatest, loss[j]);
  }
  const spread = w * wxx - wx * wx;
  const height = spread > 1e-9 * w * w ? (wxx * wy - wx * wxy) / spread : wy / w;
  return Math.min(greatest, Math.max(least, height));
}
