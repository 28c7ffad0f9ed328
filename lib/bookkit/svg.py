"""Small standalone SVG drawings: the pictures that stand in for a live figure."""

from __future__ import annotations

import html
import textwrap

import numpy as np

# The picture is an <img>: it cannot follow the page's theme, so it brings its own ground.
PAPER, OFF, INK = "#fcfbf7", "#e4e5de", "#26302c"
RAMP = ["#0b5d4e", "#2c7f6e", "#549c8c", "#7fb8aa", "#a5cec3", "#c4dfd8"]
AGAINST = "#b4530a"
_MID, _END = 'text-anchor="middle"', 'text-anchor="end"'


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


def _cut(text: str, most: int) -> str:
    text = text if len(text) <= most else text[: max(1, most - 1)] + "…"
    return html.escape(text, quote=False)


def labelled_matrices(tokens: list[str], panels: list[tuple], *, width: int = 320) -> str:
    """Draw (n, n) matrices of numbers under one another, rows and columns named by the tokens.

    Parameters
    ----------
    tokens : list of str
        Names of the rows (queries) and columns (keys); long ones are cut.
    panels : list of (title, texts, shade, allowed)
        `texts` the strings of the cells; `shade` in -1..1, negative in the second colour;
        `allowed` bool, the others are hatched.
    width : int
        Width in CSS pixels.
    """
    n, edge, high, head = len(tokens), 66, 27, 42
    cell = (width - edge - 6) / n
    most = int(cell / 6.4)
    parts = []
    for p, (title, texts, shade, allowed) in enumerate(panels):
        top = p * (head + n * high + 12) + head
        parts.append(f'<text x="6" y="{top - 26}" font-weight="600">{_cut(title, 60)}</text>')
        for i, token in enumerate(tokens):
            middle = top + (i + 0.5) * high + 4
            parts.append(f'<text x="{edge - 6}" y="{middle}" {_END}>{_cut(token, 9)}</text>')
            x = edge + (i + 0.5) * cell
            parts.append(f'<text x="{x:.1f}" y="{top - 6}" {_MID}>{_cut(token, most)}</text>')
            for j, text in enumerate(texts[i]):
                level = float(shade[i][j])
                colour = RAMP[0] if level >= 0 else AGAINST
                tint = f'fill="{colour}" fill-opacity="{0.5 * abs(level):.3f}"'
                box = (
                    f'x="{edge + j * cell:.1f}" y="{top + i * high}" '
                    f'width="{cell:.1f}" height="{high}" stroke="{OFF}"'
                )
                fill = tint if allowed[i][j] else 'fill="url(#hidden)"'
                x = edge + (j + 0.5) * cell
                parts.append(f"<rect {box} {fill}/>")
                parts.append(f'<text x="{x:.1f}" y="{middle}" {_MID}>{_cut(text, 9)}</text>')
    height = len(panels) * (head + n * high + 12)
    hatch = (
        f'<defs><pattern id="hidden" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{PAPER}"/>'
        f'<rect width="1.2" height="6" fill="#b9b7aa"/></pattern></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" '
        f'fill="{INK}">{hatch}<rect width="{width}" height="{height}" fill="{PAPER}"/>'
        f"{''.join(parts)}</svg>"
    )


def token_matrix(
    tokens: list[str],
    level: np.ndarray,
    used: np.ndarray,
    allowed: np.ndarray,
    *,
    size: int = 360,
) -> str:
    """Draw a mask with named rows and columns, what was measured as dots, and leaks as crosses.

    Parameters
    ----------
    tokens : list of str
        Names of the rows (queries) and columns (keys); long ones are cut.
    level : int array (n, n)
        0 is empty, 1 a full dark cell, higher levels lighter and smaller.
    used, allowed : bool arrays (n, n)
        What was measured and what should be: a dot where both agree, a cross where only `used`.
    size : int
        Width and height in CSS pixels.
    """
    n, edge, head = len(tokens), 70, 64
    cell = (size - edge - 2) / n
    parts = []
    for i, token in enumerate(tokens):
        middle = (i + 0.5) * cell
        name = _cut(token, 8)
        parts.append(f'<text x="{edge - 6}" y="{head + middle + 4:.1f}" {_END}>{name}</text>')
        place = f'transform="translate({edge + middle + 4:.1f} {head - 6}) rotate(-90)"'
        parts.append(f"<text {place}>{name}</text>")
    for i, j in np.ndindex(n, n):
        x, y, step = edge + j * cell, head + i * cell, int(level[i, j])
        side = cell * (max(0.34, 0.96 - 0.16 * (step - 1)) if step else 0.96)
        inset = (cell - side) / 2
        colour = RAMP[min(step, len(RAMP)) - 1] if step else OFF
        box = f'x="{x + inset:.1f}" y="{y + inset:.1f}" width="{side:.1f}" height="{side:.1f}"'
        parts.append(f'<rect {box} fill="{colour}"/>')
        middle = f"{x + cell / 2:.1f}", f"{y + cell / 2:.1f}"
        if used[i, j] and allowed[i, j]:
            circle = f'cx="{middle[0]}" cy="{middle[1]}" r="{cell * 0.11:.1f}"'
            parts.append(f'<circle {circle} fill="{PAPER}"/>')
        elif used[i, j]:
            arm = cell * 0.26
            lines = f"m{-arm:.1f} {-arm:.1f}l{2 * arm:.1f} {2 * arm:.1f}"
            lines += f"m0 {-2 * arm:.1f}l{-2 * arm:.1f} {2 * arm:.1f}"
            cross = f'd="M{middle[0]} {middle[1]}{lines}" stroke="{AGAINST}" stroke-width="2.5"'
            parts.append(f'<path {cross} fill="none"/>')
    height = size - edge + head
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {height}" '
        f'width="{size}" height="{height}" font-family="sans-serif" font-size="12" '
        f'fill="{INK}"><rect width="{size}" height="{height}" fill="{PAPER}"/>'
        f"{''.join(parts)}</svg>"
    )


def masked_rows(steps: list[tuple], ending: str, answer: str, *, width: int = 384) -> str:
    """Draw a sequence step by step: values, padding hatched, and under them the mask.

    Parameters
    ----------
    steps : list of (title, verdict, lost, cells)
        `cells` has (text, real, mask) a position, with mask None where there is none, or None for
        a position that was cut off; `lost` marks the step where the mask is lost.
    ending, answer : str
        The two lines at the bottom.
    width : int
        Width in CSS pixels.
    """
    high, tall, low = 74, 24, 16
    cell = min(40, (width - 12) / len(steps[0][3]))
    parts = []
    for number, (title, verdict, lost, cells) in enumerate(steps):
        top = number * high + 8
        colour = AGAINST if lost else INK
        sign = "✗ " if lost else ""
        parts.append(f'<text x="6" y="{top + 11}" font-weight="600">{_cut(title, 28)}</text>')
        parts.append(
            f'<text x="{width - 6}" y="{top + 11}" {_END} fill="{colour}">{sign}{verdict}</text>'
        )
        if lost:
            parts.append(f'<rect x="0" y="{top}" width="3" height="{high - 10}" fill="{AGAINST}"/>')
        for i, (text, real, mask) in ((i, c) for i, c in enumerate(cells) if c):
            x, y = 6 + i * cell, top + 18
            box = f'x="{x:.1f}" width="{cell - 1:.1f}"'
            ground = "none" if real else "url(#padding)"
            middle = f'x="{x + cell / 2:.1f}" {_MID}'
            parts.append(f'<rect {box} y="{y}" height="{tall}" fill="{ground}" stroke="{OFF}"/>')
            parts.append(f'<text {middle} y="{y + 16}">{text}</text>')
            fill, ink = {True: (RAMP[0], PAPER), False: (PAPER, INK), None: ("none", INK)}[mask]
            line = f'stroke="{INK if mask is not None else OFF}" stroke-width="0.5"'
            y += tall + 1
            parts.append(f'<rect {box} y="{y}" height="{low}" fill="{fill}" {line}/>')
            word = "" if mask is None else mask
            parts.append(f'<text {middle} y="{y + 12}" font-size="10" fill="{ink}">{word}</text>')
        if cells[-1][2] is None:
            middle = f'x="{6 + len(cells) * cell / 2:.1f}" {_MID}'
            parts.append(f'<text {middle} y="{top + 55}" font-size="10">no mask</text>')
    bottom = len(steps) * high + 8
    height = bottom + 36
    parts.append(f'<text x="6" y="{bottom + 11}" font-weight="600">{_cut(ending, 50)}</text>')
    parts.append(f'<text x="6" y="{bottom + 28}">{_cut(answer, 60)}</text>')
    hatch = (
        f'<defs><pattern id="padding" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{PAPER}"/>'
        f'<rect width="1.2" height="6" fill="#b9b7aa"/></pattern></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" '
        f'fill="{INK}">{hatch}<rect width="{width}" height="{height}" fill="{PAPER}"/>'
        f"{''.join(parts)}</svg>"
    )


def tiled_squares(panels: list[tuple], *, side: int = 220) -> str:
    """Draw squares of queries (down) and keys (across) side by side: tiles, and what they are for.

    Parameters
    ----------
    panels : list of (title, cells, tiles, needed, density)
        `cells` is a square's size; `tiles` the computed rectangles, (key, query, width, height);
        `needed` polygons of (key, query); `density` in 0..1, how much of the polygons is needed.
    side : int
        Width and height of a square in CSS pixels.
    """
    gap, head, foot = 14, 24, 26
    width, height = len(panels) * (side + gap) + gap, head + side + foot
    parts = []
    for p, (title, cells, tiles, needed, density) in enumerate(panels):
        scale, left = side / cells, gap + p * (side + gap)

        def at(x, y, scale=scale, left=left):
            return f"{left + x * scale:.1f} {head + y * scale:.1f}"

        boxes = "".join(
            f"M{at(x, y)}h{w * scale:.1f}v{h * scale:.1f}h-{w * scale:.1f}z" for x, y, w, h in tiles
        )
        areas = "".join(f"M{'L'.join(at(x, y) for x, y in corners)}z" for corners in needed)
        parts.append(
            f'<text x="{left}" y="16">{_cut(title, 36)}</text>'
            f'<rect x="{left}" y="{head}" width="{side}" height="{side}" fill="{OFF}"/>'
            f'<path d="{boxes}" fill="url(#wasted)" stroke="{AGAINST}" stroke-width="0.4"/>'
            f'<path d="{areas}" fill="{RAMP[0]}" fill-opacity="{density:.2f}"/>'
        )
    keys = [(RAMP[0], "needed"), ("url(#wasted)", "computed, not needed"), (OFF, "skipped")]
    x = gap
    for fill, words in keys:
        box = f'x="{x}" y="{height - 18}" width="11" height="11" fill="{fill}" stroke="{INK}"'
        parts.append(f'<rect {box} stroke-width="0.5"/>')
        parts.append(f'<text x="{x + 16}" y="{height - 8}">{words}</text>')
        x += 26 + 6.2 * len(words)
    width = max(width, round(x))
    hatch = (
        f'<defs><pattern id="wasted" width="5" height="5" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="5" height="5" fill="#f0d9c4"/>'
        f'<rect width="1.4" height="5" fill="{AGAINST}"/></pattern></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" '
        f'fill="{INK}">{hatch}<rect width="{width}" height="{height}" fill="{PAPER}"/>'
        f"{''.join(parts)}</svg>"
    )


def hypothesis_tree(steps: list[list[tuple]], title: str, sentence: str) -> str:
    """Draw the steps of a beam search from left to right, one column of letters a step.

    Parameters
    ----------
    steps : list of lists of (symbol, state, parent)
        As in `thrifty.decoding.Decoded.steps`; a node that is not "live" has ended.
    title, sentence : str
        What stands above, and what stands below, wrapped.
    """
    wide, high, left, top = 34, 30, 20, 34
    rows = max(len(nodes) for nodes in steps)
    width = max(384, left + len(steps) * wide + 30)
    lines = textwrap.wrap(sentence, int(width / 6.1))
    height = top + rows * high + 16 * len(lines) + 8
    parts = [f'<text x="6" y="16" font-weight="600">{_cut(title, 40)}</text>']

    def place(column, row):
        return left + (column + 0.5) * wide, top + (row + 0.5) * high

    for column, nodes in enumerate(steps):
        for row, (symbol, state, parent) in enumerate(nodes):
            x, y = place(column, row)
            x0, y0 = place(column - 1, max(parent, 0))
            parts.append(f'<path d="M{x0 + 11:.0f} {y0:.0f}L{x - 11:.0f} {y:.0f}" stroke="{INK}"/>')
            fill, ink, sign = {
                "live": (PAPER, INK, _cut(symbol, 2)),
                "finished": (RAMP[0], PAPER, "✓"),
                "lost": (PAPER, AGAINST, "✗"),
            }[state]
            edge = AGAINST if state == "lost" else INK
            box = f'x="{x - 11:.0f}" y="{y - 11:.0f}" width="22" height="22"'
            parts.append(f'<rect {box} fill="{fill}" stroke="{edge}"/>')
            parts.append(f'<text x="{x:.0f}" y="{y + 4:.0f}" {_MID} fill="{ink}">{sign}</text>')
    for i, line in enumerate(lines):
        y = top + rows * high + 16 * i + 14
        parts.append(f'<text x="6" y="{y}">{_cut(line, 400)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" '
        f'fill="{INK}"><rect width="{width}" height="{height}" fill="{PAPER}"/>'
        f"{''.join(parts)}</svg>"
    )
