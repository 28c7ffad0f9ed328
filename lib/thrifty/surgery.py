"""Surgery on Functional models: cut them anywhere, look inside, insert and replace layers.

Every function returns a new model and shares the layers, and so the weights, with the old one,
whose graph stays as it was. A layer is named by its name, ``"conv1"``; inside a model that is a
layer by ``"backbone/conv1"``; one call of a layer that is called several times by
``("dense", 1)``, counted from 0. The new models are not compiled.

Source: the Keras guides "The Functional API" and "Transfer learning & fine-tuning", keras.io.
"""

import keras

from thrifty._cut import (
    addresses,
    as_tuple,
    needed_calls,
    new_inputs,
    require_clean_cut,
    require_no_mask,
    require_one_name_each,
    resolve,
    with_mask_inputs,
    with_mask_outputs,
)
from thrifty._graph import mask_shapes, open_graph, run, tensors_in
from thrifty._rewire import rewire, structure


def submodel(model, inputs, outputs, masks="raise"):
    """The part of a model between some of its tensors, as a model that shares the weights.

    Parameters
    ----------
    model : keras.Model
        A Functional model, or a Sequential one that knows its shapes.
    inputs, outputs : str, tuple, keras.KerasTensor, or a list or dict of them
        Where to cut: names of layers (their outputs), ``(name, call)``, ``(name, call, output)``,
        or symbolic tensors of the model. The new model takes and returns the same structure.
    masks : {"raise", "drop", "explicit"}
        What to do if a tensor at the cut carries an implicit mask, which an array fed there
        cannot. "raise" refuses; "drop" goes on without; "explicit" makes the mask a tensor of its
        own: one more input (a list grows at its end, a dict by ``"..._mask"``) per masked input,
        and one more output per masked output that is not an output of the whole model.

    Returns
    -------
    keras.Model
        With an input layer per tensor, named as the layer that made it.

    Raises
    ------
    TypeError
        If the model has a `call` of its own, so that no graph is known.
    ValueError
        If a name is unknown; if the outputs depend on something that does not pass through the
        inputs (every tensor to add is named); if they do not depend on an input; if an output
        depends on no input; if a mask would be lost; if two layers of the part have one name.

    Notes
    -----
    Source: "The Functional API" (keras.io/guides). ``keras.Model(tensor, outputs)`` of Keras 3.15
    also cuts, but not at a call of a layer that is called again behind the cut, not inside inner
    models, and it drops some implicit masks silently. Behind an inner model Keras knows of a mask
    only when the model runs, and MultiHeadAttention takes it off its query then, so that in
    ``x + attention(x, x)`` it ends; with "explicit", the part has it to the end.
    An inner model that is cut open leaves its layers in the new model, where names must differ.

    Examples
    --------
    >>> x = keras.Input((4,), name="x")
    >>> h = keras.layers.Dense(4, name="h")(x)
    >>> y = keras.layers.Add(name="y")([x, keras.layers.Dense(4, name="g")(h)])
    >>> model = keras.Model(x, y)
    >>> submodel(model, "h", "g").get_layer("g") is model.get_layer("g")
    True
    >>> submodel(model, "h", "y")
    Traceback (most recent call last):
    ValueError: the outputs also depend on what does not pass through the inputs; add: 'x'
    >>> submodel(model, ["h", "x"], "y").output_shape
    (None, 4)
    """
    if masks not in ("raise", "drop", "explicit"):
        raise ValueError(f'masks must be "raise", "drop" or "explicit", got {masks!r}')
    graph = open_graph(model, [*addresses(inputs), *addresses(outputs)])
    start, end = resolve(graph, "inputs", inputs), resolve(graph, "outputs", outputs)
    first, last = tensors_in(start), tensors_in(end)
    needed = needed_calls(graph, first, last)
    require_clean_cut(graph, needed, first, last)
    shapes = {} if masks == "drop" else mask_shapes(graph)
    if masks == "raise":
        require_no_mask(graph, [t for t in first if id(t) in shapes])

    taken = require_one_name_each(call.layer for call in needed)
    new_start, values = new_inputs(graph, start, taken)
    if masks == "explicit":
        new_start = with_mask_inputs(start, new_start, values, shapes)
    run(needed, values)
    new_end = keras.tree.map_structure(lambda tensor: values[id(tensor)], end)
    if masks == "explicit":
        inner = {key: shape for key, shape in shapes.items() if key not in map(id, graph.outputs)}
        new_end = with_mask_outputs(end, new_end, values, inner)
    return keras.Model(new_start, new_end)


def intermediate(model, names):
    """A model with the inputs of the given one that returns what goes on inside it.

    Parameters
    ----------
    model : keras.Model
        A Functional model, or a Sequential one that knows its shapes.
    names : str, tuple, keras.layers.Layer, or a list of them
        Layers, ``"backbone/conv1"`` inside an inner model, ``("dense", 1)`` for one call.

    Returns
    -------
    keras.Model
        Its output is a dict: by ``"name"`` the output of a layer (a list if it has several), and
        by ``"name:0"``, ``"name:1"``, ... those of the calls of a layer that is called more often.

    Raises
    ------
    TypeError
        If the model has a `call` of its own.
    ValueError
        If a name or a call is unknown, or if opening an inner model brings two layers of one name
        together.

    Examples
    --------
    >>> x = keras.Input((2,))
    >>> dense = keras.layers.Dense(2, name="dense")
    >>> model = keras.Model(x, dense(keras.layers.ReLU(name="relu")(dense(x))))
    >>> sorted(intermediate(model, ["dense", "relu"]).output)
    ['dense:0', 'dense:1', 'relu']
    >>> list(intermediate(model, ("dense", 1)).output)
    ['dense:1']
    """
    names = addresses(names)
    graph = open_graph(model, names)
    found = {}
    for call in (call for name in names for call in graph.calls_at(name)):
        several = graph.counts[call.path] > 1
        key = f"{call.path}:{call.index}" if several else call.path
        found[key] = call.outputs if len(call.outputs) > 1 else call.outputs[0]
    needed = needed_calls(graph, graph.inputs, tensors_in(found))
    require_one_name_each(call.layer for call in needed)
    values = {id(tensor): tensor for tensor in graph.inputs}
    run(needed, values)
    found = keras.tree.map_structure(lambda tensor: values[id(tensor)], found)
    return keras.Model(structure(model)[0], found)


def insert_after(model, layer, new_layer, masks="raise"):
    """A model in which `new_layer` is called on the output of `layer`, and all after it sees that.

    Parameters
    ----------
    model : keras.Model
        A Functional model, or a Sequential one that knows its shapes.
    layer : str, tuple or keras.layers.Layer
        After which layer: after each of its calls, or after one, ``("dense", 1)``.
    new_layer : keras.layers.Layer
        Called on one tensor; one layer, with one set of weights, even if `layer` has several calls.
    masks : {"raise", "drop"}
        Whether to refuse a layer that ends an implicit mask which later layers were given.

    Returns
    -------
    keras.Model
        Inputs, outputs and name as in `model`.

    Raises
    ------
    TypeError
        If the model has a `call` of its own or `new_layer` is no layer.
    ValueError
        If `layer` is unknown, has several outputs or is an input that nothing uses; if the name of
        `new_layer` is taken; if a later layer does not accept the new output; if a mask would be
        lost.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a")])
    >>> noisy = insert_after(model, "a", keras.layers.GaussianNoise(0.1, name="noise"))
    >>> [layer.name for layer in noisy.layers[1:]]
    ['a', 'noise']
    """
    _require_layer(new_layer)
    parent, rest = _split(layer)
    if parent is None:
        return rewire(model, {layer: new_layer}, masks, keep=True)
    changed = insert_after(_inner_model(model, parent), rest, new_layer, masks)
    return rewire(model, {parent: changed}, masks, keep=False)


def replace(model, changes, masks="raise"):
    """A model with other layers in the place of some, called on what these were called on.

    Parameters
    ----------
    model : keras.Model
        A Functional model, or a Sequential one that knows its shapes.
    changes : dict
        From a layer (as in `insert_after`) to the layer to put there, or to None to leave it out,
        which takes a layer with one input and an output of the same shape and dtype.
    masks : {"raise", "drop"}
        Whether to refuse a layer that ends an implicit mask which later layers were given.

    Returns
    -------
    keras.Model
        Inputs, outputs and name as in `model`. A new layer keeps its own weights; copy the old
        ones with ``new.set_weights(old.get_weights())`` once it is built.

    Raises
    ------
    TypeError
        If the model has a `call` of its own or a replacement is no layer.
    ValueError
        If a layer is unknown or cannot be left out; if the name of a new layer is taken; if a
        layer does not accept its new input; if a mask would be lost.

    Examples
    --------
    >>> dense, drop = keras.layers.Dense(3, name="a"), keras.layers.Dropout(0.5, name="drop")
    >>> model = keras.Sequential([keras.Input((4,)), dense, drop])
    >>> changed = replace(model, {"drop": None, "a": keras.layers.Dense(5, name="wide")})
    >>> changed.output_shape, [layer.name for layer in changed.layers[1:]]
    ((None, 5), ['wide'])
    """
    here, below = {}, {}
    for address, new in changes.items():
        if new is not None:
            _require_layer(new)
        parent, rest = _split(address)
        if parent is None:
            here[address] = new
        else:
            below.setdefault(parent, {})[rest] = new
    for parent, parts in below.items():
        if parent in here:
            raise ValueError(f"{parent!r} is replaced as a whole and inside; choose one")
        here[parent] = replace(_inner_model(model, parent), parts, masks)
    return rewire(model, here, masks, keep=False)


def _require_layer(layer):
    if not isinstance(layer, keras.Layer):
        raise TypeError(f"a new layer must be a keras.layers.Layer, got {type(layer).__name__}")


def _split(address):
    """``"backbone/block/conv"`` into ``"backbone"`` and the address inside it; None without."""
    name, *rest = as_tuple(address)
    if not isinstance(name, str) or "/" not in name:
        return None, address
    parent, name = name.split("/", 1)
    return parent, (name, *rest) if rest else name


def _inner_model(model, name):
    layer = open_graph(model, []).calls_at(name)[0].layer
    if not isinstance(layer, keras.Model):
        raise ValueError(f"{name!r} is a {type(layer).__name__}, not a model with layers inside")
    return layer
