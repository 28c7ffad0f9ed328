import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import KEYS, LENGTHS, TILED, patterns

from thrifty.patterns import Atrous, Causal, Full, Global, Local, Pattern, Union
from thrifty.plans import Tiles, cost, layouts, plan


@dataclasses.dataclass(frozen=True, repr=False)
class SameParity(Pattern):
    def _rule(self, i, j):
        return (i - j) % 2 == 0


PATTERNS = patterns(SameParity()) | TILED


def times_computed(made, n, keys):
    """How often each pair counts, over all pieces; None for the queries of the top strip."""
    counts = np.zeros((n, keys), dtype=int)
    for piece in made.pieces:
        add(counts, piece)
    if made.top is not None:
        counts[: made.top.layout.count] = 0
        add(counts, made.top)
    return counts


def add(counts, piece):
    n, keys = counts.shape
    i, j = np.broadcast_arrays(*piece.layout.positions())
    allowed = piece.allowed[piece.which]
    assert allowed.shape == i.shape == piece.layout.shape
    allowed = allowed & (i < n)
    assert ((j >= 0) & (j < keys))[allowed].all()
    np.add.at(counts, (i[allowed], j[allowed]), 1)


@settings(max_examples=500)
@given(PATTERNS, LENGTHS, KEYS, st.booleans())
def test_the_pieces_hold_every_allowed_pair_once_and_nothing_else(pattern, n, keys, causal):
    made = plan(pattern, n, causal=causal, keys=keys)
    keys = n if keys is None else keys
    if made.path == "dense":
        assert made.pieces == ()
        assert made.executed == n * keys
        return
    mask = (pattern & Causal() if causal else pattern).mask(n, keys)
    np.testing.assert_array_equal(times_computed(made, n, keys), mask)
    assert made.executed < n * keys
    assert made.empty_rows == (not mask.any(axis=1).all())


@given(st.integers(1, 200), st.integers(1, 30), st.integers(0, 60), st.integers(0, 60))
def test_a_layout_covers_its_bounds(n, rate, before, after):
    layout = Tiles(n, rate, min(before, n - 1), min(after, n - 1))
    i, j = np.broadcast_arrays(*layout.positions())
    assert i.shape == layout.shape
    covered = np.zeros((n, n), bool)
    inside = (i < n) & (j >= 0) & (j < n)
    covered[i[inside], j[inside]] = True
    distance = np.arange(n)[:, None] - np.arange(n)
    wanted = (distance % rate == 0) & (distance <= before) & (-distance <= after)
    assert (covered | ~wanted).all()


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (Local(64), "tiles: 16 tiles of 64 x 192"),
        (Local(64) & Causal(), "tiles: 16 tiles of 64 x 128"),
        (Local(128), "tiles: 16 tiles of 64 x 320"),
        (Local(160), "tiles: 8 tiles of 128 x 448"),
        (Local(128) & Causal(), "tiles: 16 tiles of 64 x 192"),
        (Local(10), "tiles: 32 tiles of 32 x 52"),
        (Atrous(64), "tiles: 64 tiles of 16 x 16"),
        (Local(64) & Atrous(8), "tiles: 32 tiles of 32 x 48"),
        (Local(8) | Local(64) | Local(3), "tiles: 16 tiles of 64 x 192"),
        (Global(2), "tiles: 1 tile of 1024 x 2, 1 tile of 2 x 1024"),
        (Global(2) & Causal(), "tiles: 1 tile of 1024 x 2"),
        (Atrous(4) | Atrous(8), "tiles: 4 tiles of 256 x 256"),
        (SameParity() & Local(64), "tiles: 16 tiles of 64 x 192"),
        (Full(), "dense: tiles would compute 1048576 of all 1048576 scores"),
        (Causal(), "dense: tiles would compute 1048576 of all 1048576 scores"),
        (SameParity(), "dense: tiles would compute 1048576 of all 1048576 scores"),
        (Local(8) | SameParity(), "dense: tiles would compute 1048576 of all 1048576 scores"),
    ],
    ids=repr,
)
def test_a_plan_says_what_is_computed(pattern, text):
    assert repr(plan(pattern, 1024)) == f"Plan({text})"


def test_a_pattern_need_not_be_hashable():
    @dataclasses.dataclass
    class Behind(Pattern):
        steps: int

        def _rule(self, i, j):
            return i - j == self.steps

    made = plan(Behind(3) & Local(5), 100)
    assert made.path == "tiles"
    np.testing.assert_array_equal(times_computed(made, 100, 100), np.eye(100, k=-3))


def test_a_pattern_of_too_many_terms_is_dense():
    union = Union(tuple(Local(width) for width in range(9)))
    made = plan(union & union & union, 1024)
    assert made.path == "dense"
    assert made.reason == "the pattern has more than 64 terms"


@given(PATTERNS, LENGTHS, KEYS)
def test_cost_counts_the_mask_and_the_tiles(pattern, n, keys):
    found = cost(pattern, n, depth=8, keys=keys)
    assert found.needed == pattern.mask(n, keys).sum()
    assert found.executed == plan(pattern, n, keys=keys).executed
    assert found.needed <= found.executed <= n * (n if keys is None else keys)
    assert found.flops == 32 * found.executed


@pytest.mark.parametrize(
    ("pattern", "n", "keys", "text"),
    [
        # Keys that no query reaches, and queries that reach no key, cost nothing.
        (Local(64), 1000, 100_000, "tiles: 17 tiles of 64 x 192"),
        (Local(64), 100_000, 1000, "tiles: 17 tiles of 64 x 192"),
        (Local(64) & Causal(), 1000, 100_000, "tiles: 16 tiles of 64 x 128"),
        (Atrous(64), 1000, 2000, "tiles: 64 tiles of 32 x 32"),
        (Atrous(64), 10, 2000, "dense: tiles would compute 65536 of all 20000 scores"),
        (Global(2) & Causal(), 10, 2000, "tiles: 1 tile of 10 x 2"),
        (Full(), 10, 2000, "dense: tiles would compute 4000000 of all 20000 scores"),
    ],
    ids=repr,
)
def test_a_plan_for_other_keys_than_queries(pattern, n, keys, text):
    assert repr(plan(pattern, n, keys=keys)) == f"Plan({text})"


@pytest.mark.parametrize(
    ("pattern", "causal", "most"),
    [
        (Local(64), False, 1.6),
        (Local(128), False, 1.3),
        (Local(256), False, 1.3),
        (Local(64), True, 2.1),
        (Atrous(64), False, 1.0),
        (Local(64) | Atrous(64), False, 1.5),
        (Local(64) | Global(8), False, 1.6),
    ],
    ids=repr,
)
def test_what_is_computed_is_near_what_is_needed(pattern, causal, most):
    found = cost(pattern, 4096, depth=64, causal=causal)
    assert found.executed <= most * found.needed
    assert found.bytes < cost(Full(), 4096, depth=64).bytes / 2.5


def test_costs_of_a_window_grow_like_n():
    small, large = (cost(Local(64), n, depth=64) for n in (4096, 8192))
    assert (large.executed, large.flops, large.bytes) == (
        2 * small.executed,
        2 * small.flops,
        2 * small.bytes,
    )


def test_planning_needs_no_square_array():
    n = 8192
    tracemalloc.start()
    made = plan(Local(65) | Atrous(67), n)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.path == "tiles"
    assert peak < n * n / 8


@settings(max_examples=150, deadline=None)
@given(pattern=PATTERNS, n=st.integers(1, 300), causal=st.booleans())
def test_layouts_are_those_of_the_plan(pattern, n, causal):
    made = plan(pattern, n, causal=causal)
    assert layouts(pattern, n, causal=causal) == tuple(
        piece.layout for piece in (*made.pieces, made.top) if piece
    )


def test_layouts_of_bad_input_are_an_error():
    with pytest.raises(ValueError, match="n must be >= 1, got 0"):
        layouts(Local(1), 0)
    with pytest.raises(TypeError, match="pattern must be a Pattern, got int"):
        layouts(3, 10)
