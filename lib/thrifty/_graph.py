"""The graph of a Functional model as a list of calls, and the addresses of its tensors."""

import dataclasses
import difflib

import keras
import tensorflow as tf


def _record(tensor):
    """What Keras noted when it made the tensor: who was called, for which time, with what.

    Keras 3 has no public way to these notes, so that all the reading is here.
    """
    operation, position, _ = tensor._keras_history
    node = operation._inbound_nodes[position]
    return operation, position, node.arguments.args, node.arguments.kwargs, node.outputs


def implicit_mask(tensor):
    """The mask that Keras has attached to a tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or an operation: `path` names it, `index` counts the calls of it."""

    layer: keras.Operation
    path: str
    index: int
    args: tuple
    kwargs: dict
    outputs: list
    masked: bool = False  # Keras passed the implicit mask of the only argument as `mask`

    @property
    def inputs(self):
        return tensors_in((self.args, self.kwargs))

    def with_tensors(self, change, **changes):
        """The same call with other tensors: `change` maps each tensor to its substitute."""
        args, kwargs = keras.tree.map_structure(
            lambda x: change(x) if keras.utils.is_keras_tensor(x) else x, (self.args, self.kwargs)
        )
        return dataclasses.replace(self, args=args, kwargs=kwargs, **changes)


class Graph:
    """The calls of a model in an order in which they can be made.

    The calls of one layer keep their order, so that ``("dense", 1)`` means the same call before
    and after the surgery. Models named in `opened` are replaced by the calls inside them; True
    opens every model that can be.
    """

    def __init__(self, model, opened=()):
        self.calls = []
        self._stands_for = {}
        calls, inputs, outputs = _read(model)
        for call in calls:
            call = call.with_tensors(self.current)
            if _obstacle(call) is None if opened is True else call.path in opened:
                self._open(call, opened)
            else:
                self.calls.append(call)
        counts = {}
        for i, call in enumerate(self.calls):
            index = counts[call.path] = counts.get(call.path, -1) + 1
            self.calls[i] = dataclasses.replace(call, index=index)
        self.counts = {path: index + 1 for path, index in counts.items()}
        self.inputs = inputs
        self.outputs = [self.current(tensor) for tensor in outputs]
        self.maker = {id(tensor): call for call in self.calls for tensor in call.outputs}

    def current(self, tensor):
        """The tensor, or what is in its place since the model that made it was opened."""
        return self._stands_for.get(id(tensor), (tensor, tensor))[1]

    def _set(self, tensor, substitute):
        # The tensor is kept as well: an id says nothing once its object is gone.
        self._stands_for[id(tensor)] = tensor, substitute

    def _open(self, call, opened):
        obstacle = _obstacle(call)
        if obstacle is not None:
            raise ValueError(f"cannot cut inside {call.path!r}: {obstacle}")
        prefix = call.path + "/"
        if opened is not True:
            opened = {path.removeprefix(prefix) for path in opened if path.startswith(prefix)}
        inner = Graph(call.layer, opened)
        given = keras.tree.flatten(call.args[0])
        # The calls inside are the same objects for each call of the model, so they get copies.
        copies = {id(t): x for t, x in zip(inner.inputs, given, strict=True)}
        for part in inner.calls:
            if not part.inputs:
                continue  # the input layer
            outputs = [keras.KerasTensor(t.shape, t.dtype) for t in part.outputs]
            self.calls.append(
                part.with_tensors(lambda t: copies[id(t)], path=prefix + part.path, outputs=outputs)
            )
            copies.update((id(t), copy) for t, copy in zip(part.outputs, outputs, strict=True))
        for tensor, end in zip(call.outputs, inner.outputs, strict=True):
            self._set(tensor, copies[id(end)])

    def address(self, tensor):
        """The shortest address: ``name``, ``(name, call)`` or ``(name, call, output)``."""
        call = self.maker[id(tensor)]
        if len(call.outputs) > 1:
            position = next(i for i, t in enumerate(call.outputs) if t is tensor)
            return call.path, call.index, position
        return call.path if self.counts[call.path] == 1 else (call.path, call.index)

    def calls_at(self, address):
        """The calls that a layer, a name or a ``(name, call)`` means.

        Raises
        ------
        ValueError
            If there is no such layer or call.
        """
        name, index = (
            address if isinstance(address, tuple) and len(address) == 2 else (address, None)
        )
        if isinstance(name, tuple):
            raise ValueError(f"a call is named by (name, call), got {address!r}")
        if isinstance(name, keras.Operation):
            calls = [call for call in self.calls if call.layer is name]
            name = name.name
        else:
            calls = [call for call in self.calls if call.path == name]
        if not calls:
            raise ValueError(f"the model has no layer {name!r}{_nearest(name, self.calls)}")
        if index is None:
            return calls
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(calls):
            raise ValueError(
                f"{name!r} is called {times(len(calls))}, there is no call {index!r}; "
                "calls are counted from 0"
            )
        return [calls[index]]

    def tensors_at(self, address):
        """The output tensors that an address means; a shared layer needs the number of a call."""
        if keras.utils.is_keras_tensor(address):
            tensor = self.current(address)
            if id(tensor) not in self.maker:
                raise ValueError(
                    f"{address.name!r} is not a tensor of this model; the `output` of a layer that "
                    "several models share is the first of its outputs, so give the layer's name"
                )
            return [tensor]
        position = None
        if isinstance(address, tuple) and len(address) == 3:
            *address, position = address
            address = tuple(address)
        calls = self.calls_at(address)
        if len(calls) > 1:
            name = calls[0].path
            raise ValueError(
                f"{name!r} is called {times(len(calls))}; say which call, "
                + " or ".join(str((name, i)) for i in range(len(calls)))
            )
        outputs = calls[0].outputs
        if position is None:
            return list(outputs)
        if not 0 <= position < len(outputs):
            raise ValueError(
                f"{calls[0].path!r} has {len(outputs)} outputs, there is no {position}"
            )
        return [outputs[position]]


def times(count):
    return "once" if count == 1 else f"{count} times"


def tensors_in(structure):
    return [x for x in keras.tree.flatten(structure) if keras.utils.is_keras_tensor(x)]


def require_functional(model):
    """Refuse what has no graph: its layers are known, but not what is called on what.

    Raises
    ------
    TypeError
        If it is no Keras model, or a subclass with a `call` of its own.
    ValueError
        If it is a Sequential model without shapes.
    """
    if isinstance(model, keras.Sequential):
        if getattr(model, "built", False) and hasattr(model, "outputs"):
            return
        raise ValueError(
            f"the Sequential model {model.name!r} has no graph yet; give it a keras.Input first "
            "or call it once on data"
        )
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, got {type(model).__name__}")
    is_graph = isinstance(model, keras.Function)
    if not is_graph or not type(model).call.__module__.startswith("keras."):
        raise TypeError(
            f"{model.name!r} is a {type(model).__name__} with its own `call`, of which Keras keeps "
            "no graph; surgery needs a Functional model, keras.Model(inputs, outputs)"
        )


def _read(model):
    """The calls of a model, its inputs and its outputs; inner models stay closed."""
    require_functional(model)
    inputs, outputs = list(model.inputs), list(model.outputs)
    calls, todo = {}, [*inputs, *outputs]
    while todo:
        operation, position, *arguments = _record(todo.pop())
        if (operation, position) not in calls:
            calls[operation, position] = _call(operation, *arguments)
            todo += calls[operation, position].inputs
    earlier = {}  # the call of the same layer before this one
    for operation in {operation for operation, _ in calls}:
        positions = sorted(position for other, position in calls if other is operation)
        for before, after in zip(positions, positions[1:], strict=False):
            earlier[operation, after] = operation, before

    ordered, waiting = {}, [_record(tensor)[:2] for tensor in [*outputs, *inputs]]
    while waiting:
        before = [_record(tensor)[:2] for tensor in calls[waiting[-1]].inputs]
        before += [earlier[waiting[-1]]] if waiting[-1] in earlier else []
        missing = [key for key in before if key not in ordered]
        waiting += missing
        if not missing:
            ordered[waiting.pop()] = True
    return [calls[key] for key in ordered], inputs, outputs


def _call(operation, args, kwargs, made):
    kwargs, only = dict(kwargs), args[0] if len(args) == 1 else None
    masked = (
        keras.utils.is_keras_tensor(only)
        and keras.utils.is_keras_tensor(kwargs.get("mask"))
        and _same_value(kwargs["mask"], implicit_mask(only))
    )
    if masked:
        del kwargs["mask"]
    return Call(operation, operation.name, 0, tuple(args), kwargs, list(made), masked)


def _same_value(a, b):
    """Whether two tensors come from equal operations on equal tensors.

    A loaded model computes an implicit mask twice: once as Keras always does, once as saved.
    """
    if a is b:
        return True
    if not (keras.utils.is_keras_tensor(a) and keras.utils.is_keras_tensor(b)):
        return not (keras.utils.is_keras_tensor(a) or keras.utils.is_keras_tensor(b)) and a == b
    (first, _, *arguments, _), (second, _, *others, _) = _record(a), _record(b)
    if isinstance(first, keras.Layer) or type(first) is not type(second):
        return False
    configs = [{**operation.get_config(), "name": None} for operation in (first, second)]
    arguments, others = keras.tree.flatten(arguments), keras.tree.flatten(others)
    return (
        configs[0] == configs[1]
        and len(arguments) == len(others)
        and all(_same_value(x, y) for x, y in zip(arguments, others, strict=True))
    )


def _obstacle(call):
    """Why the calls inside this call cannot take its place, or None."""
    if not isinstance(call.layer, keras.Model):
        return f"it is a {type(call.layer).__name__}, not a model"
    try:
        require_functional(call.layer)
    except (TypeError, ValueError) as error:
        return str(error)
    given, expected = tensors_in(call.args), call.layer.inputs
    by_name = isinstance(call.args[0], dict) and not isinstance(call.layer.input, dict)
    if by_name or tensors_in(call.kwargs) or [*map(_kind, given)] != [*map(_kind, expected)]:
        return "it converts what it is called with; call it with tensors like its own inputs"
    return None


def _kind(tensor):
    return len(tensor.shape), tensor.dtype


def open_graph(model, addresses):
    """The graph of the model, opened wherever an address like ``"backbone/conv1"`` leads."""
    require_functional(model)
    opened = set()
    for address in addresses:
        name = address[0] if isinstance(address, tuple) else address
        if isinstance(name, str) and "/" in name:
            parents = name.split("/")[:-1]
            opened |= {"/".join(parents[: i + 1]) for i in range(len(parents))}
    graph = Graph(model, opened)
    known = {call.path for call in graph.calls}
    known |= {path.rsplit("/", i)[0] for path in known for i in range(1, path.count("/") + 1)}
    for path in sorted(opened - known):
        raise ValueError(f"the model has no layer {path!r}{_nearest(path, graph.calls)}")
    return graph


def _nearest(name, calls):
    paths = []
    for call in calls:
        paths += [call.path, *(f"{call.path}/{inner}" for inner in _paths_inside(call.layer))]
    paths = list(dict.fromkeys(paths))
    near = difflib.get_close_matches(str(name), paths, n=1, cutoff=0.5)
    near += [path for path in paths if path.rsplit("/", 1)[-1] == name]
    return f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(paths)}"


def _paths_inside(layer):
    for inner in layer.layers if isinstance(layer, keras.Model) else ():
        yield inner.name
        yield from (f"{inner.name}/{path}" for path in _paths_inside(inner))


def run(calls, values, make=lambda call, args, kwargs: call.layer(*args, **kwargs)):
    """Make the calls anew, symbolically or on data.

    `values` maps the id of a tensor to its new value and is filled on the way. Returns the
    implicit masks by the same ids.
    """
    masks = {key: implicit_mask(value) for key, value in values.items()}
    for call in calls:
        if all(id(tensor) in values for tensor in call.outputs):
            continue
        filled = call.with_tensors(lambda tensor: values[id(tensor)])
        for tensor in call.inputs:
            # MultiHeadAttention takes the mask off what it is called on when it runs, so that the
            # next layer would miss it; the graph, made symbolically, had it.
            if masks[id(tensor)] is not None:
                values[id(tensor)]._keras_mask = masks[id(tensor)]
        kwargs = dict(filled.kwargs)
        if call.masked:
            kwargs["mask"] = masks[id(call.args[0])]
        made = keras.tree.flatten(make(call, filled.args, kwargs))
        for tensor, value in zip(call.outputs, made, strict=True):
            masks.setdefault(id(tensor), implicit_mask(value))
            values.setdefault(id(tensor), value)
    return masks


def mask_shapes(graph):
    """The shapes of the implicit masks that go with tensors when the model runs, by tensor id.

    The symbolic tensors do not know: behind an inner model they have no mask, the values do.
    """
    shapes = {}

    def trace(*data):
        values = {id(tensor): x for tensor, x in zip(graph.inputs, data, strict=True)}
        # In this scope nothing is written to a weight and no loss is left behind.
        with keras.StatelessScope():
            masks = run(graph.calls, values)
        shapes.update({key: tuple(mask.shape) for key, mask in masks.items() if mask is not None})

    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in graph.inputs]
    tf.function(trace, autograph=False).get_concrete_function(*specs)
    return shapes
