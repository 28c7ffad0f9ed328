"""Several prefix codes in one stream: what was read last says which code book comes next.

A reader who knows the rule needs no sign for the change of books, and decodes exactly.
Books by the letter before, by the node a walker stands on, and by the class of a thing, with a
word that ends the class, are all of this kind.
"""

import itertools
from collections import Counter

from thrifty._code import require_bits, require_code, word_at
from thrifty.codes import huffman

__all__ = ["END", "INDEX", "CodeBooks", "by_class", "mark_classes", "unmark_classes"]


class _Sign:
    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return self._name


END = _Sign("END")  # the word in the book of a class that ends its run
INDEX = _Sign("INDEX")  # the name of the book that says which class comes


class CodeBooks:
    """Several prefix codes, and the rule by which one follows on the other.

    Parameters
    ----------
    books : mapping of name to Code
    follow : callable
        ``follow(book, symbol)`` is the name of the book for the next symbol, after `symbol` was
        taken from the book of the name `book`.
    start : hashable
        The name of the first book.

    Raises
    ------
    TypeError
        If a book is no `Code`.
    ValueError
        If there is no book of the name `start`.

    Notes
    -----
    Both writer and reader know each symbol before they need the next book, so the rule costs no
    bits. Source: Shannon 1948, A Mathematical Theory of Communication, for a code by states.

    Examples
    --------
    After an "a" comes a "b" most often, so the book "a" has a short word for it.

    >>> text = ["a", "b", "a", "b", "c", "a", "b"]
    >>> books = CodeBooks.learn(text, lambda book, letter: letter, "c")
    >>> books.encode(text), books.decode(books.encode(text)) == text
    ('0000100', True)
    """

    def __init__(self, books, follow, start):
        self.books = {name: require_code(code) for name, code in dict(books).items()}
        self.follow, self.start = follow, start
        self._book(start)

    @classmethod
    def learn(cls, symbols, follow, start, *, known=()):
        """Return Huffman's code for each book, from what it has to write in a sequence.

        Parameters
        ----------
        symbols : iterable
        follow, start
            As for `CodeBooks`.
        known : iterable
            Symbols that every book shall have a word for, whatever the sequence: each is counted
            once more, in every book to which these symbols lead. There must be an end to them.

        Returns
        -------
        CodeBooks

        Raises
        ------
        ValueError
            If there is no symbol at all.

        Examples
        --------
        >>> CodeBooks.learn("abab", lambda book, letter: letter, "b", known="ab").books["a"].words
        {'a': '0', 'b': '1'}
        """
        known, counts, book = list(known), {}, start
        reached = [start] if known else []
        while reached:
            name = reached.pop()
            if name not in counts:
                counts[name] = Counter(known)
                reached += [follow(name, symbol) for symbol in known]
        for symbol in symbols:
            if book not in counts:
                counts[book] = Counter(known)
            counts[book][symbol] += 1
            book = follow(book, symbol)
        if not counts:
            raise ValueError("no code can be learned: symbols and known are both empty")
        return cls({name: huffman(count) for name, count in counts.items()}, follow, start)

    def _book(self, name):
        if name not in self.books:
            some = ", ".join(map(repr, list(self.books)[:5]))
            raise ValueError(
                f"there is no code book {name!r}; there are {len(self.books)}: {some}"
                f"{', ...' if len(self.books) > 5 else ''}"
            )
        return self.books[name]

    def words(self, symbols):
        """Return the words of a sequence of symbols, one for each.

        Raises
        ------
        ValueError
            If a symbol has no word in its book, or there is no book; the message says where.

        Examples
        --------
        >>> books = CodeBooks.learn("abab", lambda book, letter: letter, "b")
        >>> books.words("abab")
        ['0', '0', '0', '0']
        """
        book, words = self.start, []
        for i, symbol in enumerate(symbols):
            code = self._book(book).words
            if symbol not in code:
                raise ValueError(f"symbol {symbol!r} at index {i} has no word in the book {book!r}")
            words.append(code[symbol])
            book = self.follow(book, symbol)
        return words

    def encode(self, symbols):
        """Return the words of a sequence of symbols as one stream of bits; see `words`."""
        return "".join(self.words(symbols))

    def decode(self, bits):
        """Return the symbols that a stream of bits stands for; the inverse of `encode`.

        Raises
        ------
        TypeError, ValueError
            As for `thrifty.codes.decode`, and if there is no book for what comes next.

        Examples
        --------
        >>> books = CodeBooks.learn("aab", lambda book, letter: letter, "b")
        >>> books.decode("001")
        ['a', 'a', 'b']
        """
        book, at, found = self.start, 0, []
        require_bits(bits)
        while at < len(bits):
            symbol, at = word_at(self._book(book), bits, at)
            found.append(symbol)
            book = self.follow(book, symbol)
        return found


def mark_classes(symbols, class_of):
    """Return a sequence with the name of its class before each run, and `END` behind it.

    Parameters
    ----------
    symbols : iterable
    class_of : mapping of symbol to class

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If a symbol has no class, or is `END`.

    Notes
    -----
    Source: the hierarchical code of Su Jianlin 2019, https://kexue.fm/archives/7006, after
    Rosvall and Bergstrom 2008.

    Examples
    --------
    >>> mark_classes(["pear", "plum", 7], {"pear": "fruit", "plum": "fruit", 7: "number"})
    ['fruit', 'pear', 'plum', END, 'number', 7, END]
    """
    symbols = list(symbols)
    for i, symbol in enumerate(symbols):
        if symbol is END or symbol not in class_of:
            raise ValueError(f"symbol {symbol!r} at index {i} has no class")
    marked = []
    for name, run in itertools.groupby(symbols, class_of.get):
        marked += [name, *run, END]
    return marked


def unmark_classes(marked):
    """Return the sequence without names of classes and `END`; the inverse of `mark_classes`.

    Examples
    --------
    >>> unmark_classes(["fruit", "pear", "plum", END, "number", 7, END])
    ['pear', 'plum', 7]
    """
    found, inside = [], False
    for symbol in marked:
        if inside and symbol is not END:
            found.append(symbol)
        inside = symbol is not END
    return found


def by_class(book, symbol):
    """Return which book follows in a marked sequence: the rule for `CodeBooks`.

    The book `INDEX` names a class; the book of that class is used up to its `END`.

    Examples
    --------
    >>> by_class(INDEX, "fruit"), by_class("fruit", "pear"), by_class("fruit", END)
    ('fruit', 'fruit', INDEX)
    """
    if book is INDEX:
        return symbol
    return INDEX if symbol is END else book
