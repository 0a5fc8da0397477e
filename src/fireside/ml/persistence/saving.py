"""`save` and `load`, and the writer and reader objects that pyspark has for them."""

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from fireside.core.atomic import disk_full_is_clear, sync_directory
from fireside.core.errors import CheckpointError, CorruptFileError, FiresideError, InputError
from fireside.ml.param.params import Params
from fireside.ml.persistence.metadata import Metadata, read_metadata, write_metadata
from fireside.ml.persistence.saved_columns import SavedColumns
from fireside.ml.spark_name import fireside_class, spark_class_name

__all__ = ["MLReader", "MLWriter", "Saveable", "load_stage"]

T = TypeVar("T", bound="Saveable")


class Saveable(Params):
    """What can be saved and loaded.

    A class whose params say everything needs nothing more. A model declares the columns of its data
    (`_saved`), named after its attributes and the arguments of its constructor; one that is more than one row
    defines `_rows` and `_from_rows`. Where Spark had other columns before 3.0, these are `_saved_by_spark_2`,
    and `_from_spark_2` makes the model.
    """

    _saved: ClassVar[SavedColumns | None] = None
    _saved_by_spark_2: ClassVar[SavedColumns | None] = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a new directory, in Spark ML's format: `write().save(path)`."""
        self.write().save(path)

    def write(self) -> "MLWriter":
        """A writer, for `write().overwrite().save(path)`."""
        return MLWriter(self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load what this class, or its namesake in Spark ML, has saved."""
        return cls.read().load(path)

    @classmethod
    def read(cls) -> "MLReader[Self]":
        """A reader, for `read().load(path)`."""
        return MLReader(cls)

    def _written_with(self, option: str, value: str) -> Self:
        """What is written in place of this stage, under an option of the writer that it may not know."""
        return self

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        """The rows of the data."""
        assert self._saved is not None
        return [{name: getattr(self, name) for name in self._saved.columns}]

    @classmethod
    def _from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """The model that the rows describe."""
        if len(rows) != 1:
            raise InputError(f"its data must be 1 row, found {len(rows)}")
        return cls(**rows[0])

    @classmethod
    def _from_spark_2(cls, row: Mapping[str, Any]) -> Self:
        """The model that a row of the columns before Spark 3.0 describes."""
        return cls(**row)

    def _write_to(self, directory: Path) -> None:
        """Fill an empty directory."""
        write_metadata(
            directory,
            Metadata(
                class_name=spark_class_name(type(self)),
                uid=self.uid,
                paramMap=dict(self._paramMap),
                defaultParamMap=dict(self._defaultParamMap),
            ),
        )
        if self._saved is not None:
            self._saved.write(directory / "data", self._rows())

    @classmethod
    def _read_from(cls, directory: Path, metadata: Metadata) -> Self:
        """The stage that lies in a directory whose metadata were read."""
        if cls._saved is None:
            stage = cls()
        elif cls._saved_by_spark_2 is not None and metadata.spark_major < 3:
            stage = cls._from_spark_2(cls._saved_by_spark_2.read(directory / "data")[0])
        else:
            stage = cls._from_rows(cls._saved.read(directory / "data"))
        metadata.restore(stage, path=directory / "metadata")
        return stage


class MLWriter:
    """Writes one stage; the directory is whole or absent."""

    def __init__(self, stage: Saveable) -> None:
        self._stage = stage
        self._replace = False

    def overwrite(self) -> Self:
        """Replace what lies at the path."""
        self._replace = True
        return self

    def option(self, key: str, value: Any) -> Self:
        """Set an option that some classes have, such as `persistSubModels`; the others look over it."""
        self._stage = self._stage._written_with(str(key).lower(), str(value).lower())
        return self

    def session(self, sparkSession: Any) -> Self:
        """Nothing: no session is needed. Here because pyspark's writers have it."""
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a directory.

        Raises:
            CheckpointError: something lies there, and `overwrite()` was not called.
            DiskFullError: there is no room.
        """
        target = Path(path)
        if target.exists() and not self._replace:
            raise CheckpointError(
                f"{target} exists: choose another path, or replace it with write().overwrite().save(path)"
            )
        temporary = target.parent / f".{target.name}.writing-{secrets.token_hex(4)}"
        with disk_full_is_clear(target):
            try:
                temporary.mkdir(parents=True)
                self._stage._write_to(temporary)
                _put_in_place(temporary, target)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise


class MLReader(Generic[T]):
    """Reads one class."""

    def __init__(self, cls: type[T]) -> None:
        self._class = cls

    def session(self, sparkSession: Any) -> Self:
        """Nothing: no session is needed. Here because pyspark's readers have it."""
        return self

    def load(self, path: str | os.PathLike[str]) -> T:
        """Read a directory.

        Raises:
            CheckpointError: it is no saved stage, is incomplete, of another class, or of a newer version.
        """
        stage = load_stage(Path(path))
        if not isinstance(stage, self._class):
            raise CheckpointError(
                f"{path} holds a {type(stage).__name__}, not a {self._class.__name__}: "
                f"load it with {type(stage).__name__}.load"
            )
        return stage


def load_stage(directory: Path) -> Saveable:
    """The stage that lies in a directory, whatever its class."""
    metadata = read_metadata(directory)
    try:
        cls = fireside_class(metadata.class_name)
    except ValueError as error:
        raise CheckpointError(f"{directory} cannot be loaded: {error}") from error
    if not issubclass(cls, Saveable):
        raise CheckpointError(f"{directory} names {metadata.class_name}, which is not a stage")
    try:
        return cls._read_from(directory, metadata)
    except CheckpointError:
        raise
    except (FiresideError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"{directory} holds a {cls.__name__} that cannot be used ({error}): save it again"
        ) from error


def _put_in_place(temporary: Path, target: Path) -> None:
    """Rename; what was there is moved aside first and deleted last."""
    sync_directory(temporary)
    aside = target.parent / f".{target.name}.old-{secrets.token_hex(4)}"
    if target.exists():
        os.rename(target, aside)
    os.rename(temporary, target)
    sync_directory(target.parent)
    if aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)
