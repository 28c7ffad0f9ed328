"""Fill a missing letter in a line of news: *Blanks, packs and trees*.

`python -m bookkit.recipes.filling` trains one small Transformer under each of three schemes and
stores what came out in `book/one_model/filling.json`; what is there is not trained again.
The causal model of seed 0 is stored too, for the chapter writes with it.
The chapter repeats the beginning of one run of each scheme and compares.
"""

from __future__ import annotations

import functools
import itertools
import json
import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from bookkit.files import ROOT, write_whole
from bookkit.recipes.drafting import write
from bookkit.runtime import setup
from bookkit.texts import load_news, words_of
from thrifty.corruption import mass_corrupt, mlm_corrupt
from thrifty.masks import infill_mask
from thrifty.transformer import Transformer

RESULTS = ROOT / "book/one_model/filling.json"
WRITER = ROOT / "book/one_model/filling_writer.npy"

SEEDS = 3
STEPS = 1000
EVERY = 50
BATCH, LENGTH = 32, 48  # lines of 48 characters
RATE = 3e-3  # for all schemes; not tuned
CASES = 2000  # lines with one letter hidden
LONGEST_HOLE = 13

LETTERS = 26
SPACE, MASK, START, SYMBOLS = 26, 27, 28, 29
SCHEMES = ("causal", "masked", "infilling")


# --- the text -------------------------------------------------------------------------------------


def encode(text):
    """Return the ids of a text: its words in lower case, one space between them.

    Examples
    --------
    >>> encode("A b?")
    array([ 0, 26,  1])
    """
    spelt = " ".join(words_of(text)).encode()
    return np.array([SPACE if byte == 32 else byte - ord("a") for byte in spelt], dtype=int)


def spell(ids):
    """Return the text of ids; a hidden letter is an underscore, the start a bar.

    Examples
    --------
    >>> spell([0, 26, 27])
    'a _'
    """
    return "".join("abcdefghijklmnopqrstuvwxyz _|"[i] for i in ids)


@functools.cache
def stories():
    """Return the ids of the news stories, (training, validation, test), whole stories, 8 : 1 : 1.

    The order is drawn once. Stories shorter than a line are left out.
    """
    texts = [encode(" ".join(story.paragraphs)) for story in load_news()]
    texts = [text for text in texts if len(text) > LENGTH]
    order = np.random.default_rng(0).permutation(len(texts))
    parts = np.split(order, [len(texts) * 8 // 10, len(texts) * 9 // 10])
    return tuple([texts[i] for i in part] for part in parts)


def lines(texts, count, rng):
    """Return (count, LENGTH) ids cut out of the texts anywhere, each place as likely."""
    running, starts = _places(tuple(map(len, texts))), []
    for place in rng.integers(running[-1], size=count):
        text = np.searchsorted(running, place, side="right")
        starts.append((text, place - (running[text - 1] if text else 0)))
    return np.stack([texts[text][at : at + LENGTH] for text, at in starts])


@functools.cache
def _places(lengths):
    """How many lines begin in the texts up to each."""
    return np.cumsum([length - LENGTH + 1 for length in lengths])


@dataclass(frozen=True)
class Cases:
    """Lines with one letter to be hidden: ids (cases, LENGTH), and the place of the letter."""

    ids: np.ndarray
    place: np.ndarray

    @property
    def letter(self):
        """The letter that is hidden, (cases,)."""
        return self.ids[np.arange(len(self.ids)), self.place]

    def filled_with(self, symbol):
        """Return the lines with `symbol`, or one symbol each, at the place."""
        ids = self.ids.copy()
        ids[np.arange(len(ids)), self.place] = symbol
        return ids


def cases(part, count=CASES):
    """Return lines of the "validation" or "test" stories, each with one letter to be hidden.

    The letter stands in the middle half of the line, so that there is text on both sides.
    """
    which = {"validation": 1, "test": 2}[part]
    rng = np.random.default_rng(90 + which)
    ids = lines(stories()[which], 2 * count, rng)
    place = rng.integers(LENGTH // 4, LENGTH * 3 // 4, size=len(ids))
    usable = np.flatnonzero(ids[np.arange(len(ids)), place] < LETTERS)[:count]
    return Cases(ids[usable], place[usable])


# --- the three schemes ----------------------------------------------------------------------------


def transformer():
    """Return the model that all schemes train, its weights new."""
    return Transformer(
        SYMBOLS, features=64, num_heads=4, num_blocks=2, positions="rotary", segments=2
    )


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
    if scheme == "masked":
        inputs, _, weights = mlm_corrupt(ids, rng, **signs)
        return inputs, EVERYTHING, no_holes, weights
    length = rng.integers(1, LONGEST_HOLE + 1)
    (_, before), _, weights = mass_corrupt(ids, rng, share=length / LENGTH, **signs)
    holes = (weights > 0).astype(ids.dtype)
    return np.where(holes, before, ids), infill_mask(holes), holes, weights


def train(scheme, seed, steps=STEPS):
    """Train one model; return it with the mean loss, in nats, of every EVERY steps.

    `steps` below STEPS repeat the beginning of a whole training.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model, texts = transformer(), stories()[0]
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


# --- counting instead of learning -----------------------------------------------------------------

# How many symbols before and behind the place are looked at, from coarse to fine.
COUNTS = {
    "nothing": [(0, 0)],
    "1 before": [(0, 0), (1, 0)],
    "5 before": [(k, 0) for k in range(6)],
    "1 on each side": [(k, k) for k in range(2)],
    "2 on each side": [(k, k) for k in range(3)],
    "3 on each side": [(k, k) for k in range(4)],
}
PRIOR = 2.0  # how many sightings the coarser counts are worth; not tuned


@functools.cache
def grams(n):
    """Return the different runs of n symbols in the training stories, as numbers, and how often."""
    runs = [np.convolve(text, 27 ** np.arange(n), "valid") for text in stories()[0]]
    return np.unique(np.concatenate(runs), return_counts=True)


def sightings(ids, place, before, behind):
    """Return how often each symbol was seen between these neighbours, (rows, 27)."""
    n = before + behind + 1
    rows, power = np.arange(len(ids)), 27 ** np.arange(n)[::-1]
    around = [d for d in range(-before, behind + 1) if d]
    code = sum((ids[rows, place + d] * power[before + d] for d in around), np.zeros(len(ids), int))
    wanted = code[:, None] + np.arange(27) * power[before]
    known, count = grams(n)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, count[at], 0)


def counted(ids, place, levels):
    """Return the probability of each symbol at a place by counts, the coarser filling the gaps."""
    p = np.full((len(ids), 27), 1 / 27)
    for before, behind in levels:
        seen = sightings(ids, place, before, behind)
        p = (seen + PRIOR * p) / (seen.sum(axis=1, keepdims=True) + PRIOR)
    return p


def guess(text):
    """Return the probability of each symbol behind a text, by its last five."""
    ids = np.append(text[-5:], 0)[None]
    return counted(ids, np.array([len(ids[0]) - 1]), COUNTS["5 before"])[0]


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
    """Return the causal model of seed 0."""
    model, flat = transformer(), np.load(WRITER, allow_pickle=False)
    model.build((1, LENGTH))
    shapes = [weight.shape for weight in model.get_weights()]
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
    parts = np.split(flat.astype("float32"), ends[:-1])
    model.set_weights([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])
    return model


# --- the results ----------------------------------------------------------------------------------

WAYS = {
    "causal": ("causal", "causal, both sides"),
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
    return found, np.concatenate([half.ravel() for half in halves])


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


def main():
    """Train what is not stored yet, and store after each run."""
    setup(seed=0)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"about": {}, "results": {}}
    for seed, scheme in itertools.product(range(SEEDS), SCHEMES):
        key = key_of(scheme, seed)
        if key in results["results"]:
            continue
        start = time.process_time()
        results["results"][key], weights = measure(scheme, seed)
        if key == key_of("causal", 0):
            np.save(WRITER, weights)
        print(f"{key}: {time.process_time() - start:.0f} s", results["results"][key], flush=True)
        results["about"] = {
            "command": "python -m bookkit.recipes.filling",
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
        write_whole(RESULTS, json.dumps(results, indent=None) + "\n")


if __name__ == "__main__":
    main()
