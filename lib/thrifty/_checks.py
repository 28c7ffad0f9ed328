"""Argument checks shared by the modules: one wording for one kind of mistake."""

import math
import numbers
import operator

import numpy as np


def require_int(name, value, minimum):
    """Return `value` as an int that is at least `minimum`, or say what is wrong with it.

    Raises
    ------
    TypeError
        If `value` is not an integer. A bool is not one: `Local(True)` is a slip, not a width.
    ValueError
        If `value` is below `minimum`.

    Examples
    --------
    >>> require_int("rate", 4, minimum=1)
    4
    """
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")
    value = operator.index(value)
    if value < minimum:
        raise ValueError(f"{name} must be >= {minimum}, got {value}")
    return value


def require_mask(name, mask):
    """Return `mask` as a boolean array; any other dtype is an error, since 0 and 1 do not say
    which of them hides and an additive mask would be read upside down.

    Raises
    ------
    TypeError
        If the dtype is not bool.

    Examples
    --------
    >>> require_mask("mask", [True, False])
    array([ True, False])
    """
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(
            f"{name} must be boolean (True = may attend), got dtype {mask.dtype}; "
            f"convert it, for example with `{name} > 0`"
        )
    return mask


def require_rows(name, values):
    """Return `values` as an int64 array of shape (n,) or (batch, n), or say what is wrong.

    Raises
    ------
    TypeError
        If the values are not integers.
    ValueError
        If there are not one or two axes.

    Examples
    --------
    >>> require_rows("doc_ids", [0, 0, 1])
    array([0, 0, 1])
    """
    values = np.asarray(values)
    if values.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (n,) or (batch, n), got shape {values.shape}")
    if values.size and values.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got dtype {values.dtype}")
    return values.astype(np.int64)


def first_index(wrong):
    """The first True of an array as an int, or as a tuple of ints if it has several axes.

    Examples
    --------
    >>> first_index(np.array([[False, False], [False, True]]))
    (1, 1)
    """
    index = tuple(np.argwhere(wrong)[0].tolist())
    return index if len(index) > 1 else index[0]


def require_within(name, values, low, high, meaning):
    """Refuse an integer outside low..high; `high` None means that there is no upper bound.

    Raises
    ------
    ValueError
        If a value lies outside; the message names the first one and where it is.

    Examples
    --------
    >>> require_within("doc_ids", np.array([0, 1, -1]), -1, None, "-1 = padding")
    """
    wrong = (values < low) | (False if high is None else values > high)
    if wrong.any():
        at = first_index(wrong)
        bounds = f">= {low}" if high is None else f"in {low}..{high}"
        raise ValueError(f"{name} must be {bounds} ({meaning}), got {values[at]} at index {at}")


def require_share(name, value):
    """Return `value` as a float in 0..1.

    Raises
    ------
    TypeError
        If `value` is no real number.
    ValueError
        If it lies outside 0..1 or is NaN.

    Examples
    --------
    >>> require_share("rate", 0.15)
    0.15
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in 0..1, got {value}")
    return float(value)


def require_generator(name, rng):
    """Return `rng`, a `numpy.random.Generator`; a seed would start again at every call.

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> isinstance(require_generator("rng", np.random.default_rng(0)), np.random.Generator)
    True
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{name} must be a numpy.random.Generator, got {type(rng).__name__}; "
            f"make one, once, with `np.random.default_rng(seed)`"
        )
    return rng


def working(name, values):
    """The array in the dtype to compute in, and the dtype to return."""
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {values.dtype}")
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    # float16 has 11 bits and ends at 65504: too little to sum exponentials in.
    return values.astype(np.result_type(values, np.float32), copy=False), values.dtype


def fit_mask(mask, shape):
    mask = require_mask("mask", mask)
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(
            f"mask of shape {mask.shape} does not broadcast to scores of shape {shape}"
        ) from None


def score_scale(scale, d):
    if scale is None:
        return 1 / math.sqrt(d)
    if not math.isfinite(scale):
        raise ValueError(f"scale must be finite, got {scale}")
    return float(scale)


def require_attention_shapes(q, k, v=None):
    arrays = {"q": q, "k": k} if v is None else {"q": q, "k": k, "v": v}
    for name, array in arrays.items():
        if array.ndim < 2:
            raise ValueError(f"{name} must have shape (..., length, size), got {array.shape}")
    if q.shape[-1] != k.shape[-1] or q.shape[-1] == 0:
        raise ValueError(
            f"q and k must have one size d >= 1 on the last axis, got {q.shape} and {k.shape}"
        )
    if v is not None and k.shape[-2] != v.shape[-2]:
        raise ValueError(f"k and v must have one length, got shapes {k.shape} and {v.shape}")
    try:
        np.broadcast_shapes(*(array.shape[:-2] for array in arrays.values()))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays.values())
        raise ValueError(f"the leading axes must broadcast, got shapes {shapes}") from None


def one_sequence(q, k, v, mask, scale):
    """What `attention_loop` works on: 2-D arrays, a full mask, a scale, and the dtype to return."""
    (q, q_dtype), (k, k_dtype), (v, v_dtype) = working("q", q), working("k", k), working("v", v)
    require_attention_shapes(q, k, v)
    if max(q.ndim, k.ndim, v.ndim) > 2:
        raise ValueError(
            f"attention_loop takes one sequence and one head, arrays of 2 axes, got shapes "
            f"{q.shape}, {k.shape}, {v.shape}; for more axes use attention"
        )
    mask = fit_mask(True if mask is None else mask, (len(q), len(k)))
    dtype = np.result_type(q_dtype, k_dtype, v_dtype)
    return q, k, v, mask, score_scale(scale, q.shape[-1]), dtype
