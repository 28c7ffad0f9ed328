"""The words whose category is known."""

from collections import Counter

import pytest

from bookkit.word_categories import FORM, MEANING, load_categories

SOME = ["Oslo", "oslo", "norway", "norwegian", "euro", "georgia", "texas", "chicago", "she"]


@pytest.mark.network
def test_categories_of_some_words():
    assert load_categories([*SOME, "swimming", "mice", "thinks", "table"]) == {
        "oslo": "capital",
        "norway": "country",
        "norwegian": "nationality",
        "euro": "currency",
        "texas": "state",
        "chicago": "city",
        "she": "family",
        "swimming": "participle",
        "mice": "plural",
        "thinks": "third person",
    }


@pytest.mark.network
def test_the_order_is_that_of_the_vocabulary():
    assert list(load_categories(SOME[::-1])) == [w for w in SOME[::-1] if w not in SOME[::5]]


@pytest.mark.network
def test_every_category_is_in_one_half():
    halves = [part for kind in (MEANING, FORM) for part in kind.values()]
    named = Counter(category for part in halves for category in part)
    assert set(named.values()) == {1} and len(named) == 14
    from bookkit.word_categories import _PLACES

    assert set(named) == set(_PLACES)
