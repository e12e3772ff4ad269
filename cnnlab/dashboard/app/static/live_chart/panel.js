// One panel of the live curves: a heading, a legend that reads out values, the plot, the keyboard.
import uPlot from "../vendor/uplot-1.6.32.esm.js";

const version = new URL(import.meta.url).search;
const files = ["marks", "data", "numbers"].map((name) => import(`./${name}.js${version}`));
const [{ drawMarks, swatch }, { bestEpoch, epochAt, stepAt }, { logTexts, logTicks, ticks }] = await Promise.all(files);

const thin = (number) => Math.round(number).toLocaleString("en").replaceAll(",", "\u202f");

export class Panel {
  constructor(options) {
    Object.assign(this, options); // chart, parent, sync, title, series, bands, table, text, axisTexts, log, gap
    const element = (this.element = document.createElement("div"));
    Object.assign(element, { className: "panel", tabIndex: 0 });
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", `${this.title} curves; the arrow keys read out values`);
    element.setAttribute("aria-describedby", "summary");
    element.innerHTML = `
      <div class="head"><span class="title">${this.title}</span><span class="where"></span>
        <button type="button" class="reset" hidden>reset zoom</button>
        <button type="button" class="log" aria-pressed="false" hidden>log scale</button></div>
      <ul class="legend"></ul><div class="plot"></div><div class="waiting" hidden></div>`;
    this.find(".reset").onclick = () => this.chart.look(null);
    this.find(".log").hidden = !this.log;
    this.find(".log").onclick = () => {
      this.logarithmic = !this.logarithmic;
      this.find(".log").setAttribute("aria-pressed", this.logarithmic);
      this.build();
    };
    element.onkeydown = (event) => this.press(event);
    element.onblur = () => this.point(null);
    this.parent.append(element);
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  theme() {
    const style = getComputedStyle(this.element);
    const get = (name) => style.getPropertyValue(`--st-${name}`).trim();
    return {
      train: get("blue-color"),
      validation: get("orange-color"),
      text: get("gray-text-color"),
      strong: get("text-color"),
      grid: get("border-color"),
      paper: get("background-color"),
      font: `12px ${get("font")}`,
    };
  }

  /** A new plot: at first, and when the width, the theme or the scale has changed. */
  build() {
    this.u?.destroy();
    this.ink = this.theme();
    this.named = this.names();
    const legend = this.shown().map((line) => swatch(line, this.nameOf(line), this.ink)).join("");
    this.find(".legend").innerHTML = legend + (this.extra ?? "");
    this.u = new uPlot(this.options(), this.values(), this.find(".plot"));
    this.draw();
  }

  /** The newest points in the plot there is: zoom and cursor stay. */
  draw() {
    if (JSON.stringify(this.theme()) !== JSON.stringify(this.ink) || this.names() !== this.named) return this.build();
    const [min, max] = this.chart.range();
    this.u.batch(() => {
      this.u.setData(this.values(), false);
      this.u.setScale("x", { min, max });
    });
    this.find(".reset").hidden = !this.chart.zoom;
    this.find(".waiting").hidden = this.u.data[0].length > 0;
    this.find(".waiting").textContent = this.waiting(this.chart.data.ended);
    return this.read();
  }

  values() {
    const [xs, ...columns] = this.table(this.chart.series);
    return [xs, ...(this.logarithmic ? columns.map((ys) => ys.map((y) => (y > 0 ? y : null))) : columns)];
  }

  options() {
    const { ink } = this;
    const axis = { stroke: ink.text, font: ink.font, ticks: { show: false }, grid: { stroke: ink.grid, width: 1 } };
    const share = this.sync;
    return {
      width: this.element.clientWidth,
      height: this.chart.data.height,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => this.chart.look(null) },
        sync: { key: share, setSeries: false, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
      },
      scales: {
        x: { time: false, auto: false },
        y: { distr: this.logarithmic ? 3 : 1, range: (_, low, high) => this.span(low, high) },
      },
      axes: [
        { ...axis, size: 28, label: () => (this.inEpochs ? "epoch" : "step"), labelSize: 18, labelFont: ink.font, labelGap: 0, splits: (u) => this.xTicks(u), values: (_, xs) => xs.map((x) => this.xText(x)) },
        { ...axis, size: (_, texts) => this.axisWidth(texts ?? []), splits: (_, __, low, high) => this.yTicks(low, high), filter: (_, ys) => ys, values: (_, ys) => (this.logarithmic ? logTexts : this.axisTexts)(ys) },
      ],
      series: [{}, ...this.series.map((line) => this.line(line))],
      bands: (this.bands ?? []).map((series) => ({ series, fill: `color-mix(in srgb, ${ink.train} 22%, transparent)` })),
      hooks: {
        setSelect: [(u) => this.choose(u)],
        setCursor: [() => this.read()],
        draw: [(u) => drawMarks(u, this.series, ink, this.gap && bestEpoch(this.chart.series))],
      },
    };
  }

  /** Room for the longest label; the panels stand still while most labels are short. */
  axisWidth(texts) {
    return Math.max(52, 12 + 7 * Math.max(0, ...texts.map((text) => text.length)));
  }

  /** The lines in the legend: no validation, which comes last, where the run has no such set. */
  shown() {
    const named = this.series.filter(({ name }) => name);
    return this.chart.data.validation ? named : named.filter(({ colour }) => colour !== "validation");
  }

  names() {
    return this.shown().map((line) => this.nameOf(line)).join();
  }

  nameOf({ name }) {
    return typeof name === "function" ? name(this.chart.data) : name;
  }

  line({ colour, width = 1.5, dash, alpha = 1 }) {
    const stroke = this.ink[colour];
    return { stroke, width, dash, alpha, pxAlign: 0, spanGaps: true, points: { show: alone, size: 7, fill: stroke } };
  }

  span(low, high) {
    if (low === null) return this.logarithmic ? [0.1, 10] : [0, 1];
    if (this.logarithmic) return [low / 1.08, high * 1.08];
    return this.limits(low, high);
  }

  yTicks(low, high) {
    return this.logarithmic ? logTicks(low, high) : ticks(low, high, 6);
  }

  /** Whole epochs; steps where the reader has zoomed into one. */
  xTicks({ scales: { x }, bbox }) {
    const { stepsTotal, epochsTotal } = this.chart.data;
    const perEpoch = stepsTotal / epochsTotal;
    const room = bbox.width / devicePixelRatio / 64;
    this.inEpochs = (x.max - x.min) / perEpoch >= 0.999;
    if (!this.inEpochs) return ticks(x.min, x.max, room, true);
    return ticks(x.min / perEpoch, x.max / perEpoch, room, true).map((epoch) => epoch * perEpoch);
  }

  xText(step) {
    const { stepsTotal, epochsTotal } = this.chart.data;
    return thin(this.inEpochs ? (step * epochsTotal) / stepsTotal : step);
  }

  choose(u) {
    const { left, width } = u.select;
    if (width < 6) return;
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.chart.look([Math.max(0, u.posToVal(left, "x")), u.posToVal(left + width, "x")]);
  }

  /** The legend's values: under the cursor, or the newest. Returns them as a sentence. */
  read() {
    const { series } = this.chart;
    const { left, idx } = this.u?.cursor ?? {};
    const step = left >= 0 && idx !== null ? this.u.posToVal(left, "x") : Infinity;
    const at = stepAt(series.step, step);
    const epoch = epochAt(series, step);
    const shown = this.reading(series, at, epoch);
    const text = (value) => this.text(value);
    this.find(".legend").querySelectorAll(".value").forEach((value, i) => (value.textContent = text(shown[i])));
    const best = this.gap && bestEpoch(series);
    if (this.gap) this.find(".gap").textContent = epoch?.gap ?? "";
    if (this.gap) this.find(".best").textContent = best ? `★ best epoch ${best.epoch}` : "";
    const words = this.gap || at < 0 ? [] : [`step ${thin(series.step[at])}`];
    if (epoch) words.push(`after epoch ${epoch.epoch}`);
    if (!this.gap && step < Infinity) words.push(this.ends(at));
    this.find(".where").textContent = words.filter(Boolean).join(" · ");
    return `${this.find(".where").textContent}: ${this.shown().map((line, i) => `${this.nameOf(line)} ${text(shown[i])}`).join(", ")}`;
  }

  /** The ends of the losses under the cursor, where a point stands for several. */
  ends(at) {
    const { least, greatest } = this.chart.series;
    return greatest[at] > least[at] ? `losses ${this.text(least[at])} to ${this.text(greatest[at])}` : "";
  }

  /** Put the cursor on a row of the table; null takes it away. */
  point(index) {
    this.index = index;
    const left = index === null ? -10 : this.u.valToPos(this.u.data[0][index], "x");
    this.u.setCursor({ left, top: index === null ? -10 : 10 });
  }

  press(event) {
    const last = this.u.data[0].length - 1;
    const stride = Math.max(1, Math.round(last / 100)) * (event.shiftKey ? 10 : 1);
    const to = { ArrowLeft: (this.index ?? last + 1) - stride, ArrowRight: (this.index ?? -1) + stride, Home: 0, End: last }[event.key];
    if (event.key === "Escape") {
      this.chart.look(null);
      this.point(null);
    } else if (to !== undefined && last >= 0 && event.target === this.element) {
      this.point(Math.min(last, Math.max(0, to)));
      this.chart.say(this.read());
    } else return;
    event.preventDefault();
  }

  leave() {
    this.u?.destroy();
    this.element.remove();
  }
}

/** Whether a line has one point only: a line through it would not be seen. */
function alone(u, line) {
  return u.data[line].filter((y) => y !== null && y !== undefined).length === 1;
}
