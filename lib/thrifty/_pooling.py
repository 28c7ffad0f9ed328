"""Masked pooling over the positions of a sequence; public in `thrifty.layers`."""

import keras
import numpy as np
from keras import ops

from thrifty._layer_checks import real_positions, require_sequences


class _MaskedPooling(keras.layers.Layer):
    """What the pooling layers share: the mask is used up, and one vector a sample is left."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, shape):
        require_sequences(shape)

    def call(self, inputs, mask=None):
        require_sequences(inputs.shape)
        real = real_positions(inputs, mask)
        # In 16 bits the sum of a few long rows overflows.
        wide = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        return ops.cast(self._pool(wide, ops.expand_dims(real, -1)), inputs.dtype)

    def compute_mask(self, inputs, mask=None):
        return None  # no positions are left that could be masked

    def compute_output_shape(self, shape):
        return (shape[0], *shape[2:])


def _lowest(x):
    """The lowest finite number of a wide type, as a tensor."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    return ops.convert_to_tensor(np.finfo(dtype).min, dtype=dtype)


@keras.saving.register_keras_serializable(package="thrifty")
class MaskedMeanPooling(_MaskedPooling):
    """Mean over the real positions of each sequence.

    Parameters
    ----------
    **kwargs
        Of every Keras layer: `name`, `dtype`, `trainable`.

    Raises
    ------
    TypeError
        If in a call the mask is neither boolean nor integer.
    ValueError
        If in a call a shape does not fit.

    Notes
    -----
    Call arguments: `inputs` (batch, n, features); `mask` (batch, n), True = a real position, taken
    from the inputs where they carry an implicit mask. Returns (batch, features).

    A sequence without a real position gives zeros; `keras.layers.GlobalAveragePooling1D` of
    Keras 3.15 gives NaN there. Sums are made in float32 at least. What stands at a masked position
    is left out, even NaN.

    Examples
    --------
    >>> x = np.array([[[1.0], [0.0], [3.0], [4.0], [5.0], [0.0], [0.0], [0.0]]])
    >>> mask = np.array([[True] * 5 + [False] * 3])
    >>> np.asarray(MaskedMeanPooling()(x, mask=mask)), x.mean(axis=1)
    (array([[2.6]], dtype=float32), array([[1.625]]))
    """

    def _pool(self, x, real):
        total = ops.sum(ops.where(real, x, ops.zeros_like(x)), axis=1)  # (batch, features)
        count = ops.sum(ops.cast(real, x.dtype), axis=1)  # (batch, 1)
        return total / ops.maximum(count, 1)


@keras.saving.register_keras_serializable(package="thrifty")
class MaskedMaxPooling(_MaskedPooling):
    """Largest value of each feature over the real positions of each sequence.

    Parameters
    ----------
    **kwargs
        Of every Keras layer: `name`, `dtype`, `trainable`.

    Raises
    ------
    TypeError
        If in a call the mask is neither boolean nor integer.
    ValueError
        If in a call a shape does not fit.

    Notes
    -----
    Call arguments: `inputs` (batch, n, features); `mask` (batch, n), True = a real position, taken
    from the inputs where they carry an implicit mask. Returns (batch, features).

    A sequence without a real position gives zeros. `keras.layers.GlobalMaxPooling1D` of Keras 3.15
    ignores the mask: where all real values are negative, it returns the padding's.

    Examples
    --------
    >>> x = np.array([[[-2.0], [-1.0], [0.0]]])
    >>> np.asarray(MaskedMaxPooling()(x, mask=np.array([[True, True, False]])))
    array([[-1.]], dtype=float32)
    """

    def _pool(self, x, real):
        highest = ops.max(ops.where(real, x, _lowest(x)), axis=1)  # (batch, features)
        return ops.where(ops.any(real, axis=1), highest, ops.zeros_like(highest))


@keras.saving.register_keras_serializable(package="thrifty")
class AttentionPooling(_MaskedPooling):
    """Mean over the real positions, weighted by a softmax of one learned score a position.

    Parameters
    ----------
    kernel_initializer : str or keras.initializers.Initializer
        Of the one weight, the vector that scores a position, shape (features,).
    **kwargs
        Of every Keras layer: `name`, `dtype`, `trainable`.

    Raises
    ------
    TypeError
        If in a call the mask is neither boolean nor integer.
    ValueError
        If in a call a shape does not fit.

    Notes
    -----
    Call arguments: `inputs` (batch, n, features); `mask` (batch, n), True = a real position, taken
    from the inputs where they carry an implicit mask. Returns (batch, features).

    A sequence without a real position gives zeros. The score has no bias: the softmax would take
    it out again. The scores are made in float32 at least, and masked with the lowest finite
    number: -1e10, as in older code, is infinite in float16.

    Examples
    --------
    >>> layer = AttentionPooling(kernel_initializer="zeros")  # all scores equal: the mean
    >>> x = np.array([[[1.0], [3.0], [9.0]]])
    >>> np.asarray(layer(x, mask=np.array([[True, True, False]])))
    array([[2.]], dtype=float32)
    """

    def __init__(self, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, shape):
        super().build(shape)
        draw = self.kernel_initializer
        self._kernel = self.add_weight(
            name="kernel",
            shape=(shape[-1],),
            # Drawn as the matrix it stands for: an initializer scales one axis otherwise.
            initializer=lambda shape, dtype=None: ops.reshape(draw((*shape, 1), dtype), shape),
        )

    def _pool(self, x, real):
        x = ops.where(real, x, ops.zeros_like(x))
        scores = ops.sum(x * ops.cast(self._kernel, x.dtype), axis=-1, keepdims=True)
        scores = ops.where(real, scores, _lowest(x))
        # A softmax by hand: Keras's warns of sequences of length 1. The highest score adds 1 to
        # the total, so that a total below 1 means that there is no real position.
        exponentials = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        exponentials = ops.where(real, exponentials, ops.zeros_like(exponentials))  # (batch, n, 1)
        total = ops.sum(exponentials, axis=1)  # (batch, 1)
        return ops.sum(exponentials / ops.maximum(total, 1)[:, None] * x, axis=1)

    def get_config(self):
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "kernel_initializer": initializer}
