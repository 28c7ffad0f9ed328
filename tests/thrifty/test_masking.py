import keras
import numpy as np
import pytest
from keras import layers, ops

from thrifty.layers import AlignedBidirectional, AttentionPooling, MaskedMeanPooling
from thrifty.masking import mask_behaviour, padding_invariant, trace

# Keras warns of some of the layers tested here, while a Functional model is built.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not support masking")
IDS = np.array([[5, 3, 7, 2, 1], [2, 4, 0, 0, 0], [1, 0, 0, 0, 0]])
REAL = IDS != 0


class Double(layers.Layer):
    def call(self, inputs):
        return inputs * 2


class KeepingDouble(Double):
    def __init__(self):
        super().__init__()
        self.supports_masking = True


class MaskedDouble(KeepingDouble):
    def call(self, inputs, mask=None):
        return ops.where(mask[..., None], inputs * 2, 0.0) if mask is not None else inputs * 2


class TakesMask(layers.Layer):
    def call(self, inputs, mask=None):
        return ops.where(mask[..., None], inputs, 0.0) if mask is not None else inputs


def joined(layer, inputs=lambda x: [x, x]):
    return lambda x: layer(inputs(x))


def one_of_two(x):
    return [x, ops.copy(x)]


def twice(layer, **options):
    return lambda x: layer(x, x, **options)


ids, ones = np.array([[1, 2, 0], [3, 0, 0]]), np.ones((3, 4), "float32")
zeros_padded = np.where(ids[..., None] > 0, 1.5, 0).astype("float32")
norm, reversible = layers.BatchNormalization(), layers.ReversibleEmbedding(9, 4)
reversible.build()
MERGING = (layers.Add, layers.Subtract, layers.Average, layers.Maximum, layers.Minimum)

# Found by running Keras 3.15. A release that changes an entry turns the test red: then the
# chapter's table and `thrifty._remedies` have to follow.
BEHAVIOUR = {
    "makes a mask": {
        "Embedding(mask_zero=True)": (layers.Embedding(9, 4, mask_zero=True), ids),
        "ReversibleEmbedding(mask_zero=True)": (
            layers.ReversibleEmbedding(9, 4, mask_zero=True),
            ids,
        ),
        "Masking": (layers.Masking(), zeros_padded),
    },
    "passes on": {
        "Dense": layers.Dense(3),
        "Dropout": layers.Dropout(0.5),
        "SpatialDropout1D": layers.SpatialDropout1D(0.5),
        "GaussianNoise": layers.GaussianNoise(1.0),
        "LayerNormalization": layers.LayerNormalization(),
        "GroupNormalization": layers.GroupNormalization(2),
        "UnitNormalization": layers.UnitNormalization(),
        "BatchNormalization, inference": norm,
        "Activation": layers.Activation("tanh"),
        "ReLU": layers.ReLU(),
        "Identity": layers.Identity(),
        "Rescaling": layers.Rescaling(2.0),
        "TimeDistributed": layers.TimeDistributed(layers.Dense(3)),
        "Concatenate, axis 1": joined(layers.Concatenate(axis=1)),
        "Concatenate, axis -1": joined(layers.Concatenate(axis=-1)),
        "Concatenate, axis 1, one input masked": joined(layers.Concatenate(axis=1), one_of_two),
        "Concatenate, axis -1, one input masked": joined(layers.Concatenate(axis=-1), one_of_two),
        "own layer, supports_masking": KeepingDouble(),
        **{merging.__name__: joined(merging()) for merging in MERGING},
    },
    "uses and passes on": {
        "BatchNormalization, training": lambda x: norm(x, training=True),
        "LSTM, sequences": layers.LSTM(3, return_sequences=True),
        "GRU, sequences": layers.GRU(3, return_sequences=True),
        "Bidirectional, sequences": layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        "Attention": joined(layers.Attention()),
        "AdditiveAttention": joined(layers.AdditiveAttention()),
        "MultiHeadAttention": twice(layers.MultiHeadAttention(2, 3)),
        "GroupQueryAttention": twice(layers.GroupQueryAttention(3, 2, 1)),
        "Multiply": joined(layers.Multiply()),
        "own layer, supports_masking and mask=": MaskedDouble(),
        "thrifty AlignedBidirectional": AlignedBidirectional(layers.GRU(3, return_sequences=True)),
    },
    "uses and drops": {
        "LSTM": layers.LSTM(3),
        "GRU": layers.GRU(3),
        "SimpleRNN": layers.SimpleRNN(3),
        "Bidirectional": layers.Bidirectional(layers.LSTM(3)),
        "GlobalAveragePooling1D": layers.GlobalAveragePooling1D(),
        "Multiply, one input masked": joined(layers.Multiply(), one_of_two),
        "own layer, mask= only": TakesMask(),
        "thrifty MaskedMeanPooling": MaskedMeanPooling(),
        "thrifty AttentionPooling": AttentionPooling(),
    },
    "ignores and drops": {
        "EinsumDense": layers.EinsumDense("btd,de->bte", (None, 5)),
        "RMSNormalization": layers.RMSNormalization(),
        "Conv1D": layers.Conv1D(3, 3),
        "SeparableConv1D": layers.SeparableConv1D(3, 3),
        "DepthwiseConv1D": layers.DepthwiseConv1D(3),
        "Conv1DTranspose": layers.Conv1DTranspose(3, 3),
        "MaxPooling1D": layers.MaxPooling1D(2),
        "AveragePooling1D": layers.AveragePooling1D(2),
        "GlobalMaxPooling1D": layers.GlobalMaxPooling1D(),
        "Flatten": layers.Flatten(),
        "Reshape": layers.Reshape((6, 4)),
        "Permute": layers.Permute((2, 1)),
        "RepeatVector": (layers.RepeatVector(2), ones, ones > 0),
        "UpSampling1D": layers.UpSampling1D(2),
        "ZeroPadding1D": layers.ZeroPadding1D(1),
        "Cropping1D": layers.Cropping1D(1),
        "Dot": joined(layers.Dot(axes=2)),
        "Lambda": layers.Lambda(lambda x: x + 1),
        "ReversibleEmbedding, reverse": lambda x: reversible(x, reverse=True),
        "own layer": Double(),
        "x[:, 1:]": lambda x: x[:, 1:],
        "x + x": lambda x: x + x,
        "ops.mean": lambda x: ops.mean(x, axis=1),
        "ops.concatenate": lambda x: ops.concatenate([x, x], axis=1),
        "ops.where": lambda x: ops.where(x > 0, x, x),
        **{
            f"{merging.__name__}, one input masked": joined(merging(), one_of_two)
            for merging in MERGING
        },
    },
    "gets no mask": {"Embedding": (layers.Embedding(9, 4), ids)},
    "error": {"Softmax": layers.Softmax()},  # takes the mask of the positions for its own
}
CASES = [
    pytest.param(case, verdict, id=name)
    for verdict, cases in BEHAVIOUR.items()
    for name, case in cases.items()
]


@pytest.mark.parametrize("case, verdict", CASES)
def test_what_keras_layers_do_with_a_mask(case, verdict):
    assert mask_behaviour(*(case if isinstance(case, tuple) else (case,))) == verdict


def test_softmax_takes_a_mask_of_the_shape_of_its_input():
    x, mask = np.ones((1, 2, 3), "float32"), np.array([[[True, True, False], [False] * 3]])
    found = layers.Softmax()(x, mask=mask)
    np.testing.assert_allclose(found, [[[0.5, 0.5, 0], [0, 0, 0]]])


def test_multi_head_attention_takes_the_mask_off_its_input():
    x = layers.Embedding(9, 4, mask_zero=True)(IDS)
    layers.MultiHeadAttention(1, 3)(x, x)
    assert getattr(x, "_keras_mask", None) is None
    x = layers.Embedding(9, 4, mask_zero=True)(IDS)
    layers.GroupQueryAttention(3, 2, 1)(x, x)
    assert x._keras_mask is not None


# --- the mask in loss and metrics ----------------------------------------------------------------


def test_where_fit_leaves_the_padding_out():
    rng = np.random.default_rng(8)
    x = (rng.normal(size=(3, 5, 4)) * REAL[..., None]).astype("float32")
    y = (rng.random((3, 5, 1)) > 0.4).astype("float32")
    inputs = keras.Input((None, 4))
    outputs = layers.Dense(1, activation="sigmoid", bias_initializer="ones")
    model = keras.Model(inputs, outputs(layers.Masking()(inputs)))
    kinds = {
        "MeanSquaredError": "masked",
        "MeanAbsoluteError": "masked",
        "BinaryAccuracy": "masked",
        "Precision": "counts the padding",
        "AUC": "counts the padding",
        "RootMeanSquaredError": "counts the padding",
    }
    made = [[getattr(keras.metrics, kind)(name=p + kind) for kind in kinds] for p in ("", "w_")]
    model.compile("sgd", loss="mse", metrics=made[0], weighted_metrics=made[1])
    found = model.evaluate(x, y, return_dict=True, verbose=0)
    predicted = model.predict(x, verbose=0)

    def direct(kind, kept):
        metric = getattr(keras.metrics, kind)()
        metric.update_state(y[kept], predicted[kept])
        return pytest.approx(float(metric.result()), rel=1e-4)

    for kind, what in kinds.items():
        masked, everything = direct(kind, REAL), direct(kind, np.ones_like(REAL))
        assert masked != everything.expected, kind  # else the case shows nothing
        expected = masked if what == "masked" else everything
        assert found[kind] == expected and found[f"w_{kind}"] == expected, kind
    assert found["loss"] == direct("MeanSquaredError", REAL)

    # The loss of each batch is a mean over its real positions, that of several batches a mean of
    # these means by samples: it depends on which samples share a batch.
    each = [direct("MeanSquaredError", (REAL.T * (np.arange(3) == i)).T).expected for i in range(3)]
    alone = model.evaluate(x, y, batch_size=1, return_dict=True, verbose=0)
    assert alone["loss"] == pytest.approx(np.mean(each), rel=1e-4)
    assert alone["loss"] != pytest.approx(found["loss"], rel=1e-2)
    assert alone["MeanSquaredError"] == pytest.approx(found["MeanSquaredError"], rel=1e-4)


# --- padding invariance --------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
def test_padding_invariant_tells_right_from_wrong(side):
    batch = IDS[:, ::side]
    for function, ok in (
        (lambda ids: ids.sum(axis=1), True),
        (lambda ids: ids.mean(axis=1), False),
        (lambda ids: ids * 2, True),
        (lambda ids: ids - ids.mean(axis=1, keepdims=True), False),
        (lambda ids: (ids, ids.sum(axis=1)), True),
    ):
        found = padding_invariant(function, batch)
        assert found.ok == bool(found) == ok and (found.largest > 1e-3) != ok


def test_padding_invariant_of_features_with_a_mask():
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    good = layers.GlobalAveragePooling1D()
    assert padding_invariant(good, x, mask=REAL).ok
    assert not padding_invariant(lambda x, mask: good(x), x, mask=REAL).ok
    assert padding_invariant(lambda b, mask: good(b["x"], mask=mask), {"x": x}, mask=REAL).ok


def test_a_result_that_is_not_a_number_does_not_pass():
    x = np.zeros((2, 3, 1), "float32")
    mask = np.array([[True, True, True], [False, False, False]])
    assert not padding_invariant(layers.GlobalAveragePooling1D(), x, mask=mask).ok
    assert padding_invariant(MaskedMeanPooling(), x, mask=mask).ok


def test_the_difference_is_the_largest_one():
    found = padding_invariant(lambda ids: ids.mean(axis=1), IDS, extra=4)
    mean_alone, mean_padded = IDS.sum(1) / REAL.sum(1), IDS.sum(1) / 9
    assert found.largest == pytest.approx(np.abs(mean_alone - mean_padded).max())
    assert (found.sample, found.extra) == (np.abs(mean_alone - mean_padded).argmax(), 4)
    assert f"sample {found.sample}" in str(found)


# --- trace ---------------------------------------------------------------------------------------


def tokens(build, n=None):
    inputs = keras.Input((n,), dtype="int32")
    return keras.Model(inputs, build(layers.Embedding(9, 4, mask_zero=True, name="tokens")(inputs)))


def pooled(x):
    return layers.GlobalAveragePooling1D(name="pool")(x)


class Attends(layers.Layer):
    """Attention and a residual, which is right; with `slip` also a mean of its own."""

    def __init__(self, slip=False, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.attend, self.out, self.slip = layers.MultiHeadAttention(1, 3), layers.Dense(4), slip

    def call(self, x, mask=None):
        y = self.out(x + self.attend(x, x))
        return y - ops.mean(y, axis=1, keepdims=True) if self.slip else y


class Written(keras.Model):
    """A subclassed model that pools in its own code."""

    def __init__(self, right):
        super().__init__()
        self.tokens, self.dense = layers.Embedding(9, 4, mask_zero=True), layers.Dense(4)
        self.right = right

    def call(self, ids):
        x = self.dense(self.tokens(ids))
        real = ops.cast(ids != 0, "float32")[..., None] if self.right else ops.ones_like(x)
        return ops.sum(x * real, axis=1) / ops.sum(real, axis=1)


class Shifted(Written):
    """Computes with plain operations between its layers."""

    def call(self, ids):
        return pooled(self.dense(self.tokens(ids)) + 1)


def two_attentions(x):
    return layers.Add()([pooled_by_us(layers.MultiHeadAttention(1, 3)(x, x)) for _ in range(2)])


def pooled_by_us(x):
    return MaskedMeanPooling()(x)


BROKEN = {
    "convolution": (lambda: tokens(lambda x: pooled(layers.Conv1D(4, 3)(x))), "Conv1D"),
    "causal convolution": (
        lambda: tokens(lambda x: pooled(layers.Conv1D(4, 2, padding="causal")(x))),
        "Conv1D",
    ),
    "maximum": (
        lambda: tokens(lambda x: layers.GlobalMaxPooling1D()(layers.Dense(4)(x))),
        "GlobalMaxPooling1D",
    ),
    "slice": (lambda: tokens(lambda x: pooled(x[:, 1:])), "GetItem"),
    "mean": (lambda: tokens(lambda x: ops.mean(x, axis=1)), "Mean"),
    "own layer": (lambda: tokens(lambda x: layers.LSTM(3)(Double()(x))), "Double"),
    "lambda": (lambda: tokens(lambda x: pooled(layers.Lambda(lambda x: x + 1)(x))), "Lambda"),
    "flatten": (lambda: tokens(lambda x: layers.Dense(2)(layers.Flatten()(x)), n=5), "Flatten"),
    "fixed length": (lambda: tokens(lambda x: pooled(Double()(x)), n=5), "Double"),
    "one input unmasked": (
        lambda: tokens(lambda x: pooled(layers.Add()([x, Double()(x)]))),
        "Double",
    ),
    "second attention": (lambda: tokens(two_attentions), "MultiHeadAttention"),
    "own block": (lambda: tokens(lambda x: Attends(slip=True)(x)), "Attends"),
    "own model": (lambda: Written(right=False), "operations"),
    "operation in own model": (lambda: Shifted(right=False), "operations"),
    "nested model": (
        lambda: keras.Sequential([tokens(lambda x: layers.EinsumDense("btd,de->bte", (None, 3))(x)),
                                  layers.GRU(3)]),
        "EinsumDense",
    ),
    "no mask at all": (
        lambda: keras.Sequential([layers.Embedding(9, 4), layers.GlobalAveragePooling1D()]),
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("build, kind", BROKEN.values(), ids=BROKEN)
def test_trace_finds_where_the_mask_died(build, kind):
    found = trace(build(), IDS)
    assert found.ok is False and found.changed in found.rows
    if kind is None:
        assert found.lost is None and "no mask was ever made" in found.sentence
    else:
        assert found.lost.kind == kind and f"({kind})" in found.sentence
        assert found.lost.name in str(found)


RIGHT = {
    "average": lambda: tokens(lambda x: pooled(layers.Dense(4)(x))),
    "recurrent": lambda: tokens(lambda x: layers.Bidirectional(layers.LSTM(3))(x)),
    "sequences": lambda: tokens(lambda x: layers.GRU(3, return_sequences=True)(x)),
    "attention": lambda: tokens(lambda x: pooled(Attends()(x))),
    "ours": lambda: tokens(
        lambda x: AttentionPooling()(AlignedBidirectional(layers.GRU(3, return_sequences=True))(x))
    ),
    "fixed length": lambda: tokens(lambda x: pooled(layers.LSTM(3, return_sequences=True)(x)), n=5),
    "own model": lambda: Written(right=True),
    "nested model": lambda: keras.Sequential([tokens(layers.Dense(3)), layers.LSTM(2)]),
}


@pytest.mark.parametrize("build", RIGHT.values(), ids=RIGHT)
def test_trace_is_silent_on_right_models(build):
    found = trace(build(), IDS)
    assert found.ok is True and found.changed is None
    assert found.sentence == "The output does not depend on the padding."
    assert all(row.unchanged for row in found)


def test_an_output_without_mask_is_told():
    found = trace(tokens(lambda x: layers.Dense(3)(Double()(x))), IDS)
    assert found.ok and not found.output_masked and found.lost.kind == "Double"
    assert "loss and metrics count the padding" in found.sentence
    assert trace(tokens(layers.Dense(3)), IDS).output_masked


def test_trace_of_features_with_a_mask_and_padding_in_front():
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    for side in (1, -1):
        for last, ok in ((layers.GlobalAveragePooling1D(), True), (layers.GRU(2), True),
                         (layers.GlobalMaxPooling1D(), False)):  # fmt: skip
            model = keras.Sequential([layers.Dense(3), last])
            assert trace(model, x[:, ::side], mask=REAL[:, ::side]).ok is ok


def test_trace_knows_masks_that_are_given_as_arguments():
    def model(ids):
        return MaskedMeanPooling()(Double()(ops.one_hot(ids, 9)), ids != 0)

    found = trace(model, IDS)
    assert found.ok and found.rows[-1].mask_in == "argument"
    assert found.rows[-1].verdict == "uses and drops"


class WithoutFirst(KeepingDouble):
    def call(self, inputs):
        return inputs[:, 1:]

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, 1:]


def test_operations_on_the_mask_are_no_layers():
    model = tokens(lambda x: layers.GlobalMaxPooling1D()(MaskedDouble()(WithoutFirst()(x))))
    found = trace(model, IDS)
    kinds = ["Embedding", "WithoutFirst", "MaskedDouble", "GlobalMaxPooling1D"]
    assert [row.kind for row in found] == kinds
    assert found.lost.kind == "GlobalMaxPooling1D"


def test_rows_are_plain_data_and_their_inputs_point_back():
    found = trace(tokens(lambda x: layers.Add()([layers.Dense(4)(x), x])), IDS)
    data = found.to_dict()
    assert [row["kind"] for row in data["rows"]] == ["Embedding", "Dense", "Add"]
    assert [row["inputs"] for row in data["rows"]] == [(), (0,), (0, 1)]
    assert len(found) == 3 and str(found).splitlines()[0].startswith("layer")


def test_keras_is_as_before_after_a_trace():
    before = keras.layers.Layer.__call__, keras.Operation.__call__
    trace(tokens(pooled), IDS)
    with pytest.raises(ZeroDivisionError):
        trace(lambda ids: 1 / 0, IDS)
    assert (keras.layers.Layer.__call__, keras.Operation.__call__) == before


@pytest.mark.parametrize(
    "batch, options, error, words",
    [
        (IDS[:1], {}, ValueError, "no padding"),
        (IDS * 0, {}, ValueError, "no real position"),
        (np.array([[1, 0, 1]]), {}, ValueError, "both sides"),
        (np.array([[0, 1], [1, 0]]), {}, ValueError, "of every sample"),
        (IDS[0], {}, ValueError, "shape"),
        ([IDS, IDS[:, :2]], {}, ValueError, "one n"),
        (IDS, {"mask": REAL.astype(int)}, TypeError, "boolean"),
        (IDS, {"mask": REAL[:2]}, ValueError, "mask must have shape"),
        (IDS, {"extra": 1.5}, TypeError, "extra"),
        (IDS, {"extra": -1}, ValueError, "extra"),
    ],
)
def test_bad_input_is_told(batch, options, error, words):
    for function in (trace, padding_invariant):
        with pytest.raises(error, match=words):
            function(lambda x, mask=None: x, batch, **options)


def test_what_cannot_be_checked_is_told():
    with pytest.raises(ValueError, match="no call of a Keras layer"):
        trace(lambda ids: ids, IDS)
    with pytest.raises(ValueError, match="every length"):
        padding_invariant(tokens(pooled, n=5), IDS)
    doubled = tokens(lambda x: layers.Concatenate(axis=1)([x, x]))
    assert trace(doubled, IDS).ok is None
    with pytest.raises(ValueError, match="which positions"):
        padding_invariant(doubled, IDS)
