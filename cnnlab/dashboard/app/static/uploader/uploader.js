// Looks at a file before Streamlit's uploader does: pictures are made smaller, and what is too large is said on the page.
const ENOUGH_BYTES = 1_000_000;
const guards = new Map(); // by the element Streamlit gives us

export function render({ data, parentElement, setTriggerValue }) {
  let guard = guards.get(parentElement);
  if (!guard) guards.set(parentElement, (guard = new Guard()));
  Object.assign(guard, { data, refuse: (why) => setTriggerValue("refused", why) }); // a size in bytes, or "full"
}

export function unmount(parentElement) {
  guards.get(parentElement)?.leave();
  guards.delete(parentElement);
}

class Guard {
  constructor() {
    this.listen = (event) => this.look(event);
    for (const kind of ["change", "drop"]) window.addEventListener(kind, this.listen, true); // before anybody else
  }

  leave() {
    for (const kind of ["change", "drop"]) window.removeEventListener(kind, this.listen, true);
  }

  async look(event) {
    const place = event.target.closest?.(`.st-key-${this.data.key}`);
    const files = event.type === "drop" ? event.dataTransfer?.files : event.target.files;
    if (!place || !files?.length || this.passing) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    const { shrinkPx, mostBytes } = this.data;
    const given = files[0];
    if (event.type === "drop") event.target.dispatchEvent(new DragEvent("dragleave", { bubbles: true }));
    const file = shrinkPx ? await shrunk(given, shrinkPx).catch(() => given) : given;
    if (file.size > mostBytes) this.refuse(file.size);
    else if (!(await hasRoomFor(file.size))) this.refuse("full");
    else this.pass(file, place.querySelector("input[type=file]"));
  }

  /** Hand the file to Streamlit's uploader, as if it had been chosen there. */
  pass(file, input) {
    const list = new DataTransfer();
    list.items.add(file);
    input.files = list.files;
    this.passing = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    this.passing = false;
  }
}

/** Whether the server takes a file of that size just now. Where it does not answer, sending the file will show why. */
async function hasRoomFor(bytes) {
  const asked = new URL(`_stcore/upload_file/${bytes}`, window.__streamlit?.BACKEND_BASE_URL ?? document.baseURI);
  return fetch(asked).then(async (answer) => !answer.ok || (await answer.json()).room).catch(() => true);
}

/** The picture with `shortest` pixels on its shortest side, as PNG: nothing is lost by it, transparency neither. */
async function shrunk(file, shortest) {
  const picture = await createImageBitmap(file); // upright
  const { width, height } = picture;
  if (file.size <= ENOUGH_BYTES && Math.min(width, height) <= 4 * shortest) return file;
  for (let side = shortest; ; side = Math.round(side * 0.75)) {
    const blob = await drawn(picture, Math.min(1, side / Math.min(width, height), (8 * side) / Math.max(width, height)));
    if (blob.size <= ENOUGH_BYTES || side < 128) {
      picture.close();
      return new File([blob], file.name, { type: `image/png;width=${width};height=${height}` });
    }
  }
}

/** Halved as often as it can be, so that every pixel counts, then scaled by the rest. */
async function drawn(picture, times) {
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * times)));
  let source = picture;
  while (source.width >= 4 * width && source.height >= 4 * height) source = scaled(source, source.width >> 1, source.height >> 1);
  const canvas = scaled(source, width, height);
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("no picture"))), "image/png"));
}

function scaled(source, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, width, height);
  return canvas;
}
