// The shapes that repeat what colours mean: circles for train, squares for validation, a star for the best epoch.

/** A legend entry: a sample of the line, its name, room for a value. The text is ours alone, never a reader's. */
export function swatch({ colour, width = 1.5, dash, mark, alpha = 1 }, name, ink) {
  const stroke = `stroke="${ink[colour]}" stroke-width="${width}" stroke-dasharray="${dash?.join(" ") ?? ""}"`;
  const shape = { circle: `<circle cx="12" cy="6" r="3.5"/>`, square: `<rect x="9" y="3" width="6" height="6"/>` }[mark] ?? "";
  const line = `<path d="M0 6H24" fill="none" ${stroke} opacity="${alpha}"/>`;
  const picture = `<svg width="24" height="12" aria-hidden="true" fill="${ink[colour]}">${line}${shape}</svg>`;
  return `<li>${picture}<span class="name">${name}</span><span class="value"></span></li>`;
}

/** The marks of the series that have a value an epoch, and a star with its hairline at the best epoch. */
export function drawMarks(u, series, ink, best) {
  const { ctx, bbox } = u;
  const px = devicePixelRatio;
  const at = (x, y) => [u.valToPos(x, "x", true), u.valToPos(y, "y", true)];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - 6 * px, bbox.top - 6 * px, bbox.width + 12 * px, bbox.height + 12 * px);
  ctx.clip();
  series.forEach(({ mark, colour }, i) => {
    if (!mark) return;
    const points = u.data[0].map((x, k) => [x, u.data[i + 1][k]]).filter(([, y]) => y !== null);
    const crowded = points.length > bbox.width / px / 9;
    ctx.fillStyle = ink[colour];
    for (const [x, y] of crowded ? points.slice(-1) : points) shapeOf(ctx, mark, ...at(x, y), px);
  });
  if (best) star(ctx, ...at(best.step, best.validation), px, ink);
  ctx.restore();
}

function shapeOf(ctx, mark, x, y, px) {
  ctx.beginPath();
  if (mark === "circle") ctx.arc(x, y, 3.5 * px, 0, 2 * Math.PI);
  else ctx.rect(x - 3 * px, y - 3 * px, 6 * px, 6 * px);
  ctx.fill();
}

function star(ctx, x, y, px, ink) {
  ctx.beginPath();
  for (let i = 0; i < 10; i++) {
    const radius = (i % 2 ? 3.6 : 8.5) * px;
    const angle = (Math.PI * (i - 2.5)) / 5;
    ctx.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  ctx.closePath();
  Object.assign(ctx, { fillStyle: ink.validation, strokeStyle: ink.paper, lineWidth: 1.5 * px });
  ctx.fill();
  ctx.stroke();
}
