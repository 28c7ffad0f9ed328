"""Compare the book's search for communities with other programs: part of `make bench`.

Each program, network and seed has a process of its own; processes take turns. Times are processor
seconds of one thread, given as ratios to one start of the official program on the same network.
The others live in the environment that `make bench-peers` makes.

    python -m bookkit.bench_communities [--nodes 10000] [--store FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from bookkit.files import ROOT, write_whole
from bookkit.network_families import LOOKED_AT, SET_ASIDE, Sample, sample
from thrifty.mapequation import codelength
from thrifty.networks import network

PEERS = ROOT / ".cache" / "peers" / "bin" / "python"
SCRIPT = pathlib.Path(__file__).with_name("bench_community_peers.py")
SEEDS = (0, 1)
NETWORK_SEED = 11

OURS = (
    "thrifty, two levels, one start",
    "thrifty, two levels",
    "thrifty, any levels, one start",
    "thrifty, any levels",
)
OFFICIAL = ("official, two levels", "official, any levels")
OTHERS = (
    "igraph, infomap",
    "igraph, Leiden",
    "igraph, Louvain",
    "networkit, LouvainMapEquation",
    "scikit-network, Leiden",
)


def measure(found: Sample, methods: tuple, folder: pathlib.Path) -> dict:
    """Return for each method the seconds, bytes and bits of each seed, in turns."""
    path = folder / "network.npz"
    np.savez(
        path,
        sources=found.sources,
        targets=found.targets,
        weights=found.weights,
        nodes=found.nodes,
        directed=found.directed,
    )
    links = np.column_stack([found.sources, found.targets]).tolist()
    graph = network(
        [(a, b, w) for (a, b), w in zip(links, found.weights.tolist(), strict=True)],
        directed=found.directed,
        nodes=range(found.nodes),
    )
    runs: dict[str, list] = {method: [] for method in methods}
    for seed in SEEDS:
        for method in methods:
            runs[method].append(_run(method, path, seed, folder, graph))
    return runs


def _run(method, path, seed, folder, graph) -> dict:
    result = folder / "result.npz"
    python = sys.executable if method.startswith(("thrifty", "official")) else str(PEERS)
    # One thread each: the ratios are of work, not of how many cores a machine has.
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    told = subprocess.run(
        [python, "-W", "ignore", str(SCRIPT), method, str(path), str(seed), str(result)],
        capture_output=True, text=True, check=True, env=os.environ | one,
    )  # fmt: skip
    run = json.loads(told.stdout.strip().splitlines()[-1])
    modules = np.load(result)["modules"]
    run["modules"] = len(np.unique(modules))
    # What is counted are the bits of the modules that came back, by one and the same formula;
    # deeper trees are told by their program, and both programs agree on trees in the tests.
    if "any levels" not in method:
        run["bits"] = codelength(graph, modules).bits
    return run


def summary(runs: dict, levels: str) -> dict:
    """Return each method's bits, time and memory beside those of the official program."""
    base = runs[f"official, {levels} levels"]
    bits, seconds, held = _figures(base)
    rows = {}
    for method, own in runs.items():
        own_bits, own_seconds, own_held = _figures(own)
        rows[method] = {
            "bits": own_bits,
            "more bits": own_bits / bits - 1,
            "time": own_seconds / seconds,
            "memory": own_held / max(held, 1),
            "modules": own[0]["modules"],
        }
    return rows


def _figures(runs: list) -> tuple:
    """Mean bits; the least time, since disturbances only add; the most memory."""
    return (
        statistics.mean(run["bits"] for run in runs),
        min(run["search"] for run in runs),
        max(run["bytes"] for run in runs),
    )


def table(title: str, rows: dict) -> str:
    lines = [
        title,
        f"  {'program':34} {'bits':>10} {'more bits':>10} {'time':>6} {'memory':>7} groups",
    ]
    for method, row in rows.items():
        lines.append(
            f"  {method:34} {row['bits']:10.6f} {row['more bits']:+10.4%} {row['time']:6.2f} "
            f"{row['memory']:7.2f} {row['modules']:6d}"
        )
    return "\n".join(lines)


def bars(found: dict) -> str:
    """One line: medians of time over all networks, and the worst bits."""
    lines = []
    for levels in ("two", "any"):
        for method in (f"thrifty, {levels} levels, one start", f"thrifty, {levels} levels"):
            rows = [tables[levels][method] for tables in found.values()]
            worst = max(rows, key=lambda row: row["more bits"])["more bits"]
            lines.append(
                f"  {method:34} median time {statistics.median(r['time'] for r in rows):.2f}, "
                f"median memory {statistics.median(r['memory'] for r in rows):.2f}, "
                f"most bits more {worst:+.4%}"
            )
    return "\n".join(["Against one start of the official program:", *lines])


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--families", nargs="+", default=[*LOOKED_AT, *SET_ASIDE])
    parser.add_argument("--store", type=pathlib.Path)
    chosen = parser.parse_args(arguments)
    if not PEERS.exists():
        print("Without igraph, networkit and scikit-network; to have them: make bench-peers")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for nodes in chosen.nodes:
            for family in chosen.families:
                made = sample(family, nodes, NETWORK_SEED)
                methods = (*OFFICIAL, *OURS, *(OTHERS if PEERS.exists() else ()))
                runs = measure(made, methods, pathlib.Path(folder))
                aside = "set aside" if family in SET_ASIDE else "looked at"
                name = f"{family}, {made.nodes} nodes, {len(made.sources)} links ({aside})"
                found[name] = {
                    levels: summary({m: r for m, r in runs.items() if other not in m}, levels)
                    for levels, other in (("two", "any levels"), ("any", "two levels"))
                }
                for levels in ("two", "any"):
                    print(table(f"{name}, {levels} levels", found[name][levels]), flush=True)
    print(bars(found))
    if chosen.store:
        write_whole(chosen.store, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
