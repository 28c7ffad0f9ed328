"""The stage of the book: live figures, plots, exercises, assets and the notebook runner.

``setup`` starts a chapter; everything else is imported from its own module.
"""

from bookkit.runtime import setup

__all__ = ["setup"]
