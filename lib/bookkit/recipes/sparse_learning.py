"""Train small Transformers with sparse attention: the results that *Sparse that saves* shows.

`python -m bookkit.recipes.sparse_learning` trains all of them, one after the other, and stores
them in `book/compute/sparse_learning.json`; what is there already is not trained again.
The chapter repeats the beginning of a training and compares.
"""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from bookkit.files import ROOT
from bookkit.recipes import store
from bookkit.runtime import setup
from bookkit.texts import load_wikipedia
from thrifty.patterns import Atrous, Causal, Full, Local
from thrifty.sparse import SelfAttention

RESULTS = ROOT / "book/compute/sparse_learning.json"

SEEDS = 3

SYMBOLS, LENGTH = 16, 128
DISTANCES = (5, 48, 37)  # near; three times the rate; neither near nor a multiple
COPY_STEPS = 600
COPY_PATTERNS = {
    "full": Full(),
    "local": Local(15),
    "atrous": Atrous(16),
    "local or atrous": Local(15) | Atrous(16),
}

TEXT_LENGTH, TEXT_STEPS = 256, 1000


def same_price(pattern, n):
    """Return the widest causal window that allows no more pairs than `pattern` does."""
    price = (Causal() & pattern).pairs(n)
    return Local(max(k for k in range(n) if (Causal() & Local(k)).pairs(n) <= price))


TEXT_PATTERNS = {
    **COPY_PATTERNS,
    "local, same price": same_price(COPY_PATTERNS["local or atrous"], TEXT_LENGTH),
}


# The source's own proposal: a local layer, then an atrous one.
IN_TURNS = (Local(15), Atrous(16))

# What more training changes: one seed, for it takes long.
LONG_STEPS, LONG_PATTERNS = 4000, ("full", "local", "local or atrous")


def each_layer(pattern, layers):
    """Return the pattern of each layer."""
    return pattern if isinstance(pattern, tuple) else (pattern,) * layers


class Positions(keras.layers.Layer):
    """Adds sines and cosines of the position, as Vaswani et al. 2017 (arXiv 1706.03762) do."""

    def call(self, x):
        n, depth = x.shape[1:]
        angles = np.arange(n)[:, None] / 10_000 ** (np.arange(0, depth, 2) / depth)
        waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        return x + ops.cast(waves, x.dtype)


def transformer(pattern, n, symbols, outputs, depth, layers, heads=4):
    """Return a causal Transformer: ids of shape (batch, n) to logits (batch, n, outputs).

    A tuple of patterns has one for each layer.
    """
    ids = keras.Input((n,), dtype="int32")
    x = Positions()(keras.layers.Embedding(symbols, depth)(ids))
    for rule in each_layer(pattern, layers):
        attention = SelfAttention(heads, depth // heads, rule, causal=True)
        x = x + attention(keras.layers.LayerNormalization()(x))
        hidden = keras.layers.Dense(4 * depth, activation="gelu")
        x = x + keras.layers.Dense(depth)(hidden(keras.layers.LayerNormalization()(x)))
    return keras.Model(ids, keras.layers.Dense(outputs)(keras.layers.LayerNormalization()(x)))


def nats(logits, targets):
    """Return the mean cross-entropy: what a symbol costs, in nats."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))


def train(model, batches, loss, rate, steps, evaluate, every):
    """Train by Adam; return [[step, *evaluate()], ...], from before the first step to the last."""
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step(x, y):
        with tf.GradientTape() as tape:
            value = loss(model(x, training=True), x, y)
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, weights), weights, strict=True))

    curve = [[0, *evaluate()]]
    for done in range(1, steps + 1):
        step(*next(batches))
        if done % every == 0:
            curve.append([done, *evaluate()])
    return curve


# --- copy from a distance -------------------------------------------------------------------------


def copy_losses(logits, ids):
    """Return, for each distance d, the cross-entropy of predicting the symbol d positions back."""
    parts = tf.split(logits, len(DISTANCES), axis=-1)
    return [nats(part[:, d:], ids[:, :-d]) for d, part in zip(DISTANCES, parts, strict=True)]


def train_copy(pattern, layers, seed, steps=COPY_STEPS):
    """Train on random symbols to repeat those at the three distances; return the curve."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = transformer(pattern, LENGTH, SYMBOLS, SYMBOLS * len(DISTANCES), 64, layers)
    unseen = tf.constant(np.random.default_rng(99).integers(0, SYMBOLS, (64, LENGTH)), tf.int32)

    def batches():
        while True:
            yield tf.constant(rng.integers(0, SYMBOLS, (32, LENGTH)), tf.int32), 0

    def loss(logits, ids, _):
        return tf.add_n(copy_losses(logits, ids)) / len(DISTANCES)

    test = tf.function(lambda: tf.stack(copy_losses(model(unseen), unseen)), autograph=False)
    return train(model, batches(), loss, 2e-3, steps, lambda: rounded(test()), every=30)


# --- predict the next byte of an article ----------------------------------------------------------


@functools.cache
def articles():
    """Return the bytes of the articles, (training, validation, test); whole articles, by turns."""
    pages = [np.frombuffer(page.text.encode(), np.uint8) for page in load_wikipedia()]
    pages = [page for page in pages if len(page) > TEXT_LENGTH]
    held_out = [pages[start::10] for start in (8, 9)]
    train_pages = [page for index, page in enumerate(pages) if index % 10 < 8]
    return train_pages, *held_out


def windows(pages, count, rng):
    """Return (count, TEXT_LENGTH + 1) bytes cut out anywhere, long articles more often."""
    room = np.array([len(page) - TEXT_LENGTH for page in pages])
    chosen = rng.choice(len(pages), size=count, p=room / room.sum())
    starts = [rng.integers(room[page]) for page in chosen]
    cuts = [
        pages[page][start : start + TEXT_LENGTH + 1]
        for page, start in zip(chosen, starts, strict=True)
    ]
    return np.stack(cuts).astype(np.int32)


def train_text(pattern, seed, total=TEXT_STEPS, steps=None):
    """Train on bytes of articles; return the validation curve, and the test loss, in bits.

    `steps` below `total` repeat the beginning of a training of `total` steps.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    training, validation, test = articles()
    model = transformer(pattern, TEXT_LENGTH, 256, 256, 96, layers=2)
    score = tf.function(lambda x, y: nats(model(x), y), autograph=False)

    def bits(cuts):
        batches = np.split(cuts, len(cuts) // 8)
        return np.mean([score(x[:, :-1], x[:, 1:]) for x in batches]) / np.log(2)

    def batches():
        while True:
            cuts = windows(training, 8, rng)
            yield tf.constant(cuts[:, :-1]), tf.constant(cuts[:, 1:])

    rate = keras.optimizers.schedules.CosineDecay(
        0.0, total - 100, warmup_target=2e-3, warmup_steps=100
    )
    seen = windows(validation, 32, np.random.default_rng(98))
    curve = train(
        model,
        batches(),
        lambda logits, _, y: nats(logits, y),
        rate,
        total if steps is None else steps,
        lambda: rounded([bits(seen)]),
        every=50,
    )
    unseen = windows(test, 256, np.random.default_rng(99))
    return {"curve": curve, "test": rounded([bits(unseen)])[0]}


# --- the results ----------------------------------------------------------------------------------


def rounded(values):
    """Round to what is compared; more digits would differ from machine to machine."""
    return [round(float(value), 4) for value in values]


def runs():
    """Yield (key, function that trains) of everything that is stored."""
    for seed in range(SEEDS):
        for name, pattern in TEXT_PATTERNS.items():
            yield f"text, {name}, seed {seed}", functools.partial(train_text, pattern, seed)
        for layers in (1, 2):
            for name, pattern in COPY_PATTERNS.items():
                key = f"copy, {layers} layers, {name}, seed {seed}"
                yield key, functools.partial(train_copy, pattern, layers, seed)
    for seed in range(SEEDS):
        run = functools.partial(train_copy, IN_TURNS, 2, seed)
        yield f"copy, 2 layers, in turns, seed {seed}", run
        yield f"text, in turns, seed {seed}", functools.partial(train_text, IN_TURNS, seed)
    for name in LONG_PATTERNS:
        run = functools.partial(train_text, TEXT_PATTERNS[name], 0, LONG_STEPS)
        yield f"text, {name}, {LONG_STEPS} steps", run


def load():
    """Return the stored results, {key: result}."""
    return store.load(RESULTS)


def main():
    """Train what is not stored yet, and store after each."""
    setup(seed=0)
    about = {
        "command": "python -m bookkit.recipes.sparse_learning",
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    store.add_missing(RESULTS, lambda results: runs(), about)


if __name__ == "__main__":
    main()
