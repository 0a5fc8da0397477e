"""Classification, as `pyspark.ml.classification` has it; one algorithm a file."""

from fireside.ml.classification.naive_bayes import NaiveBayes, NaiveBayesModel

__all__ = ["NaiveBayes", "NaiveBayesModel"]
