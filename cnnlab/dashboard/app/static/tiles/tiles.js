// Many small pictures of numbers on one canvas. Hovering or the arrow keys read values, a click or Enter picks a tile.
const version = new URL(import.meta.url).search; // the files of one cnnlab, and of no other
const files = ["palettes", "bar"].map((name) => import(`./${name}.js${version}`));
const [{ numberText, paint }, { drawBar, mark }] = await Promise.all(files);

const fields = new WeakMap(); // by the element Streamlit gives us

export function render({ data, parentElement, setTriggerValue }) {
  let field = fields.get(parentElement);
  if (!field) fields.set(parentElement, (field = new Field(parentElement)));
  field.pick = (tile) => setTriggerValue("picked", tile);
  field.take(data);
}

export function unmount(parentElement) {
  fields.get(parentElement)?.sizes.disconnect();
  fields.delete(parentElement);
}

const GAP = 6;
const LABEL = 17;

/** A comfortable side for one of `count` tiles, in CSS pixels. */
const comfortable = (count) => (count === 1 ? 320 : count <= 8 ? 104 : count <= 32 ? 80 : count <= 64 ? 64 : 52);

class Field {
  constructor(place) {
    this.root = place.querySelector(".tiles");
    this.root.innerHTML = `
      <div class="above"><div class="reading"></div><div class="bar"></div></div>
      <div class="field" tabindex="0" role="application"><div class="sheet"><canvas></canvas>
        <div class="box chosen" hidden></div><div class="box hover" hidden></div><div class="box pixel" hidden></div></div></div>
      <p class="unseen" role="status"></p>`;
    const field = this.find(".field");
    field.onpointermove = field.onpointerdown = (event) => this.hover(event);
    field.onpointerleave = () => this.point(null);
    field.onclick = (event) => this.hover(event) && this.choose();
    field.onkeydown = (event) => this.press(event);
    field.onblur = () => this.point(null);
    this.sizes = new ResizeObserver(() => this.data && this.root.clientWidth !== this.width && this.draw());
    this.sizes.observe(this.root);
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  take(data) {
    this.data = data;
    this.values = data.values.getChildAt(0).toArray();
    this.size = data.height * data.width * data.channels;
    this.chosen = data.selected;
    this.find(".field").setAttribute("aria-label", `${data.description} Arrow keys read values${data.pick ? "; Enter picks" : ""}.`);
    this.find(".field").classList.toggle("still", !data.pick);
    this.find(".above").hidden = data.hint === "" && !data.caption;
    this.draw();
  }

  ends(tile) {
    const { limits } = this.data;
    return limits.length === 1 ? limits[0] : tile === null ? null : limits[tile];
  }

  /** Whole device pixels a value, so that no value is drawn wider than its neighbour; rows of equal length. */
  arrange() {
    const { labels, height, width, columns, tilePx } = this.data;
    const ratio = devicePixelRatio;
    this.width = this.root.clientWidth;
    const zoomTo = (side, round) => Math.max(1, round((side * ratio) / Math.max(height, width)));
    const fit = (count) => (this.width - (count - 1) * GAP) / count;
    const most = (zoom) => Math.max(1, Math.floor((this.width + GAP) / ((width * zoom) / ratio + GAP)));
    const side = tilePx ?? comfortable(labels.length);
    this.columns = columns ?? most(zoomTo(side, Math.round));
    if (!columns) this.columns = Math.ceil(labels.length / Math.ceil(labels.length / this.columns));
    const room = fit(this.columns);
    this.zoom = Math.min(zoomTo(room, Math.floor), zoomTo(tilePx ?? (columns ? room : 1.5 * side), Math.round));
    this.tile = [(width * this.zoom) / ratio, (height * this.zoom) / ratio];
    this.labelled = labels.length > 1 && labels.every((label) => label.length * 6.6 <= this.tile[0] + GAP);
    this.pitch = [this.tile[0] + GAP, this.tile[1] + GAP + (this.labelled ? LABEL : 0)];
  }

  corner(tile) {
    return [(tile % this.columns) * this.pitch[0], Math.floor(tile / this.columns) * this.pitch[1]];
  }

  draw() {
    if (!this.root.clientWidth) return;
    this.arrange();
    const { labels, height, width, channels, palette } = this.data;
    const [ratio, rows] = [devicePixelRatio, Math.ceil(labels.length / this.columns)];
    const canvas = this.find("canvas");
    const size = [this.columns * this.pitch[0] - GAP, rows * this.pitch[1] - GAP + 4];
    Object.assign(canvas, { width: Math.round(size[0] * ratio), height: Math.round(size[1] * ratio) });
    Object.assign(canvas.style, { width: `${canvas.width / ratio}px`, height: `${canvas.height / ratio}px` });
    this.find(".above").style.maxWidth = `${Math.max(510, size[0])}px`;
    const ctx = canvas.getContext("2d");
    const style = getComputedStyle(this.root);
    Object.assign(ctx, { imageSmoothingEnabled: false, fillStyle: style.getPropertyValue("--st-gray-text-color") });
    Object.assign(ctx, { font: `${11 * ratio}px ${style.fontFamily}`, textBaseline: "top" });
    const [small, image] = [new OffscreenCanvas(width, height), new ImageData(width, height)];
    labels.forEach((label, tile) => {
      const [low, high] = this.ends(tile);
      paint(image.data, this.values, tile * this.size, { channels, palette, low, high });
      small.getContext("2d").putImageData(image, 0, 0);
      const [x, y] = this.corner(tile).map((part) => Math.round(part * ratio));
      ctx.drawImage(small, x, y, width * this.zoom, height * this.zoom);
      if (this.labelled) ctx.fillText(label, x, y + height * this.zoom + 4 * ratio);
    });
    this.frame(".chosen", this.chosen);
    this.point(null);
  }

  frame(selector, tile) {
    const box = this.find(selector);
    box.hidden = tile === null || tile >= this.data.labels.length;
    if (!box.hidden) this.lay(box, ...this.corner(tile), ...this.tile);
  }

  lay(box, left, top, width, height) {
    Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  }

  /** Read the value under the pointer. */
  hover(event) {
    const edge = this.find("canvas").getBoundingClientRect();
    const at = [event.clientX - edge.left, event.clientY - edge.top];
    const [column, row] = at.map((part, i) => Math.floor(part / this.pitch[i]));
    const tile = row * this.columns + column;
    const inside = at.map((part, i) => part - [column, row][i] * this.pitch[i]);
    const hit = column < this.columns && tile < this.data.labels.length && inside.every((part, i) => part >= 0 && part < this.tile[i]);
    const [x, y] = inside.map((part) => Math.floor((part * devicePixelRatio) / this.zoom));
    this.point(hit ? tile : null, hit ? [x, y] : null);
    return hit;
  }

  /** Point at a tile, at a value in it, or at nothing. */
  point(tile, value = null) {
    [this.at, this.value] = [tile, value];
    this.frame(".hover", tile);
    const pixel = this.find(".pixel");
    const side = this.zoom / devicePixelRatio;
    pixel.hidden = value === null || side < 3;
    if (!pixel.hidden) this.lay(pixel, this.corner(tile)[0] + value[0] * side, this.corner(tile)[1] + value[1] * side, side, side);
    const [label, ...rest] = this.sentence();
    this.find(".reading").replaceChildren(...(tile === null ? [rest.join("")] : [bold(label), ` · ${rest.join(" · ")}`]));
    const bar = this.find(".bar");
    drawBar(bar, this.data, this.ends(tile ?? this.chosen ?? null));
    if (value !== null && this.data.channels === 1) mark(bar, this.numbers()[0], this.ends(tile));
  }

  numbers() {
    const { width, channels } = this.data;
    const start = this.at * this.size + (this.value[1] * width + this.value[0]) * channels;
    return this.values.subarray(start, start + channels);
  }

  sentence() {
    const { labels, height, width, channels, cell } = this.data;
    if (this.at === null && this.data.hint) return ["", this.data.hint];
    if (this.at === null) return ["", labels.length > 1 ? "Point at a tile to read its numbers; click to enlarge it." : "Point at the picture to read its numbers."];
    if (this.value === null) {
      const all = this.values.subarray(this.at * this.size, (this.at + 1) * this.size).filter(Number.isFinite);
      const range = all.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
      return [labels[this.at], `from ${numberText(range[0])} to ${numberText(range[1])}`];
    }
    const grid = `row ${this.value[1] + 1} of ${height}, column ${this.value[0] + 1} of ${width}`;
    const place = cell ? `${cell} ${this.value[1] * width + this.value[0]}` : grid;
    const numbers = [...this.numbers()].map((number) => this.wordOf(number) ?? numberText(number));
    return [labels[this.at], place, channels === 3 ? `red ${numbers[0]}, green ${numbers[1]}, blue ${numbers[2]}` : numbers[0]];
  }

  /** What is read out in place of a number; undefined where the number itself is. */
  wordOf(number) {
    return this.data.words.find(([value]) => Math.fround(value) === number)?.[1];
  }

  choose() {
    if (!this.data.pick) return;
    this.chosen = this.at;
    this.frame(".chosen", this.chosen);
    this.pick(this.at);
  }

  /** Arrows go from tile to tile, with Shift (and in a single tile) from value to value. */
  press(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const { labels, width, height } = this.data;
    if (event.key === "Enter" && this.at !== null) this.choose();
    else if (event.key === "Escape") this.point(null);
    else if (step && (event.shiftKey || labels.length === 1)) {
      const to = this.value ? [this.value[0] + step[0], this.value[1] + step[1]] : [0, 0];
      const inside = [width, height].map((end, i) => Math.min(end - 1, Math.max(0, to[i])));
      this.point(this.at ?? this.chosen ?? 0, inside);
    } else if (step) {
      const from = this.at ?? this.chosen ?? -1;
      const to = from < 0 ? 0 : from + step[0] + step[1] * this.columns;
      if (to >= 0 && to < labels.length) this.point(to);
    } else return;
    event.preventDefault();
    this.find("[role=status]").textContent = this.sentence().join(", ");
  }
}

function bold(text) {
  return Object.assign(document.createElement("b"), { textContent: text });
}
