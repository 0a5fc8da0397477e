"""Data sets that Hugging Face's `datasets` saved to disk: a `state.json`, and streams of Arrow batches.

Read with Arrow alone. Columns of other types in the same files (images, audio) are not looked at.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa

from fireside.compute.schema import check_columns, plain_type
from fireside.core.errors import CorruptFileError, InputError, SchemaError

__all__ = ["SPLITS_FILE", "STATE_FILE", "SavedTexts", "refuse_splits"]

STATE_FILE = "state.json"
SPLITS_FILE = "dataset_dict.json"


class _DataFile(msgspec.Struct, frozen=True):
    filename: str


class _State(msgspec.Struct, frozen=True):
    data_files: list[_DataFile] = msgspec.field(name="_data_files")


class _Splits(msgspec.Struct, frozen=True):
    splits: list[str]


class SavedTexts:
    """One column of text of a saved data set.

    Args:
        directory: the folder with `state.json`.
        column: name of the column.

    Raises:
        InputError: the state cannot be read.
        CorruptFileError: a data file is missing or torn; it is named.
        SchemaError: there is no such column, or it is not text.
    """

    def __init__(self, directory: Path, column: str) -> None:
        try:
            state = msgspec.json.decode((directory / STATE_FILE).read_bytes(), type=_State)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {directory / STATE_FILE} ({error})") from error
        self._files = [directory / file.filename for file in state.data_files]
        self._column = column
        for file in self._files:
            with _opened(file) as reader:
                check_columns(reader.schema, [column])
                kind = plain_type(reader.schema.field(column).type)
                if kind != pa.string():
                    raise SchemaError(f"{file}: column {column!r} holds {kind}, not text")

    @property
    def num_texts(self) -> None:
        """The streams do not say."""
        return None

    def texts(self) -> Iterator[str]:
        """The column's values, file by file."""
        for file in self._files:
            with _opened(file) as reader:
                for batch in _whole_batches(file, reader):
                    column = batch[self._column]
                    if column.null_count:
                        raise InputError(f"{file} has {column.null_count} rows without text: drop them first")
                    yield from column.to_pylist()


def refuse_splits(directory: Path) -> None:
    """Raise `InputError` for a folder of several splits, naming them."""
    try:
        splits = msgspec.json.decode((directory / SPLITS_FILE).read_bytes(), type=_Splits).splits
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {directory / SPLITS_FILE} ({error})") from error
    raise InputError(f"{directory} holds the splits {', '.join(splits)}: give the folder of one of them")


def _opened(file: Path) -> pa.RecordBatchStreamReader:
    try:
        return pa.ipc.open_stream(pa.memory_map(str(file)))
    except FileNotFoundError as error:
        raise CorruptFileError(f"{file} is missing: save the data set again") from error
    except (OSError, pa.ArrowException) as error:
        raise CorruptFileError(f"{file} is not a stream of Arrow batches ({error})") from error


def _whole_batches(file: Path, reader: pa.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:
        raise CorruptFileError(f"{file} is torn ({error}): save the data set again") from error
