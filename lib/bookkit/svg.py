"""Small standalone SVG drawings: the pictures that stand in for a live figure."""

from __future__ import annotations

import numpy as np

# The picture is an <img>: it cannot follow the page's theme, so it brings its own ground.
PAPER, OFF, INK = "#fcfbf7", "#e4e5de", "#26302c"
RAMP = ["#0b5d4e", "#2c7f6e", "#549c8c", "#7fb8aa", "#a5cec3", "#c4dfd8"]


def cell_matrix(level: np.ndarray, *, size: int = 320) -> str:
    """Draw an integer matrix: 0 is empty, 1 a full dark cell, higher levels lighter and smaller.

    Parameters
    ----------
    level : int array (n, n)
        Rows are queries, columns are keys.
    size : int
        Width and height in CSS pixels.
    """
    n, edge = len(level), 22
    cell = (size - edge) / n
    parts = []
    for step in range(1, int(level.max(initial=0)) + 1):
        side = cell * max(0.34, 0.96 - 0.16 * (step - 1))
        inset = edge + (cell - side) / 2
        path = "".join(
            f"M{inset + j * cell:.1f} {inset + i * cell:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z"
            for i, j in zip(*np.nonzero(level == step), strict=True)
        )
        parts.append(f'<path d="{path}" fill="{RAMP[min(step, len(RAMP)) - 1]}"/>')
    middle = edge + (size - edge) / 2
    label = f'fill="{INK}" font-family="sans-serif" font-size="12" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" '
        f'width="{size}" height="{size}"><rect width="{size}" height="{size}" fill="{PAPER}"/>'
        f'<rect x="{edge}" y="{edge}" width="{size - edge}" height="{size - edge}" fill="{OFF}"/>'
        f'{"".join(parts)}<text x="{middle}" y="14" {label}>keys j →</text>'
        f'<text x="{-middle}" y="14" transform="rotate(-90)" {label}>← queries i</text></svg>'
    )
