"""The map equation as a loss: modules that a network learns by gradient descent.

A node may belong to several modules in shares. Every rate of the map equation is then a sum of
products of shares, so that the code length has a gradient; where all shares are 0 or 1 it is the
code length of `thrifty.mapequation`.

Written from the papers: Blöcker, Tan and Scholtes 2024 (NeurIPS; arXiv 2310.01144); Rosvall and
Bergstrom 2008.
"""

import keras
import numpy as np
from keras import ops

from thrifty._checks import require_int
from thrifty.flows import Flow, sums
from thrifty.networks import Network


def soft_codelength(walk, shares):
    """Return the bits per step of a walk, given the share of every node in every module.

    Parameters
    ----------
    walk : thrifty.flows.Flow
        Undirected or directed, jumps recorded or not.
    shares : tensor or array of shape (nodes, modules)
        Rows are probabilities, as a softmax gives them. Empty modules cost nothing.

    Returns
    -------
    scalar tensor
        Of the dtype of `shares`. Differentiable; the gradient is finite at shares of 0 too.

    Raises
    ------
    TypeError
        If `walk` is no Flow.
    ValueError
        If `shares` has not one row for each node, or an array's rows are no probabilities.
        (Tensors are not looked into: their values may not be known yet.)

    Notes
    -----
    The words of nodes cost what they cost with whole nodes. A node in two modules would need two
    words, which cost more: so only for whole nodes this is the length of a code.

    Examples
    --------
    >>> from thrifty.flows import flow
    >>> triangles = flow([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)])
    >>> whole = np.repeat(np.eye(2), 3, axis=0)
    >>> round(float(soft_codelength(triangles, whole)), 6)
    2.32073
    >>> round(float(soft_codelength(triangles, np.full((6, 2), 0.5))), 6)
    3.4341
    """
    shares = _require_shares(walk, shares)

    def constant(values):
        return ops.convert_to_tensor(values, dtype=shares.dtype)

    begin = ops.take(shares, walk.sources, axis=0)  # (links, modules)
    end = ops.take(shares, walk.targets, axis=0)
    inside = ops.sum(constant(walk.rates[:, None]) * begin * end, axis=0)
    # What a module's nodes send or get by links, less what stays in it.
    nodes = len(walk.network)
    sent = constant(sums(walk.sources, walk.rates, nodes))
    got = constant(sums(walk.targets, walk.rates, nodes))
    leave = walk.markov_time * (ops.matmul(sent, shares) - inside)
    enter = walk.markov_time * (ops.matmul(got, shares) - inside)
    if walk.jumps.any():
        jumps = ops.matmul(constant(walk.jumps), shares)
        landing = ops.matmul(constant(walk.landing), shares)
        leave = leave + jumps * (1 - landing)
        enter = enter + (float(walk.jumps.sum()) - jumps) * landing
    # A difference of equal rates may come out below 0.
    leave, enter = ops.maximum(leave, 0), ops.maximum(enter, 0)
    visits = ops.matmul(constant(walk.visits), shares)

    index = _h(ops.sum(enter)) - ops.sum(_h(enter))
    words = ops.sum(_h(constant(walk.visits)))
    return index + ops.sum(_h(leave + visits) - _h(leave)) - words


def _h(x):
    """x log2 x, and 0 at 0, where the gradient is 0 as well instead of not a number."""
    return x * ops.log(ops.where(x > 0, x, ops.ones_like(x))) / np.log(2)


def _require_shares(walk, shares):
    if not isinstance(walk, Flow):
        raise TypeError(f"walk must be a Flow, as thrifty.flows.flow makes it, got {walk!r}")
    known = not ops.is_tensor(shares)
    shares = np.asarray(shares) if known else shares
    shape = tuple(shares.shape)
    if len(shape) != 2 or shape[0] not in (None, len(walk.network)):
        raise ValueError(
            f"shares must have one row for each of {len(walk.network)} nodes, and one column for "
            f"each module, got shape {shape}"
        )
    if known:
        _require_probabilities(shares)
    return ops.convert_to_tensor(shares)


def _require_probabilities(shares):
    wrong = shares.dtype.kind != "f" or not (shares >= 0).all()
    if wrong or not np.allclose(shares.sum(axis=-1), 1, atol=1e-4):
        raise ValueError(
            "shares must be probabilities, rows that sum to 1: take the softmax of logits first"
        )


def modules_of(shares):
    """Return for each node the module it has the largest share in, numbered as they appear.

    Parameters
    ----------
    shares : tensor or array of shape (nodes, modules)

    Returns
    -------
    list of int

    Examples
    --------
    >>> modules_of(np.array([[0.1, 0.2, 0.7], [0.0, 0.1, 0.9], [0.9, 0.1, 0.0]]))
    [0, 0, 1]
    """
    best = ops.convert_to_numpy(shares).argmax(axis=1).tolist()
    numbers = {module: number for number, module in enumerate(dict.fromkeys(best))}
    return [numbers[module] for module in best]


class MapEquationLoss(keras.losses.Loss):
    """The soft code length of a walk as a Keras loss; a batch is the whole network.

    A row of the output is the node of the same row of the walk: fit with all nodes in one batch,
    in their order, which Keras shuffles unless told otherwise. What is given as truth is not
    looked at. `fit` does so.

    Parameters
    ----------
    walk : thrifty.flows.Flow

    Examples
    --------
    >>> from thrifty.flows import flow
    >>> walk = flow([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)])
    >>> loss = MapEquationLoss(walk)
    >>> round(float(loss(np.zeros((6, 1)), np.full((6, 3), 1 / 3))), 5)
    3.64659
    """

    def __init__(self, walk, name="map_equation"):
        super().__init__(name=name)
        self.walk = walk

    def call(self, y_true, y_pred):
        return soft_codelength(self.walk, y_pred)


def fit(model, walk, inputs, *, steps, optimizer="adam"):
    """Train a model to find modules of a walk, and return the soft code length before each step.

    Parameters
    ----------
    model : keras.Model
        From a row for each node, in their order, to its shares in modules.
    walk : thrifty.flows.Flow
    inputs : array of shape (nodes, ...)
        What the model reads.
    steps : int
        Of gradient descent, each on all nodes.
    optimizer : keras.optimizers.Optimizer or str

    Returns
    -------
    float array of shape (steps,)

    Examples
    --------
    >>> from thrifty.flows import flow
    >>> walk = flow([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)])
    >>> keras.utils.set_random_seed(1)
    >>> model = keras.Sequential([keras.layers.Dense(6, activation="softmax")])
    >>> bits = fit(model, walk, np.eye(6), steps=100, optimizer=keras.optimizers.Adam(0.1))
    >>> modules_of(model(np.eye(6)))
    [0, 0, 0, 1, 1, 1]
    """
    steps = require_int("steps", steps, 1)
    if len(inputs) != len(walk.network):
        raise ValueError(
            f"inputs must have one row for each of {len(walk.network)} nodes, got {len(inputs)}"
        )
    model.compile(optimizer, MapEquationLoss(walk), jit_compile=False)
    bits = _Bits()
    # One batch, again and again: an epoch of one step each would mostly run Keras's own loop.
    batches = ((inputs, np.zeros((len(inputs), 1))) for _ in range(steps))
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[bits])
    # Keras tells the mean over the steps so far.
    sums = np.array(bits.means) * np.arange(1, steps + 1)
    return np.diff(sums, prepend=0)


class _Bits(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.means = []

    def on_train_batch_end(self, batch, logs=None):
        self.means.append(logs["loss"])


class Propagate(keras.layers.Layer):
    """Mix every node's features with those of its neighbours, as a graph convolution does.

    Links count in both directions, with a self-link of the mean weight at every node; a link
    between nodes of strengths s and t counts 1 / sqrt(s t) of its weight.

    Parameters
    ----------
    graph : thrifty.networks.Network

    Notes
    -----
    Source: Kipf and Welling 2017 (arXiv 1609.02907).

    Examples
    --------
    >>> from thrifty.networks import network
    >>> mix = Propagate(network([("a", "b")]))
    >>> ops.convert_to_numpy(mix(np.array([[1.0], [0.0]], "float32"))).tolist()
    [[0.5], [0.5]]
    """

    def __init__(self, graph, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(graph, Network):
            raise TypeError(f"graph must be a Network, got {type(graph).__name__}")
        nodes = np.arange(len(graph))
        own = np.full(len(graph), graph.weights.mean() if len(graph.weights) else 1.0)
        self.begin = np.concatenate([graph.sources, graph.targets, nodes])
        self.end = np.concatenate([graph.targets, graph.sources, nodes])
        weights = np.concatenate([graph.weights, graph.weights, own])
        strength = np.bincount(self.begin, weights=weights)
        self.share = weights / np.sqrt(strength[self.begin] * strength[self.end])
        self.nodes = len(graph)

    def call(self, features):
        share = ops.convert_to_tensor(self.share[:, None], dtype=features.dtype)
        sent = share * ops.take(features, self.begin, axis=0)
        return ops.segment_sum(sent, self.end, num_segments=self.nodes)

    def compute_output_shape(self, shape):
        return shape
