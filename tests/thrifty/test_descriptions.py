import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from strategies import BLOCK_IDS, ORDERS, SEGMENT_IDS, prefixes, trees

from thrifty.descriptions import describe
from thrifty.masks import (
    block_causal_mask,
    document_mask,
    global_mask,
    infill_mask,
    padding_mask,
    permuted_mask,
    prefix_mask,
    reversed_causal_mask,
    tree_mask,
    two_stream_masks,
)
from thrifty.patterns import Atrous, Causal, Full, Local

HOLED = Causal().mask(4)
HOLED[3] = False


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (Full().mask(4), "Bidirectional mask on 4 positions: 16 of 16 pairs allowed (100.0 %)."),
        (Local(0).mask(4), "Diagonal mask on 4 positions: 4 of 16 pairs allowed (25.0 %)."),
        (Causal().mask(4), "Causal mask on 4 positions: 10 of 16 pairs allowed (62.5 %)."),
        (
            Causal().mask(64),
            "Causal mask on 64 positions: 2,080 of 4,096 pairs allowed (50.8 %).",
        ),
        (
            reversed_causal_mask(4),
            "Reversed causal mask on 4 positions: 10 of 16 pairs allowed (62.5 %).",
        ),
        (
            prefix_mask([0, 0, 0, 1, 1, -1, -1]),
            "Prefix mask on 7 positions, positions 0 to 2 free: 18 of 49 pairs allowed (36.7 %); "
            "positions 5 and 6 take no part.",
        ),
        (
            prefix_mask([-1, 0, 0, 1, 1]),
            "Prefix mask on 5 positions, positions 1 and 2 free: 11 of 25 pairs allowed (44.0 %); "
            "position 0 takes no part.",
        ),
        (
            infill_mask([0, 1, 1, 0, 1]),
            "Block causal mask on 5 positions, blocks in order 0 and 3; 1; 2; 4: 16 of 25 pairs "
            "allowed (64.0 %).",
        ),
        (
            document_mask([0, 0, 0, 1, 1, 2, -1]),
            "Block diagonal mask on 7 positions, blocks 0 to 2; 3 and 4; 5: 14 of 49 pairs allowed "
            "(28.6 %); position 6 takes no part.",
        ),
        (
            document_mask([0, 0, 0, 1, 1, 2]) & Causal().mask(6),
            "Causal block diagonal mask on 6 positions, blocks 0 to 2; 3 and 4; 5: 10 of 36 pairs "
            "allowed (27.8 %).",
        ),
        (
            Local(2).mask(8),
            "Window mask on 8 positions, half-width 2: 34 of 64 pairs allowed (53.1 %).",
        ),
        (
            (Local(2) & Causal()).mask(8),
            "Causal window mask on 8 positions, half-width 2: 21 of 64 pairs allowed (32.8 %).",
        ),
        (
            Atrous(3).mask(9),
            "Strided mask on 9 positions, step 3: 27 of 81 pairs allowed (33.3 %).",
        ),
        (
            (Atrous(3) & Causal()).mask(9),
            "Causal strided mask on 9 positions, step 3: 18 of 81 pairs allowed (22.2 %).",
        ),
        (
            permuted_mask([3, 0, 2, 1]),
            "Permuted causal mask on 4 positions, order 3, 0, 2, 1: 10 of 16 pairs allowed "
            "(62.5 %).",
        ),
        (
            two_stream_masks([3, 0, 2, 1])[1],
            "Permuted causal mask without the diagonal on 4 positions, order 3, 0, 2, 1: 6 of 16 "
            "pairs allowed (37.5 %); position 3 sees nothing; position 1 is seen by nobody.",
        ),
        (
            tree_mask([-1, 0, 0, 2, -1]),
            "Tree mask on 5 positions, roots 0 and 4, 1 after 0, 2 after 0, 3 after 2: 9 of 25 "
            "pairs allowed (36.0 %).",
        ),
        (
            global_mask([True, False, False, True, False]),
            "Global mask on 5 positions, global 0 and 3: 16 of 25 pairs allowed (64.0 %).",
        ),
        (
            global_mask([True, False, False, False]) | Local(0).mask(4),
            "Global or diagonal mask on 4 positions, global 0: 10 of 16 pairs allowed (62.5 %).",
        ),
        (
            Causal().mask(5) & padding_mask([3], 5)[0],
            "Causal mask on 5 positions: 12 of 25 pairs allowed (48.0 %); positions 3 and 4 are "
            "seen by nobody.",
        ),
        (
            HOLED,
            "Causal mask on 4 positions: 6 of 16 pairs allowed (37.5 %); position 3 takes no part.",
        ),
        (
            (Local(1) | Atrous(4)).mask(6),
            "Mask of no known scheme on 6 positions: 20 of 36 pairs allowed (55.6 %).",
        ),
        (
            Full().mask(2, keys=3),
            "Bidirectional mask on 2 queries and 3 keys: 6 of 6 pairs allowed (100.0 %).",
        ),
        (
            Causal().mask(2, keys=3),
            "Mask of no known scheme on 2 queries and 3 keys: 3 of 6 pairs allowed (50.0 %); "
            "key 2 is seen by nobody.",
        ),
        (
            np.array([[True], [False], [False]]),
            "Bidirectional mask on 3 queries and 1 key: 1 of 3 pairs allowed (33.3 %); queries 1 "
            "and 2 see nothing.",
        ),
        (np.zeros((2, 2), bool), "Empty mask on 2 positions: 0 of 4 pairs allowed."),
        (np.zeros((0, 0), bool), "Empty mask on 0 positions: 0 of 0 pairs allowed."),
        (Full().mask(1), "Bidirectional mask on 1 position: 1 of 1 pairs allowed (100.0 %)."),
    ],
)
def test_sentences(mask, sentence):
    assert describe(mask) == sentence


def test_long_lists_are_cut():
    order = np.random.default_rng(0).permutation(20)
    shown = ", ".join(map(str, order[:12]))
    assert f"order {shown} and 8 more:" in describe(permuted_mask(order))


def test_an_empty_row_of_an_unknown_scheme_is_told():
    mask = (Local(1) | Atrous(4)).mask(6)
    mask[3] = False
    assert describe(mask).endswith("; position 3 sees nothing.")


@pytest.mark.parametrize(
    ("function", "rows"),
    [
        (block_causal_mask, BLOCK_IDS),
        (document_mask, BLOCK_IDS),
        (lambda ids: document_mask(ids) & Causal().mask(len(ids)), BLOCK_IDS),
        (infill_mask, SEGMENT_IDS),
        (prefix_mask, prefixes()),
        (permuted_mask, ORDERS),
        (lambda order: two_stream_masks(order)[1], ORDERS),
        (tree_mask, trees()),
        (global_mask, arrays(bool, 7)),
    ],
)
def test_every_scheme_is_recognised(function, rows):
    @given(rows)
    def check(row):
        assert "no known scheme" not in describe(function(row))

    check()


def test_a_named_scheme_and_its_exceptions_say_the_whole_mask():
    told = {}
    for n_q, n_k in itertools.product(range(4), repeat=2):
        for cells in itertools.product([False, True], repeat=n_q * n_k):
            mask = np.array(cells, dtype=bool).reshape(n_q, n_k)
            told.setdefault(describe(mask), []).append(mask)
    for sentence, masks in told.items():
        assert len(masks) == 1 or "no known scheme" in sentence, (sentence, masks)
    assert len(told) > 300


@given(arrays(bool, (4, 4)) | arrays(bool, (5, 5)))
def test_size_and_pairs_are_told_of_any_mask(mask):
    n = len(mask)
    sentence = describe(mask)
    assert f" on {n} positions" in sentence
    assert f": {mask.sum()} of {n * n} pairs allowed" in sentence
    assert sentence.endswith(".") and sentence.count(". ") == 0


def test_distances_are_counted_on_the_sequence_and_not_on_what_takes_part():
    window = document_mask([0, 0, -1, 0, 0, 0]) & Local(1).mask(6)
    assert describe(window).startswith("Window mask on 6 positions, half-width 1:")
    window[1, 3] = window[3, 1] = True  # neighbours among what takes part, yet two apart
    assert describe(window).startswith("Mask of no known scheme")
    apart = document_mask([0, -1, 0, -1, 0, -1, 0]) & Local(2).mask(7)
    assert describe(apart).startswith("Window mask on 7 positions, half-width 2:")


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (
            np.ones((2, 2)),
            TypeError,
            r"^mask must be boolean \(True = may attend\), got dtype float64",
        ),
        (
            np.ones((3, 2, 2), bool),
            ValueError,
            r"^mask must have shape \(n_q, n_k\), got \(3, 2, 2\); describe one mask of a batch, "
            r"for example mask\[0\]$",
        ),
    ],
)
def test_errors(mask, error, message):
    with pytest.raises(error, match=message):
        describe(mask)
