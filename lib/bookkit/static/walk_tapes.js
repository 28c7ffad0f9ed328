// A walk told in two codes: word by word, and in bits per step beside what is expected.
import { count, el, filling, show } from "./kit.js";
import { moduleClass, moduleLetter } from "./network_drawing.js";
import { mapBookWords } from "./map_rules.js";
import { bitsOf, huffmanBits } from "./map_views.js";

const TAPE = 14; // steps that are written out
const total = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** The bits per step of a walk so far, with one book and with two levels, beside what is expected. */
function runningBits() {
  const [width, height, left, right] = [400, 150, 30, 392];
  const svg = el("svg", { class: "bk-svg bk-bh-run", viewBox: `0 0 ${width} ${height}`, role: "img" });
  return {
    node: svg,
    /** `lines` are { kind, bits, expected }, bits those of every step. */
    update(lines) {
      const steps = lines[0].bits.length;
      const most = Math.ceil(Math.max(...lines.map((line) => line.expected)) * 1.5);
      const y = (bits) => 128 - (118 * Math.min(bits, most)) / most;
      const x = (step) => left + ((right - left) * step) / Math.max(steps, 1);
      const parts = [];
      for (let bits = 0; bits <= most; bits += most > 6 ? 2 : 1) parts.push(el("line", { x1: left, x2: right, y1: y(bits), y2: y(bits), class: bits ? "bk-bh-grid" : "bk-bh-base" }), el("text", { x: left - 5, y: y(bits) + 4, class: "bk-bh-tick bk-bh-end" }, `${bits}`));
      for (const { kind, bits, expected } of lines) {
        parts.push(el("line", { x1: left, x2: right, y1: y(expected), y2: y(expected), class: `bk-bh-expected bk-bh-line-${kind}` }));
        let all = 0;
        const every = Math.max(1, Math.ceil(steps / 240));
        const points = [];
        bits.forEach((some, i) => {
          all += some;
          if ((i + 1) % every === 0 || i + 1 === steps) points.push(`${x(i + 1).toFixed(1)} ${y(all / (i + 1)).toFixed(1)}`);
        });
        if (points.length) parts.push(el("path", { d: `M${points.join("L")}`, class: `bk-bh-running bk-bh-line-${kind}` }));
        if (points.length === 1) parts.push(el("circle", { cx: points[0].split(" ")[0], cy: points[0].split(" ")[1], r: 3, class: `bk-bh-point bk-bh-line-${kind}` }));
      }
      parts.push(el("text", { x: right, y: height - 5, class: "bk-bh-tick bk-bh-end" }, `${show(steps)} steps`), el("text", { x: left, y: height - 5, class: "bk-bh-tick bk-bh-begin" }, "0"));
      svg.replaceChildren(...parts);
      svg.setAttribute("aria-label", `Bits per step over ${steps} steps, with one code book and with two levels; dashed: what is expected.`);
    },
  };
}

/** A tape: { node, update }; a step is a list of tokens [word, name, class], and what was written already is left as it is. */
function tapeOf() {
  const node = el("p", { class: "bk-bh-tape" });
  const fill = filling(node);
  const token = ([word, name, kind]) => el("span", { class: `bk-bh-token ${kind}` }, el("code", {}, word), el("small", {}, name));
  return {
    node,
    update(from, steps) {
      const before = steps.length ? (from ? `… ${count(from, "step")} before …` : null) : "nothing yet";
      const parts = steps.map((tokens, k) => {
        const kind = k === steps.length - 1 ? "bk-bh-step bk-bh-now" : "bk-bh-step";
        return [JSON.stringify([from + k, kind, tokens]), () => el("span", { class: kind }, ...tokens.map(token))];
      });
      fill([...(before ? [[before, () => el("span", { class: "bk-bh-dots" }, before)]] : []), ...parts]);
    },
  };
}

/** Both tapes, their bits in a table and as lines: { node, update }; update returns what the last step says in words. */
export function walkTapes() {
  const [flatTape, twoTape, run] = [tapeOf(), tapeOf(), runningBits()];
  const heads = ["code", "bits so far", "a step", "Huffman", "entropy"];
  const body = el("tbody");
  const ledger = el("table", { class: "bk-worked bk-bh-ledger" }, el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)))), body);
  const title = (text) => el("p", { class: "bk-title" }, text);
  const lines = el("div", {}, title("Bits a step so far; dashed: what Huffman's words take in the long run. Entropy: the least that such books allow."), run.node);
  const node = el("div", {}, title("one code book"), flatTape.node, title("two levels: an exit word and an index word where the module changes"), twoTape.node, el("div", { class: "bk-panels bk-bh-after bk-bh-run" }, el("div", {}, ledger), lines));

  function token(found, { book, place, word }, names) {
    const { path, words } = found.books[book];
    if (words[place].exit) return [word, `exit ${moduleLetter(path[0])}`, `bk-bh-out ${moduleClass(path[0])}`];
    if (words[place].node === undefined) return [word, `to ${moduleLetter(words[place].path[0])}`, "bk-bh-into"];
    return [word, names[words[place].node], moduleClass(path[0])];
  }
  function update(found, words, walk, tape, { names, visits }, modules) {
    const one = { words: visits.map((rate, i) => ({ node: i, rate })) };
    const flat = mapBookWords(one);
    const from = Math.max(0, tape.length - TAPE);
    flatTape.update(from, walk.slice(1 + from).map((i) => [[flat[i], names[i], moduleClass(modules[i])]]));
    twoTape.update(from, tape.slice(from).map((said) => said.map((word) => token(found, word, names))));
    const expected = total(found.books.map((book, b) => huffmanBits(book, words[b])));
    const told = [
      { kind: "flat", name: "one code book", bits: walk.slice(1).map((i) => flat[i].length), expected: huffmanBits(one, flat), floor: found.oneLevel },
      { kind: "two", name: "two levels", bits: tape.map((said) => total(said.map(({ word }) => word.length))), expected, floor: found.bits },
    ];
    body.replaceChildren(
      ...told.map(({ kind, name, bits, expected, floor }) => {
        const all = total(bits);
        const texts = [show(all), tape.length ? bitsOf(all / tape.length) : "–", bitsOf(expected), bitsOf(floor)];
        return el("tr", {}, el("th", { scope: "row" }, el("span", { class: `bk-bh-linekey bk-bh-line-${kind}` }), name), ...texts.map((text) => el("td", {}, text)));
      }),
    );
    run.update(told);
    if (!tape.length) return `The walker stands at ${names[walk[0]]}.`;
    const last = tape.at(-1).map(({ word }) => word).join(" ");
    return `Step ${show(tape.length)}, from ${names[walk.at(-2)]} to ${names[walk.at(-1)]}: ${flat[walk.at(-1)]} in one code book, ${last} in two levels.`;
  }
  return { node, update };
}
