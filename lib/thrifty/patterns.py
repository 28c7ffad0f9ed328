"""Sparse attention patterns: rules that say which key position j a query position i may attend to.

A pattern is known before any sequence is: it depends on positions alone.
Patterns combine with ``|`` (either rule allows) and ``&`` (both rules allow).
What depends on the sequence, such as padding, is in `thrifty.masks`.
"""

from dataclasses import astuple, dataclass

import numpy as np

from thrifty._checks import require_int

# Cells of a mask worked on at once: blocks of rows keep the memory flat as n grows.
_BLOCK_CELLS = 2**19


class Pattern:
    """A rule on positions; subclasses give it in `_rule(i, j)`.

    Examples
    --------
    >>> sparse = Local(1) | Atrous(4)
    >>> sparse
    Local(1) | Atrous(4)
    >>> sparse.mask(5).astype(int)
    array([[1, 1, 0, 0, 1],
           [1, 1, 1, 0, 0],
           [0, 1, 1, 1, 0],
           [0, 0, 1, 1, 1],
           [1, 0, 0, 1, 1]])
    >>> sparse.pairs(5)
    15
    """

    # NumPy must leave `array | pattern` to the methods below instead of combining cell by cell.
    __array_ufunc__ = None

    def _rule(self, i, j):
        """The rule on two broadcastable int64 arrays; returns a bool or a bool array."""
        raise NotImplementedError(f"{type(self).__name__} must define _rule(i, j)")

    def allows(self, i, j):
        """Tell whether query position `i` may attend to key position `j`.

        Parameters
        ----------
        i, j : int or integer array
            Positions, counted from 0; the two shapes must broadcast.

        Returns
        -------
        bool or bool array
            A bool for two ints, otherwise an array of the broadcast shape.

        Raises
        ------
        TypeError
            If `i` or `j` does not hold integers.

        Examples
        --------
        >>> Local(2).allows(5, 3)
        True
        >>> Causal().allows(1, [0, 1, 2])
        array([ True,  True, False])
        """
        i, j = _positions("i", i), _positions("j", j)
        shape = np.broadcast_shapes(i.shape, j.shape)
        # A rule may ignore i or j; every pattern answers for all pairs nevertheless.
        allowed = np.array(np.broadcast_to(self._rule(i, j), shape))
        return allowed if shape else bool(allowed)

    def mask(self, n, keys=None):
        """Return the mask of a sequence of `n` positions, shape (n, n), True = may attend.

        Rows are queries and columns are keys, of which there may be another number: `keys`.

        Raises
        ------
        TypeError, ValueError
            If `n` or `keys` is not an int, or negative.

        Examples
        --------
        >>> Causal().mask(3)
        array([[ True, False, False],
               [ True,  True, False],
               [ True,  True,  True]])
        >>> Causal().mask(2, keys=3)
        array([[ True, False, False],
               [ True,  True, False]])
        """
        n, keys = _lengths(n, keys)
        mask = np.empty((n, keys), dtype=bool)
        for start, rows in self._row_blocks(n, keys):
            mask[start : start + len(rows)] = rows
        return mask

    def pairs_per_row(self, n, keys=None):
        """Return how many of `keys` keys, by default `n`, each of `n` queries attends to.

        Raises
        ------
        TypeError, ValueError
            If `n` or `keys` is not an int, or negative.

        Examples
        --------
        >>> Local(1).pairs_per_row(5)
        array([2, 3, 3, 3, 2])
        """
        n, keys = _lengths(n, keys)
        counts = np.empty(n, dtype=np.int64)
        for start, rows in self._row_blocks(n, keys):
            counts[start : start + len(rows)] = np.count_nonzero(rows, axis=1)
        return counts

    def pairs(self, n, keys=None):
        """Return how many query-key pairs a sequence of `n` positions computes: its cost.

        The mask is counted in blocks of rows, so that a large `n` needs no (n, n) array.

        Raises
        ------
        TypeError, ValueError
            If `n` or `keys` is not an int, or negative.

        Examples
        --------
        >>> Full().pairs(1024), (Local(32) | Atrous(32)).pairs(1024)
        (1048576, 95264)
        """
        return int(self.pairs_per_row(n, keys).sum())

    def _row_blocks(self, n, keys):
        """Yield (first row, bool block of shape (rows, keys)) from top to bottom."""
        height = max(1, _BLOCK_CELLS // max(keys, 1))
        for start in range(0, n, height):
            queries = np.arange(start, min(start + height, n))[:, None]
            yield start, self.allows(queries, np.arange(keys))

    def __or__(self, other):
        return Union(_parts(Union, self) + _parts(Union, _require_pattern("|", other)))

    def __and__(self, other):
        return Intersection(
            _parts(Intersection, self) + _parts(Intersection, _require_pattern("&", other))
        )

    # Reached only when the left side is not a pattern: always the error, never a result.
    def __ror__(self, other):
        _require_pattern("|", other)

    def __rand__(self, other):
        _require_pattern("&", other)

    def __bool__(self):
        # `a or b` would silently be `a`.
        raise TypeError("a pattern is neither true nor false; combine patterns with | and &")

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, astuple(self)))})"


@dataclass(frozen=True, repr=False)
class Full(Pattern):
    """Every query attends to every key: n * n pairs.

    Source: Vaswani et al. 2017, arXiv 1706.03762.

    Examples
    --------
    >>> Full().pairs(4)
    16
    """

    def _rule(self, i, j):
        return True


@dataclass(frozen=True, repr=False)
class Causal(Pattern):
    """A query attends to itself and to what came before: j <= i.

    Source: Vaswani et al. 2017, arXiv 1706.03762 (the decoder's mask).

    Examples
    --------
    >>> Causal().pairs_per_row(4)
    array([1, 2, 3, 4])
    """

    def _rule(self, i, j):
        return j <= i


@dataclass(frozen=True, repr=False)
class Local(Pattern):
    """A query attends to its neighbours: |i - j| <= half_width, the bounds included.

    Parameters
    ----------
    half_width : int
        Positions seen on either side, >= 0; a window holds 2 * half_width + 1 keys.

    Raises
    ------
    TypeError, ValueError
        If `half_width` is not an int, or negative.

    Notes
    -----
    Source: "local self-attention", Su Jianlin 2019, kexue.fm/archives/6853.
    The `sliding_window=w` of `keras.layers.MultiHeadAttention` is `Local(w - 1)`.

    Examples
    --------
    >>> Local(1).mask(4).astype(int)
    array([[1, 1, 0, 0],
           [1, 1, 1, 0],
           [0, 1, 1, 1],
           [0, 0, 1, 1]])
    """

    half_width: int

    def __post_init__(self):
        object.__setattr__(self, "half_width", require_int("half_width", self.half_width, 0))

    def _rule(self, i, j):
        return abs(i - j) <= self.half_width


@dataclass(frozen=True, repr=False)
class Atrous(Pattern):
    """A query attends at regular distances: i - j is a multiple of `rate`.

    Parameters
    ----------
    rate : int
        Distance between two keys of a query, >= 1; `Atrous(1)` allows what `Full()` allows.

    Raises
    ------
    TypeError, ValueError
        If `rate` is not an int, or below 1.

    Notes
    -----
    Source: "atrous self-attention", Su Jianlin 2019, kexue.fm/archives/6853; the strided step of
    Child et al. 2019, arXiv 1904.10509. The name is that of convolutions with holes (à trous).

    Examples
    --------
    >>> Atrous(2).mask(4).astype(int)
    array([[1, 0, 1, 0],
           [0, 1, 0, 1],
           [1, 0, 1, 0],
           [0, 1, 0, 1]])
    """

    rate: int

    def __post_init__(self):
        object.__setattr__(self, "rate", require_int("rate", self.rate, 1))

    def _rule(self, i, j):
        return (i - j) % self.rate == 0


@dataclass(frozen=True, repr=False)
class Global(Pattern):
    """The first `count` positions attend to everything, and everything attends to them.

    Parameters
    ----------
    count : int
        Positions, >= 1, that are connected with all others.

    Raises
    ------
    TypeError, ValueError
        If `count` is not an int, or below 1.

    Notes
    -----
    Source: "global attention", Beltagy et al. 2020, arXiv 2004.05150.

    Examples
    --------
    >>> Global(1).mask(4).astype(int)
    array([[1, 1, 1, 1],
           [1, 0, 0, 0],
           [1, 0, 0, 0],
           [1, 0, 0, 0]])
    """

    count: int

    def __post_init__(self):
        object.__setattr__(self, "count", require_int("count", self.count, 1))

    def _rule(self, i, j):
        return (i < self.count) | (j < self.count)


@dataclass(frozen=True, repr=False)
class Union(Pattern):
    """What at least one of the parts allows; written ``a | b``.

    Two unions are equal if they were written alike, part by part, whatever their masks.

    Examples
    --------
    >>> Local(2) | Atrous(4) | Causal()
    Local(2) | Atrous(4) | Causal()
    """

    parts: tuple

    def __post_init__(self):
        object.__setattr__(self, "parts", _require_parts(self.parts))

    def _rule(self, i, j):
        allowed = self.parts[0].allows(i, j)
        for part in self.parts[1:]:
            allowed = allowed | part.allows(i, j)
        return allowed

    def __repr__(self):
        return " | ".join(map(repr, self.parts))


@dataclass(frozen=True, repr=False)
class Intersection(Pattern):
    """What all of the parts allow; written ``a & b``.

    Two intersections are equal if they were written alike, part by part, whatever their masks.

    Examples
    --------
    >>> (Local(2) | Atrous(4)) & Causal()
    (Local(2) | Atrous(4)) & Causal()
    """

    parts: tuple

    def __post_init__(self):
        object.__setattr__(self, "parts", _require_parts(self.parts))

    def _rule(self, i, j):
        allowed = self.parts[0].allows(i, j)
        for part in self.parts[1:]:
            allowed = allowed & part.allows(i, j)
        return allowed

    def __repr__(self):
        # & binds tighter than |, so that a union inside needs its parentheses.
        return " & ".join(f"({p!r})" if isinstance(p, Union) else repr(p) for p in self.parts)


def _parts(kind, pattern):
    """The parts of a pattern of this kind, else itself: a | (b | c) is kept as a | b | c."""
    return pattern.parts if isinstance(pattern, kind) else (pattern,)


def _require_pattern(operator, other):
    if not isinstance(other, Pattern):
        raise TypeError(
            f"a pattern combines with {operator} only with a pattern, got {type(other).__name__}; "
            f"to combine with an array, take the mask first: pattern.mask(n) {operator} array"
        )
    return other


def _require_parts(parts):
    parts = tuple(parts)
    if not parts or not all(isinstance(part, Pattern) for part in parts):
        raise TypeError(f"parts must be one or more patterns, got {parts!r}")
    return parts


def _lengths(n, keys):
    n = require_int("n", n, minimum=0)
    return n, n if keys is None else require_int("keys", keys, minimum=0)


def _positions(name, values):
    """Positions as int64: in an unsigned type, i - j would wrap around instead of being < 0."""
    values = np.asarray(values)
    if values.size and values.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integer positions, got dtype {values.dtype}")
    return values.astype(np.int64)
