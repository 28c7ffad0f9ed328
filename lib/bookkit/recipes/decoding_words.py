"""Decode with a trained model in many ways, and count the right words: *Decoding, step by step*.

`python -m bookkit.recipes.decoding_words` stores what came out in
`book/one_model/decoding_words.json`; what is there is not decoded again.
The chapter repeats a part and compares.
"""

from __future__ import annotations

import functools
import json
import time

import numpy as np

from bookkit import skeletons
from bookkit.explorers.decoding_player import DecodingPlayer
from bookkit.files import ROOT, write_whole
from bookkit.runtime import setup
from bookkit.skeletons import END, LONGEST, PAD, SEP
from bookkit.vowels import card, load_model
from thrifty.decoding import Cached, beam_search, greedy, sample
from thrifty.orders import prefix_mask

RESULTS = ROOT / "book/one_model/decoding_words.json"

CAP = LONGEST + 1  # the longest word, and the end
BEAMS, PENALTIES = (2, 5, 10), (0.0, 0.6, 1.0)
WIDEST = 50  # without normalisation alone, for it takes long
SAMPLING = {
    "sample": {},
    "sample, temperature 0.5": {"temperature": 0.5},
    "sample, top-p 0.9": {"top_p": 0.9},
}
SEEDS = 3
# What the figure shows, and the right words.
SHOWN = {
    "trrbl": "terrible",
    "svn": "seven",
    "crystl": "crystal",
    "shrs": "shares",
    "jhn": "john",
    "plk": "polk",
}
PARTS = ("validation", "test")


class Writer(Cached):
    """The stored model as a decoder takes it; it never writes padding or a second SEP."""

    def __init__(self, model):
        super().__init__(model, prompt="bidirectional", next_segment=1)

    def start(self, prompts):
        logits, cache = super().start(prompts)
        return forbidden(logits), cache

    def step(self, cache, next_ids):
        logits, cache = super().step(cache, next_ids)
        return forbidden(logits), cache


def forbidden(logits):
    """Return logits with -inf for the two signs that no word has."""
    return np.where(np.isin(np.arange(logits.shape[-1]), (PAD, SEP)), -np.inf, logits)


def prompt_of(skeleton):
    """Return the ids the model is given for a skeleton.

    Examples
    --------
    >>> prompt_of("cb")
    [5, 4, 1]
    """
    return [*skeletons.encode(skeleton), SEP]


@functools.cache
def words_by_skeleton(part):
    """Return the words of "validation" or "test", as a tuple for each skeleton, by skeleton."""
    found: dict[str, tuple] = {}
    for word in getattr(skeletons.load(), part):
        skeleton = skeletons.skeleton(word)
        found[skeleton] = (*found.get(skeleton, ()), word)
    return found


def settings():
    """Return every way to decode, by name, as a function of (writer, prompts) with more settings.

    Those that draw by chance take a seed.
    """
    shared = {"max_new_tokens": CAP, "end_id": END}
    found = {"greedy": functools.partial(greedy, **shared)}
    for name, options in SAMPLING.items():
        found[name] = functools.partial(sample, **shared, **options)
    for beams, penalty, finished in cases():
        found[name_of(beams, penalty, finished)] = functools.partial(
            beam_search,
            **shared,
            beams=beams,
            length_penalty=penalty,
            lose_finished=finished == "lost",
        )
    return found


def cases():
    """Yield (beams, penalty, finished) of every beam search that is stored."""
    for beams in BEAMS:
        yield from ((beams, penalty, "kept") for penalty in PENALTIES)
        # The first that ends alone is returned, so that there is nothing to rank by a score.
        yield beams, 0.0, "lost"
    yield WIDEST, 0.0, "kept"


def name_of(beams, penalty, finished):
    """Return the name of a beam search.

    Examples
    --------
    >>> name_of(5, 0.6, "kept")
    'beam 5, penalty 0.6, kept'
    """
    return f"beam {beams}, penalty {penalty:g}, {finished}"


def answers(texts):
    """Return the words that were written; one that has no end is none, and gets a "…"."""
    words = [skeletons.decode(text.ids) for text in texts]
    return [word if text.finished else word + "…" for word, text in zip(words, texts, strict=True)]


def true_log_probabilities(writer, part):
    """Return the log-probability of each right word with its end, in the order of the words."""
    groups = words_by_skeleton(part).items()
    prompts = [prompt_of(skeleton) for skeleton, words in groups for _ in words]
    rows = [[*skeletons.encode(word), END] for _, words in groups for word in words]
    lengths = np.array([len(row) for row in rows])
    ids = np.array([row + [END] * (CAP - len(row)) for row in rows])
    totals = np.zeros(len(rows))
    logits, cache = writer.start(prompts)
    for i in range(CAP):
        log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        totals += np.where(i < lengths, log_p[np.arange(len(rows)), ids[:, i]], 0)
        if i + 1 < CAP:
            logits, cache = writer.step(cache, ids[:, i])
    return totals.tolist()


def measure(name, part, model, seed=None):
    """Decode every skeleton of a part once; return the answers with their log-probabilities."""
    writer = Writer(model)
    prompts = [prompt_of(skeleton) for skeleton in words_by_skeleton(part)]
    more = {} if seed is None else {"seed": seed}
    texts = settings()[name](writer, prompts, **more)
    return {
        "answers": " ".join(answers(texts)),
        "log_probabilities": [round(text.log_probability, 3) for text in texts],
        "length": round(float(np.mean([len(text.ids) for text in texts])), 3),
        "positions": writer.positions_computed,
    }


def right(found, part):
    """Return for each skeleton of a part whether a stored run wrote one of its words, as bools."""
    groups = words_by_skeleton(part).values()
    pairs = zip(found["answers"].split(" "), groups, strict=True)
    return np.array([answer in group for answer, group in pairs])


def shown(model):
    """Return the cases that the chapter's figure shows, asked of the model."""

    def next_logits(ids):
        behind = np.cumsum(ids == SEP, axis=1) - (ids == SEP)
        mask = prefix_mask(behind)
        return forbidden(np.array(model(ids, attention_mask=mask, segment_ids=behind)))[:, -1]

    return DecodingPlayer.of(
        next_logits,
        {source: (prompt_of(source), answer) for source, answer in SHOWN.items()},
        ids={letter: skeletons.encode(letter)[0] for letter in skeletons.LETTERS},
        end_id=END,
        cap=CAP,
        caption="Words without their vowels.",
    ).cases


def key_of(name, part, seed=None):
    """Return the name of a stored run."""
    return f"{part}: {name}" if seed is None else f"{part}: {name}, seed {seed}"


def stored():
    """Return the stored runs, by `key_of`: what `measure` returned, and the true words' values."""
    return json.loads(RESULTS.read_text())["results"]


def runs():
    """Yield (name, part, seed) of everything that is stored."""
    for part in PARTS:
        for name in settings():
            chance = name in SAMPLING
            if part == "test" or not (chance or str(WIDEST) in name):
                yield from ((name, part, seed) for seed in (range(SEEDS) if chance else (None,)))


def main():
    """Decode what is not stored yet, and store after each run."""
    setup(seed=0)
    model, about = load_model(), card()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"about": {}, "results": {}}
    if found["about"].get("model") != about["sha256"]:
        found = {"about": {}, "results": {}}  # another model: nothing of the old one holds
    found["about"] = {"command": "python -m bookkit.recipes.decoding_words"}
    found["about"]["model"] = about["sha256"]
    for part in PARTS:
        if f"{part}: truth" not in found["results"]:
            truth = [round(x, 3) for x in true_log_probabilities(Writer(model), part)]
            found["results"][f"{part}: truth"] = truth
    found["results"].setdefault("shown", shown(model))
    for name, part, seed in runs():
        key = key_of(name, part, seed)
        if key in found["results"]:
            continue
        start = time.process_time()
        found["results"][key] = measure(name, part, model, seed)
        print(f"{key}: {time.process_time() - start:.0f} s", flush=True)
        write_whole(RESULTS, json.dumps(found, indent=None) + "\n")
    write_whole(RESULTS, json.dumps(found, indent=None) + "\n")


if __name__ == "__main__":
    main()
