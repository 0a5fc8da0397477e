"""A scikit-learn view of stages: arrays in, arrays out, in scikit-learn's pipelines and searches.

Needs scikit-learn, which nothing else here does.
"""

from fireside.core.extras import require

require("sklearn", extra="sklearn")

from fireside.ml.sklearn.wrap import wrap  # noqa: E402 (without scikit-learn the line above says what to install)

__all__ = ["wrap"]
