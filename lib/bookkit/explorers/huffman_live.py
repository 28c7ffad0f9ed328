"""Huffman, live: the reader's own text, its tree merge by merge, its words, its bits."""

from __future__ import annotations

import functools
from collections import Counter

import traitlets as t

from bookkit.code_tree import drawing, tree_of, visible
from bookkit.live import LiveFigure, decimals
from thrifty.codes import Code, encode, entropy, huffman, mean_length

CONTROLS = ["text", "step", "bit"]
MOST = 60  # characters
NAMED = 5  # symbols of a tree that are told one by one
number = functools.partial(decimals, digits=2)


class HuffmanLive(LiveFigure):
    """Grow a Huffman code for a text, and write and read the text with it.

    The reader types a text, takes the merges one by one, back and forth, compares its bits with
    words of one length and with the entropy, and reads its bits one by one.

    Parameters
    ----------
    text : str
        2 to 60 characters that can be printed, at least two of them different.
    step : int
        Merges that are shown; more than there are show all.
    bit : int
        Bits that are read, once all merges are made; more than there are read all.
    controls : list of {"text", "step", "bit"}
        What the reader may change.
    caption : str
        One sentence under the figure.

    Raises
    ------
    traitlets.TraitError
        If the text has too few or too many characters, or one that cannot be printed.

    Examples
    --------
    >>> figure = HuffmanLive("abracadabra", caption="A magic word.")
    >>> figure.code.words
    {'a': '0', 'b': '110', 'r': '111', 'c': '100', 'd': '101'}
    >>> figure.sentence()
    'Huffman writes "abracadabra" in 23 bits, 2.09 a character; words of one length need 33 bits, \
3 a character; the entropy is 2.04 bits a character.'
    >>> figure.bit = 6
    >>> figure.sentence()
    '6 of 23 bits are read: "ab"; then 11, the beginning of a word.'
    """

    text = t.Unicode().tag(sync=True)
    step = t.Int(MOST, min=0).tag(sync=True)
    bit = t.Int(0, min=0).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)

    def __init__(self, text, **kwargs):
        super().__init__(text=text, **kwargs)

    @t.validate("text")
    def _fits(self, proposal):
        text = proposal["value"]
        if len(text) > MOST or len(set(text)) < 2:
            raise t.TraitError(
                f"text must have up to {MOST} characters, at least two of them different, "
                f"got {text!r}"
            )
        if not text.isprintable():
            raise t.TraitError(f"text must hold characters that can be printed, got {text!r}")
        return text

    @property
    def counts(self) -> dict[str, int]:
        """How often each character comes, in the order of its first place."""
        return dict(Counter(self.text))

    @property
    def code(self) -> Code:
        """Huffman's code for the counts."""
        return huffman(self.counts)

    @property
    def bits(self) -> str:
        """The text in Huffman's words."""
        return encode(self.code, self.text)

    @property
    def merges(self) -> int:
        """Merges that are shown."""
        return min(self.step, len(self.counts) - 1)

    def read(self) -> tuple[str, str]:
        """Return the characters that the bits read so far stand for, and the bits of a rest."""
        symbols = {word: symbol for symbol, word in self.code.words.items()}
        text, rest = "", ""
        for bit in self.bits[: self.bit]:
            rest += bit
            if rest in symbols:
                text, rest = text + symbols[rest], ""
        return text, rest

    def _tree_name(self, node, tree) -> str:
        symbols = [visible(list(self.counts)[leaf]) for leaf in tree.leaves[node]]
        if len(symbols) == 1:
            return symbols[0]
        return f"({' '.join(symbols[:NAMED])}{' …' if len(symbols) > NAMED else ''})"

    def sentence(self) -> str:
        n, total = len(self.counts), len(self.text)
        if self.merges < n - 1:
            return self._growing(n, total)
        bits = len(self.bits)
        if not self.bit:
            fixed = (n - 1).bit_length()
            return (
                f'Huffman writes "{self.text}" in {bits} bits, '
                f"{number(mean_length(self.counts, self.code))} a character; words of one length "
                f"need {fixed * total} bits, {fixed} a character; the entropy is "
                f"{number(entropy(self.counts))} bits a character."
            )
        text, rest = self.read()
        then = f"; then {rest}, the beginning of a word" if rest else ""
        many = f"{self.bit} of {bits} bits are read" if self.bit < bits else f"All {bits} are read"
        return f'{many}: "{text}"{then}.'

    def _growing(self, n, total) -> str:
        tree = tree_of(list(self.counts.values()))
        if not self.merges:
            return (
                f'"{self.text}" has {total} characters, {n} different ones: {n} trees of one leaf.'
            )
        pair = tree.merges[self.merges - 1]
        first, second = (f"{self._tree_name(i, tree)} with {tree.weights[i]}" for i in pair)
        made = tree.weights[n : n + self.merges]
        return (
            f"Merge {self.merges} of {n - 1}: {first} and {second} become one tree of {made[-1]}. "
            f"{n - self.merges} trees are left; {sum(made)} bits so far."
        )

    def picture(self) -> str:
        counts = self.counts
        return drawing(list(counts), list(counts.values()), self.merges, self.sentence())
