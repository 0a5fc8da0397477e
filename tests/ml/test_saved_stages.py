"""Saved stages: read by pyspark, written by pyspark, and refused where they are damaged."""

import json
import math
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from py4j.protocol import Py4JJavaError

from fireside.core.errors import CheckpointError, CorruptFileError, InputError
from fireside.ml import Pipeline, PipelineModel
from fireside.ml.clustering import KMeans, KMeansModel
from fireside.ml.evaluation import ClusteringEvaluator
from fireside.ml.feature import (
    IDF,
    Bucketizer,
    ElementwiseProduct,
    HashingTF,
    IDFModel,
    Normalizer,
    StandardScaler,
    Tokenizer,
)
from fireside.ml.linalg import DenseVector, SparseVector
from fireside.ml.persistence.saved_columns import SPARK_SCHEMA
from fireside.ml.serving.description import load_any
from tests.contracts.estimator_cases import CASES
from tests.ml.test_against_spark import (
    assert_close,
    local_rows,
    plain,
    spark_frame,
    spark_stage,
    spark_value,
)


def text_pipeline() -> Pipeline:
    return Pipeline(
        stages=[
            Tokenizer(inputCol="text", outputCol="words"),
            HashingTF(inputCol="words", outputCol="tf", numFeatures=50),
            IDF(inputCol="tf", outputCol="idf"),
            Normalizer(inputCol="idf", outputCol="unit", p=1.0),
            StandardScaler(inputCol="unit", outputCol="features", withMean=True),
            KMeans(k=2, seed=3),
        ]
    )


TEXT = CASES["Tokenizer"].frame


def rows(frame: Any) -> list[Any]:
    return [plain(list(row)) for row in frame.orderBy("id").collect()]


@pytest.mark.spark
@pytest.mark.parametrize("name", [name for name in CASES if " " not in name])
def test_what_is_saved_here_works_the_same_in_spark_and_back(spark, name, tmp_path):
    case = CASES[name]
    model = case.fitted(case.frame)
    model.save(tmp_path / "ours")
    twin = type(spark_stage(case.stage()))
    theirs = (_model_class(twin, model) if case.is_estimator else twin).load(str(tmp_path / "ours"))
    found = rows(theirs.transform(spark_frame(spark, case.frame)))
    assert_close(found, local_rows(model.transform(case.frame)), 1e-12)
    theirs.write().overwrite().save(str(tmp_path / "theirs"))
    back = type(model).load(tmp_path / "theirs")
    assert back.uid == model.uid
    assert back._paramMap == model._paramMap
    # pyspark gives what it loads defaults of its own where they come from a uid or from Python's salted hash.
    for name in set(model._defaultParamMap) - {"outputCol", "seed"}:
        assert_close(back._defaultParamMap[name], model._defaultParamMap[name], 0.0)
    assert back.transform(case.frame).equals(model.transform(case.frame))


@pytest.mark.spark
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.is_estimator])
def test_an_estimator_goes_to_spark_with_its_params_and_back(spark, name, tmp_path):
    stage = CASES[name].stage()
    stage.save(tmp_path / "ours")
    theirs = type(spark_stage(stage)).load(str(tmp_path / "ours"))
    found = {param.name: theirs.getOrDefault(param) for param in theirs.params if theirs.isSet(param)}
    assert found == {name: spark_value(value) for name, value in stage._paramMap.items()}
    theirs.save(str(tmp_path / "theirs"))
    back = type(stage).load(tmp_path / "theirs")
    assert (back.uid, back._paramMap) == (stage.uid, stage._paramMap)


def _model_class(estimator: type, model: Any) -> Any:
    import importlib

    return getattr(importlib.import_module(estimator.__module__), type(model).__name__)


@pytest.mark.spark
def test_a_pipeline_model_goes_to_spark_and_back(spark, tmp_path):
    from pyspark.ml import PipelineModel as SparkPipelineModel

    model = text_pipeline().fit(TEXT)
    model.save(tmp_path / "ours")
    theirs = SparkPipelineModel.load(str(tmp_path / "ours"))
    found = rows(theirs.transform(spark_frame(spark, TEXT)))
    assert_close(found, local_rows(model.transform(TEXT)), 1e-12)
    theirs.save(str(tmp_path / "theirs"))
    back = PipelineModel.load(tmp_path / "theirs")
    assert back.uid == model.uid
    assert back.transform(TEXT).equals(model.transform(TEXT))


@pytest.mark.spark
def test_an_unfitted_pipeline_and_an_evaluator_go_to_spark_and_back(spark, tmp_path):
    from pyspark.ml import Pipeline as SparkPipeline
    from pyspark.ml.evaluation import ClusteringEvaluator as SparkEvaluator

    pipeline = text_pipeline()
    pipeline.save(tmp_path / "pipeline")
    theirs = SparkPipeline.load(str(tmp_path / "pipeline"))
    assert [stage.uid for stage in theirs.getStages()] == [stage.uid for stage in pipeline.getStages()]
    theirs.save(str(tmp_path / "back"))
    back = Pipeline.load(tmp_path / "back")
    assert [stage._paramMap for stage in back.getStages()] == [s._paramMap for s in pipeline.getStages()]
    ClusteringEvaluator(distanceMeasure="cosine").save(tmp_path / "evaluator")
    assert SparkEvaluator.load(str(tmp_path / "evaluator")).getDistanceMeasure() == "cosine"


@pytest.mark.spark
def test_a_pipeline_of_more_than_ten_stages_goes_to_spark(spark, tmp_path):
    from pyspark.ml import PipelineModel as SparkPipelineModel

    stages = [Normalizer(inputCol=f"v{i}", outputCol=f"v{i + 1}") for i in range(11)]
    Pipeline(stages=stages).fit({"v0": [DenseVector([3.0, 4.0])]}).save(tmp_path / "long")
    assert [s.uid for s in SparkPipelineModel.load(str(tmp_path / "long")).stages] == [s.uid for s in stages]


def test_a_pipeline_and_its_model_come_back_and_give_the_same_rows(tmp_path):
    pipeline = text_pipeline()
    model = pipeline.fit(TEXT)
    for stage in (pipeline, model):
        stage.save(tmp_path / stage.uid)
    again = Pipeline.load(tmp_path / pipeline.uid).fit(TEXT)
    assert again.transform(TEXT).equals(model.transform(TEXT))
    assert PipelineModel.load(tmp_path / model.uid).transform(TEXT).equals(model.transform(TEXT))


def test_nothing_is_replaced_unless_asked_for(tmp_path):
    path = tmp_path / "stage"
    Tokenizer(inputCol="a").save(path)
    with pytest.raises(CheckpointError, match="exists: choose another path"):
        Tokenizer(inputCol="b").save(path)
    assert Tokenizer.load(path).getInputCol() == "a"
    Tokenizer(inputCol="b").write().overwrite().save(path)
    assert Tokenizer.load(path).getInputCol() == "b"
    assert [entry.name for entry in tmp_path.iterdir()] == ["stage"]


def test_a_save_that_fails_leaves_nothing_behind(tmp_path):
    class Broken(Tokenizer):
        def _write_to(self, directory: Path) -> None:
            (directory / "half").touch()
            raise OSError("no luck")

    with pytest.raises(OSError, match="no luck"):
        Broken().save(tmp_path / "stage")
    assert list(tmp_path.iterdir()) == []


def test_the_wrong_class_is_named(tmp_path):
    Tokenizer().save(tmp_path / "stage")
    with pytest.raises(
        CheckpointError, match=r"holds a Tokenizer, not a IDFModel: load it with Tokenizer\.load"
    ):
        IDFModel.load(tmp_path / "stage")


def damaged_models(tmp_path: Path) -> Path:
    model = IDF(inputCol="v").fit(CASES["IDF"].frame)
    model.save(tmp_path / "model")
    return tmp_path / "model"


def part(directory: Path, folder: str) -> Path:
    return next((directory / folder).glob("part-*"))


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite_data(directory: Path, column: str, value: Any) -> None:
    table = pq.read_table(part(directory, "data"))
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array([value])), part(directory, "data"))


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda d: shutil.rmtree(d), CheckpointError, "does not exist: nothing was saved there"),
        (lambda d: shutil.rmtree(d / "metadata"), CheckpointError, "metadata does not exist"),
        (lambda d: part(d, "metadata").unlink(), CheckpointError, "metadata has no part files"),
        (
            lambda d: part(d, "metadata").write_text('{"class":'),
            CorruptFileError,
            r"part-.*txt cannot be read",
        ),
        (lambda d: part(d, "metadata").write_text("{}"), CorruptFileError, "missing required field `class`"),
        (lambda d: shutil.rmtree(d / "data"), CheckpointError, "data does not exist"),
        (
            lambda d: part(d, "data").write_bytes(part(d, "data").read_bytes()[:-20]),
            CorruptFileError,
            r"part-.*parquet cannot be read",
        ),
        (
            lambda d: pq.write_table(pa.table({"idf": [1]}), part(d, "data")),
            CorruptFileError,
            "has no column 'docFreq', only idf",
        ),
        (
            lambda d: rewrite_data(d, "idf", None),
            CorruptFileError,
            r"part-.*parquet has a column 'idf' that cannot be used \(a value is null\)",
        ),
        (
            lambda d: rewrite_data(d, "idf", "text"),
            CorruptFileError,
            r"part-.*parquet has a column 'idf' that cannot be used",
        ),
        (
            lambda d: pq.write_table(pq.read_table(part(d, "data")).slice(0, 0), part(d, "data")),
            CorruptFileError,
            r"holds a IDFModel that cannot be used \(its data must be 1 row, found 0\)",
        ),
        (
            lambda d: (part(d, "metadata").unlink(), (d / "metadata" / "part-0.txt").mkdir()),
            CorruptFileError,
            r"part-0\.txt cannot be read",
        ),
        (lambda d: part(d, "metadata").write_text("[" * 9000), CorruptFileError, "cannot be read"),
        (
            lambda d: rewrite(part(d, "metadata"), sparkVersion="5.0.0"),
            CheckpointError,
            "written by Spark 5.0.0, this version reads up to 4.3.0: upgrade fireside",
        ),
        (
            lambda d: rewrite(part(d, "metadata"), paramMap={"nope": 1}),
            CorruptFileError,
            "params that cannot be used: IDFModel has no param 'nope'",
        ),
        (
            lambda d: rewrite(part(d, "metadata"), **{"class": "org.apache.spark.ml.feature.Nope"}),
            CheckpointError,
            "fireside.ml.feature has no Nope",
        ),
        (
            lambda d: rewrite(part(d, "metadata"), **{"class": "os.path.Nope"}),
            CheckpointError,
            "os.path.Nope is unknown",
        ),
        (
            lambda d: rewrite(part(d, "metadata"), **{"class": "pathlib.Path"}),
            CheckpointError,
            "pathlib.Path, which is not a stage",
        ),
        *(
            (
                lambda d, name=name: rewrite(part(d, "metadata"), **{"class": f"org.apache.spark.ml.{name}"}),
                CheckpointError,
                f"org.apache.spark.ml.{name} has no counterpart here: fireside.ml",
            )
            for name in (
                "functions.vector_to_array",
                "onnx.export",
                "sklearn.wrap",
                "persistence.DOUBLE",
                "feature.text.X",
                "feature.idf.IDFModel",
                "serving.serve.serve",
                "nothing.X",
                "feature.__name__",
            )
        ),
        (
            lambda d: rewrite(part(d, "metadata"), **{"class": "org.apache.spark.ml.Model"}),
            CheckpointError,
            "holds a Model, not a IDFModel",
        ),
        (
            lambda d: rewrite(part(d, "metadata"), sparkVersion="new"),
            CorruptFileError,
            "written by Spark 'new', no version",
        ),
    ],
)
def test_a_damaged_directory_is_named_and_refused(tmp_path, damage, error, message):
    directory = damaged_models(tmp_path)
    damage(directory)
    with pytest.raises(error, match=message) as caught:
        IDFModel.load(directory)
    assert str(directory) in str(caught.value)


@pytest.mark.parametrize("name", [name for name in CASES if " " not in name])
def test_damaged_data_of_any_class_are_refused_by_the_name_of_their_file(name, tmp_path):
    model = CASES[name].fitted(CASES[name].frame)
    model.save(tmp_path / "model")
    for path in (tmp_path / "model").rglob("*.parquet"):
        whole = path.read_bytes()
        table = pq.read_table(path)
        for place, field in enumerate(table.schema):
            for damaged in (pa.nulls(len(table), field.type), pa.array([{"odd": 1}] * len(table))):
                pq.write_table(table.set_column(place, field.name, damaged), path)
                if len(table):
                    with pytest.raises(CorruptFileError) as caught:
                        type(model).load(tmp_path / "model")
                    assert str(path.parent.parent) in str(caught.value)
        path.write_bytes(whole[:-9])
        with pytest.raises(CorruptFileError, match="cannot be read"):
            type(model).load(tmp_path / "model")
        path.write_bytes(whole)
    assert type(model).load(tmp_path / "model").uid == model.uid


def test_a_missing_stage_of_a_pipeline_is_named(tmp_path):
    model = text_pipeline().fit(TEXT)
    model.save(tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / "stages" / f"2_{model.stages[2].uid}")
    with pytest.raises(CheckpointError, match=f"2_{model.stages[2].uid} does not exist"):
        PipelineModel.load(tmp_path / "model")


def test_numbers_that_json_has_not_are_saved(tmp_path):
    Normalizer(p=float("inf")).save(tmp_path / "stage")
    assert Normalizer.load(tmp_path / "stage").getP() == float("inf")
    splits = [-float("inf"), 0.0, float("inf")]
    Bucketizer(splits=splits, splitsArray=[splits, splits]).save(tmp_path / "buckets")
    loaded = Bucketizer.load(tmp_path / "buckets")
    assert (loaded.getSplits(), loaded.getSplitsArray()) == (splits, [splits, splits])
    text = part(tmp_path / "buckets", "metadata").read_text()
    assert json.loads(text)["paramMap"]["splits"] == ["-Inf", 0.0, "Inf"]


@pytest.mark.parametrize("vector", [DenseVector([1.0, float("inf")]), SparseVector(3, {1: -2.5})])
def test_vectors_are_saved_as_params(tmp_path, vector):
    ElementwiseProduct(scalingVec=vector).save(tmp_path / "stage")
    loaded = ElementwiseProduct.load(tmp_path / "stage").getScalingVec()
    assert type(loaded) is type(vector)
    assert loaded == vector
    huge = {"type": 0, "size": 2**70, "indices": [], "values": []}
    nested = {"type": 1, "values": [[]]}
    for damaged in ({"type": 7}, {"type": 0, "values": [1.0]}, {"type": 1, "values": 3}, nested, huge, None):
        rewrite(part(tmp_path / "stage", "metadata"), paramMap={"scalingVec": damaged or "text"})
        with pytest.raises(CorruptFileError, match=r"params that cannot be used: .*scalingVec cannot be set"):
            ElementwiseProduct.load(tmp_path / "stage")


def test_a_loaded_k_means_model_has_its_centres_in_order_and_no_summary(tmp_path):
    model = CASES["KMeans"].fitted(CASES["KMeans"].frame)
    model.save(tmp_path / "model")
    loaded = KMeansModel.load(tmp_path / "model")
    assert np.array_equal(loaded.clusterCenters(), model.clusterCenters())
    assert model.hasSummary
    assert not loaded.hasSummary
    with pytest.raises(InputError, match="has no summary"):
        _ = loaded.summary


def test_vectors_of_several_sizes_and_kinds_are_saved_as_they_are(tmp_path):
    model = StandardScaler(inputCol="v").fit({"v": [SparseVector(9, {0: 1.0}), SparseVector(9, {0: 3.0})]})
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    assert (repr(loaded.mean), repr(loaded.std)) == (repr(model.mean), repr(model.std))
    assert isinstance(loaded.mean, SparseVector)


@pytest.mark.spark
def test_terms_of_a_hashing_tf_of_spark_2_go_where_they_went_then(spark, tmp_path):
    from pyspark.ml.feature import HashingTF as SparkHashingTF

    words = ["", "a", "fire", "fireside", "sea", "forest", "é", "日本語", "日本語 日本", "ÿ", "naïve"]
    HashingTF(inputCol="w", outputCol="f", numFeatures=64).save(tmp_path / "stage")
    rewrite(part(tmp_path / "stage", "metadata"), sparkVersion="2.4.0")
    theirs = SparkHashingTF.load(str(tmp_path / "stage"))
    ours = HashingTF.load(tmp_path / "stage")
    expected = [theirs.indexOf(word) for word in words]
    new = HashingTF(numFeatures=64)
    assert expected != [new.indexOf(word) for word in words]
    for stage in (ours, ours.copy(), pickle.loads(pickle.dumps(ours))):
        assert [stage.indexOf(word) for word in words] == expected
    numbers = {"w": [[1, 2, 3, -9]]}
    frame = spark.createDataFrame([(numbers["w"][0],)], ["w"])
    assert ours.transform(numbers)["f"][0].toArray().tolist() == list(theirs.transform(frame).first().f)
    predict = ours.predictor(outputs=["f"])
    assert predict({"w": words})["f"] == ours.transform({"w": [words]})["f"][0]
    with pytest.raises(CheckpointError, match=r"cannot be saved: it was loaded from Spark 2"):
        ours.save(tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.spark
@pytest.mark.parametrize("name", ["IDF", "NaiveBayes", "StringIndexer"])
def test_models_in_the_layout_of_spark_2_are_read_as_spark_reads_them(spark, name, tmp_path):
    case = CASES[name]
    model = case.fitted(case.frame)
    model.save(tmp_path / "model")
    path = part(tmp_path / "model", "data")
    table = pq.read_table(path)
    if name == "StringIndexer":
        labels = table["labelsArray"].combine_chunks()
        assert labels.value_lengths().to_pylist() == [1]
        table = pa.table({"labels": labels.flatten()})
    else:
        table = table.drop_columns([c for c in table.column_names if c in ("docFreq", "numDocs", "sigma")])
        fields = json.loads(table.schema.metadata[SPARK_SCHEMA])
        fields["fields"] = [field for field in fields["fields"] if field["name"] in table.column_names]
        table = table.replace_schema_metadata({SPARK_SCHEMA: json.dumps(fields)})
    pq.write_table(table, path)
    rewrite(part(tmp_path / "model", "metadata"), sparkVersion="2.4.8")
    theirs = _model_class(type(spark_stage(case.stage())), model).load(str(tmp_path / "model"))
    ours = type(model).load(tmp_path / "model")
    assert_close(
        local_rows(ours.transform(case.frame)), rows(theirs.transform(spark_frame(spark, case.frame))), 1e-12
    )
    if name == "IDF":
        assert (ours.docFreq, ours.numDocs) == ([int(n) for n in theirs.docFreq], theirs.numDocs)
    ours.save(tmp_path / "again")
    assert type(model).load(tmp_path / "again").transform(case.frame).equals(model.transform(case.frame))


@pytest.mark.parametrize("prefix", ["file:", "file://", "FILE:///"])
def test_file_uris_are_paths(tmp_path, prefix):
    path = tmp_path / "a b%20c"
    Tokenizer(inputCol="a").save(f"{prefix}{path}")
    assert path.is_dir()
    assert Tokenizer.load(f"{prefix}{path}").getInputCol() == "a"
    assert load_any(Path(f"{prefix}{path}")).getInputCol() == "a"


@pytest.mark.parametrize("uri", ["s3://b/m", "hdfs://n:9/m", "dbfs:/m", "gs://b/m", "file://host/m"])
def test_what_is_not_on_this_machine_is_refused(tmp_path, monkeypatch, uri):
    monkeypatch.chdir(tmp_path)
    for use in (Tokenizer().save, Tokenizer().write().overwrite().save, Tokenizer.load, load_any):
        with pytest.raises(InputError, match=f"{uri} is not on this machine: save to and load from a local"):
            use(uri)
    assert list(tmp_path.iterdir()) == []


def test_a_replacement_that_was_interrupted_is_undone_by_whoever_comes_next(tmp_path):
    for use in (Tokenizer.load, load_any):
        Tokenizer(inputCol="a").write().overwrite().save(tmp_path / "stage")
        (tmp_path / "stage").rename(tmp_path / ".stage.old")
        assert use(tmp_path / "stage").getInputCol() == "a"
    (tmp_path / "stage").rename(tmp_path / ".stage.old")
    with pytest.raises(CheckpointError, match="exists: choose another path"):
        Tokenizer().save(tmp_path / "stage")
    assert [entry.name for entry in tmp_path.iterdir()] == ["stage"]


def test_a_link_to_nothing_is_there_too(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(CheckpointError, match="exists: choose another path"):
        Tokenizer().save(tmp_path / "link")
    Tokenizer(inputCol="a").write().overwrite().save(tmp_path / "link")
    assert Tokenizer.load(tmp_path / "link").getInputCol() == "a"


def test_lists_however_deep_are_refused_by_the_name_of_their_file(tmp_path):
    Bucketizer().save(tmp_path / "stage")
    metadata = json.loads(part(tmp_path / "stage", "metadata").read_text())
    metadata["paramMap"] = {"splits": "HERE"}
    for depth in (3, 300, 700, 990):
        text = json.dumps(metadata).replace('"HERE"', "[" * depth + "]" * depth)
        part(tmp_path / "stage", "metadata").write_text(text)
        with pytest.raises(CorruptFileError, match=f"{tmp_path}/stage"):
            Bucketizer.load(tmp_path / "stage")


@pytest.mark.parametrize("uid", ["../../evil", "/tmp/evil", "n" * 5000, "\0", "é" * 121])
def test_a_uid_that_cannot_name_a_directory_is_refused_on_both_sides(tmp_path, uid):
    whole = PipelineModel([Tokenizer()])
    whole.save(tmp_path / "model")
    rewrite(part(tmp_path / "model", "metadata"), paramMap={"stageUids": [uid]})
    with pytest.raises(CorruptFileError, match=r"model/metadata names no stages"):
        PipelineModel.load(tmp_path / "model")
    for pipeline in (
        Pipeline(stages=[Tokenizer()._resetUid(uid)]),
        PipelineModel([Tokenizer()._resetUid(uid)]),
    ):
        with pytest.raises(CheckpointError, match=f"{pipeline.uid} cannot be saved: the uid .* cannot name"):
            pipeline.save(tmp_path / "refused")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


@pytest.mark.spark
def test_vectors_of_spark_with_numbers_that_json_has_not_are_read_though_spark_cannot(spark, tmp_path):
    from pyspark.errors import PySparkException
    from pyspark.ml.feature import ElementwiseProduct as SparkElementwiseProduct
    from pyspark.ml.linalg import Vectors as SparkVectors

    values = [math.nan, math.inf, -math.inf, 1.0]
    SparkElementwiseProduct(scalingVec=SparkVectors.dense(values)).save(str(tmp_path / "stage"))
    with pytest.raises((PySparkException, Py4JJavaError)):
        SparkElementwiseProduct.load(str(tmp_path / "stage"))
    loaded = ElementwiseProduct.load(tmp_path / "stage").getScalingVec()
    np.testing.assert_array_equal(loaded.toArray(), values)
    ElementwiseProduct(scalingVec=values).save(tmp_path / "ours")
    np.testing.assert_array_equal(
        ElementwiseProduct.load(tmp_path / "ours").getScalingVec().toArray(), values
    )
