"""Masks in words, for captions and screen readers."""

import numpy as np

from thrifty._checks import require_mask
from thrifty._recognise import in_words, recognise


def describe(mask):
    """Say in one sentence what a mask allows: its scheme, its size, its pairs, its exceptions.

    Parameters
    ----------
    mask : bool array of shape (n_q, n_k)
        True = may attend. One mask, not a batch.

    Returns
    -------
    str
        Where a scheme is named, it and the exceptions together say the whole mask, as long as no
        list has more than twelve entries; longer ones are cut.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If it has not two axes.

    Notes
    -----
    Schemes are looked for in this order, and the first that fits is named: bidirectional, diagonal,
    causal, reversed causal, prefix, window, strided, block diagonal, permuted causal, block causal,
    tree, global; where it makes sense also their causal half, and without the diagonal.
    The schemes and their sources are in `thrifty.patterns` and `thrifty.masks`.

    Examples
    --------
    >>> from thrifty.masks import permuted_mask, prefix_mask
    >>> describe(np.tri(6, dtype=bool))
    'Causal mask on 6 positions: 21 of 36 pairs allowed (58.3 %).'
    >>> describe(prefix_mask([0, 0, 0, 1, 1]))
    'Prefix mask on 5 positions, positions 0 to 2 free: 18 of 25 pairs allowed (72.0 %).'
    >>> describe(prefix_mask([0, 0, -1]))
    'Bidirectional mask on 3 positions: 4 of 9 pairs allowed (44.4 %); position 2 takes no part.'
    >>> describe(permuted_mask([2, 0, 1]))
    'Permuted causal mask on 3 positions, order 2, 0, 1: 6 of 9 pairs allowed (66.7 %).'
    """
    mask = require_mask("mask", mask)
    if mask.ndim != 2:
        raise ValueError(
            f"mask must have shape (n_q, n_k), got {mask.shape}; describe one mask of a batch, "
            f"for example mask[0]"
        )
    size, allowed = mask.size, int(mask.sum())
    if not allowed:
        return f"Empty mask on {_extent(mask)}: 0 of {size:,} pairs allowed."
    scheme, detail = recognise(mask)
    sentence = (
        f"{scheme} on {_extent(mask)}{', ' if detail else ''}{detail}: {allowed:,} of {size:,} "
        f"pairs allowed ({100 * allowed / size:.1f} %)"
    )
    return "; ".join([sentence, *_exceptions(mask)]) + "."


def _extent(mask):
    n_q, n_k = mask.shape
    if n_q == n_k:
        return _counted(n_q, "position")
    return f"{_counted(n_q, 'query', 'queries')} and {_counted(n_k, 'key')}"


def _exceptions(mask):
    """Rows and columns that are empty, in words."""
    blind, unseen = ~mask.any(axis=1), ~mask.any(axis=0)
    names = ("query", "queries"), ("key", "keys")
    if len(blind) == len(unseen):
        names = (("position", "positions"),) * 2
        outside = blind & unseen
        yield from _told(outside, names[0], "takes no part", "take no part")
        blind, unseen = blind & ~outside, unseen & ~outside
    yield from _told(blind, names[0], "sees nothing", "see nothing")
    yield from _told(unseen, names[1], "is seen by nobody", "are seen by nobody")


def _told(flags, names, one, many):
    found = np.flatnonzero(flags)
    if len(found):
        several = len(found) > 1
        yield f"{names[several]} {in_words(found)} {many if several else one}"


def _counted(count, one, many=None):
    return f"{count:,} {one if count == 1 else many or one + 's'}"
