// Pictures as points on a plane: a legend whose classes are switched, zoom, arrow keys, and a point that is picked.
const version = new URL(import.meta.url).search; // the files of one cnnlab, and of no other
const { drawMark, stamp } = await import(`./marks.js${version}`);

const maps = new WeakMap(); // by the element Streamlit gives us

export function render({ data, parentElement, setTriggerValue }) {
  let map = maps.get(parentElement);
  if (!map) maps.set(parentElement, (map = new PictureMap(parentElement)));
  map.tell = setTriggerValue;
  map.take(data);
}

export function unmount(parentElement) {
  maps.get(parentElement)?.sizes.disconnect();
  maps.delete(parentElement);
}

const [EDGE, REACH, MOST_ZOOM, STEP] = [14, 14, 40, 1.5];
const HELP = "Arrow keys go from point to point; Enter opens one; plus, minus and 0 zoom.";

class PictureMap {
  constructor(place) {
    this.root = place.querySelector(".picture_map");
    this.root.innerHTML = `
      <div class="legend" role="group" aria-label="Classes: show or hide"></div>
      <div class="plane"><div class="field" tabindex="0" role="application"><canvas></canvas><div class="ring" hidden></div></div>
        <div class="zoom"></div></div>
      <div class="reading"></div><p class="unseen" role="status"></p>`;
    const field = this.find(".field");
    field.onpointermove = (event) => this.move(event);
    field.onpointerdown = (event) => this.press(event);
    field.onpointerup = (event) => this.release(event);
    field.onpointerleave = field.onblur = () => this.point(null);
    field.onkeydown = (event) => this.key(event);
    for (const [words, text, factor] of [["Zoom in", "+", STEP], ["Zoom out", "−", 1 / STEP], ["The whole map", "⤢", 0]]) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: text, title: words });
      button.setAttribute("aria-label", words);
      button.onclick = () => this.zoomBy(factor);
      this.find(".zoom").append(button);
    }
    this.zoom = 1;
    this.sizes = new ResizeObserver(() => this.data && this.root.clientWidth !== this.width && this.draw());
    this.sizes.observe(this.root);
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  take(data) {
    this.data = data;
    [this.x, this.y, this.label, this.said, this.sure, this.number] = [0, 1, 2, 3, 4, 5].map((i) => data.points.getChildAt(i).toArray());
    this.hidden = new Set(data.hidden);
    this.find(".field").setAttribute("aria-label", `${data.description} ${HELP}`);
    const ends = (values, extra) => [...values, ...extra].reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
    const placed = data.placed ? [[data.placed.x], [data.placed.y]] : [[], []];
    const [[left, right], [low, high]] = [ends(this.x, placed[0]), ends(this.y, placed[1])];
    this.span = Math.max(right - left, 1e-9);
    this.rise = Math.max(high - low, 1e-9);
    this.middle = [(left + right) / 2, (low + high) / 2];
    if (this.zoom === 1) this.centre = this.middle;
    this.drawLegend();
    this.draw();
  }

  drawLegend() {
    const { classes, counts } = this.data;
    const legend = this.find(".legend");
    const focused = legend.contains(this.root.getRootNode().activeElement) ? this.root.getRootNode().activeElement.dataset.name : null;
    const all = this.chip(this.hidden.size ? "show all" : "hide all", null, () => this.hide(this.hidden.size ? [] : classes.map((_, i) => i)));
    all.dataset.name = "all";
    legend.replaceChildren(...classes.map((style, index) => this.entry(style, index, counts[index])), all);
    if (focused !== null) [...legend.children].find((one) => one.dataset.name === focused)?.focus();
  }

  entry(style, index, count) {
    const button = this.chip(`${style.name} ${count}`, style, () => {
      const hidden = new Set(this.hidden);
      if (!hidden.delete(index)) hidden.add(index);
      this.hide([...hidden]);
    });
    button.dataset.name = `${index}`;
    button.setAttribute("aria-pressed", String(!this.hidden.has(index)));
    return button;
  }

  chip(words, style, onclick) {
    const button = Object.assign(document.createElement("button"), { type: "button", onclick });
    if (style) {
      const mark = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
      drawMark(mark.getContext("2d"), style, 14, 14, 9);
      button.append(mark);
    }
    button.append(words);
    return button;
  }

  hide(classes) {
    this.hidden = new Set(classes);
    this.drawLegend();
    this.draw();
    this.tell("hidden", [...this.hidden].sort((a, b) => a - b));
  }

  shown(i) {
    return !this.hidden.has(this.label[i]) && !(this.data.wrongOnly && this.label[i] === this.said[i]);
  }

  /** Pixels a unit, the same across and up, so that distances can be compared. */
  get scale() {
    const [wide, tall] = [this.width - 2 * EDGE, this.height - 2 * EDGE];
    return Math.min(wide / this.span, tall / this.rise) * this.zoom;
  }

  at(x, y) {
    return [this.width / 2 + (x - this.centre[0]) * this.scale, this.height / 2 - (y - this.centre[1]) * this.scale];
  }

  draw() {
    if (!this.root.clientWidth) return;
    this.width = this.root.clientWidth;
    this.height = Math.round(Math.min(this.width, 460));
    const [canvas, ratio] = [this.find(".field canvas"), devicePixelRatio];
    Object.assign(canvas, { width: Math.round(this.width * ratio), height: Math.round(this.height * ratio) });
    Object.assign(canvas.style, { width: `${this.width}px`, height: `${this.height}px` });
    const [ctx, style] = [canvas.getContext("2d"), getComputedStyle(this.root)];
    this.ink = { text: style.color, grey: style.getPropertyValue("--st-gray-text-color"), ground: style.getPropertyValue("--st-background-color") };
    ctx.font = `${11 * ratio}px ${style.fontFamily}`;
    if (this.data.axes.length) this.drawGrid(ctx, ratio);
    const size = Math.min(6, (this.x.length > 4000 ? 2.4 : this.x.length > 800 ? 3.3 : 4.5) * Math.sqrt(this.zoom));
    const stamps = this.data.classes.map((one) => stamp(one, size, ratio, this.ink.ground));
    for (let i = 0; i < this.x.length; i++) {
      if (!this.shown(i)) continue;
      const [x, y] = this.at(this.x[i], this.y[i]);
      const mark = stamps[this.label[i]];
      if (x > -20 && y > -20 && x < this.width + 20 && y < this.height + 20) ctx.drawImage(mark, Math.round(x * ratio - mark.width / 2), Math.round(y * ratio - mark.height / 2));
    }
    ctx.scale(ratio, ratio);
    this.drawChosen(ctx, size);
    this.point(null);
  }

  drawGrid(ctx, ratio) {
    const rough = 90 / this.scale;
    const ten = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const text = (value) => (Math.abs(value) < step / 2 ? "0" : value.toFixed(digits).replace("-", "−"));
    Object.assign(ctx, { fillStyle: this.ink.grey, strokeStyle: "rgba(128,132,149,0.22)", lineWidth: ratio, textBaseline: "bottom" });
    for (const axis of [0, 1]) {
      const reach = (axis ? this.height : this.width) / 2 / this.scale;
      const first = Math.ceil((this.centre[axis] - reach) / step);
      for (let n = first; n * step < this.centre[axis] + reach; n++) {
        const along = Math.round(this.at(n * step, n * step)[axis] * ratio);
        ctx.beginPath();
        ctx.moveTo(...(axis ? [0, along] : [along, 0]));
        ctx.lineTo(...(axis ? [this.width * ratio, along] : [along, this.height * ratio]));
        ctx.stroke();
        ctx.fillText(text(n * step), ...(axis ? [3 * ratio, along - ratio] : [along + 3 * ratio, this.height * ratio - 2 * ratio]));
      }
    }
  }

  /** The chosen picture: a ring about its own point, or a cross-hair where a picture that is not on the map would stand. */
  drawChosen(ctx, size) {
    const { chosen, placed } = this.data;
    const place = placed ? [placed.x, placed.y] : chosen !== null ? [this.x[chosen], this.y[chosen]] : null;
    if (!place) return;
    const [x, y] = this.at(...place);
    for (const [colour, width] of [[this.ink.ground, 6], [this.ink.text, 2.5]]) {
      Object.assign(ctx, { strokeStyle: colour, lineWidth: width });
      ctx.beginPath();
      ctx.arc(x, y, size + 6, 0, 2 * Math.PI);
      if (placed) for (const [a, b] of [[-1, 0], [1, 0], [0, -1], [0, 1]]) (ctx.moveTo(x + a * 4, y + b * 4), ctx.lineTo(x + a * (size + 14), y + b * (size + 14)));
      ctx.stroke();
    }
    if (!placed && this.shown(chosen)) drawMark(ctx, this.data.classes[this.label[chosen]], x, y, size + 1.5, this.ink.ground);
  }

  point(i) {
    this.now = i;
    this.find(".reading").textContent = i === null ? this.data.hint : this.sentence(i);
    const ring = this.find(".ring");
    ring.hidden = i === null;
    if (i === null) return;
    const [x, y] = this.at(this.x[i], this.y[i]);
    Object.assign(ring.style, { left: `${x}px`, top: `${y}px` });
  }

  sentence(i) {
    const { classes, picture, axes } = this.data;
    const right = this.label[i] === this.said[i];
    const says = right ? "and the network says so" : `but the network says ${classes[this.said[i]].name}`;
    const sure = `${this.sure[i].toFixed(1)}${this.data.percent} sure`;
    const numbers = axes.length ? ` · ${axes.map((name, k) => `${name} ${[this.x, this.y][k][i].toFixed(2).replace("-", "−")}`).join(", ")}` : "";
    return `${picture} ${this.number[i]}: ${classes[this.label[i]].name}, ${says}, ${sure}${numbers}`;
  }

  nearest(x, y, reach, wanted = () => true) {
    let [best, least] = [null, reach * reach];
    for (let i = 0; i < this.x.length; i++) {
      if (!this.shown(i)) continue;
      const [px, py] = this.at(this.x[i], this.y[i]);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far < least && wanted(px - x, py - y)) [best, least] = [i, far];
    }
    return best;
  }

  where(event) {
    const edge = this.find(".field canvas").getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  }

  press(event) {
    this.grip = { at: this.where(event), centre: this.centre, dragged: false };
  }

  move(event) {
    const [x, y] = this.where(event);
    if (this.grip && event.buttons && this.zoom > 1) {
      const [dx, dy] = [x - this.grip.at[0], y - this.grip.at[1]];
      this.grip.dragged ||= Math.hypot(dx, dy) > 4;
      if (this.grip.dragged) {
        this.centre = [this.grip.centre[0] - dx / this.scale, this.grip.centre[1] + dy / this.scale];
        this.draw();
        return;
      }
    }
    this.point(this.nearest(x, y, REACH));
  }

  release(event) {
    const dragged = this.grip?.dragged;
    this.grip = null;
    if (dragged) return;
    this.point(this.nearest(...this.where(event), REACH));
    this.choose();
  }

  choose() {
    if (this.now === null) return;
    const chosen = this.now;
    this.tell("picked", chosen);
    Object.assign(this.data, { chosen, placed: null });
    this.draw();
    this.point(chosen);
  }

  zoomBy(factor) {
    const chosen = this.data.placed ? [this.data.placed.x, this.data.placed.y] : this.data.chosen !== null ? [this.x[this.data.chosen], this.y[this.data.chosen]] : null;
    if (this.zoom === 1 && chosen && factor > 1) this.centre = chosen;
    this.zoom = factor ? Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor)) : 1;
    if (this.zoom === 1) this.centre = this.middle;
    this.draw();
  }

  /** An arrow goes to the nearest point that lies in that direction. */
  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter") this.choose();
    else if (event.key === "Escape") this.point(null);
    else if (["+", "="].includes(event.key)) this.zoomBy(STEP);
    else if (event.key === "-") this.zoomBy(1 / STEP);
    else if (event.key === "0") this.zoomBy(0);
    else if (step) {
      const from = this.now ?? this.data.chosen;
      const [x, y] = from === null ? [this.width / 2, this.height / 2] : this.at(this.x[from], this.y[from]);
      const ahead = (dx, dy) => dx * step[0] + dy * step[1] > Math.max(0.5, Math.abs(dx * step[1] + dy * step[0]));
      const to = from === null ? this.nearest(x, y, Infinity) : this.nearest(x, y, Infinity, ahead);
      if (to !== null) this.point(to);
    } else return;
    event.preventDefault();
    this.find("[role=status]").textContent = this.find(".reading").textContent;
  }
}
