"""Find modules by gradient descent: the results that *Clustering words* shows beside the search's.

`python -m bookkit.recipes.soft_modules` trains all of them, in some fifteen minutes, and stores
them in `book/fewer_bits/soft_modules.json`; what is there already is not trained again.
The chapter repeats the beginnings of two trainings and compares.
"""

from __future__ import annotations

import functools

import keras
import networkx as nx
import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from bookkit.files import ROOT
from bookkit.network_families import lfr
from bookkit.recipes import communities, store, word_clusters
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
NETWORKS = ("karate club", "25 nodes", "nine triangles", "labelled words")

# Planted communities, as the chapter on InfoMap measures them: the share of links between groups
# that is asked of the generator. Every seed has a network of its own.
PLANTED = {f"planted {mixing}": mixing for mixing in (0.1, 0.3, 0.4)}
PLANTED_NODES, PLANTED_SEEDS = 1_000, 3
# All settings are those above, but for the rates: chosen by bits on a network of the same kind
# that is not reported on.
TRIED_RATES = (0.1, 0.01, 0.001)
CHOICE = ("planted 0.3", PLANTED_SEEDS + 2)


@functools.cache
def sample_of(network, seed):
    """Return a network with planted communities."""
    return lfr(PLANTED_NODES, seed, PLANTED[network])


@functools.cache
def walk_of(network, seed=0):
    """Return the walk on one of the networks; the seed tells planted ones apart."""
    if network in PLANTED:
        return communities.walk_of(sample_of(network, seed))
    if network == "karate club":
        return flow(nx.karate_club_graph(), weight=None)
    if network == "25 nodes":
        return flow(figure_one().graph())
    if network == "nine triangles":
        return flow(nine_triangles().graph())
    words = list(word_clusters.categories())
    return flow(neighbour_graph(word_clusters.glove().vectors_of(words), words, **WORD_GRAPH))


def features(network, seed=0):
    """Return what an MLP or a graph network reads: word vectors, or each node's own links."""
    walk = walk_of(network, seed)
    if network == "labelled words":
        rows = word_clusters.glove().vectors_of(walk.nodes)
    else:
        rows = np.zeros((len(walk.nodes),) * 2, "float32")
        np.add.at(rows, (walk.sources, walk.targets), walk.rates)
    # Without it the shares begin so much alike that all nodes run into one module.
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def model_of(kind, network, seed=0):
    """Return a fresh model, and what it reads."""
    walk = walk_of(network, seed)
    nodes = len(walk.nodes)
    modules = min(nodes, MOST_MODULES)
    if kind == "free":
        start = keras.initializers.RandomNormal(stddev=0.05)
        table = keras.layers.Embedding(nodes, modules, embeddings_initializer=start)
        ids = keras.Input((), dtype="int32")
        return keras.Model(ids, keras.layers.Softmax()(table(ids))), np.arange(nodes)
    rows = features(network, seed)
    mix = Propagate(walk.network)
    if kind == "graph network":
        # What is read stays the same, so that its mixing is done once and not at each step.
        rows = keras.ops.convert_to_numpy(mix(rows))
    x = inputs = keras.Input((rows.shape[1],))
    for width in (HIDDEN, modules):
        if kind == "graph network" and width == modules:
            x = mix(x)
        x = keras.layers.Dense(width, activation="selu" if width == HIDDEN else None)(x)
    return keras.Model(inputs, keras.layers.Softmax()(x)), rows


def train(kind, network, seed, steps=STEPS, rate=None):
    """Train one model; return its curve of soft bits, and what its modules cost and match."""
    keras.utils.set_random_seed(seed)
    walk = walk_of(network, seed)
    model, inputs = model_of(kind, network, seed)
    optimizer = keras.optimizers.Adam(rate or RATES[kind])
    curve = fit(model, walk, inputs, steps=steps, optimizer=optimizer)
    return {"curve": [rounded(bits) for bits in curve[::EVERY]]} | outcome(
        network, seed, modules_of(model(inputs))
    )


def search(network, seed):
    """Search for the modules instead, as the chapter on InfoMap does."""
    walk = walk_of(network, seed)
    modules = find_communities(walk, seed=seed).modules
    return outcome(network, seed, [modules[node] for node in walk.nodes])


def outcome(network, seed, modules):
    """Return bits, number of modules, and where a truth is known the AMI with it."""
    walk = walk_of(network, seed)
    found = {"bits": rounded(codelength(walk, modules).bits), "modules": len(set(modules))}
    if network == "labelled words":
        truth = list(word_clusters.categories().values())
    elif network in PLANTED:
        truth = sample_of(network, seed).groups
    else:
        return found
    return found | {"ami": rounded(adjusted_mutual_info_score(truth, modules))}


def rounded(value):
    """Round to what is compared; more digits would differ from machine to machine."""
    return round(float(value), 4)


def load():
    """Return the stored results, {key: result}."""
    return store.load(RESULTS)


def choice_key(kind, rate):
    """Return the key of a training that a rate is chosen by."""
    return f"choose, {kind}, rate {rate:g}"


def chosen_rate(results, kind):
    """Return the rate of a kind of model on planted networks: that with the fewest bits."""
    return min(TRIED_RATES, key=lambda rate: results[choice_key(kind, rate)]["bits"])


def runs(results):
    """Yield (key, function) of everything that is stored; later ones read earlier results."""
    for kind in RATES:
        for rate in TRIED_RATES:
            yield choice_key(kind, rate), functools.partial(train, kind, *CHOICE, rate=rate)
    for network in (*NETWORKS, *PLANTED):
        for seed in range(PLANTED_SEEDS if network in PLANTED else SEEDS):
            yield f"{network}, search, seed {seed}", functools.partial(search, network, seed)
            for kind in RATES:
                rate = chosen_rate(results, kind) if network in PLANTED else RATES[kind]
                run = functools.partial(train, kind, network, seed, rate=rate)
                yield f"{network}, {kind}, seed {seed}", run


def main():
    """Train what is not stored yet, and store after each."""
    setup(seed=0)
    about = {"command": "python -m bookkit.recipes.soft_modules", "keras": keras.__version__}
    store.add_missing(RESULTS, runs, about)


if __name__ == "__main__":
    main()
