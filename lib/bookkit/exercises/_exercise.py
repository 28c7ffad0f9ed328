"""One exercise: a question, and a check that answers in one line."""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

# Columns of a verdict: a page has room for some 80, a phone for half of that.
WIDTH = 72
DOTS = "replace the three dots with your answer."


class Hint(Exception):
    """Raised by a check: the answer is not right yet, and this sentence helps on."""


@dataclass(frozen=True)
class Exercise:
    """A question to the reader, who calls it with an answer.

    Parameters
    ----------
    name : str
        Unique in the book.
    question : str
        What is asked, as the chapter asks it.
    check : callable
        Takes the answer and raises `Hint` unless it is right.
    shows : str
        What a right answer shows; the end of a sentence that begins with "Correct:".
    solution : object
        A right answer.
    wrong : list of (answer, fragment)
        Wrong answers that readers do give, each with words that their hint must contain.
    """

    name: str
    question: str
    check: Callable[[object], None] = field(repr=False)
    shows: str = field(repr=False)
    solution: object = field(repr=False)
    wrong: list[tuple[object, str]] = field(default_factory=list, repr=False)

    def __call__(self, answer: object = ...) -> None:
        """Say what is right or wrong about an answer."""
        hint = self.hint(answer)
        said = f"Not yet: {hint}" if hint else f"Correct: {one_line(self.shows)}"
        print(textwrap.fill(said, WIDTH, break_long_words=False, break_on_hyphens=False))

    def hint(self, answer: object) -> str | None:
        """Return the hint for an answer, or None if the answer is right."""
        try:
            if has_dots(answer):
                raise Hint(DOTS)
            self.check(guarded(answer))
        except Hint as hint:
            return one_line(str(hint)) or "look at it again."
        except NotImplementedError:  # a method of a class that is still to be written
            return DOTS
        except Exception as error:
            # The check met something it had not expected, and that came from the answer.
            kind = type(answer).__name__
            return one_line(
                f"your answer is of the type {kind}, and working with it gives {said(error)}"
            )
        return None


def one_line(text: str) -> str:
    """Put a text on one line, without what changes from run to run."""
    return re.sub(r"\b0x[0-9a-fA-F]{6,}", "0x...", " ".join(text.split()))


def said(error: Exception) -> str:
    """Return an exception's type and message."""
    message = one_line(str(error))[:200]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def has_dots(answer: object) -> bool:
    """Tell whether there are still three dots in an answer."""
    if answer is ...:
        return True
    if isinstance(answer, dict):
        return any(has_dots(value) for value in answer.values())
    if isinstance(answer, (list, tuple, set, frozenset)):
        return any(has_dots(item) for item in answer)
    if isinstance(answer, np.ndarray) and answer.dtype == object:
        return any(item is ... for item in answer.ravel())
    return False


def guarded(answer: object) -> object:
    """Wrap a reader's function so that what goes wrong inside it becomes a hint."""
    if not (inspect.isroutine(answer) or isinstance(answer, functools.partial)):
        return answer

    @functools.wraps(answer)
    def call(*args, **kwargs):
        try:
            result = answer(*args, **kwargs)
        except NotImplementedError:
            raise Hint(DOTS) from None
        except Exception as error:
            raise Hint(f"your function stops with {said(error)}") from None
        if result is None:
            result = ...  # as yet there is no return
        if has_dots(result):
            raise Hint(DOTS)
        return result

    return call
