// Pattern laboratory: choose a pattern, see its matrix, its connections, its price and its reach.
import { choice, clamp, count, el, mount, percent, redrawOn, show, slider, svgPoint, toggle, walkCells } from "../static/kit.js";
import { firstSeen, layerPattern, maskOf, pairsPaid } from "../static/rules.js";

const PATTERNS = [
  ["full", "full"],
  ["local", "local"],
  ["atrous", "atrous"],
  ["both", "local or atrous"],
  ["alternate", "local, then atrous"],
];
const SIDE = 320; // the drawing's own units; the page scales it
const ARCS = 215; // the height of the arc diagram
const EDGE = 22; // room for the axis names
const USES_WIDTH = new Set(["local", "both", "alternate"]);

/** In turns, the first layer is local: one layer alone has no rate. */
const usesRate = ({ pattern, layers }) => pattern === "atrous" || pattern === "both" || (pattern === "alternate" && layers > 1);

/** A cell first reached by a later layer is drawn smaller, so that the layer can be told without colour. */
const cellShare = (layer) => Math.max(0.34, 0.96 - 0.16 * (layer - 1));

function cellPath(first, n, layer) {
  const cell = (SIDE - EDGE) / n;
  const size = cell * cellShare(layer);
  const inset = (cell - size) / 2;
  let path = "";
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      if (first[i * n + j] === layer) {
        path += `M${(EDGE + j * cell + inset).toFixed(2)} ${(EDGE + i * cell + inset).toFixed(2)}h${size.toFixed(2)}v${size.toFixed(2)}h-${size.toFixed(2)}z`;
      }
  return path;
}

/** One layer: every allowed pair is an arc over the row of tokens, those of the chosen query stand out. */
function drawArcs(mask, n, query) {
  const step = (SIDE - EDGE) / n;
  const x = (i) => EDGE / 2 + (i + 0.5) * step;
  const base = ARCS - 30;
  let longest = 1;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (mask[i * n + j]) longest = Math.max(longest, Math.abs(i - j));
  // Short arcs are drawn up to four times as high as wide, so that a narrow window fills its panel too.
  const stretch = Math.min(4, (base - 8) / ((longest * step) / 2));
  const arc = (i, j) => {
    const radius = (Math.abs(i - j) * step) / 2;
    const height = radius * stretch;
    return `M${x(i).toFixed(1)} ${base}A${radius.toFixed(1)} ${height.toFixed(1)} 0 0 ${j > i ? 1 : 0} ${x(j).toFixed(1)} ${base}`;
  };
  let others = "";
  let own = "";
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      if (i === j || !mask[i * n + j]) continue;
      if (i === query) own += arc(i, j);
      else others += arc(i, j);
    }
  const dots = [];
  for (let j = 0; j < n; j++) {
    const seen = mask[query * n + j];
    const kind = j === query ? "bk-dot-query" : seen ? "bk-dot-seen" : "bk-dot";
    dots.push(el("circle", { cx: x(j).toFixed(1), cy: base, r: clamp(step * 0.3, 1.6, 6) * (seen ? 1 : 0.7), class: kind }));
  }
  return [
    el("path", { d: others, class: "bk-arc", style: `--bk-many:${clamp(24 / n, 0.16, 0.5)}` }),
    el("path", { d: own, class: "bk-arc-own" }),
    ...dots,
    el("text", { x: x(query), y: base + 26, class: "bk-axis" }, `query ${query}`),
  ];
}

/** Several layers: the cone of everything that flows into the chosen query, one row of tokens a layer. */
function drawCone(masks, n, query) {
  const step = (SIDE - EDGE * 2) / n;
  const x = (i) => EDGE * 1.6 + (i + 0.5) * step;
  const y = (row) => ARCS - 12 - (row * (ARCS - 28)) / masks.length;
  let wanted = new Set([query]);
  const parts = [];
  const dots = [];
  for (let row = masks.length; row >= 0; row--) {
    for (let i = 0; i < n; i++) {
      const top = row === masks.length && i === query;
      const kind = top ? "bk-dot-query" : wanted.has(i) ? "bk-dot-seen" : "bk-dot";
      dots.push(el("circle", { cx: x(i).toFixed(1), cy: y(row).toFixed(1), r: clamp(step * 0.3, 1.2, 5) * (wanted.has(i) ? 1 : 0.6), class: kind }));
    }
    dots.push(el("text", { x: 13, y: y(row) + 4, class: "bk-axis" }, row === 0 ? "in" : `${row}`));
    if (row === 0) break;
    let lines = "";
    const below = new Set();
    for (const i of wanted)
      for (let j = 0; j < n; j++)
        if (masks[row - 1][i * n + j]) {
          lines += `M${x(i).toFixed(1)} ${y(row).toFixed(1)}L${x(j).toFixed(1)} ${y(row - 1).toFixed(1)}`;
          below.add(j);
        }
    parts.push(el("path", { d: lines, class: "bk-arc", style: `--bk-many:${clamp(14 / n, 0.12, 0.6)}` }));
    wanted = below;
  }
  return [...parts, ...dots];
}

function pairSentence(s, first, mask) {
  const layer = first[s.query * s.n + s.key];
  const pair = `Query ${s.query}, key ${s.key}: `;
  if (s.layers === 1) return `${pair}${mask[s.query * s.n + s.key] ? "may attend" : "may not attend"}, distance ${Math.abs(s.query - s.key)}.`;
  return pair + (layer ? `seen from layer ${layer} on.` : `not seen after ${count(s.layers, "layer")}.`);
}

function render({ model, el: root }) {
  const names = ["pattern", "n", "half_width", "rate", "causal", "layers", "query", "key", "controls", "views", "caption"];
  const most = () => model.get("n") - 1;
  const controls = [
    choice(model, "pattern", "pattern", PATTERNS),
    slider(model, "n", "tokens n", { min: 2, max: 64 }),
    slider(model, "half_width", "half-width", { min: 0, max: 16 }),
    slider(model, "rate", "rate", { min: 1, max: 16 }),
    slider(model, "layers", "layers", { min: 1, max: 6 }),
    toggle(model, "causal", "causal: no looking ahead"),
  ];
  const shown = controls.filter((control) => model.get("controls").includes(control.name));
  // "application": a screen reader must hand the arrow keys on.
  const matrix = el("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "bk-svg", role: "application", "aria-roledescription": "matrix", tabindex: "0" });
  const links = el("svg", { viewBox: `0 0 ${SIDE} ${ARCS}`, class: "bk-svg", role: "img" });
  const legend = el("div", { class: "bk-legend" });
  const pair = el("p", { class: "bk-status", role: "status", "aria-live": "polite" });
  const price = el("dl", { class: "bk-ledger" });
  const panel = (title, ...children) => el("div", { class: "bk-panel" }, el("p", { class: "bk-title" }, title), ...children);
  const linksTitle = el("span");
  const views = model.get("views");
  mount(
    root,
    model,
    "Pattern laboratory",
    shown.length ? el("div", { class: "bk-controls" }, ...shown.map((control) => control.node)) : null,
    el(
      "div",
      { class: "bk-panels" },
      views.includes("matrix") ? panel("Who may see whom", matrix, legend) : null,
      views.includes("arcs") ? panel(linksTitle, links, pair, price) : el("div", {}, pair, price),
    ),
  );

  const state = () => {
    const s = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    s.query = clamp(s.query, 0, s.n - 1);
    s.key = clamp(s.key, 0, s.n - 1);
    return s;
  };
  const choose = (query, key) => {
    model.set("query", query);
    model.set("key", key);
    model.save_changes();
  };
  walkCells(matrix, {
    at: () => [state().query, state().key],
    size: () => [most() + 1, most() + 1],
    choose,
    cellAt(event) {
      const point = svgPoint(matrix, event);
      const cell = (SIDE - EDGE) / model.get("n");
      const [i, j] = point ? [Math.floor((point.y - EDGE) / cell), Math.floor((point.x - EDGE) / cell)] : [-1, -1];
      return i >= 0 && j >= 0 && i <= most() && j <= most() ? [i, j] : null;
    },
  });

  let billed = null;
  function drawMatrix(s, first) {
    const cell = (SIDE - EDGE) / s.n;
    const cells = [];
    for (let layer = 1; layer <= s.layers; layer++) {
      cells.push(el("path", { d: cellPath(first, s.n, layer), class: `bk-layer-${layer}` }));
    }
    matrix.replaceChildren(
      el("text", { x: EDGE + (SIDE - EDGE) / 2, y: 14, class: "bk-axis" }, "keys j →"),
      el("text", { x: -(EDGE + (SIDE - EDGE) / 2), y: 14, transform: "rotate(-90)", class: "bk-axis" }, "← queries i"),
      el("rect", { x: EDGE, y: EDGE, width: SIDE - EDGE, height: SIDE - EDGE, class: "bk-off" }),
      ...cells,
      el("rect", { x: EDGE, y: EDGE + s.query * cell, width: SIDE - EDGE, height: cell, class: "bk-row" }),
      el("rect", { x: EDGE + s.key * cell, y: EDGE + s.query * cell, width: cell, height: cell, class: "bk-at" }),
    );
  }

  function draw() {
    const s = state();
    for (const control of controls) {
      control.update((control.name !== "half_width" || USES_WIDTH.has(s.pattern)) && (control.name !== "rate" || usesRate(s)));
    }
    const first = firstSeen(s.pattern, s.n, s.layers, s);
    const masks = Array.from({ length: s.layers }, (_, layer) => maskOf(layerPattern(s.pattern, layer), s.n, s));
    const all = s.n * s.n;
    const paid = pairsPaid(s.pattern, s.n, s.layers, s);
    const seen = first.reduce((sum, layer) => sum + (layer > 0), 0);
    const name = PATTERNS.find(([value]) => value === s.pattern)[1] + (s.causal ? ", causal" : "");
    drawMatrix(s, first);
    matrix.setAttribute("aria-label", `${name} mask on ${s.n} tokens: ${show(seen)} of ${count(all, "pair")} seen after ${count(s.layers, "layer")}. Arrow keys move from pair to pair.`);
    links.replaceChildren(...(s.layers === 1 ? drawArcs(masks[0], s.n, s.query) : drawCone(masks, s.n, s.query)));
    links.setAttribute("aria-label", s.layers === 1 ? `Arcs from each query to its keys; query ${s.query} stands out.` : `Everything that flows into position ${s.query} through ${s.layers} layers.`);
    linksTitle.textContent = s.layers === 1 ? `Arcs of query ${s.query}` : `What flows into position ${s.query}`;
    legend.replaceChildren(
      ...(s.layers === 1
        ? []
        : Array.from({ length: s.layers }, (_, k) => el("span", {}, el("i", { class: `bk-key bk-layer-${k + 1}`, style: `--bk-share:${cellShare(k + 1)}` }), `layer ${k + 1}`))),
    );
    pair.textContent = pairSentence(s, first, masks[0]);
    const bill = [s.pattern, s.n, s.half_width, s.rate, s.causal, s.layers].join();
    // Said when a control changed it, not with every step through the matrix.
    if (billed !== null && billed !== bill) pair.textContent += ` ${show(paid)} of ${show(all * s.layers)} pairs computed, ${percent(seen, all)} seen.`;
    billed = bill;
    const row = (term, value) => [el("dt", {}, term), el("dd", {}, value)];
    price.replaceChildren(
      ...row(s.layers === 1 ? "pairs computed" : `computed, ${s.layers} layers`, `${show(paid)} of ${show(all * s.layers)}`),
      ...row("share of all pairs", percent(paid, all * s.layers)),
      ...row(s.layers === 1 ? "pairs seen" : `seen after layer ${s.layers}`, s.layers === 1 ? percent(seen, all) : `${show(seen)} of ${show(all)}`),
    );
  }
  return redrawOn(model, names, draw);
}

export default { render };
