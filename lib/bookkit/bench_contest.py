"""Compare the book's attention with that of other libraries: part of `make bench`.

The others live in an environment of their own, which `make bench-peers` makes. Processes take
turns (A B C A B C); in each, NumPy's product of two 1024 x 1024 matrices is timed as well, and
every time is divided by it before times of different processes are compared.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from bookkit.bench_peers import HALF_WIDTH, RATE, report
from bookkit.bench_sparse import DENSE, DEPTH, HEADS, compiled, dense, keras_dense, one_core, start
from bookkit.files import ROOT, write_whole

PEERS = ROOT / ".cache" / "peers"
SCRIPT = pathlib.Path(__file__).with_name("bench_peers.py")
STORED = pathlib.Path(__file__).parent / "measured" / "contest.json"
OURS = {
    "full": DENSE,
    "local": f"thrifty, Local({HALF_WIDTH})",
    "atrous": f"thrifty, Atrous({RATE})",
}
ROUNDS = 3


# --- what is expected -----------------------------------------------------------------------------


def masks(n: int) -> dict:
    """Return the mask of each rule."""
    distance = np.abs(np.arange(n)[:, None] - np.arange(n))
    return {"full": distance >= 0, "local": distance <= HALF_WIDTH, "atrous": distance % RATE == 0}


def expected(q, k, v, weights, mask) -> list:
    """Return output, dq, dk, dv in 64 bits, for the loss sum(output * weights)."""
    found = []
    for head in zip(*(x[0].astype("float64") for x in (q, k, v, weights)), strict=True):
        q_, k_, v_, w_ = head
        scale = 1 / q_.shape[-1] ** 0.5
        scores = np.where(mask, q_ @ k_.T * scale, -np.inf)
        p = np.exp(scores - scores.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        output, d_p = p @ v_, w_ @ v_.T
        d_scores = p * (d_p - (p * d_p).sum(axis=-1, keepdims=True)) * scale
        found.append((output, d_scores @ k_, d_scores.T @ q_, p.T @ w_))
    return [np.stack(parts)[None] for parts in zip(*found, strict=True)]


def write_arrays(folder: pathlib.Path, n: int) -> None:
    """Write the inputs and what every rule must give from them."""
    rng = np.random.default_rng(0)
    names = ("q", "k", "v", "weights")
    arrays = {x: rng.normal(size=(1, HEADS, n, DEPTH)).astype("float32") for x in names}
    inputs = list(arrays.values())
    for rule, mask in masks(n).items():
        for name, value in zip(("output", "dq", "dk", "dv"), expected(*inputs, mask), strict=True):
            arrays[f"{rule} {name}"] = value
    np.savez(folder / "arrays.npz", **arrays)


# --- the candidates on TensorFlow -----------------------------------------------------------------


def candidates() -> dict:
    """Return name -> (rule, function of (q, k, v), whether it has a gradient)."""
    import keras
    from keras import ops

    from thrifty.gathered import gathered_attend
    from thrifty.patterns import Atrous, Local
    from thrifty.sparse import attend

    window = keras.layers.MultiHeadAttention(HEADS, DEPTH, sliding_window=HALF_WIDTH + 1)
    window.build(*[(1, None, HEADS * DEPTH)] * 2)

    def keras_window(q, k, v):
        q, k, v = (ops.swapaxes(x, 1, 2) for x in (q, k, v))
        mask = window._compute_sliding_window_mask(q)
        return ops.swapaxes(window._compute_attention(q, k, v, attention_mask=mask)[0], 1, 2)

    return {
        OURS["local"]: ("local", lambda q, k, v: attend(q, k, v, Local(HALF_WIDTH)), True),
        OURS["atrous"]: ("atrous", lambda q, k, v: attend(q, k, v, Atrous(RATE)), True),
        DENSE: ("full", dense, True),
        "Keras, dot_product_attention": ("full", keras_dense, True),
        f"Keras, sliding_window={HALF_WIDTH + 1}": ("local", keras_window, True),
        "gathered rows, as in 2019": (
            "local",
            lambda q, k, v: gathered_attend(q, k, v, HALF_WIDTH),
            True,
        ),
    }


def own_report(folder: str) -> dict:
    """Return the report of the candidates on TensorFlow."""
    import tensorflow as tf

    with np.load(pathlib.Path(folder) / "arrays.npz") as stored:
        arrays = dict(stored)
    values = [tf.constant(arrays[name]) for name in ("q", "k", "v", "weights")]

    def run(function, training):
        step = compiled(function, training)
        return lambda: step(*values) if training else [step(*values)]

    return report(candidates(), arrays, run, lambda x: x.numpy())


# --- the contest ----------------------------------------------------------------------------------


def commands(folder: str) -> dict:
    """Return the command of each process that takes part."""
    found = {"tensorflow": [sys.executable, "-m", "bookkit.bench_contest", folder]}
    for library in ("torch", "jax"):
        found[library] = [str(PEERS / "bin" / "python"), "-P", str(SCRIPT), library, folder]
    return found


def conditions() -> dict:
    """Return the environment of the processes: one thread each, and compiled code kept."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(threads, "1"),
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "JAX_PLATFORMS": "cpu",
        "TORCHINDUCTOR_CACHE_DIR": str(PEERS / "compiled"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def contest(n: int, rounds: int = ROUNDS) -> dict:
    """Return name -> {"rule", "forward", "training", "error"}, times in products."""
    found: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(pathlib.Path(folder), n)
        for _ in range(rounds):
            for command in commands(folder).values():
                done = subprocess.run(
                    command, env=conditions(), stdout=subprocess.PIPE, text=True, check=True
                )
                result = json.loads(done.stdout.splitlines()[-1])
                for name, one in result["candidates"].items():
                    all_ = found.setdefault(name, {**one, "forward": [], "training": []})
                    all_["error"] = max(all_["error"], one["error"])
                    for task in ("forward", "training"):
                        if one[task] is not None:
                            all_[task].append(one[task] / result["product"])
    for one in found.values():
        for task in ("forward", "training"):
            one[task] = statistics.median(one[task]) if one[task] else None
    return found


def contest_table(n: int, found: dict) -> str:
    """Return the contest as a table: time as a multiple of the book's for the same rule."""
    lines = [
        f"n = {n}, {HEADS} heads of {DEPTH}: time / the book's Local({HALF_WIDTH}); for the rule",
        f"atrous, / its Atrous({RATE}). The error is the largest, of output and gradients.",
        f"  {'candidate':37} {'computes':9} {'forward':>8} {'training':>9} {'error':>8}",
    ]
    for name, one in found.items():
        ours = found[OURS["atrous" if one["rule"] == "atrous" else "local"]]
        forward = f"{one['forward'] / ours['forward']:.2f}"
        training = f"{one['training'] / ours['training']:.2f}" if one["training"] else "none"
        lines.append(f"  {name:37} {one['rule']:9} {forward:>8} {training:>9} {one['error']:8.0e}")
    return "\n".join(lines)


def store(n: int = 4096) -> None:
    """Write the contest, as `contest` returns it, with the versions that took part."""
    pins = SCRIPT.with_name("peers.txt").read_text("utf8").splitlines()
    about = {"n": n, "rounds": ROUNDS, "peers": [pin for pin in pins if "==" in pin]}
    content = {"about": about, "candidates": contest(n)}
    write_whole(STORED, json.dumps(content, indent=1) + "\n")


def stored() -> dict:
    """Return what `store` has written."""
    return json.loads(STORED.read_text("utf8"))


def main() -> None:
    """Print or store the contest, or with a folder the report of the candidates on TensorFlow."""
    if sys.argv[1:] not in ([], ["--store"]):
        start()
        print(json.dumps(own_report(sys.argv[1])))
        return
    if not (PEERS / "ready").exists():
        print("The peers are not installed: make bench-peers installs them.")
        return
    one_core()
    if sys.argv[1:]:
        store()
        return
    for n in (1024, 4096):
        print(contest_table(n, contest(n)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
