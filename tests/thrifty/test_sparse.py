import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import KEYS, LENGTHS, TILED, patterns

from bookkit import graphs
from thrifty.attention import attention
from thrifty.masks import padding_mask
from thrifty.patterns import Atrous, Causal, Full, Global, Local, Pattern
from thrifty.sparse import attend, chunked_attend, cost, dense_attend, plan


@dataclasses.dataclass(frozen=True, repr=False)
class Chequered(Pattern):
    """A rule that the planner knows nothing of; half the rows of an intersection may be empty."""

    def _rule(self, i, j):
        return (i * j) % 3 != 1


@dataclasses.dataclass(frozen=True, repr=False)
class Listed(Pattern):
    """A rule that works on arrays only."""

    def _rule(self, i, j):
        return np.isin(j, [1, 4])


PATTERNS = patterns(Chequered()) | TILED
SEEDS = st.integers(0, 2**32 - 1)
DTYPES = {"float32": (1e-5, 1e-5), "float16": (2e-3, 2e-3), "bfloat16": (2e-2, 2e-2)}
EXAMPLES = [
    Local(16),
    Atrous(16),
    Local(16) | Atrous(16),
    Local(40) & Atrous(4),
    Local(8) | Global(3),
    (Local(16) | Atrous(16)) & Causal(),
]


def draw(shape, seed=0, dtype="float32"):
    return tf.cast(np.random.default_rng(seed).normal(size=shape), dtype)


def with_gradients(function, q, k, v, weight, wrap=None):
    """The output of function(q, k, v) and the gradients of a weighted sum of it."""

    def run(q, k, v):
        with tf.GradientTape() as tape:
            tape.watch([q, k, v])
            output = function(q, k, v)
            loss = tf.reduce_sum(output * weight)
        return output, *tape.gradient(loss, [q, k, v], unconnected_gradients="zero")

    return (wrap(run) if wrap else run)(q, k, v)


def same(found, expected, atol=1e-5, rtol=1e-5):
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == other.dtype
        mine, other = np.asarray(mine, "float64"), np.asarray(other, "float64")
        np.testing.assert_allclose(mine, other, atol=atol, rtol=rtol)


def random_case(seed, n, batch, heads, masked, dtype, keys=None, depths=None):
    """Random (q, k, v, weights of the output), and a random key mask or None."""
    keys, rng = n if keys is None else keys, np.random.default_rng(seed)
    depth, value_depth = depths or rng.integers(1, 9, size=2)
    sizes = (n, depth), (keys, depth), (keys, value_depth), (n, value_depth)
    inputs = [tf.cast(rng.normal(size=(batch, heads, *size)), dtype) for size in sizes]
    return inputs, rng.random((batch, keys)) < rng.random() if masked else None


# --- the same as the oracle -----------------------------------------------------------------------


@settings(max_examples=350)
@given(
    PATTERNS,
    LENGTHS,
    KEYS,
    st.integers(1, 3),
    st.integers(1, 3),
    SEEDS,
    st.booleans(),
    st.booleans(),
    st.sampled_from(sorted(DTYPES)),
)
def test_attend_equals_the_oracle(pattern, n, keys, batch, heads, seed, causal, masked, dtype):
    inputs, key_mask = random_case(seed, n, batch, heads, masked, dtype, keys)
    found, expected = (
        with_gradients(
            lambda q, k, v, f=f: f(q, k, v, pattern, causal=causal, key_mask=key_mask), *inputs
        )
        for f in (attend, dense_attend)
    )
    same(found, expected, *DTYPES[dtype])


@settings(max_examples=40)
@given(PATTERNS, LENGTHS, KEYS, SEEDS, st.booleans(), st.booleans())
def test_the_oracle_equals_numpy(pattern, n, keys, seed, causal, masked):
    (q, k, v, _), key_mask = random_case(seed, n, 2, 2, masked, "float32", keys)
    mask = (pattern & Causal() if causal else pattern).mask(n, keys)
    if masked:
        mask = mask & key_mask[:, None, None]
    found = dense_attend(q, k, v, pattern, causal=causal, key_mask=key_mask, scale=0.7)
    expected = attention(*(x.numpy() for x in (q, k, v)), mask, scale=0.7)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@settings(max_examples=40)
@given(st.integers(1, 120), st.integers(1, 140), SEEDS, st.booleans(), st.booleans(), st.booleans())
def test_chunked_attention_equals_the_oracle(n, chunk, seed, causal, masked, half):
    dtype = "float16" if half else "float32"
    inputs, key_mask = random_case(seed, n, 2, 2, masked, dtype)
    options = {"causal": causal, "key_mask": key_mask}
    found = with_gradients(lambda q, k, v: chunked_attend(q, k, v, chunk=chunk, **options), *inputs)
    expected = with_gradients(lambda q, k, v: dense_attend(q, k, v, Full(), **options), *inputs)
    same(found, expected, *DTYPES[dtype])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("pattern", [*EXAMPLES, Full()], ids=repr)
def test_the_examples_equal_the_oracle(pattern, causal):
    inputs, key_mask = random_case(0, 300, 2, 2, True, "float32")
    options = {"causal": causal, "key_mask": key_mask}
    expected = with_gradients(lambda *x: dense_attend(*x, pattern, **options), *inputs)
    same(with_gradients(lambda *x: attend(*x, pattern, **options), *inputs), expected)
    if pattern == Full():
        found = with_gradients(lambda *x: chunked_attend(*x, chunk=64, **options), *inputs)
        same(found, expected)


def test_the_examples_equal_the_oracle_with_onednn():
    # The other tests run without it, whose roundings would differ from one processor to the next.
    root = pathlib.Path(__file__).parents[2]
    test = f"{__file__}::{test_the_examples_equal_the_oracle.__name__}"
    done = subprocess.run(
        [sys.executable, *"-m pytest -c tests/pytest.ini --rootdir .".split(), test],
        cwd=root,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert f"{2 * len([*EXAMPLES, Full()])} passed" in done.stdout


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("pattern", [*EXAMPLES, None], ids=repr)
def test_graphs_and_xla_equal_eager(pattern, jit_compile):
    q, k, v, weight = (draw((2, 2, 150, 4), seed) for seed in range(4))
    key_mask = padding_mask([150, 70], 150)[:, 0]

    def function(q, k, v):
        if pattern is None:
            return chunked_attend(q, k, v, chunk=64, causal=True, key_mask=key_mask)
        return attend(q, k, v, pattern, key_mask=key_mask)

    compiled = with_gradients(
        function, q, k, v, weight, wrap=lambda f: tf.function(f, jit_compile=jit_compile)
    )
    same(compiled, with_gradients(function, q, k, v, weight))


def test_the_batch_may_be_unknown():
    spec = tf.TensorSpec((None, 2, 150, 4))
    inputs = [draw((3, 2, 150, 4), seed) for seed in range(3)]
    for function in (lambda q, k, v: attend(q, k, v, EXAMPLES[2]), chunked_attend):
        compiled = tf.function(function, input_signature=[spec] * 3)
        np.testing.assert_allclose(compiled(*inputs), function(*inputs), atol=1e-5)


@pytest.mark.parametrize("pattern", [*EXAMPLES[2:], Full(), Chequered() & Local(9)], ids=repr)
def test_the_lengths_may_be_unknown(pattern):
    def function(q, k, v, key_mask):
        return attend(q, k, v, pattern, key_mask=key_mask)

    specs = [tf.TensorSpec((None, 2, None, 4))] * 3 + [tf.TensorSpec((None, None), tf.bool)]
    compiled = tf.function(function, input_signature=specs)
    for n, keys in ((50, 50), (1, 30), (30, 1), (40, 90), (3, 0)):
        (q, k, v, _), key_mask = random_case(0, n, 2, 2, True, "float32", keys, depths=(4, 4))
        same([compiled(q, k, v, key_mask)], [function(q, k, v, key_mask)])


@pytest.mark.parametrize("pattern", EXAMPLES, ids=repr)
def test_every_pair_counts_once(pattern):
    # With equal scores the output is the mean of the values allowed: a pair that two pieces both
    # counted would weigh double.
    n = 150
    q, v = tf.zeros((1, 1, n, 4)), draw((1, 1, n, 3))
    mask = pattern.mask(n)
    expected = (mask / mask.sum(axis=1, keepdims=True)) @ v.numpy()[0, 0]
    assert plan(pattern, n).path == "tiles"
    np.testing.assert_allclose(attend(q, q, v, pattern)[0, 0], expected, atol=1e-6)


def test_an_empty_sequence_stays_empty():
    q, k = tf.zeros((2, 2, 0, 4)), tf.ones((2, 2, 5, 4))
    for function in (attend, dense_attend):
        assert function(q, q, q, Local(2)).shape == (2, 2, 0, 4)
        assert function(q, k, k, Local(2)).shape == (2, 2, 0, 4)
        np.testing.assert_array_equal(function(k, q, q, Local(2)), tf.zeros((2, 2, 5, 4)))
    assert chunked_attend(q, q, q).shape == (2, 2, 0, 4)


# --- nothing allowed, precision -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("pattern", [*EXAMPLES, Full(), Chequered() & Local(1), None], ids=repr)
def test_a_query_without_keys_gets_zeros_and_finite_gradients(pattern, dtype):
    n = 150
    inputs = [draw((2, 2, n, 4), seed, dtype) for seed in range(4)]
    key_mask = np.stack([np.zeros(n, bool), np.arange(n) >= 100])

    def function(q, k, v):
        if pattern is None:
            return chunked_attend(q, k, v, chunk=64, key_mask=key_mask)
        return attend(q, k, v, pattern, key_mask=key_mask)

    output, *gradients = (np.asarray(x, "float64") for x in with_gradients(function, *inputs))
    live = ((Full() if pattern is None else pattern).mask(n) & key_mask[:, None]).any(axis=-1)
    np.testing.assert_array_equal(output.any(axis=(1, 3)), live)
    for gradient in gradients:
        assert np.isfinite(gradient).all()
        assert not gradient[0].any()


@pytest.mark.parametrize("pattern", [*EXAMPLES, Full(), None], ids=repr)
def test_half_precision_does_not_overflow(pattern):
    q = k = tf.fill((1, 1, 150, 4), tf.constant(200, tf.float16))  # products of 160000 pass 65504
    v = draw((1, 1, 150, 3), dtype="float16")
    function = chunked_attend if pattern is None else lambda q, k, v: attend(q, k, v, pattern)
    output, *gradients = with_gradients(function, q, k, v, tf.ones_like(v))
    mask = (Full() if pattern is None else pattern).mask(150)
    mean = (mask / mask.sum(axis=1, keepdims=True)) @ np.asarray(v, "float64")[0, 0]
    assert output.dtype == tf.float16
    np.testing.assert_allclose(output[0, 0], mean, atol=2e-3)
    assert all(np.isfinite(np.asarray(gradient, "float64")).all() for gradient in gradients)


def test_an_allowed_score_may_be_as_low_as_it_likes():
    n = 150
    q, k = tf.fill((1, 1, n, 1), 1e3), tf.fill((1, 1, n, 1), -1e3)
    v = draw((1, 1, n, 2))
    for pattern in EXAMPLES:
        expected = dense_attend(0 * q, k, v, pattern)
        np.testing.assert_allclose(attend(q, k, v, pattern), expected, atol=1e-5)


def test_float64_stays_float64():
    q = draw((1, 1, 150, 4), dtype="float64")
    found, expected = (f(q, q, q, EXAMPLES[2]) for f in (attend, dense_attend))
    assert found.dtype == tf.float64
    np.testing.assert_allclose(found, expected, atol=1e-12)


# --- what is saved --------------------------------------------------------------------------------


def training_graph(function, n):
    """The nodes of function(q, k, v) and its gradient."""
    return graphs.nodes(function, *[(1, 1, n, 8)] * 3, training=True)


def largest_tensor(function, n):
    return graphs.largest_tensor(function, *[(1, 1, n, 8)] * 3, training=True)


@pytest.mark.parametrize("n", [1024, 1000])
@pytest.mark.parametrize(
    "pattern", [*EXAMPLES, Local(64) | Atrous(64), Chequered() & Local(20)], ids=repr
)
@pytest.mark.parametrize("causal", [False, True])
def test_no_tensor_of_the_graph_is_anywhere_near_n_by_n(pattern, causal, n):
    largest = largest_tensor(lambda q, k, v: attend(q, k, v, pattern, causal=causal), n)
    assert largest <= n * n / 4
    assert largest <= 1.1 * max(np.prod(piece.layout.shape) for piece in plan(pattern, n).pieces)


@pytest.mark.parametrize("pattern", [*EXAMPLES, Causal()], ids=repr)
@pytest.mark.parametrize(("n", "keys"), [(3, 100_000), (100_000, 3)])
def test_a_short_side_builds_nothing_square(pattern, n, keys):
    q, k = draw((1, 1, n, 2)), draw((1, 1, keys, 2), 1)
    # A square mask would take 10 GB.
    np.testing.assert_allclose(
        attend(q, k, k, pattern), dense_attend(q, k, k, pattern), atol=1e-5, rtol=1e-5
    )
    assert plan(pattern, n, keys=keys).executed <= n * keys


def test_chunked_attention_holds_one_chunk_of_rows_at_a_time():
    n, chunk = 1024, 64
    for causal in (False, True):

        def function(q, k, v, causal=causal):
            return chunked_attend(q, k, v, chunk=chunk, causal=causal)

        found = training_graph(function, n)
        loops = [node for node in found if node.op in ("While", "StatelessWhile")]
        assert len(loops) == 2  # forward and backward
        assert all(loop.attr["parallel_iterations"].i == 1 for loop in loops)
        assert largest_tensor(function, n) == chunk * n


def test_a_causal_chunk_computes_no_key_after_its_own_end():
    n, chunk = 150, 64
    q, k, v, weight = (draw((2, 2, n, 4), seed).numpy() for seed in range(4))
    k[:, :, chunk:] = v[:, :, chunk:] = np.nan  # one product with these would be seen
    weight[:, :, chunk:] = 0

    def function(q, k, v):
        return chunked_attend(q, k, v, chunk=chunk, causal=True)[:, :, :chunk]

    inputs = [tf.constant(x) for x in (q, k, v)]
    output, d_q, *_ = with_gradients(function, *inputs, weight[:, :, :chunk])
    short = with_gradients(function, *(x[:, :, :chunk] for x in inputs), weight[:, :, :chunk])
    same((output, d_q[:, :, :chunk]), short[:2])


def test_the_count_of_tensors_sees_what_is_n_by_n():
    assert largest_tensor(lambda q, k, v: dense_attend(q, k, v, Local(16)), 1024) == 1024**2
    assert largest_tensor(lambda q, k, v: chunked_attend(q, k, v, chunk=1024), 1024) == 1024**2


def test_the_largest_tensor_of_a_window_grows_like_n():
    small, large = (
        largest_tensor(lambda q, k, v: attend(q, k, v, Local(64)), n) for n in (1024, 4096)
    )
    assert large == 4 * small


@pytest.mark.parametrize("pattern", EXAMPLES, ids=repr)
def test_no_gradient_of_a_slice(pattern):
    # The gradient of x[a:b] is some twenty times slower than that of a split.
    for n in (300, 320):

        def function(q, k, v, n=n):
            return attend(q, k, v, pattern, key_mask=np.ones((1, n), bool))

        found = training_graph(function, n)
        assert "StridedSliceGrad" not in {node.op for node in found}


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 5, 4)] * 3, r"^q must have shape \(batch, heads, n, depth\), got \(2, 5, 4\)$"),
        (
            [(2, 1, 5, 4), (2, 2, 5, 4), (2, 2, 5, 4)],
            r"^q and k must have the same heads and depth >= 1, got \(2, 1, 5, 4\) and \(2, 2, 5",
        ),
        ([(2, 1, 5, 0)] * 3, r"^q and k must have the same heads and depth >= 1"),
        (
            [(2, 1, 5, 4), (2, 1, 5, 4), (2, 1, 6, 4)],
            r"^k and v must have the same heads and n, got",
        ),
        ([(2, 1, 5, 4), (3, 1, 5, 4), (3, 1, 5, 4)], r"^q, k and v must have one batch size, got"),
    ],
)
def test_shape_errors(shapes, message):
    inputs = [tf.zeros(shape) for shape in shapes]
    for function in (attend, dense_attend):
        with pytest.raises(ValueError, match=message):
            function(*inputs, Local(1))
    with pytest.raises(ValueError, match=message):
        chunked_attend(*inputs)


def test_chunked_attention_takes_one_length():
    q, k = tf.zeros((2, 1, 5, 4)), tf.zeros((2, 1, 6, 4))
    with pytest.raises(ValueError, match=r"^q and k must have the same n, got \(2, 1, 5, 4\) and"):
        chunked_attend(q, k, k)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"key_mask": np.ones((2, 4), bool)},
            ValueError,
            r"^key_mask must have shape \(batch, keys\), got \(2, 4\) for k of shape \(2, 1, 5",
        ),
        (
            {"key_mask": np.ones((3, 5), bool)},
            ValueError,
            r"^key_mask must have shape \(batch, keys\)",
        ),
        ({"key_mask": np.ones(5, bool)}, ValueError, r"^key_mask must have 2 axes, got shape \(5,"),
        ({"key_mask": np.ones((2, 5))}, TypeError, r"^key_mask must be boolean"),
        ({"scale": np.nan}, ValueError, r"^scale must be finite, got nan$"),
        ({"pattern": 3}, TypeError, r"^pattern must be a Pattern, got int$"),
        ({"q": np.ones((2, 1, 5, 4), int)}, TypeError, r"^q must hold floats, got dtype int64$"),
    ],
)
def test_argument_errors(options, error, message):
    x = np.zeros((2, 1, 5, 4), "float32")
    for function in (attend, dense_attend):
        with pytest.raises(error, match=message):
            function(**{"q": x, "k": x, "v": x, "pattern": Local(1), **options})


def test_errors_of_chunks_and_unknown_lengths():
    x = np.zeros((2, 1, 5, 4), "float32")
    with pytest.raises(ValueError, match=r"^chunk must be >= 1, got 0$"):
        chunked_attend(x, x, x, chunk=0)
    with pytest.raises(
        ValueError, match=r"^key_mask must have shape \(batch, keys\), got \(2, 4\)"
    ):
        chunked_attend(x, x, x, key_mask=np.ones((2, 4), bool))
    spec, message = tf.TensorSpec((2, 2, None, 4)), "pad to a fixed length and give a mask"
    traced = tf.function(lambda x: chunked_attend(x, x, x), autograph=False)
    with pytest.raises(ValueError, match=rf"^heads, n and depth of q must be known.*; {message}"):
        traced.get_concrete_function(spec)
    traced = tf.function(lambda x: attend(x, x, x, Full() & Listed()), autograph=False)
    with pytest.raises(ValueError, match=rf"^the rule of .*Listed.* tensors, .*; {message}"):
        traced.get_concrete_function(spec)


def test_cost_and_plan_errors():
    with pytest.raises(ValueError, match=r"^n must be >= 1, got 0$"):
        plan(Local(1), 0)
    with pytest.raises(TypeError, match=r"^pattern must be a Pattern, got str$"):
        plan("local", 5)
    with pytest.raises(ValueError, match=r"^depth must be >= 1, got 0$"):
        cost(Local(1), 5, 0)
