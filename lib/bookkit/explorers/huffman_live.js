// Huffman, live: the reader's own text, its tree merge by merge, its words, and its bits, written and read.
import { button, clamp, commit, decimals, el, freshId, mount, redrawOn, slider } from "../static/kit.js";
import { encode, decode, entropy, huffman, huffmanMerges, meanLength } from "../static/codes.js";

const MOST = 60; // characters
const NAMED = 5; // symbols of a tree that are told one by one
const ROW = 24;
const TOP = 10;
const [FIRST, LAST] = [92, 340]; // where leaves and root stand
const HINT = `Up to ${MOST} characters, at least two of them different.`;

const number = (x) => decimals(x, 2);
const visible = (symbol) => (symbol === " " ? "␣" : symbol);

/** Huffman's tree and where its nodes stand; the twin of `bookkit.code_tree.tree_of`. */
function treeOf(counts) {
  const n = counts.length;
  const merges = huffmanMerges(counts);
  const weights = [...counts];
  const leaves = counts.map((_, i) => [i]);
  const height = counts.map(() => 0);
  const parent = [];
  merges.forEach(([first, second], k) => {
    weights.push(weights[first] + weights[second]);
    leaves.push([...leaves[first], ...leaves[second]]);
    height.push(1 + Math.max(height[first], height[second]));
    parent[first] = parent[second] = n + k;
  });
  const order = leaves.at(-1);
  const y = [];
  order.forEach((leaf, row) => (y[leaf] = TOP + (row + 0.5) * ROW));
  for (const [first, second] of merges) y.push((y[first] + y[second]) / 2);
  const x = height.map((level) => FIRST + ((LAST - FIRST) * level) / height.at(-1));
  return { n, merges, weights, leaves, parent, order, x, y };
}

/** Everything that the figure shows and that depends on the text alone. */
function workOut(text) {
  const characters = [...text];
  const symbols = [...new Set(characters)];
  const place = new Map(symbols.map((symbol, i) => [symbol, i]));
  const counts = symbols.map(() => 0);
  for (const symbol of characters) counts[place.get(symbol)] += 1;
  const words = huffman(counts);
  const bits = encode(words, characters.map((symbol) => place.get(symbol)));
  const [n, total] = [symbols.length, characters.length];
  const fixed = Math.ceil(Math.log2(n));
  const mean = meanLength(counts, words.map((word) => word.length));
  return { text, symbols, counts, words, bits, n, total, fixed, mean, entropy: entropy(counts), tree: treeOf(counts) };
}

function treeName(work, node) {
  const names = work.tree.leaves[node].map((leaf) => visible(work.symbols[leaf]));
  return names.length === 1 ? names[0] : `(${names.slice(0, NAMED).join(" ")}${names.length > NAMED ? " …" : ""})`;
}

const spent = (work, step) => work.tree.weights.slice(work.n, work.n + step).reduce((a, b) => a + b, 0);

/** What is shown now; the twin of `HuffmanLive.sentence`. */
function sentence(work, step, bit) {
  const { text, n, total, tree, bits } = work;
  if (step < n - 1) {
    if (!step) return `"${text}" has ${total} characters, ${n} different ones: ${n} trees of one leaf.`;
    const [first, second] = tree.merges[step - 1].map((node) => `${treeName(work, node)} with ${tree.weights[node]}`);
    return `Merge ${step} of ${n - 1}: ${first} and ${second} become one tree of ${tree.weights[n + step - 1]}. ${n - step} trees are left; ${spent(work, step)} bits so far.`;
  }
  if (!bit) {
    return `Huffman writes "${text}" in ${bits.length} bits, ${number(work.mean)} a character; words of one length need ${work.fixed * total} bits, ${work.fixed} a character; the entropy is ${number(work.entropy)} bits a character.`;
  }
  const { symbols, rest } = decode(work.words, bits.slice(0, bit));
  const many = bit < bits.length ? `${bit} of ${bits.length} bits are read` : `All ${bits.length} are read`;
  return `${many}: "${symbols.map((symbol) => work.symbols[symbol]).join("")}"${rest ? `; then ${rest}, the beginning of a word` : ""}.`;
}

/** The nodes from the root along some bits. */
function pathAlong(tree, bits) {
  const path = [tree.n + tree.merges.length - 1];
  for (const bit of bits) path.push(tree.merges[path.at(-1) - tree.n][Number(bit)]);
  return path;
}

function render({ model, el: root }) {
  const names = ["text", "step", "bit", "controls", "caption"];
  const can = (control) => model.get("controls").includes(control);
  let known = null;
  const work = () => {
    const text = model.get("text");
    if (known?.text !== text) known = workOut(text);
    return known;
  };
  const merges = () => work().n - 1;
  const step = () => clamp(model.get("step"), 0, merges());
  const whole = () => step() === merges();
  const bit = () => (whole() ? clamp(model.get("bit"), 0, work().bits.length) : 0);
  const set = (changes) => commit(model, changes);
  const goTo = (to) => set({ step: clamp(to, 0, merges()), bit: 0 });
  const read = (to) => set({ bit: clamp(to, 0, work().bits.length) });

  const textId = freshId("text");
  const input = el("input", { type: "text", id: textId, autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  const hint = el("p", { class: "bk-title", id: `${textId}-hint` }, HINT);
  input.setAttribute("aria-describedby", hint.id);
  input.addEventListener("input", () => {
    const all = [...input.value.replace(/\p{Z}/gu, " ").replace(/\p{C}/gu, "")];
    const text = all.slice(0, MOST).join("");
    const enough = new Set(all.slice(0, MOST)).size > 1;
    hint.textContent = !enough ? "At least two different characters, please." : all.length > MOST ? `${all.length} characters: the first ${MOST} are taken.` : HINT;
    // A new text is a new code: it is shown whole if the old one was.
    if (enough && text !== model.get("text")) set({ text, step: whole() ? MOST : 0, bit: 0 });
  });
  input.addEventListener("blur", () => draw());

  const steps = slider(model, "step", "merges", { min: 0, max: merges, text: () => `${step()} of ${merges()}` });
  const reading = slider(model, "bit", "bits read", { min: 0, max: () => work().bits.length, text: () => `${bit()} of ${work().bits.length}` });
  const ofSteps = [button("no merge", () => goTo(0)), button("◀ take back", () => goTo(step() - 1)), button("merge ▶", () => goTo(step() + 1)), button("all merges", () => goTo(MOST))];
  const ofBits = [button("no bit", () => read(0)), button("◀ a bit back", () => read(bit() - 1)), button("read a bit ▶", () => read(bit() + 1)), button("all bits", () => read(work().bits.length))];

  const told = el("p", { class: "bk-told", role: "status", "aria-live": "polite" });
  const drawing = el("svg", { class: "bk-svg bk-hl-tree", role: "img" });
  const book = el("table", { class: "bk-worked bk-hl-book" });
  const costs = el("table", { class: "bk-worked bk-hl-costs" });
  const stream = el("p", { class: "bk-hl-stream", role: "img" });
  const decoded = el("p", { class: "bk-hl-decoded" });
  const title = (text) => el("p", { class: "bk-title" }, text);
  mount(
    root,
    model,
    "Huffman, live",
    can("text") ? el("div", {}, el("div", { class: "bk-control bk-ml-words" }, el("label", { for: textId }, "text"), input), hint) : null,
    can("step") ? el("div", { class: "bk-controls bk-hl-controls" }, steps.node, el("div", { class: "bk-buttons" }, ...ofSteps)) : null,
    told,
    el(
      "div",
      { class: "bk-panels bk-hl-panels" },
      el("div", {}, title("The trees. Each box says how often its symbols come together."), drawing),
      el("div", {}, title("The code book. Surprise: −log2 of the share."), book, el("div", { class: "bk-hl-after" }, title("What the text costs, in bits"), costs)),
    ),
    el(
      "div",
      {},
      title("The text as one stream of bits, without gaps. What is read is marked, word by word."),
      can("bit") ? el("div", { class: "bk-controls bk-hl-controls bk-hl-reading" }, reading.node, el("div", { class: "bk-buttons" }, ...ofBits)) : null,
      stream,
      decoded,
    ),
  );

  function drawTrees(now, path) {
    const { tree, n, symbols, counts } = work();
    drawing.setAttribute("viewBox", `0 0 372 ${TOP * 2 + n * ROW}`);
    const [lines, nodes] = [[], []];
    for (let k = 0; k < now; k++) {
      const [x, y] = [tree.x[n + k], tree.y[n + k]];
      tree.merges[k].forEach((child, which) => {
        const [from, height] = [tree.x[child], tree.y[child]];
        const on = path.includes(child) && path.includes(n + k);
        const kind = on ? "bk-hl-line bk-hl-path" : k === now - 1 && now < n - 1 ? "bk-hl-line bk-hl-newest" : "bk-hl-line";
        lines.push([on, el("path", { d: `M${from} ${height}H${x}V${y}`, class: kind })]);
        nodes.push(el("text", { x: x - 17, y: height - 3, class: on ? "bk-hl-bit bk-hl-here" : "bk-hl-bit" }, `${which}`));
      });
    }
    lines.sort((a, b) => a[0] - b[0]); // the path above the others
    for (let k = 0; k < now; k++) {
      const node = n + k;
      const kind = path.includes(node) ? "bk-hl-box bk-hl-path" : k === now - 1 && now < n - 1 ? "bk-hl-box bk-hl-newest" : "bk-hl-box";
      nodes.push(el("rect", { x: tree.x[node] - 11, y: tree.y[node] - 9, width: 22, height: 18, rx: 3, class: kind }));
      nodes.push(el("text", { x: tree.x[node], y: tree.y[node] + 4, class: "bk-hl-weight" }, `${tree.weights[node]}`));
    }
    for (const leaf of tree.order) {
      const here = path.includes(leaf);
      const y = tree.y[leaf];
      nodes.push(el("text", { x: 30, y: y + 5, class: here ? "bk-hl-symbol bk-hl-here" : "bk-hl-symbol" }, visible(symbols[leaf])));
      nodes.push(el("text", { x: FIRST - 10, y: y + 4, class: "bk-hl-count" }, `${counts[leaf]}`));
      nodes.push(el("circle", { cx: FIRST, cy: y, r: here ? 5 : 3, class: here ? "bk-hl-leaf bk-hl-path" : "bk-hl-leaf" }));
    }
    drawing.replaceChildren(...lines.map(([, line]) => line), ...nodes);
    const open = n - now;
    drawing.setAttribute("aria-label", open === 1 ? `One tree with ${n} leaves; each word is the way from its root to a leaf. The code book says the words.` : `${open} trees with ${n} leaves together.`);
  }

  const head = (...texts) => el("thead", {}, el("tr", {}, ...texts.map((text) => el("th", { scope: "col" }, text))));
  const line = (name, texts, kind = null) => el("tr", { class: kind }, el("th", { scope: "row" }, name), ...texts.map((text) => el("td", {}, text)));

  function drawBook(now, path) {
    const { tree, n, total, symbols, counts, words } = work();
    // How much of the end of a word there is already: one bit for each merge that took its symbol along.
    const depth = (leaf) => {
      let found = 0;
      for (let node = tree.parent[leaf]; node !== undefined && node < n + now; node = tree.parent[node]) found += 1;
      return found;
    };
    const rows = tree.order.map((leaf) => {
      const bits = depth(leaf);
      const word = `${now < n - 1 ? "…" : ""}${bits ? words[leaf].slice(-bits) : ""}`;
      return line(visible(symbols[leaf]), [`${counts[leaf]}`, number(-Math.log2(counts[leaf] / total)), `${bits}`, word], path.includes(leaf) ? "bk-key-row" : null);
    });
    book.replaceChildren(head("symbol", "count", "surprise", "bits", "word"), el("tbody", {}, ...rows));
  }

  function drawCosts(now) {
    const { n, total, fixed, mean, bits } = work();
    const sofar = now < n - 1;
    const rows = [
      ["words of one length", fixed * total, fixed],
      [sofar ? "Huffman, so far" : "Huffman", sofar ? spent(work(), now) : bits.length, sofar ? spent(work(), now) / total : mean],
      ["entropy", work().entropy * total, work().entropy],
    ];
    const most = Math.max(fixed, mean);
    costs.replaceChildren(
      head("code", "in all", "a character"),
      el("tbody", {}, ...rows.map(([name, all, one]) => {
        const row = line(name, [Number.isInteger(all) ? `${all}` : number(all), number(one)]);
        row.lastChild.style.setProperty("--bk-share", (one / most).toFixed(4));
        return row;
      })),
    );
  }

  function drawStream(at) {
    const { words, bits, symbols } = work();
    if (!whole()) {
      stream.textContent = "…";
      stream.setAttribute("aria-label", "no bits yet");
      decoded.textContent = "Merge until one tree is left: then every symbol has its word.";
      return;
    }
    const found = decode(words, bits.slice(0, at));
    const parts = found.symbols.map((symbol, i) => el("span", { class: i % 2 ? "bk-hl-read bk-hl-odd" : "bk-hl-read" }, words[symbol]));
    if (found.rest) parts.push(el("span", { class: "bk-hl-rest" }, found.rest));
    stream.replaceChildren(...parts, bits.slice(at));
    stream.setAttribute("aria-label", `${bits.length} bits: ${bits}`);
    const text = found.symbols.map((symbol) => visible(symbols[symbol])).join("");
    decoded.replaceChildren("Read: ", el("b", {}, text || "nothing yet"), found.rest ? ` and ${found.rest}…` : "");
  }

  function draw() {
    const [now, at] = [step(), bit()];
    const { bits, words, tree } = work();
    if (document.activeElement !== input) [input.value, hint.textContent] = [model.get("text"), HINT];
    steps.update();
    reading.update(whole());
    const [first, last] = [now === 0, now === merges()];
    [first, first, last, last].forEach((idle, i) => ofSteps[i].setAttribute("aria-disabled", idle));
    const [start, end] = [at === 0, at === bits.length];
    [start, start, end, end].forEach((idle, i) => ofBits[i].setAttribute("aria-disabled", idle || !whole()));
    let path = [];
    if (at) {
      const { symbols, rest } = decode(words, bits.slice(0, at));
      path = pathAlong(tree, rest || words[symbols.at(-1)]);
    }
    drawTrees(now, path);
    drawBook(now, path);
    drawCosts(now);
    drawStream(at);
    const says = sentence(work(), now, at);
    if (told.textContent !== says) told.textContent = says;
  }
  return redrawOn(model, names, draw);
}

export default { render };
