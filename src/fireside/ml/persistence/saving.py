"""`save` and `load`, and the writer and reader objects that pyspark has for them."""

import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from fireside.core.atomic_directory import finish_replacement, writing_directory
from fireside.core.errors import CheckpointError, CorruptFileError, FiresideError, InputError
from fireside.ml.param.params import Params
from fireside.ml.persistence.local_path import local_path
from fireside.ml.persistence.metadata import Metadata, read_metadata, write_metadata
from fireside.ml.persistence.saved_columns import SavedColumns
from fireside.ml.spark_name import fireside_class, name_to_save, spark_class_name

__all__ = [
    "BaseReadWrite",
    "MLReader",
    "MLWriter",
    "Saveable",
    "load_saved",
    "load_stage",
    "write_params",
    "write_stage",
]

P = TypeVar("P", bound=Params)


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
        write_params(self, directory)
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


class BaseReadWrite:
    """What writers and readers share: pyspark's names for a session, of which none is needed."""

    sparkSession: ClassVar[None] = None
    sc: ClassVar[None] = None

    def session(self, sparkSession: Any) -> Self:
        """Nothing."""
        return self


class MLWriter(BaseReadWrite):
    """Writes one component; the directory is whole or absent, except at a mount point.

    A writer of a user's own defines `saveImpl`, as in pyspark.

    Args:
        instance: what `saveImpl` writes here.
    """

    def __init__(self, instance: Params | None = None) -> None:
        self.instance = instance
        self.shouldOverwrite = False
        self.optionMap: dict[str, str] = {}

    def overwrite(self) -> Self:
        """Replace what lies at the path."""
        self.shouldOverwrite = True
        return self

    def option(self, key: str, value: Any) -> Self:
        """Set an option that some classes have, such as `persistSubModels`; the others look over it."""
        self.optionMap[str(key).lower()] = str(value)
        if isinstance(self.instance, Saveable):
            self.instance = self.instance._written_with(str(key).lower(), str(value).lower())
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a directory.

        Raises:
            InputError: the path is a URI of another scheme than `file`.
            CheckpointError: something lies there, and `overwrite()` was not called.
            DiskFullError: there is no room.
        """
        target = local_path(path)
        finish_replacement(target)
        if os.path.lexists(target) and not self.shouldOverwrite:
            raise CheckpointError(
                f"{target} exists: choose another path, or replace it with write().overwrite().save(path)"
            )
        with writing_directory(target) as directory:
            directory.rmdir()
            self.saveImpl(str(directory))

    def saveImpl(self, path: str) -> None:
        """Make a directory at a path where nothing lies, and fill it."""
        directory = Path(path)
        if self.instance is None:
            raise NotImplementedError(f"{type(self).__name__} defines no saveImpl(path)")
        directory.mkdir(parents=True)
        if isinstance(self.instance, Saveable):
            self.instance._write_to(directory)
        else:
            write_params(self.instance, directory)


class MLReader(BaseReadWrite, Generic[P]):
    """Reads one class.

    A reader of a user's own defines `load`, as in pyspark.

    Args:
        cls: what `load` reads here.
    """

    def __init__(self, cls: type[P] | None = None) -> None:
        self.cls = cls

    def load(self, path: str | os.PathLike[str]) -> P:
        """Read a directory.

        Raises:
            InputError: the path is a URI of another scheme than `file`.
            CheckpointError: it holds nothing that was saved, is incomplete, of another class, or of a newer
                version.
        """
        wanted, directory = self.cls, local_path(path)
        if wanted is None:
            raise NotImplementedError(f"{type(self).__name__} defines no load(path)")
        finish_replacement(directory)
        metadata = read_metadata(directory)
        # The class in hand need not be found by its name.
        same = metadata.class_name == spark_class_name(wanted)
        found = wanted if same else _class_of(directory, metadata)
        if not issubclass(found, wanted):
            raise CheckpointError(
                f"{path} holds a {found.__name__}, not a {wanted.__name__}: "
                f"load it with {found.__name__}.load"
            )
        return _read(found, directory, metadata) if found is wanted else _read_by_its_reader(found, directory)


def load_saved(path: str | os.PathLike[str]) -> Saveable:
    """The stage that was saved at a path, whatever its class."""
    directory = local_path(path)
    finish_replacement(directory)
    return load_stage(directory)


def load_stage(directory: Path) -> Saveable:
    """The stage that lies in a directory, such as one in that of a pipeline."""
    found = _class_of(directory, read_metadata(directory))
    if not issubclass(found, Saveable):
        raise CheckpointError(f"{directory} holds a {found.__name__}, which is not a stage")
    return _read_by_its_reader(found, directory)


def write_stage(stage: Saveable, directory: Path) -> None:
    """Save a stage that is part of another, in a directory that is made for it."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    stage.write().saveImpl(str(directory))


def write_params(
    instance: Params, directory: Path, *, read_by_default: bool | None = None, **other: Any
) -> None:
    """Write the metadata of a component.

    Args:
        instance: the component.
        directory: where `metadata/` is made.
        read_by_default: whether loading begins with its class without arguments; `None` finds out.
        other: more fields of `Metadata`.

    Raises:
        CheckpointError: it could not be loaded again.
    """
    cls = type(instance)
    class_name = name_to_save(cls)
    if read_by_default is None:
        read_by_default = not issubclass(cls, Saveable) or _is_read_by_params(cls)
    if read_by_default:
        try:
            inspect.signature(cls).bind()
        except TypeError as error:
            raise CheckpointError(
                f"{instance.uid} cannot be saved, since {cls.__name__}() is how loading begins, and its "
                f"constructor needs arguments ({error}): give them defaults, and make them params"
            ) from error
        _check_attributes(instance)
    fields: dict[str, Any] = {
        "class_name": class_name,
        "uid": instance.uid,
        "paramMap": dict(instance._paramMap),
        "defaultParamMap": dict(instance._defaultParamMap),
    }
    write_metadata(directory, Metadata(**(fields | other)))


def _check_attributes(instance: Params) -> None:
    """Raise where a user's class has learnt what is no param, and has not said that it may be left out."""
    from fireside.ml.util.default_params import DefaultParamsWritable

    of_users = not spark_class_name(type(instance)).startswith("org.apache.spark.")
    if not of_users or isinstance(instance, DefaultParamsWritable):
        return
    public = (name for name in vars(instance) if not name.startswith("_") and name != "uid")
    if lost := [name for name in public if not instance.hasParam(name)]:
        raise CheckpointError(
            f"{instance.uid} cannot be saved, since its {', '.join(lost)} would be lost: make a param of "
            "what is to be kept, or define write() and read(); the base DefaultParamsWritable leaves it out"
        )


def _is_read_by_params(cls: type[Saveable]) -> bool:
    """Whether `_read_from` is that of all stages, and makes one without arguments."""
    own, common = cast(Any, cls._read_from), cast(Any, Saveable._read_from)
    return cls._saved is None and own.__func__ is common.__func__


def _class_of(directory: Path, metadata: Metadata) -> type[Params]:
    """The class that the metadata name; nothing is imported for it."""
    try:
        cls = fireside_class(metadata.class_name)
    except ValueError as error:
        raise CheckpointError(f"{directory} cannot be loaded: {error}") from error
    if not issubclass(cls, Params):
        raise CheckpointError(f"{directory} names {metadata.class_name}, which is not a stage")
    return cls


def _read_by_its_reader(cls: type[P], directory: Path) -> P:
    """What lies in a directory, read by the reader that its class has for itself."""
    reader: Any = getattr(cls, "read", lambda: MLReader(cls))()
    if type(reader).load is MLReader.load:
        return _read(cls, directory, read_metadata(directory))
    made: P = reader.load(str(directory))
    return made


def _read(cls: type[P], directory: Path, metadata: Metadata) -> P:
    try:
        if issubclass(cls, Saveable):
            return cls._read_from(directory, metadata)
        made = cls()
        metadata.restore(made, path=directory / "metadata")
        return made
    except CheckpointError:
        raise
    except (
        FiresideError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise CorruptFileError(
            f"{directory} holds a {cls.__name__} that cannot be used ({error}): save it again"
        ) from error
