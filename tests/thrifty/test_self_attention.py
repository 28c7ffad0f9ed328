import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from thrifty.leakage import compare, leakage
from thrifty.masks import reach
from thrifty.patterns import Atrous, Causal, Full, Global, Local, Pattern
from thrifty.sparse import SelfAttention, plan

PATTERNS = [
    Local(3),
    Atrous(5),
    Local(3) | Atrous(8),
    Local(12) & Atrous(4),
    Local(2) | Global(2),
    Full(),
]


@keras.saving.register_keras_serializable(package="tests")
@dataclasses.dataclass(frozen=True, repr=False)
class Backwards(Pattern):
    steps: int

    def _rule(self, i, j):
        return i - j == self.steps

    def get_config(self):
        return {"steps": self.steps}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def draw(shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def same(found, expected, atol=1e-5):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=atol)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
def test_leakage_equals_the_mask(pattern, causal):
    n = 40
    layer = SelfAttention(2, 4, pattern, causal=causal)
    measured = leakage(layer, draw((n, 6)))
    allowed = (pattern & Causal() if causal else pattern).mask(n)
    assert compare(measured, allowed) == "no pair leaks; every allowed pair is used"


def test_leakage_of_two_layers_equals_their_reach():
    n, patterns = 40, (Local(2), Atrous(8))
    model = keras.Sequential([SelfAttention(2, 4, pattern, causal=True) for pattern in patterns])
    allowed = reach([(pattern & Causal()).mask(n) for pattern in patterns])
    assert compare(leakage(model, draw((n, 6))), allowed).startswith("no pair leaks; every")


@pytest.mark.parametrize("n", [1, 7, 64, 150])
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
def test_outputs_and_gradients_equal_keras_with_that_mask(pattern, use_bias, n):
    x, weight = draw((2, n, 6)), draw((2, n, 6), 1)
    theirs = keras.layers.MultiHeadAttention(2, 4, use_bias=use_bias)
    ours = SelfAttention(2, 4, pattern, use_bias=use_bias)
    theirs.build(x.shape, x.shape)
    ours.build(x.shape)
    theirs.set_weights([0.3 * draw(w.shape, seed) for seed, w in enumerate(theirs.get_weights())])
    ours.set_weights(theirs.get_weights())
    results = []
    for call in (ours, lambda x: theirs(x, x, attention_mask=pattern.mask(n)[None])):
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = call(inputs)
            loss = tf.reduce_sum(output * weight)
        results.append([output, tape.gradient(loss, inputs)])
    for mine, other in zip(*results, strict=True):
        same(mine, other)


@pytest.mark.parametrize(("n", "keys"), [(1, 40), (40, 1), (60, 150), (150, 60)])
@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
def test_cross_attention_equals_keras_with_that_mask(pattern, n, keys):
    x, value = draw((2, n, 6)), draw((2, keys, 5), 1)
    mask, value_mask = np.arange(n) < [[n], [n - 10]], np.arange(keys) < [[keys], [keys - 20]]
    theirs, ours = keras.layers.MultiHeadAttention(2, 4), SelfAttention(2, 4, pattern)
    theirs.build(x.shape, value.shape)
    ours.build(x.shape, value.shape)
    theirs.set_weights([0.3 * draw(w.shape, seed) for seed, w in enumerate(theirs.get_weights())])
    ours.set_weights(theirs.get_weights())
    allowed = pattern.mask(n, keys) & value_mask[:, None] & mask[:, :, None]
    expected = np.array(theirs(x, value, attention_mask=allowed))
    expected[~allowed.any(axis=-1)] = theirs.get_weights()[-1]  # the output's bias
    same(ours(x, value, mask=mask, value_mask=value_mask), expected)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
@pytest.mark.parametrize("compiled", [False, True])
def test_cross_attention_heeds_the_implicit_masks_of_both(tmp_path, compiled, dtype):
    ids, value_ids = keras.Input((60,), dtype="int32"), keras.Input((50,), dtype="int32")
    x, value = (
        keras.layers.Embedding(9, size, mask_zero=True, dtype=dtype)(i)
        for i, size in ((ids, 6), (value_ids, 5))
    )
    layer = SelfAttention(2, 4, PATTERNS[2], bias_initializer="ones", dtype=dtype)
    model = keras.Model([ids, value_ids], layer(x, value))
    rng = np.random.default_rng(0)
    a, b = rng.integers(1, 9, size=(2, 60)), rng.integers(1, 9, size=(2, 50))
    a[0, 40:] = 0
    b[0, 25:] = 0
    run = (lambda *x: model.predict(x, verbose=0)) if compiled else (lambda *x: model(list(x)))
    output = np.array(run(a, b), "float32")
    np.testing.assert_array_equal(output[0, 40:], 1)  # hidden queries: the output's bias
    x, value = (embed(i) for embed, i in zip(model.layers[2:4], (a, b), strict=True))
    bare_x, bare_value = np.asarray(x), np.asarray(value)  # without the implicit masks
    given = layer(bare_x, bare_value, mask=a > 0, value_mask=b > 0)
    np.testing.assert_allclose(output, np.asarray(given, "float32"), atol=1e-3)
    assert abs(output - np.asarray(layer(bare_x, bare_value), "float32")).max() > 1e-2
    np.testing.assert_array_equal(layer(x, value)._keras_mask, a > 0)  # goes on with the result
    # The padding is gone from the result, whatever stands there.
    short = np.asarray(layer(bare_x[:1, :40], bare_value[:1, :25]), "float32")
    np.testing.assert_allclose(output[:1, :40], short, atol=2e-3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded([a, b]), "float32"), model([a, b]))


def functional_model(pattern=PATTERNS[2], **config):
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 6, mask_zero=True)(ids)
    y = SelfAttention(2, 4, pattern, causal=True, **config)(x)
    return keras.Model(ids, keras.layers.Dense(3)(keras.layers.Add()([x, y])))


@pytest.mark.parametrize("pattern", [*PATTERNS, Backwards(2) | Local(1)], ids=repr)
def test_a_functional_model_takes_any_length_saves_and_loads(tmp_path, pattern):
    model = functional_model(pattern, dropout=0.1, kernel_initializer="he_normal")
    assert model.output_shape == (None, None, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for n in (3, 50):
        ids = np.random.default_rng(n).integers(0, 9, size=(2, n))
        np.testing.assert_array_equal(model(ids), loaded(ids))
    assert loaded.layers[2].pattern == pattern
    assert [layer.get_config() for layer in loaded.layers] == [
        layer.get_config() for layer in model.layers
    ]


@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
def test_an_implicit_mask_hides_the_padding(pattern):
    model = functional_model(pattern)
    ids = np.random.default_rng(0).integers(1, 9, size=(2, 60))
    ids[0, 40:] = 0
    same(model(ids)[:1, :40], model(ids[:1, :40]))


def test_masked_queries_get_the_output_bias():
    layer = SelfAttention(2, 4, Local(3) | Atrous(8), bias_initializer="ones")
    x, mask = draw((2, 60, 6)), np.arange(60) < np.array([[0], [40]])
    output = np.asarray(layer(x, mask=mask))
    assert np.isfinite(output).all()
    np.testing.assert_array_equal(output[0], 1)
    np.testing.assert_array_equal(output[1, 40:], 1)
    same(layer(x, mask=mask.astype("int32")), output)


@pytest.mark.parametrize(("dtype", "atol"), [("mixed_float16", 2e-2), ("mixed_bfloat16", 1e-1)])
@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
def test_mixed_precision_stays_near_float32(pattern, dtype, atol):
    x = draw((2, 60, 6))
    half, full = SelfAttention(2, 4, pattern, dtype=dtype), SelfAttention(2, 4, pattern)
    half.build(x.shape)
    full.build(x.shape)
    full.set_weights(half.get_weights())
    assert {w.dtype for w in half.weights} == {"float32"}
    assert half(x).dtype == half.compute_dtype
    np.testing.assert_allclose(np.asarray(half(x), "float32"), full(x), atol=atol)


def test_a_mixed_float16_training_step_is_finite():
    x, y = draw((4, 60, 6)), draw((4, 60, 6), 1)
    layers = [
        SelfAttention(2, 4, pattern, causal=True, dropout=0.1, dtype="mixed_float16")
        for pattern in PATTERNS
    ]
    model = keras.Sequential([keras.Input((60, 6)), *layers])
    model.compile(keras.optimizers.Adam(1e-2), "mse", auto_scale_loss=True)
    losses = [model.train_on_batch(x, y) for _ in range(12)]
    assert np.isfinite(losses).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("pattern", [PATTERNS[2], Local(2) & Causal() | Global(2)], ids=repr)
def test_it_trains_on_batches_of_several_lengths(pattern):
    def batches():
        for length in (50, 30, 1, 40):
            ids = np.random.default_rng(length).integers(1, 9, size=(4, length))
            ids[0, length // 2 :] = 0
            yield ids, ids % 3

    models = [functional_model(pattern) for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    traced = models[0].fit(batches(), steps_per_epoch=4, shuffle=False, verbose=0).history["loss"]
    models[1].run_eagerly = True  # every length is known
    assert models[1].fit(batches(), steps_per_epoch=4, shuffle=False, verbose=0).history[
        "loss"
    ] == pytest.approx(traced, rel=1e-5)
    for mine, other in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        same(mine, other)


@pytest.mark.parametrize("pattern", PATTERNS[:3], ids=repr)
def test_dropout_drops_in_training_and_keeps_the_mean(pattern):
    n = 150
    layer = SelfAttention(1, 1, pattern, dropout=0.5, use_bias=False)
    layer.build((None, n, 1))
    layer.set_weights([np.zeros((1, 1, 1)), np.zeros((1, 1, 1)), *[np.ones((1, 1, 1))] * 2])
    x = np.ones((200, n, 1), "float32")
    assert plan(pattern, n).path == "tiles"
    np.testing.assert_allclose(layer(x), 1, atol=1e-6)
    dropped = np.asarray(layer(x, training=True))
    # Equal weights: each output is 2 * kept / keys, whichever piece the keys are in.
    keys = pattern.pairs_per_row(n)
    kept = dropped[..., 0] * keys / 2
    np.testing.assert_allclose(kept, kept.round(), atol=1e-4)
    assert abs(dropped.mean() - 1) < 0.02
    np.testing.assert_allclose(kept.std(axis=0), np.sqrt(keys) / 2, rtol=0.3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SelfAttention(0, 4, Local(1)), ValueError, r"^num_heads must be >= 1, got 0$"),
        (lambda: SelfAttention(2, 4.0, Local(1)), TypeError, r"^key_dim must be an int, got 4.0"),
        (lambda: SelfAttention(2, 4, 64), TypeError, r"^pattern must be a Pattern, got int$"),
        (
            lambda: SelfAttention(2, 4, Local(1))(np.ones((2, 5))),
            ValueError,
            r"inputs must have shape \(batch, length, features\), got \(2, 5\)",
        ),
        (
            lambda: SelfAttention(2, 4, Local(1))(np.ones((2, 5, 3)), mask=np.ones((2, 4), bool)),
            ValueError,
            r"key_mask must have shape \(batch, keys\), got \(2, 4\)",
        ),
        (
            lambda: SelfAttention(2, 4, Local(1))(np.ones((2, 5, 3)), mask=np.ones((2, 5))),
            TypeError,
            r"mask must be boolean \(True = may attend\) or 0/1 integers, got dtype float32",
        ),
        (
            lambda: SelfAttention(2, 4, Local(1))(np.ones((2, 5, 3)), np.ones((2, 5))),
            ValueError,
            r"value must have shape \(batch, length, features\), got \(2, 5\)",
        ),
        (
            lambda: SelfAttention(2, 4, Local(1))(
                np.ones((2, 5, 3)), value_mask=np.ones((2, 5), bool)
            ),
            ValueError,
            r"value_mask was given without value; the mask of inputs is `mask`",
        ),
        (
            lambda: SelfAttention(2, 4, Local(1), dropout=1.5),
            ValueError,
            r"^dropout must be in 0..1, got 1.5$",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
