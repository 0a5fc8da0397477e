"""The kinds of column that saved models are made of: how each looks in Python, in Parquet, and to Spark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fireside.compute.schema import MATRIX_TYPE, VECTOR_TYPE
from fireside.ml.linalg import DenseMatrix, Matrix, SparseMatrix, VectorBlock

__all__ = [
    "BOOLEAN",
    "CATEGORY_MAPS",
    "DOUBLE",
    "DOUBLES",
    "FLOATS",
    "INT",
    "INTS",
    "LONG",
    "LONGS",
    "MATRIX",
    "STRING",
    "STRINGS",
    "STRING_LISTS",
    "STRING_MAP",
    "VECTOR",
    "ColumnKind",
]


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """One kind of column.

    Attributes:
        arrow: its type in Parquet.
        spark: its type in the JSON of a Spark schema.
        encode: a column from Python values.
        decode: Python values from a column.
    """

    arrow: pa.DataType
    spark: Any
    encode: Callable[[Sequence[Any]], pa.Array]
    decode: Callable[[pa.Array], list[Any]]


def _plain(arrow: pa.DataType, spark: Any) -> ColumnKind:
    return ColumnKind(arrow, spark, lambda values: pa.array(values, arrow), lambda column: column.to_pylist())


def _list_of(item: str, *, nulls: bool) -> dict[str, Any]:
    return {"type": "array", "elementType": item, "containsNull": nulls}


def _user_type(name: str, arrow: pa.DataType, required: Sequence[str]) -> dict[str, Any]:
    """The JSON of a Spark user-defined type that is stored as a struct of numbers and lists of them."""
    names = {pa.int8(): "byte", pa.int32(): "integer", pa.float64(): "double", pa.bool_(): "boolean"}
    fields = []
    for index in range(arrow.num_fields):
        field = arrow.field(index)
        is_list = pa.types.is_list(field.type)
        kind = _list_of(names[field.type.value_type], nulls=False) if is_list else names[field.type]
        nullable = field.name not in required
        fields.append({"name": field.name, "type": kind, "nullable": nullable, "metadata": {}})
    return {
        "type": "udt",
        "class": f"org.apache.spark.ml.linalg.{name}",
        "pyClass": f"pyspark.ml.linalg.{name}",
        "sqlType": {"type": "struct", "fields": fields},
    }


def _matrix(struct: dict[str, Any]) -> Matrix:
    shape, transposed = (struct["numRows"], struct["numCols"]), struct["isTransposed"]
    if struct["type"] == 0:
        return SparseMatrix(*shape, struct["colPtrs"], struct["rowIndices"], struct["values"], transposed)
    return DenseMatrix(*shape, struct["values"], transposed)


def _numbers(arrow: pa.DataType, spark: str) -> ColumnKind:
    kind = pa.list_(arrow)

    def encode(values: Sequence[Any]) -> pa.Array:
        # Through NumPy, which is many times faster than element by element for long lists.
        return pa.array([np.asarray(value, arrow.to_pandas_dtype()) for value in values], kind)

    return ColumnKind(kind, _list_of(spark, nulls=False), encode, lambda column: column.to_pylist())


INT = _plain(pa.int32(), "integer")
LONG = _plain(pa.int64(), "long")
DOUBLE = _plain(pa.float64(), "double")
STRING = _plain(pa.string(), "string")
INTS = _numbers(pa.int32(), "integer")
LONGS = _numbers(pa.int64(), "long")
DOUBLES = _numbers(pa.float64(), "double")
FLOATS = _numbers(pa.float32(), "float")
STRINGS = _plain(pa.list_(pa.string()), _list_of("string", nulls=True))
STRING_LISTS = _plain(
    pa.list_(pa.list_(pa.string())),
    {"type": "array", "elementType": _list_of("string", nulls=True), "containsNull": True},
)
VECTOR = ColumnKind(
    VECTOR_TYPE,
    _user_type("VectorUDT", VECTOR_TYPE, ["type"]),
    VectorBlock.arrow_from_vectors,
    lambda column: [vector for row in column for vector in VectorBlock.from_scalar(row).to_vectors()],
)
MATRIX = ColumnKind(
    MATRIX_TYPE,
    _user_type("MatrixUDT", MATRIX_TYPE, ["type", "numRows", "numCols", "isTransposed"]),
    lambda values: pa.array([value.to_struct() for value in values], MATRIX_TYPE),
    lambda column: [_matrix(struct) for struct in column.to_pylist()],
)
BOOLEAN = _plain(pa.bool_(), "boolean")
STRING_MAP = ColumnKind(
    pa.map_(pa.string(), pa.string()),
    {"type": "map", "keyType": "string", "valueType": "string", "valueContainsNull": True},
    lambda values: pa.array([list(value.items()) for value in values], pa.map_(pa.string(), pa.string())),
    lambda column: [dict(pairs) for pairs in column.to_pylist()],
)
_CATEGORY_MAPS = pa.map_(pa.int32(), pa.map_(pa.float64(), pa.int32()))
CATEGORY_MAPS = ColumnKind(
    _CATEGORY_MAPS,
    {
        "type": "map",
        "keyType": "integer",
        "valueType": {"type": "map", "keyType": "double", "valueType": "integer", "valueContainsNull": False},
        "valueContainsNull": True,
    },
    lambda values: pa.array(
        [[(key, list(inner.items())) for key, inner in value.items()] for value in values], _CATEGORY_MAPS
    ),
    lambda column: [{key: dict(inner) for key, inner in pairs} for pairs in column.to_pylist()],
)
