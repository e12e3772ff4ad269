// A map, large, with a cross-hair; beside it the arithmetic of the value under it, worked out here from one parcel of numbers.
const version = new URL(import.meta.url).search; // the files of one cnnlab, and of no other
const files = ["../tiles/palettes.js", "../tiles/bar.js", "./arithmetic.js", "./stages.js", "./words.js"].map((file) => import(`${file}${version}`));
const [{ paint }, { drawBar, mark }, { onwards, stagesOf }, { Card, equality }, { element, text }] = await Promise.all(files);

const views = new WeakMap(); // by the element Streamlit gives us

export function render({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new View(parentElement)));
  view.pick = (place) => setTriggerValue("picked", place);
  view.take(data);
}

export function unmount(parentElement) {
  views.get(parentElement)?.sizes.disconnect();
  views.delete(parentElement);
}

const SIDE = 260; // of the map, in CSS pixels

class View {
  constructor(place) {
    this.root = place.querySelector(".formula");
    this.root.innerHTML = `
      <div class="look">
        <div class="plane" tabindex="0" role="application"><canvas></canvas>
          <div class="hair down"></div><div class="hair across"></div><div class="spot"></div></div>
        <p class="where"></p>
        <div class="scalebar bar"></div>
        <figure class="sight"><div class="frame"><img alt=""><div class="seen"></div></div><figcaption></figcaption></figure>
      </div>
      <div class="story"></div>
      <p class="unseen" role="status"></p>`;
    const plane = this.find(".plane");
    plane.onpointermove = plane.onpointerdown = (event) => this.hover(event);
    plane.onpointerleave = (event) => event.pointerType === "touch" || this.rest();
    plane.onpointerup = (event) => event.pointerType === "touch" && this.choose();
    plane.onclick = (event) => this.hover(event) && this.choose();
    plane.onkeydown = (event) => this.press(event);
    plane.onblur = () => this.rest();
    this.sizes = new ResizeObserver(() => this.data && this.root.clientWidth !== this.width && this.draw());
    this.sizes.observe(this.root);
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  take(data) {
    if (this.data?.key !== data.key) this.build(data);
    else if (this.times === data.times) return; // the page ran again, and nothing is new here
    this.times = data.times;
    this.chosen = this.units ? [Math.floor(data.channel / this.grid[1]), data.channel % this.grid[1]] : data.start;
    this.draw();
  }

  /** Take another map: its numbers, its cards. */
  build(data) {
    this.data = data;
    const numbers = data.numbers.getChildAt(0).toArray();
    this.stages = stagesOf(data.parcel, numbers);
    this.cards = this.stages.map((stage, n) => new Card(stage, n === 0));
    this.find(".story").replaceChildren(...this.cards.map((card) => card.root), element("note then", data.parcel.then));
    const { begin, shape } = data.parcel.units;
    this.units = shape.length ? numbers.subarray(begin, begin + shape[0]) : null;
    const [height, width] = this.stages[0].shape.output;
    const across = this.units && (shape[0] <= 16 ? Math.min(4, shape[0]) : Math.ceil(Math.sqrt(shape[0])));
    this.grid = this.units ? [Math.ceil(shape[0] / across), across] : [height, width];
    this.values = this.units ?? this.stages[0].output;
    const picture = this.find(".sight img");
    [picture.src, picture.alt] = [data.picture, data.pictureWords];
    const keys = this.units ? "Arrow keys read its numbers; Enter works one out" : "Arrow keys move from value to value; Enter keeps one in the address";
    this.find(".plane").setAttribute("aria-label", `${data.description} ${keys}.`);
  }

  draw() {
    this.width = this.root.clientWidth;
    if (!this.width) return;
    const ratio = devicePixelRatio;
    const [rows, columns] = this.grid;
    this.zoom = Math.max(1, Math.floor((Math.min(SIDE, this.width) * ratio) / Math.max(rows, columns)));
    const canvas = this.find("canvas");
    const size = [columns * this.zoom, rows * this.zoom];
    Object.assign(canvas, { width: size[0], height: size[1] });
    Object.assign(canvas.style, { width: `${size[0] / ratio}px`, height: `${size[1] / ratio}px` });
    const [small, image] = [new OffscreenCanvas(columns, rows), new ImageData(columns, rows)];
    const [low, high] = this.data.limits;
    paint(image.data.subarray(0, 4 * this.values.length), this.values, 0, { channels: 1, palette: this.data.palette, low, high });
    small.getContext("2d").putImageData(image, 0, 0);
    const ctx = canvas.getContext("2d");
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(small, 0, 0, ...size);
    drawBar(this.find(".bar"), { palette: this.data.palette, channels: 1, caption: this.data.caption }, this.data.limits);
    this.rest();
  }

  /** Back to the value that the address names. */
  rest() {
    this.point(this.chosen, true);
  }

  /** Follow the pointer; false where it is over no value. */
  hover(event) {
    const edge = this.find("canvas").getBoundingClientRect();
    const side = this.zoom / devicePixelRatio;
    const place = [Math.floor((event.clientY - edge.top) / side), Math.floor((event.clientX - edge.left) / side)];
    if (!this.holds(place)) return false;
    this.point(place);
    return true;
  }

  holds([row, column]) {
    const [rows, columns] = this.grid;
    return row >= 0 && row < rows && column >= 0 && column < columns && row * columns + column < this.values.length;
  }

  /** Put the cross-hair at a value, and show its arithmetic. */
  point(place, afresh = false) {
    if (!afresh && this.at && place.join() === this.at.join()) return;
    this.at = place;
    const [row, column] = place;
    const side = this.zoom / devicePixelRatio;
    const [x, y] = [column * side, row * side];
    Object.assign(this.find(".spot").style, { transform: `translate(${x}px, ${y}px)`, width: `${side}px`, height: `${side}px` });
    this.find(".hair.down").style.transform = `translateX(${x + side / 2}px)`;
    this.find(".hair.across").style.transform = `translateY(${y + side / 2}px)`;
    const value = this.values[row * this.grid[1] + column];
    mark(this.find(".bar"), value, this.data.limits);
    const mine = this.units ? [0, 0] : place;
    if (!this.units || afresh) this.tell(mine);
    this.see(mine);
    this.find(".where").textContent = this.whereWords(place, value);
  }

  /** The story of the value: its own layer, then each that follows as long as a window holds it. */
  tell(place) {
    let [at, before] = [place, null];
    this.cards.forEach((card, n) => {
      if (n > 0 && at) at = this.stages[n].rule === "softmax" ? [0, 0] : onwards(this.stages[n], at);
      const parts = card.show(at, before);
      before = parts && parts.tensor;
      if (n === 0) this.parts = parts;
    });
  }

  /** Frame the part of the picture that the value depends on. */
  see([row, column]) {
    const { sees, down, across } = this.data.parcel;
    const box = this.find(".seen");
    const [height, width] = this.data.pictureSize;
    const [spans, words] = [[down[row], across[column]], this.find(".sight figcaption")];
    box.hidden = sees === "no formula";
    if (sees === "no formula") words.textContent = "How far this value sees is not known: a layer before it is of an unknown kind.";
    if (sees === "everything") {
      Object.assign(box.style, { left: 0, top: 0, width: "100%", height: "100%" });
      words.textContent = "This number depends on the whole picture.";
    }
    if (sees !== "window") return;
    const clipped = spans.map(([first, last], n) => [Math.max(0, first), Math.min([height, width][n] - 1, last)]);
    const shares = clipped.map(([first, last], n) => [(100 * first) / [height, width][n], (100 * (last - first + 1)) / [height, width][n]]);
    Object.assign(box.style, { top: `${shares[0][0]}%`, height: `${shares[0][1]}%`, left: `${shares[1][0]}%`, width: `${shares[1][1]}%` });
    const sizes = spans.map(([first, last]) => last - first + 1);
    const beyond = spans.some(([first, last], n) => first < 0 || last >= [height, width][n]);
    words.textContent = `It sees ${sizes[0]}\u00d7${sizes[1]} pixels of the picture${beyond ? ", some of them beyond its edge: padding" : ""}.`;
  }

  whereWords([row, column], value) {
    const [rows, columns] = this.grid;
    if (!this.units) return `row ${row + 1} of ${rows}, column ${column + 1} of ${columns}`;
    const unit = row * columns + column;
    const name = this.data.names ? ` (${this.data.names[unit]})` : "";
    const mine = unit === this.chosen[0] * columns + this.chosen[1];
    return `number ${unit}${name}: ${text(value)}${mine ? "" : ". Click to work it out"}`;
  }

  choose() {
    if (this.units) return this.pick({ channel: this.at[0] * this.grid[1] + this.at[1] });
    this.chosen = this.at;
    this.pick({ row: this.at[0], column: this.at[1] });
  }

  press(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Enter") this.choose();
    else if (event.key === "Escape") this.rest();
    else if (event.key === "Home") this.point([0, 0]);
    else if (event.key === "End") this.point([Math.floor((this.values.length - 1) / this.grid[1]), (this.values.length - 1) % this.grid[1]]);
    else if (step) {
      const to = this.at.map((part, n) => part + step[n] * (event.shiftKey ? 5 : 1));
      const inside = to.map((part, n) => Math.max(0, Math.min(this.grid[n] - 1, part)));
      if (this.holds(inside)) this.point(inside);
    } else return;
    event.preventDefault();
    this.find("[role=status]").textContent = this.aloud();
  }

  /** What the value is, for those who cannot see it. */
  aloud() {
    const where = this.find(".where").textContent;
    if (this.units) return where;
    const most = this.parts.terms[0];
    const share = most && this.parts.terms.length > 1 ? `. Largest share: channel ${most.channel}, ${text(most.share)}` : "";
    return `${where}: ${equality(this.parts)}${share}`;
  }
}
