"""The exercises of the chapter on language models in many orders."""

import numpy as np

from bookkit.exercises import Hint, define, expect_function
from thrifty.masks import permuted_mask, two_stream_masks

_ORDERS = [np.array(order) for order in ([2, 0, 1, 3], [1, 2, 3, 4, 0], [0, 1, 2])]


def _as_mask(got, n):
    got = np.asarray(got)
    if got.shape != (n, n):
        raise Hint(f"a mask of {n} positions has shape ({n}, {n}); yours has {got.shape}")
    if got.dtype != bool:
        raise Hint(f"a mask holds True and False; yours holds {got.dtype}")
    return got


# 1. The mask of an order


def _visible(order):
    step = np.argsort(order)
    return step[None, :] <= step[:, None]


def _check_visible(answer):
    order = _ORDERS[0]
    got, want = _as_mask(answer(order.copy()), 4), _visible(order)
    if np.array_equal(got, want.T):
        raise Hint("rows are queries: your row 0 says who sees position 0, not whom it sees")
    if np.array_equal(got, want & ~np.eye(4, dtype=bool)):
        raise Hint("a position may see itself, for its output predicts the letter that comes next")
    if np.array_equal(got, order[None, :] <= order[:, None]):
        raise Hint("order[t] is the position read at step t; you need the step of each position")
    cases = [((order,), permuted_mask(order)) for order in _ORDERS]
    expect_function(answer, cases, "Compare the steps at which two positions are read.")


define(
    name="orders/visible",
    question="Which mask reads the positions in a given order?",
    check=_check_visible,
    shows="the mask of an order is one comparison, once you have the inverse of the order.",
    solution=_visible,
    wrong=[
        (lambda order: _visible(order).T, "rows are queries"),
        (lambda order: two_stream_masks(order)[1], "may see itself"),
        (lambda order: order[None, :] <= order[:, None], "the step of each position"),
        (lambda order: np.tri(len(order), dtype=bool), "steps at which two positions"),
        (lambda order: _visible(order).astype(float), "True and False"),
        (lambda order: np.argsort(order), "shape (4, 4)"),
    ],
)


# 2. The order of a mask


def _order_of(mask):
    return np.argsort(mask.sum(axis=1))


def _check_order_of(answer):
    order = _ORDERS[1]
    got = np.asarray(answer(permuted_mask(order)))
    if np.array_equal(got, np.argsort(order)):
        raise Hint("those are the steps of the positions; asked is the position of each step")
    if np.array_equal(got, order[::-1]):
        raise Hint("the position that is read first sees only itself")
    cases = [((permuted_mask(order),), order) for order in _ORDERS]
    expect_function(answer, cases, "How many positions does the one read at step t see?")


define(
    name="orders/order_of",
    question="In which order does a mask read?",
    check=_check_order_of,
    shows="a permuted mask and its order hold the same information.",
    solution=_order_of,
    wrong=[
        (lambda mask: mask.sum(axis=1) - 1, "steps of the positions"),
        (lambda mask: np.argsort(mask.sum(axis=0)), "sees only itself"),
        (lambda mask: np.arange(len(mask)), "How many positions"),
    ],
)


# 3. The shift along an order


def _shifted(ids, order, start):
    read = ids[order]
    inputs = np.concatenate([[start], read[:-1]])
    positions = np.concatenate([[0], order[:-1] + 1])
    return inputs, positions, read


def _check_shifted(answer):
    ids, order = np.array([23, 15, 18, 12]), np.array([2, 0, 3, 1])
    got = answer(ids.copy(), order.copy(), 27)
    if not isinstance(got, tuple) or len(got) != 3:
        raise Hint("return three arrays: inputs, positions, targets")
    inputs, positions, targets = map(np.asarray, got)
    right = _shifted(ids, order, 27)
    if np.array_equal(inputs, targets):
        raise Hint("each input is its own target: nothing was shifted")
    if np.array_equal(targets, ids) and not np.array_equal(inputs[1:], ids[:-1]):
        raise Hint("the inputs follow the order, so the targets must follow it too")
    if np.array_equal(inputs[1:], ids[:-1]):
        raise Hint("that reads from the left; the order is not used")
    if np.array_equal(inputs, right[0]) and np.array_equal(positions, order):
        raise Hint("those are the positions of the targets; each input has a position of its own")
    if np.array_equal(inputs, right[0]) and np.array_equal(positions[1:], order[:-1]):
        raise Hint("position 0 belongs to the start, so letter i has the position i + 1")
    cases = [((ids, order, 27), right), ((ids[::-1], order[::-1], 5), None)]
    cases[1] = (cases[1][0], _shifted(*cases[1][0]))
    expect_function(answer, cases, "Put the letters into the order first, and shift then.")


define(
    name="orders/shift",
    question="What does a model that reads in an order get, and what shall it predict?",
    check=_check_shifted,
    shows="the shift is one step of the order, not one place of the text.",
    solution=_shifted,
    wrong=[
        (lambda ids, order, start: (ids[order], order + 1, ids[order]), "nothing was shifted"),
        (lambda ids, order, start: (*_shifted(ids, order, start)[:2], ids), "must follow it too"),
        (
            lambda ids, order, start: _shifted(ids, np.arange(len(ids)), start),
            "from the left",
        ),
        (
            lambda ids, order, start: (
                _shifted(ids, order, start)[0],
                np.concatenate([[0], order[:-1]]),
                ids[order],
            ),
            "i + 1",
        ),
        (
            lambda ids, order, start: (_shifted(ids, order, start)[0], order, ids[order]),
            "positions of the targets",
        ),
        (lambda ids, order, start: ids[order], "three arrays"),
    ],
)


# 4. From the content mask to the query mask


def _query(content):
    return content & ~np.eye(content.shape[-1], dtype=bool)


def _check_query(answer):
    content = permuted_mask(_ORDERS[0])
    got = _as_mask(answer(content.copy()), 4)
    if np.array_equal(got, content):
        raise Hint("a query that sees its own letter copies it")
    if np.array_equal(got, content & np.tri(4, k=-1, dtype=bool)):
        raise Hint("strictly before means in the order of reading, not in the text")
    batch = permuted_mask(np.array([[2, 0, 1], [1, 2, 0]]))
    cases = [((permuted_mask(order),), _query(permuted_mask(order))) for order in _ORDERS]
    cases += [((batch,), _query(batch), "A batch of masks has shape (batch, n, n).")]
    expect_function(answer, cases, "The two masks differ in n cells.")


define(
    name="orders/query",
    question="What may the query stream see, given what the content stream sees?",
    check=_check_query,
    shows="the two streams differ in the diagonal alone.",
    solution=_query,
    wrong=[
        (lambda content: content, "copies it"),
        (lambda content: content & np.tri(content.shape[-1], k=-1, dtype=bool), "not in the text"),
        (lambda content: np.eye(content.shape[-1], dtype=bool), "differ in n cells"),
        (lambda content: content & ~np.eye(len(content), dtype=bool), "broadcast"),
    ],
)


# 5. Bits a symbol


def _bits(nats, symbols):
    return nats.sum() / symbols.sum() / np.log(2)


def _check_bits(answer):
    nats, symbols = np.random.default_rng(0).exponential(size=(3, 6)), np.array([6, 3, 4])
    got = np.asarray(answer(nats.copy(), symbols.copy()), float)
    if got.shape != ():
        raise Hint(f"one number for all words; yours has shape {got.shape}")
    if np.isclose(got, nats.sum() / symbols.sum()):
        raise Hint("that is in nats; a bit is log(2) nats")
    if np.isclose(got, nats.mean() / np.log(2)):
        raise Hint("that divides by the blanks as well, and a longer LENGTH would lower it")
    if np.isclose(got, (nats.sum(axis=1) / symbols).mean() / np.log(2)):
        raise Hint("that is the mean over words, in which short words weigh as much as long ones")
    cases = [((nats, symbols), _bits(nats, symbols)), ((nats[:1], symbols[:1]), None)]
    cases[1] = (cases[1][0], _bits(nats[:1], symbols[:1]))
    expect_function(answer, cases, "Sum all, count all, divide once, change the unit.", close=True)


define(
    name="orders/bits",
    question="How many bits does a symbol cost?",
    check=_check_bits,
    shows="the blanks' losses belong to the sum, for they tell the length, but not to the count.",
    solution=_bits,
    wrong=[
        (lambda nats, symbols: nats.sum() / symbols.sum(), "in nats"),
        (lambda nats, symbols: nats.mean() / np.log(2), "blanks as well"),
        (lambda nats, symbols: (nats.sum(axis=1) / symbols).mean() / np.log(2), "mean over words"),
        (lambda nats, symbols: nats.sum(axis=1) / symbols / np.log(2), "one number"),
        (lambda nats, symbols: nats.sum() / np.log(2), "Sum all"),
    ],
)


# 6. What it costs not to know the position


def _entropy(p):
    return -np.sum(p * np.log2(np.where(p > 0, p, 1)), axis=-1)


def _untold(p):
    return _entropy(p.mean(axis=0)) - _entropy(p).mean()


def _check_untold(answer):
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    got = float(answer(p.copy()))
    if np.isclose(got, _entropy(p.mean(axis=0))):
        raise Hint("that is what the untold model pays; subtract what the told one pays")
    if np.isclose(got, -_untold(p)):
        raise Hint("knowing less never costs less; look at the sign")
    if np.isclose(got, _untold(p) * np.log(2)):
        raise Hint("that is in nats; log2 gives bits")
    sure = np.eye(3)[:2]
    with np.errstate(all="ignore"):
        cases = [
            ((p,), _untold(p)),
            ((np.stack([p[0], p[0]]),), 0.0, "If all positions are alike, nothing is lost."),
            ((sure,), 1.0, "0 * log(0) counts as 0."),
        ]
        hint = "An untold model can do no better than the mean of the rows."
        expect_function(answer, cases, hint, close=True)


define(
    name="orders/untold",
    question="How many bits does it cost not to know which position comes next?",
    check=_check_untold,
    shows="the cost is the information that a letter and its position share.",
    solution=_untold,
    wrong=[
        (lambda p: _entropy(p.mean(axis=0)), "subtract"),
        (lambda p: -_untold(p), "sign"),
        (lambda p: _untold(p) * np.log(2), "in nats"),
        (lambda p: _entropy(p).mean(), "no better than the mean"),
        (
            lambda p: -(p.mean(0) * np.log2(p.mean(0))).sum() + (p * np.log2(p)).sum(axis=1).mean(),
            "counts as 0",
        ),
    ],
)
