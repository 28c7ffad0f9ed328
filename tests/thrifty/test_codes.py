"""Codes: what is written can be read, Huffman's is the best, and entropy is its bound."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thrifty.codes import (
    Code,
    decode,
    encode,
    entropy,
    huffman,
    huffman_merges,
    kraft_sum,
    mean_length,
    prefix_code,
)

# Small integers, so that there are many ties; or floats of very different sizes.
WEIGHTS = st.one_of(st.integers(1, 4), st.floats(1e-12, 1e12))
weights_of = st.lists(WEIGHTS, min_size=1, max_size=24)
several = st.lists(WEIGHTS, min_size=2, max_size=24)
lengths_of = st.lists(st.integers(1, 9), min_size=1, max_size=40)


@st.composite
def messages(draw):
    p = draw(weights_of)
    return p, draw(st.lists(st.integers(0, len(p) - 1), max_size=60))


def clashes(code):
    """The pairs of which one word begins the other one."""
    return [(a, b) for a, b in itertools.permutations(code.words.values(), 2) if b.startswith(a)]


# --- streams --------------------------------------------------------------------------------------


@given(messages())
def test_what_is_written_can_be_read(case):
    p, message = case
    code = huffman(p)
    bits = encode(code, message)
    assert decode(code, bits) == message
    assert len(bits) == sum(len(code.words[symbol]) for symbol in message)


@given(messages())
def test_a_cut_stream_is_refused(case):
    p, message = case
    code = huffman(p)
    bits = encode(code, message)
    assume(message and len(code.words[message[-1]]) > 1)
    with pytest.raises(ValueError, match="end inside a word"):
        decode(code, bits[:-1])


@given(messages(), st.data())
def test_a_flipped_bit_gives_another_text_or_an_error(case, data):
    p, message = case
    code = huffman(p)
    bits = encode(code, message)
    assume(bits)
    at = data.draw(st.integers(0, len(bits) - 1))
    wrong = bits[:at] + "10"[int(bits[at])] + bits[at + 1 :]
    try:
        assert decode(code, wrong) != message
    except ValueError as error:
        assert "inside a word" in str(error) or "no word" in str(error)


def test_symbols_may_be_anything_hashable():
    code = huffman({"a": 3, ("b", 1): 2, 7: 1})
    assert decode(code, encode(code, [7, ("b", 1), "a"])) == [7, ("b", 1), "a"]
    walk = np.array([0, 2, 1, 1])
    assert decode(huffman([1, 1, 1]), encode(huffman([1, 1, 1]), walk)) == walk.tolist()


def test_what_has_no_word_is_named():
    code = Code({"a": "0", "b": "10"})
    with pytest.raises(ValueError, match="symbol 'z' at index 2 has no word"):
        encode(code, "abz")
    with pytest.raises(ValueError, match="no word of this code begins '11', at index 1"):
        decode(code, "011")
    with pytest.raises(ValueError, match="0 and 1 only, got ' ' at index 1"):
        decode(code, "0 10")
    with pytest.raises(ValueError, match="end inside a word: '1' at index 2"):
        decode(code, "001")
    with pytest.raises(TypeError, match="bits must be a string of 0 and 1, got list"):
        decode(code, [0, 1])
    with pytest.raises(TypeError, match="code must be a Code, got dict"):
        encode({"a": "0"}, "a")


# --- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "at least one word"),
        ({"a": ""}, "one or more of 0 and 1, got ''"),
        ({"a": "012"}, "one or more of 0 and 1, got '012'"),
        ({"a": "0", "b": "01"}, "may begin another one, got '0' and '01'"),
        ({"a": "11", "b": "0", "c": "1"}, "got '1' and '11'"),
        ({"a": "10", "b": "10"}, "got '10' and '10'"),
    ],
)
def test_impossible_codes_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Code(words)


def test_what_is_no_word_is_refused():
    with pytest.raises(TypeError, match="the word of 'a' must be a string, got 10"):
        Code({"a": 10})
    with pytest.raises(TypeError, match="words must be a mapping"):
        Code(["0", "1"])


@given(st.lists(st.text("01", min_size=1, max_size=4), min_size=1, max_size=8))
def test_a_code_is_refused_if_and_only_if_a_word_begins_another_one(words):
    clash = any(b.startswith(a) for a, b in itertools.permutations(words, 2))
    try:
        assert Code(dict(enumerate(words))).words == dict(enumerate(words))
        assert not clash
    except ValueError:
        assert clash


@given(weights_of)
def test_the_tree_holds_every_symbol_where_its_word_says(p):
    code = huffman(p)
    tree = code.tree()
    for symbol, word in code.words.items():
        node = tree
        for bit in word:
            node = node[int(bit)]
        assert node == symbol


@given(lengths_of)
def test_there_is_a_prefix_code_if_and_only_if_kraft_allows_it(lengths):
    possible = sum(2 ** (9 - length) for length in lengths) <= 2**9
    assert (kraft_sum(lengths) <= 1) == possible
    if possible:
        code = prefix_code(lengths)
        assert code.lengths == lengths and not clashes(code)
    else:
        with pytest.raises(ValueError, match="Kraft sum must be <= 1, got"):
            prefix_code(lengths)


def test_one_bit_too_much_is_found_where_a_float_cannot_show_it():
    full = [*range(1, 61), 60]  # their Kraft sum is 1
    assert kraft_sum(full) == 1 and prefix_code(full).lengths == full
    assert kraft_sum([*full, 70]) == 1  # rounded
    with pytest.raises(ValueError, match="Kraft sum must be <= 1"):
        prefix_code([*full, 70])


def test_symbols_keep_their_order():
    assert list(prefix_code({"x": 3, "y": 1, "z": 3}).words.items()) == [
        ("x", "100"),
        ("y", "0"),
        ("z", "101"),
    ]
    assert list(huffman({"x": 1, "y": 9, "z": 2}).words) == ["x", "y", "z"]


# --- Huffman --------------------------------------------------------------------------------------


@given(several)
def test_huffman_leaves_no_place_empty(p):
    code = huffman(p)
    assert sum(2 ** (30 - length) for length in code.lengths) == 2**30
    assert kraft_sum(code.lengths) == 1
    assert not clashes(code)


@given(several)
def test_huffman_lies_within_one_bit_of_the_entropy(p):
    h, mean = entropy(p), mean_length(p, huffman(p))
    assert h <= mean + 1e-9
    assert mean < h + 1 + 1e-9


@given(st.lists(st.integers(0, 9), min_size=2, max_size=6))
def test_no_prefix_code_is_shorter(p):
    assume(sum(p))
    n = len(p)
    # A best code needs no word longer than n - 1.
    possible = itertools.product(range(1, max(n, 3)), repeat=n)
    best = min(mean_length(p, lengths) for lengths in possible if kraft_sum(lengths) <= 1)
    assert mean_length(p, huffman(p)) == pytest.approx(best, abs=1e-12)


@given(several)
def test_huffman_of_powers_of_two_reaches_the_entropy(weights):
    lengths = huffman(weights).lengths
    p = [2.0**-length for length in lengths]
    assert huffman(p).lengths == lengths
    assert mean_length(p, lengths) == entropy(p)


def test_ties_go_to_what_was_made_first():
    # a and b are merged, then c and d; both pairs weigh 2.
    assert huffman_merges([1, 1, 1, 1]) == [(0, 1), (2, 3), (4, 5)]
    assert huffman(dict.fromkeys("abcd", 1)).words == {"a": "00", "b": "01", "c": "10", "d": "11"}
    # The leaf c was made before the merge of a and b, so it gets the 0.
    assert huffman({"a": 1, "b": 1, "c": 2}).words == {"a": "10", "b": "11", "c": "0"}


@given(weights_of)
def test_each_merge_takes_the_two_lightest(p):
    n, weights, open_ = len(p), [float(w) for w in p], set(range(len(p)))
    for pair in huffman_merges(p):
        assert list(pair) == sorted(open_, key=lambda node: (weights[node], node))[:2]
        open_ = (open_ - set(pair)) | {len(weights)}
        weights.append(weights[pair[0]] + weights[pair[1]])
    assert len(open_) == 1 and len(weights) == 2 * n - 1


def test_a_lone_symbol_has_a_word():
    code = huffman({"only": 2})
    assert code.words == {"only": "0"} and code.tree() == ("only", None)
    assert huffman_merges([2]) == []
    assert decode(code, "000") == ["only"] * 3


def test_a_symbol_that_never_comes_has_a_word_too():
    code = huffman({"a": 1, "b": 0, "c": 1})
    assert decode(code, encode(code, "b")) == ["b"]
    assert mean_length({"a": 1, "c": 1}, code) == mean_length([1, 0, 1], code) == 1.5


# --- entropy and mean length ----------------------------------------------------------------------


@given(several, st.integers(-20, 20))
def test_only_proportions_matter(p, power):
    scaled = [w * 2.0**power for w in p]
    assert huffman(scaled).words == huffman(p).words
    assert entropy(scaled) == pytest.approx(entropy(p), abs=1e-12)


@given(several)
def test_entropy_lies_between_none_and_all_equal(p):
    assert 0 <= entropy(p) <= math.log2(len(p)) + 1e-9


@given(several, several)
def test_words_made_for_other_weights_are_longer(p, q):
    size = min(len(p), len(q))
    p, q = p[:size], q[:size]
    assert mean_length(p, huffman(p)) <= mean_length(p, huffman(q)) * (1 + 1e-12)


@given(several, st.integers(1, 23))
def test_entropy_splits_by_grouping(p, cut):
    cut = min(cut, len(p) - 1)
    left, right = sum(p[:cut]), sum(p[cut:])
    whole = left + right
    parts = (left * entropy(p[:cut]) + right * entropy(p[cut:])) / whole
    assert entropy(p) == pytest.approx(entropy([left, right]) + parts, abs=1e-9)


def test_entropy_of_what_is_known_by_heart():
    assert entropy([0.5, 0.5]) == entropy({"a": 7, "b": 7}) == 1
    assert entropy([1]) == entropy([5, 0]) == 0
    assert entropy([5e-324, 1e300]) == 0
    assert entropy(np.array([0.9, 0.05, 0.05])) == pytest.approx(0.569, abs=5e-4)
    assert mean_length([0.9, 0.05, 0.05], huffman([0.9, 0.05, 0.05])) == pytest.approx(1.1)


def test_mean_length_matches_symbols_by_name():
    code = huffman({"a": 4, "b": 2, "c": 1})
    assert mean_length({"c": 1, "a": 1}, code) == 1.5
    assert mean_length([1, 1, 2], code) == mean_length([1, 1, 2], code.lengths) == 1.75
    with pytest.raises(ValueError, match="symbol 'z' has no word"):
        mean_length({"z": 1}, code)
    with pytest.raises(TypeError, match="code must be a Code, got list"):
        mean_length({"a": 1}, [1])
    with pytest.raises(ValueError, match="got 2 weights and 3 lengths"):
        mean_length([1, 1], code)


@pytest.mark.parametrize("of", [entropy, huffman, huffman_merges, lambda p: mean_length(p, [1])])
@pytest.mark.parametrize(
    ("p", "kind", "message"),
    [
        ([], ValueError, "p must not be empty"),
        ({}, ValueError, "p must not be empty"),
        ([0, 0], ValueError, "must be finite and > 0, got 0"),
        ([1e308, 1e308], ValueError, "must be finite and > 0, got inf"),
        ([1, -2], ValueError, "got -2.0 for symbol 1"),
        ({"a": 1, "b": math.nan}, ValueError, "got nan for symbol 'b'"),
        ([math.inf], ValueError, "got inf for symbol 0"),
        (["x"], TypeError, "one real number for each symbol"),
        ([[1, 2]], TypeError, "one real number for each symbol, got shape"),
        ([1j], TypeError, "one real number for each symbol"),
    ],
)
def test_bad_weights_are_refused(of, p, kind, message):
    with pytest.raises(kind, match=message):
        of(p)


@pytest.mark.parametrize("of", [kraft_sum, prefix_code, lambda lengths: mean_length([1], lengths)])
def test_bad_lengths_are_refused(of):
    with pytest.raises(ValueError, match="length must be >= 1, got 0"):
        of([0])
    with pytest.raises(TypeError, match="length must be an int, got 1.5"):
        of([1.5])
