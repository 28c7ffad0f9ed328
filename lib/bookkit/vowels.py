"""The small prefix model that writes words from their consonants, trained and stored.

`bookkit.recipes.one_mask` trains it; its card, a JSON file beside the weights, tells how and what
it can do.
"""

from __future__ import annotations

import hashlib
import io
import json
import pathlib

import numpy as np

from bookkit.files import ROOT, write_whole

WEIGHTS = ROOT / "book/one_model/vowels.npz"


class BrokenModel(ValueError):
    """The stored weights are not the ones the card was written for."""


def card(path: pathlib.Path = WEIGHTS):
    """Return what is known about the stored model: its data, training, figures and sha256."""
    return json.loads(path.with_suffix(".json").read_text())


def load_model(path: pathlib.Path = WEIGHTS):
    """Return the stored `thrifty.transformer.Transformer`, built and ready to write.

    Its prompts are the ids of a skeleton and SEP, see `bookkit.skeletons`; they see themselves
    whole, and what is written is in segment 1: ``Cached(model, "bidirectional", next_segment=1)``.

    Raises
    ------
    BrokenModel
        If the file is not the one on the card, or a weight has another shape than the model's.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != card(path)["sha256"]:
        raise BrokenModel(f"{path.name} has another sha256 than its card says; restore both files")
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        arrays = [stored[f"w{i}"] for i in range(len(stored.files))]
    model = _empty()
    wanted = [tuple(w.shape) for w in model.weights]
    if [a.shape for a in arrays] != wanted:
        raise BrokenModel(f"{path.name} does not hold the {len(wanted)} weights of the model")
    model.set_weights([array.astype("float32") for array in arrays])
    return model


def save_model(model, about, path: pathlib.Path = WEIGHTS):
    """Store the weights in float16, and the card, `about` with the sha256."""
    file = io.BytesIO()
    arrays = {f"w{i}": w.astype("float16") for i, w in enumerate(model.get_weights())}
    np.savez_compressed(file, **arrays)
    write_whole(path, file.getvalue())
    about = {**about, "sha256": hashlib.sha256(file.getvalue()).hexdigest()}
    write_whole(path.with_suffix(".json"), json.dumps(about, indent=1) + "\n")


def _empty():
    # Only here: the recipe stores its model with this module.
    from bookkit.recipes import one_mask

    model = one_mask.build(one_mask.PREFIX)
    pair = [([3], [3])]
    one_mask.forward(model, one_mask.batch_of(one_mask.PREFIX, pair)[0])
    return model
