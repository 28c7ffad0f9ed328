import numpy as np
import pytest

from bookkit import mask_proof
from bookkit.mask_proof import measured, prove
from thrifty.masks import permuted_mask, prefix_mask, reach, two_stream_masks

TEXTS = {"caption": "Every dot lies on a filled cell.", "alt": "Two squares of cells with dots."}


@pytest.mark.parametrize("mask", [prefix_mask([0, 0, 1, 1, -1]), permuted_mask([2, 0, 1])])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_stack_depends_on_what_the_masks_let_through(mask, layers):
    assert (measured(mask, layers=layers) == reach([mask] * layers)).all()


ORDERS = [[0, 1, 2, 3], [3, 0, 4, 1, 2], [1, 0]]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_asking_from_positions_shows_the_query_stream_as_it_is(order, layers):
    for mask in two_stream_masks(order):
        found = measured(mask, layers=layers, queries="positions")
        assert (found == reach([mask] * layers)).all()


@pytest.mark.parametrize("order", ORDERS)
def test_asking_with_tokens_leaks_the_token_where_there_is_a_choice_of_keys(order):
    _, query = two_stream_masks(order)
    leaks = np.argwhere(measured(query) & ~query)
    assert {tuple(pair) for pair in leaks} == {(i, i) for i in order[2:]}


def test_a_proof_says_what_asks():
    _, query = two_stream_masks([3, 0, 4, 1, 2])
    prove({"query": query}, queries="positions", **TEXTS)
    with pytest.raises(AssertionError, match="query, 1 layers: 3 pairs leak: query 1 sees key 1"):
        prove({"query": query}, **TEXTS)
    with pytest.raises(ValueError, match="one of tokens, positions, got 'both'"):
        measured(query, queries="both")


def test_a_proof_shows_a_drawing_for_each_mask_and_prints_their_sentences(capsys):
    plot = prove({"one": np.tri(3, dtype=bool), "two": np.eye(3, dtype=bool)}, **TEXTS)
    assert len(plot.drawings) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("one: Causal mask on 3 positions") and lines[1].startswith("two: ")


def test_a_stack_that_depends_on_more_than_its_mask_is_not_drawn(monkeypatch):
    leaky = np.ones((3, 3), bool)
    monkeypatch.setattr(mask_proof, "measured", lambda mask, **how: leaky)
    with pytest.raises(AssertionError, match="one, 1 layers: .*leak"):
        prove({"one": np.tri(3, dtype=bool)}, **TEXTS)
