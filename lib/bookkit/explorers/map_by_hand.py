"""The map equation by hand: move nodes between modules, see both kinds of code books follow."""

from __future__ import annotations

import functools

import traitlets as t

from bookkit import network_picture, seeded_walk, stored_flow, toy_networks
from bookkit.live import LiveFigure, count, decimals
from thrifty.flows import Flow, flow
from thrifty.infomap import find_communities
from thrifty.mapequation import CodeLength, codelength

CONTROLS = ["network", "move", "walk"]
FEWEST, MOST = 2, 40  # nodes
MOST_STEPS = 5000
SEED, TRIALS = 0, 10  # of the library's answer
SAME = 5e-7  # bits; differences below are rounding
number = functools.partial(decimals, digits=3)


class MapByHand(LiveFigure):
    """Move the nodes of a network between modules, and see what a step of a walk costs then.

    The reader drags a node, or chooses it and presses a module; both kinds of code books, the
    terms of the map equation and the code length follow at once. A walker writes its steps in the
    words of one code book and in those of the two levels.

    Parameters
    ----------
    graph : graph, or dict of name -> graph
        What `thrifty.flows.flow` reads, or a `bookkit.toy_networks.Toy`; of 2 to 40 nodes, its
        links followed both ways. From several the reader chooses.
    modules : sequence, or dict of name -> sequence, optional
        The module of each node at the start; by default each node is alone.
    places : list of [x, y], or dict of name -> list, optional
        Where the nodes stand, x from 0 to 400; by default `bookkit.network_picture.positions`.
    network : int
        Which of the networks is shown.
    node : int
        The chosen node, by number.
    steps, seed : int
        Steps that the walker has made from the first node, at most 5000, and what they are drawn
        from.
    controls : list of {"network", "move", "walk"}
        What the reader may do.
    caption : str
        One sentence under the figure.

    Raises
    ------
    ValueError
        If a network is directed, has too few or too many nodes, or its modules or places do not
        fit its nodes.

    Examples
    --------
    >>> figure = MapByHand(toy_networks.two_triangles(), [0, 0, 0, 1, 1, 1], caption="Two.")
    >>> figure.sentence()
    "6 nodes in 2 modules: 2.321 bits a step, 0.143 of them for the index book. One code book \
needs 2.557; this is the library's answer."
    """

    networks = t.List(t.Dict()).tag(sync=True)
    network = t.Int(0, min=0).tag(sync=True)
    modules = t.List(t.Int(min=0)).tag(sync=True)
    node = t.Int(0, min=0).tag(sync=True)
    steps = t.Int(10, min=0, max=MOST_STEPS).tag(sync=True)
    seed = t.Int(1, min=0).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)

    def __init__(self, graph, modules=None, *, places=None, network=0, **kwargs):
        graphs = graph if isinstance(graph, dict) else {"": graph}
        several = isinstance(graph, dict)
        networks = [
            _described(
                name,
                one,
                modules.get(name) if several and modules else modules,
                places.get(name) if several and places else places,
            )
            for name, one in graphs.items()
        ]
        if not 0 <= network < len(networks):
            raise ValueError(f"network must be 0 to {len(networks) - 1}, got {network}")
        kwargs.setdefault("modules", networks[network]["start"])
        super().__init__(networks=networks, network=network, **kwargs)

    @t.validate("node")
    def _is_there(self, proposal):
        nodes = len(self.networks[self.network]["names"])
        if proposal["value"] >= nodes:
            raise t.TraitError(f"node must be 0 to {nodes - 1}, got {proposal['value']}")
        return proposal["value"]

    @property
    def shown(self) -> dict:
        """The description of the network that is shown."""
        return self.networks[self.network]

    @property
    def flow(self) -> Flow:
        """The walk on the network that is shown, its nodes by number."""
        return _flow_of(self.shown)

    @property
    def length(self) -> CodeLength:
        """What a step costs under the modules that are shown."""
        return codelength(self.flow, self.modules)

    def walk(self) -> list[int]:
        """Return the nodes that the walker has visited."""
        return seeded_walk.walk(self.flow, 0, self.steps, self.seed)

    def sentence(self) -> str:
        found, shown = self.length, self.shown
        answer = f"the library's answer needs {number(shown['bits'])}"
        if abs(found.bits - shown["bits"]) < SAME:
            answer = "this is the library's answer"
        elif found.bits < shown["bits"]:
            answer = f"the library's answer needs more, {number(shown['bits'])}"
        return (
            f"{count(len(self.modules), 'node')} in {count(len(set(self.modules)), 'module')}: "
            f"{number(found.bits)} bits a step, {number(found.index)} of them for the index book. "
            f"One code book needs {number(found.one_level)}; {answer}."
        )

    def picture(self) -> str:
        shown = self.shown
        return network_picture.picture(
            shown["names"], shown["places"], shown["links"], self.modules, self.sentence()
        )


def _flow_of(shown):
    links = [tuple(link) for link in shown["links"]]
    return flow(toy_networks.Toy(links, shown["start"]).graph())


def _described(name, graph, modules, places):
    """A network as the script reads it: what it is, how it flows, and the library's answer."""
    plain = graph.graph() if isinstance(graph, toy_networks.Toy) else graph
    walk = flow(plain)
    net, nodes = walk.network, len(walk.nodes)
    if net.directed:
        raise ValueError(
            "this figure's walker follows links both ways, and this graph is directed: give an "
            "undirected one, as its to_undirected() makes, or ask thrifty.mapequation.codelength"
        )
    if not FEWEST <= nodes <= MOST or not len(net.weights):
        raise ValueError(
            f"this figure is for {FEWEST} to {MOST} nodes with links, "
            f"got {nodes} nodes and {len(net.weights)} links"
        )
    ends = zip(net.sources.tolist(), net.targets.tolist(), net.weights.tolist(), strict=True)
    links = [list(link) for link in ends]
    found = find_communities(walk, seed=SEED, trials=TRIALS)
    start = range(nodes) if modules is None else modules
    if not hasattr(start, "__len__") or len(start) != nodes:
        raise ValueError(f"modules must name one module for each of {nodes} nodes, got {start!r}")
    if places is None:
        places = network_picture.positions(toy_networks.Toy(links, [0] * nodes).graph())
    if len(places) != nodes:
        raise ValueError(f"places must have one [x, y] for each of {nodes} nodes")
    answer = _numbered(found.modules.values())
    return {
        "name": name,
        "names": [str(node) for node in walk.nodes],
        "places": [[int(x), int(y)] for x, y in places],
        "links": links,
        **stored_flow.fields(walk),
        "start": _numbered(start),
        "answer": answer,
        "bits": codelength(walk, answer).bits,
    }


def _numbered(modules):
    """Modules as numbers from 0, in the order in which they come."""
    known = {}
    return [known.setdefault(module, len(known)) for module in modules]
