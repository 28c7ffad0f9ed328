"""Draw a small network into a plot: modules by colour and shape, links as thick as their weight."""

from __future__ import annotations

import numpy as np

from bookkit.plots import MARKERS, PALETTE, PAPER, SOFT

_SIZE = 13  # points, of a node
_GROWTH = {"^": 1.35, "D": 0.92, "v": 1.35, "P": 1.2}  # against a circle that looks as large


def draw_network(ax, links, places, modules=None, *, directed=False, names=True):
    """Draw nodes, links and modules.

    Parameters
    ----------
    ax : matplotlib axes
    links : list of (source, target) or (source, target, weight)
        A link of weight 2 is drawn twice as thick as one of weight 1.
    places : dict of node -> (x, y)
        Where each node stands.
    modules : dict of node -> module, optional
        Each module has a colour and a shape.
    directed : bool
        Whether links have heads.
    names : bool
        Whether each node's name is written on it.
    """
    order = list(dict.fromkeys((modules or dict.fromkeys(places)).values()))
    node_size = _SIZE if names else 0.6 * _SIZE
    for source, target, *weight in links:
        width = 1.3 * (weight[0] if weight else 1)
        line = {"color": SOFT, "lw": width, "shrinkA": 0, "shrinkB": 0}
        if directed:
            line |= {"arrowstyle": "-|>", "shrinkA": node_size / 2, "shrinkB": node_size / 2}
        else:
            line |= {"arrowstyle": "-"}
        ax.annotate("", places[target], places[source], arrowprops=line, zorder=1)
    for node, (x, y) in places.items():
        look = order.index(modules[node]) if modules else 0
        marker = MARKERS[look % len(MARKERS)]
        size = node_size * _GROWTH.get(marker, 1)
        ax.plot([x], [y], marker, ms=size, color=PALETTE[look % len(PALETTE)], mec=PAPER, zorder=3)
        if names:
            look = {"size": 8, "ha": "center", "va": "center_baseline", "zorder": 4}
            ax.text(x, y, str(node), color=PAPER, **look)
    spots = np.array(list(places.values()), float)
    (left, bottom), (right, top) = spots.min(axis=0), spots.max(axis=0)
    margin = 0.08 * max(right - left, top - bottom)
    ax.set_xlim(left - margin, right + margin)
    ax.set_ylim(bottom - margin, top + margin)
    ax.set_aspect("equal")
    ax.axis("off")
