"""Term frequencies over a vocabulary learnt from the documents."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireside.compute import Collective, Dataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.core.extras import require
from fireside.ml.attributes import vector_field_of
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import column_label, column_without_nulls
from fireside.ml.feature.text.lists import split_lists
from fireside.ml.feature.unary import STRING_LIST, WordsColumn
from fireside.ml.gather import gather_table
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.validators import gt, gt_eq
from fireside.ml.persistence import STRINGS, SavedColumns
from fireside.ml.row_function import Row, RowFunction, block_of_entries, present
from fireside.ml.row_transform import RowTransform

__all__ = ["CountVectorizer", "CountVectorizerModel"]


class CountVectorizerParams(WordsColumn):
    """Params of `CountVectorizer` and its model."""

    minTF: Param[float] = param(
        TypeConverters.toFloat,
        "a term counts in a document from this many times on, or from this share of its words if below 1",
        default=1.0,
        check=gt_eq(0),
    )
    getMinTF = Getter(minTF)
    minDF: Param[float] = param(
        TypeConverters.toFloat,
        "a term needs at least this many documents, or this share of them if below 1",
        default=1.0,
        check=gt_eq(0),
    )
    getMinDF = Getter(minDF)
    maxDF: Param[float] = param(
        TypeConverters.toFloat,
        "a term may have at most this many documents, or this share of them if below 1",
        default=float(2**63 - 1),
        check=gt_eq(0),
    )
    getMaxDF = Getter(maxDF)
    vocabSize: Param[int] = param(
        TypeConverters.toInt, "the most terms in the vocabulary", default=1 << 18, check=gt(0)
    )
    getVocabSize = Getter(vocabSize)
    binary: Param[bool] = param(
        TypeConverters.toBoolean, "whether every count above 0 becomes 1", default=False
    )
    getBinary = Getter(binary)

    def _output_field(self) -> pa.Field:
        return vector_field_of(self.getOutputCol())


class CountVectorizer(CountVectorizerParams, Estimator["CountVectorizerModel"]):
    """Learns a vocabulary: the most frequent terms first, equally frequent ones in alphabetical order.

    >>> CountVectorizer(inputCol="words").fit({"words": [["b", "a", "b"], ["c"]]}).vocabulary
    ['b', 'a', 'c']
    """

    setMinTF = Setter(CountVectorizerParams.minTF)
    setMinDF = Setter(CountVectorizerParams.minDF)
    setMaxDF = Setter(CountVectorizerParams.maxDF)
    setVocabSize = Setter(CountVectorizerParams.vocabSize)
    setBinary = Setter(CountVectorizerParams.binary)

    def _fit(self, dataset: Dataset) -> "CountVectorizerModel":
        found = gang(dataset.select([self.getInputCol()]), learn_vocabulary, self)
        return CountVectorizerModel(found["vocabulary"])._fitted_by(self)


class CountVectorizerModel(RowTransform, CountVectorizerParams, Model):
    """Counts the terms of its vocabulary in each document.

    Attributes:
        vocabulary: the terms; their places are the places of the counts.
    """

    _saved: ClassVar = SavedColumns(vocabulary=STRINGS)

    setMinTF = Setter(CountVectorizerParams.minTF)
    setBinary = Setter(CountVectorizerParams.binary)

    def __init__(self, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.vocabulary = list(vocabulary)

    @classmethod
    def from_vocabulary(
        cls,
        vocabulary: Sequence[str],
        inputCol: str,
        outputCol: str | None = None,
        minTF: float | None = None,
        binary: bool | None = None,
    ) -> "CountVectorizerModel":
        """A model with a vocabulary that was not learnt."""
        if not vocabulary:
            raise InputError("a vocabulary needs at least one term")
        model = cls(vocabulary)
        model.setParams(inputCol=inputCol, outputCol=outputCol, minTF=minTF, binary=binary)
        return model.setParams(vocabSize=len(vocabulary))

    def __repr__(self) -> str:
        return f"CountVectorizerModel: uid={self.uid}, vocabularySize={len(self.vocabulary)}"

    def _output_field(self) -> pa.Field:
        return vector_field_of(self.getOutputCol(), len(self.vocabulary))

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        column = column_without_nulls(self, batch, self.getInputCol()).cast(STRING_LIST)
        bounds, words = split_lists(column)
        places = pc.index_in(words, value_set=pa.array(self.vocabulary, pa.string()))
        known = places.is_valid().to_numpy(zero_copy_only=False)
        indptr = np.concatenate([[0], np.cumsum(known)])[bounds].astype(np.int32)
        # A copy: Arrow memory is read-only, and duplicates are summed in place.
        indices = places.drop_null().to_numpy().copy()
        shape = (batch.num_rows, len(self.vocabulary))
        sparse = require("scipy.sparse", extra="ml")
        counts = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=shape)
        counts.sum_duplicates()
        least = self.getMinTF()
        # A share is of all words, known or not.
        shares = np.full(batch.num_rows, least) if least >= 1 else least * np.diff(bounds)
        counts.data[counts.data < np.repeat(shares, np.diff(counts.indptr))] = 0.0
        counts.eliminate_zeros()
        if self.getBinary():
            counts.data[:] = 1.0
        return [VectorBlock.from_csr(counts).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        source, target, size = self.getInputCol(), self.getOutputCol(), len(self.vocabulary)
        places = {term: place for place, term in reversed(list(enumerate(self.vocabulary)))}
        minimum, binary = self.getMinTF(), self.getBinary()

        def function(row: Row) -> Row:
            terms = present(row[source])
            counts: dict[int, float] = {}
            for term in terms:
                if (place := places.get(term)) is not None:
                    counts[place] = counts.get(place, 0.0) + 1.0
            least = minimum if minimum >= 1 else minimum * len(terms)
            kept = {place: 1.0 if binary else count for place, count in counts.items() if count >= least}
            row[target] = block_of_entries(size, kept)
            return row

        return function if schema.field(source).type == STRING_LIST else None


def learn_vocabulary(collective: Collective, rows: Dataset, stage: CountVectorizer) -> Mapping[str, Any]:
    """The vocabulary of the documents of all processes."""
    documents = 0
    tables = [_TERMS.empty_table()]
    for many, terms in map_in_order(
        lambda batch: (batch.num_rows, count_terms(stage, batch)), rows.batches()
    ):
        documents += many
        tables.append(terms)
    documents = int(collective.allreduce(np.array([documents]))[0])
    counted = add_up(gather_table(collective, add_up(pa.concat_tables(tables))))
    least, most = (
        bound if bound >= 1 else bound * documents for bound in (stage.getMinDF(), stage.getMaxDF())
    )
    if most < least:
        raise InputError(
            f"{stage.uid}: maxDF ({stage.getMaxDF()}) must not be below minDF ({stage.getMinDF()})"
        )
    frequency = counted["documents"]
    allowed = pc.and_(pc.greater_equal(frequency, least), pc.less_equal(frequency, most))
    ordered = counted.filter(allowed).sort_by([("count", "descending"), ("term", "ascending")])
    return {"vocabulary": ordered["term"].slice(0, stage.getVocabSize()).to_pylist()}


_TERMS = pa.schema([("term", pa.string()), ("count", pa.int64()), ("documents", pa.int64())])


def count_terms(stage: CountVectorizer, batch: pa.RecordBatch) -> pa.Table:
    """For each term of a batch, how often it occurs, and in how many documents."""
    column = column_without_nulls(stage, batch, stage.getInputCol()).cast(STRING_LIST)
    bounds, words = split_lists(column)
    if words.null_count:
        raise InputError(f"{column_label(stage, stage.getInputCol())} has a null word: leave nulls out first")
    distinct = words.dictionary_encode()
    codes = distinct.indices.to_numpy()
    size = len(distinct.dictionary)
    shape = (batch.num_rows, max(size, 1))
    sparse = require("scipy.sparse", extra="ml")
    once = sparse.csr_array(
        (np.ones(len(codes), np.int8), codes.copy(), bounds.astype(np.int32)), shape=shape
    )
    once.sum_duplicates()
    counts = [np.bincount(codes, minlength=size), np.bincount(once.indices, minlength=size)]
    return pa.table([distinct.dictionary, *map(pa.array, counts)], schema=_TERMS)


def add_up(terms: pa.Table) -> pa.Table:
    """One row for each term."""
    summed = terms.group_by("term").aggregate([("count", "sum"), ("documents", "sum")])
    return summed.rename_columns({"count_sum": "count", "documents_sum": "documents"}).select(_TERMS.names)
