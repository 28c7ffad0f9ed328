import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from strategies import BLOCK_IDS, ORDERS, SEGMENT_IDS, prefixes, trees

from thrifty import masks
from thrifty.attention import DenseAttention, attention
from thrifty.leakage import compare, leakage
from thrifty.masks import (
    block_causal_mask,
    document_mask,
    global_mask,
    infill_mask,
    padding_mask,
    permuted_mask,
    prefix_mask,
    reach,
    reversed_causal_mask,
    tree_mask,
    two_stream_masks,
)
from thrifty.patterns import Causal, Full, Global, Local

SAME = "no pair leaks; every allowed pair is used"
# Each function of one row of ids, and what draws such rows.
BY_ROW = [
    (block_causal_mask, BLOCK_IDS),
    (document_mask, BLOCK_IDS),
    (global_mask, BLOCK_IDS.map(lambda ids: ids > 2)),
    (infill_mask, SEGMENT_IDS),
    (permuted_mask, ORDERS),
    (prefix_mask, prefixes()),
    (tree_mask, trees()),
]
EACH = pytest.mark.parametrize(
    ("function", "rows"), BY_ROW, ids=lambda f: getattr(f, "__name__", "")
)


def own(n):
    return np.eye(n, dtype=bool)


# --- what they allow, pair by pair ----------------------------------------------------------------


@given(BLOCK_IDS)
def test_block_causal_sees_what_is_read_by_then(ids):
    mask = block_causal_mask(ids)
    for i, j in itertools.product(range(len(ids)), repeat=2):
        assert mask[i, j] == (ids[i] >= 0 and ids[j] >= 0 and ids[j] <= ids[i])


@given(prefixes())
def test_prefix_is_a_bidirectional_source_and_a_causal_target(ids):
    mask = prefix_mask(ids)
    for i, j in itertools.product(range(len(ids)), repeat=2):
        real = ids[i] >= 0 and ids[j] >= 0
        assert mask[i, j] == (real and (ids[j] == 0 or (ids[i] == 1 and j <= i)))


@given(SEGMENT_IDS)
def test_infilling_sees_the_context_and_the_holes_before(ids):
    mask = infill_mask(ids)
    for i, j in itertools.product(range(len(ids)), repeat=2):
        real = ids[i] >= 0 and ids[j] >= 0
        assert mask[i, j] == (real and (ids[j] == 0 or (ids[i] == 1 and j <= i)))


@given(ORDERS)
def test_permuted_sees_itself_and_what_came_before_in_the_order(order):
    mask = permuted_mask(order)
    for step, i in enumerate(order):
        assert set(np.flatnonzero(mask[i])) == set(order[: step + 1])


@given(ORDERS)
def test_two_streams_differ_by_the_diagonal(order):
    content, query = two_stream_masks(order)
    np.testing.assert_array_equal(content, permuted_mask(order))
    np.testing.assert_array_equal(content & ~own(len(order)), query)
    for step, i in enumerate(order):
        assert set(np.flatnonzero(query[i])) == set(order[:step])


@given(BLOCK_IDS)
def test_documents_are_blocks(ids):
    mask = document_mask(ids)
    np.testing.assert_array_equal(mask, mask.T)
    np.testing.assert_array_equal(mask.any(axis=0), ids >= 0)
    # Sorted by document, the mask is square blocks along the diagonal.
    order = np.argsort(ids, kind="stable")
    expected = np.zeros_like(mask)
    start = (ids < 0).sum()
    for size in np.unique(ids[ids >= 0], return_counts=True)[1]:
        expected[start : start + size, start : start + size] = True
        start += size
    np.testing.assert_array_equal(mask[np.ix_(order, order)], expected)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(0, 3))
def test_causal_documents_are_causal_masks_side_by_side(sizes, padding):
    n = sum(sizes) + padding
    ids = np.repeat([*range(len(sizes)), -1], [*sizes, padding])
    expected, start = np.zeros((n, n), dtype=bool), 0
    for size in sizes:
        expected[start : start + size, start : start + size] = Causal().mask(size)
        start += size
    np.testing.assert_array_equal(document_mask(ids) & Causal().mask(n), expected)


@given(arrays(bool, st.integers(0, 8)))
def test_global_positions_see_all_and_are_seen_by_all(flags):
    mask = global_mask(flags)
    assert mask[flags].all() and mask[:, flags].all()
    assert not mask[~flags][:, ~flags].any()


@given(trees())
def test_a_node_sees_itself_and_its_ancestors(parents):
    mask = tree_mask(parents)
    for node in range(len(parents)):
        seen, above = {node}, parents[node]
        while above >= 0:
            seen.add(above)
            above = parents[above]
        assert set(np.flatnonzero(mask[node])) == seen


@given(trees())
def test_a_tree_reaches_no_further_in_any_number_of_layers(parents):
    assume(len(parents))
    mask = tree_mask(parents)
    np.testing.assert_array_equal(reach([mask] * 3), mask)
    # Parent by parent, the ancestors are the reach of as many layers as there are nodes.
    step = own(len(parents))
    step[np.flatnonzero(parents >= 0), parents[parents >= 0]] = True
    np.testing.assert_array_equal(reach([step] * len(parents)), mask)


# --- how they hang together -----------------------------------------------------------------------


@given(st.integers(0, 9))
def test_special_cases_are_the_patterns(n):
    causal, everything = Causal().mask(n), Full().mask(n)
    up, zeros, ones = np.arange(n), np.zeros(n, int), np.ones(n, int)
    for same in (
        block_causal_mask(up),
        permuted_mask(up),
        prefix_mask(ones),
        infill_mask(ones),
        tree_mask(up - 1),
        reversed_causal_mask(n).T,
        reversed_causal_mask(n)[::-1, ::-1],
    ):
        np.testing.assert_array_equal(same, causal)
    for same in (block_causal_mask(zeros), document_mask(zeros), prefix_mask(zeros)):
        np.testing.assert_array_equal(same, everything)
    np.testing.assert_array_equal(reversed_causal_mask(n) & causal, own(n))
    np.testing.assert_array_equal(reversed_causal_mask(n) | causal, everything)
    np.testing.assert_array_equal(tree_mask(zeros - 1), own(n))
    np.testing.assert_array_equal(global_mask(up < 2), Global(2).mask(n))


@given(ORDERS)
def test_permuted_is_causal_with_rows_and_columns_moved(order):
    n = len(order)
    np.testing.assert_array_equal(permuted_mask(order)[np.ix_(order, order)], Causal().mask(n))
    both = permuted_mask(order) | permuted_mask(order[::-1])
    np.testing.assert_array_equal(both, Full().mask(n))


@given(BLOCK_IDS)
def test_documents_are_blocks_read_in_both_directions(ids):
    back = np.where(ids < 0, -1, 4 - ids)
    np.testing.assert_array_equal(
        block_causal_mask(ids) & block_causal_mask(back), document_mask(ids)
    )


@EACH
@given(data=st.data())
def test_a_batch_is_a_stack_of_single_masks(function, rows, data):
    row = data.draw(rows)
    batch = [row, *data.draw(st.lists(rows.filter(lambda r: len(r) == len(row)), max_size=1))]
    found = function(np.stack(batch))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, np.stack([function(row) for row in batch]))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=3))
def test_padding_by_id_is_padding_by_length_in_rows_and_columns(lengths):
    real = np.arange(6) < np.array(lengths)[:, None]
    columns = padding_mask(lengths, 6)
    expected = columns & np.swapaxes(columns, 1, 2)
    np.testing.assert_array_equal(document_mask(np.where(real, 0, -1)), expected)
    causal = block_causal_mask(np.where(real, np.arange(6), -1))
    np.testing.assert_array_equal(causal, expected & Causal().mask(6))


@given(trees(), st.data())
def test_composition_forbids_what_either_forbids(parents, data):
    n = len(parents)
    order = np.array(data.draw(st.permutations(range(n))), dtype=int)
    a, b = tree_mask(parents), permuted_mask(order)
    assert ((a & b) <= a).all() and (a <= (a | b)).all()
    np.testing.assert_array_equal(a & b | a & ~b, a)
    # A pattern joins in by its mask, a batch by its leading axis.
    batch = np.stack([parents, parents]) if n else np.zeros((2, 0), int)
    np.testing.assert_array_equal((tree_mask(batch) & Causal().mask(n))[1], a & Causal().mask(n))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_any_integer_type_will_do(dtype):
    ids = np.array([0, 0, 1, 1], dtype=dtype)
    np.testing.assert_array_equal(prefix_mask(ids), prefix_mask([0, 0, 1, 1]))
    # In an unsigned type -1 could not be compared.
    np.testing.assert_array_equal(permuted_mask(np.array([1, 0], dtype)), [[1, 1], [0, 1]])


# --- the padding of 2019 --------------------------------------------------------------------------


def by_cumulative_sum(segment_ids):
    """The prefix mask as it is often written: the padding has segment id 0, and is seen."""
    read = np.cumsum(segment_ids)
    return read[None, :] <= read[:, None]


def test_the_cumulative_sum_shows_the_padding_to_the_last_target_and_to_itself():
    careless = by_cumulative_sum([0, 0, 1, 1, 0, 0])
    right = prefix_mask([0, 0, 1, 1, -1, -1])
    np.testing.assert_array_equal(careless[:3], right[:3])
    assert careless[3].tolist() == [True] * 6
    assert right[3].tolist() == [True] * 4 + [False] * 2
    assert careless[4:].all() and not right[4:].any()


def test_without_padding_the_cumulative_sum_is_right():
    np.testing.assert_array_equal(by_cumulative_sum([0, 0, 1, 1]), prefix_mask([0, 0, 1, 1]))


@given(prefixes())
def test_padding_is_never_seen_and_sees_nothing(ids):
    mask = prefix_mask(ids)
    assert not mask[:, ids < 0].any() and not mask[ids < 0].any()
    np.testing.assert_array_equal(mask[np.ix_(ids >= 0, ids >= 0)], prefix_mask(ids[ids >= 0]))


def test_a_model_with_the_careless_mask_is_caught():
    segments = [0, 0, 1, 1, -1, -1]
    careless = by_cumulative_sum([0, 0, 1, 1, 0, 0])
    x = vectors(6)
    measured = leakage(stack([careless], 6), x)
    real = np.array(segments) >= 0
    sentence = compare(measured[real], prefix_mask(segments)[real])
    assert sentence == (
        "2 pairs leak: query 3 sees key 4, query 3 sees key 5; every allowed pair is used"
    )


# --- put through a model --------------------------------------------------------------------------

N = 7
ORDER = [4, 1, 6, 0, 5, 2, 3]
TREE = [-1, 0, 0, 2, 2, -1, 5]
SEEING_ITSELF = {
    "reversed": reversed_causal_mask(N),
    "permuted": permuted_mask(ORDER),
    "prefix": prefix_mask([0, 0, 0, 1, 1, 1, 1]),
    "prefix, padded": prefix_mask([0, 0, 1, 1, 1, -1, -1]),
    "infilling": infill_mask([0, 1, 1, 0, 1, 0, -1]),
    "documents": document_mask([0, 0, 0, 1, 1, 2, -1]),
    "causal documents": document_mask([0, 0, 0, 1, 1, 2, -1]) & Causal().mask(N),
    "blocks": block_causal_mask([0, 0, 2, 2, 1, 1, 3]),
    "tree": tree_mask(TREE),
    "global or window": global_mask(np.arange(N) == 2) | Local(1).mask(N),
    "joined": (permuted_mask(ORDER) | Local(1).mask(N)) & prefix_mask([0, 0, 0, 1, 1, 1, 1]),
}
MASKS = SEEING_ITSELF | {
    "global": global_mask(np.arange(N) == 2),
    "query stream": two_stream_masks(ORDER)[1],
}
DEPTHS = pytest.mark.parametrize("layers", [1, 2, 3])


def cases(named):
    return pytest.mark.parametrize("mask", named.values(), ids=list(named))


def vectors(n, d=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def stack(masks, n, d=6, seed=1):
    """Attention layers whose queries are positions: what they see, keys and values show."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(len(masks), 2, d, d)) / np.sqrt(d)
    positions = rng.normal(size=(len(masks), n, d))

    def model(x):
        for mask, (key, value), queries in zip(masks, weights, positions, strict=True):
            x = attention(queries, x @ key, x @ value, mask)
        return x

    return model


def self_attention(masks, d=6, seed=1):
    """The same, with queries from the sequence and a residual connection: nothing but x matters."""
    weights = np.random.default_rng(seed).normal(size=(len(masks), 3, d, d)) / np.sqrt(d)

    def model(x):
        for mask, (query, key, value) in zip(masks, weights, strict=True):
            x = x + attention(x @ query, x @ key, x @ value, mask)
        return x

    return model


@cases(MASKS)
@DEPTHS
def test_measured_is_drawn(mask, layers):
    measured = leakage(stack([mask] * layers, N), vectors(N))
    assert compare(measured, reach([mask] * layers)) == SAME
    if layers == 1:
        np.testing.assert_array_equal(measured, mask)


@cases(SEEING_ITSELF)
@DEPTHS
def test_measured_is_drawn_in_self_attention(mask, layers):
    measured = leakage(self_attention([mask] * layers), vectors(N))
    assert compare(measured, reach([mask] * layers, residual=True)) == SAME


def test_different_masks_in_one_stack():
    layers = [SEEING_ITSELF[name] for name in ("documents", "tree", "permuted")]
    for order in itertools.permutations(layers):
        measured = leakage(stack(order, N), vectors(N))
        assert compare(measured, reach(order)) == SAME


@cases(SEEING_ITSELF)
@DEPTHS
@pytest.mark.parametrize("kind", [DenseAttention, keras.layers.MultiHeadAttention])
def test_gradients_are_exactly_zero_where_masked(kind, mask, layers):
    attend = [kind(2, 4) for _ in range(layers)]

    def model(x):
        for layer in attend:
            x = layer(x, x, attention_mask=mask[None])
        return x

    measured = leakage(model, vectors(N).astype("float32"), method="gradient")
    # Keras gives a query that sees nothing the mean of all values; ours gives it zeros.
    rows = mask.any(axis=1) if kind is not DenseAttention else slice(None)
    assert compare(measured[rows], reach([mask] * layers)[rows]) == SAME


def test_every_single_slope_is_zero_where_masked():
    mask, x = SEEING_ITSELF["joined"], tf.constant(vectors(N)[None], "float32")
    attend = [DenseAttention(2, 4) for _ in range(3)]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for layer in attend:
            y = layer(y, y, attention_mask=mask)
    slopes = tape.batch_jacobian(y, x).numpy()[0].transpose(0, 2, 1, 3)  # (N, N, d_out, d_in)
    expected = reach([mask] * 3)
    assert not expected.all()
    assert (slopes[~expected] == 0).all()
    assert (slopes[expected] != 0).any(axis=(1, 2)).all()


@settings(max_examples=25)
@given(ORDERS.filter(len), st.integers(0, 99))
@DEPTHS
def test_a_permuted_mask_is_a_permuted_input(layers, order, seed):
    n = len(order)
    x = vectors(n, seed=seed)
    permuted = self_attention([permuted_mask(order)] * layers, seed=seed)
    causal = self_attention([Causal().mask(n)] * layers, seed=seed)
    moved_back = np.empty_like(x)
    moved_back[order] = causal(x[order])
    np.testing.assert_allclose(permuted(x), moved_back, rtol=1e-9, atol=1e-11)


def test_any_other_order_gives_other_outputs():
    x = vectors(4)
    outputs = [self_attention([permuted_mask(o)])(x) for o in itertools.permutations(range(4))]
    for a, b in itertools.combinations(outputs, 2):
        assert abs(a - b).max() > 1e-3


def two_streams(order, layers, query_mask=None, d=6):
    """Both streams of a permuted language model; returns what the query stream says."""
    content, query = two_stream_masks(order)
    query = query if query_mask is None else query_mask
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(layers, 3, d, d)) / np.sqrt(d)
    positions = rng.normal(size=(len(order), d))

    def model(tokens):
        h, g = tokens + positions, np.broadcast_to(positions, tokens.shape)
        for w_query, w_key, w_value in weights:
            keys, values = h @ w_key, h @ w_value
            g = g + attention(g @ w_query, keys, values, query)
            h = h + attention(h @ w_query, keys, values, content)
        return g

    return model


@DEPTHS
def test_the_query_stream_never_learns_the_token_it_predicts(layers):
    content, query = two_stream_masks(ORDER)
    measured = leakage(two_streams(ORDER, layers), vectors(N))
    assert compare(measured, query) == SAME
    measured = leakage(two_streams(ORDER, layers, query_mask=content), vectors(N))
    assert "7 pairs leak" in compare(measured, query)  # one mask for both streams is caught


# --- what is refused ------------------------------------------------------------------------------


@EACH
def test_shapes_and_types_that_are_refused(function, rows):
    kind = bool if function is global_mask else int
    for shape in [(), (1, 2, 3)]:
        with pytest.raises(ValueError, match=r"must have shape \(n,\) or \(batch, n\), got shape"):
            function(np.zeros(shape, kind))
    with pytest.raises(TypeError, match=r"must (hold integers|be boolean .*), got dtype float64"):
        function([0.0, 1.0])
    wrong = [0, 1] if function is global_mask else [False, True]
    with pytest.raises(TypeError, match=r"got dtype (int64|bool)"):
        function(wrong)


@pytest.mark.parametrize(
    ("function", "argument", "error", "message"),
    [
        (reversed_causal_mask, -1, ValueError, r"^n must be >= 0, got -1$"),
        (reversed_causal_mask, 2.0, TypeError, r"^n must be an int, got 2.0 \(float\)$"),
        (permuted_mask, [0, 2], ValueError, r"^order must hold each of 0..1 once, got \[0, 2\]$"),
        (
            two_stream_masks,
            [[0, 1], [1, 1]],
            ValueError,
            r"^order must hold each of 0..1 once, got \[1, 1\] in row 1$",
        ),
        (
            block_causal_mask,
            [0, -2],
            ValueError,
            r"^block_ids must be >= -1 \(-1 = padding\), got -2 at index 1$",
        ),
        (
            document_mask,
            [[0], [-7]],
            ValueError,
            r"^doc_ids must be >= -1 \(-1 = padding\), got -7 at index \(1, 0\)$",
        ),
        (
            infill_mask,
            [2],
            ValueError,
            r"^segment_ids must be in -1..1 \(-1 = padding\), got 2 at index 0$",
        ),
        (
            prefix_mask,
            [0, 1, 0],
            ValueError,
            r"^segment_ids must be 0 \(source\), then 1 \(target\), got 0 behind a 1 at index 2; "
            r"mark padding with -1, or use infill_mask if it is context$",
        ),
        (
            prefix_mask,
            [[0, 1], [1, 0]],
            ValueError,
            r"got 0 behind a 1 at index \(1, 1\)",
        ),
        (
            tree_mask,
            [-1, 2],
            ValueError,
            r"^parents must be in -1..1 \(-1 = root\), got 2 at index 1$",
        ),
        (
            tree_mask,
            [2, -1, 0, 2],
            ValueError,
            r"^parents must form trees, got a cycle: (0 -> 2 -> 0|2 -> 0 -> 2); "
            r"a root has the parent -1$",
        ),
        (
            tree_mask,
            [[-1, 0], [-1, 1]],
            ValueError,
            r"^parents must form trees, got a cycle in row 1: 1 -> 1; a root has the parent -1$",
        ),
    ],
)
def test_errors_say_what_is_wrong(function, argument, error, message):
    with pytest.raises(error, match=message):
        function(argument)


@given(trees().filter(len), st.data())
def test_every_cycle_is_refused(parents, data):
    node = data.draw(st.integers(0, len(parents) - 1))
    under = np.flatnonzero(tree_mask(parents)[:, node])
    parents[node] = data.draw(st.sampled_from(under.tolist()))  # itself or one of its children
    with pytest.raises(ValueError, match="got a cycle: "):
        tree_mask(parents)


def test_all_masks_can_be_imported_from_one_place():
    assert [name for name in masks.__all__ if not hasattr(masks, name)] == []
    assert masks.PADDING == -1
