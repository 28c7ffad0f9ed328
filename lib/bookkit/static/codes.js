// Entropy, Huffman's code, and streams of bits: the twin of `thrifty.codes`. Symbols are 0..n - 1, words are strings.

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** The entropy of weights, in bits; only their proportions matter. */
export function entropy(weights) {
  const total = sum(weights);
  return Math.max(0, -sum(weights.map((w) => w / total).map((p) => (p > 0 ? p * Math.log2(p) : 0))));
}

/** How Huffman's tree grows: pairs of nodes, the lightest two without a parent, of equal ones that made first; pair k makes node n + k. */
export function huffmanMerges(weights) {
  const open = weights.map((weight, node) => ({ weight, node }));
  const take = () => {
    let best = 0;
    open.forEach((one, i) => {
      // A later place is not a later node: what is taken leaves a gap that the last one fills.
      const than = open[best];
      if (one.weight < than.weight || (one.weight === than.weight && one.node < than.node)) best = i;
    });
    const taken = open[best];
    open[best] = open.at(-1);
    open.pop();
    return taken;
  };
  const pairs = [];
  while (open.length > 1) {
    const [first, second] = [take(), take()];
    open.push({ weight: first.weight + second.weight, node: weights.length + pairs.length });
    pairs.push([first.node, second.node]);
  }
  return pairs;
}

/** Huffman's words: of two merged nodes the first is reached by a 0, the second by a 1; a lone symbol gets "0". */
export function huffman(weights) {
  const n = weights.length;
  if (n === 1) return ["0"];
  const words = Array(2 * n - 1).fill("");
  const pairs = huffmanMerges(weights);
  for (let k = n - 2; k >= 0; k--) pairs[k].forEach((node, bit) => (words[node] = words[n + k] + bit));
  return words.slice(0, n);
}

/** The share of all streams of bits that words of these lengths use up. */
export function kraftSum(lengths) {
  return sum(lengths.map((length) => 2 ** -length));
}

/** The mean length of a word, in bits per symbol. */
export function meanLength(weights, lengths) {
  return sum(weights.map((weight, i) => weight * lengths[i])) / sum(weights);
}

/** The words of a sequence of symbols, one after the other. */
export function encode(words, symbols) {
  return symbols.map((symbol) => words[symbol]).join("");
}

/** What a stream of bits stands for: the symbols, and the bits of a last word that is not complete, or is none. */
export function decode(words, bits) {
  const symbolOf = new Map(words.map((word, symbol) => [word, symbol]));
  const symbols = [];
  let rest = "";
  for (const bit of bits) {
    rest += bit;
    if (!symbolOf.has(rest)) continue;
    symbols.push(symbolOf.get(rest));
    rest = "";
  }
  return { symbols, rest };
}
