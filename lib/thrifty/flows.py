"""How often a random walker visits each node of a network and follows each link: its flow.

An undirected walk needs the links alone.
On a directed network it can be caught, so that it jumps now and then: where a jump lands, and
whether it counts as a step, is a convention, and modules depend on it.

Sources: Rosvall and Bergstrom 2008, PNAS 105, 1118; Lambiotte and Rosvall 2012, Phys. Rev. E 85,
056107.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from thrifty._checks import require_share
from thrifty.networks import Network, network

# How a jump can be treated on a directed network. The same words for `flow` and `find_communities`.
CONVENTIONS = {
    "links, not recorded": {"recorded": False, "to": "links"},
    "nodes, not recorded": {"recorded": False, "to": "nodes"},
    "links, recorded": {"recorded": True, "to": "links"},
    "nodes, recorded": {"recorded": True, "to": "nodes"},
}


@dataclass(frozen=True, eq=False)
class Flow:
    """How often a random walker visits each node and follows each link.

    Attributes
    ----------
    network : Network
        As it was read; directed if the walk is.
    visits : float array of shape (nodes,)
        Visits of each node per step. They sum to 1, or to 0 in a network without links to follow.
    one_way : float array of shape (links of the network,)
        How often each link of the network is followed, per step, in one direction.
    jumps : float array of shape (nodes,)
        How often the walker jumps away from each node, per step, if jumps are recorded; else 0.
    landing : float array of shape (nodes,)
        The share of recorded jumps that land on each node.
    markov_time : float
        Every step along a link that crosses between modules counts this many times; jumps do not.
    teleportation : float
        The probability of a jump, recorded or not, from a node with links out; 0 if undirected.
    sources, targets : integer arrays of shape (links,)
        The links in the direction they are followed: an undirected link stands twice, a self-link
        once.
    rates : float array of shape (links,)
        How often each is followed, per step.

    Examples
    --------
    >>> flow([("a", "b"), ("b", "c")]).visits
    array([0.25, 0.5 , 0.25])
    """

    network: Network
    visits: np.ndarray
    one_way: np.ndarray
    jumps: np.ndarray
    landing: np.ndarray
    markov_time: float = 1.0
    teleportation: float = 0.0

    @property
    def nodes(self):
        """The names of the nodes, in the order of the arrays."""
        return self.network.nodes

    # Made when they are asked for: the search has no need of them, and large networks have many.
    @cached_property
    def sources(self):
        return _both_ways(self.network, self.network.sources, self.network.targets)

    @cached_property
    def targets(self):
        return _both_ways(self.network, self.network.targets, self.network.sources)

    @cached_property
    def rates(self):
        return _both_ways(self.network, self.one_way, self.one_way)


def flow(
    graph,
    *,
    directed=None,
    teleportation=0.15,
    recorded=False,
    to="links",
    markov_time=1.0,
    weight="weight",
):
    """Return the rates at which a random walker visits the nodes and follows the links.

    Parameters
    ----------
    graph : Network, NetworkX graph, SciPy sparse matrix, square array or list of links
        As `thrifty.networks.network` reads it.
    directed : bool, optional
        As the graph says by default.
    teleportation : float
        The probability of a jump instead of a step along a link, above 0 and at most 1.
        Only directed walks jump: they could be caught in a part without a way out.
        From a node without links out, the walker always jumps.
    recorded : bool
        Whether jumps count as steps that must be told, as in the paper of 2008. By default
        they do not: the rates are those of the steps along links between jumps.
    to : "links" or "nodes"
        Where a jump lands: on a link drawn by weight, or on any node alike.
        Jumps to links land at the link's beginning, or at its end if they are recorded.
    markov_time : float
        Above 0. Above 1, crossings between modules cost more, and larger modules pay.
    weight : str or None
        The attribute of NetworkX graphs that holds weights.

    Returns
    -------
    Flow

    Raises
    ------
    TypeError, ValueError
        If the graph cannot be read, or a parameter is out of its range.

    Notes
    -----
    An undirected walk needs no jumps: its visit rates are the nodes' shares of all link ends.
    Source: Lambiotte and Rosvall 2012, Phys. Rev. E 85, 056107.

    Examples
    --------
    >>> circle = flow([(0, 1), (1, 2), (2, 0)], directed=True, recorded=True, to="nodes")
    >>> circle.visits.round(3), circle.rates.round(3)
    (array([0.333, 0.333, 0.333]), array([0.283, 0.283, 0.283]))
    """
    net = network(graph, directed=directed, weight=weight)
    teleportation = require_share("teleportation", teleportation)
    if teleportation == 0:
        raise ValueError("teleportation must be above 0: without jumps a walk can be caught")
    if to not in ("links", "nodes"):
        raise ValueError(f'to must be "links" or "nodes", got {to!r}')
    if not isinstance(recorded, (bool, np.bool_)):
        raise TypeError(f"recorded must be True or False, got {recorded!r}")
    if not (math.isfinite(markov_time) and markov_time > 0):
        raise ValueError(f"markov_time must be a finite number above 0, got {markov_time}")
    if not net.directed:
        return _undirected(net, markov_time)
    return _directed(net, teleportation, bool(recorded), to, markov_time)


def _both_ways(net, forth, back):
    """What is said of each link, and again for the way back, if it has one."""
    if net.directed:
        return forth
    return np.concatenate([forth, back[net.sources != net.targets]])


def _undirected(net, markov_time):
    # Dividing before adding keeps huge and tiny weights finite.
    one_way = net.weights / _both_ways(net, net.weights, net.weights).sum()
    back = net.sources != net.targets
    visits = sums(net.sources, one_way, len(net))
    np.add.at(visits, net.targets[back], one_way[back])
    none = np.zeros(len(net))
    return Flow(net, visits, one_way, none, none, markov_time)


def _directed(net, teleportation, recorded, to, markov_time):
    n = len(net)
    out = sums(net.sources, net.weights, n)
    dangling = out == 0
    steps = net.weights / out[net.sources]
    landing = _landing(net, recorded, to)
    visits = _page_rank(net, steps, dangling, landing, teleportation)
    none = np.zeros(n)
    if recorded:
        jumps = np.where(dangling, visits, teleportation * visits)
        rates = (1 - teleportation) * steps * visits[net.sources]
        return Flow(net, visits, rates, jumps, landing, markov_time, teleportation)
    rates = steps * visits[net.sources]
    rates = rates / rates.sum() if len(rates) else rates
    arrivals = sums(net.targets, rates, n)
    return Flow(net, arrivals, rates, none, none, markov_time, teleportation)


def _landing(net, recorded, to):
    n = len(net)
    if to == "nodes" or not len(net.weights):
        return np.full(n, 1 / max(n, 1))
    ends = net.targets if recorded else net.sources
    share = sums(ends, net.weights, n)
    return share / share.sum()


def _page_rank(net, steps, dangling, landing, teleportation):
    """The stationary visit rates of the walk with jumps, by repeating its step."""
    n = len(net)
    forward = sparse.csr_array((steps, (net.targets, net.sources)), shape=(n, n))
    rates = landing
    # What rounding leaves of a difference grows as jumps become rare.
    enough = 1e-15 * max(n, 1) ** 0.5 * max(1, 0.15 / teleportation)
    # Every round shrinks the error to 1 - teleportation of it: only tiny ones reach the cap.
    for _ in range(100_000):
        jumping = teleportation * (1 - rates[dangling].sum()) + rates[dangling].sum()
        after = (1 - teleportation) * (forward @ rates) + jumping * landing
        after /= after.sum() if n else 1
        if np.abs(after - rates).sum() < enough:
            return after
        rates = after
    raise ArithmeticError(
        f"the visit rates did not settle with teleportation={teleportation}; use a larger one"
    )


def sums(places, values, count):
    """The sum of the values at each of `count` places, as floats also where there is none.

    Examples
    --------
    >>> sums(np.array([0, 2, 0]), np.array([1.0, 2.0, 3.0]), 4)
    array([4., 0., 2., 0.])
    """
    return np.bincount(places, weights=values, minlength=count).astype(np.float64)
