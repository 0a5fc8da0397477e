"""Arrow schemas to Spark's and back.

Vectors and matrices are plain structs on our side and user-defined types on Spark's, recognised by their
fields, so that pyspark.ml understands the columns we write. Metadata of columns pass both ways.
"""

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.ml.linalg import MatrixUDT, VectorUDT
from pyspark.sql.pandas.types import from_arrow_schema, from_arrow_type, to_arrow_schema
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from fireside.compute.schema import MATRIX_TYPE, VECTOR_TYPE, plain_schema
from fireside.core.errors import SchemaError

__all__ = ["arrow_schema", "has_user_types", "spark_schema"]


def arrow_schema(schema: StructType) -> pa.Schema:
    """The plain Arrow schema of a Spark schema; timestamps are in UTC.

    Raises:
        SchemaError: a column has a type that Arrow has not, or a name occurs twice.
    """
    try:
        return plain_schema(to_arrow_schema(schema, timezone="UTC"))
    except PySparkException as error:
        raise SchemaError(f"Spark cannot hand these columns over as Arrow: {error}") from error


def spark_schema(schema: pa.Schema) -> StructType:
    """The Spark schema of a plain Arrow schema.

    Raises:
        SchemaError: a column has a type that Spark has not, such as an unsigned integer.
    """
    fields = []
    for field, with_metadata in zip(schema, _fields_with_metadata(schema), strict=True):
        try:
            kind = spark_type(field.type)
        except PySparkException as error:
            raise SchemaError(
                f"column {field.name!r} is {field.type}, which Spark has no type for: cast it first"
            ) from error
        fields.append(StructField(field.name, kind, True, with_metadata.metadata))
    return StructType(fields)


def spark_type(kind: pa.DataType) -> DataType:
    """The Spark type of a plain Arrow type."""
    if kind == VECTOR_TYPE:
        return VectorUDT()
    if kind == MATRIX_TYPE:
        return MatrixUDT()
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return ArrayType(spark_type(kind.value_type))
    if pa.types.is_map(kind):
        return MapType(spark_type(kind.key_type), spark_type(kind.item_type))
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return StructType([StructField(field.name, spark_type(field.type)) for field in fields])
    return from_arrow_type(kind)


def has_user_types(schema: pa.Schema) -> bool:
    """Whether a column is, or holds, a vector or a matrix."""
    return any(name in str(spark_schema(schema)) for name in ("VectorUDT", "MatrixUDT"))


def _fields_with_metadata(schema: pa.Schema) -> StructType:
    """Nameless nothings, whose metadata are those of the columns: Spark's own reading of them."""
    return from_arrow_schema(pa.schema([pa.field(f.name, pa.null(), metadata=f.metadata) for f in schema]))
