"""Time the attention of other libraries, in an environment of their own: `make bench-peers`.

A plain script: it runs where neither TensorFlow nor the book's packages are installed, so it
imports nothing from them. `bookkit.bench_contest` starts it, keeps it to one core and one thread,
and puts the book's own times beside.

    python lib/bookkit/bench_peers.py torch FOLDER

FOLDER holds `arrays.npz` with q, k, v, weights of shape (1, heads, n, depth), and the expected
output and gradients of each rule. It prints JSON: {"product": seconds, "candidates": {name:
{"rule": ..., "forward": seconds, "training": seconds or null, "error": largest error}}}.
"""

import json
import os
import pathlib
import shutil
import statistics
import sys
import time

import numpy as np

HALF_WIDTH = RATE = 64
ROUNDS = 3
SHORTEST_TURN, MOST_REPEATS = 0.02, 20


def seconds(call, repeats=1):
    """Return the processor seconds of one call."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def medians(calls):
    """Return the median seconds of each, called in turns, as `bookkit.bench.turns` does."""
    repeats = {}
    for name, call in calls.items():
        call()
        repeats[name] = max(1, min(MOST_REPEATS, round(SHORTEST_TURN / seconds(call))))
    found = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            found[name].append(seconds(call, repeats[name]))
    return {name: statistics.median(times) for name, times in found.items()}


def product():
    """Return a call of NumPy's product of two 1024 x 1024 matrices: the same in every process."""
    square = np.random.default_rng(0).normal(size=(1024, 1024)).astype("float32")
    return lambda: square @ square


def error(found, expected):
    """Return the largest error of several arrays."""
    return max(float(np.abs(f - e).max()) for f, e in zip(found, expected, strict=True))


def report(candidates, arrays, run, to_array):
    """Measure candidates: name -> (rule, function, whether it has a gradient).

    `run(function, training)` must give a call without arguments that returns the output, or the
    three gradients, in a list; `to_array` turns each into an array, which is not timed.
    """
    calls, found = {"product": product()}, {}
    for name, (rule, function, has_gradient) in candidates.items():
        forward = run(function, False)
        errors = [error(map(to_array, forward()), [arrays[f"{rule} output"]])]
        calls[name, "forward"] = forward
        if has_gradient:
            training = run(function, True)
            gradients = [arrays[f"{rule} {x}"] for x in ("dq", "dk", "dv")]
            errors.append(error(map(to_array, training()), gradients))
            calls[name, "training"] = training
        found[name] = {"rule": rule, "training": None, "error": max(errors)}
    times = medians(calls)
    for key, time_ in times.items():
        if key != "product":
            found[key[0]][key[1]] = time_
    return {"product": times["product"], "candidates": found}


# --- PyTorch --------------------------------------------------------------------------------------


def torch_candidates(n):
    """Return the candidates that run on PyTorch."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention as sdpa

    position = torch.arange(n)
    band = (position[:, None] - position[None]).abs() <= HALF_WIDTH
    return {
        "PyTorch, SDPA": ("full", sdpa, True),
        "PyTorch, SDPA with band mask": (
            "local",
            lambda q, k, v: sdpa(q, k, v, attn_mask=band),
            True,
        ),
        "Longformer core (transformers)": ("local", longformer(), True),
        "local-attention": ("local", local_attention(), True),
        **flex_candidates(n),
    }


def flex_candidates(n):
    """FlexAttention, compiled; on a CPU it has no backward pass."""
    if not shutil.which(os.environ.get("CXX", "g++")):
        print("FlexAttention is left out: it needs the compiler g++", file=sys.stderr)
        return {}
    import torch
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    def local(b, h, i, j):
        return (i - j).abs() <= HALF_WIDTH

    def atrous(b, h, i, j):
        return (i - j) % RATE == 0

    found = {}
    for rule, allows, block in (
        ("local", local, 128),
        ("local", local, 64),
        ("atrous", atrous, 128),
        ("atrous", atrous, 64),
    ):
        mask = create_block_mask(allows, None, None, n, n, device="cpu", BLOCK_SIZE=block)
        # Compiled apart, or the second would be specialised at every change of the block.
        compiled = torch.compile(flex_attention, dynamic=False)

        def candidate(q, k, v, mask=mask, compiled=compiled):
            return compiled(q, k, v, block_mask=mask)

        found[f"FlexAttention, {rule}, blocks of {block}"] = (rule, candidate, False)
    return found


def longformer():
    """The two products of the Longformer, without its projections and its padding."""
    import torch
    from transformers import LongformerConfig
    from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

    config = LongformerConfig(
        hidden_size=256,
        num_attention_heads=4,
        attention_window=[2 * HALF_WIDTH],
        num_hidden_layers=1,
    )
    layer = LongformerSelfAttention(config, 0).eval()

    def candidate(q, k, v):
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        scores = layer._sliding_chunks_query_key_matmul(q / q.shape[-1] ** 0.5, k, HALF_WIDTH)
        weights = torch.softmax(scores, dim=-1)
        output = layer._sliding_chunks_matmul_attn_probs_value(weights, v, HALF_WIDTH)
        return output.transpose(1, 2)

    return candidate


def local_attention():
    """lucidrains' package, told to keep to the window exactly."""
    from local_attention import LocalAttention

    return LocalAttention(
        HALF_WIDTH,
        look_backward=1,
        look_forward=1,
        autopad=True,
        exact_windowsize=True,
        use_rotary_pos_emb=False,
    )


def torch_run(arrays):
    """Return `run` of `report`."""
    import torch

    torch.set_num_threads(1)
    q, k, v, weights = (torch.tensor(arrays[x]) for x in ("q", "k", "v", "weights"))
    leaves = [x.clone().requires_grad_() for x in (q, k, v)]

    def run(function, training):
        def forward():
            with torch.no_grad():
                return [function(q, k, v)]

        def step():
            loss = (function(*leaves) * weights).sum()
            return torch.autograd.grad(loss, leaves)

        return step if training else forward

    return run


# --- JAX ------------------------------------------------------------------------------------------


def jax_candidates():
    """Return the candidates that run on JAX, whose axes are (batch, n, heads, depth)."""
    from jax.nn import dot_product_attention

    window = (HALF_WIDTH, HALF_WIDTH)
    return {
        "JAX, dot_product_attention": ("full", dot_product_attention, True),
        "JAX, local_window_size": (
            "local",
            lambda q, k, v: dot_product_attention(q, k, v, local_window_size=window),
            True,
        ),
    }


def jax_run(arrays):
    """Return `run` of `report`."""
    import jax
    import jax.numpy as jnp

    # Laid out beforehand: the copy to JAX's order of axes is not charged to it.
    q, k, v, weights = (
        jnp.asarray(arrays[x].transpose(0, 2, 1, 3)) for x in ("q", "k", "v", "weights")
    )

    def run(function, training):
        def loss(q, k, v):
            return (function(q, k, v) * weights).sum()

        step = jax.jit(jax.grad(loss, (0, 1, 2)) if training else function)

        def call():
            found = jax.block_until_ready(step(q, k, v))
            return found if training else [found]

        return call

    return run


def main():
    """Print the report of one library."""
    library, folder = sys.argv[1:]
    with np.load(pathlib.Path(folder) / "arrays.npz") as stored:
        arrays = dict(stored)
    n = arrays["q"].shape[2]
    if library == "torch":
        found = report(torch_candidates(n), arrays, torch_run(arrays), lambda x: x.numpy())
    else:
        to_array = lambda x: np.asarray(x).transpose(0, 2, 1, 3)  # noqa: E731
        found = report(jax_candidates(), arrays, jax_run(arrays), to_array)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
