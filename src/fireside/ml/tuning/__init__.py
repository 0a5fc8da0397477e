"""Choosing params by trying them, as `pyspark.ml.tuning` has it."""

from fireside.ml.tuning.cross_validator import CrossValidator, CrossValidatorModel
from fireside.ml.tuning.param_grid_builder import ParamGridBuilder
from fireside.ml.tuning.train_validation_split import TrainValidationSplit, TrainValidationSplitModel

__all__ = [
    "CrossValidator",
    "CrossValidatorModel",
    "ParamGridBuilder",
    "TrainValidationSplit",
    "TrainValidationSplitModel",
]
