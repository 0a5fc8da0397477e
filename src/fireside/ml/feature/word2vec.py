"""Vectors of words, and of documents as the means of theirs.

Shapes: V words, D entries of a vector.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.attributes import vector_field_of
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import column_label, column_without_nulls
from fireside.ml.feature.content_hashes import column_hashes, keyed
from fireside.ml.feature.text.lists import split_lists
from fireside.ml.feature.unary import STRING_LIST, WordsColumn
from fireside.ml.gather import gather_table
from fireside.ml.linalg import VectorBlock
from fireside.ml.linalg.vectors import as_vector
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasMaxIter, HasSeed
from fireside.ml.param.validators import gt, gt_eq
from fireside.ml.persistence import FLOATS, STRING, SavedColumns
from fireside.ml.row_function import Row, RowFunction, block_of_entries, present
from fireside.ml.row_transform import RowTransform

__all__ = ["Word2Vec", "Word2VecModel"]

FloatArray = npt.NDArray[np.float32]


class Word2VecParams(WordsColumn, HasMaxIter, HasSeed):
    """Params of `Word2Vec` and its model."""

    vectorSize: Param[int] = param(TypeConverters.toInt, "the size of the vectors", default=100, check=gt(0))
    getVectorSize = Getter(vectorSize)
    numPartitions: Param[int] = param(
        TypeConverters.toInt,
        "how many parts of the sentences are trained side by side, and averaged after each iteration; more "
        "are faster, and need more iterations",
        default=1,
        check=gt(0),
    )
    getNumPartitions = Getter(numPartitions)
    stepSize: Param[float] = param(
        TypeConverters.toFloat, "the first learning rate", default=0.025, check=gt(0)
    )
    getStepSize = Getter(stepSize)
    minCount: Param[int] = param(
        TypeConverters.toInt, "words that occur less often have no vector", default=5, check=gt_eq(0)
    )
    getMinCount = Getter(minCount)
    windowSize: Param[int] = param(
        TypeConverters.toInt, "how many words to either side are context, at most", default=5, check=gt(0)
    )
    getWindowSize = Getter(windowSize)
    maxSentenceLength: Param[int] = param(
        TypeConverters.toInt, "longer sentences are cut into pieces", default=1000, check=gt(0)
    )
    getMaxSentenceLength = Getter(maxSentenceLength)
    maxIter = HasMaxIter.maxIter.with_default(1)

    def _output_field(self) -> pa.Field:
        return vector_field_of(self.getOutputCol(), self._vector_size())

    def _vector_size(self) -> int | None:
        return None


class Word2Vec(Word2VecParams, Estimator["Word2VecModel"]):
    """Learns vectors of words by skip-gram with hierarchical softmax.

    Equal seeds give equal vectors, in whatever order and on however many processes the rows lie: sentences
    are shuffled by their content and the seed, and words that occur equally often are in alphabetical order.
    Spark leaves both to chance. Each process holds the sentences as numbers, and trains its share of the
    `numPartitions` parts.

    >>> rows = {"words": [["ember", "hearth"], ["ember", "ash"]]}
    >>> model = Word2Vec(inputCol="words", outputCol="v", vectorSize=4, minCount=1, seed=3).fit(rows)
    >>> model.getVectors()["word"].to_pylist()
    ['ember', 'ash', 'hearth']
    """

    setVectorSize = Setter(Word2VecParams.vectorSize)
    setNumPartitions = Setter(Word2VecParams.numPartitions)
    setStepSize = Setter(Word2VecParams.stepSize)
    setMinCount = Setter(Word2VecParams.minCount)
    setWindowSize = Setter(Word2VecParams.windowSize)
    setMaxSentenceLength = Setter(Word2VecParams.maxSentenceLength)
    setMaxIter = Setter(HasMaxIter.maxIter)
    setSeed = Setter(HasSeed.seed)

    def _fit(self, dataset: Dataset) -> "Word2VecModel":
        found = gang(dataset.select([self.getInputCol()]), learn_vectors, self)
        return Word2VecModel(found["words"], found["vectors"])._fitted_by(self)


class Word2VecModel(RowTransform, Word2VecParams, Model):
    """Turns a list of words into the mean of their vectors; words without one count as zeros, as in Spark."""

    _saved: ClassVar = SavedColumns(word=STRING, vector=FLOATS)

    def __init__(self, words: Sequence[str], vectors: FloatArray) -> None:
        super().__init__()
        self._words = list(words)
        self._vectors = np.ascontiguousarray(vectors, np.float32)

    def __repr__(self) -> str:
        size = self._vectors.shape[1]
        return f"Word2VecModel: uid={self.uid}, numWords={len(self._words)}, vectorSize={size}"

    def getVectors(self) -> pa.Table:
        """The words and their vectors, as a table of `word` and `vector`."""
        vectors = VectorBlock.from_dense(self._vectors.astype(np.float64)).to_arrow()
        return pa.table({"word": pa.array(self._words, pa.string()), "vector": vectors})

    def findSynonyms(self, word: Any, num: int) -> pa.Table:
        """`findSynonymsArray` as a table of `word` and `similarity`."""
        found = self.findSynonymsArray(word, num)
        words, similarities = [name for name, _ in found], [similarity for _, similarity in found]
        return pa.table(
            {"word": pa.array(words, pa.string()), "similarity": pa.array(similarities, pa.float64())}
        )

    def findSynonymsArray(self, word: Any, num: int) -> list[tuple[str, float]]:
        """The words most like a word, or like a vector, with the cosines of their vectors.

        Args:
            word: a word that has a vector; it is not its own synonym. Or a vector.
            num: how many, at most.

        Raises:
            InputError: the word has no vector.
        """
        if num < 1:
            raise InputError(f"{self.uid}: num must be at least 1, got {num}")
        if isinstance(word, str):
            if word not in self._words:
                raise InputError(f"{self.uid}: {word!r} has no vector: it was seen less than minCount times")
            vector = self._vectors[self._words.index(word)]
        else:
            vector = as_vector(word).toArray().astype(np.float32)
            if len(vector) != self._vectors.shape[1]:
                raise InputError(
                    f"{self.uid}: the vectors of words have {self._vectors.shape[1]} entries, "
                    f"got {len(vector)}"
                )
        similarities = cosines(self._vectors, vector)
        order = np.argsort(-similarities, kind="stable")
        found = [(self._words[index], float(similarities[index])) for index in order[: num + 1]]
        return [(name, similarity) for name, similarity in found if name != word][:num]

    def _vector_size(self) -> int:
        return int(self._vectors.shape[1])

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        column = column_without_nulls(self, batch, self.getInputCol()).cast(STRING_LIST)
        bounds, words = split_lists(column)
        codes = pc.index_in(words, value_set=pa.array(self._words, pa.string()), skip_nulls=True)
        known = codes.is_valid().to_numpy(zero_copy_only=False)
        indptr = np.concatenate([[0], np.cumsum(known)])[bounds]
        return [mean_vectors(self._vectors, codes.drop_null().to_numpy(), indptr, np.diff(bounds)).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        source, target, size = self.getInputCol(), self.getOutputCol(), self._vector_size()
        # Backwards, so that the first of a word that is there twice counts.
        code_of = {word: code for code, word in reversed(list(enumerate(self._words)))}

        def function(row: Row) -> Row:
            words, total = present(row[source]), np.zeros(size)
            if not words:
                row[target] = block_of_entries(size, {})
                return row
            for word in words:
                if word in code_of:
                    total += self._vectors[code_of[word]]
            row[target] = VectorBlock.from_dense((total * (1.0 / len(words))).reshape(1, -1))
            return row

        return function if schema.field(source).type == STRING_LIST else None

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        pairs = zip(self._words, self._vectors, strict=True)
        return [{"word": word, "vector": vector} for word, vector in pairs]

    @classmethod
    def _from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        if not rows:
            raise InputError("its data hold no word")
        return cls([row["word"] for row in rows], np.array([row["vector"] for row in rows], np.float32))


def cosines(vectors: FloatArray, vector: FloatArray) -> FloatArray:
    """float32[V], the cosines between vectors and one; 0 where either has no direction.

    >>> cosines(np.array([[3, 4], [0, 0]], np.float32), np.array([1, 0], np.float32))
    array([0.6, 0. ], dtype=float32)
    """
    norm = np.linalg.norm(vector)
    unit = vector / norm if norm else vector
    norms = np.linalg.norm(vectors, axis=1)
    return np.divide(vectors @ unit, norms, out=np.zeros(len(vectors), np.float32), where=norms > 0)


def mean_vectors(
    vectors: FloatArray, codes: npt.NDArray[Any], indptr: npt.NDArray[Any], lengths: npt.NDArray[Any]
) -> VectorBlock:
    """The sums of the vectors of words, divided by the lengths of the lists; sparse zeros for empty lists.

    Args:
        vectors: float32[V, D].
        codes: int[E], the words that have vectors.
        indptr: int[N+1], where those of each list start.
        lengths: int[N], how many words each list has, known or not.
    """
    from fireside.ml.feature.skip_gram import add_up

    size, filled = vectors.shape[1], lengths > 0
    means = np.zeros((len(lengths), size))
    add_up(vectors, codes, indptr, 1.0 / np.maximum(lengths, 1), means)
    if filled.all():
        return VectorBlock.from_dense(means)
    bounds = np.concatenate([[0], np.cumsum(np.where(filled, size, 0))])
    indices = np.tile(np.arange(size, dtype=np.int32), int(filled.sum()))
    return VectorBlock(size, bounds, means[filled].reshape(-1), indices, filled)


def learn_vectors(collective: Collective, rows: Dataset, stage: Word2Vec) -> Mapping[str, Any]:
    """The words that occur often enough, the most frequent first, and float32[V, D], their vectors."""
    from fireside.ml.feature.skip_gram import huffman_codes
    from fireside.ml.xor_shift_random import uniform_floats

    column, counted, any_rows = stage.getInputCol(), [_WORDS.empty_table()], 0
    for batch in rows.batches():
        any_rows = 1
        _, words = _words_of(stage, batch)
        values = words.value_counts()
        table = pa.table([values.field(0), values.field(1)], schema=_WORDS)
        counted = [_summed([*counted, table])]
    if not collective.allreduce(np.array([any_rows]), "max")[0]:
        raise InputError(f"{stage.uid}: there are no rows to fit to")
    every = _summed([gather_table(collective, counted[0])])
    vocabulary = every.filter(pc.greater_equal(every["count"], stage.getMinCount()))
    vocabulary = vocabulary.sort_by([("count", "descending"), ("word", "ascending")])
    if not vocabulary.num_rows:
        raise InputError(
            f"{column_label(stage, column)} has no word that occurs {stage.getMinCount()} times: "
            "lower minCount"
        )
    counts = vocabulary["count"].to_numpy().astype(np.int64)
    sentences = gather_sentences(collective, rows, stage, vocabulary["word"].combine_chunks())
    shape = (len(counts), stage.getVectorSize())
    start = uniform_floats(stage.getSeed(), shape[0] * shape[1]).reshape(shape)
    vectors = (start - np.float32(0.5)) / np.float32(shape[1])
    inner = np.zeros(shape, np.float32)
    codes = huffman_codes(counts)
    for iteration in range(1, stage.getMaxIter() + 1):
        vectors, inner = one_iteration(
            collective, stage, sentences, vectors, inner, codes, iteration, int(counts.sum())
        )
    return {"words": vocabulary["word"].to_pylist(), "vectors": vectors}


def one_iteration(
    collective: Collective,
    stage: Word2Vec,
    sentences: tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]],
    vectors: FloatArray,
    inner: FloatArray,
    codes: Any,
    iteration: int,
    num_words: int,
) -> tuple[FloatArray, FloatArray]:
    """Both arrays of vectors after all parts were trained, each from the same start, and averaged.

    A vector becomes the mean over those parts that changed it.
    """
    from fireside.ml.feature.skip_gram import train_sentences

    parts = stage.getNumPartitions()
    mine = range(collective.rank, parts, collective.world_size)

    def train(part: int) -> tuple[FloatArray, FloatArray, Any, Any]:
        words, bounds = _chosen(sentences, np.arange(part, len(sentences[1]) - 1, parts))
        own, own_inner = vectors.copy(), inner.copy()
        changed = train_sentences(
            words, bounds, own, own_inner, codes, window=stage.getWindowSize(), step_size=stage.getStepSize(),
            seed=stage.getSeed() ^ ((part + 1) << 16) ^ ((-iteration - 1) << 8),
            words_before=(iteration - 1) * num_words, words_in_all=stage.getMaxIter() * num_words + 1,
            num_partitions=parts,
        )  # fmt: skip
        return own, own_inner, *changed

    sums, times = np.zeros((2, *vectors.shape), np.float32), np.zeros((2, len(vectors)), np.float32)
    with ThreadPoolExecutor(min(len(mine), os.cpu_count() or 1) or 1) as executor:
        for own, own_inner, changed, changed_inner in executor.map(train, mine):
            for place, (found, which) in enumerate(((own, changed), (own_inner, changed_inner))):
                sums[place, which] += found[which]
                times[place, which] += 1
    sums, times = collective.allreduce(sums), collective.allreduce(times)
    means = sums * (np.float32(1.0) / np.maximum(times, np.float32(1.0)))[:, :, None]
    after = np.where(times[:, :, None] > 0, means, np.stack([vectors, inner]))
    return np.ascontiguousarray(after[0]), np.ascontiguousarray(after[1])


def gather_sentences(
    collective: Collective, rows: Dataset, stage: Word2Vec, vocabulary: pa.StringArray
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The sentences of all processes as numbers of words, int32[E], and their bounds, int64[S+1].

    Words that are not in the vocabulary are left out, long sentences are cut, and empty ones dropped.
    """
    words, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    most = stage.getMaxSentenceLength()
    for batch in rows.batches():
        bounds, flat = _words_of(stage, batch)
        codes = pc.index_in(flat, value_set=vocabulary)
        known = codes.is_valid().to_numpy(zero_copy_only=False)
        words.append(codes.drop_null().to_numpy())
        lengths.append(pieces(np.diff(np.concatenate([[0], np.cumsum(known)])[bounds]), most))
    every = np.concatenate(collective.allgather(np.concatenate(words)))
    many = np.concatenate(collective.allgather(np.concatenate(lengths)))
    bounds = np.concatenate([[0], np.cumsum(many)]).astype(np.int64)
    return _chosen((every, bounds), shuffled(every, bounds, stage.getSeed()))


def shuffled(words: npt.NDArray[np.int32], bounds: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.intp]:
    """intp[S], an order of sentences that depends on their words and the seed, not on the order they are in.

    >>> bounds = np.array([0, 1, 3])
    >>> one, other = np.array([7, 1, 2], np.int32), np.array([1, 2, 7], np.int32)
    >>> bool((shuffled(one, bounds, 1) == 1 - shuffled(other, np.array([0, 2, 3]), 1)).all())
    True
    """
    sentences = pa.LargeListArray.from_arrays(pa.array(bounds), pa.array(words))
    return np.argsort(keyed(column_hashes(sentences), seed), kind="stable")


def pieces(lengths: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """The lengths of sentences cut into pieces of at most `most` words, without empty ones.

    >>> pieces(np.array([5, 0, 2]), 2).tolist()
    [2, 2, 1, 2]
    """
    many = -(-lengths // most)
    cut = np.full(int(many.sum()), most, np.int64)
    ends = np.cumsum(many)[lengths > 0] - 1
    cut[ends] = (lengths - (many - 1) * most)[lengths > 0]
    return cut


def _chosen(
    sentences: tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]], chosen: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Some sentences, in the order given."""
    words, bounds = sentences
    lengths = np.diff(bounds)[chosen]
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(ends[-1]) - np.repeat(ends[:-1] - bounds[chosen], lengths)
    return words[places], ends


_WORDS = pa.schema([("word", pa.string()), ("count", pa.int64())])


def _words_of(stage: Word2Vec, batch: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], pa.Array]:
    column = column_without_nulls(stage, batch, stage.getInputCol()).cast(STRING_LIST)
    bounds, words = split_lists(column)
    if words.null_count:
        raise InputError(f"{column_label(stage, stage.getInputCol())} has a null word: leave nulls out first")
    return bounds, words


def _summed(tables: list[pa.Table]) -> pa.Table:
    summed = pa.concat_tables(tables).group_by("word").aggregate([("count", "sum")])
    return summed.rename_columns({"count_sum": "count"}).select(_WORDS.names)
