"""`Evaluator`: a number that says how good predictions are."""

from abc import ABC, abstractmethod
from typing import Any

from fireside.compute import Dataset
from fireside.ml.frame import open_frame
from fireside.ml.param.params import ParamMap
from fireside.ml.persistence.saving import Saveable

__all__ = ["Evaluator"]


class Evaluator(Saveable, ABC):
    """Computes a metric from a frame of predictions."""

    def evaluate(self, dataset: Any, params: ParamMap | None = None) -> float:
        """The metric.

        Args:
            dataset: any frame or path that `fireside.compute.as_dataset` takes.
            params: values that hold for this call alone.

        Raises:
            SchemaError: a column is missing or of the wrong type.
            InputError: a row that cannot be used.
        """
        return self._with_extra(params)._evaluate(open_frame(dataset))

    @abstractmethod
    def _evaluate(self, dataset: Dataset) -> float:
        """The metric of the rows of a data set."""

    def isLargerBetter(self) -> bool:
        """Whether a larger number is a better one."""
        return True
