"""Words whose category is known, to score clusters of words with.

They are read off the analogy questions of Mikolov et al. 2013 (arXiv 1301.3781), which were made
for something else, so that nobody chose them to suit a clustering. See NOTICE for the file.
"""

from __future__ import annotations

import functools
from collections import Counter

from bookkit import assets

# Of each category: the groups of questions that hold it, and in which of a line's four words.
_PLACES = {
    "capital": [("capital-common-countries", (0, 2)), ("capital-world", (0, 2))],
    "country": [("capital-world", (1, 3)), ("currency", (0, 2))],
    "currency": [("currency", (1, 3))],
    "city": [("city-in-state", (0, 2))],
    "state": [("city-in-state", (1, 3))],
    "family": [("family", (0, 1, 2, 3))],
    "nationality": [("gram6-nationality-adjective", (1, 3))],
    "adverb": [("gram1-adjective-to-adverb", (1, 3))],
    "comparative": [("gram3-comparative", (1, 3))],
    "superlative": [("gram4-superlative", (1, 3))],
    "participle": [("gram5-present-participle", (1, 3))],
    "past": [("gram7-past-tense", (1, 3))],
    "plural": [("gram8-plural", (1, 3))],
    "third person": [("gram9-plural-verbs", (1, 3))],
}

# Settings are chosen on one half of the categories and reported on the other. The halves were
# fixed before any clustering was scored by half.
MEANING = {
    "choose": ("capital", "state", "family"),
    "report": ("country", "currency", "city", "nationality"),
}
FORM = {
    "choose": ("adverb", "comparative", "past"),
    "report": ("superlative", "participle", "plural", "third person"),
}


@functools.cache
def _questions() -> dict[str, list[list[str]]]:
    groups: dict[str, list[list[str]]] = {}
    for line in assets.fetch("analogy-questions").read_text("utf8").splitlines():
        if line.startswith(":"):
            found = groups.setdefault(line[1:].strip(), [])
        else:
            found.append(line.lower().split())
    return groups


def load_categories(vocabulary) -> dict[str, str]:
    """Return the category of every word that has exactly one, in the order of the vocabulary.

    Parameters
    ----------
    vocabulary : iterable of str
        The words that are wanted; those without a category are left out.

    Returns
    -------
    dict of word -> category
        A word of two categories, such as *georgia*, a state and a country, is left out.

    Raises
    ------
    bookkit.assets.AssetError
        If the questions are not in the cache and cannot be downloaded.
    """
    groups = _questions()
    held = {
        category: {
            line[place] for group, places in where for line in groups[group] for place in places
        }
        for category, where in _PLACES.items()
    }
    times = Counter(word for words in held.values() for word in words)
    category = {word: name for name, words in held.items() for word in words if times[word] == 1}
    return {word: category[word] for word in vocabulary if word in category}
