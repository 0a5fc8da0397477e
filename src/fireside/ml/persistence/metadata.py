"""The metadata of a saved stage: one line of JSON."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from fireside.core.atomic import disk_full_is_clear
from fireside.core.errors import CheckpointError, CorruptFileError
from fireside.ml.linalg import DenseVector, SparseVector, Vector
from fireside.ml.param.params import Params
from fireside.ml.param.type_converters import TypeConverters
from fireside.ml.persistence.parts import part_files, part_name

__all__ = [
    "SPARK_VERSION",
    "Metadata",
    "from_json",
    "numbers_from_json",
    "read_metadata",
    "to_json",
    "write_metadata",
]

SPARK_VERSION = "4.3.0"
"""The version of Spark ML whose format is written, and the newest that is known to be read."""

# How Spark writes numbers that JSON has not, alone and in vectors.
_NOT_JSON = {
    "NaN": math.nan,
    "Inf": math.inf,
    "-Inf": -math.inf,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
}


class Metadata(msgspec.Struct, rename={"class_name": "class"}):
    """One saved stage; the keys are Spark's, and `extra` holds those that only some classes have."""

    class_name: str
    uid: str
    paramMap: dict[str, Any]
    timestamp: int = 0
    sparkVersion: str = SPARK_VERSION
    defaultParamMap: dict[str, Any] = {}
    extra: dict[str, Any] = {}

    @property
    def spark_major(self) -> int:
        """The first number of the version of Spark that wrote it."""
        return _major(self.sparkVersion)

    def restore(self, stage: Params, *, path: Path) -> None:
        """Give a stage the uid, the params and the defaults that were saved.

        Raises:
            CorruptFileError: a param is not one of the stage's, or has a value that it does not take.
        """
        stage._resetUid(self.uid)
        try:
            stage._setDefault(**from_json(stage, self.defaultParamMap))
            stage._set(**from_json(stage, self.paramMap))
        except (ValueError, RecursionError) as error:
            raise CorruptFileError(f"{path} holds params that cannot be used: {error}") from error


def write_metadata(directory: Path, metadata: Metadata) -> None:
    """Write `metadata/` into the directory of a stage."""
    with disk_full_is_clear(directory):
        folder = directory / "metadata"
        folder.mkdir(parents=True)
        metadata.timestamp = int(time.time() * 1000)
        metadata.paramMap = _map_to_json(metadata, metadata.paramMap)
        metadata.defaultParamMap = _map_to_json(metadata, metadata.defaultParamMap)
        fields = msgspec.to_builtins(metadata)
        fields |= _map_to_json(metadata, fields.pop("extra"))
        (folder / part_name("txt")).write_text(json.dumps(fields, separators=(",", ":")) + "\n")
        (folder / "_SUCCESS").touch()


def read_metadata(directory: Path) -> Metadata:
    """Read and check `metadata/` of the directory of a stage.

    Raises:
        CheckpointError: there is none, or a newer version of Spark wrote it.
        CorruptFileError: it is no such line of JSON.
    """
    try:
        found = directory.is_dir()
    except OSError as error:
        raise CheckpointError(f"{directory} cannot be read ({error.strerror})") from error
    if not found:
        raise CheckpointError(f"{directory} does not exist: nothing was saved there")
    path = part_files(directory / "metadata")[0]
    try:
        # Python's reader, since pyspark's own stages may hold a NaN as Python writes it.
        fields = msgspec.convert(json.loads(path.read_bytes().partition(b"\n")[0]), dict[str, Any])
        known = set(Metadata.__struct_encode_fields__) - {"extra"}
        extra = {key: fields.pop(key) for key in list(fields) if key not in known}
        metadata = msgspec.convert({**fields, "extra": extra}, Metadata)
    except (msgspec.DecodeError, ValueError, RecursionError, OSError) as error:
        raise CorruptFileError(f"{path} cannot be read ({error}): save the stage again") from error
    if not metadata.spark_major:
        raise CorruptFileError(
            f"{path} was written by Spark {metadata.sparkVersion!r}, no version: save the stage again"
        )
    if metadata.spark_major > _major(SPARK_VERSION):
        raise CheckpointError(
            f"{path} was written by Spark {metadata.sparkVersion}, this version reads up to {SPARK_VERSION}: "
            "upgrade fireside"
        )
    return metadata


def _major(version: str) -> int:
    number = version.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _map_to_json(metadata: Metadata, values: dict[str, Any]) -> dict[str, Any]:
    """The values of params as Spark writes them."""
    # Scala reads NaN as text; pyspark reads the classes that are Python's own, with Python's JSON.
    as_text = metadata.class_name.startswith("org.apache.spark.")
    written = {name: to_json(value, nan_as_text=as_text) for name, value in values.items()}
    for name, value in written.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"{metadata.uid} cannot be saved: param {name} is {value!r}, which JSON has no form for "
                f"({error}): give it a value of numbers, strings, and lists and dicts of these"
            ) from error
    return written


def to_json(value: Any, *, nan_as_text: bool = True) -> Any:
    """A value as Spark writes it into JSON; numbers that JSON has not are text, or left to Python's JSON."""
    if isinstance(value, list):
        return [to_json(item, nan_as_text=nan_as_text) for item in value]
    if isinstance(value, SparseVector):
        indices, values = value.active()
        return {
            "type": 0,
            "size": len(value),
            "indices": indices.tolist(),
            "values": to_json(values.tolist()),
        }
    if isinstance(value, Vector):
        return {"type": 1, "values": to_json(value.toArray().tolist())}
    if nan_as_text and isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    return value


def from_json(stage: Params, values: dict[str, Any]) -> dict[str, Any]:
    """Values as the params take them: numbers that JSON has not were written as text, vectors as objects."""
    readers = {param.name: _READERS.get(param.typeConverter, _same) for param in stage.params}
    return {name: readers.get(name, _same)(value) for name, value in values.items()}


def _same(value: Any) -> Any:
    return value


def numbers_from_json(value: Any) -> Any:
    """A number or a list of them, however deep; anything else is left for others to refuse."""
    if isinstance(value, list):
        return [numbers_from_json(item) for item in value]
    return _NOT_JSON.get(value, value) if isinstance(value, str) else value


def _vector(value: Any) -> Any:
    """A vector from an object of the fields that one has; anything else is left for the param to refuse."""
    try:
        match value:
            case {"type": 0, "size": int(size), "indices": list(indices), "values": list(values)}:
                numbers = TypeConverters.toListFloat(numbers_from_json(values))
                return SparseVector(TypeConverters.toInt(size), TypeConverters.toListInt(indices), numbers)
            case {"type": 1, "values": list(values)}:
                return DenseVector(TypeConverters.toListFloat(numbers_from_json(values)))
    except TypeError:
        pass
    return value


_READERS: dict[Any, Callable[[Any], Any]] = {
    TypeConverters.toFloat: numbers_from_json,
    TypeConverters.toListFloat: numbers_from_json,
    TypeConverters.toListListFloat: numbers_from_json,
    TypeConverters.toVector: _vector,
}
