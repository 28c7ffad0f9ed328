"""Start a chapter: quiet TensorFlow, fixed seeds, the same numbers on every run."""

from __future__ import annotations

import contextlib
import os


@contextlib.contextmanager
def quiet_stderr():
    """Drop what compiled code writes to file descriptor 2.

    TensorFlow's start-up log ignores every environment variable that promises to silence it.
    """
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def setup(seed: int = 0) -> None:
    """Seed Python, NumPy and Keras and start TensorFlow without its start-up log.

    Parameters
    ----------
    seed : int
        The seed of all generators.

    Raises
    ------
    TypeError, ValueError
        If the seed is not an integer from 0 to 2**32 - 1.

    Examples
    --------
    >>> setup(seed=0)
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an integer, got {seed!r}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be from 0 to {2**32 - 1}, got {seed}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # oneDNN picks kernels by processor, and results would differ in the last digits.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    with quiet_stderr():
        import keras
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(seed)
        tf.constant(0.0)  # devices start, and log, with the first tensor
