"""MDS shards, as MosaicML's streaming library writes them: an `index.json` and `shard.00000.mds`, ...

A shard is `uint32 n`, `uint32 offsets[n + 1]`, a JSON header, and the samples; all integers are
little-endian. A sample is the sizes of its columns of variable size (uint32 each), then the columns' bytes
one after another. A shard may lie there compressed, with the ending of its compression.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from fireside.core.errors import CorruptFileError, InputError, SchemaError

__all__ = ["INDEX_FILE", "MdsTexts"]

INDEX_FILE = "index.json"

_COMPRESSIONS = {"zstd": "zstd", "gz": "gzip", "br": "brotli", "bz2": "bz2"}
"""MDS's name -> Arrow's name."""


class _File(msgspec.Struct, frozen=True):
    basename: str
    bytes: int
    hashes: dict[str, str]


class _Shard(msgspec.Struct, frozen=True):
    format: str
    version: int
    samples: int
    column_names: list[str]
    column_encodings: list[str]
    column_sizes: list[int | None]
    raw_data: _File
    compression: str | None = None
    zip_data: _File | None = None


class _Index(msgspec.Struct, frozen=True):
    shards: list[_Shard]


class MdsTexts:
    """One column of text of an MDS data set.

    Args:
        directory: the folder with `index.json`.
        column: name of the column; it has the encoding `str`.

    Raises:
        InputError: the index cannot be read, or a shard has another format or version.
        SchemaError: there is no such column of text.
    """

    def __init__(self, directory: Path, column: str) -> None:
        self._directory = directory
        self._column = column
        try:
            index = msgspec.json.decode((directory / INDEX_FILE).read_bytes(), type=_Index)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the MDS index {directory / INDEX_FILE} ({error})") from error
        self._shards = index.shards
        for shard in self._shards:
            _check(directory, shard, column)

    @property
    def num_texts(self) -> int:
        """The samples of all shards."""
        return sum(shard.samples for shard in self._shards)

    def texts(self) -> Iterator[str]:
        """The column's values, shard by shard.

        Raises:
            CorruptFileError: a shard is missing or differs from the index; it is named, with the checksums.
        """
        for shard in self._shards:
            data = _shard_bytes(self._directory, shard)
            try:
                yield from _column_texts(data, shard, shard.column_names.index(self._column))
            except (ValueError, IndexError) as error:
                name = self._directory / shard.raw_data.basename
                raise CorruptFileError(
                    f"{name} is not a whole MDS shard ({error}): fetch it again"
                ) from error


def _check(directory: Path, shard: _Shard, column: str) -> None:
    if (shard.format, shard.version) != ("mds", 2):
        raise InputError(f"{directory} has a shard of format {shard.format!r} {shard.version}, not 'mds' 2")
    encodings = dict(zip(shard.column_names, shard.column_encodings, strict=True))
    if encodings.get(column) != "str":
        listed = ", ".join(f"{name} ({encoding})" for name, encoding in encodings.items())
        raise SchemaError(f"{directory} has no column {column!r} with the encoding str; it has {listed}")


def _shard_bytes(directory: Path, shard: _Shard) -> bytes:
    """A shard's uncompressed bytes, checked against the index."""
    raw = directory / shard.raw_data.basename
    if raw.is_file():
        data = raw.read_bytes()
    elif shard.zip_data is not None and (directory / shard.zip_data.basename).is_file():
        raw = directory / shard.zip_data.basename
        data = _uncompressed(raw, shard.compression or "")
    else:
        raise CorruptFileError(f"{raw} is missing: fetch it again")
    if len(data) != shard.raw_data.bytes:
        raise CorruptFileError(
            f"{raw} holds {len(data)} bytes, the index says {shard.raw_data.bytes}: fetch it again"
        )
    for algorithm, wanted in shard.raw_data.hashes.items():
        # xxHash and others that Python lacks are left to the size and to the shard's own structure.
        if algorithm in hashlib.algorithms_available:
            found = hashlib.new(algorithm, data).hexdigest()
            if found != wanted:
                raise CorruptFileError(
                    f"{raw} has {algorithm} {found}, the index says {wanted}: fetch it again"
                )
    return data


def _uncompressed(file: Path, compression: str) -> bytes:
    name = compression.partition(":")[0]
    if name not in _COMPRESSIONS:
        raise InputError(f"{file} is compressed with {compression!r}: uncompress it first")
    try:
        with pa.input_stream(str(file), compression=_COMPRESSIONS[name]) as stream:
            return bytes(stream.read())
    except (OSError, pa.ArrowException) as error:
        raise CorruptFileError(f"{file} cannot be uncompressed ({error}): fetch it again") from error


def _column_texts(data: bytes, shard: _Shard, column: int) -> Iterator[str]:
    words = np.frombuffer(data, "<u4", count=1 + shard.samples + 1)
    if words[0] != shard.samples:
        raise ValueError(f"it has {words[0]} samples, the index says {shard.samples}")
    offsets = words[1:].tolist()
    if offsets[-1] != len(data):
        raise ValueError(f"its samples end at byte {offsets[-1]} of {len(data)}")
    num_sizes = sum(not size for size in shard.column_sizes)
    for start in offsets[:-1]:
        variable = iter(np.frombuffer(data, "<u4", count=num_sizes, offset=start).tolist())
        sizes = [size or next(variable) for size in shard.column_sizes]
        begin = start + 4 * num_sizes + sum(sizes[:column])
        yield data[begin : begin + sizes[column]].decode("utf-8")
