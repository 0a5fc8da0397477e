"""Evaluators, as `pyspark.ml.evaluation` has them; one a file."""

from fireside.ml.evaluation.binary_classification_evaluator import BinaryClassificationEvaluator
from fireside.ml.evaluation.clustering_evaluator import ClusteringEvaluator
from fireside.ml.evaluation.evaluator import Evaluator
from fireside.ml.evaluation.multiclass_classification_evaluator import MulticlassClassificationEvaluator
from fireside.ml.evaluation.multilabel_classification_evaluator import MultilabelClassificationEvaluator
from fireside.ml.evaluation.ranking_evaluator import RankingEvaluator
from fireside.ml.evaluation.regression_evaluator import RegressionEvaluator

__all__ = [
    "BinaryClassificationEvaluator",
    "ClusteringEvaluator",
    "Evaluator",
    "MulticlassClassificationEvaluator",
    "MultilabelClassificationEvaluator",
    "RankingEvaluator",
    "RegressionEvaluator",
]
