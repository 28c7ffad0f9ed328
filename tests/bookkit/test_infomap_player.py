"""InfoMap player: it shows the library's history, in the same words in both languages."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ElementTree

import networkx as nx
import pytest

from bookkit import toy_networks
from bookkit.explorers.infomap_player import ALONE, InfomapPlayer, number
from bookkit.network_picture import letter
from bookkit.search_frames import STEPS, letters
from thrifty.infomap import find_communities

SVG = "{http://www.w3.org/2000/svg}"
MODEL = "document.querySelector('.bk-live').model"


def player(graph, **options):
    options = {"seed": 1, "weight": None, "caption": "Under test."} | options
    return InfomapPlayer(graph, **options)


def nested_rings():
    """Rings of rings, where only grouping many modules at once gets on."""
    return toy_networks.ring_of_cliques(16, 3).graph()


PLAYERS = {
    "karate": lambda: player(nx.karate_club_graph()),
    "karate, two trials": lambda: player(nx.karate_club_graph(), seed=4, trials=2),
    "miserables": lambda: player(nx.les_miserables_graph(), seed=0, weight="weight"),
    "miserables, parts": lambda: player(nx.les_miserables_graph(), seed=6, weight="weight"),
    "nine triangles": lambda: player(toy_networks.nine_triangles().graph(), weight="weight"),
    "ring": lambda: player(nested_rings()),
    "directed": lambda: player(toy_networks.flow_network().graph()),
    "one module": lambda: player(nx.complete_graph(7)),
    "grid": lambda: player(nx.convert_node_labels_to_integers(nx.grid_2d_graph(7, 7))),
    "two parts": lambda: player(nx.disjoint_union(nx.path_graph(5), nx.cycle_graph(4))),
    "no links": lambda: player(nx.empty_graph(3)),
}


@pytest.fixture(scope="module")
def players():
    return {name: make() for name, make in PLAYERS.items()}


@pytest.fixture(scope="module")
def karate(players):
    return players["karate"]


FOLLOW = """async (last) => {
  const { model } = document.querySelector(".bk-live");
  const read = (selector) => [...document.querySelectorAll(selector)];
  const seen = [];
  for (let step = 0; step <= last; step++) {
    model.set("step", step);
    model.save_changes();
    await new Promise((go) => setTimeout(go));
    seen.push({
      told: read(".bk-told")[0].textContent,
      tags: read(".bk-net-tag text").map((node) => node.textContent),
      alone: read(".bk-net-node.bk-net-alone").length,
      moved: read(".bk-ip-moved .bk-net-name").map((node) => node.textContent),
      current: read(".bk-ip-steps li").findIndex((node) => node.ariaCurrent === "step"),
      rows: read(".bk-ip-table tbody tr").map((row) =>
        [row.className, ...[...row.children].map((cell) => cell.textContent)]),
      passing: read(".bk-ip-pass")[0].textContent,
    });
  }
  return seen;
}"""


@pytest.fixture(scope="module")
def shown(page, open_figure, players):
    """What the page shows in every frame of every player."""
    found = {}
    for name, figure in players.items():
        figure.step = 0
        open_figure(figure)
        found[name] = page.evaluate(FOLLOW, len(figure.moments) - 1)
    return found


# --- two languages --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAYERS)
def test_script_says_what_python_says(players, shown, name):
    figure = players[name]
    for figure.step, frame in enumerate(shown[name]):
        assert frame["told"] == figure.sentence()


@pytest.mark.parametrize("name", PLAYERS)
def test_script_draws_the_modules_of_the_history(players, shown, name):
    figure = players[name]
    for figure.step, frame in enumerate(shown[name]):
        modules = figure.shown_modules()
        tags = {letter(module) for module in modules if module != ALONE}
        assert set(frame["tags"]) == tags
        assert frame["alone"] == modules.count(ALONE)
        moved = figure.found.history[figure.step].moved
        assert frame["current"] == STEPS.index(figure.moment.step)
        if figure.moment.step != "groups":
            assert frame["moved"] == [str(node) for node in moved]


@pytest.mark.parametrize("name", PLAYERS)
def test_the_search_takes_the_best_of_the_choices_shown(players, shown, name):
    figure = players[name]
    asked = 0
    for moment, frame in zip(figure.moments, shown[name], strict=True):
        if len(moment.moves) != 1:
            assert frame["rows"] == []
            continue
        bits = [float(row[2]) for row in frame["rows"]]
        assert bits == sorted(bits)
        chosen = [row for row in frame["rows"] if row[0] == "bk-key-row"]
        assert len(chosen) == 1 and chosen[0][1].startswith("✓ ")
        assert chosen[0][2] == number(moment.bits) and bits[0] == float(chosen[0][2])
        stay = [row for row in frame["rows"] if row[1] == "stay"]
        assert [row[2] for row in stay] == [number(moment.was)]
        asked += 1
    assert asked or name in ("no links", "one module")


def test_tries_are_told(players, shown):
    for name, figure in players.items():
        for moment, frame in zip(figure.moments, shown[name], strict=True):
            start = f"This pass: {moment.tries} tried, {moment.moved} moved."
            if moment.step == "start":
                start = f"{len(figure.names)} modules of one node each."
            assert frame["passing"].startswith(start)
            assert moment.tries >= moment.moved or moment.step == "groups"


# --- the history ----------------------------------------------------------------------------------


def test_every_step_of_the_algorithm_is_seen(players):
    steps = {moment.step for figure in players.values() for moment in figure.moments}
    assert steps == set(STEPS)
    moved = {
        (moment.step, moment.kind)
        for figure in players.values()
        for moment in figure.moments
        if moment.moves
    }
    assert {("nodes", "nodes"), ("modules", "modules"), ("again", "nodes")} < moved
    assert ("parts", "parts") in moved


@pytest.mark.parametrize("name", PLAYERS)
def test_the_last_frame_is_what_the_library_found(players, name):
    figure = players[name]
    figure.step = 10_000
    assert figure.moment.bits == pytest.approx(figure.found.codelength, abs=5e-7)
    modules = list(figure.found.modules.values())
    assert figure.shown_modules() == [
        module if modules.count(module) > 1 else ALONE for module in modules
    ]


@pytest.mark.parametrize("name", PLAYERS)
def test_no_two_modules_have_one_letter_at_a_time(players, name):
    figure = players[name]
    for moment in figure.moments:
        named = {m: figure.letters[m] for m, size in moment.sizes.items() if size > 1}
        assert min(named.values(), default=0) >= 0
        assert len(set(named.values())) == len(named)


def test_letters_are_used_again(karate):
    found = karate.found
    given = letters(found.history, list(found.modules.values()))
    shared = [own for own in given if own >= 0]
    assert len(set(shared)) < len(shared)
    assert set(shared) == set(range(max(shared) + 1))


# --- by hand --------------------------------------------------------------------------------------


def test_followed_by_keyboard(page, open_figure, karate):
    karate.step = 0
    open_figure(karate)
    told = page.locator(".bk-told")
    press = page.get_by_role("button", name="next ▶")
    press.focus()
    for karate.step in range(1, 4):
        page.keyboard.press("Enter")
        assert told.inner_text() == karate.sentence()
    page.get_by_role("button", name="◀ back").focus()
    page.keyboard.press("Space")
    karate.step = 2
    assert told.inner_text() == karate.sentence()
    page.get_by_role("button", name="end of pass").focus()
    ends = [i for i, moment in enumerate(karate.moments) if not moment.moves and i > 2]
    for karate.step in ends:
        page.keyboard.press("Enter")
        assert told.inner_text() == karate.sentence()
    assert press.get_attribute("aria-disabled") == "true"
    page.get_by_role("slider", name="frame").focus()
    page.keyboard.press("Home")
    karate.step = 0
    assert told.inner_text() == karate.sentence()
    page.keyboard.press("ArrowRight")
    karate.step = 1
    assert told.inner_text() == karate.sentence()


def test_a_click_on_the_curve_goes_there(page, open_figure, karate):
    karate.step = 0
    open_figure(karate, styled=True)
    curve = page.locator(".bk-ip-curve")
    box = curve.bounding_box()
    curve.click(position={"x": box["width"] * 0.98, "y": box["height"] / 2})
    assert page.evaluate(f"{MODEL}.get('step')") == len(karate.moments) - 1


def test_it_plays_when_asked_and_pauses(page, open_figure, karate):
    karate.step = 0
    page.emulate_media(reduced_motion="no-preference")
    open_figure(karate)
    page.wait_for_timeout(1200)
    assert page.evaluate(f"{MODEL}.get('step')") == 0
    play = page.get_by_role("button", name="play")
    play.click()
    page.wait_for_function(f"{MODEL}.get('step') >= 2")
    assert page.locator(".bk-told").get_attribute("aria-live") == "off"
    page.get_by_role("button", name="pause").click()
    step = page.evaluate(f"{MODEL}.get('step')")
    page.wait_for_timeout(1200)
    assert page.evaluate(f"{MODEL}.get('step')") == step
    # Going by hand ends the play, and so does the last frame.
    page.get_by_role("button", name="play").click()
    page.get_by_role("button", name="last").click()
    assert page.get_by_role("button", name="play").count() == 1
    page.evaluate(f"{MODEL}.set('step', {len(karate.moments) - 2})")
    page.get_by_role("button", name="play").click()
    page.get_by_role("button", name="play").wait_for()
    assert page.evaluate(f"{MODEL}.get('step')") == len(karate.moments) - 1


def test_less_motion_leaves_the_steps(page, open_figure, karate):
    karate.step = 0
    page.emulate_media(reduced_motion="reduce")
    open_figure(karate)
    assert page.get_by_role("button", name="play").count() == 0
    page.get_by_role("button", name="next ▶").click()
    assert page.evaluate(f"{MODEL}.get('step')") == 1
    page.emulate_media(reduced_motion="no-preference")
    page.get_by_role("button", name="play").click()
    page.emulate_media(reduced_motion="reduce")
    step = page.evaluate(f"{MODEL}.get('step')")
    page.wait_for_timeout(1200)
    assert page.evaluate(f"{MODEL}.get('step')") == step
    page.emulate_media(reduced_motion="no-preference")


def test_nothing_is_wider_than_a_phone(page, open_figure, players):
    page.set_viewport_size({"width": 390, "height": 800})
    for name in ("karate", "miserables", "directed", "no links"):
        figure = players[name]
        figure.step = 0
        open_figure(figure, styled=True)
        for step in range(0, len(figure.moments), 5):
            page.evaluate(f"{MODEL}.set('step', {step})")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.set_viewport_size({"width": 1280, "height": 720})


# --- the class ------------------------------------------------------------------------------------


def test_picture_draws_every_node(players):
    for figure in players.values():
        for step in (0, len(figure.moments) // 2, len(figure.moments)):
            figure.step = step
            root = ElementTree.fromstring(figure.picture())
            texts = [node.text for node in root.iter(f"{SVG}text")]
            assert all(name in texts for name in figure.names)


def test_state_is_small(players):
    for name, most in [("karate", 2500), ("miserables", 6500)]:
        assert len(gzip.compress(json.dumps(players[name].state()).encode())) < most


def test_only_the_controls_asked_for(page, open_figure, karate):
    figure = player(nx.karate_club_graph(), controls=["step"])
    open_figure(figure)
    assert page.get_by_role("button", name="play").count() == 0
    open_figure(player(nx.karate_club_graph(), controls=[]))
    assert page.get_by_role("button").count() == 0
    assert page.get_by_role("slider").count() == 0


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(ValueError, match="seed must be >= 0"):
        player(nx.path_graph(3), seed=-1)
    with pytest.raises(ValueError, match="at most 2000 nodes"):
        player(nx.path_graph(2001))


def test_the_history_is_that_of_the_best_trial(players):
    figure = players["karate, two trials"]
    again = find_communities(nx.karate_club_graph(), seed=4, trials=2, weight=None, history=True)
    assert [moment.modules for moment in figure.moments] == [
        frame.modules for frame in again.history
    ]
