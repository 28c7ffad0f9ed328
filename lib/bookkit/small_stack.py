"""A few attention layers with random weights, right or with a fault, to test a mask on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from thrifty.attention import masked_softmax
from thrifty.leakage import leakage

# What can go wrong with a mask, and "none".
FAULTS = ["none", "forgotten", "finite", "after", "queries"]
SIZE = 8


def stack_of(
    masks: Sequence[np.ndarray], *, residual: bool = False, fault: str = "none", seed: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a stack of attention layers, one a mask, as a function of vectors (batch, n, 8).

    One head, float64. Keys and values are made of what the layer before gave, queries of the
    positions alone, so that nothing but the mask decides what an output depends on.

    Parameters
    ----------
    masks : sequence of bool arrays of shape (n, n)
        One mask a layer, the first layer first; True = may attend.
    residual : bool
        Whether every layer adds its input to its output.
    fault : {"none", "forgotten", "finite", "after", "queries"}
        ``forgotten``: the last layer leaves its mask out.
        ``finite``: hidden scores are made smaller by 1, instead of -inf.
        ``after``: the softmax runs over all keys, and hidden weights are set to 0 after it.
        ``queries``: the queries are made of the tokens too, as in most models.
    seed : int
        Of the weights and of the position vectors.

    Raises
    ------
    ValueError
        If the fault is unknown.

    Examples
    --------
    >>> model = stack_of([np.tri(3, dtype=bool)])
    >>> leakage(model, np.ones((3, 8))).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    if fault not in FAULTS:
        raise ValueError(f"fault must be one of {', '.join(FAULTS)}, got {fault!r}")
    draw = np.random.default_rng(seed)
    positions = draw.normal(size=(len(masks[0]), SIZE))
    weights = draw.normal(size=(len(masks), 3, SIZE, SIZE)) / np.sqrt(SIZE)

    def model(x):
        x = x + positions
        for layer, (mask, (to_query, to_key, to_value)) in enumerate(
            zip(masks, weights, strict=True)
        ):
            asking = x if fault == "queries" else positions
            scores = asking @ to_query @ np.swapaxes(x @ to_key, -1, -2) / np.sqrt(SIZE)
            shares = _shares(scores, mask, fault, last=layer == len(masks) - 1)
            x = shares @ (x @ to_value) + (x if residual else 0)
        return x

    return model


def _shares(scores, mask, fault, last):
    """Attention weights as they should be, or with the fault."""
    if fault == "finite":
        return masked_softmax(np.where(mask, scores, scores - 1))
    if fault == "after":
        return masked_softmax(scores) * mask
    if fault == "forgotten" and last:
        return masked_softmax(scores)
    return masked_softmax(scores, mask)


def measured(
    masks: Sequence[np.ndarray], *, residual: bool = False, fault: str = "none"
) -> np.ndarray:
    """Return which position of the stack depends on which input, bool (n, n), by perturbation.

    Examples
    --------
    >>> measured([np.eye(2, dtype=bool)], fault="finite").astype(int)
    array([[1, 1],
           [1, 1]])
    """
    inputs = np.random.default_rng(1).normal(size=(len(masks[0]), SIZE))
    return leakage(stack_of(masks, residual=residual, fault=fault), inputs)
