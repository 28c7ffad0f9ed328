"""Weights and their card: what comes back, and what is refused."""

import numpy as np
import pytest

from bookkit import stored_weights


class Model:
    """What `stored_weights` asks of a Keras model."""

    def __init__(self, *weights):
        self.weights = [np.asarray(w, "float32") for w in weights]

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.npz"
    stored_weights.save(Model([[1, 2]], [0.1]), {"what": "two weights"}, path)
    return path


def test_weights_come_back_in_half_precision(path):
    model = stored_weights.load(Model([[0, 0]], [0]), path)
    assert [w.dtype for w in model.weights] == ["float32"] * 2
    np.testing.assert_array_equal(model.weights[0], [[1, 2]])
    assert model.weights[1] == np.float32(np.float16(0.1))


def test_the_card_says_what_was_told_and_the_sha256(path):
    card = stored_weights.card(path)
    assert card["what"] == "two weights" and len(card["sha256"]) == 64


def test_the_same_weights_make_the_same_bytes(path, tmp_path):
    again = tmp_path / "again.npz"
    stored_weights.save(Model([[1, 2]], [0.1]), {}, again)
    assert again.read_bytes() == path.read_bytes()


def test_a_changed_file_is_refused(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(stored_weights.BrokenModel, match="another sha256"):
        stored_weights.load(Model([[0, 0]], [0]), path)


@pytest.mark.parametrize(
    "other", [Model([[0, 0]]), Model([[0], [0]], [0])], ids=["fewer", "turned"]
)
def test_weights_of_another_model_are_refused(path, other):
    with pytest.raises(stored_weights.BrokenModel, match="does not hold"):
        stored_weights.load(other, path)
