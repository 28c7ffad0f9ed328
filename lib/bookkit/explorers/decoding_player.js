// Decoding, step by step: a beam search over the stored probabilities of a real model, one step at a time.
import { button, choice, clamp, el, freshId, mount, redrawOn, slider, svgPoint, walkCells } from "../static/kit.js";
import { END, beamSearch, unpack } from "../static/search.js";

const PENALTIES = [["0", "0: the sum"], ["0.6", "0.6"], ["1", "1: the mean"]];
const FINISHED = [["kept", "kept"], ["lost", "thrown away"]];
const WIDE = 31; // of a column of the tree, and of a row
const TOP = 34;
const BOX = 23;
const FATES = { live: "goes on", finished: "finished, kept", lost: "finished, thrown away", passed: "left behind" };
const SIGNS = { live: "→", finished: "✓", lost: "✗", passed: "–" };

/** A number with two digits and a real minus sign; the twin of `number` in Python. */
function number(x) {
  const text = Math.abs(x).toFixed(2);
  return x < 0 && Number(text) ? `−${text}` : text;
}

/** A probability for reading: none but 0 is 0, none but 1 is 1. */
function share(p) {
  if (p < 0.0005) return "< 0.001";
  return p > 0.9995 && p < 1 ? "> 0.999" : p.toFixed(3);
}

const plain = (text) => text.replace(END, "");
/** What becomes of a node; behind the last step nothing goes on. */
const fate = (node, last) => (last && node.state === "live" ? "unfinished" : FATES[node.state]);

/** What the search has come to; the twin of `DecodingPlayer.sentence`. */
function sentence(s, search, answer) {
  const steps = search.steps.slice(0, s.step);
  const live = steps.at(-1).nodes.filter((node) => node.state === "live");
  let says = `${s.source}, step ${s.step} of ${search.steps.length}: ${live.length} unfinished`;
  if (live.length) says += `, the best "${live[0].text}" with ${number(live[0].total)}`;
  for (const state of ["finished", "lost"]) {
    const many = steps.flatMap((step) => step.nodes).filter((node) => node.state === state).length;
    if (many) says += `; ${many} ${state}`;
  }
  says += ".";
  if (s.step < search.steps.length) return says;
  const { text, total, score, finished } = search.hypotheses[0];
  const verdict = finished && plain(text) === answer ? "right" : `wrong, the word is "${answer}"`;
  return `${says} The search ends: ${search.why}. Its answer is "${plain(text)}"${finished ? "" : ", cut at the cap"}, log-probability ${number(total)}, score ${number(score)}: ${verdict}.`;
}

function nodeSentence(column, row, node, last) {
  const what = node.symbol === END ? "the end" : `the letter ${node.symbol}`;
  return `Step ${column + 1}, rank ${row + 1}, "${plain(node.text)}": ${what} with probability ${share(Math.exp(node.logP))}, log-probability of the text ${number(node.total)}; ${fate(node, last)}.`;
}

function render({ model, el: root }) {
  const names = ["cases", "vocabulary", "cap", "source", "beams", "penalty", "finished", "step", "controls", "caption"];
  const can = (control) => model.get("controls").includes(control);
  const caseOf = (source) => model.get("cases").find((one) => one.source === source);
  let known = ["", null]; // the last search, by its settings
  function searchOf(s) {
    const key = JSON.stringify([s.source, s.beams, s.penalty, s.finished]);
    if (known[0] !== key) known = [key, beamSearch(caseOf(s.source).nodes, { vocabulary: s.vocabulary, cap: s.cap, beams: s.beams, alpha: Number(s.penalty), lose: s.finished === "lost" })];
    return known[1];
  }
  const raw = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const total = () => searchOf(raw()).steps.length;
  const state = () => {
    const s = raw();
    s.step = clamp(s.step, 1, total());
    return s;
  };
  const go = (step) => {
    model.set("step", clamp(step, 1, total()));
    model.save_changes();
  };

  const controls = [
    choice(model, "source", "word without vowels", model.get("cases").map(({ source }) => [source, source])),
    slider(model, "beams", "beams", { min: 1, max: 5 }),
    choice(model, "penalty", "length penalty", PENALTIES),
    choice(model, "finished", "finished hypotheses", FINISHED),
    slider(model, "step", "step", { min: 1, max: total, text: (step) => `${clamp(step, 1, total())} of ${total()}` }),
  ];
  const shown = controls.filter((control) => can(control.name));
  const first = button("first", () => go(1));
  const back = button("◀ back", () => go(state().step - 1));
  const next = button("next ▶", () => go(state().step + 1));
  const last = button("last", () => go(total()));
  // "application": a screen reader must hand the arrow keys on.
  const tree = el("svg", { class: "bk-svg bk-dp-tree", role: "application", "aria-roledescription": "tree of hypotheses", tabindex: "0" });
  const key = (sign, words) => el("span", {}, el("b", { class: `bk-dp-key bk-dp-key-${sign}`, "aria-hidden": "true" }, { kept: "✓", lost: "✗" }[sign] ?? "a"), words);
  const legend = el("div", { class: "bk-legend" }, key("on", "goes on"), key("dropped", "goes on, then left behind"), key("kept", "finished, kept"), key("lost", "finished, thrown away"));
  const status = el("p", { class: "bk-status", role: "status", "aria-live": "polite" });
  const told = el("p", { class: "bk-told", role: "status", "aria-live": "polite" });
  const table = () => el("table", { class: "bk-worked bk-dp-table" });
  const [candidates, ended, after] = [table(), table(), table()];
  const title = () => el("p", { class: "bk-title" });
  const [candidatesTitle, endedTitle, afterTitle] = [title(), title(), title()];
  mount(
    root,
    model,
    "Decoding, step by step",
    shown.length ? el("div", { class: "bk-controls bk-dp-controls" }, ...shown.map((control) => control.node)) : null,
    can("step") ? el("div", { class: "bk-buttons" }, first, back, next, last) : null,
    told,
    el("div", {}, tree, legend, status),
    el(
      "div",
      { class: "bk-panels bk-dp-panels" },
      el("div", {}, candidatesTitle, candidates),
      el("div", {}, el("div", {}, endedTitle, ended), el("div", { class: "bk-dp-after" }, afterTitle, after)),
    ),
  );

  // The chosen node. It follows the newest step until the reader chooses another one.
  let at = [0, 0];
  let drawn = "";
  const rows = (search) => Math.max(...search.steps.map((step) => step.nodes.length));
  const place = (column, row) => [18 + (column + 0.5) * WIDE, TOP + (row + 0.5) * WIDE];
  walkCells(tree, {
    at: () => at,
    size: () => [rows(searchOf(state())), total()],
    choose: (row, column) => {
      const s = state();
      // A step that is still to come has no rows: up and down lead back to the newest one.
      if (column >= s.step && column === at[1] && row !== at[0]) column = s.step - 1;
      const last = column < s.step ? searchOf(s).steps[column].nodes.length - 1 : 0;
      at = [clamp(row, 0, last), column];
      draw();
    },
    act: (_, column) => column >= state().step && go(column + 1),
    cellAt(event) {
      const point = svgPoint(tree, event);
      if (!point) return null;
      const s = state();
      const column = clamp(Math.floor((point.x - 18) / WIDE), 0, total() - 1);
      const most = column < s.step ? searchOf(s).steps[column].nodes.length - 1 : 0;
      return [clamp(Math.floor((point.y - TOP) / WIDE), 0, most), column];
    },
  });

  /** The places of a node and of all it came from, by column. */
  function pathOf(steps, row, column) {
    const path = new Map();
    for (let place = row, i = column; i >= 0; i--) {
      path.set(i, place);
      place = steps[i].nodes[place].parent;
    }
    return path;
  }

  function drawTree(s, search) {
    const steps = search.steps.slice(0, s.step);
    const [width, height] = [18 + search.steps.length * WIDE + 10, TOP + rows(search) * WIDE + 4];
    tree.setAttribute("viewBox", `0 0 ${width} ${height}`);
    tree.style.maxWidth = `${Math.max(width * 1.25, 300)}px`;
    const path = at[1] < s.step ? pathOf(steps, at[0], at[1]) : new Map();
    const [lines, boxes] = [[], []];
    for (let column = 0; column < search.steps.length; column++) {
      const [x] = place(column, 0);
      boxes.push(el("text", { x, y: 16, class: `bk-axis${column === at[1] ? " bk-dp-here" : ""}` }, `${column + 1}`));
      if (column >= s.step) {
        boxes.push(el("line", { x1: x, x2: x, y1: TOP - 8, y2: height - 4, class: column === at[1] ? "bk-dp-future bk-dp-aimed" : "bk-dp-future" }));
        continue;
      }
      const going = column + 1 < s.step ? new Set(steps[column + 1].nodes.map((node) => node.parent)) : null;
      steps[column].nodes.forEach((node, row) => {
        const [, y] = place(column, row);
        const [x0, y0] = column ? place(column - 1, node.parent) : [4, place(0, 0)[1]];
        const mine = path.get(column) === row;
        const start = column ? x0 + BOX / 2 : x0;
        lines.push([mine, el("path", { d: `M${start} ${y0}L${x - BOX / 2} ${y}`, class: mine ? "bk-dp-line bk-dp-mine" : "bk-dp-line" })]);
        const dropped = node.state === "live" && going && !going.has(row);
        const chosen = at[0] === row && at[1] === column;
        const kind = ["bk-dp-box", `bk-dp-${node.state}`, dropped && "bk-dp-dropped", mine && "bk-dp-own", chosen && "bk-dp-chosen"];
        boxes.push(el("rect", { x: x - BOX / 2, y: y - BOX / 2, width: BOX, height: BOX, class: kind.filter(Boolean).join(" ") }));
        boxes.push(el("text", { x, y: y + 5, class: `bk-dp-letter bk-dp-${node.state}${dropped ? " bk-dp-dropped" : ""}` }, node.symbol === END ? SIGNS[node.state] : node.symbol));
      });
    }
    lines.sort((a, b) => a[0] - b[0]); // the chosen path above the others
    tree.replaceChildren(...lines.map(([, line]) => line), ...boxes);
    tree.setAttribute("aria-label", `${s.step} of ${search.steps.length} steps of the search, a column each, the best on top. Arrow keys choose a hypothesis; Enter on a step that is still to come takes it.`);
  }

  const head = (...texts) => el("thead", {}, el("tr", {}, ...texts.map((text) => el("th", { scope: "col" }, text))));
  const line = (name, texts, kind) => el("tr", { class: kind }, el("th", { scope: "row" }, name), ...texts.map((text) => el("td", {}, text)));
  const word = (text) => el("span", { class: "bk-dp-word" }, plain(text) || "(nothing)", text.endsWith(END) ? el("span", { class: "bk-dp-end" }, " end") : null);

  function drawTables(s, search) {
    const column = Math.min(at[1], s.step - 1);
    const { nodes, passed, done } = search.steps[column];
    const all = [...nodes, ...passed.map((node) => ({ ...node, state: "passed" }))];
    candidatesTitle.textContent = `Candidates of step ${column + 1}, the likeliest first`;
    const body = all.map((node, row) => line(word(node.text), [share(Math.exp(node.logP)), number(node.total), `${SIGNS[node.state]} ${fate(node, column === search.steps.length - 1)}`], [row === at[0] && at[1] === column && "bk-key-row", `bk-dp-${node.state}`].filter(Boolean).join(" ")));
    candidates.replaceChildren(head("text so far", "last letter", "sum of logs", "becomes"), el("tbody", {}, ...body));
    endedTitle.textContent = s.finished === "kept" ? `Finished and kept after step ${column + 1}, the best score first` : `Finished as the best of its step, after step ${column + 1}; others are thrown away`;
    const { answer } = caseOf(s.source);
    const texts = done.map(({ text, total, score }) => line(word(text), [`${text.length}`, number(total), number(score), plain(text) === answer ? "✓ right" : "✗ wrong"]));
    ended.replaceChildren(head("text", "length", "sum of logs", `score, α = ${s.penalty}`, "word"), el("tbody", {}, ...(texts.length ? texts : [el("tr", {}, el("th", { scope: "row", colspan: 5 }, "none yet"))])));
    const node = nodes[Math.min(at[0], nodes.length - 1)];
    const packed = node.state === "live" ? caseOf(s.source).nodes[node.text] : null;
    afterTitle.textContent = packed ? `What the model expects after "${node.text}"` : `After "${plain(node.text)}" ${node.state === "live" ? "no search asks further" : "nothing comes"}`;
    after.hidden = !packed;
    if (!packed) return after.replaceChildren();
    const { options, rest } = unpack(packed, s.vocabulary);
    const bars = [...options.map(({ symbol, logP }) => [symbol === END ? "the end" : symbol, Math.exp(logP)]), ["all others", rest]];
    after.replaceChildren(head("next", "probability"), el("tbody", {}, ...bars.map(([name, p]) => {
      const row = line(name, [share(p)]);
      row.lastChild.style.setProperty("--bk-share", p.toFixed(4));
      return row;
    })));
  }

  function draw() {
    const s = state();
    const search = searchOf(s);
    const view = JSON.stringify([s.source, s.beams, s.penalty, s.finished, s.step]);
    if (view !== drawn) at = [0, s.step - 1];
    drawn = view;
    for (const control of controls) control.update();
    for (const [node, idle] of [[first, s.step === 1], [back, s.step === 1], [next, s.step === search.steps.length], [last, s.step === search.steps.length]]) node.setAttribute("aria-disabled", idle);
    drawTree(s, search);
    drawTables(s, search);
    const says = sentence(s, search, caseOf(s.source).answer);
    if (told.textContent !== says) told.textContent = says; // said once, not with every step through the tree
    const [row, column] = at;
    status.textContent = column < s.step ? nodeSentence(column, row, search.steps[column].nodes[row], column === search.steps.length - 1) : `Step ${column + 1} is still to come: a click or Enter takes it.`;
  }
  return redrawOn(model, names, draw);
}

export default { render };
