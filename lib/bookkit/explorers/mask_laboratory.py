"""The mask laboratory: any mask on the reader's own words, drawn, told, counted and tested."""

from __future__ import annotations

import numpy as np
import traitlets as t

from bookkit import small_stack
from bookkit.live import LiveFigure
from bookkit.mask_schemes import HOWS, SCHEMES, Parameters, composed_mask
from bookkit.small_stack import FAULTS
from bookkit.svg import token_matrix
from thrifty.descriptions import describe
from thrifty.leakage import compare
from thrifty.masks import reach

FEWEST, MOST = 2, 12
CONTROLS = ["tokens", "scheme", "parameters", "second", "layers", "residual", "fault", "edit"]
VIEWS = ["matrix", "arcs"]


class MaskLaboratory(LiveFigure):
    """Build a mask on a few words, see who sees whom, and have it tested on attention layers.

    The reader chooses a scheme, changes its parameters, joins two masks and flips single cells.
    A small stack of attention layers then runs under the mask, here and in the page: the cells
    that it really depends on are drawn as dots, and what should not be there as crosses.

    Parameters
    ----------
    tokens : list of str, or str
        2 to 12 words without spaces; a string is split on its spaces.
    scheme : str
        "full" (bidirectional), "causal", "reversed", "permuted", "query" (the query stream of a
        permuted model), "prefix", "infill" (MASS), "packed" (documents), "blocks" (block causal),
        "tree", "padding", "global", "local", "atrous", or "empty", to draw one by hand.
    order : list of int
        For permuted and query: position order[t] is read at step t.
    boundary : int
        For prefix: how many positions are the source, 0 to n.
    marks : list of int
        For packed and blocks: where a new one begins. For infill: the holes. For global: those
        that see all and are seen by all.
    parents : list of int
        For tree: the parent of each position, which stands before it; -1 for a root.
    pads : int
        For padding: how many positions at the end are padding, 0 to n - 1.
    half_width, rate : int
        For local, 0 to 11, and for atrous, 1 to 12.
    how : {"alone", "and", "or", "but not"}
        How the second mask joins the first.
    second : str
        The scheme of the second mask, made from the same parameters.
    edits : list of [query, key]
        Cells that are flipped by hand.
    layers : int
        1 to 4. All have the mask that is drawn; under "query" the lower ones are the content
        stream, which also sees itself.
    residual : bool
        Whether every layer adds its input to its output.
    fault : {"none", "forgotten", "finite", "after", "queries"}
        What the tested layers do wrong, see `bookkit.small_stack.stack_of`.
    query, key : int
        The chosen cell.
    controls, views : list of str
        Which controls and which drawings the figure offers.
    caption : str
        One sentence under the figure.

    Raises
    ------
    traitlets.TraitError
        If a value does not fit the tokens when the figure is made. Where the tokens change later,
        the others are fitted to them: orders lose and gain positions, marks beyond the end rest.

    Examples
    --------
    >>> lab = MaskLaboratory("what to eat ? fish", "prefix", boundary=4, caption="Four, then one.")
    >>> lab.pairs, lab.verdict
    (21, 'no pair leaks; every allowed pair is used')
    >>> lab.sentence()
    'Prefix mask on 5 positions, positions 0 to 3 free: 21 of 25 pairs allowed (84.0 %). \
Tested on 1 layer: no pair leaks; every allowed pair is used.'
    """

    tokens = t.List(t.Unicode()).tag(sync=True)
    scheme = t.Enum(SCHEMES, "causal").tag(sync=True)
    order = t.List(t.Int(min=0, max=MOST - 1)).tag(sync=True)
    boundary = t.Int(min=0, max=MOST).tag(sync=True)
    marks = t.List(t.Int(min=0, max=MOST - 1)).tag(sync=True)
    parents = t.List(t.Int(min=-1, max=MOST - 2)).tag(sync=True)
    pads = t.Int(1, min=0, max=MOST - 1).tag(sync=True)
    half_width = t.Int(1, min=0, max=MOST - 1).tag(sync=True)
    rate = t.Int(3, min=1, max=MOST).tag(sync=True)
    how = t.Enum(HOWS, "alone").tag(sync=True)
    second = t.Enum(SCHEMES, "causal").tag(sync=True)
    edits = t.List(t.List(t.Int(min=0, max=MOST - 1), minlen=2, maxlen=2)).tag(sync=True)
    layers = t.Int(1, min=1, max=4).tag(sync=True)
    residual = t.Bool(False).tag(sync=True)
    fault = t.Enum(FAULTS, "none").tag(sync=True)
    query = t.Int(0, min=0, max=MOST - 1).tag(sync=True)
    key = t.Int(0, min=0, max=MOST - 1).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)
    views = t.List(t.Enum(VIEWS), VIEWS, minlen=1).tag(sync=True)

    def __init__(self, tokens="the cat sat on the mat", scheme="causal", **kwargs):
        for name in ("order", "marks", "parents"):
            if name in kwargs:
                kwargs[name] = [int(value) for value in kwargs[name]]
        if "edits" in kwargs:
            kwargs["edits"] = [[int(i), int(j)] for i, j in kwargs["edits"]]
        words = tokens.split() if isinstance(tokens, str) else list(tokens)
        super().__init__(tokens=words, scheme=scheme, **kwargs)
        self._require_fit(kwargs)

    @t.default("order")
    def _odd_then_even(self):
        return [*range(1, self.n, 2), *range(0, self.n, 2)]

    @t.default("boundary")
    def _half(self):
        return self.n // 2

    @t.default("marks")
    def _middle(self):
        return [self.n // 2]

    @t.default("parents")
    def _in_twos(self):
        return [-1, *((i - 1) // 2 for i in range(1, self.n))]

    @t.validate("tokens")
    def _words(self, proposal):
        words = proposal["value"]
        if not FEWEST <= len(words) <= MOST:
            raise t.TraitError(f"tokens must be {FEWEST} to {MOST}, got {len(words)}")
        for word in words:
            if not word or not word.isprintable() or " " in word:
                raise t.TraitError(f"tokens must be words without spaces, got {word!r}")
        return words

    @t.validate("order")
    def _each_once(self, proposal):
        order = proposal["value"]
        if len(set(order)) < len(order):
            raise t.TraitError(f"order must hold each position once, got {order}")
        return order

    @t.validate("parents")
    def _parents_first(self, proposal):
        for node, parent in enumerate(proposal["value"]):
            if parent >= node:
                raise t.TraitError(
                    f"parents must stand before their children, got {parent} for {node}"
                )
        return proposal["value"]

    def _require_fit(self, given) -> None:
        """Refuse what does not fit the tokens, of the values that the caller gave."""
        n = self.n
        if "order" in given and sorted(self.order) != list(range(n)):
            raise t.TraitError(f"order must hold each of 0..{n - 1} once, got {self.order}")
        for name, most in (("boundary", n), ("pads", n - 1), ("query", n - 1), ("key", n - 1)):
            if name in given and getattr(self, name) > most:
                raise t.TraitError(f"{name} must be at most {most}, got {getattr(self, name)}")
        for name, cells in (("marks", self.marks), ("edits", sum(self.edits, []))):
            if name in given and max(cells, default=0) >= n:
                raise t.TraitError(f"{name} must be positions 0..{n - 1}, got {max(cells)}")
        if "parents" in given and len(self.parents) != n:
            raise t.TraitError(f"parents must be one for each token, {n}, got {len(self.parents)}")

    @property
    def n(self) -> int:
        """How many tokens there are."""
        return len(self.tokens)

    @property
    def parameters(self) -> Parameters:
        """The parameters of the schemes, fitted to the tokens."""
        n = self.n
        order = [i for i in self.order if i < n]
        parents = [*self.parents[:n], *range(len(self.parents) - 1, n - 1)]
        return Parameters(
            n,
            order + [i for i in range(n) if i not in order],
            min(self.boundary, n),
            [i for i in self.marks if i < n],
            parents[:n],
            min(self.pads, n - 1),
            self.half_width,
            self.rate,
        )

    @property
    def mask(self) -> np.ndarray:
        """The mask that is drawn, bool (n, n): composed, then edited."""
        mask = composed_mask(self.scheme, self.how, self.second, self.parameters)
        for i, j in self.edits:
            if max(i, j) < self.n:
                mask[i, j] = not mask[i, j]
        return mask

    def layer_masks(self) -> list[np.ndarray]:
        """Return the mask of each layer, the first layer first."""
        mask = self.mask
        below = mask | np.eye(self.n, dtype=bool) if self.scheme == "query" else mask
        return [below] * (self.layers - 1) + [mask]

    @property
    def pairs(self) -> int:
        """Pairs computed by all layers together."""
        return sum(int(mask.sum()) for mask in self.layer_masks())

    def reach(self) -> np.ndarray:
        """Return bool (n, n): which input each position may depend on after all layers."""
        return reach(self.layer_masks(), residual=self.residual)

    def through(self) -> np.ndarray:
        """Return int (n, n): how many layers, counted from the last, let i see j; 0 if none."""
        masks, found = self.layer_masks(), np.zeros((self.n, self.n), int)
        for count in range(self.layers, 0, -1):
            found[reach(masks[-count:], residual=self.residual)] = count
        return found

    def measured(self) -> np.ndarray:
        """Return bool (n, n): which input each output of the tested stack really depends on."""
        return small_stack.measured(self.layer_masks(), residual=self.residual, fault=self.fault)

    @property
    def verdict(self) -> str:
        """How what was measured differs from what is allowed, see `thrifty.leakage.compare`."""
        return compare(self.measured(), self.reach())

    def sentence(self) -> str:
        text = describe(self.mask)
        if self.layers == 1:
            return f"{text} Tested on 1 layer: {self.verdict}."
        seen = f"{int(self.reach().sum())} of {self.n**2} pairs seen through {self.layers} layers"
        return f"{text} {seen}; tested on them: {self.verdict}."

    def picture(self) -> str:
        return token_matrix(self.tokens, self.through(), self.measured(), self.reach())
