"""Take out of the built pages what they load and do not use, and mend the theme's few faults."""

from __future__ import annotations

import pathlib
import re

from fontTools import subset
from fontTools.ttLib import TTFont

# The theme draws its icons from a web font; this script, 1.5 MB, only replaces them by SVG.
_ICON_SCRIPT = re.compile(r"\s*<script[^>]*fontawesome\.js[^>]*></script>")
_ICON_PRELOAD = re.compile(r'\s*<link rel="preload"[^>]*vendor/fontawesome[^>]*/?>')
# Sphinx loads MathJax on the front page because *other* pages have formulas.
_MATH_SCRIPT = re.compile(
    r"\s*<script>window\.MathJax = .*?</script>|\s*<script[^>]*mathjax/[^>]*></script>"
)
# Only the search page searches; the index grows with every chapter.
_SEARCH_SCRIPT = re.compile(
    r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>'
)
_ICON_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+::?before,?)+)\{content:"\\([0-9a-f]+)"\}')
_ICON_NAME = re.compile(r"\bfa-([a-z0-9-]+)")
# The theme marks links to code hosts by an icon that it writes as the character itself.
_BARE_ICON = re.compile('"([\ue000-\uf8ff])"')
_OTHER_ICON = re.compile(r'"\\(f[0-9a-f]{3})"')
# A list must hold list items; the role that docutils writes instead is deprecated.
_CITATION = ('role="doc-biblioentry"', 'role="listitem"')
# The label would hide what the line says: "Show the solution".
_TOGGLE = ('<summary aria-label="Toggle hidden content">', "<summary>")
_REFRESH = re.compile(r'^<meta http-equiv="Refresh" content="0; url=([^"]+)" />\s*$')
# Jupyter Book's index is the bare refresh: no title, no language, nothing to click.
_INDEX = r"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Attention on a Budget</title>
<link rel="icon" href="_static/mark.svg">
<meta http-equiv="refresh" content="0; url=\1">
</head>
<body><main><h1>Attention on a Budget</h1><p><a href="\1">Read the book</a></p></main></body>
</html>
"""


def slim_site(out: pathlib.Path) -> None:
    """Slim every page below ``out`` and their icon fonts; a second time it changes nothing."""
    pages = list(out.rglob("*.html"))
    for page in pages:
        text = page.read_text("utf8")
        slimmer = _ICON_PRELOAD.sub("", _ICON_SCRIPT.sub("", text)).replace(*_CITATION)
        slimmer = slimmer.replace(*_TOGGLE)
        if page == out / "index.html":
            slimmer = _REFRESH.sub(_INDEX, slimmer)
        if page != out / "search.html":
            slimmer = _SEARCH_SCRIPT.sub("", slimmer)
        if 'class="math ' not in slimmer:
            slimmer = _MATH_SCRIPT.sub("", slimmer)
        if slimmer != text:
            page.write_text(slimmer, "utf8")
    codes = used_icons(out, pages)
    for font in out.rglob("vendor/fontawesome/webfonts/*.woff2"):
        subset_font(font, codes)


def used_icons(out: pathlib.Path, pages: list[pathlib.Path]) -> set[int]:
    """Return the code points of the icons named in pages, scripts and style sheets."""
    static = out / "_static"
    sheets = "".join(path.read_text("utf8") for path in static.rglob("*.css"))
    scripts = [path for path in static.rglob("*.js") if path.name != "fontawesome.js"]
    text = "".join(path.read_text("utf8") for path in [*scripts, *pages])
    used = set(_ICON_NAME.findall(text))
    named = {
        int(code, 16)
        for names, code in _ICON_RULE.findall(sheets)
        if used & set(_ICON_NAME.findall(names))
    }
    # A few rules of the theme draw an icon without naming it.
    bare = {ord(icon) for icon in _BARE_ICON.findall(sheets)}
    other = {int(code, 16) for code in _OTHER_ICON.findall(_ICON_RULE.sub("", sheets))}
    return named | bare | other


def subset_font(path: pathlib.Path, codes: set[int]) -> None:
    """Rewrite a web font with these code points alone, from the full copy beside it."""
    # The .ttf twin is the source: the .woff2 may already be a subset made for another set of pages.
    source = path.with_suffix(".ttf")
    # Without the time of day: the same pages give the same bytes.
    font = TTFont(source if source.exists() else path, recalcTimestamp=False)
    options = subset.Options(flavor="woff2", layout_features=[], hinting=False, notdef_outline=True)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=codes)
    cutter.subset(font)
    font.flavor = "woff2"
    font.save(path)
