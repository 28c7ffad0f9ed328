"""Vectors as a network: each linked to those that point most nearly the same way.

A nearest-neighbour graph lets a method that wants links, such as InfoMap, read data that have
none. How many neighbours, and how near, is the reader's choice, and the modules depend on it.
"""

import dataclasses

import numpy as np
from scipy import sparse

from thrifty._checks import require_int
from thrifty.networks import Network, network

# Rows of cosines held at a time: 1000 rows against 10,000 vectors take 80 MB.
_BLOCK = 1000


def neighbour_graph(vectors, names=None, *, most=50, least=0.6):
    """Return the directed network in which every vector is linked to its nearest ones.

    Parameters
    ----------
    vectors : float array of shape (n, dimensions)
        Only their directions count: they are divided by their lengths first.
    names : sequence of n hashables, optional
        The names of the nodes, each once; 0, 1, 2, ... without it.
    most : int
        How many links may leave a node, at least 1.
    least : float
        The least cosine of a link, above 0 and at most 1. A node without a neighbour that near
        stays in the network, without links.

    Returns
    -------
    thrifty.networks.Network
        Directed: being among somebody's nearest is not mutual. A link weighs as much as its
        cosine. No node is its own neighbour; two equal vectors are each other's.

    Raises
    ------
    TypeError, ValueError
        If a vector has no direction or holds NaN or infinity, a name stands twice, or a setting
        is out of its range.

    Notes
    -----
    All pairs are compared, in blocks: exact, and quadratic in n. Of equally near ones, any stays.
    The rule is that of the code beside Su Jianlin 2019, https://kexue.fm/archives/7006.

    Examples
    --------
    >>> east, between, north = [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]
    >>> graph = neighbour_graph(np.array([east, between, north]), "ebn", most=1, least=0.4)
    >>> [(graph.nodes[i], graph.nodes[j]) for i, j in zip(graph.sources, graph.targets)]
    [('e', 'b'), ('b', 'e'), ('n', 'b')]
    >>> graph.weights.round(3)
    array([0.894, 0.894, 0.447])
    """
    most = require_int("most", most, 1)
    if not (isinstance(least, (int, float)) and 0 < least <= 1):
        raise ValueError(f"least must be a cosine above 0 and at most 1, got {least!r}")
    units, names = _units(vectors, names)
    n = len(units)
    rows, columns, cosines = [], [], []
    for begin in range(0, n, _BLOCK):
        row, column, cosine = _nearest(units, begin, min(most, n - 1), least)
        rows.append(row)
        columns.append(column)
        cosines.append(cosine)
    ends = np.concatenate(rows), np.concatenate(columns)
    # A rounding error must not make a cosine more than 1.
    weights = np.minimum(np.concatenate(cosines), 1.0)
    graph = network(sparse.csr_array((weights, ends), shape=(n, n)), directed=True)
    places = {name: place for place, name in enumerate(names)}
    return dataclasses.replace(graph, nodes=names, places=places)


def mutual(graph):
    """Return the undirected network of the links that a directed one has in both directions.

    Parameters
    ----------
    graph : thrifty.networks.Network
        Directed.

    Returns
    -------
    thrifty.networks.Network
        Undirected, with all nodes; a link weighs the mean of its two directions.

    Raises
    ------
    ValueError
        If the network is undirected: all its links are mutual.

    Examples
    --------
    >>> from thrifty.networks import network
    >>> both = mutual(network([("a", "b"), ("b", "a", 3.0), ("b", "c")], directed=True))
    >>> both.nodes, both.weights, both.directed
    (('a', 'b', 'c'), array([2.]), False)
    """
    there = _matrix(graph)
    both = (there != 0).multiply(there.T != 0)
    return _undirected(graph, (there + there.T).multiply(both) / 2)


def either(graph):
    """Return the undirected network of the links that a directed one has in either direction.

    Parameters
    ----------
    graph : thrifty.networks.Network
        Directed.

    Returns
    -------
    thrifty.networks.Network
        Undirected, with all nodes; a link weighs as its heavier direction, so that a mutual link
        is not counted twice.

    Raises
    ------
    ValueError
        If the network is undirected already.

    Examples
    --------
    >>> from thrifty.networks import network
    >>> both = either(network([("a", "b"), ("b", "a", 3.0), ("b", "c")], directed=True))
    >>> both.weights, both.directed
    (array([3., 1.]), False)
    """
    there = _matrix(graph)
    return _undirected(graph, there.maximum(there.T))


def _units(vectors, names):
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.dtype.kind not in "iuf":
        raise TypeError(
            f"vectors must be numbers of shape (n, dimensions), got {vectors.dtype} "
            f"of shape {vectors.shape}"
        )
    names = tuple(range(len(vectors))) if names is None else tuple(names)
    if len(names) != len(vectors):
        raise ValueError(f"{len(vectors)} vectors need as many names, got {len(names)}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"names must be different, {twice!r} stands twice")
    # In double precision, so that who is among the nearest does not depend on the machine.
    vectors = vectors.astype(np.float64)
    # Largest first: squares of huge and tiny numbers would leave the range.
    largest = np.abs(vectors).max(axis=1, initial=0)
    wrong = ~(np.isfinite(largest) & (largest > 0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(
            f"the vector of {names[first]!r} has no direction, being 0 or not finite: leave it out"
        )
    scaled = vectors / largest[:, None]
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True), names


def _nearest(units, begin, most, least):
    """The links that leave one block of nodes: their ends and cosines."""
    cosines = units[begin : begin + _BLOCK] @ units.T
    here = np.arange(len(cosines))
    cosines[here, begin + here] = -np.inf  # nobody is their own neighbour
    if not most:
        return here[:0], here[:0], cosines[0, :0]
    nearest = np.argpartition(cosines, -most, axis=1)[:, -most:]
    found = np.take_along_axis(cosines, nearest, axis=1)
    near = found >= least
    return begin + np.nonzero(near)[0], nearest[near], found[near]


def _matrix(graph):
    if not isinstance(graph, Network) or not graph.directed:
        raise ValueError(f"a directed Network is needed, got {graph!r}")
    shape = (len(graph), len(graph))
    return sparse.csr_array((graph.weights, (graph.sources, graph.targets)), shape=shape)


def _undirected(graph, matrix):
    found = network(matrix, directed=False)
    return dataclasses.replace(found, nodes=graph.nodes, places=graph.places)
