"""Attention by hand: scores, mask, softmax and output of a few tokens, every number on show."""

from __future__ import annotations

import math

import numpy as np
import traitlets as t

from bookkit.live import LiveFigure
from bookkit.svg import labelled_matrices
from thrifty.attention import masked_softmax

CONTROLS = ["score", "mask", "temperature", "history"]
FEWEST, MOST = 2, 8
LARGEST = 10_000.0  # a score beyond this no longer fits its cell


def _plain(rows) -> list[list]:
    """Return a matrix as lists of plain values; ragged lists stay so, to be reported."""
    return rows.tolist() if isinstance(rows, np.ndarray) else [list(row) for row in rows]


def _require_printable(name: str, words: list[str]) -> None:
    for word in words:
        if not word.strip() or not word.isprintable():
            raise t.TraitError(f"{name} must be words on one line, got {word!r}")


def _require_matrix(name: str, rows: list[list], n_rows: int, n_columns: int) -> None:
    if len(rows) != n_rows:
        raise t.TraitError(f"{name} must have one row per token, {n_rows}, got {len(rows)}")
    for i, row in enumerate(rows):
        if len(row) != n_columns:
            raise t.TraitError(f"{name} must have {n_columns} columns, got {len(row)} in row {i}")


def _require_case(case: dict) -> None:
    """Raise a TraitError that names the first thing that does not fit together."""
    tokens, scores, values, names = (
        case[name] for name in ("tokens", "scores", "values", "value_names")
    )
    n, columns = len(tokens), len(values[0]) if values else 0
    if not FEWEST <= n <= MOST:
        raise t.TraitError(f"tokens must be {FEWEST} to {MOST}, got {n}")
    _require_printable("tokens", tokens)
    _require_matrix("scores", scores, n, n)
    for i, row in enumerate(scores):
        for j, score in enumerate(row):
            if not abs(score) <= LARGEST:
                raise t.TraitError(
                    f"scores must be finite and within ±{LARGEST:.0f}, "
                    f"got {score} for query {i}, key {j}"
                )
    _require_matrix("values", values, n, columns)
    if not 1 <= columns <= 4:
        raise t.TraitError(f"values must have 1 to 4 columns, got {columns}")
    if not all(math.isfinite(value) for row in values for value in row):
        raise t.TraitError("values must be finite")
    if len(names) != columns:
        raise t.TraitError(f"value_names must name {columns} columns, got {len(names)}")
    _require_printable("value_names", names)
    _require_matrix("mask", case["mask"], n, n)


class AttentionByHand(LiveFigure):
    """Follow a few tokens from scores to output: scores, masked scores, weights, output.

    The reader changes a score, hides a key or turns the temperature, and sees every number follow.

    Parameters
    ----------
    tokens : list of str
        2 to 8 tokens.
    scores : (n, n) numbers
        Already scaled, q k^T / sqrt(d), within ±10000; rows are queries, columns are keys.
    values : (n, d_v) numbers
        What each token has to give, 1 to 4 numbers a token.
    mask : (n, n) of 0 and 1, or bool, optional
        1 = may attend; everything is allowed by default.
    value_names : list of str, optional
        What the columns of the values mean; "v0", "v1", ... by default.
    temperature : float
        The weights are softmax(score / temperature); 0.1 to 5.
    query, key : int
        The chosen cell.
    controls : list of {"score", "mask", "temperature", "history"}
        What the reader may change; "history" is undo and start again.
    caption : str
        One sentence under the figure.

    Raises
    ------
    traitlets.TraitError
        If a size, a number or a word does not fit. Tokens, scores, values and mask change together
        within ``hold_trait_notifications()``.

    Examples
    --------
    >>> figure = AttentionByHand(
    ...     ["river", "bank"], scores=[[0, 0], [2, 0]], values=[[1, 0], [0, 4]], query=1,
    ...     mask=[[1, 0], [1, 1]], caption="The bank looks at the river.",
    ... )
    >>> figure.weights.round(2)
    array([[1.  , 0.  ],
           [0.88, 0.12]])
    >>> figure.output.round(2)
    array([[1.  , 0.  ],
           [0.88, 0.48]])
    >>> figure.sentence()
    'Attention of 2 tokens: query "bank" gives 0.88 of its attention to "river".'
    """

    tokens = t.List(t.Unicode()).tag(sync=True)
    scores = t.List(t.List(t.Float())).tag(sync=True)
    values = t.List(t.List(t.Float())).tag(sync=True)
    value_names = t.List(t.Unicode()).tag(sync=True)
    mask = t.List(t.List(t.Int(min=0, max=1))).tag(sync=True)
    temperature = t.Float(1.0, min=0.1, max=5.0).tag(sync=True)
    query = t.Int(0, min=0, max=MOST - 1).tag(sync=True)
    key = t.Int(0, min=0, max=MOST - 1).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)

    def __init__(self, tokens, scores, values, *, mask=None, value_names=None, **kwargs):
        tokens, values = list(tokens), _plain(values)
        if mask is None:
            mask = np.ones((len(tokens), len(tokens)), int)
        if value_names is None:
            value_names = [f"v{c}" for c in range(len(values[0]) if values else 0)]
        super().__init__(
            tokens=tokens,
            scores=_plain(scores),
            values=values,
            mask=_plain(mask),
            value_names=list(value_names),
            **kwargs,
        )

    @classmethod
    def from_vectors(cls, tokens, q, k, v, *, mask=None, value_names=None, caption, **kwargs):
        """Make the figure of real vectors: the scores are q k^T / sqrt(d).

        Parameters
        ----------
        tokens : list of str
        q, k : arrays (n, d)
        v : array (n, d_v)
        mask, value_names, caption, **kwargs
            As for the class.

        Raises
        ------
        ValueError
            If q and k are not one vector per token, of one size d.

        Examples
        --------
        >>> q = [[2.0, 0.0], [0.0, 2.0]]
        >>> AttentionByHand.from_vectors(["a", "b"], q, q, q, caption="Two.").scores[0]
        [2.82842712474619, 0.0]
        """
        tokens = list(tokens)
        q, k = np.asarray(q, float), np.asarray(k, float)
        if q.ndim != 2 or q.shape != k.shape or len(q) != len(tokens) or q.shape[1] == 0:
            raise ValueError(
                f"q and k must be one vector per token, both of shape ({len(tokens)}, d), "
                f"got {q.shape} and {k.shape}"
            )
        scores = q @ k.T / math.sqrt(q.shape[1])
        return cls(
            tokens,
            scores,
            np.asarray(v, float),
            mask=mask,
            value_names=value_names,
            caption=caption,
            **kwargs,
        )

    @t.validate("tokens", "scores", "values", "value_names", "mask", "query", "key")
    def _valid(self, proposal):
        """Check every change, the reader's too; several at once are checked when all are set."""
        name, value = proposal["trait"].name, proposal["value"]
        # The whole case, since traitlets calls for the traits of one change in any order.
        _require_case(self.state() | {name: value})
        last = len(self.tokens) - 1
        if name in ("query", "key") and value > last:
            raise t.TraitError(f"{name} must be 0 to {last}, got {value}")
        return [[int(allowed) for allowed in row] for row in value] if name == "mask" else value

    @t.observe("tokens")
    def _keep_the_choice_inside(self, change):
        last = len(change["new"]) - 1
        self.query, self.key = min(self.query, last), min(self.key, last)

    @property
    def allowed(self) -> np.ndarray:
        """The mask as bool (n, n)."""
        return np.array(self.mask, bool)

    @property
    def weights(self) -> np.ndarray:
        """Softmax of score / temperature over the allowed keys, (n, n)."""
        return masked_softmax(np.array(self.scores) / self.temperature, self.allowed)

    @property
    def output(self) -> np.ndarray:
        """Each query's average of the values, (n, d_v); zeros where nothing is allowed."""
        return self.weights @ np.array(self.values)

    def _quoted(self, i: int) -> str:
        """Name a token; one that occurs twice also by its position."""
        token = self.tokens[i]
        twice = self.tokens.count(token) > 1
        return f'"{token}" (position {i})' if twice else f'"{token}"'

    def sentence(self) -> str:
        query, key = self._quoted(self.query), self._quoted(self.key)
        allowed = self.allowed[self.query]
        if not allowed.any():
            says = f"query {query} may attend to no key, so it gets zeros"
        elif not allowed[self.key]:
            says = f"query {query} gives nothing to {key}: the mask hides it"
        else:
            share = self.weights[self.query, self.key]
            says = f"query {query} gives {share:.2f} of its attention to {key}"
        return f"Attention of {len(self.tokens)} tokens: {says}."

    def picture(self) -> str:
        scores, weights, allowed = np.array(self.scores), self.weights, self.allowed
        hidden = not allowed.all()
        shown = [
            [f"{score:.2f}".replace("-inf", "−∞").replace("-", "−") for score in row]
            for row in np.where(allowed, scores, -np.inf)
        ]
        # The same saturating shade as on the page: no score turns a cell darker than its text.
        shade = scores / (np.abs(scores) + 1.5)
        return labelled_matrices(
            self.tokens,
            [
                ("scores, masked" if hidden else "scores", shown, shade, allowed),
                (
                    "weights: each row sums to 1",
                    [[f"{weight:.2f}" for weight in row] for row in weights],
                    weights,
                    allowed,
                ),
            ],
        )
