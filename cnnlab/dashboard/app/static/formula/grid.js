// A small table of numbers in colours: what lies under a kernel, the kernel, their products.
const version = new URL(import.meta.url).search;
const files = ["../tiles/palettes.js", "./words.js"].map((file) => import(`${file}${version}`));
const [{ STOPS, paint }, { decimals, element, put, short }] = await Promise.all(files);

export const MOST_CELLS = 7; // a side; beyond that there is no room for numbers, and the table is a picture

const LEVELS = 64;
const COLOURS = Array.from({ length: 2 * LEVELS + 1 }, (_, level) => colourOf(level / (2 * LEVELS)));

function colourOf(share) {
  const [at, part] = [Math.min(31, Math.floor(share * 32)), share * 32];
  const mixed = STOPS.diverging[at].map((low, c) => low + (STOPS.diverging[at + 1][c] - low) * (part - at));
  const [r, g, b] = mixed.map((one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return { background: `rgb(${mixed.map(Math.round).join(" ")})`, text: light > 0.179 ? "#000" : "#fff" };
}

export class Grid {
  /** A table of `rows` × `columns`; colours go from -limit to limit, blue to orange. */
  constructor(rows, columns, limit) {
    Object.assign(this, { rows, columns, limit: limit || 1, digits: decimals(limit) });
    this.root = element("cells");
    if (Math.max(rows, columns) > MOST_CELLS) return this.asPicture();
    this.root.style.setProperty("--columns", columns);
    this.root.style.setProperty("--full", `${columns > 5 ? 30 : columns > 3 ? 36 : 42}px`);
    this.cells = Array.from({ length: rows * columns }, () => {
      const cell = element("cell", "", "span");
      const node = document.createTextNode("");
      cell.append(node);
      this.root.append(cell);
      return { cell, node, level: null, look: null };
    });
  }

  asPicture() {
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas, { width: this.columns, height: this.rows });
    this.canvas.style.width = `${Math.min(150, 8 * this.columns)}px`;
    this.root.classList.add("picture");
    this.root.append(this.canvas);
  }

  /** Show `values`, which may be fewer rows and columns than there is room for, as at the edge of a map. */
  show(values, rows, columns, inside = null, winner = -1) {
    if (this.canvas) return this.paint(values, rows, columns);
    for (let row = 0, place = 0; row < this.rows; row++)
      for (let column = 0; column < this.columns; column++, place++) {
        const at = row < rows && column < columns ? row * columns + column : -1;
        this.fill(this.cells[place], at < 0 ? null : values[at], at >= 0 && inside !== null && !inside[at], at >= 0 && at === winner);
      }
  }

  fill(cell, value, padding, wins) {
    const look = value === null ? "cell none" : padding ? "cell padding" : wins ? "cell winner" : "cell";
    if (cell.look !== look) cell.cell.className = cell.look = look;
    put(cell.node, value === null ? "" : padding ? "0" : short(value, this.digits));
    const share = Math.max(-1, Math.min(1, (value ?? 0) / this.limit));
    const level = value === null || padding ? -1 : Math.round((share + 1) * LEVELS);
    if (level === cell.level || Number.isNaN(level)) return;
    cell.level = level;
    cell.cell.style.background = level < 0 ? "" : COLOURS[level].background;
    cell.cell.style.color = level < 0 ? "" : COLOURS[level].text;
  }

  paint(values, rows, columns) {
    const image = new ImageData(columns, rows);
    paint(image.data, Float32Array.from(values), 0, { channels: 1, palette: "diverging", low: -this.limit, high: this.limit });
    const ctx = this.canvas.getContext("2d");
    ctx.clearRect(0, 0, this.columns, this.rows);
    ctx.putImageData(image, 0, 0);
  }
}

/** The largest size among the numbers. */
export const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
