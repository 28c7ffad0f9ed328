"""Writing with a model of the next token: greedy, by chance, or with a beam.

A model is any function ``next_logits(ids)`` from (rows, n) ids to (rows, vocabulary) logits, or an
object with `start`, `step` and `reorder`, such as `Cached`, which keeps what it has computed.
NumPy alone; the model may be made of anything.
"""

import numpy as np

from thrifty._checks import require_int
from thrifty._searches import (
    BeamSearch,
    Decoded,
    Greedy,
    Hypothesis,
    Node,
    Sampling,
    log_probabilities,
    next_probabilities,
    require_sampling,
)

__all__ = [
    "Cached",
    "Decoded",
    "Hypothesis",
    "Node",
    "Uncached",
    "beam_search",
    "greedy",
    "next_probabilities",
    "sample",
]


def greedy(model, prompts, *, max_new_tokens, end_id=None):
    """Write the most likely next token again and again.

    Parameters
    ----------
    model : callable, or object with start, step and reorder
        ``next_logits(ids)`` from (rows, n) integer ids to (rows, vocabulary) logits, or see
        `Uncached` and `Cached`.
    prompts : sequence of integer sequences
        One a text, of any lengths, each with at least one id.
    max_new_tokens : int
        The cap: a text without the end token is cut here, and says `finished` False.
    end_id : int, optional
        The token that ends a text. None: every text is written up to the cap.

    Returns
    -------
    list of Decoded
        One for each prompt, in their order. Of equal logits the lowest id is taken.

    Raises
    ------
    TypeError
        If an id, `end_id` or `max_new_tokens` is not an int.
    ValueError
        If there is no prompt or an empty one, or the logits have another shape, hold NaN or +inf,
        allow no token, or have no column for `end_id`. -inf is allowed: such a token never comes.

    Examples
    --------
    >>> table = np.log([[0.1, 0.6, 0.3], [0.2, 0.1, 0.7], [0.5, 0.2, 0.3]])
    >>> text = greedy(lambda ids: table[ids[:, -1]], [[0]], max_new_tokens=5, end_id=2)[0]
    >>> text.ids, text.finished, round(text.log_probability, 3)
    ((1, 2), True, -0.868)
    """
    return _write(model, prompts, max_new_tokens, end_id, lambda row: Greedy())


def sample(
    model,
    prompts,
    *,
    max_new_tokens,
    end_id=None,
    temperature=1.0,
    top_k=None,
    top_p=None,
    seed=0,
):
    """Draw each next token by chance, with the probabilities of `next_probabilities`.

    Parameters
    ----------
    model, prompts, max_new_tokens, end_id
        As in `greedy`.
    temperature : float
        The logits are divided by it: below 1 the likely tokens gain, above 1 the others.
    top_k : int, optional
        Only the k most likely tokens can be drawn.
    top_p : float, optional
        Only the most likely tokens that together have at least this probability can be drawn.
    seed : int
        Each prompt has a stream of its own, which depends on the seed and on its place alone: what
        is written for one prompt does not depend on the others.

    Returns
    -------
    list of Decoded
        One for each prompt. `log_probability` is under the model itself, at temperature 1 and
        without `top_k` and `top_p`.

    Raises
    ------
    TypeError, ValueError
        As `greedy`, and if a setting is outside its range.

    Notes
    -----
    Sources: top-k: Fan et al. 2018, arXiv 1805.04833; top-p (nucleus): Holtzman et al. 2019,
    arXiv 1904.09751.

    Examples
    --------
    >>> coin = lambda ids: np.zeros((len(ids), 2))
    >>> texts = sample(coin, [[0]] * 1000, max_new_tokens=1)
    >>> bool(450 < sum(text.ids == (1,) for text in texts) < 550)
    True
    """
    require_sampling(temperature, top_k, top_p)
    seeds = np.random.SeedSequence(require_int("seed", seed, minimum=0))

    def search(row):
        own = np.random.SeedSequence(seeds.entropy, spawn_key=(row,))
        return Sampling(np.random.default_rng(own), temperature, top_k, top_p)

    return _write(model, prompts, max_new_tokens, end_id, search)


def beam_search(
    model,
    prompts,
    *,
    max_new_tokens,
    end_id=None,
    beams=4,
    length_penalty=1.0,
    early_stopping=True,
    lose_finished=False,
):
    """Keep the best few beginnings of a text at every step, and return the best texts.

    Parameters
    ----------
    model, prompts, max_new_tokens, end_id
        As in `greedy`.
    beams : int
        Hypotheses that are kept, unfinished and finished ones apart.
    length_penalty : float
        The alpha of score = log-probability / length ** alpha, where the length counts the new
        tokens with the end token. 0: no normalisation; 1: the mean of a token; >= 0.
    early_stopping : bool
        Whether to stop when no unfinished hypothesis can overtake the best finished one any more.
        That never changes the best text, only the ones behind it.
    lose_finished : bool
        The mistake of the decoder in bert4keras, for comparison: a hypothesis that is finished is
        thrown away unless it is the best of its step, which ends the search; the beam gets narrower
        by each one lost.

    Returns
    -------
    list of Decoded
        One for each prompt; its `hypotheses` are up to `beams` texts, best score first, finished
        ones before those cut at the cap.

    Raises
    ------
    TypeError, ValueError
        As `greedy`, and if a setting is outside its range.

    Notes
    -----
    A step takes the `beams` most likely of all continuations. Those that end are finished and kept
    apart; the most likely ones that do not end, again up to `beams`, go on. Early stopping is exact
    since a log-probability only falls: the score can at best become
    log-probability / max_new_tokens ** alpha.

    With one beam and ``length_penalty=0`` this is `greedy`; with enough beams it is the search of
    all texts. Source of the score: Wu et al. 2016, arXiv 1609.08144, section 7, in a simpler form.

    Examples
    --------
    >>> # After 0, token 1 is likelier than 2, but 2 has the better continuation.
    >>> probabilities = np.array([[0, 0.6, 0.4, 0], [0.4, 0, 0.3, 0.3], [0, 0, 0, 1], [1, 0, 0, 0]])
    >>> with np.errstate(divide="ignore"):
    ...     table = np.log(probabilities)
    >>> settings = {"max_new_tokens": 4, "end_id": 3, "length_penalty": 0}
    >>> text = beam_search(lambda ids: table[ids[:, -1]], [[0]], beams=2, **settings)[0]
    >>> text.ids, round(float(np.exp(text.log_probability)), 2)
    ((2, 3), 0.4)
    """
    beams = require_int("beams", beams, minimum=1)
    if not 0 <= length_penalty < np.inf:
        raise ValueError(f"length_penalty must be finite and >= 0, got {length_penalty}")

    def search(row):
        return BeamSearch(beams, length_penalty, early_stopping, lose_finished)

    return _write(model, prompts, max_new_tokens, end_id, search)


class Uncached:
    """The protocol of a decoder around a function, which reads every text anew at every step.

    Parameters
    ----------
    next_logits : callable
        From (rows, n) integer ids to (rows, vocabulary) logits of the next token. Texts of one
        length come together, so that it never sees padding.

    Attributes
    ----------
    positions_computed : int
        Positions that went through the function so far, over all rows.

    Examples
    --------
    >>> model = Uncached(lambda ids: np.zeros((len(ids), 3)))
    >>> texts = greedy(model, [[1, 2]], max_new_tokens=3)
    >>> texts[0].ids, model.positions_computed  # 2 + 3 + 4
    ((0, 0, 0), 9)
    """

    def __init__(self, next_logits):
        if not callable(next_logits):
            raise TypeError(
                f"model must be a function of ids, or have start, step and reorder, "
                f"got {type(next_logits).__name__}"
            )
        self.next_logits = next_logits
        self.positions_computed = 0

    def start(self, prompts):
        """Return the logits after each prompt, (rows, vocabulary), and the state, the texts."""
        lengths = np.array([len(text) for text in prompts])
        logits = None
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            found = np.asarray(self.next_logits(np.stack([prompts[row] for row in rows])))
            if found.ndim != 2 or len(found) != len(rows):
                raise ValueError(
                    f"next_logits must return shape (rows, vocabulary) for {len(rows)} rows, "
                    f"got {found.shape}; a Transformer goes into Cached"
                )
            logits = np.empty((len(prompts), found.shape[1])) if logits is None else logits
            logits[rows] = found
            self.positions_computed += len(rows) * int(length)
        return logits, prompts

    def step(self, texts, next_ids):
        """Return the logits after each text with its next id, and the longer texts."""
        return self.start([np.append(text, i) for text, i in zip(texts, next_ids, strict=True)])

    def reorder(self, texts, rows):
        """Return the texts of these rows, which may be left out or repeated."""
        return [texts[row] for row in rows]


class Cached:
    """The protocol of a decoder around a `thrifty.transformer.Transformer` and its cache.

    Parameters
    ----------
    transformer : Transformer
        Or anything with its `start` and `step`, whose caches have `reorder`.
    prompt : {"causal", "bidirectional"}
        What a prompt's positions see: what came before, as in a language model, or the whole
        prompt, as in a prefix language model.
    **start
        Passed on to `Transformer.start`, such as `next_segment`.

    Attributes
    ----------
    positions_computed : int
        Positions that went through the model so far, over all rows, padding included.

    Raises
    ------
    ValueError
        If `prompt` is another word.

    Examples
    --------
    >>> from thrifty.transformer import Transformer
    >>> transformer = Transformer(9, features=8, num_heads=2, num_blocks=1, positions="rotary")
    >>> model = Cached(transformer)
    >>> text = greedy(model, [[1, 2]], max_new_tokens=3)[0]
    >>> len(text.ids), model.positions_computed  # 2 + 1 + 1
    (3, 4)
    """

    def __init__(self, transformer, prompt="causal", **start):
        if prompt not in ("causal", "bidirectional"):
            raise ValueError(f"prompt must be 'causal' or 'bidirectional', got {prompt!r}")
        self.transformer = transformer
        self.prompt = prompt
        self.positions_computed = 0
        self._start = start

    def start(self, prompts):
        """Return the logits after each prompt, (rows, vocabulary), and the cache."""
        lengths = np.array([len(text) for text in prompts])
        n = lengths.max()
        real = np.arange(n) < lengths[:, None]  # (rows, n)
        ids = np.zeros(real.shape, dtype=np.int64)
        ids[real] = np.concatenate(prompts)
        causal = np.tri(n, dtype=bool) if self.prompt == "causal" else None
        self.positions_computed += ids.size
        logits, cache = self.transformer.start(ids, causal, mask=real, **self._start)
        return np.asarray(logits), cache

    def step(self, cache, next_ids):
        """Return the logits after each next id, and the cache that holds it too."""
        self.positions_computed += len(next_ids)
        logits, cache = self.transformer.step(cache, next_ids)
        return np.asarray(logits), cache

    def reorder(self, cache, rows):
        """Return the cache of these rows, which may be left out or repeated."""
        return cache.reorder(rows)


def _write(model, prompts, max_new_tokens, end_id, make_search):
    """Run one search a prompt, all in one batch; rows that are done are not computed any more."""
    cap = require_int("max_new_tokens", max_new_tokens, minimum=1)
    end_id = None if end_id is None else require_int("end_id", end_id, minimum=0)
    prompts = _require_prompts(prompts)
    if not all(hasattr(model, part) for part in ("start", "step", "reorder")):
        model = Uncached(model)
    searches = [make_search(row) for row in range(len(prompts))]
    for search in searches:
        search.begin(end_id, cap)
    active = searches
    logits, state = model.start(prompts)
    while True:
        log_p = _log_probabilities(logits, sum(len(search.live) for search in active), end_id)
        rows, tokens, first = [], [], 0
        for search in active:
            width = len(search.live)
            search.advance(log_p[first : first + width])
            rows += [first + node.row for node in search.live]
            tokens += [node.token for node in search.live]
            first += width
        active = [search for search in active if search.live]
        if not active:
            return [s.result(prompt) for s, prompt in zip(searches, prompts, strict=True)]
        state = model.reorder(state, rows)
        logits, state = model.step(state, np.array(tokens))


def _require_prompts(prompts):
    prompts = [np.asarray(prompt) for prompt in prompts]
    if not prompts:
        raise ValueError("prompts must hold at least one prompt, got none")
    for row, prompt in enumerate(prompts):
        if prompt.ndim != 1 or not prompt.size:
            raise ValueError(
                f"prompts[{row}] must be a sequence of at least one id, got shape {prompt.shape}"
            )
        if prompt.dtype.kind not in "iu":
            raise TypeError(f"prompts[{row}] must hold integers, got dtype {prompt.dtype}")
    return prompts


def _log_probabilities(logits, rows, end_id):
    """The model's logits as log-probabilities, once their shape is what it should be."""
    logits = np.asarray(logits)
    if logits.ndim != 2 or len(logits) != rows:
        raise ValueError(f"logits must have shape ({rows}, vocabulary), got {logits.shape}")
    if end_id is not None and end_id >= logits.shape[1]:
        raise ValueError(
            f"end_id must lie in 0..{logits.shape[1] - 1}, the columns of the logits, got {end_id}"
        )
    return log_probabilities(logits)
