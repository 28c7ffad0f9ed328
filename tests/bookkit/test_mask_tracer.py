"""The mask tracer: its JavaScript and its snippet do what Keras does, and `trace` agrees."""

from __future__ import annotations

import contextlib
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import traitlets

from bookkit import bundle
from bookkit.explorers.mask_tracer import MaskTracer, brief
from bookkit.mask_stack import ENDINGS, LAYERS, PIECES, SEQUENCES, before_fixes

pytestmark = pytest.mark.filterwarnings("ignore:.*does not support masking")
SVG = "{http://www.w3.org/2000/svg}"
FIXED = [piece.fix for piece in PIECES.values() if piece.fix]


def cases() -> list[dict]:
    """Every layer alone, every ending alone, and random stacks."""
    found = [{"layers": [name], "ending": "MaskedMeanPooling", "pads": 3} for name in LAYERS]
    found += [{"layers": [], "ending": name, "pads": pads} for name in ENDINGS for pads in (0, 2)]
    draw = np.random.default_rng(40)
    kinds = [name for name in LAYERS if before_fixes(name) == name]
    for turn in range(110):
        chosen = draw.permutation(kinds)[: draw.integers(1, 6)]
        # Half of the layers that have a remedy are repaired, or hardly a mask would live long.
        layers = [(PIECES[n].fix or n) if draw.random() < 0.5 else n for n in map(str, chosen)]
        pads = int(draw.integers(0, 7))
        found.append({"layers": layers, "ending": ENDINGS[turn % len(ENDINGS)], "pads": pads})
    return found


CASES = cases()


def figure_of(case: dict, **options) -> MaskTracer:
    return MaskTracer(**case, caption="Under test.", **options)


@pytest.fixture(scope="module")
def figures():
    return [figure_of(case) for case in CASES]


@pytest.fixture(scope="module")
def page(page):
    page.add_script_tag(content=bundle.page_script(["mask_tracer"]))
    return page


@pytest.fixture(scope="module")
def answers(page):
    call = """([cases, sequences]) => cases.map((c) =>
      window.bookkit.rules.followMask([...c.layers, c.ending], sequences, c.pads))"""
    return page.evaluate(call, [CASES, SEQUENCES])


def reason(name):
    """Why the mask is lost, without what the figure adds about the operation in Add."""
    return PIECES[name].why.split(" (")[0]


# --- Keras, its trace, and the script ------------------------------------------------------------


def test_there_are_enough_cases():
    assert len(CASES) >= 130
    assert {name for case in CASES for name in case["layers"]} == set(LAYERS)
    assert {case["ending"] for case in CASES} == set(ENDINGS)
    assert {case["pads"] for case in CASES} == set(range(7))


def test_script_gives_the_values_of_keras(figures, answers):
    for figure, answer in zip(figures, answers, strict=True):
        for step, found in zip(figure.steps(), answer["steps"], strict=True):
            assert found["name"] == step.name
            close = {"rtol": 1e-5, "atol": 1e-5, "err_msg": f"{figure.names} at {step.name}"}
            np.testing.assert_allclose(found["values"], step.values, **close)
            for values, expected in zip(found["alone"], step.alone, strict=True):
                np.testing.assert_allclose(values, expected, **close)


def test_script_gives_the_masks_of_keras(figures, answers):
    for figure, answer in zip(figures, answers, strict=True):
        for step, found in zip(figure.steps(), answer["steps"], strict=True):
            mask = None if step.mask is None else step.mask.tolist()
            assert found["mask"] == mask, (figure.names, step.name)


def test_script_gives_the_verdicts_of_trace(figures, answers):
    for figure, answer in zip(figures, answers, strict=True):
        assert [step["verdict"] for step in answer["steps"]] == figure.verdicts, figure.names
        assert answer["ok"] == figure.ok, figure.names


def test_script_finds_the_steps_whose_real_values_change(figures, answers):
    changing = 0
    for figure, answer in zip(figures, answers, strict=True):
        rows = figure.trace().rows
        ends = np.cumsum([0, *(PIECES[name].rows for name in figure.names)])
        for step, end in zip(answer["steps"], ends, strict=True):
            # None: `trace` cannot know which positions belong together behind a slice.
            if rows[end].unchanged is not None:
                assert step["changes"] != rows[end].unchanged, (figure.names, step["name"])
                changing += step["changes"]
    assert changing > 30


def test_drawn_stack_is_the_model(figures):
    for figure in figures[::6]:
        model, found = figure.model(), figure.trace()
        np.testing.assert_allclose(model(figure.batch)[:, 0], figure.answers, rtol=1e-6)
        alone = [float(model(np.array([row[row != 0]]))[0, 0]) for row in figure.batch]
        np.testing.assert_allclose(alone, figure.truth, rtol=1e-5, atol=1e-6)
        ends = np.cumsum([0, *(PIECES[name].rows for name in figure.names)])
        masked = [found.rows[end].mask_out for end in ends]
        assert masked == [step.mask is not None for step in figure.steps()]
        assert len(found) == ends[-1] + 1


def test_lost_is_where_trace_puts_it(figures):
    outcomes = set()
    for figure in figures:
        found = figure.trace()
        outcomes.add((figure.lost is None, figure.ok))
        if figure.lost is None:
            # A masked pooling that finds nothing to leave out is no loss.
            assert figure.ok and (found.lost is None or found.lost is found.rows[-1])
            continue
        end = sum(PIECES[n].rows for n in figure.names[: figure.names.index(figure.lost) + 1])
        own = found.rows[end - PIECES[figure.lost].rows + 1 : end + 1]
        assert found.lost in own, figure.names
        assert found.ok or reason(figure.lost) in found.sentence
    assert outcomes == {(True, True), (False, True), (False, False)}


def test_reasons_are_those_of_trace():
    for name, piece in PIECES.items():
        if piece.why and piece.fix:
            layers, ending = ([], name) if name in ENDINGS else ([name], "ops.mean")
            found = figure_of({"layers": layers, "ending": ending}).trace()
            assert reason(name) in found.sentence


def test_remedies_do_the_same_and_keep_the_mask():
    for name in LAYERS:
        broken, fixed = (
            figure_of({"layers": [kind], "ending": "x[:, 0]"}).steps()[1]
            for kind in (name, PIECES[name].fix or name)
        )
        for a, b in zip(broken.alone, fixed.alone, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        assert fixed.mask is not None and (broken.mask is None) == bool(PIECES[name].fix)


def test_with_all_remedies_every_answer_is_right(figures):
    for figure in figures[30::6]:
        names = [PIECES[name].fix or name for name in figure.names]
        repaired = figure_of({"layers": names[:-1], "ending": names[-1], "pads": figure.pads})
        assert repaired.ok and repaired.lost in (None, "x[:, 0]")
        np.testing.assert_allclose(repaired.answers, repaired.truth, rtol=1e-5, atol=1e-6)


def test_the_numbers_of_the_article():
    figure = figure_of({"layers": [], "ending": "ops.mean", "pads": 3})
    assert (figure.answers[0], figure.truth[0]) == (1.625, pytest.approx(2.6))


def test_a_lost_mask_may_be_harmless():
    figure = figure_of({"layers": ["x + x"], "ending": "x[:, 0]"})
    assert figure.lost == "x + x" and figure.ok and "harmless here" in figure.sentence()


# --- the snippet ---------------------------------------------------------------------------------


def python_in_page(page, open_figure, figure):
    open_figure(figure)
    return page.locator(".bk-code").text_content()


def test_snippet_is_the_same_in_both_and_gives_the_same(page, open_figure, figures):
    for figure in [*figures[: len(LAYERS)], *figures[30::10]]:
        code, said = figure.code(), io.StringIO()
        assert python_in_page(page, open_figure, figure) == code
        space = {"__name__": "snippet"}
        with contextlib.redirect_stdout(said):
            exec(code, space)
        np.testing.assert_array_equal(space["batch"], figure.batch)
        np.testing.assert_allclose(space["model"](space["batch"])[:, 0], figure.answers, rtol=1e-6)

        def table(text):  # Keras numbers the names of layers
            return re.sub(r"_\d+|[\s-]", "", text)

        assert table(said.getvalue().strip()) == table(str(figure.trace())), figure.names


# --- the drawing ---------------------------------------------------------------------------------


def test_drawn_figure_shows_what_keras_computes(page, open_figure):
    for i in range(len(CASES) // 9):
        figure = figure_of(CASES[9 * i], sequence=i % 3)
        open_figure(figure)
        bodies = page.locator(".bk-stack tbody")
        steps = figure.steps()
        for step, body in zip(steps[:-1], bodies.all(), strict=False):
            rows = body.locator("tr:not(.bk-id-row)")
            cut = figure.batch.shape[1] - step.values.shape[1]
            cells = rows.nth(1).locator("td").all_inner_texts()
            numbers = [float(text.replace("−", "-")) for text in cells[cut:]]
            for number, value in zip(numbers, step.values[figure.sequence], strict=True):
                assert abs(number - value) < (0.51 if value < -9.9 else 0.051)
            masks = [text for text in rows.nth(2).locator("td").all_inner_texts() if text]
            mask = None if step.mask is None else step.mask[figure.sequence]
            assert masks == (["no mask"] if mask is None else list(map(str, mask)))
            length = len(SEQUENCES[figure.sequence]) - cut
            assert body.locator(".bk-pad").count() == step.values.shape[1] - length
            assert step.verdict in body.locator(".bk-verdict").inner_text()
        lost = page.locator(".bk-lost .bk-step b").all_inner_texts()
        assert [text.split(" ", 1)[1] for text in lost] == ([figure.lost] if figure.lost else [])
        for row, a, b in zip(
            page.locator(".bk-worked tbody tr").all(), figure.answers, figure.truth, strict=True
        ):
            padded, alone, difference = row.locator("td").all_inner_texts()
            assert abs(float(padded.replace("−", "-")) - a) < 0.00051
            assert abs(float(alone.replace("−", "-")) - b) < 0.00051
            assert difference.startswith("=" if abs(a - b) < 1e-4 else "≠")


def test_script_says_what_python_says(page, open_figure, figures):
    for figure in figures[::9]:
        open_figure(figure)
        said = page.locator(".bk-told").inner_text()
        expected = figure.sentence().partition(" pads: ")[2] or figure.sentence().split(": ", 1)[1]
        expected = expected[0].upper() + expected[1:]
        number = r"−?\d+(?:\.\d+)?(?!\]|, )"
        assert re.sub(number, "#", said.replace("-", "−")) == re.sub(
            number, "#", expected.replace("-", "−")
        )


def test_numbers_are_written_alike(page, open_figure):
    rng = np.random.default_rng(41)
    numbers = [*(rng.normal(size=200) * 10).tolist(), 0.0625, -0.0625, 2.5, 12.0, -1e-9, 0.0]
    open_figure(figure_of({"layers": [], "ending": "ops.mean"}))
    source = re.search(
        r"^function brief.*?^}", (bundle.FIGURES / "mask_tracer.js").read_text("utf8"), re.M | re.S
    )
    found = page.evaluate(
        f"(xs) => {{ {source.group()} return xs.map((x) => brief(x)); }}", numbers
    )
    assert found == [brief(x) for x in numbers]


def test_a_stack_is_built_and_repaired_by_keyboard(page, open_figure):
    open_figure(figure_of({"layers": ["Dense"], "ending": "ops.mean"}))
    model = "document.querySelector('.bk-live').model.get('{}')"

    def press(name, key="Enter"):
        page.get_by_role("button", name=name, exact=True).focus()
        page.keyboard.press(key)
        page.wait_for_timeout(20)
        return page.evaluate(model.format("layers")), page.evaluate(model.format("ending"))

    assert press("Conv1D") == (["Dense", "Conv1D"], "ops.mean")
    assert press("x + x", "Space") == (["Dense", "Conv1D", "x + x"], "ops.mean")
    assert press("↑ move up") == (["Dense", "x + x", "Conv1D"], "ops.mean")
    assert press("↓ move down") == (["Dense", "Conv1D", "x + x"], "ops.mean")
    page.locator(".bk-stack").focus()
    page.keyboard.press("ArrowUp")
    assert "Step 2, Conv1D" in page.locator(".bk-status").inner_text()
    assert press("↑ move up") == (["Conv1D", "Dense", "x + x"], "ops.mean")
    assert press("fix it") == (["MaskedConv1D", "Dense", "x + x"], "ops.mean")
    assert press("fix it") == (["MaskedConv1D", "Dense", "Rescaling"], "ops.mean")
    assert page.locator(".bk-lost").count() == 1
    assert press("fix it") == (["MaskedConv1D", "Dense", "Rescaling"], "MaskedMeanPooling")
    assert page.locator(".bk-lost").count() == 0
    assert page.get_by_role("button", name="fix it").get_attribute("aria-disabled") == "true"
    assert page.locator(".bk-worked tbody").inner_text().count("= equal") == 3
    assert press("Conv1D") == (["Dense", "Rescaling"], "MaskedMeanPooling")
    assert press("start again") == (["Dense"], "ops.mean")


def test_every_cell_is_told(page, open_figure):
    figure = figure_of({"layers": ["x[:, 1:]"], "ending": "ops.mean", "pads": 1})
    open_figure(figure)
    stack, status = page.locator(".bk-stack"), page.locator(".bk-status")
    stack.focus()
    for s, step in enumerate(figure.steps()[:-1]):
        for position in range(6):
            said = status.inner_text()
            assert said.startswith(f"Step {s}, {step.name}")
            at = position - (6 - step.values.shape[1])
            if at < 0:
                assert "cut off" in said
            else:
                assert f"position {position}: {brief(step.values[0][at])}, " in said
                assert ("padding" in said) == (position == 5)
            page.keyboard.press("ArrowRight")
        for _ in range(6):
            page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowDown")
    assert status.inner_text() == "Step 2, ops.mean: gets no mask; 2.4, alone 3."


# --- the class -----------------------------------------------------------------------------------


def test_picture_draws_every_value(figures):
    for figure in figures[::10]:
        root = ElementTree.fromstring(figure.picture())
        texts = [node.text for node in root.iter(f"{SVG}text")]
        steps = figure.steps()[:-1]
        for word in ("True", "False"):
            cells = sum(
                (step.mask[0] == (word == "True")).sum() for step in steps if step.mask is not None
            )
            assert texts.count(word) == cells
        assert texts.count("no mask") == sum(step.mask is None for step in steps)
        assert "nan" not in figure.picture().lower()


def test_a_layer_stands_in_a_stack_once():
    for layers in (["Dense", "Dense"], ["Conv1D", "MaskedConv1D"]):
        with pytest.raises(traitlets.TraitError, match="layers must have each layer once, got"):
            MaskTracer(layers, caption="Twice.")
    for options in ({"layers": ["Dance"]}, {"ending": "Dense"}, {"pads": 7}, {"sequence": 3}):
        with pytest.raises(traitlets.TraitError):
            MaskTracer(**options, caption="Wrong.")
