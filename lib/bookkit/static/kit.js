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

/** Make these the children of an element. Those that stand right are not touched: taking out and in again costs as much as making anew. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  children.forEach((child, i) => parent.childNodes[i] !== child && parent.insertBefore(child, parent.childNodes[i] ?? null));
}

/** Fill an element again and again with `[key, make]`: what had the same key the last time is left as it is. A key comes once in a filling. */
export function filling(parent) {
  let known = new Map();
  return (wanted) => {
    known = new Map(wanted.map(([key, make]) => [key, known.get(key) ?? make()]));
    arrange(parent, [...known.values()]);
  };
}

/** An element for `filling`, known by all that it is. */
export const part = (tag, attributes, text = "") => [JSON.stringify([tag, attributes, text]), () => el(tag, attributes, text)];

/** Set an attribute, unless it says so already: browsers lay out anew even then. */
export const put = (node, name, value) => node.getAttribute(name) !== `${value}` && node.setAttribute(name, value);

export const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

const writers = new Map(); // of numbers with so many digits: to make one takes longer than to draw a row
/** A number for reading: thousands apart by commas, as in the prose; fixed digits, a real minus sign. */
export function show(x, digits = 0) {
  if (!writers.has(digits)) writers.set(digits, new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  const text = writers.get(digits).format(Math.abs(x));
  return (x < 0 && Number(text.replaceAll(",", "")) !== 0 ? "−" : "") + text;
}

/** A number with so many digits, halves up; the twin of `bookkit.live.decimals`. */
export const decimals = (x, digits) => (Math.floor(x * 10 ** digits + 0.5) / 10 ** digits).toFixed(digits);

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

/** Set traits of the model, and tell whoever listens. */
export function commit(model, changes) {
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

/**
 * A push button. One that has no use now is marked `aria-disabled`, and then does nothing;
 * `disabled` would take the focus away from under the finger.
 */
export function button(label, action) {
  const node = el("button", { type: "button", class: "bk-button" }, label);
  node.addEventListener("click", (event) => node.getAttribute("aria-disabled") !== "true" && action(event));
  return node;
}

export const alike = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * Undo and redo of the traits in `names`, one entry a gesture: a drag or a typed word is one step back.
 * Traits in `gestures`, those of sliders, are each a gesture of their own. `tell(before)` says what a change did.
 * The figure calls `note()` whenever it draws, and shows `news()`.
 */
export function undoHistory(model, names, { tell, gestures = [] }) {
  const snapshot = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  let [start, known, past, future] = [snapshot(), snapshot(), [], []];
  let [gesture, lastGesture, toSay, news] = [null, null, null, ""];

  /** Change traits; changes with the same `by`, one after the other, are one entry. */
  function edit(changes, { by = null, say = null } = {}) {
    [gesture, toSay] = [by, say];
    commit(model, changes);
  }
  const goBack = () => past.length && edit(past.at(-1), { by: "undo", say: "Undone." });
  const goForth = () => future.length && edit(future.at(-1), { by: "redo", say: "Redone." });
  const undo = button("undo", goBack);
  const redo = button("redo", goForth);
  const again = button("start again", () => edit(start, { say: "Back to the start." }));

  function enter(now, by) {
    if (by === "undo") {
      past.pop();
      future.push(known);
    } else if (by === "redo") {
      future.pop();
      past.push(known);
    } else {
      if (by === null || by !== lastGesture) past.push(known);
      future = [];
    }
    [lastGesture, known] = [by, now];
  }
  return {
    buttons: { undo, redo, again },
    edit,
    endGesture: () => (lastGesture = null),
    news: () => news,
    say: (text) => (news = text),
    /** Set traits that are not remembered, as the chosen cell; what is changed after it is an entry of its own. */
    look(changes) {
      [news, lastGesture] = ["", null];
      commit(model, changes);
    },
    /** Forget everything: what is shown now is the start. */
    restart() {
      [start, known, past, future, lastGesture] = [snapshot(), snapshot(), [], [], null];
    },
    /** Take in what has changed since the last call, whoever changed it. */
    note() {
      const [now, before, say] = [snapshot(), known, toSay];
      const changed = names.filter((name) => !alike(now[name], known[name]));
      const by = gesture ?? changed.find((name) => gestures.includes(name)) ?? null;
      gesture = toSay = null;
      if (changed.length) {
        enter(now, by);
        news = say ?? tell(before);
      }
      undo.setAttribute("aria-disabled", past.length === 0);
      redo.setAttribute("aria-disabled", future.length === 0);
      again.setAttribute("aria-disabled", alike(known, start));
    },
    /** Ctrl+Z and Ctrl+Y, except in a line of text, which has its own. */
    bindKeys(root) {
      root.addEventListener("keydown", (event) => {
        const key = event.key.toLowerCase();
        if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.type === "text" || !["z", "y"].includes(key)) return;
        (key === "y" || event.shiftKey ? goForth : goBack)();
        event.preventDefault();
        event.stopPropagation();
      });
    },
  };
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
