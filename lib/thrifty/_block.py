"""One block of a Transformer, and the two ways to know a position without learning it.

`thrifty.transformer` builds the whole model of these.
"""

import keras
import numpy as np
from keras import ops

from thrifty import _transformer_checks as checks
from thrifty._checks import require_int
from thrifty.attention import DenseAttention, _project


def sinusoids(positions, features):
    """Return sines and cosines of the positions, at rates from 1 down to 1/10000.

    Parameters
    ----------
    positions : integer tensor of shape (batch, n)
    features : int
        An even number.

    Returns
    -------
    float32 tensor of shape (batch, n, features)
        Sine and cosine take turns: the even features are sines.

    Notes
    -----
    Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.5.

    Examples
    --------
    >>> np.asarray(sinusoids([[0, 1]], 4)).round(2)
    array([[[0.  , 1.  , 0.  , 1.  ],
            [0.84, 0.54, 0.01, 1.  ]]], dtype=float32)
    """
    angles = _angles(positions, features)
    return _take_turns(ops.sin(angles), ops.cos(angles))


def rotate(x, positions):
    """Return queries or keys turned by their positions, so that products see only distances.

    Parameters
    ----------
    x : tensor of shape (batch, n, heads, size)
        The size is even: features 0 and 1 are turned in their plane, then 2 and 3, and so on.
    positions : integer tensor of shape (batch, n)

    Returns
    -------
    tensor of the shape and dtype of `x`

    Notes
    -----
    Source: Su et al. 2021, arXiv 2104.09864 (RoFormer), equation 34.

    Examples
    --------
    >>> x = np.ones((1, 2, 1, 2), dtype="float32")
    >>> np.asarray(rotate(x, [[0, 1]])).round(2)[0, :, 0]
    array([[ 1.  ,  1.  ],
           [-0.3 ,  1.38]], dtype=float32)
    """
    angles = _angles(positions, x.shape[-1])[:, :, None, :]  # the same for all heads
    cosine, sine = ops.cos(angles), ops.sin(angles)
    even, odd = (ops.cast(x[..., start::2], "float32") for start in (0, 1))
    turned = _take_turns(even * cosine - odd * sine, even * sine + odd * cosine)
    return ops.cast(turned, x.dtype)


def counted(real):
    """Positions of the real tokens, counted from 0, (batch, n); padding before them is at 0."""
    return ops.maximum(ops.cumsum(ops.cast(real, "int32"), axis=1) - 1, 0)


def _angles(positions, size):
    # In float32 even in a 16-bit model, which could not tell position 2049 from 2050.
    rates = 10000.0 ** (-np.arange(0, size, 2) / size)
    return ops.cast(positions, "float32")[..., None] * rates.astype("float32")


def _take_turns(even, odd):
    pairs = ops.stack([even, odd], axis=-1)
    return ops.reshape(pairs, (*ops.shape(even)[:-1], 2 * even.shape[-1]))


class _Attention(DenseAttention):
    """Dense self-attention that can turn by positions, and go on from earlier keys and values."""

    def __init__(self, num_heads, key_dim, rotary, **kwargs):
        super().__init__(num_heads, key_dim, **kwargs)
        self.rotary = rotary

    def build(self, inputs_shape):
        super().build(inputs_shape, inputs_shape)

    def call(
        self, inputs, attention_mask=None, mask=None, positions=None, past=None, training=None
    ):
        q = _project("btf,fhd->bthd", inputs, self._query)  # (batch, n, heads, key_dim)
        k = _project("btf,fhd->bthd", inputs, self._key)
        v = _project("btf,fhd->bthd", inputs, self._value)
        if self.rotary:
            q, k = rotate(q, positions), rotate(k, positions)
        if past is not None:
            k = ops.concatenate([past[0], k], axis=1)  # (batch, earlier + n, heads, key_dim)
            v = ops.concatenate([past[1], v], axis=1)
        masks = mask, (mask, None), attention_mask, False
        return self._attend(q, k, v, masks, training)[0], (k, v)


@keras.saving.register_keras_serializable(package="thrifty")
class Block(keras.layers.Layer):
    """One block of a Transformer: self-attention, then a small network for each position.

    Parameters
    ----------
    num_heads : int
        Heads that attend side by side.
    key_dim : int
        Size of one head's queries, keys and values.
    feed_forward : int
        Width of the hidden layer of the network that every position passes through.
    pre_norm : bool
        True: x + f(norm(x)). False, as in the first Transformer: norm(x + f(x)).
    rotary : bool
        Whether queries and keys are turned by their positions (`rotate`).
    dropout : float
        Share dropped in training, of the attention weights and of what both parts add to x.
    **kwargs
        Of every Keras layer: `name`, `dtype`, `trainable`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above, or in a call a mask or shape does not fit.

    Notes
    -----
    Call arguments: `inputs` (batch, n, features); `attention_mask` (n, n), (batch, n, n) or
    (batch, heads, n, n), True = may attend; `mask` (batch, n), True = a real position, taken from
    the inputs where they carry an implicit mask, which is passed on; `positions` (batch, n)
    integers, 0, 1, 2, ... by default; `training`. Returns (batch, n, features).

    A position that may attend to nothing adds no values, so that its attention gives the bias of
    the output projection. With `return_present` the keys and values are returned as well, and
    `past` takes those of earlier positions: what a key/value cache keeps.

    Examples
    --------
    >>> block = Block(num_heads=2, key_dim=4, feed_forward=16)
    >>> x = np.ones((1, 3, 8), dtype="float32")
    >>> tuple(block(x, attention_mask=np.tri(3, dtype=bool)).shape)
    (1, 3, 8)
    """

    def __init__(
        self, num_heads, key_dim, feed_forward, pre_norm=True, rotary=False, dropout=0.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.feed_forward = require_int("feed_forward", feed_forward, minimum=1)
        self.pre_norm = bool(pre_norm)
        self.rotary = bool(rotary)
        self.dropout = dropout
        self.supports_masking = True
        policy = {"dtype": self.dtype_policy}
        self.attention = _Attention(num_heads, key_dim, self.rotary, dropout=dropout, **policy)
        if self.rotary and self.attention.key_dim % 2:
            raise ValueError(f"rotary positions need an even key_dim, got {key_dim}")
        self._norms = [keras.layers.LayerNormalization(epsilon=1e-5, **policy) for _ in range(2)]
        self._widen = keras.layers.Dense(self.feed_forward, activation="gelu", **policy)
        self._drop = keras.layers.Dropout(dropout, **policy)

    def build(self, inputs_shape):
        checks.require_features(inputs_shape)
        self.attention.build(inputs_shape)
        for norm in self._norms:
            norm.build(inputs_shape)
        self._widen.build(inputs_shape)
        self._narrow = keras.layers.Dense(inputs_shape[-1], dtype=self.dtype_policy)
        self._narrow.build((*inputs_shape[:-1], self.feed_forward))

    def call(
        self,
        inputs,
        attention_mask=None,
        mask=None,
        positions=None,
        past=None,
        return_present=False,
        training=None,
    ):
        if self.rotary and positions is None:
            positions = counted(ops.ones_like(inputs[..., 0], dtype="int32"))
        first, second = self._norms
        x = first(inputs) if self.pre_norm else inputs
        x, present = self.attention(x, attention_mask, mask, positions, past, training=training)
        x = inputs + self._drop(x, training=training)
        x = x if self.pre_norm else first(x)
        y = self._narrow(self._widen(second(x) if self.pre_norm else x))
        x = x + self._drop(y, training=training)
        x = x if self.pre_norm else second(x)
        return (x, present) if return_present else x

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.attention.num_heads,
            "key_dim": self.attention.key_dim,
            "feed_forward": self.feed_forward,
            "pre_norm": self.pre_norm,
            "rotary": self.rotary,
            "dropout": self.dropout,
        }
