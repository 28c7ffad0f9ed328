"""An image network trained on ImageNet: EfficientNet-Lite0, rebuilt layer by layer in Keras.

It names 1000 kinds of things in photographs. In the book it is what others trained and we reuse.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers
from PIL import Image

from bookkit import assets
from bookkit.torch_file import read_arrays

ASSET = "efficientnet-lite0"

# kernel, how many blocks, step of the first, how much wider inside, channels
STAGES = [
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
]
PARTS = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}


def efficientnet_lite0(weights: str | None = "imagenet", input_shape=(224, 224, 3)):
    """EfficientNet-Lite0 as a Functional model: an image in, 1000 logits out.

    Parameters
    ----------
    weights : {"imagenet", None}
        The trained weights (17 MB are fetched the first time), or Keras's random ones.
    input_shape : tuple
        Height, width and 3; any size from 32 on, for the network averages over all positions.
        It was trained on 224 x 224.

    Returns
    -------
    keras.Model
        4.7 million parameters. The layers are called ``stem``, ``block1a_...`` to
        ``block7a_...``, ``head``, ``pool``, ``logits``; the output of each block is the layer
        ``block2a_out``, an addition where the block has a skip connection.

    Raises
    ------
    ValueError
        If `weights` or `input_shape` is not one of the above.
    bookkit.assets.AssetError
        If the weights cannot be fetched.

    Notes
    -----
    Give it what `preprocess` returns.

    Sources: Tan and Le 2019, arXiv 1905.11946; Liu 2020, the "Lite" variant in
    tensorflow/tpu, whose weights these are.
    """
    if weights not in ("imagenet", None):
        raise ValueError(f'weights must be "imagenet" or None, got {weights!r}')
    if len(input_shape) != 3 or input_shape[2] != 3 or min(input_shape[:2]) < 32:
        raise ValueError(
            f"input_shape must be (height, width, 3) with sides of at least 32, got {input_shape}"
        )
    model = _build(tuple(input_shape))
    if weights:
        _load(model, read_arrays(assets.fetch(ASSET)))
    return model


def preprocess(images) -> np.ndarray:
    """Return photographs as the network was trained on them: (x - 127) / 128, in float32.

    Parameters
    ----------
    images : array (..., height, width, 3)
        Numbers from 0 to 255: red, green, blue.

    Examples
    --------
    >>> preprocess(np.full((1, 1, 3), 255)).ravel()
    array([1., 1., 1.], dtype=float32)
    """
    images = np.asarray(images)
    if images.ndim < 3 or images.shape[-1] != 3:
        raise ValueError(f"images must be (..., height, width, 3), got shape {images.shape}")
    if images.size and not (images.min() >= 0 and 1 < images.max() <= 255):
        raise ValueError(
            f"images must hold 0 to 255, got {images.min():.3g} to {images.max():.3g}; "
            "multiply by 255 what is between 0 and 1"
        )
    return (images.astype("float32") - 127) / 128


def middle_square(photo: np.ndarray, size: int = 224) -> np.ndarray:
    """Return the middle of a photograph as a square: (size, size, 3), numbers from 0 to 255.

    Parameters
    ----------
    photo : uint8 array of shape (height, width, 3)
    size : int

    Examples
    --------
    >>> middle_square(np.zeros((30, 40, 3), "uint8"), 10).shape
    (10, 10, 3)
    """
    height, width = photo.shape[:2]
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    image = Image.fromarray(photo)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def _build(input_shape):
    x = image = keras.Input(input_shape, name="image")
    x = _normed(layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem")(x), "stem_bn", True)
    for stage, (kernel, count, step, factor, channels) in enumerate(STAGES, 1):
        for i in range(count):
            name = f"block{stage}{'abcd'[i]}"
            x = _block(x, name, kernel, step if i == 0 else 1, factor, channels)
    x = _normed(layers.Conv2D(1280, 1, use_bias=False, name="head")(x), "head_bn", True)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.2, name="drop")(x)
    return keras.Model(image, layers.Dense(1000, name="logits")(x), name="efficientnet_lite0")


def _block(x, name, kernel, step, factor, channels):
    """Make it wider, look at the neighbours in each channel, make it narrow; add the input."""
    start, skips = x, step == 1 and x.shape[-1] == channels
    if factor > 1:
        x = layers.Conv2D(factor * x.shape[-1], 1, use_bias=False, name=f"{name}_expand")(x)
        x = _normed(x, f"{name}_expand_bn", True)
    x = layers.DepthwiseConv2D(kernel, step, "same", use_bias=False, name=f"{name}_depthwise")(x)
    x = _normed(x, f"{name}_depthwise_bn", True)
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(x)
    x = _normed(x, f"{name}_project_bn" if skips else f"{name}_out", False)
    return layers.Add(name=f"{name}_out")([start, x]) if skips else x


def _normed(x, name, activated):
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=name)(x)
    return layers.ReLU(6, name=name.replace("_bn", "_relu"))(x) if activated else x


def _load(model, arrays) -> None:
    """Put every array of the file into its place; complain about any left over on either side."""
    arrays = {k: v for k, v in arrays.items() if not k.endswith("num_batches_tracked")}
    for layer in model.layers:
        if layer.weights:
            names = _names_in_file(layer)
            missing = [name for name in names if name not in arrays]
            if missing:
                raise ValueError(f"the model needs {missing[0]!r}, which the file has not")
            layer.set_weights([_turned(layer, arrays.pop(name)) for name in names])
    if arrays:
        raise ValueError(f"the file has weights that the model has not: {', '.join(arrays)}")


def _names_in_file(layer) -> list[str]:
    """The names under which a layer's weights are stored, in the order of `layer.weights`."""
    block, _, part = layer.name.partition("_")
    alone = {"stem": "_conv_stem", "head": "_conv_head", "logits": "_fc"}
    if isinstance(layer, layers.BatchNormalization):
        owner = {"stem": "_bn0", "head": "_bn1"}.get(block)
        if owner is None:
            owner = f"{_block_in_file(block)}.{PARTS.get(part.removesuffix('_bn'), '_bn2')}"
        return [f"{owner}.{w}" for w in ("weight", "bias", "running_mean", "running_var")]
    if layer.name in alone:
        return [f"{alone[layer.name]}.{w}" for w in ("weight", "bias")[: len(layer.weights)]]
    return [f"{_block_in_file(block)}._{part}_conv.weight"]


def _block_in_file(block: str) -> str:
    """The blocks are numbered through there: block3a is _blocks.3."""
    before = sum(stage[1] for stage in STAGES[: int(block[5]) - 1])
    return f"_blocks.{before + 'abcd'.index(block[6])}"


def _turned(layer, value):
    """PyTorch's order of the axes, outputs first, turned into Keras's."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return value.transpose(2, 3, 0, 1)
    return value.transpose({4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[value.ndim])
