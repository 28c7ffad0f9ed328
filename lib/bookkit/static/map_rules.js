// The map equation for a given flow: the twin of `thrifty.mapequation`, and what single moves would cost.
// A flow has { visits, sources, targets, rates }, and may have { jumps, landing, markovTime }, all as in `thrifty.flows.Flow`.
// `modules` has one entry a node: a name, or a path from the top down as an array.
import { huffman } from "./codes.js";

const MAP_NEVER = 1e-14; // rates below are rounding errors of sums near 1; as in thrifty.walks
const mapH = (x) => (x > 0 ? x * Math.log2(x) : 0);
const mapSum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** How often the walker enters and leaves each of `count` modules; `of` names the place of each node's, -1 for none. */
function mapBorders({ sources, targets, rates, jumps, landing, markovTime = 1 }, of, count) {
  const [enter, exit] = [new Float64Array(count), new Float64Array(count)];
  for (let k = 0; k < rates.length; k++) {
    const [begin, end] = [of[sources[k]], of[targets[k]]];
    if (begin === end) continue;
    if (begin >= 0) exit[begin] += rates[k];
    if (end >= 0) enter[end] += rates[k];
  }
  if (markovTime !== 1) for (let m = 0; m < count; m++) [enter[m], exit[m]] = [enter[m] * markovTime, exit[m] * markovTime];
  if (jumps?.some((rate) => rate > 0)) {
    const [away, share, all] = [new Float64Array(count), new Float64Array(count), mapSum(jumps)];
    of.forEach((m, node) => {
      if (m < 0) return;
      away[m] += jumps[node];
      share[m] += landing[node];
    });
    for (let m = 0; m < count; m++) {
      exit[m] += away[m] * (1 - share[m]);
      enter[m] += (all - away[m]) * share[m];
    }
  }
  return { enter, exit };
}

/**
 * What a step costs under these modules: { bits, index, inside, oneLevel, books }.
 * A book has { path, words, rate, entropy, bits, leaf }, `leaf` where it holds nodes; the first is the index book at the top.
 * A word has a rate and one of { node } (its number), { path } (of a module) and { exit: true }.
 */
export function mapCodeLength(flow, modules) {
  const paths = modules.map((module) => (Array.isArray(module) ? module : [module]));
  const found = new Map([["[]", { path: [], words: [], leaf: false, exit: null }]]);
  const depth = Math.max(0, ...paths.map((path) => path.length));
  for (let level = 1; level <= depth; level++) {
    const keys = [];
    const places = new Map();
    const of = paths.map((path) => {
      if (path.length < level) return -1;
      const key = JSON.stringify(path.slice(0, level));
      if (!places.has(key)) places.set(key, keys.push(key) - 1);
      return places.get(key);
    });
    const { enter, exit } = mapBorders(flow, of, keys.length);
    keys.forEach((key, m) => {
      const path = JSON.parse(key);
      found.get(JSON.stringify(path.slice(0, -1))).words.push({ path, rate: enter[m] });
      found.set(key, { path, words: [], leaf: false, exit: exit[m] });
    });
  }
  paths.forEach((path, node) => {
    const book = found.get(JSON.stringify(path));
    book.leaf = true;
    book.words.push({ node, rate: flow.visits[node] });
  });
  const books = [...found.values()].map(({ path, words, leaf, exit }) => {
    if (exit !== null) words.push({ exit: true, rate: exit });
    const rate = mapSum(words.map((word) => word.rate));
    const bits = mapH(rate) - mapSum(words.map((word) => mapH(word.rate)));
    return { path, words, leaf, rate, bits, entropy: rate > 0 ? bits / rate : 0 };
  });
  const part = (leaf) => mapSum(books.filter((book) => book.leaf === leaf).map((book) => book.bits));
  const [index, inside] = [part(false), part(true)];
  const oneLevel = mapH(mapSum(flow.visits)) - mapSum(flow.visits.map(mapH));
  return { bits: index + inside, index, inside, oneLevel, books };
}

/** Huffman's words for the words of a code book, in their order; null where a word is never used. */
export function mapBookWords(book) {
  const used = book.words.map((word, i) => i).filter((i) => book.words[i].rate > MAP_NEVER);
  const words = Array(book.words.length).fill(null);
  if (used.length) huffman(used.map((i) => book.words[i].rate)).forEach((word, k) => (words[used[k]] = word));
  return words;
}

/** The two-level code length of places 0..count - 1 of the nodes; empty places cost nothing. */
function mapTwoLevels(flow, of, count) {
  const { enter, exit } = mapBorders(flow, of, count);
  const inside = new Float64Array(count);
  of.forEach((m, node) => (inside[m] += flow.visits[node]));
  let [total, bits] = [0, 0];
  for (let m = 0; m < count; m++) {
    total += enter[m];
    bits += mapH(exit[m] + inside[m]) - mapH(exit[m]) - mapH(enter[m]);
  }
  for (const rate of flow.visits) bits -= mapH(rate);
  return bits + mapH(total);
}

/**
 * What moving one node would lead to: { module, bits } for every other module, in the order of their first nodes,
 * and last with module null for one of its own, unless it is alone. Two levels.
 */
export function mapMoves(flow, modules, node) {
  const names = [...new Set(modules)];
  const of = modules.map((module) => names.indexOf(module));
  const home = of[node];
  const alone = of.filter((m) => m === home).length === 1;
  const moves = [];
  for (let m = 0; m < names.length + (alone ? 0 : 1); m++) {
    if (m === home) continue;
    of[node] = m;
    moves.push({ module: m < names.length ? names[m] : null, bits: mapTwoLevels(flow, of, names.length + 1) });
  }
  return moves;
}

/** The single move that makes a step cheapest, as { node, module, bits }; null where none saves more than `least` bits. */
export function mapBestMove(flow, modules, least = 1e-9) {
  const now = mapCodeLength(flow, modules).bits;
  let best = null;
  modules.forEach((_, node) => {
    for (const { module, bits } of mapMoves(flow, modules, node)) {
      // Of equal moves the first, also where they differ by rounding.
      if (bits < (best?.bits ?? now) - least) best = { node, module, bits };
    }
  });
  return best;
}

/** Numbers in 0..1 from a seed, the same in every language that has whole numbers of 32 bits; the twin of `bookkit.seeded_walk.numbers`. */
export function mapRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The nodes that a walker visits in so many steps along links, the start first; the twin of `bookkit.seeded_walk.walk`. */
export function mapWalk(flow, start, steps, seed) {
  const links = flow.visits.map(() => []);
  flow.rates.forEach((rate, k) => links[flow.sources[k]].push([flow.targets[k], rate]));
  const random = mapRandom(seed);
  const nodes = [start];
  for (let step = 0; step < steps; step++) {
    const from = links[nodes.at(-1)];
    if (!from.length) break;
    let left = random() * mapSum(from.map((link) => link[1]));
    const next = from.find(([, rate]) => (left -= rate) < 0) ?? from.at(-1);
    nodes.push(next[0]);
  }
  return nodes;
}

/** The words that tell each step of a walk with the code books of two levels: lists of { book, place, word }. */
export function mapTape({ books }, walk, words = books.map(mapBookWords)) {
  const home = [];
  const entry = new Map(books[0].words.map((word, place) => [JSON.stringify(word.path), place]));
  books.forEach((book, b) => book.words.forEach(({ node }, place) => node !== undefined && (home[node] = [b, place])));
  const say = (book, place) => ({ book, place, word: words[book][place] });
  const known = new Map(); // steps come again and again
  return walk.slice(1).map((node, step) => {
    const pair = walk[step] * home.length + node;
    if (!known.has(pair)) {
      const [from, [to, place]] = [home[walk[step]][0], home[node]];
      const last = say(to, place);
      known.set(pair, from === to ? [last] : [say(from, books[from].words.length - 1), say(0, entry.get(JSON.stringify(books[to].path))), last]);
    }
    return known.get(pair);
  });
}
