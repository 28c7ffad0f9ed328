"""The exercises of the chapter on decoding."""

import numpy as np

from bookkit.exercises import Hint, define, expect_equal, expect_function


def _log_p(seed=0, steps=4, vocabulary=5):
    logits = np.random.default_rng(seed).normal(size=(steps, vocabulary))
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def _log_probability(log_p, ids, end):
    ids = list(ids)
    stop = ids.index(end) + 1 if end in ids else len(ids)
    return sum(log_p[i][ids[i]] for i in range(stop))


def _check_log_probability(answer):
    log_p = _log_p()
    whole, ended = (log_p, [1, 3, 4, 2], 0), (log_p, [1, 0, 4, 2], 0)
    got = answer(*ended)
    if np.isclose(got, sum(log_p[i][j] for i, j in enumerate(ended[1]))):
        raise Hint("the text is over at its first end; what stands behind it does not count")
    if np.isclose(got, log_p[0][1]):
        raise Hint("the end is a token that was written, and has a probability too")
    if np.isclose(got, np.exp(_log_probability(*ended))):
        raise Hint("that is the probability; its logarithm is the sum")
    cases = [(case, float(_log_probability(*case))) for case in (whole, ended, (log_p, [0], 0))]
    expect_function(answer, cases, "One log-probability a token, added up.", close=True)


define(
    name="decoding/log_probability",
    question="What is the log-probability of a text up to its end?",
    check=_check_log_probability,
    shows="the end is a token like the others: without it, short beginnings would look likely.",
    solution=_log_probability,
    wrong=[
        (lambda log_p, ids, end: sum(log_p[i][j] for i, j in enumerate(ids)), "over at its first"),
        (
            lambda log_p, ids, end: sum(
                log_p[i][j] for i, j in enumerate(ids) if end not in ids[: i + 1]
            ),
            "that was written",
        ),
        (lambda log_p, ids, end: np.exp(_log_probability(log_p, ids, end)), "is the probability"),
    ],
)


def _nucleus(p, top_p):
    order = np.argsort(-p)
    inside = np.zeros(len(p), dtype=bool)
    inside[order[np.cumsum(p[order]) - p[order] < top_p]] = True
    return inside


def _below(p, top_p):
    order = np.argsort(-p)
    inside = np.zeros(len(p), dtype=bool)
    inside[order[np.cumsum(p[order]) <= top_p]] = True
    return inside


def _check_nucleus(answer):
    spread, sure = np.array([0.15, 0.5, 0.05, 0.3]), np.array([0.02, 0.97, 0.01])
    got = np.asarray(answer(spread.copy(), 0.9))
    if got.dtype != bool:
        raise Hint("return a boolean array, True for the tokens that stay")
    if np.array_equal(got, _below(spread, 0.9)):
        raise Hint("the token with which the sum reaches top_p belongs to the set")
    if np.array_equal(got, spread >= 0.9) or np.array_equal(got, np.cumsum(spread) < 0.9):
        raise Hint("sort first: the likeliest tokens are added up, best first")
    cases = [((p, top_p), _nucleus(p, top_p)) for p in (spread, sure) for top_p in (0.4, 0.9, 0.99)]
    expect_function(answer, cases, "How much do all likelier tokens have together?")


define(
    name="decoding/nucleus",
    question="Which tokens are in the nucleus?",
    check=_check_nucleus,
    shows="the set is never empty, and it is small where the model is sure.",
    solution=_nucleus,
    wrong=[
        (_below, "belongs to the set"),
        (lambda p, top_p: np.cumsum(p) < top_p, "sort first"),
        (lambda p, top_p: np.where(_nucleus(p, top_p), p, 0), "boolean"),
    ],
)


def _step(totals, log_p, k):
    longer = totals[:, None] + log_p
    rows, tokens = np.unravel_index(np.argsort(-longer, axis=None)[:k], longer.shape)
    return rows.tolist(), tokens.tolist()


def _check_step(answer):
    log_p, totals = _log_p(1, 3), np.array([-1.0, -0.2, -2.5])
    got = answer(totals.copy(), log_p.copy(), 3)
    if not (isinstance(got, tuple) and len(got) == 2):
        raise Hint("return two lists: the rows, and the tokens")
    rows, tokens = (np.asarray(part).ravel().tolist() for part in got)
    if (rows, tokens) == _step(0 * totals, log_p, 3):
        raise Hint("a continuation has the log-probability of its beginning as well")
    if (rows, tokens) == ([0, 1, 2], log_p.argmax(axis=1).tolist()):
        raise Hint("all continuations compete: one hypothesis may give several, another none")
    if (rows, tokens) == tuple(part[::-1] for part in _step(totals, log_p, 3)):
        raise Hint("the best comes first")
    for k in (1, 3, 6):
        rows, tokens = answer(totals.copy(), log_p.copy(), k)
        found = [np.asarray(part).ravel().tolist() for part in (rows, tokens)]
        expect_equal(found, list(_step(totals, log_p, k)), f"The {k} best of all 15.")


define(
    name="decoding/step",
    question="Which continuations go on?",
    check=_check_step,
    shows="the rows may repeat, which is why a cache has to be reordered.",
    solution=_step,
    wrong=[
        (lambda totals, log_p, k: _step(0 * totals, log_p, k), "of its beginning"),
        (
            lambda totals, log_p, k: (list(range(len(totals))), log_p.argmax(axis=1).tolist()),
            "compete",
        ),
        (lambda totals, log_p, k: tuple(x[::-1] for x in _step(totals, log_p, k)), "comes first"),
        (lambda totals, log_p, k: np.argsort(-log_p), "two lists"),
    ],
)


def _best_text(texts, alpha):
    return int(np.argmax([total / ((5 + n) / 6) ** alpha for total, n in texts]))


def _check_score(answer):
    texts = [(-2.0, 4), (-3.0, 8), (-3.4, 16)]
    got = answer(list(texts), 0.9)
    if isinstance(got, (float, np.floating)):
        raise Hint("return the index of the best, not its score")
    if got == int(np.argmin([total / ((5 + n) / 6) ** 0.9 for total, n in texts])):
        raise Hint("log-probabilities are negative: the best is the largest, nearest to 0")
    if got != _best_text(texts, 0.9) and got == _best_text(texts, 0):
        raise Hint("divide by a power of the length before you compare")
    if answer([(-2.0, 4), (-3.0, 8)], 0.6) == 1:
        raise Hint("with n ** alpha the long one wins here; the rule of 2016 is gentler")
    cases = [((texts, alpha), _best_text(texts, alpha)) for alpha in (0.0, 0.6, 0.9, 1.5)]
    expect_function(answer, cases, "Score each, take the index of the largest.")


define(
    name="decoding/score",
    question="Which text has the best score by the rule of 2016?",
    check=_check_score,
    shows="the form of the penalty and its alpha decide between short and long texts.",
    solution=_best_text,
    wrong=[
        (lambda texts, alpha: int(np.argmax([t for t, _ in texts])), "before you compare"),
        (lambda texts, alpha: int(np.argmax([t / n**alpha for t, n in texts])), "gentler"),
        (
            lambda texts, alpha: int(np.argmin([t / ((5 + n) / 6) ** alpha for t, n in texts])),
            "nearest to 0",
        ),
        (lambda texts, alpha: max(t / ((5 + n) / 6) ** alpha for t, n in texts), "not its score"),
    ],
)


def _may_stop(best, live, cap, alpha):
    return bool(best >= max(live) / cap**alpha)


def _check_stop(answer):
    if answer(-0.5, [-2.0, -3.0], 8, 1.0):
        raise Hint("-2 divided by 8 tokens is -0.25, which is better: a longer text has hope")
    if not answer(-1.9, [-2.0, -3.0], 8, 0.0):
        raise Hint("a sum only falls: none of them can become better than -2")
    if not answer(-2.0, [-2.0], 8, 0.0):
        raise Hint("it cannot become better than an equal one")
    cases = [
        (case, _may_stop(*case))
        for case in [
            (-0.3, [-2.0, -3.0], 8, 1.0),
            (-0.2, [-2.0, -3.0], 8, 1.0),
            (-1.0, [-3.0, -2.0, -0.9], 5, 0.0),
            (-0.7, [-2.0, -2.5], 10, 0.6),
            (-0.4, [-2.0, -2.5], 10, 0.6),
        ]
    ]
    expect_function(
        lambda *case: bool(answer(*case)), cases, "The best hope of the best unfinished text."
    )


define(
    name="decoding/stop",
    question="May the search stop?",
    check=_check_stop,
    shows="the bound is exact: stopping by it never changes the best text.",
    solution=_may_stop,
    wrong=[
        (lambda best, live, cap, alpha: best >= max(live), "has hope"),
        (lambda best, live, cap, alpha: best > max(live) / cap**alpha, "an equal one"),
        (lambda best, live, cap, alpha: False, "only falls"),
        (lambda best, live, cap, alpha: best >= min(live) / cap**alpha, "best hope"),
    ],
)


def _positions(m, new, beams):
    return m + beams * sum(m + i for i in range(1, new)), m + beams * (new - 1)


def _check_positions(answer):
    got = answer(5, 4, 3)
    if not (isinstance(got, tuple) and len(got) == 2):
        raise Hint("return two numbers: without a cache, and with one")
    plain, cached = got
    if plain == _positions(5, 5, 3)[0] or cached == _positions(5, 5, 3)[1]:
        raise Hint("the last token is written and not read: with new = 1 the prompt is all")
    if cached == 3 * (5 + 3):
        raise Hint("the prompt is read once, for all hypotheses together")
    if (plain, cached) == _positions(5, 4, 3)[::-1]:
        raise Hint("without a cache first, then with one")
    cases = [((m, new, beams), _positions(m, new, beams)) for m in (1, 7) for new in (1, 2, 10)
             for beams in (1, 4)]  # fmt: skip
    expect_function(answer, cases, "What does each step have to read?")


define(
    name="decoding/positions",
    question="How many positions go through the model?",
    check=_check_positions,
    shows="without a cache the count grows with the square of the new tokens.",
    solution=_positions,
    wrong=[
        (lambda m, new, beams: _positions(m, new + 1, beams), "not read"),
        (lambda m, new, beams: (_positions(m, new, beams)[0], beams * (m + new - 1)), "read once"),
        (lambda m, new, beams: _positions(m, new, beams)[::-1], "first, then"),
        (lambda m, new, beams: m + new, "two numbers"),
    ],
)
