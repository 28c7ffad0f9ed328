// What a map costs, shown: bits in a row, code books as areas, code books word by word.
// Each view has a node, and draws itself anew from what `mapCodeLength` found.
import { arrange, el, filling, freshId, part, put } from "./kit.js";
import { moduleClass, moduleLetter, moduleMark } from "./network_drawing.js";
import { mapBookWords } from "./map_rules.js";

/** A number with three digits, halves up; the twin of `number` in Python. */
export const bitsOf = (x) => (Math.floor(x * 1000 + 0.5) / 1000).toFixed(3);
const shareOf = (x) => `${(100 * x).toFixed(1)}\u00a0%`;

/** Bits per step that Huffman's words of a book take. */
export function huffmanBits(book, words = mapBookWords(book)) {
  return book.words.reduce((all, { rate }, i) => all + rate * (words[i]?.length ?? 0), 0);
}

/** The bits as one bar, part by part, above that of one code book; `marks` are { bits, label, kind } above and below. */
export function bitsBar() {
  const parts = el("div", { class: "bk-bh-track" });
  const flat = el("div", { class: "bk-bh-track bk-bh-flat" });
  const [above, below] = [el("div", { class: "bk-bh-marks" }), el("div", { class: "bk-bh-marks" })];
  const node = el("div", { class: "bk-bh-bar", role: "img" }, above, parts, below, flat);
  const across = (bits, most) => `${((100 * bits) / most).toFixed(3)}%`;
  const fill = filling(parts);
  function mark({ bits, label, kind }, most) {
    const flag = el("span", { class: `bk-bh-flag bk-bh-flag-${kind}${bits > 0.55 * most ? " bk-bh-left" : ""}` }, `${label} ${bitsOf(bits)}`);
    flag.style.left = across(bits, most);
    return flag;
  }
  return {
    node,
    update(found, letters, most, marks) {
      const books = found.books.filter((book) => book.bits > 1e-9);
      fill(
        books.map((book) => {
          const name = book.leaf ? moduleLetter(book.path[0]) : "index";
          const kind = book.leaf ? `bk-bh-part ${moduleClass(book.path[0])}` : "bk-bh-part bk-bh-index";
          return part("span", { class: kind, title: `${name}: ${bitsOf(book.bits)} bits`, style: `width: ${across(book.bits, most)}` }, book.bits / most > (book.leaf ? 0.05 : 0.11) ? name : "");
        }),
      );
      const whole = el("span", { class: "bk-bh-part bk-bh-whole" }, `one code book ${bitsOf(found.oneLevel)}`);
      whole.style.width = across(found.oneLevel, most);
      flat.replaceChildren(whole);
      above.replaceChildren(...marks.filter((one) => one.above).map((one) => mark(one, most)));
      below.replaceChildren(...marks.filter((one) => !one.above).map((one) => mark(one, most)));
      const said = books.map((book) => `${book.leaf ? moduleLetter(book.path[0]) : "index"} ${bitsOf(book.bits)}`);
      node.setAttribute("aria-label", `${bitsOf(found.bits)} bits: ${said.join(", ")}. One code book: ${bitsOf(found.oneLevel)}. ${marks.map(({ label, bits }) => `${label} ${bitsOf(bits)}`).join(", ")}.`);
    },
  };
}

/** Code books as areas: as wide as they are used, as high as their words are long; the dashes are Huffman's words. */
export function bookAreas() {
  const [width, height, left, base, top] = [400, 186, 30, 156, 24];
  const hatch = freshId("hatch");
  const svg = el("svg", { class: "bk-svg bk-bh-areas", viewBox: `0 0 ${width} ${height}`, role: "img" });
  const fill = filling(svg);
  const hatching = ["defs", () => el("defs", {}, el("pattern", { id: hatch, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, el("rect", { width: 5, height: 5, class: "bk-bh-hatch" }), el("rect", { width: 1.3, height: 5, class: "bk-bh-hatched" })))];
  const text = (x, y, kind, words) => part("text", { x, y, class: kind }, words);
  return {
    node: svg,
    update(found, words) {
      const used = found.books.reduce((all, book) => all + book.rate, 0);
      const [widest, highest] = [Math.max(1.5, used), Math.ceil(found.oneLevel + 0.7)];
      const x = (rate) => left + ((width - left - 12) * rate) / widest;
      const y = (bits) => base - ((base - top) * bits) / highest;
      const parts = [];
      for (let bits = 0; bits <= highest; bits++) {
        parts.push(part("line", { x1: left, x2: width - 12, y1: y(bits), y2: y(bits), class: bits ? "bk-bh-grid" : "bk-bh-base" }), text(left - 5, y(bits) + 4, "bk-bh-tick bk-bh-end", `${bits}`));
      }
      const half = widest > 2 ? 1 : 0.5;
      for (let rate = half; rate <= widest + 1e-9; rate += half) parts.push(text(x(rate), base + 14, "bk-bh-tick", `${rate}`));
      parts.push(text((left + width) / 2, height - 3, "bk-bh-tick", "words used in a step →"), text(2, 10, "bk-bh-tick bk-bh-begin", "bits a word ↑"));
      const rect = (from, rate, bits, kind, style = null) => part("rect", { x: x(from), y: y(bits), width: Math.max(0, x(from + rate) - x(from)), height: base - y(bits), class: kind, style });
      const [own, labels] = [[], []];
      let from = 0;
      // The modules first, so that they stand under the one code book that they replace.
      const order = [...found.books.keys()].sort((a, b) => Number(found.books[b].leaf) - Number(found.books[a].leaf));
      for (const b of order) {
        const book = found.books[b];
        if (book.rate <= 0) continue;
        const name = book.leaf ? moduleLetter(book.path[0]) : "index";
        own.push(book.leaf ? rect(from, book.rate, book.entropy, `bk-bh-area ${moduleClass(book.path[0])}`) : rect(from, book.rate, book.entropy, "bk-bh-area bk-bh-index", `fill: url(#${hatch})`));
        const mean = huffmanBits(book, words[b]) / book.rate;
        own.push(part("line", { x1: x(from), x2: x(from + book.rate), y1: y(mean), y2: y(mean), class: "bk-bh-huffman" }));
        const wide = x(from + book.rate) - x(from);
        const inside = book.leaf && wide > 12;
        if (inside || !book.leaf) labels.push(text(x(from + book.rate / 2), inside ? base - 6 : y(Math.max(mean, book.entropy)) - 5, `bk-bh-name ${inside ? moduleClass(book.path[0]) : "bk-bh-name-index"}`, name));
        from += book.rate;
      }
      const flat = rect(0, 1, found.oneLevel, "bk-bh-before");
      fill([hatching, ...parts, ...own, flat, ...labels, text(x(0) + 5, y(found.oneLevel) - 4, "bk-bh-tick bk-bh-begin", "one code book")]);
      svg.setAttribute("aria-label", `Code books as areas: ${found.books.map((book) => `${book.leaf ? moduleLetter(book.path[0]) : "index"} ${bitsOf(book.rate)} words a step of ${bitsOf(book.entropy)} bits`).join("; ")}. One code book: 1 word of ${bitsOf(found.oneLevel)} bits.`);
    },
  };
}

/** All code books: a line of numbers for each, and under it, where it is open, its words. What has not changed is left as it is. */
export function bookTable(names) {
  const head = ["code book", "words a step", "bits a word", "bits a step", "with Huffman"];
  const body = el("tbody");
  const foot = el("tfoot");
  const table = el("table", { class: "bk-worked bk-bh-books" }, el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))), body, foot);
  const node = el("div", { class: "bk-scroll" }, table);
  const lines = new Map();
  let wish = null; // for all books, once the reader has had one
  const nameOf = (word) => (word.exit ? "exit" : word.node !== undefined ? names()[word.node] : moduleLetter(word.path[0]));
  const say = (part, text) => part.textContent !== text && (part.textContent = text);

  function line(module) {
    if (lines.has(module)) return lines.get(module);
    const many = el("small");
    const label = module === null ? [el("span", { class: "bk-bh-key" }), " index"] : [moduleMark(module), ` ${moduleLetter(module)}`, many];
    const toggle = el("button", { type: "button", class: "bk-bh-toggle", "data-lm-suppress-shortcuts": "true" }, el("span", {}, ...label));
    const cells = [1, 2, 3, 4].map(() => el("td"));
    const grid = el("td", { colspan: 5, class: "bk-bh-words" });
    const more = el("tr", {}, grid);
    const made = { many, cells, rows: [el("tr", { class: "bk-bh-book" }, el("th", { scope: "row" }, toggle), ...cells), more], open: null, byDefault: true, words: [] };
    const fill = filling(grid);
    const isOpen = () => made.open ?? made.byDefault;
    made.apply = () => {
      if (more.hidden === isOpen()) more.hidden = !isOpen();
      put(toggle, "aria-expanded", isOpen());
      if (!isOpen()) return;
      fill(made.words.map(([kind, name, share, word], place) => [[place, kind, name, share, word].join(), () => el("span", { class: kind }, el("b", {}, name), el("small", {}, share), el("code", {}, word))]));
    };
    toggle.addEventListener("click", () => {
      made.open = !isOpen();
      made.apply();
    });
    lines.set(module, made);
    return made;
  }
  return {
    node,
    /** Open or close all books. */
    open(all) {
      wish = all;
      for (const made of lines.values()) {
        made.open = all;
        made.apply();
      }
    },
    /** `now(b, place)` tells whether a word is being used; `open` whether books are open that the reader has not touched. */
    update(found, words, now, open) {
      const many = found.books.length > 13;
      node.classList.toggle("bk-bh-many", many);
      let [used, all] = [0, 0];
      const rows = found.books.flatMap((book, b) => {
        const made = line(book.leaf ? book.path[0] : null);
        made.byDefault = wish ?? (open && !(many && book.leaf));
        const [nodes, real] = [book.words.length - 1, huffmanBits(book, words[b])];
        [used, all] = [used + book.rate, all + real];
        say(made.many, ` ${nodes} node${nodes === 1 ? "" : "s"}`);
        [book.rate, book.entropy, book.bits, real].forEach((x, k) => say(made.cells[k], bitsOf(x)));
        made.words = book.words.map((word, place) => {
          const kind = word.exit ? "bk-bh-word bk-bh-exit" : "bk-bh-word";
          return [now(b, place) ? `${kind} bk-bh-now` : kind, nameOf(word), shareOf(word.rate), words[b][place] ?? "–"];
        });
        made.apply();
        return made.rows;
      });
      if (rows.length !== body.children.length || rows.some((row, i) => row !== body.children[i])) {
        const focus = document.activeElement;
        arrange(body, rows);
        if (focus?.isConnected && focus !== document.activeElement) focus.focus({ preventScroll: true });
      }
      foot.replaceChildren(el("tr", {}, el("th", { scope: "row" }, "L, their sum"), ...[bitsOf(used), "", bitsOf(found.bits), bitsOf(all)].map((text) => el("td", {}, text))));
    },
  };
}
