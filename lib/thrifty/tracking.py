"""Weights that a model computes with and does not own, so that nothing trains or saves them.

Keras finds the layers and variables inside a layer by its attributes, and by the lists, tuples,
dicts and sets among them. What is kept elsewhere, or made anew in every call, runs all the same.
"""

import dataclasses
import textwrap

import keras
import numpy as np
from keras import ops, tree

from thrifty._calls import arrays, equal_arrays, intercepted

__all__ = ["Report", "Stray", "untracked"]

MADE_IN_CALL, HIDDEN = "made in every call", "kept out of sight"


@dataclasses.dataclass(frozen=True)
class Stray:
    """A layer, or a variable of its own, that runs in a model and does not belong to it.

    Attributes
    ----------
    place : str
        Names of the layers it runs in, the outermost first; "" for the model itself, and for a
        variable, of which it is not known.
    name, kind : str
        Its name and its class.
    parameters : int
        How many numbers of it the model misses.
    why : str
        "made in every call", so that each call computes with other weights, or "kept out of
        sight": made once and kept where Keras does not look.
    """

    place: str
    name: str
    kind: str
    parameters: int
    why: str


@dataclasses.dataclass(frozen=True)
class Report:
    """What `untracked` found: iterate for the strays, print for a table.

    Attributes
    ----------
    strays : tuple of Stray
        In the order in which they are first called; variables at the end.
    changed : str or None
        The first layer whose output is another in a second, identical call; None if none is.
    sentence : str
        Both in words.
    """

    strays: tuple
    changed: str | None
    sentence: str

    @property
    def ok(self):
        """Whether all weights that run belong to the model, and the output is always the same."""
        return not self.strays and self.changed is None

    def __iter__(self):
        return iter(self.strays)

    def __len__(self):
        return len(self.strays)

    def __str__(self):
        sentences = [textwrap.fill(text, 79) for text in self.sentence.split("\n")]
        if not self.strays:
            return "\n".join(sentences)
        table = [("in", "name", "class", "parameters", "why")]
        table += [(s.place, s.name, s.kind, f"{s.parameters:,}", s.why) for s in self.strays]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *sentences])


def untracked(model, batch, **arguments):
    """Find the weights that run in a model and do not belong to it, and what changes by itself.

    Such weights are not among `model.weights`: they are not counted, trained, frozen or saved.

    Parameters
    ----------
    model : keras.layers.Layer
        A model or a layer; one that is not built yet is built by the first call.
    batch : array, or a list, tuple or dict of arrays
        A few samples, as the model takes them.
    **arguments
        More arguments of the call. `training` is False unless given.

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        If `model` is not a Keras layer.

    Notes
    -----
    The model is called twice. Every layer called on the way is seen, inside Keras's own layers
    too; its weights are compared with those of the model, one by one. A layer that only the
    second call knows was made in it. Variables outside of any layer, such as a tf.Variable, are
    found if they are trainable. Numbers in an array are no variables and are not found.

    Only weights count: a layer without any, such as a Dropout made in `call`, is no stray. Where
    the call of a layer cannot be seen, in a tf.function that has been traced before or by a bound
    method that was kept, its weights appear as single variables.

    What changes by itself need not be a fault: a stateful layer does, and one that draws random
    numbers at inference.

    Examples
    --------
    >>> class Anonymous(keras.layers.Layer):
    ...     def call(self, inputs):
    ...         return keras.layers.Dense(3, name="inner")(inputs)
    >>> model = keras.Sequential([Anonymous(name="outer"), keras.layers.Dense(1)])
    >>> found = untracked(model, np.ones((2, 4), "float32"))
    >>> found.ok, found.changed
    (False, 'outer/inner')
    >>> print(found)
    in     name   class  parameters  why
    ------------------------------------
    outer  inner  Dense  15          made in every call
    <BLANKLINE>
    15 parameters run in the model without belonging to it: not counted, not
    trained, not saved.
    Make layers and weights in __init__ or build, and keep them as attributes, or
    in a list, tuple, dict or set that is one.
    The output of 'outer/inner' is another in every call.
    """
    if not isinstance(model, keras.layers.Layer):
        raise TypeError(
            f"model must be a Keras model or layer, which has weights of its own to compare with; "
            f"got {type(model).__name__}"
        )
    arguments = {"training": False, **arguments}
    batch = tree.map_structure(ops.convert_to_tensor, batch)
    first, second = (_Run(model, batch, arguments) for _ in range(2))
    strays = (*_stray_layers(model, first, second), *_stray_variables(model, second))
    changed = _first_change(first, second)
    return Report(strays, changed, _sentence(strays, changed))


class _Run:
    """One call of the model: the layers called, and what each call took and gave."""

    def __init__(self, model, batch, arguments):
        import tensorflow as tf  # only here: it alone knows which variables were read

        self.layers = {}  # id: (layer, names of the layers it ran in)
        self.calls = []  # (name, inputs, outputs) in the order in which calls end
        self._open = []
        with tf.GradientTape() as tape, intercepted(self._called):
            model(batch, **arguments)
        self.variables = tape.watched_variables()

    def _called(self, call, operation, args, kwargs):
        if not isinstance(operation, keras.layers.Layer):
            return call(operation, *args, **kwargs)
        self.layers.setdefault(id(operation), (operation, tuple(self._open[1:])))
        self._open.append(operation.name)
        try:
            outputs = call(operation, *args, **kwargs)
            name = "/".join(self._open[1:]) or operation.name
        finally:
            self._open.pop()
        tensors = [x for x in tree.flatten((args, kwargs, outputs)) if ops.is_tensor(x)]
        # A tensor without values belongs to a graph: Keras works out shapes with such calls.
        if tensors and all(hasattr(x, "numpy") for x in tensors):
            self.calls.append((name, arrays((args, kwargs)), arrays(outputs)))
        return outputs


def _stray_layers(model, first, second):
    known = {id(v) for v in model.variables}
    for layer, path in second.layers.values():
        missed = [v for v in layer.weights if id(v) not in known]
        if not missed:
            continue
        known.update(map(id, missed))  # its inner layers need not be reported again
        yield Stray(
            place="/".join(path),
            name=layer.name,
            kind=type(layer).__name__,
            parameters=sum(int(np.prod(v.shape)) for v in missed),
            why=HIDDEN if id(layer) in first.layers else MADE_IN_CALL,
        )


def _stray_variables(model, run):
    layers = [model, *(layer for layer, _ in run.layers.values())]
    known = {id(v.value) for layer in layers for v in layer.variables}
    for variable in run.variables:
        if id(variable) not in known:
            name = variable.name.removesuffix(":0")
            yield Stray("", name, "Variable", int(np.prod(variable.shape)), HIDDEN)


def _first_change(first, second):
    """The name of the first call that gave something else for the same inputs."""
    for (_, inputs, outputs), (name, again, other) in zip(first.calls, second.calls, strict=False):
        if equal_arrays(inputs, again) and not equal_arrays(outputs, other):
            return name
    return None


def _sentence(strays, changed):
    if strays:
        count = sum(stray.parameters for stray in strays)
        verbs = "parameter runs" if count == 1 else "parameters run"
        text = (
            f"{count:,} {verbs} in the model without belonging to it: not counted, not trained, "
            f"not saved.\nMake layers and weights in __init__ or build, and keep them as "
            f"attributes, or in a list, tuple, dict or set that is one."
        )
    else:
        text = "All weights that run belong to the model."
    if changed:
        text += f"\nThe output of {changed!r} is another in every call."
    return text
