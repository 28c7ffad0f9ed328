"""Exercises of the chapter *InfoMap*."""

import math

import numpy as np

from bookkit.exercises import Hint, define, expect_close, expect_equal, expect_function


def _groupings(n):
    row = [1]
    for _ in range(n - 1):
        after = [row[-1]]
        for number in row:
            after.append(after[-1] + number)
        row = after
    return row[-1]


def _check_groupings(answer):
    got = answer(4)
    if got == 4**4:
        raise Hint("the names of the modules do not count: 0011 and 1100 are the same grouping")
    if got == 2**4:
        raise Hint("that is the number of sets of nodes; a grouping may have up to n of them")
    if got == math.comb(4, 2) + 1:
        raise Hint("there may be more than two modules")
    cases = [((n,), want) for n, want in enumerate((1, 2, 5, 15, 52), start=1)]
    expect_function(answer, cases, "Where can the last node go, in each grouping of the others?")
    expect_equal(answer(8), 4140, "Eight nodes have 4140.")


define(
    name="infomap/groupings",
    question="How many ways are there to group n nodes?",
    check=_check_groupings,
    shows="34 nodes have some 10 to the 28: nobody tries them all.",
    solution=_groupings,
    wrong=[
        (lambda n: n**n, "names of the modules"),
        (lambda n: 2**n, "sets of nodes"),
        (lambda n: math.comb(n, 2) + 1, "more than two"),
        (lambda n: math.factorial(n), "last node"),
    ],
)


def _h(x):
    return x * math.log2(x) if x > 0 else 0.0


def _saving(a, b, between, total):
    """Bits saved by merging modules (visits, exits) of an undirected network."""
    together = a[0] + b[0], a[1] + b[1] - 2 * between
    after = total - 2 * between

    def cost(module):
        return _h(module[0] + module[1]) - 2 * _h(module[1])

    return cost(a) + cost(b) + _h(total) - cost(together) - _h(after)


def _no_index(a, b, between, total):
    return _saving(a, b, between, total) - _h(total) + _h(total - 2 * between)


def _one_way(a, b, between, total):
    return _saving(a, b, between / 2, total)


def _check_saving(answer):
    # Two triangles and a bridge.
    half, bridge = (0.5, 1 / 14), 1 / 14
    got = answer(half, half, bridge, 2 * bridge)
    want = _saving(half, half, bridge, 2 * bridge)
    if np.isclose(got, -want):
        raise Hint("the other sign: what is saved is the length before, minus the length after")
    if np.isclose(got, _no_index(half, half, bridge, 2 * bridge)):
        raise Hint("the index book changes too: its rate is the sum of all exits")
    if np.isclose(got, _one_way(half, half, bridge, 2 * bridge)):
        raise Hint("both modules lose an exit: the rate between them counts twice")
    cases = [
        ((a, b, between, total), _saving(a, b, between, total))
        for a, b, between, total in (
            ((0.5, 1 / 14), (0.5, 1 / 14), 1 / 14, 2 / 14),
            ((0.2, 0.1), (0.3, 0.05), 0.04, 0.4),
            ((0.2, 0.1), (0.3, 0.05), 0.0, 0.4),
        )
    ]
    expect_function(answer, cases, "Two costs and the index before, one and the index after.",
                    close=True)  # fmt: skip


define(
    name="infomap/saving",
    question="How many bits does it save to merge two modules?",
    check=_check_saving,
    shows="four numbers are enough; the rest of the network does not matter.",
    solution=_saving,
    wrong=[
        (lambda *case: -_saving(*case), "other sign"),
        (_no_index, "index book"),
        (_one_way, "counts twice"),
        (lambda a, b, between, total: 0.0, "Two costs"),
    ],
)


def _merged(weights, modules):
    member = np.asarray(modules)[:, None] == np.arange(max(modules) + 1)
    return member.T.astype(float) @ weights @ member


def _check_merged(answer):
    rng = np.random.default_rng(0)
    weights = np.triu(rng.integers(0, 4, (6, 6)), 1).astype(float)
    weights += weights.T
    modules = [0, 2, 1, 0, 1, 2]
    want = _merged(weights, modules)
    got = np.asarray(answer(weights.copy(), list(modules)))
    if got.shape == weights.shape:
        raise Hint("one row for each module, not for each node")
    if got.shape == want.shape and np.allclose(got, want - np.diag(np.diag(want))):
        raise Hint("links inside a module become a self-link of the new node: keep the diagonal")
    if got.shape == want.shape and np.allclose(got, want > 0):
        raise Hint("links between two modules add up")
    expect_close(got, want, "Add up all links from module i to module j.")


define(
    name="infomap/merged",
    question="Make the network whose nodes are the modules.",
    check=_check_merged,
    shows="a merged network is a network again, so that the same search runs on it.",
    solution=_merged,
    wrong=[
        (lambda weights, modules: weights, "not for each node"),
        (
            lambda weights, modules: _merged(weights, modules) * (1 - np.eye(max(modules) + 1)),
            "self-link",
        ),
        (lambda weights, modules: (_merged(weights, modules) > 0).astype(float), "add up"),
    ],
)


def _same(first, second):
    return len(set(zip(first, second, strict=True))) == len(set(first)) == len(set(second))


def _check_same(answer):
    if answer([0, 0, 1], [1, 1, 0]) is False:
        raise Hint("the names differ and the groups do not: node 2 is alone in both")
    if answer([0, 0, 1, 1], [0, 0, 0, 0]):
        raise Hint("the second one has one group, the first two")
    if answer([0, 0, 1, 1], [0, 1, 0, 1]):
        raise Hint("the sizes agree, but other nodes are together")
    cases = [
        (([0, 1, 2], [2, 0, 1]), True),
        (([0, 0, 1], [0, 1, 1]), False),
        (([0, 0, 0], [0, 1, 2]), False),
        ((["a", "b", "a"], [5, 3, 5]), True),
    ]
    expect_function(answer, cases, "Is there a one-to-one renaming?")


define(
    name="infomap/same",
    question="Do two answers group the nodes alike?",
    check=_check_same,
    shows="counting the different answers of many seeds needs no names.",
    solution=_same,
    wrong=[
        (lambda first, second: list(first) == list(second), "names differ"),
        (
            lambda first, second: (
                len(set(zip(first, second, strict=True))) <= max(len(set(first)), len(set(second)))
            ),
            "one group, the first two",
        ),
        (
            lambda first, second: (
                sorted(map(list(first).count, first)) == sorted(map(list(second).count, second))
            ),
            "other nodes are together",
        ),
    ],
)


def _pairs_from(size):
    return size * (size - 1) + 4


def _check_pairs(answer):
    got = answer(5)
    if got == 22:
        raise Hint("at 22 both are equal; pairs must be better")
    if got == 23:
        raise Hint("23 cliques do not make pairs: take the next even number")
    cases = [((size,), _pairs_from(size)) for size in (3, 4, 5, 10)]
    expect_function(
        answer, cases, "Q of single cliques is 1 - 2 / (s(s-1) + 2) - 1 / N; what is Q of pairs?"
    )


define(
    name="infomap/pairs",
    question="From how many cliques on does modularity prefer pairs?",
    check=_check_pairs,
    shows="the limit is a property of the score: no better search moves it.",
    solution=_pairs_from,
    wrong=[
        (lambda size: size * (size - 1) + 2, "equal"),
        (lambda size: size * (size - 1) + 3, "even"),
        (lambda size: 2 * size, "Q of single cliques"),
    ],
)
