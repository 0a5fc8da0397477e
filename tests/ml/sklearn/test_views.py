import pickle
from typing import Any

import numpy as np
import pandas
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.decomposition import PCA as TheirPCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import ComplementNB, GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler as TheirMaxAbs
from sklearn.preprocessing import MinMaxScaler as TheirMinMax
from sklearn.preprocessing import StandardScaler as TheirStandard

from fireside.core.errors import InputError
from fireside.ml.classification import NaiveBayes
from fireside.ml.clustering import KMeans
from fireside.ml.feature import (
    DCT,
    IDF,
    PCA,
    Binarizer,
    ChiSqSelector,
    ElementwiseProduct,
    HashingTF,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialExpansion,
    RobustScaler,
    StandardScaler,
    UnivariateFeatureSelector,
    VarianceThresholdSelector,
    VectorIndexer,
    VectorSlicer,
)
from fireside.ml.linalg import DenseVector
from fireside.ml.sklearn import wrap

X = np.random.default_rng(3).normal(2, 3, (40, 5))
COUNTS = np.random.default_rng(4).poisson(2.0, (60, 6)).astype(float)
TOPICS = np.array(["sea", "law", "art"])[np.arange(60) % 3]
COUNTS[np.arange(60), np.arange(60) % 3] += 6


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (MinMaxScaler(min=-1.0), TheirMinMax(feature_range=(-1, 1))),
        (MaxAbsScaler(), TheirMaxAbs()),
    ],
)
def test_a_scaler_agrees_with_its_namesake(ours, theirs):
    np.testing.assert_allclose(wrap(ours).fit_transform(X), theirs.fit_transform(X), rtol=1e-13)


def test_the_standard_scaler_divides_by_the_sample_deviation():
    found = wrap(StandardScaler(withMean=True)).fit_transform(X)
    expected = TheirStandard().fit_transform(X) * np.sqrt((len(X) - 1) / len(X))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_components_are_those_of_scikit_learn_up_to_sign_and_centre():
    found = wrap(PCA(k=2)).fit_transform(X)
    expected = TheirPCA(2).fit(X).components_ @ X.T
    np.testing.assert_allclose(np.abs(found), np.abs(expected.T), rtol=1e-10)


@pytest.mark.parametrize(
    ("ours", "theirs", "features"),
    [
        (NaiveBayes(), MultinomialNB(), COUNTS),
        (NaiveBayes(modelType="complement"), ComplementNB(), COUNTS),
        (NaiveBayes(modelType="gaussian"), GaussianNB(), COUNTS),
    ],
)
def test_naive_bayes_agrees_with_its_namesakes_and_keeps_the_names_of_classes(ours, theirs, features):
    view, theirs = wrap(ours).fit(features, TOPICS), theirs.fit(features, TOPICS)
    assert view.classes_.tolist() == ["art", "law", "sea"]
    assert view.predict(features).tolist() == theirs.predict(features).tolist()
    if ours.getModelType() != "complement":
        # Of complement's scores scikit-learn makes other probabilities.
        np.testing.assert_allclose(view.predict_proba(features), theirs.predict_proba(features), rtol=1e-5)
    assert view.score(features, TOPICS) == theirs.score(features, TOPICS)


def test_sparse_arrays_stay_sparse_where_the_stage_leaves_them_so():
    sparse = csr_array(COUNTS * (COUNTS > 2))
    found = wrap(MaxAbsScaler()).fit_transform(sparse)
    assert issparse(found)
    np.testing.assert_array_equal(found.toarray(), wrap(MaxAbsScaler()).fit_transform(sparse.toarray()))


FRAME = {"a": [0.0, 4, 2, 1], "b": [5.0, 7, 6, 5], "c": [1.0, 2, 3, 1], "d": [0.0, 1, 1, 0]}
TRANSFORMERS = [
    DCT(),
    IDF(),
    PCA(k=2),
    Binarizer(threshold=1.0),
    ChiSqSelector(numTopFeatures=2),
    ElementwiseProduct(scalingVec=DenseVector([1.0, 0.0, 2.0, 1.0])),
    MaxAbsScaler(),
    MinMaxScaler(),
    Normalizer(),
    PolynomialExpansion(),
    RobustScaler(withCentering=True),
    RobustScaler(),
    StandardScaler(withMean=True),
    StandardScaler(),
    UnivariateFeatureSelector(featureType="categorical", labelType="categorical"),
    VarianceThresholdSelector(),
    VectorIndexer(maxCategories=2),
    VectorSlicer(indices=[0, 3]),
]
LEAVE_NO_ZEROS = {"DCT", "PCA", "RobustScaler withCentering", "StandardScaler withMean"}


def name_of(stage: Any) -> str:
    centring = [name for name in ("withMean", "withCentering") if stage.hasParam(name)]
    return " ".join([type(stage).__name__, *(name for name in centring if stage.getOrDefault(name))])


@pytest.mark.parametrize("stage", TRANSFORMERS, ids=name_of)
def test_the_kind_of_array_follows_the_input_and_the_stage_never_the_values(stage):
    rows = np.array(list(FRAME.values())).T
    view = wrap(stage).fit(rows, ["yes", "no", "no", "yes"])
    whole = view.transform(rows)
    some = (rows, rows[1:3], rows[[0]], np.zeros((2, 4)), np.ones((1, 4)))
    assert all(type(view.transform(part)) is np.ndarray for part in some)
    for part in some:
        found = view.transform(csr_array(part))
        assert issparse(found) == (name_of(stage) not in LEAVE_NO_ZEROS)
        found = found.toarray() if issparse(found) else found
        np.testing.assert_allclose(found, view.transform(part), rtol=1e-14, atol=1e-15)
    assert issparse(wrap(stage).fit_transform(csr_array(rows), [1, 0, 0, 1])) == issparse(
        view.transform(csr_array(rows))
    )
    frame = pandas.DataFrame(FRAME)
    named = view.fit(frame, ["yes", "no", "no", "yes"]).set_output(transform="pandas").transform(frame)
    np.testing.assert_array_equal(named.to_numpy(), whole)


def test_what_makes_zeros_feeds_an_estimator_that_wants_dense_arrays():
    frame = pandas.DataFrame(FRAME)
    pipeline = make_pipeline(wrap(MinMaxScaler()), HistGradientBoostingClassifier())
    assert pipeline.fit(frame, [0, 1, 0, 1]).predict(frame).shape == (4,)


def test_a_view_that_would_leave_out_rows_is_refused():
    skipping = wrap(VectorIndexer(handleInvalid="skip"))
    with pytest.raises(InputError, match="VectorIndexerView: handleInvalid='skip' leaves out rows"):
        skipping.fit(COUNTS)
    assert skipping.set_params(handleInvalid="keep").fit(COUNTS).transform(COUNTS + 50).shape == COUNTS.shape


def test_a_clusterer_finds_the_clusters():
    blobs = np.concatenate([X[:20] * 0.01, X[20:] * 0.01 + 50])
    view = wrap(KMeans(seed=1))
    labels = view.fit_predict(blobs)
    assert sorted({tuple(labels[:20].tolist()), tuple(labels[20:].tolist())}) == [(0,) * 20, (1,) * 20]
    assert view.model_.clusterCenters()[0].shape == (5,)


def test_a_view_lives_in_pipelines_searches_clones_and_pickles():
    pipeline = make_pipeline(wrap(MinMaxScaler()), wrap(NaiveBayes()))
    search = GridSearchCV(pipeline, {"naivebayesview__smoothing": [0.1, 1.0]}, cv=3).fit(COUNTS, TOPICS)
    assert search.best_score_ > 0.8
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert again.predict(COUNTS).tolist() == search.predict(COUNTS).tolist()
    copied = clone(wrap(KMeans(k=7)))
    assert copied.get_params()["k"] == 7
    assert copied.set_params(k=3)._stage().getK() == 3


def test_rows_that_weigh_twice_count_twice():
    weights = np.arange(60) % 3
    weighed = wrap(NaiveBayes()).fit(COUNTS, TOPICS, sample_weight=weights)
    repeated = wrap(NaiveBayes()).fit(COUNTS.repeat(weights, axis=0), TOPICS.repeat(weights))
    np.testing.assert_allclose(weighed.predict_proba(COUNTS), repeated.predict_proba(COUNTS), rtol=1e-12)
    # To scikit-learn a class of rows that weigh nothing is not there.
    assert weighed.classes_.tolist() == ["art", "law"]


def test_features_keep_their_names_where_each_is_changed_in_its_place():
    frame = pandas.DataFrame(FRAME)
    scaler = wrap(StandardScaler()).set_output(transform="pandas")
    assert list(scaler.fit_transform(frame).columns) == list("abcd")


@pytest.mark.parametrize("stage", [PCA(k=4), PCA(k=2), DCT(), PolynomialExpansion(degree=1)])
def test_new_features_have_new_names_however_many_they_are(stage):
    view = wrap(stage).fit(pandas.DataFrame(FRAME))
    prefix, size = type(stage).__name__.lower(), view.transform(pandas.DataFrame(FRAME)).shape[1]
    assert view.get_feature_names_out().tolist() == [f"{prefix}{place}" for place in range(size)]


def test_a_selector_keeps_names_and_tells_what_it_selects_as_scikit_learn_does():
    frame, classes = pandas.DataFrame(COUNTS, columns=list("abcdef")), TOPICS
    ours = wrap(ChiSqSelector(numTopFeatures=3)).fit(frame, classes)
    theirs = SelectKBest(chi2, k=3).fit(frame, classes)
    assert ours.get_support().tolist() == theirs.get_support().tolist()
    assert ours.get_support(indices=True).tolist() == theirs.get_support(indices=True).tolist()
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
    kept = ours.set_output(transform="pandas").transform(frame)
    pandas.testing.assert_frame_equal(kept, theirs.set_output(transform="pandas").transform(frame))


def test_a_slicer_and_a_threshold_keep_names_in_the_order_of_the_result():
    frame = pandas.DataFrame(FRAME)
    slicer = wrap(VectorSlicer(indices=[3, 0])).set_output(transform="pandas")
    pandas.testing.assert_frame_equal(slicer.fit_transform(frame), frame[["d", "a"]])
    assert slicer.get_support().tolist() == [True, False, False, True]
    varied = wrap(VarianceThresholdSelector(varianceThreshold=0.9)).set_output(transform="pandas")
    # Variances: 2.9, 0.9167, 0.9167 and 0.3333.
    pandas.testing.assert_frame_equal(varied.fit_transform(frame), frame[["a", "b", "c"]])
    assert wrap(VectorSlicer(indices=[2])).fit(X).get_feature_names_out().tolist() == ["x2"]


@pytest.mark.parametrize(
    "stage",
    [
        ChiSqSelector(numTopFeatures=2),
        UnivariateFeatureSelector(featureType="continuous", labelType="categorical", selectionThreshold=2),
    ],
)
def test_selectors_take_classes_of_any_kind(stage):
    assert TOPICS.dtype.kind == "U"
    of_names = wrap(stage).fit(COUNTS, TOPICS).get_support()
    assert of_names.sum() == 2
    numbers = np.unique(TOPICS, return_inverse=True)[1]
    for labels in (TOPICS.astype(object), TOPICS.tolist(), numbers, numbers * 0.5):
        assert wrap(stage).fit(COUNTS, labels).get_support().tolist() == of_names.tolist()


def test_stages_whose_params_fit_one_size_work_at_that_size():
    product = wrap(ElementwiseProduct(scalingVec=DenseVector([1.0, 0.0, 2.0, 1.0, -1.0])))
    np.testing.assert_array_equal(product.fit_transform(X), X * [1, 0, 2, 1, -1])
    np.testing.assert_array_equal(wrap(VectorSlicer(indices=[4, 0])).fit_transform(X), X[:, [4, 0]])


def test_what_has_no_view_is_refused_and_bad_params_are_named_at_fit():
    with pytest.raises(InputError, match="HashingTF does not turn vectors into vectors"):
        wrap(HashingTF())
    with pytest.raises(InputError, match=r"such as StandardScaler\(\), got the class MinMaxScaler"):
        wrap(MinMaxScaler)
    with pytest.raises(InputError, match=r"wrap takes a stage.*, got None"):
        wrap(None)
    with pytest.raises(InputError, match="weightCol names no array: give fit the weights as sample_weight"):
        wrap(NaiveBayes(weightCol="w"))
    with pytest.raises(InputError, match="thresholds is about columns, and a view reads one array"):
        wrap(Binarizer(thresholds=[1.0, 2.0]))
    with pytest.raises(InputError, match="KMeansModel is a model"):
        wrap(KMeans().fit({"features": [DenseVector([0.0]), DenseVector([1.0])]}))
    view = wrap(KMeans()).set_params(k=1)
    with pytest.raises(InputError, match="param k must be > 1, got 1"):
        view.fit(X)


def test_idf_weights_are_sparks_not_scikit_learns():
    found = wrap(IDF()).fit(COUNTS).model_.idf.toArray()
    theirs = TfidfTransformer(smooth_idf=True).fit(COUNTS).idf_
    np.testing.assert_allclose(found, theirs - 1.0, rtol=1e-12, atol=1e-15)
