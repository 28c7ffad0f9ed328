import numpy as np
import pytest

from bookkit import mask_proof
from bookkit.mask_proof import measured, prove
from thrifty.masks import permuted_mask, prefix_mask, reach

TEXTS = {"caption": "Every dot lies on a filled cell.", "alt": "Two squares of cells with dots."}


@pytest.mark.parametrize("mask", [prefix_mask([0, 0, 1, 1, -1]), permuted_mask([2, 0, 1])])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_stack_depends_on_what_the_masks_let_through(mask, layers):
    assert (measured(mask, layers=layers) == reach([mask] * layers)).all()


def test_a_proof_shows_a_drawing_for_each_mask_and_prints_their_sentences(capsys):
    plot = prove({"one": np.tri(3, dtype=bool), "two": np.eye(3, dtype=bool)}, **TEXTS)
    assert len(plot.drawings) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("one: Causal mask on 3 positions") and lines[1].startswith("two: ")


def test_a_stack_that_depends_on_more_than_its_mask_is_not_drawn(monkeypatch):
    leaky = np.ones((3, 3), bool)
    monkeypatch.setattr(mask_proof, "measured", lambda mask, layers=1: leaky)
    with pytest.raises(AssertionError, match="one, 1 layers: .*leak"):
        prove({"one": np.tri(3, dtype=bool)}, **TEXTS)
