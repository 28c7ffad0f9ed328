// Hierarchy: the tree of modules beside the network; code books are put away and taken out, and the bits follow.
import { alike, button, count, decimals, el, mount, redrawOn, svgPoint, undoHistory } from "../static/kit.js";
import { mapCodeLength } from "../static/map_rules.js";
import { moduleClass, moduleLetter, networkDrawing } from "../static/network_drawing.js";
import { shownPath, treeBook, treeInner, treeKeys, treeLevel, treeParent, treeToggle } from "../static/tree_rules.js";

const TOLD = 6; // modules of the top that are told one by one
const GREY = 7; // the colour that names no module
const AROUND = 9.5; // how much farther the ground of an outer module reaches
const [WIDE, ROOT] = [380, 60]; // of the tree, and of its first column
const [SMALL, BESIDE] = [9, 27]; // a radius of nodes, and how far beside them names stand
const WORDS = 12; // of a code book, that are told
const TRIED = 6; // maps that are kept in the table

const number = (x) => decimals(x, 4);

/** What a module is called: a letter at the top, numbers below; the twin of `module_trees.name`. */
function nameOf(key) {
  if (key === "") return "all nodes";
  const [top, ...below] = key.split(".").map(Number);
  return moduleLetter(top) + below.map((part) => part + 1).join(".");
}

const colourOf = (key) => (key === "" ? GREY : Number(key.split(".")[0]));

/** The modules at the top, each with the number of those inside it. */
function topOf(modules) {
  const inside = new Map();
  for (const [top, below] of modules) inside.set(top, (inside.get(top) ?? new Set()).add(below));
  return [...inside].map(([key, below]) => ({ key, inside: below.has(undefined) ? 0 : below.size }));
}

/** What is shown now; the twin of `MapHierarchy.sentence`. */
function sentence(length, modules, closed) {
  const flat = number(length.oneLevel);
  if (closed.includes("")) return `No modules: one code book for all nodes takes ${flat} bits a step.`;
  const top = topOf(modules).map(({ key, inside }) => `${nameOf(key)}${inside ? ` (${inside} inside)` : ""}`);
  const listed = top.length > TOLD + 1 ? [...top.slice(0, TOLD), `${top.length - TOLD} more`] : top;
  const all = listed.length > 1 ? `${listed.slice(0, -1).join(", ")} and ${listed.at(-1)}` : listed[0];
  return `${top.length} module${top.length === 1 ? "" : "s"} at the top: ${all}. ${number(length.bits)} bits a step: ${number(length.index)} in books of modules, ${number(length.inside)} in books of nodes. One code book for all takes ${flat}.`;
}

/** A map in short: A(3) is a module with three inside. */
const shortName = (modules, closed) => (closed.includes("") ? "one code book" : topOf(modules).map(({ key, inside }) => nameOf(key) + (inside ? `(${inside})` : "")).join(" "));

/** Where the modules stand in the drawn tree: a column a level, a row a module that holds nodes. */
function layOut(tree) {
  const leaves = [...new Set(tree.map((path) => path.join(".")))];
  const row = leaves.length > 14 ? 18 : 27;
  const depth = Math.max(...tree.map((path) => path.length));
  const column = (WIDE - ROOT) / depth;
  const boxes = new Map([["", { key: "", x: 0, wide: ROOT, from: 0, to: leaves.length - 1 }]]);
  leaves.forEach((leaf, place) => {
    treeKeys(leaf.split(".")).forEach((key, level) => {
      if (!boxes.has(key)) boxes.set(key, { key, x: ROOT + level * column, wide: column, from: place, to: place });
      boxes.get(key).to = place;
    });
  });
  for (const box of boxes.values()) Object.assign(box, { y: box.from * row, high: (box.to - box.from + 1) * row });
  return { boxes, row, depth, high: leaves.length * row };
}

function render({ model, el: root }) {
  const names = ["names", "places", "links", "directed", "flow", "tree", "radius", "controls", "caption"];
  const fixed = Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const { tree, flow } = fixed;
  const can = (control) => fixed.controls.includes(control);
  const state = () => ({ dissolved: model.get("dissolved"), closed: model.get("closed") });
  const modulesOf = (now) => tree.map((path) => shownPath(path, now));
  const bitsOf = (now) => mapCodeLength(flow, modulesOf(now)).bits;
  const inner = treeInner(tree);
  const places = layOut(tree);
  const delta = (before, after) => {
    const more = after - before;
    if (Math.abs(more) < 5e-7) return "As many bits as before.";
    return `${number(Math.abs(more))} bits ${more < 0 ? "fewer" : "more"} a step.`;
  };
  const history = undoHistory(model, ["dissolved", "closed"], { tell: (before) => delta(bitsOf(before), bitsOf(state())) });

  function toggle(key) {
    if (!can("books")) return;
    const [before, { did, key: changed, ...after }] = [state(), treeToggle(tree, key, state())];
    const inside = [...places.boxes.keys()].filter((one) => one !== "" && treeParent(one) === changed).length;
    const name = nameOf(changed);
    const what = {
      dissolve: `${name} has no book any more: its ${inside} modules stand one level up.`,
      restore: `${name} has its book again.`,
      close: changed === "" ? "All nodes share one code book." : `All of ${name} is one module now: nodes do not stand beside modules.`,
      open: changed === "" ? "The modules have their books again." : `The modules in ${name} have their books again.`,
    }[did];
    history.edit(after, { say: `${what} ${delta(bitsOf(before), bitsOf(after))}` });
  }
  const cut = (after, words) => history.edit(after, { say: `${words} ${delta(bitsOf(state()), bitsOf(after))}` });
  const levels = [
    ["one code book", treeLevel(tree, 0), "All nodes share one code book."],
    ...Array.from({ length: places.depth }, (_, k) => [`level ${k + 1} only`, treeLevel(tree, k + 1), `Only the modules of level ${k + 1} have books, and the top.`]),
    ["all levels", { dissolved: [], closed: [] }, "All modules have books."],
  ].map(([label, after, words]) => ({ after, node: button(label, () => cut(after, words)) }));

  const news = el("p", { class: "bk-mh-news", role: "status", "aria-live": "polite" });
  const told = el("p", { class: "bk-told bk-mh-told", role: "status", "aria-live": "polite" });
  const bar = el("div", { class: "bk-mh-bar", role: "img" });
  const best = el("p", { class: "bk-title" });
  // "application": a screen reader must hand the arrow keys on.
  const drawing = el("svg", { class: "bk-svg bk-mh-tree", role: "application", "aria-roledescription": "tree of modules", tabindex: "0", viewBox: `-2 -2 ${WIDE + 4} ${places.high + 4}` });
  const net = networkDrawing(fixed, "");
  net.svg.classList.add("bk-mh-net");
  const { y, width, height } = net.svg.viewBox.baseVal;
  net.svg.setAttribute("viewBox", `-3 ${y - 3} ${width + 6} ${height + 6}`); // room for the outer grounds
  const total = el("b", { class: "bk-mh-total" });
  const status = el("p", { class: "bk-status", role: "status", "aria-live": "polite" });
  const book = el("table", { class: "bk-worked bk-mh-table" });
  const tried = el("table", { class: "bk-worked bk-mh-table bk-mh-tried" });
  const title = (text) => el("p", { class: "bk-title" }, text);
  const { undo, redo, again } = history.buttons;
  mount(
    root,
    model,
    "Hierarchy of modules",
    el("div", { class: "bk-buttons" }, ...(can("levels") ? levels.map(({ node }) => node) : []), ...(can("history") ? [undo, redo, again] : [])),
    news,
    told,
    el(
      "div",
      {},
      el("p", { class: "bk-title" }, total, " bits a step, book by book. The frame is what one code book for all nodes takes."),
      el("div", { class: "bk-mh-scale" }, bar),
      el("div", { class: "bk-legend" }, el("span", {}, el("i", { class: "bk-mh-part bk-mh-inner bk-mh-key" }), "books of modules"), el("span", {}, el("i", { class: "bk-mh-part bk-mh-key" }), "books of nodes")),
    ),
    el(
      "div",
      { class: "bk-panels bk-mh-panels" },
      el("div", {}, el("div", { class: "bk-mh-first" }, title(can("books") ? "The tree. Press a module: its book goes, or comes back." : "The tree, with the bits of each book."), drawing), el("div", {}, status, book)),
      el("div", {}, el("div", { class: "bk-mh-second" }, title("The network, with the modules that have books."), net.svg), el("div", {}, best, tried)),
    ),
  );

  const middleOf = (nodes) => [0, 1].map((axis) => nodes.reduce((sum, node) => sum + fixed.places[node][axis], 0) / nodes.length);
  const middle = middleOf([...fixed.names.keys()]);
  let at = tree[0].length > 1 ? `${tree[0][0]}` : ""; // the chosen module
  const seen = new Map(); // maps that were tried

  function choose(key) {
    if (key === at) return;
    at = key;
    draw();
  }
  const boxAt = (event) => {
    const point = svgPoint(drawing, event);
    return point && [...places.boxes.values()].find(({ x, y, wide, high }) => point.x >= x && point.x < x + wide && point.y >= y && point.y < y + high);
  };
  drawing.addEventListener("pointermove", (event) => {
    const box = event.pointerType === "touch" ? null : boxAt(event);
    if (box) choose(box.key);
  });
  drawing.addEventListener("click", (event) => {
    const box = boxAt(event);
    if (!box) return;
    at = box.key;
    if (can("books")) toggle(at);
    else draw();
  });
  drawing.addEventListener("keydown", (event) => {
    const keys = [...places.boxes.keys()];
    const deep = (key) => (key === "" ? 0 : key.split(".").length);
    const level = keys.filter((key) => deep(key) === deep(at)).sort((a, b) => places.boxes.get(a).from - places.boxes.get(b).from);
    const next = (step) => level[level.indexOf(at) + step] ?? at;
    const moves = { ArrowUp: () => next(-1), ArrowDown: () => next(1), ArrowLeft: () => treeParent(at), ArrowRight: () => keys.find((key) => key !== "" && treeParent(key) === at) ?? at };
    if (moves[event.key]) choose(moves[event.key]());
    else if (event.key === "Enter" || event.key === " ") toggle(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  if (can("history")) history.bindKeys(root);

  /** The book that a module has now, or null. */
  function bookOf(key, length, now) {
    const own = treeBook(key, now) === "own";
    if (key === "" && now.closed.includes("")) return length.books.find((one) => one.path.length === 1);
    return own ? length.books.find((one) => (key === "" ? one.path.length === 0 : one.path.at(-1) === key)) : null;
  }
  const isInner = (found, now) => !found.leaf && !now.closed.includes("");

  function drawBar(length, now) {
    const scale = Math.max(length.oneLevel, length.bits);
    const shown = now.closed.includes("") ? length.books.filter((one) => one.leaf) : length.books;
    const [keys, keyOf] = [[...places.boxes.keys()], (one) => one.path.at(-1) ?? ""];
    const order = [...shown].sort((a, b) => a.leaf - b.leaf || keys.indexOf(keyOf(a)) - keys.indexOf(keyOf(b)));
    bar.replaceChildren(
      ...order.map((one) => {
        const key = keyOf(one);
        const share = one.bits / scale;
        const name = key === "" ? (now.closed.includes("") ? "all nodes" : "top") : nameOf(key);
        const part = el("div", { class: `bk-mh-part ${moduleClass(colourOf(key))}${isInner(one, now) ? " bk-mh-inner" : ""}${bookOf(at, length, now) === one ? " bk-mh-here" : ""}`, title: `${name}: ${number(one.bits)} bits` }, share > 0.045 ? el("span", {}, name) : null);
        part.style.width = `${(100 * share).toFixed(3)}%`;
        return part;
      }),
    );
    total.textContent = number(length.bits);
    bar.setAttribute("aria-label", `${number(length.bits)} bits a step of ${number(scale)}, in ${count(order.length, "code book")}.`);
  }

  function drawTree(length, now) {
    const parts = [...places.boxes.values()].map(({ key, x, y, wide, high }) => {
      const found = bookOf(key, length, now);
      const kind = ["bk-mh-box", moduleClass(colourOf(key)), found ? "" : "bk-mh-off", key === at ? "bk-mh-here" : ""].filter(Boolean).join(" ");
      const middle = y + high / 2;
      const [cx, cy] = key === "" ? [x + wide / 2 - 5, middle - 22] : [x + 6, middle - 5];
      const digits = found ? found.bits.toFixed(3) : "no book";
      const texts = key === "" ? [el("text", { x: x + wide / 2, y: middle + 6, "text-anchor": "middle" }, now.closed.includes("") ? "all" : "top"), el("text", { x: x + wide / 2, y: middle + 22, "text-anchor": "middle" }, digits)] : [el("text", { x: x + 22, y: middle + 4 }, nameOf(key)), el("text", { class: "bk-mh-number", x: x + wide - 7, y: middle + 4 }, digits)];
      return el("g", { class: kind }, el("rect", { x: x + 1, y: y + 1, width: wide - 3, height: high - 3, rx: 3 }), el("rect", { class: "bk-mh-check", x: cx, y: cy, width: 10, height: 10, rx: 1.5 }), found ? el("path", { class: "bk-mh-tick", d: `M${cx + 2} ${cy + 5}l2.4 2.6l4 -5.4` }) : null, ...texts);
    });
    drawing.replaceChildren(...parts);
    drawing.setAttribute("aria-label", `The tree of ${count(places.boxes.size - 1, "module")}. Arrow keys choose a module${can("books") ? "; Enter puts its code book away or takes it out" : ""}. Chosen: ${nameOf(at)}.`);
  }

  function drawNetwork(modules, now) {
    const deepest = Math.max(...modules.map((path) => path.length));
    const found = new Map();
    modules.forEach((path, node) =>
      path.forEach((key, depth) => {
        const around = depth === path.length - 1 ? 0 : deepest - 1 - depth;
        const id = `${around} ${key}`;
        if (!found.has(id)) found.set(id, { key, module: colourOf(key), wider: AROUND * around, nodes: [] });
        found.get(id).nodes.push(node);
      }),
    );
    const grounds = [...found.values()].sort((a, b) => b.wider - a.wider);
    const chosen = new Set(tree.flatMap((path, node) => (at === "" || treeKeys(path).includes(at) ? [node] : [])));
    net.update({ modules: tree.map(([top]) => top), grounds, tags: false, classes: (node) => (chosen.has(node) && at !== "" ? "bk-mh-here" : "") });
    net.layer.replaceChildren(
      ...grounds.filter(({ key, wider }) => key !== "" && !wider).map(({ key, nodes }) => {
        let [x, y] = middleOf(nodes);
        if (fixed.radius < SMALL) {
          // Between small nodes there is no room: the name stands beside them, towards the middle.
          const [away, down] = [x - middle[0], y - middle[1]];
          const far = Math.hypot(away, down) || 1;
          [x, y] = [x - (BESIDE * away) / far, y - (BESIDE * down) / far];
        }
        return el("text", { class: "bk-mh-name", x: x.toFixed(1), y: (y + 4).toFixed(1) }, nameOf(key));
      }),
    );
    net.svg.setAttribute("aria-label", `The network of ${count(fixed.names.length, "node")}. Modules with books: ${shortName(modules, now.closed)}.`);
  }

  /** The words that are ever used: there is no exit where there is one module. */
  const wordsOf = (found) => found.words.filter((word) => !(word.exit && word.rate === 0));
  const head = (...texts) => el("thead", {}, el("tr", {}, ...texts.map((text) => el("th", { scope: "col" }, text))));
  const line = (name, texts, kind = null) => el("tr", { class: kind }, el("th", { scope: "row" }, name), ...texts.map((text) => el("td", {}, text)));

  function bookSentence(found, now) {
    const name = at === "" ? "The top" : nameOf(at);
    if (found) return `The book of ${at === "" ? (now.closed.includes("") ? "all nodes" : "the top") : name}: ${count(wordsOf(found).length, "word")}, used ${number(found.rate)} times a step, ${number(found.bits)} bits a step.`;
    if (treeBook(at, now) === "away") return `${name} has no book: its modules stand one level up.`;
    return `${name} has no book: its nodes stand in the book of ${nameOf(["", ...treeKeys(at.split("."))].find((key) => now.closed.includes(key)))}.`;
  }

  function drawBook(length, now) {
    const found = bookOf(at, length, now);
    const says = bookSentence(found, now);
    if (status.textContent !== says) status.textContent = says;
    book.hidden = !found;
    if (!found) return book.replaceChildren();
    const wordName = (word) => (word.exit ? "exit" : word.path ? nameOf(word.path.at(-1)) : `node ${fixed.names[word.node]}`);
    const used = wordsOf(found);
    const few = used.length > WORDS ? [...used.slice(0, WORDS - 1), used.at(-1)] : used;
    const rows = few.map((word) => {
      const bits = word.rate > 0 ? -Math.log2(word.rate / found.rate) : 0;
      return line(wordName(word), [number(word.rate), bits.toFixed(2), number(word.rate * bits)]);
    });
    if (few !== used) rows.splice(-1, 0, line(`${used.length - few.length} more`, ["…", "…", "…"]));
    book.replaceChildren(head("word", "uses a step", "bits a use", "bits a step"), el("tbody", {}, ...rows), el("tfoot", {}, line("all", [number(found.rate), found.entropy.toFixed(2), number(found.bits)])));
  }

  function drawTried(length, modules, now) {
    const own = shortName(modules, now.closed);
    seen.set(own, { bits: length.bits, now });
    const order = [...seen].sort((a, b) => a[1].bits - b[1].bits);
    best.textContent = `Tried so far: ${count(order.length, "map")}, the shortest first. A(3): a module with 3 inside.`;
    const shown = order.slice(0, TRIED);
    if (!shown.some(([name]) => name === own)) shown.splice(-1, 1, order.find(([name]) => name === own));
    const rows = shown.map(([name, { bits, now: then }]) => {
      const here = name === own;
      const words = name.split(" ");
      const go = here || !can("books") ? null : button("show", () => cut(then, "A map tried before."));
      go?.setAttribute("aria-label", `show ${name}`);
      go?.setAttribute("data-lm-suppress-shortcuts", "true");
      return el("tr", { class: here ? "bk-key-row" : null }, el("th", { scope: "row" }, words.length > 12 ? `${words.slice(0, 11).join(" ")} and ${words.length - 11} more` : name), el("td", {}, number(bits)), el("td", {}, go ?? (here ? "✓" : "")));
    });
    tried.replaceChildren(head("map", "bits a step", "on view"), el("tbody", {}, ...rows));
  }

  function draw() {
    history.note();
    const now = state();
    const modules = modulesOf(now);
    const length = mapCodeLength(flow, modules);
    for (const { after, node } of levels) {
      const here = alike(modulesOf(after), modules);
      node.setAttribute("aria-pressed", here);
      node.setAttribute("aria-disabled", here);
    }
    if (news.textContent !== history.news()) news.textContent = history.news();
    const says = sentence(length, modules, now.closed);
    if (told.textContent !== says) told.textContent = says;
    drawBar(length, now);
    drawTree(length, now);
    drawNetwork(modules, now);
    drawBook(length, now);
    drawTried(length, modules, now);
  }
  return redrawOn(model, ["dissolved", "closed"], draw);
}

export default { render };
