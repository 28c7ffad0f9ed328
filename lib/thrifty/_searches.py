"""The searches of `thrifty.decoding`, one prompt at a time, and what they return."""

import dataclasses

import numpy as np

from thrifty._checks import require_int


@dataclasses.dataclass(frozen=True)
class Node:
    """One continuation of a hypothesis, as a search met it.

    Attributes
    ----------
    parent : int
        Index of the node it continues, in the step before; -1 in the first step.
    row : int
        Index of that node among the live ones of the step before.
    token : int
    log_probability : float
        Of all new tokens up to this one.
    state : {"live", "finished", "lost"}
        Whether it goes on, ended with the end token, or ended and was thrown away
        (``lose_finished=True``).
    ids : tuple of int
        The new tokens up to this one.
    """

    parent: int
    row: int
    token: int
    log_probability: float
    state: str
    ids: tuple


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """One text that a search returns.

    Attributes
    ----------
    ids : tuple of int
        The new tokens, with the end token if it was reached.
    log_probability : float
        Natural logarithm of the probability of these tokens after the prompt.
    score : float
        What texts are ranked by: log_probability / len(ids) ** length_penalty.
    finished : bool
        Whether it ended with the end token; False if the cap cut it.
    """

    ids: tuple
    log_probability: float
    score: float
    finished: bool


@dataclasses.dataclass(frozen=True)
class Decoded:
    """What was written for one prompt, and how.

    Attributes
    ----------
    prompt : tuple of int
    hypotheses : tuple of Hypothesis
        Best first; `ids`, `log_probability`, `score` and `finished` are those of the first.
    steps : tuple of tuples of Node
        The continuations that were kept at each step, most likely first.
    end_log_probability : float
        The highest log-probability that the end token had after any text that was tried; -inf if
        it could never come, or if there is none.
    """

    prompt: tuple
    hypotheses: tuple
    steps: tuple
    end_log_probability: float

    @property
    def ids(self):
        return self.hypotheses[0].ids

    @property
    def log_probability(self):
        return self.hypotheses[0].log_probability

    @property
    def score(self):
        return self.hypotheses[0].score

    @property
    def finished(self):
        return self.hypotheses[0].finished

    def sentence(self, words=None):
        """Say in one sentence what was written; `words[id]` names a token, by default its id.

        Examples
        --------
        >>> text = Hypothesis((4, 2), -1.5, -0.75, True)
        >>> Decoded((1,), (text,), (), -0.5).sentence()
        '2 new tokens, 4 2, log-probability -1.50, ended by the end token.'
        """
        name = str if words is None else lambda i: str(words[i])
        count = len(self.ids)
        how = "ended by the end token" if self.finished else "cut at the cap"
        if not self.finished and np.isneginf(self.end_log_probability):
            how += "; the end token could never come"
        others = len(self.hypotheses) - 1
        kept = f"; {others} other hypothes{'is' if others == 1 else 'es'} kept" if others else ""
        return (
            f"{count} new token{'' if count == 1 else 's'}, {' '.join(map(name, self.ids))}, "
            f"log-probability {self.log_probability:.2f}, {how}{kept}."
        )


def next_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    """Return the probabilities that `thrifty.decoding.sample` draws the next token from.

    Parameters
    ----------
    logits : array of shape (..., vocabulary)
    temperature : float
        The logits are divided by it.
    top_k : int, optional
        Then only the k most likely tokens stay.
    top_p : float, optional
        Of these, the smallest set of most likely tokens stays whose probability is at least this.
        Of equally likely tokens the lowest ids stay.

    Returns
    -------
    float64 array of the shape of `logits`
        Sums to 1 on the last axis.

    Raises
    ------
    TypeError, ValueError
        If a setting is outside its range, or the logits hold NaN, +inf, or -inf alone.

    Examples
    --------
    >>> logits = np.log([0.5, 0.25, 0.15, 0.1])
    >>> next_probabilities(logits, top_p=0.7).round(2)
    array([0.67, 0.33, 0.  , 0.  ])
    >>> next_probabilities(logits, temperature=0.5, top_k=3).round(2)
    array([0.75, 0.19, 0.07, 0.  ])
    """
    require_sampling(temperature, top_k, top_p)
    p = np.exp(log_probabilities(np.asarray(logits, dtype=np.float64) / temperature))
    # Most likely first; stable, so that of equal ones the lowest id comes first.
    order = np.argsort(-p, axis=-1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=-1)
    if top_k is not None:
        ranked[..., top_k:] = 0
        ranked /= ranked.sum(axis=-1, keepdims=True)
    if top_p is not None and top_p < 1:
        before = np.cumsum(ranked, axis=-1) - ranked
        # What rounding makes of a sum that should be top_p must not let one more token in.
        ranked[before >= top_p - 1e-12] = 0
        ranked /= ranked.sum(axis=-1, keepdims=True)
    p = np.empty_like(ranked)
    np.put_along_axis(p, order, ranked, axis=-1)
    return p


def log_probabilities(logits):
    """The logits as log-probabilities in float64, or an error that says what is wrong with them."""
    logits = np.asarray(logits, dtype=np.float64)
    if np.isnan(logits).any() or np.isposinf(logits).any():
        raise ValueError("logits must not hold NaN or +inf; a token is forbidden by -inf")
    highest = logits.max(axis=-1, keepdims=True)
    if np.isneginf(highest).any():
        raise ValueError("logits must allow at least one token, got a row of -inf alone")
    logits = logits - highest
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def require_sampling(temperature, top_k, top_p):
    if not 0 < temperature < np.inf:
        raise ValueError(
            f"temperature must be finite and > 0, got {temperature}; for the most likely token "
            f"use greedy"
        )
    if top_k is not None:
        require_int("top_k", top_k, minimum=1)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")


class Search:
    """One prompt's search: `advance` chooses the next nodes, until `live` is empty."""

    length_penalty = 0.0

    def begin(self, end_id, cap):
        self.end_id, self.cap = end_id, cap
        self.live = [Node(-1, 0, -1, 0.0, "live", ())]  # nothing written yet
        self.done, self.cut, self.steps = [], [], []
        self.end_log_probability = -np.inf
        self._places = [-1]  # of the live nodes, in their step

    def advance(self, log_p):
        """Continue the live nodes, given the log-probabilities (live, vocabulary)."""
        if self.end_id is not None:
            highest = float(log_p[:, self.end_id].max())
            self.end_log_probability = max(self.end_log_probability, highest)
        nodes = self.choose(log_p)
        self.steps.append(tuple(nodes))
        self.done += [self._hypothesis(node) for node in nodes if node.state == "finished"]
        places = [i for i, node in enumerate(nodes) if node.state == "live"]
        self._places, self.live = places, [nodes[i] for i in places]
        if len(self.steps) == self.cap:
            self.cut = [self._hypothesis(node) for node in self.live]
        if len(self.steps) == self.cap or self.is_over():
            self.live = []

    def node(self, row, token, log_p):
        """The continuation of a live node by a token; `log_p` is that of the token."""
        before = self.live[row]
        token = int(token)
        state = "finished" if token == self.end_id else "live"
        total = before.log_probability + float(log_p)
        return Node(self._places[row], int(row), token, total, state, (*before.ids, token))

    def _hypothesis(self, node):
        score = node.log_probability / len(node.ids) ** self.length_penalty
        return Hypothesis(node.ids, node.log_probability, score, node.state == "finished")

    def choose(self, log_p):
        raise NotImplementedError(f"{type(self).__name__} must define choose(log_p)")

    def is_over(self):
        return bool(self.done)

    def ranked(self):
        """The texts to return, best first."""
        return self.done + self.cut

    def result(self, prompt):
        ids = tuple(int(i) for i in prompt)
        hypotheses, steps = tuple(self.ranked()), tuple(self.steps)
        return Decoded(ids, hypotheses, steps, self.end_log_probability)


class Greedy(Search):
    def choose(self, log_p):
        token = log_p[0].argmax()
        return [self.node(0, token, log_p[0, token])]


class Sampling(Search):
    def __init__(self, rng, temperature, top_k, top_p):
        self.rng, self.settings = rng, (temperature, top_k, top_p)

    def choose(self, log_p):
        p = next_probabilities(log_p[0], *self.settings)
        token = self.rng.choice(len(p), p=p)
        return [self.node(0, token, log_p[0, token])]


class BeamSearch(Search):
    def __init__(self, beams, length_penalty, early_stopping, lose_finished):
        self.beams, self.length_penalty = beams, length_penalty
        self.early_stopping, self.lose_finished = early_stopping, lose_finished

    def choose(self, log_p):
        totals = np.array([node.log_probability for node in self.live])[:, None] + log_p
        # Most likely first; of equal ones the earlier hypothesis, then the lower id.
        order = np.argsort(-totals, axis=None, kind="stable")
        order = order[: np.count_nonzero(np.isfinite(totals))]
        rows, tokens = np.unravel_index(order, totals.shape)
        ranked = list(zip(rows, tokens, strict=True))
        best = [self.node(row, token, log_p[row, token]) for row, token in ranked[: self.beams]]
        if self.lose_finished:
            return self._lose(best)
        room = self.beams - sum(node.state == "live" for node in best)
        others = [pair for pair in ranked[self.beams :] if pair[1] != self.end_id][:room]
        return best + [self.node(row, token, log_p[row, token]) for row, token in others]

    def _lose(self, nodes):
        """The best node may finish, others that end are dropped, as in bert4keras."""
        kept = [
            dataclasses.replace(node, state="lost") if i and node.state == "finished" else node
            for i, node in enumerate(nodes)
        ]
        self.beams -= sum(node.state == "lost" for node in kept)
        return kept

    def is_over(self):
        if self.lose_finished:
            return bool(self.done)
        self.done = sorted(self.done, key=lambda text: -text.score)[: self.beams]
        if not (self.early_stopping and self.done):
            return False
        # Log-probabilities only fall, and a longer text divides them by more.
        hope = max((node.log_probability for node in self.live), default=-np.inf)
        return self.done[0].score >= hope / self.cap**self.length_penalty

    def ranked(self):
        texts = sorted(self.done, key=lambda text: -text.score)
        return (texts + sorted(self.cut, key=lambda text: -text.score))[: self.beams]
