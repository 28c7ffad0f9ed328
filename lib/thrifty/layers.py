"""Small Keras layers that keep the padding out, save and load, and refuse what does not fit.

In every mask, True = a real position. All of them compute in float32 what float16 cannot hold.
"""

import keras
from keras import ops

from thrifty._layer_checks import real_positions, require_sequences
from thrifty._pooling import AttentionPooling, MaskedMaxPooling, MaskedMeanPooling

__all__ = [
    "AlignedBidirectional",
    "AttentionPooling",
    "MaskedMaxPooling",
    "MaskedMeanPooling",
    "TiedOutput",
]


@keras.saving.register_keras_serializable(package="thrifty")
class TiedOutput(keras.layers.Layer):
    """Logits over the vocabulary, made with the weights of the embedding: x E^T + bias.

    Parameters
    ----------
    embedding : keras.layers.Embedding
        The layer whose table is used; it stays the one owner, and both train it.
    use_bias : bool
        Whether a bias, one number a token, is added: the only weight of this layer's own.
    **kwargs
        Of every Keras layer: `name`, `dtype`, `trainable`.

    Raises
    ------
    TypeError
        If `embedding` is not an Embedding layer.
    ValueError
        If in a call the features of the inputs are not as many as those of the embedding.

    Notes
    -----
    Call argument: `inputs` (..., features). Returns (..., vocabulary), and passes the mask on.

    The table is read at every call. A transpose made once, when the layer is built, would be a
    copy that training never changes. `keras.layers.ReversibleEmbedding` does the same without a
    bias, as one layer that is called twice. The tie survives saving and loading, but not
    `keras.models.clone_model`, which clones the embedding once for each of the two layers.

    Sources: Press and Wolf 2016, arXiv 1608.05859; Su Jianlin 2019, kexue.fm/archives/6985.

    Examples
    --------
    >>> import numpy as np
    >>> embedding = keras.layers.Embedding(8, 5)
    >>> model = keras.Sequential([embedding, TiedOutput(embedding)])
    >>> model(np.array([[1, 2, 3]])).shape, model.count_params()
    (TensorShape([1, 3, 8]), 48)
    """

    def __init__(self, embedding, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(embedding, keras.layers.Embedding):
            raise TypeError(
                f"embedding must be a keras.layers.Embedding, got {type(embedding).__name__}"
            )
        self.embedding = embedding
        self.use_bias = bool(use_bias)
        self.supports_masking = True

    def build(self, shape):
        if shape[-1] != self.embedding.output_dim:
            raise ValueError(
                f"inputs must have as many features as the embedding, "
                f"{self.embedding.output_dim}, got shape {tuple(shape)}"
            )
        if not self.embedding.built:
            self.embedding.build()
        self._bias = None
        if self.use_bias:
            vocabulary = (self.embedding.input_dim,)
            self._bias = self.add_weight(name="bias", shape=vocabulary, initializer="zeros")

    def call(self, inputs):
        logits = ops.matmul(inputs, ops.transpose(self._table(inputs.dtype)))
        return logits if self._bias is None else logits + self._bias

    def _table(self, dtype):
        return ops.cast(ops.convert_to_tensor(self.embedding.embeddings), dtype)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.embedding.input_dim)

    def get_config(self):
        embedding = keras.saving.serialize_keras_object(self.embedding)
        return {**super().get_config(), "embedding": embedding, "use_bias": self.use_bias}

    @classmethod
    def from_config(cls, config):
        embedding = keras.saving.deserialize_keras_object(config["embedding"])
        return cls(**{**config, "embedding": embedding})


@keras.saving.register_keras_serializable(package="thrifty")
class AlignedBidirectional(keras.layers.Layer):
    """A recurrent layer run in both directions, each within the real positions of each sequence.

    The recurrent layer itself is given no mask. Its weights come in the order of
    `keras.layers.Bidirectional`, so that ``layer.set_weights(bidirectional.get_weights())`` works.

    Parameters
    ----------
    layer : keras.layers.Layer
        A recurrent layer such as LSTM or GRU; both directions are copies of it, with weights of
        their own. Its `return_sequences` decides what is returned.
    **kwargs
        Of every Keras layer: `name`, `dtype` (by default that of `layer`), `trainable`.

    Raises
    ------
    TypeError
        If `layer` has no `return_sequences`, or in a call the mask is neither boolean nor integer.
    ValueError
        If `layer` keeps or returns its state or runs backwards, or in a call a shape does not fit.

    Notes
    -----
    Call arguments: `inputs` (batch, n, features); `mask` (batch, n), True = a real position, taken
    from the inputs where they carry an implicit mask; `training`. Returns the two directions side
    by side: (batch, n, 2 units) with zeros at the padding, or with return_sequences=False what
    each direction ends with, (batch, 2 units), zeros for a sequence without a real position.

    `keras.layers.Bidirectional` gives the same wherever it receives the mask. Without it, its
    backward direction begins in the padding. Here the real positions are moved to the front, in
    their order for one direction and reversed for the other, and the outputs moved back. So the
    padding may stand on either side, and the layer may be one that takes no mask.

    Source: Su Jianlin 2019, kexue.fm/archives/6810.

    Examples
    --------
    >>> import numpy as np
    >>> layer = AlignedBidirectional(keras.layers.GRU(3, return_sequences=True))
    >>> mask = np.array([[True, True, False]])
    >>> np.asarray(layer(np.ones((1, 3, 2), "float32"), mask=mask))[0, 2]
    array([0., 0., 0., 0., 0., 0.], dtype=float32)
    """

    def __init__(self, layer, **kwargs):
        _require_recurrent(layer)
        super().__init__(**{"dtype": layer.dtype_policy, **kwargs})
        self.layer = layer
        self.return_sequences = bool(layer.return_sequences)
        self.supports_masking = True
        config = {**layer.get_config(), "return_sequences": True}
        self._forward, self._backward = (
            type(layer).from_config({**config, "name": f"{direction}_{layer.name}"})
            for direction in ("forward", "backward")
        )

    def build(self, shape):
        require_sequences(shape)
        self._forward.build(shape)
        self._backward.build(shape)

    def call(self, inputs, mask=None, training=None):
        require_sequences(inputs.shape)
        real = real_positions(inputs, mask)
        forward = self._run(self._forward, inputs, real, 1, training)
        backward = self._run(self._backward, inputs, real, -1, training)
        return ops.cast(ops.concatenate([forward, backward], axis=-1), self.compute_dtype)

    def _run(self, layer, inputs, real, step, training):
        n = ops.shape(inputs)[1]
        # Real positions first, in the order of the step; the padding after them.
        rank = ops.where(real, step * ops.arange(n), n + ops.arange(n))
        order = ops.argsort(rank, axis=1)  # (batch, n)
        outputs = layer(_reordered(inputs, order), training=training)
        if self.return_sequences:
            outputs = _reordered(outputs, ops.argsort(order, axis=1))
            return ops.where(real[:, :, None], outputs, ops.zeros_like(outputs))
        count = ops.sum(ops.cast(real, "int32"), axis=1, keepdims=True)  # (batch, 1)
        last = _reordered(outputs, ops.maximum(count - 1, 0))[:, 0]
        return ops.where(count > 0, last, ops.zeros_like(last))

    def compute_mask(self, inputs, mask=None):
        return mask if self.return_sequences else None

    def compute_output_shape(self, shape):
        batch, n, units = self._forward.compute_output_shape(shape)
        return (batch, n, 2 * units) if self.return_sequences else (batch, 2 * units)

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})


def _reordered(x, order):
    return ops.take_along_axis(x, ops.expand_dims(order, -1), axis=1)


def _require_recurrent(layer):
    if not isinstance(layer, keras.layers.Layer) or not hasattr(layer, "return_sequences"):
        raise TypeError(
            f"layer must be a recurrent layer such as LSTM or GRU, got {type(layer).__name__}"
        )
    for option in ("stateful", "return_state", "go_backwards"):
        if getattr(layer, option, False):
            raise ValueError(f"layer must have {option}=False, got {option}=True")
