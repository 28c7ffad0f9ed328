"""The exercises of the chapter on the map equation."""

import numpy as np

from bookkit.exercises import Hint, define, expect_close, expect_equal, expect_function
from thrifty.codes import entropy

_LINKS = [("a", "b", 1), ("b", "c", 2), ("c", "a", 1), ("c", "d", 3), ("d", "e", 1)]
_MODULES = {"a": "left", "b": "left", "c": "left", "d": "right", "e": "right"}


def _visits(links):
    rates, total = {}, 2 * sum(weight for _, _, weight in links)
    for a, b, weight in links:
        for node in (a, b):
            rates[node] = rates.get(node, 0) + weight / total
    return rates


def _unweighted(links):
    return _visits([(a, b, 1) for a, b, _ in links])


def _check_visits(answer):
    got = answer(list(_LINKS))
    if not isinstance(got, dict):
        raise Hint("return a dictionary: node -> rate")
    total = sum(got.values())
    if np.isclose(total, 2):
        raise Hint("every link has two ends: divide by twice the sum of the weights")
    if not np.isclose(total, 1):
        raise Hint(f"the walker is always somewhere: the rates must sum to 1, not to {total:.4g}")
    if got.keys() == _visits(_LINKS).keys() and np.isclose(got["d"], 0.2):
        raise Hint("a link of weight 3 is followed three times as often as one of weight 1")
    for links in (_LINKS, [(1, 2, 0.5)]):
        expect_close(answer(list(links)), _visits(links), "The share of all link ends.")


define(
    name="map_equation/visits",
    question="How often is the walker at each node?",
    check=_check_visits,
    shows="on an undirected network no equation has to be solved for the visit rates.",
    solution=_visits,
    wrong=[
        (_unweighted, "three times as often"),
        (lambda links: {n: 2 * p for n, p in _visits(links).items()}, "two ends"),
        (lambda links: {n: 16 * p for n, p in _visits(links).items()}, "sum to 1"),
        (lambda links: list(_visits(links).values()), "a dictionary"),
        (lambda links: dict.fromkeys(_visits(links), 1 / 5), "three times as often"),
    ],
)


def _exits(links, modules):
    rates = dict.fromkeys(modules.values(), 0.0)
    total = 2 * sum(weight for _, _, weight in links)
    for a, b, weight in links:
        if modules[a] != modules[b]:
            rates[modules[a]] += weight / total
            rates[modules[b]] += weight / total
    return rates


def _one_way(links, modules):
    rates = dict.fromkeys(modules.values(), 0.0)
    for a, b, weight in links:
        if modules[a] != modules[b]:
            rates[modules[a]] += weight / 16
    return rates


def _check_exits(answer):
    got = answer(list(_LINKS), dict(_MODULES))
    if not isinstance(got, dict):
        raise Hint("return a dictionary: module -> rate")
    whole = answer(list(_LINKS), dict.fromkeys(_MODULES, "all"))
    if whole == {}:
        raise Hint("a module that is never left has the exit rate 0, and belongs to the answer")
    if np.isclose(got.get("left", 0), 2 * 3 / 16):
        raise Hint("in one step the link is followed one way or the other: divide by all link ends")
    if np.isclose(got.get("right", 0), 0):
        raise Hint("the walker follows a link in both directions")
    cases = [
        (_LINKS, _MODULES),
        (_LINKS, dict.fromkeys(_MODULES, "all")),
        (_LINKS, {node: node for node in _MODULES}),
    ]
    for links, modules in cases:
        right = _exits(links, modules)
        expect_close(answer(list(links), dict(modules)), right, "Which links cross the border?")


define(
    name="map_equation/exits",
    question="How often is each module left?",
    check=_check_exits,
    shows="on an undirected network a module is entered as often as it is left.",
    solution=_exits,
    wrong=[
        (_one_way, "both directions"),
        (lambda links, m: {k: 2 * q for k, q in _exits(links, m).items()}, "one way or the other"),
        (lambda links, m: {k: q for k, q in _exits(links, m).items() if q}, "never left"),
        (lambda links, m: sum(_exits(links, m).values()), "a dictionary"),
    ],
)

_BOOKS = {
    "left": {"00": "a", "01": "b", "10": "c", "11": "exit"},
    "right": {"0": "d", "10": "e", "11": "exit"},
}
_INDEX = {"0": "left", "1": "right"}


def _read(bits, start, books, index):
    nodes, book, word = [], books[start], ""
    for bit in bits:
        word += bit
        if word in book:
            said, word = book[word], ""
            if book is index:
                book = books[said]
            elif said == "exit":
                book = index
            else:
                nodes.append(said)
    return nodes


def _with_exits(bits, start, books, index):
    nodes, book, word = [], books[start], ""
    for bit in bits:
        word += bit
        if word in book:
            said, word = book[word], ""
            nodes.append(said)
            book = books[said] if book is index else index if said == "exit" else book
    return nodes


def _stays(bits, start, books, index):
    nodes, word = [], ""
    for bit in bits:
        word += bit
        if word in books[start]:
            nodes.append(books[start][word])
            word = ""
    return [node for node in nodes if node != "exit"]


def _check_read(answer):
    bits = "0001" + "111" + "010" + "110" + "10"
    want = ["a", "b", "d", "e", "c"]
    got = answer(bits, "left", _BOOKS, _INDEX)
    if not isinstance(got, list):
        raise Hint("return a list of nodes")
    if "exit" in got or "right" in got:
        raise Hint("exit words and index words are no nodes: they only say which book comes next")
    if got[:2] == want[:2] and got != want and got == _stays(bits, "left", _BOOKS, _INDEX):
        raise Hint("after an exit word the next word is one of the index book")
    if got == want[::-1]:
        raise Hint("the first node comes first")
    expect_equal(got, want, "After a module's name, its book is open.")
    for text, start in (("", "left"), ("010", "right"), ("110110100", "right")):
        right = _read(text, start, _BOOKS, _INDEX)
        expect_equal(answer(text, start, _BOOKS, _INDEX), right, f"The bits are {text!r}.")


define(
    name="map_equation/read",
    question="Which walk do the bits tell?",
    check=_check_read,
    shows="the same short words serve in every module, and no bit is doubtful.",
    solution=_read,
    wrong=[
        (_with_exits, "no nodes"),
        (_stays, "one of the index book"),
        (lambda *told: _read(*told)[::-1], "comes first"),
        (lambda *told: "".join(_read(*told)), "a list"),
    ],
)

_GROUPS = [([4 / 30] * 3 + [2 / 30, 1 / 30], 1 / 30)] * 2
_SHARP = [([0.3, 0.1, 0.2], 0.1), ([0.25], 0.05), ([0.1, 0.05], 0.02)]


def _cost(book):
    return sum(book) * entropy(book) if any(book) else 0.0


def _bits(groups):
    return _cost([q for _, q in groups]) + sum(_cost([*visits, q]) for visits, q in groups)


def _no_exits(groups):
    return _cost([q for _, q in groups]) + sum(_cost(visits) for visits, _ in groups)


def _normalised(groups):
    return _bits(groups) / (1 + 2 * sum(q for _, q in groups))


def _no_index(groups):
    return sum(_cost([*visits, q]) for visits, q in groups)


def _no_rates(groups):
    books = [[q for _, q in groups]] + [[*visits, q] for visits, q in groups]
    return sum(entropy(book) for book in books if any(book))


def _check_bits(answer):
    got = float(answer(_GROUPS))
    for wrong, hint in (
        (_no_exits, "every module's book holds one more word, its exit"),
        (_normalised, "bits per step are asked for: do not divide by the sum of all rates"),
        (_no_index, "after an exit the index book is used, which costs bits as well"),
        (_no_rates, "an entropy is bits per use of a book: multiply by how often it is used"),
    ):
        if np.isclose(got, wrong(_GROUPS)):
            raise Hint(hint)
    one = [([0.5, 0.25, 0.25], 0.0)]
    cases = [((groups,), float(_bits(groups))) for groups in (_GROUPS, _SHARP, one)]
    expect_function(
        lambda groups: float(answer(groups)), cases, "One term for every book.", close=True
    )


define(
    name="map_equation/bits",
    question="What does a step cost, by the map equation?",
    check=_check_bits,
    shows="2.6 bits for the ten nodes again, this time from rates alone.",
    solution=_bits,
    wrong=[
        (_no_exits, "one more word"),
        (_normalised, "per step"),
        (_no_index, "index book is used"),
        (_no_rates, "how often it is used"),
    ],
)

_WEIGHTS = np.array([[0, 2, 1, 1], [0, 0, 3, 0], [0, 0, 0, 0], [5, 0, 5, 0]], float)


def _jumps(weights, tau):
    out = weights.sum(axis=1, keepdims=True)
    steps = (1 - tau) * weights / np.where(out > 0, out, 1) + tau / len(weights)
    return np.where(out > 0, steps, 1 / len(weights))


def _caught(weights, tau):
    out = weights.sum(axis=1, keepdims=True)
    return (1 - tau) * weights / np.where(out > 0, out, 1) + tau / len(weights)


def _too_many(weights, tau):
    return _jumps(weights, 0) + tau / len(weights)


def _check_jumps(answer):
    got = np.asarray(answer(_WEIGHTS.copy(), 0.15))
    if got.shape != _WEIGHTS.shape:
        raise Hint(f"return a matrix of the shape {_WEIGHTS.shape}")
    if np.isnan(got).any():
        raise Hint("an empty row cannot be divided by its sum")
    sums = got.sum(axis=1)
    if np.allclose(sums[[0, 1, 3]], 1) and not np.isclose(sums[2], 1):
        raise Hint("node 2 has no link out: from there the walker always jumps")
    if np.allclose(sums, 1.15):
        raise Hint("a jump takes the place of a step: the steps share 1 - tau")
    if not np.allclose(sums, 1) and np.allclose(got.sum(axis=0), 1):
        raise Hint("rows are where the walker comes from, and each row sums to 1")
    for tau in (0.15, 0.5):
        expect_close(
            np.asarray(answer(_WEIGHTS.copy(), tau)),
            _jumps(_WEIGHTS, tau),
            "A step by weight, or a jump to any node.",
        )


define(
    name="map_equation/jumps",
    question="What are the probabilities of a walk that jumps?",
    check=_check_jumps,
    shows="every entry is above 0: no walk is caught, and one set of visit rates is left.",
    solution=_jumps,
    wrong=[
        (_caught, "always jumps"),
        (_too_many, "takes the place"),
        (lambda weights, tau: _jumps(weights, tau).T, "each row"),
        (lambda weights, tau: _jumps(weights, 0), "or a jump"),
        (lambda weights, tau: _jumps(weights, tau)[0], "the shape"),
    ],
)
