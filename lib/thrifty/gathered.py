"""Local attention as it was first written: every query gathers the keys and values it sees.

It computes no pair too many and is slow nevertheless: each key is copied for every query that
sees it, and a product of one row with a few keys leaves the processor waiting for memory. Kept to
be measured and taught; to be used is `thrifty.sparse.attend`.

Source: "local self-attention", Su Jianlin 2019, kexue.fm/archives/6853.
"""

import numpy as np
from keras import ops

from thrifty._checks import require_int
from thrifty.tiles import FORBIDDEN, checked_inputs, products, softmax


def gathered_attend(q, k, v, half_width):
    """Return what `attend` returns for `Local(half_width)`, each query with keys of its own.

    Parameters
    ----------
    q, k : float tensors of shape (batch, heads, n, depth)
    v : float tensor of shape (batch, heads, n, depth of the values)
    half_width : int
        Positions seen on either side, >= 0; a window holds w = 2 * half_width + 1 keys.

    Returns
    -------
    tensor of the shape and dtype of `v`

    Raises
    ------
    TypeError
        If `half_width` is not an int, or the dtype of an input is wrong.
    ValueError
        If `half_width` is negative, or shapes do not fit together.

    Examples
    --------
    >>> from thrifty.patterns import Local
    >>> from thrifty.sparse import attend
    >>> q, k, v = np.random.default_rng(0).normal(size=(3, 1, 2, 50, 4)).astype("float32")
    >>> bool(np.allclose(gathered_attend(q, k, v, 3), attend(q, k, v, Local(3)), atol=1e-6))
    True
    """
    half_width = require_int("half_width", half_width, minimum=0)
    q, k, v, dtype, _ = checked_inputs(q, k, v, key_mask=None, scale=None)
    n = q.shape[2]
    half_width = min(half_width, n)  # a wider window sees no more

    # Row i holds the positions that query i sees, some of them before the start or past the end.
    windows = np.arange(n)[:, None] + np.arange(-half_width, half_width + 1)  # (n, w)
    outside = (windows < 0) | (windows >= n)
    windows = np.clip(windows, 0, n - 1)

    # n windows of w keys, where there were n keys.
    keys = ops.take(k, windows, axis=2)  # (batch, heads, n, w, depth)
    values = ops.take(v, windows, axis=2)

    # For each query a product of one row with its w keys, and of w weights with its values.
    scores = products(ops.expand_dims(q, 3), keys)  # (batch, heads, n, 1, w)
    scores = scores + ops.cast(FORBIDDEN * outside[:, None], scores.dtype)
    output = ops.squeeze(ops.matmul(softmax(scores), values), 3)
    return ops.cast(output, dtype)
