"""The masks that the mask laboratory offers, by name, from a few plain parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from thrifty import masks
from thrifty.patterns import Atrous, Causal, Full, Local

HOWS = ["alone", "and", "or", "but not"]


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What the schemes are made from; each uses what it needs.

    Attributes
    ----------
    n : int
        Positions.
    order : sequence of int
        A permutation of 0..n - 1: position order[t] is read at step t.
    boundary : int
        Positions of the prefix, 0 to n.
    marks : sequence of int
        Marked positions: where a document or a block begins, the holes, the global positions.
    parents : sequence of int
        The parent of each position in the tree, -1 for a root; a parent stands before its child.
    pads : int
        Positions of padding at the end, 0 to n - 1.
    half_width, rate : int
        Sizes of the window and of the strided pattern.
    """

    n: int
    order: Sequence[int]
    boundary: int
    marks: Sequence[int]
    parents: Sequence[int]
    pads: int
    half_width: int
    rate: int

    @property
    def marked(self) -> np.ndarray:
        """The marks as flags, bool (n,)."""
        return np.isin(np.arange(self.n), self.marks)

    @property
    def pieces(self) -> np.ndarray:
        """The number of each position's document or block, int (n,); the first begins at 0."""
        return np.cumsum(self.marked & (np.arange(self.n) > 0))


def _padding(p: Parameters) -> np.ndarray:
    real = masks.padding_mask([p.n - p.pads], p.n)[0]  # (1, n): it hides keys, and no query
    return np.broadcast_to(real, (p.n, p.n)).copy()


_MAKERS = {
    "full": lambda p: Full().mask(p.n),
    "causal": lambda p: Causal().mask(p.n),
    "reversed": lambda p: masks.reversed_causal_mask(p.n),
    "permuted": lambda p: masks.permuted_mask(p.order),
    "query": lambda p: masks.two_stream_masks(p.order)[1],
    "prefix": lambda p: masks.prefix_mask((np.arange(p.n) >= p.boundary).astype(int)),
    "infill": lambda p: masks.infill_mask(p.marked.astype(int)),
    "packed": lambda p: masks.document_mask(p.pieces),
    "blocks": lambda p: masks.block_causal_mask(p.pieces),
    "tree": lambda p: masks.tree_mask(p.parents),
    "padding": _padding,
    "global": lambda p: masks.global_mask(p.marked),
    "local": lambda p: Local(p.half_width).mask(p.n),
    "atrous": lambda p: Atrous(p.rate).mask(p.n),
    "empty": lambda p: np.zeros((p.n, p.n), dtype=bool),
}
SCHEMES = list(_MAKERS)


def scheme_mask(scheme: str, parameters: Parameters) -> np.ndarray:
    """Return the mask of one scheme, bool (n, n), from the library's own functions.

    Examples
    --------
    >>> p = Parameters(4, [2, 0, 3, 1], 2, [2], [-1, 0, 0, 1], 1, 1, 2)
    >>> scheme_mask("prefix", p).astype(int)
    array([[1, 1, 0, 0],
           [1, 1, 0, 0],
           [1, 1, 1, 0],
           [1, 1, 1, 1]])
    """
    return _MAKERS[scheme](parameters)


def composed_mask(scheme: str, how: str, second: str, parameters: Parameters) -> np.ndarray:
    """Return one mask, or two joined: ``&``, ``|``, or what the first allows and the second not.

    Examples
    --------
    >>> p = Parameters(4, [2, 0, 3, 1], 2, [2], [-1, 0, 0, 1], 1, 1, 2)
    >>> composed_mask("packed", "and", "causal", p).astype(int)
    array([[1, 0, 0, 0],
           [1, 1, 0, 0],
           [0, 0, 1, 0],
           [0, 0, 1, 1]])
    """
    first = scheme_mask(scheme, parameters)
    if how == "alone":
        return first
    other = scheme_mask(second, parameters)
    if how == "or":
        return first | other
    return first & (other if how == "and" else ~other)
