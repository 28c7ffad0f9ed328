"""The book's Sphinx extension: the scripts of live figures, maths from a package, slim pages."""

from __future__ import annotations

import importlib.metadata
import pathlib
import re
import shutil

from docutils import nodes

from bookkit import slim
from bookkit.bundle import FIGURES, STATIC, figure_names, page_script, page_sheet, shared_sheet

_FIGURE = re.compile(r'class="bk-live" data-figure="(\w+)"')
MATHJAX_PACKAGE = "sphinx-mathjax-offline"
MATHJAX_NEEDED = ("tex-mml-chtml.js", "output/chtml/fonts/woff-v2/")


def _write(path: pathlib.Path, text: str) -> None:
    """Write only what changed, so that an unchanged build stays short."""
    if not path.exists() or path.read_text("utf8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")


def copy_mathjax(target: pathlib.Path) -> None:
    """Copy the one script and the fonts that HTML output needs out of the installed package."""
    try:
        files = importlib.metadata.files(MATHJAX_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise RuntimeError(
            f"{MATHJAX_PACKAGE} is not installed; run `make book`, which installs requirements.txt"
        ) from None
    copied = 0
    for file in files:
        inside = file.as_posix().partition("static/mathjax/")[2]
        if inside.startswith(MATHJAX_NEEDED):
            place = target / inside
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), place)
            copied += 1
    if not copied:
        raise RuntimeError(f"{MATHJAX_PACKAGE} carries no tex-mml-chtml.js; check its version")


def prepare_static(app, config) -> None:
    """Write scripts, style sheets and MathJax to where Sphinx collects static files."""
    place = pathlib.Path(app.outdir).parent / "static"
    for sheet in ("figures.css", "book.css"):
        _write(place / sheet, shared_sheet(sheet))
    copy_mathjax(place / "mathjax")
    config.html_static_path.append(str(place))
    config.templates_path.append(str(STATIC.parent / "templates"))


def figures_in(doctree) -> list[str]:
    """Return the names of the live figures that stand on a page, each once."""
    found = {name for node in doctree.findall(nodes.raw) for name in _FIGURE.findall(node.astext())}
    unknown = found - set(figure_names())
    if unknown:
        raise RuntimeError(f"no script for the figure {sorted(unknown)[0]!r} in {FIGURES}")
    return sorted(found)


def per_page(app, pagename, templatename, context, doctree) -> None:
    """Give a page that has live figures the script and the styles of these and of no others."""
    names = figures_in(doctree) if doctree is not None else []
    if not names:
        return
    stem = f"figures-{'-'.join(names)}"
    static = pathlib.Path(app.outdir) / "_static"
    _write(static / f"{stem}.js", page_script(names))
    app.add_js_file(f"{stem}.js", loading_method="defer")
    styles = page_sheet(names)
    if styles:
        _write(static / f"{stem}.css", styles)
        app.add_css_file(f"{stem}.css")


def slim_down(app, error) -> None:
    """Drop what no page needs once all pages are written."""
    if error is None and app.builder.format == "html":
        slim.slim_site(pathlib.Path(app.outdir))


def setup(app):
    app.connect("config-inited", prepare_static)
    app.connect("html-page-context", per_page)
    app.connect("build-finished", slim_down)
    app.add_css_file("figures.css")
    app.add_css_file("book.css", priority=900)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
