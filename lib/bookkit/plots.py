"""The book's plotting theme: one look, one palette, a caption and alt text under every figure."""

from __future__ import annotations

import html
import io
import math
import re
import urllib.parse

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

# Okabe and Ito's colours, darkened until each stands out 4.5 to 1 on the paper.
PALETTE = ["#0b5d4e", "#b4530a", "#2a6099", "#8a3f78", "#5b5a52", "#7a6a00"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]
INK, SOFT, PAPER, EMPTY = "#26302c", "#56625c", "#ffffff", "#e4e5de"
WASTED = "#f0d9c4"  # the ground of a hatch
HEAT = LinearSegmentedColormap.from_list("ledger", ["#f4f4ee", "#a5cec3", "#2c7f6e", "#06362d"])

matplotlib.rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": SOFT,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.prop_cycle": matplotlib.cycler(color=PALETTE)
        + matplotlib.cycler(marker=MARKERS)
        + matplotlib.cycler(linestyle=LINES),
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "legend.frameon": False,
        "figure.facecolor": PAPER,
        "axes.facecolor": PAPER,
        # Glyphs as paths, ids from a fixed salt: the same file on every machine.
        "svg.fonttype": "path",
        "svg.hashsalt": "attention-on-a-budget",
    }
)


_OUTLINE, _DIGITS = re.compile(r' d="[^"]*"'), re.compile(r"(\.\d\d)\d+")
# Left as they are in a data URL: the drawing stays text, which servers pack to a tenth.
_SAFE = " ,:;/=.-_()!*'@"
# Inline, because a notebook loads none of the page's style sheets.
_COLUMNS = "grid-template-columns:repeat(auto-fit,minmax(min(100%,{}),1fr))"
_ROW = f"display:grid;gap:1rem min(1.5rem,3%);{_COLUMNS}"
# Threes and sixes go three by three, twos and fours two by two. A phone stacks them, six small
# ones in pairs; the share keeps a wide page from a row of more than three.
_LEAST = {3: "11.5rem", 6: "max(8.5rem,30%)"}
_PANEL = "width:100%;height:auto;max-width:34rem"


class Plot:
    """A finished figure with its caption and alt text; made by :func:`show`."""

    def __init__(self, drawings: list[str], caption: str, alt: str):
        self.drawings, self.caption, self.alt = drawings, caption, alt

    def __repr__(self) -> str:
        return f"Figure: {self.caption} [{self.alt}]"

    def _repr_mimebundle_(self, include=None, exclude=None):
        images = "".join(
            f'<img alt="{html.escape(alt, quote=True)}" style="{_PANEL}" '
            f'src="data:image/svg+xml,{urllib.parse.quote(drawing, safe=_SAFE)}">'
            # One text describes the whole row; the other panels are silent to screen readers.
            for drawing, alt in zip(
                self.drawings, [self.alt, *[""] * len(self.drawings)], strict=False
            )
        )
        row = _ROW.format(_LEAST.get(len(self.drawings), "15rem"))
        page = (
            f'<figure class="bk-plot"><div class="bk-plot-row" style="{row}">{images}</div>'
            f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )
        return {"text/html": page, "text/plain": repr(self)}


def panels(count: int = 1, *, width: float | None = None, height: float = 3.0) -> list:
    """Return ``count`` axes, each on a figure of its own, so that a phone can stack them.

    Parameters
    ----------
    count : int
        How many panels stand side by side where there is room.
    width, height : float
        Inches, of one panel; the page scales it to its column.
    """
    width = width or (5.2 if count == 1 else 7.2 / count)
    return [Figure((width, height), layout="constrained").subplots() for _ in range(count)]


def show(panels, *, caption: str, alt: str) -> Plot:
    """Return drawn panels as a cell's value, with the two texts without which they are not shown.

    Parameters
    ----------
    panels : axes or list of axes
        As made by :func:`panels`.
    caption : str
        What the reader should see in it; at least one sentence.
    alt : str
        What is drawn, for those who cannot see it; not the caption again.

    Raises
    ------
    ValueError
        If a text is missing, too short to say anything, or the two are the same.
    """
    for name, text in (("caption", caption), ("alt", alt)):
        if len(text.strip()) < 20 or not text.strip().endswith((".", "!", "?")):
            raise ValueError(f"{name} must be at least one whole sentence, got {text!r}")
    if caption.strip() == alt.strip():
        raise ValueError("alt must describe the picture, not repeat the caption")
    return Plot([_svg(ax.figure) for ax in np.ravel(panels)], caption, alt)


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    # Hundredths of a point are enough for a line; a glyph's scale, outside `d`, needs all digits.
    return _OUTLINE.sub(lambda path: _DIGITS.sub(r"\1", path[0]), file.getvalue())


def doubling(ax, *, x: bool = True, y: bool = False) -> None:
    """Give an axis a scale on which each step doubles, labelled with plain numbers."""
    for chosen, axis, scale in ((x, ax.xaxis, ax.set_xscale), (y, ax.yaxis, ax.set_yscale)):
        if chosen:
            scale("log", base=2)
            axis.set_major_formatter(
                lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"
            )


def draw_mask(ax, mask, *, title: str = "", labels=None) -> None:
    """Draw a boolean (queries, keys) mask: a filled cell may attend.

    Parameters
    ----------
    ax : matplotlib axes
    mask : bool array (n, m)
    title : str
        Written above the axes.
    labels : list of str, optional
        One token for each row and column.
    """
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype != bool:
        raise ValueError(
            f"mask must be a 2-D boolean array, got {mask.dtype} of shape {mask.shape}"
        )
    n, m = mask.shape
    ax.add_patch(Rectangle((-0.5, -0.5), m, n, facecolor=EMPTY, edgecolor="none", alpha=0.5))
    # Stretches of a row and a grid over them: a rectangle a cell would outweigh the whole page.
    stretches = _boxes(0, mask)
    if stretches:
        path = Path.make_compound_path_from_polys(np.array(stretches))
        ax.add_patch(PathPatch(path, facecolor=PALETTE[0], edgecolor="none"))
    rows = [[(-0.5, i - 0.5), (m - 0.5, i - 0.5)] for i in range(1, n)]
    columns = [[(j - 0.5, -0.5), (j - 0.5, n - 0.5)] for j in range(1, m)]
    if rows or columns:
        grid = Path.make_compound_path(*[Path(line) for line in rows + columns])
        width = max(0.3, 14 / max(n, m) - 0.2) * 0.5
        ax.add_patch(PathPatch(grid, fill=False, edgecolor=PAPER, linewidth=width))
    _matrix_axes(ax, (n, m), title, labels)


def draw_tiles(ax, piece, *, title: str = "") -> None:
    """Draw what a piece of a plan computes: pairs that count, and hatched those computed in vain.

    Parameters
    ----------
    ax : matplotlib axes
    piece : thrifty.plans.Piece
        Of tiles. Where its rate is above 1, positions are sorted by their remainder.
    title : str
    """
    n, rate = piece.layout.n, piece.layout.rate
    place = np.arange(n) % rate * piece.layout.column + np.arange(n) // rate
    needed, in_vain, outlines = [], [], []
    for i, j, which in zip(*piece.layout.positions(), piece.which, strict=True):
        i, keys = i.ravel(), j.ravel()
        real = (keys >= 0) & (keys < n)
        columns, rows = place[keys[real]], place[i[i < n]]
        allowed = piece.allowed[which][i < n][:, real]
        for boxes, chosen in ((needed, allowed), (in_vain, ~allowed)):
            filled = np.zeros((len(rows), columns.max() + 1), bool)
            filled[:, columns] = chosen
            boxes += _boxes(rows[0], filled)
        left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
        corners = [(left, top), (right + 1, top), (right + 1, bottom + 1), (left, bottom + 1)]
        outlines.append([(x - 0.5, y - 0.5) for x, y in corners])
    size = rate * piece.layout.column
    ax.add_patch(Rectangle((-0.5, -0.5), size, size, facecolor=EMPTY, edgecolor="none", alpha=0.5))
    for boxes, look in (
        (needed, {"facecolor": PALETTE[0], "edgecolor": "none"}),
        (in_vain, {"facecolor": WASTED, "edgecolor": "none"}),
        (outlines, {"fill": False, "edgecolor": INK, "linewidth": 0.7}),
    ):
        if boxes:
            ax.add_patch(PathPatch(Path.make_compound_path_from_polys(np.array(boxes)), **look))
    # Not matplotlib's own hatch, whose pattern weighs more than the whole drawing.
    lines = _diagonals(in_vain, max(2, round(size / 40)))
    if lines:
        hatch = Path.make_compound_path(*map(Path, lines))
        ax.add_patch(PathPatch(hatch, fill=False, edgecolor=PALETTE[1], linewidth=0.9))
    _matrix_axes(ax, (size, size), title, None)


def _diagonals(boxes: list, step: int) -> list[list[tuple[float, float]]]:
    """Return the parts inside the boxes of the lines where x + y is a multiple of `step`."""
    parts: dict[int, list] = {}
    for (left, top), _, (right, bottom), _ in boxes:
        first, last = math.ceil((left + top) / step), math.floor((right + bottom) / step)
        for total in range(first * step, last * step + 1, step):
            start, end = max(left, total - bottom), min(right, total - top)
            if start < end:
                parts.setdefault(total, []).append((start, end))
    lines = []
    for total, found in parts.items():
        joined: list[list[float]] = []
        for start, end in sorted(found):
            if joined and start == joined[-1][1]:  # goes on in the next box
                joined[-1][1] = end
            else:
                joined.append([start, end])
        lines += [[(start, total - start), (end, total - end)] for start, end in joined]
    return lines


def _boxes(top: int, cells: np.ndarray) -> list[list[tuple[float, float]]]:
    """Return the corners of rectangles that cover the True cells, the first row being `top`."""
    boxes, open_ = [], {}
    for i, row in enumerate([*cells, np.zeros_like(cells[0])] if len(cells) else [], start=top):
        edges = (np.flatnonzero(np.diff(np.r_[0, row.astype(int), 0])) - 0.5).tolist()
        runs = list(zip(edges[::2], edges[1::2], strict=True))
        # Equal runs of neighbouring rows are one rectangle.
        for run in [run for run in open_ if run not in runs]:
            (left, right), first = run, open_.pop(run) - 0.5
            boxes.append([(left, first), (right, first), (right, i - 0.5), (left, i - 0.5)])
        for run in runs:
            open_.setdefault(run, i)
    return boxes


def draw_matrix(ax, values, *, title="", labels=None, top=None) -> None:
    """Draw a (queries, keys) matrix of numbers >= 0, darker for larger.

    Parameters
    ----------
    ax : matplotlib axes
    values : float array (n, m)
    title : str
    labels : list of str, optional
        Tokens of rows and columns; (row labels, column labels) for two lists.
    top : float, optional
        The value drawn darkest; the largest one by default.
    """
    values = np.asarray(values, float)
    n, m = values.shape
    top = float(values.max()) if top is None else top
    ax.pcolormesh(
        np.arange(m + 1) - 0.5,
        np.arange(n + 1) - 0.5,
        values,
        cmap=HEAT,
        vmin=0,
        vmax=max(top, 1e-12),
        edgecolors=PAPER,
        linewidth=max(0.15, 14 / max(n, m) - 0.2) * 0.5,
    )
    _matrix_axes(ax, (n, m), title, labels)


def _matrix_axes(ax, shape: tuple[int, int], title: str, labels) -> None:
    n, m = shape
    ax.set_xlim(-0.5, m - 0.5)
    ax.set_ylim(n - 0.5, -0.5)
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title(title, loc="left")
    if labels is None:
        ax.set_xlabel("key j")
        ax.set_ylabel("query i")
    else:
        rows, columns = labels if isinstance(labels, tuple) else (labels, labels)
        slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        # Letters stand side by side; words need the room that a slant gives them.
        ax.set_xticks(range(m), columns, **(slant if max(map(len, columns)) > 2 else {}))
        ax.set_yticks(range(n), rows)


def draw_arcs(ax, mask, *, query: int | None = None, title: str = "") -> None:
    """Draw the allowed pairs of an (n, n) mask as arcs over a row of tokens.

    Parameters
    ----------
    ax : matplotlib axes
    mask : bool array (n, n)
    query : int, optional
        The query whose arcs stand out; the middle one by default.
    title : str
    """
    mask = np.asarray(mask, bool)
    n = len(mask)
    query = n // 2 if query is None else query
    half_circle = Path.arc(0, 180, n=2)
    # There and back is one arc; those of the query lie on top.
    pairs = {(min(i, j), max(i, j)) for i, j in np.argwhere(mask).tolist() if i != j}
    own = {(min(query, j), max(query, j)) for j in np.nonzero(mask[query])[0].tolist()} & pairs
    for chosen, colour, width, alpha in (
        (pairs - own, PALETTE[0], 0.6, 0.5),
        (own, PALETTE[1], 1.8, 1),
    ):
        arcs = [
            Path(half_circle.vertices * (j - i) / 2 + [(i + j) / 2, 0], half_circle.codes)
            for i, j in sorted(chosen)
        ]
        if arcs:
            path = Path.make_compound_path(*arcs)
            ax.add_patch(PathPatch(path, fill=False, ec=colour, lw=width, alpha=alpha))
    seen = np.nonzero(mask[query])[0]
    ax.plot(range(n), [0] * n, "o", color=SOFT, markersize=2.5, zorder=3)
    ax.plot(seen, [0] * len(seen), "o", color=PALETTE[0], markersize=4.5, zorder=4)
    ax.plot([query], [0], "s", color=PALETTE[1], markersize=6, zorder=5)
    ax.set_xlim(-1, n)
    ax.set_ylim(-n * 0.04, n * 0.52)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title(title, loc="left")
