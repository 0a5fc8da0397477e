import logging
import math
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError, SchemaError
from fireside.ml.classification import NaiveBayes, NaiveBayesModel
from fireside.ml.linalg import DenseMatrix, DenseVector, Matrix, SparseMatrix, SparseVector, VectorBlock
from fireside.ml.linalg.compressed_matrix import compressed_matrix

RANDOM = np.random.default_rng(3)
KINDS = ["multinomial", "complement", "bernoulli", "gaussian"]

# Manning, Raghavan, Schütze, Introduction to Information Retrieval, table 13.1: which words documents have.
# Chinese, Beijing, Shanghai, Macao, Tokyo, Japan.
CHINA = np.array([[2, 1, 0, 0, 0, 0], [2, 0, 1, 0, 0, 0], [1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, 1]], float)
NOT_CHINA, IN_CHINA = 0.0, 1.0
CHINA_LABELS = [IN_CHINA, IN_CHINA, IN_CHINA, NOT_CHINA]
TEST_DOCUMENT = [3, 0, 0, 0, 1, 1]


def table(array, labels, *, sparse=False, **columns):
    array = np.asarray(array, float)
    vectors = [
        SparseVector(len(row), np.flatnonzero(row), row[np.flatnonzero(row)]) if sparse else DenseVector(row)
        for row in array
    ]
    return pa.table(
        {"features": VectorBlock.arrow_from_vectors(vectors), "label": np.asarray(labels, float), **columns}
    )


def features_for(kind, rows, size):
    if kind == "gaussian":
        return RANDOM.normal(2, 3, (rows, size))
    return RANDOM.integers(0, 2 if kind == "bernoulli" else 4, (rows, size)).astype(float)


def by_the_book(kind, array, labels, weights, smoothing, row):
    """Log of the joint likelihood of each class, feature by feature."""
    scores = []
    classes = sorted(set(labels))
    for label in classes:
        mine = [i for i, own in enumerate(labels) if own == label]
        others = [i for i in range(len(labels)) if i not in mine]
        weight = sum(weights[i] for i in mine)
        score = math.log((weight + smoothing) / (sum(weights) + len(classes) * smoothing))
        if kind == "complement":
            score = 0.0
        if kind == "gaussian":
            score = math.log(weight / sum(weights))
        size = len(row)
        for j in range(size):
            total = sum(weights[i] * array[i][j] for i in mine)
            if kind == "multinomial":
                whole = sum(weights[i] * array[i][k] for i in mine for k in range(size))
                score += row[j] * math.log((total + smoothing) / (whole + size * smoothing))
            elif kind == "complement":
                rest = sum(weights[i] * array[i][j] for i in others)
                whole = sum(weights[i] * array[i][k] for i in others for k in range(size))
                score -= row[j] * math.log((rest + smoothing) / (whole + size * smoothing))
            elif kind == "bernoulli":
                share = (total + smoothing) / (weight + 2 * smoothing)
                score += math.log(share if row[j] else 1 - share)
            else:
                mean = total / weight
                variance = sum(weights[i] * (array[i][j] - mean) ** 2 for i in mine) / weight
                variance += 1e-9 * max(
                    np.average((array[:, k] - np.average(array[:, k], weights=weights)) ** 2, weights=weights)
                    for k in range(size)
                )
                score += -math.log(variance) / 2 - (row[j] - mean) ** 2 / variance / 2
        scores.append(score)
    return np.array(scores)


def test_the_worked_example_of_the_textbook_comes_out_multinomial():
    model = NaiveBayes(smoothing=1.0).fit(table(CHINA, CHINA_LABELS))
    # The book's priors are not smoothed, Spark's are: (3 + 1) / (4 + 2) where the book has 3 / 4.
    assert np.exp(model.pi.toArray()) == pytest.approx([2 / 6, 4 / 6])
    likelihoods = np.exp(model.theta.toArray())
    assert likelihoods[1, [0, 4, 5]] == pytest.approx([6 / 14, 1 / 14, 1 / 14])
    assert likelihoods[0, [0, 4, 5]] == pytest.approx([2 / 9, 2 / 9, 2 / 9])
    scores = np.exp(model.predictRaw(TEST_DOCUMENT).toArray())
    assert scores == pytest.approx([2 / 6 * (2 / 9) ** 5, 4 / 6 * (6 / 14) ** 3 * (1 / 14) ** 2])
    assert model.predict(TEST_DOCUMENT) == IN_CHINA


def test_the_worked_example_of_the_textbook_comes_out_bernoulli():
    model = NaiveBayes(modelType="bernoulli").fit(table(np.sign(CHINA), CHINA_LABELS))
    shares = np.exp(model.theta.toArray())
    assert shares[1] == pytest.approx([4 / 5, 2 / 5, 2 / 5, 2 / 5, 1 / 5, 1 / 5])
    assert shares[0] == pytest.approx([2 / 3, 1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    scores = np.exp(model.predictRaw(np.sign(TEST_DOCUMENT)).toArray())
    china = 4 / 6 * 4 / 5 * 1 / 5 * 1 / 5 * (1 - 2 / 5) ** 3
    other = 2 / 6 * 2 / 3 * 2 / 3 * 2 / 3 * (1 - 1 / 3) ** 3
    assert scores == pytest.approx([other, china])
    assert model.predict(np.sign(TEST_DOCUMENT)) == NOT_CHINA


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sparse", [False, True])
def test_every_model_type_is_what_its_formula_says(kind, sparse):
    array, labels = features_for(kind, 30, 5), RANDOM.integers(0, 3, 30).tolist()
    weights = RANDOM.uniform(0.5, 2, 30)
    frame = table(array, labels, sparse=sparse, w=weights)
    model = NaiveBayes(modelType=kind, smoothing=0.7, weightCol="w").fit(frame)
    assert (model.numClasses, model.numFeatures) == (3, 5)
    rows = model.transform(frame)
    raw = VectorBlock.from_arrow(rows["rawPrediction"]).to_dense()
    probabilities = VectorBlock.from_arrow(rows["probability"]).to_dense()
    expected = np.array([by_the_book(kind, array, labels, weights, 0.7, row) for row in array])
    if kind == "complement":
        expected -= np.log(np.exp(expected).sum(axis=1, keepdims=True))
    assert np.allclose(raw, expected, rtol=1e-11)
    shares = np.exp(expected - expected.max(axis=1, keepdims=True))
    assert np.allclose(probabilities, shares / shares.sum(axis=1, keepdims=True), rtol=1e-10)
    assert rows["prediction"].to_pylist() == expected.argmax(axis=1).tolist()
    assert [model.predict(row) for row in array[:4]] == rows["prediction"].to_pylist()[:4]
    assert model.predictProbability(array[0]).toArray() == pytest.approx(probabilities[0], rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_of_two_is_a_row_given_twice(kind):
    array, labels = features_for(kind, 12, 4), [0, 1, 2] * 4
    times = RANDOM.integers(1, 4, 12)
    weighted = NaiveBayes(modelType=kind, weightCol="w").fit(table(array, labels, w=times))
    repeated = NaiveBayes(modelType=kind).fit(
        table(np.repeat(array, times, axis=0), np.repeat(labels, times))
    )
    assert np.allclose(weighted.pi.toArray(), repeated.pi.toArray(), rtol=1e-13)
    assert np.allclose(weighted.theta.toArray(), repeated.theta.toArray(), rtol=1e-12)
    assert np.allclose(weighted.sigma.toArray(), repeated.sigma.toArray(), rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(KINDS), st.integers(1, 9), st.randoms(use_true_random=False))
def test_batches_and_the_order_of_rows_change_nothing(kind, batch, random):
    array, labels = features_for(kind, 20, 3), [0, 1, 1, 2] * 5
    order = list(range(20))
    random.shuffle(order)
    whole = NaiveBayes(modelType=kind).fit(table(array, labels))
    from fireside.compute import TableDataset

    shuffled = TableDataset(table(array[order], np.array(labels)[order]), batch_rows=batch)
    pieces = NaiveBayes(modelType=kind).fit(shuffled)
    for name in ("pi", "theta", "sigma"):
        one, other = getattr(whole, name).toArray(), getattr(pieces, name).toArray()
        assert np.allclose(one, other, rtol=1e-10, atol=1e-12)


def test_variances_keep_their_digits_far_from_the_origin():
    array = np.array([[1e8], [1e8 + 1], [1e8 + 2], [1e8 + 3]])
    model = NaiveBayes(modelType="gaussian").fit(table(array, [0, 0, 1, 1]))
    assert model.sigma.toArray() == pytest.approx(0.25 + 1.25e-9)


def test_without_smoothing_what_was_never_seen_is_impossible_and_not_nan():
    model = NaiveBayes(smoothing=0.0).fit(table([[1, 0, 3], [0, 2, 0]], [0, 1]))
    assert model.predictProbability([1, 0, 1]).toArray().tolist() == [1.0, 0.0]
    assert model.predictProbability([0, 1, 0]).toArray().tolist() == [0.0, 1.0]
    bits = NaiveBayes(smoothing=0.0, modelType="bernoulli").fit(table([[1, 0, 1], [1, 1, 0]], [0, 1]))
    assert bits.predictProbability([1, 0, 1]).toArray().tolist() == [1.0, 0.0]
    # The first feature is in every row of both classes, so without it neither is possible.
    assert bits.predictRaw([0, 0, 1]).toArray().tolist() == [-np.inf, -np.inf]


def test_thresholds_move_predictions_and_not_probabilities():
    frame = table(CHINA, CHINA_LABELS)
    plain = NaiveBayes().fit(frame)
    moved = NaiveBayes(thresholds=[1.0, 0.01]).fit(frame)
    row = [0, 0, 0, 0, 1, 1]
    assert plain.predict(row) == NOT_CHINA
    assert moved.predict(row) == IN_CHINA
    assert moved.predictProbability(row) == plain.predictProbability(row)
    assert plain.setThresholds([0.0, 1.0]).predict(TEST_DOCUMENT) == NOT_CHINA


def test_columns_with_an_empty_name_are_not_appended():
    frame = table(CHINA, CHINA_LABELS)
    model = NaiveBayes(rawPredictionCol="", probabilityCol="").fit(frame)
    assert model.transform(frame).column_names == ["features", "label", "prediction"]
    assert model.setPredictionCol("").transform(frame).column_names == ["features", "label"]


def test_labels_with_gaps_are_predicted_by_place_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        model = NaiveBayes().fit(table([[1, 0], [0, 1]], [0, 7]))
    assert model.predict([0, 5]) == 1.0
    assert "only the labels 0, 7 occur" in caplog.text


def test_a_model_travels_without_what_is_computed_from_it():
    model = NaiveBayes().fit(table(CHINA, CHINA_LABELS))
    before = model.predictRaw(TEST_DOCUMENT)
    assert model._linear is not None
    twin = pickle.loads(pickle.dumps(model))
    assert twin._linear is None
    assert twin.predictRaw(TEST_DOCUMENT) == before


@pytest.mark.parametrize(
    ("features", "labels", "params", "message"),
    [
        ([[1.0], [2.0]], [0, -1], {}, r"column 'label' has -1.0 \(row 1 of its batch\).*StringIndexer"),
        ([[1.0], [2.0]], [0, 0.5], {}, "column 'label' has 0.5"),
        ([[1.0], [2.0]], [0, math.nan], {}, "column 'label' has NaN"),
        ([[1.0], [2.0]], [0, 2], {"thresholds": [0.5, 0.5]}, "labels are whole numbers from 0 to 1"),
        ([[1.0], [-2.0]], [0, 1], {}, r"'features' has -2.0 \(row 1 of its batch\), but numbers from 0 on"),
        ([[1.0], [-2.0]], [0, 1], {"modelType": "complement"}, "numbers from 0 on"),
        ([[1.0], [2.0]], [0, 1], {"modelType": "bernoulli"}, "0 or 1"),
        ([[1.0], [math.inf]], [0, 1], {"modelType": "gaussian"}, "finite numbers are needed"),
        ([[2.0], [2.0]], [0, 1], {"modelType": "gaussian"}, "no feature differs"),
    ],
)
def test_rows_that_cannot_be_used_are_named(features, labels, params, message):
    with pytest.raises(InputError, match=message):
        NaiveBayes(**params).fit(table(features, labels))


def test_a_class_without_weight_and_negative_weights_are_named():
    for weights, message in (([1.0, 0.0], "label 1 weigh 0 together"), ([1.0, -1.0], "negative")):
        with pytest.raises(InputError, match=message):
            NaiveBayes(weightCol="w").fit(table([[1], [1]], [0, 1], w=weights))


def test_what_does_not_fit_a_model_is_refused():
    model = NaiveBayes().fit(table(CHINA, CHINA_LABELS))
    with pytest.raises(InputError, match=r"vectors of size 2, but the model was fitted to size 6"):
        model.predict([1, 2])
    with pytest.raises(InputError, match="numbers from 0 on"):
        model.predict([-1, 0, 0, 0, 0, 0])
    with pytest.raises(InputError, match="thresholds has 1 numbers, but there are 2 classes"):
        model.setThresholds([1.0]).transform(table(CHINA, CHINA_LABELS))
    with pytest.raises(InputError, match="at most one may be 0"):
        NaiveBayes(thresholds=[0.0, 0.0])
    with pytest.raises(SchemaError, match="column 'label' is string, but a number is needed"):
        NaiveBayes().fit({"features": [DenseVector([1.0])], "label": ["a"]})


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_files_give_the_model_of_the_rows_in_memory(kind, tmp_path):
    array, labels = features_for(kind, 50, 3), [0, 1, 2, 3, 4] * 10
    pq.write_table(table(array, labels), tmp_path / "rows.parquet", row_group_size=7)
    streamed = NaiveBayes(modelType=kind).fit(tmp_path / "rows.parquet")
    held = NaiveBayes(modelType=kind).fit(table(array, labels))
    assert np.allclose(streamed.sigma.toArray(), held.sigma.toArray(), rtol=1e-12)
    assert np.allclose(streamed.theta.toArray(), held.theta.toArray(), rtol=1e-12)


def test_a_matrix_is_stored_in_the_form_that_takes_less_room():
    wide, tall = np.zeros((2, 20)), np.zeros((20, 2))
    wide[1, 3] = tall[3, 1] = 5.0
    for array, in_rows in ((wide, True), (tall, False)):
        matrix = compressed_matrix(array)
        assert isinstance(matrix, SparseMatrix)
        assert matrix.isTransposed is in_rows
        assert np.array_equal(matrix.toArray(), array)
    full = compressed_matrix(np.arange(6.0).reshape(2, 3))
    assert isinstance(full, DenseMatrix)
    assert np.array_equal(full.toArray(), np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_scikit_learn_learns_the_same(kind):
    sklearn = pytest.importorskip("sklearn.naive_bayes")
    array, labels = features_for(kind, 60, 6), RANDOM.integers(0, 3, 60)
    weights = RANDOM.uniform(0.5, 2, 60)
    prior = {} if kind == "gaussian" else {"alpha": 0.5}
    theirs = getattr(sklearn, f"{kind.capitalize()}NB")(**prior).fit(array, labels, sample_weight=weights)
    frame = table(array, labels, w=weights)
    model = NaiveBayes(modelType=kind, smoothing=0.5, weightCol="w").fit(frame)
    if kind == "gaussian":
        assert np.allclose(model.theta.toArray(), theirs.theta_)
        assert np.allclose(model.sigma.toArray(), theirs.var_, rtol=1e-6)
    elif kind != "complement":
        assert np.allclose(model.theta.toArray(), theirs.feature_log_prob_)
    else:
        assert model.transform(frame)["prediction"].to_pylist() == theirs.predict(array).tolist()


@pytest.mark.spark
@pytest.mark.parametrize("kind", KINDS)
def test_spark_learns_the_same_numbers_in_the_same_form(spark, kind):
    from pyspark.ml.classification import NaiveBayes as SparkNaiveBayes

    from tests.ml.test_against_spark import spark_frame

    array, labels = features_for(kind, 200, 30), RANDOM.integers(0, 4, 200)
    if kind == "gaussian":
        array[:, 3:] = 0.0
    frame = table(array, labels, sparse=True, w=RANDOM.uniform(0.5, 2, 200))
    ours = NaiveBayes(modelType=kind, weightCol="w", smoothing=0.3).fit(frame)
    rows = spark_frame(spark, frame)
    theirs = SparkNaiveBayes(modelType=kind, weightCol="w", smoothing=0.3).fit(rows)
    assert ours.pi.toArray() == pytest.approx(theirs.pi.toArray(), rel=1e-13)
    for mine, other in ((ours.theta, theirs.theta), (ours.sigma, theirs.sigma)):
        assert_same_form(mine, other)
        assert np.allclose(mine.toArray(), other.toArray(), rtol=1e-12, atol=1e-15)


def assert_same_form(ours: Matrix, theirs: object) -> None:
    assert type(ours).__name__ == type(theirs).__name__
    for name in ("numRows", "numCols", "isTransposed"):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.spark
def test_the_model_fitted_on_spark_is_the_model_fitted_here(spark):
    from tests.ml.test_against_spark import spark_frame

    for kind in KINDS:
        frame = table(features_for(kind, 40, 5), RANDOM.integers(0, 3, 40))
        here = NaiveBayes(modelType=kind).fit(frame)
        there = NaiveBayes(modelType=kind).fit(spark_frame(spark, frame).repartition(3))
        assert isinstance(there, NaiveBayesModel)
        assert np.allclose(here.theta.toArray(), there.theta.toArray(), rtol=1e-12)
        assert np.allclose(here.sigma.toArray(), there.sigma.toArray(), rtol=1e-12)


@pytest.mark.spark
def test_a_gaussian_model_whose_means_are_sparse_goes_to_spark_and_back(spark, tmp_path):
    from pyspark.ml.classification import NaiveBayesModel as SparkNaiveBayesModel

    array = np.zeros((9, 12))
    array[:, 4] = RANDOM.normal(0, 1, 9)
    frame = table(array, [0, 1, 2] * 3, sparse=True)
    model = NaiveBayes(modelType="gaussian").fit(frame)
    assert isinstance(model.theta, SparseMatrix)
    model.save(tmp_path / "ours")
    theirs = SparkNaiveBayesModel.load(str(tmp_path / "ours"))
    assert_same_form(model.theta, theirs.theta)
    assert np.array_equal(model.theta.toArray(), theirs.theta.toArray())
    assert np.array_equal(model.sigma.toArray(), theirs.sigma.toArray())
    theirs.save(str(tmp_path / "theirs"))
    back = NaiveBayesModel.load(tmp_path / "theirs")
    assert back.transform(frame).equals(model.transform(frame))
