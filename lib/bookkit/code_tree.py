"""Draw codes as trees: Huffman's merges, lying on their side, and words with their budget."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass

from matplotlib.patches import Rectangle

from bookkit.plots import PALETTE, SOFT
from bookkit.svg import INK, PAPER
from thrifty.codes import huffman_merges

ROW, TOP = 24, 10
FIRST, LAST = 92, 340  # where leaves and root stand
_SHOWN = {" ": "␣"}


def visible(symbol: str) -> str:
    """Return a character as it is shown: a space must be seen.

    Examples
    --------
    >>> visible("a"), visible(" ")
    ('a', '␣')
    """
    return _SHOWN.get(symbol, symbol)


@dataclass(frozen=True)
class Tree:
    """A Huffman tree and where its nodes stand; the twin of `treeOf` in the figure's script.

    Nodes 0..n - 1 are the leaves, and node n + k is made by merge k.
    """

    merges: list[tuple[int, int]]
    weights: list[float]  # of all nodes
    leaves: list[list[int]]  # under each node, from top to bottom
    x: list[float]
    y: list[float]

    @property
    def order(self) -> list[int]:
        """The leaves from top to bottom."""
        return self.leaves[-1]


def tree_of(counts: list[int]) -> Tree:
    """Return Huffman's tree for these counts, what follows a 0 above what follows a 1.

    Examples
    --------
    >>> tree_of([5, 1, 2]).order
    [1, 2, 0]
    """
    n, merges = len(counts), huffman_merges(counts)
    weights, leaves, height = list(counts), [[i] for i in range(n)], [0] * n
    for first, second in merges:
        weights.append(weights[first] + weights[second])
        leaves.append(leaves[first] + leaves[second])
        height.append(1 + max(height[first], height[second]))
    row = {leaf: i for i, leaf in enumerate(leaves[-1])}
    y = [TOP + (row[i] + 0.5) * ROW for i in range(n)]
    for first, second in merges:
        y.append((y[first] + y[second]) / 2)
    x = [FIRST + (LAST - FIRST) * level / height[-1] for level in height]
    return Tree(merges, weights, leaves, x, y)


def drawing(symbols: list[str], counts: list[int], step: int, sentence: str) -> str:
    """Draw the trees after some merges as one standalone SVG, with a sentence below."""
    tree, n = tree_of(counts), len(counts)
    lines = textwrap.wrap(sentence, 60)
    width, below = 372, TOP + n * ROW + 8
    height = below + 16 * len(lines) + 6
    parts = []
    for k, pair in enumerate(tree.merges[:step]):
        x, y = tree.x[n + k], tree.y[n + k]
        for bit, child in enumerate(pair):
            end = tree.y[child]
            parts.append(
                f'<path d="M{tree.x[child]:.1f} {end:.1f}H{x:.1f}V{y:.1f}" fill="none" '
                f'stroke="{INK}"/><text x="{x - 20:.1f}" y="{end - 3:.1f}">{bit}</text>'
            )
    for k in range(min(step, n - 1)):
        x, y = tree.x[n + k], tree.y[n + k]
        parts.append(
            f'<rect x="{x - 11:.1f}" y="{y - 9:.1f}" width="22" height="18" rx="3" fill="{PAPER}" '
            f'stroke="{INK}"/><text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">'
            f"{tree.weights[n + k]}</text>"
        )
    for leaf in tree.order:
        name = html.escape(visible(symbols[leaf]), quote=False)
        y = tree.y[leaf] + 4
        parts.append(f'<text x="24" y="{y:.1f}" font-size="14">{name}</text>')
        parts.append(
            f'<text x="{FIRST - 10}" y="{y:.1f}" text-anchor="end">{counts[leaf]}</text>'
            f'<circle cx="{FIRST}" cy="{tree.y[leaf]:.1f}" r="3" fill="{INK}"/>'
        )
    for i, line in enumerate(lines):
        parts.append(
            f'<text x="6" y="{below + 16 * i + 12}">{html.escape(line, quote=False)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11" fill="{INK}">'
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>{"".join(parts)}</svg>'
    )


def draw_words(ax, words, *, title="") -> None:
    """Draw the words of a code in the binary tree, each with the part of it that it takes.

    Parameters
    ----------
    ax : matplotlib axes
    words : mapping of symbol to str
        Also those of an impossible code: a word inside the part of another one is dashed.
    title : str
    """
    depth = max(map(len, words.values()))
    taken = {"": (0.0, 1.0)}
    for word in words.values():
        for size in range(1, len(word) + 1):
            left, wide = int(word[:size], 2) / 2**size, 2**-size
            taken[word[:size]] = (left, left + wide)
    for word, (left, right) in taken.items():
        middle, above = (left + right) / 2, sum(taken[word[:-1]]) / 2
        if word:
            ax.plot([above, middle], [len(word) - 1, len(word)], "-", color=SOFT, lw=1.2, marker="")
            x = (above + middle) / 2 + (0.02 if word[-1] == "1" else -0.02)
            side = "left" if word[-1] == "1" else "right"
            ax.text(x, len(word) - 0.5, word[-1], ha=side, va="center", color=SOFT)
    for i, (symbol, word) in enumerate(words.items()):
        left, right = taken[word]
        middle, colour = (left + right) / 2, PALETTE[i % len(PALETTE)]
        box = (left + 0.005, len(word)), right - left - 0.01, depth + 0.8 - len(word)
        within = any(word.startswith(other) for other in words.values() if other != word)
        look = {"fill": False, "ls": "--", "lw": 2} if within else {"lw": 0.8, "alpha": 0.16}
        ax.add_patch(Rectangle(*box, edgecolor=colour, facecolor=colour, **look))
        ax.plot([middle], [len(word)], "o", color=colour, markersize=6, linestyle="")
        below = len(word) + 0.42
        ax.text(middle, below, f"{symbol}\n{word}", ha="center", va="center", color=colour)
    ax.set(xlim=(-0.02, 1.02), ylim=(depth + 0.85, -0.2), yticks=[], title=title)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "1/4", "1/2", "3/4", "1"])
    ax.set_xlabel("share of the budget")
    ax.spines[["left"]].set_visible(False)
