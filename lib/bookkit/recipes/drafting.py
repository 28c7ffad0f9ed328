"""Write what a model would write, in fewer passes: counts guess ahead, one pass checks the guesses.

The guesses form a tree behind the text, and `thrifty.masks.tree_mask` keeps its branches apart.
A chain is a tree in which every node has one child.

Sources: Leviathan et al. 2023, arXiv 2211.17192; trees: Miao et al. 2024, arXiv 2305.09781.
"""

from __future__ import annotations

import heapq

import numpy as np

from thrifty.masks import padding_mask, tree_mask


def draft(text, guess, nodes, width, deepest):
    """Return the most probable continuations of a text as a tree: symbols and parents.

    Parameters
    ----------
    text : integer array of shape (n,)
    guess : callable
        Takes a text, returns the probability of each next symbol.
    nodes : int
        Size of the tree.
    width : int
        Children a node may have; 1 makes a chain.
    deepest : int
        Symbols a branch may have.

    Returns
    -------
    symbols, parents : lists of int
        Best first; a parent of -1 is the end of the text.

    Examples
    --------
    >>> guess = lambda text: np.array([0.6, 0.4])
    >>> draft(np.array([0]), guess, nodes=3, width=2, deepest=4)
    ([0, 1, 0], [-1, -1, 0])
    """
    symbols, parents, branches = [], [], {-1: ()}
    waiting = []  # (-probability of the branch, when it was found, parent, its symbols)

    def offer(node, probability):
        if len(branches[node]) == deepest:
            return
        p = guess(np.append(text, branches[node]).astype(int))
        for symbol in np.argsort(-p, kind="stable")[:width].tolist():
            entry = (-probability * p[symbol], len(waiting) + len(symbols), node, symbol)
            heapq.heappush(waiting, entry)

    offer(-1, 1.0)
    while waiting and len(symbols) < nodes:
        worth, _, parent, symbol = heapq.heappop(waiting)
        node = len(symbols)
        symbols.append(symbol)
        parents.append(parent)
        branches[node] = (*branches[parent], symbol)
        if node + 1 < nodes:
            offer(node, -worth)
    return symbols, parents


def attached(text, symbols, parents, n):
    """Return a text with a tree behind it, padded to n: ids, parents, depths and real length.

    The text itself is a chain, so that all of it is one tree.

    Examples
    --------
    >>> attached([7, 8], [3, 4], [-1, -1], n=5)
    ([7, 8, 3, 4, 0], [-1, 0, 1, 1, -1], [0, 1, 2, 2, 0], 4)
    """
    ids = [*map(int, text), *symbols]
    up = [*range(-1, len(text) - 1), *(len(text) + p if p >= 0 else len(text) - 1 for p in parents)]
    depths = []
    for parent in up:
        depths.append(depths[parent] + 1 if parent >= 0 else 0)
    rest = n - len(ids)
    return ids + [0] * rest, up + [-1] * rest, depths + [0] * rest, len(ids)


def accepted(choices, ids, parents, last):
    """Return what a pass has settled: the guesses that are the model's own choices, and one more.

    Parameters
    ----------
    choices : integer array of shape (n,)
        The model's choice of the symbol after each node.
    ids, parents : lists of int
        From `attached`.
    last : int
        The place of the text's last symbol.

    Examples
    --------
    >>> accepted([5, 3, 9, 0], ids=[7, 8, 3, 4], parents=[-1, 0, 1, 1], last=1)
    [3, 9]
    """
    settled, node = [], last
    while True:
        choice = int(choices[node])
        settled.append(choice)
        agreeing = [i for i in range(last + 1, len(ids)) if (parents[i], ids[i]) == (node, choice)]
        if not agreeing:
            return settled
        node = agreeing[0]


def write(logits, prompts, count, guess, noise, *, nodes, width, deepest):
    """Write `count` symbols behind each prompt, checking drafts; return the texts and the passes.

    Parameters
    ----------
    logits : callable
        Takes ids (rows, n), a mask (rows, n, n) and positions (rows, n); gives (rows, n, symbols).
    prompts : integer array of shape (rows, length)
    guess : callable
        See `draft`; it is given prompt and all.
    noise : array of shape (rows, n, symbols)
        Added to the logits at each position before the largest is taken: with zeros the most likely
        symbol is written, with Gumbel noise one that is drawn. n is the length of the rows that the
        model gets: text and tree must fit.
    nodes, width, deepest : int
        See `draft`; without nodes each pass settles one symbol.

    Returns
    -------
    texts : integer array of shape (rows, length + count)
    passes : integer array of shape (rows,)
    """
    n = noise.shape[1]
    texts = [list(map(int, prompt)) for prompt in prompts]
    end = len(texts[0]) + count
    passes = np.zeros(len(texts), dtype=int)
    while active := [row for row, text in enumerate(texts) if len(text) < end]:
        drafts = [draft(texts[row], guess, nodes, width, deepest) for row in active]
        rows = [attached(texts[row], *found, n) for row, found in zip(active, drafts, strict=True)]
        ids, parents, depths, sizes = (np.array(part) for part in zip(*rows, strict=True))
        mask = tree_mask(parents) & padding_mask(sizes, n)
        scores = logits(ids, mask, depths) + np.take_along_axis(
            noise[active], depths[..., None], axis=1
        )
        choices = np.argmax(scores, axis=-1)
        for row, best, (own, up, _, size) in zip(active, choices, rows, strict=True):
            texts[row] += accepted(best, own[:size], up[:size], last=len(texts[row]) - 1)
        passes[active] += 1
    return np.array([text[:end] for text in texts]), passes
