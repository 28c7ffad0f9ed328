// Model surgeon: place a cut in the graph of a model; see the part, what crosses the cut, and the Python that does it.
import { button, clamp, commit, count, el, mount, redrawOn, show, svgPoint, walkCells } from "../static/kit.js";
import { ancestors, cutError, cutLine, cutOf, layersOf, parametersOf } from "../static/rules.js";

// The drawing's own units; the page scales it. Skip connections run left of the boxes, the two columns of marks right of them.
const [WIDTH, HEAD, ROW, BOX, LEFT, RIGHT] = [384, 24, 28, 22, 66, 296];
const MARKS = [RIGHT + 24, RIGHT + 64]; // the middles of the columns "start" and "end"
const INDENT = 12; // of the layers of an open group
const LETTER = 6.7; // widest usual letter at 12 px
const [BODY, START, END] = [0, 1, 2]; // the columns one can walk

const quoted = (names) => names.map((name) => `“${name}”`).join(" and ");
const shortened = (text, most) => (text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`);
const middle = (i) => HEAD + ROW * (i + 0.5);

/** What is drawn, from top to bottom. A group is open, too, if the cut goes through it. The twin of `ModelSurgeon.rows`. */
function rowsOf(s, cut) {
  const inside = [...s.start, s.end, ...cut.missing];
  const rows = [];
  for (let k = 0; k < s.names.length; k++) {
    const [group, first, last] = s.groups.find(([, first, last]) => first <= k && k <= last) ?? [null, k, k];
    const forced = inside.some((tensor) => first <= tensor && tensor < last);
    const open = forced || s.opened.includes(group);
    if (group !== null && k === first) rows.push({ kind: open ? "open" : "closed", first, last, name: group, forced });
    if (group === null || open) rows.push({ kind: "layer", first: k, last: k, name: s.names[k], group });
  }
  return rows;
}

/** Which lane, counted from the boxes, each arc runs in; short ones inside. */
function lanesOf(arcs) {
  const lanes = new Map();
  for (const arc of [...arcs].sort((a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from)) {
    const taken = [...lanes].filter(([other]) => other.from < arc.to && arc.from < other.to).map(([, lane]) => lane);
    lanes.set(arc, [...taken.keys(), taken.length].find((lane) => !taken.includes(lane)));
  }
  return lanes;
}

/** The edges between rows: each with whether it is in the part, and whether it crosses the cut. */
function edgesOf(s, cut, rows) {
  const rowOf = new Map();
  rows.forEach((row, i) => row.kind !== "open" && s.names.forEach((_, k) => row.first <= k && k <= row.last && rowOf.set(k, i)));
  const part = new Set(cut.part);
  const crossing = new Set(cut.edges.map(String));
  const edges = new Map();
  s.parents.forEach((parents, k) => {
    for (const p of parents) {
      const [from, to] = [rowOf.get(p), rowOf.get(k)];
      if (from === to) continue;
      const edge = edges.get(`${from} ${to}`) ?? { from, to, lit: false, crosses: false };
      edge.lit ||= part.has(k);
      edge.crosses ||= crossing.has(`${p},${k}`);
      edges.set(`${from} ${to}`, edge);
    }
  });
  // A title between two layers is no layer between them.
  for (const edge of edges.values()) edge.skips = rows.slice(edge.from + 1, edge.to).some((row) => row.kind !== "open");
  return [...edges.values()];
}

const boxLeft = (row) => LEFT + (row.group ? INDENT : 0);

function cross(x, y) {
  return el("path", { d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10`, class: "bk-sg-cross" });
}

function drawEdges(s, rows, edges) {
  const lanes = lanesOf(edges.filter((edge) => edge.skips));
  const step = Math.min(11, 52 / (1 + Math.max(0, ...lanes.values())));
  const starts = rows.flatMap((row, i) => (row.kind !== "open" && s.start.includes(row.last) ? [i] : []));
  const lines = [];
  const crosses = [];
  for (const edge of [...edges].sort((a, b) => a.crosses - b.crosses || a.lit - b.lit)) {
    const kind = edge.crosses ? "bk-sg-crossing" : edge.lit ? "bk-sg-lit" : "bk-sg-edge";
    const [y1, y2] = [middle(edge.from), middle(edge.to)];
    // It crosses at the lowest start beside it; without one beside it, half way.
    const cut = starts.filter((i) => edge.from <= i && i < edge.to).at(-1);
    const y = cut === undefined ? (y1 + y2) / 2 : middle(cut) + ROW / 2;
    let x = LEFT + 28;
    if (lanes.has(edge)) {
      x = LEFT - 10 - step * lanes.get(edge);
      const [a, b] = [boxLeft(rows[edge.from]), boxLeft(rows[edge.to])];
      const r = Math.min(9, a - x);
      lines.push(el("path", { d: `M${a} ${y1 + 5}H${x + r}Q${x} ${y1 + 5} ${x} ${y1 + 5 + r}V${y2 - 5 - r}Q${x} ${y2 - 5} ${x + r} ${y2 - 5}H${b - 5}`, class: kind }));
      lines.push(el("path", { d: `M${b - 1} ${y2 - 5}l-7 -3.5v7z`, class: `${kind} bk-sg-tip` }));
    } else {
      lines.push(el("path", { d: `M${x} ${y1 + BOX / 2}V${y2 - BOX / 2}`, class: kind }));
    }
    if (edge.crosses) crosses.push(cross(x, y));
  }
  return { lines, crosses };
}

/** The two marks of a row: a square for a start, of which there may be several, a ring for the one end. */
function drawMarks(s, row, y) {
  const start = s.start.includes(row.last);
  const end = s.end === row.last;
  return [
    el("rect", { x: MARKS[0] - 7, y: y - 7, width: 14, height: 14, rx: 2, class: start ? "bk-sg-chosen" : "bk-sg-mark" }),
    start ? el("path", { d: `M${MARKS[0] - 4} ${y}l3 3.5l5.5 -7`, class: "bk-sg-tick" }) : "",
    el("circle", { cx: MARKS[1], cy: y, r: 7, class: end ? "bk-sg-chosen" : "bk-sg-mark" }),
    end ? el("circle", { cx: MARKS[1], cy: y, r: 2.5, class: "bk-sg-dot" }) : "",
  ];
}

function drawRow(s, cut, row, i) {
  const y = middle(i);
  const x = boxLeft(row);
  const sign = (d) => el("path", { d, class: "bk-sg-sign" });
  if (row.kind === "open") {
    return [sign(`M${x + 1} ${y - 3}h9l-4.5 6.5z`), el("text", { x: x + 16, y: y + 4, class: "bk-sg-title" }, shortened(row.name, 32))];
  }
  const missing = cut.missing.includes(row.last);
  const lit = cut.part.includes(row.last);
  const closed = row.kind === "closed";
  const label = row.group && row.name.startsWith(row.group) && row.name.length > row.group.length ? row.name.slice(row.group.length).replace(/^\W|^_/, "") : row.name;
  const note = missing ? "needed too" : s.shapes[row.last];
  const room = RIGHT - x - (closed ? 26 : 18) - note.length * LETTER;
  const many = closed ? `${layersOf(s.same, s.names.map((_, k) => k).slice(row.first, row.last + 1))} layers` : "";
  const fits = (label.length + many.length + 1) * LETTER < room;
  const skips = closed && s.parents.slice(row.first, row.last + 1).some((parents) => parents.length > 1);
  const kind = lit ? "bk-sg-lit" : "bk-sg-edge";
  return [
    // A skip connection that is hidden in the box.
    skips ? el("path", { d: `M${x} ${y - 8}h-6a8 8 0 0 0 0 16h1`, class: kind }) : "",
    skips ? el("path", { d: `M${x - 1} ${y + 8}l-7 -3.5v7z`, class: `${kind} bk-sg-tip` }) : "",
    el("rect", { x, y: y - BOX / 2, width: RIGHT - x, height: BOX, rx: 3, class: missing ? "bk-sg-missing" : lit ? "bk-sg-part" : "bk-sg-box" }),
    closed ? sign(`M${x + 7} ${y - 4.5}v9l6.5 -4.5z`) : "",
    el("text", { x: x + (closed ? 18 : 8), y: y + 4, class: "bk-sg-name" }, shortened(label, Math.floor(room / LETTER))),
    fits ? el("text", { x: x + 26 + label.length * LETTER, y: y + 4, class: "bk-sg-soft" }, many) : "",
    el("text", { x: RIGHT - 7, y: y + 4, class: missing ? "bk-sg-note" : "bk-sg-shape" }, note),
    ...drawMarks(s, row, y),
  ];
}

/** Dashed lines where the part is taken out of the model: under each start, and under an end that others use. */
function drawCuts(s, rows, part) {
  if (!part.length) return []; // nothing is taken out
  const goesOn = s.parents.some((parents) => parents.includes(s.end));
  return rows.flatMap((row, i) => {
    const cut = row.kind !== "open" && (s.start.includes(row.last) || (row.last === s.end && goesOn));
    const y = HEAD + ROW * (i + 1);
    return cut ? [el("path", { d: `M0 ${y}H${RIGHT}`, class: "bk-sg-cut" }), el("text", { x: 2, y: y - 4, class: "bk-sg-word" }, "cut")] : [];
  });
}

/** Why a start is of no use to the end. */
function idleSentence(s, k) {
  const [name, end] = [quoted([s.names[k]]), quoted([s.names[s.end]])];
  if (ancestors(s.parents, s.end).has(k)) return `Every path from ${name} to ${end} goes through another start, so ${name} would not be used.`;
  if (ancestors(s.parents, k).has(s.end)) return `${end} comes before ${name}: it does not depend on it, and nothing lies between.`;
  return `${end} does not depend on ${name}: no path leads from one to the other.`;
}

function verdict(s, cut) {
  if (!s.start.length) return "No start is chosen. Choose a tensor to start from.";
  if (cut.idle.length) return `This cannot be cut out. ${cut.idle.map((k) => idleSentence(s, k)).join(" ")}`;
  if (cut.edges.length) {
    const edges = cut.edges.map(([p, k]) => `${quoted([s.names[k]])} also needs ${quoted([s.names[p]])}.`);
    const [what, which] = edges.length === 1 ? ["1 edge crosses", "This does"] : [`${edges.length} edges cross`, "These do"];
    return `This cannot be cut out: ${what} the cut. ${edges.join(" ")} ${which} not pass through the start.`;
  }
  if (!cut.part.length) return "Start and end are the same tensor, so the part has no layer.";
  const masked = s.start.filter((k) => s.masked.includes(k)).map((k) => s.names[k]);
  return `The part from ${quoted(s.start.map((k) => s.names[k]))} to ${quoted([s.names[s.end]])} can be cut out: ${count(layersOf(s.same, cut.part), "layer")}.${masked.length ? ` An implicit mask goes with ${quoted(masked)}; it becomes an input of its own.` : ""}`;
}

function render({ model, el: root }) {
  const names = ["names", "kinds", "shapes", "parents", "weights", "groups", "same", "masked", "inputs", "output", "opened", "caption"];
  const state = () => {
    const s = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    s.start = s.inputs.map((name) => s.names.indexOf(name));
    s.end = s.names.indexOf(s.output);
    return s;
  };
  const chosen = () => JSON.stringify(["inputs", "output", "opened"].map((name) => model.get(name)));
  const first = chosen();
  const set = (changes) => commit(model, changes);
  // Which row and column the reader is at: the view's own, not the figure's.
  let at = [0, BODY];
  let rows = null;

  // "application": a screen reader must hand the arrow keys on.
  const graph = el("svg", { class: "bk-svg bk-sg", role: "application", "aria-roledescription": "graph of a model", tabindex: "0" });
  const here = el("p", { class: "bk-status bk-sg-here", role: "status", "aria-live": "polite" });
  const told = el("p", { class: "bk-told", role: "status", "aria-live": "polite" });
  const ledger = el("dl", { class: "bk-ledger" });
  const needs = el("ul", { class: "bk-sg-needs" });
  const line = el("pre", { class: "bk-sg-line" });
  const act = (changes) => () => {
    graph.focus({ preventScroll: true }); // the button is about to leave, and must not take the focus with it
    set(changes());
  };
  const mend = button("", act(mended));
  const again = button("start again", act(() => Object.fromEntries(["inputs", "output", "opened"].map((name, i) => [name, JSON.parse(first)[i]]))));
  const buttons = el("div", { class: "bk-buttons" }, mend, again);
  const key = (words, ...shapes) => el("span", {}, el("svg", { viewBox: "0 0 24 14", class: "bk-sg-key", "aria-hidden": "true" }, ...shapes), words);
  const legend = el(
    "div",
    { class: "bk-legend" },
    key("in the part", el("rect", { x: 1, y: 1, width: 22, height: 12, rx: 3, class: "bk-sg-part" })),
    key("skip connection", el("path", { d: "M20 2H10Q4 2 4 7Q4 12 10 12H20", class: "bk-sg-edge" })),
    key("crosses the cut", el("path", { d: "M0 7H24", class: "bk-sg-crossing" }), cross(12, 7)),
  );
  mount(
    root,
    model,
    "Model surgeon",
    el(
      "div",
      { class: "bk-panels bk-sg-panels" },
      el("div", { class: "bk-panel bk-sg-side" }, told, buttons, ledger, el("p", { class: "bk-title" }, "Inputs of the part"), needs, el("p", { class: "bk-title" }, "The same in Python"), line, here),
      el("div", { class: "bk-panel" }, graph, legend),
    ),
  );

  function mended() {
    const s = state();
    const cut = cutOf(s.parents, s.start, s.end);
    const start = cut.idle.length ? s.start.filter((k) => !cut.idle.includes(k)) : [...s.start, ...cut.missing];
    return { inputs: start.map((k) => s.names[k]) };
  }

  function toggle(row) {
    if (row.kind === "layer") return;
    const opened = model.get("opened");
    set({ opened: opened.includes(row.name) ? opened.filter((name) => name !== row.name) : [...opened, row.name] });
  }
  function use(i, column) {
    const row = rows[i];
    // What is told above grows and shrinks; the drawing must stay under the finger.
    const top = graph.getBoundingClientRect().top;
    const keep = () => scrollBy({ top: graph.getBoundingClientRect().top - top, behavior: "instant" });
    queueMicrotask(() => queueMicrotask(keep)); // after the redrawing, which is queued next
    if (column === BODY) return toggle(row);
    if (row.kind === "open") return;
    const name = model.get("names")[row.last];
    const inputs = model.get("inputs");
    if (column === END) set({ output: name });
    else set({ inputs: inputs.includes(name) ? inputs.filter((other) => other !== name) : [...inputs, name] });
  }
  function choose(i, column) {
    at = [i, column];
    drawHere(state());
  }
  walkCells(graph, {
    at: () => at,
    size: () => [rows.length, 3],
    choose,
    act: use,
    cellAt(event) {
      const point = svgPoint(graph, event);
      const i = point ? Math.floor((point.y - HEAD) / ROW) : -1;
      return i >= 0 && i < rows.length ? [i, point.x < RIGHT + 4 ? BODY : point.x < RIGHT + 44 ? START : END] : null;
    },
  });
  graph.addEventListener("keydown", (event) => {
    const column = { s: START, e: END }[event.key.toLowerCase()];
    if (!column || event.ctrlKey || event.metaKey || event.altKey) return;
    choose(at[0], column);
    use(...at);
    event.stopPropagation();
  });

  const ring = el("rect", { rx: 5, class: "bk-at" });
  function drawHere(s) {
    const [i, column] = at;
    const row = rows[i];
    const left = column === BODY ? boxLeft(row) - 3 : MARKS[column - 1] - 14;
    const place = { x: left, y: HEAD + ROW * i + 0.5, width: column === BODY ? RIGHT + 3 - left : 28, height: ROW - 1 };
    for (const [name, value] of Object.entries(place)) ring.setAttribute(name, value);
    here.textContent = hereSentence(s, row, column);
  }
  function hereSentence(s, row, column) {
    const layers = s.names.map((_, k) => k).slice(row.first, row.last + 1);
    const group = row.kind !== "layer";
    if (row.kind === "open" && column !== BODY) return `“${row.name}” is open: choose one of its layers.`;
    if (column === START) return `Start after “${s.names[row.last]}”: ${s.start.includes(row.last) ? "chosen. A click or Enter takes it away." : "a click or Enter chooses it."}`;
    if (column === END) return `End with “${s.names[row.last]}”: ${s.end === row.last ? "chosen." : "a click or Enter chooses it."}`;
    const parents = [...new Set(layers.flatMap((k) => s.parents[k]))].filter((k) => k < row.first).map((k) => s.names[k]);
    const what = group ? count(layersOf(s.same, layers), "layer") : s.kinds[row.last];
    const shared = s.same.some((calls) => calls.includes(row.last)) ? ", a layer that is called more than once" : "";
    const from = parents.length ? ` Called on ${quoted(parents)}.` : "";
    const doing = { layer: " The square starts after it, the ring ends with it.", closed: " A click or Enter opens it.", open: row.forced ? " It stays open: the cut goes through it." : " A click or Enter closes it." }[row.kind];
    return `“${row.name}”: ${what}${shared}, ${count(parametersOf(s.weights, layers), "parameter")}, output ${s.shapes[row.last]}.${from}${doing}`;
  }

  /** The row that the reader was at, wherever it is now. */
  function follow(old) {
    const same = rows.findIndex((row) => row.first === old.first && (row.kind === "layer") === (old.kind === "layer"));
    return same >= 0 ? same : clamp(rows.findIndex((row) => row.first <= old.first && old.first <= row.last), 0, rows.length - 1);
  }

  function draw() {
    const s = state();
    const cut = cutOf(s.parents, s.start, s.end);
    const error = cutError(s, s.start, s.end);
    const old = rows?.[at[0]];
    rows = rowsOf(s, cut);
    at = old ? [follow(old), at[1]] : [Math.max(0, rows.findIndex((row) => row.last === s.start[0] && row.kind !== "open")), START];
    const { lines, crosses } = drawEdges(s, rows, edgesOf(s, cut, rows));
    const height = HEAD + ROW * rows.length + 6;
    graph.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
    graph.replaceChildren(
      ...["start", "end"].map((word, i) => el("text", { x: MARKS[i], y: 14, class: "bk-axis" }, word)),
      ...lines,
      ...rows.flatMap((row, i) => drawRow(s, cut, row, i)),
      ...drawCuts(s, rows, cut.part),
      ...crosses,
      ring,
    );
    drawHere(s);

    const everything = s.names.map((_, k) => k);
    const starts = quoted(s.start.map((k) => s.names[k])) || "nothing";
    graph.setAttribute("aria-label", `A model of ${count(layersOf(s.same, everything), "layer")}, from ${starts} to ${quoted([s.names[s.end]])}. Arrow keys move from layer to layer and to the columns start and end, Enter chooses; S and E choose from anywhere.`);
    told.textContent = verdict(s, cut);
    const row = (term, value) => [el("dt", {}, term), el("dd", {}, value)];
    ledger.replaceChildren(
      ...row("layers", `${show(layersOf(s.same, cut.part))} of ${show(layersOf(s.same, everything))}`),
      ...row("parameters", `${show(parametersOf(s.weights, cut.part))} of ${show(parametersOf(s.weights, everything))}`),
    );
    const need = (k, note, kind) => el("li", { class: kind }, el("b", {}, s.names[k]), ` ${s.shapes[k]}${note}`);
    needs.replaceChildren(...s.start.map((k) => need(k, cut.idle.includes(k) ? ": of no use" : "")), ...cut.missing.map((k) => need(k, ": needed too", "bk-sg-lacking")));
    line.textContent = s.start.length ? [cutLine(s, s.start, s.end), error && `ValueError: ${error}`].filter(Boolean).join("\n") : "";
    const [few, lacking] = [cut.idle.length, cut.missing.length];
    mend.textContent = few ? `leave ${few === 1 ? "it" : "them"} out` : `add ${lacking === 1 ? "it as an input" : "them as inputs"}`;
    const can = few ? few < s.start.length : lacking > 0;
    buttons.replaceChildren(...(can ? [mend] : []), ...(chosen() === first ? [] : [again]));
  }
  return redrawOn(model, names, draw);
}

export default { render };
