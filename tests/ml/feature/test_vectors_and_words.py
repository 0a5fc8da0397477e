"""Stages on numbers and words against NumPy, and by hand."""

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fireside.core.errors import InputError, SchemaError
from fireside.ml import Pipeline
from fireside.ml.attributes import entries_of, labels_of, vector_size_of
from fireside.ml.feature import (
    IDF,
    CountVectorizer,
    CountVectorizerModel,
    HashingTF,
    IndexToString,
    NGram,
    Normalizer,
    StandardScaler,
    StopWordsRemover,
    StringIndexer,
    StringIndexerModel,
    VectorAssembler,
    VectorSizeHint,
    VectorSlicer,
)
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock

numbers = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.sampled_from([0.0, 0.0, 1.0, -2.5, 3.0, 1e6]),
)


def frame(array, *, sparse):
    vectors = [
        SparseVector(len(row), np.flatnonzero(row), row[np.flatnonzero(row)]) if sparse else DenseVector(row)
        for row in array
    ]
    return pa.table({"v": VectorBlock.arrow_from_vectors(vectors)})


def dense(table, column="out"):
    return VectorBlock.from_arrow(table[column]).to_dense()


@settings(deadline=None)
@given(numbers, st.booleans())
def test_idf_is_its_formula(array, sparse):
    rows = frame(array, sparse=sparse)
    model = IDF(inputCol="v", outputCol="out").fit(rows)
    frequency = (array > 0).sum(axis=0)
    weights = np.log((len(array) + 1) / (frequency + 1))
    assert model.docFreq == frequency.tolist()
    assert model.numDocs == len(array)
    assert np.allclose(model.idf.toArray(), weights, rtol=1e-15)
    assert np.allclose(dense(model.transform(rows)), array * weights, rtol=1e-15)


@settings(deadline=None)
@given(numbers, st.booleans(), st.booleans(), st.booleans())
def test_scaling_is_that_of_numpy(array, sparse, with_mean, with_std):
    rows = frame(array, sparse=sparse)
    model = StandardScaler(inputCol="v", outputCol="out", withMean=with_mean, withStd=with_std).fit(rows)
    std = array.std(axis=0, ddof=1) if len(array) > 1 else np.zeros(array.shape[1])
    expected = array - array.mean(axis=0) * with_mean
    if with_std:
        varies = std > 1e-9 * np.abs(array).max()
        expected = np.divide(expected, std, out=np.zeros_like(expected), where=varies)
    assert np.allclose(model.std.toArray(), std, rtol=1e-12, atol=1e-9)
    assert np.allclose(dense(model.transform(rows)), expected, rtol=1e-9, atol=1e-7)


def test_a_standard_deviation_keeps_its_digits_beside_a_large_mean():
    array = 1e9 + np.array([[0.0], [1.0], [2.0], [3.0]])
    model = StandardScaler(inputCol="v").fit(frame(array, sparse=False))
    assert model.std[0] == pytest.approx(np.std([0, 1, 2, 3], ddof=1), rel=1e-12)


@settings(deadline=None)
@given(numbers, st.booleans(), st.sampled_from([1.0, 1.5, 2.0, 4.0, math.inf]))
def test_normalizing_divides_by_the_norm_of_numpy(array, sparse, p):
    rows = frame(array, sparse=sparse)
    norms = np.linalg.norm(array, p, axis=1, keepdims=True)
    expected = array / np.where(norms == 0, 1, norms)
    found = Normalizer(inputCol="v", outputCol="out", p=p).transform(rows)
    assert np.allclose(dense(found), expected, rtol=1e-14)
    assert found["out"].combine_chunks().field("type").to_pylist() == [1 - sparse] * len(array)


@settings(deadline=None)
@given(numbers, st.booleans(), st.booleans())
def test_assembling_is_concatenating(array, sparse, first_sparse):
    rows = frame(array, sparse=sparse).append_column("w", frame(array, sparse=first_sparse)["v"])
    rows = rows.append_column("x", pa.array(array[:, 0]))
    found = VectorAssembler(inputCols=["x", "w", "v"], outputCol="out").transform(rows)
    assert np.array_equal(dense(found), np.hstack([array[:, :1], array, array]))


words = st.lists(st.lists(st.sampled_from(["a", "b", "c", "d", "é"]), max_size=6), min_size=1, max_size=6)


@settings(deadline=None)
@given(words, st.integers(1, 4))
def test_counting_words_is_that_of_a_counter(rows, size):
    table = pa.table({"words": pa.array(rows, pa.list_(pa.string()))})
    model = CountVectorizer(inputCol="words", outputCol="out", vocabSize=size).fit(table)
    counts = Counter(word for row in rows for word in row)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    assert model.vocabulary == ranked[:size]
    expected = [[row.count(word) for word in model.vocabulary] for row in rows]
    if model.vocabulary:
        assert np.array_equal(dense(model.transform(table)), expected)


@settings(deadline=None)
@given(words, st.integers(1, 8), st.booleans())
def test_hashed_counts_are_counts_by_bucket(rows, size, binary):
    stage = HashingTF(inputCol="words", outputCol="out", numFeatures=size, binary=binary)
    expected = np.zeros((len(rows), size))
    for place, row in enumerate(rows):
        for word in row:
            expected[place, stage.indexOf(word)] += 1
    found = stage.transform(pa.table({"words": pa.array(rows, pa.list_(pa.string()))}))
    assert np.array_equal(dense(found), np.minimum(expected, 1) if binary else expected)


@settings(deadline=None)
@given(words, st.integers(1, 4))
def test_ngrams_are_windows(rows, n):
    found = NGram(inputCol="w", outputCol="out", n=n).transform({"w": pa.array(rows, pa.list_(pa.string()))})
    assert found["out"] == [[" ".join(row[i : i + n]) for i in range(len(row) - n + 1)] for row in rows]


def test_null_words_are_treated_as_spark_treats_them():
    rows = {"w": [["a", None, "The"]]}
    assert StopWordsRemover(inputCol="w", outputCol="o").transform(rows)["o"] == [[None]]
    assert NGram(inputCol="w", outputCol="o").transform(rows)["o"] == [["a null", "null The"]]
    hashed = HashingTF(inputCol="w", outputCol="o", numFeatures=50).transform(rows)["o"]
    assert hashed == [SparseVector(50, {42: 1.0, 17: 1.0, HashingTF(numFeatures=50).indexOf("The"): 1.0})]
    with pytest.raises(InputError, match="has a null word"):
        CountVectorizer(inputCol="w").fit(rows)


def test_stop_words_can_be_loaded_by_language():
    english = StopWordsRemover.loadDefaultStopWords("english")
    assert len(english) == len(set(english)) == 181
    assert StopWordsRemover().getStopWords() == english
    with pytest.raises(InputError, match="no stop words for 'klingon': there are danish, dutch, english"):
        StopWordsRemover.loadDefaultStopWords("klingon")


def test_one_column_or_several_but_not_both():
    rows = {"a": [["x"]], "b": [["y"]]}
    with pytest.raises(InputError, match="neither is set"):
        StopWordsRemover().transform(rows)
    with pytest.raises(InputError, match="both are set"):
        StopWordsRemover(inputCol="a", inputCols=["b"]).transform(rows)
    with pytest.raises(InputError, match="2 inputCols need as many outputCols, got 1"):
        StopWordsRemover(inputCols=["a", "b"], outputCols=["c"]).transform(rows)


def test_terms_need_enough_and_not_too_many_documents():
    rows = {"w": [["a", "b", "c"], ["a", "b"], ["a"], ["a", "d"]]}
    assert CountVectorizer(inputCol="w", minDF=2.0).fit(rows).vocabulary == ["a", "b"]
    assert CountVectorizer(inputCol="w", maxDF=0.5).fit(rows).vocabulary == ["b", "c", "d"]
    with pytest.raises(InputError, match=r"maxDF \(1.0\) must not be below minDF \(2.0\)"):
        CountVectorizer(inputCol="w", minDF=2.0, maxDF=1.0).fit(rows)


def test_a_vocabulary_can_be_given():
    model = CountVectorizerModel.from_vocabulary(["a", "b"], inputCol="w", outputCol="o", minTF=2.0)
    assert model.transform({"w": [["a", "b", "a"]]})["o"] == [SparseVector(2, {0: 2.0})]
    with pytest.raises(InputError, match="at least one term"):
        CountVectorizerModel.from_vocabulary([], inputCol="w")


def test_labels_travel_in_the_metadata_of_the_column():
    table = pa.table({"c": ["b", "a", "b"]})
    model = StringIndexer(inputCol="c", outputCol="i").fit(table)
    indexed = model.transform(table)
    assert labels_of(indexed.schema.field("i")) == ["b", "a"]
    back = IndexToString(inputCol="i", outputCol="back").transform(indexed)["back"]
    assert back.to_pylist() == ["b", "a", "b"]
    both = Pipeline(stages=[model, IndexToString(inputCol="i", outputCol="back")]).fit(table)
    assert both.transform(table.to_pandas())["back"].tolist() == ["b", "a", "b"]
    with pytest.raises(SchemaError, match=r"column 'i' has no labels in its metadata: pass labels=\[...\]"):
        IndexToString(inputCol="i", outputCol="back").transform({"i": [0.0]})


def test_sizes_and_names_travel_in_the_metadata_of_vectors():
    rows = pa.table({"words": [["a"]], "n": [1.0]})
    hashed = HashingTF(inputCol="words", outputCol="tf", numFeatures=3).transform(rows)
    assert vector_size_of(hashed.schema.field("tf")) == 3
    keep = VectorAssembler(inputCols=["n", "tf"], outputCol="o", handleInvalid="keep")
    assert vector_size_of(keep.transform(hashed).schema.field("o")) == 4
    with pytest.raises(SchemaError, match="must know the size of the vectors in 'v': put a VectorSizeHint"):
        VectorAssembler(inputCols=["v"], outputCol="o", handleInvalid="keep").transform({"v": [[1.0]]})


def test_kept_nulls_are_nan_of_the_right_size():
    rows = pa.table({"words": [["a"], ["b"]], "n": [None, 1.0]})
    hashed = HashingTF(inputCol="words", outputCol="tf", numFeatures=2).transform(rows)
    vectors = hashed["tf"].combine_chunks()
    holes = pa.concat_arrays([pa.nulls(1, vectors.type), vectors.slice(1)])
    holed = hashed.set_column(2, hashed.schema.field("tf"), [holes])
    stage = VectorAssembler(inputCols=["n", "tf"], outputCol="o", handleInvalid="keep")
    assert np.array_equal(dense(stage.transform(holed), "o")[0], [np.nan] * 3, equal_nan=True)


def test_unseen_labels_are_refused_skipped_or_kept():
    model = StringIndexerModel.from_labels(["a", "b"], inputCol="c", outputCol="i")
    rows = {"c": ["b", "new", None, "a"]}
    with pytest.raises(InputError, match=r"column 'c' has the unseen label 'new' .*: set handleInvalid to"):
        model.transform(rows)
    assert model.copy().setHandleInvalid("skip").transform(rows) == {"c": ["b", "a"], "i": [1.0, 0.0]}
    assert model.copy().setHandleInvalid("keep").transform(rows)["i"] == [1.0, 2.0, 2.0, 0.0]
    several = StringIndexerModel.from_arrays_of_labels([["a"], ["b"]], ["c", "d"], ["i", "j"])
    assert several.transform({"c": ["a"], "d": ["b"]})["j"] == [0.0]
    with pytest.raises(InputError, match="2 columns: use labelsArray"):
        _ = several.labels


def test_an_index_without_label_is_refused():
    stage = IndexToString(inputCol="i", outputCol="o", labels=["x", "y"])
    assert stage.transform({"i": [1.7]})["o"] == ["y"]
    with pytest.raises(InputError, match=r"has the index 2\.0, but the labels are for 0 to 1"):
        stage.transform({"i": [0.0, 2.0]})


def test_vectors_of_another_size_than_the_fitted_ones_are_refused():
    model = IDF(inputCol="v").fit({"v": [[1.0, 2.0]]})
    with pytest.raises(InputError, match="size 3, but the model was fitted to size 2"):
        model.transform({"v": [[1.0, 2.0, 3.0]]})
    with pytest.raises(InputError, match="vectors of size 1 and, in row 1, of size 2"):
        IDF(inputCol="v").fit({"v": [[1.0], [1.0, 2.0]]})


def test_integers_that_float64_cannot_hold_are_rounded_as_spark_casts_them():
    assembler = VectorAssembler(inputCols=["n"], outputCol="v")
    assert assembler.transform({"n": [2**53 + 1, -(2**63)]})["v"] == [
        DenseVector([2.0**53]),
        DenseVector([-(2.0**63)]),
    ]


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.list_(pa.float64(), 2)])
def test_null_lists_are_kept_as_nan(kind):
    table = pa.table({"v": pa.array([None, [3.0, 4.0]], kind)})
    sized = VectorSizeHint(inputCol="v", size=2, handleInvalid="optimistic").transform(table)
    stage = VectorAssembler(inputCols=["v"], outputCol="o", handleInvalid="keep")
    found = VectorBlock.from_arrow(stage.transform(sized)["o"]).to_dense()
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [3.0, 4.0]


def test_the_first_row_tells_the_size_of_vectors_beside_columns_with_names():
    table = pa.table({"f": VectorBlock.from_dense(np.ones((2, 2))).to_arrow(), "label": [5.0, 6.0]})
    assembled = VectorAssembler(inputCols=["f", "label"], outputCol="z").transform(table)
    assert [entry["name"] for entry in entries_of(assembled.schema.field("z"))] == ["f_0", "f_1", "label"]
    found = VectorSlicer(inputCol="z", outputCol="o", names=["label"]).transform(assembled)["o"]
    assert VectorBlock.from_arrow(found).to_dense().tolist() == [[5.0], [6.0]]
