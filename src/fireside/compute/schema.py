"""Arrow schemas as Fireside means them, and the checks that name what is wrong.

One value has one type, wherever it came from: strings are `string` (never large, view or dictionary
encoded), lists are `list`, every field is nullable. So a kernel sees the same types from pandas, polars,
Parquet and Spark, and two schemas are equal when their data are alike. Knows nothing about frames or files.
"""

import difflib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireside.core.errors import SchemaError

__all__ = [
    "MATRIX_TYPE",
    "VECTOR_TYPE",
    "check_columns",
    "conform",
    "first_difference",
    "plain_schema",
    "plain_type",
]

VECTOR_TYPE = pa.struct(
    [
        ("type", pa.int8()),
        ("size", pa.int32()),
        ("indices", pa.list_(pa.int32())),
        ("values", pa.list_(pa.float64())),
    ]
)
"""A vector as Spark stores it: type 0 is sparse (all four fields), type 1 dense (values alone)."""

MATRIX_TYPE = pa.struct(
    [
        ("type", pa.int8()),
        ("numRows", pa.int32()),
        ("numCols", pa.int32()),
        ("colPtrs", pa.list_(pa.int32())),
        ("rowIndices", pa.list_(pa.int32())),
        ("values", pa.list_(pa.float64())),
        ("isTransposed", pa.bool_()),
    ]
)
"""A matrix as Spark stores it: type 0 is sparse (compressed columns), type 1 dense (column after column)."""

# What a file format adds to the metadata of a field; it says nothing about the data.
FOREIGN_METADATA = (b"PARQUET:field_id", b"_PL_CATEGORICAL2", b"_PL_CATEGORICAL", b"_PL_ENUM_VALUES2")


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The one type that Fireside uses for values of `kind`.

    >>> plain_type(pa.dictionary(pa.int8(), pa.large_string()))
    DataType(string)
    >>> plain_type(pa.large_list(pa.string_view()))
    ListType(list<item: string>)
    """
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type), kind.list_size)
    if (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    ):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([plain_field(kind.field(index)) for index in range(kind.num_fields)])
    if pa.types.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    return kind


def plain_field(field: pa.Field) -> pa.Field:
    """A nullable field of the plain type; the meaning that its metadata carry is kept."""
    metadata = {key: value for key, value in (field.metadata or {}).items() if key not in FOREIGN_METADATA}
    return pa.field(field.name, plain_type(field.type), nullable=True, metadata=metadata or None)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with plain, nullable fields, and without metadata of its own.

    Raises:
        SchemaError: a column name occurs twice.

    >>> plain_schema(pa.schema([pa.field("a", pa.large_string(), nullable=False)]))
    a: string
    """
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise SchemaError(f"column {twice[0]!r} occurs {schema.names.count(twice[0])} times: rename one")
    return pa.schema([plain_field(field) for field in schema])


def check_columns(schema: pa.Schema, names: Sequence[str]) -> None:
    """Raise where a column is missing, and name the one that was probably meant.

    Raises:
        SchemaError: a name is not a column of `schema`.

    >>> check_columns(pa.schema([("label", pa.int64()), ("features", pa.float64())]), ["feature"])
    Traceback (most recent call last):
    fireside.core.errors.SchemaError: no column 'feature'; did you mean 'features'? Columns: label, features
    """
    for name in names:
        if name not in schema.names:
            near = difflib.get_close_matches(str(name), schema.names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise SchemaError(f"no column {name!r}{hint} Columns: {', '.join(schema.names) or 'none at all'}")


def first_difference(found: pa.Schema, wanted: pa.Schema) -> str | None:
    """The first way in which two schemas differ, in words; `None` where names, order and types agree.

    >>> first_difference(pa.schema([("a", pa.int32())]), pa.schema([("a", pa.int64())]))
    "column 'a' is int32, not int64"
    """
    for name in wanted.names:
        if name not in found.names:
            return f"column {name!r} is missing"
        if found.field(name).type != wanted.field(name).type:
            return f"column {name!r} is {found.field(name).type}, not {wanted.field(name).type}"
    for name in found.names:
        if name not in wanted.names:
            return f"column {name!r} is not expected"
    if found.names != wanted.names:
        return f"the columns come as {', '.join(found.names)}, not as {', '.join(wanted.names)}"
    return None


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of a batch, cast where their types differ, under exactly `schema`.

    Raises:
        SchemaError: a value cannot be represented; the message names the column.
    """
    columns = []
    for field in schema:
        column = batch.column(field.name)
        if column.type != field.type:
            try:
                column = _cast(column, field.type)
            except pa.ArrowException as error:
                raise SchemaError(
                    f"column {field.name!r} cannot be turned from {column.type} into {field.type}: {error}"
                ) from error
        columns.append(column)
    if not columns:
        return batch.select([])
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """`array.cast(kind)`, and the few casts to a plain type that Arrow cannot do.

    It has no kernel for dictionaries of string views (polars' categoricals), wherever they are nested, and
    makes invalid arrays of list views in which all is null.
    """
    try:
        if pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
            raise pa.ArrowNotImplementedError("list views")
        return array.cast(kind)
    except pa.ArrowNotImplementedError:
        if pa.types.is_dictionary(array.type):
            return _cast(array.dictionary, kind).take(array.indices)
        if pa.types.is_list(kind) and not pa.types.is_fixed_size_list(array.type):
            lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            values = _cast(array.flatten(), kind.value_type)
            return pa.ListArray.from_arrays(pa.array(offsets), values, mask=array.is_null())
        if pa.types.is_struct(kind):
            fields = [kind.field(index) for index in range(kind.num_fields)]
            children = [_cast(array.field(index), field.type) for index, field in enumerate(fields)]
            return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())
        raise
