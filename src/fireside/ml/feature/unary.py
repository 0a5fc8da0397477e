"""Stages of this package that turn one column into one other, for their params and checks."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import pyarrow as pa

from fireside.ml.attributes import vector_field_of
from fireside.ml.columns import read_vectors
from fireside.ml.linalg import VectorBlock
from fireside.ml.param.shared import HasInputCol, HasOutputCol
from fireside.ml.row_function import RowFunction, vector_function
from fireside.ml.row_transform import AppendsColumns, RowTransform
from fireside.ml.schema import input_field, is_string_list, vector_field

__all__ = ["STRING_LIST", "OneColumn", "VectorColumn", "VectorTransform", "WordsColumn"]

STRING_LIST = pa.list_(pa.string())


class OneColumn(AppendsColumns, HasInputCol, HasOutputCol):
    """Appends `outputCol`, computed from `inputCol`."""

    _wanted: ClassVar[tuple[str, Callable[[pa.DataType], bool]]]
    """What the input column must hold: in words, and as a test of its type."""

    def _output_field(self) -> pa.Field:
        """The appended column."""
        return pa.field(self.getOutputCol(), STRING_LIST)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        wanted, fits = self._wanted
        input_field(self, schema, self.getInputCol(), wanted=wanted, fits=fits)
        return [self._output_field()]


class WordsColumn(OneColumn):
    """Reads a column of lists of strings."""

    _wanted = ("a list of strings (as Tokenizer makes)", is_string_list)


class VectorColumn(AppendsColumns, HasInputCol, HasOutputCol):
    """Reads a column of vectors and appends another."""

    def _vector_size(self) -> int | None:
        """The size of the appended vectors, where it is known before any is seen."""
        return None

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        vector_field(self, schema, self.getInputCol())
        return [vector_field_of(self.getOutputCol(), self._vector_size())]


class VectorTransform(RowTransform, VectorColumn):
    """Turns each vector into another, by a function of blocks."""

    def _fitted_size(self) -> int | None:
        """The size that the vectors must have; `None` where any will do."""
        return None

    @abstractmethod
    def _transformed(self, block: VectorBlock) -> VectorBlock:
        """The vectors of a block, [N, D], as those that are appended."""

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        block = read_vectors(self, batch, self.getInputCol(), size=self._fitted_size())
        return [self._transformed(block).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        column = self.getInputCol()
        return vector_function(schema, column, self.getOutputCol(), self._fitted_size(), self._transformed)
