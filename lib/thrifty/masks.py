"""Masks that depend on the sequence, and what a stack of masked layers can see.

Rules on positions alone are in `thrifty.patterns`. In every mask, True = may attend.
Masks are NumPy arrays, (n, n) or (batch, n, n): ``&`` and ``|`` join them, and `pattern.mask(n)`.
Those that follow from an order of reading are written in `thrifty.orders`; import them from here.
What changes a model's inputs and not its mask is in `thrifty.corruption`.
"""

import numpy as np

from thrifty._checks import first_index, require_int, require_mask, require_rows, require_within
from thrifty.orders import (
    PADDING,
    block_causal_mask,
    infill_mask,
    permuted_mask,
    prefix_mask,
    reversed_causal_mask,
    two_stream_masks,
)

__all__ = [
    "PADDING",
    "block_causal_mask",
    "document_mask",
    "global_mask",
    "infill_mask",
    "padding_mask",
    "permuted_mask",
    "prefix_mask",
    "reach",
    "reversed_causal_mask",
    "tree_mask",
    "two_stream_masks",
]


def padding_mask(lengths, n):
    """Return the mask that hides the padding keys of a batch, shape (batch, 1, n).

    Composes by ``&`` with an (n, n) mask into (batch, n, n), the shape that
    `keras.layers.MultiHeadAttention` takes as `attention_mask`.

    Parameters
    ----------
    lengths : integer array of shape (batch,)
        Real positions of each sequence, 0..n; they come first, the padding after them.
    n : int
        Length the sequences are padded to.

    Returns
    -------
    bool array of shape (batch, 1, n)
        True where the key position is below the sequence's length.

    Raises
    ------
    TypeError
        If `lengths` does not hold integers, or `n` is not an int.
    ValueError
        If `lengths` is not one-dimensional, or a length lies outside 0..n.

    Examples
    --------
    >>> from thrifty.patterns import Causal
    >>> padding_mask([1, 3], 3).astype(int)
    array([[[1, 0, 0]],
    <BLANKLINE>
           [[1, 1, 1]]])
    >>> (Causal().mask(3) & padding_mask([1, 3], 3)).astype(int)
    array([[[1, 0, 0],
            [1, 0, 0],
            [1, 0, 0]],
    <BLANKLINE>
           [[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]]])
    """
    n = require_int("n", n, minimum=0)
    lengths = np.asarray(lengths)
    if lengths.ndim != 1:
        raise ValueError(f"lengths must have shape (batch,), got shape {lengths.shape}")
    if lengths.size and lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths must hold integers, got dtype {lengths.dtype}")
    outside = np.flatnonzero((lengths < 0) | (lengths > n))
    if outside.size:
        at = outside[0]
        raise ValueError(f"lengths must lie in 0..{n} (n), got {lengths[at]} at index {at}")
    return np.arange(n) < lengths[:, None, None]  # (batch, 1, n)


def document_mask(doc_ids):
    """Return the mask of packed sequences: a position sees its own document alone.

    Parameters
    ----------
    doc_ids : integer array of shape (n,) or (batch, n)
        The document of each position, 0 or more; -1 is padding, which nobody sees and which sees
        nothing. Positions of one id are one document, also when others stand between them.

    Returns
    -------
    bool array of shape (n, n) or (batch, n, n)
        True at [..., i, j] where both are in one document. ``&`` it with a causal mask for a
        language model.

    Raises
    ------
    TypeError
        If `doc_ids` does not hold integers.
    ValueError
        If it has not one or two axes, or an id is below -1.

    Notes
    -----
    The mask hides the other documents; the position ids must start again in each of them too.
    Source: packing without cross-contamination, Krell et al. 2021, arXiv 2107.02027.

    Examples
    --------
    >>> document_mask([0, 0, 1, -1]).astype(int)
    array([[1, 1, 0, 0],
           [1, 1, 0, 0],
           [0, 0, 1, 0],
           [0, 0, 0, 0]])
    """
    ids = require_rows("doc_ids", doc_ids)
    require_within("doc_ids", ids, PADDING, None, "-1 = padding")
    queries, keys = ids[..., :, None], ids[..., None, :]
    return (queries == keys) & (keys != PADDING)


def global_mask(flags):
    """Return the mask of global positions: they see everything, and everything sees them.

    Parameters
    ----------
    flags : bool array of shape (n,) or (batch, n)
        True for a global position.

    Returns
    -------
    bool array of shape (n, n) or (batch, n, n)
        True at [..., i, j] where i or j is global. The others do not see themselves: ``|`` it with
        a window.

    Raises
    ------
    TypeError
        If `flags` is not boolean.
    ValueError
        If it has not one or two axes.

    Notes
    -----
    Source: Longformer, Beltagy et al. 2020, arXiv 2004.05150.
    `thrifty.patterns.Global(count)` is the case of the first positions.

    Examples
    --------
    >>> from thrifty.patterns import Local
    >>> (global_mask([True, False, False, False]) | Local(0).mask(4)).astype(int)
    array([[1, 1, 1, 1],
           [1, 1, 0, 0],
           [1, 0, 1, 0],
           [1, 0, 0, 1]])
    """
    flags = np.asarray(flags)
    if flags.dtype != bool:
        raise TypeError(f"flags must be boolean (True = global), got dtype {flags.dtype}")
    if flags.ndim not in (1, 2):
        raise ValueError(f"flags must have shape (n,) or (batch, n), got shape {flags.shape}")
    return flags[..., :, None] | flags[..., None, :]


def tree_mask(parents):
    """Return the mask of a tree of continuations: a node sees itself and its ancestors.

    Parameters
    ----------
    parents : integer array of shape (n,) or (batch, n)
        The position of each node's parent, -1 for a root; there may be several roots, and a parent
        may stand behind its child.

    Returns
    -------
    bool array of shape (n, n) or (batch, n, n)
        True at [..., i, j] where j is i or an ancestor of i.

    Raises
    ------
    TypeError
        If `parents` does not hold integers.
    ValueError
        If it has not one or two axes, a parent lies outside -1..n - 1, or there is a cycle.

    Notes
    -----
    A text that all branches continue is a chain: 0 is the parent of 1, 1 the parent of 2.
    The position id of a node is its depth, `mask.sum(-1) - 1`, not its place in the array.
    Padding has no parent; ``& padding_mask(lengths, n)`` hides it.
    Source: speculative decoding by trees, SpecInfer, Miao et al. 2023, arXiv 2305.09781.

    Examples
    --------
    >>> tree_mask([-1, 0, 0, 2]).astype(int)  # 0 goes on as 1, or as 2 and 3
    array([[1, 0, 0, 0],
           [1, 1, 0, 0],
           [1, 0, 1, 0],
           [1, 0, 1, 1]])
    """
    parents = require_rows("parents", parents)
    n = parents.shape[-1]
    require_within("parents", parents, -1, n - 1, "-1 = root")
    # A root's parent is n, a cell beyond the last that is its own parent.
    up = np.concatenate(
        [np.where(parents < 0, n, parents), np.full((*parents.shape[:-1], 1), n)], -1
    )
    above = np.broadcast_to(np.arange(n), parents.shape)  # begins with the node itself
    seen = np.zeros((*parents.shape, n + 1), dtype=bool)
    for _ in range(n):
        np.put_along_axis(seen, above[..., None], True, axis=-1)
        above = np.take_along_axis(up, above, axis=-1)
    if (above < n).any():  # n steps lead out of every tree
        raise ValueError(_cycle(parents, above < n))
    return seen[..., :n]


def _cycle(parents, endless):
    """The error of a cycle that the first endless node leads into."""
    at = first_index(endless)
    row, node = (parents, at) if parents.ndim == 1 else (parents[at[0]], at[1])
    for _ in row:  # into the cycle: the node itself may hang outside it
        node = row[node]
    cycle = [node, row[node]]
    while cycle[-1] != node:
        cycle.append(row[cycle[-1]])
    where = f" in row {at[0]}" if parents.ndim == 2 else ""
    return (
        f"parents must form trees, got a cycle{where}: "
        f"{' -> '.join(map(str, cycle))}; a root has the parent -1"
    )


def reach(masks, *, residual=False):
    """Return which inputs each position can have seen after a stack of masked layers.

    Position i of the last layer sees input j if a chain of allowed pairs leads from i to j,
    one pair a layer: the boolean product of the masks, last layer leftmost.

    Parameters
    ----------
    masks : sequence of bool arrays of shape (n, n)
        One mask a layer, the first layer (next to the input) first.
    residual : bool
        Whether every layer adds its input to its output, and so also keeps each position itself.

    Returns
    -------
    bool array of shape (n, n)
        True at [i, j] where position i of the last layer can depend on input position j.

    Raises
    ------
    TypeError
        If a mask is not boolean.
    ValueError
        If there is no mask, a mask is not square, or the sizes differ.

    Notes
    -----
    Local then atrous attention reaches everything: Su Jianlin 2019, kexue.fm/archives/6853.
    For n positions this needs half_width >= min(rate, n) - 1, not rate // 2: the first and the
    last positions have neighbours on one side only.

    Examples
    --------
    >>> from thrifty.patterns import Atrous, Local
    >>> bool(reach([Local(3).mask(16), Atrous(4).mask(16)]).all())
    True
    >>> bool(reach([Local(2).mask(16), Atrous(4).mask(16)]).all())
    False
    """
    masks = _require_layers(masks)
    seen = np.eye(len(masks[0]), dtype=bool)
    for mask in masks:
        if residual:
            mask = mask | np.eye(len(mask), dtype=bool)
        # Counting paths in float32 is exact up to 2**24 positions, and uses the fast product:
        # NumPy's own product of bool arrays is a slow loop.
        seen = mask.astype(np.float32) @ seen.astype(np.float32) > 0
    return seen


def _require_layers(masks):
    """The masks as bool (n, n) arrays of one size, or an error that names the layer."""
    masks = [require_mask(f"masks[{layer}]", mask) for layer, mask in enumerate(masks)]
    if not masks:
        raise ValueError("masks must hold at least one mask, got none")
    for layer, mask in enumerate(masks):
        if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
            raise ValueError(f"masks[{layer}] must have shape (n, n), got {mask.shape}")
        if mask.shape != masks[0].shape:
            raise ValueError(
                f"masks must have one size, got {masks[0].shape} for masks[0] "
                f"and {mask.shape} for masks[{layer}]"
            )
    return masks
