"""A Keras layer of multi-head self-attention that computes only what its pattern needs."""

import dataclasses

import keras
from keras import ops

from thrifty._checks import require_int, require_share
from thrifty._layer_checks import layer_mask
from thrifty.attention import DenseAttention, _project
from thrifty.patterns import Atrous, Causal, Full, Global, Intersection, Local, Pattern, Union
from thrifty.tiles import attend_in_tiles

_KINDS = {kind.__name__: kind for kind in (Atrous, Causal, Full, Global, Local)}
_JOINS = {kind.__name__: kind for kind in (Union, Intersection)}


@keras.saving.register_keras_serializable(package="thrifty")
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention with a sparse pattern, and the weights of Keras's layer.

    Same weights in the same order as `keras.layers.MultiHeadAttention`, so that
    ``layer.set_weights(mha.get_weights())`` works.

    Parameters
    ----------
    num_heads : int
        Heads that attend side by side.
    key_dim : int
        Size of one head's queries, keys and values.
    pattern : Pattern
        Which key a query may attend to; `thrifty.plans.plan` tells how it is computed.
    causal : bool
        Whether keys after the query are hidden as well.
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
        If a size is not an int, `pattern` is not a pattern, or a mask not boolean nor integer.
    ValueError
        If a size is below 1, or in a call a shape does not fit.

    Notes
    -----
    Call arguments: `inputs` (batch, n, features); `mask` (batch, n), True = a real position, taken
    from the inputs where they carry an implicit mask; `training`. Returns (batch, n, features).

    With `value` (batch, keys, features of the value), the layer does cross-attention: keys and
    values are made from `value`, queries from `inputs`. The positions of both count from 0. Then
    `mask` hides queries only, and `value_mask` (batch, keys) hides keys; each is taken from its
    tensor where that carries an implicit mask. (`inputs_mask` is the name by which Keras passes on
    the implicit mask of `inputs` if there is a `value`.)

    Any length will do, but only one that is known when a graph is made saves anything. `fit` makes
    one graph for all the lengths it meets from the second on, and there computes the whole matrix:
    pad them to one length and mask the padding. The padding is hidden as key, and as query it
    attends to nothing, so that only the output projection's bias is left there.

    A pattern of a class of your own is saved with the layer if Keras can serialise it.

    Examples
    --------
    >>> import numpy as np
    >>> layer = SelfAttention(num_heads=2, key_dim=3, pattern=Local(4) | Atrous(8), causal=True)
    >>> tuple(layer(np.ones((1, 20, 6), dtype="float32")).shape)
    (1, 20, 6)
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        pattern,
        causal=False,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = require_int("num_heads", num_heads, minimum=1)
        self.key_dim = require_int("key_dim", key_dim, minimum=1)
        if not isinstance(pattern, Pattern):
            raise TypeError(f"pattern must be a Pattern, got {type(pattern).__name__}")
        self.pattern = pattern
        self.causal = bool(causal)
        self.dropout = require_share("dropout", dropout)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self._drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, inputs_shape, value_shape=None):
        value_shape = inputs_shape if value_shape is None else value_shape
        for name, shape in (("inputs", inputs_shape), ("value", value_shape)):
            if len(shape) != 3 or shape[-1] is None:
                raise ValueError(f"{name} must have shape (batch, length, features), got {shape}")
        features, by_head = inputs_shape[-1:], (self.num_heads, self.key_dim)
        self._query = self._add_projection("query", features, by_head)
        self._key = self._add_projection("key", value_shape[-1:], by_head)
        self._value = self._add_projection("value", value_shape[-1:], by_head)
        self._output = self._add_projection("output", by_head, features)

    _add_projection = DenseAttention._add_projection

    def call(self, inputs, value=None, mask=None, value_mask=None, inputs_mask=None, training=None):
        mask = inputs_mask if mask is None else mask
        if mask is not None:
            mask = layer_mask("mask", mask, axes=(2,))
        if value is None:
            if value_mask is not None:
                raise ValueError("value_mask was given without value; the mask of inputs is `mask`")
            value, value_mask = inputs, mask
        q, k, v = (
            ops.transpose(_project("btf,fhd->bthd", x, weights), (0, 2, 1, 3))
            for x, weights in ((inputs, self._query), (value, self._key), (value, self._value))
        )  # (batch, heads, length, key_dim)
        mixed = attend_in_tiles(
            q,
            k,
            v,
            self.pattern,
            self.causal,
            value_mask,
            drop=lambda weights: self._drop(weights, training=training),
        )
        if mask is not None:
            mixed = ops.where(mask[:, None, :, None], mixed, ops.zeros_like(mixed))
        return _project("bthd,hdf->btf", ops.transpose(mixed, (0, 2, 1, 3)), self._output)

    # Keras would otherwise call the layer to learn this, with a length that is not known.
    def compute_output_shape(self, inputs_shape, value_shape=None):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "pattern": _to_config(self.pattern),
            "causal": self.causal,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    @classmethod
    def from_config(cls, config):
        return super().from_config({**config, "pattern": _from_config(config["pattern"])})


def _to_config(pattern):
    """A pattern as plain values: ``{"kind": "Local", "half_width": 3}``."""
    kind = type(pattern).__name__
    if type(pattern) is _KINDS.get(kind):
        return {"kind": kind, **dataclasses.asdict(pattern)}
    if type(pattern) is _JOINS.get(kind):
        return {"kind": kind, "parts": [_to_config(part) for part in pattern.parts]}
    return keras.saving.serialize_keras_object(pattern)


def _from_config(config):
    if isinstance(config, Pattern):
        return config
    config = dict(config)
    kind = config.pop("kind", None)
    if kind in _JOINS:
        return _JOINS[kind](tuple(_from_config(part) for part in config["parts"]))
    return _KINDS[kind](**config) if kind else keras.saving.deserialize_keras_object(config)
