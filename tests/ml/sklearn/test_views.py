import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.decomposition import PCA as TheirPCA
from sklearn.feature_extraction.text import TfidfTransformer
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
    PCA,
    ElementwiseProduct,
    HashingTF,
    MaxAbsScaler,
    MinMaxScaler,
    StandardScaler,
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


def test_features_have_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    scaler = wrap(StandardScaler()).set_output(transform="pandas")
    assert list(scaler.fit_transform(frame).columns) == list("abcde")
    assert wrap(PCA(k=2)).fit(frame).get_feature_names_out().tolist() == ["pca0", "pca1"]


def test_stages_whose_params_fit_one_size_work_at_that_size():
    product = wrap(ElementwiseProduct(scalingVec=DenseVector([1.0, 0.0, 2.0, 1.0, -1.0])))
    np.testing.assert_array_equal(product.fit_transform(X), X * [1, 0, 2, 1, -1])
    np.testing.assert_array_equal(wrap(VectorSlicer(indices=[4, 0])).fit_transform(X), X[:, [4, 0]])


def test_what_has_no_view_is_refused_and_bad_params_are_named_at_fit():
    with pytest.raises(InputError, match="HashingTF does not turn vectors into vectors"):
        wrap(HashingTF())
    with pytest.raises(InputError, match="KMeansModel is a model"):
        wrap(KMeans().fit({"features": [DenseVector([0.0]), DenseVector([1.0])]}))
    view = wrap(KMeans()).set_params(k=1)
    with pytest.raises(InputError, match="param k must be > 1, got 1"):
        view.fit(X)


def test_idf_weights_are_sparks_not_scikit_learns():
    from fireside.ml.feature import IDF

    found = wrap(IDF()).fit(COUNTS).model_.idf.toArray()
    theirs = TfidfTransformer(smooth_idf=True).fit(COUNTS).idf_
    np.testing.assert_allclose(found, theirs - 1.0, rtol=1e-12, atol=1e-15)
