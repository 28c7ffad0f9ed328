"""The steps of cutting a graph: what lies between the tensors, what is missing, new inputs."""

import keras

from thrifty._graph import implicit_mask, tensors_in
from thrifty.mask_layers import AttachMask, ReadMask


def addresses(given):
    """The single addresses of a structure; a tuple like ``("dense", 1)`` is one."""
    if isinstance(given, dict):
        return list(given.values())
    return list(given) if _is_list(given) else [given]


def _is_list(given):
    is_address = isinstance(given, tuple) and any(isinstance(part, int) for part in given)
    return isinstance(given, (list, tuple)) and not is_address


def resolve(graph, what, given):
    """The tensors that the addresses mean, in the structure to be used for the new model."""
    if isinstance(given, dict):
        found = {key: graph.tensors_at(address) for key, address in given.items()}
        for key, tensors in found.items():
            if len(tensors) > 1:
                raise ValueError(
                    f"{what}[{key!r}] means {len(tensors)} tensors; "
                    f"choose one, {graph.address(tensors[0])} for example"
                )
        return {key: tensors[0] for key, tensors in found.items()}
    tensors = [t for address in addresses(given) for t in graph.tensors_at(address)]
    return tensors if _is_list(given) or len(tensors) != 1 else tensors[0]


def needed_calls(graph, first, last):
    """The calls that make `last`, back to `first`."""
    needed, todo, given = set(), list(last), {id(tensor) for tensor in first}
    while todo:
        tensor = todo.pop()
        call = graph.maker[id(tensor)]
        if id(tensor) not in given and call not in needed:
            needed.add(call)
            todo += call.inputs
    return [call for call in graph.calls if call in needed]


def require_clean_cut(graph, needed, first, last):
    def listed(tensors):
        return ", ".join(dict.fromkeys(repr(graph.address(tensor)) for tensor in tensors))

    if len({id(tensor) for tensor in first}) < len(first):
        raise ValueError(f"an input is named twice in {listed(first)}")
    used = {id(tensor) for call in needed for tensor in call.inputs} | {*map(id, last)}
    idle = [tensor for tensor in first if id(tensor) not in used]
    if idle:
        raise ValueError(f"the outputs do not depend on {listed(idle)}; leave it out of the inputs")
    reached, crossing = {*map(id, first)}, []
    for call in needed:
        outside = [tensor for tensor in call.inputs if id(tensor) not in reached]
        if len(outside) < len(call.inputs):
            reached.update(map(id, call.outputs))
            crossing += outside
    lone = [tensor for tensor in last if id(tensor) not in reached]
    if lone:
        raise ValueError(f"no input leads to the output {listed(lone)}")
    if crossing:
        raise ValueError(
            "the outputs also depend on what does not pass through the inputs; "
            f"add: {listed(crossing)}"
        )


def require_no_mask(graph, masked):
    if masked:
        names = ", ".join(repr(graph.address(tensor)) for tensor in masked)
        raise ValueError(
            f"an implicit mask goes with {names}, and an array fed there has none; say "
            'masks="explicit" to make it an input of its own, or masks="drop" to go on without it'
        )


def require_one_name_each(layers):
    """The names of the layers; two layers of one name cannot be in one model."""
    names = {}
    for layer in layers:
        if names.setdefault(layer.name, layer) is not layer:
            raise ValueError(
                f"two layers are called {layer.name!r}, and in one model names must differ; "
                "build one of them with another name"
            )
    return set(names)


def new_inputs(graph, start, taken):
    """The inputs of the new model in the structure of `start`, and their values by tensor id."""
    values, keys = {}, {}
    if isinstance(start, dict):
        keys = {id(tensor): key for key, tensor in start.items()}
    for tensor in tensors_in(start):
        call = graph.maker[id(tensor)]
        path, *rest = call.path, *map(str, as_tuple(graph.address(tensor))[1:])
        name = keys.get(id(tensor)) or "_".join([path.replace("/", "_"), *rest])
        if not call.inputs and name == call.layer.name:
            values[id(tensor)] = tensor  # an input of the whole model
        else:
            while name in taken and id(tensor) not in keys:
                name += "_input"
            values[id(tensor)] = keras.Input(
                batch_shape=tensor.shape, dtype=tensor.dtype, sparse=tensor.sparse, name=name
            )
        taken.add(name)
    return keras.tree.map_structure(lambda tensor: values[id(tensor)], start), values


def as_tuple(address):
    return address if isinstance(address, tuple) else (address,)


def with_mask_inputs(start, new_start, values, shapes):
    masks = {}
    for tensor in tensors_in(start):
        if id(tensor) in shapes:
            x = values[id(tensor)]
            name = f"{x.name}_mask"
            masks[name] = keras.Input(batch_shape=shapes[id(tensor)], dtype="bool", name=name)
            values[id(tensor)] = AttachMask(name=f"{x.name}_with_mask")(x, mask=masks[name])
    return _extended(new_start, masks)


def with_mask_outputs(end, new_end, values, shapes):
    masks = {}
    for key, tensor in end.items() if isinstance(end, dict) else enumerate(tensors_in(end)):
        if id(tensor) in shapes:
            # The mask by hand, where it is known: MultiHeadAttention takes the attached one away.
            x = values[id(tensor)]
            read = ReadMask(axes=len(shapes[id(tensor)]))
            masks[f"{key}_mask"] = read(x, mask=implicit_mask(x))
    return _extended(new_end, masks)


def _extended(structure, masks):
    if isinstance(structure, dict):
        return {**structure, **masks}
    return [*keras.tree.flatten(structure), *masks.values()] if masks else structure
