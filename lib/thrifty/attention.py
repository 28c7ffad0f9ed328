"""Dense attention, three times: a loop to read, NumPy to check against, a Keras layer to train.

Every efficient attention of this package is tested against these. In every mask, True = may attend.
A query that may attend to nothing gets zeros, never NaN: an average of no values adds nothing.

Source: Vaswani et al. 2017, arXiv 1706.03762; told as the starting point of sparse attention by
Su Jianlin 2019, kexue.fm/archives/6853.
"""

import functools
import math

import keras
import numpy as np
from keras import ops

from thrifty._checks import (
    fit_mask,
    one_sequence,
    require_attention_shapes,
    require_int,
    require_share,
    score_scale,
    working,
)
from thrifty._layer_checks import layer_mask, require_layer_inputs, require_layer_mask_fits


def masked_softmax(scores, mask=None, axis=-1):
    """Return the softmax over the allowed scores; what the mask forbids gets weight 0.

    Parameters
    ----------
    scores : array of shape (..., n_keys)
        Real numbers. float16 is computed in float32 and returned as float16.
    mask : bool array, optional
        True = may attend; broadcastable to the shape of `scores`.
    axis : int
        The axis that sums to 1.

    Returns
    -------
    array of the shape of `scores`
        Weights in 0..1. A row with nothing allowed is all zeros.

    Raises
    ------
    TypeError
        If `scores` does not hold real numbers, or `mask` is not boolean.
    ValueError
        If `mask` does not broadcast to the shape of `scores`.

    Notes
    -----
    The mask acts before the softmax: zeroing weights afterwards would leave the hidden scores in
    the normaliser. A forbidden score may be anything, even NaN.

    Examples
    --------
    >>> masked_softmax([[0.0, 0.0, 9.0], [1.0, 2.0, 3.0]], [[True, True, False], [False] * 3])
    array([[0.5, 0.5, 0. ],
           [0. , 0. , 0. ]])
    """
    scores, dtype = working("scores", scores)
    if mask is not None:
        scores = np.where(fit_mask(mask, scores.shape), scores, -np.inf)
    highest = scores.max(axis=axis, keepdims=True, initial=-np.inf)
    # Where nothing is allowed the highest score is -inf, and -inf - -inf would be NaN.
    exponentials = np.exp(scores - np.where(np.isneginf(highest), 0, highest))
    total = exponentials.sum(axis=axis, keepdims=True)
    return (exponentials / np.where(total == 0, 1, total)).astype(dtype)


def attention_weights(q, k, mask=None, *, scale=None):
    """Return how much each query attends to each key: softmax(scale * q k^T), masked.

    Parameters
    ----------
    q : array of shape (..., n_q, d)
    k : array of shape (..., n_k, d)
        Leading axes (batch, heads) broadcast.
    mask : bool array, optional
        True = may attend; broadcastable to (..., n_q, n_k).
    scale : float, optional
        Factor of the scores; 1 / sqrt(d) by default.

    Returns
    -------
    array of shape (..., n_q, n_k)
        Rows sum to 1, or are zeros where nothing is allowed.

    Raises
    ------
    TypeError
        If an input does not hold real numbers, or `mask` is not boolean.
    ValueError
        If shapes do not fit together, or `scale` is not finite.

    Examples
    --------
    >>> q = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> attention_weights(q, q, np.array([[True, False], [True, True]]), scale=1).round(3)
    array([[1.   , 0.   ],
           [0.269, 0.731]])
    """
    q, q_dtype = working("q", q)
    k, k_dtype = working("k", k)
    require_attention_shapes(q, k)
    # A NaN or inf in a forbidden key may pass through here: the mask takes it out again.
    with np.errstate(invalid="ignore"):
        scores = q @ np.swapaxes(k, -1, -2) * score_scale(scale, q.shape[-1])  # (..., n_q, n_k)
    return masked_softmax(scores, mask).astype(np.result_type(q_dtype, k_dtype))


def attention(q, k, v, mask=None, *, scale=None):
    """Return for each query the average of the values, weighted by `attention_weights`.

    Parameters
    ----------
    q : array of shape (..., n_q, d)
    k : array of shape (..., n_k, d)
    v : array of shape (..., n_k, d_v)
        Leading axes (batch, heads) broadcast.
    mask : bool array, optional
        True = may attend; broadcastable to the scores, (..., n_q, n_k).
    scale : float, optional
        Factor of the scores; 1 / sqrt(d) by default.

    Returns
    -------
    array of shape (..., n_q, d_v)
        Zeros for a query that may attend to nothing.

    Raises
    ------
    TypeError
        If an input does not hold real numbers, or `mask` is not boolean.
    ValueError
        If shapes do not fit together, or `scale` is not finite.

    Notes
    -----
    A NaN or inf at a forbidden key never reaches the query it is hidden from. A query that *may*
    attend to it gets a result that is not finite, so that the fault shows.

    Examples
    --------
    >>> q = k = np.zeros((2, 4))
    >>> attention(q, k, np.array([[2.0], [4.0]]), np.array([[True, False], [True, True]]))
    array([[2.],
           [3.]])
    """
    v, v_dtype = working("v", v)
    require_attention_shapes(np.asarray(q), np.asarray(k), v)
    weights, w_dtype = working("weights", attention_weights(q, k, mask, scale=scale))
    finite = np.isfinite(v)
    output = weights @ np.where(finite, v, 0)  # (..., n_q, d_v)
    if not finite.all():
        # 0 * inf is NaN, so a forbidden value must be left out, not multiplied by its weight 0.
        allowed = np.broadcast_to(True if mask is None else np.asarray(mask), weights.shape)
        meets = allowed.astype(np.float32) @ (~finite).astype(np.float32) > 0
        output = np.where(meets, np.nan, output)
    return output.astype(np.result_type(w_dtype, v_dtype))


def attention_loop(q, k, v, mask=None, *, scale=None):
    """Return what `attention` returns, for one sequence and one head, as a loop one can read.

    Parameters
    ----------
    q : array of shape (n_q, d)
    k : array of shape (n_k, d)
    v : array of shape (n_k, d_v)
    mask : bool array, optional
        True = may attend; broadcastable to (n_q, n_k).
    scale : float, optional
        Factor of the scores; 1 / sqrt(d) by default.

    Returns
    -------
    array of shape (n_q, d_v)
        Zeros for a query that may attend to nothing.

    Raises
    ------
    TypeError
        If an input does not hold real numbers, or `mask` is not boolean.
    ValueError
        If shapes do not fit together, an input has more than two axes, or `scale` is not finite.

    Examples
    --------
    >>> q, k, v = np.random.default_rng(0).normal(size=(3, 5, 4))
    >>> bool(np.allclose(attention_loop(q, k, v), attention(q, k, v)))
    True
    """
    q, k, v, mask, scale, dtype = one_sequence(q, k, v, mask, scale)
    output = np.zeros((len(q), v.shape[-1]), dtype=np.result_type(q, k, v))
    for i in range(len(q)):
        keys = [j for j in range(len(k)) if mask[i, j]]
        if not keys:
            continue  # nothing to average: the row stays zero
        scores = [scale * np.dot(q[i], k[j]) for j in keys]
        highest = max(scores)  # subtracted lest exp overflow; it cancels out
        exponentials = [np.exp(score - highest) for score in scores]
        for j, exponential in zip(keys, exponentials, strict=True):
            output[i] += exponential / sum(exponentials) * v[j]
    return output.astype(dtype)


@keras.saving.register_keras_serializable(package="thrifty")
class DenseAttention(keras.layers.Layer):
    """Multi-head attention over all pairs, with the weights of `keras.layers.MultiHeadAttention`.

    Same weights in the same order, so that ``layer.set_weights(mha.get_weights())`` works; same
    call arguments, and the masks combine by *and* as there.

    Parameters
    ----------
    num_heads : int
        Heads that attend side by side.
    key_dim, value_dim : int
        Size of one head's queries and keys, and of its values (`key_dim` by default).
    dropout : float
        Share of the attention weights dropped in training.
    use_bias : bool
        Whether the four projections add a bias.
    kernel_initializer, bias_initializer : str or keras.initializers.Initializer
    **kwargs
        Of every Keras layer: `name`, `dtype`, `trainable`.

    Raises
    ------
    TypeError
        If a size is not an int, or in a call a mask is neither boolean nor integer.
    ValueError
        If a size is below 1, or in a call a shape does not fit.

    Notes
    -----
    Call arguments: `query` (batch, n_q, features); `value` and `key` (batch, n_k, features), `key`
    being `value` by default; `query_mask` (batch, n_q); `value_mask`, `key_mask` (batch, n_k);
    `attention_mask` (n_q, n_k), (batch, n_q, n_k) or (batch, heads, n_q, n_k);
    `use_causal_mask`; `return_attention_scores`; `training`. Returns (batch, n_q, features of the
    query), and with `return_attention_scores` also the weights (batch, heads, n_q, n_k).

    The softmax runs in float32 even if the layer computes in 16 bits. Where nothing is allowed the
    weights are zeros, so that only the output projection's bias is left.
    Unlike the layer of Keras 3.15, this one also heeds a `query_mask` passed by hand, and leaves
    the implicit masks on the tensors it is given, for whoever uses these next.

    Examples
    --------
    >>> layer = DenseAttention(num_heads=2, key_dim=3)
    >>> x = np.ones((1, 4, 6), dtype="float32")
    >>> output, weights = layer(x, x, use_causal_mask=True, return_attention_scores=True)
    >>> tuple(output.shape), tuple(weights.shape)
    ((1, 4, 6), (1, 2, 4, 4))
    >>> np.asarray(weights)[0, 0].round(2)
    array([[1.  , 0.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  , 0.  ],
           [0.33, 0.33, 0.33, 0.  ],
           [0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = require_int("num_heads", num_heads, minimum=1)
        self.key_dim = require_int("key_dim", key_dim, minimum=1)
        value_dim = key_dim if value_dim is None else value_dim
        self.value_dim = require_int("value_dim", value_dim, minimum=1)
        self.dropout = require_share("dropout", dropout)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self._drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = key_shape or value_shape
        require_layer_inputs(query_shape, key_shape, value_shape)
        by_head, by_head_value = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        self._query = self._add_projection("query", query_shape[-1:], by_head)
        self._key = self._add_projection("key", key_shape[-1:], by_head)
        self._value = self._add_projection("value", value_shape[-1:], by_head_value)
        self._output = self._add_projection("output", by_head_value, query_shape[-1:])

    def _add_projection(self, name, inputs, outputs):
        # One initializer gives one tensor, so each kernel has a clone: query = key otherwise. It
        # draws a matrix, for three axes would be taken for a convolution, and scaled as one.
        draw, matrix = self.kernel_initializer.clone(), (math.prod(inputs), math.prod(outputs))
        kernel = self.add_weight(
            name=f"{name}_kernel",
            shape=(*inputs, *outputs),
            initializer=lambda shape, dtype=None: ops.reshape(draw(matrix, dtype=dtype), shape),
        )
        if not self.use_bias:
            return kernel, None
        return kernel, self.add_weight(
            name=f"{name}_bias", shape=outputs, initializer=self.bias_initializer.clone()
        )

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
    ):
        key = value if key is None else key
        q = _project("btf,fhd->bthd", query, self._query)  # (batch, n_q, heads, key_dim)
        k = _project("bsf,fhd->bshd", key, self._key)  # (batch, n_k, heads, key_dim)
        v = _project("bsf,fhe->bshe", value, self._value)  # (batch, n_k, heads, value_dim)
        masks = query_mask, (value_mask, key_mask), attention_mask, use_causal_mask
        output, weights = self._attend(q, k, v, masks, training)
        return (output, weights) if return_attention_scores else output

    def _attend(self, q, k, v, masks, training):
        # Scaled before the product, which in float16 could overflow.
        scores = ops.einsum("bthd,bshd->bhts", q / math.sqrt(self.key_dim), k)
        mask = _combined_mask(scores, *masks)
        weights = ops.cast(_layer_softmax(scores, mask), scores.dtype)  # (batch, heads, n_q, n_k)
        mixed = ops.einsum("bhts,bshe->bthe", self._drop(weights, training=training), v)
        return _project("bthe,hef->btf", mixed, self._output), weights  # (batch, n_q, features)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


def _project(equation, x, weights):
    kernel, bias = weights
    x = ops.einsum(equation, x, kernel)
    return x if bias is None else ops.add(x, bias)


def _layer_softmax(scores, mask):
    """`masked_softmax` in `keras.ops`, at least in float32."""
    scores = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
    # Keras warns of a softmax over one key; a text of one token has no more.
    softmax = ops.ones_like if scores.shape[-1] == 1 else ops.softmax
    if mask is None:
        return softmax(scores)
    # The lowest finite number, not -inf: with -inf a row without keys has a NaN gradient. Such a
    # row comes out uniform, hence the second `where`.
    lowest = float(np.finfo("float32").min)
    weights = softmax(ops.where(mask, scores, ops.cast(lowest, scores.dtype)))
    return ops.where(mask, weights, ops.zeros_like(weights))


def _combined_mask(scores, query_mask, key_masks, attention_mask, use_causal_mask):
    """All the masks joined by *and*, with four axes (batch, heads, n_q, n_k); None without any."""
    masks = []
    if query_mask is not None:
        mask = layer_mask("query_mask", query_mask, axes=(2,))
        masks.append(ops.expand_dims(mask, (1, 3)))  # (batch, 1, n_q, 1)
    for name, mask in zip(("value_mask", "key_mask"), key_masks, strict=True):
        if mask is not None:
            mask = layer_mask(name, mask, axes=(2,))
            masks.append(ops.expand_dims(mask, (1, 2)))  # (batch, 1, 1, n_k)
    if attention_mask is not None:
        mask = layer_mask("attention_mask", attention_mask, axes=(2, 3, 4))
        if mask.ndim == 2:
            mask = ops.expand_dims(mask, 0)  # (1, n_q, n_k)
        masks.append(ops.expand_dims(mask, 1) if mask.ndim == 3 else mask)
    if use_causal_mask:
        n_q, n_k = ops.shape(scores)[2:]
        mask = ops.arange(n_k) <= ops.expand_dims(ops.arange(n_q), 1)  # Causal(), (n_q, n_k)
        masks.append(ops.expand_dims(mask, (0, 1)))
    for mask in masks:
        require_layer_mask_fits(mask.shape, scores.shape)
    return functools.reduce(ops.logical_and, masks) if masks else None
