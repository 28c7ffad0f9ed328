"""Where the nodes of a small network stand, and its picture: modules by colour, shape and letter.

The twin of ``static/network_drawing.js``, for where nothing can run.
"""

from __future__ import annotations

import html
import itertools
import math
import textwrap

import networkx as nx
import numpy as np

from bookkit.svg import INK, PAPER

# Fill and text of a module; told apart also by those who see red and green alike.
COLOURS = [
    ("#56b4e9", "#10202c"),
    ("#e69f00", "#231800"),
    ("#009e73", "#00160f"),
    ("#d987b5", "#2a0f1f"),
    ("#f0e442", "#232000"),
    ("#d55e00", "#1c0c00"),
    ("#3d5fc4", "#ffffff"),
    ("#a8a294", "#1d1b15"),
    ("#8c2a5b", "#ffffff"),
    ("#a6d96a", "#16220a"),
]
GREY = 7  # the colour that names no module
ALONE = (PAPER, INK)  # of module -1: nodes that are told as none
SHAPES = ["circle", "square", "diamond", "hexagon", "triangle", "pentagon", "wedge"]
# Corners, turn of the first one in degrees, size against a circle of the same area, drop of text.
CORNERS = {
    "square": (4, 45, 1.25, 0),
    "diamond": (4, 0, 1.25, 0),
    "hexagon": (6, 0, 1.1, 0),
    "triangle": (3, -90, 1.5, 2),
    "pentagon": (5, -90, 1.15, 0),
    "wedge": (3, 90, 1.5, -2),
}
RADIUS, HULL, EDGE = 12, 19, 26  # of a node, of a module's ground around it; and of the picture
WIDTH = 400
SMALL = 9  # a radius that leaves no room for a name


def letter(module: int) -> str:
    """Return the name of a module: A to Z, then AA, AB and so on.

    Examples
    --------
    >>> letter(0), letter(25), letter(26)
    ('A', 'Z', 'AA')
    """
    first, last = divmod(module, 26)
    return (letter(first - 1) if first else "") + chr(65 + last)


def positions(graph: nx.Graph, *, turn: float | None = None) -> list[list[int]]:
    """Return a place for every node, the same in every run: linked nodes near each other.

    Parameters
    ----------
    graph : networkx graph
        Its weights do not count, nor its direction.
    turn : float, optional
        Degrees by which the picture is turned; by default so that it is somewhat wider than tall.

    Returns
    -------
    list of [x, y]
        Whole numbers, in the order of the nodes. x fills 0 to 400 but for the edges.

    Examples
    --------
    >>> positions(nx.path_graph(2), turn=0)
    [[374, 26], [26, 26]]
    """
    plain = nx.Graph(graph.to_undirected())
    apart = dict(nx.all_pairs_shortest_path_length(plain))
    # Parts without a path between them stand a little farther than the farthest that have one.
    far = 1 + max(max(row.values()) for row in apart.values())
    distances = {a: {b: row.get(b, far) for b in plain} for a, row in apart.items()}
    found = nx.kamada_kawai_layout(plain, dist=distances, weight=None)
    places = np.array([found[node] for node in plain])
    turns = range(0, 180, 15) if turn is None else [turn]
    # Rounded, so that of equally good ones the first is taken on every machine.
    places = min((_turned(places, turn) for turn in turns), key=lambda at: round(_slant(at), 4))
    scale = (WIDTH - 2 * EDGE) / max(places[:, 0].max(), 1e-9)
    return [[int(x), int(y)] for x, y in np.round(EDGE + places * scale)]


def _turned(places, turn):
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    places = places @ np.array([[cos, sin], [-sin, cos]])
    return places - places.min(0)


def _slant(places):
    """How far the picture is from 5 wide by 4 tall."""
    width, height = np.maximum(places.max(0), 1e-3)
    return abs(math.log(height / width * 5 / 4))


def mixed(colour: str, with_: str, share: float) -> str:
    """Return a colour with a share of another mixed in.

    Examples
    --------
    >>> mixed("#ffffff", "#000000", 0.5)
    '#808080'
    """
    pairs = [(int(colour[i : i + 2], 16), int(with_[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{math.floor(a + (b - a) * share + 0.5):02x}" for a, b in pairs)


def outline(module: int, x: float, y: float, radius: float = RADIUS) -> str:
    """Return the path of a node of a module, as the data of an SVG path."""
    name = SHAPES[module % len(SHAPES)] if module >= 0 else "circle"
    if name == "circle":
        arc = f"a{radius} {radius} 0 1 0"
        return f"M{x - radius} {y}{arc} {2 * radius} 0{arc} {-2 * radius} 0z"
    corners, turn, size, _ = CORNERS[name]
    points = []
    for k in range(corners):
        angle = math.radians(turn + 360 * k / corners)
        across, down = radius * size * math.cos(angle), radius * size * math.sin(angle)
        points.append(f"{x + across:.1f} {y + down:.1f}")
    return f"M{'L'.join(points)}z"


def drawn(
    names: list,
    places: list,
    links: list,
    modules: list[int],
    *,
    grounds: list[tuple] | None = None,
    radius: float = RADIUS,
) -> list[str]:
    """Return the parts of a picture: the grounds of the modules, the links, the nodes.

    Parameters
    ----------
    names : list
        Of the nodes, to be written on them.
    places : list of [x, y]
    links : list of (source, target, weight)
        Numbers of nodes, and a width relative to the others'.
    modules : list of int
        The module of each node, from 0; -1 for a node that is told as none.
    grounds : list of (nodes, module, wider), optional
        Nodes with a ground under them, the module that it is coloured like, and how much farther
        it reaches; those below first. By default each module has one.
    radius : float
        Of a node. Names are not written where it is below 9.
    """
    if grounds is None:
        grounds = [
            ([node for node, other in enumerate(modules) if other == module], module, 0)
            for module in sorted(set(modules) - {-1})
        ]
    hull = radius + HULL - RADIUS
    parts = []
    for wider in dict.fromkeys(wider for *_, wider in grounds):
        for more, share in ((3, 0.25), (0, 0.8)):
            for nodes, module, own in grounds:
                if own == wider:
                    colour = mixed(COLOURS[module % len(COLOURS)][0], PAPER, share)
                    width = 2 * (hull + wider) + more
                    parts.append(_ground(nodes, places, links, colour, width))
    most = max((weight for *_, weight in links), default=1)
    equal = all(weight == most for *_, weight in links)
    paths = {}  # one for each width: a page carries every picture
    for a, b, weight in links:
        wide = "2" if equal else f"{1 + 4 * weight / most:.1f}"
        line = "M{} {}L{} {}".format(*places[a], *places[b])
        paths[wide] = paths.get(wide, "") + line
    for wide, path in paths.items():
        parts.append(f'<path d="{path}" stroke="{mixed(INK, PAPER, 0.35)}" stroke-width="{wide}"/>')
    for name, (x, y), module in zip(names, places, modules, strict=True):
        fill, text = COLOURS[module % len(COLOURS)] if module >= 0 else ALONE
        shape = SHAPES[module % len(SHAPES)] if module >= 0 else "circle"
        drop = 4 + CORNERS.get(shape, (0, 0, 0, 0))[3]
        label = html.escape(str(name), quote=False)
        parts.append(
            f'<path d="{outline(module, x, y, radius)}" fill="{fill}" '
            f'stroke="{mixed(fill, INK, 0.5)}" stroke-linejoin="round"/>'
        )
        if radius >= SMALL:
            parts.append(
                f'<text x="{x}" y="{y + drop}" text-anchor="middle" fill="{text}">{label}</text>'
            )
    return parts


def _ground(nodes, places, links, colour, width):
    own = set(nodes)
    inside = [(a, b) for a, b, _ in links if a in own and b in own]
    bare = own.difference(*inside)
    path = "".join("M{} {}h0.01".format(*places[node]) for node in nodes if node in bare)
    for a, b in inside:
        path += "M{} {}L{} {}".format(*places[a], *places[b])
    cliques = nx.enumerate_all_cliques(nx.Graph(inside))  # the small ones first
    for clique in itertools.takewhile(lambda clique: len(clique) < 4, cliques):
        if len(clique) == 3:
            path += "M{} {}L{} {}L{} {}z".format(*(x for node in clique for x in places[node]))
    return (
        f'<path d="{path}" fill="{colour}" stroke="{colour}" stroke-width="{width}" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
    )


def picture(
    names: list, places: list, links: list, modules: list[int], sentence: str, **looks
) -> str:
    """Draw a network with its modules as one standalone SVG, a legend and a sentence below.

    Parameters
    ----------
    names, places, links, modules
        As for `drawn`.
    sentence : str
        What it shows.
    **looks
        `grounds` and `radius`, as for `drawn`.
    """
    below = max(y for _, y in places) + EDGE + 6
    parts = drawn(names, places, links, modules, **looks)
    x = 14.0
    for module in sorted(set(modules) - {-1}):
        if x > WIDTH - 30:
            x, below = 14.0, below + 24
        fill = COLOURS[module % len(COLOURS)][0]
        mark = f'd="{outline(module, x, below, 7)}" fill="{fill}" stroke="{mixed(fill, INK, 0.5)}"'
        parts.append(f'<path {mark}/><text x="{x + 13}" y="{below + 4}">{letter(module)}</text>')
        x += 42
    below += 18
    lines = textwrap.wrap(sentence, 64)
    for i, line in enumerate(lines):
        text = html.escape(line, quote=False)
        parts.append(f'<text x="8" y="{below + 16 * i + 12}">{text}</text>')
    height = below + 16 * len(lines) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="11" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>{"".join(parts)}</svg>'
    )
