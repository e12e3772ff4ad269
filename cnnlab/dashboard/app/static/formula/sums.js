// The table of a layer that adds up products: each input channel's patch × kernel, and its share as a step of a waterfall.
const version = new URL(import.meta.url).search;
const files = ["./arithmetic.js", "./grid.js", "./words.js"].map((file) => import(`${file}${version}`));
const [{ reach, windowOf }, { Grid, MOST_CELLS, largest }, { bracketed, changing, element, put, short, decimals, signed }] = await Promise.all(files);

const most = (table) => table.reduce((longest, sources) => Math.max(longest, sources.length), 0);

/** How many input channels are shown one by one: fewer where each takes more room. */
function shown(stage, rows, columns) {
  const room = rows * columns === 1 ? 10 : Math.max(rows, columns) > MOST_CELLS ? 3 : rows > 3 ? 4 : 6;
  return Math.min(stage.channels.length, room);
}

export class Sums {
  constructor(stage) {
    this.stage = stage;
    const [rows, columns] = [most(stage.rows), most(stage.columns)];
    this.single = rows * columns === 1;
    this.ends = reach(stage);
    const limits = this.limits();
    this.root = element("sums");
    this.lines = Array.from({ length: shown(stage, rows, columns) }, () => new Line(this, rows, columns, limits));
    this.others = new Line(this, 0, 0, limits);
    this.bias = new Line(this, 0, 0, limits);
    this.others.root.hidden = stage.channels.length === this.lines.length && !stage.left_out;
    this.bias.root.hidden = !stage.has_bias;
    this.root.append(...this.lines.map((line) => line.root), this.others.root, this.bias.root, this.scale(limits));
  }

  /** The ends of the colours, which are the same for every value of the map. */
  limits() {
    const { inputs, kernel, shape, channels } = this.stage;
    const plane = shape.inputs[1] * shape.inputs[2];
    const area = shape.kernel[1] * shape.kernel[2];
    const product = channels.reduce((limit, _, k) => {
      const here = largest(inputs.subarray(k * plane, (k + 1) * plane)) * largest(kernel.subarray(k * area, (k + 1) * area));
      return Math.max(limit, here);
    }, 0);
    return [largest(inputs), largest(kernel), product];
  }

  scale(limits) {
    const ends = limits.map((limit) => `\u00b1${short(limit, Math.max(2, decimals(limit)))}`);
    const colours = this.single ? "" : `Colours, the same at every place of this map: inputs to ${ends[0]}, weights to ${ends[1]}, products to ${ends[2]}. `;
    const [low, high] = this.ends.map((end) => signed(end));
    return element("note", `${colours}Bars: each starts where the one before ended; from ${low} to ${high} at every place of this map.`);
  }

  show(row, column, { terms, bias, rest }) {
    const { stage, lines } = this;
    let sum = 0;
    lines.forEach((line, n) => {
      const { k, channel, share } = terms[n];
      line.show(nameOf(stage, channel), share, sum, windowOf(stage, k, row, column));
      sum += share;
    });
    const left = terms.slice(lines.length);
    const others = left.reduce((total, term) => total + term.share, rest);
    const count = left.length + stage.left_out;
    this.others.show(`the other ${count} ${stage.shape.inputs[1] * stage.shape.inputs[2] === 1 ? "inputs" : "channels"} together`, others, sum);
    this.bias.show("bias", bias, sum + others);
  }
}

/** What people call an input: "channel 4 of pool1". */
function nameOf(stage, channel) {
  const source = stage.sources[0];
  if (source === "the picture" && stage.channels.length === 3) return `${["red", "green", "blue"][channel]} of the picture`;
  return `${stage.shape.inputs[1] * stage.shape.inputs[2] === 1 ? "number" : "channel"} ${channel} of ${source}`;
}

class Line {
  constructor({ ends, single }, rows, columns, limits) {
    this.ends = ends;
    this.root = element("line");
    const [name, nameNode] = changing("name");
    const [share, shareNode] = changing("share");
    [this.name, this.share] = [nameNode, shareNode];
    this.bar = element("fill");
    const track = element("track");
    const zero = element("origin");
    zero.style.left = `${this.place(0)}%`;
    track.append(zero, this.bar);
    this.root.append(name, share, track);
    if (!rows) return;
    if (single) {
      const [product, node] = changing("product", "span");
      this.product = node;
      name.append(product);
      return;
    }
    const tables = element("tables");
    this.grids = limits.map((limit) => new Grid(rows, columns, limit));
    const [patch, kernel, products] = this.grids.map((grid) => grid.root);
    tables.append(patch, element("sign", "\u00d7", "span"), kernel, element("sign", "=", "span"), products);
    this.root.append(tables);
  }

  place(value) {
    const [low, high] = this.ends;
    return high > low ? (100 * (value - low)) / (high - low) : 50;
  }

  show(name, share, before, window = null) {
    put(this.name, name);
    put(this.share, signed(share));
    const [from, to] = [this.place(before), this.place(before + share)].sort((one, other) => one - other);
    Object.assign(this.bar.style, { left: `${from.toFixed(2)}%`, width: `${Math.max(0.4, to - from).toFixed(2)}%` });
    const side = share < 0 ? "fill below" : "fill";
    if (this.bar.className !== side) this.bar.className = side;
    if (!window) return;
    if (this.product) return put(this.product, `${bracketed(window.patch[0])} \u00d7 ${bracketed(window.kernel[0])}${window.inside[0] ? "" : " (padding)"}`);
    const { patch, kernel, products, inside, rows, columns } = window;
    this.grids[0].show(patch, rows, columns, inside);
    this.grids[1].show(kernel, rows, columns);
    this.grids[2].show(products, rows, columns, inside);
  }
}
