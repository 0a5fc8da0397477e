"""Stages that users wrote for pyspark work here, and are saved and loaded as pyspark saves and loads them."""

import copy
import json
import math
import pickle
import subprocess
import sys

import pyarrow as pa
import pytest

from fireside.core.errors import CheckpointError, CorruptFileError, InputError
from fireside.ml import Estimator, Pipeline, PipelineModel, Transformer, UnaryTransformer
from fireside.ml.feature import Binarizer, Tokenizer, VectorAssembler
from fireside.ml.param import Param, ParamTypeError, TypeConverters, shared
from fireside.ml.param.shared import HasInputCol
from fireside.ml.tuning import ParamGridBuilder
from fireside.ml.util import DefaultParamsReader, DefaultParamsWriter, MLReadable, MLWritable, MLWriter
from tests.ml.user_stages import (
    MeanShift,
    MeanShiftModel,
    MixinsFirst,
    NeedsWord,
    OldStyle,
    Outer,
    Settings,
    Shout,
)

ROWS = {"text": ["a", "b c"], "x": [1.0, 3.0]}


def test_a_transformer_of_pyspark_s_documentation_works_as_it_is():
    shout = Shout(inputCol="text", outputCol="loud").setMark("?").setParams(times=2)
    assert shout.transform(ROWS)["loud"] == ["a??", "b c??"]
    assert shout.setInputCol("x").getInputCol() == "x"
    assert [param.name for param in shout.params] == ["inputCol", "mark", "outputCol", "times"]
    with pytest.raises(TypeError, match=r"__init__ takes keywords alone, got \('text',\)"):
        Shout("text")
    pipeline = Pipeline(
        stages=[Shout(inputCol="text", outputCol="b"), Tokenizer(inputCol="b", outputCol="c")]
    )
    assert pipeline.fit(ROWS).transform(ROWS)["c"] == [["a!"], ["b", "c!"]]
    assert pipeline.fit(ROWS).predictor(outputs=["c"])({"text": "d", "x": 0.0}) == {"c": ["d!"]}


def test_a_user_s_stage_comes_back_alone_and_in_pipelines(tmp_path):
    shout = Shout(inputCol="text", outputCol="loud", times=3)
    shout.save(tmp_path / "shout")
    again = Shout.load(tmp_path / "shout")
    assert (again.uid, again.extractParamMap()) == (shout.uid, shout.extractParamMap())
    mean = MeanShift(inputCol="x")
    inner = Pipeline(stages=[mean])
    pipeline = Pipeline(stages=[shout, MixinsFirst(inputCol="x"), inner])
    pipeline.write().overwrite().session(None).save(tmp_path / "pipeline")
    model = Pipeline.load(tmp_path / "pipeline").fit(ROWS)
    model.save(tmp_path / "model")
    loaded = PipelineModel.load(tmp_path / "model")
    assert loaded.transform(ROWS) == model.transform(ROWS)
    assert loaded.transform(ROWS)["x"] == [-1.0, 1.0]
    assert type(loaded.stages[2].stages[0]) is MeanShiftModel
    MixinsFirst(inputCol="x").save(tmp_path / "first")
    assert MixinsFirst.load(tmp_path / "first").getInputCol() == "x"


def test_params_may_be_declared_on_the_instance(tmp_path):
    stage, other = OldStyle(inputCol="x", amount=2), OldStyle(inputCol="x")
    assert stage.transform(ROWS)["x"] == [3.0, 5.0]
    assert other.transform(ROWS, {other.amount: 4})["x"] == [5.0, 7.0]
    assert [param.name for param in stage.params] == ["amount", "inputCol", "note"]
    assert stage.explainParam(stage.amount) == "amount: what to add (default: 1.0, current: 2.0)"
    assert not hasattr(OldStyle, "amount")
    with pytest.raises(ParamTypeError, match="'much' is not a number"):
        stage._set(amount="much")
    with pytest.raises(ParamTypeError, match="does not belong to"):
        stage.set(other.amount, 3)
    for twin in (stage.copy(), copy.deepcopy(stage), pickle.loads(pickle.dumps(stage))):
        assert (twin.uid, twin.getOrDefault(twin.amount)) == (stage.uid, 2.0)
    stage.save(tmp_path / "stage")
    loaded = OldStyle.load(tmp_path / "stage")
    assert loaded.amount == stage.amount
    assert loaded.getOrDefault(loaded.amount) == 2.0
    grid = ParamGridBuilder().addGrid(stage.amount, [1.0, 2.0]).build()
    assert [model.transform(ROWS)["x"][0] for model in Pipeline(stages=[stage]).fit(ROWS, grid)] == [2.0, 3.0]


def test_a_param_that_is_declared_wrongly_says_how_it_is_declared():
    class TooEarly(Transformer):
        def __init__(self):
            self.amount = Param(self, "amount", "")

        def _transform(self, dataset):
            return dataset

    with pytest.raises(ParamTypeError, match=r"'amount' has no uid: call super\(\).__init__\(\) before"):
        TooEarly()
    stage = OldStyle()
    with pytest.raises(ParamTypeError, match=r"write self.b = Param\(self, 'b', doc, converter\)"):
        stage.b = Param(stage, "a", "")


def test_every_shared_param_of_pyspark_is_there_with_its_default_and_getter():
    import pyspark.ml.param.shared as theirs

    names = [name for name in vars(theirs) if name.startswith("Has")]
    assert len(names) > 38
    for name in names:
        ours, wanted = getattr(shared, name)(), getattr(theirs, name)()
        (param,) = wanted.params
        assert ours.hasDefault(param.name) == wanted.hasDefault(param), name
        getter = f"get{param.name[0].upper()}{param.name[1:]}"
        if wanted.hasDefault(param) and param.name not in ("seed", "outputCol"):
            assert getattr(ours, getter)() == getattr(wanted, getter)()
        # Of Java's types: a seed is a long.
        converter = "toLong" if param.name == "seed" else param.typeConverter.__name__
        assert ours.getParam(param.name).typeConverter is getattr(TypeConverters, converter)
        assert name in shared.__all__


def test_what_is_no_stage_is_saved_by_its_params(tmp_path):
    Settings(anything={"a": [1, None, "b"]}).save(tmp_path / "settings")
    assert Settings.load(tmp_path / "settings").getOrDefault("anything") == {"a": [1, None, "b"]}
    for value in ({1, 2}, b"a", lambda: 0):
        with pytest.raises(CheckpointError, match=r"param anything is .* which JSON has no form for"):
            Settings(anything=value).save(tmp_path / "no")
    assert not (tmp_path / "no").exists()
    for instance, kinds in ((Settings(), (MLWritable, MLReadable)), (Tokenizer(), (MLWritable, MLReadable))):
        assert all(isinstance(instance, kind) for kind in kinds)
    with pytest.raises(NotImplementedError, match="defines no saveImpl"):
        MLWriter().save(tmp_path / "no")


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    class Local(Transformer):
        def _transform(self, dataset):
            return dataset

    made = type("Made", (Local,), {"__module__": __name__})
    for stage in (Outer.Inner(), Local(), made(), Pipeline(stages=[Local()])):
        with pytest.raises(CheckpointError, match="could not be found again: define the class at the top"):
            stage.save(tmp_path / "stage")
    with pytest.raises(CheckpointError, match=r"NeedsWord\(\) is how loading begins, .*: 'word'"):
        NeedsWord("a").save(tmp_path / "stage")
    counted = OldStyle(inputCol="x")
    counted.count = 3
    with pytest.raises(CheckpointError, match="its count would be lost: make a param"):
        counted.save(tmp_path / "stage")
    assert list(tmp_path.iterdir()) == []
    shout = Shout(mark="?")
    shout.count = 3
    shout.save(tmp_path / "stage")
    assert Shout.load(tmp_path / "stage").getMark() == "?"


def test_nothing_is_imported_or_made_on_the_word_of_a_file(tmp_path, monkeypatch):
    module = tmp_path / "planted_module.py"
    module.write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    Pipeline(stages=[Shout(inputCol="text")]).save(tmp_path / "p")
    line = next((tmp_path / "p" / "stages").glob("*/metadata/part-*"))
    for name, message in (
        ("planted_module.Stage", "planted_module.Stage is unknown: import its module first"),
        ("subprocess.Popen", "names subprocess.Popen, which is not a stage"),
        ("tests.ml.user_stages.Settings", "holds a Settings, which is not a stage"),
        ("os.path.join", "os.path.join is unknown"),
        ("nothing", "nothing is unknown"),
    ):
        line.write_text(json.dumps(json.loads(line.read_text()) | {"class": name}))
        with pytest.raises(CheckpointError, match=message):
            Pipeline.load(tmp_path / "p")
        with pytest.raises(CheckpointError):
            Shout.load(line.parents[1])
    assert "planted_module" not in sys.modules
    with pytest.raises(CheckpointError, match=r"holds a Pipeline, not a Shout: load it with Pipeline.load"):
        Shout.load(tmp_path / "p")


def test_metadata_can_be_written_and_read_by_hand(tmp_path):
    shout = Shout(inputCol="text", mark="*")
    DefaultParamsWriter.saveMetadata(shout, tmp_path / "a", None, {"more": 1}, {"mark": "+"})
    metadata = DefaultParamsReader.loadMetadata(tmp_path / "a", None, "tests.ml.user_stages.Shout")
    assert (metadata["uid"], metadata["more"], metadata["paramMap"]) == (shout.uid, 1, {"mark": "+"})
    assert DefaultParamsWriter.extractJsonParams(shout, ["times", "outputCol"]) == {
        "inputCol": "text",
        "mark": "*",
    }
    assert not DefaultParamsReader.isPythonParamsInstance(metadata)
    other = Shout()
    DefaultParamsReader.getAndSetParams(other, metadata, skipParams=["times"])
    assert other.getMark() == "+"
    assert DefaultParamsReader.loadParamsInstance(tmp_path / "a").getMark() == "+"
    with pytest.raises(CheckpointError, match=r"holds a tests.ml.user_stages.Shout, not a x.Y"):
        DefaultParamsReader.loadMetadata(tmp_path / "a", expectedClassName="x.Y")
    line = next((tmp_path / "a" / "metadata").glob("part-*"))
    line.write_text(line.read_text().replace('"mark"', '"marks"'))
    with pytest.raises(CorruptFileError, match="has no param 'marks'"):
        Shout.load(tmp_path / "a")


def test_a_transform_may_return_any_frame_and_is_told_what_it_is_given():
    class WithPandas(Transformer, HasInputCol):
        def _transform(self, dataset):
            frame = dataset.to_table().to_pandas()
            return frame.assign(doubled=2 * frame[self.getInputCol()])

    stage = WithPandas(inputCol="x")
    assert stage.transform(ROWS)["doubled"] == [2.0, 6.0]
    assert stage.transformSchema(pa.schema({"x": pa.float64()})).names == ["x", "doubled"]
    model = Pipeline(stages=[stage, VectorAssembler(inputCols=["doubled"], outputCol="v")]).fit(ROWS)
    assert model.transform(pa.table(ROWS))["v"].to_pylist()[1]["values"] == [6.0]
    assert model.predictor(outputs=["doubled"])({"text": "a", "x": 4.0}) == {"doubled": 8.0}

    class Nothing(Transformer):
        def _transform(self, dataset):
            pass

    with pytest.raises(InputError, match="cannot make a data set of"):
        Nothing().transform(ROWS)


def test_code_of_spark_in_a_user_s_stage_is_told_what_to_write():
    class WithColumn(Transformer):
        def _transform(self, dataset):
            return dataset.withColumn("y", 1)

    class Column(Transformer):
        def _transform(self, dataset):
            return dataset["x"]

    class Fitting(Estimator):
        def transformSchema(self, schema):
            return schema

        def _fit(self, dataset):
            return dataset.groupBy("x")

    class Wrong(Transformer):
        def _transform(self, dataset):
            return self.nothing

    told = r"is given a fireside.compute.Dataset of Arrow batches, which has no {}: use map_batches\("
    with pytest.raises(InputError, match="_transform " + told.format("withColumn")):
        Pipeline(stages=[WithColumn()]).fit(ROWS)
    with pytest.raises(InputError, match="_transform " + told.format(r"\[column\]")):
        Column().transform(ROWS)
    with pytest.raises(InputError, match="_fit " + told.format("groupBy")):
        Fitting().fit(ROWS)
    with pytest.raises(AttributeError, match="nothing"):
        Wrong().transform(ROWS)


class Squared(UnaryTransformer):
    def createTransformFunc(self):
        return lambda value: value * value

    def outputDataType(self):
        return "double"

    def validateInputType(self, inputType):
        pass


def test_a_type_that_is_not_arrow_s_is_refused():
    with pytest.raises(
        InputError, match=r"must return a type of pyarrow, such as pa.float64\(\), got 'double'"
    ):
        Squared(inputCol="x").transform(ROWS)


@pytest.mark.spark
def test_a_transform_may_use_the_spark_frame(spark):
    class WithColumn(Transformer):
        def transformSchema(self, schema):
            return schema.append(pa.field("y", pa.float64()))

        def _transform(self, dataset):
            frame = dataset.frame
            return frame.withColumn("y", frame["x"] * 2)

    frame = spark.createDataFrame([("a", 1.0), ("b c", 3.0)], ["text", "x"])
    words = Tokenizer(inputCol="text", outputCol="words")
    big = Binarizer(inputCol="y", outputCol="big", threshold=3.0)
    found = Pipeline(stages=[words, WithColumn(), big]).fit(frame).transform(frame)
    assert sorted(map(tuple, found.collect())) == [
        ("a", 1.0, ["a"], 2.0, 0.0),
        ("b c", 3.0, ["b", "c"], 6.0, 1.0),
    ]


PYSPARK_MODULE = """
from {package} import Transformer
from {package}.param.shared import HasInputCol, Param, Params, TypeConverters
from {package}.util import DefaultParamsReadable, DefaultParamsWritable


class Twice(Transformer, HasInputCol, DefaultParamsReadable, DefaultParamsWritable):
    by = Param(Params._dummy(), "by", "by how much", typeConverter=TypeConverters.toFloat)
    other = Param(Params._dummy(), "other", "any value")

    def __init__(self):
        super().__init__()
        self._setDefault(by=2.0)

    def _transform(self, dataset):
        return dataset
"""


@pytest.mark.spark
def test_a_class_of_one_name_goes_from_pyspark_to_here_and_back(spark, tmp_path, monkeypatch):
    """The same module, but for its imports, in a process of each package."""
    from pyspark.ml import Pipeline as SparkPipeline
    from pyspark.ml.feature import Tokenizer as SparkTokenizer

    for package, folder in (("pyspark.ml", "theirs"), ("fireside.ml", "ours")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twice_module.py").write_text(PYSPARK_MODULE.format(package=package))
    monkeypatch.syspath_prepend(tmp_path / "theirs")
    import twice_module

    theirs = twice_module.Twice()
    theirs._set(inputCol="x", by=3, other=float("nan"))
    theirs.save(str(tmp_path / "stage"))
    SparkPipeline(stages=[SparkTokenizer(inputCol="a", outputCol="b"), theirs]).save(
        str(tmp_path / "pipeline")
    )
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path / "ours")!r})
from twice_module import Twice
from fireside.ml import Pipeline
stage = Twice.load({str(tmp_path / "stage")!r})
assert stage.uid == {theirs.uid!r} and stage.getOrDefault(stage.by) == 3.0 and stage.getInputCol() == "x"
assert stage.getOrDefault(stage.other) != stage.getOrDefault(stage.other)
stage._set(other=[float("inf")], by=float("nan"))
pipeline = Pipeline.load({str(tmp_path / "pipeline")!r})
assert type(pipeline.getStages()[1]) is Twice
stage.save({str(tmp_path / "stage again")!r})
whole = Pipeline(stages=[pipeline.getStages()[0], Pipeline(stages=[stage])])
whole.save({str(tmp_path / "pipeline again")!r})
assert "pyspark" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    back = twice_module.Twice.load(str(tmp_path / "stage again"))
    assert (back.uid, back.getInputCol(), back.getOrDefault("other")) == (theirs.uid, "x", [float("inf")])
    assert math.isnan(back.getOrDefault("by"))
    nested = SparkPipeline.load(str(tmp_path / "pipeline again")).getStages()
    assert isinstance(nested[0], SparkTokenizer)
    assert type(nested[1].getStages()[0]) is twice_module.Twice
