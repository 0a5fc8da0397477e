"""Locality-sensitive hashing: what its families share.

A family has hash functions that give near vectors equal values more often than far ones, and a distance. The
join and the search look only at pairs that agree in at least one hash table.

Shapes: N rows, T hash tables, P candidate pairs.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset, TableDataset
from fireside.core.errors import InputError
from fireside.ml.base import Model
from fireside.ml.columns import column_label, read_vectors
from fireside.ml.feature.candidates import candidate_pairs
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.linalg import VECTOR_TYPE, DenseVector, VectorBlock
from fireside.ml.linalg.vectors import as_vector
from fireside.ml.param import Getter, Param, TypeConverters, param
from fireside.ml.param.shared import HasInputCol, HasOutputCol
from fireside.ml.param.validators import gt
from fireside.ml.row_function import Row, RowFunction, vector_reader
from fireside.ml.row_transform import AppendsColumns, RowTransform
from fireside.ml.schema import vector_field

__all__ = ["LSHModel", "LSHParams", "first_size"]

FloatArray = npt.NDArray[np.float64]


class LSHParams(AppendsColumns, HasInputCol, HasOutputCol):
    """Params of every family and its model."""

    numHashTables: Param[int] = param(
        TypeConverters.toInt,
        "number of hash tables; more find more of the near pairs, and take longer",
        default=1,
        check=gt(0),
    )
    getNumHashTables = Getter(numHashTables)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        vector_field(self, schema, self.getInputCol())
        return [pa.field(self.getOutputCol(), pa.list_(VECTOR_TYPE))]


class LSHModel(RowTransform, LSHParams, Model):
    """Hash functions, and the approximate join and search that they make fast."""

    @abstractmethod
    def _hashes(self, block: VectorBlock, name: str) -> FloatArray:
        """float64[N, T], the hash values of each vector; `name` is what an error calls the vectors."""

    @abstractmethod
    def _distances(
        self, a: VectorBlock, b: VectorBlock, rows_a: npt.NDArray[np.intp], rows_b: npt.NDArray[np.intp]
    ) -> FloatArray:
        """float64[P], the distances of vectors `rows_a` of one block to `rows_b` of the other."""

    def approxSimilarityJoin(
        self, datasetA: Any, datasetB: Any, threshold: float, distCol: str = "distCol"
    ) -> Any:
        """The pairs of rows of two frames whose distance is below a threshold, without most far pairs' cost.

        A pair is found if it agrees in a hash table. Joined with itself, a frame gives each pair both ways,
        and each row with itself, as in Spark. The rows of both frames, and the result, are held in memory;
        select the columns that are needed first.

        Args:
            datasetA: a frame with the input column.
            datasetB: another, or the same.
            threshold: pairs at this distance or farther are left out.
            distCol: name of the column of distances.

        Returns:
            A frame like `datasetA`, with struct columns `datasetA` and `datasetB` and the distances.
        """
        table_a = self._hashed(open_frame(datasetA))
        table_b = table_a if datasetB is datasetA else self._hashed(open_frame(datasetB))
        a, b = self._block(table_a), self._block(table_b)
        rows_a: list[npt.NDArray[np.intp]] = []
        rows_b: list[npt.NDArray[np.intp]] = []
        distances: list[FloatArray] = []
        for left, right in candidate_pairs(hash_array(table_a, self), hash_array(table_b, self)):
            if table_b is table_a:
                # A frame joined with itself: the distance of each pair is computed one way only.
                once = left <= right
                left, right = left[once], right[once]
            found = self._distances(a, b, left, right)
            near = found < threshold
            both = near & (left < right) if table_b is table_a else np.zeros_like(near)
            rows_a += [left[near], right[both]]
            rows_b += [right[near], left[both]]
            distances += [found[near], found[both]]
        empty = [np.zeros(0, np.intp)]
        columns = {
            "datasetA": _structs(table_a, np.concatenate(rows_a or empty)),
            "datasetB": _structs(table_b, np.concatenate(rows_b or empty)),
            distCol: pa.array(np.concatenate(distances or [np.zeros(0)])),
        }
        return return_frame(TableDataset(pa.table(columns)), datasetA)

    def approxNearestNeighbors(
        self, dataset: Any, key: Any, numNearestNeighbors: int, distCol: str = "distCol"
    ) -> Any:
        """The rows nearest to a vector, among those that share a bucket with it; there may be too few.

        Args:
            dataset: a frame with the input column.
            key: the vector.
            numNearestNeighbors: the most rows to return, at least 1.
            distCol: name of the column of distances.

        Returns:
            A frame like `dataset`, nearest first, with the hash values and the distances.
        """
        if numNearestNeighbors < 1:
            raise InputError(f"numNearestNeighbors must be at least 1, got {numNearestNeighbors}")
        table = self._hashed(open_frame(dataset))
        vector = VectorBlock.from_vectors([as_vector(key)])
        wanted = self._hashes(vector, f"{self.uid}: key")
        rows = np.flatnonzero((hash_array(table, self) == wanted).any(axis=1))
        distances = np.zeros(0)
        if len(rows):
            distances = self._distances(vector, self._block(table), np.zeros(len(rows), np.intp), rows)
        order = np.argsort(distances, kind="stable")[:numNearestNeighbors]
        nearest = table.take(pa.array(rows[order])).append_column(distCol, pa.array(distances[order]))
        return return_frame(TableDataset(nearest), dataset)

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        source, target = self.getInputCol(), self.getOutputCol()
        read = vector_reader(schema, source, None)
        if read is None:
            return None

        def function(row: Row) -> Row:
            hashes = self._hashes(read(row), column_label(self, source))
            row[target] = [DenseVector([value]) for value in hashes[0]]
            return row

        return function

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        block = read_vectors(self, batch, self.getInputCol())
        hashes = self._hashes(block, column_label(self, self.getInputCol()))
        flat = VectorBlock.from_dense(hashes.reshape(-1, 1)).to_arrow()
        bounds = np.arange(len(block) + 1, dtype=np.int32) * hashes.shape[1]
        return [pa.ListArray.from_arrays(pa.array(bounds), flat)]

    def _hashed(self, dataset: Dataset) -> pa.Table:
        """All rows, hashed unless they are already."""
        if self.getOutputCol() not in dataset.column_names:
            dataset = self._transform(dataset)
        return dataset.to_table()

    def _block(self, table: pa.Table) -> VectorBlock:
        column = self.getInputCol()
        return VectorBlock.from_arrow(table[column], name=column_label(self, column))


def hash_array(table: pa.Table, stage: LSHModel) -> FloatArray:
    """float64[N, T], the hash values in a transformed table."""
    vectors = table[stage.getOutputCol()].combine_chunks().flatten()
    return VectorBlock.from_arrow(vectors).to_dense().reshape(table.num_rows, stage.getNumHashTables())


def first_size(stage: LSHParams, dataset: Dataset) -> int:
    """The size of the vectors, by the first row.

    Raises:
        InputError: there is none.
    """
    column = stage.getInputCol()
    for batch in dataset.select([column]).batches():
        return read_vectors(stage, batch.slice(0, 1), column).size
    raise InputError(f"{stage.uid}: there are no rows to fit to")


def _structs(table: pa.Table, rows: npt.NDArray[np.intp]) -> pa.StructArray:
    taken = table.take(pa.array(rows)).combine_chunks()
    columns = [
        column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column for column in taken.columns
    ]
    return pa.StructArray.from_arrays(columns, fields=list(taken.schema.remove_metadata()))
