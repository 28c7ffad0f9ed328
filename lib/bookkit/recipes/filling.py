"""Fill a missing letter in a line of news: *Blanks, packs and trees*.

`python -m bookkit.recipes.filling` trains one small Transformer under each of three schemes, and
two more for questions that the three leave open: the triangle with as few targets as the blanks,
and blanks with learned positions.
It stores what came out in `book/one_model/filling.json`; what is there is not trained again.
The causal model of seed 0 is stored too, for the chapter writes with it.
The chapter repeats the beginning of one run of each scheme and compares.
"""

from __future__ import annotations

import itertools
import json
import time

import keras
import numpy as np
import tensorflow as tf

from bookkit import stored_weights
from bookkit.files import ROOT, write_whole
from bookkit.recipes.drafting import write
from bookkit.recipes.letters import (
    LENGTH,
    LETTERS,
    MASK,
    START,
    SYMBOLS,
    cases,
    guess,
    lines,
    stories,
)
from bookkit.runtime import setup
from thrifty.corruption import mass_corrupt, mlm_corrupt
from thrifty.masks import infill_mask
from thrifty.transformer import Transformer

RESULTS = ROOT / "book/one_model/filling.json"
WRITER = ROOT / "book/one_model/filling_writer.npz"

COMMAND = "python -m bookkit.recipes.filling"

SEEDS = 3
STEPS = 1000
EVERY = 50
BATCH = 32
RATE = 3e-3  # for all schemes; not tuned
LONGEST_HOLE = 13

SCHEMES = ("causal", "masked", "infilling")
FEW = "causal, few targets"  # as "causal", but asked in as many places as "masked"
LEARNED = "masked, learned positions"


# --- the three schemes ----------------------------------------------------------------------------


def transformer(positions="rotary"):
    """Return the model that all schemes train, its weights new."""
    shape = {"features": 64, "num_heads": 4, "num_blocks": 2, "segments": 2}
    longest = LENGTH if positions == "learned" else None
    return Transformer(SYMBOLS, positions=positions, max_length=longest, **shape)


def read_causal(ids):
    """Return the inputs of the causal model: each place gets the letter before."""
    return np.concatenate([np.full((len(ids), 1), START), ids[:, :-1]], axis=1)


CAUSAL = np.tri(LENGTH, dtype=bool)
EVERYTHING = np.ones((LENGTH, LENGTH), dtype=bool)


def lesson(scheme, ids, rng):
    """Return what a scheme makes of lines: inputs, mask, segments, and the weights of the loss.

    The targets are the lines themselves.
    """
    no_holes = np.zeros_like(ids)
    signs = {"mask_id": MASK, "vocabulary": SYMBOLS, "special_ids": [START]}
    if scheme == "causal":
        return read_causal(ids), CAUSAL, no_holes, np.ones(ids.shape, "float32")
    if scheme in (FEW, "masked"):
        blanked, _, weights = mlm_corrupt(ids, rng, **signs)
        if scheme == "masked":
            return blanked, EVERYTHING, no_holes, weights
        return read_causal(ids), CAUSAL, no_holes, weights
    length = rng.integers(1, LONGEST_HOLE + 1)
    (_, before), _, weights = mass_corrupt(ids, rng, share=length / LENGTH, **signs)
    holes = (weights > 0).astype(ids.dtype)
    return np.where(holes, before, ids), infill_mask(holes), holes, weights


def train(scheme, seed, steps=STEPS, positions="rotary"):
    """Train one model; return it with the mean loss, in nats, of every EVERY steps.

    `steps` below STEPS repeat the beginning of a whole training.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model, texts = transformer(positions), stories()[0]
    model.build((BATCH, LENGTH))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, STEPS - 100, warmup_target=RATE, warmup_steps=100
    )
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False, reduce_retracing=True)
    def step(ids, mask, segments, weights, targets):
        with tf.GradientTape() as tape:
            logits = model(ids, attention_mask=mask, segment_ids=segments, training=True)
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(nats * weights) / tf.reduce_sum(weights)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    losses = []
    for _ in range(steps):
        ids = lines(texts, BATCH, rng)
        losses.append(float(step(*map(tf.constant, lesson(scheme, ids, rng)), tf.constant(ids))))
    means = np.mean(np.reshape(losses, (-1, EVERY)), axis=1)
    return model, [round(float(mean), 4) for mean in means]


# --- filling one letter ---------------------------------------------------------------------------


def forward(model, batch=200):
    """Return a function of (ids, mask, segments) that gives logits as an array, in batches."""
    run = tf.function(
        lambda ids, mask, segments: model(ids, attention_mask=mask, segment_ids=segments),
        autograph=False,
        reduce_retracing=True,
    )

    def logits(ids, mask, segments=None):
        segments = np.zeros_like(ids) if segments is None else segments
        rows = range(0, len(ids), batch)
        masks = [mask if mask.ndim == 2 else mask[i : i + batch] for i in rows]
        found = [
            run(*map(tf.constant, (ids[i : i + batch], own, segments[i : i + batch]))).numpy()
            for i, own in zip(rows, masks, strict=True)
        ]
        return np.concatenate(found)

    return logits


def fill(model, way, lines_to_fill):
    """Return the log-probability of each letter at the hidden place, (cases, 26).

    Parameters
    ----------
    model : Transformer
    way : {"causal", "causal, both sides", "masked", "infilling"}
        "causal" reads what stands before the place; "causal, both sides" asks for the probability
        of the whole line with each of the 26 letters, in 26 passes; the others need one pass.
    lines_to_fill : Cases
    """
    logits, cases_ = forward(model), lines_to_fill
    rows, place = np.arange(len(cases_.ids)), cases_.place
    if way == "causal, both sides":
        scores = [
            _of_lines(logits(read_causal(ids), CAUSAL), ids)
            for ids in map(cases_.filled_with, range(LETTERS))
        ]
        return log_softmax(np.stack(scores, axis=1))
    if way == "causal":
        found = logits(read_causal(cases_.filled_with(MASK)), CAUSAL)
    else:
        hidden = cases_.filled_with(MASK)
        holes = (hidden == MASK).astype(int)
        mask, segments = (EVERYTHING, None) if way == "masked" else (infill_mask(holes), holes)
        found = logits(hidden, mask, segments)
    return log_softmax(found[rows, place, :LETTERS])


def _of_lines(logits, ids):
    """Log-probability of each whole line."""
    return np.take_along_axis(log_softmax(logits), ids[..., None], -1)[..., 0].sum(axis=1)


def log_softmax(x):
    """Return x - log(sum(exp(x))) along the last axis."""
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def judged(log_p, letter):
    """Return the share of letters that are right, and the mean bits a letter costs."""
    cost = -log_p[np.arange(len(letter)), letter] / np.log(2)
    right = log_p.argmax(axis=1) == letter
    return {"right": round(float(right.mean()), 4), "bits": round(float(cost.mean()), 4)}


# --- writing with drafts --------------------------------------------------------------------------

PROMPT, WRITTEN, DEEPEST = 15, 24, 8  # with the start sign they fit a line
PROMPTS, NODES = 100, (1, 2, 4, 8)
WIDTHS = {"chain": 1, "tree": 27}  # children a node may have
MANNERS = ("likeliest", "drawn")


def prompts(count=PROMPTS):
    """Return the beginnings of test lines, each behind the start sign."""
    ids = lines(stories()[2], count, np.random.default_rng(93))[:, :PROMPT]
    return np.concatenate([np.full((count, 1), START), ids], axis=1)


def write_with(model, manner, shape, nodes, beginnings=None):
    """Write behind the prompts with drafts of one shape; return the texts and the passes of each.

    Parameters
    ----------
    model : Transformer
        Causal.
    manner : {"likeliest", "drawn"}
        Each symbol the most likely one, or drawn with the model's probabilities.
    shape : {"chain", "tree"}
    nodes : int
        Guesses a pass; 0 = no drafts.
    beginnings : integer array, optional
        By default `prompts()`.
    """
    run = tf.function(
        lambda ids, mask, positions: model(ids, attention_mask=mask, positions=positions),
        autograph=False,
        reduce_retracing=True,
    )

    def logits(*inputs):
        return run(*map(tf.constant, inputs)).numpy()[..., :MASK]  # letters and the space

    beginnings = prompts() if beginnings is None else beginnings
    noise = np.zeros((len(beginnings), LENGTH, MASK))
    if manner == "drawn":  # the largest of logits plus Gumbel noise is a draw of their softmax
        noise = np.random.default_rng(94).gumbel(size=noise.shape)
    shaped = {"nodes": nodes, "width": WIDTHS[shape], "deepest": DEEPEST}
    return write(logits, beginnings, WRITTEN, guess, noise, **shaped)


def writer():
    """Return the causal model of seed 0, see `bookkit.stored_weights`."""
    model = transformer()
    model.build((1, LENGTH))
    return stored_weights.load(model, WRITER)


# --- the results ----------------------------------------------------------------------------------

WAYS = {
    "causal": ("causal", "causal, both sides"),
    FEW: ("causal", "causal, both sides"),
    "masked": ("masked",),
    "infilling": ("infilling",),
}


def measure(scheme, seed):
    """Train one model, and return what it does with the test lines; with the model."""
    model, losses = train(scheme, seed)
    # To half precision, as the weights are stored: what is measured is what can be loaded.
    halves = [weight.astype("float16") for weight in model.get_weights()]
    model.set_weights([half.astype("float32") for half in halves])
    test = cases("test")
    found = {"losses": losses}
    for way in WAYS[scheme]:
        found[way] = judged(fill(model, way, test), test.letter)
    if scheme == "causal":
        found["passes"] = count_passes(model)
    return found, model


def count_passes(model):
    """Return the passes of writing behind all prompts, {manner: {shape: one for each of NODES}}."""
    return {
        manner: {
            shape: [int(write_with(model, manner, shape, n)[1].sum()) for n in NODES]
            for shape in WIDTHS
        }
        for manner in MANNERS
    }


def key_of(scheme, seed):
    """Return the name of a stored run.

    Examples
    --------
    >>> key_of("causal", 0)
    'causal, seed 0'
    """
    return f"{scheme}, seed {seed}"


def stored():
    """Return the stored results, by `key_of`: what `measure` returned."""
    return json.loads(RESULTS.read_text())["results"]


def run(scheme, seed):
    """Return what is stored of one run; the causal model of seed 0 is kept, with its card."""
    if scheme == LEARNED:  # a choice was made by its loss in training: no test lines
        return {"losses": train("masked", seed, positions="learned")[1]}
    found, model = measure(scheme, seed)
    if (scheme, seed) == ("causal", 0):
        stored_weights.save(model, writer_card(model, found), WRITER)
    return found


def writer_card(model, found):
    """Return the card of the writer, from what `measure` found."""
    return {
        "what": "causal language model: news in letters and spaces, lines of 48",
        "data": "BBC News: the training stories, see bookkit.recipes.letters",
        "command": COMMAND,
        "seed": 0,
        "steps": STEPS,
        "rate": RATE,
        "parameters": model.count_params(),
        "test": {way: found[way] for way in WAYS["causal"]},
    }


def main():
    """Train what is not stored yet, and store after each run."""
    setup(seed=0)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"about": {}, "results": {}}
    for seed, scheme in itertools.product(range(SEEDS), (*WAYS, LEARNED)):
        key = key_of(scheme, seed)
        if key in results["results"]:
            continue
        start = time.process_time()
        results["results"][key] = run(scheme, seed)
        print(f"{key}: {time.process_time() - start:.0f} s", results["results"][key], flush=True)
        versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
        results["about"] = {"command": COMMAND, **versions}
        write_whole(RESULTS, json.dumps(results, indent=None) + "\n")


if __name__ == "__main__":
    main()
