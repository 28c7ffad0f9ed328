"""Find modules by gradient descent: the results that *Clustering words* shows beside the search's.

`python -m bookkit.recipes.soft_modules` trains all of them, some five minutes, and stores them in
`book/fewer_bits/soft_modules.json`; what is there already is not trained again.
The chapter repeats the beginning of a training and compares.
"""

from __future__ import annotations

import functools
import json
import time

import keras
import networkx as nx
import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from bookkit.files import ROOT, write_whole
from bookkit.recipes import word_clusters
from bookkit.runtime import setup
from bookkit.toy_networks import figure_one, nine_triangles
from thrifty.flows import flow
from thrifty.infomap import find_communities
from thrifty.mapequation import codelength
from thrifty.neighbours import neighbour_graph
from thrifty.soft_mapequation import Propagate, fit, modules_of

RESULTS = ROOT / "book/fewer_bits/soft_modules.json"

SEEDS, STEPS, EVERY = 5, 500, 50
MOST_MODULES, HIDDEN = 40, 64
RATES = {"free": 0.1, "MLP": 0.01, "graph network": 0.01}
# Of the labelled words only, fixed beforehand: the source's threshold, and few neighbours for
# few words.
WORD_GRAPH = {"most": 10, "least": 0.6}


@functools.cache
def walk_of(network):
    """Return the walk on one of the networks."""
    if network == "karate club":
        return flow(nx.karate_club_graph(), weight=None)
    if network == "25 nodes":
        return flow(figure_one().graph())
    if network == "nine triangles":
        return flow(nine_triangles().graph())
    words = list(word_clusters.categories())
    return flow(neighbour_graph(word_clusters.glove().vectors_of(words), words, **WORD_GRAPH))


NETWORKS = ("karate club", "25 nodes", "nine triangles", "labelled words")


def features(network):
    """Return what an MLP or a graph network reads: word vectors, or each node's own links."""
    walk = walk_of(network)
    if network == "labelled words":
        rows = word_clusters.glove().vectors_of(walk.nodes)
    else:
        rows = np.zeros((len(walk.nodes),) * 2, "float32")
        np.add.at(rows, (walk.sources, walk.targets), walk.rates)
    # Without it the shares begin so much alike that all nodes run into one module.
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def model_of(kind, network):
    """Return a fresh model, and what it reads."""
    nodes = len(walk_of(network).nodes)
    modules = min(nodes, MOST_MODULES)
    if kind == "free":
        start = keras.initializers.RandomNormal(stddev=0.05)
        table = keras.layers.Embedding(nodes, modules, embeddings_initializer=start)
        ids = keras.Input((), dtype="int32")
        return keras.Model(ids, keras.layers.Softmax()(table(ids))), np.arange(nodes)
    rows = features(network)
    x = inputs = keras.Input((rows.shape[1],))
    for width in (HIDDEN, modules):
        if kind == "graph network":
            x = Propagate(walk_of(network).network)(x)
        x = keras.layers.Dense(width, activation="selu" if width == HIDDEN else None)(x)
    return keras.Model(inputs, keras.layers.Softmax()(x)), rows


def train(kind, network, seed, steps=STEPS):
    """Train one model; return its curve of soft bits, and what its modules cost and match."""
    keras.utils.set_random_seed(seed)
    walk = walk_of(network)
    model, inputs = model_of(kind, network)
    optimizer = keras.optimizers.Adam(RATES[kind])
    curve = fit(model, walk, inputs, steps=steps, optimizer=optimizer)
    return {"curve": [rounded(bits) for bits in curve[::EVERY]]} | outcome(
        network, modules_of(model(inputs))
    )


def search(network, seed):
    """Search for the modules instead, as the chapter on InfoMap does."""
    walk = walk_of(network)
    modules = find_communities(walk, seed=seed).modules
    return outcome(network, [modules[node] for node in walk.nodes])


def outcome(network, modules):
    """Return bits and number of modules, and for words the AMI with their categories."""
    walk = walk_of(network)
    found = {"bits": rounded(codelength(walk, modules).bits), "modules": len(set(modules))}
    if network == "labelled words":
        truth = list(word_clusters.categories().values())
        found["ami"] = rounded(adjusted_mutual_info_score(truth, modules))
    return found


def rounded(value):
    """Round to what is compared; more digits would differ from machine to machine."""
    return round(float(value), 4)


def load():
    """Return the stored results, {key: result}."""
    return json.loads(RESULTS.read_text())["results"]


def runs():
    """Yield (key, function) of everything that is stored."""
    for network in NETWORKS:
        for seed in range(SEEDS):
            yield f"{network}, search, seed {seed}", functools.partial(search, network, seed)
            for kind in RATES:
                yield (
                    f"{network}, {kind}, seed {seed}",
                    functools.partial(train, kind, network, seed),
                )


def main():
    """Train what is not stored yet, and store after each."""
    setup(seed=0)
    about = {"command": "python -m bookkit.recipes.soft_modules", "keras": keras.__version__}
    stored = {"about": about, "results": {}}
    if RESULTS.exists():
        stored = json.loads(RESULTS.read_text())
    for key, run in runs():
        if key in stored["results"]:
            continue
        start = time.process_time()
        stored["results"][key] = run()
        print(f"{key}: {stored['results'][key]} ({time.process_time() - start:.0f} s)", flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        write_whole(RESULTS, json.dumps(stored) + "\n")


if __name__ == "__main__":
    main()
