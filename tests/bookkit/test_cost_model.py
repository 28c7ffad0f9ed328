"""The model of time and memory, and the stored points that it is fitted to."""

import itertools
import json

import numpy as np
import pytest

from bookkit import bench_breakdown, bench_store, cost_model
from thrifty.patterns import Atrous, Full, Global, Local
from thrifty.plans import cost, plan

STORED = cost_model.stored()
POINTS = STORED["points"] + STORED["other_depths"]
LONG = [point for point in POINTS if point["n"] >= 1024]
MEASURED_BYTES = [point for point in LONG if point["peak_mb"] is not None]


def options(point):
    return {
        "pattern": cost_model.pattern_of(point["pattern"]),
        "n": point["n"],
        "depth": point.get("depth", cost_model.DEPTH),
        "training": point["training"],
    }


# --- what is stored -------------------------------------------------------------------------------


def test_it_is_told_how_the_points_were_measured():
    about = STORED["about"]
    packages = {"tensorflow", "keras", "numpy"}
    assert packages | {"command", "date", "conditions", "processor", "unit", "peak_gflops"} == (
        set(about)
    )
    assert all(about.values())
    assert about["command"] == bench_store.COMMAND


def test_every_point_is_complete():
    for point in STORED["points"]:
        assert set(point) == {"pattern", "n", "training", "time", "peak_mb"}
        assert set(point["pattern"]) == {"kind", "half_width", "rate"}
        assert point["time"] > 0
        assert (point["peak_mb"] is not None) == (point["n"] in bench_store.MEMORY_LENGTHS)


def test_every_pattern_was_measured_at_every_length():
    found = {
        (bench_store.name_of(point["pattern"]), point["n"], point["training"])
        for point in STORED["points"]
    }
    shown = [bench_store.name_of(given) for given in bench_store.SHOWN]
    expected = set(itertools.product(shown, bench_store.LENGTHS, (False, True)))
    missing = {(bench_store.DENSE, bench_store.LENGTHS[-1], True)}  # would hold 13 GB
    assert expected - found == missing


def test_every_breakdown_is_complete():
    kinds = [one["pattern"]["kind"] for one in STORED["breakdown"]]
    assert kinds == ["local", "local", "atrous", "full"]
    for one in STORED["breakdown"]:
        assert list(one["stages"]) == list(bench_breakdown.STAGES)
        assert sum(one["stages"].values()) == pytest.approx(1, abs=0.005)
        assert one["time"] > 0


def test_fitting_again_gives_the_stored_coefficients():
    again = cost_model.fit(POINTS)
    for kind, path, task in itertools.product(again, cost_model.PATHS, cost_model.TASKS):
        stored = STORED["model"][kind][path][task]
        np.testing.assert_allclose(again[kind][path][task], stored, rtol=1e-4, atol=1e-12)


# --- how good the model is ------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "bound"), [("dense", 0.1), ("chunked", 0.1), ("tiles", 0.25)])
def test_times_are_predicted(path, bound):
    points = [point for point in LONG if features_of(point)[0] == path]
    assert len(points) > 10
    for point in points:
        predicted = cost_model.predict_time(STORED["model"], **options(point))
        assert predicted == pytest.approx(point["time"], rel=bound), point


@pytest.mark.parametrize(("path", "bound"), [("dense", 0.05), ("chunked", 0.1), ("tiles", 0.35)])
def test_bytes_are_predicted(path, bound):
    points = [point for point in MEASURED_BYTES if features_of(point)[0] == path]
    assert len(points) >= 8
    for point in points:
        predicted = cost_model.predict_bytes(STORED["model"], **options(point))
        assert predicted == pytest.approx(point["peak_mb"] * 1e6, rel=bound), point


def features_of(point):
    chosen = options(point)
    return cost_model.features(chosen["pattern"], chosen["n"], chosen["depth"])


# --- the counts -----------------------------------------------------------------------------------


def test_counts_are_those_of_the_plan():
    pattern = Local(64) | Atrous(64)
    path, counts = cost_model.features(pattern, 4096, depth=32)
    shapes = [piece.layout.shape for piece in plan(pattern, 4096).pieces]
    assert path == "tiles"
    assert shapes == [(64, 64, 64), (64, 64, 192)]
    assert counts == {
        "executed": cost(pattern, 4096, 32).executed,
        "largest": 64 * 64 * 192,
        "held": 64 * 64 * (64 + 192),
        "moved": 64 * (64 + 64) + 64 * (64 + 192),
        "n": 4096,
        "depth": 32,
    }


def test_queries_that_see_everything_are_counted():
    _, counts = cost_model.features(Local(64) | Global(8), 4096)
    _, without = cost_model.features(Local(64), 4096)
    # First keys: one tile of all queries. First queries: one tile of all keys.
    assert counts["moved"] - without["moved"] == 2 * (4096 + 8)


def test_nothing_is_laid_out_for_all_pairs():
    assert cost_model.features(Full(), 1000)[1]["moved"] == 0
    path, counts = cost_model.features(cost_model.CHUNKED, 1000)
    assert (path, counts["executed"]) == ("chunked", 1024 * 1000)
    assert counts["largest"] == counts["held"] == 256 * 1000


def test_causal_windows_execute_fewer_scores():
    _, both = cost_model.features(Local(64), 4096)
    _, causal = cost_model.features(Local(64), 4096, causal=True)
    assert causal["executed"] < both["executed"]


def test_causal_chunks_stop_at_their_own_end():
    _, counts = cost_model.features(cost_model.CHUNKED, 600, causal=True)
    assert counts["executed"] == 256 * (256 + 512 + 600)


@pytest.mark.parametrize("given", [*bench_store.SHOWN, *bench_store.OTHERS])
def test_a_stored_pattern_has_a_name_among_the_candidates(given):
    assert bench_store.name_of(bench_store.spec(given)) == bench_store.name_of(given)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind must be .* got 'random'"):
        cost_model.pattern_of({"kind": "random"})


# --- fit and its use ------------------------------------------------------------------------------


def made_up_points(coefficients):
    """Points that follow the model exactly."""
    patterns = [*bench_store.SHOWN, *bench_store.OTHERS]
    for given, n, training, depth in itertools.product(
        patterns, (256, 1024, 4096), (False, True), (32, 64)
    ):
        point = {"pattern": given, "n": n, "training": training, "depth": depth}
        _, counts = features_of(point)
        time = np.dot(coefficients[:4], cost_model.time_terms(counts))
        yield {**point, "time": time, "peak_mb": 1 + 1e-5 * counts["n"] * depth}


def test_known_coefficients_are_found_again():
    coefficients = [2e-9, 4e-8, 3e-8, 4e-3]
    model = cost_model.fit(list(made_up_points(coefficients)))
    for task in cost_model.TASKS:
        np.testing.assert_allclose(model["time"]["tiles"][task], coefficients, rtol=1e-4)
        np.testing.assert_allclose(
            model["time"]["dense"][task], [2e-9, 4e-8, 0, 4e-3], rtol=1e-4, atol=1e-12
        )


def test_no_coefficient_is_negative():
    model = STORED["model"]
    for kind, path, task in itertools.product(model, cost_model.PATHS, cost_model.TASKS):
        assert min(model[kind][path][task]) >= 0
        assert max(model[kind][path][task]) > 0


def test_the_largest_n_fits_and_one_more_does_not():
    model, budget = STORED["model"], 2**28
    for pattern in (Full(), Local(64), cost_model.CHUNKED):
        n = cost_model.largest_n(model, budget, pattern, training=True)
        assert cost_model.predict_bytes(model, pattern, n, training=True) <= budget
        assert cost_model.predict_bytes(model, pattern, n + 1, training=True) > budget


def test_a_budget_too_small_for_anything_gives_zero():
    assert cost_model.largest_n(STORED["model"], 1, Local(64)) == 0


def test_the_largest_n_keeps_to_its_limit():
    assert cost_model.largest_n(STORED["model"], 2**40, Local(64), limit=1000) == 1000


# --- the file -------------------------------------------------------------------------------------


def test_the_file_has_one_point_a_line():
    content = {"about": {"x": 1}, "points": [{"n": 1}, {"n": 2}], "model": {"time": [1.5]}}
    text = bench_store.lines(content)
    assert json.loads(text) == content
    assert '    {"n": 1},\n    {"n": 2}\n' in text
