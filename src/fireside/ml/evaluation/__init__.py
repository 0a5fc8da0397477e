"""Evaluators, as `pyspark.ml.evaluation` has them; one a file."""

from fireside.ml.evaluation.clustering_evaluator import ClusteringEvaluator
from fireside.ml.evaluation.evaluator import Evaluator

__all__ = ["ClusteringEvaluator", "Evaluator"]
