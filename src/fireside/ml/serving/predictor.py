"""`Predictor`: a fitted pipeline as a function of one row or a few."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa

from fireside.compute import Dataset, TableDataset
from fireside.compute.schema import MATRIX_TYPE, check_columns, plain_schema
from fireside.core.errors import InputError, SchemaError
from fireside.ml.base import Transformer
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.linalg import SparseVector, Vector, VectorBlock, is_vector_type
from fireside.ml.linalg.vector_arrow import arrow_from_vectors
from fireside.ml.persistence.kinds import MATRIX
from fireside.ml.row_function import Row, RowFunction
from fireside.ml.serving.compiled import arrow_column, compile_stage, row_value

__all__ = ["Predictor"]

MAX_PLANS = 256
"""Rows of so many different columns and types are remembered."""

ROW_NUMBER = "row number of the predictor"

_PYTHON_TYPES = {
    pa.string(): (str,),
    pa.int64(): (int,),
    pa.float64(): (float,),
    pa.bool_(): (bool,),
}
"""The Python types whose values are exactly those of an Arrow type; others go through Arrow."""

_FLOATS = frozenset([float])
_STRINGS = frozenset([str])

Signature = Hashable
"""What a plan is made for: names and Python types where these tell the columns' types, else the columns."""


class Predictor:
    """A transformer compiled for rows: a dict in, a dict out; a list of dicts in, a list of dicts out.

    The values are those of `transform()`, to the last bit: for a dict those of a frame of that one row, for a
    list those of a frame of all its rows. A row that a stage leaves out (`handleInvalid="skip"`) is `None`.

    Without a schema the types are those of the values, as in `transform([row])`. A predictor keeps a copy of
    the transformer: later changes of its params have no effect. It may be called from several threads.

    Args:
        model: the transformer, such as a `PipelineModel`.
        outputs: the columns to return, in order; `None` returns all, those of the row included.
        schema: the columns of the rows and their types, for where values alone would mislead (numbers of 32
            bits, columns that are often null, metadata).

    Raises:
        SchemaError: when called: a column is missing, superfluous, or of the wrong type.
        InputError: when called: a value that a stage cannot use.

    >>> from fireside.ml.feature import HashingTF, Tokenizer
    >>> from fireside.ml.pipeline import PipelineModel
    >>> words = Tokenizer(inputCol="text", outputCol="words")
    >>> counts = HashingTF(inputCol="words", outputCol="counts", numFeatures=8)
    >>> predict = PipelineModel([words, counts]).predictor(outputs=["counts"])
    >>> predict({"text": "a b a"})
    {'counts': SparseVector(8, {3: 2.0, 5: 1.0})}
    >>> predict([{"text": "b"}, {"text": ""}])
    [{'counts': SparseVector(8, {5: 1.0})}, {'counts': SparseVector(8, {4: 1.0})}]
    """

    def __init__(
        self,
        model: Transformer,
        outputs: Sequence[str] | None = None,
        schema: pa.Schema | None = None,
    ) -> None:
        self._model = model.copy()
        self._outputs = None if outputs is None else list(outputs)
        self._schema = None if schema is None else plain_schema(schema)
        self._plans: dict[Signature, RowFunction] = {}
        if self._schema is not None:
            self._made(self._schema)

    @overload
    def __call__(self, rows: Mapping[str, Any]) -> dict[str, Any] | None: ...

    @overload
    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]: ...

    def __call__(self, rows: Any) -> Any:
        """Transform one row, or a list of rows."""
        if isinstance(rows, Mapping):
            return self._one(rows)
        if isinstance(rows, list | tuple) and all(isinstance(row, Mapping) for row in rows):
            return self._several(rows)
        raise InputError(f"a predictor takes a dict or a list of dicts, got {type(rows).__name__}")

    def _one(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._schema is not None:
            signature: Signature = self._schema
            row = _row_of(given, self._schema)
        elif (usual := _usual_row(given)) is not None:
            signature, row = usual
        else:
            table = open_frame([given]).to_table()
            signature = table.schema
            row = {name: row_value(table[name].chunk(0)) for name in table.column_names}
        plan = self._plans.get(signature)
        if plan is None:
            plan = self._plan(given, signature)
        with np.errstate(all="ignore"):
            found = plan(row)
        if found is None:
            return None
        names = found if self._outputs is None else self._outputs
        return {name: _in_hand(found[name]) for name in names}

    def _plan(self, row: Mapping[str, Any], signature: Signature) -> RowFunction:
        schema = signature if isinstance(signature, pa.Schema) else open_frame([row]).schema
        self._made(schema)
        plan = compile_stage(self._model, schema)
        matrices = [f.name for f in self._model.transformSchema(schema) if f.type == MATRIX_TYPE]
        if matrices:
            plan = _with_matrices(plan, matrices)
        if len(self._plans) >= MAX_PLANS:
            self._plans.clear()
        self._plans[signature] = plan
        return plan

    def _several(self, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        if not given:
            return []
        frame = self._frame(given)
        self._made(frame.schema)
        table = frame.to_table()
        numbered = TableDataset(table.append_column(ROW_NUMBER, pa.array(np.arange(len(table)))))
        found = self._model._transform(numbered).to_table()
        # Only SQL can drop the column, and then its rows need not be the rows that came in.
        numbers = found[ROW_NUMBER].to_pylist() if ROW_NUMBER in found.column_names else None
        names = self._outputs or [name for name in found.column_names if name != ROW_NUMBER]
        rows: list[Any] = return_frame(TableDataset(found.select(names)), [{}])
        if numbers is None:
            return rows
        placed = dict(zip(numbers, rows, strict=True))
        return [placed.get(number) for number in range(len(given))]

    def _frame(self, given: Sequence[Mapping[str, Any]]) -> Dataset:
        if self._schema is None:
            return open_frame(list(given))
        rows = [_row_of(row, self._schema) for row in given]
        columns = [
            pa.concat_arrays([arrow_column(row[field.name], field) for row in rows]) for field in self._schema
        ]
        return TableDataset(pa.Table.from_arrays(columns, schema=self._schema))

    def _made(self, schema: pa.Schema) -> None:
        """Check that the model fits a schema, and that it makes the outputs."""
        check_columns(self._model.transformSchema(schema), self._outputs or [])

    def __repr__(self) -> str:
        shown = "" if self._outputs is None else f" -> {', '.join(self._outputs)}"
        return f"Predictor({self._model!r}{shown})"


def _usual_row(given: Mapping[str, Any]) -> tuple[Signature, Row] | None:
    """A row whose Python types tell the types of its columns, and these types; `None` for any other row.

    Others go through Arrow: what lies in an object, a tuple or a list of several types decides too.
    """
    kinds: list[Any] = []
    row: Row = {}
    for name, value in given.items():
        kind: Any = type(value)
        if kind is list:
            kind = frozenset(map(type, value))
            if kind != _FLOATS and not (kind == _STRINGS and _is_utf8("".join(value))):
                return None
        elif kind is np.ndarray:
            if value.ndim != 1 or value.dtype != np.float64:
                return None
            kind, value = np.float64, value.tolist()
        elif isinstance(value, Vector):
            value = VectorBlock.from_vectors([value])
        elif not _is_plain(value):
            return None
        kinds.append(kind)
        row[name] = value
    return (*row, *kinds), row


def _is_plain(value: Any) -> bool:
    """Whether a value is one of Python's own that Arrow has as it is: no whole number beyond 64 bits."""
    kind = type(value)
    if kind is str:
        return _is_utf8(value)
    if kind is int:
        return -(1 << 63) <= value < 1 << 63
    return kind is float or kind is bool or value is None


def _is_utf8(text: str) -> bool:
    """Whether a string holds no halves of surrogate pairs."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _row_of(given: Mapping[str, Any], schema: pa.Schema) -> Row:
    """A row of the columns of a schema, with values of exactly its types."""
    check_columns(pa.schema([(name, pa.null()) for name in given]), schema.names)
    if len(given) > len(schema):
        extra = next(name for name in given if name not in schema.names)
        raise SchemaError(f"the row has a column {extra!r} that the predictor's schema has not: leave it out")
    return {field.name: _exactly(given[field.name], field) for field in schema}


def _exactly(value: Any, field: pa.Field) -> Any:
    if value is None or (type(value) in _PYTHON_TYPES.get(field.type, ()) and _is_plain(value)):
        return value
    if isinstance(value, Vector):
        value = row_value(arrow_from_vectors([value]))
        return value if is_vector_type(field.type) else value.to_dense()[0].tolist()
    return row_value(arrow_column(value, field))


def _with_matrices(plan: RowFunction, names: Sequence[str]) -> RowFunction:
    def function(row: Row) -> Row | None:
        found = plan(row)
        for name in names if found is not None else ():
            assert found is not None
            found[name] = MATRIX.decode(pa.array([found[name]], MATRIX_TYPE))[0]
        return found

    return function


def _in_hand(value: Any) -> Any:
    """A value as Python objects have it: vectors in the hand."""
    if type(value) is not VectorBlock:
        return value
    if value.is_dense[0]:
        return value.to_vectors()[0]
    return SparseVector.unchecked(value.size, value.indices, value.values)
