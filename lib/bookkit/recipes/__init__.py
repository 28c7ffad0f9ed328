"""Trainings that take longer than a chapter may: each writes its results into the book."""
