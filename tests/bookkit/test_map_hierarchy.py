"""Hierarchy: every cut of its trees costs what the library says, in both languages."""

from __future__ import annotations

import gzip
import itertools
import json
import xml.etree.ElementTree as ElementTree

import networkx as nx
import pytest
import traitlets

from bookkit import module_trees, toy_networks
from bookkit.explorers.map_hierarchy import MapHierarchy, number
from thrifty.infomap import find_communities
from thrifty.mapequation import codelength

SVG = "{http://www.w3.org/2000/svg}"


def nine(**options):
    toy = toy_networks.nine_triangles()
    return MapHierarchy(toy.graph(), toy.groups, **({"caption": "Under test."} | options))


def ring(**options):
    return MapHierarchy(toy_networks.ring_of_cliques().graph(), caption="Under test.", **options)


def ragged():
    """Three levels below the top on one side, one on the other; a directed walk."""
    graph = nx.DiGraph(
        [(a, b) for a in range(12) for b in range(12) if a != b and (a * b + a) % 4 < 2]
    )
    paths = [(0, 0, 0), (0, 0, 1), (0, 1), (1, 0), (1, 1), (2,)]
    return MapHierarchy(graph, [paths[node // 2] for node in range(12)], caption="Under test.")


FIGURES = {"nine triangles": nine, "ring": ring, "ragged": ragged}


def cuts(figure):
    """All states: each module of modules has a book, or none, or one for all inside it."""
    inner = sorted(module_trees.inner(figure.tree) - {""})
    for books in itertools.product(["own", "away", "closed"], repeat=len(inner)):
        state = dict(zip(inner, books, strict=True))
        dissolved = [key for key in inner if state[key] == "away"]
        yield dissolved, [key for key in inner if state[key] == "closed"]
    yield [], [""]


def chosen_cuts(name, figure):
    """All cuts; of the many of the ring every seventh."""
    return list(cuts(figure))[:: 7 if name == "ring" else 1]


def put(page, dissolved, closed):
    """Set the state of the opened figure, and return what it says then."""
    return page.evaluate(
        """async ([dissolved, closed]) => {
          const { model } = document.querySelector(".bk-live");
          model.set("dissolved", dissolved);
          model.set("closed", closed);
          model.save_changes();
          await new Promise((go) => setTimeout(go));
          return document.querySelector(".bk-told").textContent;
        }""",
        [dissolved, closed],
    )


def state(page):
    model = "document.querySelector('.bk-live').model"
    return [page.evaluate(f"{model}.get('{name}')") for name in ("dissolved", "closed")]


# --- the numbers ----------------------------------------------------------------------------------


def test_nine_triangles_surprise():
    figure = nine()
    found = {}
    for dissolved, closed in cuts(figure):
        figure.dissolved, figure.closed = dissolved, closed
        found[tuple(dissolved), tuple(closed)] = figure.length.bits
    assert found[(), ("",)] == pytest.approx(4.745546, abs=5e-7)
    assert found[("0", "1", "2"), ()] == pytest.approx(3.517755, abs=5e-7)
    assert found[(), ()] == pytest.approx(3.385831, abs=5e-7)
    least = min(found.values())
    assert least == pytest.approx(3.371875, abs=5e-7)
    best = {key for key, bits in found.items() if bits < least + 1e-9}
    assert best == {(("0",), ()), (("1",), ()), (("2",), ())}
    library = find_communities(figure.walk, seed=0, trials=10, levels=None)
    assert library.codelength == pytest.approx(least, abs=1e-9)


@pytest.mark.parametrize("name", FIGURES)
def test_every_cut_costs_in_the_script_what_it_costs_in_the_library(page, open_figure, name):
    figure = FIGURES[name]()
    open_figure(figure)
    every = list(cuts(figure))
    found = page.evaluate(
        """(every) => {
          const { model } = document.querySelector(".bk-live");
          const { mapCodeLength, shownPath } = window.bookkit.rules;
          return every.map(([dissolved, closed]) => {
            const modules = model.get("tree").map((path) => shownPath(path, { dissolved, closed }));
            const { bits, index, inside } = mapCodeLength(model.get("flow"), modules);
            return { modules, bits, index, inside };
          });
        }""",
        every,
    )
    for (dissolved, closed), answer in zip(every, found, strict=True):
        modules = [module_trees.shown(path, dissolved, closed) for path in figure.tree]
        assert [tuple(path) for path in answer["modules"]] == modules
        length = codelength(figure.walk, modules)
        for term in ("bits", "index", "inside"):
            assert answer[term] == pytest.approx(getattr(length, term), abs=1e-9)


@pytest.mark.parametrize("name", FIGURES)
def test_script_says_what_python_says(page, open_figure, name):
    figure = FIGURES[name]()
    open_figure(figure)
    for dissolved, closed in chosen_cuts(name, figure):
        figure.dissolved, figure.closed = dissolved, closed
        assert put(page, dissolved, closed) == figure.sentence()
        assert page.locator(".bk-mh-total").inner_text() == number(figure.length.bits)


@pytest.mark.parametrize("name", FIGURES)
def test_books_are_the_librarys(page, open_figure, name):
    figure = FIGURES[name]()
    open_figure(figure)
    for dissolved, closed in chosen_cuts(name, figure)[::4]:
        figure.dissolved, figure.closed = dissolved, closed
        put(page, dissolved, closed)
        books = [book for path, book in figure.length.books.items() if path or "" not in closed]
        told = page.locator(".bk-mh-box .bk-mh-number").all_text_contents()
        own = {path[-1]: book for path, book in figure.length.books.items() if path}
        keys = list(dict.fromkeys(key for path in figure.tree for key in module_trees.keys(path)))
        # Half a digit of rounding either way.
        for key, bits in zip(keys, told, strict=True):
            assert (bits == "no book") == (key not in own)
            if key in own:
                assert float(bits) == pytest.approx(own[key].bits, abs=6e-4)
        widths = page.locator(".bk-mh-bar .bk-mh-part").evaluate_all(
            "(parts) => parts.map((part) => parseFloat(part.style.width))"
        )
        assert len(widths) == len(books)
        share = 100 * figure.length.bits / max(figure.length.bits, figure.length.one_level)
        assert sum(widths) == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize("name", FIGURES)
def test_a_cut_at_a_level_keeps_its_modules_alone(page, open_figure, name):
    figure = FIGURES[name]()
    open_figure(figure)
    depth = max(map(len, figure.tree))
    for level in range(depth + 1):
        label = f"level {level} only" if level else "one code book"
        page.get_by_role("button", name=label).click()
        expected = module_trees.level(figure.tree, level)
        figure.dissolved, figure.closed = expected["dissolved"], expected["closed"]
        assert state(page) == [expected["dissolved"], expected["closed"]]
        paths = {tuple(path[:level]) for path in figure.tree}
        assert {len(path) for path in figure.modules} == {1}
        assert len(set(figure.modules)) == len(paths)
        assert page.get_by_role("button", name=label).get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="all levels").click()
    assert state(page) == [[], []]


# --- by hand --------------------------------------------------------------------------------------


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_books_go_and_come_by_keyboard(page, open_figure):
    figure = nine()
    open_figure(figure)
    tree, news = page.locator(".bk-mh-tree"), page.locator(".bk-mh-news")
    tree.focus()
    press(page, "ArrowDown", "ArrowDown", "Enter")
    assert state(page) == [["2"], []]
    assert news.inner_text() == (
        "C has no book any more: its 3 modules stand one level up. 0.0140 bits fewer a step."
    )
    assert page.locator(".bk-status").inner_text() == (
        "C has no book: its modules stand one level up."
    )
    press(page, "Space")
    assert state(page) == [[], []]
    assert news.inner_text() == "C has its book again. 0.0140 bits more a step."
    # A module of nodes does not go alone.
    press(page, "ArrowRight", "Enter")
    assert state(page) == [[], ["2"]]
    assert news.inner_text().startswith(
        "All of C is one module now: nodes do not stand beside modules. "
    )
    assert "its nodes stand in the book of C" in page.locator(".bk-status").inner_text()
    press(page, "ArrowDown", "Enter")
    assert state(page) == [[], []]
    # The module that is closed goes itself: then all is one.
    press(page, "Enter", "ArrowLeft", "Enter")
    assert state(page) == [[], ["", "2"]]
    assert news.inner_text().startswith("All nodes share one code book.")
    press(page, "ArrowLeft")
    assert "27 words" in page.locator(".bk-status").inner_text()
    press(page, "Enter")
    assert state(page) == [[], ["2"]]
    press(page, "Control+z", "Control+z")
    assert state(page) == [[], ["2"]]
    press(page, "Control+y")
    assert state(page) == [[], ["", "2"]]
    page.get_by_role("button", name="start again").click()
    assert state(page) == [[], []]


def test_books_go_and_come_by_pointer(page, open_figure):
    open_figure(nine(), styled=True)
    boxes = page.locator(".bk-mh-box")
    boxes.filter(has_text="C").first.click()
    assert state(page) == [["2"], []]
    assert boxes.filter(has_text="no book").count() == 1
    page.get_by_role("button", name="undo").click()
    assert state(page) == [[], []]
    boxes.filter(has_text="A2").click()
    assert state(page) == [[], ["0"]]
    assert boxes.filter(has_text="no book").count() == 3
    assert page.locator(".bk-mh-name").all_text_contents() == [
        "A", "B1", "B2", "B3", "C1", "C2", "C3"
    ]  # fmt: skip


def test_maps_that_were_tried_are_kept_in_order(page, open_figure):
    open_figure(nine())
    for cut in ([["2"], []], [[], [""]], [["0", "1", "2"], []], [["0", "1"], []]):
        put(page, *cut)
    rows = page.locator(".bk-mh-tried tbody tr")
    bits = [float(text) for text in rows.locator("td:nth-child(2)").all_inner_texts()]
    assert bits == [3.3719, 3.3858, 3.4242, 3.5178, 4.7455]
    assert rows.first.locator("th").inner_text() == "A(3) B(3) C1 C2 C3"
    page.get_by_role("button", name="show A(3) B(3) C1 C2 C3").click()
    assert state(page) == [["2"], []]


def test_deeper_trees_open_all_the_way(page, open_figure):
    open_figure(ragged())
    put(page, [], ["0", "0.0"])
    tree = page.locator(".bk-mh-tree")
    tree.focus()
    press(page, "ArrowRight", "ArrowRight", "Enter")
    assert state(page) == [[], []]
    press(page, "ArrowLeft", "Enter")
    assert state(page) == [["0.0"], []]


def test_nothing_is_wider_than_a_phone(page, open_figure):
    page.set_viewport_size({"width": 390, "height": 800})
    for name, make in FIGURES.items():
        figure = make()
        open_figure(figure, styled=True)
        for dissolved, closed in chosen_cuts(name, figure)[::9]:
            put(page, dissolved, closed)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.set_viewport_size({"width": 1280, "height": 720})


def test_only_the_controls_asked_for(page, open_figure):
    open_figure(nine(controls=[]), styled=True)
    assert page.get_by_role("button").count() == 0
    page.locator(".bk-mh-box").filter(has_text="C").first.click()
    assert state(page) == [[], []]


# --- the class ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
def test_picture_draws_every_node(name):
    figure = FIGURES[name]()
    for dissolved, closed in chosen_cuts(name, figure)[::9]:
        figure.dissolved, figure.closed = dissolved, closed
        root = ElementTree.fromstring(figure.picture())
        marks = [path for path in root.iter(f"{SVG}path") if path.get("stroke-linejoin")]
        grounds = [path for path in marks if path.get("stroke-linecap")]
        tops = len({path[0] for path in figure.tree})
        assert len(marks) - len(grounds) >= len(figure.names)
        assert len(marks) - len(grounds) <= len(figure.names) + tops
        assert len(grounds) == 2 * len(
            {path[: i + 1] for path in figure.modules for i in range(len(path))}
        )


def test_state_is_small():
    for figure, most in ((nine(), 1500), (ring(), 4000)):
        assert len(gzip.compress(json.dumps(figure.state()).encode())) < most


def test_the_library_finds_the_tree_where_none_is_given():
    figure = ring()
    assert figure.length.bits == pytest.approx(3.093532, abs=5e-7)
    assert len({path[0] for path in figure.tree}) == 6


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="modules must name one module for each of 27 nodes"):
        MapHierarchy(toy_networks.nine_triangles().graph(), [(0, 0)] * 3, caption="Too short.")
    with pytest.raises(traitlets.TraitError, match=r"of \['0', '1', '2'\], got '0.1'"):
        nine(closed=["0.1"])
    with pytest.raises(traitlets.TraitError, match="dissolved must name modules that hold modules"):
        nine(dissolved=[""])
