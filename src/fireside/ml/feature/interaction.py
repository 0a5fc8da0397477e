"""Products of columns: every feature of one with every feature of the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import attributes_of, entries_of, vector_field_of_entries
from fireside.ml.base import Transformer
from fireside.ml.columns import as_floats, column_label, column_without_nulls, read_vectors
from fireside.ml.linalg import VectorBlock
from fireside.ml.linalg.vector_type import is_vector_like
from fireside.ml.param.shared import HasInputCols, HasOutputCol
from fireside.ml.row_function import Row, RowFunction, present, usual_number, vector_reader
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import input_field, is_numeric

__all__ = ["Interaction"]

IntArray = npt.NDArray[np.int64]


class Interaction(RowTransform, HasInputCols, HasOutputCol, Transformer):
    """Multiplies columns of numbers, category indices and vectors: one entry for each combination.

    A column, or an entry of a vector, whose metadata call it nominal is one-hot encoded first. The vectors
    must have metadata of their entries, as `VectorAssembler` and others write them. Combinations are in
    order, the last column changing fastest; each result is dense or sparse, whichever is smaller.

    >>> stage = Interaction(inputCols=["a", "b"], outputCol="p")
    >>> stage.transform({"a": [2.0], "b": [3]})["p"]
    [DenseVector([6.0])]
    """

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        names: list[str] | None = None
        columns = self._columns()
        features = [column_features(self, schema, column) for column in columns]
        last = [feature for column in features[-1:] for feature in encoded_features(column)]
        if len(columns) == 1:
            return [vector_field_of_entries(self.getOutputCol(), last)]
        for column in reversed(features):
            here = [feature["name"] for feature in encoded_features(column)]
            names = here if names is None else [f"{head}:{tail}" for head in here for tail in names]
        entries = [{"type": "numeric", "name": name} for name in names or []]
        return [vector_field_of_entries(self.getOutputCol(), entries)]

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        blocks = []
        for column in self._columns():
            if is_vector_like(batch.schema.field(column).type):
                block = read_vectors(self, batch, column)
            else:
                numbers = as_floats(column_without_nulls(self, batch, column))
                block = VectorBlock.from_dense(numbers.reshape(-1, 1))
            blocks.append(self._encoded(block, column, self._counts(batch.schema, column)))
        return [interacted(blocks).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        columns, target = [], self.getOutputCol()
        for column in self._columns():
            read = vector_reader(schema, column, None)
            if read is None and not usual_number(schema.field(column).type):
                return None
            columns.append((column, read, self._counts(schema, column)))

        def function(row: Row) -> Row:
            blocks = []
            for column, read, counts in columns:
                block = (
                    VectorBlock.from_dense(np.array([[float(present(row[column]))]]))
                    if read is None
                    else read(row)
                )
                blocks.append(self._encoded(block, column, counts))
            row[target] = interacted(blocks)
            return row

        return function

    def _counts(self, schema: pa.Schema, column: str) -> IntArray:
        """int64[D], the number of categories of each entry of a column; 1 for numbers."""
        return np.array([max(1, feature["values"]) for feature in column_features(self, schema, column)])

    def _encoded(self, block: VectorBlock, column: str, counts: IntArray) -> VectorBlock:
        if block.size != len(counts):
            raise InputError(
                f"{column_label(self, column)} holds vectors of size {block.size}, but its metadata "
                f"describe {len(counts)} entries: assemble the vectors again"
            )
        limits = counts[block.indices]
        wrong = (limits > 1) & ~((block.values >= 0) & (block.values < limits))
        wrong |= (limits > 1) & (block.values != np.floor(block.values))
        if wrong.any():
            entry = int(np.argmax(wrong))
            raise InputError(
                f"{column_label(self, column)} has {block.values[entry]} (row {block.rows()[entry]} of its "
                f"batch), but its categories are 0 to {limits[entry] - 1}: index it with StringIndexer"
            )
        return one_hot_entries(block, counts)

    def _columns(self) -> list[str]:
        columns = self.getInputCols()
        if not columns or len(set(columns)) < len(columns):
            raise InputError(f"{self.uid}: inputCols must be distinct columns, at least one, got {columns}")
        return columns


def column_features(stage: Interaction, schema: pa.Schema, column: str) -> list[dict[str, Any]]:
    """The features of a column before they are encoded.

    Returns:
        For each: its `name`, how many `values` it has (0 where it is no category), and their `labels`.

    Raises:
        SchemaError: the column is missing or has another type, or its metadata do not tell enough.
    """
    field = input_field(
        stage,
        schema,
        column,
        wanted="a number or a vector",
        fits=lambda kind: is_numeric(kind) or is_vector_like(kind),
    )
    if not is_vector_like(field.type):
        attributes = attributes_of(field)
        return [_feature(stage, column, attributes, str(attributes.get("name", column)))]
    entries = entries_of(field)
    if entries is None:
        raise SchemaError(
            f"{column_label(stage, column)} has no metadata of its entries: make the vectors with "
            "VectorAssembler"
        )
    return [
        _feature(stage, column, entry, f"{column}_{entry.get('name', index)}")
        for index, entry in enumerate(entries)
    ]


def _feature(stage: Interaction, column: str, attributes: dict[str, Any], name: str) -> dict[str, Any]:
    if attributes.get("type") != "nominal":
        return {"name": name, "values": 0, "labels": []}
    labels, count = attributes.get("vals"), attributes.get("num_vals")
    if labels is None and not isinstance(count, int):
        raise SchemaError(
            f"{column_label(stage, column)} holds categories whose number its metadata do not tell: "
            "index it with StringIndexer"
        )
    labels = [str(index) for index in range(count or 0)] if labels is None else list(labels)
    return {"name": name, "values": len(labels), "labels": labels}


def encoded_features(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What becomes of features: categories are features of their own, as attributes of entries."""
    encoded: list[dict[str, Any]] = []
    for feature in features:
        if feature["values"]:
            names = [f"{feature['name']}_{label}" for label in feature["labels"]]
            encoded += [{"type": "binary", "name": name} for name in names]
        else:
            encoded.append({"type": "numeric", "name": feature["name"]})
    return encoded


def interacted(blocks: Sequence[VectorBlock]) -> VectorBlock:
    """The products of entries, one from each block: [N, D1], [N, D2], ... -> [N, D1 D2 ...]."""
    *others, product = blocks
    for block in reversed(others):
        product = row_products(block, product)
    return product.compressed()


def one_hot_entries(block: VectorBlock, counts: IntArray) -> VectorBlock:
    """Vectors in which every entry that is a category index is one-hot encoded.

    Args:
        block: [N, D].
        counts: int64[D], the number of categories of each entry; 1 for numbers, which stay as they are.

    >>> block = VectorBlock.from_dense(np.array([[2.0, 7.0]]))
    >>> one_hot_entries(block, np.array([3, 1])).to_vectors()
    [SparseVector(4, {2: 1.0, 3: 7.0})]
    """
    if (counts == 1).all():
        return block
    starts = np.cumsum(counts) - counts
    is_category = counts[block.indices] > 1
    places = starts[block.indices] + np.where(is_category, block.values, 0).astype(np.int64)
    values = np.where(is_category, 1.0, block.values)
    return VectorBlock(int(counts.sum()), block.indptr, values, places.astype(np.int32))


def row_products(one: VectorBlock, other: VectorBlock) -> VectorBlock:
    """Each stored entry of a vector times each of another, row by row: [N, D1], [N, D2] -> [N, D1 D2].

    >>> one, other = (VectorBlock.from_dense(np.array([row])) for row in ([1.0, 2.0], [3.0, 4.0]))
    >>> row_products(one, other).to_vectors()
    [DenseVector([3.0, 4.0, 6.0, 8.0])]
    """
    if one.is_dense.all() and other.is_dense.all():
        products = one.to_dense()[:, :, None] * other.to_dense()[:, None, :]
        return VectorBlock.from_dense(products.reshape(len(one), one.size * other.size))
    each, every = np.diff(one.indptr), np.diff(other.indptr)
    indptr = np.concatenate([[0], np.cumsum(each * every)])
    row = np.repeat(np.arange(len(one)), each * every)
    place = np.arange(indptr[-1]) - indptr[row]
    left, right = one.indptr[row] + place // every[row], other.indptr[row] + place % every[row]
    indices = one.indices[left].astype(np.int64) * other.size + other.indices[right]
    values = other.values[right] * one.values[left]
    return VectorBlock(one.size * other.size, indptr, values, indices.astype(np.int32))
