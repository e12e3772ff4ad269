// One card for each layer of the story of a value: its own arithmetic, the sum, and what the tensor says.
const version = new URL(import.meta.url).search;
const files = ["./arithmetic.js", "./grid.js", "./sums.js", "./words.js"].map((file) => import(`${file}${version}`));
const [{ explain, windowOf }, { Grid, largest }, { Sums }, { bracketed, changing, element, put, text }] = await Promise.all(files);

const longest = (table) => table.reduce((most, sources) => Math.max(most, sources.length), 0);

export class Card {
  constructor(stage, first) {
    this.stage = stage;
    this.root = element(first ? "card first" : "card");
    const head = element("head");
    const [equal, equalNode] = changing("equal");
    const words = stage.kind === "other" ? "" : ` \u00b7 ${stage.kind.replaceAll("_", " ")}`;
    head.append(element("title", `${stage.label}${words}`), equal);
    this.equal = equalNode;
    this.root.append(head);
    const [line, lineNode] = changing("formula_line");
    this.line = lineNode;
    this.table = stage.kernel ? new Sums(stage) : windowed(stage) ? new Window(stage) : null;
    this.root.append(element("note", stage.sentence));
    if (this.table) this.root.append(this.table.root);
    if (!stage.kernel && stage.rule !== "unknown") this.root.append(line);
  }

  /** Show the value at that place, which the value `before` in this layer's input has led to; returns its parts. */
  show(place, before = null) {
    if (place === null) {
      put(this.equal, "");
      put(this.line, "No window holds this place: the layer leaves it out.");
      if (this.table) this.table.root.style.visibility = "hidden";
      return null;
    }
    const parts = explain(this.stage, ...place);
    if (this.table) {
      this.table.root.style.visibility = "";
      this.table.show(...place, parts);
    }
    put(this.line, lineOf(this.stage, before === null ? parts : { ...parts, wins: before === parts.value }, place));
    put(this.equal, equality(parts));
    return parts;
  }
}

/** Both numbers, and how far apart they are. */
export function equality({ value, tensor }) {
  if (value === null) return `the tensor says ${text(tensor)}`;
  const apart = Math.abs(value - tensor);
  return `= ${text(value)} \u00b7 the tensor says ${text(tensor)}${apart > 1e-4 ? ` \u00b7 ${text(apart)} apart` : ""}`;
}

const windowed = (stage) => ["sum", "largest"].includes(stage.rule) && longest(stage.rows) * longest(stage.columns) > 1;

function lineOf(stage, parts, [row, column]) {
  if (LINES[stage.rule]) return LINES[stage.rule](stage, parts);
  if (stage.channels.length < 2) return windowed(stage) ? meanOf(stage, row, column) : `${text(parts.value)}, as it came from ${stage.sources[0]}`;
  const byPlace = [...parts.terms].sort((one, other) => one.k - other.k);
  return byPlace.map(({ share }, n) => `${n ? bracketed(share) : text(share)} (${stage.sources[n]})`).join(" + ");
}

const LINES = {
  largest(stage, { value, wins }) {
    const which = wins === undefined ? "" : wins ? ": the value above wins" : ": the value above is smaller, and is lost here";
    return `${text(value)} is the largest${which}`;
  },
  norm(stage, { x }) {
    const { mean, variance, eps, scale, shift } = stage.named;
    return `(${text(x)} \u2212 ${bracketed(mean)}) / \u221a(${text(variance)} + ${String(Number(eps.toPrecision(3)))}) \u00b7 ${bracketed(scale)} + ${bracketed(shift)}`;
  },
  function: (stage, { x }) => stage.sentence.replace(/\bx\b/g, () => bracketed(x)),
  softmax: (stage, { x, all }) => `e^${bracketed(x)} / ${text(all)}, where ${text(all)} is the sum of all ${stage.channels.length} such powers`,
};

function meanOf(stage, row, column) {
  const { kernel } = windowOf(stage, 0, row, column);
  const alike = kernel.every((weight) => Math.abs(weight - kernel[0]) < 1e-12);
  return alike ? `the sum of the window, divided by ${Math.round(1 / kernel[0])}` : "each number times its share, added up";
}

/** The window of a pooling, with its winner; of a resizing, with the share of each number. */
class Window {
  constructor(stage) {
    this.stage = stage;
    const limit = largest(stage.inputs);
    this.grid = new Grid(longest(stage.rows), longest(stage.columns), limit);
    this.root = element("tables");
    this.root.append(this.grid.root, element("note", `Colours to \u00b1${text(limit)}, the largest size in this map.`));
  }

  show(row, column, { winner = -1 }) {
    const { patch, inside, rows, columns } = windowOf(this.stage, 0, row, column);
    this.grid.show(patch, rows, columns, inside, winner);
  }
}
