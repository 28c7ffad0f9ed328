"""A Transformer in one file: its mask decides what kind of language model it is.

Ids go in, logits or hidden states come out, under any attention mask, True = may attend.
`Transformer.start` and `Transformer.step` write a text with a key/value cache.

Sources: Vaswani et al. 2017, arXiv 1706.03762; one model under many masks after Dong et al. 2019,
arXiv 1905.03197 (UniLM), told by Su Jianlin 2019, kexue.fm/archives/6933.
"""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from thrifty import _transformer_checks as checks
from thrifty._block import Block, counted, rotate, sinusoids
from thrifty._checks import require_int
from thrifty._layer_checks import layer_mask, require_layer_mask_fits_inputs
from thrifty.layers import TiedOutput

__all__ = ["Block", "Cache", "Transformer", "rotate", "sinusoids"]


@dataclasses.dataclass(frozen=True)
class Cache:
    """What a Transformer keeps of the positions it has read, to be used by `Transformer.step`.

    Attributes
    ----------
    layers : tuple of pairs of tensors of shape (rows, slots, heads, key_dim)
        Keys and values of each block.
    real : bool array of shape (rows, slots)
        False where a slot holds padding.
    next_position : integer array of shape (rows,)
        Position of the next token.
    segment : integer array of shape (rows,), or None
        Segment of the next token.
    """

    layers: tuple
    real: np.ndarray
    next_position: np.ndarray
    segment: np.ndarray | None

    def reorder(self, rows):
        """Return the cache of these rows, which may be left out or repeated, as in beam search."""
        rows = np.asarray(rows)
        return Cache(
            tuple(tuple(ops.take(x, rows, axis=0) for x in pair) for pair in self.layers),
            self.real[rows],
            self.next_position[rows],
            None if self.segment is None else self.segment[rows],
        )


@keras.saving.register_keras_serializable(package="thrifty")
class Transformer(keras.Model):
    """A stack of blocks from ids to logits, which takes any attention mask.

    Parameters
    ----------
    vocabulary : int
        Number of ids.
    features : int
        Size of the vectors between the blocks, a multiple of `num_heads`.
    num_heads, num_blocks : int
    feed_forward : int, optional
        Width inside the blocks; 4 * features by default.
    positions : {"learned", "sinusoidal", "rotary"}
        How the model knows where a token stands. The first two are added to the embeddings.
    max_length : int, optional
        Longest sequence; "learned" needs it, the others take any length without it.
    segments : int
        Number of segment ids that are told apart; 0 = no segments.
    pre_norm : bool
        See `Block`; with it, the last block's outputs are normalised once more.
    output : {"tied", "untied", "hidden"}
        Logits by the weights of the embedding (`thrifty.layers.TiedOutput`), logits by weights of
        their own, or the hidden states.
    mask_zero : bool
        Whether id 0 is padding: hidden from all, and out of the loss.
    dropout : float
        Share dropped in training.
    **kwargs
        Of every Keras model: `name`, `dtype`, `trainable`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above, or in a call an input does not fit.

    Notes
    -----
    Call arguments: `ids` (batch, n) integers; `attention_mask` (n, n) or (batch, n, n), True = may
    attend, by default everywhere; `mask` (batch, n), True = a real position; `positions`
    (batch, n), by default the real positions counted from 0; `segment_ids` (batch, n), by default
    0; `training`. Returns (batch, n, vocabulary), or (batch, n, features) with "hidden".

    A position is given by its number, not by its place: if ids and positions are shuffled alike,
    the outputs are shuffled, and otherwise the same.
    In `fit`, use it inside a functional model with an input for each argument.

    Sources: Vaswani et al. 2017, arXiv 1706.03762; pre-norm: Xiong et al. 2020, arXiv 2002.04745;
    rotary: Su et al. 2021, arXiv 2104.09864; tied output: Press and Wolf 2016, arXiv 1608.05859.

    Examples
    --------
    >>> model = Transformer(9, features=8, num_heads=2, num_blocks=1, positions="rotary")
    >>> ids, causal = np.array([[3, 1, 4, 1]]), np.tri(4, dtype=bool)
    >>> logits = model(ids, attention_mask=causal)
    >>> tuple(logits.shape)
    (1, 4, 9)
    >>> next_logits, cache = model.start(ids[:, :3], attention_mask=causal[:3, :3])
    >>> bool(np.allclose(next_logits, logits[:, 2], atol=1e-5))
    True
    >>> next_logits, cache = model.step(cache, ids[:, 3])
    >>> bool(np.allclose(next_logits, logits[:, 3], atol=1e-5))
    True
    """

    def __init__(
        self,
        vocabulary,
        features,
        num_heads,
        num_blocks,
        feed_forward=None,
        positions="learned",
        max_length=None,
        segments=0,
        pre_norm=True,
        output="tied",
        mask_zero=False,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary = require_int("vocabulary", vocabulary, minimum=1)
        self.features = require_int("features", features, minimum=1)
        self.num_heads = require_int("num_heads", num_heads, minimum=1)
        self.num_blocks = require_int("num_blocks", num_blocks, minimum=1)
        self.feed_forward = 4 * features if feed_forward is None else feed_forward
        self.positions = checks.require_choice("positions", positions, checks.POSITIONS)
        self.max_length = checks.require_sizes(features, num_heads, positions, max_length)
        self.segments = require_int("segments", segments, minimum=0)
        self.pre_norm = bool(pre_norm)
        self.output_kind = checks.require_choice("output", output, checks.OUTPUTS)
        self.mask_zero = bool(mask_zero)
        self.dropout = dropout
        self.supports_masking = True
        self._make_layers({"dtype": self.dtype_policy})

    def _make_layers(self, policy):
        self._embed = self._embedding(self.vocabulary, "tokens")
        learned = self.positions == "learned"
        self._embed_position = self._embedding(self.max_length, "positions") if learned else None
        self._embed_segment = self._embedding(self.segments, "segments") if self.segments else None
        self._drop = keras.layers.Dropout(self.dropout, **policy)
        self.blocks = [
            Block(
                self.num_heads,
                self.features // self.num_heads,
                self.feed_forward,
                pre_norm=self.pre_norm,
                rotary=self.positions == "rotary",
                dropout=self.dropout,
                name=f"block_{i}",
                **policy,
            )
            for i in range(self.num_blocks)
        ]
        self._norm = keras.layers.LayerNormalization(epsilon=1e-5, **policy)
        self._output = {
            "tied": lambda: TiedOutput(self._embed, **policy),
            "untied": lambda: keras.layers.Dense(self.vocabulary, **policy),
            "hidden": lambda: None,
        }[self.output_kind]()

    def _embedding(self, size, name):
        # Rows of length about 1, so that tied logits of normalised vectors begin near size 1.
        normal = keras.initializers.RandomNormal(stddev=self.features**-0.5)
        return keras.layers.Embedding(
            size, self.features, normal, name=name, dtype=self.dtype_policy
        )

    def build(self, ids_shape):
        shape = (*ids_shape, self.features)
        for layer in (self._embed, self._embed_position, self._embed_segment):
            if layer is not None:
                layer.build(ids_shape)
        for layer in (*self.blocks, *([self._norm] if self.pre_norm else []), self._output):
            if layer is not None:
                layer.build(shape)

    def call(
        self,
        ids,
        attention_mask=None,
        mask=None,
        positions=None,
        segment_ids=None,
        past=None,
        return_present=False,
        training=None,
    ):
        checks.require_ids(ids, self.vocabulary, self.max_length)
        # With a past, the attention mask alone tells which slots are real.
        mask = self._real(ids, mask) if past is None else None
        if positions is None:
            positions = counted(ops.ones_like(ids) if mask is None else mask)
        x = self._drop(self._embedded(ids, positions, segment_ids), training=training)
        presents = []
        for block, earlier in zip(self.blocks, past or [None] * self.num_blocks, strict=True):
            x, present = block(
                x, attention_mask, mask, positions, earlier, return_present=True, training=training
            )
            presents.append(present)
        x = self._norm(x) if self.pre_norm else x
        x = x if self._output is None else self._output(x)
        return (x, tuple(presents)) if return_present else x

    def _real(self, ids, mask):
        if mask is not None:
            mask = layer_mask("mask", mask, axes=(2,))
            require_layer_mask_fits_inputs(mask.shape, ids.shape)
        if not self.mask_zero:
            return mask
        real = ops.not_equal(ids, 0)
        return real if mask is None else ops.logical_and(real, mask)

    def _embedded(self, ids, positions, segment_ids):
        """Sum of the embeddings, scaled to numbers of size about 1, (batch, n, features)."""
        x = self._embed(ids)
        checks.require_beside_ids("positions", positions, ids.shape, self.max_length)
        if self._embed_position is not None:
            x = x + self._embed_position(positions)
        if self._embed_segment is not None:
            segment_ids = ops.zeros_like(ids) if segment_ids is None else segment_ids
            checks.require_beside_ids("segment_ids", segment_ids, ids.shape, self.segments)
            x = x + self._embed_segment(segment_ids)
        elif segment_ids is not None:
            raise ValueError("segment_ids were given to a model made with segments=0")
        x = x * math.sqrt(self.features)
        if self.positions == "sinusoidal":
            x = x + ops.cast(sinusoids(positions, self.features), x.dtype)
        return x

    def compute_mask(self, ids, mask=None):
        return self._real(ids, mask)

    def start(
        self,
        ids,
        attention_mask,
        *,
        mask=None,
        positions=None,
        segment_ids=None,
        next_segment=None,
    ):
        """Read prompts; return the logits of their next tokens, and a cache to write these with.

        Parameters
        ----------
        ids : integer array of shape (batch, n)
        attention_mask : bool array of shape (n, n) or (batch, n, n), or None
            True = may attend, within the prompt. None: the whole prompt sees itself, as the prefix
            of a prefix language model. A mask of the whole sequence to be, longer than n, is
            checked and cut.
        mask : bool array of shape (batch, n), optional
            True = a real position, where prompts of several lengths are padded.
        positions : integer array of shape (batch, n), optional
            By default the real positions counted from 0. New tokens get those after the highest.
        segment_ids : integer array of shape (batch, n), optional
        next_segment : int, optional
            Segment of the new tokens; by default that of the prompt's last one.

        Returns
        -------
        logits : tensor of shape (batch, vocabulary)
            Of the token after each prompt; hidden states with output="hidden".
        cache : Cache

        Raises
        ------
        TypeError, ValueError
            If an input does not fit, or a cache would not be exact with this mask: what was read
            must not see what is written later, and a new token must see all before it.
        """
        ids = checks.prompt_ids(ids)
        real = checks.real_prompt(mask, ids)
        real = np.asarray(self._real(ids, real))
        allowed = checks.cacheable(attention_mask, real)
        positions = np.asarray(counted(real) if positions is None else positions)
        segment_ids = None if segment_ids is None else np.asarray(segment_ids)
        logits, layers = self(
            ids,
            attention_mask=allowed,
            mask=real,
            positions=positions,
            segment_ids=segment_ids,
            return_present=True,
            training=False,
        )
        rows, last = np.arange(len(ids)), checks.last_real(real)
        positions = np.broadcast_to(positions, ids.shape)
        cache = Cache(
            layers=layers,
            real=real,
            next_position=np.where(real, positions, -1).max(axis=1) + 1,
            segment=self._next_segment(ids, segment_ids, next_segment, last),
        )
        return ops.convert_to_tensor(np.asarray(logits)[rows, last]), cache

    def _next_segment(self, ids, segment_ids, next_segment, last):
        if not self.segments:
            if next_segment is not None:
                raise ValueError("next_segment was given to a model made with segments=0")
            return None
        if next_segment is not None:
            next_segment = np.full(len(ids), next_segment)
            checks.require_range("next_segment", next_segment, self.segments, "segments")
            return next_segment
        if segment_ids is None:
            return np.zeros(len(ids), dtype=int)
        return np.broadcast_to(segment_ids, ids.shape)[np.arange(len(ids)), last]

    def step(self, cache, next_ids):
        """Add one token to each row; it sees every real position before it, and itself.

        Parameters
        ----------
        cache : Cache
            From `start` or `step`; it is not changed, so that one can go on from it twice.
        next_ids : integer array of shape (rows,)

        Returns
        -------
        logits : tensor of shape (rows, vocabulary)
            Of the token after the given one.
        cache : Cache

        Raises
        ------
        TypeError, ValueError
            If the ids do not fit the cache, or the sequence gets longer than `max_length`.
        """
        next_ids = checks.next_ids(next_ids, len(cache.real), self.mask_zero)
        real = np.pad(cache.real, ((0, 0), (0, 1)), constant_values=True)
        segment = None if cache.segment is None else cache.segment[:, None]
        logits, layers = self(
            next_ids[:, None],
            attention_mask=real[:, None, :],
            positions=cache.next_position[:, None],
            segment_ids=segment,
            past=cache.layers,
            return_present=True,
            training=False,
        )
        return logits[:, 0], Cache(layers, real, cache.next_position + 1, cache.segment)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary": self.vocabulary,
            "features": self.features,
            "num_heads": self.num_heads,
            "num_blocks": self.num_blocks,
            "feed_forward": self.feed_forward,
            "positions": self.positions,
            "max_length": self.max_length,
            "segments": self.segments,
            "pre_norm": self.pre_norm,
            "output": self.output_kind,
            "mask_zero": self.mask_zero,
            "dropout": self.dropout,
        }
