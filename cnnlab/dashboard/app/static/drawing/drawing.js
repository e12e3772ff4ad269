// A drawing made on the server. It may be wider than a telephone: then it scrolls, by finger and by arrow key.

export function render({ data, parentElement }) {
  const place = parentElement.querySelector(".drawing");
  if (place.dataset.svg === data.svg) return;
  place.dataset.svg = data.svg;
  Object.assign(place, { innerHTML: data.svg, tabIndex: 0 });
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", data.description);
  place.style.fontFamily = "var(--st-font)";
}

export function unmount() {}
