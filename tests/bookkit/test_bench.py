"""The measurements themselves: what they compute, never how long it takes."""

import ast
import itertools
import pathlib
import re
import sys

import numpy as np
import pytest

from bookkit import bench, bench_breakdown, bench_contest, bench_peers
from thrifty.patterns import Atrous, Local
from thrifty.sparse import attend

ROOT = pathlib.Path(__file__).parents[2]


def arrays(n, heads=2, depth=8):
    return np.random.default_rng(0).normal(size=(4, 1, heads, n, depth)).astype("float32")


# --- turns ----------------------------------------------------------------------------------------


def test_candidates_take_turns(monkeypatch):
    called, clock = [], itertools.count(step=0.01)
    monkeypatch.setattr(bench.time, "process_time", lambda: next(clock))
    seconds = bench.turns({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 3)
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}
    # Two calls of each beforehand; a call of 0.01 s is repeated within its turn of 0.02 s.
    assert "".join(called) == "aabb" + 3 * "aabb"
    assert seconds["a"] == pytest.approx([0.005] * 3)


def test_take_turns_gives_the_median(monkeypatch):
    monkeypatch.setattr(bench, "turns", lambda candidates, rounds: {"a": [5.0, 1.0, 2.0]})
    assert bench.take_turns({"a": None}) == {"a": 2.0}


# --- the breakdown --------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", [Local(16), Atrous(4)])
def test_the_last_stage_is_what_attend_returns(pattern):
    q, k, v, _ = arrays(300)
    (found,) = bench_breakdown.tiled_until(pattern, 300, "untile")(q, k, v)
    np.testing.assert_allclose(found, attend(q, k, v, pattern), atol=1e-6)


def test_every_stage_gives_what_the_next_needs():
    q, k, v, _ = arrays(128)
    shapes = {
        stage: [
            tuple(x.shape[2:]) for x in bench_breakdown.tiled_until(Local(32), 128, stage)(q, k, v)
        ]
        for stage in bench_breakdown.STAGES
    }
    assert shapes == {
        "layout": [(4, 32, 8), (4, 96, 8), (4, 96, 8)],
        "q k^T": [(4, 32, 96), (4, 96, 8)],
        "bias": [(4, 32, 96), (4, 96, 8)],
        "softmax": [(4, 32, 96), (4, 96, 8)],
        "p v": [(4, 32, 8)],
        "untile": [(128, 8)],
    }


def test_shares_of_stages_sum_to_one():
    given = {"kind": "local", "half_width": 16, "rate": None}
    found = bench_breakdown.breakdown(given, n=256, rounds=1)
    assert list(found["stages"]) == list(bench_breakdown.STAGES)
    assert sum(found["stages"].values()) == pytest.approx(1, abs=0.005)
    assert min(found["stages"].values()) >= 0


# --- the contest ----------------------------------------------------------------------------------


def test_what_is_expected_is_what_attend_gives():
    import tensorflow as tf

    q, k, v, weights = (tf.constant(x) for x in arrays(150))
    mask = bench_contest.masks(150)["local"]
    expected = bench_contest.expected(*(x.numpy() for x in (q, k, v, weights)), mask)
    with tf.GradientTape() as tape:
        tape.watch([q, k, v])
        output = attend(q, k, v, Local(bench_peers.HALF_WIDTH))
        loss = tf.reduce_sum(output * weights)
    found = [output, *tape.gradient(loss, [q, k, v])]
    assert bench_peers.error(found, expected) < 1e-5


def test_the_rules_of_the_contest_are_the_patterns():
    for rule, pattern in (("local", Local(64)), ("atrous", Atrous(64))):
        assert (bench_contest.masks(200)[rule] == pattern.mask(200)).all()


def test_a_wrong_candidate_shows_its_error():
    arrays = {
        "local output": np.zeros(3),
        **{f"local {x}": np.zeros(3) for x in ("dq", "dk", "dv")},
    }

    def run(function, training):
        return lambda: [np.full(3, 0.5)] * 3 if training else [np.full(3, 0.25)]

    def found(has_gradient):
        candidates = {"a": ("local", None, has_gradient)}
        return bench_peers.report(candidates, arrays, run, np.asarray)["candidates"]["a"]

    assert (found(True)["error"], found(False)["error"]) == (0.5, 0.25)
    assert found(True)["forward"] > 0 and found(True)["training"] > 0
    assert found(False)["training"] is None


def test_the_peers_script_needs_nothing_of_the_book():
    tree = ast.parse(pathlib.Path(bench_peers.__file__).read_text("utf8"))
    at_once = {
        name.name.split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module)])
    }
    assert at_once <= {*sys.stdlib_module_names, "numpy"}
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not [name for name in imported if name.startswith(("bookkit", "thrifty", "tensorflow"))]


def test_peers_are_pinned_exactly():
    expected = {
        "peers.txt": {"torch", "transformers", "local-attention", "jax"},
        "community_peers.txt": {"igraph", "networkit", "scikit-network"},
    }
    pins = []
    for name, libraries in expected.items():
        lines = (ROOT / "lib" / "bookkit" / name).read_text("utf8").splitlines()
        here = [line for line in lines if line and not line.startswith("#")]
        assert {pin.split("==")[0] for pin in here} >= libraries
        pins += here
    assert [pin for pin in pins if not re.fullmatch(r"[a-z-]+==[\d.]+", pin)] == []


def test_the_table_says_so_where_there_is_no_gradient():
    ours = {"rule": "local", "forward": 2.0, "training": 4.0, "error": 1e-6}
    other = {"rule": "local", "forward": 3.0, "training": None, "error": 1e-6}
    found = {bench_contest.OURS["local"]: ours, "other": other}
    text = bench_contest.contest_table(1024, found)
    assert re.search(r"other +local +1\.50 +none", text)


def test_without_the_peers_it_is_told_how_to_install_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench_contest, "PEERS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench_contest"])
    bench_contest.main()
    assert "make bench-peers" in capsys.readouterr().out
