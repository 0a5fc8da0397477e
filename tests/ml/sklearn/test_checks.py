"""scikit-learn's own checks, on the view of every stage that has one."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import check_estimator

from fireside.core.errors import InputError
from fireside.ml import classification, clustering, feature
from fireside.ml.base import Estimator, Model, PipelineStage, Transformer
from fireside.ml.feature import PCA, UnivariateFeatureSelector
from fireside.ml.sklearn import wrap
from fireside.ml.sklearn.wrap import view_class

# What stages without defaults are checked with, and variants that take other ways through the code.
INSTANCES: dict[str, list[PipelineStage]] = {
    "PCA": [PCA(k=1)],
    "StandardScaler": [feature.StandardScaler(), feature.StandardScaler(withMean=True)],
    "NaiveBayes": [
        classification.NaiveBayes(modelType=kind) for kind in ("multinomial", "complement", "gaussian")
    ],
    "UnivariateFeatureSelector": [
        UnivariateFeatureSelector(featureType="continuous", labelType=kind)
        for kind in ("categorical", "continuous")
    ],
}
# Their params fit one number of features, and the checks come with several.
ONE_SIZE = {"ElementwiseProduct", "VectorSlicer"}
KMEANS_WEIGHTS = "k-means|| draws rows by their hash and weight, so a repeated row may start elsewhere"
EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "KMeans": {
        "check_sample_weight_equivalence_on_dense_data": KMEANS_WEIGHTS,
        "check_sample_weight_equivalence_on_sparse_data": KMEANS_WEIGHTS,
    },
}


def wrappable() -> dict[str, type[PipelineStage]]:
    """Every public stage that has a view."""
    found = {}
    for package in (feature, classification, clustering):
        for name in package.__all__:
            cls = getattr(package, name)
            if not issubclass(cls, Estimator | Transformer) or issubclass(cls, Model):
                continue
            try:
                view_class(cls)
            except InputError:
                continue
            found[name] = cls
    return found


STAGES = [
    pytest.param(stage, id=f"{name} {place}")
    for name, cls in wrappable().items()
    if name not in ONE_SIZE
    for place, stage in enumerate(INSTANCES.get(name) or [cls()])
]


def test_scalers_selectors_clusterers_and_classifiers_have_views():
    assert {"StandardScaler", "MinMaxScaler", "Normalizer", "PCA", "KMeans", "NaiveBayes", "IDF"} < set(
        wrappable()
    )
    assert not {"Tokenizer", "StringIndexer", "VectorAssembler", "MinHashLSH"} & set(wrappable())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_a_view_passes_the_checks_of_scikit_learn(stage: Any):
    expected = EXPECTED_FAILURES.get(type(stage).__name__, {})
    results = check_estimator(wrap(stage), expected_failed_checks=expected, on_fail=None, on_skip=None)
    failed = {one["check_name"]: one["exception"] for one in results if one["status"] == "failed"}
    assert failed == {}
    # A check that passes now must leave the list.
    assert {one["check_name"] for one in results if one["status"] == "xfail"} == set(expected)
    assert len(results) > 40
