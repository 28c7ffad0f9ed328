"""Word map: how groups of words fall apart and merge as the network is made in other ways."""

from __future__ import annotations

import html
from collections import Counter

import traitlets as t

from bookkit.live import LiveFigure, count, decimals
from bookkit.svg import INK, OFF, PAPER, RAMP

CONTROLS = ["row", "column", "word"]
ALONE = -1  # the module of a word that no other word is with
NONE = -1  # the category of a word without a label


class WordMap(LiveFigure):
    """Change how a network of words is made, and see which groups InfoMap finds then.

    The reader sets how many neighbours a word has and the least cosine of a link, sees bits,
    number of groups and score, and follows a word: who was with it, and where they are now.

    Parameters
    ----------
    words : list of str
        The words that are shown.
    categories : dict of word -> category
        Of the words that are labelled.
    maps : dict of (neighbours, cosine) -> dict
        A full grid. Each has "modules", one for each word, from 0 on or `ALONE`; "sizes", how many
        words a module has, also those that are not shown; "groups" and "alone", the number of
        modules of two or more words and of single words; "bits" and "one_level"; "meaning", the
        score.
    reference : (neighbours, cosine)
        The setting that others are compared with, and that is shown first.
    word : str
        The word that is followed.
    row, column : int
        The setting that is shown: its places among neighbours and cosines, from few to many.
    controls : list of {"row", "column", "word"}
        What the reader may change.
    caption : str
        One sentence under the figure.

    Raises
    ------
    ValueError
        If the maps are no full grid, have not a module for each word, or lack the reference.
    traitlets.TraitError
        If the word is not among the words.

    Examples
    --------
    >>> def stored(modules, sizes):
    ...     sums = {"groups": len(sizes), "alone": modules.count(ALONE)}
    ...     return sums | dict(modules=modules, sizes=sizes, bits=1, one_level=2, meaning=0.5)
    >>> maps = {(5, 0.5): stored([0, 0, 0], [4]), (5, 0.7): stored([0, 0, ALONE], [2])}
    >>> labels = {"ohio": "state", "texas": "state"}
    >>> figure = WordMap(
    ...     ["ohio", "texas", "tea"], labels, maps, reference=(5, 0.5), word="ohio", caption="Few."
    ... )
    >>> figure.sentence()
    '5 neighbours, cosine 0.5 or more: 1 group of two or more words, 0 words alone; 1.00 bits \
instead of 2.00; AMI 0.50. The group of ohio has 4 words, 3 of them shown (state: 2 of 2 labelled).'
    >>> figure.column = 1
    >>> figure.parts()
    [['ohio', 'texas'], ['tea']]
    """

    words = t.List(t.Unicode()).tag(sync=True)
    categories = t.List(t.Unicode()).tag(sync=True)
    kinds = t.List(t.Int()).tag(sync=True)
    neighbours = t.List(t.Int()).tag(sync=True)
    cosines = t.List(t.Float()).tag(sync=True)
    maps = t.List(t.Dict()).tag(sync=True)
    reference = t.List(t.Int()).tag(sync=True)
    row = t.Int(0, min=0).tag(sync=True)
    column = t.Int(0, min=0).tag(sync=True)
    word = t.Unicode().tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)

    def __init__(self, words, categories, maps, *, reference, **kwargs):
        neighbours, cosines = (sorted({s[i] for s in maps}) for i in (0, 1))
        grid = [(most, least) for most in neighbours for least in cosines]
        missing = [setting for setting in (*grid, tuple(reference)) if setting not in maps]
        if missing:
            raise ValueError(
                "maps must be a full grid of settings that the reference is one of; "
                f"{missing[0]} is missing"
            )
        for setting in grid:
            if len(maps[setting]["modules"]) != len(words):
                raise ValueError(
                    f"maps must have a module for each of {len(words)} words, "
                    f"{setting} has {len(maps[setting]['modules'])}"
                )
        # Words that stay together stand together: coarse settings first.
        coarse = sorted(grid, key=lambda setting: (setting[1] == cosines[-1], -setting[0]))
        order = sorted(
            range(len(words)), key=lambda i: [maps[setting]["modules"][i] for setting in coarse]
        )
        names = sorted(set(categories.values()))
        kind_of = {word: names.index(name) for word, name in categories.items()}
        place = [neighbours.index(reference[0]), cosines.index(reference[1])]
        super().__init__(
            words=[words[i] for i in order],
            categories=names,
            kinds=[kind_of.get(words[i], NONE) for i in order],
            neighbours=neighbours,
            cosines=cosines,
            maps=[
                maps[setting] | {"modules": [maps[setting]["modules"][i] for i in order]}
                for setting in grid
            ],
            reference=place,
            **({"row": place[0], "column": place[1]} | kwargs),
        )

    @t.validate("word")
    def _known(self, proposal):
        if proposal["value"] not in self.words:
            raise t.TraitError(
                f"word must be one of the {len(self.words)} that are shown, "
                f"got {proposal['value']!r}"
            )
        return proposal["value"]

    def _map(self, row, column) -> dict:
        row, column = min(row, len(self.neighbours) - 1), min(column, len(self.cosines) - 1)
        return self.maps[row * len(self.cosines) + column]

    @property
    def map(self) -> dict:
        """What is stored of the setting that is shown."""
        return self._map(self.row, self.column)

    def _with(self, found: dict) -> list[int]:
        """Return the places of all words in the group of the word that is followed."""
        own = self.words.index(self.word)
        module = found["modules"][own]
        if module == ALONE:
            return [own]
        return [i for i, other in enumerate(found["modules"]) if other == module]

    def group(self) -> list[str]:
        """Return the words shown that are with the word that is followed, itself included."""
        return [self.words[i] for i in self._with(self.map)]

    def parts(self) -> list[list[str]]:
        """Return the group that the word has at the reference, as it lies now.

        The part of the word itself is the first, then the larger ones; those alone are parts of
        one word each.
        """
        parts: dict = {}
        for i in self._with(self._map(*self.reference)):
            module = self.map["modules"][i]
            parts.setdefault((i, ALONE) if module == ALONE else module, []).append(self.words[i])
        return sorted(parts.values(), key=lambda part: (self.word not in part, -len(part)))

    def _mostly(self, places: list[int]) -> str:
        """Say which category is the most frequent one; the twin of `mostly` in the script."""
        kinds = Counter(self.kinds[i] for i in places if self.kinds[i] != NONE)
        if not kinds:
            return "none labelled"
        most = max(sorted(kinds), key=kinds.get)
        return f"{self.categories[most]}: {kinds[most]} of {kinds.total()} labelled"

    def sentence(self) -> str:
        found, places = self.map, self._with(self.map)
        row = min(self.row, len(self.neighbours) - 1)
        column = min(self.column, len(self.cosines) - 1)
        told = (
            f"{self.neighbours[row]} neighbours, cosine {self.cosines[column]} or more: "
            f"{count(found['groups'], 'group')} of two or more words, "
            f"{count(found['alone'], 'word')} alone; {decimals(found['bits'], 2)} bits instead of "
            f"{decimals(found['one_level'], 2)}; AMI {decimals(found['meaning'], 2)}."
        )
        module = found["modules"][places[0]]
        if module == ALONE:
            told += f" {self.word} is alone."
        else:
            told += (
                f" The group of {self.word} has {found['sizes'][module]} words, {len(places)} of "
                f"them shown ({self._mostly(places)})."
            )
        if [row, column] == self.reference:
            return told
        own, *others = self.parts()
        were = len(own) - 1 + sum(map(len, others))
        if not were:
            return told
        many, least = self.neighbours[self.reference[0]], self.cosines[self.reference[1]]
        alone = sum(found["modules"][self.words.index(part[0])] == ALONE for part in others)
        away = sum(map(len, others)) - alone
        return told + (
            f" Of the {count(were, 'word')} shown that were with it at {many} and {least}, "
            f"{len(own) - 1} still {'is' if len(own) == 2 else 'are'}, {away} "
            f"{'is' if away == 1 else 'are'} in {count(len(others) - alone, 'other group')}, "
            f"{alone} {'is' if alone == 1 else 'are'} alone."
        )

    def picture(self) -> str:
        wide, high, left, top = 66, 34, 60, 44
        parts = ['<text x="6" y="16">AMI by neighbours (rows) and cosine (columns)</text>']
        for j, least in enumerate(self.cosines):
            parts.append(f'<text x="{left + j * wide + 20}" y="{top - 8}">{least}</text>')
        for i, most in enumerate(self.neighbours):
            parts.append(f'<text x="24" y="{top + i * high + 21}">{most}</text>')
            for j in range(len(self.cosines)):
                x, y, ami = left + j * wide, top + i * high, self._map(i, j)["meaning"]
                here = f' stroke="{INK}" stroke-width="3"' if self._map(i, j) is self.map else ""
                box = f'x="{x + 2}" y="{y + 2}" width="{wide - 4}" height="{high - 4}"'
                parts.append(
                    f'<rect {box} fill="{OFF}"/>'
                    f'<rect {box} fill="{RAMP[3]}" fill-opacity="{max(ami, 0):.2f}"{here}/>'
                    f'<text x="{x + 20}" y="{y + 21}">{decimals(ami, 2)}</text>'
                )
        size = f"{left + wide * len(self.cosines) + 6} {top + high * len(self.neighbours) + 6}"
        width, height = size.split()
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{width}" '
            f'height="{height}" font-family="sans-serif" font-size="12" fill="{INK}">'
            f"<title>{html.escape(self.sentence())}</title>"
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>{"".join(parts)}</svg>'
        )
