"""InfoMap: the modules that make a random walk cheapest to tell.

The search moves nodes between modules, merges modules, splits and moves their parts, and, if
asked, does the same with modules of modules.
It is compiled by Numba: the first call on a machine takes some 15 s longer; `warm` does it ahead.
`thrifty.plain_infomap` is the two-level search in dictionaries, to be read: the same moves.

Written from Rosvall and Bergstrom 2008, PNAS 105, 1118 and 2011, PLoS ONE 6, e18209; Rosvall,
Axelsson and Bergstrom 2009, Eur. Phys. J. Special Topics 178, 13; Bohlin, Edler, Lancichinetti
and Rosvall 2014; Lambiotte and Rosvall 2012, Phys. Rev. E 85, 056107.
"""

import math
import sys
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from thrifty import _moves, _search, _tree, plain_infomap
from thrifty._checks import require_int
from thrifty._history import Frame, frames
from thrifty.flows import Flow, flow

__all__ = ["Communities", "Frame", "find_communities", "warm"]

# The plain search, which notes every move, is slow: its time grows with links and modules.
MOST_PLAIN_NODES = 2000

_compiled = False


@dataclass(frozen=True, eq=False)
class Communities:
    """What the search found.

    Attributes
    ----------
    modules : dict of node -> int
        The module of each node at the top level, numbered from 0 by visits, most visited first.
    tree : dict of node -> tuple of int
        The path of each node from the top down, as `thrifty.mapequation.codelength` takes it.
    codelength : float
        Bits per step of the walk.
    one_level : float
        Bits per step with a single code book: what modules must beat.
    trials : tuple of float
        The code length that each trial ended with; the least was taken.
    flow : thrifty.flows.Flow
        The walk.
    history : tuple of Frame
        The best trial move by move, if it was asked for; else empty.

    Examples
    --------
    >>> links = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]
    >>> found = find_communities(links, seed=0)
    >>> found.modules
    {0: 0, 1: 0, 2: 0, 3: 1, 4: 1, 5: 1}
    >>> round(found.codelength, 6), found.groups()
    (2.32073, [[0, 1, 2], [3, 4, 5]])
    """

    modules: dict
    tree: dict = field(repr=False)
    codelength: float
    one_level: float
    trials: tuple
    flow: Flow = field(repr=False)
    history: tuple = field(repr=False, default=())

    def groups(self):
        """The nodes of each module at the top level, in the order of the modules."""
        groups = [[] for _ in range(max(self.modules.values(), default=-1) + 1)]
        for node, module in self.modules.items():
            groups[module].append(node)
        return groups

    @property
    def depth(self):
        """How many levels of modules the deepest node has above it: 1 in a two-level map."""
        return max((len(path) for path in self.tree.values()), default=0)


def find_communities(graph, *, seed, trials=2, levels=2, history=False, **convention):
    """Return the modules of a network that make a random walk on it cheapest to tell.

    Parameters
    ----------
    graph : Flow, or anything that `thrifty.flows.flow` reads
        Isolated nodes end alone, each in a module of its own.
    seed : int
        At least 0. The same seed, the same network in the same order, the same modules.
    trials : int
        How often the search starts afresh; the cheapest result is returned. Every second trial
        lets each node move once before modules are merged, which suits nested modules.
    levels : 2 or None
        2 for modules without modules inside; None for as many levels as pay.
    history : bool
        Whether to note every move and every pass.
        Runs the plain search: two levels, at most 2000 nodes.
    **convention
        Arguments of `thrifty.flows.flow`, if `graph` is no Flow yet: `directed`, `teleportation`,
        `recorded`, `to`, `markov_time`, `weight`.

    Returns
    -------
    Communities

    Raises
    ------
    TypeError, ValueError
        If the graph cannot be read, or an argument is out of its range.

    Notes
    -----
    The search is greedy: it can end above the least code length, and another seed may find less.
    The order of the nodes matters too. Compare `trials`.

    Examples
    --------
    >>> import networkx as nx
    >>> karate = find_communities(nx.karate_club_graph(), weight=None, seed=1)
    >>> len(karate.groups()), round(karate.codelength, 6), round(karate.one_level, 6)
    (3, 4.311793, 4.704423)
    """
    seed, trials = require_int("seed", seed, 0), require_int("trials", trials, 1)
    if levels is not None and (isinstance(levels, bool) or levels != 2):
        raise ValueError(f"levels must be 2, or None for as many as pay, got {levels!r}")
    if isinstance(graph, Flow) and convention:
        raise TypeError(f"{', '.join(convention)}: this Flow has its convention already")
    walk = graph if isinstance(graph, Flow) else flow(graph, **convention)
    words = float(_tree.h(walk.visits).sum())
    one_level = (float(_tree.h(walk.visits.sum())) - words) / math.log(2)
    if not len(walk.network):
        return Communities({}, {}, 0.0, 0.0, (0.0,) * trials, walk)
    if history:
        return _noted(walk, seed, trials, levels, one_level, words)
    warm()
    net = _search.net_of(walk)
    found = [_trial(net, seed, trial, levels) for trial in range(trials)]
    bits = tuple((tree.length() - words) / math.log(2) for tree in found)
    best = found[int(np.argmin(bits))]
    return _communities(walk, best, min(bits), one_level, bits)


def _trial(net, seed, trial, levels):
    rng, patient = np.random.default_rng([seed, trial]), trial % 2 == 0
    if levels is None:
        return _or_one_module(net, _tree.search_tree(net, rng, patient))
    root = np.zeros(len(net), np.int32)
    modules, level = _search.search(net, root, np.zeros(1), rng, patient)
    return _or_one_module(net, _tree.flat_tree(level, modules))


def _or_one_module(net, tree):
    """The tree, or one module of all nodes where no modules pay."""
    modules = np.zeros(len(net), np.int32)
    one = _tree.flat_tree(_search.merged(net, modules, 1), modules)
    return one if one.length() < tree.length() - _search.LEAST_GAIN else tree


def _communities(walk, tree, bits, one_level, trials, history=()):
    paths = tree.paths()
    nodes = walk.nodes
    return Communities(
        {node: path[0] for node, path in zip(nodes, paths, strict=True)},
        dict(zip(nodes, paths, strict=True)),
        bits,
        one_level,
        trials,
        walk,
        history,
    )


def _noted(walk, seed, trials, levels, one_level, words):
    if levels != 2 or len(walk.network) > MOST_PLAIN_NODES:
        raise ValueError(
            f"history needs levels=2 and at most {MOST_PLAIN_NODES} nodes, "
            f"got levels={levels!r} and {len(walk.network)} nodes"
        )
    if walk.jumps.any():
        raise ValueError("history needs jumps that are not recorded: recorded=False")
    level = plain_infomap.level_of(walk)
    net, bits, best = _search.net_of(walk), [], None
    for trial in range(trials):
        notes = []
        rng = np.random.default_rng([seed, trial])
        modules = plain_infomap.search(
            level, rng, lambda *note, to=notes: to.append(note), trial % 2 == 0
        )
        modules = np.array(modules, np.int32)
        grouped = _search.merged(net, modules, int(modules.max()) + 1)
        tree = _or_one_module(net, _tree.flat_tree(grouped, modules))
        if len(tree.parents) == 1 and modules.any():
            notes.append(("one module", [0] * len(modules), modules.tolist(), None, 0))
        bits.append((tree.length() - words) / math.log(2))
        if bits[-1] == min(bits):
            best = tree, notes
    history = frames(walk.nodes, best[1], lambda modules: _two_level_bits(net, modules, words))
    return _communities(walk, best[0], min(bits), one_level, tuple(bits), history)


def _two_level_bits(net, modules, words):
    compact = np.unique(modules, return_inverse=True)[1].astype(np.int32)
    level = _search.merged(net, compact, int(compact.max()) + 1)
    nats = _search.lengths(level, np.zeros(len(level), np.int32), np.zeros(1))[0]
    return float((nats - words) / math.log(2))


def warm(quiet=False):
    """Compile the search now, if it is not yet: once on a machine, some 15 s; then it is kept.

    Parameters
    ----------
    quiet : bool
        Whether to say nothing. By default, what takes longer than a second is told on stderr.

    Examples
    --------
    >>> warm(quiet=True)
    """
    global _compiled
    if _compiled:
        return
    loops = [loop for loop in vars(_moves).values() if hasattr(loop, "stats")]
    done = threading.Event()

    def compiling():
        # On a busy machine reading the cache takes a second too.
        return any(loop.stats.cache_misses for loop in loops)

    def tell():
        while not done.wait(1.0):
            if compiling():
                return _say("compiling the search, once on this machine ...")

    if not quiet:
        threading.Thread(target=tell, daemon=True).start()
    begin = time.monotonic()
    # Both kinds of walk go through every loop; their arrays are of the same types.
    links = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 3)]
    try:
        for directed in (False, True):
            _trial(_search.net_of(flow(links, directed=directed)), 0, 0, None)
    finally:
        done.set()
    took = time.monotonic() - begin
    if took > 1 and not quiet and compiling():
        _say(f"compiled in {took:.0f} s; from now on it is read from a cache")
    _compiled = True


def _say(text):
    print(f"thrifty.infomap: {text}", file=sys.stderr, flush=True)
