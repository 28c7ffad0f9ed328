"""Maps of airports: who is in the frame, how groups are told apart, what is written where."""

import numpy as np
import pytest

from bookkit import plots
from bookkit.flight_map import draw_airports, name_airports, place
from bookkit.flights import Airport

SPOTS = {"ANC": (61, -150), "JNU": (58, -135), "GUM": (13, 145), "JFK": (41, -74)}
AIRPORTS = {code: Airport(code, "", code, "", *spot) for code, spot in SPOTS.items()}
ALASKA = (-179, -119, 46, 73)


@pytest.fixture
def ax():
    return plots.panels(1)[0]


def test_beyond_the_date_line_longitudes_go_on():
    assert place(AIRPORTS["GUM"]) == (-215, 13)
    assert place(AIRPORTS["JFK"]) == (-74, 41)


def test_only_what_is_in_the_frame_is_drawn_and_groups_differ_by_shape_and_colour(ax):
    draw_airports(ax, AIRPORTS, [["ANC", "JFK"], ["JNU"]], ALASKA)
    first, second = ax.lines
    assert first.get_xydata().tolist() == [[-150, 61]]
    assert second.get_xydata().tolist() == [[-135, 58]]
    assert first.get_marker() != second.get_marker() and first.get_color() != second.get_color()
    assert ax.get_xlim() == ALASKA[:2] and ax.get_ylim() == ALASKA[2:]


def test_links_run_from_airport_to_airport(ax):
    draw_airports(ax, AIRPORTS, [], ALASKA, links=[("ANC", "JNU")])
    assert ax.lines[0].get_xydata().tolist() == [[-150, 61], [-135, 58]]


def test_a_large_group_is_one_path_of_as_many_dots(ax):
    many = {str(k): Airport(str(k), "", "", "", 50, -170 + k / 10) for k in range(400)}
    draw_airports(ax, many, [list(many)], ALASKA)
    assert not ax.lines and len(ax.patches[1].get_path().vertices) == 2 * 400


def test_a_degree_of_longitude_is_drawn_as_short_as_it_is(ax):
    draw_airports(ax, AIRPORTS, [], (-100, -80, 59, 61))
    assert np.isclose(ax.get_aspect(), 2)


def test_names_stand_on_the_side_that_was_asked_for(ax):
    name_airports(ax, AIRPORTS, {"ANC": ("Anchorage", -4, 8), "JNU": ("Juneau", 5, 0)})
    sides = {text.get_text(): text.get_ha() for text in ax.texts}
    assert sides == {"Anchorage": "right", "Juneau": "left"}
