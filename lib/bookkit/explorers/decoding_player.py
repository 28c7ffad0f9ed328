"""Decoding, step by step: a beam search over the stored probabilities of a real model."""

from __future__ import annotations

import traitlets as t

from bookkit import stored_model
from bookkit.live import LiveFigure
from bookkit.stored_model import BEAMS, END, FINISHED, PENALTIES
from bookkit.svg import hypothesis_tree

CONTROLS = ["source", "beams", "penalty", "finished", "step"]


def number(x: float) -> str:
    """Return a number with two digits and a real minus sign; the twin of `number` in the script.

    Examples
    --------
    >>> number(-1.234), number(0.0)
    ('−1.23', '0.00')
    """
    text = f"{abs(x):.2f}"
    return f"−{text}" if x < 0 and float(text) else text


class DecodingPlayer(LiveFigure):
    """Follow a beam search over a model of letters: what is tried, kept, finished and lost.

    The reader takes one step after the other, and sees what another beam, another length penalty
    or a decoder that throws finished texts away makes of the same probabilities.

    Parameters
    ----------
    cases : list of dict
        Each with a `source` (what the model was given), its `answer` (the right word) and `nodes`,
        see `bookkit.stored_model.record`. `of` makes them of a model.
    letters : str
        All letters, in alphabetical order.
    vocabulary : int
        Number of ids of the model.
    cap : int
        Letters, the end included, after which a search gives up.
    source : str
        The chosen case; the first by default.
    beams : int
        1 to 5.
    penalty : {"0", "0.6", "1"}
        The alpha of score = log-probability / length ** alpha.
    finished : {"kept", "lost"}
        What becomes of a hypothesis that ends, see ``lose_finished`` of
        `thrifty.decoding.beam_search`.
    step : int
        Steps that are shown, from 1; more than there are show all.
    controls : list of {"source", "beams", "penalty", "finished", "step"}
        What the reader may change.
    caption : str
        One sentence under the figure.

    Raises
    ------
    traitlets.TraitError
        If there is no case, or none of the name `source`.

    Examples
    --------
    >>> import numpy as np
    >>> def next_logits(ids):  # a word is one letter, mostly
    ...     return np.log(np.where(ids[:, -1:] == 0, [0.1, 0.6, 0.3], [0.9, 0.05, 0.05]))
    >>> figure = DecodingPlayer.of(
    ...     next_logits, {"x": ([0], "b")}, ids={"a": 1, "b": 2}, end_id=0, cap=4,
    ...     beams=2, penalty="0", step=9, caption="Two letters.",
    ... )
    >>> figure.answer, figure.right
    ('a', False)
    >>> figure.sentence()
    'x, step 2 of 2: 2 unfinished, the best "aa" with −3.51; 2 finished. The search ends: no other \
can overtake the best. Its answer is "a", log-probability −0.62, score −0.62: wrong, the word is \
"b".'
    """

    cases = t.List(t.Dict()).tag(sync=True)
    letters = t.Unicode().tag(sync=True)
    vocabulary = t.Int(min=2).tag(sync=True)
    cap = t.Int(min=1, max=16).tag(sync=True)
    source = t.Unicode().tag(sync=True)
    beams = t.Int(3, min=min(BEAMS), max=max(BEAMS)).tag(sync=True)
    penalty = t.Enum(PENALTIES, "0.6").tag(sync=True)
    finished = t.Enum(FINISHED, "kept").tag(sync=True)
    step = t.Int(1, min=1).tag(sync=True)
    controls = t.List(t.Enum(CONTROLS), CONTROLS).tag(sync=True)

    def __init__(self, cases, *, source=None, **kwargs):
        cases = list(cases)
        if not cases:
            raise t.TraitError("cases must hold at least one case, got none")
        super().__init__(cases=cases, source=source or cases[0]["source"], **kwargs)

    @classmethod
    def of(cls, next_logits, cases, *, ids, end_id, cap, **kwargs):
        """Ask a model for all that the figure can show, and make the figure of it.

        Parameters
        ----------
        next_logits : callable
            From (rows, n) ids to (rows, vocabulary) logits of the next token.
        cases : dict of str to (prompt, answer)
            For each source the ids of the prompt, and the right word.
        ids : dict of str to int
            Ids of the letters.
        end_id, cap : int
        **kwargs
            As for the class.
        """
        stored, vocabulary = [], 0
        for source, (prompt, answer) in cases.items():
            nodes, vocabulary = stored_model.record(
                next_logits, prompt, ids=ids, end_id=end_id, cap=cap
            )
            stored.append({"source": source, "answer": answer, "nodes": nodes})
        return cls(stored, letters="".join(sorted(ids)), vocabulary=vocabulary, cap=cap, **kwargs)

    @t.validate("cases", "source")
    def _known(self, proposal):
        state = {"cases": self.cases, "source": self.source}
        state[proposal["trait"].name] = proposal["value"]
        known = [case["source"] for case in state["cases"]]
        if state["source"] not in known:
            raise t.TraitError(f"source must be one of {known}, got {state['source']!r}")
        return proposal["value"]

    @property
    def case(self) -> dict:
        """The chosen case."""
        return next(case for case in self.cases if case["source"] == self.source)

    def search(self):
        """Return the `thrifty.decoding.Decoded` of this search, and the model it went over."""
        return stored_model.search(
            self.case["nodes"],
            self.letters,
            self.vocabulary,
            cap=self.cap,
            beams=self.beams,
            penalty=self.penalty,
            finished=self.finished,
        )

    @property
    def answer(self) -> str:
        """The word that the search ends with."""
        found, model = self.search()
        return model.word(found.ids).removesuffix(END)

    @property
    def right(self) -> bool:
        """Whether it is the right word, ended by the end token."""
        return self.search()[0].finished and self.answer == self.case["answer"]

    def _why(self, found) -> str:
        """Say why the search ends; the twin of `why` in ``static/search.js``."""
        states = [node.state for node in found.steps[-1]]
        if "live" not in states:
            return "none is left to go on"
        if self.finished == "lost" and "finished" in states:
            return "the best of the step has ended"
        if len(found.steps) == self.cap:
            return "the cap is reached"
        return "no other can overtake the best"

    def sentence(self) -> str:
        found, model = self.search()
        total, shown = len(found.steps), min(self.step, len(found.steps))
        steps = found.steps[:shown]
        live = [node for node in steps[-1] if node.state == "live"]
        says = f"{self.source}, step {shown} of {total}: {len(live)} unfinished"
        if live:
            best = live[0]
            says += f', the best "{model.word(best.ids)}" with {number(best.log_probability)}'
        for state in ("finished", "lost"):
            count = sum(node.state == state for step in steps for node in step)
            says += f"; {count} {state}" if count else ""
        says += "."
        if shown < total:
            return says
        verdict = "right" if self.right else f'wrong, the word is "{self.case["answer"]}"'
        cut = "" if found.finished else ", cut at the cap"
        return (
            f'{says} The search ends: {self._why(found)}. Its answer is "{self.answer}"{cut}, '
            f"log-probability {number(found.log_probability)}, score {number(found.score)}: "
            f"{verdict}."
        )

    def picture(self) -> str:
        found, model = self.search()
        shown = [
            [(model.symbols[node.token], node.state, node.parent) for node in step]
            for step in found.steps[: self.step]
        ]
        return hypothesis_tree(shown, self.source, self.sentence())
