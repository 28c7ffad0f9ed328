import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thrifty.patterns import Atrous, Causal, Full, Global, Intersection, Local, Pattern, Union

SIZES = st.integers(0, 40)
SINGLE = st.one_of(
    st.just(Full()),
    st.just(Causal()),
    st.integers(0, 50).map(Local),
    st.integers(1, 50).map(Atrous),
    st.integers(1, 50).map(Global),
)
PATTERNS = st.recursive(
    SINGLE,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
    ),
    max_leaves=5,
)


def rule_by_hand(pattern, i, j):
    """The definitions once more, on plain ints and with plain Python."""
    if isinstance(pattern, Full):
        return True
    if isinstance(pattern, Causal):
        return j <= i
    if isinstance(pattern, Local):
        return i - pattern.half_width <= j <= i + pattern.half_width
    if isinstance(pattern, Atrous):
        return j in range(i % pattern.rate, 10**6, pattern.rate)
    if isinstance(pattern, Global):
        return min(i, j) in range(pattern.count)
    combine = any if isinstance(pattern, Union) else all
    return combine(rule_by_hand(part, i, j) for part in pattern.parts)


@given(PATTERNS, SIZES)
def test_mask_equals_the_rule_applied_pair_by_pair(pattern, n):
    expected = [[rule_by_hand(pattern, i, j) for j in range(n)] for i in range(n)]
    mask = pattern.mask(n)
    assert mask.dtype == bool
    assert mask.shape == (n, n)
    np.testing.assert_array_equal(mask, np.array(expected, dtype=bool).reshape(n, n))


@given(PATTERNS, SIZES)
def test_costs_are_counts_of_the_mask(pattern, n):
    mask = pattern.mask(n)
    np.testing.assert_array_equal(pattern.pairs_per_row(n), mask.sum(axis=1))
    assert pattern.pairs_per_row(n).shape == (n,)
    assert pattern.pairs(n) == mask.sum()
    assert type(pattern.pairs(n)) is int


@given(PATTERNS, PATTERNS, PATTERNS, SIZES)
def test_union_and_intersection_obey_the_laws_of_sets(a, b, c, n):
    def same(left, right):
        np.testing.assert_array_equal(left.mask(n), right.mask(n))

    np.testing.assert_array_equal((a | b).mask(n), a.mask(n) | b.mask(n))
    np.testing.assert_array_equal((a & b).mask(n), a.mask(n) & b.mask(n))
    same(a | b, b | a)
    same(a & b, b & a)
    same((a | b) | c, a | (b | c))
    same(a & (b | c), (a & b) | (a & c))
    same(a | (b & c), (a | b) & (a | c))
    same(a | (a & b), a)
    assert (a | b).pairs(n) == a.pairs(n) + b.pairs(n) - (a & b).pairs(n)


@given(PATTERNS)
def test_repr_evaluates_to_an_equal_pattern_with_an_equal_hash(pattern):
    again = eval(repr(pattern))
    assert again == pattern
    assert hash(again) == hash(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (Full(), "Full()"),
        (Local(2) | Atrous(4), "Local(2) | Atrous(4)"),
        (Local(2) | Atrous(4) & Causal(), "Local(2) | Atrous(4) & Causal()"),
        ((Local(2) | Atrous(4)) & Causal(), "(Local(2) | Atrous(4)) & Causal()"),
        (Causal() & (Local(2) | Atrous(4)), "Causal() & (Local(2) | Atrous(4))"),
        (Local(1) | (Local(2) | Local(3)), "Local(1) | Local(2) | Local(3)"),
        (Local(np.int64(3)), "Local(3)"),
    ],
)
def test_repr_has_parentheses_only_where_they_are_needed(pattern, text):
    assert repr(pattern) == text


def test_equality_tells_kinds_and_numbers_apart():
    assert Local(2) == Local(2) != Local(3)
    assert Local(2) != Atrous(2)
    assert (Local(2) | Atrous(2)) != (Local(2) & Atrous(2))
    assert len({Local(2), Local(2), Atrous(2), Full(), Full()}) == 3


def test_patterns_cannot_be_changed():
    with pytest.raises(AttributeError):
        Local(2).half_width = 3


def test_allows_takes_plain_ints_and_broadcasts_arrays():
    assert Local(2).allows(3, 5) is True
    assert (Full() & Local(2)).allows(3, 6) is False
    assert Full().allows([[0], [1]], [0, 1, 2]).shape == (2, 3)
    np.testing.assert_array_equal(Causal().allows(1, [0, 1, 2]), [True, True, False])


def test_the_answer_for_all_pairs_is_an_array_of_its_own():
    allowed = Full().allows(np.zeros((3, 1), int), np.zeros(3, int))
    allowed[0, 0] = False  # a view of one cell would refuse, or change all nine
    assert allowed.sum() == 8


def test_unsigned_positions_do_not_wrap_around():
    i, j = np.array([0], dtype=np.uint8), np.array([1], dtype=np.uint8)
    assert Local(1).allows(i, j).all()
    assert not Atrous(5).allows(i, j).any()  # 0 - 1 would be 255, a multiple of 5


def test_a_rule_need_not_be_a_function_of_the_distance():
    class FirstColumn(Pattern):
        def _rule(self, i, j):
            return j == 0

    mask = (FirstColumn() | Local(0)).mask(3)
    np.testing.assert_array_equal(mask, [[1, 0, 0], [1, 1, 0], [1, 0, 1]])


def test_counting_long_sequences_needs_no_square_array():
    n = 16384
    tracemalloc.start()
    pairs = (Local(64) | Atrous(64)).pairs(n)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    local, atrous, both = 129 * n - 64 * 65, n * n // 64, 3 * n - 2 * 64
    assert pairs == local + atrous - both
    assert peak < 64 * 2**20 < n * n


@settings(max_examples=20)
@given(st.integers(700, 1500), PATTERNS)
def test_blocks_of_rows_join_without_a_seam(n, pattern):
    positions = np.arange(n)
    np.testing.assert_array_equal(pattern.mask(n), pattern.allows(positions[:, None], positions))


def test_the_cost_of_a_window_has_a_closed_form():
    for n in (1, 5, 64):
        for half_width in range(n):
            expected = n * (2 * half_width + 1) - half_width * (half_width + 1)
            assert Local(half_width).pairs(n) == expected


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Local(-3), ValueError, r"^half_width must be >= 0, got -3$"),
        (lambda: Atrous(0), ValueError, r"^rate must be >= 1, got 0$"),
        (lambda: Global(0), ValueError, r"^count must be >= 1, got 0$"),
        (lambda: Local(True), TypeError, r"^half_width must be an int, got True \(bool\)$"),
        (lambda: Local(2.0), TypeError, r"^half_width must be an int, got 2.0 \(float\)$"),
        (lambda: Atrous("4"), TypeError, r"^rate must be an int, got '4' \(str\)$"),
        (lambda: Full().mask(-1), ValueError, r"^n must be >= 0, got -1$"),
        (lambda: Full().pairs(1.5), TypeError, r"^n must be an int, got 1.5 \(float\)$"),
        (lambda: Full().pairs_per_row(None), TypeError, r"^n must be an int, got None"),
        (
            lambda: Local(1).allows(0.5, 0),
            TypeError,
            r"^i must hold integer positions, got dtype float64$",
        ),
        (
            lambda: Local(1).allows(0, [True]),
            TypeError,
            r"^j must hold integer positions, got dtype bool$",
        ),
        (
            lambda: Local(1) | 3,
            TypeError,
            r"^a pattern combines with \| only with a pattern, got int; to combine with an array, "
            r"take the mask first: pattern.mask\(n\) \| array$",
        ),
        (lambda: 3 & Local(1), TypeError, r"^a pattern combines with & only with a pattern, got i"),
        (lambda: np.ones((2, 2), bool) & Local(1), TypeError, r"only with a pattern, got ndarray"),
        (lambda: Local(1) | Atrous, TypeError, r"only with a pattern, got type"),
        (
            lambda: Local(1) or Atrous(2),
            TypeError,
            r"^a pattern is neither true nor false; combine patterns with \| and &$",
        ),
        (lambda: Union(()), TypeError, r"^parts must be one or more patterns, got \(\)$"),
        (lambda: Intersection((1,)), TypeError, r"^parts must be one or more patterns, got \(1,\)"),
        (lambda: Pattern().mask(2), NotImplementedError, r"^Pattern must define _rule\(i, j\)$"),
    ],
)
def test_errors_say_what_was_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_numpy_modules_do_not_import_keras():
    code = (
        "import sys, thrifty, thrifty.patterns, thrifty.masks, thrifty.leakage;"
        "print(thrifty.__version__, 'keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.split() == ["0.1.0", "False", "False"], result.stderr
