// Mask laboratory: any mask on the reader's own words, drawn, told, counted, and tested on attention layers that run in the page.
import { alike, choice, clamp, count, el, freshId, mount, percent, redrawOn, show, slider, svgPoint, toggle, undoHistory, walkCells } from "../static/kit.js";
import { drawFlow, drawLooks, drawMask, shortWord, MASK_DRAWING } from "../static/mask_drawing.js";
import { compareMasks, describeMask, fittedParameters, laboratoryLayers, laboratoryMask, measuredLeakage, reachThrough, seenThrough } from "../static/mask_rules.js";

const SCHEMES = [
  ["full", "bidirectional"],
  ["causal", "causal"],
  ["reversed", "reversed causal"],
  ["permuted", "permuted causal"],
  ["query", "query stream"],
  ["prefix", "prefix"],
  ["infill", "holes to fill"],
  ["packed", "packed documents"],
  ["blocks", "block causal"],
  ["tree", "tree"],
  ["padding", "padding"],
  ["global", "global positions"],
  ["local", "window"],
  ["atrous", "strided"],
  ["empty", "empty"],
];
const HOWS = [
  ["alone", "alone"],
  ["and", "and a second"],
  ["or", "or a second"],
  ["but not", "but not a second"],
];
const FAULTS = [
  ["none", "none"],
  ["forgotten", "last layer: none"],
  ["finite", "−1, not −∞"],
  ["after", "softmax, then mask"],
  ["queries", "queries see tokens"],
];
const FAULT_HELP = {
  none: "",
  forgotten: "Fault: the last layer leaves its mask out.",
  finite: "Fault: hidden scores are made smaller by 1, instead of −∞.",
  after: "Fault: the softmax runs over all keys, and hidden weights are set to 0 after it; what they took away from the others can still be seen.",
  queries: "Fault: the queries are made of the tokens too, as in most models; a position whose own key is hidden then sees itself all the same.",
};
/** Which parameter a scheme has. */
const USES = { permuted: "order", query: "order", prefix: "boundary", infill: "marks", packed: "marks", blocks: "marks", tree: "parents", padding: "pads", global: "marks", local: "half_width", atrous: "rate" };
const CHIP_HELP = {
  order: "The order of reading. Drag a word, press the left and right arrow keys on it, or press it and then the place where it goes.",
  infill: "Press a word to make it a hole, or context again.",
  packed: "Press a word to begin a new document there, or not.",
  blocks: "Press a word to begin a new block there, or not.",
  global: "Press a word to make it global, or not.",
  parents: "Press a word, or use its left and right arrow keys, to choose the word that it goes on from.",
};
const MARKED = { infill: ["hole", "context"], packed: ["begins", "goes on"], blocks: ["begins", "goes on"], global: ["global", "local"] };
const CLEAN = "no pair leaks; every allowed pair is used"; // the verdict of `compareMasks`
const FEWEST = 2;
const MOST = 12;
// What undo brings back; of those that make the mask, a change takes back what was flipped by hand.
const MAKES = ["tokens", "scheme", "order", "boundary", "marks", "parents", "pads", "half_width", "rate", "how", "second"];
const KEPT = [...MAKES, "edits", "layers", "residual", "fault"];
const SLIDERS = ["boundary", "pads", "half_width", "rate", "layers"];

const moved = (list, from, to) => {
  const rest = list.filter((_, k) => k !== from);
  rest.splice(to, 0, list[from]);
  return rest;
};
/** A word with its position, which tells it from one that reads the same. */
const named = (s, i) => `${i} "${s.tokens[i]}"`;
const nameOf = (options, value) => options.find(([option]) => option === value)[1];

/** The words of a text: what stands between spaces; Chinese without spaces is taken sign by sign. */
function wordsOf(text) {
  const words = text.trim().split(/\s+/u).filter(Boolean);
  return words.length === 1 && /^\p{Script=Han}+$/u.test(words[0]) ? [...words[0]] : words;
}

/** Say what one change did. */
function changeSentence(s, before) {
  const changed = KEPT.filter((name) => !alike(s[name], before[name]));
  if (changed.includes("tokens")) return `${s.tokens.length} words.`;
  if (changed.includes("scheme")) return `Mask: ${nameOf(SCHEMES, s.scheme)}.`;
  const p = fittedParameters(s);
  const said = {
    how: () => (s.how === "alone" ? "One mask alone." : `${nameOf(SCHEMES, s.scheme)} ${s.how} ${nameOf(SCHEMES, s.second)}.`),
    second: () => `Second mask: ${nameOf(SCHEMES, s.second)}.`,
    order: () => `Order: ${p.order.map((i) => s.tokens[i]).join(", ")}.`,
    boundary: () => `The prefix has ${count(p.boundary, "position")}.`,
    pads: () => `${count(p.pads, "position")} of padding.`,
    half_width: () => `Half-width ${s.half_width}.`,
    rate: () => `Step ${s.rate}.`,
    layers: () => `${count(s.layers, "layer")}.`,
    residual: () => (s.residual ? "Each layer adds its input." : "No layer adds its input."),
    fault: () => FAULT_HELP[s.fault] || "No fault.",
    edits: () => {
      const cells = [...s.edits, ...before.edits].map(String);
      const once = cells.filter((cell) => cells.indexOf(cell) === cells.lastIndexOf(cell));
      return once.length === 1 ? "Flipped." : "Cells changed.";
    },
  };
  return changed.map((name) => said[name]?.()).find(Boolean) ?? "Changed.";
}

/** Everything that the figure says, worked out from its state; nothing of it depends on the chosen cell. */
function workOut(s) {
  const n = s.tokens.length;
  const masks = laboratoryLayers(s);
  const mask = laboratoryMask(s);
  const allowed = reachThrough(masks, n, s.residual);
  const measured = measuredLeakage(masks, n, s.residual, s.fault);
  const pairs = masks.flatMap((layer) => [...layer]).reduce((a, b) => a + b, 0);
  return { n, masks, mask, allowed, measured, pairs, through: seenThrough(masks, n, s.residual), told: describeMask(mask, n), verdict: compareMasks(measured, allowed, n) };
}

function pairSentence(s, work) {
  const c = s.query * work.n + s.key;
  const [query, key] = [named(s, s.query), named(s, s.key)];
  const may = `Query ${query} ${work.mask[c] ? "may" : "may not"} attend to key ${key}`;
  const far = s.layers > 1 && work.allowed[c] && work.through[c] > 1 ? `, and sees it through ${work.through[c]} layers` : "";
  if (work.measured[c] && !work.allowed[c]) return `${may}${far}; yet changing that word changes its output: a leak.`;
  if (work.measured[c]) return `${may}${far}; changing that word changes its output.`;
  return `${may}${far}; changing that word changes nothing there.`;
}

function render({ model, el: root }) {
  const names = [...KEPT, "query", "key", "controls", "views", "caption"];
  const can = (name) => model.get("controls").includes(name);
  const state = () => {
    const s = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    s.query = clamp(s.query, 0, s.tokens.length - 1);
    s.key = clamp(s.key, 0, s.tokens.length - 1);
    return s;
  };
  const history = undoHistory(model, KEPT, { gestures: SLIDERS, tell: (before) => changeSentence(state(), before) });
  const { edit } = history;
  const remake = (changes, options) => edit({ ...changes, edits: [] }, options);
  const choose = (query, key) => history.look({ query, key });
  const flip = (i, j) => {
    const { edits } = state();
    const others = edits.filter(([a, b]) => a !== i || b !== j);
    if (can("edit")) edit({ edits: others.length < edits.length ? others : [...edits, [i, j]] });
  };

  // Controls. What makes the mask takes back the cells that were flipped on another one; in the same step, so that undo brings back both.
  let fresh = false;
  const clearing = (control) => {
    control.node.addEventListener(control.node.querySelector("select") ? "change" : "input", () => (fresh = true), true);
    return control;
  };
  const wordsId = freshId("words");
  const wordsInput = el("input", { type: "text", id: wordsId, autocomplete: "off", spellcheck: "false" });
  const wordsHint = el("p", { class: "bk-title", id: `${wordsId}-hint` }, `${FEWEST} to ${MOST} words, with spaces between them.`);
  wordsInput.setAttribute("aria-describedby", wordsHint.id);
  wordsInput.addEventListener("input", () => {
    const words = wordsOf(wordsInput.value);
    wordsHint.textContent = words.length < FEWEST ? `At least ${FEWEST} words, please.` : words.length > MOST ? `${words.length} words: the first ${MOST} are taken.` : `${FEWEST} to ${MOST} words, with spaces between them.`;
    if (words.length < FEWEST || alike(words.slice(0, MOST), state().tokens)) return;
    const tokens = words.slice(0, MOST);
    const s = { ...state(), tokens };
    const { order, boundary, marks, parents, pads } = fittedParameters(s);
    const inside = s.edits.filter(([i, j]) => Math.max(i, j) < tokens.length);
    edit({ tokens, order, boundary, marks, parents, pads, edits: inside, query: Math.min(s.query, tokens.length - 1), key: Math.min(s.key, tokens.length - 1) }, { by: "typing" });
  });
  wordsInput.addEventListener("blur", () => {
    history.endGesture();
    draw();
  });
  const scheme = clearing(choice(model, "scheme", "mask", SCHEMES));
  const how = clearing(choice(model, "how", "joined", HOWS));
  const second = clearing(choice(model, "second", "second", SCHEMES));
  const layers = slider(model, "layers", "layers", { min: 1, max: 4 });
  const residual = toggle(model, "residual", "each layer adds its input");
  const fault = choice(model, "fault", "fault", FAULTS);
  const most = () => model.get("tokens").length;
  const sizes = {
    boundary: clearing(slider(model, "boundary", "prefix", { min: 0, max: most })),
    pads: clearing(slider(model, "pads", "padding", { min: 0, max: () => most() - 1 })),
    half_width: clearing(slider(model, "half_width", "half-width", { min: 0, max: MOST - 1 })),
    rate: clearing(slider(model, "rate", "step", { min: 1, max: MOST })),
  };
  const { undo, redo, again } = history.buttons;
  const fixed = [can("scheme") && scheme, can("second") && how, can("second") && second, can("layers") && layers, can("fault") && fault, can("residual") && residual].filter(Boolean);
  const changeable = model.get("controls").length > 0;

  const parameters = el("div", { class: "bk-ml-parameters" });
  const told = el("p", { class: "bk-told", role: "status", "aria-live": "polite" });
  const status = el("p", { class: "bk-status", role: "status", "aria-live": "polite" });
  const verdict = el("p", { class: "bk-ml-verdict", role: "status", "aria-live": "polite" });
  const help = el("p", { class: "bk-title" });
  const legend = el("div", { class: "bk-legend" });
  const price = el("dl", { class: "bk-ledger" });
  // "application": a screen reader must hand the arrow keys on.
  const matrix = el("svg", { class: "bk-svg bk-ml", role: "application", "aria-roledescription": "matrix", tabindex: "0" });
  const links = el("svg", { class: "bk-svg bk-ml", role: "img" });
  const linksTitle = el("p", { class: "bk-title" });
  const views = model.get("views");
  mount(
    root,
    model,
    "Mask laboratory",
    can("tokens") ? el("div", {}, el("div", { class: "bk-control bk-ml-words" }, el("label", { for: wordsId }, "words"), wordsInput), wordsHint) : null,
    fixed.length ? el("div", { class: "bk-controls" }, ...fixed.map((control) => control.node)) : null,
    changeable ? el("div", { class: "bk-buttons" }, undo, redo, again) : null,
    can("parameters") ? parameters : null,
    told,
    el(
      "div",
      { class: "bk-panels bk-ml-panels" },
      views.includes("matrix") ? el("div", { class: "bk-panel" }, el("p", { class: "bk-title" }, `Rows: queries. Columns: keys.${can("edit") ? " A press flips a cell." : ""}`), matrix, legend) : null,
      views.includes("arcs") ? el("div", { class: "bk-panel" }, linksTitle, links) : null,
    ),
    status,
    el("div", {}, el("p", { class: "bk-title" }, "Test: attention layers with random weights run in this page. Each word is changed in turn, and every output that changes at all is marked."), verdict, help),
    price,
  );
  root.addEventListener("change", history.endGesture);
  if (changeable) history.bindKeys(root);

  walkCells(matrix, {
    at: () => [state().query, state().key],
    size: () => [most(), most()],
    choose,
    act: can("edit") ? flip : null,
    cellAt(event) {
      const point = svgPoint(matrix, event);
      const { left, top, side } = MASK_DRAWING;
      const [i, j] = point ? [point.y - top, point.x - left].map((x) => Math.floor((x / side) * most())) : [-1, -1];
      return Math.min(i, j) >= 0 && Math.max(i, j) < most() ? [i, j] : null;
    },
  });

  // The words as chips, for the parameters that are one for each position. Chips stay where they are; what they show changes.
  let chips = [];
  let carried = null; // the place in the order of the word that was picked up
  let drag = null;
  const reorder = (from, to, by = null) => {
    const { order } = fittedParameters(state());
    if (to < 0 || to >= order.length || to === from) return;
    const s = state();
    remake({ order: moved(order, from, to) }, { by, say: `${named(s, order[from])} is read at step ${to} now.` });
  };
  const reparent = (i, by) => {
    const s = state();
    const { parents } = fittedParameters(s);
    const parent = ((parents[i] + 1 + by + (i + 1)) % (i + 1)) - 1; // -1, a root, to i - 1
    remake({ parents: parents.map((old, k) => (k === i ? parent : old)) }, { say: parent < 0 ? `${named(s, i)} is a root now.` : `${named(s, i)} goes on from ${named(s, parent)} now.` });
  };
  function pressChip(kind, k) {
    if (kind === "parents") return reparent(k, 1);
    if (kind !== "order") {
      const { marks } = fittedParameters(state());
      const words = MARKED[kind];
      const now = !marks.includes(k);
      return remake({ marks: now ? [...marks, k].sort((a, b) => a - b) : marks.filter((i) => i !== k) }, { say: `${named(state(), k)}: ${words[now ? 0 : 1]}.` });
    }
    const { order } = fittedParameters(state());
    if (carried === null || carried === k) {
      history.say(carried === k ? `${named(state(), order[k])} stays at step ${k}.` : `${named(state(), order[k])} is picked up from step ${k}: press the place where it goes.`);
      carried = carried === k ? null : k;
      return draw();
    }
    const from = carried;
    carried = null;
    return reorder(from, k);
  }
  function onChipKey(kind, k, event, row) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !(kind === "order" || kind === "parents")) return;
    if (kind === "parents") reparent(k, by);
    else {
      carried = null;
      reorder(k, k + by, "keys");
      row.children[clamp(k + by, 0, row.children.length - 1)].focus();
    }
    event.preventDefault();
    event.stopPropagation();
  }
  function dragChips(row) {
    const place = (event) => {
      const at = [...row.children].findIndex((chip) => {
        const box = chip.getBoundingClientRect();
        return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      });
      return at < 0 ? null : at;
    };
    row.addEventListener("pointerdown", (event) => {
      const at = event.button === 0 ? place(event) : null;
      if (at !== null) drag = { at, by: freshId("drag"), moved: false };
    });
    row.addEventListener("pointermove", (event) => {
      if (!event.buttons) drag = null; // let go outside
      const at = drag ? place(event) : null;
      if (at === null || at === drag.at) return;
      if (!drag.moved) row.setPointerCapture(event.pointerId);
      [carried, drag.moved] = [null, true];
      reorder(drag.at, at, drag.by);
      drag.at = at;
      row.children[at].focus();
    });
    // The click at the end of a drag is none.
    row.addEventListener("click", (event) => drag?.moved && (event.stopPropagation(), event.preventDefault()), true);
    for (const end of ["pointerup", "pointercancel"]) row.addEventListener(end, () => setTimeout(() => (drag = null)));
  }

  let laid = null;
  function layParameters(kinds, n) {
    const shape = JSON.stringify([kinds, n]);
    if (laid === shape) return;
    laid = shape;
    [chips, carried, drag] = [[], null, null];
    const parts = [];
    for (const [use, kind] of kinds) {
      if (sizes[use]) {
        parts.push(el("div", { class: "bk-controls" }, sizes[use].node));
        continue;
      }
      const title = el("p", { class: "bk-title", id: freshId("chips") }, CHIP_HELP[kind]);
      const row = el("div", { class: `bk-chips bk-chips-${use}`, role: "group", "aria-labelledby": title.id });
      const mine = Array.from({ length: n }, (_, k) => {
        // The first position begins a document, or is a root, whatever is pressed.
        const fixedOne = k === 0 && !["order", "infill", "global"].includes(kind);
        const chip = el(fixedOne ? "span" : "button", { class: "bk-chip", type: fixedOne ? null : "button" }, el("span", {}), el("small", {}));
        if (!fixedOne) {
          chip.addEventListener("click", () => pressChip(kind, k));
          chip.addEventListener("keydown", (event) => onChipKey(kind, k, event, row));
        }
        return Object.assign(chip, { fill: (s, p) => fillChip(chip, kind, k, s, p) });
      });
      row.append(...mine);
      chips = [...chips, ...mine];
      if (use === "order") dragChips(row);
      parts.push(el("div", {}, title, row));
    }
    parameters.replaceChildren(...parts);
    for (const node of parameters.querySelectorAll("input, button")) node.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  function fillChip(chip, kind, k, s, p) {
    const i = kind === "order" ? p.order[k] : k;
    const marked = p.marks.includes(i) || (k === 0 && (kind === "packed" || kind === "blocks"));
    const note = kind === "order" ? `step ${k}` : kind === "parents" ? (p.parents[i] < 0 ? "root" : `after ${p.parents[i]}`) : MARKED[kind][marked ? 0 : 1];
    const [word, small] = chip.children;
    word.textContent = `${i} ${shortWord(s.tokens[i], 6)}`;
    small.textContent = note;
    chip.title = s.tokens[i];
    if (chip.tagName === "BUTTON") {
      chip.setAttribute("aria-label", `${i} ${s.tokens[i]} ${note}`); // with the whole word
      if (kind !== "parents") chip.setAttribute("aria-pressed", kind === "order" ? carried === k : marked);
    }
    chip.classList.toggle("bk-chip-on", kind === "order" ? carried === k : kind === "parents" ? p.parents[i] < 0 : marked);
  }

  function drawBill(s, work, good) {
    const key = (kind, text) => el("span", {}, el("i", { class: `bk-ml-key bk-ml-key-${kind}` }), text);
    legend.replaceChildren(
      key("allowed", s.layers === 1 ? "allowed" : "allowed, 1 layer"),
      ...(s.layers > 1 ? [el("span", {}, el("i", { class: "bk-key bk-layer-2", style: "--bk-share:0.8" }), "smaller: through more layers")] : []),
      key("used", "measured"),
      ...(good ? [] : [key("leak", "leak")]),
      ...(s.edits.length ? [key("edit", "by hand")] : []),
    );
    const all = work.n * work.n;
    const seen = work.allowed.reduce((a, b) => a + b, 0);
    const row = (term, value) => [el("dt", {}, term), el("dd", {}, value)];
    price.replaceChildren(
      ...row(s.layers === 1 ? "pairs computed" : `pairs computed, ${s.layers} layers`, `${show(work.pairs)} of ${show(all * s.layers)}`),
      ...row("share of all pairs", percent(work.pairs, all * s.layers)),
      ...row("pairs seen at the end", `${show(seen)} of ${show(all)}`),
    );
  }

  let worked = null;
  let workedFor = null;
  let billedFor = null;
  function draw() {
    if (fresh && model.get("edits").length) {
      model.set("edits", []);
      model.save_changes();
    }
    fresh = false;
    const s = state();
    history.note();
    const p = fittedParameters(s);
    const makes = JSON.stringify(KEPT.map((name) => s[name]));
    if (workedFor !== makes) [worked, workedFor] = [workOut(s), makes];
    const work = worked;
    for (const control of [scheme, how, layers, residual, fault, ...Object.values(sizes)]) control.update();
    second.update(s.how !== "alone");
    if (document.activeElement !== wordsInput) wordsInput.value = s.tokens.join(" ");
    const kinds = [s.scheme, ...(s.how === "alone" ? [] : [s.second])].filter((name) => USES[name]).map((name) => [USES[name], MARKED[name] ? name : USES[name]]);
    layParameters(kinds.filter(([use], k) => kinds.findIndex(([other]) => other === use) === k), p.n);
    for (const chip of chips) chip.fill(s, p);
    const put = (node, text) => node.textContent !== text && (node.textContent = text); // said once, not with every step through the matrix
    put(told, work.told);
    const good = work.verdict === CLEAN;
    verdict.classList.toggle("bk-ml-bad", !good);
    put(verdict, `${good ? "✓" : "✗"} ${work.verdict[0].toUpperCase()}${work.verdict.slice(1)}.`);
    help.textContent = FAULT_HELP[s.fault];
    drawMask(matrix, s, work);
    matrix.setAttribute("aria-label", `${work.told} Arrow keys move from cell to cell${can("edit") ? ", Space flips one" : ""}.`);
    if (s.layers === 1) drawLooks(links, s, work);
    else drawFlow(links, s, work);
    linksTitle.textContent = s.layers === 1 ? `Whom ${named(s, s.query)} may look at: left what stands before, right what comes after` : `What flows into ${named(s, s.query)} through ${s.layers} layers`;
    links.setAttribute("aria-label", linksTitle.textContent);
    if (billedFor !== work) drawBill(s, work, good);
    billedFor = work;
    status.textContent = [history.news(), pairSentence(s, work)].filter(Boolean).join(" ");
  }
  return redrawOn(model, names, draw);
}

export default { render };
