import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from keras import layers

from thrifty.layers import (
    AlignedBidirectional,
    AttentionPooling,
    MaskedMaxPooling,
    MaskedMeanPooling,
    TiedOutput,
)
from thrifty.masking import padding_invariant

POOLINGS = [MaskedMeanPooling, MaskedMaxPooling, AttentionPooling]
LAYERS = {
    **{kind.__name__: kind for kind in POOLINGS},
    "AlignedBidirectional": lambda **options: AlignedBidirectional(
        layers.GRU(3, bias_initializer="normal", **options)
    ),
    "AlignedBidirectional, sequences": lambda **options: AlignedBidirectional(
        layers.LSTM(3, return_sequences=True, bias_initializer="normal", **options)
    ),
}


def draw(shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def real(lengths, n, side=1):
    return (np.arange(n) < np.asarray(lengths)[:, None])[:, ::side]


def same(found, expected, atol=1e-6):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=atol)


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "mixed_float16"])
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
# In each of 30 cases, and without the search for a smaller example: recurrent layers are slow
# outside a graph.
@settings(max_examples=4, phases=[Phase.generate])
@given(
    lengths=st.lists(st.integers(0, 5), min_size=2, max_size=3).filter(lambda all: 0 < max(all)),
    side=st.sampled_from([1, -1]),
    seed=st.integers(0, 99),
)
def test_padding_never_changes_the_output(make, dtype, graph, lengths, side, seed):
    # One layer and one graph a case, not one an example: making them is what takes the time.
    layer, call = _made(make, dtype, graph)
    mask = real(lengths, 6, side)
    features = draw((len(lengths), 6, 4), seed, "float16" if dtype == "float16" else "float32")
    assert padding_invariant(call, features, mask=mask, pad=7.0, extra=2).ok
    output = np.asarray(call(features, mask=mask))
    assert output.dtype == layer.compute_dtype and np.isfinite(output).all()


def _made(make, dtype, graph, made={}):  # noqa: B006
    key = make, dtype, graph
    if key not in made:
        keras.utils.set_random_seed(0)
        layer = make(dtype=dtype)
        layer(draw((1, 2, 4)))
        kind = "float16" if dtype == "float16" else "float32"
        signature = [tf.TensorSpec((None, None, 4), kind), tf.TensorSpec((None, None), "bool")]
        compiled = tf.function(lambda x, mask: layer(x, mask=mask), input_signature=signature)
        made[key] = layer, (lambda x, mask: compiled(x, mask)) if graph else layer
    return made[key]


# --- pooling -------------------------------------------------------------------------------------


def test_pooling_equals_a_loop_over_the_real_positions():
    x, mask = draw((4, 6, 3)), real([6, 4, 1, 0], 6)
    attend = AttentionPooling()
    attend.build(x.shape)
    (kernel,) = attend.get_weights()

    def softmax_mean(rows):
        weights = np.exp(rows @ kernel)
        return weights @ rows / weights.sum()

    for layer, function in (
        (MaskedMeanPooling(), lambda rows: rows.mean(axis=0)),
        (MaskedMaxPooling(), lambda rows: rows.max(axis=0)),
        (attend, softmax_mean),
    ):
        expected = [function(row[kept]) for row, kept in zip(x[:3], mask, strict=False)]
        same(layer(x, mask=mask), [*expected, np.zeros(3)])


@pytest.mark.parametrize("kind", POOLINGS)
def test_without_a_mask_every_position_is_real(kind):
    x, layer = draw((2, 5, 3)), kind(name="pool")
    same(layer(x), layer(x, mask=np.ones((2, 5), bool)))
    if kind is not AttentionPooling:
        name = {MaskedMeanPooling: "GlobalAveragePooling1D", MaskedMaxPooling: "GlobalMaxPooling1D"}
        same(layer(x), getattr(layers, name[kind])()(x))


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling_takes_the_implicit_mask_and_leaves_none(kind):
    ids = np.array([[1, 2, 3], [4, 0, 0], [0, 0, 0]])
    x, layer = layers.Embedding(9, 4, mask_zero=True)(ids), kind()
    pooled = layer(x)
    same(pooled, layer(np.asarray(x), mask=ids != 0))
    assert getattr(pooled, "_keras_mask", None) is None
    same(pooled[2], np.zeros(4))


@pytest.mark.parametrize("kind", POOLINGS)
def test_what_is_masked_may_be_anything(kind):
    x, mask, layer = draw((2, 4, 3)), real([2, 4], 4), kind()
    expected = layer(x, mask=mask)
    for junk in (np.nan, np.inf, -np.inf, 3e38):
        same(layer(np.where(mask[..., None], x, np.float32(junk)), mask=mask), expected)


@pytest.mark.parametrize("kind", POOLINGS)
def test_gradients_are_finite_and_zero_at_the_padding(kind):
    x, mask, layer = tf.constant(draw((3, 4, 3))), real([2, 4, 0], 4), kind()
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x, mask=mask) ** 2)
    gradient = tape.gradient(total, x).numpy()
    assert np.isfinite(gradient).all() and not gradient[~mask].any() and gradient[:2].any()


@pytest.mark.parametrize("kind", POOLINGS)
def test_float16_does_not_overflow(kind):
    x = np.full((1, 300, 2), 60000, "float16")  # their sum is far beyond 65504
    same(kind(dtype="float16")(x, mask=real([200], 300)), np.full((1, 2), 60000), atol=40)


# --- aligned bidirectional -----------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1], ids=["padding behind", "padding in front"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_aligned_equals_keras_where_keras_gets_the_mask(kind, sequences, side):
    x, mask = draw((4, 7, 5)), real([7, 4, 1, 0], 7, side)
    theirs = layers.Bidirectional(kind(3, return_sequences=sequences))
    ours = AlignedBidirectional(kind(3, return_sequences=sequences))
    theirs.build(x.shape)
    ours.build(x.shape)
    # Random biases: with zeros, a state that runs through zero padding stays zero.
    theirs.set_weights([draw(w.shape, seed) for seed, w in enumerate(theirs.get_weights())])
    ours.set_weights(theirs.get_weights())
    at = mask if sequences else slice(None)
    expected = np.asarray(theirs(x, mask=mask))[at]
    same(np.asarray(ours(x, mask=mask))[at], expected)
    assert np.abs(np.asarray(theirs(x))[at] - expected).max() > 0.1  # without the mask it is wrong
    if sequences:
        assert not np.asarray(ours(x, mask=mask))[~mask].any()


def test_aligned_passes_the_mask_on_with_sequences_only():
    x = layers.Embedding(9, 4, mask_zero=True)(np.array([[1, 2, 0]]))
    kept = AlignedBidirectional(layers.GRU(3, return_sequences=True))(x)
    same(kept._keras_mask, [[True, True, False]])
    assert getattr(AlignedBidirectional(layers.GRU(3))(x), "_keras_mask", None) is None


def test_aligned_takes_the_number_format_of_its_layer_or_its_own():
    x, inner = draw((1, 3, 4)), layers.GRU(2, dtype="float16")
    assert AlignedBidirectional(inner)(x).dtype == "float16"
    assert AlignedBidirectional(inner, dtype="float32")(x).dtype == "float32"


@pytest.mark.parametrize(
    "layer, error, words",
    [
        (layers.Dense(3), TypeError, "recurrent"),
        (3, TypeError, "got int"),
        (layers.LSTM(3, return_state=True), ValueError, "return_state=False"),
        (layers.LSTM(3, go_backwards=True), ValueError, "go_backwards=False"),
        (layers.LSTM(3, stateful=True), ValueError, "stateful=False"),
    ],
)
def test_aligned_refuses_what_it_cannot_turn_round(layer, error, words):
    with pytest.raises(error, match=words):
        AlignedBidirectional(layer)


# --- tied output ---------------------------------------------------------------------------------


def test_tied_output_equals_keras_reversible_embedding():
    ids = np.array([[1, 2, 3]])
    embedding = layers.Embedding(8, 5)
    ours = keras.Sequential([embedding, TiedOutput(embedding, use_bias=False)])
    theirs = layers.ReversibleEmbedding(8, 5)
    ours.build((None, None))
    theirs.build()
    theirs.set_weights(embedding.get_weights())
    same(ours(ids), theirs(theirs(ids), reverse=True))
    assert ours.count_params() == theirs.count_params() == 40
    biased = keras.Sequential([embedding, TiedOutput(embedding)])
    biased.build((None, None))
    assert biased.count_params() == 48


def test_the_tie_is_live_and_both_uses_train_the_table():
    embedding = layers.Embedding(8, 5)
    tied, x = TiedOutput(embedding, use_bias=False), draw((1, 2, 5))
    before = np.asarray(tied(x))
    embedding.set_weights([2 * embedding.get_weights()[0]])
    same(tied(x), 2 * before)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tied(x))
    gradient = tape.gradient(total, embedding.embeddings.value)
    same(gradient, np.broadcast_to(x.sum(axis=(0, 1)), (8, 5)))


def test_tied_output_passes_the_mask_on():
    embedding = layers.Embedding(8, 5, mask_zero=True)
    found = keras.Sequential([embedding, TiedOutput(embedding)])(np.array([[1, 2, 0]]))
    same(found._keras_mask, [[True, True, False]])


def test_tied_output_stays_tied_after_saving_but_not_after_cloning(tmp_path):
    ids, embedding = np.array([[1, 2, 0]]), layers.Embedding(8, 5)
    model = keras.Sequential([embedding, layers.Dense(5), TiedOutput(embedding)])
    expected = model(ids)
    model.layers[-1].set_weights([draw(w.shape) for w in model.layers[-1].get_weights()])
    expected = model(ids)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    same(loaded(ids), expected)
    assert loaded.layers[-1].embedding is loaded.layers[0]
    assert loaded.count_params() == model.count_params()
    cloned = keras.models.clone_model(model)
    assert cloned.layers[-1].embedding is not cloned.layers[0]  # as its docstring says


def test_tied_output_refuses_what_does_not_fit():
    with pytest.raises(TypeError, match="Embedding, got Dense"):
        TiedOutput(layers.Dense(3))
    with pytest.raises(ValueError, match="features as the embedding, 5"):
        TiedOutput(layers.Embedding(8, 5))(draw((1, 2, 4)))


# --- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_they_save_and_load_in_a_model_of_any_length(tmp_path, make):
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    model = keras.Model(inputs, make()(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for n in (3, 5):
        ids = np.random.default_rng(n).integers(0, 9, size=(2, n))
        np.testing.assert_array_equal(model(ids), loaded(ids))
        same(loaded.predict(ids, verbose=0), model(ids))
    assert [layer.get_config() for layer in loaded.layers] == [
        layer.get_config() for layer in model.layers
    ]
    assert model.output_shape[1:] == tuple(model(ids).shape)[1:] or model.output_shape[1] is None


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_shapes_and_masks_that_do_not_fit_are_refused(make):
    x = draw((2, 3, 4))
    with pytest.raises(ValueError, match="batch, length, features"):
        make()(x[0])
    for mask, error, words in (
        (np.ones((2, 4), bool), ValueError, "mask must have shape"),
        (np.ones((1, 3), bool), ValueError, "mask must have shape"),
        (np.ones((2, 3, 1), bool), ValueError, "2 axes"),
        (np.ones((2, 3), "float32"), TypeError, "boolean"),
    ):
        with pytest.raises(error, match=words):
            make()(x, mask=mask)
