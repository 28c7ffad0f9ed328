// Attention by hand: scores, masked scores, weights and output of a few tokens, every number on show and every score changeable.
import { alike, button, clamp, el, freshId, mount, redrawOn, slider, undoHistory, walkCells } from "../static/kit.js";
import { attentionOutput, attentionWeights } from "../static/rules.js";

const EDITED = ["scores", "mask", "temperature"]; // what undo and start again bring back
const LARGEST = 10000; // as in Python
const STEP = 0.1; // one press of + or −
const DARKEST = 42; // percent of colour in a cell; with more, its number would be hard to read on the dark page
const DRAG = 6; // pixels of dragging for one step
const NOTHING_ALLOWED = "no key allowed: zeros, not NaN";

/** Fixed digits with a real minus sign. Hundreds of cells follow every drag, too many to ask the locale each time. */
function fixed(x, digits) {
  const text = Math.abs(x).toFixed(digits);
  return x < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** A number that fits a narrow cell: two digits, fewer if it is large. */
function brief(x) {
  const size = Math.abs(x);
  if (size >= 1000) return fixed(x, 0);
  return fixed(x, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

/** A number of the worked line: three digits, or a power of ten where they would say nothing. */
function worked(x) {
  const size = Math.abs(x);
  if (size !== 0 && (size < 0.0005 || size >= 100000)) return x.toExponential(1).replace("e+", "e").replaceAll("-", "−");
  return fixed(x, 3);
}

/** A token in quotes; one that occurs twice is named by its position too. */
function quoted(tokens, i) {
  const twice = tokens.indexOf(tokens[i]) !== tokens.lastIndexOf(tokens[i]);
  return `"${tokens[i]}"${twice ? ` (position ${i})` : ""}`;
}

const replaced = (matrix, i, j, value) => matrix.map((row, r) => (r === i ? row.map((x, c) => (c === j ? value : x)) : row));
const causal = (n) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (j <= i ? 1 : 0)));
/** Negative scores shade one way, positive ones the other; it saturates, so that no score hides its own number. */
const scoreShade = (score) => score / (Math.abs(score) + 1.5);

function attentionSentence(s, weights) {
  const [query, key] = [quoted(s.tokens, s.query), quoted(s.tokens, s.key)];
  if (!s.mask[s.query].includes(1)) return `Query ${query} may attend to no key, so it gets zeros.`;
  if (!s.mask[s.query][s.key]) return `Query ${query} gives nothing to ${key}: the mask hides it.`;
  return `Query ${query} gives ${fixed(weights[s.query][s.key], 2)} of its attention to ${key}.`;
}

/** Say what one change did; null for a change of many cells. */
function changeSentence(s, before) {
  if (s.temperature !== before.temperature) return `Temperature ${fixed(s.temperature, 1)}.`;
  const pair = (i, j) => `query ${quoted(s.tokens, i)} for key ${quoted(s.tokens, j)}`;
  for (const [name, say] of [
    ["scores", (i, j) => `Score of ${pair(i, j)}: ${fixed(s.scores[i][j], 2)}.`],
    ["mask", (i, j) => `Key ${quoted(s.tokens, j)} is ${s.mask[i][j] ? "open to" : "hidden from"} query ${quoted(s.tokens, i)}.`],
  ]) {
    const cells = s[name].flatMap((row, i) => row.flatMap((x, j) => (x === before[name][i][j] ? [] : [[i, j]])));
    if (cells.length === 1) return say(...cells[0]);
  }
  return null;
}

/** A table of numbers with named rows and columns; `cells[i][j]` are its td, filled by `fill`. */
function matrix(table, rows, columns, { corner = null, id = null, groups = null } = {}) {
  const cells = rows.map((_, i) => columns.map((_, j) => el("td", id ? { id: `${id}-${i}-${j}`, "data-cell": `${i} ${j}` } : { "data-cell": `${i} ${j}` })));
  const heads = columns.map((name) => el("th", { scope: "col", title: name }, name));
  const edge = el(corner ? "th" : "td", { class: "bk-corner", scope: corner ? "col" : null, rowspan: groups ? 2 : null }, corner ?? "");
  const lines = rows.map((name, i) => el("tr", {}, el("th", { scope: "row", title: name }, name), ...cells[i]));
  const top = groups
    ? [el("tr", {}, edge, ...groups.map(([name, span]) => el("th", { scope: "colgroup", colspan: span, class: "bk-group" }, name))), el("tr", {}, ...heads)]
    : [el("tr", {}, edge, ...heads)];
  table.replaceChildren(el("thead", {}, ...top), el("tbody", {}, ...lines));
  table.style.setProperty("--bk-columns", columns.length);
  table.classList.toggle("bk-many", columns.length > 6);
  return { cells, heads, lines };
}

function fill(td, text, { shade = 0, share = null, hidden = false, chosen = false, row = false } = {}) {
  const look = [text, shade.toFixed(3), share, hidden, chosen, row].join();
  if (look === td.look) return; // most cells stay as they are, and styling them again costs a frame
  td.look = look;
  td.textContent = text;
  td.className = [shade < 0 ? "bk-against" : "bk-for", hidden && "bk-hidden", chosen && "bk-chosen", row && "bk-inrow"].filter(Boolean).join(" ");
  td.style.setProperty("--bk-shade", `${(DARKEST * Math.abs(shade)).toFixed(1)}%`);
  if (share !== null) td.style.setProperty("--bk-share", `${(100 * share).toFixed(1)}%`);
}

function render({ model, el: root }) {
  const names = ["tokens", "scores", "values", "value_names", "mask", "temperature", "query", "key", "controls", "caption"];
  const can = (name) => model.get("controls").includes(name);
  const state = () => {
    const s = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    s.query = clamp(s.query, 0, s.tokens.length - 1);
    s.key = clamp(s.key, 0, s.tokens.length - 1);
    return s;
  };
  const history = undoHistory(model, EDITED, { gestures: ["temperature"], tell: (before) => changeSentence(state(), before) ?? "Several numbers changed." });
  const { edit } = history;

  const choose = (query, key) => history.look({ query, key });
  const setScore = (score, by) => {
    const { scores, query, key } = state();
    if (can("score")) edit({ scores: replaced(scores, query, key, clamp(score, -LARGEST, LARGEST)) }, { by });
  };
  const nudge = (steps, from, by) => setScore(Math.round((from + steps * STEP) * 100) / 100, by);
  const flip = () => {
    const { mask, query, key } = state();
    if (can("mask")) edit({ mask: replaced(mask, query, key, mask[query][key] ? 0 : 1) });
  };

  // Controls.
  const scoreLabel = el("label", { for: freshId("score") });
  const score = el("input", { type: "number", id: scoreLabel.getAttribute("for"), step: STEP, min: -LARGEST, max: LARGEST });
  score.addEventListener("input", () => score.value !== "" && setScore(Number(score.value), "typing"));
  score.addEventListener("blur", () => {
    history.endGesture();
    draw();
  });
  const maskLabel = el("label", { for: freshId("mask") });
  const mask = el("input", { type: "checkbox", id: maskLabel.getAttribute("for") });
  mask.addEventListener("change", flip);
  const temperature = slider(model, "temperature", "temperature", { min: 0.1, max: 5, step: 0.1, text: (x) => fixed(x, 1) });
  const { undo, again } = history.buttons;
  const future = button("mask the future", () => edit({ mask: causal(state().tokens.length) }, { say: "The future is masked." }));
  const buttons = [...(can("mask") ? [future] : []), ...(can("history") ? [undo, again] : [])];
  const shown = [
    can("score") ? el("div", { class: "bk-control bk-named" }, scoreLabel, score) : null,
    can("temperature") ? temperature.node : null,
    can("mask") ? el("div", { class: "bk-control bk-toggle" }, mask, maskLabel) : null,
    buttons.length ? el("div", { class: "bk-buttons" }, ...buttons) : null,
  ].filter(Boolean);

  // The four stages.
  const stage = (number, title, ...tables) => el("div", { class: "bk-stage" }, el("p", { class: "bk-title" }, el("b", {}, `${number} `), title), ...tables);
  const scores = el("table", { class: "bk-matrix bk-editable", role: "grid", tabindex: "0" });
  const masked = el("table", { class: "bk-matrix" });
  const weights = el("table", { class: "bk-matrix" });
  const output = el("table", { class: "bk-matrix bk-outputs" });
  const empty = el("p", { class: "bk-title bk-note" });
  const stages = el(
    "div",
    { class: "bk-stages" },
    stage(1, "Scores: q·k / √d", scores),
    stage(2, "Masked: hidden keys score −∞", masked),
    stage(3, "Weights: softmax(score / T); rows sum to 1, or to 0 if nothing is allowed", weights, empty),
    stage(4, "Output: the values, averaged by the weights", output),
  );
  const status = el("p", { class: "bk-status", role: "status", "aria-live": "polite" });
  const ledgerTitle = el("p", { class: "bk-title" });
  const ledger = el("table", { class: "bk-worked" });
  const scroll = el("div", { class: "bk-scroll", role: "region", tabindex: "0" }, ledger);
  const division = el("p", { class: "bk-division" });
  const hint = el("p", { class: "bk-title" });
  mount(
    root,
    model,
    "Attention by hand",
    shown.length ? el("div", { class: "bk-controls" }, ...shown) : null,
    el("div", {}, status, hint),
    stages,
    el("div", {}, ledgerTitle, scroll, division),
  );

  // The tables themselves change only with the tokens; numbers are filled in place, so that focus and a drag survive.
  const cellId = freshId("cell");
  let tables = null;
  let laidOut = null;
  function layOut(s) {
    const d = s.value_names.length;
    tables = {
      scores: matrix(scores, s.tokens, s.tokens, { corner: "query ↓ key →", id: cellId }),
      masked: matrix(masked, s.tokens, s.tokens, { corner: "query ↓ key →" }),
      weights: matrix(weights, s.tokens, s.tokens, { corner: "query ↓ key →" }),
      output: matrix(output, s.tokens, [...s.value_names, ...s.value_names], { groups: [["value of the key", d], ["output of the query", d]] }),
    };
    stages.classList.toggle("bk-wide", Math.max(s.tokens.length, 2 * d) > 6);
    if (laidOut) history.restart();
    laidOut = JSON.stringify([s.tokens, s.value_names]);
  }

  const cellAt = (event) => {
    const td = event.target.closest?.("td[data-cell]");
    return td ? td.dataset.cell.split(" ").map(Number) : null;
  };
  const at = () => [state().query, state().key];
  const size = () => [state().tokens.length, state().tokens.length];
  for (const table of [scores, masked, weights]) {
    walkCells(table, { cellAt, at, size, choose, hover: false });
    table.addEventListener("dblclick", (event) => cellAt(event) && table !== weights && flip());
  }
  scores.addEventListener("keydown", (event) => {
    const steps = { "+": 1, "=": 1, "-": -1, "−": -1 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(steps || event.key === " " || event.key === "Enter")) return;
    const s = state();
    if (steps) nudge(steps, s.scores[s.query][s.key], "keys");
    else flip();
    event.preventDefault();
    event.stopPropagation();
  });

  // A mouse takes hold of any score; a finger only of the chosen one, elsewhere it scrolls the page.
  let drag = null;
  scores.addEventListener("pointerdown", (event) => {
    const cell = cellAt(event);
    if (!cell || event.button !== 0 || !can("score")) return;
    const chosen = cell[0] === at()[0] && cell[1] === at()[1];
    if (!chosen && event.pointerType === "touch") return;
    if (!chosen) choose(...cell);
    drag = { y: event.clientY, from: state().scores[cell[0]][cell[1]], moved: false, by: freshId("drag") };
  });
  scores.addEventListener("pointermove", (event) => {
    if (!event.buttons) drag = null; // let go outside
    if (!drag) return;
    const steps = Math.round((drag.y - event.clientY) / DRAG);
    if (!drag.moved && steps === 0) return;
    // Captured only now, because a captured pointer would take the double click away from its cell.
    if (!drag.moved) scores.setPointerCapture(event.pointerId);
    drag.moved = true;
    nudge(steps, drag.from, drag.by);
  });
  for (const end of ["pointerup", "pointercancel"]) scores.addEventListener(end, () => (drag = null));

  function drawStages(s, w, out) {
    const n = s.tokens.length;
    for (let i = 0; i < n; i++) {
      for (const { lines } of Object.values(tables)) lines[i].classList.toggle("bk-query", i === s.query);
      for (let j = 0; j < n; j++) {
        const where = { row: i === s.query, chosen: i === s.query && j === s.key };
        const hidden = !s.mask[i][j];
        const shade = scoreShade(s.scores[i][j]);
        fill(tables.scores.cells[i][j], brief(s.scores[i][j]), { ...where, shade });
        fill(tables.masked.cells[i][j], hidden ? "−∞" : brief(s.scores[i][j]), { ...where, hidden, shade: hidden ? 0 : shade });
        fill(tables.weights.cells[i][j], fixed(w[i][j], 2), { ...where, hidden, shade: w[i][j], share: w[i][j] });
        tables.scores.cells[i][j].ariaSelected = where.chosen;
      }
      s.values[i].forEach((value, c) => {
        fill(tables.output.cells[i][c], brief(value), { chosen: i === s.key });
        fill(tables.output.cells[i][s.value_names.length + c], brief(out[i][c]), { row: i === s.query });
      });
    }
    for (const { heads } of [tables.scores, tables.masked, tables.weights]) heads.forEach((head, j) => head.classList.toggle("bk-key-head", j === s.key));
    scores.setAttribute("aria-activedescendant", `${cellId}-${s.query}-${s.key}`);
  }

  function drawLedger(s, w, out) {
    const row = s.scores[s.query];
    const allowed = s.mask[s.query];
    const scaled = row.map((x) => x / s.temperature);
    const top = Math.max(...scaled.filter((_, j) => allowed[j]));
    // Subtracting the highest from every exponent changes no weight; without it exp would overflow, or show only zeros.
    const shift = Number.isFinite(top) && (top > 10 || top < -4) ? top : 0;
    const exps = scaled.map((x, j) => (allowed[j] ? Math.exp(x - shift) : 0));
    const total = exps.reduce((a, b) => a + b, 0);
    const ratio = "score\u00a0/\u00a0T";
    const exponent = shift ? `exp(${ratio}\u00a0−\u00a0m)` : `exp(${ratio})`;
    const td = (text) => el("td", {}, text);
    ledger.replaceChildren(
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ...["key", "score", "allowed", ratio, exponent, "weight", ...s.value_names, ...s.value_names.map((name) => `weight × ${name}`)].map((text) => el("th", { scope: "col" }, text)),
        ),
      ),
      el(
        "tbody",
        {},
        ...s.tokens.map((token, j) =>
          el(
            "tr",
            { class: j === s.key ? "bk-key-row" : null },
            el("th", { scope: "row" }, token),
            td(fixed(row[j], 2)),
            td(allowed[j] ? "yes" : "no"),
            td(allowed[j] ? fixed(scaled[j], 2) : "−∞"),
            td(worked(exps[j])),
            td(fixed(w[s.query][j], 3)),
            ...s.values[j].map((value) => td(fixed(value, 2))),
            ...s.values[j].map((value) => td(worked(w[s.query][j] * value))),
          ),
        ),
      ),
      el(
        "tfoot",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "row" }, "sum"),
          ...["", "", ""].map((text) => td(text)),
          td(worked(total)),
          td(fixed(w[s.query].reduce((a, b) => a + b, 0), 3)),
          ...s.value_names.map(() => td("")),
          ...out[s.query].map((value) => td(worked(value))),
        ),
      ),
    );
    const query = quoted(s.tokens, s.query);
    ledgerTitle.textContent = `The row of query ${query}, worked out with T\u00a0=\u00a0${fixed(s.temperature, 1)}`;
    scroll.setAttribute("aria-label", `The row of query ${query}, worked out key by key`);
    const key = quoted(s.tokens, s.key);
    const note = shift ? ` m = ${fixed(shift, 2)}, the highest score / T, is taken off every exponent; it cancels out.` : "";
    division.textContent = allowed.includes(1)
      ? `Weight of ${key}: ${worked(exps[s.key])} ÷ ${worked(total)} = ${fixed(w[s.query][s.key], 3)}.${note}`
      : `Nothing to divide by: ${NOTHING_ALLOWED}.`;
  }

  function draw() {
    const s = state();
    if (laidOut !== JSON.stringify([s.tokens, s.value_names])) layOut(s);
    history.note();
    const w = attentionWeights(s.scores, s.mask, s.temperature);
    const out = attentionOutput(w, s.values);
    const [query, key] = [quoted(s.tokens, s.query), quoted(s.tokens, s.key)];
    drawStages(s, w, out);
    drawLedger(s, w, out);
    temperature.update();
    scoreLabel.textContent = `score of query ${query} for key ${key}`;
    maskLabel.textContent = `query ${query} may attend to key ${key}`;
    mask.checked = Boolean(s.mask[s.query][s.key]);
    // Not while the same number is being typed: "1." would lose its point.
    if (document.activeElement !== score || Number(score.value) !== s.scores[s.query][s.key]) score.value = Number(s.scores[s.query][s.key].toFixed(4));
    future.setAttribute("aria-disabled", alike(s.mask, causal(s.tokens.length)));
    const without = s.tokens.flatMap((_, i) => (s.mask[i].includes(1) ? [] : [quoted(s.tokens, i)]));
    empty.textContent = without.length ? `Row ${without.join(", ")}: ${NOTHING_ALLOWED}.` : "";
    empty.hidden = !without.length;
    const n = s.tokens.length;
    const doing = [can("score") && "plus and minus change it", can("mask") && "Space hides or opens it"].filter(Boolean).join(", ");
    scores.setAttribute("aria-label", `Scores of ${n} queries (rows) for ${n} keys (columns). Arrow keys choose a score${doing ? `, ${doing}` : ""}.`);
    masked.setAttribute("aria-label", "Scores after the mask");
    weights.setAttribute("aria-label", "Attention weights; a row sums to 1, or to 0 if nothing is allowed");
    output.setAttribute("aria-label", "Values of the keys and outputs of the queries");
    hint.textContent = [
      "Choose a score with a click or the arrow keys.",
      can("score") && "Drag it up or down, or press + and −.",
      can("mask") && "A double click or the space bar hides the key.",
    ]
      .filter(Boolean)
      .join(" ");
    status.textContent = [history.news(), attentionSentence(s, w)].filter(Boolean).join(" ");
  }
  return redrawOn(model, names, draw);
}

export default { render };
