"""Saving and loading of what its params say everything of.

The files are those of pyspark's classes of the same names: one line of JSON. A class is loaded by itself, or
found among the modules that are imported; none is ever imported on the word of a file.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fireside.core.errors import CheckpointError
from fireside.ml.param.params import Params
from fireside.ml.persistence.metadata import from_json, read_metadata
from fireside.ml.persistence.saving import MLReader, MLWriter, Saveable, load_stage, write_params
from fireside.ml.util.mixins import MLReadable, MLWritable

__all__ = [
    "DefaultParamsReadable",
    "DefaultParamsReader",
    "DefaultParamsWritable",
    "DefaultParamsWriter",
]

P = TypeVar("P", bound=Params)


class DefaultParamsWriter(MLWriter):
    """Writes the metadata and the params of a component."""

    @staticmethod
    def saveMetadata(
        instance: Params,
        path: str | os.PathLike[str],
        sc: Any = None,
        extraMetadata: Mapping[str, Any] | None = None,
        paramMap: Mapping[str, Any] | None = None,
    ) -> None:
        """Write `metadata/` into a directory, for a `saveImpl` of a user's own.

        Args:
            instance: the component.
            path: its directory, which is made where it is missing.
            sc: nothing; pyspark's is a session.
            extraMetadata: more fields, beside uid and params.
            paramMap: written in place of the params that were set.
        """
        other: dict[str, Any] = {"extra": dict(extraMetadata or {})}
        if paramMap is not None:
            other["paramMap"] = dict(paramMap)
        write_params(instance, Path(path), read_by_default=False, **other)

    @staticmethod
    def extractJsonParams(instance: Params, skipParams: Sequence[str]) -> dict[str, Any]:
        """All values and defaults by name, but for some params."""
        values = instance._defaultParamMap | instance._paramMap
        return {name: value for name, value in values.items() if name not in skipParams}


class DefaultParamsReader(MLReader[P]):
    """Reads what `DefaultParamsWriter` wrote, here or in pyspark."""

    @staticmethod
    def loadMetadata(
        path: str | os.PathLike[str], sc: Any = None, expectedClassName: str = ""
    ) -> dict[str, Any]:
        """The metadata in a directory, for a `load` of a user's own.

        Raises:
            CheckpointError: there are none, or they are those of another class than was expected.
        """
        metadata = read_metadata(Path(path))
        if expectedClassName not in ("", metadata.class_name):
            raise CheckpointError(f"{path} holds a {metadata.class_name}, not a {expectedClassName}")
        fields: dict[str, Any] = msgspec.to_builtins(metadata)
        return fields | fields.pop("extra")

    @staticmethod
    def getAndSetParams(
        instance: Params, metadata: Mapping[str, Any], skipParams: Sequence[str] | None = None
    ) -> None:
        """Give a component the params and the defaults of its metadata, but for some."""
        for values, give in (("defaultParamMap", instance._setDefault), ("paramMap", instance._set)):
            kept = {n: v for n, v in metadata.get(values, {}).items() if n not in (skipParams or ())}
            give(**from_json(instance, kept))

    @staticmethod
    def isPythonParamsInstance(metadata: Mapping[str, Any]) -> bool:
        """Whether the metadata name one of pyspark's own classes, and not Spark's."""
        return str(metadata["class"]).startswith("pyspark.ml.")

    @staticmethod
    def loadParamsInstance(path: str | os.PathLike[str], sc: Any = None) -> Saveable:
        """The stage that lies in a directory, whatever its class."""
        return load_stage(Path(path))


class DefaultParamsWritable(MLWritable):
    """Saved by its params."""

    def write(self) -> MLWriter:
        """A writer."""
        if isinstance(self, Saveable) or not isinstance(self, Params):
            return super().write()
        return DefaultParamsWriter(self)


class DefaultParamsReadable(MLReadable):
    """Loaded by its params.

    >>> import tempfile
    >>> from fireside.ml.param import Param, Params, TypeConverters, param
    >>> class Scale(Params, DefaultParamsReadable, DefaultParamsWritable):
    ...     factor: Param[float] = param(TypeConverters.toFloat, "what to multiply by", default=1.0)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     Scale(factor=2).save(f"{directory}/scale")
    ...     Scale.load(f"{directory}/scale").getOrDefault("factor")
    2.0
    """

    @classmethod
    def read(cls) -> MLReader[Any]:
        """A reader."""
        return DefaultParamsReader(cls) if issubclass(cls, Params) else super().read()
