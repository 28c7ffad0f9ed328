"""InfoMap, step by step: a player over the stored history of a search for modules."""

from __future__ import annotations

import functools

import networkx as nx
import traitlets as t

from bookkit import network_picture, stored_flow
from bookkit.live import LiveFigure, count, decimals
from bookkit.network_picture import letter
from bookkit.search_frames import Moment, letters, moments, stored
from thrifty.flows import flow
from thrifty.infomap import Communities, find_communities

CONTROLS = ["step", "play"]
LISTED = 3  # nodes that are told one by one
ALONE = -1  # drawn without a module's colour and letter
number = functools.partial(decimals, digits=4)


class InfomapPlayer(LiveFigure):
    """Follow InfoMap move by move: what moves, where to, how many bits it saves, what it ends with.

    The reader plays the search or takes it step by step, sees the network's modules and the curve
    of the code length, which step of the algorithm is at work, and where else a node could go.

    Parameters
    ----------
    graph : networkx graph
        Of some 10 to 80 nodes. Its walk must not have recorded jumps.
    seed : int
        Of the search, see `thrifty.infomap.find_communities`.
    trials : int
        How often the search starts afresh; the best is shown.
    weight : str or None
        The attribute of the links that holds weights.
    places : list of [x, y], optional
        Where the nodes stand; by default `bookkit.network_picture.positions`.
    step : int
        The frame that is shown, from 0; more than there are show the last.
    controls : list of {"step", "play"}
        What the reader may use.
    caption : str
        One sentence under the figure.

    Raises
    ------
    TypeError, ValueError
        If the graph cannot be read or the search cannot be noted.

    Examples
    --------
    >>> figure = InfomapPlayer(nx.barbell_graph(3, 0), seed=0, caption="Two triangles.")
    >>> figure.sentence()
    'Start: each of the 6 nodes is a module of its own. A step takes 4.1281 bits; with one code \
book for all nodes 2.5567.'
    >>> figure.step = 1
    >>> figure.sentence()
    'Node 2 joins node 0, together module A: 3.6792 bits, 0.4489 fewer.'
    >>> figure.step = 99
    >>> figure.sentence()
    'Grouping many modules at once saves nothing either. The search ends: 2 modules, 2.3207 bits; \
one code book for all nodes takes 2.5567.'
    """

    names = t.List(t.Unicode()).tag(sync=True)
    places = t.List().tag(sync=True)
    links = t.List().tag(sync=True)
    directed = t.Bool().tag(sync=True)
    flow = t.Dict().tag(sync=True)
    one_level = t.Float().tag(sync=True)
    letters = t.List(t.Int()).tag(sync=True)
    passes = t.List(t.Dict()).tag(sync=True)
    step = t.Int(0, min=0).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)

    def __init__(
        self,
        graph: nx.Graph,
        *,
        seed: int,
        trials: int = 1,
        weight: str | None = "weight",
        places: list | None = None,
        **kwargs,
    ):
        walk = flow(graph, weight=weight)
        #: What the search found, with its history.
        self.found: Communities = find_communities(walk, seed=seed, trials=trials, history=True)
        #: The frames, each with what led to it.
        self.moments: list[Moment] = moments(self.found.history)
        super().__init__(
            names=[str(node) for node in walk.nodes],
            places=places or network_picture.positions(graph),
            links=stored_flow.links(walk),
            directed=walk.network.directed,
            flow=stored_flow.fields(walk),
            one_level=round(self.found.one_level, 6),
            letters=letters(self.found.history, list(self.found.modules.values())),
            passes=stored(self.moments),
            **kwargs,
        )

    @property
    def moment(self) -> Moment:
        """The frame that is shown."""
        return self.moments[min(self.step, len(self.moments) - 1)]

    def _letter(self, module: int) -> str:
        return letter(self.letters[module])

    def _listed(self, nodes: list[int]) -> str:
        names = [self.names[node] for node in nodes]
        if len(names) > LISTED + 1:
            return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"
        return f"{', '.join(names[:-1])} and {names[-1]}"

    def _move(self, moment: Moment) -> str:
        """Say which unit moves where; the twin of `moveSentence` in the script."""
        unit, new = moment.moves[0]
        every = range(len(self.names))
        inside = [node for node in every if moment.units[node] == unit]
        old = moment.before[unit]
        whole = moment.before.count(old) == len(inside)
        there = [node for node in every if moment.before[node] == new and node not in inside]
        one = whole or len(inside) == 1
        if len(inside) == 1:
            who = f"Node {self.names[unit]}"
        elif whole:
            who = f"Module {self._letter(old)} ({len(inside)} nodes)"
        else:
            who = f"Nodes {self._listed(inside)}"
        aim = f"module {self._letter(new)}" if there else ""
        together = f"node {self.names[there[0]]}, together {aim}" if there else ""
        if whole:
            return f"{who} joins {together if len(there) == 1 else aim}"
        origin, s = f"module {self._letter(old)}", "s" if one else ""
        if not there:
            alone = "is alone" if one else f"are a module of their own, {self._letter(new)}"
            return f"{who} leave{s} {origin} and {alone}"
        if len(there) == 1:
            return f"{who} leave{s} {origin} for {together}"
        return f"{who} move{s} from {origin} to {aim}"

    def _next(self, place: int) -> str:
        """Say what comes after a pass; the twin of `nextSentence` in the script."""
        after = self.moments[place + 1]
        if after.step == "groups":
            return "Next: many modules at once."
        if after.step == "parts" and after.first:
            return "Next: parts of modules, if a search inside them finds any."
        if after.kind == "nodes":
            return f"Next: single nodes{', once more' if after.turn else ''}."
        return f"Next: the {count(len(set(after.units)), 'module')}, each as a whole."

    def sentence(self) -> str:
        place = min(self.step, len(self.moments) - 1)
        moment = self.moments[place]
        fewer = f"{number(moment.bits)} bits, {number(moment.was - moment.bits)} fewer."
        flat = number(self.one_level)
        modules = count(len(set(moment.modules)), "module")
        if moment.step == "start":
            return (
                f"Start: each of the {len(self.names)} nodes is a module of its own. A step takes "
                f"{number(moment.bits)} bits; with one code book for all nodes {flat}."
            )
        if moment.step == "groups":
            if len(set(moment.modules)) == 1 and place == len(self.moments) - 1 and moment.moves:
                return f"Modules do not pay: one code book for all nodes takes {fewer}"
            if moment.moves:
                return f"Many modules are grouped at once, {modules} are left: {fewer}"
            return (
                "Grouping many modules at once saves nothing either. The search ends: "
                f"{modules}, {number(moment.bits)} bits; one code book for all nodes takes {flat}."
            )
        if moment.moves:
            return f"{self._move(moment)}: {fewer}"
        then = self._next(place)
        if moment.step == "parts" and moment.first and moment.kind != "parts":
            return f"Searched again inside itself, no module falls into parts. {then}"
        what = {"nodes": "single node", "modules": "module as a whole", "parts": "part"}
        if moment.moved:
            return (
                f"No {what[moment.kind]} can save anything any more: "
                f"{moment.tries} tried, {moment.moved} moved. {then}"
            )
        return f"No move of a {what[moment.kind]} saves anything: {moment.tries} tried. {then}"

    def shown_modules(self) -> list[int]:
        """The module of each node as it is drawn: nodes that are alone have none."""
        sizes = self.moment.sizes
        return [self.letters[m] if sizes[m] > 1 else ALONE for m in self.moment.modules]

    def picture(self) -> str:
        return network_picture.picture(
            self.names, self.places, self.links, self.shown_modules(), self.sentence()
        )
