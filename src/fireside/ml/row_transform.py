"""Stages that append columns computed from each row alone.

Such a stage is a function of a record batch, so a chain of them makes one pass over the data, on one machine
and on a cluster.
"""

import functools
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset, map_batches
from fireside.core.errors import InputError
from fireside.ml.param.params import Params
from fireside.ml.schema import append_fields

__all__ = ["AppendsColumns", "RowTransform"]


class AppendsColumns(Params, ABC):
    """A stage whose schema is its input's and some more columns; an estimator shares this with its model."""

    @abstractmethod
    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        """The columns that are appended; raises `SchemaError` where the schema does not fit."""

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after this stage."""
        return append_fields(self, schema, self._output_fields(schema))


class RowTransform(AppendsColumns):
    """The part of a transformer that computes the columns it appends."""

    @abstractmethod
    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """The values of those columns for the rows of a batch."""

    def _kept_rows(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        """bool[N], the rows that are not left out; `None` keeps all. Raises for rows that are errors."""
        return None

    def _output_fields_of(self, dataset: Dataset) -> list[pa.Field]:
        """The columns that are appended, for a stage that must see a row to know all of their metadata."""
        return self._output_fields(dataset.schema)

    def _transform(self, dataset: Dataset) -> Dataset:
        fields = self._output_fields_of(dataset)
        schema = append_fields(self, dataset.schema, fields)
        return map_batches(dataset, functools.partial(append_columns, self, fields), schema)


def append_columns(stage: RowTransform, fields: list[pa.Field], batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with the columns that a stage appends, `fields`, and without the rows it leaves out."""
    kept = stage._kept_rows(batch)
    if kept is not None and not kept.all():
        batch = batch.filter(pa.array(kept))
    try:
        columns = stage._output_columns(batch) if batch.num_rows else [pa.array([], f.type) for f in fields]
    except MemoryError as error:
        raise InputError(
            f"{stage.uid}: {batch.num_rows} rows at once need more memory than there is ({error}): where "
            "sparse vectors become dense, hash or select fewer features first"
        ) from error
    schema = append_fields(stage, batch.schema, fields)
    return pa.RecordBatch.from_arrays([*batch.columns, *columns], schema=schema)
