"""Binary prefix codes: entropy, Huffman's code, and streams of bits that decode back exactly.

Weights are probabilities, counts or rates of use: only their proportions matter.
A word is a string of "0" and "1", and so is a stream of bits.
"""

import heapq
import math
from collections.abc import Mapping

import numpy as np

from thrifty._checks import require_int
from thrifty._code import Code, decode, encode, require_code

__all__ = [
    "Code",
    "decode",
    "encode",
    "entropy",
    "huffman",
    "huffman_merges",
    "kraft_sum",
    "mean_length",
    "prefix_code",
]


def entropy(p):
    """Return the entropy of a distribution, in bits: the least mean length of a word.

    Parameters
    ----------
    p : array-like of shape (n,), or mapping of symbol to weight
        Weights >= 0, not all 0. They need not sum to 1: each is divided by their sum.

    Returns
    -------
    float
        ``-sum(p * log2(p))``, where a symbol with weight 0 counts nothing.

    Raises
    ------
    TypeError
        If the weights are not real numbers.
    ValueError
        If there are none, if one is negative, infinite or NaN, or if all are 0.

    Notes
    -----
    For rates of use, entropy times their sum is in bits per step.
    Source: Shannon 1948, A Mathematical Theory of Communication.

    Examples
    --------
    >>> entropy([1, 1, 1, 1]), entropy({"a": 0.5, "b": 0.25, "c": 0.25}), entropy([1, 0])
    (2.0, 1.5, 0.0)
    """
    _, weights = _symbols_and_weights(p)
    share = np.array(weights) / math.fsum(weights)
    share = share[share > 0]
    return max(0.0, -math.fsum(share * np.log2(share)))


def huffman(p):
    """Return a prefix code of the least mean length for these weights: Huffman's.

    Parameters
    ----------
    p : array-like of shape (n,), or mapping of symbol to weight
        Weights >= 0, not all 0. Only their proportions matter.
        The symbols of an array are 0..n - 1.

    Returns
    -------
    Code
        Its words stand in the order of `p`. A lone symbol gets the word "0".
        With two or more symbols, all of weight > 0: entropy <= mean length < entropy + 1.

    Raises
    ------
    TypeError, ValueError
        As for `entropy`.

    Notes
    -----
    The same weights in the same order always give the same words, see `huffman_merges`: of the two
    that are merged, the first is reached by a 0, the second by a 1.
    Source: Huffman 1952, A Method for the Construction of Minimum-Redundancy Codes.

    Examples
    --------
    >>> huffman({"a": 0.9, "b": 0.05, "c": 0.05}).words
    {'a': '1', 'b': '00', 'c': '01'}
    >>> huffman([3]).words
    {0: '0'}
    """
    symbols, weights = _symbols_and_weights(p)
    n = len(symbols)
    words = [""] * (2 * n - 1)
    # From the root down: a parent has its word before its children need it.
    for k, (first, second) in reversed(list(enumerate(_merges(weights)))):
        words[first], words[second] = words[n + k] + "0", words[n + k] + "1"
    if n == 1:
        words = ["0"]
    return Code(dict(zip(symbols, words[:n], strict=True)))


def huffman_merges(p):
    """Return how Huffman's tree grows: which two nodes each step joins.

    Parameters
    ----------
    p : array-like of shape (n,), or mapping of symbol to weight
        As for `huffman`.

    Returns
    -------
    list of (int, int)
        n - 1 pairs. Nodes 0..n - 1 are the symbols, and pair k makes node n + k.
        Each pair is the two nodes of least weight without a parent; of equal ones that made first.

    Raises
    ------
    TypeError, ValueError
        As for `entropy`.

    Notes
    -----
    Source: Huffman 1952, A Method for the Construction of Minimum-Redundancy Codes.

    Examples
    --------
    >>> huffman_merges([0.4, 0.3, 0.2, 0.1])
    [(3, 2), (1, 4), (0, 5)]
    """
    return _merges(_symbols_and_weights(p)[1])


def _merges(weights):
    heap = [(weight, node) for node, weight in enumerate(weights)]
    heapq.heapify(heap)
    pairs = []
    while len(heap) > 1:
        (light, first), (heavy, second) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (light + heavy, len(weights) + len(pairs)))
        pairs.append((first, second))
    return pairs


def kraft_sum(lengths):
    """Return the share of all streams of bits that words of these lengths use up.

    Parameters
    ----------
    lengths : iterable of int
        Bits of the words, each >= 1.

    Returns
    -------
    float
        ``sum(2 ** -length)``. There is a prefix code with these lengths if and only if it is <= 1,
        and no place in its tree is empty if and only if it is 1.

    Raises
    ------
    TypeError, ValueError
        If a length is not an int, or below 1.

    Notes
    -----
    Source: Kraft 1949; Cover & Thomas, Elements of Information Theory, section 5.2.

    Examples
    --------
    >>> kraft_sum([1, 2, 2]), kraft_sum([1, 1, 2]), kraft_sum([2, 2, 2])
    (1.0, 1.25, 0.75)
    """
    return math.fsum(math.ldexp(1.0, -length) for length in _require_lengths(lengths))


def prefix_code(lengths):
    """Return a prefix code whose words have the given lengths.

    Parameters
    ----------
    lengths : iterable of int, or mapping of symbol to int
        Bits of the words, each >= 1. The symbols of an iterable are 0..n - 1.

    Returns
    -------
    Code
        The shortest words get the lowest places, equal ones in the order of `lengths`.

    Raises
    ------
    TypeError
        If a length is not an int.
    ValueError
        If there is none, if one is below 1, or if their Kraft sum is above 1: then no prefix code
        has them.

    Notes
    -----
    This is the half of Kraft's theorem that makes a code. Source: as for `kraft_sum`.

    Examples
    --------
    >>> prefix_code([2, 1, 3]).words
    {0: '10', 1: '0', 2: '110'}
    """
    symbols, lengths = _symbols_and_values("lengths", lengths)
    lengths = _require_lengths(lengths)
    words, place, size = {}, 0, 0
    for length, i in sorted((length, i) for i, length in enumerate(lengths)):
        # The first free place, in the numbering of this depth of the tree.
        place, size = place << (length - size), length
        if place >> length:
            raise ValueError(
                f"no prefix code has words of {lengths} bits: their Kraft sum must be <= 1, "
                f"got {kraft_sum(lengths)}"
            )
        words[i] = f"{place:0{length}b}"
        place += 1
    return Code({symbol: words[i] for i, symbol in enumerate(symbols)})


def mean_length(p, lengths):
    """Return the mean length of a word, in bits per symbol.

    Parameters
    ----------
    p : array-like of shape (n,), or mapping of symbol to weight
        How often each symbol comes; only the proportions matter.
    lengths : sequence of int, or Code
        Bits of the words, in the order of `p`.
        With a `Code`, a mapping `p` is matched symbol by symbol, and may leave some out.

    Returns
    -------
    float
        ``sum(p * lengths) / sum(p)``. For rates of use, times their sum it is in bits per step.

    Raises
    ------
    TypeError
        If a length is not an int, or a mapping comes with plain lengths.
    ValueError
        If the numbers of weights and lengths differ, or a symbol has no word; otherwise as for
        `entropy` and `kraft_sum`.

    Examples
    --------
    >>> p = {"a": 0.9, "b": 0.05, "c": 0.05}
    >>> round(mean_length(p, huffman(p)), 2), round(mean_length([0.9, 0.1], [1, 3]), 2)
    (1.1, 1.2)
    """
    symbols, weights = _symbols_and_weights(p)
    if isinstance(p, Mapping):
        words = require_code(lengths).words
        missing = [symbol for symbol in symbols if symbol not in words]
        if missing:
            raise ValueError(f"symbol {missing[0]!r} has no word in this code")
        lengths = [len(words[symbol]) for symbol in symbols]
    lengths = _require_lengths(lengths.lengths if isinstance(lengths, Code) else lengths)
    if len(lengths) != len(weights):
        raise ValueError(
            f"p and lengths must have one length, got {len(weights)} weights and "
            f"{len(lengths)} lengths"
        )
    return math.fsum(w * n for w, n in zip(weights, lengths, strict=True)) / math.fsum(weights)


def _symbols_and_values(name, values):
    if isinstance(values, Mapping):
        symbols, values = list(values), list(values.values())
    else:
        values = list(values)
        symbols = list(range(len(values)))
    if not values:
        raise ValueError(f"{name} must not be empty")
    return symbols, values


def _symbols_and_weights(p):
    symbols, values = _symbols_and_values("p", p)
    weights = np.asarray(values)
    if weights.ndim != 1 or weights.dtype.kind not in "biuf":
        raise TypeError(
            f"p must hold one real number for each symbol, got shape {weights.shape} of dtype "
            f"{weights.dtype}"
        )
    weights = weights.astype(np.float64).tolist()
    for symbol, weight in zip(symbols, weights, strict=True):
        if not 0 <= weight < math.inf:
            raise ValueError(f"weights must be finite and >= 0, got {weight} for symbol {symbol!r}")
    if not 0 < sum(weights) < math.inf:
        raise ValueError(f"the sum of the weights must be finite and > 0, got {sum(weights)}")
    return symbols, weights


def _require_lengths(lengths):
    return [require_int("length", length, minimum=1) for length in lengths]
