"""The pattern laboratory: a pattern, its matrix, its connections, its price and its reach."""

from __future__ import annotations

import numpy as np
import traitlets as t

from bookkit.live import LiveFigure
from bookkit.svg import cell_matrix
from thrifty.masks import reach
from thrifty.patterns import Atrous, Causal, Full, Local, Pattern

PATTERNS = ["full", "local", "atrous", "both", "alternate"]
CONTROLS = ["pattern", "n", "half_width", "rate", "layers", "causal"]
VIEWS = ["matrix", "arcs"]
_NAMES = {"both": "local or atrous", "alternate": "local, then atrous"}


class PatternLaboratory(LiveFigure):
    """Draw an attention pattern as a matrix and as arcs, count its pairs, stack it into layers.

    Parameters
    ----------
    pattern : {"full", "local", "atrous", "both", "alternate"}
        ``both`` joins local and atrous in one layer, ``alternate`` takes them in turns.
    n : int
        Tokens, 2 to 64.
    half_width, rate : int
        The sizes of the local window (0 to 16) and of the atrous stride (1 to 16).
    causal : bool
        Whether a query sees only itself and what came before.
    layers : int
        How many layers are stacked, 1 to 6.
    query, key : int
        The chosen pair.
    controls, views : list of str
        Which controls and which drawings the figure offers.
    caption : str
        One sentence under the figure.

    Examples
    --------
    >>> lab = PatternLaboratory(pattern="local", n=8, half_width=1, caption="A window of three.")
    >>> lab.pairs
    22
    >>> lab.sentence()
    'Local mask on 8 tokens, half-width 1: 22 of 64 pairs computed (34.4 %).'
    """

    pattern = t.Enum(PATTERNS, "both").tag(sync=True)
    n = t.Int(24, min=2, max=64).tag(sync=True)
    half_width = t.Int(2, min=0, max=16).tag(sync=True)
    rate = t.Int(6, min=1, max=16).tag(sync=True)
    causal = t.Bool(False).tag(sync=True)
    layers = t.Int(1, min=1, max=6).tag(sync=True)
    query = t.Int(9, min=0, max=63).tag(sync=True)
    key = t.Int(9, min=0, max=63).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)
    views = t.List(t.Enum(VIEWS), VIEWS, minlen=1).tag(sync=True)

    def layer_patterns(self) -> list[Pattern]:
        """Return the pattern of each layer, as the library's own objects."""
        local, atrous = Local(self.half_width), Atrous(self.rate)
        choices = {"full": [Full()], "local": [local], "atrous": [atrous]}
        choices |= {"both": [local | atrous], "alternate": [local, atrous]}
        turn = choices[self.pattern]
        chosen = [turn[layer % len(turn)] for layer in range(self.layers)]
        return [pattern & Causal() if self.causal else pattern for pattern in chosen]

    @property
    def pairs(self) -> int:
        """Pairs computed by all layers together."""
        return sum(pattern.pairs(self.n) for pattern in self.layer_patterns())

    def first_seen(self) -> np.ndarray:
        """Return int (n, n): the first layer after which i has seen j, 0 if none."""
        masks = [pattern.mask(self.n) for pattern in self.layer_patterns()]
        first = np.zeros((self.n, self.n), int)
        for layer in range(self.layers, 0, -1):
            first[reach(masks[:layer])] = layer
        return first

    def sentence(self) -> str:
        sizes = {
            "local": f", half-width {self.half_width}",
            "atrous": f", rate {self.rate}",
            "full": "",
        }.get(self.pattern, f", half-width {self.half_width}, rate {self.rate}")
        total = self.n**2 * self.layers
        name = _NAMES.get(self.pattern, self.pattern)
        text = (
            f"{name[0].upper()}{name[1:]}{', causal' if self.causal else ''} mask on "
            f"{self.n} tokens{sizes}: {self.pairs:,} of {total:,} pairs computed "
            f"({100 * self.pairs / total:.1f} %)"
        )
        if self.layers > 1:
            seen = 100 * (self.first_seen() > 0).mean()
            text += f", {seen:.1f} % of all pairs seen after {self.layers} layers"
        return text + "."

    def picture(self) -> str:
        return cell_matrix(self.first_seen())
