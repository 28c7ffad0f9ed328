"""The map equation: how many bits a step of a random walk costs, given the modules of a network.

A walker moves along the links; a reader is told every step by code words.
One code book for all nodes costs the entropy of the visit rates.
A code book for every module, and an index book that says which module comes next, cost less when
the walker stays inside modules for long.

Rates and bits are per **step** of the walker, not per code word: dividing the rates by their sum
first would reward needless modules.

Sources: Rosvall and Bergstrom 2008 (two levels), 2011 (trees); Rosvall, Axelsson and
Bergstrom 2009; Lambiotte and Rosvall 2012 (jumps that are not recorded).
"""

from dataclasses import dataclass, field

import numpy as np

from thrifty._checks import require_int
from thrifty.flows import CONVENTIONS, Flow, flow, sums
from thrifty.networks import require_nodes
from thrifty.walks import EXIT, MapCode, Trace, tell

__all__ = [
    "CONVENTIONS",
    "EXIT",
    "CodeBook",
    "CodeLength",
    "Flow",
    "MapCode",
    "Trace",
    "codelength",
    "flow",
    "trace",
]


@dataclass(frozen=True)
class CodeBook:
    """One code book of a map: which words it holds and how often each is used, per step.

    Attributes
    ----------
    path : tuple
        Of the module whose book it is; () is the index book at the top.
    words : tuple of (name, rate)
        The nodes of a module, or its modules by their paths; then ("exit", rate), save at the top.
    rate : float
        How often the book is used: the sum of its words' rates.
    entropy : float
        The least mean length of its words, in bits.
    bits : float
        rate * entropy: what the book costs per step of the walk.

    Examples
    --------
    >>> book = codelength([("a", "b"), ("b", "c")], ["left", "left", "right"]).books[("left",)]
    >>> [(word, rate) for word, rate in book.words]
    [('a', 0.25), ('b', 0.5), ('exit', 0.25)]
    >>> book.rate, book.entropy, book.bits
    (1.0, 1.5, 1.5)
    """

    path: tuple
    words: tuple
    rate: float
    entropy: float
    bits: float


@dataclass(frozen=True, eq=False)
class CodeLength:
    """What a step of the walk costs, and where the bits go.

    Attributes
    ----------
    bits : float
        The code length: bits per step.
    index : float
        The part that the index books take, all books but those that hold nodes.
    inside : float
        The part that the books of the modules that hold nodes take.
    one_level : float
        For comparison: bits per step with a single code book, the entropy of the visit rates.
    books : dict of path -> CodeBook
        Every code book, from the top down; () is the top.

    Examples
    --------
    >>> triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]
    >>> found = codelength(triangles, [0, 0, 0, 1, 1, 1])
    >>> round(found.bits, 6), round(found.one_level, 6)
    (2.32073, 2.556657)
    """

    bits: float
    index: float
    inside: float
    one_level: float
    _flow: Flow = field(repr=False)
    _levels: tuple = field(repr=False)

    @property
    def books(self):
        return _books(self._flow, self._levels)

    @property
    def paths(self):
        """The path of the module that holds each node."""
        found = {}
        for level in self._levels:
            for node in np.flatnonzero(level.of_node >= 0).tolist():
                found[self._flow.nodes[node]] = level.paths[level.of_node[node]]
        return found


def codelength(graph, modules, **convention):
    """Return the bits per step of a walk that is told with one code book for every module.

    Parameters
    ----------
    graph : Flow, or anything that `flow` reads
    modules : sequence in the order of the nodes, or dict of node -> module
        A module is named by anything hashable. A tuple is a path in a tree, from the top down:
        ("north", 2) is module 2 inside module "north".
    **convention
        Arguments of `flow`, if `graph` is no Flow yet.

    Returns
    -------
    CodeLength

    Raises
    ------
    ValueError
        If a node has no module or a module no node of this network, or a module of a tree holds
        nodes and modules side by side.
    TypeError
        If a Flow comes with a convention.

    Notes
    -----
    A book costs h(sum of rates) - sum of h(rate) bits per step, with h(x) = x log2 x.
    Sources: Rosvall and Bergstrom 2008, PNAS 105, 1118 (two levels); 2011, PLoS ONE 6, e18209.

    Examples
    --------
    >>> codelength([(0, 1), (1, 2)], {0: "m", 1: "m", 2: "m"}).bits
    1.5
    """
    walk = _flow_of(graph, convention)
    levels = _levels(walk, modules)
    index, inside = _total(walk, levels)
    one_level = -float(_h(walk.visits).sum()) + float(_h(walk.visits.sum()))
    return CodeLength(index + inside, index, inside, one_level, walk, levels)


def trace(graph, modules, steps, seed, **convention):
    """Draw a random walk and tell it in bits, with one code book and with the books of a map.

    Parameters
    ----------
    graph : Flow, or anything that `flow` reads
    modules : sequence in the order of the nodes, or dict of node -> module
        As for `codelength`, to any depth.
    steps : int
        How many steps are told, at least 1. A recorded jump is a step, others are not.
    seed : int
        At least 0. The same seed, the same walk.
    **convention
        Arguments of `flow`, if `graph` is no Flow yet.

    Returns
    -------
    Trace
        The walk, the words, and what every step costs beside the formula.

    Raises
    ------
    TypeError, ValueError
        As for `flow` and `codelength`; or if there is nothing to follow, if `markov_time` is not
        1, since no walk uses words at those rates, or if `steps` or `seed` is out of its range.

    Notes
    -----
    What is encoded: one node after the other, the start excepted.
    A jump that is *recorded* is told like any other step.
    A jump that is *not recorded* is not in the stream: where the walk goes on must be told beside
    it, for nothing, and stands in `restarts`.
    Huffman's words have whole bits, so that a walk costs a little more than the formula says:
    in the long run `code.expected`.
    On an undirected network in several parts the walk stays in the part where it begins, and the
    formula, which counts all parts, does not describe it.
    Source: Rosvall and Bergstrom 2008, PNAS 105, 1118.

    Examples
    --------
    >>> triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]
    >>> told = trace(triangles, [0, 0, 0, 1, 1, 1], steps=10_000, seed=0)
    >>> round(told.bits, 2), round(told.code.expected, 2), round(told.length.bits, 2)
    (2.41, 2.43, 2.32)
    """
    walk = _flow_of(graph, convention)
    steps, seed = require_int("steps", steps, 1), require_int("seed", seed, 0)
    if walk.markov_time != 1:
        raise ValueError(
            f"a walk can be told with markov_time=1 only, got {walk.markov_time}: "
            f"otherwise words are counted that no step uses"
        )
    found = codelength(walk, modules)
    if not walk.visits.any():
        raise ValueError("a network without links has no walk to tell")
    return tell(walk, found, steps, np.random.default_rng(seed))


def _flow_of(graph, convention):
    if not isinstance(graph, Flow):
        return flow(graph, **convention)
    if convention:
        raise TypeError(f"{', '.join(convention)}: this Flow has its convention already")
    return graph


def _h(x):
    """x log2 x, and 0 at 0."""
    x = np.asarray(x, np.float64)
    return x * np.log2(np.where(x > 0, x, 1))


@dataclass(frozen=True, eq=False)
class _Level:
    """The modules of one depth: their paths, their nodes, and the rates at their borders."""

    paths: list
    of_node: np.ndarray  # the module of each node at this depth, -1 where its path has ended
    parents: np.ndarray  # places in the level above
    holds_nodes: np.ndarray
    enter: np.ndarray
    exit: np.ndarray


def _levels(walk, modules):
    paths = _paths(walk.network, modules)
    levels, above = [], None
    for depth in range(max((len(path) for path in paths), default=0)):
        level = _level(walk, paths, depth, above)
        levels.append(level)
        above = level
    return tuple(levels)


def _paths(net, modules):
    if hasattr(modules, "keys"):
        require_nodes(net, modules, "modules")
        modules = [modules[node] for node in net.nodes]
    elif isinstance(modules, np.ndarray):
        modules = modules.tolist()
    else:
        modules = list(modules)
    if len(modules) != len(net):
        raise ValueError(
            f"modules must name one module for each of {len(net)} nodes, got {len(modules)}"
        )
    paths = [module if isinstance(module, tuple) else (module,) for module in modules]
    if () in paths:
        raise ValueError(f"the node {net.nodes[paths.index(())]!r} has the empty path")
    return paths


def _level(walk, paths, depth, above):
    places, of_node, parents, holds_nodes = {}, np.empty(len(paths), np.int64), [], []
    for node, path in enumerate(paths):
        if len(path) <= depth:
            of_node[node] = -1
            continue
        here = path[: depth + 1]
        ends = len(path) == depth + 1
        if here not in places:
            places[here] = len(places)
            parents.append(0 if above is None else above.of_node[node])
            holds_nodes.append(ends)
        of_node[node] = place = places[here]
        if holds_nodes[place] != ends:
            raise ValueError(f"the module {here!r} holds nodes and modules side by side")
    enter, leave = _borders(walk, of_node, len(places))
    return _Level(
        list(places),
        of_node,
        np.array(parents, np.int64),
        np.array(holds_nodes, bool),
        enter,
        leave,
    )


def _borders(walk, of_node, count):
    """How often the walker enters and leaves each module, per step."""
    begin, end = of_node[walk.sources], of_node[walk.targets]
    crossing = begin != end
    inside, rates = of_node >= 0, walk.rates
    out, into = crossing & (begin >= 0), crossing & (end >= 0)
    leave = walk.markov_time * sums(begin[out], rates[out], count)
    enter = walk.markov_time * sums(end[into], rates[into], count)
    jumps = sums(of_node[inside], walk.jumps[inside], count)
    landing = sums(of_node[inside], walk.landing[inside], count)
    leave += jumps * (1 - landing)
    enter += (walk.jumps.sum() - jumps) * landing
    return enter, leave


def _total(walk, levels):
    """Bits per step of the books of modules, and of the books of nodes."""
    if not levels:
        return 0.0, 0.0
    index = inside = 0.0
    above_exit = np.zeros(1)
    for depth, level in enumerate(levels):
        # The book of each parent: its exit and the entries of its modules.
        entries = sums(level.parents, level.enter, len(above_exit))
        costs = sums(level.parents, _h(level.enter), len(above_exit))
        inner = np.ones(1, bool) if depth == 0 else ~levels[depth - 1].holds_nodes
        index += float((_h(above_exit + entries) - _h(above_exit) - costs)[inner].sum())
        held = level.of_node >= 0
        of_node, visits = level.of_node[held], walk.visits[held]
        count = len(level.paths)
        visited = sums(of_node, visits, count)
        words = sums(of_node, _h(visits), count)
        book = _h(level.exit + visited) - _h(level.exit) - words
        inside += float(book[level.holds_nodes].sum())
        above_exit = level.exit
    return index, inside


def _books(walk, levels):
    words, exits = {(): []}, {(): None}
    for level in levels:
        for place, path in enumerate(level.paths):
            words[path[:-1]].append((path, float(level.enter[place])))
            words[path], exits[path] = [], float(level.exit[place])
    for level in levels:
        for node in np.flatnonzero(level.of_node >= 0):
            place = level.of_node[node]
            if level.holds_nodes[place]:
                words[level.paths[place]].append((walk.nodes[node], float(walk.visits[node])))
    return {path: _book(path, words[path], exits[path]) for path in words}


def _book(path, words, leaving):
    words = [*words] if leaving is None else [*words, ("exit", leaving)]
    rates = np.array([rate for _, rate in words])
    rate = float(rates.sum())
    bits = float(_h(rate) - _h(rates).sum())
    return CodeBook(path, tuple(words), rate, bits / rate if rate else 0.0, bits)
