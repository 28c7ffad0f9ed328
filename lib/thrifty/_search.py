"""The search of `thrifty.infomap` on arrays: which loops of `_moves` run on which level, and when.

A *group* confines the search: nodes of different groups never share a module. One group of all
nodes is the two-level search; the modules of a level as groups split all of them at once.
A grouping is held as the module of each node, numbered in the order of their first nodes, and as
the network whose nodes are those modules.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from thrifty import _moves

# Rounds of tuning end when one saves less than this share of the length without modules, and
# than this many nats.
LEAST_SHARE = 1e-5
LEAST_GAIN = 1e-9


@dataclass(frozen=True, eq=False)
class Net:
    """A network for the inner loops: links in either direction together, and rates of nodes."""

    indptr: np.ndarray
    indices: np.ndarray
    both: np.ndarray
    visits: np.ndarray
    leave: np.ndarray
    enter: np.ndarray
    jumps: np.ndarray
    landing: np.ndarray
    total: float
    alike: bool

    def __len__(self):
        return len(self.visits)

    @property
    def links(self):
        return self.indptr, self.indices, self.both

    @property
    def rates(self):
        return self.visits, self.leave, self.enter, self.jumps, self.landing

    @property
    def leaving(self):
        """How often the walker leaves each node, jumps included."""
        return self.leave + self.jumps * (1 - self.landing)

    @property
    def entering(self):
        """How often the walker enters each node, jumps included."""
        return self.enter + (self.total - self.jumps) * self.landing


def net_of(walk):
    """The `Net` of a `thrifty.flows.Flow`."""
    total, directed = float(walk.jumps.sum()), walk.network.directed
    links, leave, enter = (_followed_one_way if directed else _followed_both_ways)(walk)
    return Net(
        *links,
        walk.visits.astype(np.float64, copy=False),
        leave,
        enter,
        walk.jumps,
        walk.landing,
        total,
        not directed and total == 0,
    )


def _between(walk):
    """The ends and rates of the network's links, self-links left out, in order."""
    net, rates = walk.network, walk.one_way * walk.markov_time
    # The inner loops take a rate of 0 for no link.
    links = (net.sources != net.targets) & (rates > 0)
    if links.all():
        return net.sources, net.targets, rates
    return net.sources[links], net.targets[links], rates[links]


def _followed_both_ways(walk):
    links = _moves.both_ways(*_between(walk), len(walk.network))
    indptr, indices, both = links
    rows = sparse.csr_array((both, indices, indptr), shape=(len(walk.network),) * 2)
    leave = np.asarray(rows.sum(axis=1), np.float64) / 2
    return links, leave, leave


def _followed_one_way(walk):
    n, (sources, targets, rates) = len(walk.network), _between(walk)
    # The links of a network are in order: they are rows already, and nothing need be sorted.
    starts = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n))])
    rows = sparse.csr_array((rates, targets, starts), shape=(n, n))
    leave, enter = (np.asarray(rows.sum(axis=axis), np.float64) for axis in (1, 0))
    both = rows + rows.T.tocsr()
    indptr, indices = both.indptr.astype(np.int64), both.indices.astype(np.int32, copy=False)
    return (indptr, indices, both.data), leave, enter


def merged(net, modules, count):
    """The network whose nodes are the modules."""
    *links, rates = _moves.merge(*net.links, *net.rates, modules, count)
    return Net(*links, *rates, net.total, net.alike)


def owners(modules, count, group):
    """The group of each module."""
    of_module = np.zeros(count, np.int32)
    of_module[modules] = group
    return of_module


def h(x):
    """x ln x, and 0 at 0 and, by rounding, below."""
    x = np.asarray(x, np.float64)
    return x * np.log(np.where(x > 0, x, 1))


def lengths(level, of_module, base):
    """The code length of each group of modules, in nats, without the words of the nodes."""
    leaving, entering = level.leaving, level.entering
    terms = h(leaving + level.visits) - h(leaving) - h(entering)
    index = base + np.bincount(of_module, entering, len(base))
    return np.bincount(of_module, terms, len(base)) + h(index)


def grow(net, start, known, group, base, rng, active=None, awake=None, patient=True):
    """Move nodes, then the modules they form, then modules of modules, until nothing moves.

    `known` is the network of the modules at the start. Only groups that are `active` are worked
    on, and first only the nodes that are `awake`.
    Returns the module of each node, and the network of the modules.
    """
    modules, level, whole = start.astype(np.int32), net, None
    del net  # of a caller that does not keep it, it is the largest thing there is
    while True:
        order = rng.permutation(len(level)).astype(np.int32)
        if whole is None and awake is not None:
            order = order[awake[order]]
        elif active is not None:
            order = order[active[group[order]]]
        of_module = owners(modules, len(known), group)
        moved = _moves.move_nodes(
            *level.links, *level.rates, level.total, level.alike, modules,
            _moves.module_table(modules, *known.rates, known.total, known.alike),
            *_moves.by_group(order, group, len(base)), np.bincount(group, minlength=len(base)),
            base + np.bincount(of_module, known.entering, len(base)), patient,
        )  # fmt: skip
        count = _moves.renumber(modules)
        first = whole is None
        whole = modules if first else modules[whole]
        if count == len(level) or (moved == 0 and not first):
            return whole, level
        group = owners(modules, count, group)
        level = known = merged(level, modules, count) if moved or len(known) != count else known
        modules, patient = np.arange(count, dtype=np.int32), True


def search(net, group, base, rng, patient=True):
    """Modules inside each group, in two levels: grow, rounds of tuning, and a bolder grouping.

    Returns the module of each node, numbered from 0, and the network of the modules.
    """
    n, groups = len(net), len(base)
    flat = lengths(merged(net, group, groups), np.arange(groups), base)
    # A walk without choices has no length to take a share of: rounding must not keep it going.
    least = np.maximum(LEAST_SHARE * np.abs(flat), LEAST_GAIN)
    alone = np.arange(n, dtype=np.int32)
    # In a list, so that nobody holds on to the modules of the round before.
    found = [*grow(net, alone, net, group, base, rng, patient=patient)]
    before = lengths(found[1], owners(found[0], len(found[1]), group), base)
    active, awake, splits = np.ones(groups, bool), np.ones(n, bool), Splits(net, rng)
    while True:
        # Every round saves at least `least`, or it is the last.
        while active.any():
            awake = _tune(net, found, group, base, rng, active, awake, splits)
            after = lengths(found[1], owners(found[0], len(found[1]), group), base)
            active &= (before - after > least) & (np.bincount(group, awake, groups) > 0)
            awake &= active[group]
            before = after
        modules, level = found
        of_module = owners(modules, len(level), group)
        bolder, grouped = regrouped(level, of_module, base, rng)
        after = lengths(grouped, owners(bolder, len(grouped), of_module), base)
        active = before - after > least
        if not active.any():
            return modules, level
        bolder = np.where(active[of_module], bolder, np.arange(len(level)) + len(grouped))
        bolder = bolder.astype(np.int32)
        level = merged(level, bolder, _moves.renumber(bolder))
        found[:] = bolder[modules], level
        awake, before = active[group], np.where(active, after, before)
        del modules, level


def _tune(net, found, group, base, rng, active, awake, splits):
    """One round: nodes move again, then parts of modules do.

    `found` holds the modules and their network, and is brought up to date.
    Returns the nodes to try in the next round: those of modules that the parts changed, and those
    linked to them.
    """
    found[:] = grow(net, *found, group, base, rng, active, awake)
    modules, level = found
    # A module that holds all of its group would be split by the very search that found it.
    several = np.bincount(owners(modules, len(level), group), minlength=len(base)) > 1
    parts, part_count = splits.of(modules, level, (active & several)[group])
    if part_count == len(level):
        return np.zeros(len(net), bool)
    start = owners(parts, part_count, modules)
    regrown, after = grow(
        merged(net, parts, part_count), start, level,
        owners(parts, part_count, group), base, rng, active,
    )  # fmt: skip
    found[:] = regrown[parts], after
    changed = ~_same(found[0], len(after), modules)[found[0]]
    return _moves.neighbours(net.indptr, net.indices, changed)


def regrouped(level, of_module, base, rng):
    """Modules grouped as if their groups became a level above them.

    Where modules are nested, merging any two may cost while merging ten pays: this finds the ten.
    Returns the group of each module, and the network of the groups.
    """
    above = replace(level, visits=level.entering)
    start = np.arange(len(level), dtype=np.int32)
    found, grouped = grow(above, start, above, of_module, base, rng)
    visits = np.bincount(found, level.visits, len(grouped))
    return found, replace(grouped, visits=visits)


class Splits:
    """The parts of modules, found anew only where a module has changed since the last time."""

    def __init__(self, net, rng):
        self.net, self.rng = net, rng
        self.modules, self.parts = np.zeros((2, len(net)), np.int32)
        self.split = np.zeros(len(net), bool)

    def of(self, modules, level, wanted):
        """The part of each node, numbered, and how many; modules not wanted stay whole."""
        net, n = self.net, np.int32(len(modules))
        same = _same(modules, len(level), self.modules)[modules]
        changed = wanted & ~(self.split & same)
        parts = np.where(wanted, self.parts, modules + 2 * n)
        if changed.any():
            links = _moves.inside(*net.links, modules, changed)
            rates = (rate[changed] for rate in net.rates)
            within = Net(*links, *rates, net.total, net.alike)
            alone = np.arange(len(within), dtype=np.int32)
            fresh, _ = grow(within, alone, within, modules[changed], level.leaving, self.rng)
            parts[changed] = fresh + n
        count = _moves.renumber(parts)
        self.modules, self.parts, self.split = modules, parts, wanted
        return parts, count


def _same(modules, count, others):
    """Which modules hold the same nodes as one of another grouping."""
    first = np.zeros(count, np.int32)
    first[modules[::-1]] = others[::-1]
    whole = np.ones(count, bool)
    whole[modules[others != first[modules]]] = False
    sizes, other_sizes = np.bincount(modules, minlength=count), np.bincount(others)
    return whole & (sizes == other_sizes[first])
