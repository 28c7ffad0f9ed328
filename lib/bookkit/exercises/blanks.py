"""The exercises of the chapter on blanks, packs and trees."""

import numpy as np

from bookkit.exercises import Hint, define, expect_equal, expect_function
from thrifty.masks import document_mask, permuted_mask, tree_mask
from thrifty.patterns import Causal


def _check_asked(answer):
    if np.isclose(answer(0.15, 10), 1.5):
        raise Hint("a probability is at most 1, and this counts how often the word is asked")
    if np.isclose(answer(0.15, 3), 0.15**3):
        raise Hint("that is the probability of being asked in every pass")
    cases = [((0.15, 1), 0.15), ((0.15, 3), 1 - 0.85**3), ((0.4, 5), 1 - 0.6**5), ((1, 2), 1.0)]
    expect_function(answer, cases, "How probable is it that the word is never asked?", close=True)


define(
    name="blanks/asked",
    question="How probable is it that a word has been a target after some passes?",
    check=_check_asked,
    shows="after ten passes one word in five has still not been asked for, and under the "
    "triangle none is left after the first.",
    solution=lambda rate, passes: 1 - (1 - rate) ** passes,
    wrong=[
        (lambda rate, passes: rate * passes, "at most 1"),
        (lambda rate, passes: rate**passes, "in every pass"),
        (lambda rate, passes: (1 - rate) ** passes, "never asked"),
    ],
)

_HOLES = [[0, 0, 1, 1, 0], [1, 0, 0], [0, 0, 0, 1], [0, 1, 1, 1, 0, 0]]


def _middle_last(segments):
    return np.argsort(segments, kind="stable")


def _check_middle_last(answer):
    for segments in _HOLES:
        order, right = np.asarray(answer(np.array(segments))), _middle_last(segments)
        if order.shape != right.shape or sorted(order.tolist()) != list(range(len(segments))):
            raise Hint(f"an order names each of the {len(segments)} places once")
        hole = np.flatnonzero(segments)
        if sorted(order[: len(hole)].tolist()) == hole.tolist():
            raise Hint("the hole is read first here; it is to be read last")
        if (np.argsort(order) == right).all() and (order != right).any():
            raise Hint("these are the steps at which the places are read, not the places by step")
        got, want = permuted_mask(order), permuted_mask(right)
        hint = "Within the three parts, read from left to right."
        expect_equal(got, want, hint, what="the mask of your order")


define(
    name="blanks/middle_last",
    question="In which order does fill in the middle read?",
    check=_check_middle_last,
    shows="the triangle stays, and the data are put into another order.",
    solution=_middle_last,
    wrong=[
        (lambda segments: np.argsort(-segments, kind="stable"), "read first"),
        (lambda segments: np.argsort(np.argsort(segments, kind="stable")), "not the places"),
        (lambda segments: np.flatnonzero(segments == 0), "each of the 5 places once"),
        (lambda s: np.r_[np.flatnonzero(s == 0)[::-1], np.flatnonzero(s)], "left to right"),
    ],
)


def _restarted(doc_ids):
    return (document_mask(doc_ids) & Causal().mask(len(doc_ids))).sum(axis=1) - 1


def _check_restarted(answer):
    packed = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    got = answer(packed)
    if np.array_equal(got, np.arange(8)):
        raise Hint("these run on; the second document should look as if it were alone")
    if np.array_equal(got, _restarted(packed) + 1):
        raise Hint("a document that is alone begins at position 0")
    cases = [((ids,), _restarted(ids)) for ids in (packed, np.array([4, 4, 2, 9, 9]))]
    expect_function(answer, cases, "How many of its own document stand before each place?")


define(
    name="blanks/restarted",
    question="Which position ids does a packed row need?",
    check=_check_restarted,
    shows="a place's position is the number of allowed keys of its row, less one.",
    solution=_restarted,
    wrong=[
        (lambda doc_ids: np.arange(len(doc_ids)), "run on"),
        (lambda doc_ids: _restarted(doc_ids) + 1, "position 0"),
        (lambda doc_ids: np.arange(len(doc_ids)) - 3 * doc_ids, "own document"),
    ],
)


def _packed_pairs(lengths):
    lengths = np.asarray(lengths)
    return int((lengths * (lengths + 1) // 2).sum())


def _check_packed_pairs(answer):
    lengths = [3, 4, 1]
    got, total = answer(lengths), sum(lengths)
    if got == total * (total + 1) // 2:
        raise Hint("this is one triangle over the whole row: the documents see each other")
    if got == sum(n * n for n in lengths):
        raise Hint("these are whole squares: the triangle halves them, but for the diagonal")
    if got == sum(n * (n - 1) // 2 for n in lengths):
        raise Hint("every place may see itself, too")
    cases = [((case,), _packed_pairs(case)) for case in (lengths, [512], [100, 200, 212])]
    expect_function(answer, cases, "How many pairs has the triangle of one text of n places?")


define(
    name="blanks/packed_pairs",
    question="How many pairs are allowed in a packed row?",
    check=_check_packed_pairs,
    shows="short texts leave most of a long row's triangle empty.",
    solution=_packed_pairs,
    wrong=[
        (lambda lengths: sum(lengths) * (sum(lengths) + 1) // 2, "one triangle"),
        (lambda lengths: sum(n * n for n in lengths), "whole squares"),
        (lambda lengths: sum(n * (n - 1) // 2 for n in lengths), "itself"),
        (lambda lengths: sum(n * n // 2 for n in lengths), "triangle of one text"),
    ],
)


def _depths(parents):
    return tree_mask(parents).sum(axis=-1) - 1


def _depths_in_order(parents):
    depths = np.zeros(len(parents), dtype=int)
    for node, parent in enumerate(parents):
        depths[node] = depths[parent] + 1 if parent >= 0 else 0
    return depths


def _check_depths(answer):
    ordered, mixed = np.array([-1, 0, 1, 1, 3, 0]), np.array([1, 2, -1, 2, 0])
    got = answer(ordered)
    if np.array_equal(got, np.arange(6)):
        raise Hint("these are places in the row: two children of one node have one depth")
    if np.array_equal(got, _depths(ordered) + 1):
        raise Hint("a root has no ancestors, so that its depth is 0")
    if np.array_equal(got, ordered + 1):
        raise Hint("a node is one deeper than its parent's depth, not than its parent's place")
    if np.array_equal(got, _depths(ordered)) and not np.array_equal(answer(mixed), _depths(mixed)):
        raise Hint(f"right while parents come first; in {mixed.tolist()} node 0 hangs on node 1")
    cases = [((parents,), _depths(parents)) for parents in (ordered, mixed, np.array([-1, -1, 1]))]
    expect_function(answer, cases, "How many ancestors has each node?")


define(
    name="blanks/depths",
    question="Which position ids does a tree need?",
    check=_check_depths,
    shows="the mask knows the depth: the ancestors that a node may see are as many.",
    solution=_depths,
    wrong=[
        (lambda parents: np.arange(len(parents)), "places in the row"),
        (lambda parents: _depths(parents) + 1, "its depth is 0"),
        (lambda parents: parents + 1, "parent's depth"),
        (_depths_in_order, "hangs on node 1"),
    ],
)


def _fill_ins(before, behind, letters):
    parents = list(range(-1, before - 1))
    for _ in range(letters):
        first = len(parents)
        parents += [before - 1, *range(first, first + behind)]
    return parents


def _fill_ins_in_a_chain(before, behind, letters):
    return list(range(-1, before + letters * (behind + 1) - 1))


def _fill_ins_with_shared_end(before, behind, letters):
    parents = list(range(-1, before - 1)) + [before - 1] * letters
    return parents + list(range(len(parents) - 1, len(parents) + behind - 1))


def _check_fill_ins(answer):
    for before, behind, letters in [(2, 1, 3), (3, 2, 2), (1, 0, 4)]:
        got = np.asarray(answer(before, behind, letters))
        nodes = before + letters * (1 + behind)
        asked = f"fill_ins({before}, {behind}, {letters})"
        if got.shape == (before + letters + behind,) and behind:
            raise Hint("what follows the letter must be there once for each letter, behind it")
        if got.shape != (nodes,):
            raise Hint(f"{asked} has {nodes} nodes, and your list the shape {got.shape}")
        if letters > 1 and np.array_equal(got, np.arange(nodes) - 1):
            raise Hint("this is one chain: each letter should hang on the end of the beginning")
        first = got[before :: 1 + behind]  # the letters
        if (first == before).all():
            raise Hint("the parent of a letter is the last symbol before it, at before - 1")
        want = _fill_ins(before, behind, letters)
        expect_equal(got, np.array(want), "What stands before each node?", what=asked)


define(
    name="blanks/fill_ins",
    question="Which tree holds a line with each of the letters in one place?",
    check=_check_fill_ins,
    shows="26 passes become one, over the shared beginning and 26 branches.",
    solution=_fill_ins,
    wrong=[
        (_fill_ins_in_a_chain, "one chain"),
        (_fill_ins_with_shared_end, "once for each letter"),
        (lambda before, behind, letters: _fill_ins(before, behind, 1), "8 nodes"),
        (
            lambda before, behind, letters: [
                before if i >= before and p == before - 1 else p
                for i, p in enumerate(_fill_ins(before, behind, letters))
            ],
            "before - 1",
        ),
    ],
)
