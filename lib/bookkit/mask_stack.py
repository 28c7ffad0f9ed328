"""Stacks of small Keras layers, run position by position: what the mask tracer draws.

Every layer has one number a position and fixed weights, so that a reader can follow all numbers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import warnings

import keras
import numpy as np
from keras import layers, ops
from keras.initializers import Constant

from thrifty.layers import MaskedMaxPooling, MaskedMeanPooling
from thrifty.masking import Trace, trace

SEQUENCES = [[1, 0, 3, 4, 5], [-3, -2, -1], [4, 2]]
# Two rows are 0: the padding, and a real number. The values alone cannot tell them apart.
TABLE = [0, -3, -2, -1, 0, 1, 2, 3, 4, 5]


class WithoutFirst(layers.Layer):
    """Cuts off the first position, and that of the mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return x[:, 1:]

    def compute_mask(self, x, mask=None):
        return None if mask is None else mask[:, 1:]


class MaskedConv1D(layers.Conv1D):
    """Sees zeros where the padding is, and passes the mask on."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        if mask is not None:
            x = ops.where(mask[..., None], x, 0.0)
        return super().call(x)


class Negate(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return -x


class Shift(layers.Layer):
    def call(self, x):
        return x - 1


class KeepingShift(Shift):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True


def small_rnn(**options):
    """One unit with known weights; a bias, so that even zeros move its state."""
    weights = {"kernel_initializer": Constant(0.5), "recurrent_initializer": Constant(0.5)}
    return layers.SimpleRNN(1, bias_initializer=Constant(0.25), **weights, **options)


@dataclasses.dataclass(frozen=True)
class Piece:
    """One layer that can stand in a stack.

    Attributes
    ----------
    code : str
        Python, an expression in `x`.
    does : str
        The same in short.
    why : str
        Why the mask is gone behind it, in the words of `thrifty.masking.trace`; "" if it can
        make use of a mask or passes it on.
    fix : str
        Name of the piece that does the same and keeps the mask, or "".
    needs : tuple of str
        Names in this module and in `thrifty.layers` that the code uses.
    rows : int
        How many rows `trace` has for it.
    """

    code: str
    does: str
    why: str = ""
    fix: str = ""
    needs: tuple = ()
    rows: int = 1


_OPERATION = "an operation on tensors passes no mask on"
_CONV = '(1, 3, padding="same", kernel_initializer="ones")(x)'
_OF_TWO = "x + tanh(x)"
PIECES = {
    "Dense": Piece(
        'layers.Dense(1, kernel_initializer=Constant(0.5), bias_initializer="ones")(x)',
        "0.5 x + 1",
    ),
    "Bidirectional": Piece(
        'layers.Bidirectional(small_rnn(return_sequences=True), merge_mode="ave")(x)',
        "an RNN each way, averaged",
        needs=("small_rnn",),
    ),
    "x + x": Piece("x + x", "a plain operation", why=_OPERATION, fix="Rescaling"),
    "Rescaling": Piece("layers.Rescaling(2.0)(x)", "2 x"),
    "x[:, 1:]": Piece("x[:, 1:]", "a slice", why=_OPERATION, fix="WithoutFirst"),
    "WithoutFirst": Piece("WithoutFirst()(x)", "slices both", needs=("WithoutFirst",)),
    "Add": Piece(
        "layers.Add()([x, ops.tanh(x)])",
        _OF_TWO,
        why=f"{_OPERATION} (here `ops.tanh`), and Add only if every input carries one",
        fix="Add, both masked",
        rows=2,
    ),
    "Add, both masked": Piece('layers.Add()([x, layers.Activation("tanh")(x)])', _OF_TWO, rows=2),
    "Conv1D": Piece(
        f"layers.Conv1D{_CONV}",
        "sum of 3 neighbours",
        why="it passes no mask on, and its window reaches into the padding",
        fix="MaskedConv1D",
    ),
    "MaskedConv1D": Piece(f"MaskedConv1D{_CONV}", "padding set to 0", needs=("MaskedConv1D",)),
    "Lambda": Piece(
        "layers.Lambda(lambda x: -x)(x)", "−x", why="it passes no mask on", fix="Negate"
    ),
    "Negate": Piece("Negate()(x)", "−x", needs=("Negate",)),
    "Shift": Piece(
        "Shift()(x)",
        "own layer, x − 1",
        why="a layer passes a mask on only with `supports_masking = True`",
        fix="KeepingShift",
        needs=("Shift",),
    ),
    "KeepingShift": Piece("KeepingShift()(x)", "x − 1", needs=("Shift", "KeepingShift")),
    "GlobalAveragePooling1D": Piece("layers.GlobalAveragePooling1D()(x)", "mean"),
    "ops.mean": Piece(
        "ops.mean(x, axis=1)", "mean of all", why=_OPERATION, fix="MaskedMeanPooling"
    ),
    "GlobalMaxPooling1D": Piece(
        "layers.GlobalMaxPooling1D()(x)", "max", why="it ignores the mask", fix="MaskedMaxPooling"
    ),
    "SimpleRNN": Piece("small_rnn()(x)", "last state of an RNN", needs=("small_rnn",)),
    "x[:, 0]": Piece("x[:, 0]", "first position only", why=_OPERATION),
    "MaskedMeanPooling": Piece("MaskedMeanPooling()(x)", "mean", needs=("MaskedMeanPooling",)),
    "MaskedMaxPooling": Piece("MaskedMaxPooling()(x)", "max", needs=("MaskedMaxPooling",)),
}
ENDINGS = list(PIECES)[list(PIECES).index("GlobalAveragePooling1D") :]
LAYERS = [name for name in PIECES if name not in ENDINGS]
SOURCE = "Embedding"
_SOURCE_CODE = f"layers.Embedding({len(TABLE)}, 1, mask_zero=True, weights=[table])"
_OWN = (WithoutFirst, MaskedConv1D, Negate, Shift, KeepingShift, small_rnn)
_SOURCES = {part.__name__: inspect.getsource(part).rstrip() for part in _OWN}
_NAMES = {part.__name__: part for part in (*_OWN, Constant, MaskedMaxPooling, MaskedMeanPooling)}


def before_fixes(name: str) -> str:
    """Return the layer that the piece repairs, or the piece's own name."""
    return next((broken for broken, piece in PIECES.items() if piece.fix == name), name)


def ids_of(pads: int) -> np.ndarray:
    """Return the batch as int32 (sequences, n): 0 is padding, every value has an id of its own."""
    batch = np.zeros((len(SEQUENCES), max(map(len, SEQUENCES)) + pads), "int32")
    for row, values in zip(batch, SEQUENCES, strict=True):
        row[: len(values)] = [TABLE.index(value, 1) for value in values]
    return batch


@contextlib.contextmanager
def _unwarned():
    """Keras's warning would stand under some cell; the figure says the same at its place."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not support masking")
        yield


def _applied(name, x):
    # What the reader copies is what runs: the code is written once, as text.
    with _unwarned():
        return eval(PIECES[name].code, {**_NAMES, "layers": layers, "ops": ops, "x": x})


def _behind_each(names) -> list:
    """The ids and what stands behind the source and every layer, as symbolic tensors."""
    ids = keras.Input((None,), dtype="int32")
    table = np.array(TABLE, "float32")[:, None]
    x = layers.Embedding(len(TABLE), 1, mask_zero=True, weights=[table])(ids)
    return [ids, x, *(x := _applied(name, x) for name in names)]


def model_of(names) -> keras.Model:
    """Return the stack as a Keras model from ids (batch, n) to one number a sequence."""
    ids, *found = _behind_each(names)
    return keras.Model(ids, found[-1])


def _mask(x):
    mask = getattr(x, "_keras_mask", None)
    return None if mask is None else np.asarray(mask)


@dataclasses.dataclass(frozen=True)
class Step:
    """What stands behind one layer of the stack.

    Attributes
    ----------
    name : str
    values : float array (sequences, n), or (sequences,) behind the ending
    mask : bool array (sequences, n) or None
        True = a real position.
    alone : list of arrays
        The values of each sequence run alone, without padding: what they should be.
    verdict : str
        What `thrifty.masking.trace` says of the layer.
    """

    name: str
    values: np.ndarray
    mask: np.ndarray | None
    alone: list
    verdict: str


@functools.lru_cache(256)
def run(names: tuple, pads: int) -> tuple[tuple[Step, ...], Trace]:
    """Run the stack in Keras: its steps, the source first, and the trace of its model."""
    batch = ids_of(pads)
    ids, *tensors = _behind_each(names)
    with _unwarned():
        found = trace(keras.Model(ids, tensors[-1]), batch)
        every = keras.Model(ids, tensors)
        padded, *alone = every(batch), *(every(row[None, row != 0]) for row in batch)
    verdicts, at = [found.rows[0].verdict], 0
    for name in names:
        at += PIECES[name].rows
        verdicts.append(found.rows[at].verdict)
    steps = tuple(
        Step(
            name,
            np.asarray(padded[i])[..., 0],
            _mask(padded[i]),
            [np.asarray(run[i])[0, ..., 0] for run in alone],
            verdicts[i],
        )
        for i, name in enumerate((SOURCE, *names))
    )
    return steps, found


def code_of(names, pads: int) -> str:
    """Return the stack as Python that can be copied and run."""
    needed = list(dict.fromkeys(part for name in names for part in PIECES[name].needs))
    lines = ["import keras", "import numpy as np", "from keras import layers, ops"]
    lines += ["from keras.initializers import Constant"]
    lines += [f"from thrifty.layers import {part}" for part in needed if part not in _SOURCES]
    lines += ["from thrifty.masking import trace"]
    for part in needed:
        lines += ["", "", _SOURCES[part]] if part in _SOURCES else []
    lines += ["", "", f'table = np.array({TABLE}, "float32")[:, None]']
    lines += ['ids = keras.Input((None,), dtype="int32")', f"x = {_SOURCE_CODE}(ids)"]
    lines += [f"x = {PIECES[name].code}" for name in names]
    rows = ",\n    ".join(map(str, ids_of(pads).tolist()))
    lines += ["model = keras.Model(ids, x)", f"batch = np.array([\n    {rows},\n])"]
    return "\n".join([*lines, "print(trace(model, batch))", ""])


def palette() -> dict:
    """Return everything above that is text, as plain values for the figure's script."""
    return {
        "pieces": {
            name: {
                key: value
                for key, value in dataclasses.asdict(piece).items()
                if value and key != "rows"
            }
            for name, piece in PIECES.items()
        },
        "parts": _SOURCES,
        # The pieces of a JSON object have no order of their own.
        "layers": [name for name in LAYERS if before_fixes(name) == name],
        "endings": ENDINGS,
        "sequences": SEQUENCES,
        "table": TABLE,
        "source": _SOURCE_CODE,
    }
