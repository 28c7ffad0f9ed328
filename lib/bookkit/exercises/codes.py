"""The exercises of the chapter on codes and entropy."""

import math

import numpy as np

from bookkit.exercises import Hint, define, expect_function


def _room(lengths, n):
    return 2**n - sum(2 ** (n - length) for length in lengths)


def _check_room(answer):
    got = answer([1, 2], 3)
    if got == 0.25:
        raise Hint("that is the share that is left: how many words of n bits fit into it?")
    if got == 8 - 2:
        raise Hint("a word of 1 bit takes more than one of the 8 places at depth 3")
    cases = [((lengths, n), _room(lengths, n)) for lengths, n in
             (([1, 2], 3), ([1, 2, 2], 4), ([2, 2, 3], 3), ([3], 6), ([], 5))]  # fmt: skip
    expect_function(answer, cases, "Count the leaves at depth n that no word has taken.")


define(
    name="codes/room",
    question="How many words of n bits fit beside the others?",
    check=_check_room,
    shows="a short word is dear: each bit less doubles what it takes.",
    solution=_room,
    wrong=[
        (lambda lengths, n: 1 - sum(2.0**-m for m in lengths), "share that is left"),
        (lambda lengths, n: 2**n - len(lengths), "more than one"),
    ],
)

_WORDS = {"a": "0", "b": "10", "c": "110", "d": "111"}


def _decode(words, bits):
    symbols = {word: symbol for symbol, word in words.items()}
    found, word = [], ""
    for bit in bits:
        word += bit
        if word in symbols:
            found.append(symbols[word])
            word = ""
    return found


def _never_reset(words, bits):
    symbols = {word: symbol for symbol, word in words.items()}
    found, word = [], ""
    for bit in bits:
        word += bit
        if word in symbols:
            found.append(symbols[word])
    return found


def _check_decode(answer):
    got = answer(dict(_WORDS), "010110")
    if got == "abc":
        raise Hint("return a list of symbols: not every symbol is a letter")
    if got == ["a"]:
        raise Hint("only the first word was found: begin a new word after each one")
    cases = [((_WORDS, bits), _decode(_WORDS, bits)) for bits in ("010110", "111111", "", "10010")]
    two = {7: "1", "end": "01", "x": "00"}
    cases.append(((two, "0100011"), _decode(two, "0100011")))
    expect_function(answer, cases, "Collect bits until they are a word.")


define(
    name="codes/decode",
    question="Which symbols does a stream stand for?",
    check=_check_decode,
    shows="no comma is needed: at the last bit of a word the reader knows that it is the last.",
    solution=_decode,
    wrong=[
        (lambda words, bits: "".join(_decode(words, bits)), "list of symbols"),
        (_never_reset, "new word after each"),
    ],
)


def _lengths(p):
    return [max(1, math.ceil(-math.log2(x))) for x in p]


def _check_lengths(answer):
    got = list(answer([0.4, 0.3, 0.3]))
    if got == [1, 2, 2]:
        raise Hint("their Kraft sum is 1, but 0.4 is not worth 1 bit: do not round to the nearest")
    if got == [1, 1, 1]:
        raise Hint("three words of 1 bit: their Kraft sum is 1.5, so there is no such code")
    cases = [((p,), _lengths(p)) for p in ([0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [0.5, 0.25, 0.25],
             [0.6, 0.1, 0.1, 0.1, 0.1])]  # fmt: skip
    expect_function(
        lambda p: [int(x) for x in answer(p)], cases, "The least whole number that is enough."
    )


define(
    name="codes/lengths",
    question="Which lengths did Shannon give to the words?",
    check=_check_lengths,
    shows="rounded up, the words always fit, and none has a whole bit more than its surprise.",
    solution=_lengths,
    wrong=[
        (lambda p: [round(-math.log2(x)) for x in p], "to the nearest"),
        (lambda p: [max(1, math.floor(-math.log2(x))) for x in p], "1.5"),
    ],
)


def _waste(p, q):
    return float(sum(x * math.log2(x / y) for x, y in zip(p, q, strict=True) if x > 0))


def _check_waste(answer):
    p, q = [0.5, 0.25, 0.25], [0.25, 0.5, 0.25]
    got = answer(list(p), list(q))
    if np.isclose(got, 1.75):
        raise Hint("that is the whole cost, the cross-entropy: subtract what the best code costs")
    if np.isclose(got, -0.25):
        raise Hint("waste is never negative: which of the two says how often a symbol comes?")
    if np.isclose(got, 0.25 * math.log(2)):
        raise Hint("that is in nats: bits are counted with the logarithm to base 2")
    cases = [((p, q), 0.25), (([1.0, 0.0], [0.5, 0.5]), 1.0), ((q, q), 0.0)]
    cases.append((([0.7, 0.2, 0.1], [0.2, 0.2, 0.6]), _waste([0.7, 0.2, 0.1], [0.2, 0.2, 0.6])))
    expect_function(answer, cases, "A symbol that never comes wastes nothing.", close=True)


define(
    name="codes/waste",
    question="How many bits a symbol does a wrong belief waste?",
    check=_check_waste,
    shows="a code is a belief, and what a wrong one costs is the divergence.",
    solution=_waste,
    wrong=[
        (lambda p, q: -sum(x * math.log2(y) for x, y in zip(p, q, strict=True)), "cross-entropy"),
        (
            lambda p, q: sum((x - y) * math.log2(y) for x, y in zip(p, q, strict=True)),
            "never negative",
        ),
        (lambda p, q: _waste(p, q) * math.log(2), "nats"),
    ],
)


def _rate(degrees):
    return sum(d * math.log2(d) for d in degrees) / sum(degrees)


def _check_rate(answer):
    got = answer([2, 2, 3, 3, 2, 2])
    if np.isclose(got, np.mean(np.log2([2, 2, 3, 3, 2, 2]))):
        raise Hint("the walker is not everywhere equally often: its visits go with the links")
    shares = np.array([2, 2, 3, 3, 2, 2]) / 14
    if np.isclose(got, -np.sum(shares * np.log2(shares))):
        raise Hint("that is the entropy of the visits; how surprising is the next step?")
    cases = [((degrees,), _rate(degrees)) for degrees in ([2, 2, 3, 3, 2, 2], [1, 1], [4] * 5,
             [1, 1, 1, 3])]  # fmt: skip
    expect_function(answer, cases, "Average the surprise of a step over the visits.", close=True)


define(
    name="codes/rate",
    question="What is the entropy rate of a walk on a network?",
    check=_check_rate,
    shows="on two linked nodes it is 0: such a walk holds no news at all.",
    solution=_rate,
    wrong=[
        (lambda degrees: float(np.mean(np.log2(degrees))), "equally often"),
        (
            lambda degrees: -sum(d / sum(degrees) * math.log2(d / sum(degrees)) for d in degrees),
            "of the visits",
        ),
    ],
)


def _grouped(c, k, q):
    ends = q / (1 + q)
    inside = -(1 - ends) * math.log2((1 - ends) / k) - (ends * math.log2(ends) if q > 0 else 0)
    return q * math.log2(c) + (1 + q) * inside


def _check_grouped(answer):
    got = answer(4, 8, 0.25)
    if np.isclose(got, 0.25 * 2 + 3):
        raise Hint("the reader must also be told where a class ends: END stands in its book")
    if np.isclose(got, 2 + (_grouped(4, 8, 0.25) - 0.5)):
        raise Hint("the name of the class comes only where a new run begins")
    if np.isclose(got, 0.5 + (_grouped(4, 8, 0.25) - 0.5) / 1.25):
        raise Hint("a class's book is used 1 + q times an item: for the item, and for END")
    cases = [((c, k, q), _grouped(c, k, q)) for c, k, q in
             ((4, 8, 0.25), (2, 2, 1.0), (3, 16, 0.05), (10, 10, 0.5))]  # fmt: skip
    expect_function(answer, cases, "Index book plus books of classes, in bits an item.", close=True)


define(
    name="codes/grouped",
    question="What does an item cost in classes?",
    check=_check_grouped,
    shows="this is the map equation of the next chapter, for equal classes.",
    solution=_grouped,
    wrong=[
        (lambda c, k, q: q * math.log2(c) + math.log2(k), "END stands in its book"),
        (lambda c, k, q: (1 - q) * math.log2(c) + _grouped(c, k, q), "new run begins"),
        (
            lambda c, k, q: q * math.log2(c) + (_grouped(c, k, q) - q * math.log2(c)) / (1 + q),
            "1 + q times",
        ),
    ],
)
