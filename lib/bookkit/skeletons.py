"""A small text task: words without their vowels, and back: prlmnt, parliament.

The words are the most frequent ones of the GloVe list. All words of one skeleton stand in one part,
so that no skeleton of the test has been seen in training.
"""

from __future__ import annotations

import functools
import math
import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from bookkit.words import load_glove

VOWELS = "aeiou"
LETTERS = "abcdefghijklmnopqrstuvwxyz"

# The ids of the models: three signs, then the letters.
PAD, SEP, END = 0, 1, 2
VOCABULARY = 3 + len(LETTERS)

SHORTEST, LONGEST = 4, 12  # letters of a word
COUNT = 24_000
HELD_OUT = 1_000  # skeletons for validation, and as many for the test


@dataclass(frozen=True)
class Parts:
    """The words of the task, in three parts that have no skeleton in common.

    In each part the words stand in the order of their frequency.
    """

    train: tuple
    validation: tuple
    test: tuple


def skeleton(word):
    """Return a word without its vowels a, e, i, o, u.

    Examples
    --------
    >>> skeleton("parliament")
    'prlmnt'
    """
    return re.sub(f"[{VOWELS}]", "", word)


@functools.cache
def load():
    """Return the COUNT most frequent words of 4 to 12 letters a-z with at least two consonants."""
    fitting = re.compile(f"[a-z]{{{SHORTEST},{LONGEST}}}")
    words = [word for word in load_glove(40_000).words if fitting.fullmatch(word)]
    return split([word for word in words if len(skeleton(word)) > 1][:COUNT])


def split(words, held_out=HELD_OUT, seed=0):
    """Return words as `Parts`: `held_out` skeletons each for validation and test."""
    skeletons = sorted({skeleton(word) for word in words})
    if len(skeletons) <= 2 * held_out:
        raise ValueError(f"{len(skeletons)} skeletons are too few for twice {held_out} and a rest")
    order = np.random.default_rng(seed).permutation(len(skeletons))
    part = {skeletons[i]: min(turn // held_out, 2) for turn, i in enumerate(order)}
    of_part = [tuple(word for word in words if part[skeleton(word)] == k) for k in range(3)]
    return Parts(train=of_part[2], validation=of_part[0], test=of_part[1])


def encode(text):
    """Return the ids of letters a-z.

    Examples
    --------
    >>> encode("cab")
    [5, 3, 4]
    """
    return [3 + LETTERS.index(letter) for letter in text]


def decode(ids):
    """Return the letters of ids up to the end sign; the other two signs become "?".

    Examples
    --------
    >>> decode([5, 3, 4, END, PAD])
    'cab'
    """
    text = ""
    for i in ids:
        if i == END:
            break
        text += LETTERS[i - 3] if i >= 3 else "?"
    return text


def ceiling(words):
    """Return the highest share of these words that an answer by the skeleton alone can hit.

    Words of one skeleton get one answer, and it is right for one of them.

    Examples
    --------
    >>> ceiling(["read", "road", "word"])
    0.6666666666666666
    """
    return len({skeleton(word) for word in words}) / len(words)


def gaps(word):
    """Return the vowels before, between and behind the consonants of a word.

    Examples
    --------
    >>> gaps("audio")
    ['au', 'io']
    """
    return re.split(f"[^{VOWELS}]", word)


def score(answers, words):
    """Return the share of words that are right, and the share of gaps that are filled rightly.

    An answer with another skeleton than the word's has filled none.

    Examples
    --------
    >>> score(["parliment", "road"], ["parliament", "road"])
    (0.5, 0.9)
    """
    right = total = 0
    for answer, word in zip(answers, words, strict=True):
        wanted = gaps(word)
        total += len(wanted)
        if skeleton(answer) == skeleton(word):
            right += sum(a == b for a, b in zip(gaps(answer), wanted, strict=True))
    exact = sum(answer == word for answer, word in zip(answers, words, strict=True))
    return exact / len(words), right / total


class LetterModel:
    """A baseline that counts: the probability of a letter after the few letters before it.

    Parameters
    ----------
    words : sequence of str
        The words to count, each once.
    order : int
        Letters that are looked at together: 3 is a trigram model.
    trust : float
        How many counts the shorter context is worth (interpolation after Witten and Bell 1991).

    Examples
    --------
    >>> model = LetterModel(["banana", "bandana"], order=3)
    >>> model.fill("bnn")
    'banana'
    """

    def __init__(self, words, order=3, trust=2.0):
        self.order, self.trust = order, trust
        self._counts = [defaultdict(lambda: defaultdict(int)) for _ in range(order)]
        for word in words:
            text = "^" * (order - 1) + word + "$"
            for i in range(order - 1, len(text)):
                for n in range(order):
                    self._counts[n][text[i - n : i]][text[i]] += 1
        self._cost = functools.cache(self._cost)

    def probability(self, letter, context):
        """Return the probability of a letter, or of "$" for the end, after a context."""
        p = 1 / (len(LETTERS) + 1)
        for n in range(self.order):
            after = self._counts[n].get(context[len(context) - n :])
            if after:
                p = (after.get(letter, 0) + self.trust * p) / (sum(after.values()) + self.trust)
        return p

    def _cost(self, letter, context):
        return -math.log(self.probability(letter, context))

    def fill(self, consonants, most=2):
        """Return the most probable word with this skeleton, at most `most` vowels in a gap.

        The search is exact (Viterbi 1967): of all beginnings that end alike only the best goes on.
        """
        start = "^" * (self.order - 1)
        best = {start: (0.0, "")}
        for consonant in (*consonants, "$"):
            reached = [best]
            for _ in range(most):
                reached.append(self._extended(reached[-1], VOWELS))
            best = self._extended(_better(reached), consonant)
        return min(best.values())[1][:-1]

    def _extended(self, best, letters):
        """Every beginning with one of the letters behind it; the best of those that end alike."""
        found = {}
        for context, (cost, text) in best.items():
            for letter in letters:
                longer = cost + self._cost(letter, context), text + letter
                end = (context + letter)[1:]
                found[end] = min(found.get(end, longer), longer)
        return found


def _better(several):
    """Join searches, and keep the best of what ends alike."""
    joined = {}
    for best in several:
        for end, candidate in best.items():
            joined[end] = min(joined.get(end, candidate), candidate)
    return joined
