"""Several code books in one stream: what is written can be read, and costs what it should."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thrifty.codebooks import END, INDEX, CodeBooks, by_class, mark_classes, unmark_classes
from thrifty.codes import Code, entropy, huffman, mean_length

LETTERS = "abcde"
CLASS_OF = {"a": 0, "b": 0, "c": 1, "d": None, "e": "a"}
texts = st.text(LETTERS, min_size=1, max_size=80)


def last(book, symbol):
    return symbol


def last_two(book, symbol):
    return (book + symbol)[-2:]


def nothing(book, symbol):
    return book


@given(texts, st.sampled_from([(last, "a"), (last_two, ""), (nothing, None)]))
def test_what_is_written_can_be_read(text, rule):
    books = CodeBooks.learn(text, *rule)
    bits = books.encode(text)
    assert "".join(books.decode(bits)) == text
    assert bits == "".join(books.words(text))
    with pytest.raises(ValueError, match="no word|no code book"):
        books.encode(text + "!")


@given(texts, texts)
def test_books_that_know_all_letters_write_every_text(text, other):
    books = CodeBooks.learn(text, last_two, "", known=LETTERS)
    assert len(books.books) == 1 + 5 + 25
    assert "".join(books.decode(books.encode(other))) == other


@given(texts)
def test_one_book_is_huffmans_code(text):
    books = CodeBooks.learn(text, nothing, "only")
    assert books.books["only"].words == huffman(Counter(text)).words
    assert len(books.encode(text)) == pytest.approx(
        len(text) * mean_length(Counter(text), books.books["only"])
    )


@given(texts)
def test_each_book_is_near_the_entropy_of_what_it_writes(text):
    books = CodeBooks.learn(text, last, "a")
    pairs = Counter(zip("a" + text, text, strict=False))
    floor = 0
    for book in books.books:
        counts = [n for (before, _), n in pairs.items() if before == book]
        floor += sum(counts) * entropy(counts)
    assert floor - 1e-9 <= len(books.encode(text)) <= floor + len(text) + 1e-9


@given(texts)
def test_marked_classes_come_back(text):
    marked = mark_classes(text, CLASS_OF)
    assert "".join(unmark_classes(marked)) == text
    runs = len(list(itertools.groupby(text, CLASS_OF.get)))
    assert len(marked) == len(text) + 2 * runs and marked.count(END) == runs
    books = CodeBooks.learn(marked, by_class, INDEX)
    found = books.decode(books.encode(marked))
    assert found == marked
    assert set(books.books) == {INDEX, *(CLASS_OF[letter] for letter in text)}


def test_no_symbols_make_no_classes():
    assert mark_classes([], CLASS_OF) == [] == unmark_classes([])


def test_every_book_needs_a_code_and_the_first_one_must_be_there():
    with pytest.raises(TypeError, match="must be a Code"):
        CodeBooks({"a": {"x": "0"}}, last, "a")
    with pytest.raises(ValueError, match="no code book 'z'; there are 1: 'a'$"):
        CodeBooks({"a": Code({"x": "0"})}, last, "z")
    with pytest.raises(ValueError, match="no code can be learned"):
        CodeBooks.learn("", last, "a")


def test_streams_that_nobody_wrote_are_refused():
    books = CodeBooks({"a": Code({"a": "0", "z": "10"})}, last, "a")
    assert books.decode("0010") == ["a", "a", "z"]
    for bits, message in (
        ("01", "end inside a word: '1' at index 1"),
        ("011", "no word of this code begins '11', at index 1"),
        ("100", "no code book 'z'"),
        ("0x", "0 and 1 only, got 'x' at index 1"),
    ):
        with pytest.raises(ValueError, match=message):
            books.decode(bits)
    with pytest.raises(TypeError, match="bits must be a string"):
        books.decode(["0"])


def test_a_symbol_without_a_place_is_named():
    with pytest.raises(ValueError, match="'b' at index 1 has no word in the book 'a'"):
        CodeBooks({"a": Code({"a": "0"})}, last, "a").encode("ab")
    with pytest.raises(ValueError, match="'x' at index 1 has no class"):
        mark_classes("ax", CLASS_OF)
    with pytest.raises(ValueError, match="END at index 0 has no class"):
        mark_classes([END], {END: 1})
