"""A prefix code, and streams of bits written in it."""

from collections.abc import Mapping


class Code:
    """A binary prefix code: one word for each symbol, and no word begins another one.

    Parameters
    ----------
    words : mapping of symbol to str
        Words of "0" and "1", each at least one bit long. A symbol is anything hashable.

    Attributes
    ----------
    words : dict of symbol to str
    lengths : list of int
        Bits of the words, in the order of `words`.

    Raises
    ------
    TypeError
        If `words` is no mapping, or a word no string.
    ValueError
        If there is no word, if one is empty or holds another character, or if one begins another.

    Notes
    -----
    In a prefix code a reader knows where a word ends without looking further.
    Source: Cover & Thomas, Elements of Information Theory, chapter 5.

    Examples
    --------
    >>> code = Code({"a": "0", "b": "10", "c": "11"})
    >>> code.lengths
    [1, 2, 2]
    >>> code.tree()
    ('a', ('b', 'c'))
    """

    def __init__(self, words):
        if not isinstance(words, Mapping):
            raise TypeError(
                f"words must be a mapping from symbols to words, got {type(words).__name__}"
            )
        self.words = dict(words)
        if not self.words:
            raise ValueError("a code needs at least one word, got none")
        for symbol, word in self.words.items():
            _require_word(symbol, word)
        self._symbols = {word: symbol for symbol, word in self.words.items()}
        # Of words in alphabetical order each one follows directly on a word that begins it.
        ordered = sorted((word, i) for i, word in enumerate(self.words.values()))
        for (first, _), (second, _) in zip(ordered, ordered[1:], strict=False):
            if second.startswith(first):
                raise ValueError(
                    f"no word may begin another one, got {first!r} and {second!r}; "
                    f"after {first!r} a reader would not know whether the word ends"
                )
        self.lengths = [len(word) for word in self.words.values()]
        self._longest = max(self.lengths)

    def __repr__(self):
        return f"Code({self.words!r})"

    def tree(self):
        """Return the words as a tree of pairs: (what follows a 0, what follows a 1).

        Returns
        -------
        nested tuple
            A leaf is a symbol; None is a place that no word uses.

        Examples
        --------
        >>> Code({"a": "00", "b": "01", "c": "10"}).tree()
        (('a', 'b'), ('c', None))
        """
        nodes = dict(self._symbols)
        # From the longest words up, so that both children of a node are there before it.
        for size in range(max(self.lengths), 0, -1):
            for stem in sorted({word[:-1] for word in nodes if len(word) == size}):
                nodes[stem] = (nodes.get(stem + "0"), nodes.get(stem + "1"))
        return nodes[""]


def _require_word(symbol, word):
    if not isinstance(word, str):
        raise TypeError(
            f"the word of {symbol!r} must be a string, got {word!r} ({type(word).__name__})"
        )
    if not word or set(word) - {"0", "1"}:
        raise ValueError(f"the word of {symbol!r} must hold one or more of 0 and 1, got {word!r}")


def encode(code, symbols):
    """Return the words of a sequence of symbols, one after the other.

    Parameters
    ----------
    code : Code
    symbols : iterable
        Symbols of the code.

    Returns
    -------
    str of "0" and "1"

    Raises
    ------
    TypeError
        If `code` is no `Code`.
    ValueError
        If a symbol has no word; the message names it and where it is.

    Examples
    --------
    >>> encode(Code({"a": "0", "b": "10", "c": "11"}), "abca")
    '010110'
    """
    words = require_code(code).words
    bits = []
    for i, symbol in enumerate(symbols):
        if symbol not in words:
            raise ValueError(f"symbol {symbol!r} at index {i} has no word in this code")
        bits.append(words[symbol])
    return "".join(bits)


def decode(code, bits):
    """Return the symbols that a stream of bits stands for; the inverse of `encode`.

    Parameters
    ----------
    code : Code
    bits : str of "0" and "1"

    Returns
    -------
    list
        Symbols.

    Raises
    ------
    TypeError
        If `code` is no `Code`, or `bits` no string.
    ValueError
        If another character comes, if no word begins as the bits do, or if the last word is cut.

    Examples
    --------
    >>> decode(Code({"a": "0", "b": "10", "c": "11"}), "010110")
    ['a', 'b', 'c', 'a']
    """
    found, at = [], 0
    require_code(code)
    require_bits(bits)
    while at < len(bits):
        symbol, at = word_at(code, bits, at)
        found.append(symbol)
    return found


def word_at(code, bits, start):
    """Return the symbol whose word stands at an index of a stream, and the index behind it."""
    for end in range(start + 1, len(bits) + 1):
        word = bits[start:end]
        if word in code._symbols:
            return code._symbols[word], end
        if word[-1] not in "01":
            raise ValueError(f"bits must hold 0 and 1 only, got {word[-1]!r} at index {end - 1}")
        if len(word) == code._longest:
            raise ValueError(f"no word of this code begins {word!r}, at index {start}")
    raise ValueError(f"the bits end inside a word: {bits[start:]!r} at index {start}")


def require_bits(bits):
    if not isinstance(bits, str):
        raise TypeError(f"bits must be a string of 0 and 1, got {type(bits).__name__}")


def require_code(code):
    if not isinstance(code, Code):
        raise TypeError(
            f"code must be a Code, got {type(code).__name__}; "
            f"make one with huffman(p) or Code(words)"
        )
    return code
