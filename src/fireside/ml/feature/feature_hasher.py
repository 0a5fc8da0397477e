"""Columns of numbers, booleans and strings, hashed into one vector."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.ml.attributes import vector_field_of
from fireside.ml.base import Transformer
from fireside.ml.columns import as_floats
from fireside.ml.feature.text.hash_text import hash_text
from fireside.ml.feature.text.java_numbers import java_double, java_strings
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCols, HasOutputCol
from fireside.ml.param.validators import gt
from fireside.ml.row_function import Row, RowFunction, block_of_entries, usual_number
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import input_field, is_numeric, is_string

__all__ = ["FeatureHasher"]

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]


class FeatureHasher(RowTransform, HasInputCols, HasOutputCol, Transformer):
    """Adds up features in `numFeatures` buckets, by MurmurHash3, as in Spark.

    A column x of numbers is one feature, hashed as "x", whose value is the number. Strings, booleans and the
    numbers of `categoricalCols` are features "x=value", whose value is 1. Null is left out.

    >>> hasher = FeatureHasher(inputCols=["age", "city"], outputCol="features", numFeatures=16)
    >>> hasher.transform({"age": [41], "city": ["Oslo"]})["features"]
    [SparseVector(16, {7: 41.0, 15: 1.0})]
    """

    numFeatures: Param[int] = param(TypeConverters.toInt, "number of buckets", default=1 << 18, check=gt(0))
    getNumFeatures, setNumFeatures = accessors(numFeatures)
    categoricalCols: Param[list[str]] = param(
        TypeConverters.toListString, "columns of numbers whose values are categories"
    )
    getCategoricalCols, setCategoricalCols = accessors(categoricalCols)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        for column in self.getInputCols():
            input_field(self, schema, column, wanted="a number, a boolean or a string", fits=_can_be_hashed)
        for column in sorted(self._categorical() - set(self.getInputCols())):
            logger.warning("%s: categoricalCols has %r, which is none of inputCols", self.uid, column)
        return [vector_field_of(self.getOutputCol(), self.getNumFeatures())]

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        from fireside.ml.feature.bucket_sums import summed

        buckets, values = [], []
        for name in self.getInputCols():
            column = batch.column(name)
            bucket, value = self._hashed(name, column)
            # Null goes to a bucket past the last, which is cut off.
            null = column.is_null().to_numpy(zero_copy_only=False)
            buckets.append(np.where(null, self.getNumFeatures(), bucket))
            values.append(value)
        shape = (len(buckets), batch.num_rows)
        hashed = np.array(buckets, np.int32).reshape(shape), np.array(values).reshape(shape)
        return [summed(*hashed, self.getNumFeatures()).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        target, size, columns = self.getOutputCol(), self.getNumFeatures(), []
        for name in self.getInputCols():
            kind = schema.field(name).type
            if not (is_string(kind) or usual_number(kind)):
                return None
            is_category = not is_numeric(kind) or name in self._categorical()
            columns.append((name, hash_text(name) % size, _WRITERS[kind] if is_category else None))

        def function(row: Row) -> Row:
            entries: dict[int, float] = {}
            for name, bucket, written in columns:
                given = row[name]
                if given is None:
                    continue
                value = float(given) if written is None else 1.0
                if written is not None:
                    bucket = hash_text(f"{name}={written(given)}") % size
                entries[bucket] = entries[bucket] + value if bucket in entries else value
            row[target] = block_of_entries(size, entries)
            return row

        return function

    def _hashed(self, name: str, column: pa.Array) -> tuple[IntArray, FloatArray]:
        """int32[N] buckets and float64[N] values of a column's features."""
        from fireside.ml.feature.text.murmur3 import hash_terms

        kind = column.type
        if is_numeric(kind) and name not in self._categorical():
            bucket = hash_terms(pa.array([name]))[0] % np.int32(self.getNumFeatures())
            return np.full(len(column), bucket, np.int32), as_floats(column)
        # Each distinct value is written and hashed once.
        distinct = column.dictionary_encode()
        texts = [f"{name}={text}" for text in _java_texts(distinct.dictionary).to_pylist()]
        hashes = hash_terms(pa.array([*texts, ""], pa.string())) % np.int32(self.getNumFeatures())
        places = distinct.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
        return hashes[places], np.ones(len(column))

    def _categorical(self) -> set[str]:
        return set(self.getCategoricalCols()) if self.isDefined("categoricalCols") else set()


_WRITERS: dict[pa.DataType, Callable[[Any], str]] = {
    pa.string(): str,
    pa.int64(): str,
    pa.float64(): java_double,
    pa.bool_(): lambda value: "true" if value else "false",
}


def _can_be_hashed(kind: pa.DataType) -> bool:
    return is_numeric(kind) or is_string(kind) or bool(pa.types.is_boolean(kind))


def _java_texts(column: pa.Array) -> pa.StringArray:
    return column if is_string(column.type) else java_strings(column)
