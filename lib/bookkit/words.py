"""Word vectors: 400,000 English words, 50 numbers each, the most frequent word first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bookkit import assets


class UnknownWord(KeyError):
    """A word has no vector."""

    def __str__(self) -> str:
        return self.args[0]  # KeyError would show the message in quotation marks


@dataclass(frozen=True)
class WordVectors:
    """Words, and a row of numbers for each.

    Parameters
    ----------
    words : list of str
        In the order of their frequency in the text they were learnt from.
    vectors : numpy.ndarray
        float32, one row a word.

    Examples
    --------
    >>> vectors = WordVectors(["tea", "coffee"], np.eye(2, dtype="float32"))
    >>> vectors.vectors_of(["coffee"])
    array([[0., 1.]], dtype=float32)
    """

    words: list[str]
    vectors: np.ndarray

    @cached_property
    def index(self) -> dict[str, int]:
        """The row of every word."""
        return {word: row for row, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def __repr__(self) -> str:
        rows, columns = self.vectors.shape
        return f"WordVectors({rows} words, {columns} numbers each)"

    def vectors_of(self, words: Iterable[str]) -> np.ndarray:
        """Return the vectors of some words, one row a word, in memory."""
        if isinstance(words, str):
            raise TypeError(f"words must be a list: write vectors_of([{words!r}]).")
        words = list(words)
        missing = [word for word in words if word not in self.index]
        if missing:
            raise UnknownWord(self.explain(missing))
        rows = [self.index[word] for word in words]
        return np.array(self.vectors[rows])

    def explain(self, missing: list[str]) -> str:
        """Say which words are unknown, and which spelling would be known."""
        text = f"Not among the {len(self)} words: {', '.join(map(repr, missing))}."
        lower = [word.lower() for word in missing if word.lower() in self.index]
        if lower:
            text += f" All words are in lower case; known: {', '.join(map(repr, lower))}."
        return text


def load_glove(limit: int | None = None) -> WordVectors:
    """Return the GloVe word vectors, or those of the `limit` most frequent words.

    The vectors stay on disk and are read where they are used, so that loading takes no memory.
    The first call downloads about 76 MB.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; it must be at least 1, or None for all words.")
    # Only here, because it is slow to import and only this function reads tables.
    import pyarrow.parquet

    table = assets.fetch("glove-50d-words")
    vectors = np.load(assets.fetch("glove-50d-vectors"), mmap_mode="r", allow_pickle=False)
    # By its path and on one thread: reader threads left behind can abort a process that ends.
    column = pyarrow.parquet.read_table(str(table), columns=["index"], use_threads=False)["index"]
    words = column.slice(0, limit).to_pylist()
    return WordVectors(words, vectors[: len(words)])
