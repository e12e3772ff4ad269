// The colour bar: what colour means which number.
const { numberText, STOPS } = await import(`./palettes.js${new URL(import.meta.url).search}`);

const OWN_CHANNELS = ["#ff0000", "#00ff00", "#0000ff"];

/** Draw the bar into `place` for the ends [low, high]; null where every tile has its own. */
export function drawBar(place, { palette, channels, caption }, ends) {
  place.classList.toggle("colour", channels === 3);
  place.hidden = !caption;
  const [low, high] = ends ?? [0, 1];
  const zero = palette === "diverging" ? 0.5 : ends ? -low / (high - low) : NaN;
  const inside = zero > 0.12 && zero < 0.88;
  const words = ends ? [numberText(low, 3), "0", numberText(high, 3)] : ["lowest", "0", "highest"];
  place.replaceChildren(element("caption", caption + (ends ? "" : ", each tile on its own scale")));
  for (const gradient of gradients(palette, channels)) {
    const strip = element("strip");
    strip.style.background = `linear-gradient(to right, ${gradient.join(", ")})`;
    place.append(strip);
  }
  const marker = element("marker");
  marker.hidden = true;
  place.querySelector(".strip").append(marker);
  const ticks = element("ticks");
  ticks.append(element("low", words[0], "span"), element("high", words[2], "span"));
  if (inside) ticks.append(Object.assign(element("zero", words[1], "span"), { style: `left: ${100 * zero}%` }));
  place.append(ticks);
}

/** Show where `value` lies on the bar; null hides it. */
export function mark(place, value, [low, high]) {
  const marker = place.querySelector(".marker");
  marker.hidden = value === null || !(high > low);
  marker.style.left = `${100 * Math.max(0, Math.min(1, (value - low) / (high - low)))}%`;
}

function gradients(palette, channels) {
  if (channels === 3) return OWN_CHANNELS.map((full) => ["#000000", full]);
  return [STOPS[palette].map((colour) => `rgb(${colour.join(" ")})`)];
}

function element(name, text = "", tag = "div") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}
