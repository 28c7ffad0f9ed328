"""Draw groups of airports on a map without coastlines: groups by colour and shape."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from bookkit.plots import EMPTY, MARKERS, PALETTE, PAPER, SOFT

# Above so many airports a group is drawn as round dots of one path, which weighs less.
_MANY = 300


def place(airport) -> tuple[float, float]:
    """Return longitude and latitude in degrees; beyond the date line the former is below -180."""
    east = airport.longitude
    return (east - 360 if east > 0 else east), airport.latitude


def draw_airports(ax, airports, groups, frame, *, size=3.2, links=(), pale=()):
    """Draw the airports of each group that stand within a frame.

    Parameters
    ----------
    ax : matplotlib axes
    airports : dict of code -> bookkit.flights.Airport
    groups : list of collections of codes
        The first has the first colour and shape, and so on.
    frame : tuple (west, east, south, north)
        Degrees; west and east as `place` gives them.
    size : float
        Of a marker, in points.
    links : list of (code, code)
        Drawn below the airports.
    pale : collection of codes
        Airports drawn as pale dots.
    """
    west, east, south, north = frame

    def within(codes):
        spots = [place(airports[code]) for code in sorted(codes)]
        spots = [(x, y) for x, y in spots if west < x < east and south < y < north]
        return np.array(spots).reshape(-1, 2)

    _dots(ax, within(pale), 0.5 * size, EMPTY)
    for link in links:
        x, y = np.transpose([place(airports[code]) for code in link])
        ax.plot(x, y, "-", lw=0.5, color=SOFT, alpha=0.6, marker="")
    for k, group in enumerate(groups):
        spots, colour = within(group), PALETTE[k % len(PALETTE)]
        if len(group) > _MANY:
            _dots(ax, spots, 0.7 * size, colour)
        else:
            shape = {"marker": MARKERS[k % len(MARKERS)], "ms": size, "ls": ""}
            ax.plot(*spots.T, color=colour, mec=PAPER, mew=0.3, **shape)
    ax.set(xlim=(west, east), ylim=(south, north))
    # A degree of longitude is shorter than one of latitude: by the middle of the frame.
    ax.set_aspect(1 / np.cos(np.radians((south + north) / 2)))
    ax.axis("off")


def name_airports(ax, airports, names):
    """Write names beside airports: for each code a text, points to the right, and points up."""
    for code, (text, right, up) in names.items():
        side = {"ha": "left" if right > 0 else "right", "size": 8}
        ax.annotate(text, place(airports[code]), (right, up), textcoords="offset points", **side)


def _dots(ax, spots, size, colour):
    """Many round dots as one path."""
    path = Path(np.repeat(spots, 2, axis=0), [Path.MOVETO, Path.LINETO] * len(spots))
    path.should_simplify = False
    ax.add_patch(PathPatch(path, ec=colour, lw=size, capstyle="round", fill=False))
