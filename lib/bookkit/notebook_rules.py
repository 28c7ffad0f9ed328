"""What a stored chapter must be, as far as it can be told without running it.

nbval lets some things through that a reader would notice (a stripped notebook, another picture,
a picture without words for who cannot see it). These rules close that gap.
"""

from __future__ import annotations

import pathlib
import re

from bookkit.notebook_form import IGNORED, KEPT_CELL_METADATA, WIDGET_VIEW, read, shown

REASON = re.compile(r"^\s*# machine-dependent: \S+", re.MULTILINE)
# Words that tell a reader who is stuck that it is their fault.
BANNED = re.compile(r"\b(simply|obviously|just)\b", re.IGNORECASE)
CODE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})(?!\{)[^\n]*\n.*?^(?P=fence)[ \t]*$"  # fenced code, not directives
    r"|^```\{code[^\n]*\n.*?^```[ \t]*$"
    r"|(?<!`)(?P<ticks>`{1,2})(?!`)[^\n]+?(?<!`)(?P=ticks)(?!`)",
    re.MULTILINE | re.DOTALL,
)
COLOUR = "\x1b["


def picture_words(cell: dict) -> list[str]:
    """Return what the words for a cell's picture lack."""
    if not any("image/png" in out.get("data", {}) for out in cell.outputs):
        return []
    shape = "metadata.mystnb"
    mystnb = cell.metadata.get("mystnb", {})
    lacking = []
    if not str(mystnb.get("image", {}).get("alt", "")).strip():
        lacking.append(f"a picture without words: set {shape}.image.alt to what it shows")
    if not str(mystnb.get("figure", {}).get("caption", "")).strip():
        lacking.append(f"a picture without a caption: set {shape}.figure.caption")
    return lacking


def output_problems(cell: dict) -> list[str]:
    """Return what is wrong with a code cell's outputs."""
    found = []
    expects_error = "raises-exception" in cell.metadata.get("tags", [])
    errors = [out for out in cell.outputs if out.output_type == "error"]
    if errors and not expects_error:
        found.append(f"it failed: {errors[0].ename}: {errors[0].evalue}")
    if expects_error and not errors:
        found.append("it is tagged raises-exception, but raised nothing")
    for out in cell.outputs:
        if out.output_type == "stream" and out.name == "stderr":
            found.append("it wrote to stderr")
        if WIDGET_VIEW in out.get("data", {}):
            found.append("it holds a widget view, which is dead on a page: give it an HTML twin")
        if COLOUR in str(out.get("text", "")) + str(out.get("data", {}).get("text/plain", "")):
            found.append("its output holds terminal colour codes")
    return found + picture_words(cell)


def code_problems(cell: dict, number: int) -> list[str]:
    """Return what is wrong with a code cell that should have run as number `number`."""
    if not cell.source.strip():
        return ["it is empty"]
    found = []
    if cell.execution_count != number:
        was = cell.execution_count
        found.append(f"its number is {was}, not {number}: run the whole chapter from the top")
    tags = cell.metadata.get("tags", [])
    if IGNORED in tags and not REASON.search(cell.source):
        found.append(f'tagged {IGNORED}, but has no comment "# machine-dependent: why"')
    if "nbval-skip" in tags or "NBVAL_" in cell.source:
        found.append("it is hidden from the checks (nbval-skip or an NBVAL_ comment)")
    return found + output_problems(cell)


def prose_problems(source: str) -> list[str]:
    """Return the words a text should do without."""
    words = sorted({match.lower() for match in BANNED.findall(CODE.sub(" ", source))})
    return [f'its text says "{word}": say what is meant, or leave it out' for word in words]


def problems(path: pathlib.Path) -> list[str]:
    """Return every broken rule of a stored notebook, one line each."""
    nb, found, number = read(path), [], 0
    if "widgets" in nb.metadata:
        found.append(f"{shown(path)}: metadata.widgets holds widget state; store it by the runner")
    for index, cell in enumerate(nb.cells, 1):
        if cell.cell_type == "code":
            number += 1
            notes = code_problems(cell, number)
        else:
            notes = prose_problems(cell.source) if cell.cell_type == "markdown" else []
        extra = sorted(set(cell.metadata) - set(KEPT_CELL_METADATA))
        if extra:
            notes.append(f"metadata the book does not keep: {', '.join(extra)}")
        found += [f"{shown(path)}, cell {index}: {note}" for note in notes]
    if not number:
        found.append(f"{shown(path)}: it has no code; make it a Markdown page")
    return found
