"""The exercises of the chapter on masks through layers."""

import warnings

import keras
import numpy as np

from bookkit.exercises import Hint, define, expect_equal, expect_function
from thrifty.masking import padding_invariant

_MASK = np.arange(5) < np.array([[5], [3], [1]])
_EMPTY = np.array([[True, True, False], [False, False, False]])


def _std(x, mask):
    count = np.maximum(mask.sum(axis=1), 1)
    mean = np.where(mask, x, 0).sum(axis=1) / count
    return np.sqrt(np.where(mask, (x - mean[:, None]) ** 2, 0).sum(axis=1) / count)


def _check_std(answer):
    x = np.random.default_rng(0).normal(2, 1, size=(3, 5))
    with np.errstate(all="ignore"):
        got = np.asarray(answer(x.copy(), _MASK), float)
        empty = np.asarray(answer(x[:2, :3].copy(), _EMPTY), float)
    if got.shape == (3,):
        if np.allclose(got, np.std(x * _MASK, axis=1)):
            raise Hint("zeros at the padding are values like others to np.std")
        if np.allclose(got, np.std(x, axis=1)):
            raise Hint("the mask is not used")
        mean = (x * _MASK).sum(axis=1) / _MASK.sum(axis=1)
        spread = ((x * _MASK - mean[:, None]) ** 2).sum(axis=1) / _MASK.sum(axis=1)
        if np.allclose(got, np.sqrt(spread)):
            raise Hint("the padding is zero before the mean is subtracted, and not after it")
    if empty.shape == (2,) and np.isnan(empty[1]):
        raise Hint("a row without a real position divides zero by zero; it should give 0")
    loud = np.where(_MASK, x, np.inf)
    cases = [
        ((x, _MASK), _std(x, _MASK)),
        ((loud, _MASK), _std(x, _MASK), "0 * inf is NaN: use np.where instead of multiplying"),
        ((x[:2, :3], _EMPTY), _std(x[:2, :3], _EMPTY)),
    ]
    with np.errstate(all="ignore"):
        expect_function(answer, cases, "Which positions count, and how many are they?", close=True)


def _std_by_multiplying(x, mask):
    count = np.maximum(mask.sum(axis=1), 1)
    mean = (x * mask).sum(axis=1) / count
    return np.sqrt((((x - mean[:, None]) * mask) ** 2).sum(axis=1) / count)


define(
    name="masks/std",
    question="What is the standard deviation over the real positions of each row?",
    check=_check_std,
    shows="a statistic needs the mask each time it sums, and where() is safe where * is not.",
    solution=_std,
    wrong=[
        (lambda x, mask: np.std(x * mask, axis=1), "values like others"),
        (lambda x, mask: np.std(x, axis=1), "not used"),
        (lambda x, mask: np.sqrt(_std(x, mask) ** 2 / (mask.sum(1) > 0)), "zero by zero"),
        (_std_by_multiplying, "np.where"),
        (
            lambda x, mask: np.sqrt(
                ((x * mask - ((x * mask).sum(1) / mask.sum(1))[:, None]) ** 2).sum(1) / mask.sum(1)
            ),
            "before the mean",
        ),
    ],
)


def _reverse(x, mask):
    position = np.arange(x.shape[1])
    order = np.where(mask, mask.sum(axis=1, keepdims=True) - 1 - position, position)
    return np.take_along_axis(x, order, axis=1)


def _check_reverse(answer):
    x = np.arange(1, 16).reshape(3, 5) * _MASK
    got = np.asarray(answer(x.copy(), _MASK))
    if np.array_equal(got, x[:, ::-1]):
        raise Hint("that puts the padding in front; only the real part turns round")
    if np.array_equal(got, x):
        raise Hint("nothing has moved")
    cases = [
        ((x, _MASK), _reverse(x, _MASK)),
        ((x + 20, _MASK), _reverse(x + 20, _MASK), "What stands in the padding stays there."),
        ((x[:2, :3], _EMPTY), _reverse(x[:2, :3], _EMPTY), "A row may have no real position."),
    ]
    expect_function(answer, cases, "The first real position becomes the last real one.")


define(
    name="masks/reverse",
    question="How is the real part of each row turned round?",
    check=_check_reverse,
    shows="alignment is a matter of indices: done twice, it gives the input back.",
    solution=_reverse,
    wrong=[
        (lambda x, mask: x[:, ::-1], "padding in front"),
        (lambda x, mask: x, "nothing has moved"),
        (lambda x, mask: _reverse(x * mask, mask), "stays there"),
    ],
)


def _halved(mask):
    n = mask.shape[1] // 2 * 2
    return mask[:, 0:n:2] | mask[:, 1:n:2]


def _check_halved(answer):
    for mask in (_MASK, np.arange(6) < np.array([[6], [3], [2]])):
        got = np.asarray(answer(mask.copy()))
        n = mask.shape[1] // 2
        if got.shape == (len(mask), n + 1):
            raise Hint("an odd position at the end is dropped by the pooling, so by its mask too")
        if got.shape == (len(mask), n) and got.dtype != bool:
            raise Hint(f"a mask holds True and False; yours holds {got.dtype}")
        if np.array_equal(got, mask[:, 1 : 2 * n : 2]):
            raise Hint("a pair with one real position is real: its maximum may be the real value")
        front = mask[:, ::-1]
        cases = [((mask,), _halved(mask)), ((front,), _halved(front), "Padding may be in front.")]
        expect_function(answer, cases, "Look at positions 2i and 2i + 1.")


define(
    name="masks/halved",
    question="Which positions are real behind a pooling by two?",
    check=_check_halved,
    shows="a layer that changes the length owes its reader a mask of the new length.",
    solution=_halved,
    wrong=[
        (lambda mask: mask[:, ::2], "odd position"),
        (lambda mask: mask[:, 1::2], "its maximum"),
        (lambda mask: mask[:, : mask.shape[1] // 2 * 2 : 2], "in front"),
        (lambda mask: _halved(mask).astype(float), "True and False"),
    ],
)


def _layer(call, compute_mask=None, supports=False):
    """A class of layers, for the solution and the wrong answers."""

    def init(self, **kwargs):
        keras.layers.Layer.__init__(self, **kwargs)
        self.supports_masking = supports

    methods = {"call": lambda self, inputs: call(inputs)}
    if supports:
        methods["__init__"] = init
    if compute_mask:
        methods["compute_mask"] = lambda self, inputs, mask=None: compute_mask(mask)
    return type("DropFirst", (keras.layers.Layer,), methods)


def _check_drop_first(answer):
    if not (isinstance(answer, type) and issubclass(answer, keras.layers.Layer)):
        raise Hint("hand in the class itself, without brackets")
    ids = np.array([[5, 3, 7, 2], [4, 1, 0, 0]])
    x = keras.layers.Embedding(9, 4, mask_zero=True)(ids)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the hint says it in its own words
        out = answer()(x)
    answer()(np.asarray(x))  # without a mask it should work as well
    if np.shape(out) != (2, 3, 4) or not np.array_equal(out, np.asarray(x)[:, 1:]):
        raise Hint("call returns the input without its first position, inputs[:, 1:]")
    mask = getattr(out, "_keras_mask", None)
    if mask is None:
        raise Hint("the output carries no mask: compute_mask must return one")
    if np.shape(mask) != (2, 3):
        raise Hint(f"the mask that goes out has shape {tuple(np.shape(mask))}, and x (2, 3, 4)")
    expect_equal(np.asarray(mask), ids[:, 1:] != 0, "Which position does the mask lose?")
    embed, mean = (
        keras.layers.Embedding(9, 4, mask_zero=True),
        keras.layers.GlobalAveragePooling1D(),
    )
    if not padding_invariant(lambda ids: mean(answer()(embed(ids))), ids):
        raise Hint("the padding still changes the mean behind your layer")


_cut = lambda x: x[:, 1:]  # noqa: E731
define(
    name="masks/drop_first",
    question="How does a layer that drops a position hand on its mask?",
    check=_check_drop_first,
    shows="three lines make a slice that keeps its mask.",
    solution=_layer(_cut, lambda mask: None if mask is None else mask[:, 1:]),
    wrong=[
        (_layer(_cut), "carries no mask"),
        (_layer(_cut, supports=True), "shape (2, 4)"),
        (_layer(_cut, lambda mask: None if mask is None else mask[:, :-1]), "Which position"),
        (_layer(lambda x: x), "without its first position"),
        (_layer(_cut, lambda mask: mask[:, 1:]), "NoneType"),
        (_layer(_cut)(), "class itself"),
    ],
)


def _loss(batches):
    total = sum(losses[mask].sum() for losses, mask in batches)
    return total / sum(mask.sum() for _, mask in batches)


def _check_loss(answer):
    losses = np.random.default_rng(0).exponential(size=(3, 5))
    together, apart = [(losses, _MASK)], [(losses[i : i + 1], _MASK[i : i + 1]) for i in range(3)]
    one, three = answer(together), answer(apart)
    if np.isclose(one, losses.mean()):
        raise Hint("that counts the padding")
    if np.isclose(one, _loss(together)) and not np.isclose(three, one):
        raise Hint("one row in a batch of its own weighs as much as two rows in another")
    if np.isclose(one, np.mean([losses[i][_MASK[i]].mean() for i in range(3)])):
        raise Hint(
            "that is the mean over texts, in which a short text weighs as much as a long one"
        )
    cases = [((together,), _loss(together)), ((apart,), _loss(apart))]
    expect_function(answer, cases, "Sum all, count all, divide once.", close=True)


define(
    name="masks/loss",
    question="What is the mean loss of all real positions in several batches?",
    check=_check_loss,
    shows="sums can be added up across batches, means cannot.",
    solution=_loss,
    wrong=[
        (lambda batches: np.mean([x[m].mean() for x, m in batches]), "batch of its own"),
        (lambda batches: np.concatenate([x for x, _ in batches]).mean(), "counts the padding"),
        (
            lambda batches: np.mean([(x * m).sum(1) / m.sum(1) for x, m in batches]),
            "mean over texts",
        ),
    ],
)


def _check_culprit(answer):
    if not isinstance(answer, str):
        raise Hint("hand in the name of a layer, such as 'alpha'")
    hints = {
        "zeta": "there the answer goes wrong; the mask died before",
        "delta": "it passes on a mask if every input carries one; which input has none?",
        "epsilon": "it was given no mask; look above it",
        "alpha": "a dense layer passes the mask on",
        "beta": "dropout passes the mask on",
        "words": "that is where the mask is made",
    }
    name = answer.strip().lower()
    if name in hints:
        raise Hint(hints[name])
    expect_equal(name, "gamma", "Print trace(suspect, ids) and read its last line.")


define(
    name="masks/culprit",
    question="In which layer did the mask die?",
    check=_check_culprit,
    shows="one branch without a mask is enough to lose it for the sum of both.",
    solution="gamma",
    wrong=[("zeta", "died before"), ("delta", "which input"), ("omega", "trace(suspect, ids)")],
)
