"""`MLWritable` and `MLReadable`: classes with a writer and a reader of their own.

They are no bases of stages, so that they may stand before or after these in a list of bases; every stage
counts as both.
"""

import os
from abc import ABC
from typing import Any, Self

from fireside.ml.persistence.saving import MLReader, MLWriter, Saveable

__all__ = ["MLReadable", "MLWritable"]


class MLWritable(ABC):  # noqa: B024 - for `register`
    """Can be saved; a class that is no stage defines `write`."""

    def write(self) -> MLWriter:
        """A writer."""
        if isinstance(self, Saveable):
            return Saveable.write(self)
        raise NotImplementedError(f"{type(self).__name__} defines no write()")

    def save(self, path: str | os.PathLike[str]) -> None:
        """`write().save(path)`."""
        self.write().save(path)


class MLReadable(ABC):  # noqa: B024 - for `register`
    """Can be loaded; a class that is no stage defines `read`."""

    # pyspark's takes the class that is read as a type argument.
    def __class_getitem__(cls, item: Any) -> type[Self]:
        return cls

    @classmethod
    def read(cls) -> MLReader[Any]:
        """A reader."""
        if issubclass(cls, Saveable):
            return MLReader(cls)
        raise NotImplementedError(f"{cls.__name__} defines no read()")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """`read().load(path)`."""
        made: Self = cls.read().load(path)
        return made


MLWritable.register(Saveable)
MLReadable.register(Saveable)
