"""Classify news of very different lengths, with the padding masked and not: *Masks through layers*.

`python -m bookkit.recipes.padded_reading` trains all of them and stores what came out in
`book/code/padded_reading.json`; what is there is not trained again.
The chapter repeats two of the short runs and the beginning of a long one, and compares.
"""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from bookkit.files import ROOT, write_whole
from bookkit.runtime import setup
from bookkit.texts import load_news, words_of
from bookkit.words import load_glove
from thrifty.layers import AttentionPooling, MaskedMaxPooling, MaskedMeanPooling

RESULTS = ROOT / "book/code/padded_reading.json"

SEEDS = 5
EPOCHS, MORE_EPOCHS = 8, 40
BATCH = 32
LONGEST = 512  # words; what is longer is left out
RATE = 3e-3
UNITS = ("headline", "opening", "story")
KINDS = ("mean", "max", "attention", "GRU", "bidirectional GRU")
RECURRENT = KINDS[3:]


@dataclass(frozen=True)
class Texts:
    """Some texts as lists of ids, the numbers of their topics, and of their units."""

    ids: list
    topic: np.ndarray
    unit: np.ndarray

    def __len__(self):
        return len(self.ids)

    def take(self, chosen):
        """Return the texts with these numbers."""
        return Texts([self.ids[i] for i in chosen], self.topic[chosen], self.unit[chosen])


@dataclass(frozen=True)
class News:
    """The texts of the experiment, and the table of word vectors, row 0 for the padding."""

    train: Texts
    test: Texts
    topics: tuple
    vectors: np.ndarray


@functools.cache
def load() -> News:
    """Return the news, each story by its headline, its opening paragraph or whole, by turns.

    The order is drawn once, and the last fifth is for testing. Stories of more than LONGEST words
    are left out, and so are words without a vector.
    """
    glove = load_glove()
    known = {word: row for row, word in enumerate(glove.words)}
    stories = [story for story in load_news() if _fits(story)]
    topics = tuple(sorted({story.topic for story in stories}))
    numbers, ids, topic, unit = {}, [], [], []
    for turn, i in enumerate(np.random.default_rng(0).permutation(len(stories))):
        paragraphs = stories[i].paragraphs
        parts = (paragraphs[:1], paragraphs[1:2], paragraphs)[turn % 3]
        words = [word for word in words_of(" ".join(parts)) if word in known]
        ids.append([numbers.setdefault(word, len(numbers) + 1) for word in words])
        topic.append(topics.index(stories[i].topic))
        unit.append(turn % 3)
    vectors = np.zeros((len(numbers) + 1, glove.vectors.shape[1]), "float32")
    vectors[1:] = glove.vectors[[known[word] for word in numbers]]
    texts = Texts(ids, np.array(topic), np.array(unit))
    train, test = np.split(np.arange(len(ids)), [len(ids) * 8 // 10])
    return News(texts.take(train), texts.take(test), topics, vectors)


def _fits(story):
    return len(words_of(" ".join(story.paragraphs))) <= LONGEST and words_of(story.paragraphs[1])


def padded(ids, length=None):
    """Return lists of ids as one array (texts, longest), with zeros behind the short ones."""
    rows = np.zeros((len(ids), length or max(map(len, ids))), "int32")
    for row, known in zip(rows, ids, strict=True):
        row[: len(known)] = known
    return rows


def classifier(kind, masked, vectors, topics=5):
    """Return a small classifier of padded ids; `masked` decides about one argument alone."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(
        *vectors.shape,
        embeddings_initializer=keras.initializers.Constant(vectors),
        trainable=False,
        mask_zero=masked,
    )(ids)
    if kind not in RECURRENT:
        x = keras.layers.Dense(32, activation="relu")(x)
    pool = {
        "mean": MaskedMeanPooling,
        "max": MaskedMaxPooling,
        "attention": AttentionPooling,
        "GRU": functools.partial(keras.layers.GRU, 32),
        "bidirectional GRU": lambda: keras.layers.Bidirectional(keras.layers.GRU(24)),
    }[kind]
    return keras.Model(ids, keras.layers.Dense(topics)(pool()(x)))


_IDS = tf.TensorSpec((None, None), tf.int32)


def train(kind, masked, seed, epochs=EPOCHS):
    """Train one classifier; return it with the mean loss of every epoch."""
    news = load()
    keras.utils.set_random_seed(seed)
    model = classifier(kind, masked, news.vectors, len(news.topics))
    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False, input_signature=[_IDS, tf.TensorSpec((None,), tf.int64)])
    def step(ids, topic):
        with tf.GradientTape() as tape:
            logits = model(ids, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(topic, logits)
            mean = tf.reduce_mean(losses)
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(mean, weights), weights, strict=True))
        return tf.reduce_sum(losses)

    rng, losses = np.random.default_rng(seed), []
    for _ in range(epochs):
        order = rng.permutation(len(news.train))
        batches = [news.train.take(order[i : i + BATCH]) for i in range(0, len(order), BATCH)]
        total = sum(float(step(padded(batch.ids), batch.topic)) for batch in batches)
        losses.append(round(total / len(order), 4))
    return model, losses


def predict(model, texts, batch=BATCH, length=None):
    """Return the predicted topics, `batch` texts at a time, each padded to its longest text.

    With `batch=1` no text is padded; `length` pads all to the same.
    """
    score = tf.function(model, autograph=False, input_signature=[_IDS])
    groups = [texts.ids[i : i + batch] for i in range(0, len(texts), batch)]
    return np.concatenate([np.argmax(score(padded(ids, length)), axis=-1) for ids in groups])


def measure(kind, masked, seed, epochs=EPOCHS):
    """Train, and return what the test texts come out as: in company and alone."""
    news = load()
    model, losses = train(kind, masked, seed, epochs)
    return {"losses": losses, **judged(model, news.test)}


def judged(model, texts):
    """Return the accuracy by unit and the share of other answers when each text comes alone."""
    company, alone = predict(model, texts), predict(model, texts, batch=1)
    right = {"company": company == texts.topic, "alone": alone == texts.topic}
    by_unit = {
        name: [round(float(hits[texts.unit == k].mean()), 4) for k in range(len(UNITS))]
        for name, hits in right.items()
    }
    return {**by_unit, "changed": round(float((company != alone).mean()), 4)}


def key_of(kind, masked, seed, epochs=EPOCHS):
    """Return the name of a stored run.

    Examples
    --------
    >>> key_of("GRU", False, 0)
    'GRU, not masked, seed 0, 8 epochs'
    """
    return f"{kind}, {'masked' if masked else 'not masked'}, seed {seed}, {epochs} epochs"


def stored():
    """Return the stored results, by `key_of`: what `measure` returned."""
    return json.loads(RESULTS.read_text())["results"]


def runs():
    """Yield (kind, masked, seed, epochs) of everything that is stored."""
    both = (True, False)
    for seed in range(SEEDS):
        yield from ((kind, masked, seed, EPOCHS) for kind in KINDS for masked in both)
    yield from (("mean", masked, seed, MORE_EPOCHS) for seed in range(SEEDS) for masked in both)
    yield "GRU", False, 0, MORE_EPOCHS  # one seed, for it takes long


def main():
    """Train what is not stored yet, and store after each run."""
    setup(seed=0)
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"about": {}, "results": {}}
    for run in runs():
        key = key_of(*run)
        if key in found["results"]:
            continue
        start = time.process_time()
        found["results"][key] = measure(*run)
        print(f"{key}: {time.process_time() - start:.0f} s", flush=True)
        found["about"] = {
            "command": "python -m bookkit.recipes.padded_reading",
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
        write_whole(RESULTS, json.dumps(found, indent=None) + "\n")


if __name__ == "__main__":
    main()
