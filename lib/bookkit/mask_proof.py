"""A mask drawn, told, counted and measured: the drawing shows both what is meant and what is so."""

import textwrap

import keras
import numpy as np
from matplotlib.path import Path

from bookkit.plots import PAPER, draw_mask, panels, show
from thrifty.attention import DenseAttention
from thrifty.descriptions import describe
from thrifty.leakage import compare, leakage
from thrifty.masks import reach

# What a query is made of: its own token, as in most models, or its position alone.
QUERIES = ["tokens", "positions"]


def measured(mask, *, layers=1, queries="tokens", seed=0):
    """Return which position of a small attention stack under the mask depends on which.

    Parameters
    ----------
    mask : bool array of shape (n, n)
        True = may attend.
    layers : int
        Attention layers, with weights drawn anew and nothing around them.
    queries : {"tokens", "positions"}
        What asks. A query made of its own token depends on that token even where the diagonal of
        the mask forbids it, as soon as there is more than one key to weigh; one made of its
        position, as in the query stream of XLNet, depends on what the mask allows and no more.
    seed : int
        Of the weights and of the vectors that are read.

    Returns
    -------
    bool array of shape (n, n)
        True at [i, j] where input j changes output i, see `thrifty.leakage.leakage`.

    Raises
    ------
    ValueError
        If `queries` is unknown.

    Examples
    --------
    >>> measured(np.tri(3, dtype=bool)).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    >>> strictly = np.tri(3, k=-1, dtype=bool)
    >>> compare(measured(strictly), strictly)
    '1 pair leaks: query 2 sees key 2; every allowed pair is used'
    >>> compare(measured(strictly, queries="positions"), strictly)
    'no pair leaks; every allowed pair is used'
    """
    if queries not in QUERIES:
        raise ValueError(f"queries must be one of {', '.join(QUERIES)}, got {queries!r}")
    draw = keras.random.SeedGenerator(seed)
    stack = [
        DenseAttention(
            num_heads=2,
            key_dim=4,
            kernel_initializer=keras.initializers.GlorotUniform(seed=draw),
        )
        for _ in range(layers)
    ]

    inputs, positions = np.random.default_rng(seed).normal(size=(2, len(mask), 8)).astype("float32")

    def model(x):
        for layer in stack:
            asking = x if queries == "tokens" else np.tile(positions, (len(x), 1, 1))
            x = layer(asking, x, attention_mask=mask)
        return x

    return leakage(model, inputs, method="gradient")


def prove(masks, *, caption, alt, labels=None, layers=(1, 2), queries="tokens"):
    """Draw each mask with what was measured as dots, print its sentence, and insist they agree.

    Parameters
    ----------
    masks : dict of str to bool arrays of shape (n, n)
        Titles and masks; True = may attend.
    caption, alt : str
        See `bookkit.plots.show`.
    labels : list of str, or dict of str to such lists, optional
        The tokens of all masks, or of each by its title.
    layers : tuple of int
        Depths that are measured; the first is drawn. Deeper stacks must agree with `reach`.
    queries : {"tokens", "positions"}
        What asks in the measured stacks, see `measured`.

    Raises
    ------
    AssertionError
        If a stack depends on other pairs than those the mask allows it.
    """
    # Three side by side are narrow: as high as one alone, they would stand in empty space.
    axes = panels(len(masks), height=3.2 if len(masks) < 3 else 2.7)
    for ax, (title, mask) in zip(axes, masks.items(), strict=True):
        mask = np.asarray(mask)
        for depth in layers:
            allowed = reach([mask] * depth)
            found = measured(mask, layers=depth, queries=queries)
            assert (found == allowed).all(), f"{title}, {depth} layers: {compare(found, allowed)}"
        print(textwrap.fill(f"{title}: {describe(mask)}", 80))
        tokens = labels.get(title) if isinstance(labels, dict) else labels
        draw_mask(ax, mask, title=title, labels=tokens)
        _dots(ax, measured(mask, layers=layers[0], queries=queries))
    return show(axes, caption=caption, alt=alt)


def _dots(ax, found):
    rows, columns = np.nonzero(found)
    if len(rows):
        dot = Path.unit_circle()
        size = max(2.0, 26 / len(found))
        ax.plot(columns, rows, linestyle="", marker=dot, color=PAPER, markersize=size)
