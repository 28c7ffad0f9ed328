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

// The layers of the mask tracer, with one number a position: values and mask in (null: none), values and mask out.
const keeping = (f) => (x, mask) => [x.map(f), mask];
const losing = (f) => (x) => [x.map(f), null];
const addTanh = (v) => v + Math.tanh(v);
const neighbours = (x) => x.map((v, i) => (x[i - 1] ?? 0) + v + (x[i + 1] ?? 0));
const realOf = (x, mask) => x.filter((_, i) => !mask || mask[i]);
const meanOf = (x) => x.reduce((a, b) => a + b, 0) / x.length;
const largestOf = (x) => Math.max(...x);

/** The states of one recurrent unit; at a masked position the one before is held. */
function states(x, mask) {
  let state = 0;
  return x.map((v, i) => (mask && !mask[i] ? state : (state = Math.tanh(0.5 * v + 0.5 * state + 0.25))));
}

/** Both directions averaged; unlike an RNN alone, Keras gives zeros at masked positions. */
function bothWays(x, mask) {
  const forward = states(x, mask);
  const backward = states(x.toReversed(), mask?.toReversed()).toReversed();
  return [x.map((_, i) => (mask && !mask[i] ? 0 : (forward[i] + backward[i]) / 2)), mask];
}

const MASK_LAYERS = {
  Dense: keeping((v) => 0.5 * v + 1),
  Bidirectional: bothWays,
  "x + x": losing((v) => 2 * v),
  Rescaling: keeping((v) => 2 * v),
  "x[:, 1:]": (x) => [x.slice(1), null],
  WithoutFirst: (x, mask) => [x.slice(1), mask && mask.slice(1)],
  Add: losing(addTanh),
  "Add, both masked": keeping(addTanh),
  Conv1D: (x) => [neighbours(x), null],
  MaskedConv1D: (x, mask) => [neighbours(x.map((v, i) => (mask && !mask[i] ? 0 : v))), mask],
  Lambda: losing((v) => -v),
  Negate: keeping((v) => -v),
  Shift: losing((v) => v - 1),
  KeepingShift: keeping((v) => v - 1),
  GlobalAveragePooling1D: (x, mask) => [meanOf(realOf(x, mask)), null],
  "ops.mean": (x) => [meanOf(x), null],
  GlobalMaxPooling1D: (x) => [largestOf(x), null],
  SimpleRNN: (x, mask) => [states(x, mask).at(-1), null],
  "x[:, 0]": (x) => [x[0], null],
  MaskedMeanPooling: (x, mask) => [meanOf(realOf(x, mask)), null],
  MaskedMaxPooling: (x, mask) => [largestOf(realOf(x, mask)), null],
};

/** The values and masks of one sequence behind every step: the source, the layers, the ending. */
function alongStack(names, values, mask) {
  const found = [[values, mask]];
  for (const name of names) found.push(MASK_LAYERS[name](...found.at(-1)));
  return found;
}

const differ = (a, b) => [a].flat().some((v, i) => Math.abs(v - [b].flat()[i]) > 1e-4 * Math.max(1, Math.abs(v)));

/** What a layer does with the masks of a batch, in the words of `thrifty.masking.trace`. */
function whatItDoes(name, inputs, outputs) {
  const [masked, kept] = [inputs[0][1], outputs[0][1]];
  if (!masked) return kept ? "makes a mask" : "gets no mask";
  const used = inputs.some(([x], i) => String(MASK_LAYERS[name](x, null)[0]) !== String(outputs[i][0]));
  if (kept) return used ? "uses and passes on" : "passes on";
  return used ? "uses and drops" : "ignores and drops";
}

/**
 * Follow a padded batch through a stack; the twin of `bookkit.mask_stack.run`.
 * Each step has `values` and `mask` by sequence, `alone`, the values without padding, and whether real positions
 * `change`; `ok` tells whether no answer depends on the padding, even with three positions more.
 */
export function followMask(names, sequences, pads) {
  const n = Math.max(...sequences.map((values) => values.length));
  const padded = (k) =>
    sequences.map((values) => {
      const rest = n + k - values.length;
      return alongStack(names, [...values, ...Array(rest).fill(0)], [...values.map(() => true), ...Array(rest).fill(false)]);
    });
  const [now, longer] = [padded(pads), padded(pads + 3)];
  const alone = sequences.map((values) => alongStack(names, values, values.map(() => true)));
  const steps = ["Embedding", ...names].map((name, s) => ({
    name,
    verdict: s ? whatItDoes(name, now.map((run) => run[s - 1]), now.map((run) => run[s])) : "makes a mask",
    values: now.map((run) => run[s][0]),
    mask: now[0][s][1] ? now.map((run) => run[s][1]) : null,
    alone: alone.map((run) => run[s][0]),
    changes: [now, longer].some((runs) => alone.some((run, i) => differ(run[s][0], runs[i][s][0]))),
  }));
  return { steps, ok: !steps.at(-1).changes };
}

/** Tiles for the distances -after..before that are multiples of `rate`. The twin of `thrifty.plans.Tiles`. */
export function tilesOf(n, rate, before, after) {
  const column = Math.ceil(n / rate);
  const reach = [Math.floor(before / rate), Math.floor(after / rate)];
  const largest = reach[0] + reach[1] >= 320 ? 128 : 64;
  const most = Math.min(Math.max(...reach, 32), largest, column);
  const cut = Math.ceil(column / most) * most * (most + reach[0] + reach[1]);
  const block = cut < column * column ? most : column;
  const blocks = Math.ceil(column / block);
  const keys = blocks === 1 ? block : block + reach[0] + reach[1];
  return { rate, before, after, column, reach, block, blocks, shape: [rate * blocks, block, keys] };
}

/** The bounds of each term of a pattern, { rate, before, after, kind }, the widest first. The twin of `_cover`. */
function coversOf(pattern, n, { half_width, rate, causal }) {
  const term = (kind, step, bound) =>
    // A stride beyond the sequence leaves the query alone.
    step > 1 && step >= n ? { kind, rate: 1, before: 0, after: 0 } : { kind, rate: step, before: bound, after: causal ? 0 : bound };
  const local = term("local", 1, Math.min(n - 1, half_width));
  const atrous = term("atrous", rate, n - 1);
  const terms = { full: [term("full", 1, n - 1)], local: [local], atrous: [atrous], both: [local, atrous] }[pattern];
  if (!terms) throw new RangeError(`unknown pattern ${pattern}`);
  return terms.sort((a, b) => b.before + b.after - a.before - a.after || a.rate - b.rate);
}

/** How a pattern is computed: the tiles of each piece, or none where it is the whole matrix. The twin of `thrifty.plans.plan`. */
export function planOf(pattern, n, options) {
  const pieces = [];
  for (let covers = coversOf(pattern, n, options); covers.length; ) {
    const widest = covers[0];
    const inside = (c) => c.rate % widest.rate === 0 && c.before <= widest.before && c.after <= widest.after;
    pieces.push({ ...tilesOf(n, widest.rate, widest.before, widest.after), kinds: covers.filter(inside).map((c) => c.kind) });
    covers = covers.filter((c) => !inside(c));
  }
  const executed = pieces.reduce((sum, { shape: [t, q, k] }) => sum + t * q * k, 0);
  if (executed > (pieces.length === 1 ? 0.8 : 0.65) * n * n) return { path: "dense", executed: n * n, pieces: [] };
  return { path: "tiles", executed, pieces };
}

/** Pairs at a distance of at most `bound` that is a multiple of `rate`. */
function pairsAt(n, rate, bound, causal) {
  const steps = Math.floor(Math.min(bound, n - 1) / rate);
  const before = (steps + 1) * n - (rate * steps * (steps + 1)) / 2; // the query itself included
  return causal ? before : 2 * before - n;
}

/** Pairs that a pattern allows, by formula. The twin of `Pattern.pairs`, which counts them. */
export function pairsNeeded(pattern, n, { half_width, rate, causal }) {
  if (pattern === "full") return pairsAt(n, 1, n - 1, causal);
  if (pattern === "local") return pairsAt(n, 1, half_width, causal);
  if (pattern === "atrous") return pairsAt(n, rate, n - 1, causal);
  if (pattern === "both") return pairsAt(n, 1, half_width, causal) + pairsAt(n, rate, n - 1, causal) - pairsAt(n, rate, half_width, causal);
  throw new RangeError(`unknown pattern ${pattern}`);
}

/** Bytes in float32 that the largest piece of one head holds at once. The twin of `thrifty.plans.cost`. */
export function bytesHeld(plan, n, depth) {
  const shapes = plan.pieces.length ? plan.pieces.map((piece) => piece.shape) : [[1, n, n]];
  return 4 * Math.max(...shapes.map(([t, q, k]) => t * q * k + 2 * t * k * depth));
}

const CHUNK = 256; // rows of the matrix that exact attention in chunks computes at once

/** How a pattern, or "chunked", is computed, and what of it costs. The twin of `bookkit.cost_model.features`. */
export function costFeatures(pattern, n, options) {
  if (pattern === "chunked") {
    const rows = Math.min(CHUNK, n);
    const chunks = Math.ceil(n / rows);
    // A causal chunk computes no key after its own end; the last chunk ends with the sequence.
    const keys = options.causal ? (rows * chunks * (chunks + 1)) / 2 - (rows * chunks - n) : chunks * n;
    return { path: "chunked", executed: rows * keys, largest: rows * n, held: rows * n, moved: n };
  }
  const { path, executed, pieces } = planOf(pattern, n, options);
  if (path === "dense") return { path, executed, largest: executed, held: executed, moved: 0 };
  const moved = pieces.reduce((sum, { shape: [t, q, k] }) => sum + t * (q + k), 0);
  return { path, executed, largest: Math.max(...pieces.map(({ shape: [t, q, k] }) => t * q * k)), held: executed, moved };
}

const dot = (coefficients, terms) => coefficients.reduce((sum, c, k) => sum + c * terms[k], 0);
const task = ({ training }) => (training ? "training" : "forward");

/** Time in products of two 1024 x 1024 matrices. The twin of `bookkit.cost_model.predict_time`. */
export function predictTime(model, pattern, n, options) {
  const { path, executed, moved } = costFeatures(pattern, n, options);
  const { depth, heads } = options;
  return heads * dot(model.time[path][task(options)], [executed * depth, executed, moved * depth, 1]);
}

/** Bytes at the peak. The twin of `bookkit.cost_model.predict_bytes`. */
export function predictBytes(model, pattern, n, options) {
  const { path, largest, held, moved } = costFeatures(pattern, n, options);
  const { depth, heads } = options;
  const numbers = [largest, held, moved * depth, n * depth].map((x) => 4 * heads * x);
  return dot(model.bytes[path][task(options)], [...numbers, 1]);
}

/** The largest n up to `limit` whose bytes fit a budget; 0 if none does. The twin of `bookkit.cost_model.largest_n`. */
export function largestN(model, pattern, budget, options, limit) {
  let [low, high] = [0, limit + 1]; // what fits, and what is taken not to
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (predictBytes(model, pattern, middle, options) <= budget) low = middle;
    else high = middle;
  }
  return low;
}

/** The part of a model between some tensors and a later one, and what crosses the cut. The twin of `model_surgeon.cut_of`. */
export function cutOf(parents, start, end) {
  const needed = new Set();
  for (const todo = [end]; todo.length; ) {
    const k = todo.pop();
    if (needed.has(k) || start.includes(k)) continue;
    needed.add(k);
    todo.push(...parents[k]);
  }
  const used = new Set([end, ...[...needed].flatMap((k) => parents[k])]);
  const reached = new Set(start);
  const [part, edges] = [[], []];
  for (const k of [...needed].sort((a, b) => a - b)) {
    const outside = parents[k].filter((p) => !reached.has(p));
    if (outside.length === parents[k].length) continue; // nothing that it is called on comes from the start
    reached.add(k);
    part.push(k);
    for (const p of new Set(outside)) edges.push([p, k]);
  }
  return { part, idle: start.filter((k) => !used.has(k)), edges, missing: [...new Set(edges.map(([p]) => p))] };
}

/** The tensors on the way to one, itself included. */
export function ancestors(parents, end) {
  const found = new Set([end]);
  for (let k = end; k >= 0; k--) if (found.has(k)) for (const p of parents[k]) found.add(p);
  return found;
}

/** How many numbers are in the weights of some layers, shared ones counted once. The twin of `ModelSurgeon.parameters`. */
export function parametersOf(weights, layers) {
  const chosen = new Set(layers);
  return weights.reduce((sum, [count, ...holders]) => sum + (holders.some((k) => chosen.has(k)) ? count : 0), 0);
}

/** How many layers are called, one that is called twice counted once. The twin of `ModelSurgeon.layers`. */
export function layersOf(same, calls) {
  const first = (k) => same.find((numbers) => numbers.includes(k))?.[0] ?? k;
  return new Set(calls.map(first)).size;
}

/** A tensor as `thrifty.surgery` names it: a name, or a name and the number of the call. */
function addressOf({ names, same }, k) {
  const calls = same.find((numbers) => numbers.includes(k));
  if (!calls) return `'${names[k]}'`;
  const index = calls.indexOf(k);
  return `('${names[k].slice(0, -`:${index}`.length)}', ${index})`;
}

/** The line of Python that makes the part. The twin of `ModelSurgeon.line`. */
export function cutLine(s, start, end) {
  const [last, ...first] = [end, ...start].map((k) => addressOf(s, k).replaceAll("'", '"'));
  const masks = start.some((k) => s.masked.includes(k)) ? ', masks="explicit"' : "";
  return `submodel(model, ${first.length === 1 ? first[0] : `[${first.join(", ")}]`}, ${last}${masks})`;
}

/** What `thrifty.surgery.submodel` says to a cut; empty if it makes the part. The twin of `ModelSurgeon.error`. */
export function cutError(s, start, end) {
  const { idle, missing } = cutOf(s.parents, start, end);
  const listed = (tensors) => tensors.map((k) => addressOf(s, k)).join(", ");
  if (idle.length) return `the outputs do not depend on ${listed(idle)}; leave it out of the inputs`;
  if (!start.length) return `no input leads to the output ${listed([end])}`;
  if (missing.length) return `the outputs also depend on what does not pass through the inputs; add: ${listed(missing)}`;
  return "";
}
