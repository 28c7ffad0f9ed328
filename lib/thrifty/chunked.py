"""Exact attention over all pairs whose memory grows with n, not with n * n.

The n x n matrix is computed a few rows at a time, used, and forgotten; the gradient computes each
row once more. Source: Rabe & Staats 2021, arXiv 2112.05682; Dao et al. 2022, arXiv 2205.14135.

TensorFlow only: the loop must be one that runs its rounds one after the other.
"""

import tensorflow as tf

from thrifty._checks import require_int
from thrifty.patterns import Causal
from thrifty.tiles import FORBIDDEN, checked_inputs


def chunked_attend(q, k, v, *, chunk=256, causal=False, key_mask=None):
    """Return what `attend` returns for `Full()`, in memory linear in n, with its gradient.

    Parameters
    ----------
    q, k : float tensors of shape (batch, heads, n, depth)
    v : float tensor of shape (batch, heads, n, depth of the values)
    chunk : int
        Rows of the matrix computed at once, >= 1.
    causal : bool
        Whether keys after the query are hidden. They are computed nevertheless.
    key_mask : bool tensor of shape (batch, n), optional
        True = may attend.

    Returns
    -------
    tensor of the shape and dtype of `v`
        Zeros for a query that may attend to nothing.

    Raises
    ------
    TypeError
        If `chunk` is not an int, or the dtype of an input is wrong.
    ValueError
        If `chunk` is below 1, or shapes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from thrifty.patterns import Full
    >>> from thrifty.sparse import attend
    >>> q, k, v = np.random.default_rng(0).normal(size=(3, 1, 2, 50, 4)).astype("float32")
    >>> bool(np.allclose(chunked_attend(q, k, v, chunk=16), attend(q, k, v, Full()), atol=1e-6))
    True
    """
    chunk = require_int("chunk", chunk, minimum=1)
    q, k, v, dtype, key_mask = checked_inputs(q, k, v, key_mask, scale=None)
    _, heads, n, _ = q.shape
    if n == 0:
        return tf.cast(v, dtype)
    chunk = min(chunk, n)
    chunks = -(-n // chunk)

    def rows(x):
        """(batch, heads, n, depth) to (chunks, batch, heads, chunk, depth)."""
        x = tf.pad(x, [[0, 0], [0, 0], [0, chunks * chunk - n], [0, 0]])
        x = tf.reshape(x, (-1, heads, chunks, chunk, x.shape[-1]))
        return tf.transpose(x, (2, 0, 1, 3, 4))

    def unrows(x):
        x = tf.reshape(tf.transpose(x, (1, 2, 0, 3, 4)), (-1, heads, chunks * chunk, x.shape[-1]))
        return tf.slice(x, (0, 0, 0, 0), (-1, -1, n, -1))

    def weights(q_rows, k, index):
        scores = tf.matmul(q_rows, k, transpose_b=True)  # (batch, heads, chunk, n)
        if causal:
            i = index * chunk + tf.range(chunk)[:, None]
            scores = tf.where(Causal()._rule(i, tf.range(n)), scores, FORBIDDEN)
        if key_mask is not None:
            scores = tf.where(key_mask[:, None, None], scores, FORBIDDEN)
        return tf.nn.softmax(scores)

    def loop(step, *carried):
        """Call step(index, *carried) for every chunk; its first result is collected."""
        collected = tf.TensorArray(v.dtype, chunks, element_shape=None)

        def body(index, collected, *carried):
            result, *carried = step(index, *carried)
            return index + 1, collected.write(index, result), *carried

        _, collected, *carried = tf.while_loop(
            lambda index, *_: index < chunks, body, (0, collected, *carried), parallel_iterations=1
        )
        return collected.stack(), *carried

    @tf.custom_gradient
    def attention(q, k, v):
        q_rows = rows(q)
        (output,) = loop(lambda index: (tf.matmul(weights(tf.gather(q_rows, index), k, index), v),))

        def grad(upstream):
            d_rows = rows(upstream)

            def step(index, d_k, d_v):
                q_now, d_now = tf.gather(q_rows, index), tf.gather(d_rows, index)
                p = weights(q_now, k, index)  # computed again instead of kept
                d_v += tf.matmul(p, d_now, transpose_a=True)
                mean = tf.reduce_sum(d_now * tf.gather(output, index), axis=-1, keepdims=True)
                d_scores = p * (tf.matmul(d_now, v, transpose_b=True) - mean)
                d_k += tf.matmul(d_scores, q_now, transpose_a=True)
                return tf.matmul(d_scores, k), d_k, d_v

            d_q, d_k, d_v = loop(step, tf.zeros_like(k), tf.zeros_like(v))
            return tf.ensure_shape(unrows(d_q), q.shape), d_k, d_v

        return tf.ensure_shape(unrows(output), v.shape), grad

    output = attention(q, k, v)
    if key_mask is not None:
        seen = tf.cast(key_mask, tf.int32)
        live = tf.cumsum(seen, axis=1) if causal else tf.reduce_sum(seen, axis=1, keepdims=True)
        output = tf.where(live[:, None, :, None] > 0, output, tf.zeros_like(output))
    return tf.cast(output, dtype)
