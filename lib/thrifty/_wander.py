"""Draw the steps of a random walk that a `Flow` describes."""

from bisect import bisect_right

import numpy as np

from thrifty.flows import Flow, sums

# Rates below are rounding errors of sums near 1.
NEVER = 1e-14


def wander(walk, steps, rng):
    """Draw the steps of a random walk that a `Flow` describes.

    Parameters
    ----------
    walk : Flow
    steps : int
        Those that are told: along links, and jumps if they are recorded.
    rng : numpy.random.Generator

    Returns
    -------
    visited : integer array of shape (steps + 1,)
        Places of nodes: the start, drawn by visits, and where each step ended.
    origins : integer array of shape (steps,)
        Where each step began: where the last one ended, or where an unrecorded jump had landed.

    Examples
    --------
    >>> from thrifty.flows import flow
    >>> visited, origins = wander(flow([(0, 1)]), 4, np.random.default_rng(0))
    >>> visited, origins
    (array([1, 0, 1, 0, 1]), array([1, 0, 1, 0]))
    """
    follow = _Draw(walk.sources, walk.rates, walk.targets, len(walk.nodes))
    jumping, land, told = _jumps(walk, follow)
    here = _Draw.one(walk.visits)(0, rng.random())
    visited, origins = [here], []
    for jump, place in rng.random((steps, 2)).tolist():
        origin = here
        jumps = jump < jumping[here]
        if jumps:
            # One number serves twice: below the chance of a jump it is as good as new.
            landed = land(0, jump / jumping[here])
            origin = here if told else landed
        here = landed if jumps and told else follow(origin, place)
        origins.append(origin)
        visited.append(here)
    return np.array(visited), np.array(origins)


def _jumps(walk: Flow, follow):
    """The chance of a jump at each node, where jumps land, and whether they are steps."""
    visits = walk.visits
    if walk.jumps.any():
        chance = np.divide(walk.jumps, visits, out=np.zeros_like(visits), where=visits > 0)
        return chance.tolist(), _Draw.one(walk.landing), True
    if not walk.network.directed:
        return [0.0] * len(visits), None, False
    # Steps that begin at a node and did not arrive there follow a silent jump.
    leaving = sums(walk.sources, walk.rates, len(visits))
    stays = leaving > 0
    after_jump = np.where(stays, leaving - (1 - walk.teleportation) * visits, 0)
    after_jump[after_jump < NEVER] = 0
    return np.where(stays, walk.teleportation, 1.0).tolist(), _Draw.one(after_jump), False


class _Draw:
    """Draws a link that leaves a node, by weight: its target."""

    def __init__(self, sources, weights, targets, count):
        order = np.argsort(sources, kind="stable")
        order = order[weights[order] > 0]
        self.ends = np.cumsum(weights[order]).tolist()
        self.targets = targets[order].tolist()
        self.first = np.searchsorted(sources[order], np.arange(count + 1)).tolist()

    @classmethod
    def one(cls, weights):
        """Draws a place by weight: of a single node that has a link to each."""
        return cls(np.zeros(len(weights), int), weights, np.arange(len(weights)), 1)

    def __call__(self, node, share):
        low, high = self.first[node], self.first[node + 1]
        begin = self.ends[low - 1] if low else 0.0
        at = bisect_right(self.ends, begin + share * (self.ends[high - 1] - begin), low, high)
        return self.targets[min(at, high - 1)]
