"""Measure attention and store the points that a live figure shows: `make bench STORE=1`.

The times are in units of one product of two 1024 x 1024 matrices, measured in the same round, so
that they say more about the method than about the machine. `bookkit.cost_model` is fitted to them.
"""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics

from bookkit import cost_model
from bookkit.bench import turns
from bookkit.bench_breakdown import breakdowns
from bookkit.bench_sparse import (
    DENSE,
    DEPTH,
    TRAINING,
    compiled,
    cores,
    dense,
    inputs,
    peak_memory,
    peak_of_its_own_process,
)
from bookkit.files import write_whole

PRODUCT = 1024
COMMAND = "python -m bookkit.bench_sparse --store"

FULL, CHUNKED = {"kind": "full"}, {"kind": "chunked"}
LOCAL, ATROUS = {"kind": "local", "half_width": 64}, {"kind": "atrous", "rate": 64}
EITHER = {"kind": "either", "half_width": 64, "rate": 64}
SHOWN = (FULL, LOCAL, ATROUS, EITHER, CHUNKED)
# Other widths and depths, without which the model could not tell their shares apart.
WIDTHS = ({"kind": "local", "half_width": 16}, {"kind": "local", "half_width": 256})
OTHERS = (*WIDTHS, {"kind": "atrous", "rate": 16})
LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384)
MEMORY_LENGTHS = (1024, 2048, 4096, 8192)
OTHER_DEPTHS = (32, 128)


def spec(given: dict) -> dict:
    """Return a pattern as it is stored: with all fields, None where one has no meaning."""
    return {"kind": given["kind"], "half_width": None, "rate": None, **given}


def function_of(given: dict):
    """Return the function of (q, k, v) that computes a pattern."""
    from thrifty.sparse import attend, chunked_attend

    if given["kind"] == "full":
        return dense
    if given["kind"] == "chunked":
        return chunked_attend
    pattern = cost_model.pattern_of(given)
    return lambda q, k, v: attend(q, k, v, pattern)


def measured_times(patterns, n: int, training: bool, depth: int = DEPTH) -> tuple[list, float]:
    """Return points of one table, all in turns, and the seconds of the product."""
    import tensorflow as tf

    values, square = inputs(n, depth), tf.random.normal((PRODUCT, PRODUCT))
    calls = {
        json.dumps(given): functools.partial(compiled(function_of(given), training), *values)
        for given in patterns
    }
    calls["product"] = tf.function(lambda: tf.matmul(square, square))
    found = turns(calls, rounds=7 if n < 8192 else 5 if n < 16384 or not training else 3)
    products = found.pop("product")
    points = []
    for name, seconds in found.items():
        time = statistics.median(s / p for s, p in zip(seconds, products, strict=True))
        point = {"pattern": spec(json.loads(name)), "n": n, "training": training}
        points.append({**point, "time": _rounded(time), "peak_mb": None})
    return points, statistics.median(products)


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")


def all_times() -> tuple[list, list, float]:
    """Return the points, those of other depths, and the median seconds of the product."""
    points, other_depths, products = [], [], []
    for n in LENGTHS:
        for training in (False, True):
            patterns = SHOWN + (OTHERS if n == 4096 else ())
            if training and n == LENGTHS[-1]:
                patterns = tuple(p for p in patterns if p is not FULL)  # 13 GB
            found, product = measured_times(patterns, n, training)
            points += found
            products.append(product)
    for depth in OTHER_DEPTHS:
        for n in (1024, 4096):
            for training in (False, True):
                found, _ = measured_times(SHOWN, n, training, depth)
                other_depths += [{**point, "depth": depth} for point in found]
    return points, other_depths, statistics.median(products)


def name_of(given: dict) -> str:
    """Return a pattern's name among the candidates."""
    names = {"full": DENSE, "chunked": "chunked"}
    return names.get(given["kind"]) or repr(cost_model.pattern_of(given))


def add_peaks(points: list) -> None:
    """Fill in the peak memory of the points, each measured in a process of its own."""
    for point in points:
        if point["n"] in MEMORY_LENGTHS:
            name = name_of(point["pattern"])
            peak = peak_of_its_own_process(name, point["n"], point["training"])
            point["peak_mb"] = _rounded(peak / 1e6)


def memory_cell(name: str, n: str, task: str) -> int:
    """Return the bytes of one candidate, measured in this process."""
    more = {name_of(given): function_of(given) for given in SHOWN + OTHERS}
    return peak_memory({**cores(), **more}[name], int(n), task == TRAINING)


def processor() -> str:
    """Return the processor's name as the system gives it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text("utf8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def about(product_seconds: float) -> dict:
    """Return under which conditions the points were measured."""
    packages = ("tensorflow", "keras", "numpy")
    return {
        "command": COMMAND,
        **{name: importlib.metadata.version(name) for name in packages},
        "date": datetime.date.today().isoformat(),
        "conditions": "one core, one thread, float32, batch 1, 4 heads of depth 64, oneDNN on",
        "processor": processor(),
        "unit": f"time of one float32 product of two {PRODUCT} x {PRODUCT} matrices, "
        "measured in the same round",
        "peak_gflops": round(2 * PRODUCT**3 / product_seconds / 1e9),
    }


def lines(content: dict) -> str:
    """JSON with one point a line, so that a difference can be read."""
    parts = []
    for key, value in content.items():
        if isinstance(value, list):
            text = ",\n".join(f"    {json.dumps(item)}" for item in value)
            parts.append(f'  "{key}": [\n{text}\n  ]')
        else:
            text = json.dumps(value, indent=2).replace("\n", "\n  ")
            parts.append(f'  "{key}": {text}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def store() -> None:
    """Measure everything, fit the model and write the file."""
    if not os.path.exists("/proc/self/clear_refs"):
        raise SystemExit("Peak memory can be measured on Linux only; nothing was stored.")
    points, other_depths, product_seconds = all_times()
    add_peaks(points)
    content = {
        "about": about(product_seconds),
        "points": points,
        "other_depths": other_depths,
        "breakdown": breakdowns(),
        "model": cost_model.fit(points + other_depths),
    }
    write_whole(cost_model.STORED, lines(content))
    print(f"Stored {len(points)} points in {cost_model.STORED.name}.")
    load = os.getloadavg()[1] / os.cpu_count()
    if load > 1:
        # Seen under a load of five a core: short calls up to twice as long, long ones unchanged.
        print(f"Others were at work too ({load:.1f} programs a core): measure again without them.")
