"""Statistics against scipy and numpy, on every kind of frame, and against Spark."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from fireside.core.errors import InputError, SchemaError
from fireside.ml.frame import open_frame
from fireside.ml.linalg import DenseMatrix, DenseVector, SparseVector, VectorBlock, Vectors
from fireside.ml.param import Params
from fireside.ml.stat import (
    ChiSquareTest,
    Correlation,
    KolmogorovSmirnovTest,
    MultivariateGaussian,
    Summarizer,
)
from fireside.ml.stat.anova import anova_of_columns
from fireside.ml.stat.f_value import f_value_of_columns
from fireside.ml.stat.moments import Moments, merge_moments, moments_of
from fireside.ml.stat.summarizer import METRICS

random = np.random.default_rng(23)
N = 120
CATEGORIES = random.integers(0, 4, (N, 3)) * np.array([1.0, -2.5, 1.0]) * (random.random((N, 1)) < 0.8)
NUMBERS = np.stack([random.normal(1e3, 1, N), random.exponential(1, N), random.integers(0, 5, N)], axis=1)
NUMBERS = np.column_stack([NUMBERS, NUMBERS[:, 1] + random.normal(0, 0.5, N), np.full(N, 3.0)])


def column(rows):
    """Dense and sparse vectors by turns."""
    return VectorBlock.arrow_from_vectors(
        [
            DenseVector(row) if place % 3 else SparseVector(len(row), {i: x for i, x in enumerate(row) if x})
            for place, row in enumerate(rows)
        ]
    )  # fmt: skip


TABLE = pa.table(
    {
        "c": column(CATEGORIES),
        "x": column(NUMBERS),
        "y": (CATEGORIES[:, 0] + random.integers(0, 2, N)) // 2,
        "n": NUMBERS[:, 1] + random.normal(0, 1, N),
        "w": random.uniform(0, 2, N) * (random.random(N) < 0.9),
    }
)


@pytest.fixture(params=["pandas", "pyarrow", "parquet"])
def frame(request, tmp_path):
    if request.param == "pandas":
        return TABLE.to_pandas()
    if request.param == "pyarrow":
        return TABLE
    pq.write_table(TABLE, tmp_path / "rows.parquet", row_group_size=17)
    return str(tmp_path / "rows.parquet")


def rows_of(found):
    return open_frame(found).to_table().to_pylist()


def entries(struct):
    return struct["values"]


def test_the_chi_square_test_is_that_of_scipy(frame):
    row = rows_of(ChiSquareTest.test(frame, "c", "y"))[0]
    flat = rows_of(ChiSquareTest.test(frame, "c", "y", True))
    for feature in range(3):
        table = pd.crosstab(CATEGORIES[:, feature], TABLE["y"].to_numpy())
        expected = stats.chi2_contingency(table, correction=False)
        assert entries(row["statistics"])[feature] == pytest.approx(expected.statistic, rel=1e-12)
        assert entries(row["pValues"])[feature] == pytest.approx(expected.pvalue, rel=1e-9)
        assert row["degreesOfFreedom"][feature] == expected.dof
        assert flat[feature] == {
            "featureIndex": feature,
            "pValue": entries(row["pValues"])[feature],
            "degreesOfFreedom": expected.dof,
            "statistic": entries(row["statistics"])[feature],
        }


def test_one_label_or_one_value_is_independent_of_everything():
    for features, labels in (([[1.0], [1.0]], [0, 1]), ([[1.0], [2.0]], [1, 1])):
        found = ChiSquareTest.test({"f": [Vectors.dense(x) for x in features], "y": labels}, "f", "y")
        assert (found["pValues"], found["statistics"]) == ([DenseVector([1.0])], [DenseVector([0.0])])


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlations_are_those_of_scipy(frame, method):
    found = Correlation.corr(frame, "x", method)
    name = f"{method}(x)"
    if isinstance(found, pd.DataFrame):
        assert list(found.columns) == [name]
        assert isinstance(found[name][0], DenseMatrix)
        matrix = found[name][0].toArray()
    else:
        matrix = np.array(rows_of(found)[0][name]["values"]).reshape(5, 5)
    expected = (
        np.corrcoef(NUMBERS[:, :4].T) if method == "pearson" else stats.spearmanr(NUMBERS[:, :4]).statistic
    )
    assert matrix[:4, :4] == pytest.approx(expected, rel=1e-8)
    assert np.diagonal(matrix).tolist() == [1.0] * 5
    assert np.isnan(matrix[4, :4]).all()


def test_a_large_mean_costs_no_digits():
    rows = {"f": [Vectors.dense(1e9 + x, x * x) for x in range(9)]}
    found = Correlation.corr(rows, "f")["pearson(f)"][0].toArray()
    assert found[0, 1] == pytest.approx(np.corrcoef(np.arange(9), np.arange(9) ** 2)[0, 1], rel=1e-12)
    assert Summarizer.variance("f").over(rows)["variance(f)"][0][0] == 7.5


@pytest.mark.parametrize("n", [1, 7, 120])
def test_the_kolmogorov_smirnov_test_is_that_of_scipy(n):
    for params in ((), (1.0, 2.0)):
        values = TABLE["n"].to_numpy()[:n]
        found = KolmogorovSmirnovTest.test(pa.table({"n": values}), "n", "norm", *params).to_pylist()[0]
        expected = stats.kstest(values, "norm", args=params)
        assert found["statistic"] == pytest.approx(expected.statistic, rel=1e-12)
        assert found["pValue"] == pytest.approx(expected.pvalue, rel=1e-9)


def test_equal_numbers_in_a_sample_make_one_step():
    found = KolmogorovSmirnovTest.test({"n": [0, 0, 1, 0, 0, 1]}, "n", "norm")
    assert found["statistic"] == [0.5]
    assert found["pValue"] == pytest.approx([0.06558641975308666])


@pytest.mark.parametrize("weight", [None, "w"])
def test_summaries_are_their_definitions(frame, weight):
    w = np.ones(N) if weight is None else TABLE["w"].to_numpy()
    x, used = NUMBERS, w > 0
    mean = (w @ x) / w.sum()
    variance = (w @ (x - mean) ** 2) / (w.sum() - (w**2).sum() / w.sum())
    expected = {
        "mean": mean, "sum": w @ x, "variance": variance, "std": np.sqrt(variance), "max": x[used].max(0),
        "min": x[used].min(0), "normL1": w @ np.abs(x), "normL2": np.sqrt(w @ x**2),
        "numNonZeros": (x[used] != 0).sum(0),
    }  # fmt: skip
    row = rows_of(Summarizer.metrics(*METRICS).summary("x", weight).over(frame))[0]
    assert list(row) == list(METRICS)
    assert row["count"] == used.sum()
    for name, values in expected.items():
        assert entries(row[name]) == pytest.approx(values.tolist(), rel=1e-9), name
        single = rows_of(getattr(Summarizer, name)("x", weight).over(frame))[0]
        assert single == {f"{name}(x)": row[name]}


@settings(deadline=None)
@given(
    arrays(np.float64, (7, 3), elements=st.sampled_from([0.0, -1.5, 2.0, 7.0, math.nan])),
    arrays(np.float64, 7, elements=st.sampled_from([0.0, 1.0, 0.5])),
    st.integers(0, 7),
)
def test_moments_are_the_same_dense_sparse_and_merged(rows, weights, cut):
    dense = moments_of(VectorBlock.from_dense(rows), weights)
    sparse = VectorBlock.from_vectors(
        [SparseVector(3, {i: x for i, x in enumerate(row) if x != 0}) for row in rows]
    )
    parts = [
        moments_of(VectorBlock.from_dense(np.ascontiguousarray(rows[part])), weights[part])
        for part in (slice(0, cut), slice(cut, 7))
    ]
    for other in (moments_of(sparse, weights), merge_moments(*parts)):
        for name, expected, found in zip(Moments._fields, dense, other, strict=True):
            infinite = {"posinf": 9e9, "neginf": -9e9}
            assert np.nan_to_num(found, nan=8e8, **infinite) == pytest.approx(
                np.nan_to_num(expected, nan=8e8, **infinite)
            ), name


def test_densities_are_those_of_scipy_also_where_the_covariance_is_singular():
    mean, x = np.array([1.0, -2.0]), np.array([0.5, 1.0])
    cov = np.array([[2.0, 0.3], [0.3, 0.5]])
    gaussian = MultivariateGaussian(Vectors.dense(mean), DenseMatrix(2, 2, cov.reshape(-1)))
    assert gaussian.pdf(Vectors.dense(x)) == pytest.approx(stats.multivariate_normal(mean, cov).pdf(x))
    assert gaussian.logpdf(x) == pytest.approx(stats.multivariate_normal(mean, cov).logpdf(x))
    singular = MultivariateGaussian(mean, np.array([[1.0, 1.0], [1.0, 1.0]]))
    # As in Spark, the constant is that of two dimensions, though the distribution lies on a line.
    expected = -math.log(2 * math.pi) - 0.5 * math.log(2) - 0.5 * (0.5**2 + 0.5**2) / 2
    assert singular.logpdf(mean + 0.5) == pytest.approx(expected)
    assert singular.logpdf(mean + np.array([0.5, -0.5])) == pytest.approx(singular.logpdf(mean))
    with pytest.raises(InputError, match="no direction in which anything varies"):
        MultivariateGaussian(mean, np.zeros((2, 2))).pdf(x)
    with pytest.raises(InputError, match=r"needs a covariance of 2 x 2, got \(3, 3\)"):
        MultivariateGaussian(mean, np.eye(3)).pdf(x)


def test_analysis_of_variance_and_the_f_test_are_those_of_scipy():
    stage = Params()
    y, n = TABLE["y"].to_numpy(), TABLE["n"].to_numpy()
    found = anova_of_columns(stage, open_frame(TABLE), "x", "y")
    regression = f_value_of_columns(stage, open_frame(TABLE), "x", "n")
    for feature in range(4):
        x = NUMBERS[:, feature]
        expected = stats.f_oneway(*(x[y == label] for label in np.unique(y)))
        assert found.statistics[feature] == pytest.approx(expected.statistic, rel=1e-6)
        assert found.p_values[feature] == pytest.approx(expected.pvalue, rel=1e-6)
        line = stats.linregress(x, n)
        assert regression.p_values[feature] == pytest.approx(line.pvalue, rel=1e-6)
        assert regression.statistics[feature] == pytest.approx((line.slope / line.stderr) ** 2, rel=1e-6)
    assert (found.degrees == N - 1).all()
    assert (regression.degrees == N - 2).all()
    assert math.isnan(found.p_values[4])
    assert math.isnan(regression.p_values[4])


def test_bad_input_is_refused_with_a_way_out():
    empty = TABLE.slice(0, 0)
    for call in (
        lambda rows: ChiSquareTest.test(rows, "c", "y"),
        lambda rows: KolmogorovSmirnovTest.test(rows, "n", "norm"),
        lambda rows: Summarizer.mean("x").over(rows),
    ):
        with pytest.raises(InputError, match="there are no rows"):
            call(empty)
        with pytest.raises(SchemaError, match="there is no column"):
            call(TABLE.select(["w"]))
    for rows in (empty, TABLE.slice(0, 1)):
        with pytest.raises(InputError, match="a correlation needs at least 2 rows"):
            Correlation.corr(rows, "x")
    with pytest.raises(InputError, match="none with a weight above 0"):
        Summarizer.mean("x", "w").over(TABLE.set_column(4, "w", pa.array(np.zeros(N))))
    with pytest.raises(InputError, match="method must be 'pearson' or 'spearman', got 'kendall'"):
        Correlation.corr(TABLE, "x", "kendall")
    with pytest.raises(InputError, match="distName must be 'norm', got 'exp'"):
        KolmogorovSmirnovTest.test(TABLE, "n", "exp")
    for params in ((0.0,), (0.0, -1.0), (0.0, 1.0, 2.0)):
        with pytest.raises(InputError, match="a mean and a standard deviation above 0"):
            KolmogorovSmirnovTest.test(TABLE, "n", "norm", *params)
    with pytest.raises(InputError, match=r"metrics are count, .*; got 'median'"):
        Summarizer.metrics("mean", "median")
    with pytest.raises(InputError, match="got none"):
        Summarizer.metrics()
    with pytest.raises(InputError, match="columns are given by name here, got 3"):
        Summarizer.mean(3)
    with pytest.raises(InputError, match="ChiSquareTest: column 'f' has NaN"):
        ChiSquareTest.test({"f": [[math.nan]], "y": [0]}, "f", "y")
    many = pa.table(
        {"f": pa.array(np.arange(1.0, 10_002).reshape(-1, 1).tolist()), "y": np.arange(10_001) % 2}
    )
    with pytest.raises(InputError, match=r"f\[0\] has 10001 distinct values, but .* bin the numbers first"):
        ChiSquareTest.test(many, "f", "y")


@pytest.mark.spark
def test_statistics_are_those_of_spark(spark):
    import pyspark.ml.stat as theirs
    from pyspark.sql.functions import col

    from tests.ml.test_against_spark import assert_close, plain, spark_frame

    frame = spark_frame(spark, TABLE).repartition(3).cache()

    def same(ours, expected, digits=1e-9):
        """Here on Arrow and on Spark, and in pyspark."""
        expected_rows = [plain(list(row)) for row in expected.collect()]
        on_spark = ours(frame)
        assert on_spark.columns == expected.columns
        assert [f.dataType.simpleString() for f in on_spark.schema] == [
            f.dataType.simpleString() for f in expected.schema
        ]
        assert_close([plain(list(row)) for row in on_spark.collect()], expected_rows, digits)

    for flatten in (True, False):
        same(
            lambda f, flatten=flatten: ChiSquareTest.test(f, "c", "y", flatten),
            theirs.ChiSquareTest.test(frame, "c", "y", flatten),
        )
    same(lambda f: KolmogorovSmirnovTest.test(f, "n", "norm", 1.0, 2.0),
         theirs.KolmogorovSmirnovTest.test(frame, "n", "norm", 1.0, 2.0))  # fmt: skip
    for method in ("pearson", "spearman"):
        expected = theirs.Correlation.corr(frame, "x", method).collect()[0][0].toArray()
        for rows in (frame, TABLE.to_pandas()):
            found = Correlation.corr(rows, "x", method)
            matrix = (found.collect()[0][0] if rows is frame else found.iloc[0, 0]).toArray()
            assert matrix == pytest.approx(expected, rel=1e-6, nan_ok=True)
    for weight in (None, "w"):
        summary = theirs.Summarizer.metrics(*METRICS).summary(col("x"), *([col(weight)] if weight else []))
        expected = frame.select(summary.alias("s")).select("s.*")
        same(lambda f, w=weight: Summarizer.metrics(*METRICS).summary("x", w).over(f), expected, 1e-7)
    same(lambda f: Summarizer.max("x").over(f), frame.select(theirs.Summarizer.max(col("x"))))
