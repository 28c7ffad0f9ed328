"""The stored prefix model: what is on its card, and that a changed file is refused."""

import json
import shutil

import numpy as np
import pytest

from bookkit import vowels
from bookkit.recipes import one_mask as recipe


def test_the_model_does_what_its_card_says():
    model, card = vowels.load_model(), vowels.card()
    assert model.count_params() == card["parameters"]
    found = recipe.target_loss(model, recipe.PREFIX, recipe.held_out("words", "test"))
    assert found == pytest.approx(card["test"]["loss"], abs=0.001)


def copied(folder):
    path = folder / "vowels.npz"
    shutil.copy(vowels.WEIGHTS, path)
    shutil.copy(vowels.WEIGHTS.with_suffix(".json"), path.with_suffix(".json"))
    return path


def test_a_changed_file_is_refused(tmp_path):
    path = copied(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(vowels.BrokenModel, match="another sha256"):
        vowels.load_model(path)


def test_weights_of_another_model_are_refused(tmp_path):
    path = copied(tmp_path)
    model = recipe.build(recipe.CAUSAL)
    model(np.ones((1, 2), "int32"))
    vowels.save_model(model, {}, path)
    vowels.load_model(path)  # the same shapes
    small = type("Small", (), {"get_weights": lambda self: [np.zeros(3)]})()
    vowels.save_model(small, {}, path)
    assert "sha256" in json.loads(path.with_suffix(".json").read_text())
    with pytest.raises(vowels.BrokenModel, match="does not hold"):
        vowels.load_model(path)
