"""Word map: its script says what Python says, and no word is lost when a group falls apart."""

from __future__ import annotations

import gzip
import itertools
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import traitlets
from opened import put

from bookkit.explorers.word_map import ALONE, NONE, WordMap

SVG = "{http://www.w3.org/2000/svg}"
MOST, LEAST = (5, 10, 50), (0.5, 0.6, 0.7, 0.8)
WORDS = [f"{a}{b}" for a in "abcdefgh" for b in "klmnop"]
FIRST = "ak"


def drawn_maps(seed):
    """Maps at random, with words alone and modules whose other words are not shown."""
    draw = np.random.default_rng(seed)
    maps = {}
    for setting in itertools.product(MOST, LEAST):
        modules = draw.integers(ALONE, draw.integers(1, 12), size=len(WORDS))
        used = sorted(set(modules.tolist()) - {ALONE})
        modules = [used.index(m) if m != ALONE else ALONE for m in modules.tolist()]
        sizes = [modules.count(k) + int(draw.integers(1, 900)) for k in range(len(used))]
        bits = round(float(draw.uniform(3, 6)), 4)
        maps[setting] = {
            "modules": modules,
            "sizes": sizes,
            "groups": int(draw.choice([1, len(sizes), 1234])),
            "alone": int(draw.choice([0, 1, 2573])),
            "bits": bits,
            "one_level": round(bits * 2, 4),
            "meaning": round(float(draw.uniform(-0.01, 1)), 4),
        }
    return maps


def figure(seed=0, **changes):
    draw = np.random.default_rng(seed)
    kinds = {w: str(draw.choice(["city", "state", "family"])) for w in WORDS if draw.random() < 0.5}
    given = {"reference": (50, 0.6), "word": FIRST, "caption": "Under test."}
    return WordMap(WORDS, kinds, drawn_maps(seed), **(given | changes))


def seen(page, **changes):
    """Set traits of the opened figure, and return what it says then, and its lists."""
    put(page, **changes)
    return page.evaluate(
        """() => {
          const texts = (line, kind) => [...line.querySelectorAll(kind)].map((n) => n.textContent);
          const cells = document.querySelectorAll(".bk-wm-sweep .bk-chosen");
          const [trail, groups] = [...document.querySelectorAll(".bk-wm-list")].map(
            (list) => [...list.children].map((line) => ({
              head: line.querySelector(".bk-wm-head").textContent,
              words: texts(line, "b, span:not(.bk-wm-head)"),
            })));
          return { told: document.querySelector(".bk-told").textContent, trail, groups,
            marked: [...cells].map((cell) => cell.dataset.cell) };
        }"""
    )


def settings():
    return itertools.product(range(len(MOST)), range(len(LEAST)))


# --- two languages --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_script_says_what_python_says(page, open_figure, seed):
    shown = figure(seed)
    open_figure(shown)
    for row, column in settings():
        for word in shown.words[:: 5 + seed]:
            shown.row, shown.column, shown.word = row, column, word
            now = seen(page, row=row, column=column, word=word)
            assert now["told"] == shown.sentence()
            assert now["marked"] == [f"{row} {column}"]


@pytest.mark.parametrize("seed", range(4))
def test_no_word_is_lost_when_a_group_falls_apart(page, open_figure, seed):
    shown = figure(seed)
    open_figure(shown)
    for row, column in settings():
        shown.row, shown.column = row, column
        trail = seen(page, row=row, column=column)["trail"]
        parts = shown.parts()
        fresh = [line for line in trail if line["head"].startswith("New with")]
        kept = [line for line in trail if line not in fresh]
        assert kept[0]["words"][0] == shown.word or shown.word in kept[0]["words"]
        # Few enough words here that no line is cut.
        told = sorted(word for line in kept for word in line["words"])
        assert told == sorted(itertools.chain(*parts))
        assert len(told) == len(set(told))
        new = {word for line in fresh for word in line["words"]}
        assert new == set(shown.group()) - set(parts[0])
        others = [len(line["words"]) for line in kept[1:] if line["head"].startswith("Another")]
        assert others == sorted(others, reverse=True)


def test_groups_are_listed_by_their_words_shown(page, open_figure):
    shown = figure(1)
    open_figure(shown)
    for row, column in settings():
        shown.row, shown.column = row, column
        groups = seen(page, row=row, column=column)["groups"]
        *lines, alone = groups
        modules = shown.map["modules"]
        counts = sorted((modules.count(m) for m in set(modules) - {ALONE}), reverse=True)
        assert [int(line["head"].split(", ")[1].split()[0]) for line in lines] == counts[:8]
        assert alone["head"].startswith("Alone")
        assert len(alone["words"]) == min(modules.count(ALONE), 28)
        for line in lines:
            assert len({modules[shown.words.index(word)] for word in line["words"]}) == 1


# --- by hand --------------------------------------------------------------------------------------


def test_sliders_and_grid_move_the_same_mark(page, open_figure):
    shown = figure(2)
    open_figure(shown)
    told = page.locator(".bk-told")
    page.get_by_role("slider", name="neighbours").focus()
    page.keyboard.press("ArrowLeft")
    shown.row = 1
    assert told.inner_text() == shown.sentence()
    grid = page.get_by_role("grid")
    grid.focus()
    page.keyboard.press("ArrowRight")
    shown.column = 2
    assert told.inner_text() == shown.sentence()
    assert page.get_by_role("slider", name="cosine from").input_value() == "2"
    page.locator("td[data-cell='0 3']").click()
    shown.row, shown.column = 0, 3
    assert told.inner_text() == shown.sentence()
    here = grid.get_attribute("aria-activedescendant")
    assert page.locator(f"#{here}").get_attribute("aria-selected") == "true"


def test_a_typed_word_is_followed_and_an_unknown_one_is_not(page, open_figure):
    shown = figure(3)
    open_figure(shown)
    told, hint = page.locator(".bk-told"), page.locator(".bk-figure p[id$=hint]")
    field = page.get_by_label("follow")
    before = told.inner_text()
    field.fill("b")
    assert "Go on: bk, bl" in hint.inner_text() and told.inner_text() == before
    field.fill("zebra")
    assert "“zebra” is not among the 48 words" in hint.inner_text()
    assert told.inner_text() == before
    field.fill(" BM ")
    shown.word = "bm"
    assert told.inner_text() == shown.sentence()
    field.fill("nothing")
    field.blur()
    assert field.input_value() == "bm"


def test_nothing_is_wider_than_a_phone(page, open_figure):
    page.set_viewport_size({"width": 390, "height": 800})
    open_figure(figure(), styled=True)
    for row, column in settings():
        put(page, row=row, column=column)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1280, "height": 720})


def test_only_the_controls_asked_for(page, open_figure):
    open_figure(figure(controls=["column"]))
    assert page.get_by_role("slider").count() == 1 and page.locator("input[type=text]").count() == 0
    open_figure(figure(controls=[]))
    assert page.locator("input").count() == 0


# --- the class ------------------------------------------------------------------------------------


def test_words_keep_their_modules_when_they_are_put_in_order():
    maps, shown = drawn_maps(0), figure(0)
    for row, column in settings():
        shown.row, shown.column = row, column
        stored = maps[MOST[row], LEAST[column]]["modules"]
        given = dict(zip(shown.words, shown.map["modules"], strict=True))
        assert [given[word] for word in WORDS] == stored


def test_the_start_is_the_reference():
    shown = figure()
    assert (shown.row, shown.column) == (2, 1)
    assert shown.parts() == [shown.group()] and "Of the" not in shown.sentence()
    assert NONE in shown.kinds


def test_picture_marks_the_setting():
    shown = figure()
    for shown.row, shown.column in settings():
        root = ElementTree.fromstring(shown.picture())
        marked = [box for box in root.iter(f"{SVG}rect") if box.get("stroke")]
        assert len(marked) == 1


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(traitlets.TraitError, match="one of the 48"):
        figure(word="zebra")
    with pytest.raises(ValueError, match=r"\(50, 0.9\) is missing"):
        figure(reference=(50, 0.9))
    maps = drawn_maps(0)
    del maps[5, 0.7]
    given = {"reference": (50, 0.6), "word": FIRST, "caption": "x"}
    with pytest.raises(ValueError, match=r"\(5, 0.7\) is missing"):
        WordMap(WORDS, {}, maps, **given)
    with pytest.raises(ValueError, match="a module for each of 47 words"):
        WordMap(WORDS[1:], {}, drawn_maps(0), **given)


@pytest.mark.network
def test_the_chapter_state_is_small():
    from bookkit.recipes import word_clusters as recipe

    stored = recipe.load()
    maps = {s: stored[f"map, {recipe.setting_name(s)}"] for s in recipe.GRAPHS}
    shown = WordMap(
        recipe.shown_words(), recipe.categories(), maps,
        reference=recipe.SOURCE, word="texas", caption="x",
    )  # fmt: skip
    assert len(gzip.compress(json.dumps(shown.state()).encode())) < 20_000
