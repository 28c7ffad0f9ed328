"""Measure what the book says about speed: `make bench`.

All candidates of a table take turns in one process, and the median of the processor times is
compared: machines are noisy, so only the ratios inside one table mean anything.
"""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from bookkit.runtime import setup

ROUNDS = 7
# A call shorter than this many seconds is repeated, or the clock and the start would show.
SHORTEST_TURN, MOST_REPEATS = 0.02, 20


def turns(candidates: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict:
    """Return the processor seconds of each candidate in every round, called in turns.

    Parameters
    ----------
    candidates : dict of name -> function without arguments
        Each is called twice beforehand: tracing and compiling are not counted, and the second
        call tells how often a short one is repeated in its turn.
    rounds : int
        How often all of them take their turn.
    """
    repeats = {}
    for name, call in candidates.items():
        call()
        repeats[name] = max(1, min(MOST_REPEATS, round(SHORTEST_TURN / _seconds(call, 1))))
    found: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            found[name].append(_seconds(call, repeats[name]))
    return found


def _seconds(call: Callable[[], object], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def take_turns(candidates: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict:
    """Return the median of the seconds that `turns` gives for each candidate."""
    return {name: statistics.median(times) for name, times in turns(candidates, rounds).items()}


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
    # In processes of their own, which keep to one core.
    for module in ("bench_sparse", "bench_breakdown", "bench_contest", "bench_communities"):
        print("\n", flush=True)
        subprocess.run([sys.executable, "-m", f"bookkit.{module}"], check=True)


if __name__ == "__main__":
    main()
