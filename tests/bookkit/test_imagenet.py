"""EfficientNet-Lite0 as rebuilt: every weight in its place, and right about photographs."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from bookkit import assets, imagenet
from bookkit.imagenet import efficientnet_lite0, middle_square, preprocess
from bookkit.torch_file import read_arrays
from thrifty.surgery import intermediate, submodel

PALACE, DAISY = 698, 985  # among the 1000 classes of ImageNet


@pytest.fixture(scope="module")
def trained():
    return efficientnet_lite0()


def probabilities(model, name):
    image = preprocess(middle_square(load_sample_image(name)))
    logits = model.predict(image[None], verbose=0)[0].astype("float64")
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.network
@pytest.mark.parametrize(("name", "kind"), [("china.jpg", PALACE), ("flower.jpg", DAISY)])
def test_it_knows_what_is_in_a_photograph(trained, name, kind):
    p = probabilities(trained, name)
    assert p.argmax() == kind
    assert 0.2 < p[kind] < 0.35 and p[kind] > 1.3 * np.sort(p)[-2]


@pytest.mark.network
def test_every_weight_of_the_file_is_used_once(trained):
    arrays = read_arrays(assets.fetch(imagenet.ASSET))
    used = {k: v for k, v in arrays.items() if not k.endswith("num_batches_tracked")}
    assert sum(v.size for v in used.values()) == trained.count_params() == 4_694_024
    assert len(used) == len(trained.weights)
    # one number of each array, found again by its place in Keras's order of the axes
    kernel = trained.get_layer("block2a_expand").kernel.numpy()
    assert kernel[0, 0, 3, 90] == arrays["_blocks.1._expand_conv.weight"][90, 3, 0, 0]
    kernel = trained.get_layer("block7a_depthwise").kernel.numpy()
    assert kernel[2, 1, 400, 0] == arrays["_blocks.15._depthwise_conv.weight"][400, 0, 2, 1]
    moving = trained.get_layer("block4a_out").moving_variance.numpy()
    np.testing.assert_array_equal(moving, arrays["_blocks.5._bn2.running_var"])


@pytest.mark.network
def test_a_weight_left_over_on_either_side_is_an_error(monkeypatch, trained):
    arrays = read_arrays(assets.fetch(imagenet.ASSET))
    monkeypatch.setattr(imagenet, "read_arrays", lambda path: {**arrays, "extra": np.zeros(3)})
    with pytest.raises(ValueError, match="the model has not: extra"):
        efficientnet_lite0()
    del arrays["_fc.bias"]
    with pytest.raises(ValueError, match=r"the model needs '_fc.bias', which the file has not"):
        efficientnet_lite0()


@pytest.mark.network
def test_any_size_and_the_same_weights(trained):
    small = efficientnet_lite0(input_shape=(96, 64, 3))
    assert small.get_layer("block7a_out").output.shape == (None, 3, 2, 320)
    for ours, theirs in zip(small.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_without_weights_it_is_random():
    first, second = (efficientnet_lite0(None, (32, 32, 3)) for _ in range(2))
    assert first.count_params() == 4_694_024
    assert not np.array_equal(first.get_layer("stem").kernel, second.get_layer("stem").kernel)


def test_its_names_are_good_places_to_cut():
    model = efficientnet_lite0(None, (32, 32, 3))
    outs = [layer.name for layer in model.layers if layer.name.endswith("_out")]
    assert len(outs) == 16 and outs[0] == "block1a_out" and outs[-1] == "block7a_out"
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    front, back = submodel(model, "image", "block5c_out"), submodel(model, "block5c_out", "logits")
    want = model.predict(x, verbose=0)
    np.testing.assert_allclose(
        back.predict(front.predict(x, verbose=0), verbose=0), want, atol=1e-5
    )
    inside = intermediate(model, ["block5b_out", "pool"]).predict(x, verbose=0)
    assert inside["block5b_out"].shape == (2, 2, 2, 112) and inside["pool"].shape == (2, 1280)
    with pytest.raises(ValueError, match="add: 'block5b_out'"):
        submodel(model, "block5c_expand", "logits")


@pytest.mark.parametrize("shape", [(31, 224, 3), (224, 224, 1), (224, 224)])
def test_a_wrong_shape_is_named(shape):
    with pytest.raises(ValueError, match=r"input_shape must be .* sides of at least 32"):
        efficientnet_lite0(None, shape)


def test_unknown_weights_are_named():
    with pytest.raises(ValueError, match="\"imagenet\" or None, got 'noisy'"):
        efficientnet_lite0("noisy")


def test_what_the_network_is_given():
    image = np.array([[[0, 127, 255]]], "uint8")
    np.testing.assert_array_equal(preprocess(image), [[[-127 / 128, 0, 1]]])
    for bad in (image / 255, image - 127.0, image * 2.0):
        with pytest.raises(ValueError, match="must hold 0 to 255"):
            preprocess(bad)
    with pytest.raises(ValueError, match="height, width, 3"):
        preprocess(image[0, 0])


def test_a_photograph_is_cut_square_in_the_middle():
    wide = np.zeros((10, 30, 3), "uint8")
    wide[:, 10:20] = [200, 100, 0]
    square = middle_square(wide, 10)
    assert square.shape == (10, 10, 3) and (square == [200, 100, 0]).all()
