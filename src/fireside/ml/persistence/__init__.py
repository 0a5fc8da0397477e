"""Saved stages, in the very directories that Spark ML reads and writes; local files, no pickle, no JVM.

stage/
  metadata/part-00000-<uuid>-c000.txt    one line of JSON: class, uid, params, defaults
  metadata/_SUCCESS
  data/part-*.snappy.parquet             what was learnt (models)
  stages/<i>_<uid>/                      the stages of a pipeline, each such a directory
"""

from fireside.ml.persistence.kinds import (
    BOOLEAN,
    CATEGORY_MAPS,
    DOUBLE,
    DOUBLES,
    FLOATS,
    INT,
    INTS,
    LONG,
    LONGS,
    MATRIX,
    STRING,
    STRING_LISTS,
    STRING_MAP,
    STRINGS,
    VECTOR,
    ColumnKind,
)
from fireside.ml.persistence.saved_columns import SavedColumns

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
    "SavedColumns",
]
