"""Spell words with language models that read in different orders: *One triangle, many orders*.

`python -m bookkit.recipes.text_orders` trains all of them and stores what came out in
`book/one_model/text_orders.json`; what is there is not trained again.
The chapter repeats the first steps of some runs and compares.

A word is LENGTH positions: its letters, then blanks, which are predicted like letters.
So the length of a word is no secret that one order gives away for nothing: in every order the
probabilities of all positions multiply to that of the whole word.
"""

from __future__ import annotations

import functools
import json
import re
import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from bookkit.files import ROOT, write_whole
from bookkit.runtime import setup
from bookkit.words import load_glove
from thrifty.masks import two_stream_masks
from thrifty.transformer import Transformer

RESULTS = ROOT / "book/one_model/text_orders.json"

LENGTH = 12  # positions of a word; its letters are at most one fewer
BLANK, START, VOCABULARY = 0, 27, 28  # between them the letters a to z
WORDS, HELD_OUT, TEST = 36_000, 2_000, 4_000
KINDS = ("forward", "reversed", "fixed", "shuffled", "target", "two streams")
SHUFFLED = KINDS[3:]
SEEDS, STEPS, BATCH = 3, 1_500, 64
RATES = (1e-3, 3e-3)
FIRST = 20  # steps whose losses are stored one by one
ORDERS, JUDGED, EXAMPLES = 24, 500, 6  # for the agreement: orders, test words, words told singly


@dataclass(frozen=True)
class Words:
    """Words as arrays (words, LENGTH) of ids, in three parts."""

    train: np.ndarray
    held_out: np.ndarray
    test: np.ndarray


@functools.cache
def load() -> Words:
    """Return the most frequent words of 3 to 11 letters a to z, mixed and cut into three parts."""
    found = (word for word in load_glove().words if re.fullmatch("[a-z]{3,11}", word))
    ids = encode([word for word, _ in zip(found, range(WORDS), strict=False)])
    np.random.default_rng(0).shuffle(ids)
    train, held_out, test = np.split(ids, [WORDS - HELD_OUT - TEST, WORDS - TEST])
    return Words(train, held_out, test)


def encode(words):
    """Return words as ids, (words, LENGTH): letters from 1, blanks behind them.

    Examples
    --------
    >>> encode(["cab"])
    array([[3, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=int32)
    """
    rows = np.zeros((len(words), LENGTH), "int32")
    for row, word in zip(rows, words, strict=True):
        row[: len(word)] = [ord(letter) - ord("a") + 1 for letter in word]
    return rows


def symbols(words):
    """Return how many symbols each word has: its letters and one end."""
    return (np.asarray(words) != BLANK).sum(axis=1) + 1


def language_model():
    """Return the Transformer that all kinds train; segments tell target positions, 0 = untold."""
    return Transformer(
        VOCABULARY,
        features=48,
        num_heads=3,
        num_blocks=2,
        max_length=LENGTH + 1,
        segments=LENGTH + 1,
    )


def draw_orders(kind, count, rng, seed=0):
    """Return the orders in which `count` words are read, (count, LENGTH)."""
    forward = np.arange(LENGTH)
    if kind in SHUFFLED:
        return rng.permuted(np.tile(forward, (count, 1)), axis=1)
    order = {
        "forward": forward,
        "reversed": forward[::-1],
        "fixed": np.random.default_rng(1000 + seed).permutation(LENGTH),
    }[kind]
    return np.tile(order, (count, 1))


def logits_in_order(model, words, orders, told):
    """Return the logits of the letters in the order of reading, (batch, LENGTH, VOCABULARY).

    The words are put into their orders and read under the triangle; letter i has the position
    i + 1, and START the position 0. With `told`, each input knows the position of its target.
    """
    batch = tf.shape(words)[0]
    read = tf.gather(words, orders, batch_dims=1)
    first = tf.fill([batch, 1], START)
    ids = tf.concat([first, read[:, :-1]], axis=1)
    positions = tf.concat([tf.zeros_like(first), orders[:, :-1] + 1], axis=1)
    targets = orders + 1 if told else tf.zeros_like(orders)
    where = {"positions": positions, "segment_ids": targets}
    return model(ids, attention_mask=np.tri(LENGTH, dtype=bool), **where)


def logits_of_two_streams(model, words, content, query):
    """Return the logits of the letters in their places, (batch, LENGTH, VOCABULARY).

    The content stream reads the words. The query stream holds a question mark at each position,
    and reads the keys and values of the content stream, never its own.
    """
    where = {"positions": np.arange(1, LENGTH + 1)[None]}
    _, kept = model(words, attention_mask=content, return_present=True, **where)
    own = tf.zeros_like(query)
    ask = tf.fill(tf.shape(words), START)
    seen = tf.concat([query, own], axis=-1)  # keys: the content's, then its own
    return model(ask, attention_mask=seen, past=kept, **where)


def prepared(kind, words, orders):
    """Return the arrays of a batch: words and orders, or words and the masks of two streams."""
    if kind == "two streams":
        return tuple(map(tf.constant, (words, *two_stream_masks(orders))))
    return tf.constant(words), tf.constant(orders, tf.int32)


def nats_of(kind, model, words, *how):
    """Return minus the log-probability of each letter, (batch, LENGTH), of a prepared batch."""
    if kind == "two streams":
        labels, logits = words, logits_of_two_streams(model, words, *how)
    else:
        (orders,) = how
        labels = tf.gather(words, orders, batch_dims=1)
        logits = logits_in_order(model, words, orders, told=kind == "target")
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def train(kind, seed, rate, steps=STEPS):
    """Train one model; return it with the loss of each step, in nats a position.

    The rate falls to zero along the STEPS of a whole run, also where only the first are wanted.
    """
    words = load().train
    keras.utils.set_random_seed(seed)
    model = language_model()
    model.build((None, LENGTH))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, STEPS))
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step(*batch):
        with tf.GradientTape() as tape:
            mean = tf.reduce_mean(nats_of(kind, model, *batch))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(mean, weights), weights, strict=True))
        return mean

    rng, history = np.random.default_rng(seed), []
    for _ in range(steps):
        chosen = words[rng.integers(len(words), size=BATCH)]
        orders = draw_orders(kind, BATCH, rng, seed)
        history.append(float(step(*prepared(kind, chosen, orders))))
    return model, history


def bits_of(kind, model, words, orders, batch=500):
    """Return the bits of whole words, each read in its order: -log2 of their probability."""

    @tf.function(autograph=False)
    def total(*arrays):
        return tf.reduce_sum(nats_of(kind, model, *arrays), axis=1)

    starts = range(0, len(words), batch)
    parts = [prepared(kind, words[i : i + batch], orders[i : i + batch]) for i in starts]
    return np.concatenate([np.asarray(total(*part), float) for part in parts]) / np.log(2)


def per_symbol(bits, words):
    """Return bits a symbol: those of all words, by their letters and one end each."""
    return float(np.sum(bits) / symbols(words).sum())


def counted(context, words):
    """Return p(symbol | the symbols before it) from counts, (VOCABULARY,) * (context + 1).

    Contexts of `context` symbols fall back on shorter ones, the more the less they were seen
    (Witten and Bell 1991); symbols are the letters and one end.

    Examples
    --------
    >>> float(counted(1, encode(["aa", "ab"]))[1, 1].round(3))  # a after a
    0.34
    """
    if context < 0:
        return (np.arange(VOCABULARY) != START) / (VOCABULARY - 1)
    counts = np.zeros((VOCABULARY,) * (context + 1))
    np.add.at(counts, _ngrams(context, words), 1)
    total, kinds = counts.sum(-1, keepdims=True), (counts > 0).sum(-1, keepdims=True)
    shorter = counted(context - 1, words)
    return np.where(total, (counts + kinds * shorter) / np.maximum(total + kinds, 1), shorter)


def _ngrams(context, words):
    """Each symbol with the `context` symbols before it, as arrays of ids, the symbol last."""
    rows = np.pad(words, ((0, 0), (context, 0)), constant_values=START)
    kept = np.arange(LENGTH) < symbols(words)[:, None]
    return tuple(rows[:, k : k + LENGTH][kept] for k in range(context + 1))


def counting_bits(context):
    """Return the bits a symbol of the test words under counts of the training words."""
    words = load()
    p = counted(context, words.train)[_ngrams(context, words.test)]
    return per_symbol(-np.log2(p), words.test)


def agreement(kind, model):
    """Return the bits of test words by many orders, (JUDGED, ORDERS)."""
    words, rng = load().test[:JUDGED], np.random.default_rng(7)
    orders = draw_orders("shuffled", ORDERS, rng)
    each = np.repeat(words, ORDERS, axis=0), np.tile(orders, (JUDGED, 1))
    return bits_of(kind, model, *each).reshape(JUDGED, ORDERS)


def measure(kind, seed, rate):
    """Train, and return what the words come out as, in bits a symbol."""
    words = load()
    model, history = train(kind, seed, rate)
    found = {"first": [round(loss, 6) for loss in history[:FIRST]]}
    found["losses"] = [round(float(np.mean(part)), 4) for part in np.split(np.array(history), 20)]
    for part in ("held_out", "test"):
        rows = getattr(words, part)
        orders = draw_orders(kind, len(rows), np.random.default_rng(5), seed)
        found[part] = round(per_symbol(bits_of(kind, model, rows, orders), rows), 4)
    if kind in ("target", "two streams"):
        for order in ("forward", "reversed"):
            orders = draw_orders(order, len(words.test), None)
            bits = bits_of(kind, model, words.test, orders)
            found[order] = round(per_symbol(bits, words.test), 4)
        found["orders"] = judged(agreement(kind, model))
    return found


def judged(bits):
    """Return what many orders say of the same words, from their bits (words, ORDERS).

    `one` is the mean over orders, `all` that of the mean of the probabilities, in bits a symbol;
    `spread` is the standard deviation over the orders, in bits a word, the mean over words;
    `examples` are the bits of the first words.
    """
    words = load().test[:JUDGED]
    lowest = bits.min(axis=1)
    mixed = lowest - np.log2(np.mean(2.0 ** (lowest[:, None] - bits), axis=1))
    return {
        "one": round(per_symbol(bits.mean(axis=1), words), 4),
        "all": round(per_symbol(mixed, words), 4),
        "spread": round(float(bits.std(axis=1).mean()), 4),
        "examples": bits[:EXAMPLES].round(2).tolist(),
    }


def key_of(kind, seed, rate):
    """Return the name of a stored run.

    Examples
    --------
    >>> key_of("target", 0, 0.003)
    'target, seed 0, rate 0.003'
    """
    return f"{kind}, seed {seed}, rate {rate:g}"


def stored():
    """Return the stored results, by `key_of`: what `measure` returned."""
    return json.loads(RESULTS.read_text())["results"]


def best_rate(found, kind):
    """Return the rate whose run with seed 0 did best on the words held out.

    Two streams pass through the network twice a step; to save the time of a second run, they get
    the rate of the kind that is told its targets.
    """
    kind = "target" if kind == "two streams" else kind
    return min(RATES, key=lambda rate: found[key_of(kind, 0, rate)]["held_out"])


def main():
    """Train what is not stored yet, and store after each run."""
    setup(seed=0)
    RESULTS.parent.mkdir(exist_ok=True)
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"about": {}, "results": {}}
    results = found["results"]

    def run(kind, seed, rate):
        key = key_of(kind, seed, rate)
        if key in results:
            return
        start = time.process_time()
        results[key] = measure(kind, seed, rate)
        print(f"{key}: {time.process_time() - start:.0f} s, {results[key]}", flush=True)
        found["about"] = {
            "command": "python -m bookkit.recipes.text_orders",
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
        write_whole(RESULTS, json.dumps(found, indent=None) + "\n")

    for kind in KINDS[:-1]:
        for rate in RATES:
            run(kind, 0, rate)
    for kind in KINDS:
        for seed in range(SEEDS):
            run(kind, seed, best_rate(results, kind))


if __name__ == "__main__":
    main()
