"""A network as arrays: the one form in which the map equation and InfoMap read graphs.

NetworkX graphs, SciPy sparse matrices, square arrays and lists of links all become a `Network`.
Nothing is lost on the way: direction, weights, self-links and isolated nodes are kept, and links
that are named twice add up.
"""

import itertools
import math
import numbers
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Network:
    """A weighted network, its links merged and its nodes numbered in order.

    Attributes
    ----------
    nodes : tuple
        The names of the nodes; the arrays speak of them by their place here.
    sources, targets : integer arrays of shape (links,)
        Where each link begins and ends. An undirected link stands once.
    weights : float array of shape (links,)
        Above 0.
    directed : bool
        Whether a link is followed one way only.

    Examples
    --------
    >>> net = network([("a", "b"), ("b", "c", 2.0), ("b", "a")])
    >>> net.nodes, net.weights.tolist(), net.directed
    (('a', 'b', 'c'), [2.0, 2.0], False)
    """

    nodes: tuple
    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    directed: bool
    places: dict = field(repr=False)

    def __len__(self):
        return len(self.nodes)

    def __repr__(self):
        kind = "directed" if self.directed else "undirected"
        return f"<Network: {len(self.nodes)} nodes, {len(self.weights)} {kind} links>"


def network(graph, *, directed=None, weight="weight", nodes=None):
    """Return any graph as a `Network`.

    Parameters
    ----------
    graph : Network, NetworkX graph, SciPy sparse matrix, square array or iterable of links
        In a matrix the entry [a, b] is the weight of the link from a to b.
        A link is (source, target) or (source, target, weight).
    directed : bool, optional
        As the graph says by default: a NetworkX graph knows; a matrix is directed unless it equals
        its transpose; links in a list are undirected.
        True follows an undirected link both ways. False is refused where it would lose direction.
    weight : str or None
        The attribute of a NetworkX graph that holds the weight of a link; 1 where it is missing.
        None counts every link as 1: beware that NetworkX's karate club has weights.
    nodes : iterable, optional
        All nodes of a list of links, in order; without it, those named, in order of appearance.

    Returns
    -------
    Network
        Links named more than once are merged, their weights added; links of weight 0 are left out.

    Raises
    ------
    TypeError
        If the graph is none of these, or a weight is not a number.
    ValueError
        If a weight is negative, infinite or NaN, a link names a node that `nodes` does not hold,
        a matrix is not square, or `directed=False` would lose direction. The message names nodes.

    Examples
    --------
    >>> network(np.array([[0, 1], [0, 0]]))
    <Network: 2 nodes, 1 directed links>
    >>> network([("a", "b", -1.0)])
    Traceback (most recent call last):
    ...
    ValueError: a link's weight must be a finite number >= 0, got -1.0 from 'a' to 'b'
    """
    if directed not in (None, True, False):
        raise TypeError(f"directed must be True, False or None, got {directed!r}")
    if nodes is not None and (isinstance(graph, (Network, np.ndarray)) or _knows_nodes(graph)):
        raise TypeError("nodes is for lists of links; this graph names its own")
    if isinstance(graph, Network):
        return _as_directed(graph, directed)
    if hasattr(graph, "is_directed") and hasattr(graph, "edges"):
        return _from_networkx(graph, directed, weight)
    if sparse.issparse(graph) or isinstance(graph, np.ndarray):
        return _from_matrix(graph, directed)
    if isinstance(graph, (str, bytes)) or not hasattr(graph, "__iter__"):
        raise TypeError(
            f"graph must be a Network, a NetworkX graph, a SciPy sparse matrix, a square array or "
            f"links (source, target[, weight]), got {type(graph).__name__}"
        )
    return _from_links(graph, bool(directed), nodes)


def _knows_nodes(graph):
    return sparse.issparse(graph) or hasattr(graph, "is_directed")


def _as_directed(net, directed):
    if directed is None or directed == net.directed:
        return net
    if net.directed:
        raise ValueError(
            "directed=False would lose the direction of this network's links; "
            "make an undirected network of it first, if that is what you want"
        )
    # An undirected link is followed both ways; a self-link has only one.
    back = net.sources != net.targets
    return _merged(
        net.nodes,
        np.concatenate([net.sources, net.targets[back]]),
        np.concatenate([net.targets, net.sources[back]]),
        np.concatenate([net.weights, net.weights[back]]),
        True,
    )


def _from_networkx(graph, directed, weight):
    nodes = tuple(graph.nodes)
    places = {node: place for place, node in enumerate(nodes)}
    count = graph.number_of_edges()
    ends = np.empty((count, 2), np.int64)
    weights = np.ones(count)
    for row, (source, target, data) in enumerate(graph.edges(data=True)):
        ends[row] = places[source], places[target]
        if weight is not None:
            weights[row] = _weight(data.get(weight, 1), source, target)
    net = _merged(nodes, ends[:, 0], ends[:, 1], weights, graph.is_directed())
    return _as_directed(net, directed)


def _from_matrix(matrix, directed):
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a matrix of links must be square, got shape {matrix.shape}")
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"a matrix of links must hold real numbers, got dtype {matrix.dtype}")
    square = sparse.csr_array(matrix, dtype=np.float64)
    if not (square.has_canonical_format and square.data.all()):
        # It may share its numbers with the reader's matrix, which stays as it is.
        square = square.copy()
        square.sum_duplicates()
        square.eliminate_zeros()
    nodes = tuple(range(matrix.shape[0]))
    _require_weights(nodes, square)
    symmetric = _equal(square, square.T.tocsr())
    if directed is False and not symmetric:
        apart = (square != square.T).tocoo()
        first = apart.coords[0][0], apart.coords[1][0]
        raise ValueError(
            f"directed=False needs a matrix equal to its transpose; the entries at "
            f"{first[0]}, {first[1]} differ: add the transpose, or leave directed out"
        )
    sources = np.repeat(np.arange(len(nodes), dtype=square.indices.dtype), np.diff(square.indptr))
    undirected = symmetric and not directed
    once = sources <= square.indices if undirected else slice(None)
    ends, weights = (sources[once], square.indices[once]), square.data[once]
    del square, sources  # of millions of links they are most of the memory
    return _merged(nodes, *ends, weights, not undirected)


def _equal(one, other):
    """Whether two sparse matrices without zeros and duplicates are equal."""
    return all(
        np.array_equal(getattr(one, part), getattr(other, part))
        for part in ("indptr", "indices", "data")
    )


def _from_links(links, directed, nodes):
    links = list(links)
    places = None if nodes is None else {node: place for place, node in enumerate(nodes)}
    known = {} if places is None else places
    ends = np.empty((len(links), 2), np.int64)
    weights = np.ones(len(links))
    for row, link in enumerate(links):
        if (
            isinstance(link, (str, bytes))
            or not hasattr(link, "__len__")
            or len(link) not in (2, 3)
        ):
            raise TypeError(
                f"a link must be (source, target) or (source, target, weight): {link!r}"
            )
        for column, node in enumerate(link[:2]):
            try:
                if places is not None and node not in known:
                    raise ValueError(f"the link {link!r} names a node that nodes does not hold")
                ends[row, column] = known.setdefault(node, len(known))
            except TypeError as error:
                raise TypeError(
                    f"a node's name must be hashable, as in {link!r}: {error}"
                ) from None
        if len(link) == 3:
            weights[row] = _weight(link[2], link[0], link[1])
    return _merged(tuple(known), ends[:, 0], ends[:, 1], weights, directed)


def _weight(value, source, target):
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"a link's weight must be a number, got {value!r} from {source!r} to {target!r}"
        )
    if not math.isfinite(value) or value < 0:
        raise ValueError(
            f"a link's weight must be a finite number >= 0, got {float(value)} "
            f"from {source!r} to {target!r}"
        )
    return float(value)


def _require_weights(nodes, square):
    wrong = ~np.isfinite(square.data) | (square.data < 0)
    if wrong.any():
        entry = int(np.argmax(wrong))
        sources, targets = square.tocoo().coords
        _weight(float(square.data[entry]), nodes[sources[entry]], nodes[targets[entry]])


def _merged(nodes, sources, targets, weights, directed):
    """The links in order of their ends, each pair once."""
    if not directed and (sources > targets).any():
        sources, targets = np.minimum(sources, targets), np.maximum(sources, targets)
    total, keep = weights.copy(), weights > 0
    if not keep.all():
        sources, targets, total = sources[keep], targets[keep], weights[keep]
    keys = sources.astype(np.int64)
    keys *= len(nodes)
    keys += targets
    if (keys[1:] <= keys[:-1]).any():
        keys, which = np.unique(keys, return_inverse=True)
        total = np.bincount(which, weights=total, minlength=len(keys))
        sources, targets = np.divmod(keys, max(len(nodes), 1))
    with np.errstate(over="ignore"):
        together = total.sum()
    if not np.isfinite(together):
        raise ValueError("the weights of the links are too large to add up: divide them all")
    # Half the memory, where it is enough: large networks are kept several times.
    kind = np.int32 if len(nodes) < 2**31 else np.int64
    sources, targets = sources.astype(kind), targets.astype(kind)
    places = {node: place for place, node in enumerate(nodes)}
    return Network(nodes, sources, targets, total, bool(directed), places)


def require_nodes(net, names, what):
    """Refuse names that the network does not have, or nodes without a name in `names`.

    Raises
    ------
    ValueError
        With the first name that is too many or missing.

    Examples
    --------
    >>> require_nodes(network([("a", "b")]), {"a": 1}, "modules")
    Traceback (most recent call last):
    ...
    ValueError: modules says nothing of the node 'b'
    """
    for name in names:
        if name not in net.places:
            raise ValueError(f"{what} names {name!r}, which is no node of the network")
    for name in itertools.islice((n for n in net.nodes if n not in names), 1):
        raise ValueError(f"{what} says nothing of the node {name!r}")
