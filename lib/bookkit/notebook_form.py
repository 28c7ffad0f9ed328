"""Find the book's notebooks, and the one canonical form in which they are stored."""

from __future__ import annotations

import copy
import hashlib
import json
import pathlib
import re
from collections.abc import Iterable

import nbformat
import yaml

from bookkit.files import ROOT

KEPT_CELL_METADATA = ("tags", "mystnb", "editable", "slideshow")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
IGNORED = "nbval-ignore-output"
NOTEBOOK_METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}
# Ids that an editor drew at random: 8 hexadecimal digits (nbformat) or a UUID (JupyterLab).
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}")


class NotebookError(RuntimeError):
    """A chapter cannot be run or stored; the message names the file and the cell."""


# --- which notebooks -------------------------------------------------------------------------


def chapters(root: pathlib.Path = ROOT) -> list[pathlib.Path]:
    """Return the notebooks that `_toc.yml` lists, in the book's order."""
    toc = root / "_toc.yml"
    if not toc.is_file():
        raise NotebookError(f"There is no {toc}: it lists the chapters. Run this in the book.")
    found = []
    for entry in entries(yaml.safe_load(toc.read_text("utf8"))):
        path = root / (entry if entry.endswith(".ipynb") else entry + ".ipynb")
        if path.is_file():
            found.append(path)
    return found


def entries(node: object) -> Iterable[str]:
    """Yield every page that a table of contents names, at any depth."""
    if isinstance(node, list):
        for item in node:
            yield from entries(item)
    elif isinstance(node, dict):
        for key in ("root", "file"):
            if isinstance(node.get(key), str):
                yield node[key]
        for key in ("parts", "chapters", "sections", "subtrees", "entries"):
            yield from entries(node.get(key))


def chapter(stem: str, root: pathlib.Path = ROOT) -> pathlib.Path:
    """Return the one chapter whose file is called `stem`."""
    known = chapters(root)
    found = [path for path in known if path.stem == stem.removesuffix(".ipynb")]
    if len(found) != 1:
        names = ", ".join(sorted(path.stem for path in known)) or "none yet"
        what = "no chapter" if not found else "more than one chapter"
        raise NotebookError(f"There is {what} called {stem!r} in _toc.yml. Chapters: {names}.")
    return found[0]


def shown(path: pathlib.Path) -> str:
    """Return a path as the reader would write it."""
    try:
        return path.resolve().relative_to(ROOT).as_posix()
    except ValueError:
        return str(path)


def where(path: pathlib.Path, index: int, cell: dict) -> str:
    """Name a cell: its file, its number as counted on the page, and its first line."""
    first = next((line.strip() for line in cell.source.splitlines() if line.strip()), "(empty)")
    return f"{shown(path)}, cell {index + 1} ({first[:60]})"


# --- the canonical form ----------------------------------------------------------------------


def stable_ids(cells: list) -> None:
    """Give every cell an id that is not drawn at random.

    A new cell is named after its text; once named it keeps the name although the text changes.
    So inserting or editing a cell touches no other cell, and diffs stay as small as the edit.
    """
    seen: set[str] = set()
    for cell in cells:
        name = cell.get("id", "")
        if not name or RANDOM_ID.fullmatch(name) or name in seen:
            kind = cell.cell_type.encode() + b"\n"
            stem = "c-" + hashlib.sha256(kind + cell.source.encode()).hexdigest()[:8]
            name, count = stem, 1
            while name in seen:
                count += 1
                name = f"{stem}-{count}"
        cell["id"] = name
        seen.add(name)


def fold_returns(text: str) -> str:
    r"""Keep of each line what a terminal would show after its `\r` returns."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)


def merged_streams(outputs: list) -> list:
    """Join neighbouring pieces of one stream: where the kernel cuts it depends on the clock."""
    merged: list = []
    for out in outputs:
        last = merged[-1] if merged else None
        if out.output_type == "stream" and last and last.get("name") == out.name:
            last.text += out.text
        else:
            merged.append(out)
    for out in merged:
        if out.output_type == "stream":
            out.text = fold_returns(out.text)
    return merged


def normalise(nb: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Reduce a notebook, in place, to what the book keeps of it, and return it."""
    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.metadata = nbformat.from_dict(copy.deepcopy(NOTEBOOK_METADATA))
    for cell in nb.cells:
        kept = {key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type != "code":
            continue
        cell.outputs = merged_streams(cell.outputs)
        off_the_page = "remove-output" in cell.metadata.get("tags", [])
        for out in cell.outputs:
            if "text/html" in out.get("data", {}) or (off_the_page and "data" in out):
                out.data.pop(WIDGET_VIEW, None)  # holds a random id; its twin says it all
            if out.output_type == "error":
                out.traceback = [f"{out.ename}: {out.evalue}"]  # paths and line numbers go
    stable_ids(nb.cells)
    return nb


def read(path: pathlib.Path) -> nbformat.NotebookNode:
    """Read a notebook, or say why not."""
    try:
        text = path.read_text("utf8")
        return nbformat.reads(add_missing_ids(text), as_version=4)
    except FileNotFoundError:
        raise NotebookError(f"There is no notebook {shown(path)}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError) as error:
        line = str(error).splitlines()[0]
        raise NotebookError(f"{shown(path)} is not a notebook: {line}") from None


def add_missing_ids(text: str) -> str:
    """Put a placeholder where a cell has no id, which nbformat would fill at random."""
    data = json.loads(text)
    for index, cell in enumerate(data["cells"]):
        cell.setdefault("id", f"{index:08x}")  # looks random, so `stable_ids` replaces it
    return json.dumps(data)


def dumps(nb: nbformat.NotebookNode) -> str:
    """Return a notebook's canonical text."""
    nbformat.validate(nb)
    return nbformat.writes(nb, version=4).rstrip("\n") + "\n"
