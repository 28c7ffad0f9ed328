"""Draw what `thrifty.masking.trace` found: the data and its mask, layer by layer."""

from matplotlib.patches import FancyArrowPatch

from bookkit.plots import INK, PALETTE, SOFT

_MASK, _LOST = PALETTE[2], PALETTE[1]
_LANE = 0.16  # how far the line of the mask runs beside that of the data
_ENDS = {
    "ignores and drops": ("X", _LOST, "mask lost"),
    "uses and drops": ("o", _MASK, "mask used up"),
    "makes a mask": ("o", _MASK, "mask made"),
    "uses and passes on": ("o", _MASK, "mask used"),
}


def draw_trace(ax, trace, *, title: str = "") -> None:
    """Draw the calls of a trace from top to bottom, and beside the data the mask, while it lives.

    Parameters
    ----------
    ax : matplotlib axes
        About 0.5 inches high for each row.
    trace : thrifty.masking.Trace
    title : str
    """
    rows = list(trace)
    for number, row in enumerate(rows):
        for parent in row.inputs:
            _line(ax, parent, number, rows[parent].mask_out)
    for number, row in enumerate(rows):
        _call(ax, number, row)
    ax.set_xlim(-1.2, 6.3)
    ax.set_ylim(len(rows) - 0.5, -0.6)
    ax.axis("off")
    ax.set_title(title, loc="left")


def _line(ax, parent, child, masked):
    """The data from one call to another, and its mask; past other calls in a bow."""
    bow = 0 if child == parent + 1 else 0.35
    for offset, colour, width, drawn in ((0, SOFT, 1.2, True), (_LANE, _MASK, 3, masked)):
        if drawn:
            ends = (offset, parent), (offset, child)
            style = f"arc3,rad={bow}"
            ax.add_patch(
                FancyArrowPatch(
                    *ends, connectionstyle=style, arrowstyle="-", color=colour, lw=width, zorder=1
                )
            )


def _call(ax, number, row):
    ax.plot(0, number, "s", color=INK, markersize=6, zorder=3)
    mark, colour, words = _ENDS.get(row.verdict, (None, None, ""))
    if mark:
        ax.plot(_LANE, number, mark, color=colour, markersize=9, zorder=4)
    if row.unchanged is False:
        words = f"{words}, output changes" if words else "output changes"
    kind = f" ({row.kind})" if row.kind.lower() != row.name.lower() else ""
    ax.text(0.55, number, f"{row.name}{kind}", va="bottom", fontsize=10)
    wrong = row.verdict == "ignores and drops" or row.unchanged is False
    weight = {"color": _LOST if wrong else SOFT, "fontweight": "bold" if wrong else "normal"}
    ax.text(0.55, number + 0.04, words or row.verdict, va="top", fontsize=9, **weight)
