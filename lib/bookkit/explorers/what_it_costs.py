"""What it costs: the tiles of a pattern, the scores they compute, their time and their memory."""

from __future__ import annotations

import functools

import traitlets as t

from bookkit import cost_model
from bookkit.cost_model import DEPTH, HEADS
from bookkit.live import LiveFigure, percent
from bookkit.svg import tiled_squares
from thrifty.patterns import Atrous, Full, Local, Pattern
from thrifty.plans import layouts

PATTERNS = ["full", "local", "atrous", "both"]
CONTROLS = [
    *("pattern", "n", "half_width", "rate", "heads", "depth", "causal", "training", "budget"),
]
KINDS = {"both": "either"}  # the names of patterns in the measured file, where they differ
NAMES = {"both": "local or atrous"}
GIGABYTE = 10**9
LONGEST = 2**16


@functools.cache
def _measured() -> dict:
    """Return the stored measurements, as short as they can be: every figure carries them along."""
    stored = cost_model.stored()
    figure_names = {KINDS.get(name, name): name for name in PATTERNS}
    rows = []
    for point in stored["points"]:
        given = point["pattern"]
        if given["kind"] in figure_names:
            sizes = [given["half_width"], given["rate"], point["n"], point["training"]]
            rows.append([figure_names[given["kind"]], *sizes, point["time"]])
    return {"points": rows, "model": stored["model"], "heads": HEADS, "depth": DEPTH}


def _pairs_at(n: int, rate: int, bound: int, causal: bool) -> int:
    """Pairs at a distance of at most `bound` that is a multiple of `rate`."""
    steps = min(bound, n - 1) // rate
    before = (steps + 1) * n - rate * steps * (steps + 1) // 2  # the query itself included
    return before if causal else 2 * before - n


def _about(n: int) -> str:
    """Say a length with two digits: the model of memory is good to about a third."""
    if n == LONGEST:
        return f"{n:,} tokens and beyond"
    unit = 10 ** max(0, len(str(n)) - 2)
    return f"about {(n + unit // 2) // unit * unit:,} tokens"


class WhatItCosts(LiveFigure):
    """Draw the tiles that compute a pattern, count their scores, and say what they cost.

    Times are in units of one product of two 1024 x 1024 matrices: points measured by this book's
    bench, and curves of `bookkit.cost_model`, which is fitted to them.

    Parameters
    ----------
    pattern : {"full", "local", "atrous", "both"}
        ``both`` joins local and atrous in one layer.
    n : int
        Tokens, 256 to 65536.
    half_width, rate : int
        The sizes of the local window (1 to 1024) and of the atrous stride (2 to 512).
    heads, depth : int
        Heads (1 to 16), and the size of a query, a key and a value (16 to 128).
    causal : bool
        Whether a query sees only itself and what came before.
    training : bool
        Whether the gradient is computed as well.
    budget : {1, 4, 16}
        Memory in GB (10**9 bytes).
    controls : list of str
        Which controls the figure offers.
    caption : str
        One sentence under the figure.

    Examples
    --------
    >>> figure = WhatItCosts(pattern="local", n=4096, half_width=64, caption="Local tiles.")
    >>> figure.needed, figure.executed, figure.path
    (524224, 786432, 'tiles')
    >>> figure.speedup > 1, figure.fits["pattern"] > figure.fits["dense"]
    (True, True)
    """

    pattern = t.Enum(PATTERNS, "local").tag(sync=True)
    n = t.Int(4096, min=256, max=LONGEST).tag(sync=True)
    half_width = t.Int(64, min=1, max=1024).tag(sync=True)
    rate = t.Int(64, min=2, max=512).tag(sync=True)
    heads = t.Int(HEADS, min=1, max=16).tag(sync=True)
    depth = t.Int(DEPTH, min=16, max=128).tag(sync=True)
    causal = t.Bool(False).tag(sync=True)
    training = t.Bool(False).tag(sync=True)
    budget = t.Enum([1, 4, 16], 1).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)
    measured = t.Dict(read_only=True).tag(sync=True)

    @t.default("measured")
    def _stored(self):
        return _measured()

    def attention_pattern(self) -> Pattern:
        """Return the pattern as the library's own object, without `causal`."""
        local, atrous = Local(self.half_width), Atrous(self.rate)
        choices = {"full": Full(), "local": local, "atrous": atrous, "both": local | atrous}
        return choices[self.pattern]

    def layouts(self) -> tuple:
        """Return the layouts of the tiles, one a piece; () where the whole matrix is computed."""
        return layouts(self.attention_pattern(), self.n, causal=self.causal)

    @property
    def needed(self) -> int:
        """Pairs that the pattern allows, for one head."""
        # By formula: counting 65536 * 65536 pairs, as `Pattern.pairs` does, takes half a minute.
        pairs = functools.partial(_pairs_at, self.n, causal=self.causal)
        local, atrous = pairs(1, self.half_width), pairs(self.rate, self.n - 1)
        shared = pairs(self.rate, self.half_width)
        choices = {"full": pairs(1, self.n - 1), "local": local, "atrous": atrous}
        return (choices | {"both": local + atrous - shared})[self.pattern]

    @property
    def _shapes(self) -> list[tuple[int, int, int]]:
        return [layout.shape for layout in self.layouts()] or [(1, self.n, self.n)]

    @property
    def executed(self) -> int:
        """Scores that are computed, for one head."""
        return sum(tiles * queries * keys for tiles, queries, keys in self._shapes)

    @property
    def path(self) -> str:
        """How the pattern is computed: "tiles", or "dense" where tiles would save nothing."""
        return "tiles" if self.layouts() else "dense"

    @property
    def _gives_up(self) -> bool:
        """Whether the whole square is computed though the pattern does not ask for it."""
        return self.path == "dense" and self.pattern != "full"

    @property
    def flops(self) -> int:
        """Operations of the two matrix products of all heads, forward."""
        return 4 * self.executed * self.depth * self.heads

    @property
    def held(self) -> int:
        """Bytes that the largest piece holds at once for all heads: scores, keys and values."""
        one = max(tiles * q * k + 2 * tiles * k * self.depth for tiles, q, k in self._shapes)
        return 4 * one * self.heads

    def _options(self) -> dict:
        return {name: getattr(self, name) for name in ("heads", "depth", "training", "causal")}

    def _time(self, pattern: Pattern) -> float:
        model = self.measured["model"]
        return cost_model.predict_time(model, pattern, self.n, **self._options())

    @property
    def time(self) -> float:
        """The model's time, in products of two 1024 x 1024 matrices."""
        return self._time(self.attention_pattern())

    @property
    def speedup(self) -> float:
        """How many times as fast as dense attention, by the model."""
        return self._time(Full()) / self.time

    @property
    def fits(self) -> dict[str, int]:
        """The largest n up to 65536 within the budget, by the model, for three ways to attend.

        "pattern" is the pattern itself, "dense" all pairs at once, "chunked" all pairs by
        `thrifty.sparse.chunked_attend`.
        """
        ways = {"pattern": self.attention_pattern(), "dense": Full(), "chunked": cost_model.CHUNKED}
        model, budget = self.measured["model"], self.budget * GIGABYTE
        return {
            name: cost_model.largest_n(model, budget, way, limit=LONGEST, **self._options())
            for name, way in ways.items()
        }

    def sentence(self) -> str:
        sizes = {
            "full": "",
            "local": f", half-width {self.half_width:,}",
            "atrous": f", rate {self.rate}",
            "both": f", half-width {self.half_width:,}, rate {self.rate}",
        }[self.pattern]
        name = NAMES.get(self.pattern, self.pattern) + (", causal" if self.causal else "")
        name = name[0].upper() + name[1:]
        text = (
            f"{name} attention on {self.n:,} tokens{sizes}: {self.needed:,} pairs needed, "
            f"{self.executed:,} scores computed ({percent(self.executed, self.n**2)} of all"
        )
        text += ": tiles would save too little)" if self._gives_up else ")"
        fits = {way: _about(n) for way, n in self.fits.items()}
        memory = f"{self.budget} GB is enough up to {fits['pattern']}"
        if self.pattern != "full":
            task = "with its gradient" if self.training else "forward"
            text += f", {task} {self.speedup:.1f} times as fast as dense attention"
            memory += f", for dense attention up to {fits['dense']}"
        return f"{text}. {memory}."

    def picture(self) -> str:
        found = self.layouts()
        if not found:
            whole = [(0, 0, self.n, self.n)]
            title = "tiles would save too little" if self._gives_up else "positions in order"
            return tiled_squares([(title, self.n, whole, *self._needed_in(self.pattern))])
        panels = []
        for layout in found:
            rows = layout.blocks * layout.block
            if layout.rate > 1:
                side = layout.column
                tiles = [(side * c, side * c, side, side) for c in range(layout.rate)]
                corners = [(0, 0), (side, side), (0, side)]
                corners = corners if self.causal else [(0, 0), (side, 0), (side, side), (0, side)]
                needed = [[(x + a, y + a) for x, y in corners] for a, *_ in tiles]
                panel = ("positions sorted by remainder", side * layout.rate, tiles, needed, 1.0)
            else:
                before, after = layout.reach
                tiles = []
                for top in range(0, rows, layout.block):
                    left, right = max(0, top - before), min(rows, top + layout.block + after)
                    tiles.append((left, top, right - left, layout.block))
                # What the strided piece has computed is not needed a second time.
                shade = 1 - 1 / self.rate if layout is not found[0] else 1.0
                needed = [_strip(before, after, self.n)]
                title = "positions in order" + (", less the first tiles'" * bool(panels))
                panel = (title, rows, tiles, needed, shade)
            panels.append(panel)
        return tiled_squares(panels)

    def _needed_in(self, pattern: str) -> tuple[list, float]:
        """The needed part of the whole square, and how densely it is needed."""
        after = 0 if self.causal else self.n
        if pattern == "local":
            width = self.half_width
            return [_strip(width, min(after, width), self.n)], 1.0
        if pattern == "full":
            return [_strip(self.n, after, self.n)], 1.0
        return [_strip(self.n, after, self.n)], self.needed / self.n**2


def _strip(before: int, after: int, n: int) -> list[tuple[float, float]]:
    """The corners of the cells with -before <= key - query <= after in a square of n cells."""
    low, high = min(before + 0.5, n), min(after + 0.5, n)
    return [(0, 0), (high, 0), (n, n - high), (n, n), (n - low, n), (0, low)]
