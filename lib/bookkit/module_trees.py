"""A tree of modules whose code books are put away and taken out again, one by one."""

from __future__ import annotations

from collections.abc import Iterable

from bookkit.network_picture import letter

ROOT = ""


def keys(path: Iterable[int]) -> list[str]:
    """Return the key of every module on the way down to the last one of a path.

    Examples
    --------
    >>> keys([0, 2])
    ['0', '0.2']
    """
    path = [str(part) for part in path]
    return [".".join(path[: depth + 1]) for depth in range(len(path))]


def parent(key: str) -> str:
    """Return the key of the module around a module; "" for the top.

    Examples
    --------
    >>> parent("0.2"), parent("0")
    ('0', '')
    """
    return key.rpartition(".")[0]


def name(key: str) -> str:
    """Return what a module is called: a letter at the top, numbers below.

    Examples
    --------
    >>> name("0"), name("0.2"), name("1.0.4"), name("")
    ('A', 'A3', 'B1.5', 'all nodes')
    """
    if not key:
        return "all nodes"
    top, *below = (int(part) for part in key.split("."))
    return letter(top) + ".".join(str(part + 1) for part in below)


def numbered(paths: Iterable[tuple]) -> list[list[int]]:
    """Return paths of modules by number, from 0 in the order in which they come.

    Examples
    --------
    >>> numbered([("north", 7), ("north", 9), ("south",)])
    [[0, 0], [0, 1], [1]]
    """
    places, found = {}, []
    for path in paths:
        path = path if isinstance(path, tuple) else (path,)
        found.append([])
        for depth in range(len(path)):
            inside = places.setdefault(path[:depth], {})
            found[-1].append(inside.setdefault(path[depth], len(inside)))
    return found


def inner(tree: list[list[int]]) -> set[str]:
    """Return the keys of the modules that hold modules, the top among them.

    Examples
    --------
    >>> sorted(inner([[0, 0], [0, 1], [1]]))
    ['', '0']
    """
    return {parent(key) for path in tree for key in keys(path)}


def shown(path: list[int], dissolved: Iterable[str], closed: Iterable[str]) -> tuple[str, ...]:
    """Return the modules with a code book on the way to a node; the twin of `shownPath`.

    Parameters
    ----------
    path : list of int
        Of the node in the whole tree.
    dissolved : keys
        Modules without a book: what they hold stands one level up.
    closed : keys
        Modules in which all is one: no module inside has a book.

    Examples
    --------
    >>> shown([0, 2], [], []), shown([0, 2], ["0"], []), shown([0, 2], [], ["0"])
    (('0', '0.2'), ('0.2',), ('0',))
    >>> shown([0, 2], [], [""])
    ('',)
    """
    if ROOT in closed:
        return (ROOT,)
    found = []
    for key in keys(path):
        if key not in dissolved:
            found.append(key)
        if key in closed:
            break
    return tuple(found)


def level(tree: list[list[int]], depth: int) -> dict[str, list[str]]:
    """Return what is dissolved and closed if only the modules of one level have books.

    Examples
    --------
    >>> level([[0, 0], [0, 1], [1]], 2)
    {'dissolved': ['0'], 'closed': []}
    >>> level([[0, 0], [0, 1], [1]], 1), level([[0, 0], [0, 1], [1]], 0)
    ({'dissolved': [], 'closed': ['0']}, {'dissolved': [], 'closed': ['']})
    """
    if depth == 0:
        return {"dissolved": [], "closed": [ROOT]}
    depths = {key: key.count(".") + 1 for key in inner(tree) - {ROOT}}
    return {
        "dissolved": sorted(key for key, own in depths.items() if own < depth),
        "closed": sorted(key for key, own in depths.items() if own == depth),
    }
