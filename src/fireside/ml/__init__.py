"""Machine-learning pipelines with the API of `pyspark.ml`, without a JVM.

Replacing `pyspark.ml` by `fireside.ml` in an import is the whole migration: class names, params, defaults,
column conventions and saved models are Spark's. Any frame goes in, and the same kind comes out.
"""

from fireside.ml.base import Estimator, Model, Transformer, UnaryTransformer
from fireside.ml.pipeline import Pipeline, PipelineModel

__all__ = ["Estimator", "Model", "Pipeline", "PipelineModel", "Transformer", "UnaryTransformer"]
