"""Columns that classifiers read and append.

A column whose name is set to "" is not appended, as in Spark.
"""

import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.attributes import nominal_field, vector_field_of
from fireside.ml.param.shared import (
    HasFeaturesCol,
    HasLabelCol,
    HasPredictionCol,
    HasProbabilityCol,
    HasRawPredictionCol,
    HasThresholds,
    HasWeightCol,
)
from fireside.ml.row_transform import AppendsColumns
from fireside.ml.schema import input_field, is_numeric, vector_field

__all__ = ["ClassifierParams", "ProbabilisticParams", "TrainingParams"]


class ClassifierParams(AppendsColumns, HasFeaturesCol, HasLabelCol, HasPredictionCol, HasRawPredictionCol):
    """Params of every classifier and its model."""

    def _num_classes(self) -> int | None:
        """How many classes there are, where that is known."""
        return None

    def _vector_columns(self) -> list[str]:
        """The columns of one number for each class, in the order in which they are appended."""
        return [self.getRawPredictionCol()]

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        vector_field(self, schema, self.getFeaturesCol())
        classes = self._num_classes()
        fields = [vector_field_of(name, classes) for name in self._vector_columns()]
        fields.append(nominal_field(self.getPredictionCol(), pa.float64(), num_values=classes))
        return [field for field in fields if field.name]


class ProbabilisticParams(ClassifierParams, HasProbabilityCol, HasThresholds):
    """Params of a classifier that knows probabilities."""

    def _vector_columns(self) -> list[str]:
        return [self.getRawPredictionCol(), self.getProbabilityCol()]

    def _thresholds(self) -> list[float] | None:
        """One threshold for each class, where they are set.

        Raises:
            InputError: their number is not that of the classes.
        """
        thresholds = self.getThresholds() if self.isDefined("thresholds") else None
        classes = self._num_classes()
        if thresholds is not None and classes is not None and len(thresholds) != classes:
            raise InputError(
                f"{self.uid}: thresholds has {len(thresholds)} numbers, but there are {classes} classes: "
                "give one for each class"
            )
        return thresholds


class TrainingParams(ClassifierParams, HasWeightCol):
    """Params of a classifier that is fitted to weighted rows."""

    def _training_columns(self) -> list[str]:
        """The columns that a fit reads."""
        return [c for c in (self.getFeaturesCol(), self.getLabelCol(), self._weight_column()) if c]

    def _check_training_columns(self, schema: pa.Schema) -> None:
        """Raise `SchemaError` where labels or weights are missing, or are no numbers."""
        for column in self._training_columns()[1:]:
            input_field(self, schema, column, wanted="a number", fits=is_numeric)
