import collections
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from thrifty.tracking import HIDDEN, MADE_IN_CALL, untracked

X = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
SEQUENCES = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")
IMAGES = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
VOLUMES = np.random.default_rng(0).normal(size=(2, 4, 4, 4, 3)).astype("float32")


@dataclasses.dataclass
class Box:
    content: object


class Keeper(layers.Layer):
    """Runs a layer that it keeps in a way: `put` makes what is kept, `take` finds the layer."""

    def __init__(self, layer, put, take, **kwargs):
        super().__init__(**kwargs)
        self.kept = put(layer)
        self._take = take

    def call(self, inputs):
        return self._take(self.kept)(inputs)


SEEN = {
    "attribute": (lambda layer: layer, lambda kept: kept),
    "list": (lambda layer: [None, layer], lambda kept: kept[1]),
    "tuple": (lambda layer: (layer,), lambda kept: kept[0]),
    "dict": (lambda layer: {"a": layer}, lambda kept: kept["a"]),
    "set": (lambda layer: {layer}, lambda kept: next(iter(kept))),
    "list in a dict": (lambda layer: {"a": [layer]}, lambda kept: kept["a"][0]),
    "named tuple": (collections.namedtuple("Pair", ["a"]), lambda kept: kept.a),
    "ordered dict": (lambda layer: collections.OrderedDict(a=layer), lambda kept: kept["a"]),
}
UNSEEN = {
    "data class": (Box, lambda kept: kept.content),
    "closure": (lambda layer: lambda: layer, lambda kept: kept()),
    "deque": (lambda layer: collections.deque([layer]), lambda kept: kept[0]),
    "key of a dict": (lambda layer: {layer: 0}, lambda kept: next(iter(kept))),
    "data class in a list": (lambda layer: [Box(layer)], lambda kept: kept[0].content),
}


class Anonymous(layers.Layer):
    def __init__(self, inner="stray", **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs):
        return layers.Dense(4, name=self.inner)(inputs)


class FromTheClass(layers.Layer):
    inner = layers.Dense(4, name="stray")

    def call(self, inputs):
        return self.inner(inputs)


# --- single cases --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", SEEN)
def test_where_keras_looks(way):
    layer = Keeper(layers.Dense(4), *SEEN[way])
    found = untracked(layer, X)
    assert found.ok and len(found) == 0 and found.changed is None
    assert str(found) == "All weights that run belong to the model."
    assert len(layer.weights) == 2


@pytest.mark.parametrize("way", UNSEEN)
def test_where_keras_does_not_look(way):
    layer = Keeper(layers.Dense(4, name="stray"), *UNSEEN[way], name="keeper")
    found = untracked(keras.Sequential([layer]), X)
    assert [(s.place, s.name, s.kind, s.parameters, s.why) for s in found] == [
        ("keeper", "stray", "Dense", 20, HIDDEN)
    ]
    assert not found.ok and found.changed is None
    assert len(layer.weights) == 0


def test_a_layer_of_the_class():
    assert [s.name for s in untracked(FromTheClass(), X)] == ["stray"]


def test_made_in_every_call():
    found = untracked(keras.Sequential([layers.Dense(4), Anonymous(name="a")]), X)
    assert [(s.place, s.name, s.why) for s in found] == [("a", "stray", MADE_IN_CALL)]
    assert found.changed == "a/stray"
    assert "another in every call" in found.sentence


def test_made_in_the_first_call_and_kept():
    made = collections.deque()

    class Late(layers.Layer):
        def call(self, inputs):
            if not made:
                made.append(layers.Dense(4, name="stray"))
            return made[0](inputs)

    assert [(s.name, s.why) for s in untracked(Late(), X)] == [("stray", HIDDEN)]


def test_a_stray_with_layers_inside_is_told_once():
    block = keras.Sequential([layers.Dense(4), layers.Dense(4)], name="block")
    found = untracked(Keeper(block, *UNSEEN["closure"]), X)
    assert [(s.name, s.parameters) for s in found] == [("block", 40)]


def test_only_missing_weights_count():
    table = layers.Embedding(5, 4)
    from thrifty.layers import TiedOutput

    output = TiedOutput(table, name="tied")
    model = keras.Sequential([table, Keeper(output, *UNSEEN["closure"])])
    assert [(s.name, s.parameters) for s in untracked(model, np.array([[1, 2]]))] == [("tied", 5)]


@pytest.mark.parametrize("wrap", [lambda v: v, Box], ids=["attribute", "data class"])
def test_variables_of_tensorflow(wrap):
    variable = tf.Variable(np.eye(4, dtype="float32"), name="stray")
    layer = Keeper(wrap(variable), lambda v: v, lambda v: lambda x: x @ getattr(v, "content", v))
    assert [(s.name, s.parameters, s.kind) for s in untracked(layer, X)] == [
        ("stray", 16, "Variable")
    ]


def test_variables_of_keras():
    variable = keras.Variable(np.eye(4, dtype="float32"), name="w")
    seen = Keeper(variable, *(lambda v: v, lambda v: lambda x: x @ v))
    unseen = Keeper(variable, *(Box, lambda box: lambda x: x @ box.content))
    assert untracked(seen, X).ok
    assert [s.parameters for s in untracked(unseen, X)] == [16]


@pytest.mark.parametrize("wrap", [tf.function, lambda layer: layer.__call__])
def test_calls_that_cannot_be_seen(wrap):
    hidden = layers.Dense(4, name="stray")
    function = wrap(hidden)
    function(X)
    found = untracked(Keeper(function, *UNSEEN["closure"]), X)
    assert sorted(s.name for s in found) == ["stray/bias", "stray/kernel"]


def test_inside_the_loops_of_keras():
    class Cell(layers.Layer):
        state_size = 4

        def call(self, inputs, states):
            out = layers.Dense(4, name="stray")(inputs) + states[0]
            return out, [out]

    found = untracked(layers.RNN(Cell(name="cell"), name="rnn"), SEQUENCES)
    assert {(s.place, s.name, s.why) for s in found} == {("cell", "stray", MADE_IN_CALL)}
    found = untracked(layers.TimeDistributed(Keeper(layers.Dense(3), *UNSEEN["deque"])), SEQUENCES)
    assert [s.parameters for s in found] == [15]


def test_layers_without_weights_are_no_strays():
    class Plain(layers.Layer):
        def call(self, inputs):
            return layers.ReLU()(layers.Dropout(0.5)(inputs))

    assert untracked(Plain(), X).ok
    assert untracked(Plain(), X, training=True).changed is not None


def test_a_random_layer_changes():
    class Noise(layers.Layer):
        def call(self, inputs):
            return inputs + keras.random.normal(ops.shape(inputs))

    model = keras.Sequential([layers.Dense(4), Noise(name="noise"), layers.Dense(4)])
    found = untracked(model, X)
    assert (len(found), found.changed, found.ok) == (0, "noise", False)


def test_models_of_every_kind():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.seen, self.box = layers.Dense(4), Box(layers.Dense(4, name="stray"))

        def call(self, inputs):
            return self.box.content(self.seen(inputs["a"]))

    assert [s.name for s in untracked(Subclassed(), {"a": X})] == ["stray"]
    a, b = keras.Input((4,)), keras.Input((4,))
    out = Keeper(layers.Dense(4, name="stray"), *UNSEEN["closure"])(layers.Dense(4)(a)) + b
    assert [s.name for s in untracked(keras.Model([a, b], out), [X, X])] == ["stray"]


def test_more_arguments():
    attention = layers.MultiHeadAttention(2, 4)
    assert untracked(attention, SEQUENCES, value=SEQUENCES).ok


def test_what_is_not_a_model():
    with pytest.raises(TypeError, match="must be a Keras model or layer.*got function"):
        untracked(lambda x: x, X)


def test_an_error_in_the_model_leaves_keras_as_it_was():
    class Broken(layers.Layer):
        def call(self, inputs):
            raise KeyError("broken")

    before = layers.Layer.__call__, keras.Operation.__call__
    with pytest.raises(KeyError):
        untracked(Broken(), X)
    assert (layers.Layer.__call__, keras.Operation.__call__) == before


# --- every planted stray, and no other -----------------------------------------------------------

WAYS = {**SEEN, **UNSEEN}
TREES = st.recursive(
    st.sampled_from([*WAYS, "anonymous"]),
    lambda inner: st.tuples(st.sampled_from(list(SEEN)), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=5,
)


class Chain(layers.Layer):
    def __init__(self, parts, **kwargs):
        super().__init__(**kwargs)
        self.parts = parts

    def call(self, inputs):
        for part in self.parts:
            inputs = part(inputs)
        return inputs


def planted(tree, strays):
    """The layer of a tree, and in `strays` the names that must be found."""
    if isinstance(tree, tuple):
        way, inner = tree
        return Keeper(Chain([planted(part, strays) for part in inner]), *SEEN[way])
    name = f"layer_{len(strays)}"
    strays.append(None if tree in SEEN else (name, MADE_IN_CALL if tree == "anonymous" else HIDDEN))
    if tree == "anonymous":
        return Anonymous(name)
    return Keeper(layers.Dense(4, name=name), *WAYS[tree])


@settings(max_examples=60)
@given(tree=TREES, functional=st.booleans(), built=st.booleans())
def test_finds_every_stray_and_no_other(tree, functional, built):
    strays = []
    layer = planted(tree, strays)
    if functional:
        inputs = keras.Input((4,))
        layer = keras.Model(inputs, layer(inputs))
    if built:
        layer(X)
    wanted = [stray for stray in strays if stray is not None]
    found = untracked(layer, X)
    assert [(s.name, s.why) for s in found] == wanted
    assert (found.changed is not None) == any(why == MADE_IN_CALL for _, why in wanted)
    owned = sum(int(np.prod(w.shape)) for w in layer.weights)
    assert owned + sum(s.parameters for s in found) == 20 * len(strays)


# --- no false alarm ------------------------------------------------------------------------------

OF_VECTORS = [
    layers.Dense(3), layers.EinsumDense("ab,bc->ac", 3), layers.BatchNormalization(),
    layers.LayerNormalization(), layers.RMSNormalization(), layers.UnitNormalization(),
    layers.GroupNormalization(2), layers.Normalization(), layers.PReLU(), layers.Softmax(),
    layers.Dropout(0.5), layers.GaussianNoise(0.5), layers.GaussianDropout(0.5),
    layers.AlphaDropout(0.5), layers.Flatten(), layers.RepeatVector(2), layers.Activation("gelu"),
    layers.SpectralNormalization(layers.Dense(3)), layers.ActivityRegularization(0.1),
    layers.Discretization([0.0]), layers.Rescaling(2.0),
]  # fmt: skip
OF_SEQUENCES = [
    layers.LSTM(3), layers.GRU(3, return_sequences=True), layers.SimpleRNN(3),
    layers.Bidirectional(layers.LSTM(3)), layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)]),
    layers.TimeDistributed(layers.Dense(3)), layers.Conv1D(3, 2), layers.Conv1DTranspose(3, 2),
    layers.SeparableConv1D(3, 2), layers.DepthwiseConv1D(2), layers.MaxPooling1D(),
    layers.GlobalAveragePooling1D(), layers.SpatialDropout1D(0.5), layers.Masking(),
    layers.Permute((2, 1)), layers.Reshape((4, 8)), layers.UpSampling1D(), layers.ZeroPadding1D(),
]  # fmt: skip
OF_IMAGES = [
    layers.Conv2D(3, 2), layers.SeparableConv2D(3, 2), layers.DepthwiseConv2D(2),
    layers.Conv2DTranspose(3, 2), layers.MaxPooling2D(), layers.GlobalMaxPooling2D(),
    layers.SpatialDropout2D(0.5), layers.Resizing(4, 4), layers.CenterCrop(4, 4),
    layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1),
    layers.RandomContrast(0.1), layers.RandomTranslation(0.1, 0.1), layers.UpSampling2D(),
]  # fmt: skip
OF_VOLUMES = [layers.Conv3D(3, 2), layers.AveragePooling3D(2), layers.GlobalMaxPooling3D()]
CASES = [
    *((layer, X) for layer in OF_VECTORS),
    *((layer, SEQUENCES) for layer in OF_SEQUENCES),
    *((layer, IMAGES) for layer in OF_IMAGES),
    *((layer, VOLUMES) for layer in OF_VOLUMES),
    (layers.ConvLSTM1D(3, 2), np.ones((2, 3, 8, 4), "float32")),
    (layers.Embedding(5, 3, mask_zero=True), np.array([[1, 0]])),
    (layers.ReversibleEmbedding(5, 3), np.array([[1, 0]])),
    (layers.CategoryEncoding(5), np.array([[1, 0]])),
    *((merge(), [X, X]) for merge in (layers.Add, layers.Concatenate, layers.Maximum)),
    (layers.Attention(), [SEQUENCES, SEQUENCES]),
    (layers.AdditiveAttention(), [SEQUENCES, SEQUENCES]),
    (keras.Sequential([layers.LSTM(3), layers.Dropout(0.5), layers.Dense(2)]), SEQUENCES),
]


@pytest.mark.parametrize(("layer", "x"), CASES, ids=lambda value: type(value).__name__)
def test_no_false_alarm_on_the_layers_of_keras(layer, x):
    found = untracked(layer, x)
    assert found.ok, str(found)


@pytest.mark.parametrize(
    "layer", [layers.MultiHeadAttention(2, 3), layers.GroupQueryAttention(3, 2, 1)]
)
def test_no_false_alarm_on_attention(layer):
    assert untracked(layer, SEQUENCES, value=SEQUENCES).ok


def test_a_stateful_layer_changes_and_is_no_stray():
    found = untracked(layers.LSTM(3, stateful=True, name="lstm"), SEQUENCES)
    assert (len(found), found.changed) == (0, "lstm")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_bfloat16", "float64"])
def test_number_formats(dtype):
    layer = Keeper(layers.Dense(4, dtype=dtype), *UNSEEN["closure"], dtype=dtype)
    assert [s.parameters for s in untracked(layer, X)] == [20]
    assert untracked(Keeper(layers.Dense(4, dtype=dtype), *SEEN["list"], dtype=dtype), X).ok
