"""How a sparse pattern is cut into small dense tiles, and what that costs. NumPy only.

A *cover* is the simplest rule that contains a pattern: distances that are multiples of a rate,
bounded before and after the query. The tiles compute the cover; inside them the pattern's own
`allows` says which pairs count. So the picture of a pattern and its fast path cannot disagree.
"""

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np

from thrifty._checks import require_int
from thrifty.patterns import Atrous, Causal, Global, Intersection, Local, Pattern, Union

# A tile of fewer queries is all overhead, one of more computes too many forbidden pairs; where a
# query sees many keys, these are few, and larger products faster. Measured, forward and training.
_SMALLEST_BLOCK, _LARGEST_BLOCK, _LARGEST_BLOCK_IF_WIDE, _WIDE = 32, 64, 128, 320
# Tiles that compute more than this share of all pairs are slower than one large product: in one
# piece, and in several, which have to be merged.
_WORTHWHILE, _WORTH_MERGING = 0.8, 0.65
_MOST_TERMS = 64


@dataclass(frozen=True)
class Tiles:
    """Tiles for the distances i - j in -after..before that are multiples of `rate`.

    The sequence is wrapped into `rate` columns, each holding every `rate`-th position, and the
    columns are cut into blocks. A tile is a block of queries, with the keys of its block and as
    much of the blocks around it as the bounds reach.
    """

    n: int
    rate: int
    before: int
    after: int

    @property
    def column(self):
        """Positions of one column, the last of which may be padding."""
        return -(-self.n // self.rate)

    @property
    def reach(self):
        """How many steps of a column a query sees (before, after) itself."""
        return self.before // self.rate, self.after // self.rate

    @property
    def block(self):
        """Queries of one tile: the whole column where cutting it would save nothing."""
        largest = _LARGEST_BLOCK_IF_WIDE if sum(self.reach) >= _WIDE else _LARGEST_BLOCK
        block = min(max(*self.reach, _SMALLEST_BLOCK), largest, self.column)
        cut = -(-self.column // block) * block * (block + sum(self.reach))
        return block if cut < self.column**2 else self.column

    @property
    def blocks(self):
        """Blocks of one column."""
        return -(-self.column // self.block)

    @property
    def neighbours(self):
        """The parts of other blocks that a tile sees: (blocks ahead, first row, end row)."""
        if self.blocks == 1:
            return ((0, 0, self.block),)
        before, after = self.reach
        parts = []
        for ahead in range(-(-before // self.block), 0, -1):
            rows = min(self.block, before - (ahead - 1) * self.block)
            parts.append((-ahead, self.block - rows, self.block))
        parts.append((0, 0, self.block))
        for ahead in range(1, -(-after // self.block) + 1):
            parts.append((ahead, 0, min(self.block, after - (ahead - 1) * self.block)))
        return tuple(parts)

    @property
    def shape(self):
        """(tiles, queries of a tile, keys of a tile)."""
        keys = sum(stop - start for _, start, stop in self.neighbours)
        return self.rate * self.blocks, self.block, keys

    def positions(self):
        """Positions of the queries (tiles, queries, 1) and keys (tiles, 1, keys); outside 0..n - 1
        is padding."""
        steps = np.concatenate(
            [ahead * self.block + np.arange(a, b) for ahead, a, b in self.neighbours]
        )
        column, block = np.divmod(np.arange(self.rate * self.blocks)[:, None], self.blocks)
        i = column + self.rate * (block * self.block + np.arange(self.block))
        j = column + self.rate * (block * self.block + steps)
        return i[:, :, None], j[:, None, :]


@dataclass(frozen=True)
class FirstKeys:
    """One tile: all queries with the first `count` keys."""

    n: int
    count: int

    @property
    def shape(self):
        return 1, self.n, self.count

    def positions(self):
        return np.arange(self.n)[None, :, None], np.arange(self.count)[None, None, :]


@dataclass(frozen=True)
class FirstQueries:
    """One tile: the first `count` queries with all keys."""

    n: int
    count: int

    @property
    def shape(self):
        return 1, self.count, self.n

    def positions(self):
        return np.arange(self.count)[None, :, None], np.arange(self.n)[None, None, :]


@dataclass(frozen=True, eq=False)
class Piece:
    """A layout, and which pairs in it count: `allowed[which[t]]` is the mask of tile t."""

    layout: object
    allowed: np.ndarray  # (different masks, queries, keys)
    which: np.ndarray  # (tiles,)

    @property
    def scores(self):
        return math.prod(self.layout.shape)


@dataclass(frozen=True, eq=False)
class Plan:
    """How `attend` computes a pattern for one length; made by `plan`."""

    path: str
    reason: str
    executed: int
    pieces: tuple = ()
    top: Piece | None = None
    empty_rows: bool = False  # whether a query may attend to nothing

    def __repr__(self):
        return f"Plan({self.path}: {self.reason})"


def plan(pattern, n, *, causal=False, keys=None):
    """Tell how `attend` computes `pattern` for `n` positions.

    Parameters
    ----------
    pattern : Pattern
    n : int
        Length of the sequence, >= 1.
    causal : bool
        Whether keys after the query are hidden as well.
    keys : int, optional
        How many keys there are, >= 1, if not one for each of the `n` queries.

    Returns
    -------
    Plan
        With `path`, "tiles" or "dense"; `reason`, a sentence; `executed`, how many scores are
        computed for each head.

    Raises
    ------
    TypeError, ValueError
        If `pattern` is not a pattern, or `n` or `keys` not an int of at least 1.

    Examples
    --------
    >>> plan(Local(64), 4096)
    Plan(tiles: 64 tiles of 64 x 192)
    >>> plan(Local(64) | Atrous(64), 4096)
    Plan(tiles: 64 tiles of 64 x 64, 64 tiles of 64 x 192)
    >>> plan(Local(1000), 1024)
    Plan(dense: tiles would compute 1048576 of all 1048576 scores)
    """
    _require_pattern(pattern)
    pattern = pattern & Causal() if causal else pattern
    n = require_int("n", n, minimum=1)
    keys = n if keys is None else require_int("keys", keys, minimum=1)
    try:
        hash(pattern)
    except TypeError:  # a class of the reader's own, which cannot be remembered
        return _plan.__wrapped__(pattern, n, keys)
    return _plan(pattern, n, keys)


def layouts(pattern, n, *, causal=False):
    """Return the layouts of the pieces that `plan` cuts a pattern into; () where it is dense.

    `plan` also makes every mask. This takes no time and no memory, whatever the length.

    Parameters and errors are those of `plan`.

    Examples
    --------
    >>> layouts(Atrous(2), 2**20)
    (Tiles(n=1048576, rate=2, before=1048575, after=1048575),)
    >>> layouts(Causal(), 4096)
    ()
    """
    _require_pattern(pattern)
    pattern = pattern & Causal() if causal else pattern
    n = require_int("n", n, minimum=1)
    found, rows, *_ = _outline(pattern, n, n)
    return (*(layout for layout, _ in found), *([FirstQueries(n, rows)] if rows else []))


@dataclass(frozen=True)
class Cost:
    """What attention costs for one sequence and one head, forward; made by `cost`.

    `needed` and `executed` count scores: those the pattern allows, and those computed. `flops`
    are the executed ones of the two matrix products; `bytes` is what the largest piece holds at
    once in float32: its scores, and the keys and values laid out for it.
    """

    needed: int
    executed: int
    flops: int
    bytes: int


def cost(pattern, n, depth, *, causal=False, keys=None):
    """Return what `attend` computes and holds for each sequence and head, as a `Cost`.

    Parameters
    ----------
    pattern : Pattern
    n : int
        Length of the sequence, >= 1.
    depth : int
        Size of a query, a key and a value, >= 1.
    causal : bool
        Whether keys after the query are hidden as well.
    keys : int, optional
        How many keys there are, >= 1, if not one for each of the `n` queries.

    Raises
    ------
    TypeError, ValueError
        If `pattern` is not a pattern, or a number not an int of at least 1.

    Examples
    --------
    >>> cost(Local(64), 4096, depth=64)
    Cost(needed=524224, executed=786432, flops=201326592, bytes=9437184)
    >>> cost(Causal(), 4096, depth=64).bytes
    69206016
    """
    depth = require_int("depth", depth, minimum=1)
    made = plan(pattern, n, causal=causal, keys=keys)
    needed = (pattern & Causal() if causal else pattern).pairs(n, keys)
    whole = (1, n, n if keys is None else keys)
    shapes = [piece.layout.shape for piece in (*made.pieces, made.top) if piece] or [whole]
    held = max(t * q * k + 2 * t * k * depth for t, q, k in shapes)
    return Cost(needed, made.executed, 4 * made.executed * depth, 4 * held)


# --- from a pattern to its pieces -----------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def _plan(pattern, n, keys):
    layouts, rows, executed, reason = _outline(pattern, n, keys)
    if not layouts:
        return Plan("dense", reason, executed)
    pieces, earlier = [], []
    for layout, rule in layouts:
        pieces.append(_piece(layout, rule, earlier, keys))
        earlier.append(rule)
    top = _piece(FirstQueries(keys, rows), pattern, [], keys) if rows else None
    return Plan("tiles", reason, executed, tuple(pieces), top, _has_empty_rows(pieces, n))


def _outline(pattern, n, keys):
    """What to compute, masks apart: [(layout, its rule)], first queries, scores, the reason.

    No layouts where the whole matrix is computed.
    """
    terms = _terms(pattern)
    if len(terms) > _MOST_TERMS:
        return [], 0, n * keys, f"the pattern has more than {_MOST_TERMS} terms"
    layouts, rows = _layouts(terms, n, keys)
    executed = sum(math.prod(layout.shape) for layout, _ in layouts) + rows * keys
    if executed > (_WORTHWHILE if len(layouts) == 1 else _WORTH_MERGING) * n * keys:
        return [], 0, n * keys, f"tiles would compute {executed} of all {n * keys} scores"
    shapes = [layout.shape for layout, _ in layouts] + [(1, rows, keys)] * (rows > 0)
    reason = ", ".join(f"{t} tile{'s' * (t > 1)} of {q} x {k}" for t, q, k in shapes)
    return layouts, rows, executed, reason


def _terms(pattern):
    """The pattern as a union of intersections: a list of tuples of patterns joined by &."""
    if isinstance(pattern, Union):
        return [term for part in pattern.parts for term in _terms(part)]
    if isinstance(pattern, Intersection):
        choices = itertools.product(*(_terms(part) for part in pattern.parts))
        # One more than the limit is enough to know that there are too many.
        return [sum(choice, ()) for choice in itertools.islice(choices, _MOST_TERMS + 1)]
    return [(pattern,)]


def _cover(term, n):
    """The bounds of a term: rate, before, after, and how many first positions (or None)."""
    rate, before, after, count = 1, n - 1, n - 1, None
    for part in term:
        if isinstance(part, Atrous):
            rate = math.lcm(rate, part.rate)
        elif isinstance(part, Local):
            before, after = min(before, part.half_width), min(after, part.half_width)
        elif isinstance(part, Causal):
            after = 0
        elif isinstance(part, Global):
            count = min(part.count, n, n if count is None else count)
        # Of any other pattern nothing is known: `allows` decides, inside what the others leave.
    if rate >= n:
        return 1, 0, 0, count  # the query alone
    return rate, before, after, count


def _layouts(terms, n, keys):
    """What to compute: [(layout, the rule of the pairs that count in it)], and first queries."""
    covers, first, longer = [], [], max(n, keys)
    for term in terms:
        rate, before, after, count = _cover(term, longer)
        rule = term[0] if len(term) == 1 else Intersection(term)
        if count is not None and max(before, after) == longer - 1:
            first.append((count, after, rule))
        else:
            covers.append((rate, before, after, rule))
    # Unbounded first: without a window's pairs taken out, these tiles often need no mask at all.
    covers.sort(key=lambda cover: (-cover[1] - cover[2], cover[0]))
    layouts = []
    while covers:
        rate, before, after, _ = covers[0]
        inside = [c[0] % rate == 0 and c[1] <= before and c[2] <= after for c in covers]
        rules = [cover[3] for cover, held in zip(covers, inside, strict=True) if held]
        # Queries too far past the last key see none, and keys too far past the last query are not
        # seen.
        length = max(min(n, keys + before), min(keys, n + after))
        layouts.append((Tiles(length, rate, before, after), _joined(rules)))
        covers = [cover for cover, held in zip(covers, inside, strict=True) if not held]
    rows = 0
    if first:
        count = min(keys, max(f[0] for f in first))
        layouts.append((FirstKeys(n, count), _joined([f[2] for f in first])))
        rows = min(n, max(count if after else 0 for count, after, _ in first))
    return layouts, rows


def _joined(rules):
    return rules[0] if len(rules) == 1 else Union(tuple(rules))


def _piece(layout, rule, earlier, keys):
    """The layout with its masks; a pair that an earlier rule allows is left to that piece."""
    i, j = layout.positions()
    tiles, real = len(i), (j >= 0) & (j < keys)
    found, which = {}, np.empty(tiles, dtype=np.int32)
    for tile in range(tiles):
        allowed = rule.allows(i[tile], np.clip(j[tile], 0, keys - 1)) & real[tile]
        for other in earlier:
            allowed &= ~other.allows(i[tile], j[tile])
        # The queries that pad the last tile are cut off later: let them see what is there.
        which[tile], _ = found.setdefault(allowed.tobytes(), (len(found), allowed))
    return Piece(layout, np.array([allowed for _, allowed in found.values()]), which)


def _has_empty_rows(pieces, n):
    """Whether some query has no key in any piece."""
    some = np.zeros(n, dtype=bool)
    for piece in pieces:
        queries = np.broadcast_to(piece.layout.positions()[0][:, :, 0], piece.layout.shape[:2])
        live = piece.allowed.any(axis=-1)[piece.which] & (queries < n)
        some[queries[live]] = True
    return not some.all()


def _require_pattern(pattern):
    if not isinstance(pattern, Pattern):
        raise TypeError(f"pattern must be a Pattern, got {type(pattern).__name__}")
