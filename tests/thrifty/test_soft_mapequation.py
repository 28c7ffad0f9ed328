"""The soft map equation: equal to the hard one for whole nodes, differentiable, refusing logits."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from thrifty.flows import CONVENTIONS, flow
from thrifty.mapequation import codelength
from thrifty.networks import network
from thrifty.soft_mapequation import (
    MapEquationLoss,
    Propagate,
    fit,
    modules_of,
    soft_codelength,
)

TRIANGLES = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]


@st.composite
def walks(draw):
    """A random weighted network, its nodes some of them isolated, walked in any convention."""
    n = draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = rng.uniform(0.1, 3, (n, n)) * (rng.random((n, n)) < 0.3)
    directed = draw(st.booleans())
    convention = dict(draw(st.sampled_from(sorted(CONVENTIONS.items())))[1]) if directed else {}
    links = [(i, j, weights[i, j]) for i, j in np.argwhere(weights).tolist()]
    graph = network(links, directed=directed, nodes=range(n))
    return flow(graph, markov_time=draw(st.sampled_from([0.5, 1.0, 2.0])), **convention)


def whole(modules, columns):
    return np.eye(columns)[modules]


@given(walks(), st.integers(0, 2**32 - 1))
def test_equal_to_the_hard_map_equation(walk, seed):
    modules = np.random.default_rng(seed).integers(4, size=len(walk.network))
    # Columns 4 to 6 stay empty.
    soft = soft_codelength(walk, whole(modules, 7))
    assert float(soft) == pytest.approx(codelength(walk, modules).bits, abs=1e-9)
    single = soft_codelength(walk, whole(modules, 7).astype("float32"))
    assert float(single) == pytest.approx(codelength(walk, modules).bits, abs=1e-5)


@given(walks(), st.integers(0, 2**32 - 1))
def test_the_order_of_modules_and_empty_ones_change_nothing(walk, seed):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(5), size=len(walk.network))
    bits = float(soft_codelength(walk, shares))
    assert float(soft_codelength(walk, shares[:, rng.permutation(5)])) == pytest.approx(bits)
    more = np.concatenate([shares, np.zeros((len(shares), 3))], axis=1)
    assert float(soft_codelength(walk, more)) == pytest.approx(bits)


def test_by_matrices():
    """The same from the pooled matrix of flows between modules, as the paper writes it."""
    walk = flow(TRIANGLES)
    shares = np.random.default_rng(0).dirichlet(np.ones(3), size=6)
    rates = np.zeros((6, 6))
    rates[walk.sources, walk.targets] = walk.rates
    between = shares.T @ rates @ shares
    leave = between.sum(axis=1) - np.diag(between)
    h = lambda x: np.sum(x * np.log2(x))  # noqa: E731
    bits = h(leave.sum()) - 2 * h(leave) + h(leave + shares.T @ walk.visits) - h(walk.visits)
    assert float(soft_codelength(walk, shares)) == pytest.approx(bits, abs=1e-12)


@given(walks(), st.integers(0, 2**32 - 1))
def test_the_gradient_is_the_slope(walk, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(walk.network), 3))

    def bits(logits):
        return soft_codelength(walk, tf.nn.softmax(logits))

    logits = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = bits(logits)
    gradient = tape.gradient(value, logits).numpy()
    way = rng.normal(size=gradient.shape)
    slope = (bits(logits + 1e-5 * way) - bits(logits - 1e-5 * way)) / 2e-5
    assert np.sum(gradient * way) == pytest.approx(float(slope), abs=1e-6)


@given(walks(), st.integers(0, 2**32 - 1))
def test_the_gradient_is_finite_at_whole_nodes(walk, seed):
    modules = np.random.default_rng(seed).integers(3, size=len(walk.network))
    shares = tf.Variable(whole(modules, 5))
    with tf.GradientTape() as tape:
        value = soft_codelength(walk, shares)
    assert np.isfinite(tape.gradient(value, shares).numpy()).all()


def test_a_share_of_every_module_is_no_cheaper_than_one_module():
    walk = flow(TRIANGLES)
    spread = float(soft_codelength(walk, np.full((6, 4), 0.25)))
    assert spread > codelength(walk, [0] * 6).bits


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (np.full((5, 2), 0.5), "one row for each of 6 nodes"),
        (np.full((6,), 1.0), "one row for each of 6 nodes"),
        (np.zeros((6, 2)), "take the softmax"),
        (np.tile([2.0, -1.0], (6, 1)), "take the softmax"),
        (np.full((6, 2), np.nan), "take the softmax"),
        (np.eye(6, dtype=int), "take the softmax"),
    ],
)
def test_what_is_no_assignment_is_refused(shares, message):
    with pytest.raises(ValueError, match=message):
        soft_codelength(flow(TRIANGLES), shares)


def test_a_tensor_of_another_shape_and_a_graph_are_refused():
    with pytest.raises(ValueError, match="6 nodes"):
        soft_codelength(flow(TRIANGLES), tf.fill((5, 2), 0.5))
    with pytest.raises(TypeError, match="Flow"):
        soft_codelength(TRIANGLES, np.full((6, 2), 0.5))


def test_modules_are_numbered_as_they_appear():
    assert modules_of(tf.constant([[0.0, 1.0], [1.0, 0.0], [0.2, 0.8]])) == [0, 1, 0]


def table(nodes, modules):
    ids = keras.Input((), dtype="int32")
    start = keras.initializers.RandomNormal(stddev=0.05)
    logits = keras.layers.Embedding(nodes, modules, embeddings_initializer=start)(ids)
    return keras.Model(ids, keras.layers.Softmax()(logits))


def test_training_finds_the_number_of_modules():
    """Of six columns four fall empty."""
    walk = flow(TRIANGLES)
    keras.utils.set_random_seed(1)
    model = table(6, 6)
    bits = fit(model, walk, np.arange(6), steps=150, optimizer=keras.optimizers.Adam(0.1))
    assert bits.shape == (150,) and bits[0] > 3.9
    found = modules_of(model(np.arange(6)))
    assert found == [0, 0, 0, 1, 1, 1]
    assert bits[-1] == pytest.approx(codelength(walk, found).bits, abs=0.01)


def test_the_first_step_is_told_before_it_is_taken():
    walk = flow(TRIANGLES)
    keras.utils.set_random_seed(1)
    model = table(6, 4)
    before = float(soft_codelength(walk, model(np.arange(6))))
    bits = fit(model, walk, np.arange(6), steps=3, optimizer=keras.optimizers.SGD(1.0))
    assert bits[0] == pytest.approx(before, abs=1e-5)
    assert bits[2] < bits[1] < bits[0]


def test_fit_refuses_other_rows():
    with pytest.raises(ValueError, match="one row for each of 6 nodes, got 5"):
        fit(table(6, 2), flow(TRIANGLES), np.arange(5), steps=1)


def test_the_loss_looks_at_no_truth():
    walk, shares = flow(TRIANGLES), whole([0, 0, 0, 1, 1, 1], 2)
    loss = MapEquationLoss(walk)
    wanted = codelength(walk, [0, 0, 0, 1, 1, 1]).bits
    for truth in (np.zeros((6, 1)), np.ones((6, 1))):
        assert float(loss(truth, shares)) == pytest.approx(wanted, abs=1e-6)


def test_propagation_is_the_product_with_the_scaled_matrix():
    graph = network([(0, 1, 2.0), (1, 2, 1.0), (3, 0, 1.0)], nodes=range(5))
    matrix = np.zeros((5, 5))
    for i, j, weight in ((0, 1, 2.0), (1, 2, 1.0), (3, 0, 1.0)):
        matrix[i, j] = matrix[j, i] = weight
    matrix += np.eye(5) * 4 / 3
    strength = matrix.sum(axis=0)
    matrix /= np.sqrt(strength[:, None] * strength)
    features = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    np.testing.assert_allclose(Propagate(graph)(features), matrix @ features, atol=1e-6)
    with pytest.raises(TypeError, match="Network"):
        Propagate(matrix)
