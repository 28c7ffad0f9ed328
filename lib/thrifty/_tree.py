"""Modules inside modules: the search for any number of levels, on the arrays of `_search`."""

from dataclasses import dataclass, replace

import numpy as np

from thrifty import _moves, _search
from thrifty._search import h

# A split, a grouping or a removal must save more than this (nats per step).
LEAST_GAIN = 1e-9


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


def flat_tree(level, modules):
    """The tree of two levels; `level` is the network of the modules."""
    parents = np.full(len(level), -1)
    return Tree(parents, level.entering, level.leaving, level.visits, modules.astype(np.int64))


def search_tree(net, rng, patient=True):
    """Modules at as many levels as pay, never worse than the two levels found on the way."""
    root = np.zeros(len(net), np.int32)
    modules, level = _search.search(net, root, np.zeros(1), rng, patient)
    best = flat_tree(level, modules)
    if len(level) == 1:
        return best
    above, top = _topmost(level, np.zeros(len(level), np.int32), np.zeros(1), rng)
    tree = _split_down(net, above[modules], top, rng)
    if len(top) < len(level):
        # The modules found first, under the same top.
        two = _split_known(top, above, level, modules)
        tree = tree if tree.length() < two.length() else two
    tree.dissolve()
    return tree if tree.length() < best.length() - LEAST_GAIN else best


def _topmost(level, owner, base, rng):
    """Group the modules of each group, and the groupings again, as long as that saves.

    Returns the topmost module of each module of the level, and the network of the topmost.
    """
    found = np.arange(len(level), dtype=np.int32)
    while True:
        # Groups of one or two modules have nothing to gain.
        above = replace(level, visits=level.entering)
        chosen, grouped = _search.search(above, owner, base, rng)
        before = h(base + np.bincount(owner, level.entering, len(base)))
        of_grouped = _search.owners(chosen, len(grouped), owner)
        pays = before - _search.lengths(grouped, of_grouped, base) > LEAST_GAIN
        # Fewer modules every time, whatever rounding does: so it ends.
        pays &= np.bincount(of_grouped, minlength=len(base)) < np.bincount(
            owner, minlength=len(base)
        )
        if not pays.any():
            return found, level
        chosen = np.where(pays[owner], chosen, np.arange(len(level)) + len(grouped))
        chosen = chosen.astype(np.int32)
        count = _moves.renumber(chosen)
        owner = _search.owners(chosen, count, owner)
        level, found = _search.merged(level, chosen, count), chosen[found]


def _split_known(top, above, level, modules):
    """The tree of three levels: the topmost modules, those below, and the nodes."""
    return Tree(
        np.concatenate([np.full(len(top), -1), above.astype(np.int64)]),
        np.concatenate([top.entering, level.entering]),
        np.concatenate([top.leaving, level.leaving]),
        np.concatenate([top.visits, level.visits]),
        modules.astype(np.int64) + len(top),
    )


def _split_down(net, group, level, rng):
    """Split all modules of a level at once, keep what pays, and go on with the parts."""
    tree = flat_tree(level, group)
    nodes = np.arange(len(net))
    ids = np.arange(len(level))
    while len(nodes):
        base = level.leaving
        net = _within(net, group, np.ones(len(net), bool))
        modules, below = _search.search(net, group, base, rng)
        owner = _search.owners(modules, len(below), group)
        whole = h(base + level.visits)
        pays = whole - _search.lengths(below, owner, base) > LEAST_GAIN
        pays &= np.bincount(owner, minlength=len(level)) > 1
        if not pays.any():
            break
        # Go on with the modules that are split, and with the groups of their parts.
        chosen, kept = pays[group], pays[owner]
        new = np.cumsum(pays, dtype=np.int32) - np.int32(1)
        place = np.cumsum(kept, dtype=np.int32) - np.int32(1)
        nodes, ids, net = nodes[chosen], ids[pays], _within(net, group, chosen)
        below, owner = _within(below, owner, kept), new[owner[kept]]
        above, level = _topmost(below, owner, base[pays], rng)
        group = above[place[modules[chosen]]]
        owner = _search.owners(above, len(level), owner)
        first = len(tree.parents)
        tree.parents = np.concatenate([tree.parents, ids[owner]])
        tree.enter = np.concatenate([tree.enter, level.entering])
        tree.leave = np.concatenate([tree.leave, level.leaving])
        tree.visits = np.concatenate([tree.visits, level.visits])
        tree.of_node[nodes] = group + first
        ids = np.arange(len(level)) + first
    return tree


def _within(net, group, chosen):
    """Some nodes with only the links inside groups; their rates stay those of all links."""
    links = _moves.inside(*net.links, group, chosen)
    return _search.Net(*links, *(rate[chosen] for rate in net.rates), net.total, net.alike)
