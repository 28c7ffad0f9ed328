"""The mask tracer: a padded batch on its way through a stack, and where it loses its mask."""

from __future__ import annotations

import math

import keras
import numpy as np
import traitlets as t

from bookkit import mask_stack
from bookkit.live import LiveFigure
from bookkit.mask_stack import ENDINGS, LAYERS, PIECES, SEQUENCES, Step
from bookkit.svg import masked_rows
from thrifty.masking import Trace

CONTROLS = ["sequence", "pads", "ending", "layers", "fix"]


def brief(x: float, digits: int = 3) -> str:
    """Return a number without idle zeros, halves rounded away from 0.

    The twin of `brief` in ``mask_tracer.js``.

    Examples
    --------
    >>> brief(2.6), brief(-0.0625), brief(-0.0001), brief(12), brief(3.14159, 2)
    ('2.6', '−0.063', '0', '12', '3.14')
    """
    unit = 10**digits
    text = f"{math.floor(abs(x) * unit + 0.5) / unit:.{digits}f}".rstrip("0").rstrip(".")
    return f"−{text}" if x < 0 and text != "0" else text


class MaskTracer(LiveFigure):
    """Send a padded batch through a stack of layers: every value, every mask, and the answer.

    The reader adds, moves and repairs layers. Python runs them in Keras, and the page computes the
    same numbers.

    Parameters
    ----------
    layers : list of str
        Names from `bookkit.mask_stack.LAYERS`, in order; each once, either as it is or repaired.
    ending : str
        What makes one number of a sequence, from `bookkit.mask_stack.ENDINGS`.
    pads : int
        Positions of padding behind the longest sequence, 0 to 6.
    sequence : {0, 1, 2}
        Whose values are drawn.
    step, position : int
        The chosen cell; step 0 is the source.
    controls : list of {"sequence", "pads", "ending", "layers", "fix"}
        What the reader may change.
    caption : str
        One sentence under the figure.

    Raises
    ------
    traitlets.TraitError
        If a name is unknown, or a layer stands in the stack twice.

    Examples
    --------
    >>> figure = MaskTracer(["Dense"], "ops.mean", caption="A mean over everything.")
    >>> figure.lost, figure.ok
    ('ops.mean', False)
    >>> figure = MaskTracer([], "ops.mean", caption="The mean of the article.")
    >>> brief(figure.answers[0]), brief(figure.truth[0])
    ('1.625', '2.6')
    >>> figure.sentence()
    'Embedding, ops.mean, 3 pads: the mask is lost at ops.mean, which changes the answer: \
for [1, 0, 3, 4, 5] it is 1.625 instead of 2.6.'
    """

    layers = t.List(t.Enum(LAYERS)).tag(sync=True)
    ending = t.Enum(ENDINGS, ENDINGS[0]).tag(sync=True)
    pads = t.Int(3, min=0, max=6).tag(sync=True)
    sequence = t.Int(0, min=0, max=len(SEQUENCES) - 1).tag(sync=True)
    step = t.Int(0, min=0).tag(sync=True)
    position = t.Int(0, min=0).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)
    palette = t.Dict(read_only=True).tag(sync=True)

    def __init__(self, layers=(), ending=ENDINGS[0], **kwargs):
        super().__init__(layers=list(layers), ending=ending, **kwargs)

    @t.default("palette")
    def _texts(self):
        return mask_stack.palette()

    @t.validate("layers")
    def _each_once(self, proposal):
        kinds = [mask_stack.before_fixes(name) for name in proposal["value"]]
        twice = next((kind for kind in kinds if kinds.count(kind) > 1), None)
        if twice:
            raise t.TraitError(f"layers must have each layer once, got {twice!r} twice")
        return proposal["value"]

    @property
    def names(self) -> tuple:
        """The layers and the ending, without the source."""
        return (*self.layers, self.ending)

    @property
    def batch(self) -> np.ndarray:
        """The ids, int32 (3, 5 + pads); 0 is padding."""
        return mask_stack.ids_of(self.pads)

    def model(self) -> keras.Model:
        """Return the stack as a Keras model, from ids (batch, n) to (batch, 1)."""
        return mask_stack.model_of(self.names)

    def code(self) -> str:
        """Return the Python of the stack, the same as under the figure."""
        return mask_stack.code_of(self.names, self.pads)

    def steps(self) -> tuple[Step, ...]:
        """Return what stands behind the source, every layer and the ending, run in Keras."""
        return mask_stack.run(self.names, self.pads)[0]

    def trace(self) -> Trace:
        """Return what `thrifty.masking.trace` says of the model and the batch."""
        return mask_stack.run(self.names, self.pads)[1]

    @property
    def verdicts(self) -> list[str]:
        """What every step does with the mask, in the words of `trace`."""
        return [step.verdict for step in self.steps()]

    @property
    def lost(self) -> str | None:
        """The layer where the mask is lost, or None."""
        # A layer that takes masks may find nothing to do with this one: that is no loss.
        return next(
            (
                s.name
                for s in self.steps()
                if s.verdict == "ignores and drops" and PIECES[s.name].why
            ),
            None,
        )

    @property
    def ok(self) -> bool:
        """Whether no answer depends on the padding, even with three positions more."""
        return self.trace().ok

    @property
    def answers(self) -> list[float]:
        """The answer for each sequence in the padded batch."""
        return [float(value) for value in self.steps()[-1].values]

    @property
    def truth(self) -> list[float]:
        """The answer for each sequence alone, without padding."""
        return [float(value) for value in self.steps()[-1].alone]

    def sentence(self) -> str:
        stack = ", ".join([mask_stack.SOURCE, *self.names])
        pads = f"{self.pads} pad{'' if self.pads == 1 else 's'}"
        return f"{stack}, {pads}: {self._conclusion()}."

    def _conclusion(self) -> str:
        order = [self.sequence, *range(len(SEQUENCES))]  # the chosen one first
        pairs = [(SEQUENCES[i], self.answers[i], self.truth[i]) for i in order]
        wrong = [(s, a, b) for s, a, b in pairs if abs(a - b) > 1e-4 * max(1, abs(b))]
        sequence, answer, truth = (wrong or pairs)[0]
        if wrong:
            found = f"for {sequence} it is {brief(answer)} instead of {brief(truth)}"
        else:
            found = f"for {sequence} it is {brief(answer)}"
        if self.lost is None:
            return f"the mask reaches {self.ending}, and the answer is right: {found}"
        if self.ok:
            return f"the mask is lost at {self.lost}, harmless here, the answer is right: {found}"
        more = "" if wrong else " with more padding; here "
        return f"the mask is lost at {self.lost}, which changes the answer{more or ': '}{found}"

    def picture(self) -> str:
        return masked_rows(
            [self._row(step) for step in self.steps()[:-1]],
            f"{self.ending}: {self.verdicts[-1]}",
            f"{brief(self.answers[self.sequence])}; alone, without padding: "
            f"{brief(self.truth[self.sequence])}",
        )

    def _row(self, step):
        """Title, verdict and cells of one step for `masked_rows`."""
        length, cut = len(step.alone[self.sequence]), self.batch.shape[1] - step.values.shape[1]
        cells = [None] * cut
        for i, value in enumerate(step.values[self.sequence]):
            mask = None if step.mask is None else bool(step.mask[self.sequence][i])
            cells.append((brief(value, 2 if abs(value) < 10 else 1), i < length, mask))
        lost = step.name == self.lost
        means = f": {'harmless here' if self.ok else 'changes the answer'}" if lost else ""
        return step.name, step.verdict + means, lost, cells
