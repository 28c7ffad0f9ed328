// The rules that Python has too. No drawing here: tests run this file and the library on the same cases.

/** Which pattern each layer uses: "alternate" is local in layers 1, 3, ... and atrous in layers 2, 4, ... */
export function layerPattern(pattern, layer) {
  return pattern === "alternate" ? (layer % 2 === 0 ? "local" : "atrous") : pattern;
}

/** May query i attend to key j?  The twin of `thrifty.patterns`. */
export function allows(pattern, i, j, { half_width, rate, causal }) {
  if (causal && j > i) return false;
  const gap = Math.abs(i - j);
  if (pattern === "full") return true;
  if (pattern === "local") return gap <= half_width;
  if (pattern === "atrous") return gap % rate === 0;
  if (pattern === "both") return gap <= half_width || gap % rate === 0;
  throw new RangeError(`unknown pattern ${pattern}`);
}

/** Row-major Uint8Array of n * n: 1 where query i may attend to key j. */
export function maskOf(pattern, n, options) {
  const mask = new Uint8Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) mask[i * n + j] = allows(pattern, i, j, options) ? 1 : 0;
  return mask;
}

/** What position i can have seen after the last of these layers: a boolean matrix product. */
export function reach(masks, n) {
  return masks.reduce((seen, mask) => {
    if (!seen) return mask;
    const next = new Uint8Array(n * n);
    for (let i = 0; i < n; i++)
      for (let m = 0; m < n; m++)
        if (mask[i * n + m]) for (let j = 0; j < n; j++) next[i * n + j] |= seen[m * n + j];
    return next;
  }, null);
}

/** For each pair the first layer (1, 2, ...) after which i has seen j; 0 if none of them. */
export function firstSeen(pattern, n, layers, options) {
  const first = new Uint8Array(n * n);
  let seen = null;
  for (let layer = 0; layer < layers; layer++) {
    const mask = maskOf(layerPattern(pattern, layer), n, options);
    seen = seen ? reach([seen, mask], n) : mask;
    for (let c = 0; c < n * n; c++) if (seen[c] && !first[c]) first[c] = layer + 1;
  }
  return first;
}

/** Pairs that these layers compute: what the reader pays. */
export function pairsPaid(pattern, n, layers, options) {
  let pairs = 0;
  for (let layer = 0; layer < layers; layer++) {
    for (const allowed of maskOf(layerPattern(pattern, layer), n, options)) pairs += allowed;
  }
  return pairs;
}

/** Softmax over the allowed entries; nothing allowed gives zeros, never NaN. The twin of `masked_softmax`. */
export function maskedSoftmax(scores, allowed = null) {
  // A forbidden score may be anything, even NaN; nothing allowed, or minus infinity alone, gives zeros.
  const top = scores.reduce((most, score, j) => (!allowed || allowed[j] ? Math.max(most, score) : most), -Infinity);
  if (top === -Infinity) return scores.map(() => 0);
  const weights = scores.map((score, j) => (!allowed || allowed[j] ? Math.exp(score - top) : 0));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** Weights of every query, softmax(score / temperature) over what the mask allows. The twin of `AttentionByHand.weights`. */
export function attentionWeights(scores, mask, temperature = 1) {
  return scores.map((row, i) => maskedSoftmax(row.map((score) => score / temperature), mask[i]));
}

/** Each query's average of the values. The twin of `AttentionByHand.output`. */
export function attentionOutput(weights, values) {
  return weights.map((row) => values[0].map((_, c) => row.reduce((sum, weight, j) => sum + weight * values[j][c], 0)));
}
