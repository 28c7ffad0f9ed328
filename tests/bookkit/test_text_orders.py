import numpy as np
import pytest

from bookkit.recipes import text_orders as recipe
from thrifty.leakage import leakage
from thrifty.masks import permuted_mask, two_stream_masks

WORDS = recipe.encode(["world", "order", "letter", "read", "mask", "row"])
ORDER = np.random.default_rng(1).permutation(recipe.LENGTH)


@pytest.fixture
def small(monkeypatch):
    """Six words instead of the real ones."""
    few = recipe.Words(WORDS, WORDS, WORDS)
    monkeypatch.setattr(recipe, "load", lambda: few)
    monkeypatch.setattr(recipe, "JUDGED", len(WORDS))
    return few


@pytest.fixture(scope="module")
def model():
    return recipe.language_model()


def test_a_word_is_letters_then_blanks():
    assert WORDS[5].tolist() == [18, 15, 23] + [0] * 9
    assert recipe.symbols(WORDS).tolist() == [6, 6, 7, 5, 5, 4]


@pytest.mark.network
def test_no_word_is_in_two_parts():
    words = recipe.load()
    together = np.concatenate([words.train, words.held_out, words.test])
    assert len(np.unique(together, axis=0)) == len(together) == recipe.WORDS
    assert (words.test[:, -1] == recipe.BLANK).all()  # every word has its end


def test_the_orders_of_each_kind():
    rng = np.random.default_rng(0)
    for kind in recipe.KINDS:
        orders = recipe.draw_orders(kind, 5, rng)
        assert (np.sort(orders, axis=1) == np.arange(recipe.LENGTH)).all()
        assert (len(np.unique(orders, axis=0)) > 1) == (kind in recipe.SHUFFLED)
    one, other = (recipe.draw_orders("fixed", 1, rng, seed) for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("told", [False, True])
def test_a_prediction_depends_on_what_is_read_before(model, told):
    def predict(words):
        orders = np.tile(ORDER, (len(words), 1)).astype("int32")
        return np.asarray(recipe.logits_in_order(model, words, orders, told))

    # Outputs are in the order of reading, inputs in their places.
    before = two_stream_masks(ORDER)[1][ORDER]
    assert (leakage(predict, WORDS[0], vocabulary=27) == before).all()


def test_the_query_stream_depends_on_the_query_mask(model):
    content, query = two_stream_masks(ORDER)

    def predict(words):
        masks = (np.tile(mask, (len(words), 1, 1)) for mask in (content, query))
        return np.asarray(recipe.logits_of_two_streams(model, words, *masks))

    assert (leakage(predict, WORDS[0], vocabulary=27) == query).all()
    read = lambda words: model(words, attention_mask=content)  # noqa: E731
    assert (leakage(read, WORDS[0], vocabulary=27) == permuted_mask(ORDER)).all()


def test_untold_predictions_do_not_know_which_position_comes_next(model):
    orders = np.array([ORDER, ORDER], "int32")
    orders[1, 2:] = ORDER[:1:-1]
    for told in (False, True):
        logits = recipe.logits_in_order(model, WORDS[[0, 0]], orders, told)
        one, other = np.asarray(logits)[:, 2]
        assert np.allclose(one, other, atol=1e-6) != told


@pytest.mark.parametrize("kind", recipe.KINDS)
def test_training_repeats_itself_and_learns(small, kind):
    _, once = recipe.train(kind, 0, 3e-3, steps=12)
    _, again = recipe.train(kind, 0, 3e-3, steps=12)
    assert once == again
    assert once[-1] < once[0] - 0.5


def test_probabilities_of_counts_sum_to_one_and_use_the_context():
    for context in (0, 1, 2):
        assert np.allclose(recipe.counted(context, WORDS).sum(axis=-1), 1)
    pairs = recipe.counted(1, WORDS)
    d, e, r = recipe.encode(["der"])[0, :3]
    assert pairs[d, e] > recipe.counted(0, WORDS)[e]
    assert np.allclose(pairs[26], recipe.counted(0, WORDS))  # z never came: as without context
    assert pairs[r, recipe.START] == 0  # the start is never predicted


def test_counts_cost_less_with_more_context(small):
    assert recipe.counting_bits(2) < recipe.counting_bits(1) < recipe.counting_bits(0) < np.log2(27)


def test_a_mixture_of_orders_is_no_worse_than_one_of_them(small):
    bits = np.random.default_rng(0).uniform(5, 30, size=(len(WORDS), 7))
    found = recipe.judged(bits)
    assert found["all"] < found["one"] and found["spread"] > 0
    same = recipe.judged(np.repeat(bits[:, :1], 7, axis=1))
    assert same["all"] == same["one"] and same["spread"] == 0


def test_bits_do_not_depend_on_the_batch(model):
    orders = np.tile(ORDER, (len(WORDS), 1))
    for kind in ("target", "two streams"):
        once = recipe.bits_of(kind, model, WORDS, orders)
        split = recipe.bits_of(kind, model, WORDS, orders, batch=2)
        assert np.allclose(once, split, atol=1e-3)


def test_everything_that_is_promised_is_stored():
    found = recipe.stored()
    for kind in recipe.KINDS:
        rate = recipe.best_rate(found, kind)
        assert rate in recipe.RATES
        for seed in range(recipe.SEEDS):
            run = found[recipe.key_of(kind, seed, rate)]
            assert len(run["first"]) == recipe.FIRST
            assert 2 < run["test"] < 6
