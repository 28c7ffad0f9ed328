"""Edit a chapter as text: notebook to MyST Markdown and back.

The text of `book/PART/CHAPTER.ipynb` is `.cache/text/PART/CHAPTER.md`. It is a working copy and
never committed: a second source of the same page would sooner or later say something else.
A new chapter begins as such a text; reading it back makes the notebook.
"""

from __future__ import annotations

import pathlib

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs

from bookkit.files import ROOT, write_whole
from bookkit.notebook_form import NotebookError, dumps, normalise, read, shown

FORMAT = "md:myst"


def text_folder(root: pathlib.Path = ROOT) -> pathlib.Path:
    """Return the folder of the working copies."""
    return root / ".cache" / "text"


def text_path(path: pathlib.Path, root: pathlib.Path = ROOT) -> pathlib.Path:
    """Return where a notebook's text goes; outside book/ that is beside it."""
    try:
        inner = path.resolve().relative_to((root / "book").resolve())
    except ValueError:
        return path.with_suffix(".md")
    return (text_folder(root) / inner).with_suffix(".md")


def notebook_path(text: pathlib.Path, root: pathlib.Path = ROOT) -> pathlib.Path:
    """Return which notebook a text belongs to."""
    try:
        inner = text.resolve().relative_to(text_folder(root).resolve())
    except ValueError:
        return text.with_suffix(".ipynb")
    return (root / "book" / inner).with_suffix(".ipynb")


def to_text(path: pathlib.Path, root: pathlib.Path = ROOT) -> pathlib.Path:
    """Write a notebook's text and return where it is."""
    target = text_path(path, root)
    write_whole(target, jupytext.writes(normalise(read(path)), fmt=FORMAT))
    return target


def forget_stale(nb: nbformat.NotebookNode, old: nbformat.NotebookNode | None) -> None:
    """Drop the outputs of code that changed: they belong to what it was."""
    known = {cell.source for cell in old.cells} if old else set()
    for cell in nb.cells:
        if cell.cell_type == "code" and cell.source not in known:
            cell.outputs, cell.execution_count = [], None


def from_text(text: pathlib.Path, root: pathlib.Path = ROOT) -> pathlib.Path:
    """Take an edited text into its notebook, keep outputs of unchanged cells, return the path."""
    if not text.is_file():
        raise NotebookError(f"There is no text {shown(text)}. Make it with --to-text STEM.")
    target = notebook_path(text, root)
    try:
        nb = jupytext.reads(text.read_text("utf8"), fmt=FORMAT)
    except Exception as error:  # the parser raises many kinds; each means the text is not MyST
        raise NotebookError(f"{shown(text)} cannot be read as MyST Markdown: {error}") from None
    old = normalise(read(target)) if target.is_file() else None
    if old:
        nb = combine_inputs_with_outputs(nb, old, fmt=FORMAT)
    forget_stale(nb, old)
    write_whole(target, dumps(normalise(nb)))
    return target
