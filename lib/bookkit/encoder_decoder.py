"""An encoder-decoder of the layers of `thrifty`, small enough to be read: two stacks, joined.

Source: Vaswani et al. 2017, arXiv 1706.03762; norms before the layers, as in `thrifty.transformer`.
"""

import math

import keras
import numpy as np
from keras import ops

from thrifty.attention import DenseAttention
from thrifty.layers import TiedOutput
from thrifty.transformer import Transformer


class DecoderBlock(keras.layers.Layer):
    """Attention to what was written, attention to what was read, then a small network.

    Call arguments: `x` (batch, n, features), `memory` (batch, m, features), and `real` (batch, m),
    True = a real position of the memory.
    """

    def __init__(self, features, num_heads, feed_forward, **kwargs):
        super().__init__(**kwargs)
        self._own = DenseAttention(num_heads, features // num_heads)
        self._cross = DenseAttention(num_heads, features // num_heads)
        self._norms = [keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(3)]
        self._widen = keras.layers.Dense(feed_forward, activation="gelu")
        self._narrow = keras.layers.Dense(features)

    def call(self, x, memory, real):
        before_own, before_cross, before_network = self._norms
        y = before_own(x)
        x = x + self._own(y, y, use_causal_mask=True)
        # A rectangle: target positions are its rows, source positions its columns.
        x = x + self._cross(before_cross(x), memory, value_mask=real)
        return x + self._narrow(self._widen(before_network(x)))


class EncoderDecoder(keras.Model):
    """A model that reads a source with one stack and writes a target with another.

    Call arguments: `source` (batch, m) and `target` (batch, n) ids, 0 = padding.
    Returns (batch, n, vocabulary): logits of the symbol behind each target position.

    Examples
    --------
    >>> model = EncoderDecoder(9, features=8, num_heads=2, num_blocks=1, longest=5)
    >>> tuple(model(np.array([[3, 4, 0]]), np.array([[1, 5]])).shape)
    (1, 2, 9)
    """

    def __init__(self, vocabulary, features, num_heads, num_blocks, longest, feed_forward=None):
        super().__init__()
        feed_forward = feed_forward or 4 * features
        normal = keras.initializers.RandomNormal(stddev=features**-0.5)
        self._scale = math.sqrt(features)
        self.encoder = Transformer(
            vocabulary,
            features,
            num_heads,
            num_blocks,
            feed_forward,
            max_length=longest,
            output="hidden",
            mask_zero=True,
        )
        self._embed = keras.layers.Embedding(vocabulary, features, normal)
        self._embed_position = keras.layers.Embedding(longest, features, normal)
        self._blocks = [DecoderBlock(features, num_heads, feed_forward) for _ in range(num_blocks)]
        self._norm = keras.layers.LayerNormalization(epsilon=1e-5)
        self._output = TiedOutput(self._embed)

    def call(self, source, target):
        memory, real = self.encoder(source), ops.not_equal(source, 0)
        places = ops.arange(ops.shape(target)[1])
        x = (self._embed(target) + self._embed_position(places)) * self._scale
        for block in self._blocks:
            x = block(x, memory, real)
        return self._output(self._norm(x))


class TwoStacks:
    """The protocol of `thrifty.decoding` around an `EncoderDecoder`, without a cache.

    The last id of a prompt is the sign that the target begins with; what is before it is read.
    """

    def __init__(self, model):
        self.model = model

    def start(self, prompts):
        """Return the logits after each prompt, and the state: sources, and targets so far."""
        source = np.zeros((len(prompts), max(map(len, prompts)) - 1), "int32")
        for row, prompt in zip(source, prompts, strict=True):
            row[: len(prompt) - 1] = prompt[:-1]
        target = np.array([prompt[-1:] for prompt in prompts], "int32")
        return self._logits(source, target), (source, target)

    def step(self, state, next_ids):
        """Return the logits after each next id, and the state with them."""
        source, target = state
        target = np.append(target, np.asarray(next_ids, "int32")[:, None], axis=1)
        return self._logits(source, target), (source, target)

    def reorder(self, state, rows):
        """Return the state of these rows, which may be left out or repeated."""
        return tuple(part[rows] for part in state)

    def _logits(self, source, target):
        return np.asarray(self.model(source, target, training=False))[:, -1]
