"""Argument checks of `thrifty.transformer`, and the condition under which a cache is exact."""

import keras
import numpy as np

from thrifty._checks import require_int, require_mask

POSITIONS = ("learned", "sinusoidal", "rotary")
OUTPUTS = ("tied", "untied", "hidden")


def require_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def require_sizes(features, num_heads, positions, max_length):
    """Check what depends on more than one argument of a Transformer."""
    if features % num_heads:
        raise ValueError(
            f"features must be a multiple of num_heads, got {features} and {num_heads}"
        )
    if positions == "rotary" and features // num_heads % 2:
        raise ValueError(
            f"rotary positions turn pairs of features, so features / num_heads must be even, "
            f"got {features} / {num_heads}"
        )
    if positions == "sinusoidal" and features % 2:
        raise ValueError(f"sinusoidal positions need an even number of features, got {features}")
    if positions == "learned" and max_length is None:
        raise ValueError("learned positions need max_length, the longest sequence to learn for")
    return None if max_length is None else require_int("max_length", max_length, minimum=1)


def require_features(shape):
    if len(shape) != 3 or shape[-1] is None:
        raise ValueError(f"inputs must have shape (batch, n, features), got {tuple(shape)}")


def require_ids(ids, vocabulary, max_length):
    if len(ids.shape) != 2:
        raise ValueError(f"ids must have shape (batch, n), got {tuple(ids.shape)}")
    require_range("ids", ids, vocabulary, "vocabulary")
    n = ids.shape[1]
    if None not in (n, max_length) and n > max_length:
        raise ValueError(
            f"ids have {n} positions, but max_length is {max_length}; shorten the ids, "
            f"or make the model with a larger max_length"
        )


def require_beside_ids(name, values, ids_shape, size):
    """Check positions or segments: the shape of the ids, and values of 0..size - 1."""
    sizes = zip(values.shape, ids_shape, strict=False)
    differ = any(None not in (own, other) and own not in (1, other) for own, other in sizes)
    if len(values.shape) != 2 or differ:
        raise ValueError(
            f"{name} must have the shape of ids, {tuple(ids_shape)}, got {tuple(values.shape)}"
        )
    source = {"positions": "max_length", "segment_ids": "segments"}[name]
    require_range(name, values, size, source)


def require_range(name, values, size, source):
    """Check integers of 0..size - 1, where `source` is what `size` is called; None = no limit."""
    dtype = keras.backend.standardize_dtype(values.dtype)
    if "int" not in dtype:
        raise TypeError(f"{name} must hold integers, got dtype {dtype}")
    try:
        values = np.asarray(values)
    except (NotImplementedError, TypeError, ValueError):
        return  # a graph is being made: the values are not known yet
    outside = values[(values < 0) | (values >= (np.inf if size is None else size))]
    if outside.size:
        allowed = ">= 0" if size is None else f"in 0..{size - 1} ({source} - 1)"
        raise ValueError(f"{name} must be {allowed}, got {outside[0]}")


def prompt_ids(ids):
    ids = np.asarray(ids)
    if ids.ndim != 2 or not ids.size:
        raise ValueError(f"ids must have shape (batch, n) with n >= 1, got {ids.shape}")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids must hold integers, got dtype {ids.dtype}")
    return ids


def real_prompt(mask, ids):
    """Which positions of the prompts are real, bool (batch, n): without a mask all are."""
    mask = require_mask("mask", np.ones(ids.shape, dtype=bool) if mask is None else mask)
    if mask.shape != ids.shape:
        raise ValueError(f"mask must have the shape of ids, {ids.shape}, got {mask.shape}")
    empty = np.flatnonzero(~mask.any(axis=1))
    if empty.size:
        raise ValueError(f"every prompt needs a real position, row {empty[0]} of mask has none")
    return mask


def last_real(real):
    """Index of the last real position of each row, (batch,)."""
    return real.shape[1] - 1 - np.argmax(real[:, ::-1], axis=1)


def next_ids(ids, rows, mask_zero):
    ids = np.asarray(ids)
    if ids.shape != (rows,):
        raise ValueError(
            f"next_ids must have shape ({rows},), a token for each row of the cache, "
            f"got {ids.shape}"
        )
    if mask_zero and (ids == 0).any():
        raise ValueError("next_ids must not hold 0: with mask_zero=True id 0 is padding")
    return ids


def cacheable(attention_mask, real):
    """Return the prompt's part of a mask, (batch, n, n), if a key/value cache is exact with it.

    A cache keeps the keys and values of what was read. That is right only if nothing read before
    would change when a token is added, and the new token sees all that came before it.

    Parameters
    ----------
    attention_mask : bool array of shape (m, m) or (batch, m, m), or None
        m = n: the prompt's mask. m > n: that of the whole sequence, prompt first. None: all see all
        of the prompt.
    real : bool array of shape (batch, n)

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If its shape does not fit, or a cache would not be exact.
    """
    batch, n = real.shape
    if attention_mask is None:
        return np.ones((batch, n, n), dtype=bool)
    mask = require_mask("attention_mask", attention_mask)
    shapes = (mask.ndim in (2, 3), mask.shape[-1:] == mask.shape[-2:-1], mask.shape[-1:] >= (n,))
    if not all(shapes) or (mask.ndim == 3 and len(mask) not in (1, batch)):
        raise ValueError(
            f"attention_mask must have shape ({n}, {n}) or ({batch}, {n}, {n}), the prompt's mask, "
            f"or those of a longer sequence, got {mask.shape}"
        )
    mask = np.broadcast_to(mask, (batch, *mask.shape[-2:]))
    _require_whole(mask, real)
    prompt = mask[:, :n, :n]
    last = last_real(real)
    hidden = np.argwhere(real & ~prompt[np.arange(batch), last])
    if hidden.size:
        row, j = hidden[0]
        raise ValueError(
            f"a cache is not exact with this attention_mask: in row {row} the last position of the "
            f"prompt, {last[row]}, may not attend to position {j} before it, while each new token "
            f"attends to all before it; run the model without a cache"
        )
    return prompt


def _require_whole(mask, real):
    """The conditions on a mask that reaches beyond the prompt."""
    n, m = real.shape[1], mask.shape[-1]
    if m == n:
        return
    if not real.all():
        raise ValueError(
            f"attention_mask has {m} positions and the prompt {n}: with padding in the prompt, "
            f"give the prompt's mask, of {n} positions"
        )
    later = np.argwhere(np.triu(mask, k=1) & (np.arange(m) >= n))
    if later.size:
        row, i, j = later[0]
        raise ValueError(
            f"a cache is not exact with this attention_mask: in row {row} position {i} attends to "
            f"position {j}, which is written later, so that what was kept of position {i} would "
            f"have to change; run the model without a cache"
        )
    hidden = np.argwhere(np.tril(~mask) & (np.arange(m)[:, None] >= n))
    if hidden.size:
        row, i, j = hidden[0]
        raise ValueError(
            f"a cache is not exact with this attention_mask: in row {row} the new position {i} may "
            f"not attend to position {j}, while `step` shows a new token all that came before it; "
            f"run the model without a cache"
        )
