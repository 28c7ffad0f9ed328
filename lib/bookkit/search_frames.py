"""The history of a search as the player shows it: passes, moves, and modules with letters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

# The steps of the search as they are told, and which (event, what moves) belongs to which.
STEPS = ["start", "nodes", "modules", "again", "parts", "groups"]


@dataclass(frozen=True)
class Moment:
    """One frame with what led to it.

    Attributes
    ----------
    step : str
        One of `STEPS`.
    kind : {"nodes", "modules", "parts"}
        What moves as one in this pass.
    first : bool
        Whether this pass is the first of its event: the next ones move the modules it left.
    turn : int
        The round of tuning, from 1; 0 before.
    before, modules : tuple of int
        The module of each node before and after.
    units : tuple of int
        What moves as one, named by its first node's place.
    moves : tuple of (unit, module)
        Units that move here, and where to.
    tries, moved : int
        Units tried and moves made so far in this pass.
    was, bits : float
        The code length before and after, to six digits.
    """

    step: str
    kind: str
    first: bool
    turn: int
    before: tuple
    modules: tuple
    units: tuple
    moves: tuple
    tries: int
    moved: int
    was: float
    bits: float

    @property
    def sizes(self) -> dict[int, int]:
        """The number of nodes in each module, afterwards."""
        return Counter(self.modules)


def moments(history) -> list[Moment]:
    """Return the frames of a search with what led to each.

    Parameters
    ----------
    history : tuple of thrifty.infomap.Frame

    Examples
    --------
    >>> from thrifty.infomap import find_communities
    >>> links = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]
    >>> found = find_communities(links, seed=0, trials=1, history=True)
    >>> told = moments(found.history)
    >>> [(moment.step, moment.kind, len(moment.moves)) for moment in told][:4]
    [('start', 'nodes', 0), ('nodes', 'nodes', 1), ('nodes', 'nodes', 1), ('nodes', 'nodes', 1)]
    >>> told[-1].step, len(set(told[-1].modules))
    ('groups', 2)
    """
    found, turn = [], 0
    for last, frame in zip((history[0], *history), history, strict=False):
        before, modules = last.modules, frame.modules
        was = found[-1] if found else None
        # A pass ends with a frame in which nothing moves.
        fresh = was is None or not was.moves or last.event != frame.event
        kind = _kind(frame.units, before) if fresh else was.kind
        first = fresh and last.event != frame.event or not fresh and was.first
        turn += fresh and first and frame.event == "move nodes again"
        moves = tuple(
            dict.fromkeys(
                (unit, new)
                for unit, old, new in zip(frame.units, before, modules, strict=True)
                if old != new
            )
        )
        found.append(
            Moment(
                _step(frame.event, kind),
                kind,
                first,
                turn,
                before,
                modules,
                frame.units,
                moves,
                frame.tries,
                len(moves) + (0 if fresh else was.moved),
                round(last.bits, 6),
                round(frame.bits, 6),
            )
        )
    return found


def letters(history, final) -> list[int]:
    """Return which letter each module has, by number: 0 for A; -1 if it never has two nodes.

    The last modules have the first letters. Of the others two have the same letter only if one
    is gone when the other comes.

    Parameters
    ----------
    history : tuple of thrifty.infomap.Frame
    final : list of int
        The modules that the search ended with, by number, in the order of the nodes.

    Examples
    --------
    >>> from thrifty.infomap import find_communities
    >>> links = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]
    >>> found = find_communities(links, seed=0, trials=1, history=True)
    >>> sorted(letters(found.history, list(found.modules.values())))
    [-1, -1, -1, -1, 0, 1]
    """
    lives = {}
    for place, frame in enumerate(history):
        for module, size in Counter(frame.modules).items():
            if size > 1:
                lives[module] = (lives.get(module, (place,))[0], place)
    found = [-1] * len(final)
    for module, last in zip(history[-1].modules, final, strict=True):
        found[module] = last
    gone = {}  # by letter, when its last module had two nodes
    for module, (begin, end) in sorted(lives.items(), key=lambda item: item[1]):
        if found[module] < 0:
            free = (letter for letter, last in sorted(gone.items()) if last < begin)
            found[module] = next(free, max(found) + 1)
            gone[found[module]] = end
    return found


def _kind(units, before):
    if len(set(units)) == len(units):
        return "nodes"
    together = len(set(zip(units, before, strict=True)))
    return "modules" if together == len(set(units)) == len(set(before)) else "parts"


def _step(event, kind):
    if event == "grow":
        return "nodes" if kind == "nodes" else "modules"
    return {"start": "start", "move nodes again": "again", "move parts": "parts"}.get(
        event, "groups"
    )


def stored(told: list[Moment]) -> list[dict]:
    """Return the moments as passes that hold their moves alone, for the page.

    Each pass has its `step`, `kind`, `first`, `turn` and `frames`, each [tries, bits, unit,
    module, ...]. Its `units` stand there only where they are neither the nodes nor the modules.

    Examples
    --------
    >>> from thrifty.infomap import find_communities
    >>> found = find_communities([(0, 1), (1, 2)], seed=0, trials=1, history=True)
    >>> stored(moments(found.history))[0]["frames"]
    [[0, 2.5]]
    """
    passes = []
    for last, moment in zip((None, *told), told, strict=False):
        same = last and (last.step, last.kind, last.turn) == (
            moment.step,
            moment.kind,
            moment.turn,
        )
        if not (same and last.moves):
            names = ("step", "kind", "first", "turn")
            passes.append({name: getattr(moment, name) for name in names} | {"frames": []})
            if moment.kind == "parts":
                passes[-1]["units"] = list(moment.units)
        moves = [number for move in moment.moves for number in move]
        passes[-1]["frames"].append([moment.tries, moment.bits, *moves])
    return passes
