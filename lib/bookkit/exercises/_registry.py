"""All exercises of the book, found in the chapter modules of this package."""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from bookkit.exercises._exercise import Exercise

_REGISTERED: dict[str, Exercise] = {}


def define(**parts: object) -> Exercise:
    """Make an `Exercise` of its parts, and register it under its name."""
    exercise = Exercise(**parts)
    if exercise.name in _REGISTERED:
        raise ValueError(f"There are two exercises called {exercise.name!r}: rename one.")
    _REGISTERED[exercise.name] = exercise
    return exercise


def load() -> None:
    """Import every chapter module, each of which defines its exercises."""
    package = importlib.import_module("bookkit.exercises")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"bookkit.exercises.{module.name}")


def get(name: str) -> Exercise:
    """Return the exercise of a name."""
    if name not in _REGISTERED:
        load()
    if name not in _REGISTERED:
        near = difflib.get_close_matches(name, _REGISTERED, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise LookupError(f"There is no exercise called {name!r}.{meant}")
    return _REGISTERED[name]


def names() -> list[str]:
    """Return the names of all exercises, sorted."""
    load()
    return sorted(_REGISTERED)
