"""Find planted communities with four programs, on networks ever more mixed: *InfoMap*.

`python -m bookkit.recipes.communities` stores what came out in
`book/fewer_bits/communities.json`; what is there is not searched again.
The chapter repeats a part and compares.
"""

from __future__ import annotations

import importlib.metadata
import json
import random
import time

import networkx as nx
import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from bookkit.files import ROOT, write_whole
from bookkit.network_families import Sample, lfr
from thrifty.flows import flow
from thrifty.infomap import find_communities
from thrifty.mapequation import codelength
from thrifty.networks import network

RESULTS = ROOT / "book/fewer_bits/communities.json"

# As asked of the generator; what comes out is more mixed, see `mixing_of`.
MIXINGS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
NETWORKS = {1_000: 5, 10_000: 3}  # how many of each size
LARGE, LARGE_MIXING = 100_000, 0.3  # one network
SEEDS = 3
TRIALS = 2


def by_thrifty(walk, sample, seed):
    """Return the module of each node by this book's search, in two levels."""
    modules = find_communities(walk, seed=seed, trials=TRIALS).modules
    return [modules[node] for node in range(sample.nodes)]


def by_official(walk, sample, seed):
    """Return the module of each node by the program of the method's authors."""
    import infomap

    # Its seeds begin at 1.
    engine = infomap.Infomap(silent=True, two_level=True, seed=seed + 1, num_trials=TRIALS)
    engine.add_nodes(range(sample.nodes))
    engine.add_links(np.column_stack([sample.sources, sample.targets, sample.weights]).tolist())
    found = {node.node_id: node.module_id for node in engine.run().nodes(states=True)}
    return [found[node] for node in range(sample.nodes)]


def by_leiden(walk, sample, seed):
    """Return the module of each node by igraph's Leiden, for modularity."""
    import igraph

    random.seed(seed)  # igraph draws its numbers from this one
    ends = np.column_stack([sample.sources, sample.targets])
    graph = igraph.Graph(sample.nodes, ends.tolist())
    found = graph.community_leiden(objective_function="modularity", n_iterations=-1)
    return found.membership


def by_louvain(walk, sample, seed):
    """Return the module of each node by NetworkX's Louvain, for modularity."""
    graph = graph_of(sample)
    found = np.empty(sample.nodes, int)
    for number, group in enumerate(nx.community.louvain_communities(graph, seed=seed)):
        found[list(group)] = number
    return found.tolist()


def graph_of(sample):
    """Return the network as NetworkX has it."""
    graph = nx.Graph()
    graph.add_nodes_from(range(sample.nodes))
    graph.add_edges_from(zip(sample.sources.tolist(), sample.targets.tolist(), strict=True))
    return graph


def modularity(sample, modules):
    """Return the score that Leiden and Louvain look for."""
    groups = {}
    for node, module in enumerate(modules):
        groups.setdefault(module, set()).add(node)
    return nx.community.modularity(graph_of(sample), groups.values())


def rewired(sample, seed):
    """Return a network with the same number of links at every node, joined at random.

    Links that fall on another, or on their own beginning, are left out: about one in a hundred.
    """
    degrees = np.bincount(np.r_[sample.sources, sample.targets], minlength=sample.nodes)
    ends = np.random.default_rng(seed).permutation(np.repeat(np.arange(sample.nodes), degrees))
    ends = np.sort(ends.reshape(-1, 2), axis=1)
    ends = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0)
    return Sample(ends[:, 0], ends[:, 1], np.ones(len(ends)), sample.nodes)


METHODS = {
    "InfoMap": by_thrifty,
    "InfoMap, official": by_official,
    "Leiden": by_leiden,
    "Louvain": by_louvain,
}


def walk_of(sample):
    """Return the random walk on a network that `bookkit.network_families` made."""
    columns = (sample.sources.tolist(), sample.targets.tolist(), sample.weights.tolist())
    links = list(zip(*columns, strict=True))
    return flow(network(links, directed=sample.directed, nodes=range(sample.nodes)))


def mixing_of(sample):
    """Return the share of links between planted groups.

    NetworkX's generator makes it larger than it is asked for: a link counts for the node that it
    is drawn for, and not for the one at its other end (NetworkX, issue 6809).
    """
    between = sample.groups[sample.sources] != sample.groups[sample.targets]
    return round(float(between.mean()), 4)


def judged(walk, sample, modules):
    """Return the number of modules, their agreement with the planted ones, and their bits."""
    return {
        "modules": len(set(modules)),
        "ami": round(float(adjusted_mutual_info_score(sample.groups, modules)), 4),
        "bits": round(codelength(walk, list(modules)).bits, 6),
    }


def measure(nodes, mixing, number, seeds=SEEDS, methods=METHODS):
    """Search one network with each method and seed; return what each found, and the truth."""
    sample = lfr(nodes, number, mixing)
    walk = walk_of(sample)
    planted = judged(walk, sample, sample.groups.tolist())
    found = {"links": len(sample.sources), "mixing": mixing_of(sample), "planted": planted}
    found["one module"] = judged(walk, sample, [0] * nodes)["bits"]
    for name in methods:
        runs = [METHODS[name](walk, sample, seed) for seed in range(seeds)]
        found[name] = [judged(walk, sample, modules) for modules in runs]
    return found


def key_of(nodes, mixing, number):
    """Return the name of a stored network.

    Examples
    --------
    >>> key_of(1000, 0.3, 0)
    '1000 nodes, mixing 0.3, network 0'
    """
    return f"{nodes} nodes, mixing {mixing:g}, network {number}"


def stored():
    """Return what is stored, by `key_of`: for each network what `measure` returned."""
    return json.loads(RESULTS.read_text())["results"]


def networks():
    """Yield (nodes, mixing, number) of every network that is stored."""
    for nodes, count in NETWORKS.items():
        for mixing in MIXINGS:
            yield from ((nodes, mixing, number) for number in range(count))
    yield LARGE, LARGE_MIXING, 0


def main():
    """Search with each method that is not stored yet, and store after each network."""
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"about": {}, "results": {}}
    for case in networks():
        key = key_of(*case)
        known = found["results"].get(key, {})
        missing = [name for name in METHODS if name not in known]
        if not missing:
            continue
        start = time.process_time()
        found["results"][key] = known | measure(*case, methods=missing)
        print(f"{key}: {time.process_time() - start:.0f} s", flush=True)
        found["about"] = {"command": "python -m bookkit.recipes.communities"} | {
            name: importlib.metadata.version(name) for name in ("infomap", "igraph", "networkx")
        }
        RESULTS.parent.mkdir(exist_ok=True)
        write_whole(RESULTS, json.dumps(found, indent=None) + "\n")


if __name__ == "__main__":
    main()
