"""Where the time of attention goes, stage by stage: part of `make bench`.

The computation is cut off after each stage, what later stages need is summed so that nothing is
left out and nothing copied, and the time of the sums, measured apart, is taken away. A stage's
time is the difference from the stage before; one below zero, which is noise, counts as zero.
"""

from __future__ import annotations

import functools
import statistics

import numpy as np

from bookkit.bench import turns
from bookkit.bench_sparse import HEADS, compiled, inputs, start

N = 4096
ROUNDS = 15
STAGES = ("layout", "q k^T", "bias", "softmax", "p v", "untile")
# As `bookkit.bench_store` stores patterns.
FULL = {"kind": "full", "half_width": None, "rate": None}
LOCAL, WIDER = ({"kind": "local", "half_width": k, "rate": None} for k in (64, 128))
ATROUS = {"kind": "atrous", "half_width": None, "rate": 64}


def tiled_until(pattern, n: int, stage: str):
    """Return a function of (q, k, v) that computes `attend` of one piece up to a stage.

    It returns the list of what is needed from there on. The steps are those of `thrifty.tiles`.
    """
    import tensorflow as tf
    from keras import ops

    from thrifty import tiles
    from thrifty.plans import plan

    (piece,) = plan(pattern, n).pieces
    layout, last = piece.layout, STAGES.index(stage)

    def until(q, k, v):
        queries = tiles._queries(layout, q / q.shape[-1] ** 0.5)
        keys, values = tiles._keys(layout, k), tiles._keys(layout, v)
        if last == 0:
            return [queries, keys, values]
        scores = tf.matmul(queries, keys, transpose_b=True)
        if last >= 2 and not piece.allowed.all():
            bias = np.where(piece.allowed, 0, tiles.FORBIDDEN).astype("float32")
            scores = scores + ops.take(bias, piece.which, axis=0)
        if last <= 2:
            return [scores, values]
        weights = ops.softmax(scores)
        if last == 3:
            return [weights, values]
        output = ops.matmul(weights, values)
        return [output if last == 4 else tiles._untiled(layout, output, n)]

    return until


def dense_until(n: int, stage: str):
    """Return the same for attention over all pairs, which has no tiles to lay out."""
    import tensorflow as tf

    last = STAGES.index(stage)

    def until(q, k, v):
        q = q / q.shape[-1] ** 0.5
        if last == 0:
            return [q, k, v]
        scores = tf.matmul(q, k, transpose_b=True)
        if last <= 2:
            return [scores, v]
        weights = tf.nn.softmax(scores)
        return [weights, v] if last == 3 else [tf.matmul(weights, v)]

    return until


def _until(given: dict, n: int, stage: str):
    from bookkit.cost_model import pattern_of

    if given["kind"] == "full":
        return dense_until(n, stage)
    return tiled_until(pattern_of(given), n, stage)


def _summed(function):
    import tensorflow as tf

    return lambda *values: [tf.reduce_sum(x) for x in function(*values)]


def breakdown(given: dict, n: int = N, rounds: int = ROUNDS) -> dict:
    """Return the share of each stage in the forward time of a pattern, and the time in products."""
    import tensorflow as tf

    values, square = inputs(n), tf.random.normal((1024, 1024))
    calls = {"product": tf.function(lambda: tf.matmul(square, square))}
    for stage in STAGES:
        function = _until(given, n, stage)
        calls[stage] = functools.partial(compiled(_summed(function), False), *values)
        live = compiled(function, False)(*values)
        sums = tf.function(lambda *live: [tf.reduce_sum(x) for x in live], autograph=False)
        calls[stage, "sums"] = functools.partial(sums, *(tf.zeros(x.shape) for x in live))
    found = turns(calls, rounds)
    ends = [
        statistics.median(a - b for a, b in zip(found[stage], found[stage, "sums"], strict=True))
        for stage in STAGES
    ]
    steps = np.maximum(np.diff(ends, prepend=0), 0)
    shares = {
        stage: round(float(x), 3) for stage, x in zip(STAGES, steps / steps.sum(), strict=True)
    }
    time = float(f"{steps.sum() / statistics.median(found['product']):.3g}")
    return {"pattern": given, "n": n, "time": time, "stages": shares}


def breakdowns() -> list[dict]:
    """Return the breakdown of the patterns that are spoken of."""
    return [breakdown(given) for given in (LOCAL, WIDER, ATROUS, FULL)]


def breakdown_table(found: list[dict]) -> str:
    """Return the breakdowns as one table."""
    names = [f"{one['pattern']['kind']} {one['pattern']['half_width'] or ''}" for one in found]
    lines = [
        f"Where the time goes, n = {N}, {HEADS} heads, forward; time in products of 1024 x 1024",
        f"  {'pattern':14} {'time':>6} " + " ".join(f"{stage:>8}" for stage in STAGES),
    ]
    for name, one in zip(names, found, strict=True):
        shares = " ".join(f"{one['stages'][stage]:8.0%}" for stage in STAGES)
        lines.append(f"  {name:14} {one['time']:6.2f} {shares}")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    start()
    print(breakdown_table(breakdowns()))


if __name__ == "__main__":
    main()
