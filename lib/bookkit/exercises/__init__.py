"""Exercises that answer: not yet, and a hint; or correct, and what that shows.

In a chapter::

    from bookkit import exercises

    exercise = exercises.get("causal-mask")
    exercise(...)          # the reader puts an answer for the three dots

The exercises of a chapter are in the module of its name beside this file, which is found by
itself. There each one is defined together with its solution and with the wrong answers it must
recognise::

    from bookkit.exercises import define, expect_equal

    def check(answer):
        expect_equal(answer, np.tri(4, dtype=bool), "Who may a word look at?")

    define(
        name="causal-mask",
        question="Make the causal mask of four words.",
        check=check,
        shows="a word sees itself and what came before.",
        solution=np.tri(4, dtype=bool),
        wrong=[(np.tri(4, dtype=bool).T, "Who may a word look at?")],
    )
"""

from bookkit.exercises._compare import expect_close, expect_equal, expect_function
from bookkit.exercises._exercise import DOTS, Exercise, Hint
from bookkit.exercises._registry import define, get, names

__all__ = [
    "DOTS",
    "Exercise",
    "Hint",
    "define",
    "expect_close",
    "expect_equal",
    "expect_function",
    "get",
    "names",
]
