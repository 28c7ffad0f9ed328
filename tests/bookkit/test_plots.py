"""Plots: two texts under each, the same bytes every time, colours that anybody can tell apart."""

from __future__ import annotations

import gzip
import hashlib
import html
import io
import itertools
import os
import re
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.path import Path

from bookkit import plots
from bookkit.bundle import STATIC
from thrifty.patterns import Atrous, Causal, Local
from thrifty.plans import plan

CAPTION = "The window moves along with its query."
ALT = "A band of five cells along the diagonal of a square."
MASK = np.tri(6, dtype=bool)

DRAW = """
from bookkit import plots
import numpy as np
first, second = axes = plots.panels(2)
plots.draw_mask(first, np.tri(6, dtype=bool), title="a")
plots.draw_arcs(second, np.tri(6, dtype=bool), title="b")
for k in range(3):
    third = plots.panels()[0] if k == 0 else third
    third.plot([0, 1, 2], [k, 1, k * k], label=str(k))
third.legend()
"""


def drawn(alt: str = ALT, caption: str = CAPTION):
    scope: dict = {}
    exec(DRAW, scope)
    return plots.show([*scope["axes"], scope["third"]], caption=caption, alt=alt)


def page_of(plot) -> str:
    return plot._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("text", ["", "  ", "Too short.", "A long label without its full stop"])
@pytest.mark.parametrize("name", ["caption", "alt"])
def test_both_texts_are_required(name, text):
    texts = {"caption": CAPTION, "alt": ALT} | {name: text}
    with pytest.raises(ValueError, match=f"^{name} must be at least one whole sentence, got "):
        plots.show(plots.panels(), **texts)


@pytest.mark.parametrize("name", ["caption", "alt"])
def test_texts_have_no_default(name):
    texts = {"caption": CAPTION, "alt": ALT}
    del texts[name]
    with pytest.raises(TypeError, match=name):
        plots.show(plots.panels(), **texts)


def test_alt_may_not_repeat_the_caption():
    with pytest.raises(ValueError, match="alt must describe the picture, not repeat the caption"):
        plots.show(plots.panels(), caption=CAPTION, alt=f" {CAPTION}")


def test_page_form_has_one_described_image_and_a_caption():
    alt, caption = 'Cells <b>"on"</b> & off the diagonal.', "As 1 < 2 & 2 < 3, so it is."
    page = page_of(drawn(alt=alt, caption=caption))
    root = ElementTree.fromstring(re.sub(r"(<img[^>]*)>", r"\1/>", page))
    assert root.tag == "figure" and root.get("class") == "bk-plot"
    alts = [image.get("alt") for image in root.iter("img")]
    assert alts == [alt, "", ""]
    assert [words.text for words in root.iter("figcaption")] == [caption]


def test_plain_form_says_both_texts():
    plain = drawn()._repr_mimebundle_()["text/plain"]
    assert CAPTION in plain and ALT in plain


def svgs(page: str) -> list[bytes]:
    addresses = [html.unescape(src) for src in re.findall(r'src="([^"]+)"', page)]
    assert all(address.startswith("data:image/svg+xml") for address in addresses)
    return [urllib.request.urlopen(address).read() for address in addresses]


def test_drawings_are_whole_images():
    found = svgs(page_of(drawn()))
    assert len(found) == 3
    for svg in found:
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        # Neither a date nor the drawing program's version, which would change with the machine.
        assert b"dc:date" not in svg and b"Matplotlib" not in svg
        assert b"<text" not in svg  # letters as paths need no font


def test_letters_keep_their_size():
    """Glyphs are drawn by a small factor: rounded like a coordinate, all letters would shrink."""
    (ax,) = plots.panels()
    ax.set_title("Letters")
    raw = io.StringIO()
    ax.figure.savefig(raw, format="svg")
    (svg,) = svgs(page_of(plots.show(ax, caption=CAPTION, alt=ALT)))
    factors = set(re.findall(r"scale\([^)]*\)", raw.getvalue()))
    assert factors
    assert set(re.findall(r"scale\([^)]*\)", svg.decode())) == factors


def test_same_plot_is_the_same_bytes():
    assert page_of(drawn()) == page_of(drawn())


def test_same_plot_is_the_same_bytes_in_another_process():
    code = f"{DRAW}\nimport hashlib\n"
    code += f"plot = plots.show([*axes, third], caption={CAPTION!r}, alt={ALT!r})\n"
    code += "print(hashlib.sha256(plot._repr_mimebundle_()['text/html'].encode()).hexdigest())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "77", "MPLBACKEND": "svg"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(page_of(drawn()).encode()).hexdigest()


def test_panels_are_figures_of_their_own():
    panels = plots.panels(3)
    assert len({id(ax.figure) for ax in panels}) == 3


@pytest.mark.parametrize("bad", [MASK.astype(int), MASK[0], MASK[None]])
def test_mask_must_be_a_boolean_matrix(bad):
    with pytest.raises(ValueError, match="mask must be a 2-D boolean array, got "):
        plots.draw_mask(plots.panels()[0], bad)


def light_of_cells(ax, shape) -> np.ndarray:
    """Draw, and return how light each cell is in its middle, seen from above."""
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba()) / 255
    light = np.empty(shape)
    for i, j in np.ndindex(shape):
        x, y = ax.transData.transform((j, i))
        colour = pixels[round(len(pixels) - y), round(x), :3]
        light[i, j] = linear(colour) @ [0.2126, 0.7152, 0.0722]
    return light


def test_values_are_drawn_darker_the_larger_they_are():
    (ax,) = plots.panels()
    values = np.linspace(0, 1, 12).reshape(3, 4)
    plots.draw_matrix(ax, values)
    assert (np.diff(light_of_cells(ax, values.shape).ravel()) < 0).all()


def test_mask_is_drawn_the_right_way_up():
    (ax,) = plots.panels()
    plots.draw_mask(ax, MASK, title="causal")
    assert ((light_of_cells(ax, MASK.shape) < 0.3) == MASK).all()
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first query is on top
    words = (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left"))
    assert words == ("key j", "query i", "causal")


def polygons(patch) -> list[np.ndarray]:
    path = patch.get_path()
    starts = np.flatnonzero(path.codes == Path.MOVETO)
    return np.split(path.vertices, starts[1:])


def area_of(patch) -> float:
    corners = [shape[:4] for shape in polygons(patch)]
    return sum(float(np.ptp(c[:, 0]) * np.ptp(c[:, 1])) for c in corners)


@pytest.mark.parametrize(
    ("pattern", "n"), [(Local(32), 160), (Local(20), 150), (Causal() & Local(9), 131)]
)
def test_tiles_are_drawn_with_what_they_compute_in_vain(pattern, n):
    (ax,) = plots.panels()
    made = plan(pattern, n)
    (piece,) = made.pieces
    plots.draw_tiles(ax, piece)
    _, needed, wasted, outlines, hatch = ax.patches
    i, j = np.broadcast_arrays(*piece.layout.positions())
    padding = int(((i >= n) | (j < 0) | (j >= n)).sum())
    assert area_of(needed) == pattern.pairs(n)
    assert area_of(needed) + area_of(wasted) + padding == made.executed
    assert len(polygons(outlines)) == len(piece.which)
    # Every line of the hatch runs through cells computed in vain and no others.
    computed = np.zeros((n, n), bool)
    real = (i < n) & (j >= 0) & (j < n)
    computed[i[real], j[real]] = True
    in_vain = computed & ~pattern.mask(n)
    hatched = np.zeros_like(in_vain)
    for (x, y), (end, _) in polygons(hatch):
        for step in range(round(end - x)):
            cell = round(y - step - 0.5), round(x + step + 0.5)
            assert in_vain[cell]
            hatched[cell] = True
    sums = np.add.outer(np.arange(n), np.arange(n)) % max(2, round(n / 40))
    np.testing.assert_array_equal(hatched, in_vain & (sums == 0))


def test_tiles_without_waste_have_no_hatch():
    (ax,) = plots.panels()
    plots.draw_tiles(ax, plan(Atrous(16), 160).pieces[0])
    ground, needed, outlines = ax.patches
    assert area_of(needed) == Atrous(16).pairs(160)


def test_drawn_tiles_are_light():
    panel = plots.panels(2, width=3.5, height=3.4)[0]
    plots.draw_tiles(panel, plan(Local(32), 160).pieces[0])
    page = page_of(plots.show(panel, caption=CAPTION, alt=ALT))
    assert len(gzip.compress(page.encode(), 6)) < 15_000


def test_rows_and_columns_carry_their_own_labels():
    (ax,) = plots.panels()
    plots.draw_matrix(ax, np.array([[0.0, 0.5], [0.75, 1.0]]), labels=(["a", "b"], ["c", "d"]))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "d"]


def test_arcs_are_the_allowed_pairs_without_the_diagonal():
    (ax,) = plots.panels()
    plots.draw_arcs(ax, MASK, query=3)

    def arcs(patches) -> int:
        return sum(np.count_nonzero(patch.get_path().codes == Path.MOVETO) for patch in patches)

    assert arcs(ax.patches) == MASK.sum() - 6
    own = [patch for patch in ax.patches if to_hex(patch.get_edgecolor()) == plots.PALETTE[1]]
    assert arcs(own) == MASK[3].sum() - 1


# Colours

SCREEN_PAPER = re.search(
    r'data-theme="light"\] \{\s*--pst-color-background: (#\w+)', (STATIC / "book.css").read_text()
).group(1)
DARK_PAPER = re.search(
    r'data-theme="dark"\] \{\s*--pst-color-background: (#\w+)', (STATIC / "book.css").read_text()
).group(1)

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
BLIND = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
# CIE: linear sRGB to XYZ, and the white of D65.
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
# Filter Effects: hue-rotate(180deg) after invert(1), as the dark page turns plots over.
LUMA = np.array([0.213, 0.715, 0.072])
HALF_TURN = 2 * np.tile(LUMA, (3, 1)) - np.eye(3)


def rgb(colour) -> np.ndarray:
    if not isinstance(colour, str):
        return np.asarray(colour, float)
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def linear(colour) -> np.ndarray:
    value = rgb(colour)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray, two: np.ndarray) -> float:
    """WCAG's contrast of two linear colours."""
    light = sorted(float(colour @ [0.2126, 0.7152, 0.0722]) for colour in (one, two))
    return (light[1] + 0.05) / (light[0] + 0.05)


def cielab(colour: np.ndarray) -> np.ndarray:
    share = TO_XYZ @ np.clip(colour, 0, 1) / WHITE
    f = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def smallest_distance(colours) -> float:
    places = [cielab(colour) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(places, 2))


def test_measures_of_colour_are_right():
    assert contrast(linear("#000000"), linear("#ffffff")) == pytest.approx(21)
    assert contrast(linear("#767676"), linear("#ffffff")) == pytest.approx(4.54, abs=0.01)
    np.testing.assert_allclose(cielab(linear("#ff0000")), [53.24, 80.09, 67.20], atol=0.05)
    for matrix in BLIND.values():
        np.testing.assert_allclose(np.sum(matrix, axis=1), 1, atol=1e-5)  # grey stays grey


@pytest.mark.parametrize("paper", [plots.PAPER, SCREEN_PAPER])
@pytest.mark.parametrize("colour", [*plots.PALETTE, plots.INK, plots.SOFT])
def test_colours_stand_out_on_paper(colour, paper):
    assert contrast(linear(colour), linear(paper)) >= 4.5


@pytest.mark.parametrize("colour", [*plots.PALETTE, plots.INK, plots.SOFT])
def test_colours_stand_out_on_the_dark_page(colour):
    turned = np.clip(HALF_TURN @ (1 - rgb(colour)), 0, 1)
    page = rgb(DARK_PAPER)
    screened = 1 - (1 - turned) * (1 - page)
    # A thick line or a marker needs 3; letters are drawn in INK alone.
    assert contrast(linear(screened), linear(page)) >= (4.5 if colour == plots.INK else 3)


@pytest.mark.parametrize("sight", [None, *BLIND])
def test_first_four_colours_can_be_told_apart(sight):
    matrix = np.array(BLIND[sight]) if sight else np.eye(3)
    colours = [matrix @ linear(colour) for colour in plots.PALETTE[:4]]
    # Two is the smallest difference an eye can see side by side.
    assert smallest_distance(colours) >= (10 if sight else 25)


def test_lines_differ_in_more_than_colour():
    kinds = (plots.PALETTE, plots.MARKERS, plots.LINES)
    assert [len(set(kind)) for kind in kinds] == [6, 6, 6]
    (ax,) = plots.panels()
    styles = set()
    for number in range(6):
        (line,) = ax.plot([0, 1], [number, number])
        styles.add((line.get_color(), line.get_marker(), str(line._unscaled_dash_pattern)))
    assert len(styles) == len({marker for _, marker, _ in styles}) == 6
    assert len({dashes for _, _, dashes in styles}) == 6


def test_heat_grows_darker_all_the_way():
    light = [cielab(linear(plots.HEAT(x)[:3]))[0] for x in np.linspace(0, 1, 50)]
    assert (np.diff(light) < 0).all()
    assert light[0] - light[-1] > 60
