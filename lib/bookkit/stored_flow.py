"""A random walk as figures store it, for `static/map_rules.js` and `static/network_drawing.js`."""

from __future__ import annotations

from thrifty.flows import Flow


def fields(walk: Flow) -> dict[str, list]:
    """Return the rates of a walk whose jumps are not recorded, for `mapCodeLength`.

    Examples
    --------
    >>> from thrifty.flows import flow
    >>> fields(flow([("a", "b")]))
    {'visits': [0.5, 0.5], 'sources': [0, 1], 'targets': [1, 0], 'rates': [0.5, 0.5]}
    """
    return {name: getattr(walk, name).tolist() for name in "visits sources targets rates".split()}


def links(walk: Flow) -> list[list]:
    """Return the links between different nodes as [source, target, weight], for `networkDrawing`.

    Examples
    --------
    >>> from thrifty.flows import flow
    >>> links(flow([("a", "b", 2), ("a", "a")]))
    [[0, 1, 2.0]]
    """
    net = walk.network
    ends = zip(net.sources.tolist(), net.targets.tolist(), net.weights.tolist(), strict=True)
    return [[a, b, weight] for a, b, weight in ends if a != b]
