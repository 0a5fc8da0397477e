"""Vectors of words: the tree, the training, the words like others, and Spark's own vectors."""

import numpy as np
import pyarrow as pa
import pytest

from fireside.core.errors import InputError
from fireside.ml.feature import Word2Vec, Word2VecModel
from fireside.ml.feature.skip_gram import huffman_codes
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock
from fireside.ml.xor_shift_random import next_int, uniform_floats
from tests.contracts.estimator_cases import SENTENCES

random = np.random.default_rng(8)
# Two topics that share no word.
TOPICS = [["fire", "ember", "ash", "coal"], ["lake", "wave", "shore", "boat"]]
CORPUS = pa.table({"w": [random.choice(TOPICS[i % 2], 8).tolist() for i in range(600)]})


def vectors_of(model):
    table = model.getVectors()
    return table["word"].to_pylist(), VectorBlock.from_arrow(table["vector"]).to_dense()


@pytest.mark.parametrize("partitions", [1, 3])
def test_words_of_one_topic_are_like_one_another(partitions):
    model = Word2Vec(
        inputCol="w",
        outputCol="v",
        vectorSize=8,
        minCount=1,
        seed=5,
        maxIter=5,
        stepSize=0.1,
        numPartitions=partitions,
    ).fit(CORPUS)
    for topic in TOPICS:
        for word in topic:
            assert {other for other, _ in model.findSynonymsArray(word, 3)} == set(topic) - {word}


def test_equal_seeds_give_equal_vectors_and_the_order_of_rows_does_not_matter(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(CORPUS, tmp_path / "rows.parquet", row_group_size=41)
    for partitions in (1, 4):
        stage = Word2Vec(inputCol="w", vectorSize=6, minCount=1, seed=9, maxIter=2, numPartitions=partitions)
        words, vectors = vectors_of(stage.fit(CORPUS))
        for rows in (tmp_path / "rows.parquet", CORPUS.take(pa.array(random.permutation(600)))):
            again = vectors_of(stage.fit(rows))
            assert again[0] == words
            assert np.array_equal(again[1], vectors)
        assert not np.array_equal(vectors_of(stage.setSeed(10).fit(CORPUS))[1], vectors)


def test_documents_are_means_over_all_their_words():
    model = Word2VecModel(["a", "b"], np.array([[1.0, 2.0], [3.0, -2.0]], np.float32))
    model.setParams(inputCol="w", outputCol="v")
    rows = {"w": [["a", "b"], ["a", "new", None, "a"], [], ["new"]]}
    found = model.transform(rows)["v"]
    assert found == [DenseVector([2, 0]), DenseVector([0.5, 1]), SparseVector(2, {}), DenseVector([0, 0])]
    assert [type(vector).__name__ for vector in found] == ["DenseVector"] * 2 + [
        "SparseVector",
        "DenseVector",
    ]


def test_synonyms_are_ordered_by_their_cosines():
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [-2.0, 0.0], [0.0, 0.0]], np.float32)
    model = Word2VecModel(["a", "b", "c", "d"], vectors)
    assert model.findSynonymsArray("a", 9) == [("b", pytest.approx(0.6)), ("d", 0.0), ("c", -1.0)]
    assert model.findSynonyms(DenseVector([2, 0]), 2).to_pylist() == [
        {"word": "a", "similarity": 1.0},
        {"word": "b", "similarity": pytest.approx(0.6)},
    ]
    assert [word for word, _ in model.findSynonymsArray("d", 3)] == ["a", "b", "c"]
    with pytest.raises(InputError, match="'x' has no vector"):
        model.findSynonyms("x", 1)
    with pytest.raises(InputError, match="num must be at least 1"):
        model.findSynonyms("a", 0)
    with pytest.raises(InputError, match="have 2 entries, got 3"):
        model.findSynonyms(DenseVector([1, 2, 3]), 1)


def test_the_tree_is_huffmans():
    counts = np.array([40, 30, 20, 9, 1])
    codes = huffman_codes(counts)
    ways = [codes.bits[a:b].tolist() for a, b in zip(codes.bounds[:-1], codes.bounds[1:], strict=True)]
    assert [len(way) for way in ways] == [1, 2, 3, 4, 4]
    texts = ["".join(map(str, way)) for way in ways]
    assert not any(one != other and other.startswith(one) for one in texts for other in texts)
    assert sum(2.0 ** -len(way) for way in ways) == 1.0
    assert {int(codes.nodes[start]) for start in codes.bounds[:-1]} == {3}


def test_one_word_has_no_way_and_keeps_its_start():
    model = Word2Vec(inputCol="w", vectorSize=3, minCount=1, seed=2).fit({"w": [["a", "a"]]})
    start = (uniform_floats(2, 3) - np.float32(0.5)) / np.float32(3)
    assert np.allclose(vectors_of(model)[1], start)


def test_no_iteration_leaves_the_start():
    model = Word2Vec(inputCol="words", vectorSize=4, minCount=2, seed=1, maxIter=0).fit(SENTENCES)
    start = (uniform_floats(1, 16).reshape(4, 4) - np.float32(0.5)) / np.float32(4)
    assert np.array_equal(vectors_of(model)[1], start.astype(np.float64))


def test_numbers_are_drawn_evenly():
    state, drawn = np.uint64(12345), []
    for _ in range(3000):
        state, value = next_int(state, 5)
        drawn.append(value)
    assert np.bincount(drawn, minlength=5) == pytest.approx(600, rel=0.2)
    floats = uniform_floats(3, 10_000)
    assert (floats.min() >= 0, floats.max() < 1) == (True, True)
    assert floats.mean() == pytest.approx(0.5, abs=0.02)


def test_rare_words_and_nulls_are_refused():
    with pytest.raises(InputError, match="column 'words' has no word that occurs 99 times: lower minCount"):
        Word2Vec(inputCol="words", minCount=99).fit(SENTENCES)
    with pytest.raises(InputError, match="column 'w' has a null word"):
        Word2Vec(inputCol="w", minCount=1).fit({"w": [["a", None]]})


@pytest.mark.spark
def test_vectors_and_synonyms_are_those_of_spark(spark, tmp_path):
    from pyspark.ml.feature import Word2Vec as SparkWord2Vec
    from pyspark.ml.feature import Word2VecModel as SparkModel

    from tests.ml.test_against_spark import spark_frame

    # One long sentence, since Spark's vectors depend on the order of sentences, which it leaves to chance.
    words = random.choice(list("abcdefgh"), 3000, p=np.arange(8, 0, -1) / 36).tolist()
    rows = pa.table({"words": [words]})
    assert len({words.count(word) for word in "abcdefgh"}) == 8
    params = {
        "inputCol": "words", "outputCol": "v", "vectorSize": 6, "seed": 77, "maxIter": 6, "windowSize": 3,
        "maxSentenceLength": 5000,
    }  # fmt: skip
    frame = spark_frame(spark, rows)
    ours, theirs = Word2Vec(**params).fit(rows), SparkWord2Vec(**params).fit(frame)
    expected = {row.word: row.vector.toArray() for row in theirs.getVectors().collect()}
    words, vectors = vectors_of(ours)
    assert set(words) == set(expected)
    for word, vector in zip(words, vectors, strict=True):
        assert vector == pytest.approx(expected[word], rel=1e-3, abs=1e-4)
    for word in "aeh":
        found = theirs.findSynonymsArray(word, 3)
        close = [(name, pytest.approx(cosine, abs=1e-3)) for name, cosine in found]
        assert ours.findSynonymsArray(word, 3) == close
    # On a cluster as on one machine.
    stage = Word2Vec(inputCol="w", vectorSize=6, minCount=1, seed=9, maxIter=2, numPartitions=3)
    alone, spread = (vectors_of(stage.fit(f)) for f in (CORPUS, spark_frame(spark, CORPUS).repartition(2)))
    assert spread[0] == alone[0]
    # Parts are summed in another order, and the logistic function's table turns a last bit into a step.
    assert spread[1] == pytest.approx(alone[1], rel=1e-3, abs=1e-5)
    # What Spark saves is the same model here.
    theirs.write().save(str(tmp_path / "theirs"))
    back = Word2VecModel.load(tmp_path / "theirs")
    assert {w: v.tolist() for w, v in zip(*vectors_of(back), strict=True)} == {
        word: vector.tolist() for word, vector in expected.items()
    }
    ours.save(tmp_path / "ours")
    loaded = SparkModel.load(str(tmp_path / "ours"))
    assert loaded.findSynonymsArray("a", 2) == [
        (name, pytest.approx(cosine, abs=1e-6)) for name, cosine in ours.findSynonymsArray("a", 2)
    ]
