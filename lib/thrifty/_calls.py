"""Records what every layer of a model is given and gives back; `thrifty.masking` reads it."""

import contextlib
import dataclasses
import inspect
import warnings

import keras
import numpy as np
from keras import ops, tree


@dataclasses.dataclass
class Call:
    """One call of a layer or operation, in the order in which calls end."""

    name: str
    kind: str
    path: tuple  # names of the containers it is in, the outermost first
    operation: object
    inputs: tuple  # numbers of the calls that made its tensors
    masks: tuple  # of each input tensor, whether it carries a mask
    as_argument: bool
    mask_out: bool = False
    takes: tuple = ()  # ids of the input tensors whose mask is gone after the call
    used: bool | None = None
    outputs: list = dataclasses.field(default_factory=list)  # NumPy arrays
    tensors: tuple = ()  # ids of the input tensors

    @property
    def mask_in(self):
        return self.as_argument or any(self.masks)


class Recorder:
    """Calls a model and records the calls inside it; built-in layers count as one call.

    Parameters
    ----------
    ablate : bool
        Whether every call that gets a mask is repeated without, to see whether the mask is used.
    noise : numpy.random.Generator, optional
        If given, what a mask-making layer puts at the masked positions is replaced by noise.
    """

    def __init__(self, *, ablate=False, noise=None):
        self.calls = []
        self._ablate, self._noise = ablate, noise
        self._open = []  # names of the containers the running call is in
        self._muted = 0
        self._maker = {}  # id of a tensor: number of the call that made it
        self._kept = {}  # the tensors themselves by id, lest an id be given twice

    def run(self, function, batch=None):
        self._keep(tree.flatten(batch))
        with intercepted(self._called), warnings.catch_warnings():
            # Keras warns of every layer that drops a mask; here they are being counted.
            warnings.filterwarnings("ignore", message=".*does not support masking")
            return function()

    def _called(self, call, operation, args, kwargs):
        if self._muted or any(map(keras.utils.is_keras_tensor, tree.flatten((args, kwargs)))):
            return call(operation, *args, **kwargs)
        args, kwargs = _named(operation, args, kwargs)
        given, as_argument = _split_masks(kwargs)
        tensors = [x for x in tree.flatten((args, given)) if _is_tensor(x)]
        masks = [keras_mask(x) for x in tensors]
        if self._open:
            self._note_unrecorded(tensors)
        record = Call(
            name="/".join([*self._open[1:], operation.name]),
            kind=type(operation).__name__,
            path=tuple(self._open),
            operation=operation,
            inputs=tuple(sorted({self._maker[id(x)] for x in tensors if id(x) in self._maker})),
            masks=tuple(mask is not None for mask in masks),
            as_argument=bool(as_argument),
            tensors=tuple(map(id, tensors)),
        )
        self._keep(tensors)
        if self._ablate and record.mask_in:
            without = self._without_masks(call, operation, args, given)
        outputs = self._run_inside(call, operation, args, kwargs)
        if self._noise is not None and not record.mask_in:
            outputs = self._with_noise(outputs)
        self._finish(record, outputs, tensors, masks)
        if self._ablate and record.mask_in:
            record.used = without is None or not equal_arrays(record.outputs, without)
        return outputs

    def _run_inside(self, call, operation, args, kwargs):
        if _is_leaf(operation):
            with self._silence():
                return call(operation, *args, **kwargs)
        self._open.append(operation.name)
        try:
            return call(operation, *args, **kwargs)
        finally:
            self._open.pop()

    @contextlib.contextmanager
    def _silence(self):
        self._muted += 1
        try:
            yield
        finally:
            self._muted -= 1

    def _without_masks(self, call, operation, args, kwargs):
        """The outputs of the call without any mask; None if it cannot do without."""
        bare = tree.map_structure(lambda x: ops.copy(x) if _is_tensor(x) else x, (args, kwargs))
        with self._silence():
            try:
                return arrays(call(operation, *bare[0], **bare[1]))
            except Exception:  # a layer of the reader's own may fail without a mask in any way
                return None

    def _with_noise(self, outputs):
        if not _is_tensor(outputs) or keras_mask(outputs) is None:
            return outputs
        mask = keras_mask(outputs)
        noise = self._noise.normal(size=outputs.shape) * float(ops.max(ops.abs(outputs)))
        noisy = ops.where(mask[..., None], outputs, ops.cast(noise, outputs.dtype))
        with self._silence():
            return with_mask(noisy, mask)

    def _finish(self, record, outputs, tensors, masks):
        results = [x for x in tree.flatten(outputs) if _is_tensor(x)]
        record.outputs = arrays(outputs)
        record.mask_out = any(keras_mask(x) is not None for x in results)
        record.takes = tuple(
            id(x)
            for x, mask in zip(tensors, masks, strict=True)
            if mask is not None and keras_mask(x) is None
        )
        if _makes_masks(record):
            self._keep(results)  # lest an operation on this mask be taken for one on the values
            return
        if _is_transparent(record.operation):
            return  # its tensors were made by the calls inside
        if not _is_leaf(record.operation):
            self._note_unrecorded(results, inside=(record.operation.name,))
        self.calls.append(record)
        for x in results:
            self._maker[id(x)] = len(self.calls) - 1
        self._keep(results)

    def _note_unrecorded(self, tensors, inside=()):
        """Note tensors that code between the layers of a container made from masked ones."""
        here = (*self._open, *inside)
        masked = [i for i, call in enumerate(self.calls) if call.mask_out and call.path == here]
        unknown = [x for x in tensors if keras_mask(x) is None and id(x) not in self._kept]
        if not masked or not unknown:
            return
        record = Call(
            name="/".join([*here[1:], "(operations)"]),
            kind="operations",
            path=here,
            operation=None,
            inputs=(masked[-1],),
            masks=(True,),
            as_argument=False,
            outputs=arrays(unknown),
        )
        self.calls.append(record)
        self._keep(unknown)
        self._maker.update({id(x): len(self.calls) - 1 for x in unknown})

    def _keep(self, tensors):
        self._kept.update({id(x): x for x in tensors})


@contextlib.contextmanager
def intercepted(called):
    """Within it, calls of Keras layers and operations are `called(call, operation, args, kwargs)`,
    where ``call(operation, *args, **kwargs)`` is what Keras would have done.
    """
    layer_call, operation_call = keras.layers.Layer.__call__, keras.Operation.__call__

    def of_layer(layer, *args, **kwargs):
        return called(layer_call, layer, args, kwargs)

    def of_operation(operation, *args, **kwargs):
        if isinstance(operation, keras.layers.Layer):  # on its way from `of_layer`
            return operation_call(operation, *args, **kwargs)
        return called(operation_call, operation, args, kwargs)

    # Layers in layers and operations in a Functional graph are reached by no public hook.
    keras.layers.Layer.__call__, keras.Operation.__call__ = of_layer, of_operation
    try:
        yield
    finally:
        keras.layers.Layer.__call__, keras.Operation.__call__ = layer_call, operation_call


class _GiveMask(keras.layers.Layer):
    """Hands its input on with a given mask, as a layer that makes masks does."""

    def __init__(self, mask, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self._mask = mask

    def call(self, inputs):
        return ops.copy(inputs)

    def compute_mask(self, inputs, previous_mask=None):
        return self._mask


def with_mask(x, mask):
    """A copy of the tensor that carries the mask."""
    x = ops.convert_to_tensor(x)
    return _GiveMask(ops.convert_to_tensor(mask), dtype=x.dtype)(x)


def keras_mask(x):
    return getattr(x, "_keras_mask", None)


def arrays(outputs):
    return [np.asarray(x) for x in tree.flatten(outputs) if _is_tensor(x)]


def _is_tensor(x):
    return ops.is_tensor(x)


def _is_leaf(operation):
    if not isinstance(operation, keras.layers.Layer):
        return True
    ours = type(operation).__module__.split(".")[0] in ("keras", "thrifty")
    return ours and not isinstance(operation, keras.Model)


def _is_transparent(operation):
    """Whether it is a Functional or Sequential model, which computes nothing of its own."""
    return isinstance(operation, keras.Model) and type(operation).__module__.startswith("keras.")


def _makes_masks(record):
    """Whether it computes a mask: Keras makes such operations, and gives the layers their result
    as an argument, when a Functional model is built.
    """
    layer = isinstance(record.operation, keras.layers.Layer)
    return not layer and all(output.dtype == bool for output in record.outputs)


def _named(operation, args, kwargs):
    """The arguments with masks by keyword, so that they can be told from the inputs."""
    if not isinstance(operation, keras.layers.Layer):
        return args, kwargs
    names = list(inspect.signature(operation.call).parameters)
    for number, name in enumerate(names[: len(args)]):
        if name == "mask" or name.endswith("_mask"):
            moved = dict(zip(names[number:], args[number:], strict=False))
            return args[:number], {**moved, **kwargs}
    return args, kwargs


def _split_masks(kwargs):
    """The keyword arguments without the masks, and the masks; `use_causal_mask=True` is none."""
    masks = {
        name: value
        for name, value in kwargs.items()
        if (name == "mask" or name.endswith("_mask"))
        and any(hasattr(x, "shape") for x in tree.flatten(value))
    }
    return {name: value for name, value in kwargs.items() if name not in masks}, masks


def equal_arrays(found, expected):
    return len(found) == len(expected) and all(
        a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(found, expected, strict=True)
    )
