"""The history of a search: what it noted, with modules that keep their numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """One moment of a search: a move, or the end of a pass in which nothing moves any more.

    Attributes
    ----------
    event : str
        What was being done: "start", "grow" (nodes move, then the modules they form, then modules
        of modules), "move nodes again", "move parts" of modules, "group modules" (many at once),
        or "one module" of all nodes, where modules do not pay.
    modules : tuple of int
        The module of each node afterwards. A module keeps its number from frame to frame.
    moved : tuple
        The names of the nodes that changed their module; () where nothing did.
    bits : float
        The code length afterwards.
    units : tuple of int
        What moves as one: nodes of the same unit do. A unit is named by its first node's place.
    tries : int
        How many units have been tried since the units were made, the moved one among them.
        Most that are tried stay where they are.
    """

    event: str
    modules: tuple
    moved: tuple
    bits: float
    units: tuple
    tries: int


def frames(nodes, notes, bits_of):
    """Return the history as a tuple of `Frame`, the first with every node in its own module.

    Parameters
    ----------
    nodes : sequence
        The names of the nodes.
    notes : list of (event, modules, units, unit, tries)
        As `thrifty.plain_infomap.search` tells them.
    bits_of : callable
        From the module of each node to the code length.

    Examples
    --------
    >>> notes = [("grow", [2, 1, 2], [0, 1, 2], 0, 1), ("grow", [2, 1, 2], [0, 1, 2], None, 3)]
    >>> for frame in frames("abc", notes, len):
    ...     print(frame.event, frame.modules, frame.moved, frame.tries)
    start (0, 1, 2) () 0
    grow (2, 1, 2) ('a',) 1
    grow (2, 1, 2) () 3
    """
    now = list(range(len(nodes)))
    found = [Frame("start", tuple(now), (), bits_of(now), tuple(now), 0)]
    for event, modules, units, unit, tries in notes:
        before = now
        if unit is not None:
            now = _after_move(before, modules, [i for i, own in enumerate(units) if own == unit])
        elif event in ("group modules", "one module"):
            now = _after_merges(before, modules)
        moved = tuple(nodes[i] for i in range(len(nodes)) if now[i] != before[i])
        bits = bits_of(now) if moved else found[-1].bits
        found.append(Frame(event, tuple(now), moved, bits, _by_first(units), tries))
    return tuple(found)


def _by_first(units):
    first = {}
    return tuple(first.setdefault(unit, place) for place, unit in enumerate(units))


def _after_move(before, modules, unit):
    """`before` with the unit in its new module, which has the number that its other nodes had."""
    inside = set(unit)
    others = [i for i, module in enumerate(modules) if module == modules[unit[0]]]
    number = next((before[i] for i in others if i not in inside), None)
    if number is None:  # a module of its own
        taken = {before[i] for i in range(len(before)) if i not in inside}
        number = next(i for i in range(len(before)) if i not in taken)
    return [number if i in inside else before[i] for i in range(len(before))]


def _after_merges(before, modules):
    """`before` with whole modules merged; each has the number that most of its nodes had."""
    shares = {}
    for old, new in zip(before, modules, strict=True):
        shares.setdefault(new, {}).setdefault(old, 0)
        shares[new][old] += 1
    number = {new: max(olds, key=lambda old: (olds[old], -old)) for new, olds in shares.items()}
    return [number[new] for new in modules]
