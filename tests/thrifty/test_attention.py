import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from thrifty.attention import (
    DenseAttention,
    attention,
    attention_loop,
    attention_weights,
    masked_softmax,
)
from thrifty.masks import padding_mask
from thrifty.patterns import Atrous, Causal, Full, Local

SEEDS = st.integers(0, 2**32 - 1)


def draw(shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# --- masked_softmax -------------------------------------------------------------------------------


@given(SEEDS, st.integers(1, 5), st.integers(0, 6), st.booleans())
def test_softmax_equals_the_softmax_of_the_allowed_scores_alone(seed, rows, keys, column):
    rng = np.random.default_rng(seed)
    scores, mask = 30 * rng.normal(size=(rows, keys)), rng.random((rows, keys)) < 0.5
    weights = masked_softmax(
        scores.T if column else scores, mask.T if column else mask, -1 - column
    )
    weights = weights.T if column else weights
    for row, allowed, found in zip(scores, mask, weights, strict=True):
        expected = np.zeros(keys)
        expected[allowed] = np.exp(row[allowed]) / np.exp(row[allowed]).sum()
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_softmax_of_large_scores_does_not_overflow():
    np.testing.assert_allclose(masked_softmax([1e4, 1e4 - 1]), [0.7310586, 0.2689414], atol=1e-7)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_softmax_keeps_the_dtype_and_a_row_without_keys_is_zero(dtype):
    weights = masked_softmax(draw((2, 3), dtype=dtype), np.array([[True] * 3, [False] * 3]))
    assert weights.dtype == dtype
    assert weights[0].sum() == pytest.approx(1, abs=2e-3)
    np.testing.assert_array_equal(weights[1], 0)


def test_float16_is_summed_in_float32():
    weights = masked_softmax(np.zeros(70_000, dtype=np.float16))  # the sum passes 65504
    np.testing.assert_allclose(weights, 1 / 70_000, rtol=1e-2)


def test_forbidden_scores_may_be_anything():
    weights = masked_softmax([1.0, np.nan, np.inf, 1.0], np.array([True, False, False, True]))
    np.testing.assert_array_equal(weights, [0.5, 0, 0, 0.5])


def test_an_allowed_nan_is_not_hidden():
    assert np.isnan(masked_softmax([1.0, np.nan])).all()


@pytest.mark.parametrize(
    ("scores", "mask", "error", "message"),
    [
        (
            np.zeros((2, 3)),
            np.ones((2, 3)),
            TypeError,
            r"^mask must be boolean \(True = may attend\), got dtype float64; convert it, "
            r"for example with `mask > 0`$",
        ),
        (np.zeros((2, 3)), np.ones((2, 3), int), TypeError, r"^mask must be boolean"),
        (
            np.zeros((2, 3)),
            np.ones((2, 2), bool),
            ValueError,
            r"^mask of shape \(2, 2\) does not broadcast to scores of shape \(2, 3\)$",
        ),
        (
            np.zeros(3),
            np.ones((2, 3), bool),  # would silently make more rows than there are scores
            ValueError,
            r"^mask of shape \(2, 3\) does not broadcast to scores of shape \(3,\)$",
        ),
        ([1j], None, TypeError, r"^scores must hold real numbers, got dtype complex128$"),
    ],
)
def test_softmax_errors(scores, mask, error, message):
    with pytest.raises(error, match=message):
        masked_softmax(scores, mask)


# --- attention in NumPy ---------------------------------------------------------------------------


@given(SEEDS, st.integers(1, 5), st.integers(0, 5), st.integers(1, 4), st.integers(1, 4))
def test_attention_equals_the_loop(seed, n_q, n_k, d, d_v):
    rng = np.random.default_rng(seed)
    q, k, v = rng.normal(size=(n_q, d)), rng.normal(size=(n_k, d)), rng.normal(size=(n_k, d_v))
    scale = rng.choice([None, 0.3, 2])
    for mask in (None, rng.random((n_q, n_k)) < 0.5, rng.random((1, n_k)) < 0.5):
        found = attention(q, k, v, mask, scale=scale)
        assert found.shape == (n_q, d_v)
        np.testing.assert_allclose(found, attention_loop(q, k, v, mask, scale=scale), atol=1e-6)


@given(SEEDS, st.sampled_from([(), (2,), (2, 3), (1, 3)]))
def test_leading_axes_are_independent_problems(seed, batch):
    rng = np.random.default_rng(seed)
    q, k, v = (rng.normal(size=(*batch, *s)) for s in ((4, 3), (5, 3), (5, 2)))
    mask = rng.random((*batch, 4, 5)) < 0.6
    found = attention(q, k, v, mask)
    for index in np.ndindex(batch):
        one = attention_loop(q[index], k[index], v[index], mask[index])
        np.testing.assert_allclose(found[index], one, atol=1e-6)


def test_leading_axes_broadcast():
    q, k, v = draw((2, 1, 4, 3)), draw((3, 5, 3), 1), draw((5, 2), 2)
    found = attention(q, k, v)
    assert found.shape == (2, 3, 4, 2)
    np.testing.assert_allclose(found[1, 2], attention_loop(q[1, 0], k[2], v), atol=1e-6)


def test_the_default_scale_is_one_over_root_d():
    q = np.array([[2.0, 0, 0, 0]])
    k = np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]])
    e = np.exp(2 / np.sqrt(4))
    np.testing.assert_allclose(attention_weights(q, k), [[e / (e + 1), 1 / (e + 1)]])
    np.testing.assert_allclose(attention_weights(q, k, scale=0), [[0.5, 0.5]])


@pytest.mark.parametrize("function", [attention, attention_loop])
def test_float16_is_computed_in_float32_and_given_back(function):
    q = k = np.full((2, 4), 200, dtype=np.float16)  # products of 160000 pass 65504
    v = draw((2, 3), dtype="float16")
    found = function(q, k, v)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found[0], v.mean(axis=0, dtype=float), atol=2e-3)


@pytest.mark.parametrize("function", [attention, attention_loop])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_reaches_only_the_queries_that_may_attend_to_it(function, bad):
    q, k, v = draw((3, 4)), draw((3, 4), 1), draw((3, 2), 2)
    mask = Causal().mask(3)
    clean = function(q, k, v, mask)
    in_value, in_key = v.copy(), k.copy()
    in_value[2, 0] = in_key[2, 1] = bad
    with np.errstate(invalid="ignore"):  # query 2 computes with it, and NumPy says so
        by_value, by_key = function(q, k, in_value, mask), function(q, in_key, v, mask)
    np.testing.assert_allclose(by_value[:2], clean[:2], atol=1e-6)
    np.testing.assert_allclose(by_key[:2], clean[:2], atol=1e-6)
    assert not np.isfinite(by_value[2, 0])
    assert np.isfinite(by_value[2, 1])


@pytest.mark.parametrize("function", [attention, attention_loop])
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4), (3, 5), (3, 2)), r"^q and k must have one size d >= 1 on the last axis, got \(3"),
        (((3, 0), (3, 0), (3, 2)), r"^q and k must have one size d >= 1 on the last axis, got \(3"),
        (((3, 4), (3, 4), (2, 2)), r"^k and v must have one length, got shapes \(3, 4\) and \(2, "),
        (((4,), (3, 4), (3, 2)), r"^q must have shape \(..., length, size\), got \(4,\)$"),
        (
            ((2, 3, 4), (3, 3, 4), (3, 2)),
            r"^the leading axes must broadcast, got shapes \(2, 3, 4\) and \(3, 3, 4\) and \(3, 2",
        ),
    ],
)
def test_shape_errors(function, shapes, message):
    with pytest.raises(ValueError, match=message):
        function(*(np.zeros(shape) for shape in shapes))


def test_argument_errors():
    q = np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"^scale must be finite, got nan$"):
        attention(q, q, q, scale=np.nan)
    with pytest.raises(TypeError, match=r"^v must hold real numbers, got dtype <U1$"):
        attention(q, q, [["a"]] * 3)
    with pytest.raises(
        TypeError, match=r"^mask must be boolean \(True = may attend\), got dtype i"
    ):
        attention_loop(q, q, q, np.ones((3, 3), int))
    with pytest.raises(ValueError, match=r"^attention_loop takes one sequence and one head, arr"):
        attention_loop(q[None], q[None], q[None])


# --- DenseAttention against keras.layers.MultiHeadAttention ---------------------------------------

CONFIGS = [
    {},
    {"value_dim": 5},
    {"use_bias": False},
    {"value_dim": 3, "kernel_initializer": "he_normal", "bias_initializer": "normal"},
]


def pair(query_shape, value_shape, key_shape=None, **config):
    """A layer of Keras with random biases, and ours with the same weights."""
    config = {"num_heads": 2, "key_dim": 4, **config}
    theirs, ours = keras.layers.MultiHeadAttention(**config), DenseAttention(**config)
    for layer in (theirs, ours):
        layer.build(query_shape, value_shape, key_shape)
    theirs.set_weights([draw(w.shape, seed) for seed, w in enumerate(theirs.get_weights())])
    ours.set_weights(theirs.get_weights())
    return theirs, ours


def same(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_outputs_and_gradients_equal_keras(config, causal, masked):
    query, value, key = draw((2, 5, 6)), draw((2, 7, 8), 1), draw((2, 7, 3), 2)
    theirs, ours = pair(query.shape, value.shape, key.shape, **config)
    mask = np.random.default_rng(3).random((2, 5, 7)) < 0.6
    mask[..., 0] = True  # a query without keys is our own affair: tested below
    results = []
    for layer in (theirs, ours):
        inputs = [tf.constant(x) for x in (query, value, key)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output, scores = layer(
                *inputs,
                attention_mask=mask if masked else None,
                use_causal_mask=causal,
                return_attention_scores=True,
            )
            loss = tf.reduce_sum(output * draw(output.shape, 4))
        weights = [w.value for w in layer.trainable_weights]
        results.append([output, scores, *tape.gradient(loss, inputs + weights)])
    assert len(results[1]) == 5 + (4 if config.get("use_bias") is False else 8)
    for mine, other in zip(results[1], results[0], strict=True):
        same(mine, other)


@pytest.mark.parametrize("name", ["GlorotUniform", "HeNormal", "LecunUniform"])
def test_initial_weights_equal_keras(name):
    shapes = (2, 5, 60), (2, 7, 80)
    drawn = []
    for kind in (keras.layers.MultiHeadAttention, DenseAttention):
        layer = kind(4, 16, value_dim=8, kernel_initializer=getattr(keras.initializers, name)(1))
        layer.build(*shapes)
        drawn.append(layer.get_weights())
    for theirs, ours in zip(*drawn, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_every_projection_draws_its_own_weights():
    shared = DenseAttention(2, 4, kernel_initializer=keras.initializers.GlorotUniform())
    shared.build((2, 5, 6), (2, 5, 6))
    assert not np.allclose(shared.get_weights()[0], shared.get_weights()[2])


@pytest.mark.parametrize("shape", [(5, 5), (1, 5, 5), (2, 5, 5), (2, 1, 5, 5), (2, 3, 5, 5)])
@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8"])
def test_masks_of_every_shape_equal_keras(shape, dtype):
    x = draw((2, 5, 6))
    theirs, ours = pair(x.shape, x.shape, num_heads=3)
    mask = np.random.default_rng(0).random(shape) < 0.5
    mask |= np.eye(5, dtype=bool)
    mask = mask.astype(dtype)
    same(ours(x, x, attention_mask=mask), theirs(x, x, attention_mask=mask))


def implicit(x, lengths):
    """A tensor that carries its padding as an implicit Keras mask."""
    padded = x * (np.arange(x.shape[1]) < np.array(lengths)[:, None])[..., None]
    return keras.layers.Masking()(tf.constant(padded.astype("float32")))


@pytest.mark.parametrize("causal", [False, True])
def test_implicit_masks_equal_keras(causal):
    x, y = draw((2, 5, 6)), draw((2, 4, 6), 1)
    theirs, ours = pair(x.shape, y.shape)

    def call(layer, **kwargs):
        # Fresh tensors: the Keras layer takes the masks off those it is given.
        return layer(implicit(x, [3, 5]), implicit(y, [4, 2]), use_causal_mask=causal, **kwargs)

    mine, other = (
        call(ours, return_attention_scores=True),
        call(theirs, return_attention_scores=True),
    )
    same(mine[0], other[0])
    same(mine[1], other[1])
    assert mine[0]._keras_mask.numpy().tolist() == other[0]._keras_mask.numpy().tolist()
    assert mine[0]._keras_mask.numpy().sum() == 8
    np.testing.assert_array_equal(np.asarray(mine[1])[0, :, 3:], 0)  # padded queries
    np.testing.assert_array_equal(np.asarray(mine[1])[1, :, :, 2:], 0)  # padded keys


def test_an_implicit_mask_survives_the_call():
    x = implicit(draw((2, 5, 6)), [3, 5])
    _, ours = pair(x.shape, x.shape)
    first = ours(x, x)
    np.testing.assert_array_equal(first, ours(x, x))
    assert x._keras_mask is not None


def test_each_explicit_mask_acts_on_its_own_axis():
    x = draw((2, 5, 6))
    _, ours = pair(x.shape, x.shape)
    lengths = padding_mask([3, 5], 5)[:, 0]  # (batch, n)

    def weights(**masks):
        return np.asarray(ours(x, x, **masks, return_attention_scores=True)[1])

    full = weights(attention_mask=np.ones((5, 5), bool))
    same(weights(query_mask=lengths), full * lengths[:, None, :, None])
    by_key = weights(attention_mask=np.repeat(lengths[:, None], 5, axis=1))
    same(weights(value_mask=lengths), by_key)
    same(weights(key=x, key_mask=lengths), by_key)
    assert not np.allclose(by_key, full)
    # Four axes and a padding mask: batch and heads are both 2, and must not be taken for another.
    per_head = np.random.default_rng(0).random((2, 2, 5, 5)) < 0.7
    joined = weights(attention_mask=per_head & lengths[:, None, None, :])
    same(weights(attention_mask=per_head, value_mask=lengths), joined)


@pytest.mark.parametrize("pattern", [Full(), Causal(), Local(1), Local(1) | Atrous(3)])
def test_one_head_with_identity_projections_is_the_numpy_attention(pattern):
    x = draw((2, 6, 4))
    layer = DenseAttention(1, 4, use_bias=False)
    layer.build(x.shape, x.shape)
    eye = np.eye(4, dtype="float32")
    layer.set_weights([eye[:, None]] * 3 + [eye[None]])
    mask = pattern.mask(6)
    same(layer(x, x, attention_mask=mask), attention(x, x, x, mask))
    if pattern == Causal():
        same(layer(x, x, use_causal_mask=True), attention(x, x, x, mask))


# --- rows without keys, precision -----------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]
)
def test_a_query_without_keys_gives_the_output_bias_and_finite_gradients(dtype):
    x = draw((2, 4, 6))
    layer = DenseAttention(2, 4, bias_initializer="ones", dtype=dtype)
    mask = np.ones((4, 4), bool)
    mask[1] = False
    inputs = tf.cast(x, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output, weights = layer(inputs, inputs, attention_mask=mask, return_attention_scores=True)
        loss = tf.reduce_sum(output)
    assert output.dtype.name == weights.dtype.name == layer.compute_dtype
    output, weights = np.asarray(output, "float64"), np.asarray(weights, "float64")
    assert np.isfinite(output).all()
    np.testing.assert_array_equal(output[:, 1], 1)
    np.testing.assert_array_equal(weights[:, :, 1], 0)
    np.testing.assert_allclose(weights[:, :, [0, 2, 3]].sum(-1), 1, atol=2e-2)
    gradients = tape.gradient(loss, [inputs] + [w.value for w in layer.trainable_weights])
    for gradient in gradients:
        assert np.isfinite(np.asarray(gradient, "float64")).all()


@pytest.mark.parametrize(("dtype", "atol"), [("mixed_float16", 2e-2), ("mixed_bfloat16", 1e-1)])
def test_mixed_precision_stays_near_float32(dtype, atol):
    x = draw((2, 5, 6))
    half, full = DenseAttention(2, 4, dtype=dtype), DenseAttention(2, 4)
    for layer in (half, full):
        layer.build(x.shape, x.shape)
    full.set_weights(half.get_weights())
    assert {w.dtype for w in half.weights} == {"float32"}
    found = np.asarray(half(x, x, use_causal_mask=True), "float32")
    np.testing.assert_allclose(found, full(x, x, use_causal_mask=True), atol=atol)


def bare_layer(**config):
    """One head of size 1 whose projections change nothing: scores are products of the inputs."""
    layer = DenseAttention(1, 1, use_bias=False, **config)
    layer.build((None, None, 1), (None, None, 1))
    layer.set_weights([np.ones((1, 1, 1), "float32")] * 4)
    return layer


@pytest.mark.parametrize(("dtype", "half_ulp"), [("float16", 2**-11), ("bfloat16", 2**-8)])
def test_the_softmax_of_a_16_bit_layer_is_rounded_only_once(dtype, half_ulp):
    scores = np.arange(-16, 17) / 8  # exact in both types
    layer = bare_layer(dtype=f"mixed_{dtype}")
    query, keys = np.ones((1, 1, 1)), scores[None, :, None]
    weights = layer(query, keys, return_attention_scores=True)[1]
    found = np.asarray(weights, "float64")[0, 0, 0]
    np.testing.assert_allclose(found, masked_softmax(scores), rtol=1.01 * half_ulp)


def test_an_allowed_score_may_be_as_low_as_it_likes():
    x = np.array([[[1e3], [-1e3], [1.0]]], dtype="float32")  # query 0 scores key 1 at -1e6
    mask = np.array([[False, True, False], [True] * 3, [True] * 3])
    weights = bare_layer()(x, x, attention_mask=mask, return_attention_scores=True)[1]
    np.testing.assert_array_equal(np.asarray(weights)[0, 0, 0], [0, 1, 0])


# --- a Keras citizen ------------------------------------------------------------------------------


def functional_model(**config):
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 6, mask_zero=True)(ids)
    y = DenseAttention(2, 4, **config)(x, x, use_causal_mask=True)
    return keras.Model(ids, keras.layers.Dense(3)(keras.layers.Add()([x, y])))


def test_a_functional_model_takes_any_length_saves_and_loads(tmp_path):
    model = functional_model(value_dim=3, dropout=0.1, kernel_initializer="he_normal")
    assert model.output_shape == (None, None, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for n in (3, 8):
        ids = np.random.default_rng(n).integers(0, 9, size=(2, n))
        np.testing.assert_array_equal(model(ids), loaded(ids))
    assert [layer.get_config() for layer in loaded.layers] == [
        layer.get_config() for layer in model.layers
    ]


def test_the_padding_of_a_functional_model_changes_nothing():
    model = functional_model()
    ids = np.array([[3, 1, 4, 0, 0], [1, 5, 8, 2, 6]])
    same(model(ids)[:1, :3], model(ids[:1, :3]))


def test_masks_can_be_inputs_of_a_model():
    x = keras.Input((None, 6))
    mask = keras.Input((None, None), dtype="bool")
    output, weights = DenseAttention(2, 4)(x, x, attention_mask=mask, return_attention_scores=True)
    assert weights.shape == (None, 2, None, None)
    model = keras.Model([x, mask], weights)
    found = model([draw((2, 5, 6)), np.repeat(Local(1).mask(5)[None], 2, axis=0)])
    np.testing.assert_array_equal(np.asarray(found)[1, 1] > 0, Local(1).mask(5))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_compiles(jit_compile):
    x = draw((2, 5, 6))
    layer = DenseAttention(2, 4)
    eager = layer(x, x, use_causal_mask=True, attention_mask=Local(2).mask(5))
    compiled = tf.function(
        lambda x: layer(x, x, use_causal_mask=True, attention_mask=Local(2).mask(5)),
        jit_compile=jit_compile,
    )
    same(compiled(x), eager)


def test_it_trains():
    model = functional_model(dropout=0.1)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ids = np.random.default_rng(0).integers(1, 9, size=(64, 6))
    before = model.get_weights()
    history = model.fit(ids, ids % 3, epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]
    for old, new, weight in zip(before, model.get_weights(), model.weights, strict=True):
        # The bias of the keys moves all scores of a query alike: the softmax does not see it.
        assert "key_bias" in weight.name or not np.array_equal(old, new), weight.name


def test_dropout_acts_in_training_only_and_keeps_the_mean():
    x = draw((1, 40, 6))
    layer = DenseAttention(1, 4, dropout=0.5)
    still = layer(x, x)
    same(layer(x, x, training=False), still)
    _, weights = layer(x, x, training=True, return_attention_scores=True)
    np.testing.assert_allclose(np.asarray(weights).sum(-1), 1, atol=1e-5)  # before the dropout
    noisy = np.mean([layer(x, x, training=True) for _ in range(200)], axis=0)
    assert not np.allclose(layer(x, x, training=True), still, atol=1e-3)
    np.testing.assert_allclose(noisy, still, atol=0.1)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"num_heads": 0}, ValueError, r"^num_heads must be >= 1, got 0$"),
        ({"num_heads": True}, TypeError, r"^num_heads must be an int, got True \(bool\)$"),
        ({"key_dim": 2.0}, TypeError, r"^key_dim must be an int, got 2.0 \(float\)$"),
        ({"value_dim": -1}, ValueError, r"^value_dim must be >= 1, got -1$"),
        ({"dropout": 1.5}, ValueError, r"^dropout must be in 0..1, got 1.5$"),
        ({"dropout": "much"}, TypeError, r"^dropout must be a number, got 'much' \(str\)$"),
    ],
)
def test_constructor_errors(config, error, message):
    with pytest.raises(error, match=message):
        DenseAttention(**{"num_heads": 2, "key_dim": 4, **config})


@pytest.mark.parametrize(
    ("masks", "error", "message"),
    [
        (
            {"attention_mask": np.ones((5, 5), "float32")},
            TypeError,
            r"attention_mask must be boolean \(True = may attend\) or 0/1 integers, got dtype "
            r"float32; an additive mask has to be converted",
        ),
        (
            {"value_mask": np.ones((2, 5), "float32")},
            TypeError,
            r"value_mask must be boolean \(True = may attend\) or 0/1 integers, got dtype float32",
        ),
        (
            {"attention_mask": np.ones((3, 5, 5), bool)},
            ValueError,
            r"a mask of shape \(3, 1, 5, 5\) does not fit scores of shape \(batch, heads, queries, "
            r"keys\) = \(2, 2, 5, 5\); each axis must be 1 or match",
        ),
        (
            {"attention_mask": np.ones(5, bool)},
            ValueError,
            r"attention_mask must have 2 or 3 or 4 axes, got shape \(5,\)",
        ),
        (
            {"key_mask": np.ones((2, 4), bool)},
            ValueError,
            r"a mask of shape \(2, 1, 1, 4\) does not fit",
        ),
    ],
)
def test_mask_errors(masks, error, message):
    x = draw((2, 5, 6))
    with pytest.raises(error, match=message):
        DenseAttention(2, 4)(x, x, **masks)


def test_input_errors():
    x = draw((2, 5, 6))
    message = r"query must have shape \(batch, length, features\), got \(2, 6\)"
    with pytest.raises(ValueError, match=message):
        DenseAttention(2, 4)(x[:, 0], x)
    with pytest.raises(ValueError, match=r"key and value must have one length, got 4 and 5"):
        DenseAttention(2, 4)(x, x, key=x[:, :4])
