"""Leaving out features that hardly vary."""

import numpy as np

from fireside.compute import Dataset
from fireside.ml.base import Estimator
from fireside.ml.feature.selected_features import SelectorModel, SelectorParams
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.validators import gt_eq
from fireside.ml.stat.summarizer import column_moments

__all__ = ["VarianceThresholdSelector", "VarianceThresholdSelectorModel"]


class VarianceThresholdSelectorParams(SelectorParams):
    """Params of `VarianceThresholdSelector` and its model."""

    varianceThreshold: Param[float] = param(
        TypeConverters.toFloat,
        "features whose sample variance (n - 1) is not above this are left out",
        default=0.0,
        check=gt_eq(0),
    )
    getVarianceThreshold = Getter(varianceThreshold)


class VarianceThresholdSelector(VarianceThresholdSelectorParams, Estimator["VarianceThresholdSelectorModel"]):
    """Keeps the features whose variance is above a threshold.

    >>> from fireside.ml.linalg import Vectors
    >>> rows = {"features": [Vectors.dense(1, 5), Vectors.dense(1, 7)]}
    >>> VarianceThresholdSelector().fit(rows).selectedFeatures
    [1]
    """

    setVarianceThreshold = Setter(VarianceThresholdSelectorParams.varianceThreshold)

    def _fit(self, dataset: Dataset) -> "VarianceThresholdSelectorModel":
        variance = column_moments(self, dataset, self.getFeaturesCol()).variance
        selected = np.flatnonzero(variance > self.getVarianceThreshold()).tolist()
        return VarianceThresholdSelectorModel._from_rows([{"selectedFeatures": selected}])._fitted_by(self)


class VarianceThresholdSelectorModel(VarianceThresholdSelectorParams, SelectorModel):
    """Keeps the features that vary."""
