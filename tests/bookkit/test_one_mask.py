"""The recipe of three models from source to target."""

import numpy as np
import pytest

from bookkit import skeletons
from bookkit.recipes import one_mask as recipe
from bookkit.skeletons import END, SEP
from thrifty.masks import prefix_mask

PAIRS = [([5, 6, 7], [8, 9]), ([5], [8, 9, 10, 11])]


def test_the_models_are_of_one_size():
    sizes = []
    for kind in recipe.MODELS:
        model = recipe.build(kind)
        recipe.forward(model, recipe.batch_of(kind, PAIRS)[0])
        sizes.append(model.count_params())
    assert max(sizes) < 1.02 * min(sizes)


def test_masks_hide_padding_and_the_future():
    segments = recipe.joined(PAIRS)[1]
    for row, mask in zip(segments, recipe.MASKS[recipe.PREFIX](segments), strict=True):
        assert (mask == prefix_mask(row)).all()
    mask = recipe.MASKS[recipe.CAUSAL](segments)
    assert not np.triu(mask, k=1).any() and not mask[0, :, segments[0] == -1].any()


def test_prefix_is_causal_where_the_source_is_empty():
    segments = np.array([[1, 1, 1, 1, -1]])
    prefix, causal = (recipe.MASKS[kind](segments) for kind in (recipe.PREFIX, recipe.CAUSAL))
    assert (prefix[0, :4] == causal[0, :4]).all()


@pytest.mark.parametrize("kind", recipe.MODELS)
def test_weights_are_those_of_the_target_and_its_end(kind):
    _, targets, weights = recipe.batch_of(kind, PAIRS)
    for row, counts, (_, target) in zip(targets, weights, PAIRS, strict=True):
        assert row[counts == 1].tolist() == [*target, END]


def test_loss_on_both_counts_the_source_as_well():
    _, targets, weights = recipe.batch_of(recipe.CAUSAL, PAIRS, "both")
    assert targets[0][weights[0] == 1].tolist() == [6, 7, SEP, 8, 9, END]


@pytest.mark.parametrize("task", recipe.SYMBOL_TASKS)
def test_symbol_tasks(task):
    for source, target in recipe.symbol_pairs(task, np.random.default_rng(0), 5):
        wanted = {"copy": list(source), "reverse": list(source)[::-1], "sort": sorted(source)}
        assert list(target) == wanted[task]


def test_a_run_repeats_itself_and_stops_where_it_is_told():
    runs = [recipe.train("copy", recipe.PREFIX, 1, 1e-3, 200, stop=50)[1] for _ in range(2)]
    assert runs[0] == runs[1] and len(runs[0]) == 1


def test_exact_wants_the_end_sign():
    assert recipe.exact([[8, 9, END], [8, 9, 10, 11]], PAIRS) == 0.5


def test_what_is_stored_is_whole():
    stored = recipe.stored()
    assert {recipe.key_of(*run) for run in recipe.runs()} == set(stored["results"])
    assert 0 < stored["baseline"]["ceiling"] < 1
    assert recipe.key_of(*recipe.KEPT) in stored["results"]
    assert max(skeletons.encode("z")) < skeletons.VOCABULARY
