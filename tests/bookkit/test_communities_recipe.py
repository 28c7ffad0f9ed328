"""The experiment on planted communities: what is stored, and the tools it is judged with."""

import networkx as nx
import numpy as np
import pytest

from bookkit import network_families
from bookkit.network_families import lfr
from bookkit.recipes import communities as recipe


@pytest.fixture(scope="module")
def sample():
    return lfr(1000, 0, 0.3)


def test_everything_is_stored():
    stored = recipe.stored()
    assert set(stored) == {recipe.key_of(*case) for case in recipe.networks()}
    for found in stored.values():
        assert set(recipe.METHODS) <= set(found)
        assert all(len(found[name]) == recipe.SEEDS for name in recipe.METHODS)
        assert found["planted"]["ami"] == 1
        assert 0.1 < found["mixing"] < 0.95


def test_a_run_comes_out_as_stored():
    again = recipe.measure(1000, 0.3, 1, seeds=1, methods=("InfoMap", "Leiden"))
    before = recipe.stored()[recipe.key_of(1000, 0.3, 1)]
    assert again["planted"] == before["planted"] and again["mixing"] == before["mixing"]
    assert again["one module"] == before["one module"]
    assert again["InfoMap"] == before["InfoMap"][:1] and again["Leiden"] == before["Leiden"][:1]


def test_a_rewired_network_keeps_the_degrees_and_loses_the_groups(sample):
    mixed = recipe.rewired(sample, seed=0)
    before, after = (
        np.bincount(np.r_[found.sources, found.targets], minlength=found.nodes)
        for found in (sample, mixed)
    )
    assert (after <= before).all() and after.sum() > 0.97 * before.sum()
    inside = (sample.groups[s.sources] == sample.groups[s.targets] for s in (sample, mixed))
    share, chance = (part.mean() for part in inside)
    assert np.isclose(share, 1 - recipe.mixing_of(sample), atol=1e-4) and chance < 0.1
    assert not (mixed.sources == mixed.targets).any()
    again = recipe.rewired(sample, seed=0)
    assert np.array_equal(again.sources, mixed.sources)


@pytest.mark.parametrize(("asked", "comes"), [("0.3", ".46"), ("0.5", ".72")])
def test_names_of_families_say_what_was_asked_and_the_docstring_what_comes(asked, comes):
    mixing = recipe.mixing_of(network_families.sample(f"lfr {asked}", 1000, seed=0))
    assert f"{mixing:.2f}".lstrip("0") == comes
    assert f'"lfr {asked}"' in network_families.__doc__ and comes in network_families.__doc__


def test_modularity_is_that_of_networkx(sample):
    graph = recipe.graph_of(sample)
    groups = [set(np.flatnonzero(sample.groups == k).tolist()) for k in set(sample.groups.tolist())]
    ours = recipe.modularity(sample, sample.groups.tolist())
    assert np.isclose(ours, nx.community.modularity(graph, groups))


@pytest.mark.parametrize("name", recipe.METHODS)
def test_every_method_finds_easy_groups_and_says_one_module_for_each_node(name):
    easy = lfr(1000, 0, 0.1)
    modules = recipe.METHODS[name](recipe.walk_of(easy), easy, 0)
    assert len(modules) == 1000
    assert recipe.judged(recipe.walk_of(easy), easy, modules)["ami"] > 0.99
