"""The exercises of the chapter on reusing layers and models."""

import keras
import numpy as np
from keras import layers

from bookkit.exercises import Hint, define, expect_close, expect_equal, expect_function
from thrifty.surgery import insert_after, replace, submodel


def _is_model(answer):
    if not isinstance(answer, keras.Model):
        raise Hint(f"return a keras.Model; yours is of the type {type(answer).__name__}")
    return answer


def _expect_same_output(got, want, hint):
    expect_close(np.asarray(got), np.asarray(want), hint, rtol=1e-4, atol=1e-5, what="the output")


def _numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


# 1. What tying saves


def _check_saved(answer):
    for vocabulary, features in [(10, 4), (8000, 256), (30_522, 128)]:
        got, table = answer(vocabulary, features), vocabulary * features
        if got == table + vocabulary:
            raise Hint("the tied layer still has a bias of its own: what goes is the kernel alone")
        if got == 2 * table:
            raise Hint("there were two tables and one stays: count what is gone")
        expect_equal(got, table, "Compare the kernel of the Dense layer with the embedding.")


define(
    name="reuse/saved",
    question="How many parameters does a tied output save?",
    check=_check_saved,
    shows="a whole table is gone, in many small models the largest there is.",
    solution=lambda vocabulary, features: vocabulary * features,
    wrong=[
        (lambda vocabulary, features: vocabulary * features + vocabulary, "bias of its own"),
        (lambda vocabulary, features: 2 * vocabulary * features, "one stays"),
        (lambda vocabulary, features: features, "the kernel of the Dense layer"),
    ],
)


# 2. Which tensors cross a cut


def _needed(edges, later):
    return sorted({start for start, end in edges if end in later and start not in later})


_CASES = [
    ([("x", "a"), ("a", "b"), ("b", "y")], {"y"}, "A chain needs one tensor."),
    ([("x", "a"), ("a", "b"), ("a", "add"), ("b", "add")], {"add"}, "Two edges cross here."),
    (
        [("x", "a"), ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")],
        {"b", "c", "d"},
        "One tensor may be used several times, and is fed once.",
    ),
    (
        [("x", "a"), ("a", "b"), ("b", "add"), ("x", "add"), ("add", "y"), ("x", "y")],
        {"add", "y"},
        "An edge may cross from the very beginning; and names come sorted.",
    ),
]


def _check_needed(answer):
    cases = [((edges, later), _needed(edges, later), hint) for edges, later, hint in _CASES]
    expect_function(answer, cases)


define(
    name="reuse/needed",
    question="Which tensors must the later part of a model be given?",
    check=_check_needed,
    shows="this is the list that submodel gives you when an edge crosses the cut.",
    solution=_needed,
    wrong=[
        (lambda edges, later: sorted(s for s, e in edges if e in later), "fed once"),
        (lambda edges, later: sorted({e for s, e in edges if e in later}), "A chain needs"),
        (
            lambda edges, later: sorted(s for s, e in edges if e in later and s not in later),
            "fed once",
        ),
        (lambda edges, later: _needed(edges, later)[-1:], "Two edges cross"),
    ],
)


# 3. A copy that shares nothing


def _trained_model():
    # no two models have the same weights, whatever seed the reader has set
    init = keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(7))
    x = keras.Input((4,), name="x")
    h = layers.Dense(5, activation="tanh", kernel_initializer=init, name="h")(x)
    return keras.Model(x, layers.Dense(2, kernel_initializer=init, name="y")(h))


def _copied(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _check_copy(answer):
    model, x = _trained_model(), _numbers(3, 4)
    before = np.asarray(model(x))
    copy = _is_model(answer(model))
    if {id(w) for w in copy.weights} & {id(w) for w in model.weights}:
        raise Hint("your copy and the model share their weights: training one trains the other")
    _expect_same_output(copy(x), before, "The layers are copied; are the weights?")
    _expect_same_output(model(x), before, "The model itself must stay as it was.")


define(
    name="reuse/copy",
    question="Make a copy of a model that shares nothing with it.",
    check=_check_copy,
    shows="a copy is two steps, the shape and then the weights.",
    solution=_copied,
    wrong=[
        (lambda model: keras.models.clone_model(model), "are the weights"),
        (lambda model: model, "share their weights"),
        (lambda model: keras.Model(model.inputs, model.outputs), "share their weights"),
        (lambda model: model.get_weights(), "return a keras.Model"),
    ],
)


# 4. The later half of a model with a skip connection


def _skipping_model():
    x = keras.Input((4,), name="x")
    a = layers.Dense(6, activation="tanh", name="a")(x)
    b = layers.Dense(6, activation="tanh", name="b")(a)
    # a difference, so that the order of the two matters
    return keras.Model(x, layers.Dense(2, name="y")(layers.Subtract(name="minus")([a, b])))


def _check_later_half(answer):
    model, x = _skipping_model(), _numbers(3, 4)
    half = _is_model(answer(model))
    if not isinstance(half.input, list) or len(half.input) != 2:
        raise Hint("the half takes a list of two tensors; read what submodel says without one")
    if "a" in {layer.name for layer in half.layers if layer.weights}:
        raise Hint("the half still computes 'a' itself: which tensors cross the cut behind b?")
    a = model.get_layer("a")(x)
    b = model.get_layer("b")(a)
    _expect_same_output(half([a, b]), model(x), "Feed a first and then b.")


define(
    name="reuse/later_half",
    question="Cut a model behind layer b, where a skip connection crosses.",
    check=_check_later_half,
    shows="two tensors cross, and a list keeps their order.",
    solution=lambda model: submodel(model, ["a", "b"], "y"),
    wrong=[
        (lambda model: submodel(model, "b", "y"), "add: 'a'"),
        (lambda model: submodel(model, ["b", "x"], "y"), "still computes 'a'"),
        (lambda model: submodel(model, ["b", "a"], "y"), "a first and then b"),
        (lambda model: submodel(model, "x", "y"), "list of two tensors"),
    ],
)


# 5. Noise on the embeddings


def _word_model():
    ids = keras.Input((5,), dtype="int32", name="ids")
    h = layers.Embedding(20, 4, name="embed")(ids)
    return keras.Model(ids, layers.Dense(2, name="y")(layers.Flatten(name="flat")(h)))


def _noisy(model):
    return insert_after(model, "embed", layers.GaussianNoise(0.5, name="noise"))


def _check_noisy(answer):
    model, ids = _word_model(), np.arange(15).reshape(3, 5)
    noisy = _is_model(answer(model))
    if any(isinstance(layer, layers.GaussianNoise) for layer in model.layers):
        raise Hint("the given model must stay without noise")
    if noisy.count_params() != model.count_params() or not all(
        any(w is v for v in noisy.weights) for w in model.weights
    ):
        raise Hint("the two models must share the weights: training one is to train the other")
    _expect_same_output(noisy(ids), model(ids), "Without training=True there is no noise.")
    if not (np.asarray(noisy(ids, training=True)) != np.asarray(model(ids))).any():
        raise Hint("with training=True the outputs must be noisy")
    inside = [layer for layer in noisy.layers if isinstance(layer, layers.GaussianNoise)]
    if len(inside) != 1 or inside[0].output.shape[1:] != (5, 4):
        raise Hint("the noise belongs behind the layer 'embed', where the tensor is (5, 4)")
    if inside[0].stddev != 0.5:
        raise Hint(f"the standard deviation is to be 0.5; yours is {inside[0].stddev}")


define(
    name="reuse/noisy",
    question="Put noise behind the embeddings of a model, for training only.",
    check=_check_noisy,
    shows="the noisy model trains the weights, and the quiet one is there to predict.",
    solution=_noisy,
    wrong=[
        (lambda model: insert_after(model, "y", layers.GaussianNoise(0.5)), "behind the layer"),
        (lambda model: insert_after(model, "embed", layers.GaussianNoise(0.1)), "yours is 0.1"),
        (
            lambda model: insert_after(_copied(model), "embed", layers.GaussianNoise(0.5)),
            "share the weights",
        ),
        (lambda model: replace(model, {"flat": layers.Flatten(name="b")}), "must be noisy"),
    ],
)


# 6. The nearest mean


def _nearest_mean(train, labels, test):
    kinds = np.unique(labels)
    means = np.stack([train[labels == kind].mean(axis=0) for kind in kinds])
    distances = ((test[:, None] - means) ** 2).sum(axis=-1)  # (tests, kinds)
    return kinds[distances.argmin(axis=1)]


def _nearest_neighbour(train, labels, test):
    return labels[((test[:, None] - train) ** 2).sum(axis=-1).argmin(axis=1)]


def _largest_product(train, labels, test):
    kinds = np.unique(labels)
    means = np.stack([train[labels == kind].mean(axis=0) for kind in kinds])
    return kinds[(test @ means.T).argmax(axis=1)]


def _positions(train, labels, test):
    return np.searchsorted(np.unique(labels), _nearest_mean(train, labels, test))


def _check_nearest_mean(answer):
    # Two kinds. One example of kind 3 is an outlier beside kind 7.
    train = np.array([[0.0, 0], [0, 2], [5, 1], [9, 0], [9, 2], [5.2, 1]])
    labels = np.array([3, 3, 3, 7, 7, 7])
    means = "Average the examples of each kind first, then compare with the averages."
    far = "A large product is not a small distance: a long mean wins them all."
    names = "Return the labels themselves, not their positions."
    cases = [
        ((train[:4:3], labels[:4:3], np.array([[8.0, 1]])), np.array([7]), names),
        ((train, labels, np.array([[0.5, 1.0], [3.0, 1.0]])), np.array([3, 3]), far),
        ((train, labels, np.array([[4.0, 1], [5.15, 1]])), np.array([3, 7]), means),
        ((train, labels, np.array([[4.9, 0.0]])), np.array([7]), means),
    ]
    expect_function(answer, cases)


define(
    name="reuse/nearest_mean",
    question="Classify by the nearest mean of the examples of a kind.",
    check=_check_nearest_mean,
    shows="with good features, one mean for each kind is already a classifier.",
    solution=_nearest_mean,
    wrong=[
        (_nearest_neighbour, "Average the examples"),
        (_largest_product, "product"),
        (_positions, "the labels themselves"),
    ],
)
