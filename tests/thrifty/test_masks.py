import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thrifty.masks import padding_mask, reach
from thrifty.patterns import Atrous, Causal, Full, Local


@given(st.integers(0, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n)))))
def test_padding_mask_is_true_exactly_for_keys_below_the_length(case):
    n, lengths = case
    mask = padding_mask(np.array(lengths, dtype=int), n)
    assert mask.shape == (len(lengths), 1, n)
    assert mask.dtype == bool
    for row, length in zip(mask[:, 0], lengths, strict=True):
        assert row.tolist() == [True] * length + [False] * (n - length)


def test_padding_mask_composes_with_a_pattern_into_a_batch_of_masks():
    mask = Causal().mask(3) & padding_mask(np.array([2, 3], dtype=np.uint8), 3)
    assert mask.shape == (2, 3, 3)
    np.testing.assert_array_equal(mask[0], [[1, 0, 0], [1, 1, 0], [1, 1, 0]])
    np.testing.assert_array_equal(mask[1], np.tri(3))


@pytest.mark.parametrize(
    ("lengths", "n", "error", "message"),
    [
        ([1, 4], 3, ValueError, r"^lengths must lie in 0..3 \(n\), got 4 at index 1$"),
        ([-1], 3, ValueError, r"^lengths must lie in 0..3 \(n\), got -1 at index 0$"),
        (2, 3, ValueError, r"^lengths must have shape \(batch,\), got shape \(\)$"),
        ([[1]], 3, ValueError, r"^lengths must have shape \(batch,\), got shape \(1, 1\)$"),
        ([1.0], 3, TypeError, r"^lengths must hold integers, got dtype float64$"),
        ([True], 3, TypeError, r"^lengths must hold integers, got dtype bool$"),
        ([1], -3, ValueError, r"^n must be >= 0, got -3$"),
        ([1], True, TypeError, r"^n must be an int, got True \(bool\)$"),
    ],
)
def test_padding_mask_errors(lengths, n, error, message):
    with pytest.raises(error, match=message):
        padding_mask(lengths, n)


def paths_by_search(masks, residual):
    """Follow every allowed pair down from the last layer, position by position."""
    n = len(masks[0])
    seen = np.zeros((n, n), dtype=bool)
    for i in range(n):
        reached = {i}
        for mask in reversed(masks):
            below = {j for m in reached for j in range(n) if mask[m, j]}
            reached = below | reached if residual else below
        seen[i, list(reached)] = True
    return seen


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(arrays(bool, (n, n)), min_size=1, max_size=4),
    ),
    st.booleans(),
)
def test_reach_equals_a_search_of_all_paths(masks, residual):
    found = reach(masks, residual=residual)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, paths_by_search(masks, residual))


def test_reach_takes_the_first_layer_first():
    only_from_zero = np.array([[True, False], [True, False]])  # all see position 0
    swapped = np.array([[False, True], [True, False]])
    np.testing.assert_array_equal(reach([swapped, only_from_zero]), [[0, 1], [0, 1]])
    np.testing.assert_array_equal(reach([only_from_zero, swapped]), [[1, 0], [1, 0]])


def test_residual_keeps_a_position_that_the_masks_lose():
    shifted = np.eye(3, k=-1, dtype=bool)
    np.testing.assert_array_equal(reach([shifted] * 2), np.eye(3, k=-2, dtype=bool))
    np.testing.assert_array_equal(reach([shifted] * 2, residual=True), np.tri(3, dtype=bool))


def test_many_paths_are_still_just_true():
    assert reach([Full().mask(64)] * 40).all()  # 64**39 paths would overflow a counter


def test_reach_of_nothing_is_nothing():
    assert reach([Full().mask(0)]).shape == (0, 0)


def test_local_then_atrous_covers_everything_exactly_from_half_width_min_rate_n_minus_1():
    for n, rate in itertools.product(range(1, 25), range(1, 13)):
        for half_width in range(rate + 2):
            local, atrous = Local(half_width).mask(n), Atrous(rate).mask(n)
            enough = half_width >= min(rate, n) - 1
            assert reach([local, atrous]).all() == enough, (n, rate, half_width)
            assert reach([atrous, local]).all() == enough
            assert reach([local, atrous], residual=True).all() == enough
            # Causal attention asks for the same width, and then reaches all that came before.
            causal = [(p & Causal()).mask(n) for p in (Local(half_width), Atrous(rate))]
            assert (reach(causal) == Causal().mask(n)).all() == enough


def test_half_the_rate_covers_all_but_the_edges():
    for n, rate in itertools.product(range(1, 40), range(1, 13)):
        half_width = rate // 2
        seen = reach([Local(half_width).mask(n), Atrous(rate).mask(n)])
        assert seen[:, half_width : n - half_width].all()
        # What is missing sits in the first and last columns: from rate 3 on, always.
        if rate >= 3 and n >= rate:
            assert not seen[:, 0].all() and not seen[:, -1].all()
    missing = ~reach([Local(4).mask(64), Atrous(8).mask(64)])
    assert missing.sum() == 96  # of 4096
    np.testing.assert_array_equal(np.flatnonzero(missing.any(axis=0)), [0, 1, 2, 61, 62, 63])


@pytest.mark.parametrize(
    ("masks", "error", "message"),
    [
        ([], ValueError, r"^masks must hold at least one mask, got none$"),
        (
            [np.ones((2, 3), bool)],
            ValueError,
            r"^masks\[0\] must have shape \(n, n\), got \(2, 3\)$",
        ),
        ([np.ones(2, bool)], ValueError, r"^masks\[0\] must have shape \(n, n\), got \(2,\)$"),
        (
            [np.ones((2, 2), bool), np.ones((3, 3), bool)],
            ValueError,
            r"^masks must have one size, got \(2, 2\) for masks\[0\] and \(3, 3\) for masks\[1\]$",
        ),
        (
            [np.ones((2, 2), bool), np.ones((2, 2))],
            TypeError,
            r"^masks\[1\] must be boolean \(True = may attend\), got dtype float64; convert it, "
            r"for example with `masks\[1\] > 0`$",
        ),
    ],
)
def test_reach_errors(masks, error, message):
    with pytest.raises(error, match=message):
        reach(masks)
