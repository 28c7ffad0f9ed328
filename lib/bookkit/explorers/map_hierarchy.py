"""Hierarchy: the tree of modules beside the network; code books put away, taken out, and paid."""

from __future__ import annotations

import functools

import networkx as nx
import traitlets as t

from bookkit import module_trees, network_picture, stored_flow
from bookkit.live import LiveFigure, count, decimals
from thrifty.flows import Flow, flow
from thrifty.infomap import find_communities
from thrifty.mapequation import CodeLength, codelength

CONTROLS = ["books", "levels", "history"]
TOLD = 6  # modules of the top that are told one by one
CROWDED = 60  # nodes from which on they are drawn small
SEED, TRIALS = 0, 10  # of the library's tree
number = functools.partial(decimals, digits=4)


class MapHierarchy(LiveFigure):
    """Put the code books of a tree of modules away and take them out, and see what a step costs.

    The reader presses a module in the tree: its code book goes, or comes back, and the bits of
    all books, the modules drawn in the network and the code length follow.
    A module that holds modules dissolves: they stand one level up. If a module that holds nodes
    goes, those beside it go too, because nodes do not stand beside modules.

    Parameters
    ----------
    graph : networkx graph
        Of up to some 150 nodes.
    tree : sequence in the order of the nodes, or dict of node -> path, optional
        The whole tree, as `thrifty.mapequation.codelength` takes it; by default what
        `thrifty.infomap.find_communities` finds with ``levels=None``.
    weight : str or None
        The attribute of the links that holds weights.
    places : list of [x, y], optional
        Where the nodes stand; by default `bookkit.network_picture.positions`.
    dissolved, closed : list of str
        Modules without a book, and modules in which all is one, by their place in the tree: "0"
        is the first at the top, "0.2" the third inside it, "" is the top itself.
    controls : list of {"books", "levels", "history"}
        What the reader may do: press modules, cut the tree at a level, undo.
    caption : str
        One sentence under the figure.

    Raises
    ------
    ValueError
        If the tree does not fit the graph.
    traitlets.TraitError
        If a module that is dissolved or closed holds no modules, or "" is dissolved.

    Examples
    --------
    >>> from bookkit.toy_networks import nine_triangles
    >>> toy = nine_triangles()
    >>> figure = MapHierarchy(toy.graph(), toy.groups, caption="Nine triangles.")
    >>> round(figure.length.bits, 6)
    3.385831
    >>> figure.dissolved = ["2"]
    >>> figure.sentence()
    '5 modules at the top: A (3 inside), B (3 inside), C1, C2 and C3. 3.3719 bits a step: 0.4947 \
in books of modules, 2.8772 in books of nodes. One code book for all takes 4.7455.'
    """

    names = t.List(t.Unicode()).tag(sync=True)
    places = t.List().tag(sync=True)
    links = t.List().tag(sync=True)
    directed = t.Bool().tag(sync=True)
    flow = t.Dict().tag(sync=True)
    tree = t.List().tag(sync=True)
    radius = t.Float().tag(sync=True)
    dissolved = t.List(t.Unicode()).tag(sync=True)
    closed = t.List(t.Unicode()).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)

    def __init__(
        self,
        graph: nx.Graph,
        tree=None,
        *,
        weight: str | None = "weight",
        places: list | None = None,
        **kwargs,
    ):
        #: The walk whose steps are told.
        self.walk: Flow = flow(graph, weight=weight)
        if tree is None:
            tree = find_communities(self.walk, seed=SEED, trials=TRIALS, levels=None).tree
        codelength(self.walk, tree)  # refuses a tree that does not fit
        paths = [tree[node] for node in self.walk.nodes] if hasattr(tree, "keys") else tree
        super().__init__(
            names=[str(node) for node in self.walk.nodes],
            places=places or network_picture.positions(graph),
            links=stored_flow.links(self.walk),
            directed=self.walk.network.directed,
            flow=stored_flow.fields(self.walk),
            tree=module_trees.numbered(paths),
            radius=4 if len(graph) >= CROWDED else network_picture.RADIUS - 2,
            **kwargs,
        )

    @t.validate("dissolved", "closed")
    def _inner(self, proposal):
        name, found = proposal["trait"].name, sorted(proposal["value"])
        known = module_trees.inner(self.tree)
        for key in found:
            if key not in known or (name, key) == ("dissolved", module_trees.ROOT):
                raise t.TraitError(
                    f"{name} must name modules that hold modules, "
                    f"of {sorted(known - {module_trees.ROOT})}, got {key!r}"
                )
        return found

    @property
    def modules(self) -> list[tuple[str, ...]]:
        """The modules with a book on the way to each node, in the order of the nodes."""
        return [module_trees.shown(path, self.dissolved, self.closed) for path in self.tree]

    @property
    def length(self) -> CodeLength:
        """What a step costs, with its code books."""
        return codelength(self.walk, self.modules)

    def _top(self) -> list[str]:
        """The modules at the top, each with the number of those inside it."""
        inside = {}
        for path in self.modules:
            inside.setdefault(path[0], set()).add(path[1:2])
        found = []
        for key, below in inside.items():
            many_inside = f" ({len(below)} inside)" if () not in below else ""
            found.append(f"{module_trees.name(key)}{many_inside}")
        return found

    def sentence(self) -> str:
        length = self.length
        flat = number(length.one_level)
        if module_trees.ROOT in self.closed:
            return f"No modules: one code book for all nodes takes {flat} bits a step."
        top = self._top()
        listed = top if len(top) <= TOLD + 1 else [*top[:TOLD], f"{len(top) - TOLD} more"]
        listed = f"{', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else listed[0]
        return (
            f"{count(len(top), 'module')} at the top: {listed}. {number(length.bits)} bits a step: "
            f"{number(length.index)} in books of modules, {number(length.inside)} in books of "
            f"nodes. One code book for all takes {flat}."
        )

    def grounds(self) -> list[tuple]:
        """What lies under the nodes of each module, outer ones first, for the drawing."""
        found = {}
        deepest = max(len(path) for path in self.modules)
        for node, path in enumerate(self.modules):
            for depth, key in enumerate(path):
                # How far a ground reaches is a matter of what it holds.
                around = 0 if depth == len(path) - 1 else deepest - 1 - depth
                found.setdefault((around, key), []).append(node)
        order = sorted(found, key=lambda item: -item[0])
        return [
            (found[around, key], self._colour(key), around * network_picture.HULL / 2)
            for around, key in order
        ]

    def _colour(self, key) -> int:
        return int(key.partition(".")[0]) if key else network_picture.GREY

    def picture(self) -> str:
        return network_picture.picture(
            self.names,
            self.places,
            self.links,
            [path[0] for path in self.tree],
            self.sentence(),
            grounds=self.grounds(),
            radius=self.radius,
        )
