"""The drawing of a trace says what the trace says."""

import keras
import numpy as np
import pytest

from bookkit import plots
from bookkit.trace_drawing import draw_trace
from thrifty.masking import trace

IDS = np.array([[5, 3, 7], [2, 0, 0]])


def drawn(*layers):
    embedding = keras.layers.Embedding(9, 4, mask_zero=True, name="words")
    found = trace(keras.Sequential([embedding, *layers]), IDS)
    (ax,) = plots.panels()
    draw_trace(ax, found, title="a model")
    return found, [text.get_text() for text in ax.texts], ax


@pytest.mark.filterwarnings("ignore:.*does not support masking")
def test_every_call_is_named_and_the_loss_is_marked():
    found, texts, ax = drawn(
        keras.layers.Lambda(lambda x: x / 2, name="halve"), keras.layers.GRU(2, name="reader")
    )
    assert [text for text in texts if "(" in text] == [
        "words (Embedding)",
        "halve (Lambda)",
        "reader (GRU)",
    ]
    assert texts.count("mask lost") == 1 and texts.count("output changes") == 1
    # A line of data between each two calls, and one of the mask, which ends at `halve`.
    assert len(ax.patches) == 2 + 1 and not found.ok


def test_a_model_in_order_has_no_cross():
    found, texts, ax = drawn(keras.layers.Dense(3), keras.layers.GRU(2))
    assert found.ok and not [text for text in texts if "lost" in text or "changes" in text]
    assert len(ax.patches) == 2 + 2 and "mask used up" in texts
