"""Sparse attention that saves time and memory: only the tiles that a pattern touches are computed.

`attend` and `dense_attend` mean the same; the second goes through the matrix of all scores and is
the oracle of the first. `plan` tells how a pattern is computed, and `cost` what that costs.
`chunked_attend` is exact attention over all pairs in little memory, `SelfAttention` the layer.

In every mask, True = may attend. A query that may attend to nothing gets zeros, never NaN.
Inputs of 16 bits are computed in float32, so that neither scores nor sums overflow.
"""

from thrifty.chunked import chunked_attend
from thrifty.plans import Cost, Plan, cost, plan
from thrifty.self_attention import SelfAttention
from thrifty.tiles import attend_in_matrix, attend_in_tiles

__all__ = [
    "Cost",
    "Plan",
    "SelfAttention",
    "attend",
    "chunked_attend",
    "cost",
    "dense_attend",
    "plan",
]


def attend(q, k, v, pattern, *, causal=False, key_mask=None, scale=None):
    """Return for each query the average of the values that `pattern` allows, weighted by softmax.

    Parameters
    ----------
    q : float tensor of shape (batch, heads, n, depth)
    k : float tensor of shape (batch, heads, keys, depth)
    v : float tensor of shape (batch, heads, keys, depth of the values)
        There may be another number of keys than of queries: the positions of both count from 0,
        and the rule of the pattern decides.
    pattern : Pattern
        Which key a query may attend to. `plan(pattern, n, keys=keys)` tells which scores are
        computed for it; where tiles would save nothing, that is the whole matrix.
    causal : bool
        Whether keys after the query are hidden as well.
    key_mask : bool tensor of shape (batch, keys), optional
        True = may attend; False hides a key, such as padding, from all queries.
    scale : float, optional
        Factor of the scores; 1 / sqrt(depth) by default.

    Returns
    -------
    tensor of shape (batch, heads, n, depth of the values) and the dtype of `v`
        Zeros for a query that may attend to nothing.

    Raises
    ------
    TypeError
        If `pattern` is not a pattern, or the dtype of an input is wrong.
    ValueError
        If shapes do not fit together, or `scale` is not finite.

    Notes
    -----
    Inputs must be finite, also where they are hidden.

    Heads and depths must be known when a graph is made. If a length is not, tiles cannot be
    planned: the whole matrix is computed, and nothing is saved.

    Examples
    --------
    >>> from thrifty.patterns import Local
    >>> import numpy as np
    >>> q = k = np.zeros((1, 1, 3, 2), "float32")
    >>> v = np.array([[[[1.0], [2.0], [3.0]]]], "float32")
    >>> np.asarray(attend(q, k, v, Local(1)))[0, 0, :, 0]
    array([1.5, 2. , 2.5], dtype=float32)
    """
    return attend_in_tiles(q, k, v, pattern, causal, key_mask, scale)


def dense_attend(q, k, v, pattern, *, causal=False, key_mask=None, scale=None):
    """Return what `attend` returns, through the matrix of all scores: its oracle.

    Parameters, result and errors are those of `attend`.

    Examples
    --------
    >>> import numpy as np
    >>> from thrifty.patterns import Atrous
    >>> q, k, v = np.random.default_rng(0).normal(size=(3, 1, 2, 50, 4)).astype("float32")
    >>> fast, slow = attend(q, k, v, Atrous(8)), dense_attend(q, k, v, Atrous(8))
    >>> bool(np.allclose(fast, slow, atol=1e-6))
    True
    """
    return attend_in_matrix(q, k, v, pattern, causal, key_mask, scale)
