// The network at a glance: the picture, the maps of every layer, the likeliest classes. A click or Enter chooses a map.
const version = new URL(import.meta.url).search; // the files of one cnnlab, and of no other
const { paint } = await import(`../tiles/palettes.js${version}`);

const fields = new WeakMap(); // by the element Streamlit gives us

export function render({ data, parentElement, setTriggerValue }) {
  let glance = fields.get(parentElement);
  if (!glance) fields.set(parentElement, (glance = new Glance(parentElement)));
  glance.pick = (layer, map) => setTriggerValue("picked", [layer, map]);
  glance.take(data);
}

export function unmount(parentElement) {
  fields.get(parentElement)?.sizes.disconnect();
  fields.delete(parentElement);
}

const [GAP, APART, LABEL, COLUMNS] = [2, 10, 18, 2];
const [SMALLEST, LARGEST, CLASSES_PX, CLASS_PX] = [16, 38, 150, 36];

class Glance {
  constructor(place) {
    this.root = place.querySelector(".glance");
    this.root.innerHTML = `<div class="field" tabindex="0" role="application"><canvas></canvas></div>
      <div class="reading"></div><p class="unseen" role="status"></p>`;
    const field = this.find(".field");
    field.onpointermove = field.onpointerdown = (event) => this.hover(event);
    field.onpointerleave = field.onblur = () => this.point(null);
    field.onclick = (event) => this.hover(event) && this.choose();
    field.onkeydown = (event) => this.press(event);
    this.sizes = new ResizeObserver(() => this.data && this.root.clientWidth !== this.width && this.draw());
    this.sizes.observe(this.root);
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  take(data) {
    this.data = data;
    this.levels = data.pixels.getChildAt(0).toArray();
    this.find(".field").setAttribute("aria-label", `${data.description} Arrow keys go from map to map; Enter chooses one.`);
    let start = 0;
    for (const block of data.blocks) {
      block.start = start;
      start += block.shown.length * block.height * block.width;
    }
    this.at = null;
    this.draw();
  }

  /** Where each block stands: one row where there is room, else several. */
  arrange() {
    const { blocks } = this.data;
    this.width = this.root.clientWidth;
    const columns = blocks.map((block) => Math.min(COLUMNS, block.shown.length));
    const wide = columns.reduce((sum, count) => sum + count, COLUMNS);
    const room = this.width - CLASSES_PX - blocks.length * APART - wide * GAP;
    this.side = Math.max(SMALLEST, Math.min(LARGEST, Math.floor(room / wide)));
    const pitch = this.side + GAP;
    this.tall = Math.max(...blocks.map((block, i) => Math.ceil(block.shown.length / columns[i]))) * pitch + LABEL;
    let [x, y] = [COLUMNS * pitch + APART, 0];
    this.places = blocks.map((block, i) => {
      if (x + columns[i] * pitch > this.width) [x, y] = [0, y + this.tall + APART];
      const place = { x, y, columns: columns[i] };
      x += columns[i] * pitch + APART;
      return place;
    });
    if (x + CLASSES_PX > this.width) [x, y] = [0, y + this.tall + APART];
    this.end = { x, y };
    return y + Math.max(this.tall, this.data.classes.length * CLASS_PX);
  }

  corner(layer, index) {
    const { x, y, columns } = this.places[layer];
    const pitch = this.side + GAP;
    return [x + (index % columns) * pitch, y + Math.floor(index / columns) * pitch];
  }

  draw() {
    if (!this.root.clientWidth) return;
    const height = this.arrange();
    const [canvas, ratio] = [this.find("canvas"), devicePixelRatio];
    Object.assign(canvas, { width: Math.round(this.width * ratio), height: Math.round(height * ratio) });
    Object.assign(canvas.style, { width: `${this.width}px`, height: `${height}px` });
    const ctx = canvas.getContext("2d");
    ctx.scale(ratio, ratio);
    ctx.imageSmoothingEnabled = false;
    const style = getComputedStyle(this.root);
    this.colours = { ink: style.color, accent: style.getPropertyValue("--st-primary-color") };
    this.muted = style.getPropertyValue("--st-gray-text-color");
    Object.assign(ctx, { font: `11px ${style.fontFamily}`, textBaseline: "top" });
    this.drawPicture(ctx);
    this.data.blocks.forEach((block, layer) => this.drawBlock(ctx, block, layer));
    this.drawClasses(ctx);
    this.point(this.at);
  }

  drawPicture(ctx) {
    const { size, channels, picture } = this.data;
    const pixels = picture.getChildAt(0).toArray();
    const image = new ImageData(size, size);
    for (let i = 0; i < size * size; i++) {
      const parts = [0, 1, 2].map((part) => pixels[i * channels + (channels === 3 ? part : 0)]);
      image.data.set([...parts, 255], i * 4);
    }
    const side = COLUMNS * this.side + GAP;
    ctx.drawImage(onCanvas(image), 0, 0, side, side);
    this.label(ctx, "picture", 0, side + 4, side);
  }

  drawBlock(ctx, block, layer) {
    const { height, width, palette, shown, start } = block;
    const image = new ImageData(width, height);
    shown.forEach((map, index) => {
      paint(image.data, this.levels, start + index * height * width, { channels: 1, palette, low: 0, high: 255 });
      ctx.drawImage(onCanvas(image), ...this.corner(layer, index), this.side, this.side);
    });
    const { x, columns } = this.places[layer];
    const below = this.corner(layer, (Math.ceil(shown.length / columns) - 1) * columns)[1] + this.side + 4;
    this.label(ctx, block.label, x, below, columns * (this.side + GAP));
    for (const index of shown.keys()) this.mark(ctx, layer, index);
  }

  label(ctx, words, x, y, room) {
    ctx.fillStyle = this.muted;
    let text = words;
    while (text.length > 1 && ctx.measureText(text).width > room + APART - 2) text = text.slice(0, -1);
    ctx.fillText(text.length < words.length ? `${text.slice(0, -1)}…` : text, x, y);
  }

  /** Frame the chosen map, and with dashes the maps that it is made from. */
  mark(ctx, layer, index) {
    const [chosenLayer, chosenMap] = this.data.chosen;
    const chosen = layer === chosenLayer && this.data.blocks[layer].shown[index] === chosenMap;
    if (!chosen && !this.feeds(layer, this.data.blocks[layer].shown[index])) return;
    const [x, y] = this.corner(layer, index);
    ctx.save();
    Object.assign(ctx, { strokeStyle: this.colours.accent, lineWidth: chosen ? 2.5 : 1.5 });
    ctx.setLineDash(chosen ? [] : [3, 2]);
    ctx.strokeRect(x, y, this.side, this.side);
    ctx.restore();
  }

  feeds(layer, map) {
    const [chosenLayer, chosenMap] = this.data.chosen;
    const chosen = this.data.blocks[chosenLayer];
    if (!chosen?.inputs.includes(layer)) return false;
    if (!chosen.all) return map === chosenMap;
    const from = this.data.blocks[layer].channels / chosen.groups;
    const group = Math.floor(chosenMap / (chosen.channels / chosen.groups));
    return Math.floor(map / from) === group;
  }

  drawClasses(ctx) {
    const { x, y } = this.end;
    this.data.classes.forEach(({ name, share, said }, i) => {
      const top = y + i * CLASS_PX;
      ctx.fillStyle = this.colours.ink;
      ctx.fillText(`${clipped(ctx, name, CLASSES_PX - 58)}  ${said}`, x, top);
      Object.assign(ctx, { fillStyle: "rgba(128,132,149,0.25)" });
      ctx.fillRect(x, top + 16, CLASSES_PX - 10, 8);
      ctx.fillStyle = i ? "rgba(128,132,149,0.8)" : "#56B4E9";
      ctx.fillRect(x, top + 16, (CLASSES_PX - 10) * share, 8);
    });
  }

  /** Point at what is under the pointer; whether that is a map. */
  hover(event) {
    const edge = this.find("canvas").getBoundingClientRect();
    const [left, top] = [event.clientX - edge.left, event.clientY - edge.top];
    const hit = this.data.blocks.flatMap((block, layer) => [...block.shown.keys()].map((index) => [layer, index]));
    const found = hit.find(([layer, index]) => {
      const [x, y] = this.corner(layer, index);
      return left >= x && left < x + this.side && top >= y && top < y + this.side;
    });
    this.point(found ?? null);
    return Boolean(found);
  }

  point(at) {
    const reading = this.find(".reading");
    reading.style.minHeight = at ? `${reading.clientHeight}px` : ""; // fewer words take as much room
    this.at = at;
    reading.textContent = this.sentence();
  }

  sentence() {
    if (!this.at) return `Point at a map for its name, click to look at it. Dashed: what it is made from. ${this.data.hint}`;
    const block = this.data.blocks[this.at[0]];
    const many = block.shown.length < block.channels ? `, one of the ${block.shown.length} strongest of ${block.channels}` : "";
    return `${block.label} (${block.kind}) · channel ${block.shown[this.at[1]]}${many} · ${block.height}×${block.width} · colours from ${block.scale}`;
  }

  choose() {
    this.data.chosen = [this.at[0], this.data.blocks[this.at[0]].shown[this.at[1]]];
    this.pick(...this.data.chosen);
    this.draw();
  }

  /** Left and right go from layer to layer, up and down from map to map. */
  press(event) {
    const { blocks, chosen } = this.data;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" && this.at) this.choose();
    else if (event.key === "Escape") this.point(null);
    else if (step) {
      const start = [Math.max(0, chosen[0]), Math.max(0, blocks[Math.max(0, chosen[0])].shown.indexOf(chosen[1]))];
      const [layer, index] = this.at ? [this.at[0] + step[0], this.at[1] + step[1]] : start;
      const to = Math.min(blocks.length - 1, Math.max(0, layer));
      this.point([to, Math.min(blocks[to].shown.length - 1, Math.max(0, index))]);
    } else return;
    event.preventDefault();
    this.find("[role=status]").textContent = this.sentence();
  }
}

function clipped(ctx, words, room) {
  let text = words;
  while (text.length > 1 && ctx.measureText(text).width > room) text = text.slice(0, -1);
  return text.length < words.length ? `${text.slice(0, -1)}…` : text;
}

function onCanvas(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
