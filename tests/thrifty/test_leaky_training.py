"""A model trained under a leaky mask: its loss is fine, its texts are not, and `leakage` knows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from thrifty.decoding import Cached, greedy
from thrifty.leakage import leakage
from thrifty.transformer import Transformer

N, VOCABULARY, STEPS = 8, 12, 250
SECRET = np.array([0, 5, 9, 1, 11, 7, 3, 10, 2, 4, 8, 6])
CAUSAL = np.tri(N, dtype=bool)
LEAKY = np.tri(N, k=1, dtype=bool)  # each position sees the symbol it must predict


def new_model():
    keras.utils.set_random_seed(0)
    model = Transformer(VOCABULARY, features=32, num_heads=2, num_blocks=2, max_length=N + 1)
    model(np.zeros((1, N), "int32"))
    return model


def texts(count, seed):
    """Random symbols, which nothing can predict, and then the same in a secret writing."""
    half = np.random.default_rng(seed).integers(1, VOCABULARY, size=(count, N // 2))
    return np.concatenate([np.zeros((count, 1), int), half, SECRET[half]], axis=1).astype("int32")


def trained(mask):
    model, optimizer = new_model(), keras.optimizers.Adam(0.005)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(ids):
        with tf.GradientTape() as tape:
            logits = model(ids[:, :-1], attention_mask=mask)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, 1:], logits)
            )
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    losses = [float(step(texts(64, seed))) for seed in range(STEPS)]
    return model, np.mean(losses[-20:])


def measured(model, mask):
    sample = texts(1, 9999)[0, :-1].astype("int64")
    return leakage(lambda x: model(x, attention_mask=mask), sample, vocabulary=VOCABULARY)


@pytest.fixture(scope="module")
def leaky():
    return trained(LEAKY)


def test_the_loss_of_a_leaky_model_is_better_than_can_be(leaky):
    # Half of the symbols are drawn at random: an honest model pays for each of them.
    possible = np.log(VOCABULARY - 1) / 2
    assert leaky[1] < possible / 4
    assert trained(CAUSAL)[1] > 0.95 * possible


def test_what_a_leaky_model_writes_is_wrong(leaky):
    wanted = texts(50, 5000)
    prompts = [list(row[: N // 2 + 1]) for row in wanted]
    written = greedy(Cached(leaky[0]), prompts, max_new_tokens=N // 2)
    right = [
        list(text.ids) == list(row[-N // 2 :]) for text, row in zip(written, wanted, strict=True)
    ]
    assert np.mean(right) < 0.1


def test_leakage_sees_it_before_the_training():
    model = new_model()
    ahead = np.triu(np.ones((N, N), bool), k=1)
    assert (np.diag(measured(model, LEAKY), k=1)).all()
    assert not (measured(model, CAUSAL) & ahead).any()
    assert (measured(model, CAUSAL) == CAUSAL).all()
