import pyarrow as pa
import pytest

from fireside.compute import TableDataset, map_batches
from fireside.core.errors import SchemaError
from fireside.ml import Estimator, Model, Pipeline, PipelineModel, Transformer
from fireside.ml.clustering import KMeans
from fireside.ml.feature import IDF, HashingTF, Normalizer, RegexTokenizer, Tokenizer
from fireside.ml.param import ParamTypeError

TEXT = pa.table({"text": ["a b c", "a a", "c d", "b d e"]})


def stages():
    return [
        Tokenizer(inputCol="text", outputCol="words"),
        HashingTF(inputCol="words", outputCol="tf", numFeatures=16),
        IDF(inputCol="tf", outputCol="features"),
        KMeans(k=2, seed=1),
    ]


def test_a_pipeline_does_what_its_stages_do_by_hand():
    tokenizer, hashing, idf, kmeans = stages()
    hashed = hashing.transform(tokenizer.transform(TEXT))
    weighted = idf.fit(hashed).transform(hashed)
    expected = kmeans.fit(weighted).transform(weighted)
    model = Pipeline(stages=[tokenizer, hashing, idf, kmeans]).fit(TEXT)
    assert model.transform(TEXT).equals(expected)
    assert [type(stage).__name__ for stage in model.stages] == [
        "Tokenizer",
        "HashingTF",
        "IDFModel",
        "KMeansModel",
    ]


def test_rows_in_memory_are_transformed_once_and_streamed_ones_once_for_each_estimator():
    seen = []

    def counting(batch):
        seen.append(batch.num_rows)
        return batch

    class Counting(Transformer):
        def transformSchema(self, schema):
            return schema

        def _transform(self, dataset):
            return map_batches(dataset, counting, dataset.schema)

    for source, times in ((TEXT, 1), (map_batches(TableDataset(TEXT), lambda b: b, TEXT.schema), 2)):
        seen.clear()
        tokenizer, hashing, idf, _ = stages()
        second = IDF(inputCol="features", outputCol="again")
        Pipeline(stages=[Counting(), tokenizer, hashing, idf, second]).fit(source)
        assert seen == [4] * times


def test_a_fused_chain_takes_each_batch_through_all_stages_before_the_next_is_read():
    order = []

    def noting(name):
        def note(batch):
            order.append((name, batch.num_rows))
            return batch

        return note

    class Noting(Transformer):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def transformSchema(self, schema):
            return schema

        def _transform(self, dataset):
            return map_batches(dataset, noting(self.name), dataset.schema)

    data = TableDataset(TEXT, batch_rows=3)
    PipelineModel([Noting("a"), Noting("b")]).transform(data).to_table()
    assert order == [("a", 3), ("b", 3), ("a", 1), ("b", 1)]


def test_extra_params_reach_the_stages_inside():
    tokenizer, hashing, idf, kmeans = stages()
    pipeline = Pipeline(stages=[tokenizer, hashing, idf, kmeans])
    model = pipeline.fit(TEXT, {hashing.numFeatures: 4, kmeans.predictionCol: "cluster"})
    assert model.stages[2].idf.toArray().shape == (4,)
    assert "cluster" in model.transform(TEXT).column_names
    assert hashing.getNumFeatures() == 16
    renamed = model.transform(TEXT, {model.stages[3].predictionCol: "p"})
    assert renamed.column_names[-1] == "p"


def test_extra_params_of_no_stage_are_refused():
    other = KMeans()
    with pytest.raises(ParamTypeError, match=f"cannot be given a value for {other.uid}__k: it belongs to"):
        Pipeline(stages=stages()).fit(TEXT, {other.k: 3})
    with pytest.raises(ParamTypeError, match=r"use stage\.k"):
        Pipeline(stages=stages()).fit(TEXT, {KMeans.k: 3})
    with pytest.raises(ParamTypeError, match="params must be a dict"):
        Pipeline(stages=stages()).fit(TEXT, "k=3")


def test_schemas_are_checked_through_all_stages_before_anything_is_fitted():
    tokenizer, hashing, idf, _ = stages()
    kmeans = KMeans(featuresCol="feature")
    pipeline = Pipeline(stages=[tokenizer, hashing, idf, kmeans])
    with pytest.raises(SchemaError, match=f"{kmeans.uid}: there is no column 'feature'; did you"):
        pipeline.fit(TEXT)
    with pytest.raises(SchemaError, match="column 'text' is int64, but a string is needed"):
        pipeline.fit({"text": [1, 2]})


def test_what_is_no_stage_is_refused():
    with pytest.raises(ParamTypeError, match="stage 1 is 'Tokenizer'"):
        Pipeline(stages=[Tokenizer(inputCol="text"), "Tokenizer"]).fit(TEXT)


def test_an_empty_pipeline_changes_nothing():
    assert Pipeline(stages=[]).fit(TEXT).transform(TEXT).equals(TEXT)


def test_copies_share_no_stages():
    pipeline = Pipeline(stages=stages())
    twin = pipeline.copy()
    twin.getStages()[3].setK(3)
    assert pipeline.getStages()[3].getK() == 2
    model = pipeline.fit(TEXT)
    copied = model.copy()
    assert copied.uid == model.uid
    assert copied.stages[3] is not model.stages[3]
    assert copied.stages[3].summary is model.stages[3].summary


def test_many_param_maps_give_many_models_in_order():
    kmeans = KMeans(featuresCol="v", seed=0)
    frame = {"v": [[0.0], [1.0], [8.0], [9.0]]}
    models = kmeans.fit(frame, [{kmeans.k: 2}, {kmeans.k: 3}, {}])
    assert [len(model.clusterCenters()) for model in models] == [2, 3, 2]
    assert [index for index, _ in kmeans.fitMultiple(frame, [{}, {}])] == [0, 1]


def test_the_abstract_classes_are_what_they_should_be():
    assert issubclass(Pipeline, Estimator)
    assert issubclass(PipelineModel, Model)
    assert issubclass(RegexTokenizer, Transformer)
    assert not issubclass(Normalizer, Estimator)
    with pytest.raises(TypeError, match="abstract"):
        Estimator()
