"""The compiled inner loops of `thrifty.infomap`: moving nodes between modules, and merging them.

`thrifty.plain_infomap` is the same search in dictionaries, to be read; a test compares the two.

All rates are per step of the walk. `both` are the rates of a link in either direction together:
they are all that is needed to follow what a move changes, directed or not, since

    exit(A without v) = exit(A) - exit(v) + both(v, A)

and likewise for what enters. Lengths are in nats here: `log` is quicker than `log2`.
"""

import math

import numpy as np
from numba import njit

# Columns of the table of modules. A row is 64 bytes, one line of a processor's cache.
VISITS, EXIT, ENTER, TERM, JUMPS, LANDING, SIZE, SCRATCH = range(8)

# A move must save more than this (nats per step), so that rounding cannot make a search circle.
LEAST_GAIN = 1e-10

# With recorded jumps a module without a link to the node can be the best one too. Some are tried.
FAR = 4


@njit(cache=True, inline="always")
def _h(x):
    return x * math.log(x) if x > 1e-16 else 0.0


@njit(cache=True, inline="always")
def _term(visits, leave, enter, alike):
    """What a module adds to the code length, besides its share of the index book."""
    if alike:
        return _h(leave + visits) - 2 * _h(leave)
    return _h(leave + visits) - _h(leave) - _h(enter)


@njit(cache=True)
def module_table(modules, visits, leave, enter, jumps, landing, total, alike):
    """The rows of all modules, from their rates; a row for every node, as each may end alone."""
    table = np.zeros((len(modules), 8))
    for m in range(len(visits)):
        row = table[m]
        row[VISITS] = visits[m]
        row[EXIT] = leave[m]
        row[ENTER] = enter[m]
        row[JUMPS] = jumps[m]
        row[LANDING] = landing[m]
        leaving = leave[m] + jumps[m] * (1 - landing[m])
        entering = enter[m] + (total - jumps[m]) * landing[m]
        row[TERM] = _term(visits[m], leaving, entering, alike)
    for v in range(len(modules)):
        table[modules[v], SIZE] += 1
    return table


@njit(cache=True)
def move_nodes(
    indptr, indices, both, visits, leave, enter, jumps, landing,
    total, alike, modules, table, order, starts, rooms, used, patient,
):  # fmt: skip
    """Move single nodes to the neighbouring module that saves most, until none saves anything.

    `order` holds the nodes to try of one group after another, group g from starts[g] to
    starts[g + 1]; links never leave a group. `rooms` are the numbers of all nodes of the groups,
    `used` how often their index books are. `modules` and their `table` are changed in place. With
    `patient` false every node is tried once. Returns how many nodes moved.
    """
    n = len(visits)
    free = np.empty(n, np.int32)
    free_count = 0
    for m in range(n - 1, -1, -1):
        if table[m, SIZE] == 0:
            free[free_count] = m
            free_count += 1
    touched = np.empty(n + FAR, np.int32)
    waiting = np.zeros(n, np.bool_)
    queue = np.empty(n, np.int32)
    moved = 0
    for g in range(len(starts) - 1):
        low, count, size = starts[g], starts[g + 1] - starts[g], rooms[g]
        if size < 2 or count == 0:
            continue
        for i in range(count):
            queue[i] = order[low + i]
            waiting[queue[i]] = True
        index, tried, head, cursor = used[g], count, 0, 0
        # A bound, should rounding ever let the same moves come round again.
        left = 100 * size + 1000
        while count > 0 and left > 0:
            left -= 1
            v = queue[head]
            head = head + 1 if head + 1 < size else 0
            count -= 1
            waiting[v] = False
            a = modules[v]
            kinds = 0
            for e in range(indptr[v], indptr[v + 1]):
                m = modules[indices[e]]
                if table[m, SCRATCH] == 0.0:
                    touched[kinds] = m
                    kinds += 1
                table[m, SCRATCH] += both[e]
            row_a = table[a]
            alone = row_a[SIZE] == 1
            for _ in range(FAR if total > 0 else 0):
                cursor = cursor + 1 if cursor + 1 < tried else 0
                m = modules[order[low + cursor]]
                if m != a and table[m, SCRATCH] == 0.0:
                    touched[kinds] = m
                    kinds += 1
            if kinds == 0 or (kinds == 1 and touched[0] == a and alone):
                for k in range(kinds):
                    table[touched[k], SCRATCH] = 0.0
                continue
            # The module left behind.
            pv, xv, ev, jv, lv = visits[v], leave[v], enter[v], jumps[v], landing[v]
            a_visits = row_a[VISITS] - pv
            a_exit = row_a[EXIT] - xv + row_a[SCRATCH]
            a_enter = row_a[ENTER] - ev + row_a[SCRATCH]
            a_jumps, a_landing = row_a[JUMPS] - jv, row_a[LANDING] - lv
            if alone:
                a_visits = a_exit = a_enter = a_jumps = a_landing = 0.0
            a_leaving = max(a_exit, 0.0) + a_jumps * (1 - a_landing)
            a_entering = max(a_enter, 0.0) + (total - a_jumps) * a_landing
            a_term = _term(a_visits, a_leaving, a_entering, alike)
            before = max(row_a[ENTER], 0.0) + (total - row_a[JUMPS]) * row_a[LANDING]
            index_a = index - before + a_entering
            constant = a_term - row_a[TERM] - _h(index)
            best, best_gain, best_index, best_term = -1, -LEAST_GAIN, 0.0, 0.0
            # A module of its own, then those of the neighbours in the order of the links.
            for k in range(-1, kinds):
                if k < 0:
                    if alone:
                        continue
                    leaving = xv + jv * (1 - lv)
                    entering = ev + (total - jv) * lv
                    term = _term(pv, leaving, entering, alike)
                    index_b = index_a + entering
                    change = constant + term + _h(index_b)
                    b = -2
                else:
                    b = touched[k]
                    if b == a:
                        continue
                    row = table[b]
                    weight = row[SCRATCH]
                    out = max(row[EXIT] + xv - weight, 0.0)
                    into = out if alike else max(row[ENTER] + ev - weight, 0.0)
                    b_jumps, b_landing = row[JUMPS] + jv, row[LANDING] + lv
                    leaving = out + b_jumps * (1 - b_landing)
                    entering = into + (total - b_jumps) * b_landing
                    term = _term(row[VISITS] + pv, leaving, entering, alike)
                    held = max(row[ENTER], 0.0) + (total - row[JUMPS]) * row[LANDING]
                    index_b = index_a - held + entering
                    change = constant + term - row[TERM] + _h(max(index_b, 0.0))
                if change < best_gain - 1e-13:
                    best, best_gain, best_index, best_term = b, change, index_b, term
            weight_b = 0.0 if best < 0 else table[best, SCRATCH]
            for k in range(kinds):
                table[touched[k], SCRATCH] = 0.0
            if best == -1:
                continue
            if best == -2:
                free_count -= 1
                best = free[free_count]
            row = table[best]
            row_a[VISITS], row_a[EXIT], row_a[ENTER] = a_visits, a_exit, a_enter
            row_a[JUMPS], row_a[LANDING], row_a[TERM] = a_jumps, a_landing, a_term
            row_a[SIZE] -= 1
            if alone:
                row_a[:] = 0.0
                free[free_count] = a
                free_count += 1
            row[VISITS] += pv
            row[EXIT] += xv - weight_b
            row[ENTER] += ev - weight_b
            row[JUMPS] += jv
            row[LANDING] += lv
            row[SIZE] += 1
            row[TERM] = best_term
            index = best_index
            modules[v] = best
            moved += 1
            if not patient:
                continue
            for e in range(indptr[v], indptr[v + 1]):
                u = indices[e]
                if modules[u] != best and not waiting[u]:
                    waiting[u] = True
                    tail = head + count
                    queue[tail if tail < size else tail - size] = u
                    count += 1
    return moved


@njit(cache=True)
def renumber(modules):
    """Number the modules 0, 1, 2, ... in the order of their first nodes, in place; how many."""
    most = 0
    for v in range(len(modules)):
        most = max(most, modules[v])
    places = np.full(most + 1, -1, np.int32)
    count = 0
    for v in range(len(modules)):
        m = modules[v]
        if places[m] < 0:
            places[m] = count
            count += 1
        modules[v] = places[m]
    return count


@njit(cache=True)
def by_group(order, group, count):
    """The nodes of an order, group by group, and where each group starts."""
    starts = np.zeros(count + 1, np.int64)
    for v in order:
        starts[group[v] + 1] += 1
    for g in range(count):
        starts[g + 1] += starts[g]
    place = starts[:-1].copy()
    sorted_order = np.empty(len(order), np.int32)
    for v in order:
        sorted_order[place[group[v]]] = v
        place[group[v]] += 1
    return sorted_order, starts


@njit(cache=True)
def both_ways(sources, targets, rates, count):
    """The rows of a symmetric matrix, twice the rates; the links lead upwards and are in order."""
    indptr = np.zeros(count + 1, np.int64)
    for i in range(len(rates)):
        indptr[sources[i] + 1] += 1
        indptr[targets[i] + 1] += 1
    for v in range(count):
        indptr[v + 1] += indptr[v]
    ends = indptr[:-1].copy()
    indices = np.empty(2 * len(rates), np.int32)
    both = np.empty(2 * len(rates))
    # What leads to a node from below comes before what leads up from it: rows are in order too.
    for i in range(len(rates)):
        s, t = sources[i], targets[i]
        indices[ends[t]], both[ends[t]] = s, 2 * rates[i]
        ends[t] += 1
        indices[ends[s]], both[ends[s]] = t, 2 * rates[i]
        ends[s] += 1
    return indptr, indices, both


@njit(cache=True)
def _filled(indices, both, end):
    """The part that is filled: a copy if that saves memory, else what there is."""
    if 2 * end > len(indices):
        return indices[:end], both[:end]
    return indices[:end].copy(), both[:end].copy()


@njit(cache=True)
def merge(
    indptr, indices, both, visits, leave, enter, jumps, landing, modules, count
):  # fmt: skip
    """The links between modules, those inside left out, and the modules' rates."""
    n = len(modules)
    members, starts = by_group(np.arange(n, dtype=np.int32), modules, count)
    rates = np.zeros((5, count))
    new_indptr = np.zeros(count + 1, np.int64)
    scratch = np.zeros(count)
    touched = np.empty(count, np.int32)
    new_indices = np.empty(len(indices), np.int32)
    new_both = np.empty(len(indices))
    end = 0
    for m in range(count):
        kinds, inside = 0, 0.0
        for i in range(starts[m], starts[m + 1]):
            v = members[i]
            rates[0, m] += visits[v]
            rates[1, m] += leave[v]
            rates[2, m] += enter[v]
            rates[3, m] += jumps[v]
            rates[4, m] += landing[v]
            for e in range(indptr[v], indptr[v + 1]):
                other = modules[indices[e]]
                if other == m:
                    inside += both[e]
                    continue
                if scratch[other] == 0.0:
                    touched[kinds] = other
                    kinds += 1
                scratch[other] += both[e]
        rates[1, m] = max(rates[1, m] - inside / 2, 0.0)
        rates[2, m] = max(rates[2, m] - inside / 2, 0.0)
        for k in range(kinds):
            other = touched[k]
            new_indices[end] = other
            new_both[end] = scratch[other]
            scratch[other] = 0.0
            end += 1
        new_indptr[m + 1] = end
    return new_indptr, *_filled(new_indices, new_both, end), rates


@njit(cache=True)
def inside(indptr, indices, both, group, chosen):
    """Only the links between chosen nodes of one group; the chosen ones numbered anew."""
    place = np.full(len(group), -1, np.int32)
    links = count = 0
    for v in range(len(group)):
        if chosen[v]:
            place[v] = count
            count += 1
            links += indptr[v + 1] - indptr[v]
    new_indptr = np.zeros(count + 1, np.int64)
    new_indices = np.empty(links, np.int32)
    new_both = np.empty(links)
    end = 0
    for v in range(len(group)):
        if not chosen[v]:
            continue
        for e in range(indptr[v], indptr[v + 1]):
            if group[indices[e]] == group[v] and chosen[indices[e]]:
                new_indices[end] = place[indices[e]]
                new_both[end] = both[e]
                end += 1
        new_indptr[place[v] + 1] = end
    return new_indptr, *_filled(new_indices, new_both, end)


@njit(cache=True)
def neighbours(indptr, indices, chosen):
    """The chosen nodes and those linked to them."""
    found = chosen.copy()
    for v in range(len(chosen)):
        if chosen[v]:
            for e in range(indptr[v], indptr[v + 1]):
                found[indices[e]] = True
    return found
