"""Drawn networks: modules differ by more than colour, weights by width, directions by heads."""

from bookkit import plots
from bookkit.network_plots import draw_network

PLACES = {"a": (0, 0), "b": (1, 0), "c": (0, 1)}


def drawn(links, **options):
    (ax,) = plots.panels(1)
    draw_network(ax, links, PLACES, {"a": 0, "b": 0, "c": 1}, **options)
    return ax


def test_modules_differ_by_shape_and_colour():
    looks = [(line.get_marker(), line.get_color()) for line in drawn([("a", "b")]).lines]
    assert looks[0] == looks[1]
    assert looks[0][0] != looks[2][0] and looks[0][1] != looks[2][1]


def test_names_are_written_once_and_can_be_left_out():
    names = [text.get_text() for text in drawn([]).texts]
    assert names == ["a", "b", "c"]
    assert [text.get_text() for text in drawn([], names=False).texts] == []


def test_a_link_of_weight_two_is_twice_as_thick():
    arrows = [text.arrow_patch for text in drawn([("a", "b"), ("b", "c", 2)], names=False).texts]
    assert arrows[1].get_linewidth() == 2 * arrows[0].get_linewidth()


def test_only_directed_links_have_heads():
    for directed in (True, False):
        ax = drawn([("a", "b")], names=False, directed=directed)
        style = type(ax.texts[0].arrow_patch.get_arrowstyle()).__name__
        assert (style == "CurveFilledB") == directed
