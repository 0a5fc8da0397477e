"""Statistics of columns, as `pyspark.ml.stat` has them."""

from fireside.ml.stat.chi_square_test import ChiSquareTest
from fireside.ml.stat.correlation import Correlation
from fireside.ml.stat.kolmogorov_smirnov_test import KolmogorovSmirnovTest
from fireside.ml.stat.multivariate_gaussian import MultivariateGaussian
from fireside.ml.stat.summarizer import Summarizer, SummaryBuilder

__all__ = [
    "ChiSquareTest",
    "Correlation",
    "KolmogorovSmirnovTest",
    "MultivariateGaussian",
    "Summarizer",
    "SummaryBuilder",
]
