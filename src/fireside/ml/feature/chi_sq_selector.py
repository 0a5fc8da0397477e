"""Keeping the categorical features on which a categorical label depends."""

from typing import Any

import pyarrow as pa

from fireside.compute import Dataset
from fireside.ml.base import Estimator
from fireside.ml.feature.selected_features import SelectorModel, SelectorParams, by_p_values
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasLabelCol
from fireside.ml.param.validators import gt_eq, in_array, in_range
from fireside.ml.schema import input_field, is_numeric
from fireside.ml.stat.chi_square_test import chi_square_of_columns

__all__ = ["ChiSqSelector", "ChiSqSelectorModel"]


class ChiSqSelectorParams(SelectorParams, HasLabelCol):
    """Params of `ChiSqSelector` and its model."""

    selectorType: Param[str] = param(
        TypeConverters.toString,
        "'numTopFeatures', 'percentile', 'fpr', 'fdr' or 'fwe': which of the other params decides",
        default="numTopFeatures",
        check=in_array(["numTopFeatures", "percentile", "fpr", "fdr", "fwe"]),
    )
    getSelectorType = Getter(selectorType)
    numTopFeatures: Param[int] = param(
        TypeConverters.toInt,
        "how many features are kept, those with the least p-values",
        default=50,
        check=gt_eq(1),
    )
    getNumTopFeatures = Getter(numTopFeatures)
    percentile: Param[float] = param(
        TypeConverters.toFloat, "what share of the features is kept", default=0.1, check=in_range(0, 1)
    )
    getPercentile = Getter(percentile)
    fpr: Param[float] = param(
        TypeConverters.toFloat, "features with a p-value below are kept", default=0.05, check=in_range(0, 1)
    )
    getFpr = Getter(fpr)
    fdr: Param[float] = param(
        TypeConverters.toFloat,
        "the most false discoveries that are expected",
        default=0.05,
        check=in_range(0, 1),
    )
    getFdr = Getter(fdr)
    fwe: Param[float] = param(
        TypeConverters.toFloat, "the chance of any false discovery", default=0.05, check=in_range(0, 1)
    )
    getFwe = Getter(fwe)


class ChiSqSelector(ChiSqSelectorParams, Estimator["ChiSqSelectorModel"]):
    """Keeps the features of which a chi-square test says that the label depends on them.

    Every distinct number is a category. `UnivariateFeatureSelector` does this and more.

    >>> from fireside.ml.linalg import Vectors
    >>> rows = {
    ...     "features": [Vectors.dense(0, 0), Vectors.dense(1, 0), Vectors.dense(0, 1), Vectors.dense(1, 1)],
    ...     "label": [0, 0, 1, 1],
    ... }
    >>> ChiSqSelector(numTopFeatures=1).fit(rows).selectedFeatures
    [1]
    """

    setSelectorType = Setter(ChiSqSelectorParams.selectorType)
    setNumTopFeatures = Setter(ChiSqSelectorParams.numTopFeatures)
    setPercentile = Setter(ChiSqSelectorParams.percentile)
    setFpr = Setter(ChiSqSelectorParams.fpr)
    setFdr = Setter(ChiSqSelectorParams.fdr)
    setFwe = Setter(ChiSqSelectorParams.fwe)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = super()._output_fields(schema)
        input_field(self, schema, self.getLabelCol(), wanted="a number", fits=is_numeric)
        return fields

    def _fit(self, dataset: Dataset) -> "ChiSqSelectorModel":
        found = chi_square_of_columns(self, dataset, self.getFeaturesCol(), self.getLabelCol())
        mode = self.getSelectorType()
        selected = by_p_values(found.p_values, mode, float(self.getOrDefault(mode)))
        return ChiSqSelectorModel._from_rows([{"selectedFeatures": selected}])._fitted_by(self)


class ChiSqSelectorModel(ChiSqSelectorParams, SelectorModel):
    """Keeps the features on which the label depends."""

    def _entry_without_metadata(self) -> dict[str, Any]:
        return {"type": "nominal"}
