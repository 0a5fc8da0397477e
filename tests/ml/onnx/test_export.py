"""Every stage that ONNX can express gives in onnxruntime what it gives here."""

from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest

from fireside.core.errors import FiresideError, InputError, SchemaError
from fireside.ml import Pipeline, PipelineModel
from fireside.ml.attributes import entries_of, vector_field_of
from fireside.ml.classification import NaiveBayes
from fireside.ml.clustering import KMeans
from fireside.ml.feature import (
    DCT,
    CountVectorizerModel,
    Imputer,
    IndexToString,
    MinMaxScaler,
    NGram,
    OneHotEncoder,
    PolynomialExpansion,
    RegexTokenizer,
    RFormula,
    StandardScaler,
    StopWordsRemover,
    StringIndexer,
    Tokenizer,
    VectorAssembler,
)
from fireside.ml.frame import open_frame
from fireside.ml.linalg import VectorBlock, is_vector_type
from fireside.ml.onnx import EXPORTERS, export
from fireside.ml.serving.stage_columns import stages_of
from tests.contracts.estimator_cases import CASES, DENSE

# Cases of stages that are exported otherwise, which a graph cannot express.
SKIPS_ROWS = {
    "VectorAssembler skip",
    "VectorSizeHint skip",
    "Bucketizer columns",
    "QuantileDiscretizer columns",
}
# What is read or made of words has tests of its own.
WORDS = {Tokenizer, RegexTokenizer, StopWordsRemover, CountVectorizerModel}
# Here null goes elsewhere than NaN, which it is in a tensor.
NULL_IS_NOT_NAN = {"Bucketizer keep"}
# Where NaN is not what is missing, null, which is NaN in a tensor, is filled in all the same.
NAN_IS_NOT_MISSING = {"Imputer mode"}
# Sums of infinities are infinite or NaN by the order in which they are made.
ADDS_INFINITIES = {"DCT", "DCT inverse"}
EXTREMES = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300, 1e-320]


def models() -> dict[str, Any]:
    fitted = {name: case.fitted(case.frame) for name, case in CASES.items()}
    return {
        name: model
        for name, model in fitted.items()
        if all(type(stage) in EXPORTERS and type(stage) not in WORDS for stage in stages_of(model))
    }


MODELS = models()


def run(path: Any, table: pa.Table) -> dict[str, Any]:
    return run_session(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]), table)


def run_session(session: Any, table: pa.Table) -> dict[str, Any]:
    feeds = {one.name: tensor_of(table[one.name]) for one in session.get_inputs()}
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def sized(table: pa.Table) -> pa.Table:
    """The table with the sizes of its vectors in its metadata, on which some graphs depend."""
    for place, field in enumerate(table.schema):
        if is_vector_type(field.type) and entries_of(field) is None:
            size = VectorBlock.from_arrow(table[field.name].drop_null()).size
            table = table.set_column(place, vector_field_of(field.name, size), table[field.name])
    return table


def shuffled_entries(table: pa.Table, rows: int) -> pa.Table:
    """New rows of known values: each drawn by itself from its column, or its entry of vectors."""
    rng = np.random.default_rng(17)
    columns = []
    for column in table.columns:
        values = column.combine_chunks()
        if is_vector_type(values.type) and not values.null_count:
            dense = VectorBlock.from_arrow(values).to_dense()
            drawn = np.stack([rng.choice(entry, rows) for entry in dense.T], axis=1)
            # A vector of zeros has no direction.
            drawn[~drawn.any(axis=1)] = dense[0]
            columns.append(VectorBlock.from_dense(drawn).to_arrow())
        else:
            columns.append(values.take(pa.array(rng.integers(0, len(values), rows))))
    return pa.Table.from_arrays(columns, schema=table.schema)


def with_extremes(row: pa.Table, rng: np.random.Generator) -> pa.Table:
    """A row with some of its floats, and of the entries of its vectors, replaced by extreme ones."""
    columns = []
    for column in row.columns:
        value = column.combine_chunks()
        if is_vector_type(value.type):
            dense = VectorBlock.from_arrow(value).to_dense().copy()
            is_extreme = rng.random(dense.shape) < 0.3
            dense[is_extreme] = rng.choice(EXTREMES, is_extreme.sum())
            value = VectorBlock.from_dense(dense).to_arrow()
        elif pa.types.is_floating(value.type) and rng.random() < 0.4:
            value = pa.array([rng.choice(EXTREMES)]).cast(value.type)
        columns.append(value)
    return pa.Table.from_arrays(columns, schema=row.schema)


def tensor_of(column: pa.ChunkedArray) -> Any:
    column = column.combine_chunks()
    if is_vector_type(column.type):
        return VectorBlock.from_arrow(column).to_dense()
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), object).reshape(-1, 1)
    values = column.to_numpy(zero_copy_only=False)
    return values.reshape(-1, 1)


def has_counterpart(table: pa.Table, *, null_is_nan: bool) -> Any:
    """bool[N], the rows that tensors can hold: only those of floats have something for null."""
    kept = np.ones(len(table), bool)
    for column in table.columns:
        if not (null_is_nan and (pa.types.is_floating(column.type) or is_vector_type(column.type))):
            kept &= column.is_valid().to_numpy()
    return kept


def expected_of(chunks: pa.ChunkedArray) -> Any:
    if is_vector_type(chunks.type):
        column = chunks.combine_chunks()
        kept = column.drop_null()
        dense = VectorBlock.from_arrow(kept).to_dense()
        full = np.zeros((len(column), dense.shape[1]))
        full[column.is_valid().to_numpy(zero_copy_only=False)] = dense
        return full
    return tensor_of(chunks)


def assert_same(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    if expected.dtype == object:
        assert found.tolist() == expected.tolist()
    else:
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", sorted(set(MODELS) - SKIPS_ROWS))
def test_onnxruntime_gives_what_transform_gives(name, tmp_path):
    model, table = MODELS[name], open_frame(CASES[name].frame).to_table()
    table = sized(table.filter(has_counterpart(table, null_is_nan=name not in NULL_IS_NOT_NAN)))
    path = tmp_path / "model.onnx"
    export(model, path, schema=table.schema)
    for rows in (table, shuffled_entries(table, 40)):
        expected = open_frame(model.transform(rows)).to_table()
        found = run(path, rows)
        # A label that is a number is one already.
        assert set(expected.column_names) - set(rows.column_names) - set(found) <= {"label"}
        for column in set(found) & set(expected.column_names):
            assert_same(found[column], expected_of(expected[column]))


@pytest.mark.parametrize("name", sorted(set(MODELS) - SKIPS_ROWS - NAN_IS_NOT_MISSING - ADDS_INFINITIES))
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_a_row_that_transform_does_not_refuse_has_the_same_result_whatever_its_numbers(name, tmp_path):
    model, table = MODELS[name], open_frame(CASES[name].frame).to_table()
    table = sized(table.filter(has_counterpart(table, null_is_nan=False)))
    export(model, tmp_path / "model.onnx", schema=table.schema)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    rng, drawn = np.random.default_rng(5), shuffled_entries(table, 40)
    for row in range(40):
        extreme = with_extremes(drawn.slice(row, 1), rng)
        try:
            expected = open_frame(model.transform(extreme)).to_table()
        except FiresideError:
            continue
        found = run_session(session, extreme)
        for column in set(found) & set(expected.column_names):
            assert_same(found[column], expected_of(expected[column]))


def test_nan_was_not_seen_by_an_encoder_that_keeps_the_unseen(tmp_path):
    encoder = OneHotEncoder(inputCol="i", outputCol="v", handleInvalid="keep", dropLast=False)
    model = encoder.fit({"i": [0.0, 1.0, 2.0]})
    rows = pa.table({"i": [np.nan, -0.5, 1.0, 3.0, np.inf]})
    export(model, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", rows)["v"]
    np.testing.assert_array_equal(found, np.eye(4)[[3, 3, 1, 3, 3]])
    np.testing.assert_array_equal(found, expected_of(model.transform(rows)["v"]))


@pytest.mark.parametrize("x", [np.nan, np.inf, 0.0, 2.0])
def test_a_category_that_a_row_has_not_makes_zeros_of_any_number(x, tmp_path):
    train = pa.table({"label": [0.0, 1.0, 0.0], "x": [1.0, 2.0, 3.0], "s": ["a", "b", "c"]})
    model = RFormula(formula="label ~ x + s + x:s", handleInvalid="keep").fit(train)
    rows = pa.table({"x": [x], "s": ["b"]})
    export(model, tmp_path / "model.onnx", schema=rows.schema)
    found = run(tmp_path / "model.onnx", rows)["features"]
    np.testing.assert_array_equal(found, [[x, 0, 1, 0, 0, x, 0, 0]])
    np.testing.assert_array_equal(found, expected_of(model.transform(rows)["features"]))


def test_a_product_that_is_zero_stays_zero(tmp_path):
    stage = PolynomialExpansion(degree=3, inputCol="v", outputCol="out")
    rows = sized(pa.table({"v": VectorBlock.from_dense(np.array([[-np.inf, np.inf, 0.0]])).to_arrow()}))
    export(stage, tmp_path / "model.onnx", schema=rows.schema)
    expected = expected_of(stage.transform(rows)["out"])
    np.testing.assert_array_equal(run(tmp_path / "model.onnx", rows)["out"], expected)
    assert not np.isnan(expected).any()


def test_nothing_is_not_exported(tmp_path):
    empty = PipelineModel([])
    with pytest.raises(InputError, match=f"{empty.uid} cannot be exported: no columns go in or come out"):
        export(empty, tmp_path / "model.onnx", schema=pa.schema([("x", pa.float64())]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(set(CASES) - set(MODELS)))
def test_a_stage_that_cannot_be_expressed_is_named(name, tmp_path):
    model = CASES[name].fitted(CASES[name].frame)
    with pytest.raises(InputError, match=r"_\w+ cannot be exported: ONNX cannot express"):
        export(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(SKIPS_ROWS))
def test_a_graph_cannot_leave_out_rows(name, tmp_path):
    with pytest.raises(InputError, match=f"{MODELS[name].uid}.*leaves out rows"):
        export(MODELS[name], tmp_path / "model.onnx", schema=open_frame(CASES[name].frame).schema)


@pytest.mark.parametrize("kind", [DCT, PolynomialExpansion])
def test_a_stage_must_know_the_size_that_its_graph_depends_on(kind, tmp_path):
    stage = kind(inputCol="v", outputCol="out")
    with pytest.raises(InputError, match="depends on the size of the vectors"):
        export(stage, tmp_path / "model.onnx")
    scaler = MinMaxScaler(inputCol="x", outputCol="v").fit(pa.table({"x": DENSE}))
    export(PipelineModel([scaler, stage]), tmp_path / "model.onnx")
    table = pa.table({"x": DENSE})
    expected = PipelineModel([scaler, stage]).transform(table)["out"]
    assert_same(run(tmp_path / "model.onnx", table)["out"], expected_of(expected))


def test_a_whole_pipeline_is_one_graph(tmp_path):
    rng = np.random.default_rng(8)
    table = pa.table(
        {
            "a": [None if i % 5 == 2 else float(i) for i in range(30)],
            "b": rng.normal(size=30),
            "kind": [["p", "q", "r"][i % 3] for i in range(30)],
            "label": [float(i % 2) for i in range(30)],
        }
    )
    stages = [
        Imputer(inputCols=["a"], outputCols=["filled"]),
        StringIndexer(inputCol="kind", outputCol="index", handleInvalid="keep"),
        OneHotEncoder(inputCols=["index"], outputCols=["one_hot"], handleInvalid="keep"),
        VectorAssembler(inputCols=["filled", "b", "one_hot"], outputCol="assembled"),
        StandardScaler(inputCol="assembled", outputCol="features", withMean=True),
        KMeans(k=3, seed=1, predictionCol="cluster"),
        NaiveBayes(modelType="gaussian", thresholds=[0.4, 0.6]),
        IndexToString(inputCol="prediction", outputCol="answer", labels=["no", "yes"]),
    ]
    model = Pipeline(stages=stages[:5]).fit(table)
    features = model.transform(table)
    rest = Pipeline(stages=stages[5:]).fit(features)
    whole = PipelineModel([model, rest])
    path = tmp_path / "model.onnx"
    export(whole, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert {one.name: one.type for one in session.get_inputs()} == {
        "a": "tensor(double)",
        "b": "tensor(double)",
        "kind": "tensor(string)",
    }
    expected, found = whole.transform(table), run(path, table)
    assert set(found) == {"cluster", "rawPrediction", "probability", "answer"}
    for column, values in found.items():
        assert_same(values, expected_of(expected[column]))
    # A label that was never seen takes the way of those that are kept.
    new = pa.table({"a": [1.0], "b": [0.5], "kind": ["new"]})
    export(whole, path, outputs=["one_hot", "prediction"])
    found, expected = run(path, new), whole.transform(new)
    assert_same(found["one_hot"], expected_of(expected["one_hot"]))
    assert_same(found["prediction"], expected_of(expected["prediction"]))


def test_what_a_stage_would_refuse_is_nan(tmp_path):
    model = StringIndexer(inputCol="c", outputCol="i").fit({"c": ["a", "b", "b"]})
    export(model, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", pa.table({"c": ["a", "b", "z"]}))["i"]
    np.testing.assert_array_equal(found, [[1.0], [0.0], [np.nan]])


def test_bad_requests_are_named(tmp_path):
    with pytest.raises(SchemaError, match="no column 'v'; did you mean 'vv'"):
        export(DCT(inputCol="v", outputCol="out"), tmp_path / "m.onnx", schema=pa.schema([("vv", pa.null())]))
    scaler = MinMaxScaler(inputCol="v", outputCol="out").fit(pa.table({"v": DENSE}))
    with pytest.raises(FiresideError, match="no column 'oout'; did you mean 'out'"):
        export(scaler, tmp_path / "m.onnx", outputs=["oout"])
    words = PipelineModel([NGram(inputCol="t", outputCol="w"), scaler])
    with pytest.raises(InputError, match=f"{words.stages[0].uid} cannot be exported"):
        export(words, tmp_path / "m.onnx")
