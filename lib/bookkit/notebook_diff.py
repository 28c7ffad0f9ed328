"""Say in a few lines how a stored notebook differs from a fresh run of it."""

from __future__ import annotations

import difflib
import json

import nbformat

PICTURES = ("image/png", "image/jpeg")


def text_of(value: object) -> str:
    """Return any part of an output as text that can be compared line by line."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def first_difference(old: str, new: str) -> str:
    """Return the first lines at which two texts part."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    gone = [line[1:].strip() for line in changed if line[0] == "-"]
    come = [line[1:].strip() for line in changed if line[0] == "+"]
    stored = repr(gone[0][:100]) if gone else "nothing"
    fresh = repr(come[0][:100]) if come else "nothing"
    return f"stored {stored}, now {fresh}"


def compare_data(old: dict, new: dict) -> list[str]:
    """Compare two outputs, representation by representation."""
    notes = []
    for kind in sorted(old.keys() | new.keys()):
        if kind not in new:
            notes.append(f"{kind} is stored, but a fresh run gives none")
        elif kind not in old:
            notes.append(f"{kind} is missing in the stored file")
        elif old[kind] != new[kind]:
            detail = first_difference(text_of(old[kind]), text_of(new[kind]))
            notes.append("the picture differs" if kind in PICTURES else f"{kind}: {detail}")
    return notes


def parts(out: dict) -> dict:
    """Return what an output shows, by kind."""
    if out["output_type"] == "stream":
        return {out["name"]: out["text"]}
    if out["output_type"] == "error":
        return {"error": f"{out['ename']}: {out['evalue']}", "traceback": out["traceback"]}
    shown = dict(out["data"])
    if out.get("metadata"):
        shown["metadata"] = out["metadata"]
    return shown


def compare_outputs(old: list, new: list) -> list[str]:
    """Compare the outputs of one cell."""
    if len(old) != len(new):
        return [f"{len(old)} outputs are stored, a fresh run gives {len(new)}"]
    notes = []
    for index, (was, now) in enumerate(zip(old, new, strict=True), 1):
        if was["output_type"] != now["output_type"]:
            notes.append(f"output {index}: was {was['output_type']}, now {now['output_type']}")
        for note in compare_data(parts(was), parts(now)):
            notes.append(f"output {index}: {note}")
        if was.get("execution_count") != now.get("execution_count"):
            notes.append(f"output {index}: its number differs from its cell's")
    return notes


def compare_cells(old: dict, new: dict) -> list[str]:
    """Compare one cell with itself after a run."""
    notes = []
    if old.get("id") != new.get("id"):
        notes.append(f"its id {old.get('id')!r} should be {new.get('id')!r}")
    if old["metadata"] != new["metadata"]:
        extra = sorted(old["metadata"].keys() - new["metadata"].keys())
        notes.append(f"metadata the book does not keep: {', '.join(extra)}")
    if old.get("execution_count") != new.get("execution_count"):
        notes.append(
            f"execution count {old.get('execution_count')} stored, now {new['execution_count']}"
        )
    return notes + compare_outputs(old.get("outputs", []), new.get("outputs", []))


def differences(stored: nbformat.NotebookNode, fresh: nbformat.NotebookNode) -> list[str]:
    """Return one line per difference; never empty, for the files do differ."""
    found = []
    for index, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True), 1):
        first = (new["source"].strip().splitlines() or [""])[0][:40]
        found += [f"cell {index} ({first}): {note}" for note in compare_cells(old, new)]
    if stored.metadata != fresh.metadata:
        extra = sorted(stored.metadata.keys() - fresh.metadata.keys())
        found.append(f"notebook metadata is not the book's {', '.join(extra)}".rstrip())
    return found or ["only the file's layout differs (order, indentation, last line)"]
