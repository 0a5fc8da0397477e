"""Selectors, vector indices and target means on what the contract suite does not reach."""

import math

import numpy as np
import pyarrow as pa
import pytest

from fireside.core.errors import CheckpointError, InputError, SchemaError
from fireside.ml import Pipeline
from fireside.ml.attributes import entries_of
from fireside.ml.feature import (
    ChiSqSelector,
    Imputer,
    OneHotEncoder,
    QuantileDiscretizer,
    StringIndexer,
    TargetEncoder,
    TargetEncoderModel,
    UnivariateFeatureSelector,
    VarianceThresholdSelector,
    VectorAssembler,
    VectorIndexer,
    VectorIndexerModel,
)
from fireside.ml.feature.selected_features import by_p_values
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock, Vectors

P_VALUES = np.array([0.04, 0.001, math.nan, 0.3, 0.02, 0.04])


@pytest.mark.parametrize(
    ("mode", "threshold", "expected"),
    [
        ("numTopFeatures", 1, [1]),
        # Of equal p-values the first feature comes first, and NaN last.
        ("numTopFeatures", 3, [0, 1, 4]),
        ("numTopFeatures", 5, [0, 1, 3, 4, 5]),
        ("numTopFeatures", 99, [0, 1, 2, 3, 4, 5]),
        ("percentile", 0.5, [0, 1, 4]),
        ("percentile", 0.1, []),
        ("fpr", 0.04, [1, 4]),
        ("fwe", 0.04, [1]),
        # 0.001 <= 1/6 * 0.06, 0.02 <= 2/6 * 0.06, 0.04 > 3/6 * 0.06, but 0.04 <= 4/6 * 0.06.
        ("fdr", 0.06, [0, 1, 4, 5]),
        ("fdr", 0.005, []),
    ],
)
def test_modes_of_selection_keep_what_they_say(mode, threshold, expected):
    assert by_p_values(P_VALUES, mode, threshold) == expected


def test_nothing_selected_gives_empty_vectors():
    rows = {"features": [Vectors.dense(1, 2), Vectors.sparse(2, {1: 2.0}), Vectors.dense(1, 2)]}
    model = VarianceThresholdSelector(outputCol="o", varianceThreshold=9.0).fit(rows)
    assert model.selectedFeatures == []
    assert [len(vector) for vector in model.transform(rows)["o"]] == [0, 0, 0]


def test_selected_entries_keep_their_names():
    rows = pa.table({"a": [1.0, 2.0], "b": [5.0, 5.0], "c": [0.0, 9.0]})
    assembler = VectorAssembler(inputCols=["a", "b", "c"], outputCol="features")
    selector = VarianceThresholdSelector(outputCol="o")
    found = Pipeline(stages=[assembler, selector]).fit(rows).transform(rows)
    assert [entry["name"] for entry in entries_of(found.schema.field("o"))] == ["a", "c"]


def test_a_model_refuses_vectors_that_are_too_short():
    rows = {"features": [Vectors.dense(1, 2), Vectors.dense(2, 9)]}
    model = VarianceThresholdSelector(outputCol="o", varianceThreshold=1).fit(rows)
    with pytest.raises(InputError, match="vectors of size 1, but feature 1 was selected"):
        model.transform({"features": [Vectors.dense(1)]})


def test_selectors_refuse_what_they_have_no_test_for():
    rows = {"features": [Vectors.dense(i, i % 2) for i in range(6)], "label": [0.0, 1.0] * 3}
    selector = UnivariateFeatureSelector(outputCol="o")
    with pytest.raises(InputError, match="featureType is not set"):
        selector.fit(rows)
    selector.setFeatureType("categorical").setLabelType("continuous")
    with pytest.raises(InputError, match="no test of categorical features against continuous labels"):
        selector.fit(rows)
    selector.setFeatureType("continuous")
    for mode, wrong in (("numTopFeatures", 0.5), ("fpr", 3), ("numTopFeatures", -1)):
        with pytest.raises(InputError, match=f"selectionThreshold must be .* for '{mode}'"):
            selector.setSelectionMode(mode).setSelectionThreshold(wrong).fit(rows)
    with pytest.raises(SchemaError, match="column 'label' is string"):
        ChiSqSelector(outputCol="o").fit({**rows, "label": list("ababab")})


def test_one_label_selects_by_order_alone():
    rows = {"features": [Vectors.dense(i, i % 2) for i in range(4)], "label": [1.0] * 4}
    assert ChiSqSelector(outputCol="o", numTopFeatures=1).fit(rows).selectedFeatures == [0]


def test_zero_gets_index_0_and_few_values_are_categories():
    block = [[-1.0, 2.0, 0.5], [0.0, 2.0, 1.5], [3.0, 0.0, 2.5], [0.0, 2.0, 3.5]]
    vectors = [DenseVector(block[0]), SparseVector(3, {1: 2.0, 2: 1.5}), *map(DenseVector, block[2:])]
    model = VectorIndexer(inputCol="v", outputCol="o", maxCategories=3).fit({"v": vectors})
    assert model.categoryMaps == {0: {0.0: 0, -1.0: 1, 3.0: 2}, 1: {0.0: 0, 2.0: 1}}
    assert model.categoryMapsDF.num_rows == 5
    found = model.transform({"v": vectors})["o"]
    assert found[0] == DenseVector([1, 1, 0.5])
    assert found[1] == SparseVector(3, {1: 1.0, 2: 1.5})


def test_categories_that_many_batches_and_processes_share_are_counted_once(tmp_path):
    import pyarrow.parquet as pq

    values = np.array([[i % 3, i % 7] for i in range(50)], float)
    rows = pa.table({"v": VectorBlock.from_dense(values).to_arrow()})
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=4)
    model = VectorIndexer(inputCol="v", outputCol="o", maxCategories=5).fit(tmp_path / "rows.parquet")
    assert list(model.categoryMaps) == [0]


def test_unseen_values_are_errors_skipped_or_kept():
    model = VectorIndexer(inputCol="v", outputCol="o", maxCategories=2).fit(
        {"v": [Vectors.dense(1, 2), Vectors.dense(3, 2)]}
    )
    rows = {"v": [Vectors.dense(7, 2), Vectors.sparse(2, {1: 2.0}), Vectors.dense(math.nan, 9)]}
    with pytest.raises(InputError, match=r"has the value 7\.0 of feature 0 \(row 0 of its batch\)"):
        model.transform(rows)
    # A zero that is not stored is not looked at, as in Spark.
    assert model.setHandleInvalid("skip").transform(rows)["o"] == [SparseVector(2, {1: 0.0})]
    kept = model.setHandleInvalid("keep").transform(rows)["o"]
    assert [vector.toArray().tolist() for vector in kept] == [[2, 0], [0, 0], [2, 1]]


def test_nan_can_be_a_category():
    rows = {"v": [Vectors.dense(math.nan), Vectors.dense(1), Vectors.dense(math.nan)]}
    model = VectorIndexer(inputCol="v", outputCol="o").fit(rows)
    assert list(model.categoryMaps[0].values()) == [0, 1]
    assert [vector[0] for vector in model.transform(rows)["o"]] == [1, 0, 1]


def test_target_means_are_drawn_to_the_mean_of_all_rows():
    rows = {"c": [2, 2, 2, 3, 3, 5], "y": [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]}
    encoder = TargetEncoder(inputCol="c", outputCol="o", labelCol="y", smoothing=1.0)
    found = encoder.fit(rows).transform({"c": [2, 3, 5]})["o"]
    mean = 4 / 6
    assert found == pytest.approx([(2 + mean) / 4, (2 + mean) / 3, (0 + mean) / 2])


def test_null_is_a_category_if_it_was_seen_and_rows_without_label_do_not_count():
    rows = {"c": [0.0, None, None, 1.0], "y": [1.0, 1.0, 0.0, None]}
    model = TargetEncoder(inputCol="c", labelCol="y").fit(rows)
    assert model.transform({"c": [None, 0.0]}) == {"c": [None, 0.0], "c_indexed": [0.5, 1.0]}
    with pytest.raises(InputError, match="has the category 1, which was not seen when the model was fitted"):
        model.transform({"c": [1.0]})
    assert model.setHandleInvalid("keep").transform({"c": [1.0]})["c_indexed"] == [2 / 3]
    model = TargetEncoder(inputCol="c", labelCol="y").fit({"c": [0.0], "y": [1.0]})
    with pytest.raises(InputError, match="has a null, and there was none when the model was fitted"):
        model.transform({"c": [None, 0.0]})


def test_what_is_no_category_or_label_is_refused():
    for wrong in (0.5, -1.0, math.nan):
        with pytest.raises(InputError, match=r"column 'c' has .*, which is no index of a category"):
            TargetEncoder(inputCol="c", labelCol="y").fit(pa.table({"c": [wrong, 0.0], "y": [0.0, 1.0]}))
    with pytest.raises(InputError, match="has the label 2, but binary labels are 0 and 1"):
        TargetEncoder(inputCol="c", labelCol="y").fit({"c": [0, 1], "y": [1, 2]})
    with pytest.raises(InputError, match="there are no rows with a label to fit to"):
        TargetEncoder(inputCol="c", labelCol="y").fit(pa.table({"c": [0, 1], "y": pa.nulls(2, pa.float64())}))
    model = TargetEncoder(inputCols=["c"], outputCols=["o"], labelCol="y").fit({"c": [0], "y": [1]})
    with pytest.raises(InputError, match="was fitted to 1 columns, but there are 2 inputCols"):
        model.setParams(inputCols=["c", "d"], outputCols=["o", "p"]).transform({"c": [0], "d": [0]})


def test_target_means_follow_string_indices_in_a_pipeline(tmp_path):
    rows = {"s": ["a", "b", "a", "b"], "y": [1, 0, 0, 0]}
    stages = [StringIndexer(inputCol="s", outputCol="c"), TargetEncoder(inputCol="c", labelCol="y")]
    model = Pipeline(stages=stages).fit(rows)
    assert model.transform(rows)["c_indexed"] == [0.5, 0.0, 0.5, 0.0]
    encoder = model.stages[1]
    encoder.save(tmp_path / "model")
    assert [s.tolist() for s in TargetEncoderModel.load(tmp_path / "model").stats[0]] == [
        s.tolist() for s in encoder.stats[0]
    ]
    with pytest.raises(CheckpointError, match="holds a TargetEncoderModel"):
        VectorIndexerModel.load(tmp_path / "model")


def test_a_minus_one_is_no_null_to_target_means():
    rows = {"c": [0.0, None, 1.0], "y": [1.0, 1.0, 0.0]}
    model = TargetEncoder(inputCol="c", outputCol="o", labelCol="y").fit(rows)
    asked = pa.table({"c": pa.array([None, -1.0])})
    with pytest.raises(InputError, match=r"the category -1, which was not seen .*row 1 of its batch"):
        model.transform(asked)
    model.setHandleInvalid("keep")
    assert model.transform(asked)["o"].to_pylist() == [1.0, pytest.approx(2 / 3)]
    assert [model.predictor()({"c": c})["o"] for c in (None, -1.0)] == [1.0, pytest.approx(2 / 3)]


def test_labels_are_in_the_order_of_their_code_points():
    # As Spark 4.3 has it, on whose strings of UTF-8 bytes the order rests; Java's own would be another.
    labels = ["\U0001f600", "\uffee", "b"]
    for order, expected in (
        ("alphabetAsc", [2, 1, 0]),
        ("alphabetDesc", [0, 1, 2]),
        ("frequencyDesc", [2, 1, 0]),
    ):
        model = StringIndexer(inputCol="c", outputCol="o", stringOrderType=order).fit({"c": labels})
        assert model.labels == [labels[place] for place in expected]


@pytest.mark.parametrize("kind", [StringIndexer, OneHotEncoder, Imputer, QuantileDiscretizer])
def test_a_column_may_be_read_twice(kind):
    stage = kind(inputCols=["c", "c"], outputCols=["o", "p"])
    found = stage.fit({"c": [0.0, 1.0, 1.0]}).transform({"c": [0.0, 1.0]})
    assert found["o"] == found["p"]
