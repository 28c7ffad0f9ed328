"""Calling the layers of a graph anew with others in between or instead."""

import inspect

import keras

from thrifty._cut import require_one_name_each
from thrifty._graph import Graph, mask_shapes, run, tensors_in


def structure(model):
    if isinstance(model, keras.Sequential):
        return [x[0] if len(x) == 1 else x for x in (model.inputs, model.outputs)]
    return model.input, model.output


def rewire(model, changes, masks, keep):
    """The model with new layers at the addresses: after what is there (`keep`) or instead."""
    if masks not in ("raise", "drop"):
        raise ValueError(f'masks must be "raise" or "drop", got {masks!r}')
    graph = Graph(model)
    chosen = {}
    for address, new in changes.items():
        for call in graph.calls_at(address):
            _require_operable(call, new, keep)
            if call in chosen:
                raise ValueError(f"{call.path!r} is named twice in the changes")
            chosen[call] = new
    stay = [call.layer for call in graph.calls if keep or call not in chosen]
    require_one_name_each([*stay, *(new for new in chosen.values() if new is not None)])

    def make(call, args, kwargs):
        if call not in chosen:
            return _call(call.layer, args, kwargs)
        if keep:
            return _call(chosen[call], [_call(call.layer, args, kwargs)])
        return _call_instead(call, chosen[call], args, kwargs)

    start, end = structure(model)
    values = {id(tensor): tensor for tensor in graph.inputs}
    used = {id(tensor) for call in graph.calls for tensor in call.inputs} | {
        *map(id, graph.outputs)
    }
    for call in chosen:
        if not call.inputs:
            if id(call.outputs[0]) not in used:
                raise ValueError(f"no output depends on {call.path!r}; nothing would see the layer")
            values[id(call.outputs[0])] = _call(chosen[call], call.outputs)
    run(graph.calls, values, make)
    changed = keras.Model(
        start, keras.tree.map_structure(lambda tensor: values[id(tensor)], end), name=model.name
    )
    if masks == "raise":
        gone = set() if keep else {(call.path, call.index) for call in chosen}
        _require_same_masks(Graph(model, True), Graph(changed, True), gone)
    return changed


def _require_operable(call, new, keep):
    if keep and len(call.outputs) != 1:
        raise ValueError(f"{call.path!r} has {len(call.outputs)} outputs; a layer takes one")
    if not keep and not call.inputs:
        raise ValueError(f"{call.path!r} is an input of the model and cannot be replaced")
    if not keep and new is None:
        alike = len(call.inputs) == len(call.outputs) == 1
        pair = [(t.shape, t.dtype) for t in (call.inputs[0], call.outputs[0])]
        if not alike or pair[0] != pair[1]:
            made = " and ".join(str(tuple(t.shape)) for t in call.outputs)
            given = " and ".join(str(tuple(t.shape)) for t in call.inputs)
            raise ValueError(
                f"{call.path!r} cannot be left out: it makes {made} from {given}, and one output "
                "of the shape and dtype of the one input is needed"
            )


def _call(layer, args, kwargs=None):
    try:
        return layer(*args, **(kwargs or {}))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{layer.name!r} cannot be called on what it now gets: {error}") from error


def _call_instead(call, new, args, kwargs):
    if new is None:
        return tensors_in((args, kwargs))[0]
    if call.masked or kwargs.get("mask") is None:
        kwargs.pop("mask", None)  # an implicit one: Keras passes it if the new layer takes it
    if not isinstance(call.layer, keras.Layer):
        args, kwargs = tensors_in((args, kwargs)), {}  # the settings were those of the operation
    return _call(new, args, kwargs)


def _require_same_masks(old, new, gone):
    """Refuse if a layer that stayed was given an implicit mask before and is not any more."""
    had = mask_shapes(old)
    has = mask_shapes(new) if had else {}
    now = {}
    for call in new.calls:
        now.setdefault((call.path, call.layer), []).append(call)
    for call in old.calls:
        left = now.get((call.path, call.layer))
        if not left or (call.path, call.index) in gone:
            continue
        pairs = zip(call.inputs, left.pop(0).inputs, strict=False)
        for before, after in pairs if _heeds_masks(call.layer) else ():
            if id(before) in had and id(after) not in has:
                raise ValueError(
                    f"the implicit mask of {old.address(before)!r} no longer reaches "
                    f"{call.path!r}; let the new layer hand it on (supports_masking = True), "
                    'or say masks="drop"'
                )


def _heeds_masks(layer):
    if not isinstance(layer, keras.Layer):
        return False
    names = inspect.signature(layer.call).parameters
    return layer.supports_masking or any(name.endswith("mask") for name in names)
