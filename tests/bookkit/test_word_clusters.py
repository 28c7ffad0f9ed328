"""The recipes of *Clustering words*: what they score, choose and store."""

import numpy as np
import pytest

from bookkit.recipes import soft_modules, word_clusters
from bookkit.word_categories import MEANING


@pytest.fixture
def small(monkeypatch):
    """Six words in a vocabulary of seven."""

    class Glove:
        words = ["oslo", "paris", "the", "texas", "ohio", "she", "he"]
        index = {word: row for row, word in enumerate(words)}

    labels = dict(
        zip(
            ["oslo", "paris", "texas", "ohio", "she", "he"],
            ["capital"] * 2 + ["state"] * 2 + ["family"] * 2,
            strict=True,
        )
    )
    monkeypatch.setattr(word_clusters, "glove", Glove)
    monkeypatch.setattr(word_clusters, "categories", lambda: labels)


def test_the_score_is_of_labelled_words_only(small):
    assert word_clusters.score([5, 5, 0, 1, 1, 2, 2], MEANING["choose"]) == (1, 1)
    assert word_clusters.score([0] * 7, MEANING["choose"]) == pytest.approx((0, 0))
    apart = word_clusters.score([0, 1, 2, 3, 4, 5, 6], MEANING["choose"])
    assert apart == pytest.approx((0, 0), abs=1e-9)


def test_only_the_wanted_categories_count(small):
    mixed = [0, 0, 9, 1, 2, 0, 0]
    assert word_clusters.score(mixed, ("capital", "family"))[0] == pytest.approx(0)
    assert word_clusters.score(mixed, ("capital", "state"))[0] > 0


def test_a_setting_is_chosen_by_meaning():
    tried = {
        ("k-means", k): {"meaning": -abs(k - 200), "form": k, "clusters": k}
        for k in word_clusters.CLUSTERS
    }
    assert word_clusters.best_setting(tried, "k-means") == 200


def test_everything_is_stored():
    results = word_clusters.load()
    assert list(results) and set(results) == {key for key, _ in word_clusters.runs(results)}
    stored = soft_modules.load()
    assert set(stored) == {key for key, _ in soft_modules.runs(stored)}


def test_the_stored_choice_follows_from_what_was_tried():
    results = word_clusters.load()
    tried = word_clusters.tried_in(results)
    for name in word_clusters.METHODS:
        chosen = word_clusters.best_setting(tried, name)
        stored = results[f"report, {name}"]["setting"]
        assert stored == (list(chosen) if isinstance(chosen, tuple) else chosen)
        seeds = len(word_clusters.seeds_of(name, word_clusters.SEEDS))
        assert len(results[f"report, {name}"]["rows"]) == seeds


@pytest.mark.network
def test_words_of_the_noise_are_alone(monkeypatch):
    rng = np.random.default_rng(0)
    tight = rng.normal(size=(2, 1, 5)) + 0.01 * rng.normal(size=(2, 20, 5))
    points = np.concatenate([*tight, 10 * rng.normal(size=(3, 5))])
    monkeypatch.setattr(word_clusters, "units", lambda: points)
    clusters = word_clusters.hdbscan((5, "eom"), 0)
    assert len(set(clusters[:20])) == len(set(clusters[20:40])) == 1
    assert len(set(clusters)) == 5


@pytest.mark.parametrize("kind", soft_modules.RATES)
def test_a_short_training_is_told_and_scored(kind):
    found = soft_modules.train(kind, "karate club", seed=0, steps=60)
    assert len(found["curve"]) == 2 and found["curve"][1] < found["curve"][0]
    again = soft_modules.load()[f"karate club, {kind}, seed 0"]["curve"]
    assert found["curve"] == pytest.approx(again[:2], abs=0.01)
    assert "ami" not in found and found["modules"] <= 34
