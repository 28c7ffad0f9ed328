"""The figures' codes are the library's: one test runs both languages on the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from bookkit import browser as chromium
from bookkit import bundle
from thrifty import codes


def cases() -> list[list[float]]:
    """Weights with many ties, with zeros, of very different sizes; few and many."""
    draw = np.random.default_rng(6)
    found = [[1.0], [2.0, 2.0], [0.9, 0.05, 0.05], [0.0, 1.0, 0.0, 0.0], [1.0] * 37]
    for n in (2, 3, 5, 8, 13, 30, 60):
        found += [
            draw.integers(1, 4, size=n).tolist(),
            [*draw.integers(0, 3, size=n).tolist(), 1],
            draw.random(n).tolist(),
            (10 ** draw.uniform(-9, 9, size=n)).tolist(),
            (np.ones(n) / n).tolist(),
        ]
    return found


CASES = cases()


@pytest.fixture(scope="module")
def answers():
    """What the script says of every case, and of a text of all symbols and some again."""
    asked = [[weights, list(range(len(weights))) + [0, len(weights) - 1]] for weights in CASES]
    call = f"""(asked) => {{ {bundle.body(bundle.STATIC / "codes.js")}
      return asked.map(([weights, text]) => {{
        const words = huffman(weights);
        const lengths = words.map((word) => word.length);
        const bits = encode(words, text);
        return {{ words, bits, merges: huffmanMerges(weights), entropy: entropy(weights),
          kraft: kraftSum(lengths), mean: meanLength(weights, lengths),
          read: decode(words, bits), cut: decode(words, bits.slice(0, -1)) }};
      }}); }}"""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium.launch_options())
        found = browser.new_page().evaluate(call, asked)
        browser.close()
    return [(weights, text, answer) for (weights, text), answer in zip(asked, found, strict=True)]


def test_words_and_merges_are_the_librarys(answers):
    for weights, _, answer in answers:
        code = codes.huffman(weights)
        assert answer["words"] == list(code.words.values())
        assert [tuple(pair) for pair in answer["merges"]] == codes.huffman_merges(weights)


def test_numbers_are_the_librarys(answers):
    for weights, _, answer in answers:
        code = codes.huffman(weights)
        assert answer["entropy"] == pytest.approx(codes.entropy(weights), abs=1e-12)
        assert answer["kraft"] == pytest.approx(codes.kraft_sum(code.lengths), abs=1e-12)
        assert answer["mean"] == pytest.approx(codes.mean_length(weights, code), abs=1e-12)


def test_streams_are_the_librarys(answers):
    for weights, text, answer in answers:
        code = codes.huffman(weights)
        assert answer["bits"] == codes.encode(code, text)
        assert answer["read"] == {"symbols": text, "rest": ""}
        last = code.words[text[-1]]
        assert answer["cut"] == {"symbols": text[:-1], "rest": last[:-1]}
