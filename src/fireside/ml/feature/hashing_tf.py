"""Term frequencies by hashing."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from fireside.core.errors import CheckpointError
from fireside.core.extras import require
from fireside.ml.attributes import vector_field_of
from fireside.ml.base import Transformer
from fireside.ml.columns import column_without_nulls
from fireside.ml.feature.text.hash_text import hash_text, spark_2_hash_text
from fireside.ml.feature.text.lists import split_lists
from fireside.ml.feature.unary import STRING_LIST, OneColumn
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import gt
from fireside.ml.persistence.metadata import Metadata
from fireside.ml.row_function import Row, RowFunction, block_of_entries, present
from fireside.ml.row_transform import RowTransform

__all__ = ["HashingTF"]


def _is_term_list(kind: pa.DataType) -> bool:
    if not pa.types.is_list(kind):
        return False
    tests = (
        pa.types.is_string,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_null,
    )
    return any(test(kind.value_type) for test in tests)


class HashingTF(RowTransform, OneColumn, Transformer):
    """Counts terms in `numFeatures` buckets; a term goes to MurmurHash3(term) mod `numFeatures`, as in Spark.

    What Spark saved before 3.0 keeps the hash of its time, and cannot be saved again, as in Spark: nothing in
    its files would say which hash it has.

    >>> HashingTF(inputCol="words", outputCol="counts", numFeatures=8).transform({"words": [["a", "b", "a"]]})
    {'words': [['a', 'b', 'a']], 'counts': [SparseVector(8, {3: 2.0, 5: 1.0})]}
    """

    _wanted: ClassVar = ("a list of strings or numbers", _is_term_list)
    _as_spark_2 = False

    numFeatures: Param[int] = param(TypeConverters.toInt, "number of buckets", default=1 << 18, check=gt(0))
    getNumFeatures, setNumFeatures = accessors(numFeatures)
    binary: Param[bool] = param(
        TypeConverters.toBoolean, "whether every count above 0 becomes 1", default=False
    )
    getBinary, setBinary = accessors(binary)

    def indexOf(self, term: Any) -> int:
        """The bucket of a term.

        >>> HashingTF(numFeatures=1000).indexOf("a")
        467
        """
        return int(self._buckets(pa.array([term]))[0])

    def _write_to(self, directory: Path) -> None:
        if self._as_spark_2:
            raise CheckpointError(
                f"{self.uid} cannot be saved: it was loaded from Spark 2, and hashes unlike later versions: "
                "make a new HashingTF, and fit again what reads its column"
            )
        super()._write_to(directory)

    @classmethod
    def _read_from(cls, directory: Path, metadata: Metadata) -> Self:
        stage = super()._read_from(directory, metadata)
        stage._as_spark_2 = metadata.spark_major < 3
        return stage

    def _output_field(self) -> pa.Field:
        return vector_field_of(self.getOutputCol(), self.getNumFeatures())

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        bounds, terms = split_lists(column_without_nulls(self, batch, self.getInputCol()))
        sparse = require("scipy.sparse", extra="ml")
        ones = np.ones(len(terms))
        shape = (batch.num_rows, self.getNumFeatures())
        counts = sparse.csr_array((ones, self._buckets(terms), bounds.astype(np.int32)), shape=shape)
        counts.sum_duplicates()
        if self.getBinary():
            counts.data[:] = 1.0
        return [VectorBlock.from_csr(counts).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        source, target = self.getInputCol(), self.getOutputCol()
        size, binary = self.getNumFeatures(), self.getBinary()
        hashed = spark_2_hash_text if self._as_spark_2 else hash_text

        def function(row: Row) -> Row:
            counts: dict[int, float] = {}
            for term in present(row[source]):
                bucket = hashed(term) % size
                counts[bucket] = 1.0 if binary else counts.get(bucket, 0.0) + 1.0
            row[target] = block_of_entries(size, counts)
            return row

        return function if schema.field(source).type == STRING_LIST else None

    def _buckets(self, terms: pa.Array) -> Any:
        from fireside.ml.feature.text.murmur3 import hash_terms

        return hash_terms(terms, as_spark_2=self._as_spark_2) % np.int32(self.getNumFeatures())
