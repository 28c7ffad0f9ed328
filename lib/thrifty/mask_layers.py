"""Layers that turn the implicit mask of a tensor into a tensor of its own, and back."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="thrifty")
class AttachMask(keras.layers.Layer):
    """Give a tensor the implicit mask that the layers after it look for.

    Call arguments: `x` (batch, ...) and `mask`, boolean, whose axes are the first ones of `x`.
    Returns the same values.

    Examples
    --------
    >>> x = ops.ones((1, 3, 2))
    >>> pooled = keras.layers.GlobalAveragePooling1D()
    >>> pooled(AttachMask()(x, mask=ops.array([[True, True, False]]))).numpy()
    array([[1., 1.]], dtype=float32)
    """

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.supports_masking = True  # Keras then hands the mask on

    def call(self, x, mask=None):
        # A copy, since the mask becomes an attribute: the caller's tensor must not change.
        return ops.copy(x)

    def compute_output_spec(self, x, mask=None):
        return keras.KerasTensor(x.shape, x.dtype)


@keras.saving.register_keras_serializable(package="thrifty")
class ReadMask(keras.layers.Layer):
    """Return the implicit mask of a tensor, boolean.

    Parameters
    ----------
    axes : int
        Axes of the mask; they are the first ones of the tensor.

    Raises
    ------
    ValueError
        In a call on data, if the tensor has no mask.

    Examples
    --------
    >>> embedded = keras.layers.Embedding(5, 2, mask_zero=True)(ops.array([[3, 1, 0]]))
    >>> ReadMask()(embedded).numpy()
    array([[ True,  True, False]])
    """

    def __init__(self, axes=2, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.axes = axes
        self.supports_masking = True

    def call(self, x, mask=None):
        if mask is None:
            raise ValueError(f"{self.name}: the tensor has no implicit mask to read")
        return ops.cast(mask, "bool")

    def compute_mask(self, x, previous_mask):
        return None

    def compute_output_spec(self, x, mask=None):
        return keras.KerasTensor(x.shape[: self.axes], "bool")

    def get_config(self):
        return {**super().get_config(), "axes": self.axes}
