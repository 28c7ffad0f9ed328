"""The word vectors, as they really are (76 MB are downloaded the first time)."""

import numpy as np
import pytest

from bookkit.words import WordVectors, load_glove


@pytest.fixture(scope="module")
def glove():
    return load_glove()


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.network
def test_shape_type_and_order(glove):
    assert len(glove) == len(glove.words) == 400_000
    assert glove.vectors.shape == (400_000, 50)
    assert glove.vectors.dtype == np.float32
    assert glove.words[:3] == ["the", ",", "."]
    assert len(set(glove.words)) == 400_000
    assert isinstance(glove.vectors, np.memmap)
    assert repr(glove) == "WordVectors(400000 words, 50 numbers each)"


@pytest.mark.network
def test_vectors_are_those_of_the_words(glove):
    the, bank = glove.vectors_of(["the", "bank"])
    # the first numbers of "the" in the published text file
    np.testing.assert_allclose(the[:4], [0.418, 0.24968, -0.41242, 0.1217], atol=1e-6)
    river, money = glove.vectors_of(["banana", "banks"])
    assert cosine(bank, money) > 0.8 > 0.3 > cosine(bank, river)


@pytest.mark.network
def test_what_is_returned_is_ones_own(glove):
    rows = glove.vectors_of(["the"])
    rows[:] = 0
    assert glove.vectors_of(["the"]).any()
    assert glove.vectors_of([]).shape == (0, 50)


@pytest.mark.network
def test_a_limit_keeps_the_most_frequent(glove):
    few = load_glove(100)
    assert few.words == glove.words[:100]
    assert few.vectors.shape == (100, 50)
    assert "the" in few and "sandberger" not in few and "sandberger" in glove
    with pytest.raises(ValueError, match="limit is 0"):
        load_glove(0)


@pytest.fixture
def small():
    return WordVectors(["tea", "coffee"], np.eye(2, dtype="float32"))


def test_unknown_words_are_named(small):
    with pytest.raises(KeyError) as caught:
        small.vectors_of(["Tea", "tea", "rum"])
    assert str(caught.value) == (
        "Not among the 2 words: 'Tea', 'rum'. All words are in lower case; known: 'tea'."
    )


def test_one_word_must_be_in_a_list(small):
    with pytest.raises(TypeError, match=r"vectors_of\(\['tea'\]\)"):
        small.vectors_of("tea")
