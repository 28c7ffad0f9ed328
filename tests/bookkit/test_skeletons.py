"""Words without their vowels: parts, ids, scores, and the baseline against plain search."""

import itertools
import math

import pytest

from bookkit import skeletons
from bookkit.skeletons import END, PAD, SEP, LetterModel

WORDS = ["banana", "bandana", "cabana", "bean", "bone", "bane", "able", "noble"]


def test_ids_go_there_and_back():
    ids = skeletons.encode(skeletons.LETTERS)
    assert sorted(ids) == list(range(3, skeletons.VOCABULARY))
    assert skeletons.decode(ids) == skeletons.LETTERS
    assert skeletons.decode([*skeletons.encode("ab"), END, 5, PAD]) == "ab"
    assert skeletons.decode([SEP, 3]) == "?a"


def test_no_skeleton_stands_in_two_parts():
    parts = skeletons.split(WORDS, held_out=1)
    of = [{skeletons.skeleton(w) for w in p} for p in (parts.train, parts.validation, parts.test)]
    assert not of[0] & of[1] and not of[0] & of[2] and not of[1] & of[2]
    assert sorted(parts.train + parts.validation + parts.test) == sorted(WORDS)
    with pytest.raises(ValueError, match="too few"):
        skeletons.split(WORDS, held_out=4)


def test_ceiling_and_score():
    assert skeletons.ceiling(["bean", "bone", "able"]) == pytest.approx(2 / 3)
    assert skeletons.score(["bone", "able"], ["bean", "able"]) == (0.5, pytest.approx(4 / 6))
    assert skeletons.score(["cone"], ["bone"]) == (0, 0)


@pytest.mark.parametrize("order", [2, 3])
def test_probabilities_sum_to_one(order):
    model = LetterModel(WORDS, order)
    for context in ("ba", "zz", "^^"):
        total = sum(model.probability(x, context[1 - order :]) for x in skeletons.LETTERS + "$")
        assert total == pytest.approx(1)


@pytest.mark.parametrize("consonants", ["bn", "bnn", "zb"])
def test_the_search_finds_the_best_of_all_words(consonants):
    model = LetterModel(WORDS, order=3)
    fillings = ["".join(v) for n in range(3) for v in itertools.product("aeiou", repeat=n)]

    def log_probability(word):
        text = "^^" + word + "$"
        return sum(
            math.log(model.probability(text[i], text[i - 2 : i])) for i in range(2, len(text))
        )

    def spelled(gaps):
        return "".join(g + c for g, c in zip(gaps, [*consonants, ""], strict=True))

    if len(consonants) > 2:
        fillings = [f for f in fillings if len(f) < 2]
    all_words = map(spelled, itertools.product(fillings, repeat=len(consonants) + 1))
    best = max(all_words, key=log_probability)
    most = 2 if len(consonants) == 2 else 1
    assert model.fill(consonants, most=most) == best
