// Numbers of the formulas as people read them.
const { numberText } = await import(`../tiles/palettes.js${new URL(import.meta.url).search}`);

const MINUS = "\u2212";

/** Four decimals; where they say less than that, four digits and a power of ten. */
export function text(value) {
  const much = Math.abs(value);
  if (!Number.isFinite(value) || (value !== 0 && (much < 0.001 || much >= 10000))) return numberText(value, 4);
  return value.toFixed(4).replace(/^-(?=0\.0000$)/, "").replace("-", MINUS);
}

/** With its sign in front, as one of the numbers of a sum. */
export const signed = (value) => (value < 0 ? text(value) : `+${text(value)}`);

/** In brackets where it is below zero, so that it can follow a sign. */
export const bracketed = (value) => (value < 0 ? `(${text(value)})` : text(value));

/** How many decimals the cells of a table need whose largest number is `limit`. */
export const decimals = (limit) => (limit >= 100 ? 0 : limit >= 10 ? 1 : limit >= 0.1 ? 2 : 3);

export const short = (value, digits) => value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", MINUS);

/** Put `words` into a text node, and touch nothing where they stand there already. */
export function put(node, words) {
  if (node.data !== words) node.data = words;
}

/** An element with a class and, perhaps, words. */
export function element(name, words = "", tag = "div") {
  const made = document.createElement(tag);
  made.className = name;
  if (words) made.textContent = words;
  return made;
}

/** An element with a class whose words change; returns it and its text node. */
export function changing(name, tag = "div") {
  const made = element(name, "", tag);
  const node = document.createTextNode("");
  made.append(node);
  return [made, node];
}
