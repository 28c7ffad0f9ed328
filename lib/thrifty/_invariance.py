"""Whether the padding changes a model's output; public in `thrifty.masking`."""

import dataclasses

import numpy as np
from keras import tree

from thrifty._checks import require_int
from thrifty._padding import Lengths, aligned, difference, tolerance


@dataclasses.dataclass(frozen=True)
class PaddingResult:
    """What `padding_invariant` found.

    Attributes
    ----------
    ok : bool
        Whether no output changed beyond rounding.
    largest : float
        The largest difference between a sample without padding and with it.
    sample, extra : int
        Where it was found: the sample, and how many positions the batch was padded by on top.
    sentence : str
    """

    ok: bool
    largest: float
    sample: int
    extra: int
    sentence: str

    def __bool__(self):
        return self.ok

    def __str__(self):
        return self.sentence


def padding_invariant(model, batch, *, mask=None, pad=0, extra=3, rtol=1e-4):
    """Return whether each sample gives the same output however much padding it carries.

    Every sample is run alone without padding, and in the batch with 0..extra more positions of
    padding. Outputs with one vector a position are compared at the real positions.

    Parameters
    ----------
    model : callable
        Takes the batch, and `mask=` if one is given; returns one array or several. A Keras model
        (in inference mode), a function of arrays, ...
    batch : array of shape (batch, n) or (batch, n, d), or a list, tuple or dict of such
        Padded samples: all padding behind the real positions, or all before them.
    mask : bool array of shape (batch, n), optional
        True = a real position. By default the positions of the (first) array that are not `pad`.
    pad : number
        The id, or the value of every feature, that padding consists of.
    extra : int
        How many positions of padding to add at most.
    rtol : float
        Difference allowed for rounding, relative to the largest output; outputs of 16 bits are
        allowed 2 percent.

    Returns
    -------
    PaddingResult

    Raises
    ------
    TypeError
        If the mask is not boolean, or `extra` not an int.
    ValueError
        If the batch holds no padding, or real positions on both sides of it, if shapes do not
        fit, or the model does not take another length.

    Notes
    -----
    A True is evidence, on these samples; a False is a proof. An output that is not finite counts
    as changed.

    Examples
    --------
    >>> ids = np.array([[5, 3, 7], [2, 0, 0]])
    >>> print(padding_invariant(lambda ids: ids.sum(axis=1), ids))
    the output does not depend on the padding (0 to 3 more positions)
    >>> print(padding_invariant(lambda ids: ids.mean(axis=1), ids))
    the output depends on the padding: sample 0 changes by 2.5 with 3 more positions
    """
    extra = require_int("extra", extra, minimum=0)
    lengths = Lengths(batch, mask, pad)
    worst, failed = (0.0, 0, 0), None
    try:
        alone = [_outputs(model, *lengths.alone(i)) for i in range(len(lengths))]
        padded = [_outputs(model, *lengths.padded(k)) for k in range(extra + 1)]
    except Exception as error:  # whatever a model of the reader's own may raise
        _outputs(model, *lengths.padded(0))  # if it fails even here, its own error is the better
        shortest, n = max(int(lengths.real.sum(axis=1).min()), 1), lengths.real.shape[1]
        raise ValueError(
            f"the model does not take every length from {shortest} to {n + extra}: build it with "
            f"an unknown length, keras.Input((None,)), leave out samples that are too short, or "
            f"use trace, which then changes what stands in the padding"
        ) from error
    for k, outputs in enumerate(padded):
        for i, reference in enumerate(alone):
            for a, b in zip(reference, outputs, strict=True):
                found = compared(a, b, i, lengths, k, rtol)
                if found is None:
                    raise ValueError(
                        f"cannot tell which positions of an output of shape {b.shape} are real"
                    )
                if found[1] > worst[0]:
                    worst = (found[1], i, k)
                if not found[0]:
                    failed = found
    largest, sample, k = worst
    more = f"{k} more position{'s' * (k != 1)}"
    sentence = (
        f"the output does not depend on the padding (0 to {extra} more positions)"
        if failed is None
        else f"the output depends on the padding: sample {sample} changes by {largest:.3g} "
        f"with {more}"
    )
    return PaddingResult(failed is None, largest, sample, k, sentence)


def _outputs(model, args, kwargs):
    return [np.asarray(x) for x in tree.flatten(model(*args, **kwargs))]


def compared(alone, padded, sample, lengths, extra, rtol):
    """(same or not, difference) of a sample alone and in the batch; None where nobody can tell."""
    if not alone.ndim or not padded.ndim or len(alone) != 1:
        return None
    if len(padded) not in (1, len(lengths)):  # 1: made of positions alone
        return None
    row = padded[sample if len(padded) > 1 else 0]
    pair = aligned(alone, row, lengths.real_with(extra)[sample], lengths.side)
    return None if pair is None else same(*pair, rtol)


def same(a, b, certain, rtol):
    largest, scale = difference(a, b)
    within = largest <= tolerance(a.dtype, scale, rtol)
    return (within, largest) if within or certain else None
