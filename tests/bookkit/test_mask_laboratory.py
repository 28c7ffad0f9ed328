"""The mask laboratory: its JavaScript, its Python and the library say the same."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import traitlets as t

from bookkit import bundle, small_stack
from bookkit.explorers.mask_laboratory import MaskLaboratory
from bookkit.mask_schemes import HOWS, SCHEMES
from bookkit.small_stack import FAULTS
from thrifty import masks
from thrifty.descriptions import describe
from thrifty.patterns import Atrous, Causal, Full, Local

SVG = "{http://www.w3.org/2000/svg}"
WORDS = "the cat sat on the mat and saw a bird fly away".split()


def random_case(draw, scheme: str, how: str) -> dict:
    n = int(draw.integers(2, 13))
    edits = draw.integers(n, size=(int(draw.choice([0, 0, 1, 2, 6])), 2))
    return {
        "tokens": WORDS[:n],
        "scheme": scheme,
        "how": how,
        "second": str(draw.choice(SCHEMES)),
        "order": draw.permutation(n).tolist(),
        "boundary": int(draw.integers(n + 1)),
        "marks": np.flatnonzero(draw.random(n) < draw.choice([0, 0.3, 0.6])).tolist(),
        "parents": [int(draw.integers(-1, i)) for i in range(n)],
        "pads": int(draw.integers(n)),
        "half_width": int(draw.integers(12)),
        "rate": int(draw.integers(1, 13)),
        "edits": np.unique(edits, axis=0).tolist(),
        "layers": int(draw.integers(1, 5)),
        "residual": bool(draw.integers(2)),
        "fault": str(draw.choice(FAULTS)) if draw.random() < 0.5 else "none",
    }


def cases() -> list[dict]:
    """Every scheme alone and every pair of kinds of joining, ten times at random."""
    draw = np.random.default_rng(30)
    return [random_case(draw, s, how) for s in SCHEMES for how in HOWS for _ in range(10)]


CASES = cases()
FIGURES = [MaskLaboratory(**case, caption="c") for case in CASES]


@pytest.fixture(scope="module")
def page(page):
    page.add_script_tag(content=bundle.page_script(["mask_laboratory"]))
    return page


@pytest.fixture(scope="module")
def answers(page):
    """What the page's rules say about every case; matrices as strings of digits."""
    return page.evaluate(
        """(cases) => cases.map((s) => {
          const r = window.bookkit.rules;
          const n = s.tokens.length;
          const masks = r.laboratoryLayers(s);
          const allowed = r.reachThrough(masks, n, s.residual);
          const measured = r.measuredLeakage(masks, n, s.residual, s.fault);
          return {
            parameters: r.fittedParameters(s),
            mask: r.laboratoryMask(s).join(""),
            layers: masks.map((mask) => mask.join("")),
            told: r.describeMask(r.laboratoryMask(s), n),
            through: r.seenThrough(masks, n, s.residual).join(""),
            reach: allowed.join(""),
            measured: measured.join(""),
            verdict: r.compareMasks(measured, allowed, n),
          };
        })""",
        CASES,
    )


def digits(matrix: np.ndarray) -> str:
    return "".join(map(str, np.asarray(matrix).astype(int).ravel()))


def by_hand(case: dict, scheme: str) -> np.ndarray:
    """A scheme's mask from the library, not by way of the figure's table."""
    n = len(case["tokens"])
    marked = [i in case["marks"] for i in range(n)]
    pieces = [sum(marked[1 : i + 1]) for i in range(n)]
    segments = [0] * case["boundary"] + [1] * (n - case["boundary"])
    return {
        "full": lambda: Full().mask(n),
        "causal": lambda: Causal().mask(n),
        "reversed": lambda: masks.reversed_causal_mask(n),
        "permuted": lambda: masks.permuted_mask(case["order"]),
        "query": lambda: masks.two_stream_masks(case["order"])[1],
        "prefix": lambda: masks.prefix_mask(segments),
        "infill": lambda: masks.infill_mask(np.array(marked, int)),
        "packed": lambda: masks.document_mask(pieces),
        "blocks": lambda: masks.block_causal_mask(pieces),
        "tree": lambda: masks.tree_mask(case["parents"]),
        "padding": lambda: Full().mask(n) & masks.padding_mask([n - case["pads"]], n)[0],
        "global": lambda: masks.global_mask(marked),
        "local": lambda: Local(case["half_width"]).mask(n),
        "atrous": lambda: Atrous(case["rate"]).mask(n),
        "empty": lambda: ~Full().mask(n),
    }[scheme]()


def test_the_cases_are_many_and_different():
    assert len(CASES) == 10 * len(SCHEMES) * len(HOWS)
    assert {case["fault"] for case in CASES} == set(FAULTS)
    assert {len(case["tokens"]) for case in CASES} == set(range(2, 13))
    assert len({figure.sentence() for figure in FIGURES}) > 0.9 * len(CASES)


def test_masks_are_the_librarys(answers):
    for case, figure, answer in zip(CASES, FIGURES, answers, strict=True):
        mask, other = by_hand(case, case["scheme"]), by_hand(case, case["second"])
        if case["how"] != "alone":
            joined = {"and": mask & other, "or": mask | other, "but not": mask & ~other}
            mask = joined[case["how"]]
        for i, j in case["edits"]:
            mask[i, j] = not mask[i, j]
        assert answer["mask"] == digits(mask) == digits(figure.mask), case


def test_layers_and_reach_are_the_librarys(answers):
    for case, figure, answer in zip(CASES, FIGURES, answers, strict=True):
        own = np.eye(len(case["tokens"]), dtype=bool)
        lower = figure.mask | own if case["scheme"] == "query" else figure.mask
        stack = [lower] * (case["layers"] - 1) + [figure.mask]
        assert answer["layers"] == [digits(mask) for mask in stack], case
        assert [digits(mask) for mask in figure.layer_masks()] == answer["layers"], case
        seen = masks.reach(stack, residual=case["residual"])
        assert answer["reach"] == digits(seen) == digits(figure.reach()), case
        assert figure.pairs == sum(int(mask.sum()) for mask in stack)


def test_the_number_of_layers_is_the_least_that_suffices(answers):
    for case, figure, answer in zip(CASES, FIGURES, answers, strict=True):
        stack = figure.layer_masks()
        by_count = [masks.reach(stack[-k:], residual=case["residual"]) for k in range(1, 5)]
        seen = np.array(by_count[: case["layers"]])
        least = np.where(seen.any(axis=0), seen.argmax(axis=0) + 1, 0)
        assert answer["through"] == digits(least) == digits(figure.through()), case


def test_sentences_are_the_librarys(answers):
    for case, figure, answer in zip(CASES, FIGURES, answers, strict=True):
        assert answer["told"] == describe(figure.mask), case
        assert figure.sentence().startswith(answer["told"])


def test_every_small_mask_is_told_in_the_same_words(page):
    """All masks of 2 and 3 positions, and many of 4 to 12 that are nearly something."""
    every = [np.array(list(np.ndindex(*[2] * n**2)), bool).reshape(-1, n, n) for n in (2, 3)]
    found = [mask for group in every for mask in group]
    draw = np.random.default_rng(31)
    for figure in FIGURES:
        mask, n = figure.mask, figure.n
        part = draw.random(n) < 0.8
        found += [mask & part, mask & part[:, None], mask & part & part[:, None], mask.T]
        found.append(draw.random((n, n)) < draw.random())
    told = page.evaluate(
        """(masks) => masks.map(([n, cells]) =>
          window.bookkit.rules.describeMask(Uint8Array.from(cells), n))""",
        [[len(mask), mask.ravel().astype(int).tolist()] for mask in found],
    )
    assert told == [describe(mask) for mask in found]
    starts = {text.split(" on ")[0] for text in told}
    assert len(starts) > 25, starts


def test_what_is_measured_in_the_page_is_what_python_measures(answers):
    for case, figure, answer in zip(CASES, FIGURES, answers, strict=True):
        assert answer["measured"] == digits(figure.measured()), case
        assert answer["verdict"] == figure.verdict, case


def test_without_fault_exactly_what_is_allowed_is_measured(answers):
    clean = [
        (case, answer)
        for case, answer in zip(CASES, answers, strict=True)
        if case["fault"] == "none"
    ]
    assert len(clean) > 200
    for case, answer in clean:
        assert answer["measured"] == answer["reach"], case
        assert answer["verdict"] == "no pair leaks; every allowed pair is used"


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "none"])
def test_every_fault_is_caught(fault):
    # Row 3 sees two keys and not itself: a query made of tokens gives itself away.
    figure = MaskLaboratory(
        "a b c d e", "causal", edits=[[3, 3]], layers=2, fault=fault, caption="c"
    )
    assert "leak: " in figure.verdict or "leaks: " in figure.verdict
    right = MaskLaboratory("a b c d e", "causal", edits=[[3, 3]], layers=2, caption="c")
    assert right.verdict.startswith("no pair leaks")


def test_a_query_that_reads_its_token_is_no_leak_where_it_sees_itself():
    figure = MaskLaboratory("a b c d e", "causal", layers=3, fault="queries", caption="c")
    assert figure.verdict == "no pair leaks; every allowed pair is used"


def test_a_row_that_sees_nobody_gives_zeros():
    model = small_stack.stack_of([np.zeros((3, 3), bool)])
    assert (model(np.ones((1, 3, small_stack.SIZE))) == 0).all()


def test_unknown_fault_is_an_error():
    with pytest.raises(ValueError, match="fault must be one of none, .*, got 'lost'"):
        small_stack.stack_of([np.eye(2, dtype=bool)], fault="lost")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": ["one"]}, "tokens must be 2 to 12, got 1"),
        ({"tokens": "a " * 13}, "tokens must be 2 to 12, got 13"),
        ({"tokens": ["a", "b c"]}, "words without spaces, got 'b c'"),
        ({"order": [0, 1]}, r"order must hold each of 0..3 once, got \[0, 1\]"),
        ({"order": [0, 1, 1, 2]}, "order must hold each position once"),
        ({"boundary": 5}, "boundary must be at most 4, got 5"),
        ({"pads": 4}, "pads must be at most 3, got 4"),
        ({"marks": [4]}, r"marks must be positions 0..3, got 4"),
        ({"edits": [[0, 4]]}, r"edits must be positions 0..3, got 4"),
        ({"query": 4}, "query must be at most 3, got 4"),
        ({"parents": [-1, 0]}, "parents must be one for each token, 4, got 2"),
        ({"parents": [-1, 1, 0, 0]}, "parents must stand before their children, got 1 for 1"),
    ],
)
def test_what_does_not_fit_is_an_error(changes, message):
    with pytest.raises(t.TraitError, match=message):
        MaskLaboratory(**({"tokens": "a b c d", "caption": "c"} | changes))


def test_parameters_follow_the_tokens(page):
    """More words and fewer, in both languages alike."""
    for before, after in ((12, 5), (5, 12), (3, 2)):
        for scheme in SCHEMES:
            draw = np.random.default_rng(before)
            case = random_case(draw, scheme, "alone") | {"edits": [[0, 1]]}
            case["tokens"] = WORDS[:before]
            case["order"] = draw.permutation(before).tolist()
            case["parents"] = [int(draw.integers(-1, i)) for i in range(before)]
            case |= {"marks": [1, before - 1], "boundary": before, "pads": before - 1}
            figure = MaskLaboratory(**case, caption="c")
            figure.tokens = WORDS[:after]
            mask = page.evaluate(
                "(s) => window.bookkit.rules.laboratoryMask(s).join('')", figure.state()
            )
            assert mask == digits(figure.mask), case


def test_picture_draws_cells_dots_and_crosses():
    for figure in FIGURES[::40]:
        root = ElementTree.fromstring(figure.picture())
        assert "nan" not in figure.picture().lower()
        measured, allowed = figure.measured(), figure.reach()
        assert len(list(root.iter(f"{SVG}circle"))) == (measured & allowed).sum()
        assert len(list(root.iter(f"{SVG}path"))) == (measured & ~allowed).sum()
        assert len(list(root.iter(f"{SVG}rect"))) == figure.n**2 + 1
        assert len(list(root.iter(f"{SVG}text"))) == 2 * figure.n


def opened(page, open_figure, *args, **kwargs):
    """Draw a figure in the page; return a function that reads its state."""
    open_figure(MaskLaboratory(*args, caption="Under test.", **kwargs))

    def read(name):
        page.evaluate("() => new Promise((go) => requestAnimationFrame(go))")
        return page.locator(".bk-live").evaluate("(host, name) => host.model.get(name)", name)

    return read


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def texts(page):
    """The mask's sentence, the cell's, and the verdict without its sign."""
    told, status, verdict = page.locator("[role=status]").all_inner_texts()
    return told, status, verdict[2:]


def test_drawn_figure_says_and_draws_what_python_does(page, open_figure):
    for case, figure in list(zip(CASES, FIGURES, strict=True))[7::60]:
        opened(page, open_figure, **case)
        told, _, verdict = texts(page)
        assert told == describe(figure.mask)
        assert verdict == f"{figure.verdict[0].upper()}{figure.verdict[1:]}."
        matrix = page.locator("svg[tabindex]")
        measured, allowed, through = figure.measured(), figure.reach(), figure.through()
        for selector, cells in {
            ".bk-ml-dot": measured & allowed,
            ".bk-ml-cross": measured & ~allowed,
            ".bk-ml-frame": (through > 0) & ~allowed,
            ".bk-layer-1": (through == 1) & allowed,
            ".bk-off": through == 0,
        }.items():
            path = matrix.locator(selector).get_attribute("d")
            assert path.count("M") == cells.sum(), (selector, case)
        paid = page.locator(".bk-ledger dd").first.inner_text().split(" of ")
        assert int(paid[0]) == figure.pairs, case


def test_every_cell_is_told(page, open_figure):
    """Walk over a small matrix with a leak and compare each sentence with both matrices."""
    case = {"tokens": "a b c", "scheme": "causal", "edits": [[1, 1]], "fault": "finite"}
    figure = MaskLaboratory(**case, caption="c")
    opened(page, open_figure, **case)
    matrix = page.locator("svg[tabindex]")
    for i in range(3):
        for j in range(3):
            may = "may" if figure.mask[i, j] else "may not"
            cell = f'Query {i} "{"abc"[i]}" {may} attend to key {j} "{"abc"[j]}"; '
            assert figure.measured()[i, j]
            leak = "changing that word changes its output"
            says = f"{leak}." if figure.mask[i, j] else f"yet {leak}: a leak."
            assert texts(page)[1] == cell + says
            matrix.press("ArrowRight")
        for _ in range(3):
            matrix.press("ArrowLeft")
        matrix.press("ArrowDown")


def test_a_flipped_cell_is_tested_and_undone_and_done_again(page, open_figure):
    read = opened(page, open_figure, "a b c", "causal", layers=2)
    matrix = page.locator("svg[tabindex]")
    matrix.press("ArrowRight")
    matrix.press("Space")
    assert read("edits") == [[0, 1]]
    mask = Causal().mask(3)
    mask[0, 1] = True
    assert texts(page)[0] == describe(mask)
    assert texts(page)[2].startswith("No pair leaks")
    matrix.press("Control+z")
    assert read("edits") == []
    matrix.press("Control+y")
    assert read("edits") == [[0, 1]]
    button(page, "undo").click()
    assert read("edits") == []
    assert button(page, "undo").get_attribute("aria-disabled") == "true"
    matrix.press("Control+Shift+Z")
    assert read("edits") == [[0, 1]]
    assert button(page, "redo").get_attribute("aria-disabled") == "true"


def test_history_goes_all_the_way_back_and_forth(page, open_figure):
    read = opened(page, open_figure, "a b c d", "prefix")
    names = ("tokens", "scheme", "boundary", "edits", "layers", "fault", "order", "marks")
    page.get_by_label("prefix", exact=True).press("ArrowRight")
    page.locator("svg[tabindex]").press("Space")
    page.get_by_label("mask", exact=True).select_option("infill")
    assert read("edits") == []  # they belonged to another mask
    button(page, "1 b context").click()
    page.get_by_label("layers").press("ArrowRight")
    page.get_by_label("words").fill("a b c d e")
    page.get_by_label("fault").select_option("after")
    seen = [[read(name) for name in names]]
    while button(page, "undo").get_attribute("aria-disabled") == "false":
        button(page, "undo").click()
        seen.append([read(name) for name in names])
    assert len(seen) == 8
    assert seen[-1][:3] == [["a", "b", "c", "d"], "prefix", 2]
    for state in seen[-2::-1]:
        button(page, "redo").click()
        assert [read(name) for name in names] == state
    button(page, "start again").click()
    assert [read(name) for name in names] == seen[-1]


def test_another_mask_and_what_it_takes_back_are_one_step(page, open_figure):
    """By keys, as a reader: between two listeners of one real event the figure may redraw."""
    read = opened(page, open_figure, "a b c d", "prefix")
    page.locator("svg[tabindex]").press("Space")
    page.get_by_label("prefix", exact=True).press("ArrowRight")
    assert (read("boundary"), read("edits")) == (3, [])
    page.locator("svg[tabindex]").press("Space")
    page.get_by_label("mask", exact=True).press("ArrowDown")
    assert (read("scheme"), read("edits")) == ("infill", [])
    button(page, "undo").click()
    assert (read("scheme"), read("edits")) == ("prefix", [[0, 0]])
    button(page, "undo").click()
    button(page, "undo").click()
    assert (read("boundary"), read("edits")) == (2, [[0, 0]])


def test_a_new_change_forgets_what_was_undone(page, open_figure):
    read = opened(page, open_figure, "a b c", "causal")
    page.locator("svg[tabindex]").press("Space")
    button(page, "undo").click()
    page.get_by_label("layers").press("ArrowRight")
    assert read("layers") == 2
    assert button(page, "redo").get_attribute("aria-disabled") == "true"


def test_words_are_the_readers_own(page, open_figure):
    read = opened(page, open_figure, "a b c", "permuted", order=[2, 0, 1])
    words = page.get_by_label("words")
    words.fill("one")
    assert read("tokens") == ["a", "b", "c"]
    assert "At least 2" in page.locator(".bk-live").inner_text()
    words.fill("incomprehensibilities of the day")
    assert read("tokens") == ["incomprehensibilities", "of", "the", "day"]
    assert read("order") == [2, 0, 1, 3]
    assert 'key 0 "incomprehensibilities"' in texts(page)[1]
    words.fill(" ".join("abcdefghijklmno"))
    assert read("tokens") == list("abcdefghijkl")
    assert "the first 12" in page.locator(".bk-live").inner_text()
    words.fill("\u5317\u4eac\u6b22\u8fce\u4f60")
    assert read("tokens") == list("\u5317\u4eac\u6b22\u8fce\u4f60")
    assert read("order") == [2, 0, 1, 3, 4]


def test_the_order_is_moved_by_keys_with_the_focus_on_the_word(page, open_figure):
    read = opened(page, open_figure, "a b c d", "permuted", order=[2, 0, 3, 1])
    button(page, "0 a step 1").press("ArrowRight")
    assert read("order") == [2, 3, 0, 1]
    focused = "document.activeElement.ariaLabel"
    assert page.evaluate(focused) == "0 a step 2"
    assert '0 "a" is read at step 2 now.' in texts(page)[1]
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert read("order") == [0, 2, 3, 1]
    page.keyboard.press("Control+z")
    assert read("order") == [2, 0, 3, 1]  # one walk, one step back


def test_the_order_is_moved_by_two_presses(page, open_figure):
    read = opened(page, open_figure, "a b c d", "permuted", order=[2, 0, 3, 1])
    button(page, "2 c step 0").click()
    assert button(page, "2 c step 0").get_attribute("aria-pressed") == "true"
    button(page, "1 b step 3").click()
    assert read("order") == [0, 3, 1, 2]
    assert texts(page)[0] == describe(masks.permuted_mask([0, 3, 1, 2]))


def test_the_order_is_moved_by_dragging(page, open_figure):
    read = opened(page, open_figure, "a b c d", "permuted", order=[0, 1, 2, 3])
    places = [chip.bounding_box() for chip in page.locator(".bk-chip").all()]
    middle = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in places]
    page.mouse.move(*middle[3])
    page.mouse.down()
    for place in middle[2::-1]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    assert read("order") == [3, 0, 1, 2]
    assert page.locator(".bk-chip[aria-pressed=true]").count() == 0
    page.keyboard.press("Control+z")
    assert read("order") == [0, 1, 2, 3]


def test_two_masks_have_their_words_side_by_side(page, open_figure):
    kinds = {"scheme": "packed", "how": "and", "second": "permuted"}
    read = opened(page, open_figure, "a b c d", order=[3, 2, 1, 0], marks=[2], **kinds)
    button(page, "3 d step 0").press("ArrowRight")
    assert read("order") == [2, 3, 1, 0]
    assert page.evaluate("document.activeElement.ariaLabel") == "3 d step 1"
    button(page, "1 b goes on").press("ArrowRight")  # it has no place to go to
    assert (read("order"), read("marks")) == ([2, 3, 1, 0], [2])
    button(page, "1 b goes on").press("Enter")
    assert read("marks") == [1, 2]
    mask = masks.document_mask([0, 1, 2, 2]) & masks.permuted_mask([2, 3, 1, 0])
    assert texts(page)[0] == describe(mask)


def test_a_tree_is_changed_word_by_word(page, open_figure):
    read = opened(page, open_figure, "a b c d", "tree", parents=[-1, 0, 1, 2])
    for parents in ([-1, 0, 1, -1], [-1, 0, 1, 0], [-1, 0, 1, 1]):
        page.locator("button.bk-chip").last.click()
        assert read("parents") == parents
        assert texts(page)[0] == describe(masks.tree_mask(parents))
    page.locator("button.bk-chip").last.press("ArrowLeft")
    assert read("parents") == [-1, 0, 1, 0]


def test_only_the_controls_that_were_asked_for(page, open_figure):
    opened(page, open_figure, "a b c", "prefix", controls=["parameters"], views=["matrix"])
    assert page.locator("input, select").count() == 1
    assert page.locator("svg").count() == 1
    before = texts(page)[0]
    page.locator("svg[tabindex]").press("Space")
    assert texts(page)[0] == before
    opened(page, open_figure, "a b c", "prefix", controls=[])
    assert page.locator("input, select, button").count() == 0
