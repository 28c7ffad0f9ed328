"""The book's plotting theme: one look, one palette, a caption and alt text under every figure."""

from __future__ import annotations

import base64
import html
import io

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Arc

# Okabe and Ito's colours, darkened until each stands out 4.5 to 1 on the paper.
PALETTE = ["#0b5d4e", "#b4530a", "#2a6099", "#8a3f78", "#5b5a52", "#7a6a00"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]
INK, SOFT, PAPER, EMPTY = "#26302c", "#56625c", "#ffffff", "#e4e5de"
HEAT = LinearSegmentedColormap.from_list("ledger", ["#f4f4ee", "#a5cec3", "#2c7f6e", "#06362d"])

_STYLE = {
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


class Plot:
    """A finished figure with its caption and alt text; made by :func:`show`."""

    def __init__(self, svg: str, caption: str, alt: str):
        self.svg, self.caption, self.alt = svg, caption, alt

    def __repr__(self) -> str:
        return f"Figure: {self.caption} [{self.alt}]"

    def _repr_mimebundle_(self, include=None, exclude=None):
        drawing = base64.b64encode(self.svg.encode()).decode()
        page = (
            f'<figure class="bk-plot"><img alt="{html.escape(self.alt, quote=True)}" '
            f'src="data:image/svg+xml;base64,{drawing}">'
            f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )
        return {"text/html": page, "text/plain": repr(self)}


def axes(rows: int = 1, columns: int = 1, *, height: float = 2.9, width: float = 7.2, **options):
    """Return a figure and its axes (squeezed, as ``plt.subplots``) in the book's look.

    Parameters
    ----------
    rows, columns : int
        The grid of axes.
    height, width : float
        Inches, of the whole figure; the page scales it to its column.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


def show(figure: Figure, *, caption: str, alt: str) -> Plot:
    """Return the figure as a cell's value, with the two texts without which it is not shown.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    caption : str
        What the reader should see in it; at least one sentence.
    alt : str
        What it shows, for those who cannot see it; not the caption again.

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
    file = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Plot(file.getvalue(), caption, alt)


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
    draw_matrix(ax, mask.astype(float), title=title, labels=labels, top=1.25)


def draw_matrix(ax, values, *, title="", labels=None, top=None, show_values=False) -> None:
    """Draw a (queries, keys) matrix of numbers >= 0, darker for larger; cells are separated by paper.

    Parameters
    ----------
    ax : matplotlib axes
    values : float array (n, m)
    title : str
    labels : list of str, optional
        Tokens of rows and columns; (row labels, column labels) for two lists.
    top : float, optional
        The value drawn darkest; the largest one by default.
    show_values : bool
        Write each value in its cell with two digits.
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
    ax.set_xlim(-0.5, m - 0.5)
    ax.set_ylim(n - 0.5, -0.5)
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title(title)
    if labels is None:
        ax.set_xlabel("key j")
        ax.set_ylabel("query i")
    else:
        rows, columns = labels if isinstance(labels, tuple) else (labels, labels)
        ax.set_xticks(range(m), columns, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(n), rows)
    if show_values:
        for i, j in np.ndindex(n, m):
            colour = PAPER if values[i, j] > 0.5 * top else INK
            ax.text(j, i, f"{values[i, j]:.2f}", ha="center", va="center", color=colour, size=8)


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
    for i, j in zip(*np.nonzero(mask), strict=True):
        if i == j:
            continue
        own = i == query
        ax.add_patch(
            Arc(
                ((i + j) / 2, 0),
                abs(i - j),
                abs(i - j),
                theta1=0,
                theta2=180,
                color=PALETTE[1] if own else PALETTE[0],
                linewidth=1.8 if own else 0.6,
                alpha=1 if own else 0.35,
                zorder=2 if own else 1,
            )
        )
    seen = np.nonzero(mask[query])[0]
    ax.plot(range(n), [0] * n, "o", color=SOFT, markersize=2.5, zorder=3)
    ax.plot(seen, [0] * len(seen), "o", color=PALETTE[0], markersize=4.5, zorder=4)
    ax.plot([query], [0], "s", color=PALETTE[1], markersize=6, zorder=5)
    ax.set_xlim(-1, n)
    ax.set_ylim(-n * 0.04, n * 0.52)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title(title)
