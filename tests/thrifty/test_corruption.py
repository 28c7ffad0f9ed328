import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thrifty.attention import attention
from thrifty.corruption import mass_corrupt, mlm_corrupt
from thrifty.leakage import compare, leakage
from thrifty.masks import infill_mask, padding_mask
from thrifty.patterns import Causal

PAD, START, END, MASK, VOCABULARY = 0, 1, 2, 3, 50
SPECIAL = [PAD, START, END, MASK]
ORDINARY = [i for i in range(VOCABULARY) if i not in SPECIAL]
SETUP = dict(mask_id=MASK, vocabulary=VOCABULARY, special_ids=[PAD, START, END])
EITHER = pytest.mark.parametrize("corrupt", [mlm_corrupt, mass_corrupt])

any_ids = st.tuples(st.integers(0, 4), st.integers(0, 9)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=st.integers(0, VOCABULARY - 1))
)
seeds = st.integers(0, 999)


def generator(seed=0):
    return np.random.default_rng(seed)


def sentences(rows=500, n=42):
    """Rows of start, 30 to 40 ordinary tokens, end, padding."""
    rng = generator(7)
    ids = np.full((rows, n), PAD)
    for row, length in zip(ids, rng.integers(30, 41, size=rows), strict=True):
        row[: length + 2] = [START, *rng.choice(ORDINARY, size=length), END]
    return ids


def assert_binomial(count, trials, probability):
    """Within 4 standard deviations: of 16 thousand right samples one would fail."""
    deviation = np.sqrt(trials * probability * (1 - probability))
    assert abs(count - trials * probability) <= 4 * deviation, (count, trials * probability)


# --- masked language model ------------------------------------------------------------------------


def fates(ids, inputs, weights):
    """How many chosen tokens became the mask, something else, or stayed."""
    chosen = weights == 1
    masked, same = chosen & (inputs == MASK), chosen & (inputs == ids)
    return masked.sum(), (chosen & ~masked & ~same).sum(), same.sum()


def test_rates():
    ids = sentences()
    inputs, _, weights = mlm_corrupt(ids, generator(), **SETUP)
    candidates, chosen = int(np.isin(ids, ORDINARY).sum()), int(weights.sum())
    assert_binomial(chosen, candidates, 0.15)
    # A random id is the token's own once in len(ORDINARY).
    by_chance = 0.1 / len(ORDINARY)
    shares = 0.8, 0.1 - by_chance, 0.1 + by_chance
    for count, share in zip(fates(ids, inputs, weights), shares, strict=True):
        assert_binomial(count, chosen, share)


def test_every_position_and_every_random_id_has_its_turn():
    ids = np.full((4000, 6), ORDINARY[0])
    inputs, _, weights = mlm_corrupt(ids, generator(), rate=0.3, split=(0, 1, 0), **SETUP)
    for column in weights.T:
        assert_binomial(column.sum(), 4000, 0.3)
    drawn, counts = np.unique(inputs[weights == 1], return_counts=True)
    assert drawn.tolist() == ORDINARY
    for count in counts:
        assert_binomial(count, weights.sum(), 1 / len(ORDINARY))


@pytest.mark.parametrize("rate", [0, 0.5, 1])
@pytest.mark.parametrize("split", [(1, 0, 0), (0, 0, 1), (0, 1, 0), (0.5, 0.25, 0.25)])
def test_other_rates_and_splits(rate, split):
    ids = sentences(200)
    inputs, _, weights = mlm_corrupt(ids, generator(), rate=rate, split=split, **SETUP)
    assert_binomial(weights.sum(), np.isin(ids, ORDINARY).sum(), rate)
    by_chance = split[1] / len(ORDINARY)
    shares = split[0], split[1] - by_chance, split[2] + by_chance
    for count, share in zip(fates(ids, inputs, weights), shares, strict=True):
        assert_binomial(count, weights.sum(), share)


@given(any_ids, seeds, st.floats(0, 1))
def test_what_never_happens(ids, seed, rate):
    before = ids.copy()
    inputs, targets, weights = mlm_corrupt(ids, generator(seed), rate=rate, **SETUP)
    chosen = weights == 1
    assert (weights[~chosen] == 0).all() and weights.dtype == np.float32
    assert not np.isin(ids[chosen], SPECIAL).any()
    assert np.isin(inputs[chosen], [*ORDINARY, MASK]).all()
    np.testing.assert_array_equal(inputs[~chosen], ids[~chosen])
    np.testing.assert_array_equal(targets, before)
    np.testing.assert_array_equal(ids, before)
    assert not np.shares_memory(targets, ids)
    assert inputs.shape == targets.shape == weights.shape == ids.shape
    assert inputs.dtype == targets.dtype == ids.dtype


@given(any_ids, seeds, st.data())
def test_whole_words_are_whole(ids, seed, data):
    words = data.draw(arrays(np.int64, ids.shape, elements=st.integers(-1, 3)))
    _, _, weights = mlm_corrupt(ids, generator(seed), rate=0.6, word_ids=words, **SETUP)
    for row, row_words, row_weights in zip(ids, words, weights, strict=True):
        assert not row_weights[row_words == -1].any()
        for word in range(4):
            of_word = row_words == word
            assert len(set(row_weights[of_word])) <= 1
            if np.isin(row[of_word], SPECIAL).any():
                assert not row_weights[of_word].any()


def test_words_are_chosen_at_the_rate_and_their_tokens_fare_apart():
    ids = np.full((1000, 30), ORDINARY[0])
    words = np.broadcast_to(np.arange(30) // 3, ids.shape)
    inputs, _, weights = mlm_corrupt(ids, generator(), word_ids=words, **SETUP)
    by_word = weights.reshape(1000, 10, 3).all(axis=-1)
    assert_binomial(by_word.sum(), by_word.size, 0.15)
    masked = (inputs == MASK).reshape(1000, 10, 3)[by_word]
    assert_binomial(masked.all(axis=-1).sum(), len(masked), 0.8**3)


def test_one_row_of_words():
    _, _, weights = mlm_corrupt([9, 9, 9], generator(), rate=1, word_ids=[5, -1, 5], **SETUP)
    assert weights.tolist() == [1, 0, 1]


@EITHER
@pytest.mark.parametrize("ids", [[START, END, PAD], [MASK], [], np.zeros((2, 0), int)])
def test_where_nothing_can_be_chosen_nothing_changes(corrupt, ids):
    inputs, targets, weights = corrupt(ids, generator(), **SETUP)
    if corrupt is mass_corrupt:
        inputs, decoder_inputs = inputs
        assert (decoder_inputs == MASK).all()
    np.testing.assert_array_equal(inputs, ids)
    np.testing.assert_array_equal(targets, ids)
    assert weights.shape == np.shape(ids) and not weights.any()


@EITHER
def test_a_seed_repeats_and_a_generator_goes_on(corrupt):
    ids, rng = sentences(20), generator(3)
    first, again = corrupt(ids, rng, **SETUP)[2], corrupt(ids, generator(3), **SETUP)[2]
    np.testing.assert_array_equal(first, again)
    assert (corrupt(ids, rng, **SETUP)[2] != first).any()


def test_keras_takes_the_three_as_they_are():
    inputs, targets, weights = mlm_corrupt(sentences(8), generator(), **SETUP)
    model = keras.Sequential([keras.layers.Embedding(VOCABULARY, VOCABULARY)])
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    loss = model.train_on_batch(inputs, targets, weights)
    # Keras divides by the number of tokens, chosen or not; the logits begin near 0.
    assert loss == pytest.approx(np.log(VOCABULARY) * weights.mean(), rel=0.01)


# --- MASS -----------------------------------------------------------------------------------------


@given(any_ids, seeds, st.floats(0, 1))
def test_the_gap_is_one_run_of_ordinary_tokens(ids, seed, share):
    (encoder, decoder), targets, weights = mass_corrupt(ids, generator(seed), share=share, **SETUP)
    np.testing.assert_array_equal(targets, ids)
    assert encoder.dtype == decoder.dtype == ids.dtype
    for row, row_encoder, row_decoder, row_weights in zip(
        ids, encoder, decoder, weights, strict=True
    ):
        gap = np.flatnonzero(row_weights)
        ordinary = np.isin(row, ORDINARY)
        runs = "".join("x" if is_word else " " for is_word in ordinary).split()
        wanted = max(1, round(share * int(ordinary.sum())))
        assert len(gap) == min([wanted, max(map(len, runs))] if runs else [0])
        np.testing.assert_array_equal(gap, np.arange(len(gap)) + gap[:1].sum())
        assert not np.isin(row[gap], SPECIAL).any()
        outside = row_weights == 0
        np.testing.assert_array_equal(row_encoder[outside], row[outside])
        expected = np.full_like(row, MASK)
        expected[gap[1:]] = row[gap[:-1]]
        np.testing.assert_array_equal(row_decoder, expected)


def test_gaps_begin_everywhere_and_the_encoder_gets_its_shares():
    ids = np.full((4000, 6), ORDINARY[0])
    (encoder, _), _, weights = mass_corrupt(ids, generator(), **SETUP)
    starts = np.bincount(weights.argmax(axis=1), minlength=6)
    for count in starts[:4]:
        assert_binomial(count, 4000, 1 / 4)
    assert weights.sum() == 3 * 4000 and not starts[4:].any()
    assert_binomial(fates(ids, encoder, weights)[0], weights.sum(), 0.8)


GAP, N, D = slice(2, 5), 7, 8
HOLES = (np.arange(N) >= 2) & (np.arange(N) < 5)


def in_place(layers):
    """One Transformer that fills the gap in place, on ids; inputs as `mass_corrupt` makes them."""
    rng = generator(1)
    table, positions = rng.normal(size=(VOCABULARY, D)), rng.normal(size=(N, D))
    weights = rng.normal(size=(layers, 3, D, D)) / np.sqrt(D)
    mask = infill_mask(HOLES.astype(int))

    def model(ids):
        decoder = np.full_like(ids, MASK)
        decoder[:, 3:5] = ids[:, 2:4]
        x = table[np.where(HOLES, decoder, ids)] + positions
        for query, key, value in weights:
            x = x + attention(x @ query, x @ key, x @ value, mask)
        return x

    return model


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_gap_filled_in_place_never_sees_its_target(layers):
    ids = generator(2).choice(ORDINARY, size=N)
    measured = leakage(in_place(layers), ids, vocabulary=VOCABULARY)
    allowed = infill_mask(HOLES.astype(int)) & ~np.diag(HOLES)
    assert compare(measured, allowed) == "no pair leaks; every allowed pair is used"


def mass(gap, decoder_mask):
    """Encoder and decoder, one layer each, of ids whose `gap` is masked."""
    rng = generator(1)
    table, positions = rng.normal(size=(VOCABULARY, D)), rng.normal(size=(N, D))

    def model(ids):
        encoder = np.where(gap, MASK, ids)
        decoder = np.full_like(ids, MASK)
        later = gap[1:] & gap[:-1]
        decoder[:, 1:][:, later] = ids[:, :-1][:, later]
        h, x = table[encoder] + positions, table[decoder] + positions
        h = h + attention(h, h, h, padding_mask([N], N))
        x = x + attention(x, x, x, decoder_mask)
        return x + attention(x, h, h, padding_mask([N], N))

    return model


def test_the_decoder_of_mass_needs_a_causal_mask_and_no_other():
    ids = generator(2).choice(ORDINARY, size=N)
    allowed = infill_mask(HOLES.astype(int)) & ~np.diag(HOLES)
    measured = leakage(mass(HOLES, Causal().mask(N)), ids, vocabulary=VOCABULARY)
    assert compare(measured[HOLES], allowed[HOLES]) == "no pair leaks; every allowed pair is used"
    bidirectional = leakage(mass(HOLES, np.ones((N, N), bool)), ids, vocabulary=VOCABULARY)
    assert "leak: " in compare(bidirectional[HOLES], allowed[HOLES])


# --- what is refused ------------------------------------------------------------------------------


@EITHER
@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            dict(rng=0),
            TypeError,
            r"^rng must be a numpy.random.Generator, got int; make one, once, with "
            r"`np.random.default_rng\(seed\)`$",
        ),
        (
            dict(ids=[50]),
            ValueError,
            r"^ids must be in 0..49 \(vocabulary - 1\), got 50 at index 0$",
        ),
        (
            dict(ids=[-1]),
            ValueError,
            r"^ids must be in 0..49 \(vocabulary - 1\), got -1 at index 0$",
        ),
        (dict(ids=[1.5]), TypeError, r"^ids must hold integers, got dtype float64$"),
        (dict(ids=5), ValueError, r"^ids must have shape \(n,\) or \(batch, n\), got shape \(\)$"),
        (
            dict(ids=np.zeros(3, "int8"), vocabulary=30000),
            ValueError,
            r"^ids of dtype int8 cannot hold a vocabulary of 30000; convert them, for example with "
            r"`ids.astype\('int32'\)`$",
        ),
        (dict(mask_id=50), ValueError, r"^mask_id must be in 0..49 \(vocabulary - 1\), got 50$"),
        (dict(mask_id=None), TypeError, r"^mask_id must be an int, got None \(NoneType\)$"),
        (
            dict(special_ids=[0, 77]),
            ValueError,
            r"^special_ids must be in 0..49 .*, got 77 at index 1$",
        ),
        (
            dict(special_ids=range(50)),
            ValueError,
            r"^special_ids leave no ordinary id of 0..49$",
        ),
        (dict(vocabulary=0), ValueError, r"^vocabulary must be >= 1, got 0$"),
        (
            dict(split=(0.8, 0.1, 0.2)),
            ValueError,
            r"^split must be three shares \(masked, random, kept\) that sum to 1, got "
            r"\(0.8, 0.1, 0.2\)$",
        ),
        (dict(split=(0.5, 0.5)), ValueError, r"^split must be three shares"),
        (dict(split=(1.5, -0.5, 0)), ValueError, r"^split must be three shares"),
    ],
)
def test_errors_of_both(corrupt, changed, error, message):
    arguments = dict(ids=[9, 9], rng=generator()) | SETUP | changed
    ids, rng = arguments.pop("ids"), arguments.pop("rng")
    with pytest.raises(error, match=message):
        corrupt(ids, rng, **arguments)


@pytest.mark.parametrize(
    ("corrupt", "changed", "error", "message"),
    [
        (mlm_corrupt, dict(rate=1.5), ValueError, r"^rate must be in 0..1, got 1.5$"),
        (mlm_corrupt, dict(rate=float("nan")), ValueError, r"^rate must be in 0..1, got nan$"),
        (mlm_corrupt, dict(rate="0.15"), TypeError, r"^rate must be a number, got '0.15' \(str\)$"),
        (mass_corrupt, dict(share=-0.1), ValueError, r"^share must be in 0..1, got -0.1$"),
        (
            mlm_corrupt,
            dict(word_ids=[0]),
            ValueError,
            r"^word_ids must have the shape of ids, \(2,\), got \(1,\)$",
        ),
        (
            mlm_corrupt,
            dict(word_ids=[0, -2]),
            ValueError,
            r"^word_ids must be >= -1 \(-1 = no word\)",
        ),
        (mlm_corrupt, dict(word_ids=[0, None]), TypeError, r"^word_ids must hold integers"),
    ],
)
def test_errors_of_one(corrupt, changed, error, message):
    with pytest.raises(error, match=message):
        corrupt([9, 9], generator(), **SETUP, **changed)
