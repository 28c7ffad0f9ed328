"""Find communities with one library in one process, and tell what it took.

A method is three functions: one builds the library's own form of the network, one searches, one
reads the modules out, which is not timed. A walk's visit rates belong to the search.

Run by `bookkit.bench_communities`, some of it in an environment without this book: it imports
nothing of it but `thrifty`, and that only to measure it.

    python bench_community_peers.py METHOD NETWORK.npz REPEATS RESULT.npz SEED ...
"""

import json
import resource
import sys
import time

import numpy as np


def official(links, nodes, directed, seed, two_level=True):
    import infomap

    def build():
        engine = infomap.Infomap(
            silent=True, two_level=two_level, directed=directed, seed=seed + 1, num_trials=1
        )
        engine.add_nodes(range(nodes))
        engine.add_links(np.column_stack(links).tolist())
        return engine

    def search(engine):
        engine.run()
        return engine

    def read(engine):
        modules = np.zeros(nodes, np.int64)
        for node in engine.nodes:
            modules[node.node_id] = node.module_id
        return modules, engine.codelength

    return build, search, read


def thrifty(links, nodes, directed, seed, trials=2, levels=2):
    from scipy import sparse

    from thrifty.infomap import find_communities, warm
    from thrifty.networks import network

    warm(quiet=True)

    def build():
        sources, targets, weights = links
        matrix = sparse.coo_array((weights, (sources, targets)), shape=(nodes, nodes))
        return network(matrix if directed else matrix + matrix.T, directed=directed)

    def search(net):
        return find_communities(net, seed=seed, trials=trials, levels=levels)

    def read(found):
        return np.fromiter(found.modules.values(), np.int64), found.codelength

    return build, search, read


def with_igraph(links, nodes, directed, seed, method):
    import random

    import igraph

    random.seed(seed)

    def build():
        graph = igraph.Graph(nodes, np.column_stack(links[:2]).astype(int), directed=directed)
        graph.es["weight"] = links[2]
        return graph if method == "infomap" else graph.as_undirected(combine_edges="sum")

    def search(graph):
        if method == "infomap":
            return graph.community_infomap(edge_weights="weight", trials=1)
        if method == "leiden":
            return graph.community_leiden(
                objective_function="modularity", weights="weight", n_iterations=-1
            )
        return graph.community_multilevel(weights="weight")

    return build, search, lambda found: (np.array(found.membership), None)


def with_networkit(links, nodes, directed, seed):
    import networkit

    networkit.setSeed(seed, False)
    networkit.setNumberOfThreads(1)

    def build():
        graph = networkit.Graph(nodes, weighted=True, directed=False)
        for source, target, weight in zip(*(column.tolist() for column in links), strict=True):
            graph.addEdge(source, target, weight)
        return graph

    def search(graph):
        found = networkit.community.LouvainMapEquation(graph)
        found.run()
        return found

    return build, search, lambda found: (np.array(found.getPartition().getVector()), None)


def with_scikit_network(links, nodes, directed, seed):
    from scipy import sparse
    from sknetwork.clustering import Leiden

    def build():
        sources, targets, weights = links
        matrix = sparse.coo_array((weights, (sources, targets)), shape=(nodes, nodes))
        return sparse.csr_matrix(matrix + matrix.T)

    def search(matrix):
        return Leiden(random_state=seed).fit_predict(matrix)

    return build, search, lambda labels: (labels, None)


METHODS = {
    "official, two levels": official,
    "official, any levels": lambda *graph: official(*graph, two_level=False),
    "thrifty, two levels": thrifty,
    "thrifty, two levels, one start": lambda *graph: thrifty(*graph, trials=1),
    "thrifty, any levels": lambda *graph: thrifty(*graph, levels=None),
    "thrifty, any levels, one start": lambda *graph: thrifty(*graph, trials=1, levels=None),
    "igraph, infomap": lambda *graph: with_igraph(*graph, "infomap"),
    "igraph, Leiden": lambda *graph: with_igraph(*graph, "leiden"),
    "igraph, Louvain": lambda *graph: with_igraph(*graph, "louvain"),
    "networkit, LouvainMapEquation": with_networkit,
    "scikit-network, Leiden": with_scikit_network,
}


def resident():
    """The memory in use now, in bytes."""
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize()


def peak():
    """The most memory in use so far, in bytes; what `getrusage` tells begins with the parent's."""
    with open("/proc/self/status") as lines:
        held = next(line for line in lines if line.startswith("VmHWM:"))
    return int(held.split()[1]) * 1024


def main(method, path, repeats, result, *seeds):
    stored = np.load(path)
    links = stored["sources"], stored["targets"], stored["weights"]
    graph = links, int(stored["nodes"]), bool(stored["directed"])
    # What is imported and compiled counts for nothing, whether now or at the first seed.
    METHODS[method](*graph, 0)
    before = resident()
    runs, modules = [], {}
    for seed in seeds:
        build, search, read = METHODS[method](*graph, int(seed))
        times = []
        for _ in range(int(repeats)):
            start = time.process_time()
            built = build()
            middle = time.process_time()
            found = search(built)
            times.append((time.process_time() - middle, middle - start))
        # Disturbances only add to a time.
        run = {"search": min(t[0] for t in times), "build": min(t[1] for t in times)}
        run["bytes"] = peak() - before
        modules[seed], run["bits"] = read(found)
        runs.append(run)
    np.savez(result, **modules)
    print(json.dumps(runs))


if __name__ == "__main__":
    main(*sys.argv[1:])
