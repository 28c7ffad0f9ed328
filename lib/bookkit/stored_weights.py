"""Weights of the small models trained for the book: a file, and a card beside it.

The card, a JSON file of the same name, tells how the model was trained, what it can do, and the
sha256 of the weights it was written for.
"""

from __future__ import annotations

import hashlib
import io
import json
import pathlib

import numpy as np

from bookkit.files import write_whole


class BrokenModel(ValueError):
    """The stored weights are not the ones the card was written for."""


def card(path: pathlib.Path) -> dict:
    """Return what is known about a stored model: its data, training, figures and sha256."""
    return json.loads(path.with_suffix(".json").read_text())


def load(model, path: pathlib.Path):
    """Give a built model the weights stored in `path`, and return it.

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
    wanted = [tuple(w.shape) for w in model.weights]
    if [a.shape for a in arrays] != wanted:
        raise BrokenModel(f"{path.name} does not hold the {len(wanted)} weights of the model")
    model.set_weights([array.astype("float32") for array in arrays])
    return model


def save(model, about: dict, path: pathlib.Path) -> None:
    """Store the weights in float16, and the card, `about` with the sha256."""
    file = io.BytesIO()
    arrays = {f"w{i}": w.astype("float16") for i, w in enumerate(model.get_weights())}
    np.savez_compressed(file, **arrays)
    write_whole(path, file.getvalue())
    about = {**about, "sha256": hashlib.sha256(file.getvalue()).hexdigest()}
    write_whole(path.with_suffix(".json"), json.dumps(about, indent=1) + "\n")
