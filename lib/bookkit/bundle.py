"""Turn the figures' ES modules into what a notebook and a page can load.

A figure is an ES module that may import from the modules in ``static``.
A notebook loads it from one string, where relative imports cannot work; a page opened from
disk cannot load modules at all.  So imports are inlined here, and nowhere else.
"""

from __future__ import annotations

import pathlib
import re

STATIC = pathlib.Path(__file__).parent / "static"
FIGURES = pathlib.Path(__file__).parent / "explorers"

_IMPORT = re.compile(r'^import\s+\{([^}]*)\}\s+from\s+"(\.[^"]+)";\n', re.M)
_ANY_IMPORT = re.compile(r"^\s*import\b.*$", re.M)
_RULE = re.compile(r"^export function (\w+)", re.M)
_JS_COMMENT = re.compile(r"^[ \t]*//.*\n", re.M)  # on lines of their own; others stay
_CSS_COMMENT = re.compile(r"/\*.*?\*/\n?", re.S)
_EXPORT = re.compile(r"^export (?=async |function|const|let|class)", re.M)


def modules_of(path: pathlib.Path) -> list[pathlib.Path]:
    """Return the module and all it imports, imported ones first, each once."""
    found: list[pathlib.Path] = []

    def visit(module: pathlib.Path) -> None:
        for _, target in _IMPORT.findall(module.read_text("utf8")):
            visit((module.parent / target).resolve())
        if module not in found:
            found.append(module)

    visit(path.resolve())
    return found


def body(path: pathlib.Path) -> str:
    """Return a module's text without its imports and export keywords (``export default`` stays)."""
    text = _IMPORT.sub("", path.read_text("utf8"))
    stray = _ANY_IMPORT.search(text)
    if stray:
        raise ValueError(
            f'{path.name}: cannot inline "{stray.group().strip()}"; '
            'write: import { name } from "../static/kit.js"; on one line'
        )
    return _EXPORT.sub("", text)


def notebook_module(path: pathlib.Path) -> str:
    """Return one self-contained ES module for anywidget.

    Examples
    --------
    >>> text = notebook_module(FIGURES / "pattern_laboratory.js")
    >>> "import {" in text, "export default" in text
    (False, True)
    """
    return "\n".join(body(module) for module in modules_of(path))


def page_script(names: list[str]) -> str:
    """Return one classic script that registers these figures and brings the page to life.

    Shared modules are written once; each figure keeps its own scope, so that two figures may use
    the same private names.
    """
    shared = sorted(
        {m for name in names for m in modules_of(FIGURES / f"{name}.js")[:-1]}, key=lambda m: m.name
    )
    # What Python has too is shown to the tests.
    twins = [module for module in shared if module.stem.endswith("rules")]
    rules = [name for module in twins for name in _RULE.findall(module.read_text("utf8"))]
    parts = ['(() => {\n"use strict";\nwindow.bookkit = { figures: {} };\n']
    parts += [body(module) for module in shared]
    if rules:
        parts.append(f"window.bookkit.rules = {{ {', '.join(rules)} }};\n")
    for name in names:
        figure = re.sub(r"^export default ", "return ", body(FIGURES / f"{name}.js"), flags=re.M)
        parts.append(f"window.bookkit.figures[{name!r}] = (() => {{\n{figure}\n}})();\n")
    parts.append((STATIC / "host.js").read_text("utf8"))
    # Readers of the page do not read its comments, and would wait for them.
    return _JS_COMMENT.sub("", "\n".join(parts)) + "})();\n"


def sheets_of(name: str, folder: pathlib.Path = FIGURES) -> list[pathlib.Path]:
    """Return the style sheets of one figure alone: beside its script and the modules it imports.

    What most figures share stands in ``static/figures.css``, which every page loads.
    """
    sheets = [module.with_suffix(".css") for module in modules_of(folder / f"{name}.js")]
    return [path for path in sheets if path.exists()]


def notebook_sheet(name: str, folder: pathlib.Path = FIGURES) -> str:
    """Return all styles of one figure, for anywidget."""
    sheets = [STATIC / "figures.css", *sheets_of(name, folder)]
    return "".join(path.read_text("utf8") for path in sheets)


def page_sheet(names: list[str]) -> str:
    """Return the styles that these figures have for themselves, without comments."""
    sheets = dict.fromkeys(path for name in names for path in sheets_of(name))
    return _CSS_COMMENT.sub("", "".join(path.read_text("utf8") for path in sheets))


def shared_sheet(name: str) -> str:
    """Return a style sheet of all pages, without its comments."""
    return _CSS_COMMENT.sub("", (STATIC / name).read_text("utf8"))


def figure_names() -> list[str]:
    """Return the name of every figure: the stem of each ``explorers/*.js``."""
    return sorted(path.stem for path in FIGURES.glob("*.js"))
