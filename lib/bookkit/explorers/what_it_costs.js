// What it costs: the tiles that compute a pattern, their scores, their time and their memory.
import { choice, clamp, count, el, freshId, mount, percent, redrawOn, show, slider, toggle } from "../static/kit.js";
import { bytesHeld, largestN, pairsNeeded, planOf, predictTime } from "../static/rules.js";

const PATTERNS = [
  ["full", "full"],
  ["local", "local"],
  ["atrous", "atrous"],
  ["both", "local or atrous"],
];
const BUDGETS = [1, 4, 16];
const GIGABYTE = 1e9;
const SIDE = 240; // of a square, in the drawing's own units
const SHOWN = 4; // tiles in an enlargement
const CHART = { width: 360, height: 250, left: 46, right: 8, top: 10, bottom: 24 };
const LENGTHS = [8, 9, 10, 11, 12, 13, 14, 15, 16].map((power) => 2 ** power);
const MOST = 2 ** 16; // the longest sequence that the model of memory is asked for
const TOO_LITTLE = "tiles would save too little: the whole square is computed";
const PAUSE = 400; // ms without a change before the status speaks
const USES_WIDTH = new Set(["local", "both"]);
const USES_RATE = new Set(["atrous", "both"]);

/** A range input over powers of two: the slider holds the exponent, the model the number. */
function powers(model, name, label, least, most) {
  const exponents = {
    get: (key) => Math.log2(model.get(key)),
    set: (key, exponent) => model.set(key, 2 ** exponent),
    save_changes: () => model.save_changes(),
  };
  const control = slider(exponents, name, label, { min: least, max: most, text: (exponent) => show(Math.round(2 ** exponent)) });
  control.node.classList.add("bk-long");
  return control;
}

/** Two or three digits, whatever the size. */
function brief(x) {
  if (x >= 100) return show(x);
  return show(x, x >= 10 ? 1 : x >= 1 ? 2 : x >= 0.1 ? 3 : 4);
}

/** A large number with its unit: 9.4 MB, 201 million. */
function scaled(x, steps) {
  const [size, word] = steps.findLast(([least]) => x >= least) ?? steps[0];
  const value = x / size;
  return `${show(value, value < 9.95 && size > 1 ? 1 : 0)}\u00a0${word}`;
}
const bytes = (x) => scaled(x, [[1, "bytes"], [1e3, "kB"], [1e6, "MB"], [1e9, "GB"], [1e12, "TB"]]);
const operations = (x) => scaled(x, [[1e6, "million"], [1e9, "billion"], [1e12, "trillion"], [1e15, "thousand trillion"]]);

/** Rows by columns, which stay on one line. */
const by = (rows, columns) => `${show(rows)}\u00a0×\u00a0${show(columns)}`;
/** Two digits: the model of memory is good to about a third. The twin of `_about` in Python. */
function about(n) {
  if (n === MOST) return `${show(n)} tokens and beyond`;
  const unit = 10 ** Math.max(0, String(n).length - 2);
  return `about ${show(Math.round(n / unit) * unit)} tokens`;
}
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** How much faster or slower than dense, in words. */
function versus(ratio) {
  if (Math.abs(ratio - 1) < 0.05) return `${ratio === 1 ? "" : "about "}as fast as dense attention`;
  if (ratio > 1) return `${show(ratio, ratio < 9.95 ? 1 : 0)} times as fast as dense attention`;
  return `slower than dense attention: ${show(1 / ratio, 1)} times its time`;
}

// --- the tiles -----------------------------------------------------------------------------------

const number = (x) => Math.round(x * 100) / 100;
const box = (x, y, width, height) => `M${number(x)} ${number(y)}h${number(width)}v${number(height)}h${number(-width)}z`;
const polygon = (points) => `M${points.map(([x, y]) => `${number(x)} ${number(y)}`).join("L")}z`;

/** The corners of low <= key - query <= high in a square of n cells; the two are not on different sides of the corners. */
function strip(low, high, n) {
  [low, high] = [clamp(low, -n, n), clamp(high, -n, n)];
  if (low >= 0) return [[low, 0], [high, 0], [n, n - high], [n, n - low]];
  if (high <= 0) return [[0, -high], [n + high, n], [n + low, n], [0, -low]];
  return [[0, 0], [high, 0], [n, n - high], [n, n], [n + low, n], [0, -low]];
}

/** Every pair at a distance that is a multiple of the rate, as strips one cell wide, where the view shows them. */
function stripes(rate, before, after, n, see) {
  const [least, most] = [Math.max(-before, see.from - see.top - see.cells), Math.min(after, see.from - see.top + see.cells)];
  const found = [];
  for (let k = Math.ceil(least / rate); k * rate <= most; k++) found.push(strip(k * rate - 0.5, k * rate + 0.5, n));
  return found;
}

/** A view of a square: which cells it shows, and how its cells lie in the drawing. */
function view(cells, from = 0, top = 0) {
  const scale = SIDE / cells;
  const at = ([x, y]) => [(x - from) * scale, (y - top) * scale];
  return { cells, from, top, scale, at, box: (x, y, w, h) => box(...at([x, y]), w * scale, h * scale) };
}

/** One piece whose tiles lie side by side on the diagonal, each with the positions of one remainder. */
function drawColumns(piece, s, see) {
  const { column, rate } = piece;
  const shown = Math.min(rate, Math.ceil(see.cells / column));
  let tiles = "";
  let needed = "";
  for (let c = 0; c < shown; c++) {
    const start = c * column;
    const own = Math.ceil((s.n - c) / rate); // the last position of a column may be padding
    tiles += see.box(start, start, column, column);
    if (!s.causal) needed += see.box(start, start, own, own);
    else if (see.scale * column < own * 1.5) needed += polygon([[start, start], [start + own, start + own], [start, start + own]].map(see.at));
    else for (let i = 0; i < own; i++) needed += see.box(start, start + i, i + 1, 1);
  }
  return { tiles, needed, density: 1, tile: column * see.scale };
}

/** One piece whose tiles follow the diagonal: blocks of queries, each with the keys around it. */
function drawBlocks(piece, s, see, taken) {
  const { block, blocks, reach } = piece;
  const rows = block * blocks;
  let tiles = "";
  // Steps smaller than a pixel are drawn as the straight edge that they look like.
  if (block * see.scale < 1) tiles = polygon(strip(-reach[0] - block / 2, reach[1] + block / 2, rows).map(see.at));
  else for (let top = 0; top < Math.min(rows, see.top + see.cells); top += block) {
    // The enlargement also shows keys before the first and after the last position: padding.
    const [left, right] = [Math.max(see.from, top - reach[0]), Math.min(see.from < 0 ? Infinity : rows, top + block + reach[1])];
    tiles += see.box(left, top, right - left, block);
  }
  const needed = polygon(strip(-reach[0] - 0.5, reach[1] + 0.5, s.n).map(see.at));
  const drawn = { tiles, needed, tile: block * see.scale, density: 1 };
  if (!taken) return drawn;
  if (mixes(s, see)) return { ...drawn, density: 1 - 1 / s.rate };
  return { ...drawn, spared: stripes(s.rate, reach[0], reach[1], s.n, see).map((line) => polygon(line.map(see.at))).join("") };
}

/** Whether strips of the stride lie too close in a view to be told apart, and are drawn as one mixed tone. */
const mixes = (s, see) => s.rate * see.scale < 3;

/** The whole square, computed; its needed pairs as they lie. */
function drawWhole(s, see) {
  const { pattern, n, half_width, rate, causal } = s;
  const within = (bound) => strip(-bound - 0.5, causal ? 0.5 : bound + 0.5, n);
  const drawn = { tiles: see.box(0, 0, n, n), tile: SIDE, density: 1, needed: "" };
  if (pattern === "full" || pattern === "local") return { ...drawn, needed: polygon(within(pattern === "full" ? n : half_width).map(see.at)) };
  const band = pattern === "both" ? polygon(within(half_width).map(see.at)) : "";
  if (mixes(s, see)) return { ...drawn, needed: polygon(within(n).map(see.at)), density: 1 / rate, band };
  const lines = stripes(rate, n - 1, causal ? 0 : n - 1, n, see);
  return { ...drawn, needed: lines.map((line) => polygon(line.map(see.at))).join(""), band };
}

/** What to draw of each piece: the whole square, and enlarged its first tiles where those are small. */
function drawingsOf(s, plan) {
  const whole = `all ${by(s.n, s.n)}`;
  if (plan.path === "dense") {
    const draw = (see) => drawWhole(s, see);
    const drawings = [{ part: whole, see: view(s.n), draw }];
    if (USES_RATE.has(s.pattern) && mixes(s, drawings[0].see)) {
      // Enlarged where the window ends: nearer there is nothing but window, farther nothing but stride.
      const size = Math.min(s.n, 12 * s.rate);
      const from = clamp(s.half_width - size / 2, 0, s.n - size);
      drawings[0].zoom = { from: s.causal ? 0 : from, top: s.causal ? from + size / 2 : 0, size };
      drawings[0].part = `${whole}; where tones mix, one pair in ${show(s.rate)} is needed`;
      const { zoom } = drawings[0];
      drawings.push({ part: `enlarged: queries from ${show(zoom.top)}, keys from ${show(zoom.from)}, ${show(size)} of each`, see: view(size, zoom.from, zoom.top), draw });
    }
    return [{ order: `positions in order; ${s.pattern === "full" ? "no tiles, one product" : TOO_LITTLE}`, drawings }];
  }
  return plan.pieces.map((piece, index) => {
    const [tiles, queries, keys] = piece.shape;
    const each = by(queries, keys);
    const columns = piece.rate > 1;
    const draw = (see) => (columns ? drawColumns(piece, s, see) : drawBlocks(piece, s, see, index > 0));
    const order = columns ? `positions sorted by remainder: 0, ${show(s.rate)}, ${show(2 * s.rate)} …, 1, ${show(s.rate + 1)} …` : `positions in order${index ? "; pairs that the first tiles have done are not needed again" : ""}`;
    // What the first tiles have done, in a piece after them: strips of a tone of its own, or mixed.
    const done = (see) => (index === 0 ? "" : mixes(s, see) ? `; where tones mix, one pair in ${show(s.rate)} is done already` : "; lines along the diagonal: done already");
    const total = columns ? piece.column * piece.rate : piece.block * piece.blocks;
    const part = enlargement(piece, columns ? 0 : piece.reach[0]);
    if (tiles <= SHOWN + 2 || part.see.top + part.see.cells > 0.67 * total) return { order, drawings: [{ part: `${whole}: ${count(tiles, "tile")} of ${each}${done(view(total))}`, see: view(total), draw }] };
    const { from, top, cells } = part.see;
    const zoom = { from: Math.max(0, from), top, size: cells + Math.min(0, from) };
    return {
      order,
      drawings: [
        { part: `${whole}${done(view(total))}`, see: view(total), draw, zoom },
        { part: `${part.which}, each ${each}${from < 0 ? "; left of the dashed line: padding" : ""}${done(part.see)}`, see: part.see, draw },
      ],
    };
  });
}

/** The part of a piece to enlarge: its first tiles, or where they reach far, the first that reach over no edge. */
function enlargement({ block, reach, shape: [tiles] }, before) {
  const far = before + reach[1];
  if (before <= 2 * block) return { which: `the first ${SHOWN} of ${show(tiles)} tiles`, see: view(SHOWN * block + before, -before) };
  const top = Math.ceil(before / block) * block;
  return { which: `enlarged from query ${show(top)} on: ${show(tiles)} tiles in all`, see: view(block + far, top - before, top) };
}

function squareNode({ part, see, draw, zoom }, order, hatch) {
  const { tiles, needed, band, spared, density, tile } = draw(see);
  const edge = Math.max(0, -see.from * see.scale); // where the first key is
  const mark = zoom ? Math.max(7, zoom.size * see.scale) : 0;
  const place = (x) => number(clamp(x * see.scale, 1, SIDE - mark - 1));
  return el(
    "div",
    { class: "bk-square" },
    el(
      "svg",
      { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "bk-svg bk-tiles", role: "img", "aria-label": `Tiles, ${part}; ${order}.` },
      el("rect", { x: edge, y: 0, width: SIDE - edge, height: SIDE, class: "bk-off" }),
      el("path", { d: tiles, class: "bk-wasted", style: `fill:url(#${hatch})` }),
      el("path", { d: needed, class: "bk-needed", style: `fill-opacity:${density.toFixed(2)}` }),
      band ? el("path", { d: band, class: "bk-needed" }) : null,
      spared ? el("path", { d: spared, class: "bk-spared" }) : null,
      // Outlines of tiles as small as a line would hide what is in them.
      tile < 5 ? null : el("path", { d: tiles, class: "bk-tile" }),
      edge > 0 ? el("line", { x1: edge, y1: 0, x2: edge, y2: SIDE, class: "bk-border" }) : null,
      mark ? el("rect", { x: place(zoom.from), y: place(zoom.top), width: number(mark), height: number(mark), class: "bk-at" }) : null,
    ),
    el("p", { class: "bk-title" }, part),
  );
}

// --- the chart -----------------------------------------------------------------------------------

/** Which measured points belong to these settings: [pattern, half_width, rate, n, training, time]. */
function measuredPoints(s, pattern) {
  const { points, heads, depth } = s.measured;
  if (s.heads !== heads || s.depth !== depth || s.causal) return [];
  return points.filter(
    ([kind, half_width, rate, , training]) =>
      kind === pattern && training === s.training && (!USES_WIDTH.has(kind) || half_width === s.half_width) && (!USES_RATE.has(kind) || rate === s.rate),
  );
}

function drawChart(s, dense, own) {
  const { width, height, left, right, top, bottom } = CHART;
  const marks = { dense: measuredPoints(s, "full"), own: s.pattern === "full" ? [] : measuredPoints(s, s.pattern) };
  const times = [...dense, ...own, ...marks.dense.map((p) => p[5]), ...marks.own.map((p) => p[5])];
  const low = Math.floor(Math.log10(Math.min(...times)));
  const high = Math.max(low + 2, Math.ceil(Math.log10(Math.max(...times))));
  const x = (n) => number(left + ((Math.log2(n) - 8) / 8) * (width - left - right));
  const y = (time) => number(height - bottom - ((Math.log10(time) - low) / (high - low)) * (height - top - bottom));
  const line = (values) => `M${values.map((time, k) => `${x(LENGTHS[k])} ${y(time)}`).join("L")}`;
  const decades = Array.from({ length: high - low + 1 }, (_, k) => Number(`1e${low + k}`));
  const label = (time) => (time >= 1e4 ? `10${"⁴⁵⁶⁷⁸⁹"[Math.round(Math.log10(time)) - 4]}` : time >= 1 ? show(time) : String(time));
  const diamond = (a, b) => `M${a} ${number(b - 4.5)}l4.5 4.5l-4.5 4.5l-4.5 -4.5z`;
  const last = Math.max(...[...marks.dense, ...marks.own].map((p) => p[3]));
  const beyond = Number.isFinite(last) ? width - right - x(last) : 0;
  return [
    beyond > 0 ? el("rect", { x: x(last), y: top, width: number(beyond), height: height - top - bottom, class: "bk-beyond" }) : null,
    beyond > 70 ? el("text", { x: width - right - 4, y: height - bottom - 6, class: "bk-axis bk-axis-end" }, "model alone") : null,
    ...decades.flatMap((time) => [
      el("line", { x1: left, x2: width - right, y1: y(time), y2: y(time), class: "bk-grid" }),
      el("text", { x: left - 5, y: y(time) + 4, class: "bk-axis bk-axis-end" }, label(time)),
    ]),
    ...[256, 1024, 4096, 16384, 65536].map((n) => el("text", { x: Math.min(x(n), width - 22), y: height - 7, class: "bk-axis" }, show(n))),
    el("line", { x1: x(s.n), x2: x(s.n), y1: top, y2: height - bottom, class: "bk-cursor" }),
    el("path", { d: line(dense), class: "bk-curve bk-curve-dense" }),
    s.pattern === "full" ? null : el("path", { d: line(own), class: "bk-curve" }),
    el("path", { d: marks.own.map((p) => diamond(x(p[3]), y(p[5]))).join(""), class: "bk-measured" }),
    ...marks.dense.map((p) => el("circle", { cx: x(p[3]), cy: y(p[5]), r: 3.6, class: "bk-measured-dense" })),
  ].filter(Boolean);
}

/** A sample of a line and its mark for the legend. */
const sample = (className, mark) => el("svg", { viewBox: "0 0 34 12", class: "bk-sample", "aria-hidden": "true" }, el("path", { d: "M0 6h34", class: `bk-curve ${className}` }), mark);

function chartLegend(s, name) {
  const shown = measuredPoints(s, "full").length > 0;
  const own = measuredPoints(s, s.pattern).length > 0;
  const words = (has) => (has ? "model, and measured" : "model");
  const { heads, depth } = s.measured;
  const why = [];
  if (!shown) why.push(`measured with ${heads} heads of depth ${depth}, not causal`);
  else if (!own) {
    const sizes = [...new Set(s.measured.points.filter(([kind]) => kind === s.pattern).map(([, w, r]) => [USES_WIDTH.has(s.pattern) && `half-width ${w}`, USES_RATE.has(s.pattern) && `rate ${r}`].filter(Boolean).join(", ")))];
    why.push(`${name} measured with ${sizes.join(" or ")}`);
  }
  return [
    el("span", {}, sample("bk-curve-dense", shown ? el("circle", { cx: 17, cy: 6, r: 3.6, class: "bk-measured-dense" }) : null), `dense: ${words(shown)}`),
    s.pattern === "full" ? null : el("span", {}, sample("", own ? el("path", { d: "M17 1.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z", class: "bk-measured" }) : null), `${name}: ${words(own)}`),
    why.length ? el("span", {}, `(${why.join("; ")})`) : null,
  ].filter(Boolean);
}

// --- the figure ----------------------------------------------------------------------------------

function render({ model, el: root }) {
  const names = ["pattern", "n", "half_width", "rate", "heads", "depth", "causal", "training", "budget", "controls", "measured", "caption"];
  const controls = [
    choice(model, "pattern", "pattern", PATTERNS),
    powers(model, "n", "length n (tokens)", 8, 16),
    powers(model, "half_width", "half-width", 0, 10),
    powers(model, "rate", "rate", 1, 9),
    powers(model, "heads", "heads", 0, 4),
    powers(model, "depth", "depth", 4, 7),
    choice(model, "budget", "memory limit", BUDGETS.map((gb) => [gb, `${gb} GB`])),
    toggle(model, "causal", "causal: no looking ahead"),
    toggle(model, "training", "with gradient: a training step"),
  ];
  const shown = controls.filter((control) => model.get("controls").includes(control.name));
  const hatch = freshId("hatch");
  const defs = el(
    "svg",
    { class: "bk-defs", "aria-hidden": "true" },
    el(
      "defs",
      {},
      el(
        "pattern",
        { id: hatch, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        el("rect", { width: 6, height: 6, class: "bk-hatch-ground" }),
        el("rect", { width: 1.6, height: 6, class: "bk-hatch-line" }),
      ),
    ),
  );
  const tiles = el("div", { class: "bk-pieces" });
  const key = (kind, words) => el("span", {}, el("i", { class: `bk-key bk-key-${kind}` }), words);
  const legend = el("div", { class: "bk-legend" }, key("needed", "needed"), key("wasted", "computed, not needed"), key("skipped", "skipped"));
  const status = el("p", { class: "bk-status bk-told", role: "status", "aria-live": "polite" });
  const price = el("dl", { class: "bk-ledger" });
  const chart = el("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: "bk-svg", role: "img" });
  const chartKey = el("div", { class: "bk-legend" });
  const memory = el("p", { class: "bk-memory" });
  const title = (text) => el("p", { class: "bk-title" }, text);
  mount(
    root,
    model,
    "What it costs",
    shown.length ? el("div", { class: "bk-controls" }, ...shown.map((control) => control.node)) : null,
    // Directly under the controls: on a phone nothing else is in sight of them.
    status,
    el("div", {}, title("Queries run down, keys across; one head"), tiles, legend, defs),
    el(
      "div",
      { class: "bk-panels bk-costs" },
      el("div", { class: "bk-panel" }, title("What is computed"), price, memory),
      el("div", { class: "bk-panel" }, title(`Time against n; the unit of time is one product of two ${by(1024, 1024)} matrices`), chart, chartKey),
    ),
  );

  let timer = null;
  function say(text) {
    // Said after a pause, not at every step of a slider.
    clearTimeout(timer);
    if (!status.textContent) status.textContent = text;
    else timer = setTimeout(() => (status.textContent = text), PAUSE);
  }

  let drawnTiles = null;
  function drawTiles(s, plan) {
    const settings = [s.pattern, s.n, s.half_width, s.rate, s.causal].join();
    if (settings === drawnTiles) return;
    drawnTiles = settings;
    const pieces = drawingsOf(s, plan);
    const named = (order, k) => (pieces.length > 1 ? `${k + 1} of ${pieces.length}: ${order}` : capital(order));
    tiles.replaceChildren(
      ...pieces.map(({ order, drawings }, k) =>
        el("div", { class: "bk-piece" }, title(named(order, k)), el("div", { class: "bk-squares" }, ...drawings.map((drawing) => squareNode(drawing, order, hatch)))),
      ),
    );
  }

  function draw() {
    const s = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    for (const control of controls) {
      control.update((control.name !== "half_width" || USES_WIDTH.has(s.pattern)) && (control.name !== "rate" || USES_RATE.has(s.pattern)));
    }
    const name = PATTERNS.find(([value]) => value === s.pattern)[1];
    const plan = planOf(s.pattern, s.n, s);
    const needed = pairsNeeded(s.pattern, s.n, s);
    const all = s.n * s.n;
    drawTiles(s, plan);

    const coefficients = s.measured.model;
    const time = (pattern, n) => predictTime(coefficients, pattern, n, s);
    const [dense, own] = [time("full", s.n), time(s.pattern, s.n)];
    chart.replaceChildren(...drawChart(s, LENGTHS.map((n) => time("full", n)), LENGTHS.map((n) => time(s.pattern, n))));
    chart.setAttribute("aria-label", `Time against n on two logarithmic axes. At n = ${show(s.n)}: dense ${brief(dense)}, ${name} ${brief(own)} products.`);
    chartKey.replaceChildren(...chartLegend(s, name));
    const row = (term, value) => [el("dt", {}, term), el("dd", {}, value)];
    price.replaceChildren(
      ...row("pairs needed, a head", show(needed)),
      ...row("scores computed", show(plan.executed)),
      ...(plan.pieces.length > 1 ? plan.pieces.flatMap(({ rate, shape: [t, q, k] }) => row(`scores of the ${rate > 1 ? "strided" : "window"} tiles`, show(t * q * k))) : []),
      ...row("share of all n × n", percent(plan.executed, all)),
      ...row("computed for each needed", show(plan.executed / needed, 2)),
      ...row(`operations, ${count(s.heads, "head")}, forward`, operations(4 * plan.executed * s.depth * s.heads)),
      ...row("memory of the largest part", bytes(s.heads * bytesHeld(plan, s.n, s.depth))),
      ...row(`time, ${s.training ? "with gradient" : "forward"}, in products`, brief(own)),
      ...(s.pattern === "full" ? [] : row("the same, dense attention", brief(dense))),
    );
    const fits = (pattern) => about(largestN(coefficients, pattern, s.budget * GIGABYTE, s, MOST));
    const others = `dense attention up to ${fits("full")}, exact attention in chunks up to ${fits("chunked")}`;
    memory.textContent = `Fits in ${s.budget}\u00a0GB${s.training ? ", with the gradient" : ""}: ${s.pattern === "full" ? others : `${name} up to ${fits(s.pattern)}, ${others}`}.`;
    const settings = [
      capital(name),
      s.causal && "causal",
      s.training && "with gradient",
      `n = ${show(s.n)}`,
      USES_WIDTH.has(s.pattern) && `half-width ${show(s.half_width)}`,
      USES_RATE.has(s.pattern) && `rate ${show(s.rate)}`,
      `${count(s.heads, "head")} of depth ${s.depth}`,
    ];
    const why = plan.path === "dense" && s.pattern !== "full" ? ` (${TOO_LITTLE})` : "";
    const speed = s.pattern === "full" ? "" : `, ${versus(dense / own)} by the model`;
    say(`${settings.filter(Boolean).join(", ")}: ${percent(plan.executed, all)} of all scores computed${why}${speed}; fits ${s.budget}\u00a0GB up to ${fits(s.pattern)}.`);
  }
  return redrawOn(model, names, draw);
}

export default { render };
