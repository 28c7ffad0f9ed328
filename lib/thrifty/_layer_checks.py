"""Argument checks of the Keras layers: shapes may be unknown (None) until the call."""

import keras
from keras import ops


def layer_mask(name, mask, axes):
    """A mask given to the layer, as a boolean tensor; 0/1 integers are taken as Keras does."""
    mask = ops.convert_to_tensor(mask)
    dtype = keras.backend.standardize_dtype(mask.dtype)
    if dtype != "bool" and "int" not in dtype:
        raise TypeError(
            f"{name} must be boolean (True = may attend) or 0/1 integers, got dtype {dtype}; "
            f"an additive mask has to be converted, for example with `{name} > -1`"
        )
    if mask.ndim not in axes:
        raise ValueError(
            f"{name} must have {' or '.join(map(str, axes))} axes, got shape {tuple(mask.shape)}"
        )
    return ops.cast(mask, "bool")


def require_layer_mask_fits(mask_shape, scores_shape):
    for mask_size, size in zip(mask_shape, scores_shape, strict=True):
        if None not in (mask_size, size) and mask_size not in (1, size):
            raise ValueError(
                f"a mask of shape {tuple(mask_shape)} does not fit scores of shape (batch, heads, "
                f"queries, keys) = {tuple(scores_shape)}; each axis must be 1 or match"
            )


def require_layer_inputs(query_shape, key_shape, value_shape):
    shapes = {"query": query_shape, "key": key_shape, "value": value_shape}
    for name, shape in shapes.items():
        if len(shape) != 3 or shape[-1] is None:
            raise ValueError(f"{name} must have shape (batch, length, features), got {shape}")
    if None not in (key_shape[1], value_shape[1]) and key_shape[1] != value_shape[1]:
        raise ValueError(
            f"key and value must have one length, got {key_shape[1]} and {value_shape[1]}"
        )


def require_sequences(shape):
    if len(shape) != 3 or shape[-1] is None:
        raise ValueError(f"inputs must have shape (batch, length, features), got {tuple(shape)}")


def require_layer_mask_fits_inputs(mask_shape, shape):
    for mask_size, size in zip(mask_shape, shape[:2], strict=True):
        if None not in (mask_size, size) and mask_size != size:
            raise ValueError(
                f"mask must have shape (batch, length) = {tuple(shape[:2])}, "
                f"got {tuple(mask_shape)}"
            )


def real_positions(inputs, mask):
    """Which positions of (batch, n, features) are real, (batch, n): without a mask all are."""
    real = ops.ones_like(inputs[..., 0], dtype="bool")
    if mask is None:
        return real
    mask = layer_mask("mask", mask, axes=(2,))
    require_layer_mask_fits_inputs(mask.shape, inputs.shape)
    return ops.logical_and(real, mask)
