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
        Whether keys after the query are hidden. A chunk computes none after its own end.
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

    def seen(x, index):
        """The keys or values that chunk `index` sees: with `causal`, none after its own end."""
        return x[:, :, : tf.minimum((index + 1) * chunk, n)] if causal else x

    def unseen(x):
        """Zeros for what `seen` left out."""
        return tf.pad(x, [[0, 0], [0, 0], [0, n - tf.shape(x)[2]], [0, 0]]) if causal else x

    def weights(q_rows, k, index):
        scores = tf.matmul(q_rows, k, transpose_b=True)  # (batch, heads, chunk, keys)
        keys = tf.shape(k)[2]  # those that the chunk sees
        if causal:
            i = index * chunk + tf.range(chunk)[:, None]
            scores = tf.where(Causal()._rule(i, tf.range(keys)), scores, FORBIDDEN)
        if key_mask is not None:
            scores = tf.where(key_mask[:, None, None, :keys], scores, FORBIDDEN)
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

        def forward(index):
            p = weights(tf.gather(q_rows, index), seen(k, index), index)
            return (tf.matmul(p, seen(v, index)),)

        (output,) = loop(forward)

        def grad(upstream):
            d_rows = rows(upstream)

            def backward(index, d_k, d_v):
                q_now, d_now = tf.gather(q_rows, index), tf.gather(d_rows, index)
                k_now, v_now = seen(k, index), seen(v, index)
                p = weights(q_now, k_now, index)  # computed again instead of kept
                d_v += unseen(tf.matmul(p, d_now, transpose_a=True))
                mean = tf.reduce_sum(d_now * tf.gather(output, index), axis=-1, keepdims=True)
                d_scores = p * (tf.matmul(d_now, v_now, transpose_b=True) - mean)
                d_k += unseen(tf.matmul(d_scores, q_now, transpose_a=True))
                return tf.matmul(d_scores, k_now), d_k, d_v

            d_q, d_k, d_v = loop(backward, tf.zeros_like(k), tf.zeros_like(v))
            return tf.ensure_shape(unrows(d_q), q.shape), d_k, d_v

        return tf.ensure_shape(unrows(output), v.shape), grad

    output = attention(q, k, v)
    if key_mask is not None:
        keys = tf.cast(key_mask, tf.int32)
        live = tf.cumsum(keys, axis=1) if causal else tf.reduce_sum(keys, axis=1, keepdims=True)
        output = tf.where(live[:, None, :, None] > 0, output, tf.zeros_like(output))
    return tf.cast(output, dtype)
