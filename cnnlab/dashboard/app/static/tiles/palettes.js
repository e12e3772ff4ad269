// Numbers to colours. Each palette is 33 stops of equal distance; lightness changes evenly along it.

// viridis (S. van der Walt and N. Smith, 2015, CC0): every eighth colour of its 256.
const VIRIDIS =
  "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e21918c" +
  "1f978b1f9f8821a68527ad8131b57b3dbc744cc26c5cc8636ece5881d34d95d840aadc32c0df25d5e21aeae51afde725";
// Blue, white, orange: CIE L* falls from 97 in the middle to 28 at both ends alike, hues 252° and 52° of OKLCH,
// which red-green blind eyes tell apart.
const DIVERGING =
  "00437c004d8d01579f0162b1126dbe2378cb3083d73e8fe34d9bed5ea6f571b2fb85befe9bcaffb1d5ffc7e0fddfebfaf6f6f6" +
  "f9e7dcfad7c2fac7a9f8b891f5a87af09a64e98b4fe07e3bd57129c96617bb5b01ab52019b4a018b42007c39006c3200";

export const STOPS = { viridis: stops(VIRIDIS), diverging: stops(DIVERGING) };
const TABLES = { viridis: table(STOPS.viridis), diverging: table(STOPS.diverging) };
const NO_NUMBER = [204, 121, 167];

function stops(text) {
  return text.match(/.{6}/g).map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
}

function table(colours) {
  const mix = (a, b, share) => Math.round(a + (b - a) * share);
  return Array.from({ length: 256 }, (_, i) => {
    const [at, share] = [Math.floor((i / 255) * 32), ((i / 255) * 32) % 1];
    return colours[at].map((part, c) => mix(part, colours[Math.min(32, at + 1)][c], share));
  });
}

const clamp = (value) => Math.max(0, Math.min(255, Math.round(value)));

/** Fill `pixels` (RGBA) with one tile: `values` from `start`, [h, w] or [h, w, 3]; low and high are the ends. */
export function paint(pixels, values, start, { channels, palette, low, high }) {
  const scale = high > low ? 255 / (high - low) : 0;
  const middle = high > low ? 0 : 127.5;
  for (let i = 0; i < pixels.length / 4; i++) {
    const parts = values.subarray(start + i * channels, start + (i + 1) * channels);
    const levels = Array.from(parts, (value) => clamp((value - low) * scale + middle));
    const colour = parts.some(Number.isNaN) ? NO_NUMBER : channels === 3 ? levels : TABLES[palette][levels[0]];
    pixels.set([...colour, 255], i * 4);
  }
}

/** A float32 as people read it, five digits: rounded once, from the number itself. */
export function numberText(value, digits = 5) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "infinite" : "\u2212infinite";
  if (value === 0) return "0";
  const [mantissa, power] = value.toPrecision(digits).split("e");
  return (mantissa + (power ? ` · 10^${+power}` : "")).replaceAll("-", "\u2212");
}
