"""Masks that depend on the sequence, and what a stack of masked layers can see.

Rules on positions alone are in `thrifty.patterns`. In every mask, True = may attend.
"""

import numpy as np

from thrifty._checks import require_int, require_mask


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
