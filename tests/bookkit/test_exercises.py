"""The exercise checker, and all exercises of the book against it."""

import functools
import sys
import types

import numpy as np
import pytest

from bookkit import exercises
from bookkit.exercises import (
    DOTS,
    Exercise,
    Hint,
    _registry,
    expect_close,
    expect_equal,
    expect_function,
)
from bookkit.exercises._exercise import WIDTH

MASK = np.tri(3, dtype=bool)


def sample(check=None, **changes):
    """An exercise about the causal mask."""

    def look(answer):
        expect_equal(answer, MASK, "Who may a word look at?")

    parts = dict(
        name="sample",
        question="Make the causal mask of three words.",
        check=check or look,
        shows="a word sees itself\nand what came before.",
        solution=MASK,
        wrong=[(MASK.T, "Who may a word look at? (at [0, 1]")],
    )
    return Exercise(**{**parts, **changes})


def function_exercise(cases, **options):
    return sample(check=lambda answer: expect_function(answer, cases, **options))


def line(exercise, answer, capsys):
    """What the reader sees: one sentence or two, wrapped to the page's width."""
    assert exercise(answer) is None
    shown = capsys.readouterr()
    assert shown.err == "" and shown.out.endswith("\n")
    lines = shown.out.splitlines()
    assert all(len(text) <= WIDTH or " " not in text for text in lines)
    return " ".join(lines)


# --- every exercise of the book ------------------------------------------------------------------


def not_yet(*args, **named):
    raise NotImplementedError


def exercise_problems(exercise):
    """Return what is wrong with an exercise itself; empty for a good one."""
    found = []
    if exercise.hint(exercise.solution) is not None:
        found.append(f"the solution gets: {exercise.hint(exercise.solution)}")
    starters = [...]
    if isinstance(exercise.solution, type):  # a layer to be written
        starters.append(type("Starter", (exercise.solution,), {"call": not_yet}))
    elif callable(exercise.solution):
        starters += [lambda *args, **named: ..., lambda *args, **named: None]
    for starter in starters:
        if exercise.hint(starter) != DOTS:
            found.append(f"a starter gets: {exercise.hint(starter)}")
    if not exercise.wrong:
        found.append("no wrong answer is listed")
    for answer, fragment in exercise.wrong:
        hint = exercise.hint(answer)
        if hint is None or fragment not in hint:
            found.append(f"a wrong answer should get {fragment!r}, gets: {hint}")
    if not exercise.question.strip() or not exercise.shows.strip():
        found.append("the question, or what it shows, is empty")
    return found


def test_all_exercises_of_the_book():
    report = {name: exercise_problems(exercises.get(name)) for name in exercises.names()}
    assert {name: found for name, found in report.items() if found} == {}


def test_that_test_finds_bad_exercises():
    assert exercise_problems(sample()) == []
    assert "the solution gets" in exercise_problems(sample(solution=MASK.T))[0]
    assert "gets: None" in exercise_problems(sample(wrong=[(MASK, "no")]))[0]
    assert "no wrong answer" in exercise_problems(sample(wrong=[]))[0]
    assert "empty" in exercise_problems(sample(question=" "))[0]


# --- what is said ---------------------------------------------------------------------------


def test_right_and_wrong_are_said(capsys):
    exercise = sample()
    assert line(exercise, MASK, capsys) == "Correct: a word sees itself and what came before."
    assert line(exercise, MASK.T, capsys) == (
        "Not yet: Who may a word look at? (at [0, 1] your answer has True, not False)"
    )


@pytest.mark.parametrize(
    "starter",
    [..., [1, ...], {"a": ...}, (1, (..., 2)), np.array(...), np.array([1, ...], dtype=object)],
)
def test_dots_are_asked_for(starter, capsys):
    assert line(sample(), starter, capsys) == f"Not yet: {DOTS}"


def test_no_answer_at_all_asks_for_the_dots(capsys):
    sample()()
    assert capsys.readouterr().out == f"Not yet: {DOTS}\n"


def unfinished(n):
    raise NotImplementedError


@pytest.mark.parametrize("starter", [lambda n: ..., lambda n: None, unfinished])
def test_unfinished_functions_ask_for_the_dots(starter, capsys):
    exercise = function_exercise([((3,), 6)])
    assert line(exercise, starter, capsys) == f"Not yet: {DOTS}"


def test_an_exception_in_the_readers_function_is_a_hint(capsys):
    exercise = function_exercise([((3,), 6)])
    assert line(exercise, lambda n: n / 0, capsys) == (
        "Not yet: your function stops with ZeroDivisionError: division by zero"
    )
    text = line(exercise, lambda: 6, capsys)
    assert text.startswith("Not yet: your function stops with TypeError")


def test_an_answer_that_breaks_the_check_is_a_hint(capsys):
    exercise = sample(check=lambda answer: answer.shape)
    assert line(exercise, [1], capsys) == (
        "Not yet: your answer is of the type list, and working with it gives "
        "AttributeError: 'list' object has no attribute 'shape'"
    )


def test_hints_hold_no_addresses(capsys):
    exercise = sample(check=lambda answer: expect_equal(answer, "x"))
    first, second = (line(exercise, object(), capsys) for _ in range(2))
    assert first == second
    broken = sample(check=lambda answer: int(repr(answer)))
    assert "0x..." in line(broken, object(), capsys)


# --- comparing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "want", "said"),
    [
        (MASK.astype(int), MASK, "holds whole numbers (int64), where True and False (bool)"),
        (MASK.tolist(), MASK, "is a list, not an array: np.array(...) makes one"),
        (MASK[:2], MASK, "has the shape (2, 3), not (3, 3)"),
        (3, MASK, "has the shape (), not (3, 3)"),
        ("text", MASK, "is a text, not an array"),
        (np.array(["a"]), np.array([1]), "holds values of the type <U1, not numbers"),
        (2, 3, "your answer is 2, which is not what is asked for"),
        (True, 1, "holds True and False"),
        ("3", 3, "is a text, not a number"),
        (len, 3, "is a function, not a number"),
        ("b", "a", "your answer is 'b'"),
        ([1, 3], [1, 2], "entry 1 of your answer is 3"),
        ([1], [1, 2], "has 1 entries, not 2"),
        ((1, 2), [1, 2], "is a tuple, not a list"),
        ({"a": 1}, {"a": 2}, "your answer for 'a' is 1"),
        ({}, {"a": 2}, "has nothing for 'a'"),
        ({"a": 2, "b": 1}, {"a": 2}, "has something for 'b' too"),
        ({1, 2}, {1}, "your answer is {1, 2}"),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), "at [1] your answer has nan, not 2"),
    ],
)
def test_the_first_difference_is_said(got, want, said):
    with pytest.raises(Hint) as caught:
        expect_equal(got, want, "Think.")
    assert said in str(caught.value)
    assert str(caught.value).startswith("Think. (")


@pytest.mark.parametrize(
    "value", [MASK, 3, 2.5, True, "a", [1, "b"], (1,), {"a": MASK}, {1}, np.array([np.nan])]
)
def test_equal_values_pass(value):
    expect_equal(value, value)


def test_what_can_be_an_array_counts_as_one():
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return MASK

    expect_equal(Tensor(), MASK)


def test_rounding_is_forgiven_where_it_should_be():
    expect_close(0.1 + 0.2, 0.3)
    expect_close([0.1 + 0.2], [0.3])
    with pytest.raises(Hint, match=r"your answer is 0\.31"):
        expect_close(0.31, 0.3)
    with pytest.raises(Hint):
        expect_equal(0.1 + 0.2, 0.3)
    with pytest.raises(Hint, match=r"at \[0, 1\] your answer has 1\.5, not 1"):
        expect_close(np.array([[1, 1.5]]), np.ones((1, 2)))


def test_functions_are_tried_case_by_case():
    cases = [((2,), 4), ((3,), 9, "Odd numbers too."), ({"n": 4}, 16)]
    expect_function(lambda n: n * n, cases)
    expect_function(functools.partial(pow, exp=2), cases[:2])
    with pytest.raises(Hint) as caught:
        expect_function(lambda n: n * 2, cases, "Square it.")
    assert str(caught.value) == (
        "Odd numbers too. (for (3) your result is 6, which is not what is asked for)"
    )
    with pytest.raises(Hint, match=r"for \(n=4\) your result is 8"):
        expect_function(lambda n: n * 2, cases[2:])
    with pytest.raises(Hint, match="hand in the function itself; this is a number"):
        expect_function(4, cases)


def test_a_function_cannot_spoil_the_next_case():
    given = np.zeros(2)

    def spoil(x):
        x += 1
        return x

    cases = [((given,), np.ones(2)), ((given,), np.ones(2))]
    expect_function(spoil, cases, close=True)
    assert not given.any()


def test_arrays_are_named_by_their_shape():
    with pytest.raises(Hint, match=r"for \(an array of the shape \(2, 2\), 1\) your result"):
        expect_function(lambda x, window: 0, [((np.eye(2), 1), 1)])


# --- the registry --------------------------------------------------------------------------------


@pytest.fixture
def registry(monkeypatch):
    """An empty registry, and a chapter module that is found by itself."""
    monkeypatch.setattr(_registry, "_REGISTERED", {})
    found = [types.SimpleNamespace(name="_compare"), types.SimpleNamespace(name="fake_chapter")]
    monkeypatch.setattr(_registry.pkgutil, "iter_modules", lambda path: found)

    def load(name):
        if name.endswith("fake_chapter") and "chapter-one" not in _registry._REGISTERED:
            parts = vars(sample()) | {"name": "chapter-one"}
            _registry.define(**parts)
        assert not name.endswith("_compare")
        return sys.modules["bookkit.exercises"]

    monkeypatch.setattr(_registry.importlib, "import_module", load)


def test_chapter_modules_are_found(registry):
    assert exercises.names() == ["chapter-one"]
    assert exercises.get("chapter-one").hint(MASK) is None


def test_an_unknown_name_says_what_was_meant(registry):
    with pytest.raises(LookupError, match="Did you mean 'chapter-one'"):
        exercises.get("chapter-on")


def test_a_name_is_given_once(registry):
    exercises.names()
    with pytest.raises(ValueError, match="two exercises called 'chapter-one'"):
        _registry.define(**(vars(sample()) | {"name": "chapter-one"}))
