import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from thrifty.gathered import gathered_attend
from thrifty.patterns import Local
from thrifty.sparse import dense_attend


def with_gradients(function, inputs, weight):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
        loss = tf.reduce_sum(output * weight)
    return [output, *tape.gradient(loss, inputs)]


@given(
    st.integers(1, 40),
    st.integers(0, 50),
    st.integers(0, 2**32 - 1),
    st.sampled_from([("float32", 1e-5), ("float16", 2e-3)]),
)
def test_gathered_rows_equal_the_oracle(n, half_width, seed, precision):
    dtype, atol = precision
    rng = np.random.default_rng(seed)
    q, k = (tf.cast(rng.normal(size=(2, 3, n, 4)), dtype) for _ in range(2))
    v, weight = (tf.cast(rng.normal(size=(2, 3, n, 5)), dtype) for _ in range(2))
    found = with_gradients(lambda *x: gathered_attend(*x, half_width), [q, k, v], weight)
    expected = with_gradients(lambda *x: dense_attend(*x, Local(half_width)), [q, k, v], weight)
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(tf.cast(mine, "float32"), tf.cast(other, "float32"), atol=atol)


def test_an_empty_sequence_stays_empty():
    x = tf.zeros((2, 3, 0, 4))
    assert gathered_attend(x, x, x, 2).shape == (2, 3, 0, 4)


def test_errors():
    x = tf.zeros((2, 3, 5, 4))
    with pytest.raises(ValueError, match=r"^half_width must be >= 0, got -3$"):
        gathered_attend(x, x, x, -3)
    with pytest.raises(ValueError, match=r"^q must have shape \(batch, heads, n, depth\)"):
        gathered_attend(x[0], x, x, 2)
