"""The stored prefix model: it does what its card says."""

import pytest

from bookkit import vowels
from bookkit.recipes import one_mask as recipe


def test_the_model_does_what_its_card_says():
    model, card = vowels.load_model(), vowels.card()
    assert model.count_params() == card["parameters"]
    found = recipe.target_loss(model, recipe.PREFIX, recipe.held_out("words", "test"))
    assert found == pytest.approx(card["test"]["loss"], abs=0.001)
