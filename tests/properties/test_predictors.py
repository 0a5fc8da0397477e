"""On any row a predictor gives what `transform` gives for a frame of it, to the last bit, errors included."""

import functools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireside.ml import Pipeline, PipelineModel
from fireside.ml.classification import NaiveBayes
from fireside.ml.clustering import KMeans
from fireside.ml.feature import (
    IDF,
    Binarizer,
    Bucketizer,
    CountVectorizer,
    HashingTF,
    Imputer,
    NGram,
    Normalizer,
    OneHotEncoder,
    RegexTokenizer,
    StandardScaler,
    StopWordsRemover,
    StringIndexer,
    Tokenizer,
    VectorAssembler,
)
from fireside.ml.serving import Predictor
from tests.contracts.test_predictors import only, outcome

INF = float("inf")
TEXTS = {
    "text": ["The fire by the sea", "waves and salt", "A COURT and a clause", "the judge of the court"],
    "label": [0.0, 0.0, 1.0, 1.0],
}
TABLE = {
    "a": [1.0, None, 3.5, -2.0, 0.0, 8.0],
    "n": [3, 1, 4, 1, 5, 9],
    "kind": ["p", "q", "p", "r", "q", "p"],
}
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def text_model() -> PipelineModel:
    stages = [
        Tokenizer(inputCol="text", outputCol="words"),
        RegexTokenizer(inputCol="text", outputCol="tokens", pattern="\\W+"),
        StopWordsRemover(inputCol="words", outputCol="kept"),
        NGram(inputCol="kept", outputCol="pairs"),
        HashingTF(inputCol="pairs", outputCol="hashed", numFeatures=64),
        CountVectorizer(inputCol="tokens", outputCol="counts", minTF=0.2),
        HashingTF(inputCol="kept", outputCol="tf", numFeatures=32),
        IDF(inputCol="tf", outputCol="weights"),
        Normalizer(inputCol="weights", outputCol="features"),
        NaiveBayes(),
    ]
    return Pipeline(stages=stages).fit(TEXTS)


def table_model(invalid: str) -> PipelineModel:
    stages = [
        Imputer(inputCol="a", outputCol="filled", missingValue=8.0),
        Binarizer(inputCol="a", outputCol="above", threshold=0.5),
        Bucketizer(
            inputCol="filled", outputCol="bucket", splits=[-INF, -1.0, 0.0, 2.5, 1e9], handleInvalid=invalid
        ),
        StringIndexer(inputCol="kind", outputCol="index", handleInvalid=invalid),
        OneHotEncoder(inputCols=["index", "bucket"], outputCols=["o1", "o2"], handleInvalid="keep"),
        VectorAssembler(inputCols=["n", "filled", "above", "o1", "o2"], outputCol="v", handleInvalid="skip"),
        StandardScaler(inputCol="v", outputCol="features", withMean=True),
        KMeans(k=2, seed=1),
    ]
    return Pipeline(stages=stages).fit(TABLE)


TABLE_MODELS = {invalid: table_model(invalid) for invalid in ("error", "skip", "keep")}


@functools.cache
def predictor_of(model: PipelineModel) -> Predictor:
    """One for all rows, so that what it remembers of others is under test too."""
    return model.predictor()


def assert_same(model: PipelineModel, row: dict[str, Any]) -> None:
    expected = outcome(lambda: only(model.transform([row])))
    predict = predictor_of(model)
    assert outcome(lambda: predict(row)) == expected
    assert outcome(lambda: predict(row)) == expected


@MANY
@given(text=st.one_of(st.text(max_size=40), st.text("aB .,İΣσς\u2003\x0b\u00a0é", max_size=25), st.none()))
def test_any_text_is_predicted_as_transformed(text_model, text):
    assert_same(text_model, {"text": text})


NUMBERS = st.one_of(
    st.floats(),
    st.sampled_from([-0.0, 0.0, -1.0, 2.5, 8.0, 1e9, 0.5]),
    st.integers(-(2**63), 2**63 - 1),
    st.none(),
)


@MANY
@given(
    a=NUMBERS,
    n=st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9), st.floats(), st.booleans()),
    kind=st.one_of(st.sampled_from(["p", "q", "r", "s"]), st.none(), st.text(max_size=2)),
    invalid=st.sampled_from(sorted(TABLE_MODELS)),
)
def test_any_measures_are_predicted_as_transformed(a, n, kind, invalid):
    assert_same(TABLE_MODELS[invalid], {"a": a, "n": n, "kind": kind})
