// What every live figure needs: elements, controls bound to the model, a matrix one can walk through.
// Figures import from here; `bookkit.bundle` inlines the imports, because a notebook loads a figure
// from one string and a page opened from disk cannot load modules at all.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "rect", "g", "text", "line", "circle", "defs", "pattern", "title"]);

/** One element with attributes and children; null and false attributes are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

let serial = 0;
/** A fresh id. Made in the browser and never stored, so that stored outputs stay byte for byte the same. */
export const freshId = (stem) => `bk-${stem}-${serial++}`;

export const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

/** A number for reading: thousands apart by commas, as in the prose; fixed digits, a real minus sign. */
export function show(x, digits = 0) {
  const text = Math.abs(x).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (x < 0 && Number(text.replaceAll(",", "")) !== 0 ? "−" : "") + text;
}

/**
 * A share for reading. Only all is 100 % and only nothing is 0 %: rounding must not close a gap.
 * The twin of `bookkit.live.percent`.
 */
export const percent = (part, whole) => {
  if (part === 0 || part === whole) return `${part === 0 ? 0 : 100}\u00a0%`;
  const share = Math.min(99.9, (100 * part) / whole);
  const small = Number(share.toPrecision(2)); // 0.0996 is 0.1, not 0.10
  if (small < 0.1) return `${show(small, 1 - Math.floor(Math.log10(small)))}\u00a0%`;
  return `${show(share, share < 9.95 || share > 99 ? 1 : 0)}\u00a0%`;
};

/** `1 pair`, `2 pairs`. */
export const count = (n, noun) => `${show(n)} ${noun}${n === 1 ? "" : "s"}`;

function commit(model, changes) {
  for (const [name, value] of Object.entries(changes)) model.set(name, value);
  model.save_changes();
}

/** A range input tied to one trait. `max` may be a function of the model. */
export function slider(model, name, label, { min, max, step = 1, text = show } = {}) {
  const id = freshId(name);
  const input = el("input", { type: "range", id, min, step });
  // Shown only: an <output> is a live region, and `aria-valuetext` says the same once.
  const value = el("span", { class: "bk-value", "aria-hidden": "true" });
  input.addEventListener("input", () => commit(model, { [name]: Number(input.value) }));
  return {
    name,
    node: el("div", { class: "bk-control" }, el("label", { for: id }, label), input, value),
    update(enabled = true) {
      input.max = typeof max === "function" ? max(model) : max;
      input.value = model.get(name);
      input.disabled = !enabled;
      const words = text(model.get(name));
      if (value.textContent === words) return;
      value.textContent = words;
      input.setAttribute("aria-valuetext", words);
    },
  };
}

/** A drop-down tied to one trait; `options` is a list of [value, label]. */
export function choice(model, name, label, options) {
  const id = freshId(name);
  const input = el("select", { id }, ...options.map(([value, text]) => el("option", { value }, text)));
  // Not `input.value`, which is text where an option is a number.
  input.addEventListener("change", () => commit(model, { [name]: options[input.selectedIndex][0] }));
  return {
    name,
    node: el("div", { class: "bk-control" }, el("label", { for: id }, label), input),
    update(enabled = true) {
      input.value = model.get(name);
      input.disabled = !enabled;
    },
  };
}

/** A check box tied to one boolean trait. */
export function toggle(model, name, label) {
  const id = freshId(name);
  const input = el("input", { type: "checkbox", id });
  input.addEventListener("change", () => commit(model, { [name]: input.checked }));
  return {
    name,
    node: el("div", { class: "bk-control bk-toggle" }, input, el("label", { for: id }, label)),
    update(enabled = true) {
      input.checked = model.get(name);
      input.disabled = !enabled;
    },
  };
}

/** A push button. */
export function button(label, action) {
  const node = el("button", { type: "button", class: "bk-button" }, label);
  node.addEventListener("click", action);
  return node;
}

/**
 * Let pointer and arrow keys choose a cell of a drawn matrix.
 * `cellAt(event)` gives [row, column] or null, `at()` the chosen cell, `size()` [rows, columns].
 * Where the chosen cell is also edited, `hover: false` leaves the choice to clicks and keys.
 */
export function walkCells(svg, { cellAt, at, size, choose, act, hover = true }) {
  const move = (event) => {
    const cell = cellAt(event);
    if (cell && (cell[0] !== at()[0] || cell[1] !== at()[1])) choose(...cell);
  };
  svg.addEventListener("pointermove", (event) => hover && event.pointerType !== "touch" && move(event));
  svg.addEventListener("click", (event) => {
    move(event);
    if (cellAt(event)) act?.(...at());
  });
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step && !(act && (event.key === "Enter" || event.key === " "))) return;
    if (step) {
      const [rows, columns] = size();
      choose(clamp(at()[0] + step[0], 0, rows - 1), clamp(at()[1] + step[1], 0, columns - 1));
    } else {
      act(...at());
    }
    event.preventDefault();
    event.stopPropagation();
  });
}

/** Where an event lies in the coordinates of an SVG's viewBox, or null outside the page. */
export function svgPoint(svg, event) {
  const matrix = svg.getScreenCTM();
  return matrix ? new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse()) : null;
}

/** Redraw once for all changes of one turn of the event loop; returns the clean-up that anywidget calls. */
export function redrawOn(model, names, draw) {
  let queued = false;
  const schedule = () => {
    if (queued) return;
    queued = true;
    queueMicrotask(() => {
      queued = false;
      draw();
    });
  };
  for (const name of names) model.on(`change:${name}`, schedule);
  draw();
  return () => {
    for (const name of names) model.off(`change:${name}`, schedule);
  };
}

/** Mount a figure: the frame, its caption, and JupyterLab told to leave the arrow keys to the controls. */
export function mount(root, model, label, ...children) {
  root.classList.add("bk-figure");
  const caption = el("p", { class: "bk-caption" }, model.get("caption"));
  const box = el("div", { class: "bk-body", role: "group", "aria-label": label }, ...children, caption);
  // Lab reads the attribute on the focused element itself, not on an ancestor.
  for (const node of box.querySelectorAll("input, select, button, [tabindex]")) {
    node.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  root.replaceChildren(box);
}
