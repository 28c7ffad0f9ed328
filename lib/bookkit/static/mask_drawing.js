// Drawings of a mask on words: the matrix, who looks at whom, and what flows through several layers. Rows of both drawings meet.
import { clamp, el } from "./kit.js";

const LEFT = 70;
const TOP = 66;
const SIDE = 288;
/** Where the cells of the matrix lie, in the drawing's own units. */
export const MASK_DRAWING = { width: LEFT + SIDE + 2, height: TOP + SIDE + 2, left: LEFT, top: TOP, side: SIDE };

const isWide = (sign) => /[WM@%&\u1100-\u11ff\u2e80-\uffdc\u{1f000}-\u{3ffff}]/u.test(sign);

/** A word cut to so many small letters; wide signs count two, other capitals and m, w one and a half. */
export function shortWord(word, room) {
  let used = 0;
  let text = "";
  for (const sign of word) {
    used += isWide(sign) ? 2 : /[\p{Lu}mw]/u.test(sign) ? 1.5 : 1;
    if (used > room) return `${text}…`;
    text += sign;
  }
  return text;
}

/** How far a word goes, about: small letters of 7 units. */
const lengthOf = (word) => [...word].reduce((sum, sign) => sum + (isWide(sign) ? 12.5 : 7.5), 0);

/** Both drawings begin where the longest of the standing words does. */
function crop(svg, s) {
  const room = Math.max(24, ...s.tokens.map((token) => lengthOf(shortWord(token, 8)) + 12));
  const top = Math.max(0, TOP - Math.ceil(room));
  svg.setAttribute("viewBox", `0 ${top} ${MASK_DRAWING.width} ${MASK_DRAWING.height - top}`);
}

const share = (level) => Math.max(0.34, 0.96 - 0.16 * (level - 1));
const r1 = (x) => x.toFixed(1);

/** What does not depend on the chosen cell: squares, frames, dots, crosses, corners. */
function drawnCells(s, { n, through, allowed, measured }) {
  const cell = SIDE / n;
  const squares = ["", "", "", "", ""];
  let [rest, frames, dots, crosses, corners] = ["", "", "", "", ""];
  for (let c = 0; c < n * n; c++) {
    const [x, y] = [LEFT + (c % n) * cell, TOP + Math.floor(c / n) * cell];
    const box = (size) => `M${r1(x + (cell - size) / 2)} ${r1(y + (cell - size) / 2)}h${r1(size)}v${r1(size)}h-${r1(size)}z`;
    const [middleX, middleY] = [x + cell / 2, y + cell / 2];
    if (!through[c]) rest += box(cell * 0.96);
    else if (allowed[c]) squares[through[c]] += box(cell * share(through[c]));
    else frames += box(cell * 0.8); // open to a layer, but not at the end of all
    if (measured[c] && allowed[c]) {
      const radius = r1(clamp(cell * 0.11, 2.2, 4));
      dots += `M${r1(middleX - radius)} ${r1(middleY)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 -${2 * radius} 0z`;
    } else if (measured[c]) {
      const arm = r1(clamp(cell * 0.26, 5, 9));
      crosses += `M${r1(middleX - arm)} ${r1(middleY - arm)}l${2 * arm} ${2 * arm}m0 -${2 * arm}l-${2 * arm} ${2 * arm}`;
    }
  }
  for (const [i, j] of s.edits) {
    if (Math.max(i, j) >= n) continue;
    const size = r1(clamp(cell * 0.3, 6, 11));
    corners += `M${r1(LEFT + (j + 1) * cell - 1)} ${r1(TOP + i * cell + 1)}h-${size}l${size} ${size}z`;
  }
  return el(
    "g",
    {},
    el("path", { d: rest, class: "bk-off" }),
    ...squares.slice(1).map((path, k) => el("path", { d: path, class: `bk-layer-${k + 1}` })),
    el("path", { d: frames, class: "bk-ml-frame" }),
    el("path", { d: dots, class: "bk-ml-dot" }),
    el("path", { d: corners, class: "bk-ml-corner" }),
    el("path", { d: crosses, class: "bk-ml-cross" }),
  );
}

/** The matrix: squares for what is allowed, smaller through more layers; dots for what was measured, crosses for leaks. */
export function drawMask(svg, s, work) {
  crop(svg, s);
  const cell = SIDE / work.n;
  // A step through the matrix leaves the cells as they are.
  if (svg.drawnFor !== work) [svg.cells, svg.drawnFor] = [drawnCells(s, work), work];
  const names = s.tokens.flatMap((token, i) => {
    const word = shortWord(token, 8);
    const middle = (i + 0.5) * cell;
    const chosen = (yes) => `bk-ml-name${yes ? " bk-ml-here" : ""}`;
    return [
      el("text", { x: LEFT - 6, y: r1(TOP + middle + 4), class: `${chosen(i === s.query)} bk-axis-end` }, word),
      el("text", { transform: `translate(${r1(LEFT + middle + 4)} ${TOP - 6}) rotate(-90)`, class: chosen(i === s.key) }, word),
    ];
  });
  svg.replaceChildren(
    ...names,
    svg.cells,
    el("rect", { x: LEFT, y: r1(TOP + s.query * cell), width: SIDE, height: r1(cell), class: "bk-row" }),
    el("rect", { x: r1(LEFT + s.key * cell), y: r1(TOP + s.query * cell), width: r1(cell), height: r1(cell), class: "bk-at" }),
  );
}

/** One layer: the words under one another, arcs on the left to what stands before, on the right to what comes after. */
export function drawLooks(svg, s, { n, mask }) {
  crop(svg, s);
  const cell = SIDE / n;
  const { width } = MASK_DRAWING;
  const half = 44; // of the column of words
  const y = (i) => TOP + (i + 0.5) * cell;
  const edge = (before) => width / 2 + (before ? -half : half);
  const arc = (i, j) => {
    const before = j < i;
    const reachOut = 18 + ((Math.abs(i - j) - 1) / Math.max(1, n - 2)) * (width / 2 - half - 24);
    return `M${edge(before)} ${r1(y(i))}A${r1(reachOut)} ${r1((Math.abs(i - j) * cell) / 2)} 0 0 1 ${edge(before)} ${r1(y(j))}`;
  };
  let [others, own] = ["", ""];
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      if (i === j || !mask[i * n + j]) continue;
      if (i === s.query) own += arc(i, j);
      else others += arc(i, j);
    }
  const words = s.tokens.flatMap((token, j) => {
    const seen = mask[s.query * n + j];
    const kind = seen ? "bk-dot-seen" : "bk-dot";
    return [
      ...[true, false].map((before) => el("circle", { cx: edge(before), cy: r1(y(j)), r: seen ? 4 : 2, class: kind })),
      el("text", { x: width / 2, y: r1(y(j) + 4), class: `bk-ml-name bk-ml-middle${seen ? " bk-ml-here" : ""}` }, shortWord(token, 8)),
    ];
  });
  svg.replaceChildren(
    el("text", { x: (width / 2 - half) / 2, y: TOP - 12, class: "bk-axis" }, "← before"),
    el("text", { x: width - (width / 2 - half) / 2, y: TOP - 12, class: "bk-axis" }, "after →"),
    el("path", { d: others, class: "bk-arc", style: `--bk-many:${n > 8 ? 0.3 : 0.45}` }),
    el("path", { d: own, class: "bk-arc-own" }),
    ...words,
    el("rect", { x: width / 2 - half, y: r1(y(s.query) - Math.min(cell, 26) / 2), width: 2 * half, height: r1(Math.min(cell, 26)), class: "bk-at" }),
  );
}

/** Several layers: everything that flows into the chosen query, the words on the left, one column of dots a layer. */
export function drawFlow(svg, s, { n, masks }) {
  crop(svg, s);
  const cell = SIDE / n;
  const y = (i) => TOP + (i + 0.5) * cell;
  const x = (column) => LEFT + 12 + (column * (SIDE - 30)) / masks.length;
  let wanted = new Set([s.query]);
  const parts = [];
  for (let column = masks.length; column >= 0; column--) {
    parts.push(el("text", { x: r1(x(column)), y: TOP - 12, class: "bk-axis" }, column ? `layer ${column}`.slice(masks.length > 2 ? 6 : 0) : "in"));
    const dots = s.tokens.map((_, i) => {
      const kind = column === masks.length && i === s.query ? "bk-dot-query" : wanted.has(i) ? "bk-dot-seen" : "bk-dot";
      return el("circle", { cx: r1(x(column)), cy: r1(y(i)), r: wanted.has(i) ? 4.5 : 2, class: kind });
    });
    let lines = "";
    const below = new Set();
    if (column > 0) {
      for (const i of wanted)
        for (let j = 0; j < n; j++)
          if (masks[column - 1][i * n + j] || (s.residual && i === j)) {
            lines += `M${r1(x(column))} ${r1(y(i))}L${r1(x(column - 1))} ${r1(y(j))}`;
            below.add(j);
          }
      parts.push(el("path", { d: lines, class: "bk-arc", style: "--bk-many:0.5" }));
    }
    parts.push(...dots);
    if (column > 0) wanted = below;
  }
  const words = s.tokens.map((token, i) => el("text", { x: LEFT - 6, y: r1(y(i) + 4), class: `bk-ml-name bk-axis-end${wanted.has(i) ? " bk-ml-here" : ""}` }, shortWord(token, 8)));
  svg.replaceChildren(...parts, ...words);
}
