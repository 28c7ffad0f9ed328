"""Walks told in bits: what is written can be read, and costs what the formula says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkit import toy_networks
from thrifty.flows import CONVENTIONS, sums
from thrifty.mapequation import EXIT, MapCode, codelength, flow, trace
from thrifty.networks import network

CASES = {"undirected": (False, {})} | {name: (True, how) for name, how in CONVENTIONS.items()}
BATCHES = 50

links_of = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.25, 1.0, 3.0])),
    min_size=1,
    max_size=25,
)
# Two levels, and trees: a module of a tree is a path.
groups_of = st.lists(st.integers(0, 3), min_size=10, max_size=10) | st.lists(
    st.sampled_from([("a",), ("b", 0), ("b", 1), ("c", 0, 0), ("c", 0, 1), ("c", 1, 0)]),
    min_size=10,
    max_size=10,
)


def deviation(costs, expected):
    """How many standard errors the mean cost is off; steps depend on each other, long batches
    of them hardly do."""
    means = costs.reshape(BATCHES, -1).mean(axis=1)
    return (means.mean() - expected) / max(means.std(ddof=1) / BATCHES**0.5, 1e-9)


@pytest.mark.parametrize("case", CASES)
@given(links=links_of, modules=groups_of, seed=st.integers(0, 9))
def test_what_is_told_can_be_read(case, links, modules, seed):
    directed, how = CASES[case]
    net = network(links, directed=directed, nodes=range(10))
    told = trace(net, modules, 60, seed, **how)
    bits = told.stream()
    assert told.code.decode(bits, told.walk[0], told.restarts) == told.walk
    assert len(bits) == told.lengths.sum()
    assert len(told.stream(flat=True)) == told.flat_lengths.sum()
    assert len(told.walk) == 61 and len(told.lengths) == len(told.ideal) == 60
    for step in range(60):
        words = told.words(step)
        assert sum(len(word) for *_, word in words) == told.lengths[step]
        ideal = sum(told.code.ideal(path, symbol) for path, symbol, _ in words)
        assert ideal == pytest.approx(told.ideal[step])


@pytest.mark.parametrize("case", CASES)
@given(links=links_of, modules=groups_of)
def test_words_cost_what_the_formula_says_and_less_than_a_bit_more_each(case, links, modules):
    directed, how = CASES[case]
    found = codelength(network(links, directed=directed, nodes=range(10)), modules, **how)
    code = MapCode(found)
    used = sum(book.rate for book in found.books.values())
    assert found.bits - 1e-9 <= code.expected <= found.bits + used + 1e-9
    ideal = sum(
        rate * code.ideal(path, EXIT if path and place == len(book.words) - 1 else symbol)
        for path, book in found.books.items()
        for place, (symbol, rate) in enumerate(book.words)
        if rate > 1e-14
    )
    assert ideal == pytest.approx(found.bits, abs=1e-9)


# The chance that a mean is 4.5 standard errors off is 1 in 100,000; the seeds are fixed.
@pytest.mark.parametrize("toy", ["flow_network", "source_sink_network"])
@pytest.mark.parametrize("case", CONVENTIONS)
def test_a_long_walk_costs_what_the_formula_says(toy, case):
    toy = getattr(toy_networks, toy)()
    told = trace(toy.graph(), toy.groups, 100_000, seed=1, **CONVENTIONS[case])
    assert abs(deviation(told.ideal, told.length.bits)) < 4.5
    assert abs(deviation(told.lengths, told.code.expected)) < 4.5


@pytest.mark.parametrize("levels", [2, 3])
def test_a_long_undirected_walk_costs_what_the_formula_says(levels):
    toy = toy_networks.nine_triangles()
    modules = toy.groups if levels == 3 else [group[0] for group in toy.groups]
    told = trace(toy.graph(), modules, 100_000, seed=1)
    assert abs(deviation(told.ideal, told.length.bits)) < 4.5
    assert abs(deviation(told.lengths, told.code.expected)) < 4.5
    # A wrong formula would be seen: a tenth of a bit is far out.
    assert abs(deviation(told.ideal, told.length.bits + 0.1)) > 10


@pytest.mark.parametrize("case", CASES)
def test_a_long_walk_takes_each_step_as_often_as_the_flow_says(case):
    directed, how = CASES[case]
    links = [(0, 1), (1, 2), (2, 0, 2.0), (2, 3), (3, 3, 0.5), (4, 0), (3, 5)]
    walk = flow(network(links, directed=directed), **how)
    told = trace(walk, range(6), 100_000, seed=3)
    place = walk.network.places
    ends = np.array([place[node] for node in told.walk])
    shares = np.bincount(ends[1:], minlength=6) / 100_000
    np.testing.assert_allclose(shares, walk.visits, atol=0.006)
    origins = ends[:-1].copy()
    for step, node in told.restarts.items():
        origins[step] = place[node]
    taken = np.bincount(origins * 6 + ends[1:], minlength=36) / 100_000
    expected = sums(walk.sources * 6 + walk.targets, walk.rates, 36)
    expected += np.outer(walk.jumps, walk.landing).ravel()
    np.testing.assert_allclose(taken, expected, atol=0.006)


def test_the_network_of_the_paper():
    toy = toy_networks.figure_one()
    told = trace(toy.graph(), toy.groups, 200_000, seed=0)
    assert told.flat_bits == pytest.approx(4.558, abs=0.01)
    assert told.bits == pytest.approx(3.088, abs=0.01)
    assert told.code.expected == pytest.approx(3.0879, abs=5e-5)
    assert told.running()[-1] == pytest.approx(told.bits)
    assert told.running(flat=True)[-1] == pytest.approx(told.flat_bits)
    assert told.restarts == {}


def test_silent_jumps_are_not_in_the_stream():
    """In the source-sink network every step ends where no link goes on."""
    toy = toy_networks.source_sink_network()
    told = trace(toy.graph(), toy.groups, 500, seed=0)
    assert len(told.restarts) > 490
    recorded = trace(toy.graph(), toy.groups, 500, seed=0, recorded=True)
    assert recorded.restarts == {}
    with pytest.raises(ValueError, match="no word of the book|within a step"):
        for cut in range(1, 9):
            told.code.decode(told.stream()[:-cut], told.walk[0], told.restarts)


def test_a_node_may_be_called_exit():
    told = trace([("exit", "b"), ("b", "c")], {"exit": 0, "b": 0, "c": 1}, 50, seed=0)
    assert told.code.decode(told.stream(), told.walk[0]) == told.walk
    assert set(told.code.books[0,].words) == {"exit", "b", EXIT} and repr(EXIT) == "exit"


@pytest.mark.parametrize("convention", CONVENTIONS.values())
def test_a_walk_that_only_jumps(convention):
    told = trace([(0, 1), (1, 2)], [0, 0, 1], 40, 0, directed=True, teleportation=1, **convention)
    assert told.code.decode(told.stream(), told.walk[0], told.restarts) == told.walk


def test_the_same_seed_tells_the_same_walk():
    toy = toy_networks.two_triangles()
    first, again, other = (trace(toy.graph(), toy.groups, 100, seed).walk for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    ("call", "error", "fragment"),
    [
        (lambda: trace([(0, 1)], [0, 0], 0, 0), ValueError, "steps must be >= 1, got 0"),
        (lambda: trace([(0, 1)], [0, 0], 2.5, 0), TypeError, "steps must be an int"),
        (lambda: trace([(0, 1)], [0, 0], 5, -1), ValueError, "seed must be >= 0"),
        (lambda: trace([(0, 1)], [0], 5, 0), ValueError, "each of 2 nodes, got 1"),
        (lambda: trace([], [], 5, 0), ValueError, "no walk to tell"),
        (lambda: trace([(0, 1)], [0, 0], 5, 0, markov_time=2), ValueError, "markov_time=1 only"),
        (lambda: trace(flow([(0, 1)]), [0, 0], 5, 0, to="nodes"), TypeError, "has its convention"),
    ],
)
def test_errors_name_what_is_wrong(call, error, fragment):
    with pytest.raises(error) as caught:
        call()
    assert fragment in str(caught.value)


def test_streams_that_no_walk_wrote_are_refused():
    toy = toy_networks.two_triangles()
    code = MapCode(codelength(toy.graph(), toy.groups))
    for call, fragment in [
        (lambda: code.decode("1", 0), "within a step"),
        (lambda: code.decode("10", "nobody"), "'nobody' is no node"),
        (lambda: code.encode([0, "nobody"]), "'nobody' is no node"),
        (lambda: code.decode("1x", 0), "begins '1x'"),
        (lambda: code.word((0,), 5), "never uses 5 in the book"),
    ]:
        with pytest.raises(ValueError, match=fragment):
            call()
    with pytest.raises(TypeError, match="string of 0 and 1"):
        code.decode(10, 0)
