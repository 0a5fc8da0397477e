"""The file formats that a `Dataset` can be streamed from, one file each.

A format is a value: how to learn the schema of a file, how to agree on one for several, how to read batches.
Adding one means writing its file and naming it in `FORMATS`.
"""

from fireside.compute.formats import csv, jsonl, libsvm, parquet
from fireside.compute.formats.file_format import FileFormat

__all__ = ["FORMATS", "FileFormat"]

FORMATS: dict[str, FileFormat] = {
    kind.name: kind for kind in (parquet.PARQUET, csv.CSV, csv.TSV, jsonl.JSONL, libsvm.LIBSVM)
}
"""Name -> format."""
