"""The drawings: each a picture of its own, in colour, in the middle of its square."""

import numpy as np
import pytest

from bookkit.drawings import KINDS, load_drawings


@pytest.fixture(scope="module")
def drawings():
    return load_drawings(48)


def test_every_sign_stands_once():
    signs = "".join(KINDS.values())
    assert len(signs) == len(set(signs)) == 571
    assert min(map(len, KINDS.values())) >= 50 and len(KINDS) == 10


@pytest.mark.network
def test_pictures_and_labels_belong_together(drawings):
    images, labels = drawings
    assert images.shape == (571, 48, 48, 3) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [len(signs) for signs in KINDS.values()]
    # faces are yellow: much red and green, little blue
    face = list(KINDS).index("face")
    others = images[labels != face].mean(axis=(0, 1, 2))
    faces = images[labels == face].mean(axis=(0, 1, 2))
    assert faces[0] - faces[2] > 30 > others[0] - others[2]


@pytest.mark.network
def test_no_drawing_is_missing_cut_or_there_twice(drawings):
    images = drawings[0]
    ink = (images < 250).any(axis=-1)  # (571, 48, 48)
    assert ink.mean(axis=(1, 2)).min() > 0.05
    edges = [ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]]
    assert not any(edge.any() for edge in edges)
    assert len(np.unique(images.reshape(571, -1), axis=0)) == 571


@pytest.mark.network
def test_a_larger_drawing_is_the_same_drawing(drawings):
    small, large = drawings[0].astype(float), load_drawings(96)[0].astype(float)
    halved = large.reshape(571, 48, 2, 48, 2, 3).mean(axis=(2, 4))
    assert np.corrcoef(halved.ravel(), small.ravel())[0, 1] > 0.9


def test_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 16 pixels, got 8"):
        load_drawings(8)
