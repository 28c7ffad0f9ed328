"""Measure sparse attention against what else there is: part of `make bench`.

One core, one thread, processor time, all candidates in turns; oneDNN on, whose faster products
make the dense candidates hard to beat. Peak memory is measured in a process of its own each.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import subprocess
import sys

import numpy as np

from bookkit.bench import table, take_turns
from bookkit.memory import peak_bytes
from bookkit.runtime import quiet_stderr, setup

HEADS, DEPTH = 4, 64
DENSE = "TensorFlow, dense"
FORWARD, TRAINING = "forward", "forward and backward"


def one_core() -> None:
    """Keep this process, and those that it starts, to one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def start() -> None:
    """Start TensorFlow for a measurement: one core, one thread, oneDNN on."""
    one_core()
    # The faster products of oneDNN, which the chapters forgo; read when TensorFlow is imported.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with quiet_stderr():
        import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    setup(seed=0)
    # Every candidate is traced anew on purpose, which TensorFlow would warn about.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def patterns() -> dict:
    """Return the patterns measured."""
    from thrifty.patterns import Atrous, Global, Local

    return {
        pattern: repr(pattern)
        for pattern in (Local(64), Atrous(64), Local(64) | Atrous(64), Local(64) | Global(8))
    }


def dense(q, k, v):
    """Attention as one writes it in TensorFlow: the anchor."""
    import tensorflow as tf

    scores = tf.matmul(q / q.shape[-1] ** 0.5, k, transpose_b=True)
    return tf.matmul(tf.nn.softmax(scores), v)


def keras_dense(q, k, v):
    """Attention as Keras's own layer computes it, in the book's order of axes."""
    from keras import ops

    q, k, v = (ops.swapaxes(x, 1, 2) for x in (q, k, v))
    return ops.swapaxes(ops.dot_product_attention(q, k, v), 1, 2)


def cores() -> dict:
    """Return functions of (q, k, v) by name."""
    from thrifty.sparse import attend, chunked_attend

    found = {DENSE: dense, "Keras, dot_product_attention": keras_dense, "chunked": chunked_attend}
    for pattern, name in patterns().items():
        found[name] = lambda q, k, v, pattern=pattern: attend(q, k, v, pattern)
    return found


def inputs(n: int, depth: int = DEPTH) -> list:
    """Return q, k, v, and the weights of the outputs in the loss."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    shape = (1, HEADS, n, depth)
    return [tf.constant(rng.normal(size=shape), tf.float32) for _ in range(4)]


def compiled(function, training: bool):
    """Return a graph of (q, k, v, weights) that gives the output, or the three gradients."""
    import tensorflow as tf

    def step(q, k, v, weights):
        if not training:
            return function(q, k, v)
        with tf.GradientTape() as tape:
            tape.watch([q, k, v])
            loss = tf.reduce_sum(function(q, k, v) * weights)
        return tape.gradient(loss, [q, k, v])

    return tf.function(step, autograph=False)


def speeds(title: str, seconds: dict, anchor: str) -> str:
    """Return one table: how many times faster than the anchor each candidate is."""
    lines = [title, f"  {'candidate':34} times as fast as {anchor}"]
    lines += [f"  {name:34} {seconds[anchor] / time:6.2f}" for name, time in seconds.items()]
    return "\n".join(lines)


def core_tables(n: int) -> list[str]:
    """Compare the attention functions, and say what share of the peak they reach."""
    import tensorflow as tf

    from thrifty.sparse import cost

    values, square = inputs(n), tf.random.normal((1024, 1024))
    shape = f"n = {n}, {HEADS} heads of {DEPTH}"
    tables = []
    for training, title in ((False, FORWARD), (True, TRAINING)):
        steps = {name: compiled(function, training) for name, function in cores().items()}
        calls = {name: functools.partial(step, *values) for name, step in steps.items()}
        calls["probe"] = tf.function(lambda: tf.matmul(square, square))
        seconds = take_turns(calls)
        peak = 2 * 1024**3 / seconds.pop("probe")
        tables.append(speeds(f"Attention, {shape}, {title}", seconds, DENSE))
        if training:
            continue
        lines = [f"Share of the product's peak ({peak / 1e9:.0f} GF/s), {shape}, forward"]
        for pattern, name in patterns().items():
            costs, rate = cost(pattern, n, DEPTH), HEADS / seconds[name] / peak
            needed = 4 * DEPTH * costs.needed * rate
            lines.append(f"  {name:34} {needed:4.0%} needed {costs.flops * rate:4.0%} executed")
        tables.append("\n".join(lines))
    return tables


def layer_tables(n: int, features: int = HEADS * DEPTH) -> list[str]:
    """Compare the layers, projections included."""
    import keras
    import tensorflow as tf

    from thrifty.sparse import SelfAttention

    x = inputs(n)[0]
    x = tf.reshape(tf.transpose(x, (0, 2, 1, 3)), (1, n, features))
    anchor = "Keras, MultiHeadAttention"
    mha = keras.layers.MultiHeadAttention(HEADS, DEPTH)
    window = keras.layers.MultiHeadAttention(HEADS, DEPTH, sliding_window=65)
    layers = {anchor: lambda x: mha(x, x), "Keras, sliding_window=65": lambda x: window(x, x)}
    for pattern, name in patterns().items():
        layers[name] = SelfAttention(HEADS, DEPTH, pattern)
    for layer in layers.values():
        layer(x[:, :8])

    def training(layer):
        def step():
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(layer(x) ** 2)
            return tape.gradient(loss, x)

        return step

    tables = []
    for wrap, title in ((lambda f: lambda: f(x), FORWARD), (training, TRAINING)):
        steps = {name: tf.function(wrap(f), autograph=False) for name, f in layers.items()}
        tables.append(speeds(f"Layers, n = {n}, {title}", take_turns(steps), anchor))
    return tables


def peak_memory(function, n: int, training: bool) -> int:
    """Return the bytes that this candidate adds to the process it runs in: Linux only."""
    values = inputs(n)
    small = inputs(64)
    compiled(dense, training)(*small)  # what TensorFlow itself needs is not counted
    step = compiled(function, training)

    def twice():
        for _ in range(2):  # the first call also builds the graph; its result is not kept
            step(*values)

    return peak_bytes(twice)


def peak_of_its_own_process(name: str, n: int, training: bool) -> int:
    """Return the peak of a candidate, measured in a new process."""
    task = TRAINING if training else FORWARD
    command = [sys.executable, "-m", "bookkit.bench_sparse", "--memory", name, str(n), task]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def memory_table(cells: list[tuple[str, int]]) -> str:
    """Return peak memory of forward and backward, each measured in a process of its own."""
    lines = ["Peak memory, forward and backward, MB"]
    for name, n in cells:
        peak = peak_of_its_own_process(name, n, training=True)
        lines.append(f"  {name:34} n = {n:6} {peak / 1e6:6.0f}")
    return "\n".join(lines)


def chunked_table(n: int) -> list[str]:
    """Return the time of exact attention in little memory, as a multiple of the dense one's."""
    values, tables = inputs(n), []
    for training, title in ((False, FORWARD), (True, TRAINING)):
        steps = {name: compiled(cores()[name], training) for name in (DENSE, "chunked")}
        calls = {name: functools.partial(step, *values) for name, step in steps.items()}
        found = take_turns(calls, rounds=2)
        tables.append(table(f"Exact attention in chunks, n = {n}, {title}", found, DENSE))
    return tables


def main() -> None:
    """Print all tables, or store the points of the live figures, or print one peak of memory."""
    start()
    match sys.argv[1:]:
        case []:
            print_tables()
        case ["--store"]:
            importlib.import_module("bookkit.bench_store").store()
        case ["--memory", name, n, task]:
            print(importlib.import_module("bookkit.bench_store").memory_cell(name, n, task))
        case other:
            raise SystemExit(f"no arguments or --store were expected, got {' '.join(other)}")


def print_tables() -> None:
    """Print all tables."""
    for n in (256, 1024, 4096):
        print("\n\n".join(core_tables(n)), end="\n\n")
    for n in (1024, 4096):
        print("\n\n".join(layer_tables(n)), end="\n\n")
    print("\n\n".join(chunked_table(8192)), end="\n\n", flush=True)
    if os.path.exists("/proc/self/clear_refs"):
        names = [DENSE, *patterns().values()]
        print(memory_table([(name, 8192) for name in names] + [("chunked", 16384)]))


if __name__ == "__main__":
    main()
