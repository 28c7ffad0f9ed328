"""News as letters: lines of it with one letter hidden, and counts of what stands between what.

The text of *Blanks, packs and trees*; its models are in `bookkit.recipes.filling`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from bookkit.texts import load_news, words_of

LENGTH = 48  # characters of a line
CASES = 2000  # lines with one letter hidden

LETTERS = 26
SPACE, MASK, START, SYMBOLS = 26, 27, 28, 29


def encode(text):
    """Return the ids of a text: its words in lower case, one space between them.

    Examples
    --------
    >>> encode("A b?")
    array([ 0, 26,  1])
    """
    spelt = " ".join(words_of(text)).encode()
    return np.array([SPACE if byte == 32 else byte - ord("a") for byte in spelt], dtype=int)


def spell(ids):
    """Return the text of ids; a hidden letter is an underscore, the start a bar.

    Examples
    --------
    >>> spell([0, 26, 27])
    'a _'
    """
    return "".join("abcdefghijklmnopqrstuvwxyz _|"[i] for i in ids)


@functools.cache
def stories():
    """Return the ids of the news stories, (training, validation, test), whole stories, 8 : 1 : 1.

    The order is drawn once. Stories shorter than a line are left out.
    """
    texts = [encode(" ".join(story.paragraphs)) for story in load_news()]
    texts = [text for text in texts if len(text) > LENGTH]
    order = np.random.default_rng(0).permutation(len(texts))
    parts = np.split(order, [len(texts) * 8 // 10, len(texts) * 9 // 10])
    return tuple([texts[i] for i in part] for part in parts)


def lines(texts, count, rng):
    """Return (count, LENGTH) ids cut out of the texts anywhere, each place as likely."""
    running, starts = _places(tuple(map(len, texts))), []
    for place in rng.integers(running[-1], size=count):
        text = np.searchsorted(running, place, side="right")
        starts.append((text, place - (running[text - 1] if text else 0)))
    return np.stack([texts[text][at : at + LENGTH] for text, at in starts])


@functools.cache
def _places(lengths):
    """How many lines begin in the texts up to each."""
    return np.cumsum([length - LENGTH + 1 for length in lengths])


@dataclass(frozen=True)
class Cases:
    """Lines with one letter to be hidden: ids (cases, LENGTH), and the place of the letter."""

    ids: np.ndarray
    place: np.ndarray

    @property
    def letter(self):
        """The letter that is hidden, (cases,)."""
        return self.ids[np.arange(len(self.ids)), self.place]

    def filled_with(self, symbol):
        """Return the lines with `symbol`, or one symbol each, at the place."""
        ids = self.ids.copy()
        ids[np.arange(len(ids)), self.place] = symbol
        return ids


def cases(part, count=CASES):
    """Return lines of the "validation" or "test" stories, each with one letter to be hidden.

    The letter stands in the middle half of the line, so that there is text on both sides.
    """
    which = {"validation": 1, "test": 2}[part]
    rng = np.random.default_rng(90 + which)
    ids = lines(stories()[which], 2 * count, rng)
    place = rng.integers(LENGTH // 4, LENGTH * 3 // 4, size=len(ids))
    usable = np.flatnonzero(ids[np.arange(len(ids)), place] < LETTERS)[:count]
    return Cases(ids[usable], place[usable])


# --- counting instead of learning -----------------------------------------------------------------

# How many symbols before and behind the place are looked at, from coarse to fine.
COUNTS = {
    "nothing": [(0, 0)],
    "1 before": [(0, 0), (1, 0)],
    "5 before": [(k, 0) for k in range(6)],
    "1 on each side": [(k, k) for k in range(2)],
    "2 on each side": [(k, k) for k in range(3)],
    "3 on each side": [(k, k) for k in range(4)],
}
PRIOR = 2.0  # how many sightings the coarser counts are worth; not tuned


@functools.cache
def grams(n):
    """Return the different runs of n symbols in the training stories, as numbers, and how often."""
    runs = [np.convolve(text, 27 ** np.arange(n), "valid") for text in stories()[0]]
    return np.unique(np.concatenate(runs), return_counts=True)


def sightings(ids, place, before, behind):
    """Return how often each symbol was seen between these neighbours, (rows, 27)."""
    n = before + behind + 1
    rows, power = np.arange(len(ids)), 27 ** np.arange(n)[::-1]
    around = [d for d in range(-before, behind + 1) if d]
    code = sum((ids[rows, place + d] * power[before + d] for d in around), np.zeros(len(ids), int))
    wanted = code[:, None] + np.arange(27) * power[before]
    known, count = grams(n)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, count[at], 0)


def counted(ids, place, levels):
    """Return the probability of each symbol at a place by counts, the coarser filling the gaps."""
    p = np.full((len(ids), 27), 1 / 27)
    for before, behind in levels:
        seen = sightings(ids, place, before, behind)
        p = (seen + PRIOR * p) / (seen.sum(axis=1, keepdims=True) + PRIOR)
    return p


def guess(text):
    """Return the probability of each symbol behind a text, by its last five."""
    ids = np.append(text[-5:], 0)[None]
    return counted(ids, np.array([len(ids[0]) - 1]), COUNTS["5 before"])[0]
