"""The exercises of the chapter on sparse patterns."""

import numpy as np

from bookkit.exercises import Hint, define, expect_equal
from thrifty.patterns import Atrous, Causal, Local


def _check_causal_local_pairs(answer):
    for n, k in [(8, 2), (100, 7), (64, 63), (8, 0)]:
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


def _cheapest(n):
    rate = min(range(1, n + 1), key=lambda r: Local(r - 1).pairs(n) + Atrous(r).pairs(n))
    return rate - 1, rate


def _check_cheapest(answer):
    for n in (60, 200):
        got, (_, best) = answer(n), _cheapest(n)
        if np.shape(got) != (2,):
            raise Hint("return two numbers, (half_width, rate)")
        if any(x != int(x) for x in got):
            raise Hint("a half-width and a rate are whole numbers")
        half_width, rate = (int(x) for x in got)
        if rate < 1 or half_width < 0:
            raise Hint("a half-width is at least 0, a rate at least 1")
        if half_width < rate - 1:
            raise Hint("half the rate covers the middle; think of the first tokens")
        if half_width == rate + 1 and rate == best - 1:
            raise Hint("the half-width comes first, then the rate")
        if half_width > rate - 1:
            raise Hint("that sees everything, and a narrower window would too")
        if rate in (int(n**0.5), round(n**0.5)):
            raise Hint("that balances n r against n n / r, but a window has 2 r - 1 keys")
        price = Local(half_width).pairs(n) + Atrous(rate).pairs(n)
        least = Local(best - 1).pairs(n) + Atrous(best).pairs(n)
        if price > least:
            raise Hint(f"for n = {n} rate {rate} costs {price} pairs; {least} are enough")


define(
    name="sparse/cheapest",
    question="Which local and atrous layers see everything with the fewest pairs?",
    check=_check_cheapest,
    shows="the window must span a whole gap, and the best gap grows with the root of the length.",
    solution=_cheapest,
    wrong=[
        (lambda n: (int(n**0.5) - 1, int(n**0.5)), "2 r - 1 keys"),
        (lambda n: (_cheapest(n)[1] // 2, _cheapest(n)[1]), "first tokens"),
        (lambda n: (_cheapest(n)[1], _cheapest(n)[1]), "narrower"),
        (lambda n: (n - 1, n), "are enough"),
        (lambda n: _cheapest(n)[1], "two numbers"),
        (lambda n: (n / 4 - 1, n / 3.7), "whole numbers"),
    ],
)


def _check_layers_needed(answer):
    for n, k in [(8, 3), (2, 1), (10, 3), (4096, 64), (65, 64)]:
        got, want = answer(n, k), -(-(n - 1) // k)
        if got == want:
            continue
        if got == (n - 1) // k or np.isclose(got, (n - 1) / k):
            raise Hint(f"the last step may be shorter but is a whole layer: n = {n}, k = {k}")
        if got == -(-(n - 1) // (2 * k + 1)):
            raise Hint("a window of 2k + 1 carries a token only k places in one direction")
        raise Hint(
            f"for n = {n} and k = {k} you say {got}, needed: {want}; n tokens are n - 1 steps"
        )


define(
    name="sparse/layers_needed",
    question="How many local layers connect the ends of a text?",
    check=_check_layers_needed,
    shows="4096 tokens need 64 layers of half-width 64, or one local and one atrous layer.",
    solution=lambda n, k: -(-(n - 1) // k),
    wrong=[
        (lambda n, k: (n - 1) // k, "whole layer"),
        (lambda n, k: (n - 1) / k, "whole layer"),
        (lambda n, k: -(-(n - 1) // (2 * k + 1)), "one direction"),
        (lambda n, k: n, "n - 1 steps"),
    ],
)
