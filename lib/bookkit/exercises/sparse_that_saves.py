"""The exercises of the chapter on sparse attention that saves."""

import math

import numpy as np

from bookkit.exercises import Hint, define, expect_close
from thrifty.attention import attention, masked_softmax
from thrifty.patterns import Atrous


def _check_computed_per_needed(answer):
    for k, b in [(64, 64), (10, 32), (100, 25)]:
        got, want = answer(k, b), (b + 2 * k) / (2 * k + 1)
        if np.isclose(got, want):
            continue
        if np.isclose(got, 3 * b / (2 * k + 1)):
            raise Hint("three blocks are needed only if the block is as long as k")
        if np.isclose(got, 1 / want):
            raise Hint("that is needed per computed; turn it round")
        if np.isclose(got, (b + k) / (2 * k + 1)):
            raise Hint("the window reaches to both sides of the block")
        raise Hint(
            f"for k = {k} and b = {b} you say {got:.4g}: "
            "how many keys does the first query of a block need, how many the last?"
        )


define(
    name="saves/computed_per_needed",
    question="How many scores are computed for each one needed?",
    check=_check_computed_per_needed,
    shows="smaller blocks waste less, and give the processor smaller products.",
    solution=lambda k, b: (b + 2 * k) / (2 * k + 1),
    wrong=[
        (lambda k, b: 3 * b / (2 * k + 1), "three blocks"),
        (lambda k, b: (2 * k + 1) / (b + 2 * k), "turn it round"),
        (lambda k, b: (b + k) / (2 * k + 1), "both sides"),
        (lambda k, b: b / k, "first query"),
    ],
)


def _check_longest(answer):
    for budget, heads in [(16 * 10**9, 12), (10**9, 4), (10**9, 1), (64, 4), (63, 4)]:
        got, want = answer(budget, heads), math.isqrt(budget // (4 * heads))
        if got == want:
            continue
        if np.isclose(got, (budget / (4 * heads)) ** 0.5) and got != int(got):
            raise Hint("a text has a whole number of tokens; round down, so that it still fits")
        if int(got) == math.isqrt(budget // heads):
            raise Hint("float32 takes four bytes a score")
        if int(got) == math.isqrt(budget // 4):
            raise Hint("every head has scores of its own")
        if int(got) == budget // (4 * heads):
            raise Hint("that many scores fit; a text of n tokens has n * n")
        raise Hint(f"{budget} bytes and {heads} heads: you say {got}, but {want} fits, no more")


define(
    name="saves/longest",
    question="What is the longest text whose scores fit?",
    check=_check_longest,
    shows="four heads fit 7905 tokens into 1 GB; sixteen times the memory fits four times as many.",
    solution=lambda budget, heads: math.isqrt(budget // (4 * heads)),
    wrong=[
        (lambda budget, heads: (budget / (4 * heads)) ** 0.5, "round down"),
        (lambda budget, heads: math.isqrt(budget // heads), "four bytes"),
        (lambda budget, heads: math.isqrt(budget // 4), "scores of its own"),
        (lambda budget, heads: budget // (4 * heads), "n * n"),
        (lambda budget, heads: math.isqrt(budget // (4 * heads)) + 1, "no more"),
    ],
)


def _merge_all(averages, log_sums):
    return masked_softmax(log_sums) @ averages


def _check_merge_all(answer):
    rng = np.random.default_rng(0)
    averages = rng.normal(size=(3, 5))
    for log_sums in (np.zeros(3), np.array([0.0, 1.0, 3.0]), np.array([3000.0, 3001, 2000])):
        with np.errstate(all="ignore"):
            got = np.asarray(answer(averages.copy(), log_sums.copy()))
        if got.shape == (5,) and not np.isfinite(got).all():
            raise Hint("e to the power of 3000 overflows; take the largest away first")
        if got.shape == (5,) and np.ptp(log_sums) and np.allclose(got, averages.mean(axis=0)):
            raise Hint("parts with larger sums must count more")
        if got.shape == (5,) and np.ptp(log_sums) and log_sums.any():
            by_log = log_sums / log_sums.sum() @ averages
            if np.allclose(got, by_log):
                raise Hint("the shares are those of the sums; you have their logarithms")
        expect_close(got, _merge_all(averages, log_sums), "Shares of exp(log-sum-exp).")


define(
    name="saves/merge_all",
    question="Merge averages over parts of the keys into one.",
    check=_check_merge_all,
    shows="merging is attention over the parts, with log-sum-exps as scores.",
    solution=_merge_all,
    wrong=[
        (lambda a, s: a.mean(axis=0), "count more"),
        (lambda a, s: np.exp(s) / np.exp(s).sum() @ a, "overflows"),
        (lambda a, s: (s / s.sum() if s.any() else np.full(3, 1 / 3)) @ a, "logarithms"),
        (lambda a, s: a.sum(axis=0), "Shares of"),
    ],
)


def _factor(s, g):
    left = 1 / g - (1 - s)
    return s / left if left > 0 else math.inf


def _check_factor(answer):
    for s, g in [(0.5, 1.5), (2 / 3, 2), (0.9, 1), (0.5, 2), (0.1, 1.2)]:
        got, want = answer(s, g), _factor(s, g)
        if math.isinf(want):
            if not np.isposinf(got):
                raise Hint(
                    f"s = {s:g}, g = {g:g}: even scores that cost nothing give 1 / (1 - s) "
                    f"= {1 / (1 - s):.3g} times the speed, no more; return math.inf"
                )
            continue
        if np.isinf(got):
            raise Hint(f"s = {s:.2g}, g = {g:g} can be had: the limit is {1 / (1 - s):.3g}")
        if np.isclose(got, want):
            continue
        if np.isclose(got, 1 / want):
            raise Hint("that is the share of time that the scores may keep; turn it round")
        if np.isclose(got, (g - 1 + s) / s):
            raise Hint("times add up, speeds do not: how long may each part take?")
        raise Hint(f"for s = {s:.2g} and g = {g:g} you say {got:.4g}, right is {want:.4g}")


define(
    name="saves/factor",
    question="How much faster must the scores become?",
    check=_check_factor,
    shows="to make a model twice as fast, more than half of its time must go into the scores.",
    solution=_factor,
    wrong=[
        (lambda s, g: s / (1 / g - (1 - s)) if g * (1 - s) != 1 else 1e9, "no more"),
        (lambda s, g: (g - 1 + s) / s, "speeds do not"),
        (lambda s, g: (1 / g - (1 - s)) / s, "turn it round"),
        (lambda s, g: math.inf, "can be had"),
        (lambda s, g: g, "right is"),
    ],
)


def _atrous(q, k, v, rate):
    return attention(q, k, v, Atrous(rate).mask(len(q)))


def _check_atrous(answer):
    rng = np.random.default_rng(0)
    for n, rate in [(12, 4), (10, 4), (13, 5), (3, 7), (9, 1)]:
        q, k, v = rng.normal(size=(3, n, 6))
        what = f"for n = {n} and rate = {rate} your result"
        got = np.asarray(answer(q, k, v, rate))
        if got.shape[:1] == (-(-n // rate) * rate,) and n % rate:
            raise Hint("take the padding away again at the end")
        want = _atrous(q, k, v, rate)
        if got.shape == want.shape and not np.isfinite(got).all():
            raise Hint("a padded query is masked from all keys, its own too; hide keys only")
        if got.shape == want.shape and n % rate and not np.allclose(got, want):
            columns = np.arange(n) % rate
            full = np.isin(columns, columns[: n % rate])
            if np.allclose(got[full], want[full]):
                raise Hint("columns with a pad are wrong: its zeros take part in the softmax")
        expect_close(got, want, what=what)


def _unpadded(q, k, v, rate):
    q, k, v = (x.reshape(-1, rate, x.shape[-1]).swapaxes(0, 1) for x in (q, k, v))
    return attention(q, k, v).swapaxes(0, 1).reshape(-1, v.shape[-1])


def _padded(q, k, v, rate, cut=True):
    n = len(q)

    def wrap(x):
        x = np.pad(x, [(0, -n % rate), (0, 0)])
        return x.reshape(-1, rate, x.shape[-1]).swapaxes(0, 1)

    columns = attention(wrap(q), wrap(k), wrap(v))
    return columns.swapaxes(0, 1).reshape(-1, v.shape[-1])[: n if cut else None]


define(
    name="saves/atrous",
    question="Atrous attention in columns, for any length.",
    check=_check_atrous,
    shows="padding is harmless once no query sees it.",
    solution=_atrous,
    wrong=[
        (_padded, "take part in the softmax"),
        (lambda q, k, v, rate: _padded(q, k, v, rate, cut=False), "padding away"),
        (_unpadded, "cannot reshape"),
        (lambda q, k, v, rate: attention(q, k, v), "your result"),
    ],
)
