"""The two-level search of `thrifty.infomap` in dictionaries: slow, short, and the same moves.

Read this one; run the other. A test compares the two on every small network.
Lengths are in bits per step of the walk.
"""

from collections import deque
from dataclasses import dataclass
from math import log, log2

LEAST_GAIN = 1e-10 / log(2)
LEAST_SHARE = 1e-5


@dataclass
class Level:
    """Nodes, or modules as nodes: their rates, and the links between them."""

    visits: list
    leave: list
    enter: list
    links: list  # for every node: {other node: rate of both directions}


def level_of(walk):
    """The nodes and links of a `thrifty.flows.Flow` whose jumps are not recorded.

    Examples
    --------
    >>> from thrifty.flows import flow
    >>> level_of(flow([("a", "b"), ("b", "c")])).links
    [{1: 0.5}, {0: 0.5, 2: 0.5}, {1: 0.5}]
    """
    if walk.jumps.any():
        raise ValueError("the plain search has no recorded jumps; use thrifty.infomap for them")
    n = len(walk.network)
    leave, enter, links = [0.0] * n, [0.0] * n, [{} for _ in range(n)]
    for a, b, rate in zip(walk.sources.tolist(), walk.targets.tolist(), walk.rates, strict=True):
        rate = float(rate) * walk.markov_time
        if a != b and rate > 0:
            leave[a], enter[b] = leave[a] + rate, enter[b] + rate
            links[a][b] = links[a].get(b, 0.0) + rate
            links[b][a] = links[b].get(a, 0.0) + rate
    # The order of the links decides between equals: everywhere that of the nodes.
    links = [dict(sorted(row.items())) for row in links]
    return Level(walk.visits.tolist(), leave, enter, links)


def h(x):
    return x * log2(x) if x > 1e-16 else 0.0


def cost(row):
    """What a module adds to the code length, besides its word in the index book."""
    visits, leave, enter, _ = row
    return h(leave + visits) - h(leave) - h(enter)


def tally(level, modules):
    """The visits, exits and entries of every module, and its number of nodes."""
    table = {}
    for node, module in enumerate(modules):
        inside = sum(rate for other, rate in level.links[node].items() if modules[other] == module)
        row = table.setdefault(module, [0.0, 0.0, 0.0, 0])
        row[0] += level.visits[node]
        row[1] += level.leave[node] - inside / 2
        row[2] += level.enter[node] - inside / 2
        row[3] += 1
    return {module: [v, max(x, 0.0), max(e, 0.0), k] for module, (v, x, e, k) in table.items()}


def length(level, modules, group, index):
    """The code length of each group, without the words of the nodes."""
    total, index = dict.fromkeys(index, 0.0), dict(index)
    owner = dict(zip(modules, group, strict=True))
    for module, row in tally(level, modules).items():
        total[owner[module]] += cost(row)
        index[owner[module]] += row[2]
    return {g: total[g] + h(index[g]) for g in total}


def shifted(row, level, node, flow, sign):
    """A module's row with a node put in (sign +1) or taken out (-1)."""
    visits, leave, enter, size = row
    if size + sign == 0:
        return [0.0, 0.0, 0.0, 0]
    return [
        visits + sign * level.visits[node],
        max(leave + sign * (level.leave[node] - flow), 0.0),
        max(enter + sign * (level.enter[node] - flow), 0.0),
        size + sign,
    ]


def move_nodes(level, modules, group, index, order, note, patient):
    """Move single nodes to the module that saves most, until no move saves anything.

    Patient, a move lets its neighbours try again; else every node is tried once.
    `note` is told of every move: the modules, the node, and how many nodes have been tried; and
    of the end, with None for the node.
    """
    nothing, table = [0.0, 0.0, 0.0, 0], tally(level, modules)
    index, owner = dict(index), dict(zip(modules, group, strict=True))
    for module, row in table.items():
        index[owner[module]] += row[2]
    queue, waiting, moved, tries = deque(order), set(order), False, 0
    # A bound, should rounding ever let the same moves come round again.
    while queue and tries < 100 * len(modules) + 1000:
        node = queue.popleft()
        waiting.discard(node)
        old, total = modules[node], index[group[node]]
        if not level.links[node]:
            continue
        tries += 1
        # A module of its own is open to it, unless it has one.
        flow = {} if table[old][3] == 1 else {max(table) + 1: 0.0}
        for other, rate in level.links[node].items():
            flow[modules[other]] = flow.get(modules[other], 0.0) + rate
        left = shifted(table[old], level, node, flow.pop(old, 0.0), -1)
        best, saved = old, LEAST_GAIN
        for module, rate in flow.items():
            row = table.get(module, nothing)
            joined = shifted(row, level, node, rate, +1)
            after = total - table[old][2] + left[2] - row[2] + joined[2]
            before = cost(table[old]) + cost(row) + h(total)
            saving = before - cost(left) - cost(joined) - h(after)
            if saving > saved + 1e-13:
                best, saved = module, saving
                best_row, best_total = joined, after
        if best == old:
            continue
        table[old], table[best], index[group[node]] = left, best_row, best_total
        if left[3] == 0:
            del table[old]
        modules[node], moved = best, True
        note(modules, node, tries)
        for other in level.links[node] if patient else ():
            if modules[other] != best and other not in waiting:
                queue.append(other)
                waiting.add(other)
    note(modules, None, tries)
    return moved


def unheard(*what):
    """The note of a search that nobody follows."""


def renumbered(modules):
    """The modules as 0, 1, 2, ... in the order of their first nodes."""
    places = {}
    return [places.setdefault(module, len(places)) for module in modules]


def merged(level, modules):
    """The level whose nodes are the modules 0, 1, 2, ..."""
    table = tally(level, modules)
    links = [{} for _ in table]
    for node, module in enumerate(modules):
        for other, rate in level.links[node].items():
            if modules[other] != module:
                row = links[module]
                row[modules[other]] = row.get(modules[other], 0.0) + rate
    modules = range(len(table))
    rates = ([table[module][i] for module in modules] for i in range(3))
    return Level(*rates, links)


def grow(level, modules, known, group, index, rng, note, awake, patient=True):
    """Move nodes, then the modules they form, then modules of modules, until nothing moves.

    What moves as one is a unit: a node at first, then each of the modules found before.
    `known` is the level whose nodes are the modules at the start; the nodes `awake` are tried.
    Returns the module of each node, and the level whose nodes are the modules.
    """
    units, whole = list(range(len(modules))), None
    while True:
        order = rng.permutation(len(modules)).tolist()
        if whole is None:
            order = [node for node in order if node in awake]

        def told(now, *what, units=units):
            note([now[unit] for unit in units], units, *what)

        again = patient or whole is not None
        moved = move_nodes(level, modules, group, index, order, told, again)
        modules = renumbered(modules)
        first, whole = whole is None, [modules[unit] for unit in units]
        if len(set(modules)) == len(modules) or not (moved or first):
            return whole, level
        owner = dict(zip(modules, group, strict=True))
        level, units = merged(level, modules) if moved else known, whole
        modules = list(range(len(level.links)))
        group = [owner[module] for module in modules]


def members(modules):
    """The nodes of each module 0, 1, 2, ..."""
    nodes = {}
    for node, module in enumerate(modules):
        nodes.setdefault(module, []).append(node)
    return [tuple(nodes[module]) for module in range(len(nodes))]


def split(level, modules, leaving, rng, known):
    """The parts of each module: what the same search finds inside it, its links out cut off.

    `known` holds the parts found for the modules of the round before; it is brought up to date.
    """
    keys = members(modules)
    if len(keys) == 1:
        # Its parts would be found by the very search that found it.
        return modules
    nodes = [v for v in range(len(modules)) if keys[modules[v]] not in known]
    places = {node: place for place, node in enumerate(nodes)}

    def inside(node):
        row, own = level.links[node].items(), modules[node]
        return {places[v]: rate for v, rate in row if modules[v] == own}

    columns = level.visits, level.leave, level.enter
    rates = ([column[node] for node in nodes] for column in columns)
    within = Level(*rates, [inside(node) for node in nodes])
    alone, owner = list(range(len(nodes))), [modules[node] for node in nodes]
    index, every = dict(enumerate(leaving)), set(alone)
    fresh, _ = grow(within, alone, within, owner, index, rng, unheard, every)

    def found(key):
        return known.get(key) or tuple(fresh[places[node]] for node in key)

    parts = {key: found(key) for key in keys}
    known.clear()
    known.update(parts)
    labels = [None] * len(modules)
    for module, key in enumerate(keys):
        for node, part in zip(key, parts[key], strict=True):
            labels[node] = (module, part)
    return renumbered(labels)


def wakened(level, modules, before):
    """The nodes of modules that were not there before, and the nodes linked to them."""
    awake = set()
    for nodes in set(members(modules)) - set(members(before)):
        awake.update(nodes, *(level.links[node] for node in nodes))
    return awake


def grouped(whole, rng):
    """The group of each module, as if groups became a level above the modules.

    Where modules are nested, merging any two may cost while merging ten pays. With a book for the
    group above them, each merge pays by itself.
    """
    top = Level(whole.enter, whole.leave, whole.enter, whole.links)
    start = list(range(len(top.links)))
    found, _ = grow(top, start, top, [0] * len(start), {0: 0.0}, rng, unheard, set(start))
    return found


def search(level, rng, note=unheard, patient=True):
    """Modules in two levels: grow, then rounds of fine and of coarse tuning.

    `note` is told of every move: what was being done, the module of each node after it, the unit
    of each node, the unit that moved, and how many had been tried since the units were made. At
    the end of a pass, and where several moved at once, the unit is None.
    Not patient, the first nodes to move are tried once only.
    """
    n = len(level.links)
    index, every = {0: 0.0}, set(range(n))
    flat = abs(length(level, [0] * n, [0] * n, index)[0]) if n else 0.0
    least = max(LEAST_SHARE * flat, 1e-9 / log(2))

    def tune(event, level, modules, known, awake, below=None, patient=True):
        def told(now, units, *what):
            if below is not None:
                now = [now[part] for part in below]
                units = [units[part] for part in below]
            note(event, now, units, *what)

        start, one = list(modules), [0] * len(modules)
        return grow(level, start, known, one, index, rng, told, awake, patient)

    def bits(modules):
        return length(level, modules, [0] * n, index).get(0, 0.0)

    # `whole` is the level whose nodes are the modules; `parts` are the parts of each module.
    modules, whole = tune("grow", level, range(n), level, every, None, patient)
    before, known, awake = bits(modules), {}, every
    while n:
        modules, whole = tune("move nodes again", level, modules, whole, awake)
        parts, awake = split(level, modules, whole.leave, rng, known), set()
        if len(set(parts)) > len(set(modules)):
            module_of = dict(zip(parts, modules, strict=True))
            start = [module_of[part] for part in range(len(module_of))]
            those = merged(level, parts), start, whole, set(module_of), parts
            found, whole = tune("move parts", *those)
            last, modules = modules, [found[part] for part in parts]
            awake = wakened(level, modules, last)
        else:
            note("move parts", modules, parts, None, 0)
        after = bits(modules)
        if before - after <= least or not awake:
            found = grouped(whole, rng)
            bolder = [found[module] for module in modules]
            before, after = after, bits(bolder)
            if before - after <= least:
                note("group modules", modules, modules, None, 0)
                break
            note("group modules", bolder, modules, None, 0)
            modules, whole, awake = bolder, merged(whole, found), every
        before = after
    return modules
