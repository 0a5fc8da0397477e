"""Keeping the features that a test of each by itself finds worth keeping."""

import pyarrow as pa

from fireside.compute import Dataset
from fireside.core.errors import InputError
from fireside.ml.base import Estimator
from fireside.ml.feature.selected_features import SelectorModel, SelectorParams, by_p_values
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasLabelCol
from fireside.ml.param.validators import in_array
from fireside.ml.schema import input_field, is_numeric
from fireside.ml.stat.anova import anova_of_columns
from fireside.ml.stat.chi_square_test import chi_square_of_columns
from fireside.ml.stat.f_value import f_value_of_columns

__all__ = ["UnivariateFeatureSelector", "UnivariateFeatureSelectorModel"]

KINDS = ["categorical", "continuous"]
THRESHOLDS = {"numTopFeatures": 50.0, "percentile": 0.1, "fpr": 0.05, "fdr": 0.05, "fwe": 0.05}
TESTS = {
    ("categorical", "categorical"): chi_square_of_columns,
    ("continuous", "categorical"): anova_of_columns,
    ("continuous", "continuous"): f_value_of_columns,
}


class UnivariateFeatureSelectorParams(SelectorParams, HasLabelCol):
    """Params of `UnivariateFeatureSelector` and its model."""

    featureType: Param[str] = param(
        TypeConverters.toString, "'categorical' or 'continuous'", check=in_array(KINDS)
    )
    getFeatureType = Getter(featureType)
    labelType: Param[str] = param(
        TypeConverters.toString, "'categorical' or 'continuous'", check=in_array(KINDS)
    )
    getLabelType = Getter(labelType)
    selectionMode: Param[str] = param(
        TypeConverters.toString,
        "'numTopFeatures', 'percentile', 'fpr', 'fdr' or 'fwe': what selectionThreshold means",
        default="numTopFeatures",
        check=in_array(list(THRESHOLDS)),
    )
    getSelectionMode = Getter(selectionMode)
    selectionThreshold: Param[float] = param(
        TypeConverters.toFloat,
        "how many features, what share, or below which p-value; unset: 50, 0.1 or 0.05",
    )
    getSelectionThreshold = Getter(selectionThreshold)


class UnivariateFeatureSelector(UnivariateFeatureSelectorParams, Estimator["UnivariateFeatureSelectorModel"]):
    """Tests each feature against the label, and keeps those with small p-values.

    Categorical features and labels: chi-square; continuous features and categorical labels: analysis of
    variance; continuous both: the F test of a linear regression.

    >>> from fireside.ml.linalg import Vectors
    >>> features = [Vectors.dense(i % 2, i) for i in range(6)]
    >>> selector = UnivariateFeatureSelector(selectionMode="fpr")
    >>> selector = selector.setFeatureType("continuous").setLabelType("continuous")
    >>> selector.fit({"features": features, "label": [0.1, 0.9, 2.1, 2.9, 4.0, 5.0]}).selectedFeatures
    [1]
    """

    setFeatureType = Setter(UnivariateFeatureSelectorParams.featureType)
    setLabelType = Setter(UnivariateFeatureSelectorParams.labelType)
    setSelectionMode = Setter(UnivariateFeatureSelectorParams.selectionMode)
    setSelectionThreshold = Setter(UnivariateFeatureSelectorParams.selectionThreshold)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = super()._output_fields(schema)
        input_field(self, schema, self.getLabelCol(), wanted="a number", fits=is_numeric)
        return fields

    def _fit(self, dataset: Dataset) -> "UnivariateFeatureSelectorModel":
        kinds = (self.getFeatureType(), self.getLabelType())
        if kinds not in TESTS:
            raise InputError(
                f"{self.uid}: there is no test of {kinds[0]} features against {kinds[1]} labels: bin the "
                "labels and call them categorical, or call the features continuous"
            )
        mode = self.getSelectionMode()
        threshold = self._threshold(mode)
        found = TESTS[kinds](self, dataset, self.getFeaturesCol(), self.getLabelCol())
        selected = by_p_values(found.p_values, mode, threshold)
        return UnivariateFeatureSelectorModel._from_rows([{"selectedFeatures": selected}])._fitted_by(self)

    def _threshold(self, mode: str) -> float:
        if not self.isDefined("selectionThreshold"):
            return THRESHOLDS[mode]
        threshold = self.getSelectionThreshold()
        fits = threshold >= 1 and threshold.is_integer() if mode == "numTopFeatures" else 0 <= threshold <= 1
        if not fits:
            wanted = "a whole number from 1 on" if mode == "numTopFeatures" else "from 0 to 1"
            raise InputError(f"{self.uid}: selectionThreshold must be {wanted} for {mode!r}, got {threshold}")
        return threshold


class UnivariateFeatureSelectorModel(UnivariateFeatureSelectorParams, SelectorModel):
    """Keeps the features that were found worth it."""
