"""Which scheme a mask is: each recogniser guesses the parameters, builds the mask, and compares."""

import numpy as np

from thrifty.masks import block_causal_mask, document_mask, global_mask, tree_mask
from thrifty.patterns import Atrous, Causal, Local

UNKNOWN = "Mask of no known scheme"
_LONGEST = 12  # of a list in words


def recognise(mask):
    """Return the scheme of a mask that allows something, and its parameters, as two pieces of text.

    Positions that take no part are left out first. Empty rows and columns of what remains are
    exceptions to a scheme, if none fits without them.
    """
    if mask.shape[0] != mask.shape[1]:
        full = (mask == mask.any(axis=1)[:, None] & mask.any(axis=0)).all()
        return ("Bidirectional mask", "") if full else (UNKNOWN, "")
    part = np.flatnonzero(mask.any(axis=0) | mask.any(axis=1))
    core = mask[np.ix_(part, part)]
    whole = np.ones_like(core)
    room = core.any(axis=1)[:, None] & core.any(axis=0)
    found = _scheme(core, part, whole) or _without_diagonal(core, part)
    return found or _scheme(core, part, room) or (UNKNOWN, "")


def _without_diagonal(core, part):
    """The scheme of which only the diagonal is missing."""
    own = np.eye(len(core), dtype=bool)
    found = None if (core & own).any() else _scheme(core | own, part, np.ones_like(own))
    return found and (f"{found[0]} without the diagonal", found[1])


def _scheme(core, part, room):
    """The first scheme that equals `core` where there is `room`, as (name, parameters)."""
    for recogniser in _RECOGNISERS:
        for name, detail, candidate in recogniser(core, part):
            if (core == (candidate & room)).all():
                return f"{name} mask", detail
    return None


def _plain(core, part):
    n = len(core)
    yield "Bidirectional", "", np.ones((n, n), dtype=bool)
    yield "Diagonal", "", np.eye(n, dtype=bool)
    yield "Causal", "", np.tri(n, dtype=bool)
    yield "Reversed causal", "", np.tri(n, dtype=bool).T


def _prefix(core, part):
    free = int(core[0].sum())
    if free > 1:
        candidate = np.tri(len(core), dtype=bool) | (np.arange(len(core)) < free)
        yield "Prefix", f"positions {in_words(part[:free])} free", candidate


def _window(core, part):
    i, j = part[np.argwhere(core).T]
    pattern = Local(int(abs(i - j).max()))
    yield from _with_causal("Window", f"half-width {pattern.half_width}", pattern, part)


def _strided(core, part):
    later = part[np.flatnonzero(core[:, 0])[1:]]  # what sees the first position, beside itself
    if len(later):
        pattern = Atrous(int(later[0] - part[0]))
        yield from _with_causal("Strided", f"step {pattern.rate}", pattern, part)


def _with_causal(name, detail, pattern, part):
    """A pattern and its causal half; distances count the positions that take no part as well."""
    yield name, detail, pattern.allows(part[:, None], part)
    yield f"Causal {name.lower()}", detail, (pattern & Causal()).allows(part[:, None], part)


def _blocks(core, part):
    first = core.argmax(axis=1)  # the first key seen names the block
    candidate = document_mask(first)
    detail = "blocks " + _listed(
        [in_words(part[first == block]) for block in np.unique(first)], "; "
    )
    yield "Block diagonal", detail, candidate
    yield "Causal block diagonal", detail, candidate & Causal().mask(len(core))


def _ordered(core, part):
    read = core.sum(axis=1)  # as many keys as are read by then
    order = np.argsort(read, kind="stable")
    steps = np.unique(read)
    candidate = block_causal_mask(read)
    if len(steps) == len(core):
        yield "Permuted causal", f"order {_listed(part[order])}", candidate
    else:
        blocks = [in_words(part[read == step]) for step in steps]
        yield "Block causal", "blocks in order " + _listed(blocks, "; "), candidate


def _tree(core, part):
    n = len(core)
    above = core & ~np.eye(n, dtype=bool)
    depth = above.sum(axis=1)
    parents = np.where(above, depth, -1).argmax(axis=1)  # the deepest of a node's ancestors
    parents[depth == 0] = -1
    # A parent deeper than its child would be a cycle, or no tree at all.
    if all(parent < 0 or depth[parent] < depth[node] for node, parent in enumerate(parents)):
        roots = f"{'roots' if (parents < 0).sum() > 1 else 'root'} {in_words(part[parents < 0])}"
        edges = [f"{part[i]} after {part[p]}" for i, p in enumerate(parents) if p >= 0]
        yield "Tree", ", ".join([roots, _listed(edges)]), tree_mask(parents)


def _global(core, part):
    flags = core.all(axis=0) & core.all(axis=1)
    if flags.any():
        detail = f"global {in_words(part[flags])}"
        candidate = global_mask(flags)
        yield "Global", detail, candidate
        yield "Global or diagonal", detail, candidate | np.eye(len(core), dtype=bool)


_RECOGNISERS = (_plain, _prefix, _window, _strided, _blocks, _ordered, _tree, _global)


def in_words(positions):
    """Positions as a list in which neighbours are drawn together: 0 to 3, 7 and 9."""
    starts = np.flatnonzero(np.diff(positions, prepend=-2) != 1)
    runs = [run.tolist() for run in np.split(np.asarray(positions), starts[1:])]
    words = []
    for run in runs:
        words += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    if 1 < len(words) <= _LONGEST:
        return f"{', '.join(words[:-1])} and {words[-1]}"
    return _listed(words)


def _listed(words, separator=", "):
    more = len(words) - _LONGEST
    shown = separator.join(map(str, words[:_LONGEST]))
    return shown + (f" and {more} more" if more > 0 else "")
