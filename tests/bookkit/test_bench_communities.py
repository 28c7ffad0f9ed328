"""What the bench of the search measures: the networks, and the bits that come back."""

import ast
import importlib.metadata
import json
import statistics

import numpy as np
import pytest

from bookkit import bench_communities, bench_community_peers
from bookkit.network_families import LOOKED_AT, SET_ASIDE, SMALL, sample
from thrifty.infomap import find_communities
from thrifty.mapequation import codelength
from thrifty.networks import network


@pytest.mark.parametrize("family", [*LOOKED_AT, *SET_ASIDE])
def test_a_family_is_made_by_its_rule_and_its_seed(family):
    found, again, other = (sample(family, 1000, seed) for seed in (1, 1, 2))
    assert (found.sources == again.sources).all() and (found.weights == again.weights).all()
    assert len(found.sources) != len(other.sources) or (found.sources != other.sources).any()
    assert (found.sources != found.targets).all()
    assert found.sources.max() < found.nodes and found.targets.max() < found.nodes
    pairs = set(zip(found.sources.tolist(), found.targets.tolist(), strict=True))
    assert len(pairs) == len(found.sources)
    if not found.directed:
        assert (found.sources < found.targets).all()
    if found.groups is not None:
        assert len(found.groups) == found.nodes
        inside = np.mean(found.groups[found.sources] == found.groups[found.targets])
        chance = np.sum((np.bincount(found.groups) / found.nodes) ** 2)
        assert inside > 2 * chance


def test_no_family_was_both_looked_at_and_set_aside():
    assert not set(LOOKED_AT) & set(SET_ASIDE)
    with pytest.raises(ValueError, match="family must be one of lfr 0.3"):
        sample("karate", 34, 0)


def test_programs_are_measured_by_the_bits_of_their_modules(tmp_path):
    found = sample("directed blocks", 1000, 5)
    runs = bench_communities.measure(
        found, ("official, two levels", "thrifty, two levels"), tmp_path
    )
    links = zip(found.sources.tolist(), found.targets.tolist(), found.weights.tolist(), strict=True)
    walk = network(list(links), directed=True, nodes=range(1000))
    for seed, run in zip(bench_communities.SEEDS, runs["thrifty, two levels"], strict=True):
        ours = find_communities(walk, seed=seed)
        assert run["bits"] == pytest.approx(codelength(walk, ours.modules).bits, abs=1e-9)
        assert run["modules"] == len(ours.groups())
        assert run["search"] > 0 and run["bytes"] >= 0
    assert runs["official, two levels"][0]["bits"] == pytest.approx(run["bits"], rel=0.01)


def made_up_runs():
    return {
        name: [
            {"bits": bits + i, "search": s * (1 + i), "build": 1.0, "bytes": held, "modules": 3}
            | ({"score": 0.5 + i / 4} if name.startswith("thrifty") else {})
            for i in (0, 1)
        ]
        for name, bits, s, held in [
            ("official, two levels", 4.0, 2.0, 100),
            ("thrifty, two levels", 4.5, 1.0, 25),
        ]
    }


def test_ratios_are_to_the_official_program():
    row = bench_communities.summary(made_up_runs(), "two")["thrifty, two levels"]
    assert row == {
        "bits": statistics.mean([4.5, 5.5]),
        "more bits": pytest.approx(5 / 4.5 - 1),
        "spread": 1.0,
        "seconds": 1.0,
        "time": 0.5,
        "whole time": pytest.approx(2 / 3),
        "memory": 0.25,
        "modules": 3,
        "score": 0.625,
    }


def test_an_overview_has_medians_and_the_most_and_leaves_out_direction_where_it_is_not_known():
    def case(directed, ours, other):
        row = {"memory": 0.5, "more bits": 0.0}
        rows = {
            "thrifty, two levels": row | {"time": ours},
            "igraph, infomap": row | {"time": other},
        }
        return {"directed": directed, "two": rows}

    cases = [case(False, 0.1, 1.0), case(False, 0.2, 3.0), case(True, 0.9, 9.0)]
    found = bench_communities.overview(cases, ["thrifty, two levels", "igraph, infomap"])
    assert found["thrifty, two levels"]["time"] == (0.2, 0.9)
    assert found["igraph, infomap"]["time"] == (2.0, 3.0)


def test_what_is_stored_is_a_full_run_of_the_versions_that_are_pinned():
    told = bench_communities.stored()
    made = [tuple(case["made"]) for case in told["networks"].values()]
    assert made == list(bench_communities.FULL)
    assert told["versions"]["infomap"] == importlib.metadata.version("infomap")


def test_a_run_that_was_broken_off_goes_on(tmp_path, monkeypatch, capsys):
    asked = []

    def compare(family, nodes, others, folder):
        asked.append(family)
        if family == "geometric" and len(asked) < 5:
            raise KeyboardInterrupt
        rows = dict.fromkeys(
            bench_communities.OURS, {"time": 0.5, "memory": 0.2, "more bits": len(family) / 1e5}
        )
        about = {"nodes": nodes, "kind": "looked at", "directed": False}
        return family, about | {"two": rows, "any": rows}

    monkeypatch.setattr(bench_communities, "compare", compare)
    store = tmp_path / "found.json"
    with pytest.raises(KeyboardInterrupt):
        bench_communities.main(["--store", str(store)])
    assert asked == ["lfr 0.3", "lfr 0.5", "blocks", "geometric"]
    bench_communities.main(["--store", str(store), "--families", *LOOKED_AT])
    assert asked[4:] == ["geometric", "nested"]
    told = json.loads(store.read_text("utf8"))
    assert list(told["networks"]) == list(LOOKED_AT)
    assert told["versions"]["infomap"] == importlib.metadata.version("infomap")
    assert "most bits more +0.0090% (geometric)" in capsys.readouterr().out


def test_small_networks_keep_weights_and_direction():
    karate = SMALL["karate"]()
    assert (karate.nodes, len(karate.sources), karate.weights.sum()) == (34, 78, 231)
    assert SMALL["flow"]().directed


def test_the_script_for_other_environments_needs_nothing_of_this_book():
    tree = ast.parse(bench_communities.SCRIPT.read_text("utf8"))
    top = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert top <= {"json", "resource", "sys", "time", "numpy"}
    assert set(bench_community_peers.METHODS) == {
        *bench_communities.OFFICIAL,
        *bench_communities.OURS,
        *bench_communities.OTHERS,
    }
