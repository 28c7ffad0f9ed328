"""Measure what the book says about speed: `make bench`.

All candidates of a table take turns in one process, and the median of the processor times is
compared: machines are noisy, so only the ratios inside one table mean anything.
"""

from __future__ import annotations

import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from bookkit.runtime import setup

ROUNDS = 7


def take_turns(candidates: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict:
    """Return the median processor seconds of each candidate, called in turns.

    Parameters
    ----------
    candidates : dict of name -> function without arguments
        Each is called once beforehand, so that tracing and compiling are not counted.
    rounds : int
        How often all of them take their turn.
    """
    for call in candidates.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def table(title: str, seconds: dict[str, float], anchor: str) -> str:
    """Return one table: each candidate's time as a multiple of the anchor's."""
    lines = [title, f"  {'candidate':42} time / {anchor}"]
    lines += [f"  {name:42} {time / seconds[anchor]:6.2f}" for name, time in seconds.items()]
    return "\n".join(lines)


def dense_layers(n: int, depth: int = 256, heads: int = 4) -> list[str]:
    """Compare the book's dense layer with Keras's, and both with a mask that keeps little."""
    import keras
    import tensorflow as tf

    from thrifty.attention import DenseAttention
    from thrifty.patterns import Local

    x = tf.constant(np.random.default_rng(0).normal(size=(1, n, depth)), tf.float32)
    ours, theirs = (
        DenseAttention(heads, depth // heads),
        keras.layers.MultiHeadAttention(heads, depth // heads),
    )
    theirs(x, x)
    ours.build(x.shape, x.shape)
    ours.set_weights(theirs.get_weights())
    window = tf.constant(Local(64).mask(n)[None])

    def forward(layer, **options):
        return tf.function(lambda: layer(x, x, **options))

    def training(layer, **options):
        def step():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x, x, **options) ** 2)
            return tape.gradient(loss, layer.trainable_variables)

        return tf.function(step)

    tables = []
    for title, run in (("forward", forward), ("forward and backward", training)):
        seconds = take_turns(
            {
                "keras": run(theirs),
                "thrifty": run(ours),
                "keras, mask of half-width 64": run(theirs, attention_mask=window),
                "thrifty, mask of half-width 64": run(ours, attention_mask=window),
            }
        )
        tables.append(table(f"Dense attention layers, n = {n}, {title}", seconds, "keras"))
    return tables


def main() -> None:
    """Print all tables."""
    setup(seed=0)
    # Every candidate is traced anew on purpose, which TensorFlow would warn about.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    print("\n\n".join(text for n in (256, 1024, 2048) for text in dense_layers(n)))
    # Its own process: one core, and the faster products of oneDNN, which the chapters forgo.
    print("\n", flush=True)
    conditions = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-m", "bookkit.bench_sparse"], env=conditions, check=True)


if __name__ == "__main__":
    main()
