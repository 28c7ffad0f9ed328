"""Train models from source to target, of one stack and of two: *From source to target*.

`python -m bookkit.recipes.one_mask` trains all of them and stores what came out in
`book/one_model/one_mask.json`; what is there is not trained again.
The chapter repeats the beginning of a run and compares.
"""

from __future__ import annotations

import functools
import json
import time

import keras
import numpy as np
import tensorflow as tf

from bookkit import skeletons, stored_weights, vowels
from bookkit.encoder_decoder import EncoderDecoder, TwoStacks
from bookkit.files import ROOT, write_whole
from bookkit.runtime import setup
from bookkit.skeletons import END, PAD, SEP, VOCABULARY
from thrifty.decoding import Cached, greedy
from thrifty.masks import PADDING, prefix_mask
from thrifty.transformer import Transformer

RESULTS = ROOT / "book/one_model/one_mask.json"

SYMBOL_TASKS = {
    "copy": lambda source: source,
    "reverse": lambda source: source[::-1],
    "sort": lambda source: np.sort(source),
}
TASKS = (*SYMBOL_TASKS, "words")
CAUSAL, PREFIX, TWO_STACKS = MODELS = ("naive", "prefix", "encoder-decoder")

# More where the models differ by little.
SEEDS = {**dict.fromkeys(SYMBOL_TASKS, 3), "words": 5}
FEATURES, HEADS, BLOCKS = 64, 4, 4
LONGEST = skeletons.LONGEST  # symbols of a source or a target, at most
SYMBOLS = 4, 8  # shortest and longest of the random sources
BATCH = {**dict.fromkeys(SYMBOL_TASKS, 32), "words": 64}
STEPS = 1000
MORE_STEPS = 2000  # of the model that is stored
WARM_UP = 100
POOL = 8  # batches that are drawn at once and sorted by length, so that little is padded
REPORT = 50  # steps that one stored loss is the mean of

# The run whose model is kept: `bookkit.vowels`.
KEPT = "words", PREFIX, 0, "target", MORE_STEPS

# The rate of each model is the one with the least validation loss of these.
RATES, PILOT_STEPS, PILOT_SEED = (1e-3, 2e-3, 4e-3), 400, 100


def build(kind):
    """Return a model of a kind, with the weights still to be drawn.

    The one stack has as many parameters as the two together, within two per cent: a decoder block
    has a second attention, which the narrower networks of both stacks pay for.
    """
    if kind == TWO_STACKS:
        shape = {"num_blocks": BLOCKS // 2, "feed_forward": 3 * FEATURES, "longest": LONGEST + 1}
        return EncoderDecoder(VOCABULARY, FEATURES, HEADS, **shape)
    length = 2 * LONGEST + 2
    return Transformer(VOCABULARY, FEATURES, HEADS, BLOCKS, max_length=length, segments=2)


def padded(rows, empty=PAD):
    """Return lists as one int32 array (rows, longest), filled up with `empty`."""
    array = np.full((len(rows), max(map(len, rows))), empty, "int32")
    for row, known in zip(array, rows, strict=True):
        row[: len(known)] = known
    return array


def joined(pairs):
    """Return the ids of source, SEP, target, END, and their segments 0, 0, 1, 1; -1 = padding."""
    ids = padded([[*source, SEP, *target, END] for source, target in pairs])
    segments = [[0] * (len(source) + 1) + [1] * (len(target) + 1) for source, target in pairs]
    return ids, padded(segments, PADDING)


def causal(segments):
    """Return the mask of a language model over real positions, (rows, n, n)."""
    n = segments.shape[1]
    return np.tri(n, dtype=bool) & (segments != PADDING)[:, None, :]


MASKS = {CAUSAL: causal, PREFIX: prefix_mask}


def batch_of(kind, pairs, loss_on="target"):
    """Return a model's inputs, its targets, and the weights of the loss, all shifted by one.

    With `loss_on="both"` the symbols of the source are targets as well.
    """
    if kind == TWO_STACKS:
        targets = padded([[*target, END] for _, target in pairs])
        written = padded([[SEP, *target] for _, target in pairs])
        inputs = padded([source for source, _ in pairs]), written
        return inputs, targets, (targets != PAD).astype("float32")
    ids, segments = joined(pairs)
    seen, wanted = segments[:, :-1], segments[:, 1:]
    inputs = ids[:, :-1], MASKS[kind](seen), np.maximum(seen, 0)
    weights = wanted != PADDING if loss_on == "both" else wanted == 1
    return inputs, ids[:, 1:], weights.astype("float32")


def forward(model, inputs):
    """Return the logits of a batch."""
    if isinstance(model, EncoderDecoder):
        return model(*inputs)
    ids, mask, segments = inputs
    return model(ids, attention_mask=mask, segment_ids=segments)


def symbol_pairs(task, rng, count):
    """Return `count` random sources of different lengths, with their targets."""
    shortest, longest = SYMBOLS
    lengths = rng.integers(shortest, longest + 1, size=count)
    sources = [rng.integers(3, VOCABULARY, size=length) for length in lengths]
    return [(source, SYMBOL_TASKS[task](source)) for source in sources]


def word_pairs(words):
    """Return the pairs of skeleton and word, as ids."""
    return [(skeletons.encode(skeletons.skeleton(w)), skeletons.encode(w)) for w in words]


@functools.cache
def held_out(task, part):
    """Return the pairs of "validation" or "test"."""
    if task == "words":
        return word_pairs(getattr(skeletons.load(), part))
    return symbol_pairs(task, np.random.default_rng(("validation", "test").index(part)), 1000)


def pools(task, seed):
    """Yield the pairs of POOL batches for ever: new symbols, or the words again and again."""
    rng, size = np.random.default_rng((7, seed)), POOL * BATCH[task]
    if task != "words":
        while True:
            yield symbol_pairs(task, rng, size)
    pairs = word_pairs(skeletons.load().train)
    while True:
        order = rng.permutation(len(pairs))
        for start in range(0, len(order) - size + 1, size):
            yield [pairs[i] for i in order[start : start + size]]


def batches(task, seed):
    """Yield batches of training pairs for ever, pairs of about one length together."""
    rng = np.random.default_rng((8, seed))
    for pool in pools(task, seed):
        pool.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
        for turn in rng.permutation(POOL):
            yield pool[turn * BATCH[task] : (turn + 1) * BATCH[task]]


def cross_entropies(model, inputs, targets):
    """Return the loss of every position, (rows, n), in nats."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, forward(model, inputs))


def train(task, kind, seed, rate, steps, loss_on="target", stop=None, watch=None):
    """Train a model; return it with the mean loss of every REPORT steps.

    With `stop`, only the first steps of the run are taken, as they would be in the whole.
    `watch(model, step)` is called at every quarter.
    """
    keras.utils.set_random_seed(seed)
    model = build(kind)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - WARM_UP, warmup_target=rate, warmup_steps=WARM_UP
    )
    optimizer = keras.optimizers.Adam(schedule, beta_2=0.98, global_clipnorm=1.0)
    source = batches(task, seed)
    step = _step(model, optimizer, batch_of(kind, next(batches(task, seed)), loss_on))
    losses = []
    for i in range(1, (stop or steps) + 1):
        losses.append(float(step(*batch_of(kind, next(source), loss_on))))
        if watch and i % (steps // 4) == 0:
            watch(model, i)
    cut = len(losses) // REPORT * REPORT
    return model, np.mean(np.reshape(losses[:cut], (-1, REPORT)), axis=1).round(4).tolist()


def _step(model, optimizer, example):
    """Return the graph of one step; one graph serves all batches, for no length is fixed in it."""
    forward(model, example[0])  # makes the weights
    optimizer.build(model.trainable_variables)
    signature = tf.nest.map_structure(
        lambda x: tf.TensorSpec((None,) * x.ndim, tf.as_dtype(x.dtype)), example
    )

    @tf.function(autograph=False, input_signature=signature)
    def step(inputs, targets, weights):
        with tf.GradientTape() as tape:
            losses = cross_entropies(model, inputs, targets)
            mean = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(mean, variables), variables, strict=True))
        return mean

    return step


def target_loss(model, kind, pairs):
    """Return the mean loss of a target symbol, in nats; the model gets the right ones before it."""
    total = count = 0
    for start in range(0, len(pairs), 250):
        inputs, targets, weights = batch_of(kind, pairs[start : start + 250])
        total += float(np.sum(cross_entropies(model, inputs, targets) * weights))
        count += weights.sum()
    return float(total / count)


def write(model, kind, pairs):
    """Return what the model writes for the sources, symbol by symbol, as lists of ids."""
    prompts = [[*source, SEP] for source, _ in pairs]
    settings = {"max_new_tokens": LONGEST + 1, "end_id": END}
    return [list(text.ids) for text in greedy(decoder(model, kind), prompts, **settings)]


def decoder(model, kind):
    """Return a model in the protocol of `thrifty.decoding`; prompts end with SEP."""
    if kind == TWO_STACKS:
        return TwoStacks(model)
    return Cached(model, "causal" if kind == CAUSAL else "bidirectional", next_segment=1)


def exact(written, pairs):
    """Return the share of texts that are right to the end sign."""
    wanted = [[*target, END] for _, target in pairs]
    return float(np.mean([text == right for text, right in zip(written, wanted, strict=True)]))


def judged(model, task, kind, part):
    """Return loss, share of exact answers and, of words, the share of gaps filled rightly."""
    pairs = held_out(task, part)
    written = write(model, kind, pairs)
    found = {"loss": target_loss(model, kind, pairs), "exact": exact(written, pairs)}
    if task == "words":
        answers = [skeletons.decode(text) for text in written]
        found["gaps"] = skeletons.score(answers, getattr(skeletons.load(), part))[1]
    return {name: round(value, 4) for name, value in found.items()}


def curve_watch(task, kind, found):
    """Return a function for `train` that notes the step and the validation's exact answers."""

    def watch(model, step):
        pairs = held_out(task, "validation")[::5]
        found.append([step, round(exact(write(model, kind, pairs), pairs), 4)])

    return watch


def measure(task, kind, seed, rate, loss_on="target", steps=STEPS):
    """Train; return the model, and the losses, the curve and what came out on both parts."""
    curve = []
    watch = curve_watch(task, kind, curve)
    model, losses = train(task, kind, seed, rate, steps, loss_on, watch=watch)
    parts = {part: judged(model, task, kind, part) for part in ("validation", "test")}
    return model, {"losses": losses, "curve": curve, **parts}


def key_of(task, kind, seed, loss_on="target", steps=STEPS):
    """Return the name of a stored run.

    Examples
    --------
    >>> key_of("copy", "prefix", 0)
    'copy, prefix, seed 0, loss on target, 1000 steps'
    """
    return f"{task}, {kind}, seed {seed}, loss on {loss_on}, {steps} steps"


def stored():
    """Return all that is stored: `about`, `pilot`, `results` by `key_of`, `baseline`."""
    return json.loads(RESULTS.read_text())


def pilot(kind, rate):
    """Return the validation loss of a short run with the words and a seed of its own."""
    model, _ = train("words", kind, PILOT_SEED, rate, PILOT_STEPS)
    return round(target_loss(model, kind, held_out("words", "validation")), 4)


def baseline():
    """Return what `bookkit.skeletons.LetterModel` does, with its order chosen on validation."""
    words = skeletons.load()
    found = {"orders": {}}
    for order in (2, 3, 4, 5):
        model = skeletons.LetterModel(words.train, order)
        for part in ("validation", "test"):
            asked = getattr(words, part)
            answers = [model.fill(skeletons.skeleton(word)) for word in asked]
            score = [round(share, 4) for share in skeletons.score(answers, asked)]
            found["orders"].setdefault(str(order), {})[part] = score
    found["ceiling"] = round(skeletons.ceiling(words.test), 4)
    found["order"] = max(found["orders"], key=lambda k: found["orders"][k]["validation"][0])
    return found


def runs():
    """Yield (task, kind, seed, loss_on, steps) of everything, the most wanted first."""
    yield KEPT
    for task in TASKS[::-1]:
        for seed in range(SEEDS[task]):
            yield from ((task, kind, seed, "target", STEPS) for kind in MODELS)
    for seed in range(SEEDS["words"]):
        yield "words", CAUSAL, seed, "both", STEPS


def store(found):
    """Write the results, with what they were made by."""
    found["about"] = {
        "command": "python -m bookkit.recipes.one_mask",
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    write_whole(RESULTS, json.dumps(found, indent=None) + "\n")


def rate_of(found, kind):
    """Return the rate with the least validation loss of the pilot, which is run if need be."""
    tried = found["pilot"].setdefault(kind, {})
    for rate in RATES:
        if str(rate) not in tried:
            tried[str(rate)] = pilot(kind, rate)
            print(f"pilot, {kind}, {rate}: {tried[str(rate)]}", flush=True)
            store(found)
    return float(min(tried, key=tried.get))


def keep(model, rate):
    """Store the model as `bookkit.vowels`, with figures of the stored, rounded weights."""
    about = {
        "what": "prefix language model: a word from its consonants",
        "data": "GloVe word list: words of 4-12 letters, see bookkit.skeletons",
        "command": "python -m bookkit.recipes.one_mask",
        "seed": 0,
        "steps": MORE_STEPS,
        "rate": rate,
        "parameters": model.count_params(),
    }
    stored_weights.save(model, about, vowels.WEIGHTS)
    again = vowels.load_model()
    about |= {part: judged(again, "words", PREFIX, part) for part in ("validation", "test")}
    stored_weights.save(model, about, vowels.WEIGHTS)


def main():
    """Train what is not stored yet, and store after each run."""
    setup(seed=0)
    empty = {"about": {}, "pilot": {}, "baseline": {}, "results": {}}
    found = stored() if RESULTS.exists() else empty
    for run in runs():
        key, (task, kind) = key_of(*run), run[:2]
        if key in found["results"]:
            continue
        start, rate = time.process_time(), rate_of(found, kind)
        model, found["results"][key] = measure(task, kind, run[2], rate, *run[3:])
        store(found)
        print(f"{key}: {time.process_time() - start:.0f} s", found["results"][key], flush=True)
        if run == KEPT:
            keep(model, rate)
    if not found["baseline"]:
        found["baseline"] = baseline()
        store(found)


if __name__ == "__main__":
    main()
