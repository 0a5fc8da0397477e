"""Some of the entries of a vector."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import entries_of, vector_field_of, vector_field_of_entries, vector_size_of
from fireside.ml.base import Transformer
from fireside.ml.columns import column_label, read_vectors
from fireside.ml.feature.unary import VectorColumn
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import Check
from fireside.ml.row_function import RowFunction, UnusualValue, vector_function
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import vector_field

__all__ = ["VectorSlicer"]


class VectorSlicer(RowTransform, VectorColumn, Transformer):
    """Picks entries by their indices and by their names, in this order. Sparse vectors stay sparse.

    Names are those that `VectorAssembler` and others leave in the metadata of the column.

    >>> from fireside.ml.linalg import Vectors
    >>> stage = VectorSlicer(inputCol="v", outputCol="w", indices=[2, 0])
    >>> stage.transform({"v": [Vectors.dense(5, 6, 7)]})["w"]
    [DenseVector([7.0, 5.0])]
    """

    indices: Param[list[int]] = param(
        TypeConverters.toListInt,
        "indices of the entries to pick",
        default=[],
        check=Check(
            lambda values: len(set(values)) == len(values) and min(values, default=0) >= 0,
            "distinct numbers from 0 on",
        ),
    )
    getIndices, setIndices = accessors(indices)
    names: Param[list[str]] = param(
        TypeConverters.toListString,
        "names of the entries to pick, after those of indices",
        default=[],
        check=Check(lambda values: len(set(values)) == len(values) and all(values), "distinct names"),
    )
    getNames, setNames = accessors(names)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        picked = self._picked(schema)
        entries = entries_of(schema.field(self.getInputCol()))
        if entries is None:
            return [vector_field_of(self.getOutputCol(), len(picked))]
        return [vector_field_of_entries(self.getOutputCol(), [entries[index] for index in picked])]

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        block, picked = read_vectors(self, batch, self.getInputCol()), self._picked(batch.schema)
        if max(picked) >= block.size:
            raise InputError(
                f"{column_label(self, self.getInputCol())} holds vectors of size {block.size}, which have no "
                f"entry {max(picked)}: choose indices from 0 to {block.size - 1}"
            )
        return [sliced(block, np.array(picked)).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        picked = np.array(self._picked(schema))

        def kernel(block: VectorBlock) -> VectorBlock:
            if picked.max() >= block.size:
                raise UnusualValue
            return sliced(block, picked)

        return vector_function(schema, self.getInputCol(), self.getOutputCol(), None, kernel)

    def _picked(self, schema: pa.Schema) -> list[int]:
        """The indices of all entries to pick."""
        field = vector_field(self, schema, self.getInputCol())
        label = column_label(self, field.name)
        known = {entry["name"]: entry["idx"] for entry in entries_of(field) or [] if "name" in entry}
        for name in self.getNames():
            if name not in known:
                there = f"only {', '.join(known)}" if known else "no names at all: pick by indices"
                raise SchemaError(f"{label} has no entry named {name!r} in its metadata, {there}")
        named = [known[name] for name in self.getNames()]
        if both := set(named) & set(self.getIndices()):
            raise InputError(f"{self.uid}: entry {min(both)} is picked by index and by name: name it once")
        picked = [*self.getIndices(), *named]
        if not picked:
            raise InputError(f"{self.uid} picks nothing: set indices or names")
        size = vector_size_of(field)
        if size is not None and max(picked) >= size:
            raise SchemaError(
                f"{label} holds vectors of size {size}, which have no entry {max(picked)}: choose indices "
                f"from 0 to {size - 1}"
            )
        return picked


def sliced(block: VectorBlock, picked: npt.NDArray[np.int64]) -> VectorBlock:
    """The picked entries of each vector, in their order; sparse vectors lose zeros that were stored.

    >>> from fireside.ml.linalg import SparseVector
    >>> block = VectorBlock.from_vectors([SparseVector(4, {0: 1.0, 2: 0.0, 3: 2.0})])
    >>> sliced(block, np.array([3, 2, 0])).to_vectors()
    [SparseVector(3, {0: 2.0, 2: 1.0})]
    """
    if block.is_dense.all():
        return VectorBlock.from_dense(block.to_dense()[:, picked])
    places = np.full(block.size, -1, np.int32)
    places[picked] = np.arange(len(picked))
    moved = places[block.indices]
    stored = block.values != 0
    if block.is_dense.any():
        stored |= np.repeat(block.is_dense, np.diff(block.indptr))
    stored &= moved >= 0
    kept = np.flatnonzero(stored)
    moved, values = moved[kept], block.values[kept]
    indptr = np.concatenate([[0], np.cumsum(stored)])[block.indptr]
    if (np.diff(picked) < 0).any():
        order = np.lexsort((moved, np.repeat(np.arange(len(block)), np.diff(indptr))))
        moved, values = moved[order], values[order]
    return VectorBlock(len(picked), indptr, values, moved, block.is_dense)
