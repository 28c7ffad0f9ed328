"""`setup`: a chapter starts without a word, and with the same numbers every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from bookkit import setup
from bookkit.runtime import quiet_stderr

NUMBERS = """
import random
import numpy as np
from bookkit import setup

def numbers(seed):
    setup(seed=seed)
    import keras
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    return [
        random.random(),
        float(np.random.rand()),
        float(keras.random.normal(())),
        float(keras.ops.sum(layer.kernel)),
    ]
"""


def run(code: str, **changes) -> subprocess.CompletedProcess:
    hidden = ("TF_", "KERAS_", "PYTHONHASHSEED")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return subprocess.run(
        [sys.executable, "-c", code], env=env | changes, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def fresh():
    """What a fresh Python prints: four numbers for seed 7 twice, and for seed 8."""
    code = NUMBERS + "for seed in (7, 7, 8): print(numbers(seed))\n"
    return run(code)


def test_start_is_silent():
    code = "import os; from bookkit import setup; setup(seed=0); setup()"
    done = run(code + "; assert os.environ['TF_ENABLE_ONEDNN_OPTS'] == '0'")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_same_seed_gives_the_same_numbers(fresh):
    assert (fresh.returncode, fresh.stderr) == (0, "")
    first, again, other = (eval(line) for line in fresh.stdout.splitlines())
    assert first == again
    assert not set(first) & set(other)


def test_another_process_gives_the_same_numbers(fresh):
    done = run(NUMBERS + "print(numbers(7))", PYTHONHASHSEED="5")
    assert done.stdout == fresh.stdout.splitlines(keepends=True)[0]


def test_readers_own_settings_are_kept_and_the_largest_seed_works():
    code = "import os; from bookkit import setup; setup(2**32 - 1)"
    done = run(code + "; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])", TF_ENABLE_ONEDNN_OPTS="1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("seed", [True, 1.5, "0", None, [0]])
def test_seed_must_be_an_integer(seed):
    with pytest.raises(TypeError, match=re.escape(f"seed must be an integer, got {seed!r}")):
        setup(seed)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_must_be_in_range(seed):
    with pytest.raises(ValueError, match=f"seed must be from 0 to 4294967295, got {seed}"):
        setup(seed=seed)


def test_quiet_is_over_afterwards(capfd):
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_quiet_is_over_after_an_error(capfd):
    with pytest.raises(KeyError), quiet_stderr():
        os.write(2, b"noise")
        raise KeyError("x")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_quiet_leaves_no_open_files():
    folder = f"/proc/{os.getpid()}/fd"
    if not os.path.isdir(folder):
        folder = "/dev/fd"
    before = len(os.listdir(folder))
    for _ in range(5):
        with quiet_stderr():
            pass
    assert len(os.listdir(folder)) == before
