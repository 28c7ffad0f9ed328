"""Huffman, live: its script says what Python says, and its code is the library's."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import traitlets
from opened import put

from bookkit import bundle
from bookkit.code_tree import ROW, tree_of
from bookkit.explorers.huffman_live import MOST, HuffmanLive, number
from thrifty.codes import decode

SVG = "{http://www.w3.org/2000/svg}"
TEXTS = [
    "ab",
    "abracadabra",
    "the quick brown fox jumps over the lazy dog",
    "<b> & \"quotes\" 'n' \\ more",
    "吃葡萄不吐葡萄皮,不吃葡萄倒吐葡萄皮",
    "é😀😀é",
    "a" * 59 + "b",
    "".join(chr(0x100 + i) for i in range(MOST)),
    "abbcccdddddeeeeeeee",
]


def random_texts():
    draw = np.random.default_rng(11)
    letters = np.array(list("abcdefgh "))
    for _ in range(12):
        p = draw.dirichlet(np.ones(len(letters)) * draw.choice([0.3, 1, 5]))
        text = "".join(draw.choice(letters, size=int(draw.integers(2, MOST)), p=p))
        if len(set(text)) > 1:
            yield text


ALL = [*TEXTS, *random_texts()]


def figure(text, **changes):
    return HuffmanLive(text, caption="Under test.", **changes)


def told(page, **changes):
    """Set traits of the opened figure, and return what it says then."""
    put(page, **changes)
    return page.locator(".bk-told").text_content()


def table(page, name):
    rows = page.locator(f".{name} tbody tr")
    return [
        [cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in rows.all()
    ]


# --- two languages --------------------------------------------------------------------------------


def test_script_says_what_python_says(page, open_figure):
    open_figure(figure("ab"))
    for text in ALL:
        shown = figure(text)
        n, bits = len(shown.counts), len(shown.bits)
        views = [(step, 0) for step in range(n)] + [(n, bit) for bit in range(0, bits + 2, 3)]
        for shown.step, shown.bit in views:
            state = {"text": text, "step": shown.step, "bit": shown.bit}
            assert told(page, **state) == shown.sentence()


def test_code_book_and_stream_are_the_librarys(page, open_figure):
    open_figure(figure("ab"))
    for text in ALL:
        shown = figure(text)
        put(page, text=text, step=MOST, bit=0)
        words = {row[0].replace("␣", " "): row[4] for row in table(page, "bk-hl-book")}
        assert words == shown.code.words
        assert page.locator(".bk-hl-stream").inner_text() == shown.bits
        put(page, bit=len(shown.bits))
        assert page.locator(".bk-hl-decoded b").inner_text() == text.replace(" ", "␣")
        assert page.locator(".bk-hl-read").all_inner_texts() == [shown.code.words[c] for c in text]


def test_costs_are_the_sums_of_the_merges(page, open_figure):
    open_figure(figure("ab"))
    for text in ALL:
        shown = figure(text)
        put(page, text=text, step=MOST, bit=0)
        fixed, huffman, entropy = table(page, "bk-hl-costs")
        tree = tree_of(list(shown.counts.values()))
        assert int(huffman[1]) == len(shown.bits) == sum(tree.weights[len(shown.counts) :])
        assert float(entropy[2]) <= float(huffman[2]) <= float(fixed[2])
        assert int(fixed[1]) == len(text) * max(1, int(np.ceil(np.log2(len(shown.counts)))))


def test_words_grow_from_their_ends(page, open_figure):
    text = "abracadabra"
    open_figure(figure(text))
    words = figure(text).code.words
    for step in range(5):
        put(page, step=step)
        for symbol, *_, bits, word in table(page, "bk-hl-book"):
            assert words[symbol].endswith(word.removeprefix("…"))
            assert len(word.removeprefix("…")) == int(bits)
            assert word.startswith("…") == (step < 4)


# --- by hand --------------------------------------------------------------------------------------


def test_merges_and_bits_by_keyboard(page, open_figure):
    shown = figure("abracadabra", step=0)
    open_figure(shown)
    press = page.get_by_role("button", name="merge ▶")
    press.focus()
    for shown.step in range(1, 5):
        page.keyboard.press("Enter")
        assert page.locator(".bk-told").inner_text() == shown.sentence()
        assert page.locator(".bk-hl-box").count() == shown.step
    assert press.get_attribute("aria-disabled") == "true"
    page.get_by_role("button", name="read a bit ▶").focus()
    for shown.bit in range(1, 24):
        page.keyboard.press("Enter")
        assert page.locator(".bk-told").inner_text() == shown.sentence()
        word = shown.read()[1] or shown.code.words[shown.read()[0][-1]]
        assert page.locator(".bk-hl-line.bk-hl-path").count() == len(word)
    page.get_by_role("button", name="◀ take back").click()
    assert "Merge 3 of 4" in page.locator(".bk-told").inner_text()
    assert page.locator(".bk-hl-read").count() == 0


def test_a_typed_text_is_taken_if_it_can_be(page, open_figure):
    open_figure(figure("abracadabra"))
    text, hint = page.get_by_label("text"), page.locator(".bk-title").first
    text.fill("hello hello")
    assert '"hello hello"' in page.locator(".bk-told").inner_text()
    text.fill("aaa")
    assert "At least two different characters" in hint.inner_text()
    assert '"hello hello"' in page.locator(".bk-told").inner_text()
    text.fill("ab" * 40)
    assert hint.inner_text() == "80 characters: the first 60 are taken."
    assert page.evaluate("document.querySelector('.bk-live').model.get('text')") == "ab" * 30
    text.fill("a\u00a0b\u200bc")
    assert page.evaluate("document.querySelector('.bk-live').model.get('text')") == "a bc"
    text.blur()
    assert text.input_value() == "a bc"


def test_a_new_text_starts_where_the_old_one_was(page, open_figure):
    open_figure(figure("abracadabra", step=2))
    page.get_by_label("text").fill("hello")
    assert page.evaluate("document.querySelector('.bk-live').model.get('step')") == 0
    page.get_by_role("button", name="all merges").click()
    page.get_by_label("text").fill("hello world")
    assert page.locator(".bk-told").inner_text() == figure("hello world").sentence()


def test_nothing_is_wider_than_a_phone(page, open_figure):
    page.set_viewport_size({"width": 390, "height": 800})
    open_figure(figure("abracadabra", bit=5))
    page.add_style_tag(content=bundle.notebook_sheet("huffman_live"))
    for text in ALL:
        put(page, text=text, step=MOST, bit=3)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), text
    page.set_viewport_size({"width": 1280, "height": 720})


# --- the class ------------------------------------------------------------------------------------


def test_picture_draws_every_symbol_and_merge():
    for text in ALL:
        shown = figure(text)
        for shown.step in (0, 1, MOST):
            root = ElementTree.fromstring(shown.picture())
            assert len(root.findall(f"{SVG}circle")) == len(shown.counts)
            assert len(root.findall(f"{SVG}rect")) == 1 + shown.merges


def test_no_two_lines_of_a_tree_cross():
    for text in ALL:
        tree = tree_of(list(figure(text).counts.values()))
        n = len(tree.order)
        for k, (first, second) in enumerate(tree.merges):
            top, bottom = tree.leaves[first], tree.leaves[second]
            assert tree.y[top[-1]] + ROW == pytest.approx(tree.y[bottom[0]])
            assert tree.x[n + k] > max(tree.x[first], tree.x[second])


def test_what_is_read_is_the_beginning_of_the_text():
    for text in ALL:
        shown = figure(text)
        stream = shown.bits
        for shown.bit in range(len(stream) + 1):
            read, rest = shown.read()
            assert text.startswith(read)
            bits = "".join(shown.code.words[c] for c in read) + rest
            assert bits == stream[: shown.bit]
        assert shown.read() == (text, "")
        assert "".join(decode(shown.code, shown.bits)) == text


def test_halves_are_rounded_up():
    assert [number(x) for x in (0.125, 0.375, 2.0625, 1 / 3)] == ["0.13", "0.38", "2.06", "0.33"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least two of them different, got ''"),
        ("aaaa", "at least two of them different"),
        ("ab" * 31, "up to 60 characters"),
        ("a\nb", "can be printed"),
    ],
)
def test_texts_that_do_not_fit_are_refused(text, message):
    with pytest.raises(traitlets.TraitError, match=message):
        figure(text)
