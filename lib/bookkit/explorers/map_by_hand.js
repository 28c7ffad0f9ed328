// The map equation by hand: move nodes between modules; code books, terms and code length follow; a walker writes in both codes.
import { alike, button, clamp, commit, count, el, freshId, mount, redrawOn, show, svgPoint, undoHistory } from "../static/kit.js";
import { mapBestMove, mapBookWords, mapCodeLength, mapMoves, mapTape, mapWalk } from "../static/map_rules.js";
import { bitsBar, bitsOf, bookAreas, bookTable } from "../static/map_views.js";
import { moduleLetter, moduleMark, networkDrawing } from "../static/network_drawing.js";
import { walkTapes } from "../static/walk_tapes.js";

const MOST_STEPS = 5000;
const SAME = 5e-7; // bits; differences below are rounding
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

/** `3.210 bits, 0.050 more`. */
function compared(bits, before) {
  const more = bits - before;
  return `${bitsOf(bits)} bits, ${Math.abs(more) < SAME ? "as before" : `${bitsOf(Math.abs(more))} ${more > 0 ? "more" : "less"}`}`;
}
/** `+0.050`, with a real minus sign. */
const signed = (x) => (Math.abs(x) < SAME ? "±0.000" : `${x > 0 ? "+" : "−"}${bitsOf(Math.abs(x))}`);

/** What is shown; the twin of `MapByHand.sentence`. */
function sentence(net, found, modules) {
  let answer = `the library's answer needs ${bitsOf(net.bits)}`;
  if (Math.abs(found.bits - net.bits) < SAME) answer = "this is the library's answer";
  else if (found.bits < net.bits) answer = `the library's answer needs more, ${bitsOf(net.bits)}`;
  return `${count(modules.length, "node")} in ${count(new Set(modules).size, "module")}: ${bitsOf(found.bits)} bits a step, ${bitsOf(found.index)} of them for the index book. One code book needs ${bitsOf(found.oneLevel)}; ${answer}.`;
}

function render({ model, el: root }) {
  const names = ["networks", "network", "modules", "node", "steps", "seed", "controls", "caption"];
  const can = (control) => model.get("controls").includes(control);
  const net = () => model.get("networks")[model.get("network")];
  const modules = () => model.get("modules");
  const node = () => clamp(model.get("node"), 0, modules().length - 1);
  const lengthOf = (network, groups) => mapCodeLength(model.get("networks")[network], groups);
  const nameOf = (i) => `Node ${net().names[i]}`;
  const best = new Map(); // of each network: the reader's own
  const asked = new Set(); // networks whose answer the reader has seen: it is not their own any more

  const history = undoHistory(model, ["network", "modules"], { tell });
  const { edit } = history;
  const set = (changes) => commit(model, changes);
  function tell(before) {
    const now = lengthOf(model.get("network"), modules()).bits;
    if (before.network !== model.get("network")) return `${net().name}.`;
    const moved = modules().map((_, i) => i).filter((i) => modules()[i] !== before.modules[i]);
    const cost = compared(now, lengthOf(before.network, before.modules).bits);
    if (moved.length !== 1) return `${count(moved.length, "node")} moved: ${cost}.`;
    const [i] = moved;
    const to = before.modules.includes(modules()[i]) ? `module ${moduleLetter(modules()[i])}` : `a module of its own, ${moduleLetter(modules()[i])}`;
    return `${nameOf(i)} moved from module ${moduleLetter(before.modules[i])} to ${to}: ${cost}.`;
  }

  // --- moving ---------------------------------------------------------------------------------------------------
  const spare = () => modules().map((_, i) => i).find((module) => !modules().includes(module)) ?? modules().length;
  /** Move a node to a module, or with null to one of its own. */
  function move(i, to) {
    const home = modules()[i];
    const alone = modules().filter((module) => module === home).length === 1;
    if (to === home || (to === null && alone)) return history.say(`${nameOf(i)} is ${to === null ? "alone in" : "in"} module ${moduleLetter(home)} already.`), draw();
    edit({ modules: modules().map((module, k) => (k === i ? (to ?? spare()) : module)), node: i });
  }
  function moveBest() {
    const found = mapBestMove(net(), modules());
    if (!found) return history.say(`No single move makes it shorter than ${bitsOf(lengthOf(model.get("network"), modules()).bits)} bits.`), draw();
    move(found.node, found.module);
  }
  const goTo = (to, already, say) => (alike(to, modules()) ? (history.say(already), draw()) : edit({ modules: to }, { say }));
  function ask() {
    const [now, then] = [lengthOf(model.get("network"), modules()).bits, net().bits];
    const few = count(new Set(net().answer).size, "module");
    asked.add(model.get("network"));
    goTo(net().answer, "This is the library's answer already.", `The library's answer, ${few}: ${compared(then, now)}.`);
  }

  // --- the parts ------------------------------------------------------------------------------------------------
  const chooserId = freshId("network");
  const chooser = el("select", { id: chooserId }, ...model.get("networks").map((one, i) => el("option", { value: i }, one.name)));
  chooser.addEventListener("change", () => {
    const network = chooser.selectedIndex;
    edit({ network, modules: model.get("networks")[network].start, node: 0 });
  });
  const back = button("best so far", () => edit({ modules: best.get(model.get("network")).modules }, { say: "Back to the best so far." }));
  const { undo, redo, again } = history.buttons;
  const moving = el("div", { class: "bk-bh-moving" }, el("div", { class: "bk-buttons" }, undo, redo, again, back), el("div", { class: "bk-buttons" }, button("best single move", moveBest), button("the library's answer", ask), button("each alone", () => goTo(modules().map((_, i) => i), "Each node is alone already.")), button("all in one", () => goTo(modules().map(() => 0), "All nodes are in one module already."))));
  const told = el("p", { class: "bk-told bk-bh-told", role: "status", "aria-live": "polite" });
  const at = el("p", { class: "bk-status bk-bh-at", role: "status", "aria-live": "polite" });
  const here = el("p", { class: "bk-title bk-bh-here" });
  const chips = el("div", { class: "bk-buttons bk-bh-chips", role: "group" });
  const stage = el("div");
  const total = el("p", { class: "bk-bh-total" });
  const bar = bitsBar();
  const areas = bookAreas();
  const books = bookTable(() => net().names);
  const shut = button("close all books", () => {
    allOpen = !allOpen;
    books.open(allOpen);
    shut.textContent = allOpen ? "close all books" : "open all books";
  });
  let allOpen = matchMedia("(min-width: 48rem)").matches;
  shut.textContent = allOpen ? "close all books" : "open all books";
  const title = (text) => el("p", { class: "bk-title" }, text);

  // --- the walker -----------------------------------------------------------------------------------------------
  const walkTo = (steps) => set({ steps: clamp(steps, 0, MOST_STEPS) });
  const ahead = (more) => walkTo(model.get("steps") + more);
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "play";
  };
  const tick = () => (root.isConnected && model.get("steps") < MOST_STEPS ? ahead(1) : stop());
  const play = button("play", () => {
    if (timer) return stop();
    timer = setInterval(tick, 900);
    play.textContent = "pause";
    tick();
  });
  const fromStart = [button("◀ a step back", () => ahead(-1)), button("from the start", () => walkTo(0))];
  const walking = el("div", { class: "bk-buttons" }, button("step ▶", () => ahead(1)), button("10 steps", () => ahead(10)), button("1,000 steps", () => ahead(1000)), play, ...fromStart, button("another walk", () => set({ seed: model.get("seed") + 1 })));
  const tapes = walkTapes();
  const stands = el("p", { class: "bk-bh-stands", role: "status", "aria-live": "polite" });
  let walked = {}; // a walk is drawn once, and told anew whenever the code changes
  function walkNow() {
    const key = ["network", "seed", "steps"].map((name) => model.get(name)).join();
    if (walked.key !== key) walked = { key, nodes: mapWalk(net(), 0, model.get("steps"), model.get("seed")) };
    return walked.nodes;
  }

  mount(
    root,
    model,
    "The map equation by hand",
    can("network") && model.get("networks").length > 1 ? el("div", { class: "bk-controls" }, el("div", { class: "bk-control" }, el("label", { for: chooserId }, "network"), chooser)) : null,
    can("move") ? moving : null,
    told,
    el(
      "div",
      { class: "bk-panels bk-bh-panels" },
      el("div", {}, stage, at, ...(can("move") ? [here, chips] : [])),
      el("div", {}, total, bar.node, el("div", { class: "bk-bh-gap" }, title("Each code book as an area: words used × bits a word = bits. Dashed on top: Huffman's whole bits."), areas.node)),
    ),
    el("div", {}, el("div", { class: "bk-bh-head" }, title("The code books: every word with its share of the steps and its bits."), shut), books.node),
    can("walk") ? el("div", { class: "bk-bh-walk" }, title("A walker, the thick ring, tells every step in both codes. Where it starts is known; what is underlined in one piece is one step."), walking, stands, tapes.node) : null,
  );

  // --- the drawing and its gestures -----------------------------------------------------------------------------
  let drawing = null;
  let drawnFor = null;
  let drag = null;
  let pointed = null; // a node under the mouse
  let tellAt = () => {};
  const walker = el("circle", { r: 17, class: "bk-bh-walker" });
  const ring = el("circle", { r: 21, class: "bk-bh-ring" });
  const preview = el("text", { class: "bk-bh-preview" });

  function makeDrawing() {
    if (drawnFor === net()) return;
    drawnFor = net();
    drawing = networkDrawing(net(), "");
    const { svg } = drawing;
    svg.classList.add("bk-bh-net");
    pointed = null;
    svg.addEventListener("pointermove", (event) => event.pointerType === "mouse" && !drag && point(drawing.nodeAt(event, Infinity)));
    svg.addEventListener("pointerleave", () => point(null));
    if (can("move")) {
      svg.setAttribute("tabindex", "0");
      svg.setAttribute("data-lm-suppress-shortcuts", "true");
      // "application": a screen reader must hand the keys on.
      svg.setAttribute("role", "application");
      svg.setAttribute("aria-roledescription", "network");
      svg.addEventListener("pointerdown", lift);
      svg.addEventListener("pointermove", carry);
      svg.addEventListener("pointerup", drop);
      svg.addEventListener("pointercancel", release);
      svg.addEventListener("keydown", press);
      // A finger on a node drags it; elsewhere it scrolls the page. Styles cannot say so for parts of a drawing.
      svg.addEventListener("touchstart", (event) => event.touches.length === 1 && drawing.nodeAt(event.touches[0]) !== null && event.preventDefault(), { passive: false });
    }
    drawing.under.append(walker, ring);
    drawing.layer.append(preview);
    stage.replaceChildren(svg);
  }
  function point(to) {
    if (to === pointed) return;
    pointed = to;
    tellAt();
  }
  function lift(event) {
    const i = drawing.nodeAt(event);
    if (i === null || event.button) return;
    if (i !== node()) history.look({ node: i });
    drag = { node: i, from: svgPoint(drawing.svg, event), moved: false, modules: modules(), bits: lengthOf(model.get("network"), modules()).bits, moves: mapMoves(net(), modules(), i) };
    drawing.svg.setPointerCapture(event.pointerId);
  }
  /** Where a dragged node would go: { module } of the nearest other node, null for nowhere new. */
  function aim(point) {
    const far = (k) => Math.hypot(point.x - net().places[k][0], point.y - net().places[k][1]);
    const others = net().places.map((_, k) => k).filter((k) => k !== drag.node);
    const nearest = others.reduce((a, b) => (far(b) < far(a) ? b : a));
    if (far(nearest) < 36) return { module: modules()[nearest] };
    return far(drag.node) < 40 ? null : { module: null };
  }
  function carry(event) {
    if (!drag) return;
    const point = svgPoint(drawing.svg, event);
    drag.moved ||= Math.hypot(point.x - drag.from.x, point.y - drag.from.y) > 5;
    if (!drag.moved) return;
    drawing.node(drag.node).setAttribute("transform", `translate(${point.x} ${point.y})`);
    const to = aim(point);
    const found = to && drag.moves.find((one) => one.module === to.module);
    preview.textContent = found ? `${found.module === null ? "alone" : moduleLetter(found.module)} ${bitsOf(found.bits)} (${signed(found.bits - drag.bits)})` : "";
    const box = drawing.svg.viewBox.baseVal;
    preview.setAttribute("x", clamp(point.x, 66, box.width - 66));
    preview.setAttribute("y", point.y > box.y + 50 ? point.y - 26 : point.y + 36);
  }
  function release() {
    if (!drag) return;
    drawing.node(drag.node).setAttribute("transform", `translate(${net().places[drag.node]})`);
    preview.textContent = "";
    drag = null;
  }
  function drop(event) {
    if (!drag) return;
    const { node: i, moved } = drag;
    const to = moved ? aim(svgPoint(drawing.svg, event)) : null;
    release();
    if (to) move(i, to.module);
  }
  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = ARROWS[event.key];
    const letter = modules().find((module) => moduleLetter(module) === event.key.toUpperCase());
    pointed = null;
    if (step) history.look({ node: beside(step) });
    else if (event.key === "0" || event.key === "+") move(node(), null);
    else if (event.key === "Enter" || event.key === " ") moveCheapest();
    else if (letter !== undefined) move(node(), letter);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  function moveCheapest() {
    const moves = mapMoves(net(), modules(), node());
    const cheapest = moves.reduce((a, b) => (b.bits < a.bits - 1e-9 ? b : a), moves[0]);
    if (cheapest) move(node(), cheapest.module);
  }
  /** The nearest node in a direction: what lies aside counts double. */
  function beside([dx, dy]) {
    const [x, y] = net().places[node()];
    let [to, least] = [node(), Infinity];
    net().places.forEach(([px, py], k) => {
      const along = (px - x) * dx + (py - y) * dy;
      const aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
      if (k !== node() && along > 0 && along + 2 * aside < least) [to, least] = [k, along + 2 * aside];
    });
    return to;
  }

  function drawChips(bits) {
    const i = node();
    const home = modules()[i];
    const beside = new Set(net().links.filter(([a, b]) => a === i || b === i).flatMap(([a, b]) => [modules()[a], modules()[b]]));
    beside.add(home);
    const moves = mapMoves(net(), modules(), i).filter(({ module }) => module === null || beside.has(module));
    const all = [...moves.filter((one) => one.module !== null), { module: home, bits }].sort((a, b) => a.module - b.module);
    const alone = moves.filter((one) => one.module === null);
    here.textContent = `${nameOf(i)}, in the dashed ring, could be in a module that it has links to, or alone. Bits a step then:`;
    chips.setAttribute("aria-label", `${nameOf(i)} to module`);
    const wanted = [...all, ...alone];
    while (chips.children.length > wanted.length) chips.lastChild.remove();
    while (chips.children.length < wanted.length) {
      const chip = button("", () => {
        move(node(), chip.module);
        // The focus goes with the node, once all is drawn.
        queueMicrotask(() => chips.querySelector("[aria-pressed=true]").focus({ preventScroll: true }));
      });
      chip.setAttribute("data-lm-suppress-shortcuts", "true");
      chips.append(chip);
    }
    wanted.forEach(({ module, bits: then }, k) => {
      const chip = chips.children[k];
      const isHome = module === home;
      chip.module = module;
      chip.setAttribute("aria-pressed", isHome);
      const name = module === null ? "alone" : moduleLetter(module);
      chip.setAttribute("aria-label", isHome ? `${name}, where it is, ${bitsOf(bits)} bits` : `${name}: ${compared(then, bits)}`);
      chip.replaceChildren(...(module === null ? [] : [moduleMark(module), " "]), el("b", {}, name), ` ${bitsOf(then)}`, el("small", {}, isHome ? " here" : ` ${signed(then - bits)}`));
    });
  }

  /** Say what there is of a node: the one pointed at, or else the chosen one. */
  function saysAt(found, words) {
    const i = Math.min(pointed ?? node(), modules().length - 1);
    const flat = mapBookWords({ words: net().visits.map((rate) => ({ rate })) })[i];
    const b = found.books.findIndex((book) => book.leaf && book.words.some((word) => word.node === i));
    const own = words[b][found.books[b].words.findIndex((word) => word.node === i)];
    const some = (word) => word ?? "no word";
    const text = `${nameOf(i)}, ${(100 * net().visits[i]).toFixed(1)}\u00a0% of the steps: ${some(flat)} in one code book, ${some(own)} in that of module ${moduleLetter(modules()[i])}.`;
    if (at.textContent !== text) at.textContent = text;
  }

  function drawWalk(found, words, walk, tape) {
    const says = tapes.update(found, words, walk, tape, net(), modules());
    for (const one of fromStart) one.setAttribute("aria-disabled", !tape.length);
    // While it plays by itself, a screen reader would never come to an end.
    stands.setAttribute("aria-live", timer ? "off" : "polite");
    if (stands.textContent !== says) stands.textContent = says;
  }

  function draw() {
    history.note();
    if (drag && drag.modules !== modules()) release();
    makeDrawing();
    const network = model.get("network");
    const found = lengthOf(network, modules());
    const words = found.books.map(mapBookWords);
    const known = best.get(network);
    if ((!known || found.bits < known.bits - SAME) && !(asked.has(network) && alike(modules(), net().answer))) best.set(network, { bits: found.bits, modules: modules() });
    const mine = best.get(network);
    chooser.selectedIndex = network;
    back.setAttribute("aria-disabled", !mine || mine.bits > found.bits - SAME);

    const walk = can("walk") ? walkNow() : [];
    const tape = can("walk") ? mapTape(found, walk, words) : [];
    drawing.update({ modules: modules() });
    const place = (part, i) => (part.style.transform = `translate(${net().places[i][0]}px, ${net().places[i][1]}px)`);
    for (const link of drawing.svg.querySelectorAll(".bk-bh-taken")) link.classList.remove("bk-bh-taken");
    walker.style.display = can("walk") && tape.length ? "" : "none";
    if (tape.length) {
      place(walker, walk.at(-1));
      drawing.linkAt(walk.at(-2), walk.at(-1))?.classList.add("bk-bh-taken");
    }
    ring.style.display = can("move") ? "" : "none";
    place(ring, node());
    drawing.svg.setAttribute("aria-label", `${nameOf(node())}, in module ${moduleLetter(modules()[node()])}, of ${count(modules().length, "node")}.${can("move") ? " Arrow keys choose a node; a letter moves it to that module, 0 to one of its own, Enter to the cheapest other." : ""}`);

    total.replaceChildren(el("b", {}, bitsOf(found.bits)), " bits a step in two levels");
    const flags = [{ bits: net().bits, label: "the library's answer", kind: "answer", above: true }];
    if (mine && can("move")) flags.push({ bits: mine.bits, label: "best so far", kind: "best", above: false });
    bar.update(found, moduleLetter, 1.04 * Math.max(found.oneLevel, lengthOf(network, modules().map((_, i) => i)).bits, found.bits), flags);
    areas.update(found, words);
    const last = tape.at(-1) ?? [];
    books.update(found, words, (book, at) => last.some((said) => said.book === book && said.place === at), allOpen);
    tellAt = () => saysAt(found, words);
    tellAt();
    if (can("move")) drawChips(found.bits);
    if (can("walk")) drawWalk(found, words, walk, tape);
    const news = history.news();
    const says = /bits|already/.test(news) ? news : `${news} ${sentence(net(), found, modules())}`.trim();
    if (told.textContent !== says) told.textContent = says;
  }
  history.bindKeys(root);
  const off = redrawOn(model, names, draw);
  return () => {
    stop();
    off();
  };
}

export default { render };
