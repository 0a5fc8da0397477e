"""Checks of columns, whose errors name the stage, the column, and what to do."""

import difflib
from collections.abc import Callable

import pyarrow as pa

from fireside.core.errors import SchemaError
from fireside.ml.linalg.vector_type import is_vector_like
from fireside.ml.param.params import Params

__all__ = ["append_fields", "input_field", "is_numeric", "is_string", "is_string_list", "vector_field"]


def input_field(
    stage: Params, schema: pa.Schema, column: str, *, wanted: str, fits: Callable[[pa.DataType], bool]
) -> pa.Field:
    """The field of a column that a stage reads.

    Args:
        stage: who reads it.
        schema: the columns there are.
        column: the one that is wanted.
        wanted: what it must hold, in words.
        fits: whether a type does.

    Raises:
        SchemaError: the column is missing, or holds something else.
    """
    if column not in schema.names:
        near = difflib.get_close_matches(column, schema.names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        known = ", ".join(schema.names) or "none at all"
        raise SchemaError(f"{stage.uid}: there is no column {column!r}{hint} Columns: {known}")
    field = schema.field(column)
    # A column of nulls alone fits everywhere; its rows are refused one by one.
    if not (fits(field.type) or pa.types.is_null(field.type)):
        raise SchemaError(
            f"{stage.uid}: column {column!r} is {field.type}, but {wanted} is needed: "
            "name another column, or convert this one first"
        )
    return field


def vector_field(stage: Params, schema: pa.Schema, column: str) -> pa.Field:
    """The field of a column of vectors, or of lists of numbers, that a stage reads."""
    return input_field(
        stage, schema, column, wanted="a vector (as VectorAssembler makes)", fits=is_vector_like
    )


def append_fields(stage: Params, schema: pa.Schema, fields: list[pa.Field]) -> pa.Schema:
    """The schema with the columns that a stage appends.

    Raises:
        SchemaError: a column of that name exists.
    """
    for field in fields:
        if field.name in schema.names:
            raise SchemaError(
                f"{stage.uid}: column {field.name!r} exists already: name another output column, or drop it "
                "first"
            )
        schema = schema.append(field)
    return schema


def is_string(kind: pa.DataType) -> bool:
    """Whether a column of this type holds strings."""
    return bool(pa.types.is_string(kind))


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a column of this type holds numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_string_list(kind: pa.DataType) -> bool:
    """Whether a column of this type holds lists of strings."""
    return bool(pa.types.is_list(kind)) and (is_string(kind.value_type) or pa.types.is_null(kind.value_type))
