"""Modules inside modules: the search for any number of levels, on the arrays of `_search`."""

from dataclasses import dataclass, replace

import numpy as np

from thrifty import _moves, _search

# A split, a grouping or a removal must save more than this (nats per step).
LEAST_GAIN = 1e-9


def h(x):
    """x ln x, and 0 at 0 and, by rounding, below."""
    x = np.asarray(x, np.float64)
    return x * np.log(np.where(x > 0, x, 1))


@dataclass(eq=False)
class Tree:
    """Modules with their parents; -1 is the root. Nodes hang on modules without modules."""

    parents: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    visits: np.ndarray
    of_node: np.ndarray

    def length(self):
        """The code length in nats, without the words of the nodes."""
        entries, costs = self._books()
        inner = self._inner()
        root = h(entries[-1]) - costs[-1]
        inside = h(self.leave + entries[:-1]) - h(self.leave) - costs[:-1]
        leaf = h(self.leave + self.visits) - h(self.leave)
        return float(root + inside[inner].sum() + leaf[~inner].sum())

    def _inner(self):
        inner = np.zeros(len(self.parents), bool)
        inner[self.parents[self.parents >= 0]] = True
        return inner

    def _books(self):
        n = len(self.parents)
        place = np.where(self.parents < 0, n, self.parents)
        entries = np.bincount(place, self.enter, n + 1)
        costs = np.bincount(place, h(self.enter), n + 1)
        return entries, costs

    def dissolve(self):
        """Remove inner modules that cost more than they save, in each book the worst first."""
        while True:
            n = len(self.parents)
            entries, _ = self._books()
            inner = np.flatnonzero(self._inner())
            above = np.where(self.parents[inner] < 0, n, self.parents[inner])
            leave = np.append(self.leave, 0.0)
            held = leave[above] + entries[above]
            without = held - self.enter[inner] + entries[inner]
            change = h(without) - h(held) + h(self.enter[inner])
            change += h(self.leave[inner]) - h(self.leave[inner] + entries[inner])
            gone, taken = [], set()
            for k in np.argsort(change, kind="stable"):
                if change[k] > -LEAST_GAIN:
                    break
                # One removal changes its own book and the book above.
                here = {int(inner[k]), int(above[k])}
                if not here & taken:
                    taken |= here
                    gone.append(int(inner[k]))
            if not gone:
                return
            self._remove(np.array(gone))

    def _remove(self, gone):
        n = len(self.parents)
        up = np.arange(n + 1)
        up[gone] = self.parents[gone]
        up[n] = -1
        # Never two in a row: a removal bars its parent and its modules in the same round.
        self.parents = up[self.parents]
        keep = np.ones(n, bool)
        keep[gone] = False
        new = np.cumsum(keep) - 1
        parents = self.parents[keep]
        self.parents = np.where(parents < 0, -1, new[parents])
        self.enter, self.leave = self.enter[keep], self.leave[keep]
        self.visits, self.of_node = self.visits[keep], new[self.of_node]

    def paths(self):
        """The path of each node, modules numbered from 0 in each book, most visited first."""
        children = {}
        for module in np.lexsort((self._first_nodes(), -np.round(self.visits, 12))).tolist():
            children.setdefault(int(self.parents[module]), []).append(module)
        paths, level = {-1: ()}, [-1]
        while level:
            inner = [module for module in level if module in children]
            for module in inner:
                for place, child in enumerate(children[module]):
                    paths[child] = (*paths[module], place)
            level = [child for module in inner for child in children[module]]
        return [paths[module] for module in self.of_node.tolist()]

    def _first_nodes(self):
        """Of each module the first node below it, to number modules of equal visits."""
        first = np.full(len(self.parents), len(self.of_node))
        np.minimum.at(first, self.of_node, np.arange(len(self.of_node)))
        above = self.parents.copy()
        while (above >= 0).any():
            inner = above >= 0
            np.minimum.at(first, above[inner], first[inner])
            above[inner] = self.parents[above[inner]]
        return first


def flat_tree(net, modules, count):
    """The tree of two levels; a single module is left out of nothing: it is the root's only one."""
    visits, enter, leave = _search.borders(net, modules, count)
    return Tree(np.full(count, -1), enter, leave, visits, modules.astype(np.int64))


def search_tree(net, rng, patient=True):
    """Modules at as many levels as pay, never worse than the two levels found on the way."""
    root = np.zeros(len(net), np.int32)
    modules, count = _search.search(net, root, np.zeros(1), rng, patient)
    best = flat_tree(net, modules, count)
    if count == 1:
        return best
    top, top_count = _topmost(net, modules, count, root, np.zeros(1), rng)
    tree = _split_down(net, top, top_count, rng)
    if top_count < count:
        # The modules found first, under the same top.
        two = _split_known(net, top, top_count, modules, count)
        tree = tree if tree.length() < two.length() else two
    tree.dissolve()
    return tree if tree.length() < best.length() - LEAST_GAIN else best


def _topmost(net, modules, count, group, base, rng):
    """Group the modules of each group, and the groupings again, as long as that saves."""
    while True:
        _, enter, leave = _search.borders(net, modules, count)
        of_module = np.zeros(count, np.int32)
        of_module[modules] = group
        level = replace(_search.merged(net, modules, count), visits=enter)
        # Groups of one or two modules have nothing to gain.
        found, found_count = _search.search(level, of_module, base, rng)
        before = h(base + np.bincount(of_module, enter, len(base)))
        after = _search.lengths(level, found, found_count, of_module, base)
        pays = before - after > LEAST_GAIN
        if not pays.any():
            return modules, count
        chosen = np.where(pays[of_module], found, np.arange(count) + found_count)
        chosen = np.unique(chosen, return_inverse=True)[1].astype(np.int32)
        modules, count = chosen[modules], int(chosen.max()) + 1


def _split_known(net, top, top_count, modules, count):
    visits, enter, leave = _search.borders(net, modules, count)
    top_visits, top_enter, top_leave = _search.borders(net, top, top_count)
    parents = np.zeros(count, np.int64)
    parents[modules] = top
    tree = Tree(
        np.concatenate([np.full(top_count, -1), parents]),
        np.concatenate([top_enter, enter]),
        np.concatenate([top_leave, leave]),
        np.concatenate([top_visits, visits]),
        modules.astype(np.int64) + top_count,
    )
    return tree


def _split_down(net, group, count, rng):
    """Split all modules of a level at once, keep what pays, and go on with the parts."""
    visits, enter, leave = _search.borders(net, group, count)
    tree = Tree(np.full(count, -1), enter, leave, visits, group.astype(np.int64))
    nodes = np.arange(len(net))
    ids = np.arange(count)
    while len(nodes):
        part = _part(net, group)
        modules, found = _search.search(part, group, leave, rng)
        whole = h(leave + visits)
        pays = whole - _search.lengths(part, modules, found, group, leave) > LEAST_GAIN
        sizes = np.bincount(_owners(modules, found, group), minlength=count)
        pays &= sizes > 1
        if not pays.any():
            break
        chosen = pays[group]
        nodes, ids = nodes[chosen], ids[pays]
        net = _restricted(part, chosen)
        group = (np.cumsum(pays) - 1).astype(np.int32)[group[chosen]]
        modules = np.unique(modules[chosen], return_inverse=True)[1].astype(np.int32)
        modules, found = _topmost(net, modules, int(modules.max()) + 1, group, leave[pays], rng)
        visits, enter, leave = _search.borders(net, modules, found)
        first = len(tree.parents)
        tree.parents = np.concatenate([tree.parents, ids[_owners(modules, found, group)]])
        tree.enter = np.concatenate([tree.enter, enter])
        tree.leave = np.concatenate([tree.leave, leave])
        tree.visits = np.concatenate([tree.visits, visits])
        tree.of_node[nodes] = modules + first
        ids, group, count = np.arange(found) + first, modules, found
    return tree


def _owners(modules, count, group):
    owners = np.zeros(count, np.int64)
    owners[modules] = group
    return owners


def _part(net, group):
    """Only the links inside groups; rates of leaving and entering stay those of all links."""
    return replace(
        net, **dict(zip(("indptr", "indices", "both"), _inside(net, group), strict=True))
    )


def _inside(net, group):
    return _moves.inside(*net.links, group)


def _restricted(net, chosen):
    """The net of some nodes, to which no other node is linked."""
    new = np.cumsum(chosen) - 1
    counts = np.diff(net.indptr)
    kept = np.repeat(chosen, counts)
    return _search.Net(
        np.concatenate([[0], np.cumsum(counts[chosen])]),
        new[net.indices[kept]].astype(np.int32),
        net.both[kept],
        *(rate[chosen] for rate in net.rates),
        net.total,
        net.alike,
    )
