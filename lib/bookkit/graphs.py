"""What a computation holds, read off its TensorFlow graph: the same on every machine."""

from __future__ import annotations

import math

import tensorflow as tf


def nodes(function, *shapes, training: bool = False) -> list:
    """Return the nodes of a function's graph, with the shapes of their outputs.

    Parameters
    ----------
    function : callable
        Takes as many float tensors as there are shapes and returns one.
    *shapes : tuple of int
    training : bool
        Whether the graph holds the gradients by all inputs as well.
    """

    def step(*inputs):
        if not training:
            return function(*inputs)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            # Weighted by itself, so that the upstream gradient is no constant.
            loss = tf.reduce_sum(function(*inputs) ** 2)
        return tape.gradient(loss, inputs)

    specs = [tf.TensorSpec(shape) for shape in shapes]
    graph = tf.function(step, autograph=False).get_concrete_function(*specs).graph
    whole = graph.as_graph_def(add_shapes=True)
    # Loops and functions called keep their nodes apart.
    return [*whole.node, *(node for part in whole.library.function for node in part.node_def)]


def largest_tensor(function, *shapes, training: bool = False) -> int:
    """Return the number of elements of the largest tensor that a function ever makes.

    Parameters are those of `nodes`. A dimension that the graph leaves open, such as the keys that
    a causal chunk sees, counts as the longest of the inputs.

    Examples
    --------
    >>> largest_tensor(lambda x: tf.reduce_sum(x[:, None] * x[None, :]), (30,))
    900
    """
    longest = max(max(shape) for shape in shapes)
    sizes = [
        math.prod(longest if dim.size < 0 else dim.size for dim in shape.dim)
        for node in nodes(function, *shapes, training=training)
        for shape in node.attr["_output_shapes"].list.shape
        if not shape.unknown_rank
    ]
    return max(sizes)
