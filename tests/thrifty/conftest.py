import os
import sys

# Before TensorFlow is imported: one rounding on every CPU, and no banner.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from hypothesis import settings

# The same examples on every run, and no verdict that depends on the speed of the machine.
settings.register_profile("thrifty", deadline=None, derandomize=True, database=None)
settings.load_profile("thrifty")


@pytest.fixture(autouse=True)
def _seeded():
    """Every test draws the same Keras weights, in any order of the tests."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)
