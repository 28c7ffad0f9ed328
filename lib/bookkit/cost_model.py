"""How long attention takes and what it holds, told from its plan: a model fitted to measurements.

NumPy only, and small enough to be computed anywhere. The unit of time is one float32 product of
two 1024 x 1024 matrices on the same core; memory is what a process holds at its peak.

Attention is computed in one of three ways, each with coefficients of its own, for forward and for
training: "tiles" and "dense" are the paths of `thrifty.sparse.plan`, and "chunked" is
`thrifty.sparse.chunked_attend`, which is asked for by that word in place of a pattern.

From n = 1024 on, the times of tiles are within 25 % of what was measured and those of the others
within 10 %; the bytes of tiles within 35 %.
"""

from __future__ import annotations

import itertools
import json
import math
import pathlib

import numpy as np

from thrifty.patterns import Atrous, Full, Local
from thrifty.plans import layouts

STORED = pathlib.Path(__file__).parent / "measured" / "attention.json"

CHUNKED = "chunked"
CHUNK = 256  # rows of the matrix that `chunked_attend` computes at once
HEADS, DEPTH = 4, 64
PATHS, TASKS = ("tiles", "dense", "chunked"), ("forward", "training")


def pattern_of(given: dict):
    """Return the pattern that a stored point names, or `CHUNKED`.

    Examples
    --------
    >>> pattern_of({"kind": "either", "half_width": 64, "rate": 16})
    Local(64) | Atrous(16)
    """
    match given["kind"]:
        case "full":
            return Full()
        case "local":
            return Local(given["half_width"])
        case "atrous":
            return Atrous(given["rate"])
        case "either":
            return Local(given["half_width"]) | Atrous(given["rate"])
        case "chunked":
            return CHUNKED
        case kind:
            raise ValueError(f"kind must be full, local, atrous, either or chunked, got {kind!r}")


def features(pattern, n: int, depth: int = DEPTH, causal: bool = False) -> tuple[str, dict]:
    """Return how a pattern is computed, and what that costs for one head, as counts.

    Parameters
    ----------
    pattern : Pattern or "chunked"
    n : int
        Length of the sequence.
    depth : int
        Size of a query, a key and a value.
    causal : bool
        Whether keys after the query are hidden.

    Returns
    -------
    path : str
        "tiles", "dense" or "chunked".
    counts : dict
        `executed`: scores computed. `largest`: those of the piece with most of them. `held`:
        those of all pieces; for "chunked" both are those of one chunk. `moved`: rows of `depth`
        numbers laid out, which is the queries and the keys of every tile of every piece; 0 for
        "dense", where nothing is laid out; for "chunked" the queries alone, for its keys stay
        where they are. `n` and `depth`.

    Examples
    --------
    >>> features(Local(64), 4096)[1]["moved"]  # 64 tiles of 64 queries and 192 keys
    16384
    """
    counts = {"n": n, "depth": depth}
    if isinstance(pattern, str):
        rows = min(CHUNK, n)
        # A causal chunk computes no key after its own end.
        ends = [min(start + rows, n) if causal else n for start in range(0, n, rows)]
        counts |= {"largest": rows * n, "held": rows * n, "moved": n}
        return CHUNKED, {"executed": rows * sum(ends), **counts}
    shapes = [layout.shape for layout in layouts(pattern, n, causal=causal)]
    if not shapes:
        counts |= {"largest": n * n, "held": n * n, "moved": 0}
        return "dense", {"executed": n * n, **counts}
    moved = sum(tiles * (queries + keys) for tiles, queries, keys in shapes)
    largest = max(math.prod(shape) for shape in shapes)
    executed = sum(math.prod(shape) for shape in shapes)
    counts |= {"largest": largest, "held": executed, "moved": moved}
    return "tiles", {"executed": executed, **counts}


def time_terms(counts: dict, heads: int = HEADS) -> list[float]:
    """Return what the four coefficients of time are multiplied by: products, scores, rows, 1."""
    executed, depth = counts["executed"], counts["depth"]
    terms = (executed * depth, executed, counts["moved"] * depth, 1)
    return [heads * term for term in terms]


def byte_terms(counts: dict, heads: int = HEADS) -> list[float]:
    """Return what the five coefficients of memory are multiplied by: the float32 bytes of the
    largest piece's scores, of all scores, of the rows laid out and of one input; and 1."""
    depth = counts["depth"]
    rows, inputs = counts["moved"] * depth, counts["n"] * depth
    return [4 * heads * x for x in (counts["largest"], counts["held"], rows, inputs)] + [1]


def fit(points: list[dict]) -> dict:
    """Return the model of measured points: least squares of the relative errors, no coefficient
    negative.

    Parameters
    ----------
    points : list of dict
        As `bookkit.bench_store` stores them, with "pattern", "n", "training", "time", "peak_mb"
        and, unless it is 64, "depth"; all with 4 heads.

    Returns
    -------
    dict
        "time" and "bytes", each path -> task -> list of coefficients, in the order of
        `time_terms` and `byte_terms`.
    """
    model: dict = {"time": {}, "bytes": {}}
    for path, task in itertools.product(PATHS, TASKS):
        found: tuple[list, list, list, list] = ([], [], [], [])
        for point in points:
            made, counts = _features_of(point)
            if made != path or point["training"] != (task == "training"):
                continue
            found[0].append(time_terms(counts))
            found[1].append(point["time"])
            if point.get("peak_mb") is not None:
                found[2].append(byte_terms(counts))
                found[3].append(point["peak_mb"] * 1e6)
        model["time"].setdefault(path, {})[task] = _coefficients(*found[:2])
        model["bytes"].setdefault(path, {})[task] = _coefficients(*found[2:])
    return model


def _features_of(point):
    return features(pattern_of(point["pattern"]), point["n"], point.get("depth", DEPTH))


def _coefficients(terms, measured):
    """Non-negative least squares; with so few terms every subset of them can be tried."""
    table = np.array(terms, float) / np.array(measured, float)[:, None]
    largest = table.max(axis=0)
    used = [index for index, one in enumerate(largest) if one > 0]
    best, chosen, solution = math.inf, (), ()
    for count in range(1, len(used) + 1):
        for subset in map(list, itertools.combinations(used, count)):
            scaled = table[:, subset] / largest[subset]
            x, *_ = np.linalg.lstsq(scaled, np.ones(len(scaled)), rcond=None)
            error = float(((scaled @ x - 1) ** 2).sum())
            # A term more must earn its place: of two ways to say the same, the shorter.
            if (x >= 0).all() and error < best * (1 - 1e-6):
                best, chosen, solution = error, subset, x / largest[subset]
    found = dict(zip(chosen, solution, strict=True))
    return [float(f"{found.get(index, 0.0):.6g}") for index in range(table.shape[1])]


def predict_time(model, pattern, n, *, depth=DEPTH, heads=HEADS, causal=False, training=False):
    """Return the predicted time in products of two 1024 x 1024 matrices."""
    path, counts = features(pattern, n, depth, causal)
    coefficients = model["time"][path][TASKS[training]]
    return float(np.dot(coefficients, time_terms(counts, heads)))


def predict_bytes(model, pattern, n, *, depth=DEPTH, heads=HEADS, causal=False, training=False):
    """Return the predicted bytes that a process holds at its peak."""
    path, counts = features(pattern, n, depth, causal)
    coefficients = model["bytes"][path][TASKS[training]]
    return float(np.dot(coefficients, byte_terms(counts, heads)))


def largest_n(model, budget_bytes, pattern, *, limit=2**16, **options):
    """Return the largest n up to `limit` whose predicted bytes fit a budget; 0 if none does.

    `options` are those of `predict_bytes`. The prediction is taken to grow with n; where a
    pattern changes from the dense path to tiles it may fall a little, so n is exact to that.
    """
    low, high = 0, limit + 1  # what fits, and what is taken not to
    while high - low > 1:
        middle = (low + high) // 2
        if predict_bytes(model, pattern, middle, **options) <= budget_bytes:
            low = middle
        else:
            high = middle
    return low


def stored() -> dict:
    """Return what `make bench STORE=1` has measured: "about", "points", "breakdown", "model"."""
    return json.loads(STORED.read_text("utf8"))
