"""The small prefix model that writes words from their consonants, trained and stored.

`bookkit.recipes.one_mask` trains it; `bookkit.stored_weights` keeps it, with its card.
"""

from __future__ import annotations

import pathlib

from bookkit import stored_weights
from bookkit.files import ROOT

WEIGHTS = ROOT / "book/one_model/vowels.npz"


def card(path: pathlib.Path = WEIGHTS):
    """Return the card of the stored model, see `bookkit.stored_weights.card`."""
    return stored_weights.card(path)


def load_model(path: pathlib.Path = WEIGHTS):
    """Return the stored `thrifty.transformer.Transformer`, built and ready to write.

    Its prompts are the ids of a skeleton and SEP, see `bookkit.skeletons`; they see themselves
    whole, and what is written is in segment 1: ``Cached(model, "bidirectional", next_segment=1)``.
    Raises `bookkit.stored_weights.BrokenModel`.
    """
    return stored_weights.load(_empty(), path)


def _empty():
    # Only here: the recipe stores its model beside these weights.
    from bookkit.recipes import one_mask

    model = one_mask.build(one_mask.PREFIX)
    pair = [([3], [3])]
    one_mask.forward(model, one_mask.batch_of(one_mask.PREFIX, pair)[0])
    return model
