"""What it costs: its JavaScript, its Python, the library's plan and the cost model say the same."""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import traitlets

from bookkit import bundle, cost_model
from bookkit.explorers.what_it_costs import CONTROLS, LONGEST, PATTERNS, WhatItCosts
from bookkit.live import percent
from thrifty.patterns import Atrous, Full, Local
from thrifty.plans import cost, layouts, plan

SETTINGS = ("pattern", "n", "half_width", "rate", "causal", "training", "heads", "depth", "budget")
STORED = cost_model.stored()
MODEL = STORED["model"]
# The stored model leaves some terms out; in this one each has its weight.
_DRAW = np.random.default_rng(31)
MADE_UP = {
    name: {
        path: {task: _DRAW.uniform(1, 2, size).tolist() for task in cost_model.TASKS}
        for path in cost_model.PATHS
    }
    for name, size in (("time", 4), ("bytes", 5))
}
SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def cases() -> list[dict]:
    """A grid of every pattern at the ends of every size, and as many settings at random."""
    grid = itertools.product(
        PATTERNS, (256, 1000, 65536), (1, 64, 1024), (2, 64, 512), (False, True)
    )
    rest = itertools.cycle([(False, 4, 64, 1), (True, 16, 128, 4), (True, 1, 16, 16)])
    found = [
        dict(zip(SETTINGS, case + more, strict=True))
        for case, more in zip(grid, rest, strict=False)
    ]
    draw = np.random.default_rng(30)
    for turn in range(200):
        found.append(
            {
                "pattern": PATTERNS[turn % len(PATTERNS)],
                "n": int(2 ** draw.uniform(8, 16)),
                "half_width": int(2 ** draw.uniform(0, 10)),
                "rate": int(2 ** draw.uniform(1, 9)),
                "causal": bool(draw.integers(2)),
                "training": bool(draw.integers(2)),
                "heads": int(draw.integers(1, 17)),
                "depth": int(draw.integers(16, 129)),
                "budget": int(draw.choice([1, 4, 16])),
            }
        )
    return found


CASES = cases()


def pattern_of(case: dict):
    """The library's pattern, from the words on the controls."""
    local, atrous = Local(case["half_width"]), Atrous(case["rate"])
    patterns = {"full": Full(), "local": local, "atrous": atrous, "both": local | atrous}
    return patterns[case["pattern"]]


def options_of(case: dict) -> dict:
    return {name: case[name] for name in ("heads", "depth", "causal", "training")}


@pytest.fixture(scope="module")
def page(page):
    page.add_script_tag(content=bundle.page_script(["what_it_costs"]))
    return page


@pytest.fixture(scope="module")
def answers(page):
    """What the page's rules say about every case."""
    return page.evaluate(
        """([cases, model, madeUp, longest]) => cases.map((c) => {
          const rules = window.bookkit.rules;
          const plan = rules.planOf(c.pattern, c.n, c);
          const ways = [c.pattern, "full", "chunked"];
          return {
            path: plan.path,
            executed: plan.executed,
            shapes: plan.pieces.map((piece) => piece.shape),
            needed: rules.pairsNeeded(c.pattern, c.n, c),
            bytes: rules.bytesHeld(plan, c.n, c.depth),
            time: ways.map((way) => rules.predictTime(model, way, c.n, c)),
            peak: ways.map((way) => rules.predictBytes(model, way, c.n, c)),
            madeUp: ways.map((way) => [
              rules.predictTime(madeUp, way, c.n, c),
              rules.predictBytes(madeUp, way, c.n, c),
            ]),
            fits: ways.map((way) => rules.largestN(model, way, c.budget * 1e9, c, longest)),
          };
        })""",
        [CASES, MODEL, MADE_UP, LONGEST],
    )


# --- the rules of the page and of the library ----------------------------------------------------


def test_there_are_enough_cases():
    assert len(CASES) >= 400
    assert {plan_path(case) for case in CASES} == {"tiles", "dense"}
    pieces = {len(layouts(pattern_of(case), case["n"], causal=case["causal"])) for case in CASES}
    assert pieces == {0, 1, 2}
    assert {case["training"] for case in CASES} == {case["causal"] for case in CASES}


def plan_path(case: dict) -> str:
    return "tiles" if layouts(pattern_of(case), case["n"], causal=case["causal"]) else "dense"


def test_tiles_are_those_of_the_library(answers):
    for case, answer in zip(CASES, answers, strict=True):
        found = layouts(pattern_of(case), case["n"], causal=case["causal"])
        shapes = [layout.shape for layout in found]
        assert [tuple(shape) for shape in answer["shapes"]] == shapes, case
        executed = sum(map(math.prod, shapes)) if shapes else case["n"] ** 2
        figure = WhatItCosts(**case, caption="c")
        assert answer["path"] == figure.path == ("tiles" if shapes else "dense"), case
        assert answer["executed"] == figure.executed == executed, case


def test_costs_are_those_of_the_library(answers):
    """Against `plan` and `cost`, which make and count every mask, and so where n is small."""
    small = [(c, a) for c, a in zip(CASES, answers, strict=True) if c["n"] <= 1000]
    assert len(small) > 180
    for case, answer in small:
        pattern, n, causal = pattern_of(case), case["n"], case["causal"]
        expected = cost(pattern, n, case["depth"], causal=causal)
        figure = WhatItCosts(**case, caption="c")
        assert answer["needed"] == figure.needed == expected.needed, case
        assert answer["executed"] == expected.executed, case
        assert answer["path"] == plan(pattern, n, causal=causal).path, case
        assert answer["bytes"] == expected.bytes == figure.held / case["heads"], case
        assert figure.flops == expected.flops * case["heads"], case


def test_needed_pairs_agree_at_every_length(answers):
    for case, answer in zip(CASES, answers, strict=True):
        assert answer["needed"] == WhatItCosts(**case, caption="c").needed, case


def test_predictions_are_those_of_the_model(answers):
    for case, answer in zip(CASES, answers, strict=True):
        ways = (pattern_of(case), Full(), cost_model.CHUNKED)
        options = options_of(case)
        time = [cost_model.predict_time(MODEL, way, case["n"], **options) for way in ways]
        peak = [cost_model.predict_bytes(MODEL, way, case["n"], **options) for way in ways]
        np.testing.assert_allclose(answer["time"], time, rtol=1e-12, err_msg=str(case))
        np.testing.assert_allclose(answer["peak"], peak, rtol=1e-12, err_msg=str(case))
        figure = WhatItCosts(**case, caption="c")
        assert figure.time == time[0]
        assert figure.speedup == time[1] / time[0]
        assert list(figure.fits.values()) == answer["fits"], case


def test_predictions_use_every_term(answers):
    for case, answer in zip(CASES, answers, strict=True):
        ways = (pattern_of(case), Full(), cost_model.CHUNKED)
        options = options_of(case)
        expected = [
            [
                cost_model.predict_time(MADE_UP, way, case["n"], **options),
                cost_model.predict_bytes(MADE_UP, way, case["n"], **options),
            ]
            for way in ways
        ]
        np.testing.assert_allclose(answer["madeUp"], expected, rtol=1e-12, err_msg=str(case))


def test_what_fits_fits_and_no_more():
    for case in CASES[::17]:
        figure = WhatItCosts(**case, caption="c")
        n, budget = figure.fits["dense"], case["budget"] * 1e9
        assert cost_model.predict_bytes(MODEL, Full(), n, **options_of(case)) <= budget
        if n < LONGEST:
            assert cost_model.predict_bytes(MODEL, Full(), n + 1, **options_of(case)) > budget


def test_unknown_pattern_is_an_error(page):
    for call in ("planOf('dense', 300, o)", "pairsNeeded('dense', 300, o)"):
        message = f"""() => {{
          const o = {{ half_width: 1, rate: 2, causal: false }};
          try {{ window.bookkit.rules.{call}; }} catch (error) {{ return error.message; }}
        }}"""
        assert page.evaluate(message) == "unknown pattern dense"


# --- Python alone --------------------------------------------------------------------------------


def test_state_is_plain_and_short():
    state = WhatItCosts(caption="c").state()
    assert set(state) == {*SETTINGS, "controls", "measured", "caption"}
    assert set(state["controls"]) == set(CONTROLS)
    assert len(json.dumps(state)) < 8000
    kept = {tuple(row) for row in state["measured"]["points"]}
    for point in STORED["points"]:
        kind = {"either": "both"}.get(point["pattern"]["kind"], point["pattern"]["kind"])
        sizes = point["pattern"]["half_width"], point["pattern"]["rate"]
        row = (kind, *sizes, point["n"], point["training"], point["time"])
        assert (row in kept) == (kind in PATTERNS), point


@pytest.mark.parametrize(
    ("name", "value"), [("n", 255), ("rate", 1), ("budget", 2), ("pattern", "dense"), ("heads", 0)]
)
def test_bad_settings_are_errors(name, value):
    with pytest.raises(traitlets.TraitError, match=name):
        WhatItCosts(**{name: value}, caption="c")


def test_measurements_are_not_to_be_changed():
    with pytest.raises(traitlets.TraitError):
        WhatItCosts(caption="c").measured = {}


def test_sentence_says_the_numbers():
    for case in CASES[::11]:
        figure = WhatItCosts(**case, caption="c")
        text = figure.sentence()
        assert f"{figure.needed:,} pairs needed, {figure.executed:,} scores computed" in text
        gives_up = case["pattern"] != "full" and figure.path == "dense"
        assert ("tiles would save too little" in text) == gives_up
        assert ("tiles would save too little" in figure.picture()) == gives_up
        assert (f"{figure.speedup:.1f} times as fast" in text) == (case["pattern"] != "full")
        said = re.findall(r"up to (?:about )?([\d,]*\d)", text)
        assert f"{case['budget']} GB is enough up to " in text
        ways = ["pattern", "dense"][: len(said)]
        assert len(said) == (1 if case["pattern"] == "full" else 2)
        for way, number in zip(ways, said, strict=True):
            assert_about(read_number(number), figure.fits[way])
        assert ("and beyond" in text) == (LONGEST in (figure.fits["pattern"], figure.fits["dense"]))
        assert ("causal" in text) == case["causal"]
        if case["pattern"] != "full":
            assert ("gradient" in text) == case["training"]


def assert_about(said: int, exact: int) -> None:
    """Two digits, rounded; the longest length is said as it is."""
    if exact == LONGEST:
        assert said == LONGEST
    else:
        assert len(str(said).rstrip("0")) <= 2 and abs(said - exact) <= exact / 20


def area(path: str, density: float = 1.0) -> float:
    """The area of a path of boxes (M x y h v h) and of polygons (M x y L x y ...)."""
    total = 0.0
    for part in path.split("M")[1:]:
        numbers = [float(found) for found in NUMBER.findall(part)]
        if "h" in part:
            total += numbers[2] * numbers[3]
            continue
        x, y = np.array(numbers[::2]), np.array(numbers[1::2])
        total += abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    return total * density


def drawn_cases() -> list[dict]:
    sizes = [(256, 16, 8), (1024, 64, 32), (1000, 40, 24), (4096, 600, 64)]
    found = []
    for pattern, (n, width, rate), causal in itertools.product(PATTERNS, sizes, (False, True)):
        case = {"pattern": pattern, "n": n, "half_width": width, "rate": rate, "causal": causal}
        found.append(case)
    return found


def unclipped(layout) -> float:
    """Scores of a layout's tiles that lie inside its square."""
    if layout.rate > 1:
        return math.prod(layout.shape)
    before, after = layout.reach
    rows = layout.blocks * layout.block
    tops = range(0, rows, layout.block)
    return sum(
        layout.block * (min(rows, top + layout.block + after) - max(0, top - before))
        for top in tops
    )


@pytest.mark.parametrize("case", drawn_cases(), ids=lambda case: "-".join(map(str, case.values())))
def test_picture_draws_as_much_as_is_computed_and_needed(case):
    figure = WhatItCosts(**case, caption="c")
    root = ElementTree.fromstring(figure.picture())
    assert "nan" not in figure.picture().lower()
    paths = [path for path in root.iter(f"{SVG}path")]
    computed, needed = paths[::2], paths[1::2]
    found = figure.layouts()
    assert len(computed) == max(1, len(found))
    if not found:
        assert area(computed[0].get("d")) == pytest.approx(220**2)
    total = 0.0
    for k, layout in enumerate(found):
        cell = (220 / (layout.rate * layout.blocks * layout.block)) ** 2
        assert area(computed[k].get("d")) / cell == pytest.approx(unclipped(layout), rel=0.03)
        total += area(needed[k].get("d"), float(needed[k].get("fill-opacity"))) / cell
    if not found:
        total = area(needed[0].get("d"), float(needed[0].get("fill-opacity")))
        total *= (case["n"] / 220) ** 2
    # A causal triangle is drawn with a straight edge: half of the diagonal is missing.
    assert total == pytest.approx(figure.needed, rel=0.06)


# --- the drawn figure ----------------------------------------------------------------------------


@pytest.fixture
def draw(browser):
    """Return a function that draws a figure on a page of its own, with the clock in hand."""
    opened = []

    def drawn(**settings):
        page = browser.new_page(viewport={"width": 800, "height": 1000})
        page.clock.install()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(WhatItCosts(**settings, caption="Under test.").static_html())
        page.add_script_tag(content=bundle.page_script(["what_it_costs"]))
        page.locator(".bk-live[data-ready=true]").wait_for()
        assert errors == []
        opened.append(page)
        return page

    yield drawn
    for page in opened:
        page.close()


def read_number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def ledger(page) -> dict:
    terms = page.locator(".bk-ledger dt").all_inner_texts()
    return dict(zip(terms, page.locator(".bk-ledger dd").all_inner_texts(), strict=True))


def test_squares_show_as_much_as_is_computed_and_needed(draw):
    for case in drawn_cases()[::2] + drawn_cases()[5::6]:
        page, figure = draw(**case), WhatItCosts(**case, caption="c")
        pieces = page.locator(".bk-piece")
        found = figure.layouts()
        assert pieces.count() == max(1, len(found)), case
        needed = 0.0
        for k in range(pieces.count()):
            # The first square of a piece is the whole one.
            square = pieces.nth(k).locator("svg").first
            rows = found[k].rate * found[k].blocks * found[k].block if found else case["n"]
            cell = (240 / rows) ** 2
            tiles = area(square.locator(".bk-wasted").get_attribute("d")) / cell
            assert tiles == pytest.approx(unclipped(found[k]) if found else rows**2, rel=0.03)
            style = square.locator(".bk-needed").first.get_attribute("style")
            path = square.locator(".bk-needed").first.get_attribute("d")
            needed += area(path, float(style.split(":")[1])) / cell
            for spared in square.locator(".bk-spared").all():
                needed -= area(spared.get_attribute("d")) / cell
        assert needed == pytest.approx(figure.needed, rel=0.06), case


def test_small_causal_tiles_are_drawn_pair_by_pair(draw):
    page = draw(pattern="atrous", n=256, rate=64, causal=True)
    square = page.locator(".bk-squares svg").nth(1)  # enlarged: 4 tiles of 4 x 4
    cell = (240 / 16) ** 2
    assert area(square.locator(".bk-wasted").get_attribute("d")) / cell == pytest.approx(64)
    assert area(square.locator(".bk-needed").get_attribute("d")) / cell == pytest.approx(40)


def test_numbers_are_those_of_python(draw):
    for case in CASES[5::29]:
        page, figure = draw(**case), WhatItCosts(**case, caption="c")
        said = ledger(page)
        assert read_number(said["pairs needed, a head"]) == figure.needed
        assert read_number(said["scores computed"]) == figure.executed
        memory = page.locator(".bk-memory").inner_text()
        fits = re.findall(r"up to (?:about )?([\d,]*\d)", memory)
        expected = list(figure.fits.values())[case["pattern"] == "full" :]
        for number, exact in zip(fits, expected, strict=True):
            assert_about(read_number(number), exact)
        assert memory.count("about") == sum(n < LONGEST for n in expected)
        # Python and the page round alike.
        of_python = re.findall(r"up to (?:about )?([\d,]*\d)", figure.sentence())
        assert of_python == fits[: len(of_python)] or case["pattern"] == "full"
        assert memory.count("beyond") == sum(n == LONGEST for n in expected[-len(fits) :])
        assert f"{case['budget']}\N{NO-BREAK SPACE}GB" in memory
        share = said["share of all n × n"].replace("\N{NO-BREAK SPACE}", " ")
        assert f"({share} of all" in figure.sentence()
        pieces = [read_number(said[term]) for term in said if term.startswith("scores of the ")]
        assert sum(pieces) == (figure.executed if len(figure.layouts()) == 2 else 0)


def marks(page) -> tuple[int, int]:
    """How many measured points of dense attention and of the pattern the chart shows."""
    chart = page.locator("svg[aria-label^=Time]")
    diamonds = chart.locator(".bk-measured").get_attribute("d").count("M")
    return chart.locator(".bk-measured-dense").count(), diamonds


def stored_points(kind: str, training: bool, **sizes) -> int:
    wanted = {"kind": kind, "half_width": None, "rate": None, **sizes}
    points = STORED["points"]
    return sum(p["pattern"] == wanted and p["training"] == training for p in points)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("pattern", "kind", "sizes"),
    [
        ("full", "full", {}),
        ("local", "local", {"half_width": 64}),
        ("atrous", "atrous", {"rate": 64}),
        ("both", "either", {"half_width": 64, "rate": 64}),
    ],
)
def test_measured_points_are_shown_where_they_belong(draw, pattern, kind, sizes, training):
    own = stored_points(kind, training, **sizes)
    dense = stored_points("full", training)
    assert dense > 3 and own > 3
    page = draw(pattern=pattern, training=training, **sizes)
    assert marks(page) == (dense, 0 if pattern == "full" else own)
    assert "and measured" in page.locator(".bk-legend").last.inner_text()


@pytest.mark.parametrize("change", [{"heads": 8}, {"depth": 32}, {"causal": True}])
def test_no_measured_point_is_shown_for_what_was_not_measured(draw, change):
    page = draw(pattern="local", **change)
    assert marks(page) == (0, 0)
    said = page.locator(".bk-legend").last.inner_text()
    assert "measured with 4 heads of depth 64, not causal" in said
    assert "and measured" not in said


def test_another_width_shows_the_dense_points_alone(draw):
    page = draw(pattern="local", half_width=32)
    dense, own = marks(page)
    assert dense > 3 and own == 0
    assert "local measured with half-width 64" in page.locator(".bk-legend").last.inner_text()


def test_controls_that_mean_nothing_are_off(draw):
    off = {"full": {"half-width", "rate"}, "local": {"rate"}, "atrous": {"half-width"}}
    for pattern in PATTERNS:
        page = draw(pattern=pattern)
        disabled = page.locator(".bk-control:has(:disabled) label").all_inner_texts()
        assert set(disabled) == off.get(pattern, set())


def test_only_the_controls_asked_for_are_there(draw):
    page = draw(controls=["n", "causal"])
    labels = page.locator(".bk-control label").all_inner_texts()
    assert labels == ["length n (tokens)", "causal: no looking ahead"]


def test_status_waits_for_a_pause(draw):
    page = draw(pattern="local", n=1024)
    said = page.locator("[role=status]")
    before = said.inner_text()
    assert before.startswith("Local, n = 1,024, half-width 64, ")
    page.evaluate("""() => {
      window.said = 0;
      const status = document.querySelector("[role=status]");
      new MutationObserver(() => window.said++).observe(status, { childList: true });
    }""")
    slider = page.get_by_label("length n (tokens)")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    page.clock.run_for(100)
    assert said.inner_text() == before
    assert read_number(ledger(page)["scores computed"]) == WhatItCosts(n=4096, caption="c").executed
    page.clock.run_for(1000)
    assert said.inner_text().startswith("Local, n = 4,096, half-width 64, ")
    assert page.evaluate("window.said") == 1


def test_every_change_is_told(draw):
    """No two settings have the same status, and nothing else speaks."""
    start = {"pattern": "both", "n": 16384, "budget": 1}
    changes = [
        *({"pattern": "local"}, {"n": 8192}, {"half_width": 32}, {"rate": 32}, {"heads": 8}),
        *({"depth": 32}, {"causal": True}, {"training": True}, {"budget": 4}),
    ]
    page = draw(**start)
    told = [page.locator("[role=status]").inner_text()]
    for change in changes:
        other = draw(**(start | change))
        told.append(other.locator("[role=status]").inner_text())
    assert len(set(told)) == len(told), told
    assert page.locator("[aria-live], output, [role=alert]").count() == 1


def test_giving_up_is_explained(draw):
    words = "tiles would save too little: the whole square is computed"
    for case, gives_up in (
        ({"pattern": "local", "n": 1024, "half_width": 1024}, True),
        ({"pattern": "local", "n": 4096, "half_width": 64}, False),
        ({"pattern": "full"}, False),
    ):
        page = draw(**case)
        assert (words in page.locator("[role=status]").inner_text()) == gives_up
        assert (words in page.locator(".bk-piece .bk-title").first.inner_text()) == gives_up


def test_tones_of_a_second_piece_are_explained(draw):
    for rate, words in (
        (2, "where tones mix, one pair in 2 is"),
        (64, "lines along the diagonal:"),
    ):
        page = draw(pattern="both", n=16384, rate=rate, half_width=1024)
        second = page.locator(".bk-piece").nth(1)
        title = "pairs that the first tiles have done are not needed again"
        assert title in second.locator(".bk-title").first.inner_text()
        parts = second.locator(".bk-square .bk-title").all_inner_texts()
        assert any(words in part for part in parts), parts


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 7, "0 %"),
        (7, 7, "100 %"),
        (1, 10**6, "0.00010 %"),
        (52, 10**5, "0.052 %"),
        (996, 10**6, "0.1 %"),
        (99, 1000, "9.9 %"),
        (996, 10**4, "10 %"),
        (9999, 10**4, "99.9 %"),
    ],
)
def test_a_share_never_closes_a_gap(page, part, whole, text):
    kit = base64.b64encode((bundle.STATIC / "kit.js").read_bytes()).decode()
    script = "async ([kit, ...shares]) => (await import(kit)).percent(...shares)"
    said = page.evaluate(script, [f"data:text/javascript;base64,{kit}", part, whole])
    assert percent(part, whole) == text
    assert said == text.replace(" ", "\N{NO-BREAK SPACE}")


def test_sliders_keep_a_number_that_is_no_power_of_two(draw):
    page = draw(pattern="both", n=3000, half_width=48, rate=100)
    shown = page.locator(".bk-value").all_inner_texts()
    assert [read_number(text) for text in shown] == [3000, 48, 100, 4, 64]
    page.get_by_label("half-width").press("ArrowRight")
    assert read_number(page.locator(".bk-value").nth(1).inner_text()) in (64, 128)
