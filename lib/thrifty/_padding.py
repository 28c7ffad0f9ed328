"""Batches with more padding, less padding and none; and outputs compared where they are real."""

import numpy as np
from keras import tree

from thrifty._checks import require_mask


def real_positions(batch, mask, pad):
    """The bool array (batch, n) of real positions, or an error that says what is wrong."""
    arrays = tree.flatten(batch)
    for array in arrays:
        if array.ndim < 2 or array.shape[:2] != arrays[0].shape[:2]:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise ValueError(
                f"batch must hold arrays of shape (batch, n) or (batch, n, d) of one batch size "
                f"and one n, got {shapes}"
            )
    first = arrays[0]
    if mask is None:
        real = first != pad
        real = real if first.ndim == 2 else real.any(axis=tuple(range(2, first.ndim)))
    else:
        real = require_mask("mask", mask)
        if real.shape != first.shape[:2]:
            raise ValueError(f"mask must have shape {first.shape[:2]}, got {real.shape}")
    if real.all() or not real.any():
        kind = "padding" if real.all() else "real position"
        raise ValueError(
            f"batch must hold padding and real positions, got no {kind}; padding is what equals "
            f"pad, or is False in the mask"
        )
    return real


def padded_side(real):
    """Whether the padding comes "after" or "before" the real positions."""
    for side, order in (("after", real), ("before", real[:, ::-1])):
        if (order[:, 1:] <= order[:, :-1]).all():
            return side
    raise ValueError(
        "the padding must stand after the real positions of every sample, or before those of "
        "every sample; got real positions on both sides of padding"
    )


class Lengths:
    """A batch whose samples can be had alone without padding, or all with more padding."""

    def __init__(self, batch, mask, pad):
        self.batch = tree.map_structure(np.asarray, batch)
        self.real = real_positions(self.batch, mask, pad)
        self.side = padded_side(self.real)
        self._pad, self._by_hand = pad, mask is not None

    def __len__(self):
        return len(self.real)

    def alone(self, sample):
        """Arguments for the model: one sample without padding, at least one position long."""
        keep = self.real[sample].copy()
        keep[0 if self.side == "after" else -1] = True
        batch = tree.map_structure(lambda a: a[sample : sample + 1, keep], self.batch)
        return self._arguments(batch, self.real[sample : sample + 1, keep])

    def padded(self, extra):
        """Arguments for the model: the batch with `extra` more positions of padding."""

        def grow(array, value):
            return np.pad(
                array,
                [(0, 0), self._widths(extra), *[(0, 0)] * (array.ndim - 2)],
                constant_values=np.asarray(value, array.dtype),
            )

        batch = tree.map_structure(lambda a: grow(a, self._pad), self.batch)
        return self._arguments(batch, self.real_with(extra))

    def real_with(self, extra):
        """The real positions (batch, n + extra) of `padded(extra)`."""
        return np.pad(self.real, [(0, 0), self._widths(extra)])

    def _widths(self, extra):
        return (0, extra) if self.side == "after" else (extra, 0)

    def with_noise(self, rng):
        """Arguments for the model: the batch with noise in the padding, if the mask is given."""
        batch = self.batch
        if self._by_hand:
            batch = tree.map_structure(lambda a: _noisy(a, self.real, rng), batch)
        return self._arguments(batch, self.real)

    def _arguments(self, batch, real):
        return (batch,), ({"mask": real} if self._by_hand else {})


def _noisy(array, real, rng):
    if array.dtype.kind != "f":
        return array
    array = array.copy()
    array[~real] = np.abs(array).max() * rng.normal(size=array[~real].shape)
    return array


def aligned(alone, padded, real, side):
    """The same real positions of an output without (1, ...) and one with padding (...).

    None where the shapes do not tell which positions belong together. Returns also whether a
    difference would prove anything: not where the lengths are neither those of the inputs nor
    the same.
    """
    alone = alone[0]
    if alone.ndim != padded.ndim:
        return None
    length, certain = max(int(real.sum()), 1), True
    none_real = not real.any()  # then `alone` holds one position, of padding
    for axis, (short, long) in enumerate(zip(alone.shape, padded.shape, strict=True)):
        if short == long:
            continue
        # Neither n nor the same: a window of the input, which starts on the side of the real ones.
        certain = certain and short == length and long == len(real)
        if short > long:
            return None
        if none_real:
            return alone[:0], padded[:0], certain
        kept = slice(0, short) if side == "after" else slice(long - short, long)
        padded = padded[(slice(None),) * axis + (kept,)]
    return alone, padded, certain


def difference(a, b):
    """The largest difference, and the largest number it is to be measured by."""
    if not a.size:
        return 0.0, 0.0
    if a.dtype.kind not in "fiub" and a.dtype.name != "bfloat16":
        return float((a != b).any()), 1.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.inf, 1.0  # NaN is no result, even if it is NaN on both sides
    return float(np.abs(a - b).max()), float(max(np.abs(a).max(), np.abs(b).max()))


def tolerance(dtype, scale, rtol):
    """What rounding may explain. 16 bits have 3 digits, and sums of other lengths round anew."""
    if np.dtype(dtype).itemsize == 2 and np.dtype(dtype).kind not in "iu":
        rtol = max(rtol, 2e-2)
    return rtol * scale + 1e-6
