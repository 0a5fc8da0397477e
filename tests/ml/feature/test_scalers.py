"""Scalers: by hand, against NumPy, on constant and odd columns, and where they refuse."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fireside.core.errors import InputError
from fireside.ml.attributes import vector_size_of
from fireside.ml.feature import (
    IDF,
    ElementwiseProduct,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
    VectorIndexer,
)
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock

INF, NAN = float("inf"), float("nan")
numbers = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=7),
    elements=st.sampled_from([0.0, 0.0, 0.0, 1.0, -2.5, 3.0, 1e6]),
)


def frame(array, *, sparse):
    vectors = [
        SparseVector(len(row), np.flatnonzero(row), row[np.flatnonzero(row)]) if sparse else DenseVector(row)
        for row in np.asarray(array, np.float64)
    ]
    return pa.table({"v": VectorBlock.arrow_from_vectors(vectors)})


def dense(table, column="out"):
    return VectorBlock.from_arrow(table[column]).to_dense()


def kinds(table, column="out"):
    return table[column].combine_chunks().field("type").to_pylist()


@settings(deadline=None)
@given(numbers, st.booleans())
def test_largest_magnitudes_become_one(array, sparse):
    rows = frame(array, sparse=sparse)
    model = MaxAbsScaler(inputCol="v", outputCol="out").fit(rows)
    largest = np.abs(array).max(axis=0)
    assert np.array_equal(model.maxAbs.toArray(), largest)
    assert np.allclose(dense(model.transform(rows)), array / np.where(largest == 0, 1, largest), rtol=1e-15)
    assert kinds(model.transform(rows)) == [1 - sparse] * len(array)


@settings(deadline=None)
@given(numbers, st.booleans(), st.sampled_from([(0.0, 1.0), (-3.0, 5.0)]))
def test_smallest_and_largest_go_to_the_ends_of_the_range(array, sparse, ends):
    low, high = ends
    rows = frame(array, sparse=sparse)
    model = MinMaxScaler(inputCol="v", outputCol="out", min=low, max=high).fit(rows)
    assert np.array_equal(model.originalMin.toArray(), array.min(axis=0))
    assert np.array_equal(model.originalMax.toArray(), array.max(axis=0))
    spread = np.ptp(array, axis=0)
    share = np.divide(array - array.min(axis=0), spread, out=np.full_like(array, 0.5), where=spread != 0)
    assert np.allclose(dense(model.transform(rows)), low + share * (high - low), rtol=1e-12, atol=1e-12)


def test_a_column_that_never_varies_goes_to_the_middle_and_nan_stays():
    rows = frame([[3.0, NAN, -INF], [3.0, 1.0, 2.0], [3.0, 5.0, 7.0]], sparse=False)
    found = dense(MinMaxScaler(inputCol="v", outputCol="out", min=0.0, max=4.0).fit(rows).transform(rows))
    expected = [[2.0, NAN, 2.0], [2.0, 0.0, 2.0], [2.0, 4.0, 2.0]]
    assert np.array_equal(found, expected, equal_nan=True)


def test_nan_is_passed_over_and_zeros_that_are_not_stored_count():
    rows = {"v": [SparseVector(3, {0: NAN, 1: -4.0}), SparseVector(3, {0: -2.0, 1: -1.0})]}
    model = MinMaxScaler(inputCol="v").fit(rows)
    assert (model.originalMin, model.originalMax) == (DenseVector([-2, -4, 0]), DenseVector([-2, -1, 0]))
    assert MaxAbsScaler(inputCol="v").fit(rows).maxAbs == DenseVector([2, 4, 0])


def test_what_was_learnt_is_held_in_the_smaller_form():
    rows = {"v": [SparseVector(9, {2: 3.0})] * 2}
    assert isinstance(MaxAbsScaler(inputCol="v").fit(rows).maxAbs, SparseVector)
    assert isinstance(MinMaxScaler(inputCol="v").fit(rows).originalMax, SparseVector)


def test_a_range_without_room_is_refused():
    stage = MinMaxScaler(inputCol="v", min=1.0, max=1.0)
    with pytest.raises(InputError, match=rf"{stage.uid}: min \(1.0\) must be below max \(1.0\)"):
        stage.fit({"v": [[1.0]]})
    model = MinMaxScaler(inputCol="v", outputCol="out").fit({"v": [[1.0], [3.0]]})
    assert model.setMin(-1.0).transform({"v": [[2.0]]})["out"] == [DenseVector([0.0])]
    with pytest.raises(InputError, match=r"min \(2.0\) must be below max \(1.0\)"):
        model.setMin(2.0).transform({"v": [[2.0]]})


def test_vectors_of_another_size_than_was_fitted_are_refused():
    for stage in (MaxAbsScaler(inputCol="v"), MinMaxScaler(inputCol="v")):
        model = stage.fit({"v": [[1.0, 2.0]]})
        assert vector_size_of(model.transform(pa.table({"v": [[1.0, 2.0]]})).schema.field(1)) == 2
        with pytest.raises(InputError, match="size 3, but the model was fitted to size 2"):
            model.transform({"v": [[1.0, 2.0, 3.0]]})


@settings(deadline=None)
@given(numbers, st.booleans())
def test_a_product_entry_by_entry_is_that_of_numpy(array, sparse):
    factors = np.arange(array.shape[1]) - 1.0
    stage = ElementwiseProduct(scalingVec=factors, inputCol="v", outputCol="out")
    found = stage.transform(frame(array, sparse=sparse))
    assert np.array_equal(dense(found), array * factors)
    assert kinds(found) == [1 - sparse] * len(array)


def test_a_product_needs_a_factor_for_each_entry_and_is_saved(tmp_path):
    stage = ElementwiseProduct(scalingVec=SparseVector(3, {1: INF}), inputCol="v", outputCol="out")
    with pytest.raises(InputError, match="vectors of size 2, but scalingVec has 3 entries"):
        stage.transform({"v": [[1.0, 2.0]]})
    stage.save(tmp_path / "stage")
    again = ElementwiseProduct.load(tmp_path / "stage").getScalingVec()
    assert repr(again) == repr(stage.getScalingVec())


@settings(deadline=None)
@given(numbers, st.booleans(), st.booleans(), st.booleans())
def test_medians_are_subtracted_and_ranges_divided_by(array, sparse, centre, scale):
    rows = frame(array, sparse=sparse)
    stage = RobustScaler(inputCol="v", outputCol="out", withCentering=centre, withScaling=scale, lower=0.2)
    model = stage.fit(rows)
    ordered = np.sort(array, axis=0)
    lower, median, upper = (ordered[int(np.ceil(share * len(array))) - 1] for share in (0.2, 0.5, 0.75))
    assert np.array_equal(model.median.toArray(), median)
    assert np.array_equal(model.range.toArray(), upper - lower)
    expected = array - median * centre
    if scale:
        varies = upper != lower
        expected = np.divide(expected, upper - lower, out=np.zeros_like(expected), where=varies)
    found = model.transform(rows)
    assert np.allclose(dense(found), expected, rtol=1e-14)
    assert kinds(found) == [int(centre or not sparse)] * len(array)


def test_outliers_and_nan_do_not_move_a_robust_scaler():
    rows = frame([[1.0, NAN], [2.0, 5.0], [3.0, 6.0], [4.0, 7.0], [1e300, NAN]], sparse=False)
    model = RobustScaler(inputCol="v").fit(rows)
    assert (model.median, model.range) == (DenseVector([3, 6]), DenseVector([2, 2]))
    with pytest.raises(InputError, match="column 'v' has nothing but NaN in feature 1: fill it"):
        RobustScaler(inputCol="v").fit(frame([[1.0, NAN], [2.0, NAN]], sparse=False))


def test_quantiles_of_a_robust_scaler_are_in_order_and_inside():
    with pytest.raises(InputError, match=r"lower \(0.75\) must be below upper \(0.75\)"):
        RobustScaler(inputCol="v", lower=0.75).fit({"v": [[1.0]]})
    for wrong in (0.0, 1.0, -0.5):
        with pytest.raises(InputError, match="upper must be above 0 and below 1"):
            RobustScaler(upper=wrong)


@pytest.mark.parametrize("rows", [1, 3, 3000])
def test_vectors_without_entries_are_scaled_to_such(rows):
    block = VectorBlock.from_dense(np.zeros((rows, 0))).to_arrow()
    for kind in (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler, VectorIndexer, IDF):
        found = kind(inputCol="v", outputCol="o").fit({"v": block}).transform({"v": block})["o"]
        assert found == [DenseVector([])] * rows


def test_the_largest_entry_passes_over_nan():
    stage = Normalizer(inputCol="v", outputCol="o", p=float("inf"))
    (found,) = stage.transform({"v": [DenseVector([2, 0, float("nan")])]})["o"]
    assert found.toArray()[:2].tolist() == [1.0, 0.0]
    assert np.isnan(found[2])
