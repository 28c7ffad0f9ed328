import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thrifty.attention import DenseAttention, attention, attention_weights
from thrifty.leakage import compare, leakage
from thrifty.masks import reach
from thrifty.patterns import Atrous, Causal, Full, Local

METHODS = pytest.mark.parametrize("method", ["perturbation", "gradient"])
PATTERNS = [Full(), Causal(), Local(1), Atrous(3), Local(1) | Atrous(3), Causal() & Local(2)]


def sample(n=7, d=6, dtype="float32"):
    return np.random.default_rng(0).normal(size=(n, d)).astype(dtype)


# --- what it measures -----------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.integers(1, 6).flatmap(lambda n: arrays(bool, (n, n))))
def test_linear_map_leaks_where_its_matrix_is_not_zero(mask):
    matrix = mask * 0.1
    found = leakage(lambda x: matrix @ x, np.ones((len(mask), 2)))
    np.testing.assert_array_equal(found, mask)


@settings(max_examples=30)
@given(st.integers(1, 6).flatmap(lambda n: arrays(bool, (n, n))), st.integers(0, 99))
def test_ids_leak_where_the_mask_is_true(mask, seed):
    def model(ids):  # which ids are seen, as numbers that no other ids add up to
        return (np.where(mask, 1.0, 0.0) @ (5.0**ids)[..., None]) if mask.size else ids

    ids = np.random.default_rng(seed).integers(0, 4, size=len(mask))
    np.testing.assert_array_equal(leakage(model, ids, seed=seed), mask)
    np.testing.assert_array_equal(leakage(model, ids.astype("uint8"), vocabulary=4), mask)


@METHODS
@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
def test_dense_attention_sees_exactly_what_its_mask_allows(pattern, method):
    layer, mask = DenseAttention(2, 4), pattern.mask(7)
    found = leakage(lambda x: layer(x, x, attention_mask=mask), sample(), method=method)
    # A query that sees one key alone has weight 1 whatever it asks: its diagonal is the value's.
    np.testing.assert_array_equal(found, mask)


@METHODS
def test_a_stack_with_residuals_sees_exactly_its_reach(method):
    layers = [DenseAttention(2, 4), DenseAttention(2, 4)]
    masks = [Local(1).mask(9), Atrous(4).mask(9)]

    def model(x):
        for layer, mask in zip(layers, masks, strict=True):
            x = x + layer(x, x, attention_mask=mask)
        return x

    found = leakage(model, sample(9), method=method)
    np.testing.assert_array_equal(found, reach(masks, residual=True))
    assert not found.all()


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_does_not_leak(dtype):
    layer, mask = DenseAttention(2, 4, dtype=dtype), Causal().mask(7)
    found = leakage(lambda x: layer(x, x, attention_mask=mask), sample())
    np.testing.assert_array_equal(found, mask)


def test_a_keras_model_on_ids():
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(20, 8)(ids)
    model = keras.Model(ids, DenseAttention(2, 4, dropout=0.5)(x, x, use_causal_mask=True))
    found = leakage(model, np.arange(6), vocabulary=20)
    np.testing.assert_array_equal(found, Causal().mask(6))
    np.testing.assert_array_equal(leakage(tf.function(model), np.arange(6), vocabulary=20), found)


def test_no_false_leak_in_a_large_batch():
    layer, mask = DenseAttention(4, 16), Local(3).mask(96)
    found = leakage(lambda x: layer(x, x, attention_mask=mask), sample(96, 64), trials=1)
    assert compare(found, mask) == "no pair leaks; every allowed pair is used"


def test_a_pooled_output_is_one_position_once_it_is_said_to_be():
    found = leakage(lambda x: x[:, 1:3].sum(axis=1)[:, None], sample(4))
    np.testing.assert_array_equal(found, [[False, True, True, False]])


def test_outputs_may_have_another_length_and_any_number_of_axes():
    def model(x):  # (batch, 2, 3, d): each output reads two inputs
        return np.repeat(x.reshape(len(x), 2, 2, -1).sum(2)[:, :, None], 3, axis=2)

    np.testing.assert_array_equal(leakage(model, sample(4)), [[1, 1, 0, 0], [0, 0, 1, 1]])


def test_one_number_a_position_needs_no_last_axis():
    found = leakage(lambda ids: np.cumsum(ids, axis=1), [1, 2, 3])
    np.testing.assert_array_equal(found, Causal().mask(3))


# --- bugs it finds --------------------------------------------------------------------------------


def broken_after_softmax(x, mask):
    """Zero the weights after the softmax: the hidden keys stay in the normaliser."""
    return (attention_weights(x, x) * mask) @ x


def broken_small_penalty(x, mask):
    """Subtract 10 instead of hiding: a strong key still shows."""
    scores = x @ np.swapaxes(x, -1, -2) - 10.0 * ~mask
    return (np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)) @ x


@pytest.mark.parametrize("broken", [broken_after_softmax, broken_small_penalty])
def test_a_mask_that_does_not_hide_is_caught(broken):
    x, mask = sample(5, 4, "float64"), Causal().mask(5)
    good = leakage(lambda x: attention(x, x, x, mask), x)
    bad = leakage(lambda x: broken(x, mask), x)
    assert compare(good, mask) == "no pair leaks; every allowed pair is used"
    assert bad.all()
    assert compare(bad, mask).startswith("10 pairs leak: query 0 sees key 1, query 0 sees key 2,")


def test_zeroing_after_the_softmax_and_renormalising_hides_up_to_rounding():
    # Dividing by the sum again takes the normaliser out in exact arithmetic; what is left are
    # last bits, and the comparison is exact enough to see them.
    x, mask = sample(5, 4, "float64"), Causal().mask(5)

    def renormalised(x):
        weights = attention_weights(x, x) * mask
        return weights / weights.sum(-1, keepdims=True) @ x

    np.testing.assert_allclose(renormalised(x), attention(x, x, x, mask), atol=1e-12)
    assert (leakage(renormalised, x) & ~mask).any()


def test_a_query_without_keys_sees_everything_in_keras_and_nothing_here():
    mask = Causal().mask(5)
    mask[2] = False
    theirs, ours = keras.layers.MultiHeadAttention(2, 4), DenseAttention(2, 4)
    x = sample(5)
    assert compare(leakage(lambda x: theirs(x, x, attention_mask=mask), x), mask).startswith(
        "5 pairs leak: query 2 sees key 0, query 2 sees key 1, query 2 sees key 2,"
    )
    np.testing.assert_array_equal(leakage(lambda x: ours(x, x, attention_mask=mask), x), mask)


def test_an_off_by_one_in_a_causal_mask_is_named():
    mask = np.tri(4, k=1, dtype=bool)
    found = leakage(lambda x: attention(x, x, x, mask), sample(4))
    assert compare(found, Causal().mask(4)) == (
        "3 pairs leak: query 0 sees key 1, query 1 sees key 2, query 2 sees key 3; "
        "every allowed pair is used"
    )


# --- what a method can miss -----------------------------------------------------------------------


def test_each_method_misses_what_its_docstring_says():
    def gate(x):  # a hard gate on the next position: a step, without slope
        return x * tf.cast(tf.roll(x, -1, axis=1)[..., :1] > 0, x.dtype)

    x = np.abs(sample(4))
    gated = np.eye(4, dtype=bool) | np.roll(np.eye(4, dtype=bool), 1, axis=1)
    np.testing.assert_array_equal(leakage(gate, x, trials=20), gated)
    np.testing.assert_array_equal(leakage(gate, x, method="gradient"), np.eye(4, dtype=bool))

    def tiny(x):  # too small a change for a float32 of this size, but with a slope
        return 1e6 + (x + 1e-3 * tf.reduce_sum(x, axis=1, keepdims=True))

    np.testing.assert_array_equal(leakage(tiny, 1 + x), np.eye(4, dtype=bool))
    assert leakage(tiny, 1 + x, method="gradient").all()

    def slight(x):  # a slope no larger than rounding, but an input that is changed to huge values
        return x + 1e-6 * tf.reduce_sum(x, axis=1, keepdims=True)

    mixed = np.concatenate([x[:3], 1e3 * x[3:]])
    assert leakage(slight, mixed)[:3, 3].all()
    assert not leakage(slight, mixed, method="gradient")[:3, 3].any()


@METHODS
@pytest.mark.parametrize("make", [DenseAttention, keras.layers.MultiHeadAttention])
def test_a_query_with_one_key_depends_on_that_key_alone(make, method):
    # Its weight is 1 whatever it asks. TensorFlow's softmax has a slope there all the same, of
    # about one machine epsilon, which is rounding and no leak.
    layer, x, others = make(2, 4), sample(5, 8), np.roll(np.eye(5, dtype=bool), 1, axis=1)
    found = leakage(lambda x: layer(x, x, attention_mask=others), x, method=method)
    assert compare(found, others) == "no pair leaks; every allowed pair is used"
    pairs = others | np.roll(others, 1, axis=1)  # with two keys there is something to weigh
    found = leakage(lambda x: layer(x, x, attention_mask=pairs), x, method=method)
    np.testing.assert_array_equal(found, pairs | np.eye(5, dtype=bool))


def test_the_gradient_of_probabilities_does_not_cancel():
    # The outputs of a softmax sum to 1: without a random projection every slope would be near 0.
    found = leakage(lambda x: tf.nn.softmax(tf.cumsum(x, axis=1)), sample(4), method="gradient")
    np.testing.assert_array_equal(found, Causal().mask(4))


def test_same_seed_same_draws():
    seen = []

    def model(ids):
        seen.append(np.array(ids))
        return ids

    for seed in (1, 1, 2):
        leakage(model, np.arange(9), seed=seed, vocabulary=1000)
    one, again, other = seen[:4], seen[4:8], seen[8:]
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.integers(0, 3))
def test_exactly_one_position_changes_and_stays_in_the_vocabulary(ids, more):
    batches = []

    def model(batch):
        batches.append(np.array(batch))
        return batch

    vocabulary = max(ids) + 2 + more
    leakage(model, ids, vocabulary=vocabulary if more else None, trials=3)
    unchanged = np.tile(ids, (len(ids), 1))
    np.testing.assert_array_equal(batches[:2], [unchanged] * 2)
    assert len(batches) == 5
    for changed in batches[2:]:
        np.testing.assert_array_equal(changed != unchanged, np.eye(len(ids), dtype=bool))
        assert 0 <= changed.min() and changed.max() < vocabulary


@pytest.mark.parametrize(
    ("given", "seen"), [("uint8", "int64"), ("uint64", "int64"), ("int64", "int64"), ("int32",) * 2]
)
def test_a_drawn_id_does_not_wrap_around_in_a_small_type(given, seen):
    batches = []
    leakage(lambda ids: batches.append(ids) or ids, np.array([0, 7], given), vocabulary=100_000)
    assert {batch.dtype.name for batch in batches} == {seen}
    assert max(batch.max() for batch in batches) > 255


# --- errors ---------------------------------------------------------------------------------------


def identity(x):
    return x


@pytest.mark.parametrize(
    ("model", "inputs", "options", "error", "message"),
    [
        (
            identity,
            np.ones((1, 3, 2)),
            {},
            TypeError,
            r"^inputs must be one sample without batch axis, integer ids of shape \(n,\) or floats "
            r"of shape \(n, d\), not empty; got dtype float64 and shape \(1, 3, 2\)$",
        ),
        (identity, np.ones((3, 2), int), {}, TypeError, r"got dtype int64 and shape \(3, 2\)$"),
        (identity, np.ones(3), {}, TypeError, r"got dtype float64 and shape \(3,\)$"),
        (identity, [], {}, TypeError, r"not empty; got dtype float64 and shape \(0,\)$"),
        (
            identity,
            np.array([[np.nan]]),
            {},
            ValueError,
            r"^inputs must be finite, got NaN or inf$",
        ),
        (
            identity,
            [1, 7],
            {"vocabulary": 5},
            ValueError,
            r"^ids must lie in 0..4 \(vocabulary - 1\), got 7$",
        ),
        (identity, [-1], {}, ValueError, r"^vocabulary must be >= 2, got 1$"),
        (identity, [0], {"vocabulary": 1}, ValueError, r"^vocabulary must be >= 2, got 1$"),
        (identity, [0], {"trials": 0}, ValueError, r"^trials must be >= 1, got 0$"),
        (identity, [0], {"seed": None}, TypeError, r"^seed must be an int, got None \(NoneType\)$"),
        (
            identity,
            [0],
            {"method": "magic"},
            ValueError,
            r"^method must be 'perturbation' or 'gradient', got 'magic'$",
        ),
        (
            identity,
            [0],
            {"method": "gradient"},
            TypeError,
            r"^method 'gradient' needs float inputs of shape \(n, d\), got integer ids$",
        ),
        (
            lambda x: (x, x),
            [0],
            {},
            TypeError,
            r"^model must return one array, got a tuple; pick one, for example with "
            r"`lambda x: model\(x\)\[0\]`$",
        ),
        (
            lambda x: x.sum(axis=1),
            sample(4, 3),
            {},
            ValueError,
            r"^model returned shape \(4, 3\) for 4 input positions: a vector for the whole "
            r"sequence is one output position, `lambda x: model\(x\)\[:, None\]`; ",
        ),
        (
            lambda x: x[:1],
            [0, 1],
            {},
            ValueError,
            r"^model must return shape \(batch, positions, ...\) for a batch of 2, got shape \(1, ",
        ),
        (
            lambda x: np.where(np.arange(3) == 1, np.nan, x),
            [0, 1, 2],
            {},
            ValueError,
            r"^model output is not finite at output position 1; NaN differs from itself",
        ),
        (
            lambda x: x + np.random.default_rng().normal(size=x.shape),
            sample(3),
            {},
            ValueError,
            r"^model gives two different outputs for the same inputs; switch off its randomness",
        ),
        (
            lambda x: tf.constant(np.asarray(x)),
            sample(3),
            {"method": "gradient"},
            ValueError,
            r"^no gradient reaches the inputs: the model leaves TensorFlow or ignores its inputs; "
            r"use method='perturbation'$",
        ),
        (
            lambda x: tf.sqrt(x * 0),
            sample(3),
            {"method": "gradient"},
            ValueError,
            r"^gradient of output 0 by input 0 is not finite$",
        ),
    ],
)
def test_errors_say_what_was_wrong(model, inputs, options, error, message):
    with pytest.raises(error, match=message):
        leakage(model, inputs, **options)


# --- compare --------------------------------------------------------------------------------------


def test_compare_counts_in_singular_and_plural_and_cuts_long_lists():
    none, all_ = np.zeros((3, 3), bool), np.ones((3, 3), bool)
    assert compare(all_, all_) == "no pair leaks; every allowed pair is used"
    one = none.copy()
    one[1, 2] = True
    assert compare(one, none) == "1 pair leaks: query 1 sees key 2; every allowed pair is used"
    assert compare(none, one) == "no pair leaks; 1 allowed pair unused: query 1 never sees key 2"
    assert compare(all_, none).startswith("9 pairs leak: query 0 sees key 0, query 0 sees key 1, ")
    assert "query 1 sees key 2, and 3 more; every allowed pair is used" in compare(all_, none)


def test_compare_errors():
    with pytest.raises(TypeError, match=r"^measured must be boolean \(True = may attend\), got dt"):
        compare(np.eye(2), np.eye(2, dtype=bool))
    with pytest.raises(ValueError, match=r"have one shape \(queries, keys\), got \(2, 2\) and \(3"):
        compare(np.eye(2, dtype=bool), np.eye(3, dtype=bool))
