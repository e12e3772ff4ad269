// The marks of the classes: a shape and a colour each, so that eyes that tell no colours apart tell the classes apart.
const TAU = 2 * Math.PI;

function corners(count, turn = -TAU / 4, inner = 1) {
  const steps = inner === 1 ? count : 2 * count;
  return Array.from({ length: steps }, (_, i) => {
    const far = i % 2 && inner !== 1 ? inner : 1;
    return [far * Math.cos(turn + (i * TAU) / steps), far * Math.sin(turn + (i * TAU) / steps)];
  });
}

const bar = (turn) => {
  const [a, b] = [0.36, 1.05];
  const cross = [[a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a], [-a, -b], [a, -b], [a, -a], [b, -a], [b, a]];
  return cross.map(([x, y]) => [x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn)]);
};

/** Corners about the origin; null: a circle. A shape that is `open` is drawn as a line. */
const SHAPES = [
  { points: null },
  { points: corners(4, TAU / 8).map(([x, y]) => [1.15 * x, 1.15 * y]) },
  { points: corners(3).map(([x, y]) => [1.25 * x, 1.25 * y]) },
  { points: bar(0) },
  { points: corners(4).map(([x, y]) => [1.2 * x, 1.2 * y]) },
  { points: bar(TAU / 8) },
  { points: corners(3, TAU / 4).map(([x, y]) => [1.25 * x, 1.25 * y]) },
  { points: corners(5, -TAU / 4, 0.45).map(([x, y]) => [1.35 * x, 1.35 * y]) },
  { points: null, open: true },
  { points: corners(4, TAU / 8), open: true },
  { points: corners(3).map(([x, y]) => [1.1 * x, 1.1 * y]), open: true },
  { points: corners(4), open: true },
  { points: corners(6) },
];

/** Draw the mark of a class about (x, y); `radius` is about its own. */
export function drawMark(ctx, { colour, shape }, x, y, radius, edge) {
  const { points, open } = SHAPES[shape % SHAPES.length];
  const size = open ? 0.85 * radius : radius; // a line is half outside
  ctx.beginPath();
  if (points) points.forEach(([px, py], i) => ctx[i ? "lineTo" : "moveTo"](x + px * size, y + py * size));
  else ctx.arc(x, y, size, 0, TAU);
  ctx.closePath();
  if (open) {
    Object.assign(ctx, { strokeStyle: colour, lineWidth: Math.max(1, size * 0.5) });
    ctx.stroke();
    return;
  }
  Object.assign(ctx, { fillStyle: colour, strokeStyle: edge, lineWidth: size * 0.3 });
  ctx.fill();
  if (edge) ctx.stroke();
}

/** The mark alone on a small canvas, for drawing it ten thousand times. */
export function stamp(style, size, ratio, edge) {
  const side = Math.ceil(2 * (1.5 * size + 1) * ratio);
  const canvas = new OffscreenCanvas(side, side);
  drawMark(canvas.getContext("2d"), style, side / 2, side / 2, size * ratio, edge);
  return canvas;
}
