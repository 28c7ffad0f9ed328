"""The slimming of the built site: what pages do not use goes, what they use stays."""

from __future__ import annotations

import itertools
import pathlib
import shutil

import pydata_sphinx_theme
import pytest
from fontTools.ttLib import TTFont

from bookkit import slim

VENDOR = next(pathlib.Path(pydata_sphinx_theme.__file__).parent.rglob("static/vendor/fontawesome"))
PLUS, MOON, SUN, GITHUB = 0x2B, 0xF186, 0xF185, 0xF09B
SCRIPT = '<script defer src="_static/scripts/fontawesome.js?digest=12"></script>'
PRELOAD = (
    '<link rel="preload" as="font" type="font/woff2" crossorigin '
    'href="_static/vendor/fontawesome/webfonts/fa-solid-900.woff2" />'
)
PAGE = f"""<html><head>
  {PRELOAD}
  <link rel="preload" as="script" href="_static/scripts/bootstrap.js" />
  {SCRIPT}
  <script src="_static/doctools.js"></script>
</head><body><i class="fa-solid fa-moon"></i></body></html>
"""
SHEET = (
    '.fa-moon::before{content:"\\f186"}.fa-sun::before{content:"\\f185"}'
    '.fa-github::before{content:"\\f09b"}.fa-bars::before,.fa-navicon::before{content:"\\f0c9"}'
    '.fa-plus::before{content:"\\2b"}'
    '.toctree-toggle::after{content:"\\f078"}'
)


@pytest.fixture
def site(tmp_path):
    """A site with the theme's own fonts, two pages, one script and one style sheet."""
    static = tmp_path / "_static"
    shutil.copytree(VENDOR / "webfonts", static / "vendor" / "fontawesome" / "webfonts")
    (static / "styles").mkdir()
    (static / "styles" / "theme.css").write_text(SHEET)
    (static / "scripts").mkdir()
    (static / "scripts" / "bootstrap.js").write_text('icon.className = "fa-solid fa-navicon"')
    # It names every icon there is, and must not count as a user of them.
    (static / "scripts" / "fontawesome.js").write_text('"fa-sun"')
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "deep.html").write_text(PAGE.replace("_static", "../_static"))
    return tmp_path


def font(site, name: str) -> pathlib.Path:
    return site / "_static" / "vendor" / "fontawesome" / "webfonts" / f"{name}.woff2"


def codes(path: pathlib.Path) -> set[int]:
    return set(TTFont(path).getBestCmap() or {})


def snapshot(site) -> dict[str, bytes]:
    return {
        str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()
    }


def test_icon_script_goes_and_the_rest_of_the_page_stays(site):
    slim.slim_site(site)
    for page in (site / "page.html", site / "book" / "deep.html"):
        text = page.read_text()
        assert "fontawesome" not in text
        for kept in ("bootstrap.js", "doctools.js", 'class="fa-solid fa-moon"', "</html>"):
            assert kept in text
        assert text.count("<script") == text.count("</script>") == 1


def test_used_icons_are_found(site):
    pages = list(site.rglob("*.html"))
    assert slim.used_icons(site, pages) == {MOON, 0xF0C9, 0xF078}


def test_fonts_keep_used_icons_alone(site):
    solid = font(site, "fa-solid-900")
    before = codes(solid)
    assert {MOON, SUN, 0xF0C9, 0xF078} <= before
    slim.slim_site(site)
    assert codes(solid) == {MOON, 0xF0C9, 0xF078}
    assert solid.stat().st_size < 4000
    assert TTFont(solid).flavor == "woff2"
    brands = font(site, "fa-brands-400")
    assert GITHUB not in codes(brands)


def test_kept_icons_are_drawn_as_before(site):
    def outline(path: pathlib.Path):
        drawn = TTFont(path)
        name = drawn.getBestCmap()[MOON]
        glyph = drawn["glyf"][name]
        return list(glyph.getCoordinates(drawn["glyf"])[0]), drawn["hmtx"][name][0]

    solid = font(site, "fa-solid-900")
    before = outline(solid)
    slim.slim_site(site)
    assert outline(solid) == before
    assert len(before[0]) > 5


def test_second_run_changes_nothing(site, monkeypatch):
    clock = itertools.count()  # a font can hold the second in which it was written
    monkeypatch.setattr("fontTools.ttLib.tables._h_e_a_d.timestampNow", lambda: next(clock))
    slim.slim_site(site)
    once = snapshot(site)
    slim.slim_site(site)
    assert snapshot(site) == once


def test_icon_used_later_comes_back(site):
    """A rebuilt site keeps its fonts: a page that asks for a new icon must get it."""
    slim.slim_site(site)
    (site / "new.html").write_text('<i class="fa-solid fa-sun"></i>')
    slim.slim_site(site)
    assert SUN in codes(font(site, "fa-solid-900"))
    assert MOON in codes(font(site, "fa-solid-900"))


def test_icons_of_the_theme_are_found_in_its_own_sheet(tmp_path):
    """The patterns fit the style sheet that the installed theme ships."""
    styles = tmp_path / "_static"
    styles.mkdir()
    theme = pathlib.Path(pydata_sphinx_theme.__file__).parent
    sheets = [path for path in theme.rglob("*.css") if ".fa-moon" in path.read_text("utf8")]
    assert sheets
    for number, sheet in enumerate(sheets):
        shutil.copyfile(sheet, styles / f"{number}.css")
    page = tmp_path / "page.html"
    page.write_text('<i class="fa-solid fa-moon"></i><i class="fa-brands fa-github"></i>')
    found = slim.used_icons(tmp_path, [page])
    assert {MOON, GITHUB} <= found
    assert SUN not in found
    assert len(found) < 40
