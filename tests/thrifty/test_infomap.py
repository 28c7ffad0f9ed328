"""The search: the same moves as the plain one, the least code length where it can be enumerated."""

import functools
import itertools
import os
import re
import subprocess
import sys
import warnings

import infomap as official
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookkit import toy_networks
from thrifty import _search, plain_infomap
from thrifty.flows import CONVENTIONS, flow
from thrifty.infomap import find_communities
from thrifty.mapequation import codelength
from thrifty.networks import network

CASES = {"undirected": (False, {})} | {name: (True, how) for name, how in CONVENTIONS.items()}

GRAPHS = {
    "karate": nx.karate_club_graph(),
    "miserables": nx.les_miserables_graph(),
    "davis": nx.davis_southern_women_graph(),
    "florentine": nx.florentine_families_graph(),
    "nine triangles": toy_networks.nine_triangles().graph(),
    "figure one": toy_networks.figure_one().graph(),
    "ring": toy_networks.ring_of_cliques().graph(),
    "flow": toy_networks.flow_network().graph(),
    "source and sink": toy_networks.source_sink_network().graph(),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(10, 10)),
    "tree": nx.random_labeled_tree(200, seed=1),
    "small world": nx.watts_strogatz_graph(300, 6, 0.1, seed=2),
    "preferential": nx.barabasi_albert_graph(300, 2, seed=3),
    "blocks": nx.planted_partition_graph(8, 25, 0.4, 0.02, seed=4),
    "directed blocks": nx.planted_partition_graph(8, 25, 0.2, 0.01, seed=5, directed=True),
    "one way": nx.gnp_random_graph(200, 0.012, seed=6, directed=True),
}

links_of = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 11), st.sampled_from([0.25, 1.0, 3.0])),
    max_size=30,
)


def run_official(graph, two_level):
    places = {node: place for place, node in enumerate(graph)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = official.Infomap(
            silent=True, two_level=two_level, directed=graph.is_directed(), seed=1
        )
        for place in places.values():
            engine.add_node(place)
        for source, target, data in graph.edges(data=True):
            engine.add_link(places[source], places[target], data.get("weight", 1.0))
        engine.run()
        return engine.codelength


@pytest.mark.parametrize("levels", [2, None])
@pytest.mark.parametrize("name", GRAPHS)
def test_two_trials_are_never_much_longer_than_the_official_program(name, levels):
    graph = GRAPHS[name]
    theirs = run_official(graph, levels == 2)
    ours = find_communities(graph, seed=1, levels=levels)
    assert ours.codelength <= theirs * (1 + (1e-3 if len(graph) > 30 else 1e-9))


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("patient", [True, False])
def test_the_plain_search_makes_the_same_moves(name, patient):
    walk = flow(GRAPHS[name])
    net = _search.net_of(walk)
    root = np.zeros(len(net), np.int32)
    for seed in range(3):
        fast, _ = _search.search(net, root, np.zeros(1), np.random.default_rng(seed), patient)
        plain = plain_infomap.search(
            plain_infomap.level_of(walk), np.random.default_rng(seed), patient=patient
        )
        assert fast.tolist() == plain


@given(links=links_of, directed=st.booleans(), seed=st.integers(0, 9), patient=st.booleans())
def test_the_plain_search_makes_the_same_moves_on_random_networks(links, directed, seed, patient):
    walk = flow(network(links, directed=directed, nodes=range(12)))
    net = _search.net_of(walk)
    root = np.zeros(12, np.int32)
    fast, _ = _search.search(net, root, np.zeros(1), np.random.default_rng(seed), patient)
    plain = plain_infomap.search(
        plain_infomap.level_of(walk), np.random.default_rng(seed), patient=patient
    )
    assert fast.tolist() == plain


def partitions(count):
    """All ways to group nodes, as lists of module numbers."""

    def extend(modules):
        if len(modules) == count:
            yield modules
            return
        for module in range(max(modules, default=-1) + 2):
            yield from extend([*modules, module])

    return list(extend([]))


GROUPINGS = np.array(partitions(7))


def lengths_of_all(walk):
    """The code length of every grouping of seven nodes, by the formula, all at once."""
    h = lambda x: np.where(x > 1e-15, x * np.log2(np.maximum(x, 1e-300)), 0.0)  # noqa: E731
    member = (GROUPINGS[:, None] == np.arange(7)[:, None]).astype(float)
    rates = np.zeros((7, 7))
    np.add.at(rates, (walk.sources, walk.targets), walk.rates)
    visits, jumps, landing = (member @ x for x in (walk.visits, walk.jumps, walk.landing))
    inside = np.einsum("gma,ab,gmb->gm", member, rates, member)
    leave = member @ rates.sum(1) - inside + jumps * (1 - landing)
    enter = member @ rates.sum(0) - inside + (walk.jumps.sum() - jumps) * landing
    books = h(leave + visits) - h(leave) - h(enter)
    return h(enter.sum(1)) + books.sum(1) - h(walk.visits).sum()


@settings(max_examples=200)
@given(
    links=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from([1.0, 2.0])),
        min_size=3,
        max_size=15,
    ),
    case=st.sampled_from(sorted(CASES)),
)
def test_the_least_length_of_all_groupings_is_found(links, case):
    directed, how = CASES[case]
    walk = flow(network(links, directed=directed, nodes=range(7)), **how)
    least = lengths_of_all(walk).min()
    found = find_communities(walk, seed=0, trials=20).codelength
    assert found >= least - 1e-9
    assert found <= least + 1e-9


@given(links=links_of, case=st.sampled_from(sorted(CASES)), seed=st.integers(0, 99))
def test_what_holds_for_every_network(links, case, seed):
    directed, how = CASES[case]
    walk = flow(network(links, directed=directed, nodes=range(12)), **how)
    two = find_communities(walk, seed=seed)
    deep = find_communities(walk, seed=seed, levels=None)
    # What the search says of its result is what the map equation says of it.
    for found in (two, deep):
        told = codelength(walk, found.tree)
        assert found.codelength == pytest.approx(told.bits, abs=1e-9)
        assert found.one_level == pytest.approx(told.one_level, abs=1e-9)
        assert found.codelength == min(found.trials)
    assert deep.codelength <= two.codelength + 1e-9
    assert two.codelength <= two.one_level + 1e-9
    # The same seed, the same answer; names mean nothing.
    again = find_communities(walk, seed=seed)
    assert (again.modules, again.trials) == (two.modules, two.trials)
    letters = network(
        [("abcdefghijkl"[a], "abcdefghijkl"[b], w) for a, b, w in links],
        directed=directed,
        nodes="abcdefghijkl",
    )
    renamed = find_communities(flow(letters, **how), seed=seed)
    assert list(renamed.modules.values()) == list(two.modules.values())


NOTED = ["karate", "miserables", "nine triangles", "ring", "tree", "blocks", "directed blocks"]


@pytest.mark.parametrize("name", NOTED)
def test_every_move_shortens_the_description(name):
    graph = GRAPHS[name]
    noted = find_communities(graph, seed=3, history=True)
    assert noted.modules == find_communities(graph, seed=3).modules
    assert noted.history[0].modules == tuple(range(len(graph)))
    for before, after in itertools.pairwise(noted.history):
        assert after.bits < before.bits if after.moved else after.bits == before.bits
        assert codelength(graph, list(after.modules)).bits == pytest.approx(after.bits, abs=1e-9)
        changed = {
            node
            for node, old, new in zip(graph, before.modules, after.modules, strict=True)
            if old != new
        }
        assert changed == set(after.moved)
    assert noted.history[-1].bits == pytest.approx(noted.codelength, abs=1e-9)
    assert not noted.history[-1].moved


@pytest.mark.parametrize("name", NOTED)
def test_a_move_is_that_of_one_unit_and_the_last_pass_moves_none(name):
    graph = GRAPHS[name]
    history = find_communities(graph, seed=3, history=True).history
    moves = passes = 0
    for before, frame in itertools.pairwise(history):
        if frame.event == "group modules":
            continue
        members = {
            node: [other for other, unit in zip(graph, frame.units, strict=True) if unit == own]
            for node, own in zip(graph, frame.units, strict=True)
        }
        assert all(list(frame.moved) == members[node] for node in frame.moved)
        # The tries are counted from the moment when the units were made.
        if (before.event, before.units) == (frame.event, frame.units) and before.moved:
            assert frame.tries > before.tries - (not frame.moved)
        # A unit lies in one module, before and after.
        assert len(set(frame.units)) == len(set(zip(frame.units, frame.modules, strict=True)))
        moves, passes = moves + bool(frame.moved), passes + (not frame.moved)
    assert moves > 9 and passes > 3
    units = [frame.units for frame in history if frame.event == "grow"]
    assert units[0] == tuple(range(len(graph)))
    assert len(set(units[-1])) < len(graph)


def test_parts_and_groups_are_noted():
    events = {}
    for name in NOTED:
        for frame in find_communities(GRAPHS[name], seed=3, trials=4, history=True).history:
            events.setdefault(frame.event, []).append(bool(frame.moved))
    assert any(events["move parts"])
    assert set(events) <= {"start", "grow", "move nodes again", "move parts", "group modules"}
    one = find_communities(nx.complete_graph(6), seed=0, history=True).history[-1]
    assert set(one.modules) == {one.modules[0]}


# From the official program 2.16, ten trials.
@pytest.mark.parametrize(
    ("graph", "options", "bits", "modules"),
    [
        (toy_networks.two_triangles().graph(), {}, 2.320730, 2),
        (toy_networks.nine_triangles().graph(), {}, 3.517755, 9),
        (toy_networks.nine_triangles().graph(), {"levels": None}, 3.371875, 5),
        (toy_networks.ring_of_cliques(30).graph(), {}, 3.210618, 30),
        (toy_networks.ring_of_cliques(30).graph(), {"levels": None}, 3.093532, 6),
        (toy_networks.ring_of_cliques(16).graph(), {"levels": None}, 3.072712, 6),
        (toy_networks.figure_one().graph(), {}, 3.048112, 4),
        (nx.karate_club_graph(), {}, 4.087423, 3),
        (nx.karate_club_graph(), {"weight": None}, 4.311793, 3),
        (nx.les_miserables_graph(), {}, 4.204715, 10),
        (nx.davis_southern_women_graph(), {}, 4.708038, 2),
        (nx.florentine_families_graph(), {}, 3.446962, 4),
        (nx.barbell_graph(8, 0), {}, 3.143904, 2),
        (toy_networks.flow_network().graph(), {}, 2.943515, 4),
        (toy_networks.flow_network().graph(), CONVENTIONS["nodes, not recorded"], 2.896941, 4),
        (toy_networks.flow_network().graph(), CONVENTIONS["links, recorded"], 3.318906, 4),
        (toy_networks.flow_network().graph(), CONVENTIONS["nodes, recorded"], 3.327732, 4),
        (toy_networks.source_sink_network().graph(), {}, 2.034498, 4),
        (
            toy_networks.source_sink_network().graph(),
            CONVENTIONS["nodes, not recorded"],
            1.918591,
            4,
        ),
        (toy_networks.source_sink_network().graph(), CONVENTIONS["nodes, recorded"], 3.932101, 1),
    ],
)
def test_known_networks(graph, options, bits, modules):
    found = find_communities(graph, seed=0, trials=10, **options)
    assert found.codelength == pytest.approx(bits, abs=5e-7)
    assert len(found.groups()) == modules


AWKWARD = {
    "no nodes": ([], ()),
    "one node": ([], "a"),
    "a loop": ([("a", "a")], "a"),
    "no links": ([], "abc"),
    "two parts": ([("a", "b"), ("c", "d")], "abcd"),
    "isolated": ([("a", "b")], "abc"),
    "star": ([("a", other) for other in "bcdef"], "abcdef"),
    "one-way circle": ([(i, (i + 1) % 30) for i in range(30)], range(30)),
    "one-way path": ([(i, i + 1) for i in range(29)], range(30)),
    "huge and tiny": ([("a", "b", 1e300), ("b", "c", 1e-300)], "abc"),
    "twice": ([("a", "b"), ("b", "a"), ("a", "b", 2)], "ab"),
    "complete": ([(a, b) for a in range(12) for b in range(a)], range(12)),
    "path": ([(i, i + 1) for i in range(200)], range(201)),
}


@pytest.mark.parametrize("levels", [2, None])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_networks_end_with_a_finite_length(name, case, levels):
    links, nodes = AWKWARD[name]
    directed, how = CASES[case]
    walk = flow(network(links, directed=directed, nodes=nodes), **how)
    found = find_communities(walk, seed=0, levels=levels)
    assert set(found.modules) == set(nodes)
    assert np.isfinite(found.codelength)
    assert found.codelength == pytest.approx(codelength(walk, found.tree).bits, abs=1e-9)


@st.composite
def shapes(draw):
    """Trees, circles, stars, parts without a way out, loops, isolated nodes, wild weights."""
    count = draw(st.integers(1, 14))
    weights = st.sampled_from([1e-12, 0.1, 1.0, 1.0, 1.0, 1e9])
    links = []
    while count > 1 and draw(st.booleans()):
        kind = draw(st.sampled_from(["tree", "circle", "star", "loop", "pairs", "complete"]))
        members = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8, unique=True))
        if kind == "tree":
            pairs = [
                (members[draw(st.integers(0, i - 1))], members[i]) for i in range(1, len(members))
            ]
        elif kind == "circle":
            pairs = [(a, b) for a, b in zip(members, members[1:] + members[:1], strict=True)]
        elif kind == "star":
            pairs = [(members[0], b) for b in members[1:]]
        elif kind == "loop":
            pairs = [(a, a) for a in members]
        elif kind == "pairs":
            pairs = list(zip(members[::2], members[1::2], strict=False))
        else:
            pairs = list(itertools.combinations(members, 2))
        links += [(a, b, draw(weights)) for a, b in pairs]
    return network(links, directed=draw(st.booleans()), nodes=range(count))


@settings(max_examples=150)
@given(
    net=shapes(),
    case=st.sampled_from(sorted(CONVENTIONS)),
    teleportation=st.sampled_from([1e-3, 0.15, 1.0]),
    seed=st.integers(0, 9),
)
def test_every_shape_ends_in_both_languages(net, case, teleportation, seed):
    how = CONVENTIONS[case] | {"teleportation": teleportation}
    walk = flow(net, **(how if net.directed else {}))
    for levels in (2, None):
        found = find_communities(walk, seed=seed, levels=levels)
        assert np.isfinite(found.codelength)
        assert found.codelength == pytest.approx(codelength(walk, found.tree).bits, abs=1e-9)
    if not walk.jumps.any():
        tries, rounds = [], []

        def note(event, modules, units, unit, tried):
            tries.append(tried / (100 * len(set(units)) + 1000))
            rounds.append(event == "move nodes again" and unit is None)

        level = plain_infomap.level_of(walk)
        plain = plain_infomap.search(level, np.random.default_rng(seed), note)
        # Far from the bound, which no search may need.
        assert max(tries) < 0.5 and sum(rounds) < 100
        alone, root = np.zeros(1), np.zeros(len(net), np.int32)
        fast, _ = _search.search(_search.net_of(walk), root, alone, np.random.default_rng(seed))
        assert fast.tolist() == plain


def test_isolated_nodes_end_alone():
    found = find_communities(network([("a", "b"), ("b", "c")], nodes="xabcy"), seed=0)
    assert found.groups() == [["a", "b", "c"], ["x"], ["y"]]


def test_direction_matters():
    triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3), (5, 0)]
    undirected = find_communities(triangles, seed=0).codelength
    assert find_communities(triangles, seed=0, directed=True).codelength != undirected


def test_a_longer_markov_time_gives_larger_modules():
    ring = toy_networks.ring_of_cliques(16).graph()
    sizes = [
        len(find_communities(ring, seed=0, markov_time=time).groups()) for time in (1.0, 3.0, 9.0)
    ]
    assert sizes[0] == 16 and sizes[0] > sizes[1] > sizes[2]


def test_modules_are_numbered_by_visits():
    graph = nx.Graph([(0, 1)])
    graph.add_edges_from(itertools.combinations(range(2, 8), 2))
    assert find_communities(graph, seed=0).groups() == [[2, 3, 4, 5, 6, 7], [0, 1]]


FIRST_CALL = """
from thrifty import _moves
from thrifty.infomap import find_communities, warm
warm()
loops = [loop for loop in vars(_moves).values() if hasattr(loop, "stats") and loop.signatures]
known = [loop.signatures for loop in loops]
links = [(i, (i * i + 1) % 30, 1 + i % 3) for i in range(30)] + [(i, i + 1) for i in range(29)]
for directed in (False, True):
    for recorded in (False, directed):
        for levels in (2, None):
            find_communities(links, seed=0, directed=directed, recorded=recorded, levels=levels)
assert [loop.signatures for loop in loops] == known, "something was compiled after warm()"
print(sum(sum(loop.stats.cache_misses.values()) for loop in loops))
"""


def test_the_first_call_says_that_it_compiles_and_the_next_process_reads(tmp_path):
    run = functools.partial(
        subprocess.run, [sys.executable, "-c", FIRST_CALL], capture_output=True, text=True,
        check=True, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    first, second = run(), run()
    assert int(first.stdout) > 5 and int(second.stdout) == 0
    assert re.search(r"compiling the search, once on this machine", first.stderr)
    assert re.search(r"compiled in \d+ s; from now on it is read from a cache", first.stderr)
    assert second.stderr == ""


@pytest.mark.parametrize(
    ("options", "error", "fragment"),
    [
        ({"seed": -1}, ValueError, "seed must be >= 0, got -1"),
        ({"seed": None}, TypeError, "seed must be an int, got None"),
        ({"seed": 0, "trials": 0}, ValueError, "trials must be >= 1"),
        ({"seed": 0, "levels": 3}, ValueError, "levels must be 2, or None"),
        ({"seed": 0, "levels": True}, ValueError, "levels must be 2, or None"),
        ({"seed": 0, "levels": None, "history": True}, ValueError, "got levels=None and 6 nodes"),
        ({"seed": 0, "tau": 0.1}, TypeError, "tau"),
    ],
)
def test_errors_name_what_is_wrong(options, error, fragment):
    with pytest.raises(error) as caught:
        find_communities(toy_networks.two_triangles().graph(), **options)
    assert fragment in str(caught.value)


def test_the_plain_search_refuses_recorded_jumps():
    walk = flow([(0, 1), (1, 2)], directed=True, recorded=True)
    with pytest.raises(ValueError, match=r"use thrifty\.infomap for them"):
        plain_infomap.level_of(walk)
    with pytest.raises(ValueError, match="history needs jumps that are not recorded"):
        find_communities(walk, seed=0, history=True)
    with pytest.raises(TypeError, match="to: this Flow has its convention"):
        find_communities(walk, seed=0, to="nodes")
