"""Where the implicit masks of Keras get lost on their way through a model, and what that changes.

Keras attaches a mask to a tensor (`Embedding(mask_zero=True)`, `Masking`) and hands it from layer
to layer. Many layers drop it without an error. `trace` finds the first place, `padding_invariant`
tells from outside whether the padding changes the result, `mask_behaviour` what one layer does.

In every mask, True = a real position.
"""

import keras
import numpy as np
from keras import ops, tree

from thrifty._calls import Recorder, arrays, equal_arrays, keras_mask, with_mask
from thrifty._checks import require_int, require_mask
from thrifty._invariance import PaddingResult, compared, padding_invariant, same
from thrifty._padding import Lengths
from thrifty._reports import Row, Trace, report, what_it_does

__all__ = ["PaddingResult", "Row", "Trace", "mask_behaviour", "padding_invariant", "trace"]


def trace(model, batch, *, mask=None, pad=0, extra=3, rtol=1e-4):
    """Follow the masks through a model on a real padded batch, and say where they get lost.

    Three things are measured at every call: whether a mask comes in and goes out; whether the
    output is another without the mask (the call is used again without); whether the output at the
    real positions is another with more padding.

    Parameters
    ----------
    model : callable
        A Keras model, or a function that calls Keras layers; it takes the batch, and `mask=` if
        one is given. Models and custom layers in it are looked into, built-in layers count as one.
    batch : array of shape (batch, n) or (batch, n, d), or a list, tuple or dict of such
        A few padded samples: all padding behind the real positions, or all before them.
    mask : bool array of shape (batch, n), optional
        True = a real position. By default the positions of the (first) array that are not `pad`.
    pad : number
        The id, or the value of every feature, that padding consists of.
    extra : int
        How many positions of padding to add.
    rtol : float
        Difference allowed for rounding, relative to the largest output of a call; 16-bit outputs
        are allowed 2 percent.

    Returns
    -------
    Trace

    Raises
    ------
    TypeError
        If the mask is not boolean, or `extra` not an int.
    ValueError
        If the batch holds no padding, or real positions on both sides of it, if shapes do not
        fit, or no call of a Keras layer was seen.

    Notes
    -----
    Each sample is run alone without padding and compared with its row in the batch, and with that
    of the batch with `extra` more positions. A model of fixed length cannot be asked that: there,
    noise is put where the padding stands, behind the layer that makes the mask.

    A function compiled by `tf.function` hides its layers. Only calls with tensors are seen, so
    trace the model itself, not `model.predict`. The model runs batch + 2 times.

    Examples
    --------
    >>> keras.utils.set_random_seed(0)
    >>> model = keras.Sequential(
    ...     [
    ...         keras.layers.Embedding(9, 4, mask_zero=True, name="tokens"),
    ...         keras.layers.GlobalMaxPooling1D(name="pool"),
    ...     ]
    ... )
    >>> found = trace(model, np.array([[5, 3, 7], [2, 0, 0]]))
    >>> found.ok, found.lost.name
    (False, 'pool')
    >>> print(found)  # doctest: +NORMALIZE_WHITESPACE
    layer   class               mask in  mask out  verdict            with more padding
    -----------------------------------------------------------------------------------
    tokens  Embedding           no       yes       makes a mask       same
    pool    GlobalMaxPooling1D  yes      no        ignores and drops  changes
    <BLANKLINE>
    The output depends on the padding, first at 'pool' (GlobalMaxPooling1D): it ignores
    the mask; use thrifty.layers.MaskedMaxPooling.
    """
    extra = require_int("extra", extra, minimum=1)
    lengths = Lengths(batch, mask, pad)
    base, outputs = _record(model, lengths.padded(0), ablate=True)
    if not base.calls:
        raise ValueError(
            "no call of a Keras layer was seen: trace takes a Keras model or a function that "
            "calls Keras layers eagerly; tf.function and model.predict hide them"
        )
    found, method = _by_length(model, lengths, base, outputs, extra, rtol), "more padding"
    if found is None:
        found, method = _by_noise(model, lengths, base, outputs, rtol), "noise in the padding"
    masked = any(keras_mask(x) is not None for x in tree.flatten(outputs))
    positions = any(x.ndim > 2 or x.shape[1:] == lengths.real.shape[1:] for x in arrays(outputs))
    return report(base.calls, found, masked, positions, method)


def _record(model, arguments, **options):
    """The recorder with the calls of one run, and the model's outputs."""
    args, kwargs = arguments
    args = tree.map_structure(_as_tensor, args)
    recorder = Recorder(**options)
    return recorder, recorder.run(lambda: model(*args, **kwargs), args)


def _as_tensor(array):
    # Keras would convert it anyway, but then the recorder could not tell it from other tensors.
    wide = array.dtype == np.float64
    return ops.convert_to_tensor(array, dtype=keras.config.floatx() if wide else None)


def _by_length(model, lengths, base, outputs, extra, rtol):
    """(unchanged, difference) of every call and of the output; None if the length is fixed."""
    try:
        alone = [_record(model, lengths.alone(i)) for i in range(len(lengths))]
        longer = _record(model, lengths.padded(extra))
    except Exception:  # any error: the model has taken the batch itself
        return None
    if any(len(run.calls) != len(base.calls) for run, _ in [*alone, longer]):
        raise ValueError("the model calls other layers for other lengths; it cannot be followed")
    alone = [_results(*run) for run in alone]
    padded = [(0, _results(base, outputs)), (extra, _results(*longer))]
    return [
        _worst(
            compared(a, b, i, lengths, k, rtol)
            for k, results in padded
            for i in range(len(lengths))
            for a, b in zip(alone[i][number], results[number], strict=True)
        )
        for number in range(len(base.calls) + 1)
    ]


def _results(recorder, outputs):
    """The output arrays of every call, and at the end those of the model."""
    return [*(call.outputs for call in recorder.calls), arrays(outputs)]


def _by_noise(model, lengths, base, outputs, rtol):
    rng = np.random.default_rng(0)
    noisy = _results(*_record(model, lengths.with_noise(rng), noise=rng))
    return [
        _worst(
            _same_where_real(a, b, lengths.real, rtol) for a, b in zip(expected, found, strict=True)
        )
        for expected, found in zip(_results(base, outputs), noisy, strict=True)
    ]


def _same_where_real(a, b, real, rtol):
    """(same or not, difference); with one length, an axis of n entries is taken as positions."""
    n, worst = real.shape[1], (True, 0.0)
    if not a.ndim or len(a) != len(real):
        return None
    for row, other, kept in zip(a, b, real, strict=True):
        for axis in [axis for axis, size in enumerate(row.shape) if size == n]:
            row, other = row.compress(kept, axis), other.compress(kept, axis)
        found = same(row, other, n in a.shape[1:] or a.ndim == 2, rtol)
        if found is None:
            return None
        worst = max(worst, found, key=lambda result: (not result[0], result[1]))
    return worst


def _worst(found):
    """One (unchanged, difference) of several; a proven change outweighs what cannot be told."""
    found = list(found)
    known = [result for result in found if result is not None]
    largest = max((difference for _, difference in known), default=None)
    if not all(unchanged for unchanged, _ in known):
        return False, largest
    return (None, None) if len(known) < len(found) or not found else (True, largest)


def mask_behaviour(function, x=None, mask=None):
    """Return what a layer, or any function of one tensor, does with the mask of its input.

    Parameters
    ----------
    function : callable
        A Keras layer, or a function such as ``lambda x: keras.layers.Add()([x, x])``. One that
        makes layers must give them the same weights every time it is called.
    x : array of shape (batch, n) or (batch, n, d), optional
        By default random numbers of shape (3, 6, 4).
    mask : bool array of shape (batch, n), optional
        What to attach to x. By default the first 6, 4 and 1 positions are real, if no `x` is
        given; if one is, none is attached.

    Returns
    -------
    str
        "makes a mask", "passes on", "uses and passes on", "uses and drops", "ignores and drops",
        "gets no mask" or "error". It is *used* if any number of the output is another without it,
        even one at the padding.

    Raises
    ------
    TypeError
        If the mask is not boolean.

    Examples
    --------
    >>> mask_behaviour(keras.layers.GlobalAveragePooling1D())
    'uses and drops'
    >>> mask_behaviour(keras.layers.GlobalMaxPooling1D())
    'ignores and drops'
    >>> mask_behaviour(lambda x: x[:, 1:])
    'ignores and drops'
    """
    if x is None:
        x = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")
        mask = np.arange(6) < np.array([[6], [4], [1]]) if mask is None else mask
    if mask is None:
        out = function(ops.convert_to_tensor(x))
        return what_it_does(False, _any_mask(out), None)
    mask = require_mask("mask", mask)
    without = arrays(function(ops.convert_to_tensor(x)))  # also builds the layers
    try:
        out = function(with_mask(x, mask))
    except Exception:  # whatever the layer raises when it meets a mask
        return "error"
    return what_it_does(True, _any_mask(out), not equal_arrays(arrays(out), without))


def _any_mask(outputs):
    return any(keras_mask(x) is not None for x in tree.flatten(outputs))
