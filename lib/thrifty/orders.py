"""Masks that follow from an order of reading: a position sees what is read no later than itself.

One rule, `block_causal_mask`, and the language models it makes.
`thrifty.masks` offers all of them, beside the masks that need no order.

A padding position has the id `PADDING`.
It takes no part: nobody sees it, and it sees nothing.
`thrifty.attention` gives zeros to a query that sees nothing; other implementations may return an
average of everything, or NaN, which is harmless only as long as the loss leaves padding out.
"""

import numpy as np

from thrifty._checks import first_index, require_int, require_rows, require_within

PADDING = -1


def block_causal_mask(block_ids):
    """Return the mask of blocks read one after the other: key j is seen if it is read by then.

    Parameters
    ----------
    block_ids : integer array of shape (n,) or (batch, n)
        When each position is read: 0 or more, in any order along the sequence.
        Positions of one id are read at once and see each other. -1 is padding.

    Returns
    -------
    bool array of shape (n, n) or (batch, n, n)
        True at [..., i, j] where neither is padding and block_ids[j] <= block_ids[i].

    Raises
    ------
    TypeError
        If `block_ids` does not hold integers.
    ValueError
        If it has not one or two axes, or an id is below -1.

    Notes
    -----
    With the ids 0, 1, 2, ... this is the causal mask, with one id the bidirectional mask.
    Source: decoding block by block, Wang et al. 2018, arXiv 1808.08583.

    Examples
    --------
    >>> block_causal_mask([0, 0, 1, 1, -1]).astype(int)
    array([[1, 1, 0, 0, 0],
           [1, 1, 0, 0, 0],
           [1, 1, 1, 1, 0],
           [1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0]])
    """
    ids = require_rows("block_ids", block_ids)
    require_within("block_ids", ids, PADDING, None, "-1 = padding")
    queries, keys = ids[..., :, None], ids[..., None, :]
    # A padding query has the id -1: no key is both real and read by then.
    return (keys <= queries) & (keys != PADDING)


def prefix_mask(segment_ids):
    """Return the mask of a prefix language model: a source read at once, then a causal target.

    Parameters
    ----------
    segment_ids : integer array of shape (n,) or (batch, n)
        0 for a source position, 1 for a target position, -1 for padding.
        In each row the source comes before the target; padding may stand anywhere.

    Returns
    -------
    bool array of shape (n, n) or (batch, n, n)
        A source position sees the whole source, a target position also the target up to itself.

    Raises
    ------
    TypeError
        If `segment_ids` does not hold integers.
    ValueError
        If it has not one or two axes, an id is none of -1, 0, 1, or a 0 stands behind a 1.

    Notes
    -----
    Source: UniLM, Dong et al. 2019, arXiv 1905.03197; from one cumulative sum by Su Jianlin 2019,
    kexue.fm/archives/6933.
    There, padding behind the target has the segment id 0, as the source has.
    The sum does not grow on it: the padding falls into the block of the last target position,
    which then sees it. Here a 0 behind a 1 is an error.

    Examples
    --------
    >>> prefix_mask([0, 0, 1, 1, -1]).astype(int)
    array([[1, 1, 0, 0, 0],
           [1, 1, 0, 0, 0],
           [1, 1, 1, 0, 0],
           [1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0]])
    """
    ids = _segments(segment_ids)
    late = (ids == 0) & (np.cumsum(ids == 1, axis=-1) > 0)
    if late.any():
        raise ValueError(
            f"segment_ids must be 0 (source), then 1 (target), got 0 behind a 1 at index "
            f"{first_index(late)}; mark padding with -1, or use infill_mask if it is context"
        )
    return infill_mask(ids)


def infill_mask(segment_ids):
    """Return the mask that fills holes in place: a context read at once, then hole by hole.

    Parameters
    ----------
    segment_ids : integer array of shape (n,) or (batch, n)
        0 for a position of the context, 1 for a hole, -1 for padding, in any arrangement.

    Returns
    -------
    bool array of shape (n, n) or (batch, n, n)
        The context sees the whole context; a hole sees it too, and the holes up to itself.

    Raises
    ------
    TypeError
        If `segment_ids` does not hold integers.
    ValueError
        If it has not one or two axes, or an id is none of -1, 0, 1.

    Notes
    -----
    A hole may not hold its own target as its input, or it would copy it: give it the target of
    the hole before, as `thrifty.corruption.mass_corrupt` does for a decoder.
    Sources: MASS, Song et al. 2019, arXiv 1905.02450; in a single Transformer, with the holes moved
    to the end, GLM, Du et al. 2021, arXiv 2103.10360; kexue.fm/archives/6933.

    Examples
    --------
    >>> infill_mask([0, 1, 1, 0]).astype(int)
    array([[1, 0, 0, 1],
           [1, 1, 0, 1],
           [1, 1, 1, 1],
           [1, 0, 0, 1]])
    """
    ids = _segments(segment_ids)
    return block_causal_mask(np.where(ids == 1, np.cumsum(ids == 1, axis=-1), ids))


def reversed_causal_mask(n):
    """Return the mask of a language model that reads from the end: j >= i, shape (n, n).

    Parameters
    ----------
    n : int
        Positions.

    Returns
    -------
    bool array of shape (n, n)
        True at [i, j] where key j is position i or comes after it.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an int, or negative.

    Notes
    -----
    Source: the backward language model of ELMo, Peters et al. 2018, arXiv 1802.05365; as a mask,
    kexue.fm/archives/6933.

    Examples
    --------
    >>> reversed_causal_mask(3).astype(int)
    array([[1, 1, 1],
           [0, 1, 1],
           [0, 0, 1]])
    """
    return permuted_mask(np.arange(require_int("n", n, minimum=0))[::-1])


def permuted_mask(order):
    """Return the mask of a language model that reads the positions in another order.

    Parameters
    ----------
    order : integer array of shape (n,) or (batch, n)
        A permutation of 0..n - 1: position order[t] is read at step t.

    Returns
    -------
    bool array of shape (n, n) or (batch, n, n)
        True at [..., i, j] where j is i itself or is read before i.

    Raises
    ------
    TypeError
        If `order` does not hold integers.
    ValueError
        If it has not one or two axes, or a row is not a permutation.

    Notes
    -----
    Attention with this mask equals causal attention on the inputs put into that order, each with
    its position, up to rounding.
    The output at a position does not know which position is read next.
    Sources: XLNet, Yang et al. 2019, arXiv 1906.08237; kexue.fm/archives/6933.

    Examples
    --------
    >>> permuted_mask([2, 0, 1]).astype(int)  # 2 is read first, 1 last
    array([[1, 0, 1],
           [1, 1, 1],
           [0, 0, 1]])
    """
    return block_causal_mask(_steps(order))


def two_stream_masks(order):
    """Return the masks of the two streams of a permuted language model: content and query.

    Parameters
    ----------
    order : integer array of shape (n,) or (batch, n)
        A permutation of 0..n - 1: position order[t] is read at step t.

    Returns
    -------
    content, query : bool arrays of shape (n, n) or (batch, n, n)
        The content stream of a position sees what is read up to itself, itself included.
        The query stream, which predicts the token, sees only what is read before.
        Keys and values of both come from the content stream.

    Raises
    ------
    TypeError
        If `order` does not hold integers.
    ValueError
        If it has not one or two axes, or a row is not a permutation.

    Notes
    -----
    The query stream of the first position read sees nothing: it has its own position alone.
    Source: XLNet, Yang et al. 2019, arXiv 1906.08237, section 2.3.

    Examples
    --------
    >>> content, query = two_stream_masks([2, 0, 1])
    >>> query.astype(int)
    array([[0, 0, 1],
           [1, 0, 1],
           [0, 0, 0]])
    >>> bool((content == query | np.eye(3, dtype=bool)).all())
    True
    """
    content = permuted_mask(order)
    return content, content & ~np.eye(content.shape[-1], dtype=bool)


def _segments(segment_ids):
    ids = require_rows("segment_ids", segment_ids)
    require_within("segment_ids", ids, PADDING, 1, "-1 = padding")
    return ids


def _steps(order):
    """At which step each position is read: the inverse permutation."""
    order = require_rows("order", order)
    n = order.shape[-1]
    missing = (np.sort(order, axis=-1) != np.arange(n)).any(axis=-1)
    if missing.any():
        row = order[missing][0] if order.ndim == 2 else order
        where = f" in row {first_index(missing)}" if order.ndim == 2 else ""
        raise ValueError(f"order must hold each of 0..{n - 1} once, got {row.tolist()}{where}")
    return np.argsort(order, axis=-1)
