"""Graphs of every kind become the same arrays."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from thrifty.networks import network, require_nodes

LINKS = [("a", "b", 2.0), ("b", "c"), ("b", "a", 0.5), ("c", "c", 3.0), ("a", "c", 0)]


def content(net):
    ends = zip(net.sources.tolist(), net.targets.tolist(), strict=True)
    return dict(zip(ends, net.weights.tolist(), strict=True))


def test_links_are_merged_and_zero_weights_left_out():
    net = network(LINKS)
    assert net.nodes == ("a", "b", "c")
    assert content(net) == {(0, 1): 2.5, (1, 2): 1.0, (2, 2): 3.0}
    directed = network(LINKS, directed=True)
    assert content(directed) == {(0, 1): 2.0, (1, 0): 0.5, (1, 2): 1.0, (2, 2): 3.0}


def test_networkx_graphs_bring_names_weights_and_direction():
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(["alone", "x", "y"])
    graph.add_edge("x", "y", weight=2)
    graph.add_edge("x", "y")
    net = network(graph)
    assert net.nodes == ("alone", "x", "y") and net.directed
    assert content(net) == {(1, 2): 3.0}
    assert content(network(graph, weight=None)) == {(1, 2): 2.0}
    assert content(network(graph.to_undirected(), directed=True)) == {(1, 2): 3.0, (2, 1): 3.0}


@pytest.mark.parametrize("form", [np.array, sparse.csr_array, sparse.coo_matrix])
def test_a_matrix_is_directed_unless_it_equals_its_transpose(form):
    assert content(network(form([[1, 2], [2, 0]]))) == {(0, 0): 1.0, (0, 1): 2.0}
    assert not network(form([[1, 2], [2, 0]])).directed
    assert network(form([[0, 2], [1, 0]])).directed
    assert content(network(form([[0, 2], [1, 0]]))) == {(0, 1): 2.0, (1, 0): 1.0}
    assert content(network(form([[0, 2], [2, 5]]), directed=True)) == {
        (0, 1): 2.0,
        (1, 0): 2.0,
        (1, 1): 5.0,
    }


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.floats(0.1, 9)), max_size=12),
    st.booleans(),
)
def test_matrix_graph_and_links_agree(links, directed):
    square = np.zeros((6, 6))
    graph = (nx.MultiDiGraph if directed else nx.MultiGraph)()
    graph.add_nodes_from(range(6))
    graph.add_weighted_edges_from(links)
    for source, target, weight in links:
        square[source, target] += weight
        if not directed and source != target:
            square[target, source] += weight
    # Added in another order, the mirrored sums may differ in the last bit.
    square = square if directed else np.maximum(square, square.T)
    from_links = content(network(links, directed=directed, nodes=range(6)))
    assert content(network(graph)) == pytest.approx(from_links)
    # A symmetric matrix says nothing of direction unless it is told.
    matrix = network(sparse.csr_array(square), directed=directed)
    assert content(matrix) == pytest.approx(from_links)


def test_empty_graphs():
    assert len(network([])) == 0
    assert len(network(nx.Graph())) == 0
    assert len(network(np.zeros((0, 0)))) == 0
    assert network(np.zeros((3, 3))).nodes == (0, 1, 2)
    assert network([], nodes="abc").nodes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("graph", "options", "error", "fragment"),
    [
        ([("a", "b", float("nan"))], {}, ValueError, "got nan from 'a' to 'b'"),
        ([("a", "b", float("inf"))], {}, ValueError, "got inf from 'a' to 'b'"),
        ([("a", "b", "2")], {}, TypeError, "must be a number, got '2' from 'a' to 'b'"),
        ([("a", "b", True)], {}, TypeError, "must be a number, got True"),
        ([("a", "b", 1e308), ("b", "a", 1e308)], {}, ValueError, "divide them all"),
        ([(["a"], "b")], {}, TypeError, "must be hashable, as in (['a'], 'b')"),
        ([("a",)], {}, TypeError, "(source, target, weight): ('a',)"),
        (["ab"], {}, TypeError, "(source, target, weight): 'ab'"),
        ([("a", "b")], {"nodes": ["a"]}, ValueError, "names a node that nodes does not hold"),
        (nx.Graph(), {"nodes": ["a"]}, TypeError, "this graph names its own"),
        (np.zeros((2, 3)), {}, ValueError, "square, got shape (2, 3)"),
        (np.zeros((2, 2), complex), {}, TypeError, "got dtype complex128"),
        (np.array([[0, -1.0], [0, 0]]), {}, ValueError, "got -1.0 from 0 to 1"),
        (np.array([[0, 1], [2, 0]]), {"directed": False}, ValueError, "entries at 0, 1 differ"),
        (nx.DiGraph([(0, 1)]), {"directed": False}, ValueError, "lose the direction"),
        ("karate", {}, TypeError, "got str"),
        (7, {}, TypeError, "got int"),
        ([], {"directed": "yes"}, TypeError, "directed must be True, False or None, got 'yes'"),
    ],
)
def test_errors_name_what_is_wrong(graph, options, error, fragment):
    with pytest.raises(error) as caught:
        network(graph, **options)
    assert fragment in str(caught.value)


def test_a_weight_in_a_graph_that_is_no_number_names_its_link():
    graph = nx.Graph()
    graph.add_edge("a", "b", weight=None)
    with pytest.raises(TypeError, match="got None from 'a' to 'b'"):
        network(graph)


def test_names_must_fit_the_nodes():
    net = network([("a", "b")])
    require_nodes(net, {"a": 0, "b": 0}, "modules")
    with pytest.raises(ValueError, match="'z', which is no node"):
        require_nodes(net, {"a": 0, "b": 0, "z": 0}, "modules")


@pytest.mark.parametrize("kind", [sparse.coo_array, sparse.csr_array, sparse.csc_array])
def test_the_readers_matrix_stays_as_it_is(kind):
    rows, columns, weights = [0, 0, 1, 1, 2], [1, 1, 0, 2, 1], [1.0, 2.0, 3.0, 0.0, 0.0]
    matrix = kind((weights, (rows, columns)), shape=(3, 3))
    before = matrix.copy()
    net = network(matrix)
    assert (net.sources.tolist(), net.targets.tolist(), net.weights.tolist()) == ([0], [1], [3.0])
    net.weights[:] = 9
    assert matrix.nnz == before.nnz and (matrix.toarray() == before.toarray()).all()
