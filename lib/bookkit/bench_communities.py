"""Compare the book's search for communities with other programs: part of `make bench`.

Each program has a process of its own for each network. Times are processor seconds of one
thread, given as ratios to one start of the official program on the same network. The others
live in the environment that `make bench-peers` makes.

    python -m bookkit.bench_communities [--full] [--store]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from bookkit.files import ROOT, write_whole
from bookkit.network_families import LOOKED_AT, SET_ASIDE, SMALL, Sample, sample
from thrifty.mapequation import codelength
from thrifty.networks import network

PEERS = ROOT / ".cache" / "community_peers"
SCRIPT = pathlib.Path(__file__).with_name("bench_community_peers.py")
STORED = pathlib.Path(__file__).with_name("measured") / "communities.json"
SEEDS = (0, 1)
NETWORK_SEED = 11

# What is measured in any case, and what only a full run does.
USUAL = tuple((family, 10_000) for family in (*LOOKED_AT, *SET_ASIDE))
LARGE = ("lfr 0.3", "lfr 0.5", "blocks", "geometric", "nested", "directed blocks")
FULL = (
    *USUAL,
    *((family, 100_000) for family in LARGE),
    ("recursive", 2**17),
    *((name, 0) for name in SMALL),
    *((family, 1000) for family in (*LOOKED_AT, *SET_ASIDE)),
)

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


def stored() -> dict:
    """Return what the last full run has measured: the versions compared, and the networks."""
    return json.loads(STORED.read_text("utf8"))


def measure(found: Sample, methods: tuple, folder: pathlib.Path) -> dict:
    """Return for each method the seconds, bytes, bits and score of each seed."""
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
    # What takes minutes is run once; the others stand beside for a picture, so one seed will do.
    seeds = SEEDS if found.nodes < 100_000 else SEEDS[:1]
    return {
        method: _runs(method, path, seeds[: 1 if method in OTHERS else None], folder, graph, found)
        for method in methods
    }


def _runs(method, path, seeds, folder, graph, found) -> list:
    result = folder / "result.npz"
    ours = method.startswith(("thrifty", "official"))
    python = sys.executable if ours else str(PEERS / "bin" / "python")
    # What takes milliseconds is repeated, and the least time counts.
    repeats = max(1, min(5, 30_000 // len(graph)))
    # One thread each: the ratios are of work, not of how many cores a machine has.
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    told = subprocess.run(
        [python, "-W", "ignore", SCRIPT, method, path, str(repeats), result, *map(str, seeds)],
        capture_output=True, text=True, check=True, env=os.environ | one,
    )  # fmt: skip
    runs, stored = json.loads(told.stdout.strip().splitlines()[-1]), np.load(result)
    for seed, run in zip(seeds, runs, strict=True):
        modules = stored[str(seed)]
        run["modules"] = len(np.unique(modules))
        if found.groups is not None:
            run["score"] = float(adjusted_mutual_info_score(found.groups, modules))
        # What is counted are the bits of the modules that came back, by one and the same formula;
        # deeper trees are told by their program, and both programs agree on trees in the tests.
        if "any levels" not in method:
            run["bits"] = codelength(graph, modules).bits
    return runs


def summary(runs: dict, levels: str) -> dict:
    """Return each method's bits, time and memory beside those of the official program.

    Times are given twice: of the search, and with the building of the network before it.
    The score is the adjusted mutual information with planted groups, and absent without them.
    """
    base = _figures(runs[f"official, {levels} levels"])
    rows = {}
    for method, own in runs.items():
        figures = _figures(own)
        rows[method] = {
            "bits": figures["bits"],
            "more bits": figures["bits"] / base["bits"] - 1 if base["bits"] else 0.0,
            "spread": max(run["bits"] for run in own) - min(run["bits"] for run in own),
            "seconds": figures["search"],
            "time": figures["search"] / base["search"],
            "whole time": figures["whole"] / base["whole"],
            "memory": figures["bytes"] / max(base["bytes"], 1),
            "modules": own[0]["modules"],
        }
        if "score" in own[0]:
            rows[method]["score"] = statistics.mean(run["score"] for run in own)
    return rows


def _figures(runs: list) -> dict:
    """Mean bits; the least time, since disturbances only add; the most memory."""
    return {
        "bits": statistics.mean(run["bits"] for run in runs),
        "search": min(run["search"] for run in runs),
        "whole": min(run["search"] + run["build"] for run in runs),
        "bytes": max(run["bytes"] for run in runs),
    }


def table(title: str, rows: dict) -> str:
    lines = [
        title,
        f"  {'program':34} {'bits':>10} {'more bits':>10} {'time':>6} {'whole':>6} {'memory':>7} "
        f"{'modules':>7} {'score':>6}",
    ]
    for method, row in rows.items():
        score = f"{row['score']:6.3f}" if "score" in row else f"{'-':>6}"
        lines.append(
            f"  {method:34} {row['bits']:10.6f} {row['more bits']:+10.4%} {row['time']:6.2f} "
            f"{row['whole time']:6.2f} {row['memory']:7.2f} {row['modules']:7d} {score}"
        )
    return "\n".join(lines)


def overview(networks, programs) -> dict:
    """Return the (median, most) of each program's time, memory and more bits on some networks.

    Parameters
    ----------
    networks : iterable of dict
        As a full run stores them.
    programs : iterable of str
        Those that do not know direction are measured by undirected networks alone.

    Returns
    -------
    dict of program -> dict of "time", "memory", "more bits" -> (median, most)
    """
    found = {}
    for program in programs:
        levels = "any" if "any levels" in program else "two"
        rows = [
            case[levels][program]
            for case in networks
            if not (case["directed"] and program in OTHERS)
        ]
        found[program] = {
            what: (statistics.median(row[what] for row in rows), max(row[what] for row in rows))
            for what in ("time", "memory", "more bits")
        }
    return found


def bars(found: dict) -> str:
    """Median time, most memory and most bits more, of networks looked at and set aside."""
    lines = ["Against one start of the official program (small networks are not timed):"]
    for kind in ("looked at", "set aside"):
        chosen = {name: case for name, case in found.items() if case["kind"] == kind}
        timed = [case for case in chosen.values() if case["nodes"] >= 1000]
        for program, row in overview(timed, OURS).items() if timed else ():
            levels = "any" if "any levels" in program else "two"
            more = {name: case[levels][program]["more bits"] for name, case in chosen.items()}
            worst = max(more, key=more.get)
            lines.append(
                f"  {kind}, {program:34} median time {row['time'][0]:.2f}, "
                f"most memory {row['memory'][1]:.2f}, "
                f"most bits more {more[worst]:+.4%} ({worst})"
            )
    return "\n".join(lines)


def describe(family: str, nodes: int) -> tuple:
    """Return a network and what is said of it: its size, and whether it was set aside."""
    made = SMALL[family]() if family in SMALL else sample(family, nodes, NETWORK_SEED)
    about = {
        "nodes": made.nodes,
        "links": len(made.sources),
        "directed": made.directed,
        "kind": "set aside" if family in SET_ASIDE else "looked at",
    }
    return made, about


def versions() -> dict:
    """The versions of what was compared, and of what it ran on."""
    names = ("infomap", "numba", "numpy", "scipy")
    known = {name: importlib.metadata.version(name) for name in names}
    if (PEERS / "ready").exists():
        told = subprocess.run(
            [
                str(PEERS / "bin" / "python"), "-c",
                "import importlib.metadata as m; print(*(m.version(n) for n in "
                "('igraph', 'networkit', 'scikit-network')))",
            ],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        known |= dict(
            zip(("igraph", "networkit", "scikit-network"), told.stdout.split(), strict=True)
        )
    return {"python": platform.python_version()} | known


def compare(family: str, nodes: int, others: tuple, folder: pathlib.Path) -> tuple:
    """Return a network's name, and what all programs made of it."""
    made, about = describe(family, nodes)
    runs = measure(made, (*OFFICIAL, *OURS, *others), folder)
    tables = {
        "two": summary({m: r for m, r in runs.items() if "any levels" not in m}, "two"),
        "any": summary({m: r for m, r in runs.items() if "any levels" in m}, "any"),
    }
    name = f"{family}, {made.nodes} nodes" if nodes else family
    for levels, rows in tables.items():
        title = f"{name}, {about['links']} links ({about['kind']}), {levels} levels"
        print(table(title, rows), flush=True)
    return name, about | tables


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all sizes: about an hour")
    parser.add_argument("--families", nargs="+", help="only these")
    parser.add_argument("--store", type=pathlib.Path, nargs="?", const=STORED)
    chosen = parser.parse_args(arguments)
    ready = (PEERS / "ready").exists()
    if not ready:
        print("Without igraph, networkit and scikit-network; to have them: make bench-peers")
    found, told = {}, {"versions": versions()}
    if chosen.store and chosen.store.exists():
        before = json.loads(chosen.store.read_text("utf8"))
        # A run that was broken off goes on; other versions begin anew.
        found = before["networks"] if before["versions"] == told["versions"] else {}
    with tempfile.TemporaryDirectory() as folder:
        for family, nodes in FULL if chosen.full else USUAL:
            wanted = not chosen.families or family in chosen.families
            if not wanted or (family, nodes) in [tuple(entry["made"]) for entry in found.values()]:
                continue
            others = OTHERS if ready and nodes >= 10_000 else ()
            name, entry = compare(family, nodes, others, pathlib.Path(folder))
            found[name] = {"made": [family, nodes]} | _rounded(entry)
            if chosen.store:
                told = told | {"networks": found}
                write_whole(chosen.store, json.dumps(told, indent=1) + "\n")
    print(bars(found))


def _rounded(found):
    """Floats to the digits that mean something, so that the file is small."""
    if isinstance(found, dict):
        return {key: _rounded(value) for key, value in found.items()}
    return float(f"{found:.9g}") if isinstance(found, float) else found


if __name__ == "__main__":
    main()
