"""Writing with drafts: whatever is guessed, the text is the one written without guesses."""

import numpy as np
import pytest

from bookkit.recipes.drafting import accepted, attached, draft, write
from thrifty.masks import tree_mask

SYMBOLS, LENGTH = 5, 16


def halves(text):
    """Probabilities that differ with the text's last symbol."""
    p = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    return np.roll(p, int(text[-1]))


def logits(ids, mask, positions):
    """A model of what each place is allowed to see: its sum of symbols, each with its position."""
    seen = (mask * (ids * (1 + positions) + 3 * positions)[:, None]).sum(axis=-1)
    return np.cos(seen[..., None] * np.arange(1, SYMBOLS + 1) * 0.7)


def test_a_chain_holds_the_best_guess_and_what_follows_it():
    symbols, parents = draft(np.array([2]), halves, nodes=4, width=1, deepest=9)
    assert parents == [-1, 0, 1, 2] and symbols == [2, 2, 2, 2]


@pytest.mark.parametrize("nodes", [1, 5, 12])
def test_a_tree_holds_the_most_probable_branches_of_all(nodes):
    symbols, parents = draft(np.array([2]), halves, nodes=nodes, width=SYMBOLS, deepest=3)

    def probability(branch):
        text, p = [2], 1.0
        for symbol in branch:
            p *= halves(text)[symbol]
            text.append(symbol)
        return p

    every = [b for depth in (1, 2, 3) for b in np.ndindex(*[SYMBOLS] * depth)]
    best = sorted(map(probability, every), reverse=True)[:nodes]
    branches = []
    for symbol, parent in zip(symbols, parents, strict=True):
        branches.append((*(branches[parent] if parent >= 0 else ()), symbol))
    assert len(set(branches)) == nodes
    np.testing.assert_allclose([probability(b) for b in branches], best)


def test_no_branch_is_deeper_than_asked():
    symbols, parents = draft(np.array([0]), halves, nodes=9, width=1, deepest=3)
    assert len(symbols) == 3 and parents == [-1, 0, 1]


def test_a_tree_hangs_on_the_last_symbol_of_the_text():
    ids, parents, depths, size = attached([7, 8, 9], [1, 2, 3], [-1, 0, -1], n=8)
    assert ids == [7, 8, 9, 1, 2, 3, 0, 0] and size == 6
    assert parents == [-1, 0, 1, 2, 3, 2, -1, -1]
    assert depths[:6] == (tree_mask(parents[:6]).sum(axis=1) - 1).tolist() == [0, 1, 2, 3, 4, 3]


def test_guesses_are_accepted_up_to_the_first_that_differs():
    ids, parents = [7, 1, 2, 1], [-1, 0, 1, 0]
    assert accepted([3, 0, 0, 0], ids[:3], parents[:3], last=0) == [3]
    assert accepted([1, 4, 0, 0], ids[:3], parents[:3], last=0) == [1, 4]
    assert accepted([1, 2, 4, 0], ids[:3], parents[:3], last=0) == [1, 2, 4]


def noise_of(manner):
    shape = (3, LENGTH, SYMBOLS)
    return np.zeros(shape) if manner == "likeliest" else np.random.default_rng(0).gumbel(size=shape)


@pytest.mark.parametrize("manner", ["likeliest", "drawn"])
@pytest.mark.parametrize(("nodes", "width"), [(1, 1), (4, 1), (4, 5), (8, 2)])
def test_drafts_change_the_passes_and_never_the_text(manner, nodes, width):
    prompts, noise = np.array([[0, 1], [4, 2], [3, 3]]), noise_of(manner)
    alone, passes = write(logits, prompts, 6, halves, noise, nodes=0, width=1, deepest=4)
    assert (passes == 6).all() and alone.shape == (3, 8)
    texts, fewer = write(logits, prompts, 6, halves, noise, nodes=nodes, width=width, deepest=4)
    assert (texts == alone).all() and (fewer <= 6).all()


def test_a_guess_that_knows_the_text_settles_a_whole_branch_a_pass():
    prompts = np.array([[0, 1], [4, 2], [3, 3]])
    alone, _ = write(logits, prompts, 6, halves, noise_of("drawn"), nodes=0, width=1, deepest=4)

    def knows(text):
        (row,) = (alone[:, :2] == text[:2]).all(axis=1).nonzero()[0]
        return np.eye(SYMBOLS)[alone[row, min(len(text), 7)]]

    shaped = {"nodes": 2, "width": 1, "deepest": 4}
    texts, passes = write(logits, prompts, 6, knows, noise_of("drawn"), **shaped)
    assert (texts == alone).all() and (passes == 2).all()  # two guesses and one more


def test_positions_that_are_places_spoil_the_text():
    prompts = np.array([[0, 1], [4, 2], [3, 3]])

    def by_place(ids, mask, positions):
        return logits(ids, mask, np.broadcast_to(np.arange(ids.shape[1]), ids.shape))

    shaped = {"nodes": 8, "width": 5, "deepest": 4}
    alone, _ = write(logits, prompts, 6, halves, noise_of("likeliest"), **shaped)
    spoiled, _ = write(by_place, prompts, 6, halves, noise_of("likeliest"), **shaped)
    assert (spoiled != alone).any()
