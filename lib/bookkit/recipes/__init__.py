"""Trainings that take longer than a chapter may: each stores what came out beside its chapter."""

import os

# Before TensorFlow is imported: oneDNN picks kernels by processor.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
