"""The contract of every stage, on every kind of frame: in memory, streamed from files, and on Spark."""

import logging
from typing import Any

import pyarrow as pa
import pytest

from fireside.compute import Dataset
from fireside.core.errors import InputError, SchemaError
from fireside.ml.base import Estimator
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.param import ParamTypeError
from tests.contracts.estimator_cases import CASES
from tests.contracts.frame_kinds import (
    IN_MEMORY,
    SPARK,
    STREAMED,
    MakeFrame,
    approximately,
    cannot_hold,
    kind_of,
    maker_of,
    plain,
    rows_of,
)

# Columns are named in a formula or a statement, where other letters would have to be quoted.
NAMES_IN_SYNTAX = [name for name in CASES if name.startswith(("RFormula", "SQLTransformer"))]
ESTIMATORS = [name for name, case in CASES.items() if case.is_estimator]


@pytest.fixture(params=[*IN_MEMORY, *STREAMED, *SPARK])
def make_frame(request: pytest.FixtureRequest, tmp_path: Any) -> MakeFrame:
    """Turns an Arrow table into the kind of frame under test."""
    kind, case = request.param, CASES[request.node.callspec.params["name"]]
    if kind == "pandas" and "not in pandas" in case.tags:
        pytest.skip("pandas tells neither null from NaN, nor integers with nulls from floats")
    make = maker_of(kind, request, tmp_path)

    def made(table: pa.Table) -> Any:
        if reason := cannot_hold(kind, table):
            pytest.skip(reason)
        return make(table)

    return made


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_frame_gives_the_same_rows_and_comes_back_as_itself(name, make_frame):
    case = CASES[name]
    frame = make_frame(case.frame)
    # What a file of text holds is what is read from it.
    table = open_frame(frame).to_table() if str(frame).endswith(".csv") else case.frame
    expected = rows_of(case.fitted(table).transform(table))
    found = case.fitted(frame).transform(frame)
    assert kind_of(found) is kind_of(frame)
    assert rows_of(found) == approximately(expected)


def of_vectors(name):
    """Whether a case has nothing but vectors, and perhaps labels."""
    frame = CASES[name].frame
    if frame.column_names[1:] not in (["v"], ["v", "y"]):
        return False
    return not frame["v"].null_count and not frame.schema.field("v").metadata


@pytest.mark.parametrize("name", [name for name in CASES if of_vectors(name)])
def test_a_libsvm_file_gives_what_its_rows_give(name, tmp_path):
    case, path = CASES[name], tmp_path / "rows.libsvm"
    columns = return_frame(open_frame(case.frame), {"id": []})
    size = max(map(len, columns["v"]))
    lines = []
    for label, vector in zip(columns.get("y", columns["id"]), columns["v"], strict=True):
        entries = dict(zip(*vector.active(), strict=True))
        # The last entry is there in each row, and tells the size.
        entries.setdefault(size - 1, 0.0)
        lines.append(" ".join([f"{label}", *(f"{i + 1}:{x!r}" for i, x in sorted(entries.items()))]))
    path.write_text("\n".join(lines).replace("np.float64(", "").replace(")", "") + "\n")
    stage = renamed(case.stage(), {"v": "features", "y": "label"})
    table = open_frame(path).to_table()
    in_memory, streamed = ((stage.fit(f) if case.is_estimator else stage).transform(f) for f in (table, path))
    assert isinstance(streamed, Dataset)
    assert plain(streamed.to_table().to_pylist()) == approximately(plain(in_memory.to_pylist()))


def renamed(stage, names):
    """The stage with other names of columns in its params."""
    for param, value in stage._paramMap.items():
        if param.endswith(("Col", "Cols")):
            known = [names.get(v, v) for v in value] if isinstance(value, list) else names.get(value, value)
            stage.set(stage.getParam(param), known)
    return stage


@pytest.mark.parametrize("name", [name for name in CASES if name not in NAMES_IN_SYNTAX])
def test_columns_may_have_any_name(name, make_frame, request):
    case = CASES[name]
    if request.node.callspec.params["make_frame"].startswith("spark") and " " in name:
        pytest.skip("one case of each class is enough to pay for on Spark")
    names = {name: f"ä {name}.`{name}` 'ß' 日本 \\" for name in case.reads}
    stage = renamed(case.stage(), names)
    frame = make_frame(case.frame.rename_columns([names.get(n, n) for n in case.frame.column_names]))
    table = open_frame(frame).to_table() if str(frame).endswith(".csv") else case.frame
    expected = rows_of(
        case.fitted(table.rename_columns(case.frame.column_names)).transform(
            table.rename_columns(case.frame.column_names)
        )
    )
    model = stage.fit(frame) if isinstance(stage, Estimator) else stage
    found = [
        {next((k for k, v in names.items() if v == column), column): value for column, value in row.items()}
        for row in rows_of(model.transform(frame))
    ]
    if name.startswith("FeatureHasher"):
        # Names of columns are hashed, so other names give other features.
        found, expected = ([row["id"] for row in side] for side in (found, expected))
    assert found == approximately(expected)


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
    case, kind = CASES[name], request.node.callspec.params["make_frame"]
    if kind == "csv":
        pytest.skip("CSV tells no null from an empty text")
    if kind.startswith("spark") and name not in ("Normalizer", "KMeans"):
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
