"""The probabilities that a beam search asks a model of letters for, stored letter by letter.

A page has no model. It has, for each beginning that an offered setting visits, the likeliest
letters, the end, and what all others have together; its search runs over those.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from thrifty._searches import log_probabilities
from thrifty.decoding import beam_search

END = "."  # the symbol of the end token
BEAMS = (1, 2, 3, 4, 5)
PENALTIES = ("0", "0.6", "1")
FINISHED = ("kept", "lost")
LETTERS = max(BEAMS)  # a beam of five can take no more letters behind one beginning
UNIT = 10_000
LEAST = -99.9999  # log-probabilities below are as good as never


def pack(log_p: dict[str, float]) -> str:
    """Return the likeliest letters and the end as one short string.

    Parameters
    ----------
    log_p : dict of str to float
        Log-probabilities of letters and of `END`.

    Examples
    --------
    >>> pack({"a": math.log(0.5), "b": math.log(0.25), END: math.log(0.2)})
    'ab. 6931 13863 16094'
    """
    letters = sorted((s for s in log_p if s != END), key=lambda s: (-log_p[s], s))[:LETTERS]
    symbols = [*letters, END]
    numbers = [round(-max(log_p[symbol], LEAST) * UNIT) for symbol in symbols]
    return " ".join(["".join(symbols), *map(str, numbers)])


def unpack(packed: str, vocabulary: int) -> tuple[dict[str, float], float]:
    """Return the log-probabilities of the stored symbols, and that of each of the others.

    The others share what is left, and none of them gets as much as a stored letter. Rounding is
    made good: all together have probability 1. The twin of `unpack` in ``static/search.js``.

    Examples
    --------
    >>> stored, other = unpack("ab. 6931 13863 16094", vocabulary=5)
    >>> {symbol: round(math.exp(x), 3) for symbol, x in stored.items()}, round(math.exp(other), 3)
    ({'a': 0.5, 'b': 0.25, '.': 0.2}, 0.025)
    """
    symbols, *numbers = packed.split(" ")
    log_p = [-int(number) / UNIT for number in numbers]
    p = [math.exp(x) for x in log_p]
    others = vocabulary - len(symbols)
    # Where the rest is nothing but rounding, it must not look likelier than a stored letter.
    most = 0.999999 * min(p[:-1], default=1.0)
    share = min(max(0.0, 1 - sum(p)) / others, most) if others else 0.0
    total = math.log(sum(p) + others * share)
    stored = {symbol: x - total for symbol, x in zip(symbols, log_p, strict=True)}
    return stored, math.log(share) - total if share else -math.inf


def apart(nodes: dict[str, str], others: dict[str, str]) -> float:
    """Return how far two recordings of one model differ: in log-probability, at most.

    Processors round differently, so that what one stored need not be to the digit what another
    finds. Compared is what both hold: near a tie, a search may turn to another beginning.

    Raises
    ------
    ValueError
        If less than nine in ten beginnings of either are in the other.

    Examples
    --------
    >>> apart({"": "ab. 6931 13863 16094"}, {"": "ba. 13862 6931 16094"})
    0.0001
    """
    both = nodes.keys() & others.keys()
    if len(both) < 0.9 * max(len(nodes), len(others)):
        raise ValueError(
            f"of {len(nodes)} and {len(others)} beginnings, only {len(both)} are in both: "
            "these are recordings of two models"
        )
    worst = 0
    for beginning in both:
        found, other = (_numbers(each[beginning]) for each in (nodes, others))
        gaps = [abs(found[s] - other[s]) for s in found.keys() & other.keys()]
        worst = max(worst, *gaps)
    return worst / UNIT


def _numbers(packed):
    symbols, *numbers = packed.split(" ")
    return dict(zip(symbols, map(int, numbers), strict=True))


class StoredModel:
    """A `next_logits` for `thrifty.decoding` out of stored strings, see `pack`.

    Parameters
    ----------
    nodes : dict of str to str
        For each beginning of a word, what `pack` returned.
    letters : str
        All letters, in alphabetical order. Id 0 is the end, the letters follow, then the others.
    vocabulary : int
        Number of ids of the model that was stored.
    ask : callable, optional
        From a list of beginnings to their strings; asked for what is not stored.

    Raises
    ------
    KeyError
        In a call, if a beginning is not stored and there is nobody to ask.

    Examples
    --------
    >>> nodes = {"": "ab. 6931 13863 16094", "a": "ab. 30000 30000 1051"}
    >>> model = StoredModel(nodes, "ab", 3)
    >>> model.word(beam_search(model, [[0]], max_new_tokens=2, end_id=0, beams=1)[0].ids)
    'a.'
    """

    def __init__(self, nodes, letters, vocabulary, ask=None):
        self.nodes, self.vocabulary, self.ask = nodes, vocabulary, ask
        self.symbols = END + letters
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}

    def word(self, ids):
        """Return ids as symbols."""
        return "".join(self.symbols[i] for i in ids)

    def __call__(self, ids):
        beginnings = [self.word(row[1:]) for row in ids]  # without the prompt
        missing = list(dict.fromkeys(b for b in beginnings if b not in self.nodes))
        if missing and self.ask is None:
            raise KeyError(f"nothing is stored behind {missing[0]!r}")
        if missing:
            self.nodes.update(zip(missing, self.ask(missing), strict=True))
        return np.stack([self._row(self.nodes[b]) for b in beginnings])

    def _row(self, packed):
        stored, other = unpack(packed, self.vocabulary)
        row = np.full(self.vocabulary, other)
        row[[self._ids[symbol] for symbol in stored]] = list(stored.values())
        return row


def search(nodes, letters, vocabulary, *, cap, beams, penalty, finished, ask=None):
    """Return the `Decoded` of one beam search over stored strings, and the model that was searched.

    Examples
    --------
    >>> nodes = {"": "ab. 6931 13863 16094", "a": "ab. 30000 30000 1051"}
    >>> found, model = search(nodes, "ab", 3, cap=2, beams=1, penalty="0", finished="kept")
    >>> model.word(found.ids), round(found.log_probability, 2)
    ('a.', -0.75)
    """
    model = StoredModel(nodes, letters, vocabulary, ask)
    found = beam_search(
        model,
        [[0]],
        max_new_tokens=cap,
        end_id=0,
        beams=beams,
        length_penalty=float(penalty),
        lose_finished=finished == "lost",
    )
    return found[0], model


def record(next_logits, prompt, *, ids, end_id, cap):
    """Return for one prompt all that the searches with the offered settings ask for.

    Parameters
    ----------
    next_logits : callable
        From (rows, n) ids to (rows, vocabulary) logits of the next token.
    prompt : sequence of int
    ids : dict of str to int
        Ids of the letters.
    end_id : int
    cap : int
        Letters, the end included, after which a search gives up.

    Returns
    -------
    nodes : dict of str to str
        For each beginning, what `pack` returns.
    vocabulary : int
        Number of logits.
    """
    letters, known = "".join(sorted(ids)), {**ids, END: end_id}

    def logits(beginnings):
        # Texts of one length come together, as everywhere in `thrifty.decoding`.
        rows = [[*prompt, *(ids[letter] for letter in text)] for text in beginnings]
        return log_probabilities(np.asarray(next_logits(np.array(rows))))

    def ask(beginnings):
        return [pack({s: float(row[i]) for s, i in known.items()}) for row in logits(beginnings)]

    vocabulary = logits([""]).shape[1]
    nodes: dict[str, str] = {}
    for beams, penalty, finished in itertools.product(BEAMS, PENALTIES, FINISHED):
        settings = {"cap": cap, "beams": beams, "penalty": penalty, "finished": finished}
        search(nodes, letters, vocabulary, ask=ask, **settings)
    return nodes, vocabulary
