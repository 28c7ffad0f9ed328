"""Nearest-neighbour graphs, beside a comparison of all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thrifty.neighbours import either, mutual, neighbour_graph
from thrifty.networks import network


def links(graph):
    return {
        (graph.nodes[i], graph.nodes[j]): weight
        for i, j, weight in zip(graph.sources, graph.targets, graph.weights, strict=True)
    }


def by_hand(vectors, most, least):
    """Every node's nearest others, one pair at a time."""
    found = {}
    for a, x in enumerate(vectors):
        near = [
            (float(x @ y / np.sqrt(x @ x) / np.sqrt(y @ y)), b)
            for b, y in enumerate(vectors) if b != a
        ]  # fmt: skip
        for cosine, b in sorted(near, reverse=True)[:most]:
            if cosine >= least:
                found[a, b] = cosine
    return found


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 8), st.floats(0.05, 0.95))
def test_equal_to_a_comparison_of_all_pairs(seed, n, most, least):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 4)) * rng.uniform(0.1, 10, size=(n, 1))
    found, wanted = links(neighbour_graph(vectors, most=most, least=least)), None
    wanted = by_hand(vectors, most, least)
    assert found.keys() == wanted.keys()
    assert found == pytest.approx(wanted)


def test_blocks_do_not_show(monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(50, 5))
    whole = links(neighbour_graph(vectors, most=3, least=0.1))
    monkeypatch.setattr("thrifty.neighbours._BLOCK", 7)
    assert links(neighbour_graph(vectors, most=3, least=0.1)) == pytest.approx(whole)


def test_only_directions_count():
    vectors = np.random.default_rng(1).normal(size=(30, 3))
    longer = vectors * np.random.default_rng(2).uniform(1e-3, 1e3, size=(30, 1))
    first, second = (links(neighbour_graph(v, most=4, least=0.2)) for v in (vectors, longer))
    assert first == pytest.approx(second)
    huge = links(neighbour_graph(vectors * 1e200, most=4, least=0.2))
    assert huge == pytest.approx(first)


def test_equal_vectors_are_neighbours_and_nobody_is_their_own():
    graph = neighbour_graph(np.array([[1.0, 2.0], [2.0, 4.0], [-2.0, 1.0]]), "abc", most=2)
    assert links(graph) == pytest.approx({("a", "b"): 1.0, ("b", "a"): 1.0})
    assert graph.nodes == ("a", "b", "c") and graph.places["c"] == 2
    assert graph.weights.max() <= 1


def test_a_single_vector_and_none():
    assert len(neighbour_graph(np.ones((1, 2))).weights) == 0
    assert neighbour_graph(np.ones((1, 2)), ["x"]).nodes == ("x",)


@pytest.mark.parametrize(
    ("vectors", "names", "settings", "message"),
    [
        ([[1.0, 0.0], [0.0, 0.0]], "ab", {}, "'b' has no direction"),
        ([[1.0, 0.0], [np.nan, 0.0]], "ab", {}, "'b' has no direction"),
        ([[1.0, 0.0], [np.inf, 0.0]], "ab", {}, "'b' has no direction"),
        ([[1.0, 0.0], [0.0, 1.0]], "aa", {}, "'a' stands twice"),
        ([[1.0, 0.0], [0.0, 1.0]], "abc", {}, "2 vectors need as many names, got 3"),
        ([1.0, 2.0], None, {}, "shape"),
        ([["x", "y"]], None, {}, "vectors must be numbers"),
        ([[1.0, 0.0]], None, {"most": 0}, "most"),
        ([[1.0, 0.0]], None, {"most": 2.5}, "most"),
        ([[1.0, 0.0]], None, {"least": 0}, "least"),
        ([[1.0, 0.0]], None, {"least": 1.1}, "least"),
        ([[1.0, 0.0]], None, {"least": np.nan}, "least"),
        ([[1.0, 0.0]], None, {"least": "0.6"}, "least"),
    ],
)
def test_what_cannot_be_is_refused(vectors, names, settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        neighbour_graph(np.array(vectors), names, **settings)


def test_either_and_mutual_count_a_pair_once():
    graph = network(
        [("a", "b", 0.9), ("b", "a", 0.9), ("b", "c", 0.7), ("d", "d", 0.5)],
        directed=True,
        nodes="abcde",
    )
    assert links(either(graph)) == pytest.approx(
        {("a", "b"): 0.9, ("b", "c"): 0.7, ("d", "d"): 0.5}
    )
    assert links(mutual(graph)) == pytest.approx({("a", "b"): 0.9, ("d", "d"): 0.5})
    for made in (either(graph), mutual(graph)):
        assert made.nodes == tuple("abcde") and not made.directed


@pytest.mark.parametrize("made", [either, mutual])
def test_undirected_networks_are_refused(made):
    with pytest.raises(ValueError, match="a directed Network is needed"):
        made(network([("a", "b")]))
    with pytest.raises(ValueError, match="a directed Network is needed"):
        made(np.eye(2))
