"""The exercises of the chapter on dense attention."""

import numpy as np

from bookkit.exercises import Hint, define, expect_close, expect_equal, expect_function


def _longest(heads, budget=10**9):
    return int((budget / (4 * heads)) ** 0.5)


def _check_longest(answer):
    def fits(n, heads, budget):
        return heads * n * n * 4 <= budget

    for heads, budget in [(1, 10**9), (12, 10**9), (16, 4 * 10**6)]:
        n = answer(heads, budget)
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise Hint(f"a length is a whole number, and longest({heads}) gives {n!r}: int() cuts")
        if not fits(n, heads, budget):
            if fits(n, 1, budget):
                raise Hint(f"with {heads} heads there are {heads} such matrices, not one")
            raise Hint("every weight takes 4 bytes, 32 bits, and there are n x n of them")
        if not fits(n + 1, heads, budget):
            continue
        raise Hint(f"longest({heads}, {budget}) gives {n}, but {n + 1} still fits")


define(
    name="dense/longest",
    question="How long may a text be for one layer's weights to fit a budget?",
    check=_check_longest,
    shows="four times the memory buys only twice the length.",
    solution=_longest,
    wrong=[
        (lambda heads, budget=10**9: int((budget / heads) ** 0.5), "4 bytes"),
        (lambda heads, budget=10**9: int((budget / 4) ** 0.5), "12 such matrices"),
        (lambda heads, budget=10**9: (budget / (4 * heads)) ** 0.5, "whole number"),
        (lambda heads, budget=10**9: int((budget / (8 * heads)) ** 0.5), "still fits"),
    ],
)


def _check_divisor(answer):
    if not callable(answer):
        raise Hint("hand in the function itself")
    for d in (9, 64, 100):
        got = answer(d)
        if isinstance(got, bool) or not isinstance(got, int | float | np.number):
            raise Hint(f"return a number; for d = {d} yours is {got!r}")
        if np.isclose(got, np.sqrt(d)):
            raise Hint("that keeps a variance of 4: what is the variance of one product now?")
        if np.isclose(got, 4 * d):
            raise Hint("that is the variance; dividing by c divides the variance by c squared")
        if np.isclose(got, 4 * np.sqrt(d)):
            raise Hint("4 is a variance, not a spread: take the root of the whole product")
        expect_close(got, 2 * np.sqrt(d), "The variance of a sum of d products is d times one's.")


define(
    name="dense/divisor",
    question="By what must scores be divided when the query's variance is 4?",
    check=_check_divisor,
    shows="the root of d is right only for numbers of variance 1, which is why layers normalise.",
    solution=lambda d: np.sqrt(4 * d),
    wrong=[
        (lambda d: np.sqrt(d), "variance of one product"),
        (lambda d: 4 * d, "that is the variance"),
        (lambda d: 4 * np.sqrt(d), "root of the whole product"),
    ],
)


def _row_softmax(scores, allowed, temperature):
    shares = np.zeros(len(scores))
    if allowed.any():
        kept = scores[allowed] / temperature
        e = np.exp(kept - kept.max())
        shares[allowed] = e / e.sum()
    return shares


def _check_row_softmax(answer):
    scores, everything = np.array([1.0, 2.0, 4.0]), np.ones(3, bool)
    got = np.asarray(answer(scores, everything, 1.0), float)
    if got.shape == (3,) and not np.isclose(got.sum(), 1):
        raise Hint(f"with everything allowed the shares sum to {got.sum():.3g}, not to 1")
    some = np.array([True, False, True])
    hidden = np.asarray(answer(scores, some, 1.0), float)
    if hidden.shape == (3,) and hidden[1] != 0:
        raise Hint("a forbidden key must get exactly 0")
    if hidden.shape == (3,) and not np.isclose(hidden.sum(), 1):
        raise Hint("the forbidden key is still in the sum below: mask before you add up")
    with np.errstate(all="ignore"):
        empty = np.asarray(answer(scores, np.zeros(3, bool), 1.0), float)
        large = np.asarray(answer(scores * 1e4, everything, 1.0), float)
    if np.isnan(empty).any():
        raise Hint("when nothing is allowed you divide by zero; the answer should be zeros")
    if empty.shape != (3,):
        raise Hint("return an array, also when nothing is allowed")
    if empty.any():
        raise Hint("nothing is allowed and something gets weight: is your infinity finite?")
    if not np.isfinite(large).all():
        raise Hint("large scores overflow the exponential: subtract the largest score first")
    with np.errstate(all="ignore"):
        high = np.asarray(answer(np.array([1.0, 40_000.0, 2.0]), some, 1.0), float)
    if not np.isclose(high.sum(), 1):
        raise Hint("a forbidden score may be the largest: subtract the largest allowed one")
    cases = [
        ((scores, m, t), _row_softmax(scores, m, t)) for m in (everything, some) for t in (0.5, 3.0)
    ]
    expect_function(answer, cases, "Divide the scores by the temperature.", close=True)


def _without_guard(scores, allowed, temperature):
    with np.errstate(all="ignore"):
        kept = np.where(allowed, scores / temperature, -np.inf)
        e = np.exp(kept - kept.max())
        return e / e.sum()


def _mask_after(scores, allowed, temperature):
    e = np.exp(scores / temperature - (scores / temperature).max())
    return e / e.sum() * allowed


def _overflows(scores, allowed, temperature):
    with np.errstate(all="ignore"):
        e = np.exp(scores / temperature) * allowed
        return e / e.sum() if allowed.any() else e


def _finite_infinity(scores, allowed, temperature):
    kept = np.where(allowed, scores / temperature, -1e9)
    e = np.exp(kept - kept.max())
    return e / e.sum()


def _largest_of_all(scores, allowed, temperature):
    with np.errstate(all="ignore"):
        e = np.exp((scores - scores.max()) / temperature) * allowed
        return e / e.sum() if allowed.any() else np.zeros(len(scores))


def _no_array(scores, allowed, temperature):
    return _row_softmax(scores, allowed, temperature) if allowed.any() else 0


define(
    name="dense/row_softmax",
    question="Write the softmax of one row with a temperature and a mask.",
    check=_check_row_softmax,
    shows="mask first, subtract the largest, and an empty row is zeros.",
    solution=_row_softmax,
    wrong=[
        (_mask_after, "mask before you add up"),
        (_without_guard, "divide by zero"),
        (_overflows, "overflow"),
        (_finite_infinity, "infinity finite"),
        (_largest_of_all, "largest allowed"),
        (_no_array, "return an array"),
        (lambda s, a, t: np.exp(s) * a, "not to 1"),
        (lambda s, a, t: _row_softmax(s, a, 1.0), "temperature"),
    ],
)


def _check_unshuffle(answer):
    rng = np.random.default_rng(3)
    straight = rng.normal(size=(6, 2))
    order = np.array([3, 0, 5, 1, 2, 4])
    got = answer(straight[order], order)
    if np.shape(got) == straight.shape and np.allclose(got, straight[order][order]):
        raise Hint("that shuffles a second time; you need the inverse of `order`")
    expect_equal(np.asarray(got), straight, "Row order[i] of the answer is row i of what you have.")


define(
    name="dense/unshuffle",
    question="Put the output of attention on shuffled tokens back in order.",
    check=_check_unshuffle,
    shows="attention itself never noticed the shuffle.",
    solution=lambda shuffled_output, order: shuffled_output[np.argsort(order)],
    wrong=[
        (lambda s, order: s[order], "second time"),
        (lambda s, order: s, "order[i]"),
    ],
)
