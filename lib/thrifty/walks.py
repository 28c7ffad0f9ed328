"""Random walks, told step by step in the words of a map: what the map equation counts, done.

A walk is drawn from its `Flow`, every code book of the map gets Huffman's words, and the stream of
bits can be read back.
Where the walk begins, and where it goes on after a jump that is not recorded, is not in it.

Sources: Rosvall and Bergstrom 2008, PNAS 105, 1118; Lambiotte and Rosvall 2012, Phys. Rev. E 85,
056107 (jumps that are not recorded).
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from thrifty._wander import NEVER, wander
from thrifty.codes import Code, encode, huffman, mean_length


class _Exit:
    def __repr__(self):
        return "exit"


# The word for leaving a module; no string, since a node may be called "exit".
EXIT = _Exit()


class MapCode:
    """The words of a map: Huffman's for every code book, and streams that are written with them.

    Parameters
    ----------
    found : CodeLength
        A map, as `thrifty.mapequation.codelength` returns it.

    Attributes
    ----------
    books : dict of path -> Code
        The words of each book; () is the index book at the top. The symbols are nodes, modules by
        their paths, and `EXIT`. A book that is never used is left out.
    paths : dict of node -> path
        The module that holds each node.

    Notes
    -----
    A book with a single word uses one bit for it, where the formula counts none.
    Source: Rosvall and Bergstrom 2008, figure 1.

    Examples
    --------
    >>> from thrifty.mapequation import codelength
    >>> triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]
    >>> code = MapCode(codelength(triangles, ["left"] * 3 + ["right"] * 3))
    >>> code.books["left",].words
    {0: '01', 1: '10', 2: '11', exit: '00'}
    >>> code.encode([0, 2, 3]), code.decode("1100111", start=0)
    ('1100111', [0, 2, 3])
    """

    def __init__(self, found):
        self.paths = found.paths
        self._bottom = set(self.paths.values())
        self.books, self._rates = {}, {}
        for path, book in found.books.items():
            words = list(book.words)
            if path:
                # The last word of a module's book is its exit.
                words[-1] = EXIT, book.words[-1][1]
            # A rounding error with a word of its own would lengthen other words.
            rates = {symbol: rate for symbol, rate in words if rate > NEVER}
            if rates:
                self._rates[path], self.books[path] = rates, huffman(rates)
        self._symbols = {
            path: {word: symbol for symbol, word in code.words.items()}
            for path, code in self.books.items()
        }

    @property
    def expected(self):
        """Bits per step in the long run: each book's rate times the mean length of its words."""
        return sum(
            sum(rates.values()) * mean_length(rates, self.books[path])
            for path, rates in self._rates.items()
        )

    def step(self, origin, target):
        """Return the words that tell a step from one node to another.

        Parameters
        ----------
        origin, target : nodes

        Returns
        -------
        list of (path, symbol, word)
            Which book is opened, what is read there, and its word. Inside a module it is the node;
            from module to module, exits up to where the two meet, modules down, and the node.

        Raises
        ------
        ValueError
            If a node is none of the network, or the walk never takes this step.

        Examples
        --------
        >>> from thrifty.mapequation import codelength
        >>> found = codelength([("a", "b"), ("b", "c")], ["left", "left", "right"])
        >>> MapCode(found).step("b", "c")
        [(('left',), exit, '11'), ((), ('right',), '1'), (('right',), 'c', '0')]
        """
        here, there = self._path(origin), self._path(target)
        told = [*self.crossing(here, there), (there, target)]
        return [(path, symbol, self.word(path, symbol)) for path, symbol in told]

    def _path(self, node):
        if node not in self.paths:
            raise ValueError(f"{node!r} is no node of this map")
        return self.paths[node]

    def word(self, path, symbol):
        """Return the word of a symbol in the book of this path.

        Raises
        ------
        ValueError
            If the walk never uses it there.
        """
        code = self.books.get(path)
        if code is None or symbol not in code.words:
            raise ValueError(f"the walk never uses {symbol!r} in the book {path!r}: it has no word")
        return code.words[symbol]

    def crossing(self, here, there):
        """Return what is read on the way between modules: pairs of book and symbol."""
        shared = 0
        while here[: shared + 1] == there[: shared + 1] and shared < len(here):
            shared += 1
        up = [(here[:depth], EXIT) for depth in range(len(here), shared, -1)]
        return up + [(there[:d], there[: d + 1]) for d in range(shared, len(there))]

    def ideal(self, path, symbol):
        """Return the length that entropy gives a word, in bits: a fraction.

        Examples
        --------
        >>> from thrifty.mapequation import codelength
        >>> code = MapCode(codelength([("a", "b"), ("b", "c")], ["left", "left", "right"]))
        >>> code.ideal(("left",), "b"), code.ideal((), ("right",))
        (1.0, 1.0)
        """
        self.word(path, symbol)
        rates = self._rates[path]
        return float(np.log2(sum(rates.values()) / rates[symbol]))

    def encode(self, walk, restarts=None):
        """Return the stream that tells a walk.

        Parameters
        ----------
        walk : sequence of nodes
            The first is where it begins, which the reader is told beside the stream.
        restarts : mapping of step to node, optional
            Steps, counted from 0, that begin elsewhere than where the last one ended, after a jump
            that is not recorded; the reader is told these beside the stream too.

        Returns
        -------
        str of "0" and "1"

        Raises
        ------
        ValueError
            As for `step`.
        """
        restarts, known, stream = restarts or {}, {}, []
        for t, (origin, target) in enumerate(pairwise(walk)):
            pair = restarts.get(t, origin), target
            if pair not in known:
                known[pair] = "".join(word for *_, word in self.step(*pair))
            stream.append(known[pair])
        return "".join(stream)

    def decode(self, bits, start, restarts=None):
        """Return the walk that a stream tells; the inverse of `encode`.

        Parameters
        ----------
        bits : str of "0" and "1"
        start : node
            Where the walk begins.
        restarts : mapping of step to node, optional
            As for `encode`.

        Returns
        -------
        list of nodes
            From `start` on.

        Raises
        ------
        TypeError
            If `bits` is no string.
        ValueError
            If no word begins as the bits do, or the stream ends within a step.
        """
        if not isinstance(bits, str):
            raise TypeError(f"bits must be a string of 0 and 1, got {type(bits).__name__}")
        restarts = restarts or {}
        walk, path, at = [start], self._path(start), 0
        while at < len(bits):
            if len(walk) - 1 in restarts:
                path = self._path(restarts[len(walk) - 1])
            while True:
                symbol, at = self._read(path, bits, at)
                if symbol is EXIT:
                    path = path[:-1]
                elif path in self._bottom:
                    break
                else:
                    path = symbol
            walk.append(symbol)
        return walk

    def _read(self, path, bits, at):
        symbols = self._symbols.get(path, {})
        longest = max(map(len, symbols), default=0)
        for end in range(at + 1, min(at + longest, len(bits)) + 1):
            symbol = symbols.get(bits[at:end])
            if symbol is not None:
                return symbol, end
        if at + longest > len(bits):
            raise ValueError(f"the bits end within a step: {bits[at:]!r} at index {at}")
        raise ValueError(f"no word of the book {path!r} begins {bits[at : at + longest]!r}")


@dataclass(frozen=True, eq=False)
class Trace:
    """A random walk told in two ways: with one code book, and with the books of a map.

    Attributes
    ----------
    walk : list of nodes
        The start, then where each step ended: one more than steps.
    restarts : dict of step -> node
        Where a step began, if a jump that is not recorded had moved the walker; else empty.
        The reader is told of these, and of the start, beside the stream; no bits are counted.
    length : CodeLength
        The formula.
    code : MapCode
        The words of the map.
    flat : Code
        Huffman's words for the visits: one book.
    lengths, flat_lengths : integer arrays of shape (steps,)
        Bits that tell each step, with the map and with one book.
    ideal : float array of shape (steps,)
        Bits of each step with the map if words could have fractions of bits: log2 of one over how
        often a word is used in its book. In the long run their mean is the formula.

    Examples
    --------
    >>> from thrifty.mapequation import trace
    >>> told = trace([("a", "b"), ("b", "c")], ["left", "left", "right"], steps=4, seed=0)
    >>> told.walk, told.stream(), told.lengths.tolist()
    (['b', 'c', 'b', 'a', 'b'], '1110100100', [4, 3, 2, 1])
    >>> told.code.decode(told.stream(), told.walk[0]) == told.walk
    True
    """

    walk: list
    restarts: dict
    length: object = field(repr=False)
    code: MapCode = field(repr=False)
    flat: Code = field(repr=False)
    lengths: np.ndarray = field(repr=False)
    flat_lengths: np.ndarray = field(repr=False)
    ideal: np.ndarray = field(repr=False)

    @property
    def bits(self):
        """Bits per step of this walk with the map."""
        return float(self.lengths.mean())

    @property
    def flat_bits(self):
        """Bits per step of this walk with one code book."""
        return float(self.flat_lengths.mean())

    def running(self, flat=False):
        """Return the bits per step of the first 1, 2, 3 ... steps: an array of shape (steps,)."""
        lengths = self.flat_lengths if flat else self.lengths
        return np.cumsum(lengths) / np.arange(1, len(lengths) + 1)

    def words(self, step):
        """Return what is read in one step, counted from 0: triples of book, symbol and word."""
        origin = self.restarts.get(step, self.walk[step])
        return self.code.step(origin, self.walk[step + 1])

    def stream(self, flat=False):
        """Return the bits of the whole walk; the start is not in them."""
        if flat:
            return encode(self.flat, self.walk[1:])
        return self.code.encode(self.walk, self.restarts)


def tell(walk, found, steps, rng):
    """Draw a walk and tell it: what `thrifty.mapequation.trace` does once it has checked."""
    visited, origins = wander(walk, steps, rng)
    nodes, code = walk.nodes, MapCode(found)
    rates = dict(zip(nodes, walk.visits.tolist(), strict=True))
    flat = huffman({node: rate for node, rate in rates.items() if rate > NEVER})
    flat_lengths = _of_node(visited[1:], len(nodes), lambda place: len(flat.words[nodes[place]]))
    lengths = _of_steps(walk, code, origins, visited[1:], lambda *at: len(code.word(*at)))
    ideal = _of_steps(walk, code, origins, visited[1:], code.ideal)
    moved = np.flatnonzero(origins != visited[:-1]).tolist()
    return Trace(
        [nodes[place] for place in visited.tolist()],
        {step: nodes[origins[step]] for step in moved},
        found,
        code,
        flat,
        lengths.astype(int),
        flat_lengths.astype(int),
        ideal,
    )


def _of_steps(walk, code, here, there, measure):
    """What all words of each step measure together."""
    nodes, paths = walk.nodes, [code.paths[node] for node in walk.nodes]
    ends = _of_node(there, len(nodes), lambda place: measure(paths[place], nodes[place]))
    # Few pairs of modules: each is asked once.
    numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    module, paths = np.array([numbers[path] for path in paths]), list(numbers)
    pairs, which = np.unique(module[here] * len(paths) + module[there], return_inverse=True)
    crossings = [
        sum(measure(*word) for word in code.crossing(paths[a], paths[b]))
        for a, b in (divmod(pair, len(paths)) for pair in pairs.tolist())
    ]
    return ends + np.array(crossings, float)[which]


def _of_node(places, count, measure):
    table = np.zeros(count)
    for place in np.unique(places).tolist():
        table[place] = measure(place)
    return table[places]
