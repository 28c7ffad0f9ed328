"""A random walk that is the same in Python and in a page: both draw the same numbers."""

from __future__ import annotations

from collections.abc import Iterator

from thrifty.flows import Flow

_ALL = 0xFFFFFFFF  # numbers of 32 bits, as JavaScript multiplies them


def numbers(seed: int) -> Iterator[float]:
    """Yield numbers in 0..1, the same as `mapRandom` in ``static/map_rules.js``.

    The generator is Mulberry32: good enough to draw a walk, and a few lines in any language.

    Examples
    --------
    >>> draw = numbers(1)
    >>> [round(next(draw), 6) for _ in range(2)]
    [0.627074, 0.002736]
    """
    state = seed & _ALL
    while True:
        state = (state + 0x6D2B79F5) & _ALL
        mixed = (state ^ state >> 15) * (state | 1) & _ALL
        mixed ^= (mixed + ((mixed ^ mixed >> 7) * (mixed | 61) & _ALL)) & _ALL
        yield ((mixed ^ mixed >> 14) & _ALL) / 2**32


def walk(flow: Flow, start: int, steps: int, seed: int) -> list[int]:
    """Return the nodes that a walker visits, by number, the start first.

    Parameters
    ----------
    flow : thrifty.flows.Flow
        Each link is taken as often as its rate says.
    start, steps : int
    seed : int
        At least 0.

    Examples
    --------
    >>> from thrifty.flows import flow
    >>> walk(flow([(0, 1)]), 0, 3, seed=1)
    [0, 1, 0, 1]
    """
    links = [[] for _ in flow.nodes]
    triples = (flow.sources.tolist(), flow.targets.tolist(), flow.rates.tolist())
    for source, target, rate in zip(*triples, strict=True):
        links[source].append((target, rate))
    draw, nodes = numbers(seed), [start]
    for _ in range(steps):
        if not links[nodes[-1]]:
            break
        left, total = next(draw), 0.0
        for _, rate in links[nodes[-1]]:
            total += rate
        left *= total
        nodes.append(_taken(links[nodes[-1]], left))
    return nodes


def _taken(links, left):
    """The node of the link within whose rate the number falls; the last, where rounding is left."""
    for node, rate in links:
        left -= rate
        if left < 0:
            return node
    return links[-1][0]
