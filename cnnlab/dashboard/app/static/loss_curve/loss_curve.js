// The loss at each kept moment (an epoch's end, or a step of epoch 1), as wide as the slider above it. Pointing reads the
// numbers, a click goes to the moment.
const COLOURS = { train: "#0072B2", validation: "#E69F00" };
const [PAD, TOP, BOTTOM] = [8, 4, 4];

const curves = new WeakMap(); // by the element Streamlit gives us

export function render({ data, parentElement, setTriggerValue }) {
  let curve = curves.get(parentElement);
  if (!curve) curves.set(parentElement, (curve = new LossCurve(parentElement)));
  curve.choose = (moment) => setTriggerValue("chosen", moment);
  curve.take(data);
}

export function unmount(parentElement) {
  curves.get(parentElement)?.sizes.disconnect();
  curves.delete(parentElement);
}

class LossCurve {
  constructor(place) {
    this.root = place.querySelector(".loss_curve");
    this.root.innerHTML = `<canvas role="img"></canvas><div class="reading" hidden></div>`;
    [this.canvas, this.reading] = this.root.children;
    this.root.onpointermove = this.root.onpointerdown = (event) => this.point(event);
    this.root.onpointerleave = () => this.leave();
    this.root.onclick = (event) => this.choose(this.data.moments[this.nearest(event)]);
    this.sizes = new ResizeObserver(() => this.data && this.draw());
    this.sizes.observe(this.root);
  }

  take(data) {
    this.data = data;
    this.canvas.setAttribute("aria-label", data.description);
    this.draw();
  }

  /** Where the moment with that number among the kept ones stands, in CSS pixels: as the thumb of the slider does. */
  x(place) {
    return PAD + (place / (this.data.moments.length - 1)) * (this.root.clientWidth - 2 * PAD);
  }

  draw() {
    const [width, height, ratio] = [this.root.clientWidth, 28, devicePixelRatio];
    if (!width) return;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const ctx = this.canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    const { train, validation, batches, moments, at, best } = this.data;
    const losses = [...train, ...validation, ...batches].filter((loss) => loss !== null);
    const [low, high] = [Math.min(...losses), Math.max(...losses)];
    const y = (loss) => TOP + ((high - loss) / (high - low || 1)) * (height - TOP - BOTTOM);
    const style = getComputedStyle(this.root);
    const place = moments.indexOf(at);
    ctx.strokeStyle = style.getPropertyValue("--st-primary-color");
    ctx.globalAlpha = 0.55;
    line(ctx, [[this.x(place), 0], [this.x(place), height]], 1.5);
    ctx.globalAlpha = 1;
    const grey = style.color; // the loss of batches is another measure, so it has no colour of a set
    for (const [colour, values, dash] of [
      [grey, batches, [1, 3]],
      [COLOURS.train, train, []],
      [COLOURS.validation, validation, [5, 3]],
    ]) {
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.setLineDash(dash);
      const points = values.map((loss, i) => (loss === null ? null : [this.x(i), y(loss)])).filter(Boolean);
      line(ctx, points, 2);
      ctx.setLineDash([]);
      if (points.length === 1) dot(ctx, points[0]);
    }
    const star = moments.indexOf(best);
    const loss = validation[star] ?? train[star];
    if (star >= 0 && loss !== null && loss !== undefined) {
      Object.assign(ctx, { fillStyle: style.color, font: "12px sans-serif", textAlign: "center", textBaseline: "middle" });
      ctx.fillText("★", this.x(star), y(loss));
    }
  }

  nearest(event) {
    const across = event.clientX - this.root.getBoundingClientRect().left - PAD;
    const last = this.data.moments.length - 1;
    return Math.min(last, Math.max(0, Math.round((across / (this.root.clientWidth - 2 * PAD)) * last)));
  }

  point(event) {
    const place = this.nearest(event);
    const { moments, train, validation, batches_said, best } = this.data;
    const said = [["train sample", train[place]], ["validation", validation[place]]]
      .filter(([, loss]) => loss !== null)
      .map(([name, loss]) => `${name} ${loss.toFixed(4)}`);
    const words = batches_said[place] || (said.length ? `loss: ${said.join(" · ")}` : "not measured");
    this.reading.textContent = `${moments[place]}${moments[place] === best ? " ★" : ""} · ${words}`;
    this.reading.hidden = false;
    const [width, room] = [this.reading.offsetWidth, this.root.clientWidth];
    const left = Math.min(Math.max(0, this.x(place) - width / 2), Math.max(0, room - width));
    this.reading.style.left = `${left}px`;
  }

  leave() {
    this.reading.hidden = true;
  }
}

function line(ctx, points, width) {
  ctx.lineWidth = width;
  ctx.beginPath();
  points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.stroke();
}

function dot(ctx, [x, y]) {
  ctx.beginPath();
  ctx.arc(x, y, 2.5, 0, 2 * Math.PI);
  ctx.fill();
}
