"""Attention by hand: what Python checks and computes, and that the page shows the same."""

import html
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import traitlets

from bookkit.browser import find, launch_options
from bookkit.bundle import STATIC, page_script
from bookkit.explorers.attention_by_hand import AttentionByHand
from thrifty.attention import attention, attention_weights, masked_softmax

TOKENS = ["the", "bank", "of", "the", "river"]
SCORES = [
    [0.6, 0.9, -0.3, 0.2, 0.4],
    [0.1, 0.8, 0.3, -0.2, 2.1],
    [-0.4, 0.7, 0.2, 0.1, 1.1],
    [0.3, -0.1, 0.2, 0.5, 1.4],
    [-0.2, 1.9, 0.4, 0.1, 0.7],
]
VALUES = [[0.1, 0.0], [0.4, 1.2], [0.0, 0.1], [0.1, 0.0], [1.5, -0.3]]


def figure(**changes):
    state = {
        "tokens": TOKENS,
        "scores": SCORES,
        "values": VALUES,
        "value_names": ["water", "money"],
        "query": 4,
        "key": 1,
        "caption": "Every number of one head.",
    }
    return AttentionByHand(**(state | changes))


# Python


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": list("abcdefghi")}, "tokens must be 2 to 8, got 9"),
        ({"tokens": ["a"]}, "tokens must be 2 to 8, got 1"),
        ({"tokens": ["a", "b", "c", "d", ""]}, "tokens must be words on one line, got ''"),
        ({"tokens": ["a", "b", "c", "d", "e\n"]}, "tokens must be words on one line"),
        ({"tokens": ["a", "b"]}, "scores must have one row per token, 2, got 5"),
        ({"scores": [*SCORES[:4], [1, 2]]}, "scores must have 5 columns, got 2 in row 4"),
        (
            {"scores": [*SCORES[:4], [0, 0, float("nan"), 0, 0]]},
            r"scores must be finite and within ±10000, got nan for query 4, key 2",
        ),
        ({"scores": np.full((5, 5), 10_001.0)}, "within ±10000, got 10001.0 for query 0, key 0"),
        ({"mask": np.ones((5, 4))}, "mask must have 5 columns, got 4 in row 0"),
        ({"mask": np.ones((4, 5), bool)}, "mask must have one row per token, 5, got 4"),
        ({"mask": np.full((5, 5), 2)}, "mask"),
        ({"values": VALUES[:4]}, "values must have one row per token, 5, got 4"),
        ({"values": np.ones((5, 5)), "value_names": None}, "values must have 1 to 4 columns"),
        ({"values": np.full((5, 2), np.inf)}, "values must be finite"),
        ({"value_names": ["water"]}, "value_names must name 2 columns, got 1"),
        ({"query": 5}, "query must be 0 to 4, got 5"),
        ({"temperature": 0.0}, "temperature"),
        ({"controls": ["colour"]}, "controls"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(traitlets.TraitError, match=message):
        figure(**changes)


def test_needs_a_caption():
    with pytest.raises(ValueError, match="needs a caption"):
        figure(caption=" ")


def test_changes_are_checked_and_a_refused_one_leaves_all_as_it_was():
    hand = figure()
    with pytest.raises(traitlets.TraitError, match="scores must have one row per token, 5, got 1"):
        hand.scores = [[1.0]]
    with pytest.raises(traitlets.TraitError, match="key must be 0 to 4, got 6"):
        hand.key = 6
    with pytest.raises(traitlets.TraitError, match="scores must have one row per token, 2, got 5"):
        hand.tokens = ["a", "b"]
    # As the page's changes arrive.
    with pytest.raises(traitlets.TraitError, match="got 2 in row 0"):
        hand.set_state({"mask": [[1, 1]] * 5})
    assert hand.state() == figure().state()


def test_a_whole_new_case_is_set_at_once():
    hand = figure()
    with hand.hold_trait_notifications():
        hand.tokens = ["a", "b"]
        hand.scores = hand.values = [[0.0, 1.0], [1.0, 0.0]]
        hand.mask = [[1, 1], [1, 1]]
    assert (hand.query, hand.key) == (1, 1)
    assert hand.output.shape == (2, 2)


def test_weights_and_output_are_the_library_s():
    mask = np.tril(np.ones((5, 5), bool))
    mask[2] = False
    hand = figure(mask=mask, temperature=0.5)
    np.testing.assert_array_equal(hand.weights, masked_softmax(np.array(SCORES) / 0.5, mask))
    np.testing.assert_array_equal(hand.output, hand.weights @ np.array(VALUES))
    assert not hand.output[2].any()


def test_from_vectors_is_attention():
    rng = np.random.default_rng(7)
    q, k, v = rng.normal(size=(3, 5, 3))
    mask = np.tril(np.ones((5, 5), bool))
    hand = AttentionByHand.from_vectors(TOKENS, q, k, v, mask=mask, caption="Vectors.", query=3)
    np.testing.assert_allclose(hand.weights, attention_weights(q, k, mask), rtol=1e-12)
    np.testing.assert_allclose(hand.output, attention(q, k, v, mask), rtol=1e-12)
    assert hand.value_names == ["v0", "v1", "v2"]
    assert hand.query == 3


def test_from_vectors_says_which_shapes_it_got():
    with pytest.raises(ValueError, match=r"shape \(5, d\), got \(5, 3\) and \(5, 2\)"):
        AttentionByHand.from_vectors(
            TOKENS, np.ones((5, 3)), np.ones((5, 2)), np.ones((5, 1)), caption="No."
        )


def test_sentence():
    hand = figure()
    assert hand.sentence() == (
        'Attention of 5 tokens: query "river" gives 0.55 of its attention to "bank".'
    )
    hand.key = 3
    assert '"the" (position 3)' in hand.sentence()
    mask = np.ones((5, 5), int)
    mask[4, 3] = 0
    hand.mask = mask.tolist()
    assert hand.sentence().endswith(
        'query "river" gives nothing to "the" (position 3): the mask hides it.'
    )
    mask[4] = 0
    hand.mask = mask.tolist()
    assert hand.sentence().endswith('query "river" may attend to no key, so it gets zeros.')


def test_stored_form_is_stable_and_escaped():
    tokens = ['<b>"x"', "a&b", "of", "the", "river"]
    first, second = figure(tokens=tokens).static_html(), figure(tokens=tokens).static_html()
    assert first == second
    assert "<b>" not in first
    stored = html.unescape(first.partition('data-state="')[2].partition('"')[0])
    assert json.loads(stored)["tokens"] == tokens
    texts = [
        text.text for text in ET.fromstring(figure(tokens=tokens).picture()).iter() if text.text
    ]
    assert '<b>"x"' in texts
    assert "−0.30" in texts


def test_picture_shows_what_the_mask_hides():
    picture = figure(mask=np.tril(np.ones((5, 5), int))).picture()
    assert picture.count("−∞") == 10
    assert "scores, masked" in picture


# The page


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    path = find()
    if not path:
        pytest.skip("no Chromium here; `make test-pages` installs one")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(path))
        yield browser
        browser.close()


@pytest.fixture
def open_figure(browser):
    """Open a page with figures as the book stores them; fails on any error of the page."""
    contexts, errors = [], []

    def open_(*figures, width=1000, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        styles = "".join((STATIC / name).read_text("utf8") for name in ("figures.css", "book.css"))
        body = "".join(figure.static_html() for figure in figures)
        page.set_content(
            f'<!doctype html><html lang="en" data-theme="light"><title>t</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{styles}</style><main>{body}</main>"
            f"<script>{page_script(['attention_by_hand'])}</script>"
        )
        if figures:
            page.wait_for_selector(".bk-live[data-ready]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors


STAGES = {"scores": 0, "masked": 1, "weights": 2, "output": 3}


def numbers(page, stage):
    """What a stage shows, as an array."""
    rows = page.evaluate(
        "stage => [...document.querySelectorAll('.bk-matrix')[stage].tBodies[0].rows]"
        ".map(row => [...row.cells].slice(1).map(cell => cell.textContent))",
        STAGES[stage],
    )
    return np.array([[float(t.replace("−∞", "-inf").replace("−", "-")) for t in r] for r in rows])


def state(page):
    return page.evaluate(
        "() => { const m = document.querySelector('.bk-live').model; return Object.fromEntries("
        "['scores', 'mask', 'temperature', 'query', 'key'].map(n => [n, m.get(n)])); }"
    )


def says(page):
    return page.inner_text("[role=status]")


def cell(page, stage, i, j):
    return page.locator(".bk-matrix").nth(STAGES[stage]).locator(f'td[data-cell="{i} {j}"]')


def assert_shows_what_python_computes(page):
    hand = figure(**state(page))
    np.testing.assert_allclose(numbers(page, "weights"), hand.weights, atol=0.00501)
    np.testing.assert_allclose(numbers(page, "output")[:, 2:], hand.output, atol=0.00501)
    hidden = np.isneginf(numbers(page, "masked"))
    np.testing.assert_array_equal(hidden, ~hand.allowed)
    assert says(page).endswith(hand.sentence().partition(": q")[2])


def test_rules_agree_with_python(open_figure):
    rng = np.random.default_rng(0)
    cases = []
    for case in range(300):
        n, d = rng.integers(2, 9), rng.integers(1, 5)
        scores = rng.normal(size=(n, n)) * rng.choice([0.1, 1.0, 30.0, 1e4])
        scores = np.clip(scores, -1e4, 1e4)
        mask = rng.random((n, n)) < rng.choice([0.3, 0.7, 1.0])
        if case % 3 == 0:
            mask[rng.integers(n)] = False
        cases.append(
            {
                "scores": scores.tolist(),
                "mask": mask.astype(int).tolist(),
                "values": (rng.normal(size=(n, d)) * 10).tolist(),
                "temperature": float(rng.choice([0.1, 0.5, 1.0, 2.3, 5.0])),
            }
        )
    answers = open_figure().evaluate(
        """cases => cases.map((c) => {
          const { maskedSoftmax, attentionWeights, attentionOutput } = window.bookkit.rules;
          const weights = attentionWeights(c.scores, c.mask, c.temperature);
          const softmax = c.scores.map((row, i) => maskedSoftmax(row, c.mask[i]));
          return { softmax, weights, output: attentionOutput(weights, c.values) };
        })""",
        cases,
    )
    empty_rows = 0
    for case, answer in zip(cases, answers, strict=True):
        n, d = np.shape(case["values"])
        hand = AttentionByHand(
            [f"t{i}" for i in range(n)], **case, value_names=["v"] * d, caption="Case."
        )
        softmax = masked_softmax(np.array(case["scores"]), hand.allowed)
        np.testing.assert_allclose(answer["softmax"], softmax, rtol=0, atol=1e-9)
        np.testing.assert_allclose(answer["weights"], hand.weights, rtol=0, atol=1e-9)
        np.testing.assert_allclose(answer["output"], hand.output, rtol=0, atol=1e-9)
        empty_rows += int((~hand.allowed.any(axis=1)).sum())
    assert empty_rows >= 100


def test_starts_with_what_python_computes(open_figure):
    page = open_figure(figure())
    assert_shows_what_python_computes(page)
    # Read by its roles and labels, as a screen reader does.
    grid = page.get_by_role("grid")
    assert "5 queries" in grid.get_attribute("aria-label")
    assert page.get_by_role("gridcell").count() == 25
    assert page.get_by_label('score of query "river" for key "bank"').input_value() == "1.9"
    assert page.get_by_label('query "river" may attend to key "bank"').is_checked()
    assert page.get_by_role("region", name='The row of query "river"').count() == 1


def test_typing_a_score_moves_the_weights_and_undo_is_one_step(open_figure):
    page = open_figure(figure())
    before, drawn = numbers(page, "weights"), page.screenshot()
    field = page.get_by_label('score of query "river"')
    field.fill("")
    field.press_sequentially("-1.25")
    assert state(page)["scores"][4][1] == -1.25
    assert field.input_value() == "-1.25"
    assert_shows_what_python_computes(page)
    assert says(page).startswith('Score of query "river" for key "bank": −1.25. Query "river"')
    after = numbers(page, "weights")
    assert after[4, 1] < before[4, 1]
    np.testing.assert_array_equal(after[:4], before[:4])
    assert page.screenshot() != drawn
    page.get_by_role("button", name="undo").click()
    np.testing.assert_array_equal(numbers(page, "weights"), before)
    assert says(page).startswith("Undone.")


def test_scores_beyond_the_bounds_are_held_back(open_figure):
    page = open_figure(figure())
    page.get_by_label('score of query "river"').fill("123456")
    assert state(page)["scores"][4][1] == 10_000
    assert "m = 10000.00" in page.inner_text(".bk-division")
    assert_shows_what_python_computes(page)


def test_keyboard_alone_suffices(open_figure):
    page = open_figure(figure())
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    assert (state(page)["query"], state(page)["key"]) == (3, 0)
    active = page.get_by_role("grid").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").inner_text() == "0.30"
    for key in ("+", "+", "-", "=", "Space"):
        page.keyboard.press(key)
    assert state(page)["scores"][3][0] == 0.5
    assert state(page)["mask"][3][0] == 0
    said = 'Key "the" (position 0) is hidden from query "the" (position 3).'
    assert says(page).startswith(said)
    assert_shows_what_python_computes(page)
    page.keyboard.press("Enter")
    assert state(page)["mask"][3][0] == 1
    for _ in range(3):
        page.get_by_role("button", name="undo").press("Enter")
    assert state(page)["scores"] == SCORES
    # Nothing is left to undo, yet the button keeps the focus.
    assert page.get_by_role("button", name="undo").get_attribute("aria-disabled") == "true"
    assert page.evaluate("document.activeElement.textContent") == "undo"
    page.get_by_role("button", name="undo").press("Enter")
    assert state(page)["scores"] == SCORES


def test_mouse_chooses_drags_and_hides(open_figure):
    page = open_figure(figure())
    target = cell(page, "scores", 1, 2)
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    assert (state(page)["query"], state(page)["key"]) == (4, 1)
    page.mouse.down()
    page.mouse.move(x, y - 31)
    page.mouse.move(x, y - 60)
    page.mouse.up()
    page.mouse.move(x, y)
    assert (state(page)["query"], state(page)["key"]) == (1, 2)
    assert state(page)["scores"][1][2] == 1.3
    assert_shows_what_python_computes(page)
    page.get_by_role("button", name="undo").click()
    assert state(page)["scores"] == SCORES
    cell(page, "scores", 0, 4).dblclick()
    assert state(page)["mask"][0][4] == 0
    assert state(page)["scores"] == SCORES
    cell(page, "masked", 0, 4).dblclick()
    assert state(page)["mask"][0][4] == 1
    cell(page, "weights", 2, 2).click()
    assert (state(page)["query"], state(page)["key"]) == (2, 2)


def test_masking_the_future_and_starting_again(open_figure):
    page = open_figure(figure(query=0, key=0))
    page.get_by_role("button", name="mask the future").click()
    assert state(page)["mask"] == np.tril(np.ones((5, 5), int)).tolist()
    assert says(page).startswith("The future is masked. ")
    np.testing.assert_array_equal(np.triu(numbers(page, "weights"), 1), 0)
    assert_shows_what_python_computes(page)
    page.get_by_role("checkbox").click()
    assert "no key allowed: zeros, not NaN" in page.inner_text(".bk-note")
    assert "no key allowed: zeros, not NaN" in page.inner_text(".bk-division")
    assert says(page).endswith("may attend to no key, so it gets zeros.")
    assert_shows_what_python_computes(page)
    page.get_by_role("button", name="start again").click()
    assert state(page)["mask"] == figure().mask
    page.get_by_role("button", name="undo").click()
    assert_shows_what_python_computes(page)
    assert not any(state(page)["mask"][0])


def test_temperature_is_one_step_back(open_figure):
    page = open_figure(figure())
    for _ in range(5):
        page.get_by_label("temperature").press("ArrowLeft")
    assert state(page)["temperature"] == 0.5
    assert says(page).startswith("Temperature 0.5. ")
    assert_shows_what_python_computes(page)
    page.get_by_role("button", name="undo").click()
    assert state(page)["temperature"] == 1


def test_worked_row_adds_up(open_figure):
    page = open_figure(figure(mask=np.tril(np.ones((5, 5), int)), query=3, temperature=0.5))
    rows = page.evaluate(
        "() => [...document.querySelectorAll('.bk-worked tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent.replace('−', '-')))"
    )
    total = page.evaluate(
        "() => [...document.querySelector('.bk-worked tfoot tr').cells].map(c => c.textContent)"
    )
    assert [row[0] for row in rows] == TOKENS
    assert [row[2] for row in rows] == ["yes", "yes", "yes", "yes", "no"]
    exponentials = [float(row[4]) for row in rows]
    np.testing.assert_allclose(exponentials[:4], np.exp(np.array(SCORES[3][:4]) / 0.5), atol=6e-4)
    assert exponentials[4] == 0
    assert float(total[4]) == pytest.approx(sum(exponentials), abs=0.003)
    assert total[5] == "1.000"
    for column in (8, 9):
        shown = sum(float(row[column]) for row in rows)
        assert float(total[column]) == pytest.approx(shown, abs=0.003)


def test_what_is_not_offered_cannot_be_changed(open_figure):
    page = open_figure(figure(controls=["temperature"]))
    assert page.get_by_role("button").count() == 0
    page.get_by_role("grid").focus()
    for key in ("+", "Space", "ArrowUp"):
        page.keyboard.press(key)
    cell(page, "scores", 3, 1).dblclick()
    assert state(page)["scores"] == SCORES
    assert state(page)["mask"] == figure().mask
    assert state(page)["query"] == 3


def test_two_figures_are_independent(open_figure):
    page = open_figure(figure(), figure())
    page.get_by_role("grid").nth(1).press("ArrowUp")
    queries = page.evaluate(
        "() => [...document.querySelectorAll('.bk-live')].map(host => host.model.get('query'))"
    )
    assert queries == [4, 3]
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))


def test_fits_a_phone(open_figure):
    tokens = ["[CLS]", "the", "cat", "sat", "because", "it", "was", "unbelievable"]
    rng = np.random.default_rng(1)
    q, k, v = rng.normal(size=(3, 8, 4)) * 2
    wide = AttentionByHand.from_vectors(tokens, q, k, v, caption="Eight tokens.", query=5)
    page = open_figure(wide, width=390, has_touch=True)
    found = page.evaluate(
        """() => {
          const texts = [...document.querySelectorAll(".bk-figure *")].filter((node) =>
            [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
          const cells = [...document.querySelectorAll(".bk-matrix td")];
          const touched = [...document.querySelectorAll("button, input, .bk-editable tbody td")]
            .map((node) => (node.closest(".bk-toggle") ?? node).getBoundingClientRect());
          return {
            sideways: document.documentElement.scrollWidth - innerWidth,
            smallest: Math.min(...texts.map((node) => parseFloat(getComputedStyle(node).fontSize))),
            clipped: cells.filter((cell) => cell.scrollWidth > cell.clientWidth).length,
            target: Math.min(...touched.flatMap((box) => [box.width, box.height])),
          };
        }"""
    )
    assert found["sideways"] <= 0
    assert found["smallest"] >= 11
    assert found["clipped"] == 0
    assert found["target"] >= 24


def test_a_finger_scrolls_the_page_but_for_the_chosen_score(open_figure):
    page = open_figure(figure(), width=390, has_touch=True)
    actions = "cell => getComputedStyle(cell).touchAction"
    assert cell(page, "scores", 4, 1).evaluate(actions) == "none"
    assert cell(page, "scores", 0, 0).evaluate(actions) == "manipulation"
    cell(page, "scores", 0, 0).tap()
    assert (state(page)["query"], state(page)["key"]) == (0, 0)
    assert state(page)["scores"] == SCORES
    assert cell(page, "scores", 0, 0).evaluate(actions) == "none"
