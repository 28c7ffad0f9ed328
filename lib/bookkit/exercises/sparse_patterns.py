"""The exercises of the chapter on sparse patterns."""

import numpy as np

from bookkit.exercises import Hint, define, expect_equal
from thrifty.patterns import Causal, Local


def _check_causal_local_pairs(answer):
    for n, k in [(8, 0), (8, 2), (100, 7), (64, 63)]:
        got, want = answer(n, k), (Causal() & Local(k)).pairs(n)
        if got == want:
            continue
        if got == n * (k + 1):
            raise Hint("that is right in the middle; what do the first k queries see?")
        if got == n * (k + 1) - k * (k + 1):
            raise Hint("you took away two corners, and a causal window sticks out at one end only")
        if got == n * (2 * k + 1) - k * (k + 1):
            raise Hint("that counts both directions; a causal query does not look ahead")
        raise Hint(f"for n = {n} and k = {k} the library counts {want}, your formula {got}")


define(
    name="sparse/causal_local_pairs",
    question="How many pairs does causal and local attention compute?",
    check=_check_causal_local_pairs,
    shows="looking back only costs a little more than half of looking both ways.",
    solution=lambda n, k: n * (k + 1) - k * (k + 1) // 2,
    wrong=[
        (lambda n, k: n * (k + 1), "first k queries"),
        (lambda n, k: n * (k + 1) - k * (k + 1), "two corners"),
        (lambda n, k: n * (2 * k + 1) - k * (k + 1), "both directions"),
        (lambda n, k: n * n, "the library counts"),
    ],
)


def _check_same_block(answer):
    i, j = np.arange(10)[:, None], np.arange(10)[None, :]
    for size in (3, 4, 1):
        got, want = np.asarray(answer(i, j, size)), i // size == j // size
        if got.shape == want.shape and np.array_equal(got, np.abs(i - j) < size):
            if not np.array_equal(got, want):
                raise Hint("that is a window around each token; a block's borders do not move")
        if got.shape == want.shape and np.array_equal(got, i % size == j % size) and size > 1:
            raise Hint("equal remainders are the atrous rule; blocks have equal quotients")
        expect_equal(got, want, f"Which pairs share a block of {size}?", what="your mask")


define(
    name="sparse/same_block",
    question="Write the rule of block attention.",
    check=_check_same_block,
    shows="blocks are equal quotients, atrous groups equal remainders.",
    solution=lambda i, j, size: i // size == j // size,
    wrong=[
        (lambda i, j, size: abs(i - j) < size, "borders do not move"),
        (lambda i, j, size: i % size == j % size, "equal quotients"),
        (lambda i, j, size: (i // size == j // size).astype(int), "share a block"),
    ],
)


def _check_narrowest(answer):
    if answer == 6:
        raise Hint("half the rate covers the middle; think of the first token, with one side only")
    if answer == 12:
        raise Hint("that works, and one less works too")
    if answer != 11:
        raise Hint("put rate 12 into the laboratory, two layers, and watch the corners")


define(
    name="sparse/narrowest",
    question="What is the smallest half-width before an atrous layer with rate 12?",
    check=_check_narrowest,
    shows="the ends have stops on one side only, so the window must span a whole gap.",
    solution=11,
    wrong=[(6, "first token"), (12, "one less"), (5, "laboratory")],
)


def _check_layers_needed(answer):
    for n, k in [(2, 1), (10, 3), (4096, 64), (65, 64)]:
        got, want = answer(n, k), -(-(n - 1) // k)
        if got == want:
            continue
        if got == (n - 1) // k or np.isclose(got, (n - 1) / k):
            raise Hint(f"the last step may be shorter but is a whole layer: n = {n}, k = {k}")
        if got == -(-(n - 1) // (2 * k + 1)):
            raise Hint("a window of 2k + 1 carries a token only k places in one direction")
        raise Hint(f"for n = {n} and k = {k} your answer is {got}; needed: {want}")


define(
    name="sparse/layers_needed",
    question="How many local layers connect the ends of a text?",
    check=_check_layers_needed,
    shows="4096 tokens need 64 layers of half-width 64, where one atrous layer in between does it.",
    solution=lambda n, k: -(-(n - 1) // k),
    wrong=[
        (lambda n, k: (n - 1) // k, "whole layer"),
        (lambda n, k: (n - 1) / k, "whole layer"),
        (lambda n, k: -(-(n - 1) // (2 * k + 1)), "one direction"),
        (lambda n, k: n, "needed: 1"),
    ],
)
