// The live curves: two uPlot panels that share their x (steps), their zoom and their cursor.
const version = new URL(import.meta.url).search; // the files of one cnnlab, and of no other
const files = ["panel", "data"].map((name) => import(`./${name}.js${version}`));
const [{ Panel }, { accuracyTable, bestEpoch, lossTable, merge, seriesOf, tenths, windowEnd }] = await Promise.all(files);

const charts = new WeakMap(); // by the element Streamlit gives us: it stays the same as long as the chart is mounted

export function render({ data, parentElement, setTriggerValue }) {
  const whole = merge(seriesOf(data.run), data);
  let chart = charts.get(parentElement);
  if (!chart) charts.set(parentElement, (chart = new LiveChart(parentElement)));
  chart.show(data);
  if (!whole && chart.asked !== data.first) setTriggerValue("resync", (chart.asked = data.first));
}

export function unmount(parentElement) {
  charts.get(parentElement)?.leave();
  charts.delete(parentElement);
}

const percent = (share) => `${tenths(share)}\u202f%`;

class LiveChart {
  constructor(place) {
    this.root = place.querySelector(".live_chart");
    this.root.innerHTML = `<div class="panels"></div><p class="unseen summary" id="summary"></p><p class="unseen" role="status"></p>`;
    this.zoom = null; // [first step, last step] while the reader looks closer
    const options = { chart: this, parent: this.root.querySelector(".panels"), sync: `cnnlab-${Math.random()}` };
    const loss = new Panel({
      ...options,
      title: "Loss",
      waiting: "Waiting for the first step …",
      log: true,
      text: (value) => value.toFixed(4),
      axisText: (value) => `${+value.toPrecision(3)}`,
      limits: (low, high) => [Math.max(0, low - 0.05 * (high - low)), high + 0.05 * (high - low) || 1],
      reading: ({ loss, smooth }, at, epoch) => [loss[at], smooth[at], epoch?.trainLoss, epoch?.validationLoss],
      series: [
        { name: ({ stepsAPoint: n }) => (n > 1 ? `mean of ${n} steps` : "each step"), colour: "train", width: 1, faint: true },
        { name: "smoothed", colour: "train", width: 2 },
        { name: "train sample", colour: "train", mark: "circle" },
        { name: "validation", colour: "validation", mark: "square", dash: [6, 4] },
      ],
      table: lossTable,
    });
    const accuracy = new Panel({
      ...options,
      title: "Accuracy",
      waiting: "Measured after each epoch …",
      gap: true,
      extra: '<li><span class="name gap"></span></li><li><span class="name best"></span></li>',
      text: percent,
      axisText: (value) => `${+tenths(value)}\u202f%`,
      limits: (low, high) => [Math.floor(10 * low) / 10, Math.max(0.1, Math.ceil(10 * high) / 10)],
      reading: (_, __, epoch) => [epoch?.train, epoch?.validation],
      series: [
        { name: "train sample", colour: "train", mark: "circle", width: 2 },
        { name: "validation", colour: "validation", mark: "square", width: 2, dash: [6, 4] },
      ],
      table: accuracyTable,
    });
    this.panels = [loss, accuracy];
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.root);
  }

  show(data) {
    const another = this.data?.run !== data.run;
    if (another) this.zoom = null;
    this.data = data;
    this.series = seriesOf(data.run);
    if (!this.width) this.fit();
    else for (const panel of this.panels) panel.draw();
    this.root.querySelector(".summary").textContent = this.summary();
    // Whoever starts a run from the foot of the form, or of another run, wants to see it.
    if (another) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
  }

  fit() {
    if (this.root.clientWidth === this.width || !this.root.clientWidth) return;
    this.width = this.root.clientWidth;
    this.root.classList.toggle("wide", this.width >= 700);
    for (const panel of this.panels) panel.build();
  }

  /** The steps on the x axis: the reader's zoom, or whole epochs up to the newest point. */
  range() {
    const last = Math.max(this.series.step.at(-1) ?? 0, this.series.epochs.at(-1)?.step ?? 0);
    return this.zoom ?? [0, windowEnd(last, this.data.stepsTotal, this.data.epochsTotal)];
  }

  look(zoom) {
    this.zoom = zoom;
    for (const panel of this.panels) panel.draw();
  }

  say(text) {
    this.root.querySelector("[role=status]").textContent = text;
  }

  summary() {
    const { step, smooth, epochs } = this.series;
    if (!step.length) return "No step has been taken yet.";
    const parts = [`After step ${step.at(-1)} the smoothed training loss is ${smooth.at(-1)?.toFixed(4)}.`];
    const newest = epochs.at(-1);
    if (newest) parts.push(`After epoch ${newest.epoch}: train sample ${percent(newest.train)}.`);
    if (newest && newest.validation !== null) {
      const best = bestEpoch(this.series);
      parts.push(`Validation ${percent(newest.validation)}, best ${percent(best.validation)} at epoch ${best.epoch}.`);
    }
    return parts.join(" ");
  }

  leave() {
    this.sizes.disconnect();
    for (const panel of this.panels) panel.leave();
  }
}
