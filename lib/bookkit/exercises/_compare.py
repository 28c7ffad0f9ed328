"""Compare an answer with what is right, and say in plain words where they first part."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np

from bookkit.exercises._exercise import Hint, one_line

KINDS = {"b": "True and False", "i": "whole numbers", "u": "whole numbers", "f": "numbers"}


def expect_equal(got: object, want: object, hint: str = "", *, what: str = "your answer") -> None:
    """Raise a `Hint` unless `got` is exactly `want`.

    Parameters
    ----------
    got, want : object
        The reader's value and the right one: arrays, numbers, texts or collections of them.
    hint : str
        What to think about; said before the first difference.
    what : str
        How to call the reader's value.
    """
    compare(got, want, hint, what, None)


def expect_close(
    got: object,
    want: object,
    hint: str = "",
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    what: str = "your answer",
) -> None:
    """Raise a `Hint` unless `got` is `want` up to rounding."""
    compare(got, want, hint, what, (rtol, atol))


def expect_function(
    answer: object,
    cases: Iterable[tuple],
    hint: str = "",
    *,
    close: bool = False,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """Raise a `Hint` for the first case that a reader's function gets wrong.

    Parameters
    ----------
    answer : callable
        The reader's function.
    cases : iterable of (arguments, want) or (arguments, want, hint)
        Arguments are a tuple, or a dict of named ones. A case's own hint comes first.
    hint : str
        The hint for cases without their own.
    close : bool
        Compare up to rounding.
    """
    if not callable(answer):
        raise Hint(f"hand in the function itself; this is {kind_of(answer)}.")
    for arguments, want, *own in cases:
        args, named = ((), arguments) if isinstance(arguments, dict) else (arguments, {})
        # copies, so that a function that changes its input cannot spoil the next case
        got = answer(*copy.deepcopy(args), **copy.deepcopy(named))
        shown = [describe(value) for value in args]
        shown += [f"{name}={describe(value)}" for name, value in named.items()]
        what = f"for ({', '.join(shown)}) your result"
        compare(got, want, own[0] if own else hint, what, (rtol, atol) if close else None)


def compare(got, want, hint: str, what: str, close: tuple[float, float] | None) -> None:
    """Raise a `Hint` at the first difference."""
    note = difference(got, want, what, close)
    if note:
        raise Hint(f"{hint.strip()} ({note})" if hint.strip() else note + ".")


def difference(got, want, what: str, close) -> str | None:
    """Return the first difference in words, or None."""
    if isinstance(want, (bool, np.bool_, int, float, np.number, np.ndarray)):
        return array_difference(got, want, what, close)
    if not isinstance(got, type(want)):
        return f"{what} is {kind_of(got)}, not {kind_of(want)}"
    if isinstance(want, dict):
        return dict_difference(got, want, what, close)
    if isinstance(want, (list, tuple)):
        if len(got) != len(want):
            return f"{what} has {len(got)} entries, not {len(want)}"
        for index, (mine, right) in enumerate(zip(got, want, strict=True)):
            note = difference(mine, right, f"entry {index} of {what}", close)
            if note:
                return note
        return None
    if got != want:
        return f"{what} is {describe(got)}, which is not what is asked for"
    return None


def dict_difference(got: dict, want: dict, what: str, close) -> str | None:
    """Return the first difference of two dictionaries."""
    for key in want:
        if key not in got:
            return f"{what} has nothing for {describe(key)}"
        note = difference(got[key], want[key], f"{what} for {describe(key)}", close)
        if note:
            return note
    extra = [key for key in got if key not in want]
    return f"{what} has something for {describe(extra[0])} too" if extra else None


def array_difference(got, want, what: str, close) -> str | None:
    """Return the first difference of two arrays or numbers."""
    single = not isinstance(want, np.ndarray)
    right = np.asarray(want)
    if not single and isinstance(got, (list, tuple)):
        return f"{what} is {kind_of(got)}, not an array: np.array(...) makes one"
    if not isinstance(got, (bool, int, float)) and not hasattr(got, "__array__"):
        return f"{what} is {kind_of(got)}, not {'a number' if single else 'an array'}"
    mine = np.asarray(got)
    if mine.dtype.kind not in "biuf":
        return f"{what} holds values of the type {mine.dtype}, not numbers"
    if mine.shape != right.shape:
        return f"{what} has the shape {mine.shape}, not {right.shape}"
    if (mine.dtype.kind == "b") != (right.dtype.kind == "b"):
        have, need = KINDS[mine.dtype.kind], KINDS[right.dtype.kind]
        return f"{what} holds {have} ({mine.dtype}), where {need} ({right.dtype}) are needed"
    if close:
        same = np.isclose(mine, right, rtol=close[0], atol=close[1], equal_nan=True)
    else:
        same = (mine == right) | ((mine != mine) & (right != right))
    if np.all(same):
        return None
    place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0])
    if right.ndim == 0:
        return f"{what} is {describe(mine[()])}, which is not what is asked for"
    name = ", ".join(map(str, place))
    return f"at [{name}] {what} has {describe(mine[place])}, not {describe(right[place])}"


def kind_of(value: object) -> str:
    """Name what a value is, with an article."""
    if isinstance(value, (bool, np.bool_)):
        return "True or False"
    if isinstance(value, (int, float, np.number)):
        return "a number"
    named = {str: "a text", list: "a list", tuple: "a tuple", dict: "a dictionary"}
    if isinstance(value, np.ndarray):
        return "an array"
    if type(value) in named:
        return named[type(value)]
    return "a function" if callable(value) else f"of the type {type(value).__name__}"


def describe(value: object) -> str:
    """Show a value in few words, the same on every machine."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.4g}"
    if hasattr(value, "shape") and getattr(value, "shape", ()) != ():
        return f"an array of the shape {tuple(value.shape)}"
    text = one_line(repr(value))
    return text if len(text) <= 60 else text[:57] + "..."
