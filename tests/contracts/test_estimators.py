"""The contract of every stage, on every kind of frame: pandas, pyarrow, streamed files and Spark."""

import logging
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireside.compute import Dataset
from fireside.core.errors import InputError, SchemaError
from fireside.ml.base import Estimator
from fireside.ml.frame import open_frame
from fireside.ml.param import ParamTypeError
from tests.contracts.estimator_cases import CASES

ESTIMATORS = [name for name, case in CASES.items() if case.is_estimator]
BACK_ENDS = ["pandas", "pyarrow", "parquet", pytest.param("spark", marks=pytest.mark.spark)]

MakeFrame = Callable[[pa.Table], Any]


@pytest.fixture(params=BACK_ENDS)
def make_frame(request: pytest.FixtureRequest, tmp_path: Any) -> MakeFrame:
    """Turns an Arrow table into the kind of frame under test."""
    kind = request.param
    if kind == "spark":
        from fireside.compute import TableDataset
        from fireside.compute.spark import to_frame

        session = request.getfixturevalue("spark")
        return lambda table: to_frame(TableDataset(table), session.range(1))
    if kind == "pandas":
        if "not in pandas" in CASES[request.node.callspec.params["name"]].tags:
            pytest.skip("pandas tells neither null from NaN, nor integers with nulls from floats")
        return lambda table: table.to_pandas(types_mapper=None)
    if kind == "pyarrow":
        return lambda table: table

    def parquet(table: pa.Table) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        # Small groups, so that the rows come in several batches.
        pq.write_table(table, path, row_group_size=3)
        return str(path)

    return parquet


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """The rows as plain values, by `id`; NaN is `None`, since pandas does not tell them apart."""
    table = open_frame(frame).to_table()
    return sorted((plain(row) for row in table.to_pylist()), key=lambda row: row["id"])


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def approximately(rows: Any) -> Any:
    if isinstance(rows, dict):
        return {key: approximately(value) for key, value in rows.items()}
    if isinstance(rows, list):
        return [approximately(value) for value in rows]
    return pytest.approx(rows, rel=1e-12, abs=1e-14) if isinstance(rows, float) else rows


def kind_of(frame: Any) -> type:
    return Dataset if isinstance(frame, str | Dataset) else type(frame)


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_frame_gives_the_same_rows_and_comes_back_as_itself(name, make_frame):
    case = CASES[name]
    expected = rows_of(case.fitted(case.frame).transform(case.frame))
    frame = make_frame(case.frame)
    found = case.fitted(frame).transform(frame)
    assert kind_of(found) is kind_of(frame)
    assert rows_of(found) == approximately(expected)


@pytest.mark.parametrize("name", CASES)
def test_a_missing_column_is_named_with_the_stage_and_the_nearest_one(name, make_frame):
    case = CASES[name]
    frame = make_frame(
        case.frame.rename_columns([f"{n}x" if n != "id" else n for n in case.frame.column_names])
    )
    stage = case.stage()
    with pytest.raises(SchemaError) as caught:
        if isinstance(stage, Estimator):
            stage.fit(frame)
        else:
            stage.transform(frame)
    missing = case.reads[0]
    assert f"{stage.uid}: there is no column {missing!r}" in str(caught.value)
    assert f"{missing}x" in str(caught.value)
    if case.is_estimator and "optional input" not in case.tags:
        with pytest.raises(SchemaError, match=f"there is no column '{missing}'"):
            case.fitted(case.frame).transform(frame)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nulls == "error"])
def test_a_null_is_an_error_that_names_stage_and_column(name, make_frame, request):
    case = CASES[name]
    if "spark" in request.fixturenames and name not in ("Normalizer", "KMeans"):
        pytest.skip("a failed job takes Spark 15 seconds, and how errors travel does not depend on the stage")
    for column in case.reads:
        place = case.frame.column_names.index(column)
        values = case.frame[column].combine_chunks()
        holed = pa.concat_arrays([values.slice(0, 2), pa.nulls(1, values.type), values.slice(3)])
        frame = make_frame(case.frame.set_column(place, case.frame.field(place), holed))
        stage = case.stage()
        model = stage.fit(case.frame) if isinstance(stage, Estimator) else stage
        with pytest.raises(InputError, match=rf"{stage.uid}: column '{column}' has a null"):
            rows_of(model.transform(frame))
            # Weights are read by the fit alone.
            stage.fit(frame)


@pytest.mark.parametrize("name", CASES)
def test_no_rows_give_no_rows_or_one_clear_error(name, make_frame):
    case = CASES[name]
    frame = make_frame(case.frame.slice(0, 0))
    found = open_frame(case.fitted(case.frame).transform(frame))
    assert found.to_table().num_rows == 0
    assert found.column_names[: case.frame.num_columns] == case.frame.column_names
    if case.is_estimator and not case.fits_nothing:
        with pytest.raises(InputError, match="there are no rows"):
            case.stage().fit(frame)
    elif case.is_estimator:
        assert open_frame(case.stage().fit(frame).transform(frame)).to_table().num_rows == 0


@pytest.mark.parametrize("name", CASES)
def test_fit_and_transform_change_neither_params_nor_rows(name):
    case = CASES[name]
    stage, frame = case.stage(), case.frame
    before = (dict(stage._paramMap), dict(stage._defaultParamMap), stage.uid)
    rows = frame.to_pylist()
    model = stage.fit(frame) if isinstance(stage, Estimator) else stage
    state = (dict(model._paramMap), dict(model._defaultParamMap))
    model.transform(frame)
    assert (dict(stage._paramMap), dict(stage._defaultParamMap), stage.uid) == before
    assert (dict(model._paramMap), dict(model._defaultParamMap)) == state
    assert plain(frame.to_pylist()) == plain(rows)


@pytest.mark.parametrize("name", CASES)
def test_transform_schema_tells_the_columns_and_types_of_transform(name):
    case = CASES[name]
    model = case.fitted(case.frame)
    schema = model.transformSchema(open_frame(case.frame).schema)
    assert schema.equals(open_frame(model.transform(case.frame)).schema, check_metadata=False)
    told = case.stage().transformSchema(open_frame(case.frame).schema)
    assert told.names == schema.names
    assert told.types == schema.types


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "appends nothing" not in case.tags])
def test_an_output_column_that_exists_is_refused(name):
    case = CASES[name]
    model = case.fitted(case.frame)
    with pytest.raises(SchemaError, match=f"{model.uid}: column '.*' exists already"):
        model.transform(model.transform(case.frame))


@pytest.mark.parametrize("name", CASES)
def test_the_constructor_only_stores_and_refuses_unknown_params(name):
    stage = CASES[name].stage()
    again = type(stage)(**stage._paramMap)
    assert again._paramMap == stage._paramMap
    assert again.uid != stage.uid
    some = next(iter(stage._paramMap))
    with pytest.raises(ParamTypeError, match=f"no param '{some}Q'; did you mean '{some}"):
        type(stage)(**{f"{some}Q": 1})


@pytest.mark.parametrize("name", CASES)
def test_params_are_explained_copied_and_cleared(name):
    stage = CASES[name].stage()
    lines = stage.explainParams().splitlines()
    assert [line.partition(":")[0] for line in lines] == [param.name for param in stage.params]
    assert all(param.doc and f"{param.doc} (" in stage.explainParam(param) for param in stage.params)
    set_param = stage.getParam(next(iter(stage._paramMap)))
    twin = stage.copy()
    assert (twin.uid, twin._paramMap, twin._defaultParamMap) == (
        stage.uid,
        stage._paramMap,
        stage._defaultParamMap,
    )
    twin.clear(set_param)
    assert stage.isSet(set_param)
    assert not twin.isSet(set_param)


@pytest.mark.parametrize("name", CASES)
def test_every_param_has_a_getter_and_every_estimator_a_setter(name):
    stage = CASES[name].stage()
    for param in stage.params:
        upper = param.name[0].upper() + param.name[1:]
        if stage.isDefined(param):
            value = getattr(stage, f"get{upper}")()
            assert plain(value) == plain(stage.getOrDefault(param))
            assert getattr(stage, f"set{upper}")(value) is stage


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_model_has_the_uid_and_params_of_its_estimator(name):
    case = CASES[name]
    estimator = case.stage()
    model = estimator.fit(case.frame)
    assert model.uid == estimator.uid
    for param in model.params:
        if estimator.hasParam(param.name) and estimator.isSet(param.name):
            assert model.getOrDefault(param) == estimator.getOrDefault(param.name)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_extra_params_hold_for_one_fit(name):
    case = CASES[name]
    estimator = case.stage()
    target = next(name for name in ("predictionCol", "outputCol", "featuresCol") if estimator.hasParam(name))
    if not estimator.isSet(target) and not estimator.hasDefault(target):
        pytest.skip("several output columns")
    param = estimator.getParam(target)
    models = estimator.fit(case.frame, [{param: "one"}, {param: "two"}])
    assert [model.getOrDefault(target) for model in models] == ["one", "two"]
    assert estimator.getOrDefault(target) not in ("one", "two")


@pytest.mark.parametrize("name", CASES)
def test_a_stage_and_its_model_come_back_from_disk_as_they_were(name, tmp_path):
    case = CASES[name]
    model = case.fitted(case.frame)
    for stage in (case.stage(), model):
        path = tmp_path / type(stage).__name__
        stage.write().overwrite().save(path)
        loaded = type(stage).load(path)
        assert type(loaded) is type(stage)
        assert loaded.uid == stage.uid
        assert loaded._paramMap == stage._paramMap
        assert loaded._defaultParamMap == stage._defaultParamMap
    again = type(model).load(tmp_path / type(model).__name__)
    assert rows_of(again.transform(case.frame)) == rows_of(model.transform(case.frame))


@pytest.mark.parametrize("name", ["StringIndexer", "StringIndexer keep"])
def test_an_indexer_warns_where_the_column_of_new_rows_is_missing(name, caplog):
    case = CASES[name]
    model = case.fitted(case.frame)
    with caplog.at_level(logging.WARNING):
        found = model.transform(case.frame.select(["id"]))
    assert found.column_names == ["id"]
    assert "there is no column 'c'" in caplog.text
