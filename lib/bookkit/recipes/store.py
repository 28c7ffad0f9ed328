"""Results of a recipe in a JSON file beside its chapter: read them, or add what is missing."""

from __future__ import annotations

import json
import pathlib
import time

from bookkit.files import write_whole


def load(path: pathlib.Path) -> dict:
    """Return the stored results, {key: result}."""
    return json.loads(path.read_text())["results"]


def add_missing(path: pathlib.Path, runs, about: dict) -> dict:
    """Run what is not stored yet, store after each, and return all results.

    Parameters
    ----------
    path : pathlib.Path
        A JSON file, {"about": ..., "results": {key: result}}; it is written whole or not at all.
    runs : callable
        From the results so far, which grow as it goes on, to pairs (key, function that gives the
        result as plain values).
    about : dict
        The command and the versions; stored with whatever is added.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "found.json")
    ...     first = add_missing(path, lambda found: [("a", lambda: 1)], {})
    ...     add_missing(path, lambda found: [("a", int), ("b", lambda: found["a"] + 1)], {})
    a: 1 (0 s)
    b: 2 (0 s)
    {'a': 1, 'b': 2}
    """
    results = load(path) if path.exists() else {}
    for key, run in runs(results):
        if key in results:
            continue
        start = time.process_time()
        results[key] = run()
        print(f"{key}: {results[key]} ({time.process_time() - start:.0f} s)", flush=True)
        write_whole(path, json.dumps({"about": about, "results": results}) + "\n")
    return results
