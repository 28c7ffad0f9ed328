"""Cluster the 10,000 most frequent words in seven ways: the results that *Clustering words* shows.

`python -m bookkit.recipes.word_clusters` runs all of them, about ten minutes on two cores, and
stores them in `book/fewer_bits/word_clusters.json`; what is there already is not run again.
Settings are chosen on one half of the labelled categories, the best of each method is scored on
the other half. The chapter repeats some of the runs and compares.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter

import numpy as np
from scipy.cluster import hierarchy
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from bookkit.files import ROOT
from bookkit.recipes import store
from bookkit.word_categories import FORM, MEANING, load_categories
from bookkit.words import load_glove
from thrifty.flows import flow
from thrifty.infomap import find_communities
from thrifty.neighbours import either, mutual, neighbour_graph

RESULTS = ROOT / "book/fewer_bits/word_clusters.json"

WORDS = 10_000
FREQUENT = 600  # of them are shown in the figure, with all that are labelled
SEEDS = 10  # of what is reported
CHOICE_SEEDS = 3  # of each setting that is tried

NEIGHBOURS, COSINES = (5, 10, 20, 50), (0.5, 0.6, 0.7, 0.8)
GRAPHS = tuple(itertools.product(NEIGHBOURS, COSINES))
SOURCE = (50, 0.6)  # what the source's script uses, on other vectors
RESOLUTIONS = (1, 10, 100)  # of modularity: above 1, more and smaller modules
MARKOV_TIMES = (1.5, 2.0, 3.0)  # of the map equation: above 1, fewer and larger modules
CLUSTERS = (14, 50, 100, 200, 400, 800, 1600)  # 14 categories are labelled
TELEPORTATIONS = (0.05, 0.15, 0.3, 0.5)


@functools.cache
def glove():
    """Return the word vectors of the most frequent words."""
    return load_glove(WORDS)


@functools.cache
def units():
    """Return the vectors, each divided by its length."""
    vectors = np.asarray(glove().vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@functools.cache
def graph_of(most, least):
    """Return the words' nearest-neighbour graph."""
    return neighbour_graph(glove().vectors, glove().words, most=most, least=least)


@functools.cache
def categories():
    """Return the category of each labelled word."""
    return load_categories(glove().words)


def score(clusters, wanted):
    """Return AMI and ARI of a clustering, over the words of some categories.

    `clusters` has a cluster for each word of the vocabulary, also for those that a method left
    out: each of them is a cluster of its own.
    """
    labels = categories()
    words = [word for word in labels if labels[word] in wanted]
    truth = [labels[word] for word in words]
    found = [clusters[glove().index[word]] for word in words]
    ami = adjusted_mutual_info_score(truth, found)
    return ami, adjusted_rand_score(truth, found)


# --- the methods: setting and seed to a cluster for each word -------------------------------------


def infomap(setting, seed, **convention):
    """The book's own search, two levels, directed."""
    modules = find_communities(graph_of(*setting), seed=seed, **convention).modules
    return [modules[word] for word in glove().words]


def infomap_in_time(setting, seed):
    """The same with a Markov time: crossings between modules count more than once."""
    *which, markov_time = setting
    return infomap(tuple(which), seed, markov_time=markov_time)


@functools.cache
def _igraph(most, least):
    import igraph  # only recipes and tests run it

    graph = either(graph_of(most, least))
    ends = np.column_stack([graph.sources, graph.targets]).tolist()
    return igraph.Graph(len(graph), ends, edge_attrs={"weight": graph.weights.tolist()})


def louvain(setting, seed):
    """Modularity by Louvain's method; the links that exist in either direction, undirected."""
    *which, resolution = setting
    random.seed(seed)  # igraph draws from Python's own generator
    found = _igraph(*which).community_multilevel(weights="weight", resolution=resolution)
    return found.membership


def leiden(setting, seed):
    """Modularity by the Leiden algorithm, until nothing improves."""
    *which, resolution = setting
    random.seed(seed)
    found = _igraph(*which).community_leiden(
        "modularity", weights="weight", resolution=resolution, n_iterations=-1
    )
    return found.membership


def k_means(setting, seed):
    """k-means on unit vectors, one start."""
    return KMeans(setting, n_init=1, random_state=seed).fit_predict(units()).tolist()


@functools.cache
def _tree(method):
    return hierarchy.linkage(units(), method)


def ward(setting, seed):
    """Ward's agglomerative clustering of unit vectors; no chance in it."""
    return hierarchy.fcluster(_tree("ward"), setting, "maxclust").tolist()


def average(setting, seed):
    """Agglomerative clustering by the mean distance of unit vectors; no chance in it."""
    return hierarchy.fcluster(_tree("average"), setting, "maxclust").tolist()


def hdbscan(setting, seed):
    """HDBSCAN on unit vectors: least size and way of selection; a word of the noise is alone."""
    size, way = setting
    found = HDBSCAN(min_cluster_size=size, cluster_selection_method=way, copy=True)
    clusters = found.fit_predict(units())
    noise = clusters == -1
    clusters[noise] = clusters.max() + 1 + np.arange(noise.sum())
    return clusters.tolist()


_MODULARITY = [(*which, resolution) for which in GRAPHS for resolution in RESOLUTIONS]
_IN_TIME = [(*which, markov_time) for which in GRAPHS for markov_time in MARKOV_TIMES]
METHODS = {
    "InfoMap": (infomap, GRAPHS),
    "InfoMap, Markov time": (infomap_in_time, _IN_TIME),
    "Louvain": (louvain, _MODULARITY),
    "Leiden": (leiden, _MODULARITY),
    "k-means": (k_means, CLUSTERS),
    "Ward": (ward, CLUSTERS),
    "average linkage": (average, CLUSTERS),
    "HDBSCAN": (hdbscan, tuple(itertools.product((2, 3, 5, 10), ("eom", "leaf")))),
}
WITHOUT_CHANCE = ("Ward", "average linkage", "HDBSCAN")


def setting_name(setting):
    """Return a setting as the key it is stored by."""
    return ", ".join(map(str, setting)) if isinstance(setting, tuple) else str(setting)


def seeds_of(name, count):
    """Return the seeds of a method: one where chance plays no part."""
    return range(1 if name in WITHOUT_CHANCE else count)


def try_out(name, setting):
    """Score a setting on the categories that settings are chosen on, the mean over seeds."""
    method = METHODS[name][0]
    runs = [method(setting, seed) for seed in seeds_of(name, CHOICE_SEEDS)]
    return {
        "meaning": rounded(np.mean([score(run, MEANING["choose"])[0] for run in runs])),
        "form": rounded(np.mean([score(run, FORM["choose"])[0] for run in runs])),
        "clusters": int(np.median([len(set(run)) for run in runs])),
        "alone": int(
            np.median([(np.unique(run, return_counts=True)[1] == 1).sum() for run in runs])
        ),
    }


def report(name, setting):
    """Score a chosen setting on the other categories, seed by seed."""
    method = METHODS[name][0]
    rows = []
    for seed in seeds_of(name, SEEDS):
        run = method(setting, seed)
        meaning, form = (score(run, kind["report"]) for kind in (MEANING, FORM))
        rows.append([*map(rounded, (*meaning, *form)), len(set(run))])
    return {"setting": setting, "rows": rows}


def best_setting(tried, name):
    """Return the setting of a method with the best score in meaning, of those tried."""
    return max(METHODS[name][1], key=lambda setting: tried[name, setting]["meaning"])


# --- other walks and links, on one graph ----------------------------------------------------------


def walks(setting):
    """Yield (name, flow) of other walks on the words' graph of a setting."""
    graph = graph_of(*setting)
    for teleportation in TELEPORTATIONS:
        yield f"tau {teleportation}", flow(graph, teleportation=teleportation)
    yield "jumps to nodes", flow(graph, to="nodes")
    yield "jumps recorded", flow(graph, recorded=True)
    yield "either direction", flow(either(graph))
    yield "both directions", flow(mutual(graph))


def try_walk(walk):
    """Score InfoMap on one walk, on the categories that settings are chosen on."""
    found = find_communities(walk, seed=0)
    clusters = [found.modules[word] for word in glove().words]
    return {
        "meaning": rounded(score(clusters, MEANING["choose"])[0]),
        "form": rounded(score(clusters, FORM["choose"])[0]),
        "clusters": len(found.groups()),
        "bits": rounded(found.codelength),
    }


def by_seed(setting):
    """Return bits, score on the reported half and the most countries in one module, by seed."""
    rows = []
    for seed in range(SEEDS):
        found = find_communities(graph_of(*setting), seed=seed)
        clusters = [found.modules[word] for word in glove().words]
        countries = Counter(
            found.modules[word] for word, name in categories().items() if name == "country"
        )
        ami = score(clusters, MEANING["report"])[0]
        rows.append([rounded(found.codelength), rounded(ami), max(countries.values())])
    return rows


# --- the groups themselves, for the figure --------------------------------------------------------

ALONE = -1  # the module of a word that no other word is with


@functools.cache
def shown_words():
    """Return the words whose modules are stored: those labelled, and the most frequent ones."""
    return [word for i, word in enumerate(glove().words) if i < FREQUENT or word in categories()]


def map_of(setting):
    """Return InfoMap's modules of the words shown, numbered by their sizes among all words."""
    found = find_communities(graph_of(*setting), seed=0)
    return described(found, [found.modules[word] for word in glove().words])


def described(found, modules):
    """Return what the figure shows of a search and its module of each word."""
    sizes = np.bincount(modules)
    here = [modules[glove().index[word]] for word in shown_words()]
    order = sorted({m for m in here if sizes[m] > 1}, key=lambda m: (-sizes[m], m))
    place = {module: number for number, module in enumerate(order)}
    return {
        "meaning": rounded(score(modules, MEANING["choose"])[0]),
        "bits": rounded(found.codelength),
        "one_level": rounded(found.one_level),
        "groups": int((sizes > 1).sum()),
        "alone": int((sizes == 1).sum()),
        "sizes": [int(sizes[module]) for module in order],
        "modules": [place.get(module, ALONE) for module in here],
    }


# --- the results ----------------------------------------------------------------------------------


def rounded(value):
    """Round to what is shown; more digits would differ from machine to machine."""
    return round(float(value), 4)


def load():
    """Return the stored results, {key: result}."""
    return store.load(RESULTS)


def tried_in(results):
    """Return the results of trying settings, {(method, setting): result}."""
    return {
        (name, setting): results[f"try, {name}, {setting_name(setting)}"]
        for name, (_, settings) in METHODS.items()
        for setting in settings
    }


def runs(results):
    """Yield (key, function) of everything that is stored; later ones read earlier results."""
    for name, (_, settings) in METHODS.items():
        for setting in settings:
            yield f"try, {name}, {setting_name(setting)}", functools.partial(try_out, name, setting)
    tried = tried_in(results)
    for name in METHODS:
        setting = best_setting(tried, name)
        yield f"report, {name}", functools.partial(report, name, setting)
    chosen = best_setting(tried, "InfoMap")
    clusters = tried["InfoMap", chosen]["clusters"]
    yield "report, k-means, InfoMap's number", functools.partial(report, "k-means", clusters)
    yield "report, k-means, 14", functools.partial(report, "k-means", 14)
    for name in ("Louvain", "Leiden"):  # on the network that InfoMap's settings are those of
        yield f"same network, {name}", functools.partial(report, name, (*chosen, 1))
    yield "seeds, InfoMap", functools.partial(by_seed, chosen)
    for setting in GRAPHS:
        yield f"map, {setting_name(setting)}", functools.partial(map_of, setting)
    for name, walk in walks(chosen):
        yield f"walk, {name}", functools.partial(try_walk, walk)


def main():
    """Run what is not stored yet, and store after each."""
    store.add_missing(RESULTS, runs, {"command": "python -m bookkit.recipes.word_clusters"})


if __name__ == "__main__":
    main()
