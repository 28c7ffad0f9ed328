"""The exercises of the chapter on models from source to target."""

import numpy as np

from bookkit.exercises import Hint, define, expect_equal
from thrifty.masks import block_causal_mask, prefix_mask


def _pairs(s, t):
    return s * s + t * s + t * (t + 1) // 2


def _check_pairs(answer):
    for s, t in [(4, 2), (3, 5), (0, 4), (6, 0)]:
        n, got = s + t, answer(s, t)
        if got == _pairs(s, t):
            continue
        if got == n * (n + 1) // 2:
            raise Hint("that is the causal mask: the source sees all of itself")
        if got == s * s + t * (t + 1) // 2:
            raise Hint("the target reads the source as well: a rectangle is missing")
        if got == s * s + t * s + t * t:
            raise Hint("the target part is a triangle, with its diagonal")
        if got == s * s + t * s + t * (t - 1) // 2:
            raise Hint("a target position sees itself: count the diagonal")
        expect_equal(got, _pairs(s, t), f"Draw it for a source of {s} and a target of {t}.")


define(
    name="seq2seq/pairs",
    question="How many pairs does the prefix mask allow?",
    check=_check_pairs,
    shows="a square, a rectangle and a triangle: the three attentions of two stacks.",
    solution=_pairs,
    wrong=[
        (lambda s, t: (s + t) * (s + t + 1) // 2, "causal mask"),
        (lambda s, t: s * s + t * (t + 1) // 2, "rectangle is missing"),
        (lambda s, t: s * s + t * s + t * t, "is a triangle"),
        (lambda s, t: s * s + t * s + t * (t - 1) // 2, "count the diagonal"),
        (lambda s, t: s * t, "Draw it"),
    ],
)


def _mask_of(s, t, n):
    i, j = np.arange(n)[:, None], np.arange(n)
    return ((j <= i) | (j < s)) & (i < s + t) & (j < s + t)


def _check_mask_of(answer):
    for s, t, n in [(3, 2, 5), (3, 2, 7), (0, 3, 4), (2, 0, 3)]:
        want = prefix_mask([0] * s + [1] * t + [-1] * (n - s - t))
        got = np.asarray(answer(s, t, n))
        if got.shape == (n, n) and got.dtype != bool:
            raise Hint("a mask is boolean: True = may attend")
        if got.shape == (n, n) and n == s + t and (got == want.T).all():
            raise Hint("rows are queries and columns are keys; yours is the other way round")
        if got.shape == (n, n) and got[: s + t, s + t :].any():
            raise Hint("a real position sees padding")
        if got.shape == (n, n) and got[s + t :].any():
            raise Hint("padding sees something: its rows must be empty")
        expect_equal(got, want, f"For a source of {s} and a target of {t} in {n} positions:")


def _by_sum(s, t, n, filler):
    step = np.cumsum([0] * s + [1] * t + [filler] * (n - s - t))
    return step[None, :] <= step[:, None]


def _padding_looks(s, t, n):
    i, j = np.arange(n)[:, None], np.arange(n)
    return ((j <= i) | (j < s)) & (j < s + t)


define(
    name="seq2seq/mask_of",
    question="Make the prefix mask of a padded row from its lengths.",
    check=_check_mask_of,
    shows="two comparisons make the mask, two more keep the padding out.",
    solution=_mask_of,
    wrong=[
        (lambda s, t, n: _by_sum(s, t, n, 0), "sees padding"),
        (lambda s, t, n: _by_sum(s, t, n, 1), "padding sees something"),
        (_padding_looks, "padding sees something"),
        (lambda s, t, n: _mask_of(s, t, n).T, "other way round"),
        (lambda s, t, n: _mask_of(s, t, n).astype(int), "boolean"),
        (lambda s, t, n: np.tri(n, dtype=bool), "For a source of 3"),
    ],
)


def _loss_weights(segments):
    return (np.asarray(segments)[1:] == 1).astype(float)


def _check_loss_weights(answer):
    for row in ([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, -1, -1], [0, 1, 1, 1, 1]):
        segments = np.array(row)
        got = np.asarray(answer(segments.copy()), float)
        if got.shape == segments.shape:
            raise Hint("the shift takes one: the last position has no target")
        if np.array_equal(got, _loss_weights(segments)):
            continue
        if np.array_equal(got, segments[:-1] == 1):
            raise Hint("those are the positions whose *input* is target; whose output counts?")
        if np.array_equal(got, segments[1:] != -1):
            raise Hint("the symbols of the source count as well in yours")
        if np.array_equal(got, segments[1:] != 0):
            raise Hint("padding counts in yours")
        expect_equal(got, _loss_weights(segments), "Look at what each position predicts.")


define(
    name="seq2seq/loss_weights",
    question="Which outputs count in the loss on the target?",
    check=_check_loss_weights,
    shows="the weights are shifted with the targets, so that the separator counts.",
    solution=_loss_weights,
    wrong=[
        (lambda segments: (segments == 1).astype(float), "the shift takes one"),
        (lambda segments: (segments[:-1] == 1).astype(float), "whose output counts"),
        (lambda segments: (segments[1:] != -1).astype(float), "source count"),
        (lambda segments: (segments[1:] != 0).astype(float), "padding counts"),
        (lambda segments: segments[1:].astype(float), "Look at what"),
    ],
)


def _rectangle(mask):
    s = mask[0].sum()
    return mask[s:, :s]


def _check_rectangle(answer):
    for s, t in [(3, 2), (2, 4), (5, 1)]:
        mask = prefix_mask([0] * s + [1] * t)
        got, want = np.asarray(answer(mask.copy())), mask[s:, :s]
        if got.shape == (s, t) and s != t:
            raise Hint("queries are rows: the target asks, and the source answers")
        if got.shape == (t, t) and s != t:
            raise Hint("that is the target's own part; cross-attention reads the source")
        if got.shape == (s, s) and s != t:
            raise Hint("that is what the source sees of itself")
        expect_equal(got, want, "The first row tells how long the source is.")


define(
    name="seq2seq/rectangle",
    question="Cut the cross-attention out of a prefix mask.",
    check=_check_rectangle,
    shows="cross-attention is a full rectangle of the same matrix.",
    solution=_rectangle,
    wrong=[
        (lambda mask: mask[: mask[0].sum(), mask[0].sum() :], "queries are rows"),
        (lambda mask: mask[mask[0].sum() :, mask[0].sum() :], "own part"),
        (lambda mask: mask[: mask[0].sum(), : mask[0].sum()], "of itself"),
        (lambda mask: mask[3:, :3], "The first row tells"),
    ],
)


def _cheaters(found, weights):
    ahead = np.triu(found, k=1).any(axis=1)
    return np.flatnonzero(ahead & (np.asarray(weights) > 0)).tolist()


def _check_cheaters(answer):
    honest = prefix_mask([0, 0, 0, 1, 1, 1])
    counts = np.array([0, 0, 1, 1, 1, 0.0])
    next_one, far, own = honest.copy(), honest.copy(), np.eye(6, dtype=bool)
    next_one[3, 4] = far[2, 5] = True
    cases = [(honest, []), (next_one, [3]), (far, [2]), (next_one | far, [2, 3]), (own, [])]
    for found, want in cases:
        got = list(answer(found.copy(), counts.copy()))
        ahead = np.triu(found, k=1).any(axis=1)
        if got == np.flatnonzero(ahead).tolist() != want:
            raise Hint("the source sees itself, and does not count in the loss: leave it out")
        if got == np.flatnonzero(found.any(axis=1) & (counts > 0)).tolist() != want:
            raise Hint("seeing what came before, and itself, is no cheating")
        if found is far and got == []:
            raise Hint("input 5 is behind what output 2 must predict, and gives it away as well")
        expect_equal(got, want, "Which outputs depend on an input ahead of them?")


def _next_only(found, weights):
    sees = np.append(np.diag(found, k=1), False)
    return np.flatnonzero(sees & (np.asarray(weights) > 0)).tolist()


define(
    name="seq2seq/cheaters",
    question="Which outputs see what they must predict?",
    check=_check_cheaters,
    shows="one measurement before the training finds what no loss curve shows.",
    solution=_cheaters,
    wrong=[
        (_next_only, "gives it away as well"),
        (lambda found, w: np.flatnonzero(np.triu(found, k=1).any(axis=1)).tolist(), "leave it out"),
        (lambda found, w: np.flatnonzero(found.any(axis=1) & (w > 0)).tolist(), "no cheating"),
        (lambda found, w: [], "Which outputs depend"),
    ],
)


def _blocks(turns):
    ids, step = [], 0
    for q, a in turns:
        ids += [step] * q + list(range(step + 1, step + 1 + a))
        step += a + 1
    return ids


def _by_segments(turns):
    """One running sum over the whole dialogue, which does not grow on a later question."""
    return np.cumsum([i for q, a in turns for i in [0] * q + [1] * a]).tolist()


def _whole_turns(turns):
    return [k for k, (q, a) in enumerate(turns) for _ in range(q + a)]


def _answers_at_once(turns):
    return [2 * k + i for k, (q, a) in enumerate(turns) for i in [0] * q + [1] * a]


def _one_by_one(turns):
    return list(range(sum(q + a for q, a in turns)))


def _check_blocks(answer):
    for turns in ([(3, 2)], [(3, 2), (2, 2)], [(1, 3), (2, 1), (3, 2)]):
        got = [int(i) for i in answer(list(turns))]
        want = block_causal_mask(_blocks(turns))
        if len(got) != len(want):
            raise Hint(f"{turns} has {len(want)} positions, and you return {len(got)} ids")
        for wrong, hint in (
            (_by_segments, "the last position of an answer sees the next question: begin a new id"),
            (_whole_turns, "the answer sees its own end: a new id for each position of it"),
            (_answers_at_once, "an answer is written position by position, not as one block"),
            (_one_by_one, "that is the causal mask: a question is read at once"),
        ):
            if got == wrong(turns) != _blocks(turns):
                raise Hint(hint)
        hint = "Every question is one block, every position of an answer is one."
        if got and got[0] != 0:
            raise Hint("count the ids from 0")
        expect_equal(block_causal_mask(got), want, hint, what="the mask of your ids")


define(
    name="seq2seq/blocks",
    question="Give the block ids of a conversation.",
    check=_check_blocks,
    shows="a new turn changes nothing in the rows before it, so that a cache stays valid.",
    solution=_blocks,
    wrong=[
        (_by_segments, "sees the next question"),
        (_whole_turns, "its own end"),
        (_answers_at_once, "not as one block"),
        (_one_by_one, "read at once"),
        (lambda turns: [i + 1 for i in _blocks(turns)], "from 0"),
        (lambda turns: _blocks(turns)[:-1], "you return"),
        (lambda turns: [0] * len(_blocks(turns)), "its own end"),
    ],
)
