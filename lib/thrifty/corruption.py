"""What masked language models mask: their inputs. No attention mask is involved.

Each function returns (inputs, targets, weights), which is what `keras.Model.train_on_batch` takes.
The loss of a batch is sum(weights * loss) / sum(weights), over the chosen positions alone.
A row in which nothing was chosen comes back unchanged, with weights 0; if that is every row, the
sum of the weights is 0 and the batch teaches nothing: skip it.

BERT's encoder is bidirectional: its attention mask is the padding mask, whatever is corrupted.
"""

import numpy as np

from thrifty._checks import (
    require_generator,
    require_int,
    require_rows,
    require_share,
    require_within,
)


def mlm_corrupt(
    ids,
    rng,
    *,
    mask_id,
    vocabulary,
    special_ids,
    rate=0.15,
    split=(0.8, 0.1, 0.1),
    word_ids=None,
):
    """Return inputs, targets and weights of a masked language model.

    Parameters
    ----------
    ids : integer array of shape (n,) or (batch, n)
        Token ids, 0..vocabulary - 1, special tokens and padding included.
    rng : numpy.random.Generator
    mask_id : int
        The id that says "something was here".
    vocabulary : int
        Number of ids.
    special_ids : integers
        Ids that are never chosen and never drawn: padding, start, end, ...; `mask_id` is always
        one of them.
    rate : float
        Probability, 0..1, with which each token, or each word, is chosen, independently.
    split : three floats that sum to 1
        Shares of the chosen tokens that become `mask_id`, become a random id, and stay.
    word_ids : integer array of the shape of `ids`, optional
        The word of each token: tokens of a row with one id are chosen together. -1 is no word and
        never chosen. A word that holds a special id is never chosen.

    Returns
    -------
    inputs : integer array of the shape and dtype of `ids`
        The ids, corrupted at the chosen positions. A random id is its own by chance at times.
    targets : integer array of the shape and dtype of `ids`
        The ids themselves.
    weights : float32 array of the shape of `ids`
        1 where a token was chosen, also where it stayed; 0 elsewhere.

    Raises
    ------
    TypeError
        If `rng` is no Generator, or ids are not integers.
    ValueError
        If a shape, an id or a share is out of range, or no ordinary id is left to draw.

    Notes
    -----
    BERT's own code chooses round(rate * length) tokens of a row, at least 1; here the number is
    binomial, so that the rate does not depend on the row's length, and can be 0 in a short row.
    As there, a word is chosen as a whole, and each of its tokens then has its own fate.
    Sources: BERT, Devlin et al. 2018, arXiv 1810.04805; whole words, Cui et al. 2019,
    arXiv 1906.08101; kexue.fm/archives/6933 starts from the weights learned so.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> ids = [1, 7, 8, 9, 2, 0]  # start, three tokens, end, padding
    >>> inputs, targets, weights = mlm_corrupt(
    ...     ids, rng, mask_id=3, vocabulary=10, special_ids=[0, 1, 2], rate=1, split=(1, 0, 0)
    ... )
    >>> inputs
    array([1, 3, 3, 3, 2, 0])
    >>> weights.astype(int)
    array([0, 1, 1, 1, 0, 0])
    """
    require_generator("rng", rng)
    ids, ordinary_ids = _vocabulary(ids, vocabulary, mask_id, special_ids)
    rate, split = require_share("rate", rate), _split(split)
    may = np.isin(ids, ordinary_ids)
    if word_ids is None:
        chosen = may & (rng.random(ids.shape) < rate)
    else:
        chosen = _whole_words(word_ids, may, rng, rate)
    inputs = _replaced(ids, chosen, rng, mask_id, ordinary_ids, split)
    return inputs, ids.copy(), chosen.astype(np.float32)


def mass_corrupt(ids, rng, *, mask_id, vocabulary, special_ids, share=0.5, split=(0.8, 0.1, 0.1)):
    """Return inputs, targets and weights of MASS: the encoder gets a gap, the decoder fills it.

    Parameters
    ----------
    ids : integer array of shape (n,) or (batch, n)
        Token ids, 0..vocabulary - 1, special tokens and padding included.
    rng : numpy.random.Generator
    mask_id : int
        The id that says "something was here".
    vocabulary : int
        Number of ids.
    special_ids : integers
        Ids that are never in the gap and never drawn; `mask_id` is always one of them.
    share : float
        Length of the gap as a share, 0..1, of the row's ordinary tokens: rounded, and at least 1.
        If special tokens leave no room for that, the longest run without them is the gap.
    split : three floats that sum to 1
        Shares of the gap's tokens that the encoder gets as `mask_id`, as a random id, unchanged.

    Returns
    -------
    (encoder_inputs, decoder_inputs) : integer arrays of the shape and dtype of `ids`
        The encoder gets the corrupted ids. The decoder gets, at each position of the gap but the
        first, the token before, and `mask_id` everywhere else.
    targets : integer array of the shape and dtype of `ids`
        The ids themselves.
    weights : float32 array of the shape of `ids`
        1 in the gap, 0 elsewhere.

    Raises
    ------
    TypeError
        If `rng` is no Generator, or ids are not integers.
    ValueError
        If a shape, an id or a share is out of range, or no ordinary id is left to draw.

    Notes
    -----
    What MASS masks is inputs too: the encoder attends to everything but padding, the decoder's
    own attention is causal, and it attends to the whole encoder but its padding.
    A single Transformer does the same in place with `thrifty.masks.infill_mask`, if it gets the
    decoder's inputs in the gap and the encoder's elsewhere.
    Source: MASS, Song et al. 2019, arXiv 1905.02450; kexue.fm/archives/6933.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> inputs, targets, weights = mass_corrupt(
    ...     [1, 5, 6, 7, 8, 2], rng, mask_id=3, vocabulary=10, special_ids=[0, 1, 2],
    ...     split=(1, 0, 0),
    ... )
    >>> weights.astype(int)
    array([0, 0, 0, 1, 1, 0])
    >>> encoder_inputs, decoder_inputs = inputs
    >>> encoder_inputs
    array([1, 5, 6, 3, 3, 2])
    >>> decoder_inputs
    array([3, 3, 3, 3, 7, 3])
    """
    require_generator("rng", rng)
    ids, ordinary_ids = _vocabulary(ids, vocabulary, mask_id, special_ids)
    share, split = require_share("share", share), _split(split)
    may = np.isin(ids, ordinary_ids)
    gap = np.zeros(ids.shape, dtype=bool)
    for row, allowed in zip(np.atleast_2d(gap), np.atleast_2d(may), strict=True):
        row[_gap(allowed, rng, share)] = True
    encoder_inputs = _replaced(ids, gap, rng, mask_id, ordinary_ids, split)
    decoder_inputs = np.full_like(ids, mask_id)
    later = gap[..., 1:] & gap[..., :-1]
    decoder_inputs[..., 1:][later] = ids[..., :-1][later]
    return (encoder_inputs, decoder_inputs), ids.copy(), gap.astype(np.float32)


def _vocabulary(ids, vocabulary, mask_id, special_ids):
    """The ids, checked, in their own dtype; and those ids that are words and not signs."""
    vocabulary = require_int("vocabulary", vocabulary, minimum=1)
    rows = require_rows("ids", ids)
    specials = require_rows("special_ids", list(special_ids))
    if require_int("mask_id", mask_id, minimum=0) >= vocabulary:
        raise ValueError(f"mask_id must be in 0..{vocabulary - 1} (vocabulary - 1), got {mask_id}")
    for name, values in (("ids", rows), ("special_ids", specials)):
        require_within(name, values, 0, vocabulary - 1, "vocabulary - 1")
    dtype = np.asarray(ids).dtype
    if dtype.kind not in "iu":  # an empty list is one of floats
        dtype = rows.dtype
    if np.iinfo(dtype).max < vocabulary - 1:
        raise ValueError(
            f"ids of dtype {dtype} cannot hold a vocabulary of {vocabulary}; "
            f"convert them, for example with `ids.astype('int32')`"
        )
    ordinary = np.setdiff1d(np.arange(vocabulary), np.append(specials, mask_id))
    if not ordinary.size:
        raise ValueError(f"special_ids leave no ordinary id of 0..{vocabulary - 1}")
    return rows.astype(dtype), ordinary.astype(dtype)


def _split(split):
    shares = np.asarray(split, dtype=float)
    if shares.shape != (3,) or not (shares >= 0).all() or not np.isclose(shares.sum(), 1):
        raise ValueError(
            f"split must be three shares (masked, random, kept) that sum to 1, got {split!r}"
        )
    return shares


def _whole_words(word_ids, may, rng, rate):
    """Choose words at `rate`; a word with a position that may not be chosen is left alone."""
    words = require_rows("word_ids", word_ids)
    if words.shape != may.shape:
        raise ValueError(f"word_ids must have the shape of ids, {may.shape}, got {words.shape}")
    require_within("word_ids", words, -1, None, "-1 = no word")
    rows = np.indices(words.shape)[0] if words.ndim == 2 else np.zeros_like(words)
    units = np.stack([rows.ravel(), words.ravel()])
    _, unit = np.unique(units, axis=1, return_inverse=True)
    unit = unit.reshape(-1)
    spoiled = np.bincount(unit, weights=~may.ravel() | (words.ravel() < 0)) > 0
    chosen = ~spoiled & (rng.random(len(spoiled)) < rate)
    return chosen[unit].reshape(words.shape)


def _gap(allowed, rng, share):
    """A slice inside a run of allowed positions, empty if there is none."""
    n = len(allowed)
    if not allowed.any():
        return slice(0, 0)
    ends = np.minimum.accumulate(np.where(allowed, n, np.arange(n))[::-1])[::-1]
    room = ends - np.arange(n)  # allowed positions in a row from here on
    length = min(max(1, round(share * int(allowed.sum()))), int(room.max()))
    start = int(rng.choice(np.flatnonzero(room >= length)))
    return slice(start, start + length)


def _replaced(ids, chosen, rng, mask_id, ordinary_ids, split):
    """The ids with `mask_id`, a random id or the id itself where they were chosen."""
    fate = rng.random(ids.shape)
    random_ids = rng.choice(ordinary_ids, size=ids.shape)
    corrupted = np.where(fate < split[0], mask_id, random_ids).astype(ids.dtype)
    return np.where(chosen & (fate < 1 - split[2]), corrupted, ids)
