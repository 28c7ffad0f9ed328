import functools
import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from thrifty.attention import DenseAttention
from thrifty.leakage import compare, leakage
from thrifty.masks import padding_mask, reach
from thrifty.patterns import Causal
from thrifty.transformer import Block, Transformer, rotate, sinusoids

VOCABULARY, LONGEST = 7, 16
POSITIONS = ("learned", "sinusoidal", "rotary")
KINDS = pytest.mark.parametrize(
    ("positions", "pre_norm"), list(itertools.product(POSITIONS, (True, False)))
)


def make(positions="learned", pre_norm=True, blocks=2, **config):
    config = {"max_length": LONGEST, **config}
    return Transformer(VOCABULARY, 8, 2, blocks, positions=positions, pre_norm=pre_norm, **config)


@functools.cache
def made(positions, pre_norm, segments=0, blocks=2):
    """One model a kind, for tests that only run it; its biases and scales are not 0 and 1."""
    model = make(positions, pre_norm, blocks, segments=segments)
    model.build((None, None))
    rng = np.random.default_rng(3)
    model.set_weights([w + 0.3 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def causal(n):
    return Causal().mask(n)


def prefix(lengths, n):
    """The source sees itself, the rest what came before: (batch, n, n)."""
    return causal(n) | (np.arange(n) < np.asarray(lengths)[:, None, None])


def draw_ids(shape, seed=0, lowest=0):
    return np.random.default_rng(seed).integers(lowest, VOCABULARY, size=shape)


def same(found, expected, atol=1e-5):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=atol)


# --- the parts, against their formulas ------------------------------------------------------------


def test_sinusoids_are_those_of_the_paper():
    found = np.asarray(sinusoids([[0, 5, 100]], 6))
    for at, position in enumerate([0, 5, 100]):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            same(found[0, at, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)])


def test_rotated_products_depend_on_the_distance_alone():
    q, k = np.random.default_rng(0).normal(size=(2, 1, 1, 2, 6)).astype("float32")

    def product(i, j):
        return np.sum(np.asarray(rotate(q, [[i]])) * np.asarray(rotate(k, [[j]])), axis=-1)

    same(product(9, 4), product(105, 100), atol=1e-4)
    same(np.linalg.norm(rotate(q, [[7]])), np.linalg.norm(q))
    assert abs(product(9, 4) - product(4, 9)).max() > 1e-2


@pytest.mark.parametrize("pre_norm", [True, False])
def test_a_block_is_attention_and_a_network_with_their_norms(pre_norm):
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    block = Block(2, 4, 16, pre_norm=pre_norm)
    block.build(x.shape)
    rng = np.random.default_rng(1)
    weights = [0.5 * rng.normal(size=w.shape).astype("float32") for w in block.get_weights()]
    block.set_weights(weights)
    by_name = {weight.path.split("/", 1)[-1]: np.asarray(weight) for weight in block.weights}
    assert len(by_name) == 16
    attention = DenseAttention(2, 4)
    attention.build(x.shape, x.shape)
    attention.set_weights(block.attention.get_weights())
    gammas, betas = ([w for name, w in by_name.items() if kind in name] for kind in ("gam", "bet"))
    kernels = [w for name, w in by_name.items() if w.ndim == 2 and "dense" in name]
    biases = [w for name, w in by_name.items() if w.ndim == 1 and "dense" in name]

    def norm(x, which):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * gammas[which] + betas[which]

    def attend(x):
        return np.asarray(attention(x, x, attention_mask=causal(5)))

    def network(x):
        wide = np.asarray(ops.gelu(x @ kernels[0] + biases[0], approximate=False))
        return wide @ kernels[1] + biases[1]

    if pre_norm:
        y = x + attend(norm(x, 0))
        y = y + network(norm(y, 1))
    else:
        y = norm(x + attend(x), 0)
        y = norm(y + network(y), 1)
    same(block(x, attention_mask=causal(5)), y)


def test_a_block_keeps_an_implicit_mask_and_heeds_it():
    block, embed = Block(2, 4, 16, rotary=True), keras.layers.Embedding(9, 8, mask_zero=True)
    ids = np.array([[3, 1, 4, 0, 0], [1, 5, 2, 6, 5]])
    output = block(embed(ids))
    np.testing.assert_array_equal(output._keras_mask, ids > 0)
    same(output[:1, :3], block(embed(ids[:1, :3])))


def test_positions_that_may_attend_to_nothing_stay_finite():
    model, mask = made("rotary", True), causal(4)
    mask = mask & (np.arange(4) != 0)[:, None]  # the first may attend to nothing
    assert np.isfinite(model(draw_ids((2, 4)), attention_mask=mask)).all()
    assert np.isfinite(model(draw_ids((2, 4)), attention_mask=np.zeros((4, 4), bool))).all()


# --- the mask decides -----------------------------------------------------------------------------

ORDER = [3, 0, 5, 1, 4, 2]
RANK = np.argsort(ORDER)
MASKS = {
    "causal": causal(6),
    "reversed": causal(6).T,
    "prefix": prefix([3], 6)[0],
    "permuted": RANK <= RANK[:, None],
    "nothing": np.zeros((6, 6), dtype=bool),
    "documents": np.array([0, 0, 0, 1, 1, 1]) == np.array([[0], [0], [0], [1], [1], [1]]),
}


@pytest.mark.parametrize(
    ("positions", "pre_norm", "blocks"),
    [
        *itertools.product(POSITIONS, (True, False), (2,)),
        ("learned", False, 1),
        ("rotary", True, 3),
    ],
)
@pytest.mark.parametrize("name", MASKS)
def test_leakage_equals_the_reach_of_the_mask(positions, pre_norm, name, blocks):
    model, mask = made(positions, pre_norm, blocks=blocks), MASKS[name]
    found = leakage(
        lambda ids: model(ids, attention_mask=mask), draw_ids(6), vocabulary=VOCABULARY, trials=1
    )
    allowed = reach([mask] * blocks, residual=True)
    assert compare(found, allowed) == "no pair leaks; every allowed pair is used"


def test_a_planted_leak_is_caught():
    # A normalisation over the positions instead of the features: it looks into the future.
    model = make(positions="rotary")
    model.blocks[1]._norms[1] = keras.layers.LayerNormalization(axis=1)
    found = leakage(
        lambda ids: model(ids, attention_mask=causal(6)), draw_ids(6), vocabulary=VOCABULARY
    )
    assert found.all()
    assert compare(found, causal(6)).startswith("15 pairs leak: query 0 sees key 1")


def test_a_model_trained_with_a_leaky_mask_is_caught():
    # Next ids that nobody can guess, and a mask one diagonal too wide.
    n, ids = 8, draw_ids((256, 9), seed=5)
    losses, verdicts = [], []
    for mask in (causal(n), np.tri(n, k=1, dtype=bool)):
        model = make("learned", blocks=1, max_length=n)
        inputs = keras.Input((n,), dtype="int32")
        trained = keras.Model(inputs, model(inputs, attention_mask=mask))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trained.compile(keras.optimizers.Adam(0.02), loss, jit_compile=False)
        history = trained.fit(ids[:, :-1], ids[:, 1:], epochs=25, batch_size=64, verbose=0)
        losses.append(history.history["loss"][-1])
        found = leakage(trained, ids[0, :-1], vocabulary=VOCABULARY)
        verdicts.append(compare(found, causal(n)))
    assert losses[0] > 1.5 > 0.5 > losses[1]  # log 7 = 1.95: a loss too good to be true
    assert verdicts[0] == "no pair leaks; every allowed pair is used"
    assert verdicts[1].startswith("7 pairs leak: query 0 sees key 1")


@KINDS
def test_a_permuted_mask_is_a_permuted_input(positions, pre_norm):
    model, ids = made(positions, pre_norm), draw_ids((2, 6))
    masked = np.asarray(model(ids, attention_mask=MASKS["permuted"]))
    places = np.tile(ORDER, (2, 1))
    shuffled = model(ids[:, ORDER], attention_mask=causal(6), positions=places)
    same(shuffled, masked[:, ORDER], atol=5e-6)
    moved = model(ids[:, ORDER], attention_mask=causal(6))
    assert abs(np.asarray(moved) - masked[:, ORDER]).max() > 1e-2


def test_rotary_positions_tell_distances_alone():
    model, ids, places = Transformer(VOCABULARY, 8, 2, 2, positions="rotary"), draw_ids((1, 6)), {}
    for name, numbers in {
        "first": range(6),
        "later": range(50, 56),
        "wide": range(0, 12, 2),
    }.items():
        output = model(ids, attention_mask=causal(6), positions=np.array([numbers]))
        places[name] = np.asarray(output)
    same(places["first"], places["later"])
    assert abs(places["first"] - places["wide"]).max() > 1e-3


def test_segments_are_told_apart_and_are_0_by_default():
    model, ids = made("learned", True, 2), draw_ids((1, 4))
    plain = np.asarray(model(ids))
    same(model(ids, segment_ids=np.zeros((1, 4), int)), plain)
    assert abs(np.asarray(model(ids, segment_ids=np.array([[0, 0, 1, 1]]))) - plain).max() > 1e-2


@pytest.mark.parametrize("right", [True, False])
@KINDS
def test_padding_on_either_side_changes_nothing(positions, pre_norm, right):
    model, ids = made(positions, pre_norm), draw_ids((1, 5), lowest=1)
    padding, at = ((0, 3), slice(0, 5)) if right else ((3, 0), slice(3, 8))
    padded, real = np.pad(ids, ((0, 0), padding)), np.pad(np.ones((1, 5), bool), ((0, 0), padding))
    output = model(padded, attention_mask=causal(8), mask=real)
    same(output[:, at], model(ids, attention_mask=causal(5)))
    zero = make(positions, pre_norm, mask_zero=True)
    zero.build((None, None))
    zero.set_weights(model.get_weights())
    masked = zero(padded, attention_mask=causal(8))
    same(masked, output)
    np.testing.assert_array_equal(masked._keras_mask, real)


# --- the cache ------------------------------------------------------------------------------------


@KINDS
@settings(max_examples=8)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_cached_equals_uncached(positions, pre_norm, lengths, new, bidirectional, left, seed):
    model, lengths = made(positions, pre_norm, 2), np.array(lengths)
    rows, n = np.arange(len(lengths)), max(lengths)
    texts = draw_ids((len(lengths), n + new), seed)
    segments = (np.arange(n + new) >= lengths[:, None]).astype(int)
    # Without a cache, each text in one piece; what stands after it is hidden by the mask.
    whole = prefix(lengths, n + new) if bidirectional else causal(n + new)
    expected = np.asarray(model(texts, attention_mask=whole, segment_ids=segments))
    # With it, the prompts are padded on one side, with ids that must not matter.
    prompts, real = draw_ids((len(lengths), n), seed + 1), padding_mask(lengths, n)[:, 0]
    for row, length in enumerate(lengths):
        shift = n - length if left else 0
        real[row] = np.roll(real[row], shift)
        prompts[row, real[row]] = texts[row, :length]
    logits, cache = model.start(
        prompts, None if bidirectional else causal(n), mask=real, next_segment=1
    )
    for t in range(new + 1):
        same(logits, expected[rows, lengths - 1 + t])
        if t < new:
            logits, cache = model.step(cache, texts[rows, lengths + t])
    np.testing.assert_array_equal(cache.next_position, lengths + new)
    assert cache.real.shape == (len(lengths), n + new)


def test_a_cache_can_be_used_twice_and_reordered():
    model, ids = made("rotary", False), draw_ids((3, 4))
    _, cache = model.start(ids, causal(4))
    rows, tokens = [2, 0, 0, 2], np.array([1, 2, 3, 4])
    for _ in range(2):  # the first step has not changed the cache
        logits, _ = model.step(cache.reorder(rows), tokens)
        texts = np.column_stack([ids[rows], tokens])
        same(logits, model(texts, attention_mask=causal(5))[:, -1])


def test_shuffled_prompts_go_on_after_their_highest_position():
    model, ids, places = made("learned", True), draw_ids((1, 4)), np.array([[2, 0, 3, 1]])
    _, cache = model.start(ids, causal(4), positions=places)
    logits, _ = model.step(cache, [5])
    expected = model(
        np.array([[*ids[0], 5]]), attention_mask=causal(5), positions=np.array([[*places[0], 4]])
    )
    same(logits, expected[:, -1])


def test_new_tokens_stay_in_the_segment_of_the_prompts_end():
    model, ids = made("learned", True, 2), draw_ids((1, 3))
    _, cache = model.start(ids, None, segment_ids=np.array([[0, 0, 1]]))
    assert cache.segment.tolist() == [1]
    assert model.start(ids, None)[1].segment.tolist() == [0]


def test_hidden_states_and_zero_padding_go_through_the_cache():
    model = make("sinusoidal", output="hidden", mask_zero=True)
    ids = np.array([[3, 1, 0], [1, 2, 5]])
    hidden, cache = model.start(ids, causal(3))
    assert hidden.shape == (2, 8)
    hidden, _ = model.step(cache, [4, 4])
    same(hidden[0], model(np.array([[3, 1, 4]]), attention_mask=causal(3))[0, -1])
    same(hidden[1], model(np.array([[1, 2, 5, 4]]), attention_mask=causal(4))[0, -1])


def test_a_mask_of_the_whole_sequence_is_cut_if_a_cache_is_exact_with_it():
    model, ids = made("rotary", True), draw_ids((2, 4))
    short, _ = model.start(ids, None)
    same(model.start(ids, prefix([4, 4], 9))[0], short)
    same(model.start(ids, causal(9))[0], model.start(ids, causal(4))[0])


def with_cell(mask, i, j, value):
    mask = mask.copy()
    mask[i, j] = value
    return mask


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (causal(4).T, "the last position of the prompt, 3, may not attend to position 0 before"),
        (causal(9).T, "position 0 attends to position 4, which is written later"),
        (np.ones((9, 9), bool), "position 0 attends to position 4, which is written later"),
        (np.eye(4, dtype=bool), "the last position of the prompt, 3, may not attend to position 0"),
        (with_cell(causal(9), 6, 7, True), "position 6 attends to position 7, which is written"),
        (with_cell(causal(9), 7, 2, False), "the new position 7 may not attend to position 2"),
        (MASKS["permuted"], "row 0 position 1 attends to position 5, which is written later"),
    ],
)
def test_masks_for_which_a_cache_is_not_exact_are_refused(mask, message):
    with pytest.raises(
        ValueError, match=f"a cache is not exact with this attention_mask.*{message}"
    ):
        made("rotary", True).start(draw_ids((2, 4)), mask)


def test_a_cache_would_have_been_wrong_with_a_refused_mask():
    # What `start` refuses, done all the same: the last position of a reversed mask sees itself.
    model, ids = made("rotary", True), draw_ids((1, 5))
    _, cache = model.start(ids[:, :4], None)
    cached, _ = model.step(cache, ids[:, 4])
    reverse = np.asarray(model(ids, attention_mask=causal(5).T))[:, -1]
    everywhere = np.asarray(model(ids))[:, -1]
    assert abs(np.asarray(cached) - reverse).max() > 1e-2
    assert abs(np.asarray(cached) - everywhere).max() > 1e-2


# --- a Keras model --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("positions", "pre_norm", "output"),
    [
        ("learned", True, "tied"),
        ("sinusoidal", False, "untied"),
        ("rotary", True, "hidden"),
        ("rotary", False, "tied"),
    ],
)
def test_it_saves_and_loads(tmp_path, positions, pre_norm, output):
    model = make(
        positions, pre_norm, output=output, segments=2, dropout=0.1, mask_zero=True, name="small"
    )
    ids, segments = draw_ids((2, 5)), draw_ids((2, 5)) % 2
    expected = model(ids, attention_mask=causal(5), segment_ids=segments)
    assert expected.shape == (2, 5, 8 if output == "hidden" else VOCABULARY)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    assert loaded.count_params() == model.count_params()
    found = loaded(ids, attention_mask=causal(5), segment_ids=segments)
    np.testing.assert_array_equal(found, expected)


def test_a_tied_output_adds_one_bias():
    sizes = {}
    for output in ("tied", "untied", "hidden"):
        model = make(output=output)
        model.build((None, None))
        sizes[output] = model.count_params()
    assert sizes["tied"] - sizes["hidden"] == VOCABULARY
    assert sizes["untied"] - sizes["tied"] == VOCABULARY * 8


def functional(positions, blocks=2):
    """A model around one, with an input for each argument, and its data of length n."""
    inputs = [
        keras.Input((None,), dtype="int32"),
        keras.Input((None, None), dtype="bool"),
        keras.Input((None,), dtype="int32"),
    ]
    ids, mask, places = inputs
    inner = make(positions, blocks=blocks, dropout=0.1)

    def data(n):
        return [draw_ids((16, n)), np.tile(causal(n), (16, 1, 1)), np.tile(np.arange(n), (16, 1))]

    return keras.Model(inputs, inner(ids, attention_mask=mask, positions=places)), inner, data


@pytest.mark.parametrize("positions", POSITIONS)
def test_a_functional_model_around_it_takes_any_length_saves_and_loads(tmp_path, positions):
    model, inner, data = functional(positions)
    assert model.output_shape == (None, None, VOCABULARY)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for n in (5, 8):
        same(model(data(n)), inner(data(n)[0], attention_mask=causal(n)))
        np.testing.assert_array_equal(loaded(data(n)), model(data(n)))


def test_it_trains_on_batches_of_several_lengths():
    model, _, data = functional("rotary", blocks=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=False)
    losses = []
    for n in (5, 8):  # to say again what stands there
        losses += model.fit(data(n), data(n)[0], epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


def test_dropout_drops_in_training_only():
    model, ids = make(dropout=0.5), draw_ids((2, 5))
    np.testing.assert_array_equal(model(ids), model(ids))
    assert abs(np.asarray(model(ids, training=True)) - np.asarray(model(ids))).max() > 1e-2


@pytest.mark.parametrize("positions", POSITIONS)
def test_mixed_precision_stays_near_float32(positions):
    half, full = make(positions, dtype="mixed_float16"), made(positions, True)
    half.build((None, None))
    half.set_weights(full.get_weights())
    ids = draw_ids((2, 5))
    assert half(ids).dtype == "float16"
    np.testing.assert_allclose(np.asarray(half(ids), "float32"), full(ids), atol=0.05)
    logits, cache = half.start(ids, causal(5))
    logits, _ = half.step(cache, [1, 2])
    logits_full, cache = full.start(ids, causal(5))
    logits_full, _ = full.step(cache, [1, 2])
    np.testing.assert_allclose(np.asarray(logits, "float32"), logits_full, atol=0.05)


# --- what it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Transformer(0, 8, 2, 1), ValueError, "vocabulary must be >= 1, got 0"),
        (lambda: Transformer(9, 8, 3, 1), ValueError, "features must be a multiple of num_heads"),
        (lambda: Transformer(9, 8, 2, 1), ValueError, "learned positions need max_length"),
        (lambda: make("absolute"), ValueError, "positions must be one of 'learned', 'sinusoidal'"),
        (lambda: make(output="logits"), ValueError, "output must be one of 'tied', 'untied'"),
        (lambda: make(max_length=0), ValueError, "max_length must be >= 1, got 0"),
        (
            lambda: Transformer(9, 6, 2, 1, positions="rotary"),
            ValueError,
            "features / num_heads must be even, got 6 / 2",
        ),
        (
            lambda: Transformer(9, 5, 1, 1, positions="sinusoidal"),
            ValueError,
            "sinusoidal positions need an even number of features, got 5",
        ),
        (lambda: Block(2, 3, 8, rotary=True), ValueError, "rotary positions need an even key_dim"),
        (lambda: Block(2, 4, 8)(np.ones((2, 3))), ValueError, "shape .batch, n, features."),
        (
            lambda: made("learned", True)(draw_ids((1, 17))),
            ValueError,
            "ids have 17 positions, but max_length is 16; shorten",
        ),
        (
            lambda: made("rotary", True)(np.array([1, 2])),
            ValueError,
            r"ids must have shape \(batch, n\)",
        ),
        (
            lambda: made("rotary", True)(np.array([[1, 7]])),
            ValueError,
            r"ids must be in 0..6 \(vocabulary - ",
        ),
        (lambda: made("rotary", True)(np.array([[1, -1]])), ValueError, "ids must be in 0..6"),
        (
            lambda: made("rotary", True)(np.array([[1.5]])),
            TypeError,
            "ids must hold integers, got dtype",
        ),
        (
            lambda: made("learned", True)(np.array([[1, 2]]), positions=np.array([[0, 16]])),
            ValueError,
            r"positions must be in 0..15 \(max_length - 1\), got 16",
        ),
        (
            lambda: Transformer(9, 8, 2, 1, positions="rotary")(
                np.array([[1, 2]]), positions=np.array([[0, -1]])
            ),
            ValueError,
            "positions must be >= 0, got -1",
        ),
        (
            lambda: made("learned", True)(np.array([[1, 2]]), positions=np.array([[0, 1, 2]])),
            ValueError,
            r"positions must have the shape of ids, \(1, 2\), got \(1, 3\)",
        ),
        (
            lambda: made("learned", True, 2)(np.array([[1, 2]]), segment_ids=np.array([[0, 2]])),
            ValueError,
            r"segment_ids must be in 0..1 \(segments - 1\), got 2",
        ),
        (
            lambda: made("learned", True)(np.array([[1, 2]]), segment_ids=np.array([[0, 1]])),
            ValueError,
            "segment_ids were given to a model made with segments=0",
        ),
        (
            lambda: made("learned", True)(np.array([[1, 2]]), attention_mask=np.zeros((2, 2))),
            TypeError,
            "attention_mask must be boolean .True = may attend.",
        ),
        (
            lambda: made("learned", True)(np.array([[1, 2]]), attention_mask=causal(3)),
            ValueError,
            "does not fit scores of shape",
        ),
        (
            lambda: made("learned", True)(np.array([[1, 2]]), mask=np.ones((1, 3), bool)),
            ValueError,
            "mask must have shape",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def step(ids, **start):
    model = made("learned", True)
    return model.step(model.start(draw_ids((2, 4)), causal(4), **start)[1], ids)


def step_past_the_end():
    model = made("learned", True)
    _, cache = model.start(draw_ids((1, LONGEST)), causal(LONGEST))
    model.step(cache, [1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: step([1]), ValueError, r"next_ids must have shape \(2,\), a token for each row"),
        (lambda: step([1, 9]), ValueError, "ids must be in 0..6"),
        (lambda: step([1, 2], mask=np.ones((2, 4))), TypeError, "mask must be boolean"),
        (lambda: step([1, 2], mask=np.ones((2, 3), bool)), ValueError, "mask must have the shape"),
        (lambda: step([1, 2], mask=causal(4)[:2] & False), ValueError, "row 0 of mask has none"),
        (lambda: step([1, 2], next_segment=1), ValueError, "next_segment was given to a model"),
        (step_past_the_end, ValueError, "positions must be in 0..15 .max_length - 1., got 16"),
        (
            lambda: made("learned", True).start([[]], None),
            ValueError,
            r"ids must have shape \(batch, n\) with n >= 1, got \(1, 0\)",
        ),
        (
            lambda: made("learned", True).start([[1, 2]], np.ones((2, 2))),
            TypeError,
            "attention_mask must be boolean",
        ),
        (
            lambda: made("learned", True).start([[1, 2, 3]], causal(2)),
            ValueError,
            r"attention_mask must have shape \(3, 3\) or \(1, 3, 3\), the prompt's mask",
        ),
        (
            lambda: made("learned", True).start([[1, 2]], causal(5), mask=[[True, False]]),
            ValueError,
            "with padding in the prompt, give the prompt's mask, of 2 positions",
        ),
        (
            lambda: made("learned", True, 2).start([[1, 2]], causal(2), next_segment=2),
            ValueError,
            r"next_segment must be in 0..1 \(segments - 1\), got 2",
        ),
    ],
)
def test_errors_of_the_cache(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_padding_cannot_be_written():
    model = make(mask_zero=True)
    _, cache = model.start([[3, 1]], None)
    with pytest.raises(ValueError, match="next_ids must not hold 0: with mask_zero=True"):
        model.step(cache, [0])
