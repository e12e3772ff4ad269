// The live curves: two uPlot panels that share their x (steps), their zoom and their cursor.
const version = new URL(import.meta.url).search; // the files of one cnnlab, and of no other
const files = ["panel", "data", "numbers", "smoothing"].map((name) => import(`./${name}.js${version}`));
const [{ Panel }, { accuracyTable, bestEpoch, lossTable, merge, seriesOf, windowEnd }, { accuracyLimits, axisTexts, lossLimits, lossText, tenths }, { smoothed }] =
  await Promise.all(files);

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

const percent = (share) => (share === null || share === undefined ? "–" : `${tenths(share)}\u202f%`);

class LiveChart {
  constructor(place) {
    this.root = place.querySelector(".live_chart");
    this.root.innerHTML = `<div class="panels"></div><p class="unseen summary" id="summary"></p><p class="unseen" role="status"></p>`;
    this.zoom = null; // [first step, last step] while the reader looks closer
    const options = { chart: this, parent: this.root.querySelector(".panels"), sync: `cnnlab-${Math.random()}` };
    const loss = new Panel({
      ...options,
      title: "Loss",
      waiting: (ended) => (ended ? "It took no step." : "Waiting for the first step …"),
      log: true,
      text: lossText,
      axisTexts,
      limits: lossLimits,
      reading: ({ loss, smooth }, at, epoch) => [loss[at], smooth[at], epoch?.trainLoss, epoch?.validationLoss],
      series: [
        { colour: "train", width: 0.5, alpha: 0.35 }, // greatest and least: the edges of the band
        { colour: "train", width: 0.5, alpha: 0.35 },
        { name: ({ stepsAPoint: n }) => (n > 1 ? `mean of up to ${n} steps` : "each step"), colour: "train", width: 1, alpha: 0.4 },
        { name: "smoothed", colour: "train", width: 3 },
        { colour: "train", width: 3, dash: [3, 3] }, // the smoothed line's end, which may still move
        { name: "train sample", colour: "train", mark: "circle", width: 1 },
        { name: "validation", colour: "validation", mark: "square", width: 1.5, dash: [6, 4] },
      ],
      bands: [[1, 2]],
      table: lossTable,
    });
    const accuracy = new Panel({
      ...options,
      title: "Accuracy",
      waiting: (ended) => (ended ? "It came to the end of no epoch." : "Measured after each epoch …"),
      gap: true,
      extra: '<li><span class="name gap"></span></li><li><span class="name best"></span></li>',
      text: percent,
      axisTexts: (values) => axisTexts(values.map((value) => 100 * value)).map((text) => `${text}\u202f%`),
      limits: accuracyLimits,
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
    Object.assign(this.series, smoothed(this.series, data.smoothedOver, data.stepsTotal));
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
    const parts = [`After step ${step.at(-1)} the smoothed training loss is ${lossText(smooth.at(-1))}.`];
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
