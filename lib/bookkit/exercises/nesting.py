"""The exercises of the chapter on layers inside layers."""

import dataclasses
import functools
import inspect
import types

import keras
import numpy as np
from keras import layers, ops

from bookkit.exercises import Hint, define, expect_close, expect_equal, expect_function
from thrifty.tracking import untracked

_X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def _output(layer, x=_X, **arguments):
    """The output of a reader's layer, or a hint."""
    if not isinstance(layer, layers.Layer):
        raise Hint(f"return a layer, an instance of the class; this is {type(layer).__name__}")
    try:
        return np.array(layer(x, **arguments))
    except NotImplementedError:  # still to be written
        raise
    except Exception as error:  # whatever the reader's layer may do
        text = " ".join(str(error).replace("\x1b[1m", "").replace("\x1b[0m", "").split())[:150]
        raise Hint(f"calling your layer stops with {type(error).__name__}: {text}") from None


def _require_owned(layer, x=_X):
    report = untracked(layer, x)
    if len(report):
        stray = report.strays[0]
        raise Hint(f"{stray.parameters} parameters run and do not belong to it: {stray.why}")


def _parameters(units, hidden, blocks):
    return blocks * (units * hidden + hidden + hidden * units + units)


define(
    name="nesting/parameters",
    question="How many parameters have several residual blocks, one after the other?",
    check=lambda answer: expect_function(
        answer,
        [
            ((64, 128, 1), 16_576, "Two matrices and two shifts; adding the input costs nothing."),
            ((4, 5, 3), 147, "Every block has its own."),
            ((7, 2, 2), 74),
        ],
    ),
    shows="the sum with the input is free, and so is every level of nesting.",
    solution=_parameters,
    wrong=[
        (lambda units, hidden, blocks: blocks * 2 * units * hidden, "two shifts"),
        (lambda units, hidden, blocks: _parameters(units, hidden, 1), "its own"),
    ],
)


@dataclasses.dataclass
class _Record:
    layer: object


def _added(layer):
    kept = {}
    kept["a"] = layer
    return kept


_KEPT = {
    "pairs": lambda layer: [("first", layer)],
    "records": lambda layer: [_Record(layer)],
    "added": _added,
    "partial": lambda layer: functools.partial(layer),
    "namespace": lambda layer: types.SimpleNamespace(layer=layer),
    "nested": lambda layer: [[layer], []],
}


class _Holder(layers.Layer):
    def __init__(self, value):
        super().__init__()
        self.kept = value


def _found():
    """The ways in which Keras finds the layer, by trying them."""
    found = set()
    for name, put in _KEPT.items():
        layer = layers.Dense(2)
        layer.build((None, 3))
        if _Holder(put(layer)).weights:
            found.add(name)
    return found


def _check_found(answer):
    if not isinstance(answer, set):
        raise Hint("give a set of names, such as {'pairs', 'added'}")
    unknown = answer - set(_KEPT)
    if unknown:
        raise Hint(f"{sorted(map(str, unknown))[0]!r} is none of {', '.join(_KEPT)}")
    right = _found()
    for name in sorted(answer - right):
        raise Hint(f"{name!r} is missed: of what type is the outermost thing, and what is in it?")
    for name in sorted(right - answer):
        raise Hint(f"{name!r} is found: lists, tuples, dicts and sets are opened to any depth")


define(
    name="nesting/found",
    question="In which of these does Keras find the layer?",
    check=_check_found,
    shows="four kinds of containers are opened, to any depth, and no other object is.",
    solution={"pairs", "added", "nested"},
    wrong=[
        ({"pairs", "added", "nested", "records"}, "'records' is missed"),
        ({"pairs", "added", "nested", "partial"}, "'partial' is missed"),
        ({"added"}, "'nested' is found"),
        ({"pair"}, "is none of"),
        (["pairs"], "give a set"),
    ],
)


class _Stack(layers.Layer):
    def __init__(self, depth, units):
        super().__init__()
        self.steps = [layers.Dense(units, activation="relu") for _ in range(depth)]

    def call(self, x):
        for step in self.steps:
            x = step(x)
        return x


def _shared_stack(depth, units):
    stack = _Stack(0, units)
    stack.steps.extend([layers.Dense(units, activation="relu")] * depth)
    return stack


class _ThrownStack(layers.Layer):
    def __init__(self, depth, units):
        super().__init__()
        self.depth, self.units = depth, units

    def call(self, x):
        for _ in range(self.depth):
            x = layers.Dense(self.units, activation="relu")(x)
        return x


def _linear_stack(depth, units):
    stack = _Stack(depth, units)
    for step in stack.steps:
        step.activation = keras.activations.linear
    return stack


def _check_stack(answer):
    for depth, units in ((1, 3), (3, 4)):
        layer = answer(depth, units)
        out = _output(layer)
        if out.shape != (6, units):
            raise Hint(f"for {units} units the output has the shape {out.shape}, not (6, {units})")
        _require_owned(layer)
        if len(layer.weights) != 2 * depth:
            raise Hint(
                f"{depth} Dense layers have {2 * depth} weight arrays, yours has "
                f"{len(layer.weights)}: is every step a layer of its own?"
            )
        rng = np.random.default_rng(1)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
        want = _X
        numbers = layer.get_weights()
        for kernel, bias in zip(numbers[::2], numbers[1::2], strict=True):
            want = np.maximum(want @ kernel + bias, 0)
        expect_close(_output(layer), want, "Each step is a Dense with relu.", rtol=1e-4, atol=1e-4)


define(
    name="nesting/stack",
    question="Write a layer of several Dense layers.",
    check=_check_stack,
    shows="a list that is an attribute is as good as an attribute.",
    solution=lambda depth, units: _Stack(depth, units),
    wrong=[
        (lambda depth, units: _shared_stack(depth, units), "a layer of its own"),
        (lambda depth, units: _ThrownStack(depth, units), "made in every call"),
        (lambda depth, units: _linear_stack(depth, units), "with relu"),
        (lambda depth, units: _Stack, "instance of the class"),
        (lambda depth, units: _Stack(depth, 3), "not (6, 4)"),
    ],
)


class _Gated(layers.Layer):
    def __init__(self, units, gate="sigmoid", add=True):
        super().__init__()
        self.gate = layers.Dense(units, activation=gate)
        self.change = layers.Dense(units)
        self.add = add

    def call(self, x):
        changed = self.gate(x) * self.change(x)
        return x + changed if self.add else changed


def _check_gated(answer):
    layer = answer(4)
    _output(layer)
    for name in ("gate", "change"):
        if not isinstance(getattr(layer, name, None), layers.Dense):
            raise Hint(f"keep the Dense layer as self.{name}")
    _require_owned(layer)
    if layer.count_params() != 40:
        raise Hint(f"two Dense layers from 4 to 4 have 40 parameters, not {layer.count_params()}")
    rng = np.random.default_rng(2)
    for inner in (layer.gate, layer.change):
        inner.set_weights([rng.normal(size=w.shape) for w in inner.weights])
    got = _output(layer)
    (wg, bg), (wc, bc) = (inner.get_weights() for inner in (layer.gate, layer.change))
    change, gate = _X @ wc + bc, 1 / (1 + np.exp(-(_X @ wg + bg)))
    if np.allclose(got, gate * change, atol=1e-4):
        raise Hint("that is the change alone: the input is added to it")
    if np.allclose(got, _X + (_X @ wg + bg) * change, atol=1e-3):
        raise Hint("the gate must go through a sigmoid, so that it lies between 0 and 1")
    expect_close(got, _X + gate * change, "Add gate times change to the input.", atol=1e-4)


define(
    name="nesting/gated",
    question="Write a gated block.",
    check=_check_gated,
    shows="with its gate at 0 the block does nothing, so that a deep stack can begin gently.",
    solution=lambda units: _Gated(units),
    wrong=[
        (lambda units: _Gated(units, add=False), "change alone"),
        (lambda units: _Gated(units, gate=None), "through a sigmoid"),
        (lambda units: _Stack(2, units), "self.gate"),
        (lambda units: _Gated(units, gate="tanh"), "Add gate times change"),
    ],
)


class _NoConfig(layers.Layer):
    def __init__(self, inner, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.factor = inner, factor

    def call(self, x):
        return self.factor * self.inner(x)


class _Scaled(_NoConfig):
    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "inner": inner, "factor": self.factor}

    @classmethod
    def from_config(cls, config):
        inner = keras.saving.deserialize_keras_object(config["inner"])
        return cls(**{**config, "inner": inner})


class _ForgetsTheFactor(_Scaled):
    def get_config(self):
        return {key: value for key, value in super().get_config().items() if key != "factor"}


class _ForgetsTheName(_Scaled):
    def get_config(self):
        config = super().get_config()
        return {key: config[key] for key in ("inner", "factor")}


class _StaysADict(_Scaled):
    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _check_scaled(answer):
    if inspect.isroutine(answer):
        answer(layers.Dense(3))  # there may be dots in it still
    if not isinstance(answer, type) or not issubclass(answer, layers.Layer):
        raise Hint("hand in the class itself, a subclass of keras.layers.Layer")
    layer = answer(layers.Dense(3), factor=2.5, name="mine")
    out = _output(layer)
    kernel, bias = layer.inner.get_weights()
    expect_close(
        out,
        2.5 * (_X @ kernel + bias),
        "The output is the factor times that of the inner layer.",
        atol=1e-4,
    )
    try:
        config = layer.get_config()
    except NotImplementedError:
        raise Hint("Keras cannot write a layer down by itself: define get_config") from None
    with keras.saving.custom_object_scope({answer.__name__: answer}):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    for name in ("inner", "factor"):
        if name not in config:
            raise Hint(f"the config says nothing of {name!r}")
    if not isinstance(again.inner, layers.Layer):
        raise Hint("the inner layer comes back as a dict: make a layer of it in from_config")
    if again.name != "mine":
        raise Hint("the name is lost: start from super().get_config()")
    _output(again)
    again.set_weights(layer.get_weights())
    expect_close(_output(again), out, "Made again from its config, it computes something else.")


define(
    name="nesting/survives",
    question="Write a layer that is given a layer and survives saving.",
    check=_check_scaled,
    shows="write down all arguments, and turn what was a layer into a layer again.",
    solution=_Scaled,
    wrong=[
        (_NoConfig, "define get_config"),
        (_ForgetsTheFactor, "nothing of 'factor'"),
        (_ForgetsTheName, "the name is lost"),
        (_StaysADict, "comes back as a dict"),
        (_Scaled(layers.Dense(3)), "the class itself"),
    ],
)


def _two(*order):
    """A model with two inner layers, `a` and `b`, which are made in this order."""

    class Two(layers.Layer):
        def __init__(self):
            super().__init__(name="two")
            for name in order:
                setattr(self, name, layers.Dense(4, name=name))

        def call(self, x):
            return self.b(ops.relu(self.a(x)))

    return keras.Sequential([keras.Input((4,)), Two()], name="net")


def _transfer(old, new):
    values = {weight.path: weight for weight in old.weights}
    for weight in new.weights:
        weight.assign(values[weight.path])
    return new


def _check_transfer(answer):
    old, new = _two("a", "b"), _two("b", "a")
    before = np.array(new(_X))
    given = answer(old, new)
    if given is not new:
        raise Hint("return `new`, the model itself")
    if np.array_equal(new(_X), before):
        raise Hint("nothing has changed in `new`")
    swapped = _two("b", "a")
    swapped.set_weights(old.get_weights())
    if np.allclose(new(_X), swapped(_X)):
        raise Hint("`a` has the weights of `b`: the two lists are in different orders")
    expect_equal(np.array(new(_X)), np.array(old(_X)), "It does not answer as `old` does.")


def _by_list(old, new):
    new.set_weights(old.get_weights())
    return new


define(
    name="nesting/transfer",
    question="Copy weights by their names.",
    check=_check_transfer,
    shows="a path says which weight it is, a place in a list does not.",
    solution=_transfer,
    wrong=[
        (_by_list, "different orders"),
        (lambda old, new: new, "nothing has changed"),
        (lambda old, new: old, "return `new`"),
    ],
)
