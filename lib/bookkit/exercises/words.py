"""The exercises of the chapter on clustering words."""

import numpy as np

from bookkit.exercises import Hint, define, expect_close, expect_equal, expect_function

_COSINES = np.array(
    [
        [1.0, 0.9, 0.7, 0.1],
        [0.9, 1.0, 0.65, 0.2],
        [0.7, 0.65, 1.0, 0.3],
        [0.1, 0.2, 0.3, 1.0],
    ]
)


def _links(cosines, most, least):
    found = set()
    for i, row in enumerate(cosines):
        others = [j for j in np.argsort(-row) if j != i]
        found |= {(i, int(j)) for j in others[:most] if row[j] >= least}
    return found


def _links_with_self(cosines, most, least):
    order = np.argsort(-cosines, axis=1)[:, :most]
    return {(i, int(j)) for i, row in enumerate(order) for j in row if cosines[i, j] >= least}


def _links_self_cut(cosines, most, least):
    return {(i, j) for i, j in _links_with_self(cosines, most, least) if i != j}


def _links_mutual(cosines, most, least):
    return {(i, j) for a in [_links(cosines, most, least)] for i, j in a if (j, i) in a}


def _check_links(answer):
    got = answer(_COSINES, 1, 0.6)
    if isinstance(got, set) and any(i == j for i, j in got):
        raise Hint("a word is its own nearest neighbour, with the cosine 1: leave it out")
    if isinstance(got, set) and not got:
        raise Hint("leave the word itself out before you count neighbours, not after")
    if got == {(0, 1), (1, 0)}:
        raise Hint("a link needs no answer: 2 is linked to 0, though 0 prefers 1")
    if isinstance(got, set) and (3, 2) in got:
        raise Hint("the last word has no neighbour that is near enough")
    cases = [((_COSINES, most, least), _links(_COSINES, most, least))
             for most, least in ((1, 0.6), (2, 0.6), (2, 0.05), (3, 0.68))]  # fmt: skip
    expect_function(answer, cases, "The `most` nearest others of each, if they are near enough.")


define(
    name="words/links",
    question="Which links does a nearest-neighbour graph have?",
    check=_check_links,
    shows="links have a direction, and the word itself must go before counting.",
    solution=_links,
    wrong=[
        (_links_with_self, "leave it out"),
        (_links_self_cut, "before you count"),
        (_links_mutual, "needs no answer"),
        (lambda cosines, most, least: _links(cosines, most, -1), "near enough"),
    ],
)


def _popularity(nearest):
    return np.bincount(nearest.ravel(), minlength=len(nearest))


def _check_popularity(answer):
    nearest = np.array([[1, 2], [2, 0], [1, 0], [1, 2], [2, 1]])
    got = answer(nearest)
    if np.shape(got) == (3,):
        raise Hint("words that nobody is near to count too, with 0: five numbers are wanted")
    if np.array_equal(got, np.full(5, 2)):
        raise Hint("that is how many neighbours each has; count how often each is one")
    expect_equal(got, _popularity(nearest), "Count how often each word is a neighbour.")


define(
    name="words/popularity",
    question="How often is each word among another's neighbours?",
    check=_check_popularity,
    shows="everybody sends two links, and what arrives is most uneven.",
    solution=_popularity,
    wrong=[
        (lambda nearest: np.bincount(nearest.ravel()), "five numbers"),
        (lambda nearest: np.full(len(nearest), nearest.shape[1]), "how often each is one"),
        (lambda nearest: np.bincount(nearest[:, 0], minlength=len(nearest)), "Count how often"),
    ],
)


def _for_all(words, modules):
    found, free = [], max(modules.values(), default=-1) + 1
    for word in words:
        if word in modules:
            found.append(modules[word])
        else:
            found.append(free)
            free += 1
    return found


def _check_for_all(answer):
    words, modules = (
        ["oslo", "galaxy", "rome", "pen", "tea", "canon"],
        {"oslo": 3, "rome": 3, "tea": 0},
    )
    got = answer(words, modules)
    if len(got) != len(words):
        raise Hint("every word needs a cluster, those that vanished too")
    lost = [got[i] for i in (1, 3, 5)]
    if len(set(lost)) < 3:
        raise Hint("words that vanished are not a cluster: each is alone")
    if set(lost) & {got[0], got[4]}:
        raise Hint("a word that vanished has got the number of a module that is taken")
    expect_equal([got[i] for i in (0, 2, 4)], [3, 3, 0], "A clustered word keeps its module.")


define(
    name="words/for_all",
    question="Give the words that vanished clusters too.",
    check=_check_for_all,
    shows="a score can only be compared if it is of the same words.",
    solution=_for_all,
    wrong=[
        (lambda words, modules: [modules[w] for w in words if w in modules], "every word needs"),
        (lambda words, modules: [modules.get(w, -1) for w in words], "each is alone"),
        (
            lambda words, modules: [modules.get(w, i) for i, w in enumerate(words)],
            "that is taken",
        ),
    ],
)


def _pairs_agree(truth, found):
    same = lambda labels: np.equal.outer(labels, labels)[np.triu_indices(len(labels), 1)]  # noqa: E731
    return float(np.mean(same(np.array(truth)) == same(np.array(found))))


def _pairs_twice(truth, found):
    truth, found = np.array(truth), np.array(found)
    return float(np.mean(np.equal.outer(truth, truth) == np.equal.outer(found, found)))


def _labels_agree(truth, found):
    return float(np.mean([a == b for a, b in zip(truth, found, strict=True)]))


def _check_pairs(answer):
    truth, found = [0, 0, 1, 1, 2], ["a", "a", "a", "b", "c"]
    got = answer(truth, found)
    if np.isclose(got, _pairs_twice(truth, found)):
        raise Hint("a word with itself is no pair: it would always agree")
    if np.isclose(got, 0):
        raise Hint("compare the words of a pair with each other, not labels with cluster names")
    if np.isclose(got, 0.1):
        raise Hint("pairs that are apart in both agree too")
    alone = answer([0, 0, 1, 1], [0, 1, 2, 3])
    expect_close(got, _pairs_agree(truth, found), "The share of pairs that both treat alike.")
    expect_close(alone, 4 / 6, "Every word alone: all pairs of different words agree.")


define(
    name="words/pairs",
    question="For which share of pairs do categories and clusters agree?",
    check=_check_pairs,
    shows="with many clusters nearly all pairs agree, hence the correction for chance.",
    solution=_pairs_agree,
    wrong=[
        (_pairs_twice, "with itself"),
        (_labels_agree, "with each other"),
        (
            lambda truth, found: sum(
                truth[i] == truth[j] and found[i] == found[j]
                for i in range(len(truth)) for j in range(i)
            ) / (len(truth) * (len(truth) - 1) / 2),
            "apart in both",
        ),
    ],
)  # fmt: skip


def _soft_rates(rates, shares):
    between = shares.T @ rates @ shares
    inside = np.diag(between)
    return between.sum(axis=0) - inside, between.sum(axis=1) - inside


def _check_soft_rates(answer):
    rng = np.random.default_rng(0)
    rates = rng.random((5, 5))
    rates /= rates.sum()
    shares = rng.dirichlet(np.ones(3), size=5)
    enter, leave = _soft_rates(rates, shares)
    got = answer(rates, shares)
    between = shares.T @ rates @ shares
    if np.allclose(got[1], between.sum(axis=1)):
        raise Hint("what stays inside a module does not leave it: subtract the diagonal")
    if np.allclose(got[0], leave) and np.allclose(got[1], enter):
        raise Hint("rates[a, b] goes from a to b: what enters is a sum over the first index")
    expect_close(np.asarray(got[0]), enter, "What enters each module.")
    expect_close(np.asarray(got[1]), leave, "What leaves each module.")


define(
    name="words/soft_rates",
    question="How often does the walker enter and leave modules that nodes belong to in shares?",
    check=_check_soft_rates,
    shows="one product of three matrices holds all flows between modules.",
    solution=_soft_rates,
    wrong=[
        (
            lambda rates, shares: (
                (shares.T @ rates @ shares).sum(axis=0),
                (shares.T @ rates @ shares).sum(axis=1),
            ),
            "subtract the diagonal",
        ),
        (lambda rates, shares: _soft_rates(rates, shares)[::-1], "over the first index"),
        (lambda rates, shares: _soft_rates(rates, shares.round()), "What enters"),
    ],
)
