"""Searches over param maps: against the same by hand, and against Spark on the same folds."""

import gc
import math
import pickle
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.compute import TableDataset, map_batches
from fireside.core.errors import CheckpointError, CorruptFileError, InputError, SchemaError
from fireside.ml import Pipeline, PipelineModel
from fireside.ml.base import Transformer
from fireside.ml.clustering import KMeans
from fireside.ml.evaluation import ClusteringEvaluator, Evaluator
from fireside.ml.feature import IDF, StandardScaler
from fireside.ml.feature.content_hashes import content_hashes
from fireside.ml.linalg import VectorBlock, Vectors
from fireside.ml.param import ParamTypeError
from fireside.ml.row_transform import RowTransform
from fireside.ml.tuning import (
    CrossValidator,
    CrossValidatorModel,
    ParamGridBuilder,
    TrainValidationSplit,
    TrainValidationSplitModel,
)
from fireside.ml.tuning.draws import Draws, rows_drawn
from fireside.ml.tuning.search import shared_stages

random = np.random.default_rng(3)
CENTRES = np.array([[0.0, 0.0], [9.0, 0.0], [400.0, 400.0]])
POINTS = np.repeat(CENTRES, 30, axis=0) + random.normal(0, 0.5, (90, 2))
# Each fold has rows of every cluster.
ROWS = pa.table(
    {
        "id": np.arange(90),
        "v": VectorBlock.from_dense(POINTS).to_arrow(),
        "fold": pa.array(np.tile([0, 1, 2], 30), pa.int32()),
    }
).take(pa.array(random.permutation(90)))


def search(kind=CrossValidator, **params):
    """Scaled k-means; the number of clusters is what is searched for."""
    scaler = StandardScaler(inputCol="v", outputCol="features")
    kmeans = KMeans(seed=5)
    return kind(
        estimator=Pipeline(stages=[scaler, kmeans]),
        estimatorParamMaps=ParamGridBuilder().addGrid(kmeans.k, [2, 3]).build(),
        evaluator=ClusteringEvaluator(),
        **params,
    )


def test_metrics_and_the_best_model_are_those_of_doing_it_by_hand():
    validator = search(foldCol="fold", collectSubModels=True)
    model = validator.fit(ROWS)
    fold = ROWS["fold"].to_numpy()
    metrics = np.zeros((3, 2))
    for i in range(3):
        train, validation = ROWS.filter(pa.array(fold != i)), ROWS.filter(pa.array(fold == i))
        for j, params in enumerate(validator.getEstimatorParamMaps()):
            fitted = validator.getEstimator().fit(train, params)
            expected = fitted.transform(validation)
            metrics[i, j] = validator.getEvaluator().evaluate(expected)
            sub_model = model.subModels[i][j]
            assert isinstance(sub_model, PipelineModel)
            assert sub_model.transform(validation).equals(expected)
    assert model.avgMetrics == pytest.approx(metrics.mean(axis=0).tolist())
    assert model.stdMetrics == pytest.approx(metrics.std(axis=0).tolist())
    best = validator.getEstimator().fit(
        ROWS, validator.getEstimatorParamMaps()[int(np.argmax(model.avgMetrics))]
    )
    assert model.transform(ROWS).equals(best.transform(ROWS))
    assert model.uid == validator.uid
    assert model.getEstimatorParamMaps() == validator.getEstimatorParamMaps()


@pytest.mark.parametrize("kind", [CrossValidator, TrainValidationSplit])
def test_threads_batches_and_kinds_of_frame_change_nothing(kind, tmp_path):
    validator = search(kind, seed=4)
    expected = metrics_of(validator.fit(ROWS))
    assert metrics_of(search(kind, seed=4, parallelism=3).fit(ROWS)) == expected
    assert metrics_of(validator.fit(ROWS.to_pandas())) == pytest.approx(expected, rel=1e-12)
    pq.write_table(ROWS, tmp_path / "rows.parquet", row_group_size=13)
    assert metrics_of(validator.fit(tmp_path / "rows.parquet")) == pytest.approx(expected, rel=1e-12)
    assert metrics_of(search(kind, seed=5).fit(ROWS)) != expected


def metrics_of(model):
    return model.avgMetrics if isinstance(model, CrossValidatorModel) else model.validationMetrics


def test_stages_that_no_candidate_touches_are_fitted_once_for_each_fold():
    fits = Counter()

    class Counting(StandardScaler):
        def _fit(self, dataset):
            fits[self.getOutputCol()] += 1
            return super()._fit(dataset)

    kmeans = KMeans(seed=5, featuresCol="c")
    columns = [("v", "a"), ("a", "b"), ("b", "c")]
    stages = [Counting(inputCol=source, outputCol=target) for source, target in columns]
    grid = ParamGridBuilder().addGrid(kmeans.k, [2, 3]).addGrid(stages[1].withMean, [True, False]).build()
    validator = CrossValidator(
        estimator=Pipeline(stages=[*stages, kmeans]),
        estimatorParamMaps=grid,
        evaluator=ClusteringEvaluator(featuresCol="v"),
        numFolds=2,
    )
    validator.fit(ROWS)
    # The best candidate is fitted once more, to all rows.
    assert fits == {"a": 2 + 1, "b": 2 * 4 + 1, "c": 2 * 4 + 1}


@pytest.mark.parametrize("kind", [CrossValidator, TrainValidationSplit])
def test_a_grid_may_bring_stages_and_params_of_these_and_finds_what_the_same_pipeline_finds(kind):
    plain = search(kind, seed=4)
    stages, grid = plain.getEstimator().getStages(), plain.getEstimatorParamMaps()
    pipeline = Pipeline(stages=[])
    kmeans = stages[1]
    brought = ParamGridBuilder().baseOn({pipeline.stages: stages}).addGrid(kmeans.k, [2, 3]).build()
    found = kind(estimator=pipeline, estimatorParamMaps=brought, evaluator=plain.getEvaluator(), seed=4).fit(
        ROWS
    )
    expected = plain.fit(ROWS)
    assert metrics_of(found) == metrics_of(expected)
    assert found.transform(ROWS).equals(expected.transform(ROWS))
    unset = kind(estimator=Pipeline(), estimatorParamMaps=brought, evaluator=plain.getEvaluator(), seed=4)
    unset.getEstimator()._resetUid(pipeline.uid)
    assert metrics_of(unset.fit(ROWS)) == metrics_of(expected)
    assert kmeans.getK() == 2
    assert len(grid) == len(brought)


def test_stages_of_several_pipelines_are_shared_as_far_as_they_are_the_same():
    scaler, other = (StandardScaler(inputCol="v", outputCol=name) for name in "ab")
    kmeans, second = KMeans(featuresCol="a"), KMeans(featuresCol="b")
    pipeline = Pipeline(stages=[])
    grids = [
        *ParamGridBuilder().baseOn({pipeline.stages: [scaler, kmeans]}).addGrid(kmeans.k, [2, 3]).build(),
        {pipeline.stages: [scaler, other, second], second.k: 4},
    ]
    shared, rest = shared_stages(pipeline, grids)
    assert [stage.uid for stage in shared.getStages()] == [scaler.uid]
    assert [[stage.uid for stage in one.getStages()] for one in rest] == [
        [kmeans.uid],
        [kmeans.uid],
        [other.uid, second.uid],
    ]
    assert [one.getStages()[-1].getK() for one in rest] == [2, 3, 4]
    shared, rest = shared_stages(pipeline, [*grids, {pipeline.stages: [other, second]}])
    assert shared is None
    shared, _ = shared_stages(pipeline, [{**values, scaler.withMean: True} for values in grids])
    assert shared is None


def test_a_param_of_a_stage_that_the_map_does_not_bring_is_refused():
    kmeans, other, pipeline = KMeans(), KMeans(), Pipeline(stages=[])
    with pytest.raises(ParamTypeError, match=f"{other.uid}__k: it belongs to another stage"):
        pipeline.fit(ROWS, {pipeline.stages: [kmeans], other.k: 3})
    with pytest.raises(ParamTypeError, match="stage 0 is 'kmeans'"):
        pipeline.fit(ROWS, {pipeline.stages: ["kmeans"]})


def test_the_values_of_a_grid_are_a_list():
    kmeans = KMeans()
    with pytest.raises(ParamTypeError, match=r"values to try for tol are a list, got 0.1: write \[0.1\]"):
        ParamGridBuilder().addGrid(kmeans.tol, 0.1)
    with pytest.raises(ParamTypeError, match="for featuresCol are a list, got 'f'"):
        ParamGridBuilder().addGrid(kmeans.featuresCol, "f")
    assert len(ParamGridBuilder().addGrid(kmeans.tol, np.array([0.1, 1.0])).build()) == 2


class Logged(RowTransform, Transformer):
    """Copies the vectors, and writes the `id` of each row that it does so for to a file."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def _output_fields(self, schema):
        return [schema.field("v").with_name("copied")]

    def _output_columns(self, batch):
        with open(self.path, "a") as file:
            file.write("".join(f"{row}\n" for row in batch["id"].to_pylist()))
        return [batch["v"]]


def logged_rows(path):
    """How often each row was copied since the last call."""
    counts = Counter(map(int, path.read_text().split()))
    path.unlink()
    return counts


@pytest.mark.parametrize(
    "kind", ["parquet", *[pytest.param(name, marks=pytest.mark.spark) for name in ("spark", "spark_connect")]]
)
def test_rows_of_each_fold_are_featurised_once_for_all_candidates(kind, tmp_path, request):
    log, pq_path = tmp_path / "log", str(tmp_path / "rows.parquet")
    pq.write_table(ROWS, pq_path, row_group_size=13)
    rows, expected = pq_path, search(foldCol="fold").fit(ROWS)
    if kind != "parquet":
        from pyspark import cloudpickle

        from tests.ml.test_against_spark import spark_frame

        # Executors cannot import this module.
        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        rows = spark_frame(request.getfixturevalue(kind), ROWS)
    scaler, kmeans = StandardScaler(inputCol="copied", outputCol="features"), KMeans(seed=5)
    maps = [{kmeans.k: 2}, {kmeans.k: 3}, {kmeans.k: 3, kmeans.maxIter: 7}]
    estimator, before = Pipeline(stages=[Logged(log), scaler, kmeans]), kept(rows)
    estimator.fit(rows, maps[1])
    last_fit = logged_rows(log)
    Pipeline(stages=estimator.getStages()[:2]).fit(rows)
    passes = logged_rows(log)[0]
    model = CrossValidator(
        estimator=estimator,
        estimatorParamMaps=maps,
        evaluator=ClusteringEvaluator(),
        foldCol="fold",
        parallelism=2,
        collectSubModels=True,
    ).fit(rows)
    counts = logged_rows(log)
    counts.subtract(last_fit)
    # For each fold the scaler is fitted to two thirds of the rows, and then all are featurised.
    assert counts == dict.fromkeys(range(90), 2 * passes + 3)
    assert model.avgMetrics[:2] == pytest.approx(expected.avgMetrics, rel=1e-10)
    assert np.shape(model.subModels) == (3, 3)
    assert kept(rows) <= before


def kept(rows):
    """Files of rows in the folder for temporary ones, and what is cached on a cluster."""
    found = set(Path(tempfile.gettempdir()).glob("fireside-*/rows.arrow"))
    if not isinstance(rows, str) and "connect" not in type(rows).__module__:
        found |= set(rows.sparkSession.sparkContext._jsc.getPersistentRDDs())
    return found


def test_candidates_run_side_by_side():
    meeting = threading.Barrier(2, timeout=30)

    class Meeting(ClusteringEvaluator):
        def _evaluate(self, dataset):
            meeting.wait()
            return super()._evaluate(dataset)

    validator = search(parallelism=2).setEvaluator(Meeting())
    assert len(validator.fit(ROWS).avgMetrics) == 2


def test_the_smaller_metric_wins_where_smaller_is_better_and_nan_never_does():
    class Scripted(Evaluator):
        def _evaluate(self, dataset):
            # Two clusters score nan, three 2, four 1.
            clusters = dataset.select(["prediction"]).to_table()["prediction"].unique()
            return {2: math.nan, 3: 2.0, 4: 1.0}[len(clusters)]

        def isLargerBetter(self):
            return self.larger

    kmeans = KMeans(seed=5, featuresCol="v")
    for larger, k in ((True, 3), (False, 4)):
        evaluator = Scripted()
        evaluator.larger = larger
        validator = TrainValidationSplit(
            estimator=kmeans, evaluator=evaluator, estimatorParamMaps=[{kmeans.k: n} for n in (2, 3, 4)]
        )
        model = validator.fit(ROWS)
        assert model.bestModel.getK() == k
        assert [math.isnan(metric) for metric in model.validationMetrics] == [True, False, False]
    with pytest.raises(InputError, match=r"every candidate's metric is NaN: evaluate one model by hand"):
        validator.setEstimatorParamMaps([{kmeans.k: 2}]).fit(ROWS)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(2, 7), st.integers(1, 50))
def test_draws_are_spread_evenly_whatever_the_batches(seed, strata, batch):
    draws = Draws(seed=seed, strata=strata)
    every = draws.by_position(0, 100)
    parts = [draws.by_position(start, min(batch, 100 - start)) for start in range(0, 100, batch)]
    assert np.array_equal(np.concatenate(parts), every)
    whole = 100 // strata * strata
    folds = (every[:whole] * strata).astype(int).reshape(-1, strata)
    assert np.array_equal(np.sort(folds, axis=1), np.tile(np.arange(strata), (len(folds), 1)))
    assert ((every >= 0) & (every < 1)).all()


def test_the_parts_of_a_split_are_all_rows_and_each_once():
    for source in (
        TableDataset(ROWS),
        map_batches(TableDataset(ROWS, batch_rows=7), lambda b: b, ROWS.schema),
    ):
        draws = Draws(seed=2, strata=3)
        parts = [
            rows_drawn(source, draws, 0, 1 / 3, inside=inside).select(["id"]).to_table()["id"].to_pylist()
            for inside in (True, False)
        ]
        assert sorted(parts[0] + parts[1]) == list(range(90))
        assert len(parts[0]) == 30


def test_content_decides_where_there_is_no_order():
    table = pa.table(
        {
            "n": [1, 2, None, 1],
            "x": [0.5, math.nan, None, 0.5],
            "s": ["a", "b", None, "a"],
            "l": pa.array([["a", "b"], [], None, ["a", "b"]]),
            "v": pa.array([{"p": [1.0]}, {"p": []}, None, {"p": [1.0]}]),
            "b": [b"\xff", b"", None, b"\xff"],
            "d": pa.array([1, 2, None, 1], pa.date32()),
            "m": pa.array([[("k", 1)], [], None, [("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "t": [True, False, None, True],
        }
    )  # fmt: skip
    for name in table.column_names:
        hashes = content_hashes(table.select([name]).to_batches()[0])
        assert hashes[0] == hashes[3]
        assert len(set(hashes.tolist())) == 3
        back = content_hashes(
            table.select([name]).take(pa.array([3, 2, 1, 0])).combine_chunks().to_batches()[0]
        )
        assert back[::-1].tolist() == hashes.tolist()
        sliced = content_hashes(table.select([name]).to_batches()[0].slice(1))
        assert sliced.tolist() == hashes[1:].tolist()
    rows = pa.record_batch({"id": np.arange(30_000)})
    draws = Draws(seed=9, strata=3).by_content(rows)
    assert np.bincount((draws * 10).astype(int)) == pytest.approx(3000, rel=0.1)


def test_grids_are_products_and_refuse_what_a_param_does_not_take():
    kmeans, idf = KMeans(), IDF()
    grid = ParamGridBuilder().baseOn({kmeans.seed: 1}).baseOn((kmeans.tol, 1)).addGrid(kmeans.k, [2.0, 3])
    built = grid.addGrid(idf.minDocFreq, [0, 1]).build()
    assert built[1] == {kmeans.seed: 1, kmeans.tol: 1.0, kmeans.k: 2, idf.minDocFreq: 1}
    assert [(values[kmeans.k], values[idf.minDocFreq]) for values in built] == [
        (2, 0),
        (2, 1),
        (3, 0),
        (3, 1),
    ]
    assert ParamGridBuilder().build() == [{}]
    with pytest.raises(ParamTypeError, match="a grid is over params"):
        ParamGridBuilder().addGrid("k", [1])
    with pytest.raises(InputError, match="k must be > 1, got 1"):
        ParamGridBuilder().addGrid(kmeans.k, [1]).build()


def test_bad_searches_are_refused():
    validator = search(foldCol="fold")
    place = ROWS.column_names.index("fold")
    with pytest.raises(
        InputError, match=r"column 'fold' has the fold 3, but folds are whole numbers from 0 to 2"
    ):
        validator.fit(ROWS.set_column(place, "fold", pa.array(np.arange(90) % 4)))
    with pytest.raises(InputError, match="fold 2 has no rows"):
        validator.fit(ROWS.set_column(place, "fold", pa.array(np.arange(90) % 2)))
    with pytest.raises(
        SchemaError, match=r"CrossValidator_.*: there is no column 'folds'; did you mean 'fold'"
    ):
        search(foldCol="folds").fit(ROWS)
    with pytest.raises(SchemaError, match="there is no column 'v'"):
        search().fit(ROWS.drop_columns(["v"]))
    with pytest.raises(InputError, match="estimatorParamMaps is empty"):
        search().setEstimatorParamMaps([]).fit(ROWS)
    with pytest.raises(InputError, match="the training part of fold 0 has no rows: there are too few"):
        search(numFolds=2).fit(ROWS.slice(0, 0))
    with pytest.raises(InputError, match="param estimator is not set"):
        CrossValidator(estimatorParamMaps=[{}]).fit(ROWS)
    for wrong in (
        {"estimator": "k"},
        {"evaluator": 1},
        {"estimatorParamMaps": [1]},
        {"estimatorParamMaps": {}},
    ):
        with pytest.raises(ParamTypeError, match="cannot be set"):
            CrossValidator(**wrong)
    for wrong in ({"numFolds": 1}, {"parallelism": 0}):
        with pytest.raises(InputError, match="must be"):
            CrossValidator(**wrong)
    with pytest.raises(InputError, match="must be from 0 to 1"):
        TrainValidationSplit(trainRatio=1.5)


def test_extra_params_reach_the_estimator():
    validator = search(foldCol="fold")
    kmeans = validator.getEstimator().getStages()[1]
    model = validator.fit(
        ROWS, {kmeans.predictionCol: "cluster", validator.getEvaluator().predictionCol: "cluster"}
    )
    assert "cluster" in model.transform(ROWS).column_names
    assert kmeans.getPredictionCol() == "prediction"
    other = KMeans()
    with pytest.raises(ParamTypeError, match="belongs to another stage"):
        validator.fit(ROWS, {other.k: 3})


@pytest.mark.parametrize("kind", [CrossValidator, TrainValidationSplit])
@pytest.mark.parametrize("collect", [True, False])
def test_searches_and_their_models_come_back_as_they_were(kind, collect, tmp_path):
    validator = search(kind, seed=-7, collectSubModels=collect)
    model = validator.fit(ROWS)
    validator.save(tmp_path / "search")
    model.save(tmp_path / "model")
    again = kind.load(tmp_path / "search")
    assert again.uid == validator.uid
    assert again.getEstimatorParamMaps() == validator.getEstimatorParamMaps()
    assert metrics_of(again.fit(ROWS)) == metrics_of(model)
    loaded = type(model).load(tmp_path / "model")
    assert metrics_of(loaded) == metrics_of(model)
    assert loaded.transform(ROWS).equals(model.transform(ROWS))
    assert (loaded.subModels is not None) == collect
    if collect:
        first, expected = loaded.subModels[0], model.subModels[0]
        if kind is CrossValidator:
            assert loaded.stdMetrics == model.stdMetrics
            first, expected = first[1], expected[1]
        assert first.transform(ROWS).equals(expected.transform(ROWS))
        model.write().option("persistSubModels", "false").save(tmp_path / "small")
        assert type(model).load(tmp_path / "small").subModels is None
        assert model.subModels is not None
    else:
        with pytest.raises(
            CheckpointError, match="no sub-models to save: fit again with collectSubModels=True"
        ):
            model.write().option("persistSubModels", "true").save(tmp_path / "small")
    copied = loaded.copy({loaded.bestModel.stages[1].predictionCol: "cluster"})
    assert "cluster" in copied.transform(ROWS).column_names
    assert "cluster" not in loaded.transform(ROWS).column_names


def test_values_that_are_stages_are_saved_beside_and_other_stages_params_are_refused(tmp_path):
    inner = search(foldCol="fold")
    scaler = StandardScaler(inputCol="v", outputCol="features")
    estimators = [Pipeline(stages=[scaler, KMeans(k=k, seed=2)]) for k in (4, 3)]
    kmeans = estimators[0].getStages()[1]
    inner.setEstimator(estimators[0]).setEstimatorParamMaps([{}])
    outer = TrainValidationSplit(
        estimator=inner,
        estimatorParamMaps=[{inner.estimator: estimator} for estimator in estimators],
        evaluator=ClusteringEvaluator(),
    )
    model = outer.fit(ROWS)
    assert model.bestModel.bestModel.stages[1].getK() == 3
    outer.save(tmp_path / "search")
    again = TrainValidationSplit.load(tmp_path / "search")
    assert metrics_of(again.fit(ROWS)) == metrics_of(model)
    outer.setEstimatorParamMaps([{kmeans.k: 3}]).save(tmp_path / "nested")
    assert TrainValidationSplit.load(tmp_path / "nested").getEstimatorParamMaps() == [{kmeans.k: 3}]
    outer.setEstimatorParamMaps([{KMeans().k: 3}])
    with pytest.raises(CheckpointError, match="is no param of its estimator"):
        outer.save(tmp_path / "wrong")
    outer.setEstimatorParamMaps([{estimators[0].stages: [kmeans]}])
    with pytest.raises(CheckpointError, match=r"JSON has no form for .* save the bestModel"):
        outer.save(tmp_path / "wrong")


def test_a_damaged_param_map_is_named(tmp_path):
    search().save(tmp_path / "search")
    path = next((tmp_path / "search" / "metadata").glob("part-*"))
    path.write_text(path.read_text().replace('"name":"k"', '"name":"kk"'))
    with pytest.raises(CorruptFileError, match=r"metadata holds a param map that cannot be used .*'kk'"):
        CrossValidator.load(tmp_path / "search")


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore:unclosed running multiprocessing pool:ResourceWarning")
def test_the_same_folds_give_the_same_metrics_as_in_spark(spark, tmp_path):
    import pyspark.ml.tuning as theirs
    from pyspark.ml import Pipeline as SparkPipeline

    from tests.ml.test_against_spark import assert_same_interface, spark_frame

    frame = spark_frame(spark, ROWS).coalesce(1).cache()
    ours = search(foldCol="fold", collectSubModels=True)
    ours.save(tmp_path / "search")
    spark_search = theirs.CrossValidator.load(str(tmp_path / "search"))
    assert isinstance(spark_search.getEstimator(), SparkPipeline)
    assert_same_interface(ours, spark_search)
    expected = spark_search.fit(frame)
    # pyspark leaves its pool of threads to the garbage collector.
    gc.collect()
    model = ours.fit(ROWS)
    assert model.avgMetrics == pytest.approx([float(m) for m in expected.avgMetrics], rel=1e-10)
    assert model.stdMetrics == pytest.approx([float(m) for m in expected.stdMetrics], rel=1e-8, abs=1e-12)
    assert ours.fit(frame).avgMetrics == pytest.approx(model.avgMetrics, rel=1e-10)
    assert_same_interface(model.copy()._resetUid(expected.uid), expected)
    # Models go both ways, sub-models and all.
    model.save(tmp_path / "model")
    loaded = theirs.CrossValidatorModel.load(str(tmp_path / "model"))
    assert loaded.avgMetrics == model.avgMetrics
    assert [[type(m).__name__ for m in fold] for fold in loaded.subModels] == [["PipelineModel"] * 2] * 3
    loaded.write().save(str(tmp_path / "theirs"))
    back = CrossValidatorModel.load(tmp_path / "theirs")
    assert back.transform(ROWS).equals(model.transform(ROWS))
    assert back.subModels[2][1].transform(ROWS).equals(model.subModels[2][1].transform(ROWS))
    spark_search.save(str(tmp_path / "their search"))
    assert (
        CrossValidator.load(tmp_path / "their search").getEstimatorParamMaps() == ours.getEstimatorParamMaps()
    )


@pytest.mark.spark
def test_a_split_on_spark_is_the_same_however_rows_are_spread(spark, tmp_path):
    import pyspark.ml.tuning as theirs

    from tests.ml.test_against_spark import assert_same_interface, spark_frame

    frame = spark_frame(spark, ROWS)
    ours = search(TrainValidationSplit, seed=3)
    models = [ours.fit(frame.repartition(n)) for n in (1, 3)]
    assert models[0].validationMetrics == pytest.approx(models[1].validationMetrics, rel=1e-10)
    ours.save(tmp_path / "search")
    models[0].save(tmp_path / "model")
    spark_search = theirs.TrainValidationSplit.load(str(tmp_path / "search"))
    assert_same_interface(ours, spark_search)
    assert spark_search.getTrainRatio() == ours.getTrainRatio()
    loaded = theirs.TrainValidationSplitModel.load(str(tmp_path / "model"))
    assert loaded.validationMetrics == models[0].validationMetrics
    loaded.save(str(tmp_path / "theirs"))
    back = TrainValidationSplitModel.load(tmp_path / "theirs")
    assert back.transform(ROWS).equals(models[0].transform(ROWS))


@pytest.mark.parametrize("kind", [CrossValidator, TrainValidationSplit])
def test_metrics_that_json_has_not_come_back(kind, tmp_path):
    model = search(kind, seed=1).fit(ROWS)
    strange = [math.inf, -math.inf, math.nan, 0.5]
    for name in model._metrics:
        setattr(model, name, strange)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    for name in model._metrics:
        np.testing.assert_array_equal(getattr(loaded, name), strange)


@pytest.mark.spark
def test_metrics_that_json_has_not_come_from_spark(spark, tmp_path):
    from pyspark.ml.clustering import KMeans as SparkKMeans
    from pyspark.ml.evaluation import ClusteringEvaluator as SparkEvaluator
    from pyspark.ml.tuning import CrossValidatorModel as SparkModel

    kmeans = SparkKMeans(k=2, seed=1)
    frame = spark.createDataFrame([(Vectors.dense([0.0]),), (Vectors.dense([9.0]),)], ["features"])
    strange = [math.inf, -math.inf, math.nan, 0.5]
    theirs = SparkModel(kmeans.fit(frame), strange)
    theirs._set(estimator=kmeans, evaluator=SparkEvaluator(), estimatorParamMaps=[{}] * 4)
    theirs.save(str(tmp_path / "model"))
    np.testing.assert_array_equal(CrossValidatorModel.load(tmp_path / "model").avgMetrics, strange)


def test_a_model_of_a_search_can_be_pickled():
    model = search(seed=1).fit(ROWS)
    again = pickle.loads(pickle.dumps(model))
    assert again.avgMetrics == model.avgMetrics
    assert again.getEstimatorParamMaps() == model.getEstimatorParamMaps()
    assert again.transform(ROWS).equals(model.transform(ROWS))
