"""The type of Spark's columns of vectors, for vectors that are not pyspark's own.

pyspark asks a value in a row for its `__UDT__`, and that type for what to store. Columns made so are Spark's
own columns of vectors, and come back with pyspark's vectors in them.
"""

from typing import Any

from pyspark.ml.linalg import Vector as SparkVector
from pyspark.ml.linalg import VectorUDT as SparkVectorUDT

__all__ = ["VectorUDT"]


class VectorUDT(SparkVectorUDT):
    """Stores pyspark's vectors, and any other that has `to_struct`.

    The name is that of pyspark's class, because Spark finds a type by module and name.
    """

    def serialize(self, obj: Any) -> Any:
        return super().serialize(obj) if isinstance(obj, SparkVector) else obj.to_struct()
