// Masks of a few tokens: made, joined, told in words, followed through layers, and tested. No drawing here.
// A mask is a row-major Uint8Array of n * n, 1 where query i may attend to key j.
import { maskedSoftmax, reach } from "./rules.js";

const fillMask = (n, allow) => Uint8Array.from({ length: n * n }, (_, c) => Number(allow(Math.floor(c / n), c % n)));
const upTo = (n) => Array.from({ length: n }, (_, i) => i);
/** Read no later: the twin of `thrifty.masks.block_causal_mask`. */
const readBy = (steps) => fillMask(steps.length, (i, j) => steps[j] <= steps[i]);

/** The parameters, fitted to the tokens. The twin of `MaskLaboratory.parameters`. */
export function fittedParameters(s) {
  const n = s.tokens.length;
  const order = s.order.filter((i) => i < n);
  return {
    n,
    order: [...order, ...upTo(n).filter((i) => !order.includes(i))],
    boundary: Math.min(s.boundary, n),
    marks: s.marks.filter((i) => i < n),
    parents: upTo(n).map((i) => s.parents[i] ?? i - 1),
    pads: Math.min(s.pads, n - 1),
    half_width: s.half_width,
    rate: s.rate,
  };
}

/** The number of each position's document or block; the first begins at 0. */
function piecesOf({ n, marks }) {
  let piece = 0;
  return upTo(n).map((i) => (i > 0 && marks.includes(i) ? ++piece : piece));
}

function above(parents, node) {
  const found = new Set();
  for (let i = node; i >= 0; i = parents[i]) found.add(i);
  return found;
}

const SCHEME_MASKS = {
  full: ({ n }) => fillMask(n, () => true),
  causal: ({ n }) => fillMask(n, (i, j) => j <= i),
  reversed: ({ n }) => fillMask(n, (i, j) => j >= i),
  permuted: ({ n, order }) => readBy(upTo(n).map((i) => order.indexOf(i))),
  query: ({ n, order }) => fillMask(n, (i, j) => order.indexOf(j) < order.indexOf(i)),
  prefix: ({ n, boundary }) => fillMask(n, (i, j) => j <= i || j < boundary),
  infill: ({ n, marks }) => readBy(upTo(n).map((i) => (marks.includes(i) ? i + 1 : 0))),
  packed: (p) => ((pieces) => fillMask(p.n, (i, j) => pieces[i] === pieces[j]))(piecesOf(p)),
  blocks: (p) => readBy(piecesOf(p)),
  tree: ({ n, parents }) => ((line) => fillMask(n, (i, j) => line[i].has(j)))(upTo(n).map((i) => above(parents, i))),
  padding: ({ n, pads }) => fillMask(n, (i, j) => j < n - pads),
  global: ({ n, marks }) => fillMask(n, (i, j) => marks.includes(i) || marks.includes(j)),
  local: ({ n, half_width }) => fillMask(n, (i, j) => Math.abs(i - j) <= half_width),
  atrous: ({ n, rate }) => fillMask(n, (i, j) => (i - j) % rate === 0),
  empty: ({ n }) => fillMask(n, () => false),
};

/** The mask that is drawn: one scheme or two joined, then the cells flipped by hand. The twin of `MaskLaboratory.mask`. */
export function laboratoryMask(s) {
  const p = fittedParameters(s);
  const first = SCHEME_MASKS[s.scheme](p);
  const other = s.how === "alone" ? first : SCHEME_MASKS[s.second](p);
  const join = { alone: (a) => a, and: (a, b) => a & b, or: (a, b) => a | b, "but not": (a, b) => a & ~b & 1 }[s.how];
  const mask = first.map((a, c) => join(a, other[c]));
  for (const [i, j] of s.edits) if (i < p.n && j < p.n) mask[i * p.n + j] ^= 1;
  return mask;
}

const withDiagonal = (mask, n) => mask.map((allowed, c) => (Math.floor(c / n) === c % n ? 1 : allowed));

/** The mask of each layer. The twin of `MaskLaboratory.layer_masks`. */
export function laboratoryLayers(s) {
  const mask = laboratoryMask(s);
  const below = s.scheme === "query" ? withDiagonal(mask, s.tokens.length) : mask;
  return upTo(s.layers).map((layer) => (layer < s.layers - 1 ? below : mask));
}

/** Through how many layers, counted from the last, i sees j; 0 if never. The twin of `MaskLaboratory.through`. */
export function seenThrough(masks, n, residual) {
  const used = residual ? masks.map((mask) => withDiagonal(mask, n)) : masks;
  const found = new Uint8Array(n * n);
  for (let count = masks.length; count > 0; count--) reach(used.slice(-count), n).forEach((seen, c) => seen && (found[c] = count));
  return found;
}

/** What each output may depend on after all layers. The twin of `MaskLaboratory.reach`. */
export function reachThrough(masks, n, residual) {
  return reach(residual ? masks.map((mask) => withDiagonal(mask, n)) : masks, n);
}

// In words: the twin of `thrifty.descriptions.describe` for at most twelve positions, where no list is ever cut.

/** Positions as a list in which neighbours are drawn together: 0 to 3, 7 and 9. */
function positionsInWords(positions) {
  const words = [];
  for (let i = 0; i < positions.length; ) {
    let end = i;
    while (positions[end + 1] === positions[end] + 1) end++;
    words.push(...(end - i > 1 ? [`${positions[i]} to ${positions[end]}`] : positions.slice(i, end + 1)));
    i = end + 1;
  }
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
}

const rowsOf = (core, m) => upTo(m).map((i) => core.slice(i * m, (i + 1) * m));
const sumOf = (row) => row.reduce((a, b) => a + b, 0);
const ascending = (values) => [...new Set(values)].sort((a, b) => a - b);

/** A pattern of distances, and its causal half; distances count the positions that take no part as well. */
const byDistance = (name, detail, m, part, fits) => [
  [name, detail, fillMask(m, (i, j) => fits(part[i] - part[j]))],
  [`Causal ${name.toLowerCase()}`, detail, fillMask(m, (i, j) => fits(part[i] - part[j]) && j <= i)],
];

/** The schemes that a mask could be, in the order in which they are looked for: [name, parameters, mask]. */
const RECOGNISERS = [
  (core, m) => [
    ["Bidirectional", "", fillMask(m, () => true)],
    ["Diagonal", "", fillMask(m, (i, j) => i === j)],
    ["Causal", "", fillMask(m, (i, j) => j <= i)],
    ["Reversed causal", "", fillMask(m, (i, j) => j >= i)],
  ],
  function prefix(core, m, part) {
    const free = sumOf(core.slice(0, m));
    return free > 1 ? [["Prefix", `positions ${positionsInWords(part.slice(0, free))} free`, fillMask(m, (i, j) => j <= i || j < free)]] : [];
  },
  function near(core, m, part) {
    let half = 0;
    core.forEach((allowed, c) => allowed && (half = Math.max(half, Math.abs(part[Math.floor(c / m)] - part[c % m]))));
    return byDistance("Window", `half-width ${half}`, m, part, (gap) => Math.abs(gap) <= half);
  },
  function strided(core, m, part) {
    const later = upTo(m).filter((i) => core[i * m])[1]; // the next that sees the first position
    if (later === undefined) return [];
    const rate = part[later] - part[0];
    return byDistance("Strided", `step ${rate}`, m, part, (gap) => gap % rate === 0);
  },
  function blocks(core, m, part) {
    const first = rowsOf(core, m).map((row) => Math.max(0, row.indexOf(1))); // the first key seen names the block
    const named = ascending(first).map((block) => positionsInWords(part.filter((_, i) => first[i] === block)));
    const detail = `blocks ${named.join("; ")}`;
    return [
      ["Block diagonal", detail, fillMask(m, (i, j) => first[i] === first[j])],
      ["Causal block diagonal", detail, fillMask(m, (i, j) => first[i] === first[j] && j <= i)],
    ];
  },
  function ordered(core, m, part) {
    const read = rowsOf(core, m).map(sumOf); // as many keys as are read by then
    const steps = ascending(read);
    if (steps.length === m) {
      const order = upTo(m).sort((a, b) => read[a] - read[b]);
      return [["Permuted causal", `order ${order.map((i) => part[i]).join(", ")}`, readBy(read)]];
    }
    const named = steps.map((step) => positionsInWords(part.filter((_, i) => read[i] === step)));
    return [["Block causal", `blocks in order ${named.join("; ")}`, readBy(read)]];
  },
  function tree(core, m, part) {
    const lines = rowsOf(core, m).map((row, i) => upTo(m).filter((j) => row[j] && j !== i));
    const depth = lines.map((line) => line.length);
    // The deepest of a node's ancestors, of equal ones the first.
    const parents = lines.map((line) => line.reduce((best, j) => (best < 0 || depth[j] > depth[best] ? j : best), -1));
    if (parents.some((parent, i) => parent >= 0 && depth[parent] >= depth[i])) return [];
    const roots = part.filter((_, i) => parents[i] < 0);
    const edges = upTo(m).filter((i) => parents[i] >= 0).map((i) => `${part[i]} after ${part[parents[i]]}`);
    const detail = `${roots.length > 1 ? "roots" : "root"} ${positionsInWords(roots)}, ${edges.join(", ")}`;
    return [["Tree", detail, SCHEME_MASKS.tree({ n: m, parents })]];
  },
  function everywhere(core, m, part) {
    const marks = upTo(m).filter((k) => upTo(m).every((i) => core[k * m + i] && core[i * m + k]));
    if (!marks.length) return [];
    const detail = `global ${positionsInWords(marks.map((k) => part[k]))}`;
    const mask = SCHEME_MASKS.global({ n: m, marks });
    return [
      ["Global", detail, mask],
      ["Global or diagonal", detail, withDiagonal(mask, m)],
    ];
  },
];

/** The first scheme that equals `core` where there is `room`: [name, parameters], or null. */
function schemeOf(core, m, part, room) {
  for (const recogniser of RECOGNISERS)
    for (const [name, detail, candidate] of recogniser(core, m, part)) {
      if (core.every((allowed, c) => allowed === (candidate[c] & room[c]))) return [`${name} mask`, detail];
    }
  return null;
}

function recogniseMask(mask, n, part) {
  const m = part.length;
  const core = fillMask(m, (i, j) => mask[part[i] * n + part[j]]);
  const whole = fillMask(m, () => true);
  const rows = rowsOf(core, m);
  const sees = rows.map((row) => row.includes(1));
  const seen = upTo(m).map((j) => rows.some((row) => row[j]));
  const found = schemeOf(core, m, part, whole);
  if (found) return found;
  const bare = upTo(m).some((i) => core[i * m + i]) ? null : schemeOf(withDiagonal(core, m), m, part, whole);
  if (bare) return [`${bare[0]} without the diagonal`, bare[1]];
  return schemeOf(core, m, part, fillMask(m, (i, j) => sees[i] && seen[j])) ?? ["Mask of no known scheme", ""];
}

/** 100 * part / whole with one digit as Python rounds it: halves to the even digit. */
function oneDigit(part, whole) {
  let tenths = Math.floor((1000 * part) / whole);
  const rest = 1000 * part - tenths * whole;
  if (2 * rest > whole || (2 * rest === whole && tenths % 2)) tenths++;
  return (tenths / 10).toFixed(1);
}

/** Say in one sentence what a mask allows. The twin of `thrifty.descriptions.describe`. */
export function describeMask(mask, n) {
  const allowed = sumOf(mask);
  const extent = `${n} position${n === 1 ? "" : "s"}`;
  if (!allowed) return `Empty mask on ${extent}: 0 of ${n * n} pairs allowed.`;
  const blind = upTo(n).filter((i) => upTo(n).every((j) => !mask[i * n + j]));
  const unseen = upTo(n).filter((j) => upTo(n).every((i) => !mask[i * n + j]));
  const outside = blind.filter((i) => unseen.includes(i));
  const [scheme, detail] = recogniseMask(mask, n, upTo(n).filter((i) => !outside.includes(i)));
  const told = (positions, one, many) => {
    const some = positions.filter((i) => positions === outside || !outside.includes(i));
    const [noun, verb] = some.length > 1 ? ["positions", many] : ["position", one];
    return some.length ? [`${noun} ${positionsInWords(some)} ${verb}`] : [];
  };
  const parts = [
    `${scheme} on ${extent}${detail ? ", " : ""}${detail}: ${allowed} of ${n * n} pairs allowed (${oneDigit(allowed, n * n)} %)`,
    ...told(outside, "takes no part", "take no part"),
    ...told(blind, "sees nothing", "see nothing"),
    ...told(unseen, "is seen by nobody", "are seen by nobody"),
  ];
  return `${parts.join("; ")}.`;
}

/** Say how a measured leakage differs from what is allowed. The twin of `thrifty.leakage.compare`. */
export function compareMasks(measured, allowed, n) {
  const where = (flag) => upTo(n * n).filter((c) => flag(measured[c], allowed[c]));
  const listed = (cells, verb) => {
    const words = cells.slice(0, 6).map((c) => `query ${Math.floor(c / n)} ${verb} key ${c % n}`);
    return words.join(", ") + (cells.length > 6 ? `, and ${cells.length - 6} more` : "");
  };
  const leaks = where((m, a) => m && !a);
  const unused = where((m, a) => a && !m);
  const leaking = leaks.length ? `${leaks.length} ${leaks.length === 1 ? "pair leaks" : "pairs leak"}: ${listed(leaks, "sees")}` : "no pair leaks";
  const idle = unused.length ? `${unused.length} allowed ${unused.length === 1 ? "pair" : "pairs"} unused: ${listed(unused, "never sees")}` : "every allowed pair is used";
  return `${leaking}; ${idle}`;
}

// The test: a few attention layers with fixed random weights, in which each token is changed in turn.

const STACK_SIZE = 8;

/** A function that gives the same numbers in -1..1 on every page. */
function drawer(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Rows of vectors one after the other, as all matrices here. */
const drawnVectors = (draw, rows) => Float64Array.from({ length: rows * STACK_SIZE }, () => 1.7 * draw());

/** The inner product of two of these rows, on the scale of one product. */
function rowProduct(a, i, b, j) {
  let sum = 0;
  for (let c = 0; c < STACK_SIZE; c++) sum += a[i * STACK_SIZE + c] * b[j * STACK_SIZE + c];
  return sum / Math.sqrt(STACK_SIZE);
}

function timesMatrix(rows, matrix) {
  const product = new Float64Array(rows.length);
  for (let k = 0; k < rows.length; k++) product[k] = rowProduct(rows, Math.floor(k / STACK_SIZE), matrix, k % STACK_SIZE);
  return product;
}

/** Attention weights of one query as they should be, or with the fault. The twin of `bookkit.small_stack`. */
function sharesOf(scores, allowed, fault, last) {
  if (fault === "finite") return maskedSoftmax(scores.map((score, j) => (allowed[j] ? score : score - 1)));
  if (fault === "after") return maskedSoftmax(scores).map((share, j) => share * allowed[j]);
  return maskedSoftmax(scores, fault === "forgotten" && last ? null : allowed);
}

/** The outputs of a stack, one layer a mask; queries are made of the positions alone, unless that is the fault. */
function runStack(tokens, { positions, weights, queries }, masks, n, residual, fault) {
  let below = tokens.map((x, k) => x + positions[k]);
  masks.forEach((mask, layer) => {
    const [toQuery, toKey, toValue] = weights[layer];
    const asked = fault === "queries" ? timesMatrix(below, toQuery) : queries[layer];
    const [keys, values] = [timesMatrix(below, toKey), timesMatrix(below, toValue)];
    const outputs = residual ? below.slice() : new Float64Array(below.length);
    for (let i = 0; i < n; i++) {
      const scores = upTo(n).map((j) => rowProduct(asked, i, keys, j));
      sharesOf(scores, mask.subarray(i * n, (i + 1) * n), fault, layer === masks.length - 1).forEach((share, j) => {
        for (let c = 0; c < STACK_SIZE; c++) outputs[i * STACK_SIZE + c] += share * values[j * STACK_SIZE + c];
      });
    }
    below = outputs;
  });
  return below;
}

/** Which output depends on which input: every token is changed, and what changes at all is compared exactly. */
export function measuredLeakage(masks, n, residual, fault) {
  const draw = drawer(2019);
  const [positions, tokens, others] = [drawnVectors(draw, n), drawnVectors(draw, n), drawnVectors(draw, n)];
  const weights = masks.map(() => upTo(3).map(() => drawnVectors(draw, STACK_SIZE)));
  const stack = { positions, weights, queries: weights.map(([toQuery]) => timesMatrix(positions, toQuery)) };
  const run = (inputs) => runStack(inputs, stack, masks, n, residual, fault);
  const expected = run(tokens);
  const found = new Uint8Array(n * n);
  for (let j = 0; j < n; j++) {
    const mine = (k) => Math.floor(k / STACK_SIZE) === j;
    const outputs = run(tokens.map((x, k) => (mine(k) ? others[k] : x)));
    outputs.forEach((x, k) => x !== expected[k] && (found[Math.floor(k / STACK_SIZE) * n + j] = 1));
  }
  return found;
}
