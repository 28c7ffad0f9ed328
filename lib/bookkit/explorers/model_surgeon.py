"""The model surgeon: a model's graph, a cut placed by hand, and the line of Python that does it."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import traitlets as t

from bookkit.live import LiveFigure
from bookkit.svg import AGAINST, INK, OFF, PAPER, RAMP
from thrifty._cut import addresses
from thrifty._graph import Graph, mask_shapes

# The drawing in its own units, as in the script.
WIDTH, ROW, BOX, LEFT, RIGHT = 384, 28, 22, 66, 296


class Cut(NamedTuple):
    """What a cut means; tensors and the layers that make them are numbers."""

    part: list[int]  # the layers of the sub-model
    idle: list[int]  # starts that the end does not use
    edges: list[tuple[int, int]]  # that cross the cut: a tensor and the layer that needs it

    @property
    def missing(self) -> list[int]:
        """The tensors that must be inputs too."""
        return list(dict.fromkeys(tensor for tensor, _ in self.edges))


def cut_of(parents: Sequence[Sequence[int]], start: Sequence[int], end: int) -> Cut:
    """Return what lies between some tensors and a later one, and what is missing there.

    The twin of `cutOf` in ``static/rules.js``; `thrifty.surgery.submodel` does the same on a model.

    Parameters
    ----------
    parents : list of lists of int
        The tensors that each layer is called on; each comes before the layer.
    start : list of int
    end : int

    Examples
    --------
    >>> skip = [[], [0], [1], [2, 0]]  # 3 adds what 2 made and the input 0
    >>> cut_of(skip, [0], 3).part
    [1, 2, 3]
    >>> cut_of(skip, [1], 3).edges
    [(0, 3)]
    """
    needed, todo = set(), [end]
    while todo:
        k = todo.pop()
        if k not in needed and k not in start:
            needed.add(k)
            todo += parents[k]
    used = {p for k in needed for p in parents[k]} | {end}
    reached, part, edges = set(start), [], []
    for k in sorted(needed):
        outside = [p for p in parents[k] if p not in reached]
        if len(outside) < len(parents[k]):
            reached.add(k)
            part.append(k)
            edges += [(p, k) for p in dict.fromkeys(outside)]
    return Cut(part, [k for k in start if k not in used], edges)


class ModelSurgeon(LiveFigure):
    """Place a cut in the drawn graph of a model; see the part, what it lacks, and its Python.

    Made by `from_model`; the other parameters are what it reads off a model.

    Parameters
    ----------
    inputs : list of str
        Where the part starts: names of layers, meaning their outputs.
        One call of a layer with several is ``"dense:1"``, counted from 0.
    output : str
        Where it ends.
    opened : list of str
        The groups whose layers are drawn one by one.
    caption : str
        One sentence under the figure.

    Raises
    ------
    traitlets.TraitError
        If a name is not one of the model.

    Examples
    --------
    >>> import keras
    >>> x = keras.Input((4,), name="x")
    >>> h = keras.layers.Dense(4, name="h")(x)
    >>> model = keras.Model(x, keras.layers.Add(name="y")([x, h]))
    >>> figure = ModelSurgeon.from_model(model, caption="One skip.", inputs="h")
    >>> figure.error
    "the outputs also depend on what does not pass through the inputs; add: 'x'"
    >>> figure.inputs = ["h", "x"]
    >>> figure.line
    'submodel(model, ["h", "x"], "y")'
    """

    names = t.List(t.Unicode()).tag(sync=True)
    kinds = t.List(t.Unicode()).tag(sync=True)
    shapes = t.List(t.Unicode()).tag(sync=True)
    parents = t.List(t.List(t.Int())).tag(sync=True)
    weights = t.List(t.List(t.Int())).tag(sync=True)  # a number of parameters and who holds them
    groups = t.List(t.List()).tag(sync=True)  # name, first layer, last layer
    same = t.List(t.List(t.Int())).tag(sync=True)  # the calls of one layer
    masked = t.List(t.Int()).tag(sync=True)  # the tensors that carry an implicit mask
    inputs = t.List(t.Unicode()).tag(sync=True)
    output = t.Unicode().tag(sync=True)
    opened = t.List(t.Unicode()).tag(sync=True)

    @classmethod
    def from_model(cls, model, *, caption, inputs=None, output=None, prefix=None, opened=()):
        """Read the graph of a Functional model.

        Parameters
        ----------
        model : keras.Model
            Functional, or Sequential with known shapes; inner models are drawn as one layer.
        caption : str
        inputs, output
            Where the cut is at first, named as for `thrifty.surgery.submodel`; the inputs and the
            first output of the model by default.
        prefix : str, optional
            Layers that follow one another and whose names are alike up to this text, such as
            ``"_"``, are drawn as one box if only the last one's output is used outside.
        opened : list of str
            The groups that are open at first.

        Raises
        ------
        TypeError
            If the model has a `call` of its own, of which there is no graph.
        ValueError
            If a layer has several outputs, or a name is unknown.
        """
        graph = Graph(model)
        for call in graph.calls:
            if len(call.outputs) != 1:
                raise ValueError(
                    f"{call.path!r} has {len(call.outputs)} outputs; the figure draws models whose "
                    "layers have one"
                )
        number = {id(call.outputs[0]): k for k, call in enumerate(graph.calls)}
        names = [
            call.path if graph.counts[call.path] == 1 else f"{call.path}:{call.index}"
            for call in graph.calls
        ]
        parents = [[number[id(tensor)] for tensor in call.inputs] for call in graph.calls]
        leaving = {number[id(tensor)] for tensor in graph.outputs}
        masks = mask_shapes(graph)

        def named(address):
            return names[number[id(graph.tensors_at(address)[0])]]

        return cls(
            names=names,
            kinds=[type(call.layer).__name__ for call in graph.calls],
            shapes=[_shape(call.outputs[0]) for call in graph.calls],
            parents=parents,
            weights=_weights(model, graph),
            groups=_groups(names, parents, leaving, prefix) if prefix else [],
            same=_same(graph),
            masked=sorted(number[key] for key in masks if key in number),
            inputs=[named(x) for x in (graph.inputs if inputs is None else addresses(inputs))],
            output=named(graph.outputs[0] if output is None else output),
            opened=list(opened),
            caption=caption,
        )

    @t.validate("inputs", "output", "opened")
    def _valid(self, proposal):
        trait, value = proposal["trait"].name, proposal["value"]
        known = [group[0] for group in self.groups] if trait == "opened" else self.names
        for name in [value] if trait == "output" else value:
            if name not in known:
                raise t.TraitError(f"{trait} must be of {', '.join(known)}; got {name!r}")
        if len(set(value)) < len(value) and trait == "inputs":
            raise t.TraitError(f"inputs must differ, got {value}")
        return value

    def cut(self) -> Cut:
        """Return what the present cut means."""
        start = [self.names.index(name) for name in self.inputs]
        return cut_of(self.parents, start, self.names.index(self.output))

    def layers(self, calls) -> int:
        """Count the layers that are called, one that is called twice once."""
        first = {k: numbers[0] for numbers in self.same for k in numbers}
        return len({first.get(k, k) for k in calls})

    def parameters(self, calls) -> int:
        """Count the numbers in the weights of the layers called, shared ones once."""
        calls = set(calls)
        return sum(count for count, *holders in self.weights if calls & set(holders))

    def _address(self, k: int) -> str | tuple:
        for calls in self.same:
            if k in calls:
                index = calls.index(k)
                return self.names[k].removesuffix(f":{index}"), index
        return self.names[k]

    @property
    def line(self) -> str:
        """The line of Python that makes the part."""
        start = [self.names.index(name) for name in self.inputs]
        *first, last = (
            repr(self._address(k)).replace("'", '"')
            for k in [*start, self.names.index(self.output)]
        )
        first = first[0] if len(first) == 1 else f"[{', '.join(first)}]"
        masks = ', masks="explicit"' if set(start) & set(self.masked) else ""
        return f"submodel(model, {first}, {last}{masks})"

    @property
    def error(self) -> str:
        """What `thrifty.surgery.submodel` says to this cut; empty if it makes the part."""

        def listed(tensors):
            return ", ".join(repr(self._address(k)) for k in tensors)

        cut = self.cut()
        if cut.idle:
            return f"the outputs do not depend on {listed(cut.idle)}; leave it out of the inputs"
        if not self.inputs:
            return f"no input leads to the output {listed([self.names.index(self.output)])}"
        if cut.edges:
            return (
                "the outputs also depend on what does not pass through the inputs; "
                f"add: {listed(cut.missing)}"
            )
        return ""

    def sentence(self) -> str:
        cut = self.cut()
        start = " and ".join(f'"{name}"' for name in self.inputs) or "nothing"
        everything = range(len(self.names))
        where = (
            f'A model of {self.layers(everything)} layers, cut from {start} to "{self.output}": '
        )
        if self.error:
            return f"{where}{self.error}."
        return (
            f"{where}{self.layers(cut.part)} layers with {self.parameters(cut.part):,} of "
            f"{self.parameters(everything):,} parameters."
        )

    def rows(self) -> list[tuple[str, int, int, str]]:
        """Return what is drawn, from top to bottom: (kind, first layer, last layer, words).

        Kind is "layer", "closed" for a group in one box, or "open" for the title of one whose
        layers follow. A group is open, too, if the cut goes through it.
        """
        cut = self.cut()
        inside = {*map(self.names.index, [*self.inputs, self.output]), *cut.missing}
        found, begins = [], {first: (name, last) for name, first, last in self.groups}
        for k, name in enumerate(self.names):
            if found and found[-1][0] == "closed" and k <= found[-1][2]:
                continue
            if k in begins:
                group, last = begins[k]
                is_open = group in self.opened or inside & set(range(k, last))
                found.append(("open" if is_open else "closed", k, last, group))
                if not is_open:
                    continue
            found.append(("layer", k, k, name))
        return found

    def picture(self) -> str:
        return _drawing(self)


def _shape(tensor) -> str:
    return "×".join("?" if size is None else str(size) for size in tensor.shape[1:]) or "1"


def _weights(model, graph) -> list[list[int]]:
    """The parameters by the set of calls that hold them, so that shared ones count once."""
    holders = {id(weight): [] for weight in model.weights}
    for k, call in enumerate(graph.calls):
        for weight in getattr(call.layer, "weights", ()):
            holders[id(weight)].append(k)
    counts = {}
    for weight in model.weights:
        key = tuple(holders[id(weight)])
        counts[key] = counts.get(key, 0) + math.prod(weight.shape)
    return [[count, *calls] for calls, count in counts.items()]


def _same(graph) -> list[list[int]]:
    calls = {}
    for k, call in enumerate(graph.calls):
        calls.setdefault(call.path, []).append(k)
    return [numbers for numbers in calls.values() if len(numbers) > 1]


def _groups(names, parents, leaving, prefix) -> list[list]:
    """Runs of layers whose names begin alike and of which only the last is used outside."""
    found, taken = [], {}
    for name, run in itertools.groupby(range(len(names)), lambda k: names[k].split(prefix)[0]):
        *inner, last = run
        used = {p for after in parents[last + 1 :] for p in after} | leaving
        if inner and not used & set(inner):
            taken[name] = taken.get(name, 0) + 1
            found.append([name if taken[name] == 1 else f"{name} ({taken[name]})", inner[0], last])
    return found


def _lanes(spans: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Which lane, counted from the boxes, each arc between two rows runs in; short ones inside."""
    lanes = {}
    for a, b in sorted(spans, key=lambda span: (span[1] - span[0], span[0])):
        taken = {lane for (c, d), lane in lanes.items() if a < d and c < b}
        lanes[a, b] = next(lane for lane in itertools.count() if lane not in taken)
    return lanes


def _drawing(figure: ModelSurgeon) -> str:
    rows, cut = figure.rows(), figure.cut()
    part, missing = set(cut.part), set(cut.missing)
    start, end = set(map(figure.names.index, figure.inputs)), figure.names.index(figure.output)
    row_of = {
        k: i for i, (kind, a, b, _) in enumerate(rows) if kind != "open" for k in range(a, b + 1)
    }
    crossing = {(row_of[p], row_of[k]) for p, k in cut.edges}
    edges = {}
    for k, before in enumerate(figure.parents):
        for p in before:
            if row_of[p] != row_of[k]:
                edge = row_of[p], row_of[k]
                edges[edge] = edges.get(edge, False) or (k in part)
    drawn = [i for i, row in enumerate(rows) if row[0] != "open"]
    place = {i: at for at, i in enumerate(drawn)}
    lanes = _lanes([edge for edge in edges if place[edge[1]] - place[edge[0]] > 1])
    step = min(11, 52 / (1 + max(lanes.values(), default=0)))
    middle = [ROW * (i + 0.5) + 4 for i in range(len(rows))]
    parts = []
    for (a, b), lit in edges.items():
        look = f'stroke="{RAMP[0]}" stroke-width="2"' if lit else 'stroke="#8a8d84"'
        if (a, b) in crossing:
            look = f'stroke="{AGAINST}" stroke-width="2" stroke-dasharray="5 3"'
        if (a, b) in lanes:
            x = LEFT - 10 - step * lanes[a, b]
            path = f"M{LEFT} {middle[a] + 5}H{x:.1f}V{middle[b] - 5}H{LEFT}"
        else:
            path = f"M{LEFT + 24} {middle[a] + BOX / 2}V{middle[b] - BOX / 2}"
        parts.append(f'<path d="{path}" fill="none" stroke-linejoin="round" {look}/>')
    for y, (kind, _, k, words) in zip(middle, rows, strict=True):
        if kind == "open":
            parts.append(
                f'<text x="{LEFT}" y="{y + 4}" font-weight="600">{html.escape(words)}</text>'
            )
            continue
        look = f'fill="{OFF}" stroke="#b9b7aa"'
        if k in part:
            look = f'fill="{RAMP[5]}" stroke="{RAMP[0]}" stroke-width="2"'
        if k in missing:
            look = f'fill="{PAPER}" stroke="{AGAINST}" stroke-width="2" stroke-dasharray="5 3"'
        box = f'x="{LEFT}" y="{y - BOX / 2}" width="{RIGHT - LEFT}" height="{BOX}" rx="3"'
        parts.append(
            f'<rect {box} {look}/><text x="{LEFT + 8}" y="{y + 4}">{html.escape(words)}</text>'
        )
        right = "needed too" if k in missing else figure.shapes[k]
        parts.append(f'<text x="{RIGHT - 7}" y="{y + 4}" text-anchor="end">{right}</text>')
        marks = ["start"] * (k in start) + ["end"] * (k == end)
        parts.append(
            f'<text x="{RIGHT + 8}" y="{y + 4}" font-weight="600">{", ".join(marks)}</text>'
        )
        if k in start and part:
            path = f"M4 {y + ROW / 2}H{RIGHT}"
            parts.append(
                f'<path d="{path}" stroke="{INK}" stroke-width="1.5" stroke-dasharray="2 3"/>'
            )
    height = ROW * len(rows) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="12" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>{"".join(parts)}</svg>'
    )
