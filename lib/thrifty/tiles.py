"""The tiles of sparse attention: laid out, multiplied, masked by the pattern, merged.

`thrifty.plans` says which tiles; this module computes them. The functions to use are in
`thrifty.sparse`.
"""

import functools
import operator

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from thrifty._checks import score_scale
from thrifty._layer_checks import layer_mask
from thrifty.patterns import Causal, Intersection, Pattern, Union
from thrifty.plans import FirstKeys, FirstQueries, plan

# Added to forbidden scores. Finite: infinity minus infinity would be NaN. A score that is kept
# may be as low as half of this.
FORBIDDEN = -1e30


def keep(weights):
    """No dropout."""
    return weights


def attend_in_tiles(q, k, v, pattern, causal, key_mask, scale=None, drop=keep):
    """`thrifty.sparse.attend`, with a function `drop` applied to the weights (dropout).

    A merge is linear in the weights, so dropping in each piece is dropping in the whole.
    """
    q, k, v, pattern, key_mask, dtype = _checked(q, k, v, pattern, causal, key_mask, scale)
    n, keys = q.shape[2], k.shape[2]
    made = plan(pattern, n, keys=keys) if n and keys else None
    if made is None or made.path == "dense":
        return ops.cast(_dense(q, k, v, pattern, key_mask, drop), dtype)
    key_bias = None
    if key_mask is not None:
        key_bias = ops.where(key_mask, 0.0, FORBIDDEN)[:, None, :, None]  # (batch, 1, keys, 1)
        key_bias = ops.cast(key_bias, q.dtype)
    output, sums = None, None
    # One piece whose rows all have keys needs no sums, to merge or to find empty rows by.
    bare = len(made.pieces) == 1 and key_bias is None and not made.empty_rows
    for piece in made.pieces:
        found = _piece(q, k, v, piece, key_bias, drop, bare)
        output, sums = found if output is None else _merged(output, sums, *found)
    if made.top is not None:
        count = made.top.layout.count
        top, top_sums = _piece(q, k, v, made.top, key_bias, drop, bare)
        output = ops.concatenate([top, _cut(output, 2, count, n)], axis=2)
        if not bare:
            below = (_cut(x, 2, count, n) for x in sums)
            sums = [ops.concatenate(pair, axis=2) for pair in zip(top_sums, below, strict=True)]
    if not bare and (key_bias is not None or made.empty_rows):
        # Where nothing is allowed the weights came out uniform.
        output = ops.where(sums[0] > FORBIDDEN / 2, output, ops.zeros_like(output))
    return ops.cast(output, dtype)


def attend_in_matrix(q, k, v, pattern, causal, key_mask, scale=None):
    """`thrifty.sparse.dense_attend`."""
    q, k, v, pattern, key_mask, dtype = _checked(q, k, v, pattern, causal, key_mask, scale)
    return ops.cast(_dense(q, k, v, pattern, key_mask, keep), dtype)


def _dense(q, k, v, pattern, key_mask, drop):
    scores = products(q, k)  # (batch, heads, queries, keys)
    if scores.shape[3] == 0:
        return ops.matmul(scores, v)  # zeros
    known = None not in tuple(scores.shape)[2:]
    mask = pattern.mask(*scores.shape[2:]) if known else _mask_in_graph(pattern, scores)
    # Added rather than chosen by `where`: the gradient of a sum costs nothing.
    if not known or not mask.all():
        bias = ops.where(ops.convert_to_tensor(mask), 0.0, FORBIDDEN)  # (queries, keys)
        scores = scores + ops.cast(bias, scores.dtype)
    if key_mask is not None:
        bias = ops.where(key_mask, 0.0, FORBIDDEN)[:, None, None, :]  # (batch, 1, 1, keys)
        scores = scores + ops.cast(bias, scores.dtype)
    output = ops.matmul(drop(softmax(scores)), v)
    if known and key_mask is None and mask.any(axis=-1).all():
        return output
    live = ops.max(scores, axis=-1, keepdims=True) > FORBIDDEN / 2
    return ops.where(live, output, ops.zeros_like(output))


def _mask_in_graph(pattern, scores):
    """`pattern.mask` for lengths that only the graph will know when it runs, (queries, keys)."""

    def rule(part, i, j):
        if isinstance(part, (Union, Intersection)):
            join = operator.or_ if isinstance(part, Union) else operator.and_
            return functools.reduce(join, (rule(inner, i, j) for inner in part.parts))
        return tf.broadcast_to(part._rule(i, j), sizes)

    sizes = tf.shape(scores)[2:]
    try:
        return rule(pattern, tf.range(sizes[0])[:, None], tf.range(sizes[1]))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"the rule of {pattern!r} does not work on tensors, so that the number of queries and "
            f"keys must be known when the graph is made, got scores of shape "
            f"{tuple(scores.shape)}; pad to a fixed length and give a mask"
        ) from error


# --- one piece: small dense tiles -----------------------------------------------------------------


def _piece(q, k, v, piece, key_bias, drop, bare):
    """The output of one piece, (batch, heads, n, depth), and the sums of `_softmax_and_sums`,
    which a `bare` piece is without."""
    layout, n = piece.layout, q.shape[2]
    keys, values = _keys(layout, k), _keys(layout, v)
    scores = products(_queries(layout, q), keys)
    if not piece.allowed.all():
        bias = ops.convert_to_tensor(np.where(piece.allowed, 0, FORBIDDEN), dtype=scores.dtype)
        if len(piece.allowed) > 1:
            bias = ops.take(bias, piece.which, axis=0)  # (tiles, queries, keys)
        scores = scores + bias
    if key_bias is not None:
        scores = scores + ops.swapaxes(_keys(layout, key_bias), -1, -2)
    weights, *sums = (softmax(scores),) if bare else _softmax_and_sums(scores)
    output = _untiled(layout, ops.matmul(drop(weights), values), n)
    # The queries past the layout see nothing, so that their sums are of nothing.
    fills = (FORBIDDEN, 0.0)
    return output, [_untiled(layout, x, n, fill) for x, fill in zip(sums, fills, strict=False)]


def products(q, k):
    """Every query times every key."""
    # With swapped axes the gradient of the keys would be copied once more to swap them back.
    return tf.matmul(q, k, transpose_b=True)


def softmax(scores):
    # Keras warns of a softmax over one number, which here is a sequence of one position.
    return ops.exp(scores - scores) if scores.shape[-1] == 1 else ops.softmax(scores)


@ops.custom_gradient
def _softmax_and_sums(scores):
    """The weights, and what a merge needs of sum(exp(scores)): the highest score, and the log of
    the sum after that score was taken from all; their sum is the log-sum-exp.

    Apart, because for scores in the thousands one number of 24 bits could not hold both. Only the
    second carries a gradient, that of the log-sum-exp.
    """
    weights = softmax(scores)
    highest = ops.max(scores, axis=-1, keepdims=True)
    # The highest weight is exp(0) / sum(exp(scores - highest)).
    excess = -ops.log(ops.max(weights, axis=-1, keepdims=True))

    def grad(d_weights, _, d_excess):
        inner = ops.sum(d_weights * weights, axis=-1, keepdims=True)
        return weights * (d_weights - (inner - d_excess))

    return (weights, highest, excess), grad


def _merged(a, a_sums, b, b_sums):
    """Two averages over different keys as one: each weighted by its share of exp(scores)."""
    (a_highest, a_excess), (b_highest, b_excess) = a_sums, b_sums
    highest = ops.maximum(a_highest, b_highest)
    a_log, b_log = a_highest - highest + a_excess, b_highest - highest + b_excess
    share = ops.sigmoid(b_log - a_log)  # exp(b_log) / (exp(a_log) + exp(b_log))
    return a + share * (b - a), (highest, ops.logaddexp(a_log, b_log))


# --- layouts --------------------------------------------------------------------------------------
# Nothing here is x[a:b]: the gradient of that slice is some twenty times slower than of a split.


def _cut(x, axis, start, stop):
    """x[start:stop] along an axis, by a split."""
    size = x.shape[axis]
    at = [index for index in (start, stop) if 0 < index < size]
    return ops.split(x, at, axis=axis)[1 if start else 0] if at else x


def _fitted(x, n, fill=0.0):
    """(batch, heads, any, depth) to (batch, heads, n, depth), cut or padded."""
    missing = n - x.shape[2]
    if missing <= 0:
        return _cut(x, 2, 0, n)
    return ops.pad(x, [[0, 0], [0, 0], [0, missing], [0, 0]], constant_values=fill)


def _tiled(layout, x):
    """(batch, heads, n, depth) to (batch, heads, tiles, rows, depth)."""
    _, heads, _, depth = x.shape
    column = layout.blocks * layout.block  # padded to whole blocks
    x = _fitted(x, column * layout.rate)
    if layout.rate > 1:
        x = ops.reshape(x, (-1, heads, column, layout.rate, depth))
        x = ops.transpose(x, (0, 1, 3, 2, 4))
    return ops.reshape(x, (-1, heads, layout.rate * layout.blocks, layout.block, depth))


def _queries(layout, q):
    if isinstance(layout, FirstKeys):
        return ops.expand_dims(q, 2)
    if isinstance(layout, FirstQueries):
        return ops.expand_dims(_cut(q, 2, 0, layout.count), 2)
    return _tiled(layout, q)


def _keys(layout, k):
    if isinstance(layout, FirstKeys):
        return ops.expand_dims(_cut(k, 2, 0, layout.count), 2)
    if isinstance(layout, FirstQueries):
        return ops.expand_dims(k, 2)
    tiles = _tiled(layout, k)
    return tiles if len(layout.neighbours) == 1 else _windows(layout, tiles)


def _windows(layout, tiles):
    """(batch, heads, tiles, rows, depth) to (batch, heads, tiles, keys, depth): with neighbours.

    Rolled round the end is harmless: the mask knows these positions as padding.
    """
    _, heads, count, rows, depth = tiles.shape
    parts = [ahead * rows + np.arange(start, stop) for ahead, start, stop in layout.neighbours]
    index = np.arange(count)[:, None] * rows + np.concatenate(parts)
    index = (index % (count * rows)).astype(np.int32)

    def gathered(tiles):
        return ops.take(ops.reshape(tiles, (-1, heads, count * rows, depth)), index, axis=2)

    # The gradient of a gather adds row by row; adding the shifted blocks is much faster.
    @ops.custom_gradient
    def with_fast_gradient(tiles):
        def grad(upstream):
            total = None
            ends = np.cumsum([len(part) for part in parts])[:-1].tolist()
            blocks = ops.split(upstream, ends, axis=3)
            for (ahead, start, stop), block in zip(layout.neighbours, blocks, strict=True):
                if stop - start < rows:
                    block = ops.pad(block, [[0, 0]] * 3 + [[start, rows - stop], [0, 0]])
                block = ops.roll(block, ahead, axis=2) if ahead else block
                total = block if total is None else total + block
            return total

        return gathered(tiles), grad

    return with_fast_gradient(tiles)


def _untiled(layout, x, n, fill=0.0):
    """(batch, heads, tiles, rows, depth) to (batch, heads, n, depth)."""
    if isinstance(layout, (FirstKeys, FirstQueries)):
        return ops.squeeze(x, 2)
    _, heads, _, _, depth = x.shape
    if layout.rate > 1:
        x = ops.reshape(x, (-1, heads, layout.rate, layout.blocks * layout.block, depth))
        x = ops.transpose(x, (0, 1, 3, 2, 4))
    x = ops.reshape(x, (-1, heads, layout.rate * layout.blocks * layout.block, depth))
    return _fitted(x, n, fill)


# --- checks ---------------------------------------------------------------------------------------


def _checked(q, k, v, pattern, causal, key_mask, scale):
    """Scaled inputs in the dtype to compute in, the whole pattern, and the dtype to return."""
    if not isinstance(pattern, Pattern):
        raise TypeError(f"pattern must be a Pattern, got {type(pattern).__name__}")
    q, k, v, dtype, key_mask = checked_inputs(q, k, v, key_mask, scale, one_length=False)
    return q, k, v, pattern & Causal() if causal else pattern, key_mask, dtype


def checked_inputs(q, k, v, key_mask, scale, one_length=True):
    """Queries times scale, keys, values in the dtype to compute in; the dtype to return; mask."""
    tensors = {"q": q, "k": k, "v": v}
    for name, x in tensors.items():
        x = tensors[name] = ops.convert_to_tensor(x)
        dtype = keras.backend.standardize_dtype(x.dtype)
        if "float" not in dtype:
            raise TypeError(f"{name} must hold floats, got dtype {dtype}")
        if x.ndim != 4:
            raise ValueError(
                f"{name} must have shape (batch, heads, n, depth), got {tuple(x.shape)}"
            )
        if None in (x.shape[1], x.shape[3]) or (one_length and x.shape[2] is None):
            raise ValueError(
                f"heads, n and depth of {name} must be known when the graph is made, "
                f"got shape {tuple(x.shape)}; pad to a fixed length and give a mask"
            )
    q, k, v = tensors.values()
    shapes = " and ".join(str(tuple(x.shape)) for x in (q, k, v))
    if (q.shape[1], q.shape[3]) != (k.shape[1], k.shape[3]) or q.shape[3] == 0:
        raise ValueError(f"q and k must have the same heads and depth >= 1, got {shapes}")
    if one_length and q.shape[2] != k.shape[2]:
        raise ValueError(f"q and k must have the same n, got {shapes}")
    if k.shape[1] != v.shape[1] or len({k.shape[2], v.shape[2]} - {None}) > 1:
        raise ValueError(f"k and v must have the same heads and n, got {shapes}")
    if len({x.shape[0] for x in (q, k, v)} - {None}) > 1:
        raise ValueError(f"q, k and v must have one batch size, got {shapes}")
    if key_mask is not None:
        key_mask = layer_mask("key_mask", key_mask, axes=(2,))
        batch, n = key_mask.shape
        if n not in (None, k.shape[2] or n) or batch not in (None, 1, k.shape[0] or batch):
            raise ValueError(
                f"key_mask must have shape (batch, keys), got {tuple(key_mask.shape)} "
                f"for k of shape {tuple(k.shape)}"
            )
    dtype = v.dtype
    working = keras.backend.result_type(*(x.dtype for x in (q, k, v)), "float32")
    q, k, v = (ops.cast(x, working) for x in (q, k, v))
    return q * ops.cast(score_scale(scale, q.shape[-1]), working), k, v, dtype, key_mask
