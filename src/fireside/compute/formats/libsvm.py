"""LIBSVM text: `label index:value index:value ...`, indices from 1 and ascending.

The columns are those of Spark's reader: `label`, float64, and `features`, a sparse vector as the struct that
Spark's VectorUDT is stored as. How long the vectors are is the largest index of all files, which takes a
pass to know; it is kept in the metadata of the column, `numFeatures`, as Spark keeps it. A schema made with
`libsvm_schema` saves that pass.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute.formats.file_format import FileFormat, Schemas
from fireside.compute.formats.line_blocks import line_blocks
from fireside.compute.schema import VECTOR_TYPE
from fireside.core.errors import InputError, SchemaError

__all__ = ["LIBSVM", "libsvm_schema"]


def libsvm_schema(num_features: int) -> pa.Schema:
    """The schema of LIBSVM files whose vectors have `num_features` elements.

    >>> libsvm_schema(3).names
    ['label', 'features']
    """
    metadata = {"numFeatures": str(num_features)}
    return pa.schema([("label", pa.float64()), pa.field("features", VECTOR_TYPE, metadata=metadata)])


def read_schema(file: Path) -> pa.Schema:
    """One pass over a file for its largest index."""
    largest = 0
    for first, lines in blocks_of_lines(file):
        for number, line in enumerate(lines, first):
            last = line.rpartition(b":")[0].rpartition(b" ")[2]
            if last:
                largest = max(largest, integer(last, file, number))
    return libsvm_schema(largest)


def agree(schemas: Schemas) -> pa.Schema:
    """Vectors long enough for every file."""
    return libsvm_schema(max(num_features(schema) for _, schema in schemas))


def read_batches(
    file: Path, schema: pa.Schema, columns: list[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Batches of label and features."""
    size = num_features(schema)
    for first, lines in blocks_of_lines(file):
        for start in range(0, len(lines), batch_rows):
            labels, counts, indices, values = parse(lines[start : start + batch_rows], file, first + start)
            if indices.size and int(indices.max()) >= size:
                raise SchemaError(
                    f"{file} has the feature index {int(indices.max()) + 1}, but vectors of {size}: "
                    "give libsvm_schema a larger number of features"
                )
            features = sparse_vectors(size, counts, indices, values)
            batch = pa.RecordBatch.from_arrays([pa.array(labels), features], ["label", "features"])
            yield batch.select(columns)


def blocks_of_lines(file: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Pieces of a file as the number of their first line, from 1, and the lines; comments are emptied."""
    for number, block in line_blocks(file):
        yield number, [plain_line(line) for line in block.split(b"\n")]


def plain_line(line: bytes) -> bytes:
    """A line without comment, tabs and outer blanks."""
    return line.partition(b"#")[0].replace(b"\t", b" ").strip()


def parse(
    lines: list[bytes], file: Path, first: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Labels float64[n], features per row int64[n], indices from 0 int32[nnz], values float64[nnz].

    Raises:
        InputError: a line that is not LIBSVM; the message names file and line.
    """
    filled = [line for line in lines if line]
    counts = np.array([line.count(b":") for line in filled], np.int64)
    lengths = 1 + 2 * counts
    numbers = read_numbers(b" ".join(filled).replace(b":", b" "))
    if numbers.size == int(lengths.sum()):
        starts = np.cumsum(lengths) - lengths
        is_label = np.zeros(numbers.size, bool)
        is_label[starts] = True
        pairs = numbers[~is_label].reshape(-1, 2)
        if indices_are_good(pairs[:, 0], counts):
            return numbers[starts], counts, pairs[:, 0].astype(np.int32) - 1, pairs[:, 1].copy()
    for number, line in enumerate(lines, first):
        check_line(line, file, number)
    raise InputError(f"{file}, in the lines from {first} on, is not LIBSVM text")


def read_numbers(text: bytes) -> npt.NDArray[np.float64]:
    """All numbers of a text with blanks between them, or none at all where one is malformed."""
    try:
        return np.fromstring(text, sep=" ") if text else np.zeros(0)
    except ValueError:
        return np.zeros(0)


def indices_are_good(indices: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> bool:
    """Whether indices are integers of 32 bits that ascend from 1 in each row of `counts` features."""
    ascend = np.diff(indices, prepend=0.0) > 0
    # The first of a row may be anything from 1 on.
    first_of_row = (np.cumsum(counts) - counts)[counts > 0]
    ascend[first_of_row] = indices[first_of_row] >= 1
    return bool(np.all(ascend & (indices == np.floor(indices)) & (indices < 2**31)))


def check_line(line: bytes, file: Path, number: int) -> None:
    """Raise `InputError` with the reason why one line is not LIBSVM."""
    label, *features = line.split() or [b"0"]
    last = 0
    try:
        float(label)
        for feature in features:
            index, colon, value = feature.partition(b":")
            if not colon:
                raise ValueError(f"{feature.decode(errors='replace')!r} is not index:value")
            float(value)
            if integer(index, file, number) <= last:
                raise ValueError(f"index {index.decode()} does not ascend from 1")
            if int(index) >= 2**31:
                raise ValueError(f"index {index.decode()} does not fit into 32 bits")
            last = int(index)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file}, line {number}, is not LIBSVM text: {error}") from error


def integer(text: bytes, file: Path, number: int) -> int:
    """A feature index, or an error that names file and line."""
    if not text.isdigit():
        raise InputError(
            f"{file}, line {number}, is not LIBSVM text: {text.decode(errors='replace')!r} is no index"
        )
    return int(text)


def sparse_vectors(
    size: int, counts: npt.NDArray[np.int64], indices: npt.NDArray[np.int32], values: npt.NDArray[np.float64]
) -> pa.StructArray:
    """Rows in compressed form as a column of `VECTOR_TYPE`."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    return pa.StructArray.from_arrays(
        [
            pa.array(np.zeros(counts.size, np.int8)),
            pa.array(np.full(counts.size, size, np.int32)),
            pa.ListArray.from_arrays(offsets, pa.array(indices)),
            pa.ListArray.from_arrays(offsets, pa.array(values)),
        ],
        fields=list(VECTOR_TYPE),
    )


def num_features(schema: pa.Schema) -> int:
    """The length of the vectors, from the metadata of their column."""
    metadata = schema.field("features").metadata or {} if "features" in schema.names else {}
    if b"numFeatures" not in metadata:
        raise InputError("a schema for LIBSVM files is made by libsvm_schema(num_features)")
    return int(metadata[b"numFeatures"])


LIBSVM = FileFormat(
    name="libsvm",
    suffixes=(".libsvm", ".svm", ".svmlight"),
    schema=read_schema,
    agree=agree,
    batches=read_batches,
    num_rows=lambda file: None,
)
