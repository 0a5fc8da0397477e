"""What several processes learn together, of which some have no rows, is what one learns from all rows."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireside.compute import Solo, TableDataset
from fireside.core.errors import InputError
from fireside.ml.clustering import KMeans
from fireside.ml.clustering.lloyd import fit_kmeans
from fireside.ml.evaluation import ClusteringEvaluator
from fireside.ml.evaluation.silhouette import mean_silhouette
from fireside.ml.feature import (
    IDF,
    PCA,
    Imputer,
    MaxAbsScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
    VectorIndexer,
)
from fireside.ml.feature.distinct_values import distinct_values
from fireside.ml.feature.extremes import extremes
from fireside.ml.feature.idf import count_documents
from fireside.ml.feature.imputer import column_means, column_medians, column_modes
from fireside.ml.feature.one_hot_encoder import count_categories
from fireside.ml.feature.pca import covariance
from fireside.ml.feature.quantile_discretizer import column_quantiles
from fireside.ml.feature.robust_scaler import feature_quantiles
from fireside.ml.feature.standard_scaler import moments
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock
from fireside.ml.stat import chi_square_test, correlation, f_value, summarizer
from tests.ml.thread_gang import results_of_threads

RANDOM = np.random.default_rng(8)
ROWS = 60
X = np.round(RANDOM.normal(3, 2, ROWS), 1)
VECTORS = [
    DenseVector(row) if place % 3 else SparseVector(3, {0: row[0], 2: row[2]})
    for place, row in enumerate(RANDOM.normal(size=(ROWS, 3)))
]
TABLE = pa.table(
    {
        "v": VectorBlock.arrow_from_vectors(VECTORS),
        "x": pa.array([None if place % 7 == 0 else x for place, x in enumerate(X)]),
        "i": RANDOM.integers(0, 5, ROWS),
    }
)
SHARES = [0.0, 0.25, 0.5, 0.75, 1.0]
WORKERS = {
    "extremes": (extremes, (MaxAbsScaler(inputCol="v"),)),
    "quantiles of features": (feature_quantiles, (RobustScaler(inputCol="v", lower=0.1),)),
    "quantiles of columns": (column_quantiles, (["x", "i"], SHARES, 0.001)),
    "covariance": (covariance, (PCA(inputCol="v"),)),
    "moments": (moments, (StandardScaler(inputCol="v"),)),
    "documents": (count_documents, (IDF(inputCol="v"),)),
    "distinct values": (distinct_values, (VectorIndexer(inputCol="v"), 20)),
    "categories": (count_categories, (["i"], OneHotEncoder(inputCol="i"))),
    "means": (column_means, (["x", "i"], Imputer())),
    "medians": (column_medians, (["x", "i"], Imputer())),
    "modes": (column_modes, (["x", "i"], Imputer(missingValue=2.0))),
}


def part(start: int, stop: int) -> TableDataset:
    return TableDataset(TABLE.slice(start, stop - start), batch_rows=7)


def assert_same(found: Any, expected: Any) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.allclose(found[name], value, rtol=1e-12, atol=1e-14), name


@pytest.mark.parametrize("name", WORKERS)
@pytest.mark.parametrize("bounds", [(0, 0, 25, 60), (0, 40, 40, 60), (0, 1, 59, 60)])
def test_several_processes_learn_what_one_learns(name, bounds):
    worker, arguments = WORKERS[name]
    expected = worker(Solo(), part(0, ROWS), *arguments)
    parts = [part(start, stop) for start, stop in itertools.pairwise(bounds)]
    for found in results_of_threads(worker, parts, *arguments):
        assert_same(found, expected)


@pytest.mark.parametrize("name", ["extremes", "quantiles of features", "covariance"])
def test_no_process_may_have_rows(name):
    worker, arguments = WORKERS[name]
    for found in results_of_threads(worker, [part(0, 0), part(0, 0)], *arguments):
        assert found["count"] == 0


def rows_of_size(size: int) -> TableDataset:
    vectors = RANDOM.integers(1, 4, (6, size)).astype(np.float64)
    labels = {name: pa.array([0.0, 1.0] * 3) for name in ("y", "label", "prediction")}
    columns = {name: VectorBlock.from_dense(vectors).to_arrow() for name in ("v", "features")}
    return TableDataset(pa.table({**columns, **labels}))


VECTOR_FITS = {
    **{name: pair for name, pair in WORKERS.items() if pair[1][0] and hasattr(pair[1][0], "inputCol")},
    "chi square": (chi_square_test._test_features, (KMeans(), "v", "y")),
    "f value": (f_value._test_features, (KMeans(), "v", "y")),
    "summary": (summarizer._moments, (KMeans(), "v", None)),
    "pearson": (correlation._correlate, (KMeans(), "v", "pearson")),
    "spearman": (correlation._correlate, (KMeans(), "v", "spearman")),
    "centres": (fit_kmeans, (KMeans(k=2),)),
    "silhouette": (mean_silhouette, (ClusteringEvaluator(),)),
}


@pytest.mark.parametrize("name", VECTOR_FITS)
def test_vectors_of_two_sizes_are_an_error_wherever_they_lie(name):
    worker, arguments = VECTOR_FITS[name]
    one, other = rows_of_size(3), rows_of_size(4)
    two_batches = TableDataset(pa.concat_tables([one.to_table(), other.to_table()]), batch_rows=6)
    nothing = TableDataset(one.to_table().slice(0, 0))
    for parts in ([one, other], [other, nothing, one], [two_batches]):
        with pytest.raises(InputError, match=r"holds vectors of size \d and of size \d: all must have one"):
            results_of_threads(worker, parts, *arguments)
