"""The search of `thrifty.infomap` on arrays: which loops of `_moves` run on which level, and when.

A *group* confines the search: nodes of different groups never share a module. One group of all
nodes is the two-level search; the modules of a level as groups split all of them at once.
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


def net_of(walk):
    """The `Net` of a `thrifty.flows.Flow`."""
    n = len(walk.network)
    apart = walk.sources != walk.targets
    ends = walk.sources[apart].astype(np.int32), walk.targets[apart].astype(np.int32)
    rates = walk.rates[apart] * walk.markov_time
    both = sparse.csr_array((rates, ends), shape=(n, n))
    leave = np.asarray(both.sum(axis=1), np.float64)
    enter = np.asarray(both.sum(axis=0), np.float64)
    if walk.network.directed:
        both = both + both.T.tocsr()
    else:
        both.data *= 2
        both.sort_indices()
        enter = leave
    total = float(walk.jumps.sum())
    alike = not walk.network.directed and total == 0
    return Net(
        both.indptr.astype(np.int64),
        both.indices.astype(np.int32, copy=False),
        both.data,
        walk.visits.astype(np.float64, copy=False),
        leave,
        enter,
        walk.jumps,
        walk.landing,
        total,
        alike,
    )


def merged(net, modules, count):
    """The network whose nodes are the modules."""
    links = _moves.merge(*net.links, modules, count)
    table = _moves.module_table(*net.links, *net.rates, net.total, modules)[:count]
    columns = [
        np.ascontiguousarray(table[:, column])
        for column in (_moves.VISITS, _moves.EXIT, _moves.ENTER, _moves.JUMPS, _moves.LANDING)
    ]
    np.maximum(columns[1], 0, out=columns[1])
    np.maximum(columns[2], 0, out=columns[2])
    return Net(*links, *columns, net.total, net.alike)


def lengths(net, modules, count, group, base):
    """The code length of each group, in nats, without the words of the nodes."""
    table = _moves.module_table(*net.links, *net.rates, net.total, modules)
    _moves.set_terms(table, net.total, net.alike)
    table = table[:count]
    of_module = np.zeros(count, np.int32)
    of_module[modules] = group
    entries = np.maximum(table[:, _moves.ENTER], 0)
    entries += (net.total - table[:, _moves.JUMPS]) * table[:, _moves.LANDING]
    index = base + np.bincount(of_module, entries, len(base))
    terms = np.bincount(of_module, table[:, _moves.TERM], len(base))
    return terms + index * np.log(np.where(index > 0, index, 1))


def grow(net, start, group, base, rng, active=None, patient=True):
    """Move nodes, then the modules they form, then modules of modules, until nothing moves.

    Returns the module of each node, numbered from 0, and how many there are.
    """
    modules, level, whole = start.astype(np.int32), net, None
    while True:
        order, starts, groups = _order(rng, group, active, len(level))
        moved = _moves.move_nodes(
            *level.links, *level.rates, level.total, level.alike,
            modules, order, starts, base[groups], patient,
        )  # fmt: skip
        count = _moves.renumber(modules)
        first = whole is None
        whole = modules if first else modules[whole]
        if count == len(level) or (moved == 0 and not first):
            return whole, count
        next_group = np.zeros(count, np.int32)
        next_group[modules] = group
        level, group = merged(level, modules, count), next_group
        modules, patient = np.arange(count, dtype=np.int32), True


def _order(rng, group, active, n):
    """Nodes in random order, group by group; where groups start; which groups they are."""
    order = rng.permutation(n).astype(np.int32)
    if active is not None:
        order = order[active[group[order]]]
    if not len(order):
        return order, np.zeros(1, np.int64), np.zeros(0, np.int64)
    if group.max() > 0:
        order = order[np.argsort(group[order], kind="stable")]
    ids = group[order]
    cuts = np.flatnonzero(np.diff(ids)) + 1
    starts = np.concatenate([[0], cuts, [len(order)]]).astype(np.int64)
    return order, starts, ids[starts[:-1]].astype(np.int64)


def search(net, group, base, rng, patient=True):
    """Modules inside each group, in two levels: grow, rounds of tuning, and a bolder grouping.

    Returns the module of each node, numbered from 0, and how many there are.
    """
    alone = np.arange(len(net), dtype=np.int32)
    flat = np.abs(lengths(net, group.astype(np.int32), len(base), group, base))
    # A walk without choices has no length to take a share of: rounding must not keep it going.
    least = np.maximum(LEAST_SHARE * flat, LEAST_GAIN)
    modules, count = grow(net, alone, group, base, rng, patient=patient)
    before = lengths(net, modules, count, group, base)
    active, splits = np.ones(len(base), bool), Splits(net, rng)
    while True:
        # Every round saves at least `least`, or it is the last.
        while active.any():
            modules, count = _tuned(net, modules, group, base, rng, active, splits)
            after = lengths(net, modules, count, group, base)
            active &= before - after > least
            before = after
        bolder, bolder_count = regrouped(net, modules, count, group, base, rng)
        after = lengths(net, bolder, bolder_count, group, base)
        active = before - after > least
        if not active.any():
            return modules, count
        modules = np.where(active[group], bolder, modules + np.int32(bolder_count))
        count = _moves.renumber(modules)
        before = np.where(active, after, before)


def _tuned(net, modules, group, base, rng, active, splits):
    """One round: nodes move again, then parts of modules do."""
    modules, count = grow(net, modules, group, base, rng, active)
    parts, part_count = splits.of(modules, count, active[group])
    if part_count > count:
        level = merged(net, parts, part_count)
        start, part_group = np.zeros((2, part_count), np.int32)
        start[parts], part_group[parts] = modules, group
        found, count = grow(level, start, part_group, base, rng, active)
        modules = found[parts]
    return modules, count


def regrouped(net, modules, count, group, base, rng):
    """The modules grouped as if their groups became a level above them.

    Where modules are nested, merging any two may cost while merging ten pays: this finds the ten.
    """
    _, enter, _ = borders(net, modules, count)
    of_module = np.zeros(count, np.int32)
    of_module[modules] = group
    level = replace(merged(net, modules, count), visits=enter)
    found, found_count = grow(level, np.arange(count, dtype=np.int32), of_module, base, rng)
    return found[modules], found_count


def borders(net, modules, count):
    """How often the walker visits, enters and leaves each module, jumps included."""
    table = _moves.module_table(*net.links, *net.rates, net.total, modules)[:count]
    jumps, landing = table[:, _moves.JUMPS], table[:, _moves.LANDING]
    enter = np.maximum(table[:, _moves.ENTER], 0) + (net.total - jumps) * landing
    leave = np.maximum(table[:, _moves.EXIT], 0) + jumps * (1 - landing)
    return table[:, _moves.VISITS], enter, leave


class Splits:
    """The parts of modules, found anew only where a module has changed since the last time."""

    def __init__(self, net, rng):
        self.net, self.rng = net, rng
        self.modules = self.parts = None

    def of(self, modules, count, wanted):
        changed = np.zeros(count, bool)
        changed[modules[wanted]] = True
        if self.modules is not None:
            changed &= ~_same(modules, count, self.modules)
        n = len(modules)
        parts = modules if self.parts is None else self.parts
        if changed.any():
            net = self.net
            links = _moves.inside(*net.links, modules)
            _, _, leave = borders(net, modules, count)
            alone = np.arange(n, dtype=np.int32)
            within = Net(*links, *net.rates, net.total, net.alike)
            fresh, _ = grow(within, alone, modules, leave, self.rng, changed)
            parts = np.where(changed[modules], fresh + np.int32(n), parts)
        parts = parts.copy()
        part_count = _moves.renumber(parts)
        self.modules, self.parts = modules.copy(), parts
        return parts, part_count


def _same(modules, count, others):
    """Which modules hold the same nodes as one of another grouping."""
    first = np.zeros(count, np.int32)
    first[modules[::-1]] = others[::-1]
    whole = np.ones(count, bool)
    whole[modules[others != first[modules]]] = False
    sizes, other_sizes = np.bincount(modules, minlength=count), np.bincount(others)
    return whole & (sizes == other_sizes[first])
