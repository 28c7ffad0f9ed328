// InfoMap, step by step: a player over the stored history of a search for modules.
import { button, clamp, count, decimals, el, mount, redrawOn, show, slider, svgPoint } from "../static/kit.js";
import { mapCodeLength } from "../static/map_rules.js";
import { moduleLetter, networkDrawing } from "../static/network_drawing.js";

const LISTED = 3; // nodes that are told one by one
const PAUSE = 900; // milliseconds between frames
const OPTIONS = 7; // rows that say where a unit could go
const STEPS = [
  ["start", "Start", ": every node is a module of its own."],
  ["nodes", "Nodes move", ", one after the other, each to the neighbouring module that saves most bits, until none can."],
  ["modules", "Modules move", " as wholes, then modules of modules, until none can."],
  ["again", "Fine tuning", ": single nodes move again, then the modules that they leave."],
  ["parts", "Coarse tuning", ": the same search looks for parts inside each module; parts move, then modules."],
  ["groups", "The end", ": when a round of 4 and 5 saves nothing, and grouping many modules at once does not either."],
];
const [LEFT, RIGHT, TOP, BOTTOM, WIDE, HIGH] = [36, 392, 12, 128, 400, 152]; // of the curve

const number = (x) => decimals(x, 4);
const tally = (modules) => modules.reduce((sizes, module) => sizes.set(module, (sizes.get(module) ?? 0) + 1), new Map());

/** The frames of the stored passes; the twin of `bookkit.search_frames.moments`. */
function unpack(passes, n) {
  const found = [];
  let modules = Array.from({ length: n }, (_, node) => node);
  let was = null;
  for (const { step, kind, first, turn, units: parts, frames } of passes) {
    const here = modules;
    const units = parts ?? (kind === "nodes" ? here.map((_, node) => node) : here.map((module) => here.indexOf(module)));
    let moved = 0;
    for (const [tries, bits, ...pairs] of frames) {
      const moves = Array.from({ length: pairs.length / 2 }, (_, k) => [pairs[2 * k], pairs[2 * k + 1]]);
      const to = new Map(moves);
      const before = modules;
      modules = before.map((module, node) => to.get(units[node]) ?? module);
      moved += moves.length;
      found.push({ step, kind, first, turn, before, modules, units, moves, tries, moved, was: was ?? bits, bits });
      was = bits;
    }
  }
  return found;
}

function listed(names) {
  if (names.length > LISTED + 1) return `${names.slice(0, LISTED).join(", ")} and ${names.length - LISTED} more`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** What moves in a frame: its nodes, the module they leave and the one they join, and the nodes that are there. */
function moverOf(frame) {
  const [unit, target] = frame.moves[0];
  const nodes = [...frame.units.keys()].filter((node) => frame.units[node] === unit);
  const inside = new Set(nodes);
  const source = frame.before[unit];
  const whole = frame.before.filter((module) => module === source).length === nodes.length;
  const there = [...frame.before.keys()].filter((node) => frame.before[node] === target && !inside.has(node));
  return { unit, nodes, inside, source, target, whole, there };
}

function moverName({ names, letters }, { unit, nodes, source, whole }) {
  if (nodes.length === 1) return `Node ${names[unit]}`;
  return whole ? `Module ${moduleLetter(letters[source])} (${nodes.length} nodes)` : `Nodes ${listed(nodes.map((node) => names[node]))}`;
}

/** Which unit moves where; the twin of `InfomapPlayer._move`. */
function moveSentence(state, frame) {
  const { names, letters } = state;
  const mover = moverOf(frame);
  const { nodes, source, target, whole, there } = mover;
  const who = moverName(state, mover);
  const s = whole || nodes.length === 1 ? "s" : "";
  const [from, to] = [letters[source], letters[target]].map(moduleLetter);
  const together = there.length ? `node ${names[there[0]]}, together module ${to}` : "";
  if (whole) return `${who} joins ${there.length === 1 ? together : `module ${to}`}`;
  if (!there.length) return `${who} leave${s} module ${from} and ${s ? "is alone" : `are a module of their own, ${to}`}`;
  if (there.length === 1) return `${who} leave${s} module ${from} for ${together}`;
  return `${who} move${s} from module ${from} to module ${to}`;
}

/** What comes after a pass; the twin of `InfomapPlayer._next`. */
function nextSentence(after) {
  if (after.step === "groups") return "Next: many modules at once.";
  if (after.step === "parts" && after.first) return "Next: parts of modules, if a search inside them finds any.";
  if (after.kind === "nodes") return `Next: single nodes${after.turn ? ", once more" : ""}.`;
  return `Next: the ${count(new Set(after.units).size, "module")}, each as a whole.`;
}

/** What a frame shows; the twin of `InfomapPlayer.sentence`. */
function sentence(state, frames, place) {
  const { names, one_level } = state;
  const frame = frames[place];
  const fewer = `${number(frame.bits)} bits, ${number(frame.was - frame.bits)} fewer.`;
  const flat = number(one_level);
  const modules = count(new Set(frame.modules).size, "module");
  if (frame.step === "start") return `Start: each of the ${names.length} nodes is a module of its own. A step takes ${number(frame.bits)} bits; with one code book for all nodes ${flat}.`;
  if (frame.step === "groups") {
    if (new Set(frame.modules).size === 1 && place === frames.length - 1 && frame.moves.length) return `Modules do not pay: one code book for all nodes takes ${fewer}`;
    if (frame.moves.length) return `Many modules are grouped at once, ${modules} are left: ${fewer}`;
    return `Grouping many modules at once saves nothing either. The search ends: ${modules}, ${number(frame.bits)} bits; one code book for all nodes takes ${flat}.`;
  }
  if (frame.moves.length) return `${moveSentence(state, frame)}: ${fewer}`;
  const then = nextSentence(frames[place + 1]);
  if (frame.step === "parts" && frame.first && frame.kind !== "parts") return `Searched again inside itself, no module falls into parts. ${then}`;
  const what = { nodes: "single node", modules: "module as a whole", parts: "part" }[frame.kind];
  if (frame.moved) return `No ${what} can save anything any more: ${frame.tries} tried, ${frame.moved} moved. ${then}`;
  return `No move of a ${what} saves anything: ${frame.tries} tried. ${then}`;
}

/** Where what moves could have gone, the cheapest first: the modules of its neighbours, one of its own, or stay. */
function optionsOf({ names, letters, flow }, frame) {
  const { nodes, inside, source, target, whole } = moverOf(frame);
  const { before, was } = frame;
  const sizes = tally(before);
  const near = new Set();
  flow.sources.forEach((a, k) => {
    const b = flow.targets[k];
    if (inside.has(a) !== inside.has(b)) near.add(before[inside.has(a) ? b : a]);
  });
  near.delete(source);
  const own = Math.max(...before) + 1;
  const name = (module) => (sizes.get(module) === 1 ? `to node ${names[before.indexOf(module)]}` : `to module ${moduleLetter(letters[module])}`);
  const found = [...near].map((module) => ({ module, name: name(module) }));
  if (!whole) found.push({ module: own, name: nodes.length === 1 ? "alone" : "a module of their own" });
  const stay = { module: source, name: "stay" };
  for (const option of [stay, ...found]) {
    const after = before.map((module, node) => (inside.has(node) ? option.module : module));
    const bits = mapCodeLength(flow, after).bits;
    // What the history has too is shown as there: it is stored to six digits, and four are shown.
    const kept = [was, frame.bits].find((known) => Math.abs(known - bits) < 1e-6);
    option.bits = kept ?? bits;
    option.chosen = option.module === target || (option.module === own && !near.has(target) && target !== source);
  }
  return [stay, ...found].map((option) => ({ ...option, change: option.bits - stay.bits, stay: option === stay })).sort((a, b) => a.bits - b.bits);
}

function render({ model, el: root }) {
  const names = ["names", "places", "links", "directed", "flow", "one_level", "letters", "passes", "step", "controls", "caption"];
  const state = Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const can = (control) => state.controls.includes(control);
  const frames = unpack(state.passes, state.names.length);
  const last = frames.length - 1;
  const at = () => clamp(model.get("step"), 0, last);
  let timer = null;
  const go = (to) => {
    model.set("step", clamp(to, 0, last));
    model.save_changes();
  };
  const nextPass = () => {
    const place = frames.findIndex((frame, i) => i > at() && !frame.moves.length);
    return place < 0 ? last : place;
  };

  const steps = slider(model, "step", "frame", { min: 0, max: last, text: () => `${at()} of ${last}` });
  steps.node.querySelector("input").addEventListener("input", () => stop());
  const byHand = (label, to) => button(label, () => [stop(), go(to())]);
  const first = byHand("first", () => 0);
  const back = byHand("◀ back", () => at() - 1);
  const next = byHand("next ▶", () => at() + 1);
  const pass = byHand("end of pass", nextPass);
  const end = byHand("last", () => last);
  const play = button("play", () => (timer === null ? start() : stop()));
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "play";
    told.setAttribute("aria-live", "polite");
  }
  function start() {
    if (at() === last) go(0);
    play.textContent = "pause";
    told.setAttribute("aria-live", "off"); // a voice could not keep up
    timer = setInterval(() => {
      if (!root.isConnected || at() === last) return stop();
      go(at() + 1);
    }, PAUSE);
  }
  // Who asked for less motion gets the steps alone.
  const respect = () => {
    play.hidden = still.matches;
    if (still.matches) stop();
  };

  const told = el("p", { class: "bk-told bk-ip-told", role: "status", "aria-live": "polite" });
  const passing = el("p", { class: "bk-title bk-ip-pass" });
  const net = networkDrawing(state, "");
  net.svg.classList.add("bk-ip-net");
  // Names that do not fit into their nodes are written beside those that move.
  const long = state.names.some((name) => name.length > 3);
  net.svg.classList.toggle("bk-ip-long", long);
  const curve = el("svg", { class: "bk-svg bk-ip-curve", role: "img", viewBox: `0 0 ${WIDE} ${HIGH}` });
  const list = STEPS.map(([, name, text]) => el("li", {}, el("b", {}, name), text, el("span")));
  const optionsTitle = el("p", { class: "bk-title" });
  const table = el("table", { class: "bk-worked bk-ip-table" });
  const key = (kind, words) => el("span", {}, el("svg", { class: "bk-ip-key", viewBox: "0 0 24 14", "aria-hidden": "true" }, kind === "alone" ? el("circle", { class: "bk-net-shape bk-net-alone", cx: 12, cy: 7, r: 6 }) : el("path", { class: `bk-net-link ${kind}`, d: "M1 7h22", "stroke-width": 3 })), words);
  mount(
    root,
    model,
    "InfoMap, step by step",
    can("step") ? el("div", { class: "bk-controls bk-ip-controls" }, steps.node, el("div", { class: "bk-buttons" }, first, back, next, pass, end, can("play") ? play : null)) : null,
    told,
    el(
      "div",
      { class: "bk-panels bk-ip-panels" },
      el(
        "div",
        {},
        el("div", {}, passing, net.svg, el("div", { class: "bk-legend" }, key("alone", "alone"), key("bk-ip-drawn", "drew the one that moved"), key("bk-ip-tied", "moves as one"))),
        el("div", {}, el("p", { class: "bk-title" }, "Code length, frame by frame, in bits a step. Digits: the step of the algorithm."), curve),
      ),
      el("div", {}, el("ol", { class: "bk-ip-steps" }, ...list), el("div", { class: "bk-ip-options" }, optionsTitle, table)),
    ),
  );

  const x = (place) => LEFT + ((RIGHT - LEFT) * place) / Math.max(1, last);
  const values = [...frames.map((frame) => frame.bits), state.one_level];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.06 * (high - low || 1);
  const y = (bits) => BOTTOM - ((BOTTOM - TOP) * (bits - low + margin)) / (high - low + 2 * margin);
  const bands = [];
  frames.forEach((frame, i) => {
    if (bands.at(-1)?.step !== frame.step) bands.push({ step: frame.step, from: i, to: i });
    bands.at(-1).to = i;
  });

  function drawCurve(place) {
    const parts = [];
    let labelled = -Infinity;
    bands.forEach(({ step, from, to }, k) => {
      const [begin, finish] = [Math.max(LEFT, x(from - 0.5)), Math.min(RIGHT, x(to + 0.5))];
      const here = place >= from && place <= to ? " bk-ip-here" : "";
      if (here || k % 2) parts.push(el("rect", { class: `bk-ip-band${here}`, x: begin, y: TOP - 6, width: finish - begin, height: BOTTOM - TOP + 24 }));
      const middle = (begin + finish) / 2;
      if (!here && (middle < labelled + 8 || finish - begin < 6)) return;
      labelled = middle;
      parts.push(el("text", { class: `bk-ip-digit${here}`, x: middle, y: BOTTOM + 14 }, `${1 + STEPS.findIndex(([name]) => name === step)}`));
    });
    const gap = [0.05, 0.1, 0.25, 0.5, 1, 2].find((size) => (high - low) / size <= 5) ?? 5;
    for (let tick = Math.ceil(low / gap) * gap; tick <= high + 1e-9; tick += gap) parts.push(el("text", { class: "bk-ip-tick", x: LEFT - 6, y: y(tick) + 4 }, show(tick, gap < 0.1 || gap === 0.25 ? 2 : 1)));
    parts.push(el("line", { class: "bk-ip-flat", x1: LEFT, x2: RIGHT, y1: y(state.one_level), y2: y(state.one_level) }));
    parts.push(el("path", { class: "bk-ip-line", d: `M${frames.map((frame, i) => `${x(i).toFixed(1)} ${y(frame.bits).toFixed(1)}`).join("L")}` }));
    parts.push(el("text", { class: "bk-ip-flat-name", x: LEFT + 4, y: y(state.one_level) - 5 }, "one code book for all nodes"));
    parts.push(el("line", { class: "bk-ip-cursor", x1: x(place), x2: x(place), y1: TOP - 6, y2: BOTTOM }));
    parts.push(el("circle", { class: "bk-ip-dot", cx: x(place), cy: y(frames[place].bits), r: 5 }));
    curve.replaceChildren(...parts);
    curve.setAttribute("aria-label", `The code length falls from ${number(frames[0].bits)} to ${number(frames[last].bits)} bits in ${last} frames; here, after frame ${place}, it is ${number(frames[place].bits)}. One code book for all nodes takes ${number(state.one_level)}.`);
  }
  curve.addEventListener("click", (event) => {
    const point = svgPoint(curve, event);
    if (!point || !can("step")) return;
    stop();
    go(Math.round(((point.x - LEFT) / (RIGHT - LEFT)) * last));
  });

  function nameTag(node) {
    const [x, y] = state.places[node];
    const late = x > 250;
    return el("text", { class: "bk-ip-name", x: x + (late ? -17 : 17), y: y + 4, "text-anchor": late ? "end" : "start" }, state.names[node]);
  }

  function drawNetwork(frame) {
    const sizes = tally(frame.modules);
    const mover = frame.moves.length === 1 ? moverOf(frame) : null;
    const moving = new Set(frame.moves.map(([unit]) => unit));
    net.update({
      modules: frame.modules.map((module) => (sizes.get(module) > 1 ? state.letters[module] : -1)),
      classes: (node) => (moving.has(frame.units[node]) ? "bk-ip-moved" : ""),
    });
    net.layer.replaceChildren(...(long && mover ? mover.nodes.map((node) => nameTag(node)) : []));
    for (const [a, b] of state.links) {
      const drawn = mover && mover.inside.has(a) !== mover.inside.has(b) && frame.modules[a] === frame.modules[b];
      net.linkAt(a, b).classList.toggle("bk-ip-tied", frame.kind !== "nodes" && frame.units[a] === frame.units[b]);
      net.linkAt(a, b).classList.toggle("bk-ip-drawn", drawn === true);
    }
    const told = [...sizes].filter(([, size]) => size > 1).map(([module, size]) => [state.letters[module], size]).sort((a, b) => a[0] - b[0]);
    const alone = [...sizes].filter(([, size]) => size === 1).length;
    const all = told.map(([module, size]) => `${moduleLetter(module)} ${size}`).join(", ");
    net.svg.setAttribute("aria-label", `The network. Nodes in each module: ${[all, alone ? `${alone} alone` : ""].filter(Boolean).join("; ")}.`);
    passing.textContent = frame.step === "start" ? `${count(sizes.size, "module")} of one node each.` : `This pass: ${frame.tries} tried, ${frame.moved} moved. ${count(sizes.size, "module")}${alone ? `, ${alone} alone` : ""}.`;
  }

  function drawOptions(frame) {
    if (frame.moves.length !== 1) {
      optionsTitle.textContent = frame.moves.length ? "Many modules at once: no single move would do." : "Nothing moves in this frame.";
      return table.replaceChildren();
    }
    const all = optionsOf(state, frame);
    const shown = all.slice(0, OPTIONS);
    if (!shown.some((option) => option.stay)) shown.splice(-1, 1, all.find((option) => option.stay));
    optionsTitle.textContent = `Where it could go: the modules next to it${all.length > shown.length ? `, ${shown.length} of ${all.length}` : ""}`;
    const rows = shown.map(({ name, bits, change, chosen, stay }) =>
      el("tr", { class: chosen ? "bk-key-row" : null }, el("th", { scope: "row" }, `${chosen ? "✓ " : ""}${name}`), el("td", {}, number(bits)), el("td", {}, stay ? "0" : `${change < 0 ? "−" : "+"}${number(Math.abs(change))}`)),
    );
    table.replaceChildren(el("thead", {}, el("tr", {}, ...["choice", "bits", "change"].map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, ...rows));
  }

  function draw() {
    const place = at();
    const frame = frames[place];
    steps.update();
    [first, back, next, pass, end].forEach((node, i) => node.setAttribute("aria-disabled", i < 2 ? place === 0 : place === last));
    const says = sentence(state, frames, place);
    if (told.textContent !== says) told.textContent = says;
    drawNetwork(frame);
    drawCurve(place);
    drawOptions(frame);
    STEPS.forEach(([name], i) => {
      if (name === frame.step) list[i].setAttribute("aria-current", "step");
      else list[i].removeAttribute("aria-current");
      list[i].lastChild.textContent = name === frame.step && ["again", "parts"].includes(name) ? ` Round ${frame.turn}.` : "";
    });
  }
  respect();
  still.addEventListener("change", respect);
  const clean = redrawOn(model, ["step"], draw);
  return () => {
    stop();
    still.removeEventListener("change", respect);
    clean();
  };
}

export default { render };
