"""The pattern laboratory: its JavaScript, its Python and the library say the same."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from bookkit import bundle
from bookkit.explorers.pattern_laboratory import PATTERNS, PatternLaboratory
from thrifty.attention import masked_softmax
from thrifty.masks import reach
from thrifty.patterns import Atrous, Causal, Full, Local

SIZES = ("pattern", "n", "half_width", "rate", "causal", "layers")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def page(page):
    page.add_script_tag(content=bundle.page_script(["pattern_laboratory"]))
    return page


def cases() -> list[dict]:
    """Every pattern at the edges of every size, and as many again at random."""
    edges = itertools.product(PATTERNS, (2, 3, 13), (0, 1, 16), (1, 2, 16), (False, True), (1, 3))
    found = [dict(zip(SIZES, case, strict=True)) for case in edges]
    draw = np.random.default_rng(20)
    for turn in range(200):
        found.append(
            {
                "pattern": PATTERNS[turn % len(PATTERNS)],
                "n": int(draw.integers(2, 65)),
                "half_width": int(draw.integers(0, 17)),
                "rate": int(draw.integers(1, 17)),
                "causal": bool(draw.integers(2)),
                "layers": int(draw.integers(1, 7)),
            }
        )
    return found


CASES = cases()


def library_masks(case: dict) -> list[np.ndarray]:
    """The mask of each layer, from the library and from the words on the controls."""
    local, atrous = Local(case["half_width"]), Atrous(case["rate"])
    turns = {"full": [Full()], "local": [local], "atrous": [atrous], "both": [local | atrous]}
    turn = turns.get(case["pattern"], [local, atrous])
    patterns = [turn[layer % len(turn)] for layer in range(case["layers"])]
    if case["causal"]:
        patterns = [pattern & Causal() for pattern in patterns]
    return [pattern.mask(case["n"]) for pattern in patterns]


def digits(matrix: np.ndarray) -> str:
    return "".join(map(str, matrix.astype(int).ravel()))


@pytest.fixture(scope="module")
def answers(page):
    """What the page's rules say about every case; matrices as strings of digits."""
    return page.evaluate(
        """(cases) => cases.map((c) => {
          const { maskOf, layerPattern, reach, firstSeen, pairsPaid } = window.bookkit.rules;
          const layers = Array.from({ length: c.layers }, (_, k) => layerPattern(c.pattern, k));
          const masks = layers.map((pattern) => maskOf(pattern, c.n, c));
          return {
            masks: masks.map((mask) => mask.join("")),
            reach: reach(masks, c.n).join(""),
            first: firstSeen(c.pattern, c.n, c.layers, c).join(""),
            pairs: pairsPaid(c.pattern, c.n, c.layers, c),
          };
        })""",
        CASES,
    )


def test_there_are_enough_cases():
    assert len(CASES) >= 300
    assert {case["pattern"] for case in CASES} == set(PATTERNS)
    assert min(case["n"] for case in CASES) == 2
    assert max(case["n"] for case in CASES) > 55


def test_masks_are_the_librarys(answers):
    for case, answer in zip(CASES, answers, strict=True):
        assert answer["masks"] == [digits(mask) for mask in library_masks(case)], case


def test_reach_is_the_librarys(answers):
    for case, answer in zip(CASES, answers, strict=True):
        assert answer["reach"] == digits(reach(library_masks(case))), case


def test_first_layer_that_sees_is_the_librarys(answers):
    for case, answer in zip(CASES, answers, strict=True):
        masks = library_masks(case)
        seen = np.array([reach(masks[: layer + 1]) for layer in range(len(masks))])
        first = np.where(seen.any(axis=0), seen.argmax(axis=0) + 1, 0)
        assert answer["first"] == digits(first), case
        assert digits(PatternLaboratory(**case, caption="c").first_seen()) == digits(first), case


def test_pairs_are_the_librarys(answers):
    for case, answer in zip(CASES, answers, strict=True):
        pairs = sum(int(mask.sum()) for mask in library_masks(case))
        assert answer["pairs"] == pairs == PatternLaboratory(**case, caption="c").pairs, case


def test_unknown_pattern_is_an_error(page):
    message = """() => { try {
      window.bookkit.rules.maskOf("dense", 3, { half_width: 1, rate: 1, causal: false });
    } catch (error) { return error.message; } }"""
    assert page.evaluate(message) == "unknown pattern dense"


def softmax_in_page(page, rows: list, masks: list) -> list:
    call = "([rows, masks]) => rows.map((s, i) => window.bookkit.rules.maskedSoftmax(s, masks[i]))"
    return page.evaluate(call, [rows, masks])


def test_softmax_is_the_librarys(page):
    draw = np.random.default_rng(21)
    rows, masks = [], []
    for _ in range(200):
        length = int(draw.integers(1, 20))
        rows.append((draw.normal(size=length) * draw.choice([0, 1e-9, 1, 30, 1e6])).tolist())
        masks.append((draw.random(length) < draw.choice([0, 0.2, 0.7, 1])).tolist())
    for row, mask, weights in zip(rows, masks, softmax_in_page(page, rows, masks), strict=True):
        np.testing.assert_allclose(weights, masked_softmax(row, np.array(mask)), atol=1e-12, rtol=0)
    assert any(not any(mask) for mask in masks)
    assert any(all(mask) for mask in masks)


def test_softmax_without_a_mask_is_the_librarys(page):
    rows = np.random.default_rng(22).normal(size=(20, 7)).tolist()
    weights = softmax_in_page(page, rows, [None] * len(rows))
    np.testing.assert_allclose(weights, masked_softmax(rows), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("scores", "mask"),
    [
        ([np.nan, 1.0, 2.0], [False, True, True]),
        ([np.inf, 1.0, 2.0], [False, True, True]),
        ([-np.inf, 1.0, 2.0], [True, True, True]),
        ([-np.inf, 7.0], [True, False]),
        ([-np.inf, -np.inf], [True, True]),
        ([1e300, -1e300], [True, True]),
        ([5.0], [False]),
        ([], []),
    ],
)
def test_softmax_agrees_at_the_limits(page, scores, mask):
    (weights,) = softmax_in_page(page, [scores], [mask])
    expected = masked_softmax(np.array(scores, float), np.array(mask, bool))
    np.testing.assert_allclose(weights, expected, atol=1e-12, rtol=0)


def test_picture_draws_one_cell_for_each_pair_seen():
    for case in CASES[::7]:
        figure = PatternLaboratory(**case, caption="c")
        root = ElementTree.fromstring(figure.picture())
        sizes = root.get("viewBox").split()
        assert (root.get("width"), root.get("height")) == tuple(sizes[2:])
        paths = [path.get("d") for path in root.iter(f"{SVG}path")]
        first = figure.first_seen()
        drawn = [path.count("M") for path in paths]
        assert drawn == [(first == layer + 1).sum() for layer in range(first.max())], case
        assert len(list(root.iter(f"{SVG}text"))) == 2
        assert "nan" not in figure.picture().lower()


def test_sentence_counts_as_the_library_does():
    for case in CASES[::5]:
        masks = library_masks(case)
        pairs = sum(int(mask.sum()) for mask in masks)
        total = case["n"] ** 2 * case["layers"]
        text = PatternLaboratory(**case, caption="c").sentence()
        found = re.search(
            r"on (\d+) tokens.*: ([\d,]+) of ([\d,]+) pairs computed \((\S+) %\)", text
        )
        assert found, text
        expected = (str(case["n"]), f"{pairs:,}", f"{total:,}", f"{100 * pairs / total:.1f}")
        assert found.groups() == expected, text
        after = re.search(r", (\S+) % of all pairs seen after (\d+) layers\.$", text)
        assert bool(after) == (case["layers"] > 1), text
        if after:
            # Seen by any of the layers, as the matrix draws it.
            seen = np.any([reach(masks[: k + 1]) for k in range(len(masks))], axis=0)
            assert after.groups() == (f"{100 * seen.mean():.1f}", str(case["layers"])), text
        assert ("causal" in text) == case["causal"]


def read_number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def assert_share(text: str, part: int, whole: int) -> None:
    """A rounded percentage, in which only all is 100 % and only nothing is 0 %."""
    share = float(text.rstrip("\N{NO-BREAK SPACE} %"))
    assert abs(share - 100 * part / whole) <= 0.51
    assert (share == 100) == (part == whole) and (share == 0) == (part == 0)


def test_drawn_figure_shows_what_python_counts(page):
    script = bundle.page_script(["pattern_laboratory"])
    for case in CASES[3::23]:
        figure = PatternLaboratory(**case, caption="Under test.")
        page.set_content(figure.static_html())
        page.add_script_tag(content=script)
        page.locator(".bk-live[data-ready=true]").wait_for()
        paid, _, seen = page.locator(".bk-ledger dd").all_inner_texts()
        computed, _, total = paid.partition(" of ")
        assert read_number(computed) == figure.pairs, case
        assert read_number(total) == case["n"] ** 2 * case["layers"], case
        first = figure.first_seen()
        reached = int((first > 0).sum())
        if case["layers"] == 1:
            assert_share(seen, reached, case["n"] ** 2)
        else:
            assert [read_number(part) for part in seen.split(" of ")] == [reached, case["n"] ** 2]
        cells = page.locator("svg[tabindex] path[class^=bk-layer]").evaluate_all(
            "(paths) => paths.map((path) => (path.getAttribute('d').match(/M/g) ?? []).length)"
        )
        assert cells == [(first == layer + 1).sum() for layer in range(case["layers"])], case


def test_pair_sentence_is_right_for_every_pair(page):
    """Walk over a small matrix with the arrow keys and compare each sentence with the mask."""
    figure = PatternLaboratory(
        pattern="both", n=6, half_width=1, rate=3, causal=True, query=0, key=0, caption="Small."
    )
    mask = library_masks({**figure.state()})[0]
    page.set_content(figure.static_html())
    page.add_script_tag(content=bundle.page_script(["pattern_laboratory"]))
    matrix, said = page.locator("svg[tabindex]"), page.locator("[role=status]")
    matrix.wait_for()
    for i in range(6):
        for j in range(6):
            can = "may attend" if mask[i, j] else "may not attend"
            assert said.inner_text() == f"Query {i}, key {j}: {can}, distance {abs(i - j)}."
            matrix.press("ArrowRight")
        for _ in range(6):
            matrix.press("ArrowLeft")
        matrix.press("ArrowDown")
