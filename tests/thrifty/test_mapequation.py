"""Code lengths: by hand, against the official program, and whatever must hold for every map."""

import warnings

import infomap
import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkit import toy_networks
from thrifty.flows import CONVENTIONS, sums
from thrifty.mapequation import codelength, flow
from thrifty.networks import network

CASES = {"undirected": (False, {})} | {name: (True, how) for name, how in CONVENTIONS.items()}

links_of = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.25, 1.0, 3.0])),
    min_size=1,
    max_size=25,
)
groups_of = st.lists(st.integers(0, 3), min_size=10, max_size=10)


def official(links, modules, directed, recorded=False, to="links", markov_time=1.0):
    """The official program's code length of given modules; with None, its own tree and length."""
    with warnings.catch_warnings():
        # Its options move to another place in a later version.
        warnings.simplefilter("ignore")
        engine = infomap.Infomap(
            silent=True,
            no_infomap=modules is not None,
            two_level=modules is not None,
            directed=directed,
            recorded_teleportation=recorded,
            to_nodes=to == "nodes",
            markov_time=markov_time,
            seed=1,
        )
        for node in range(10):
            engine.add_node(node)
        for link in links:
            engine.add_link(*link)
        if modules is not None:
            engine.initial_partition = dict(enumerate(modules))
        engine.run()
        return engine.codelength, {node.node_id: node.path[:-1] for node in engine.nodes}


@pytest.mark.parametrize("case", CASES)
@given(links=links_of, modules=groups_of, markov_time=st.sampled_from([1.0, 0.5, 2.0]))
def test_given_modules_cost_what_the_official_program_says(case, links, modules, markov_time):
    directed, how = CASES[case]
    net = network(links, directed=directed, nodes=range(10))
    theirs, _ = official(links, modules, directed, markov_time=markov_time, **how)
    ours = codelength(net, modules, markov_time=markov_time, **how)
    assert ours.bits == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
@given(links=links_of)
def test_trees_cost_what_the_official_program_says(case, links):
    directed, how = CASES[case]
    theirs, paths = official(links, None, directed, **how)
    net = network(links, directed=directed, nodes=range(10))
    assert codelength(net, paths, **how).bits == pytest.approx(theirs, abs=1e-9)


# One level, two levels, from the papers' figures and the official program 2.16.
@pytest.mark.parametrize(
    ("toy", "one_level", "bits"),
    [
        (toy_networks.two_triangles(), 2.556657, 2.320730),
        (toy_networks.ring_of_cliques(30), 7.219991, 3.210618),
        (toy_networks.ring_of_cliques(16), 6.313101, 3.128174),
        (toy_networks.figure_one(), 4.526981, 3.048112),
        (toy_networks.nine_triangles(), 4.745546, 3.385831),
        (toy_networks.flow_network(), 3.921914, 2.943515),
        (toy_networks.source_sink_network(), 2.970951, 2.150978),
    ],
)
def test_known_networks(toy, one_level, bits):
    found = codelength(toy.graph(), toy.groups)
    assert found.one_level == pytest.approx(one_level, abs=5e-7)
    assert found.bits == pytest.approx(bits, abs=5e-7)


def test_nine_triangles_three_ways():
    graph = toy_networks.nine_triangles().graph()
    for groups, bits in [(9, 3.602572), (3, 3.517755)]:
        two = codelength(graph, [node // groups for node in range(27)])
        assert two.bits == pytest.approx(bits, abs=5e-7)


def test_three_modules_in_a_chain():
    # A triangle, a pair and a triangle: nine links, so that L is a multiple of 1/9.
    links = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 5)]
    found = codelength(links, [0, 0, 0, 1, 1, 2, 2, 2])
    assert found.bits == pytest.approx(23 / 9, abs=1e-12)
    assert found.one_level == pytest.approx(2.974938, abs=5e-7)


# What the best modularity of many Louvain runs costs in bits: longer, or the same modules.
@pytest.mark.parametrize(
    ("graph", "weight", "groups", "one_level", "bits"),
    [
        (toy_networks.two_triangles().graph(), "weight", 2, 2.556657, 2.320730),
        (toy_networks.ring_of_cliques(30).graph(), "weight", 15, 7.219991, 3.760433),
        (toy_networks.ring_of_cliques(16).graph(), "weight", 16, 6.313101, 3.128174),
        (nx.karate_club_graph(), "weight", 4, 4.634008, 4.171125),
        (nx.karate_club_graph(), None, 4, 4.704423, 4.334332),
        (nx.les_miserables_graph(), "weight", 6, 5.336154, 4.218838),
        (nx.davis_southern_women_graph(), "weight", 3, 4.823940, 4.767984),
        (nx.florentine_families_graph(), "weight", 3, 3.720951, 3.466935),
        (nx.barbell_graph(8, 0), "weight", 2, 3.998497, 3.143904),
    ],
)
def test_what_the_best_modularity_costs(graph, weight, groups, one_level, bits):
    best = max(
        (nx.community.louvain_communities(graph, weight, seed=seed) for seed in range(60)),
        key=lambda found: nx.community.modularity(graph, found, weight),
    )
    modules = {node: place for place, group in enumerate(best) for node in group}
    found = codelength(graph, modules, weight=weight)
    assert len(best) == groups
    assert found.one_level == pytest.approx(one_level, abs=5e-7)
    assert found.bits == pytest.approx(bits, abs=5e-7)


# Four groups and one module, in bits, of two networks that differ in directions alone.
@pytest.mark.parametrize(
    ("convention", "flowing", "sinking"),
    [
        ("links, not recorded", (2.943515, 3.921914), (2.150978, 2.970951)),
        ("nodes, not recorded", (2.896941, 3.914429), (2.003487, 2.979869)),
        ("links, recorded", (3.318906, 3.921914), (4.195100, 2.970951)),
        ("nodes, recorded", (3.327732, 3.938540), (4.576874, 3.932101)),
    ],
)
def test_the_convention_decides_whether_groups_pay(convention, flowing, sinking):
    how = CONVENTIONS[convention]
    for toy, expected in [
        (toy_networks.flow_network(), flowing),
        (toy_networks.source_sink_network(), sinking),
    ]:
        found = [codelength(toy.graph(), groups, **how).bits for groups in (toy.groups, [0] * 16)]
        assert found == pytest.approx(expected, abs=5e-7)


def test_two_triangles_by_hand():
    found = codelength(toy_networks.two_triangles().graph(), ["left"] * 3 + ["right"] * 3)
    assert set(found.books) == {(), ("left",), ("right",)}
    top = found.books[()]
    assert dict(top.words) == pytest.approx({("left",): 1 / 14, ("right",): 1 / 14})
    assert top.bits == pytest.approx(1 / 7)
    left = dict(found.books[("left",)].words)
    assert left == pytest.approx({0: 2 / 14, 1: 2 / 14, 2: 3 / 14, "exit": 1 / 14})


@given(links=links_of, modules=groups_of, directed=st.booleans(), recorded=st.booleans())
def test_what_holds_for_every_map(links, modules, directed, recorded):
    net = network(links, directed=directed, nodes=range(10))
    walk = flow(net, recorded=recorded and directed)
    found = codelength(walk, modules)
    # The books' costs are the bits, and each book's cost is its rate times its entropy.
    assert sum(book.bits for book in found.books.values()) == pytest.approx(found.bits, abs=1e-12)
    assert found.index == pytest.approx(found.books[()].bits, abs=1e-12)
    for book in found.books.values():
        assert book.bits == pytest.approx(book.rate * book.entropy)
    # One module is one code book, the entropy of the visits.
    assert codelength(walk, ["all"] * 10).bits == pytest.approx(found.one_level, abs=1e-12)
    # Names mean nothing.
    renamed = codelength(walk, {node: "abcd"[modules[node]] for node in range(10)})
    assert renamed.bits == pytest.approx(found.bits, abs=1e-12)
    # A level with a single module says nothing that must be told.
    nested = codelength(walk, [("top", module) for module in modules])
    assert nested.bits == pytest.approx(found.bits, abs=1e-12)


@given(links=links_of, modules=groups_of)
def test_the_formula_of_the_article(links, modules):
    """Undirected, two levels: q log q - 2 sum q_m log q_m - sum p log p + sum of books."""
    net = network(links, nodes=range(10))
    walk = flow(net)
    h = lambda x: x * np.log2(x) if x > 0 else 0.0  # noqa: E731
    modules = np.array(modules)
    total = -sum(h(p) for p in walk.visits)
    leaving = []
    for module in set(modules.tolist()):
        out = (modules[walk.sources] == module) & (modules[walk.targets] != module)
        q, p = walk.rates[out].sum(), walk.visits[modules == module].sum()
        leaving.append(q)
        total += h(q + p) - 2 * h(q)
    assert codelength(walk, modules).bits == pytest.approx(total + h(sum(leaving)), abs=1e-9)


def test_visits_of_an_undirected_walk_are_shares_of_link_ends():
    karate = nx.karate_club_graph()
    degrees = np.array([degree for _, degree in karate.degree(weight="weight")])
    np.testing.assert_allclose(flow(karate).visits, degrees / degrees.sum(), atol=1e-15)


def test_recorded_jumps_to_nodes_are_page_rank():
    graph = nx.gnp_random_graph(40, 0.06, seed=3, directed=True)
    assert any(degree == 0 for _, degree in graph.out_degree)
    ranks = nx.pagerank(graph, alpha=0.85, tol=1e-13, max_iter=1000)
    visits = flow(graph, recorded=True, to="nodes").visits
    np.testing.assert_allclose(visits, [ranks[node] for node in graph], atol=1e-12)


@pytest.mark.parametrize("teleportation", [0.001, 0.01, 0.6])
@pytest.mark.parametrize("how", CONVENTIONS.values())
def test_rare_jumps_settle_too(teleportation, how):
    """The walk of these networks nearly has a period, so that rounding errors last."""
    for toy in (toy_networks.flow_network(), toy_networks.source_sink_network()):
        walk = flow(toy.graph(), teleportation=teleportation, **how)
        if walk.jumps.any():
            # What a step does not change is what it was.
            after = sums(walk.targets, walk.rates, 16) + walk.jumps.sum() * walk.landing
            np.testing.assert_allclose(after, walk.visits, atol=1e-12)
        assert walk.visits.sum() == pytest.approx(1)


@pytest.mark.parametrize("case", CASES)
def test_networks_without_flow_cost_nothing(case):
    directed, how = CASES[case]
    for links, nodes in [([], ()), ([], "ab"), ([("a", "a")], "a")]:
        net = network(links, nodes=nodes, directed=directed)
        found = codelength(net, list(range(len(nodes))), **how)
        assert np.isfinite(found.bits) and found.bits >= 0
    empty = codelength([], [])
    assert empty.bits == 0 and empty.books[()].words == ()


def test_a_cycle_that_only_jumps_can_leave():
    rates = flow([(0, 1), (1, 0)], directed=True, teleportation=1.0, recorded=True).rates
    assert rates.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("call", "error", "fragment"),
    [
        (lambda: flow([(0, 1)], teleportation=0), ValueError, "above 0"),
        (lambda: flow([(0, 1)], teleportation=1.5), ValueError, "must be in 0..1, got 1.5"),
        (lambda: flow([(0, 1)], to="anywhere"), ValueError, "got 'anywhere'"),
        (lambda: flow([(0, 1)], recorded="yes"), TypeError, "must be True or False, got 'yes'"),
        (lambda: flow([(0, 1)], markov_time=0), ValueError, "above 0, got 0"),
        (lambda: codelength([(0, 1)], [0]), ValueError, "each of 2 nodes, got 1"),
        (lambda: codelength([(0, 1)], {0: "m"}), ValueError, "says nothing of the node 1"),
        (lambda: codelength([(0, 1)], {0: 1, 1: 1, 2: 1}), ValueError, "names 2"),
        (lambda: codelength([(0, 1)], [(), 1]), ValueError, "the node 0 has the empty path"),
        (lambda: codelength([(0, 1)], ["m", ("m", 1)]), ValueError, "side by side"),
        (lambda: codelength(flow([(0, 1)]), [0, 0], to="nodes"), TypeError, "to: this Flow has"),
    ],
)
def test_errors_name_what_is_wrong(call, error, fragment):
    with pytest.raises(error) as caught:
        call()
    assert fragment in str(caught.value)
