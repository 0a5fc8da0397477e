"""`_transform` and `_fit` of a user's own class, which may be written for frames of Spark or pandas."""

import functools
from collections.abc import Callable
from typing import Any

from fireside.compute import Dataset
from fireside.core.errors import InputError

__all__ = ["accept_users_method"]


def accept_users_method(cls: type, name: str, accept: Callable[[Any], Any]) -> None:
    """Wrap a `_transform` or `_fit` that a class of a user defines: it may have been written for Spark."""
    method = vars(cls).get(name)
    if method is None or cls.__module__.startswith("fireside."):
        return

    @functools.wraps(method)
    def accepting(self: Any, dataset: Dataset) -> Any:
        try:
            found = method(self, dataset)
        except (AttributeError, TypeError) as error:
            if wanted := _asked_of_dataset(error, dataset):
                raise InputError(
                    f"{self.uid}: {name} is given a fireside.compute.Dataset of Arrow batches, which has no "
                    f"{wanted}: use map_batches(dataset, function, schema), dataset.to_table(), or where the "
                    "rows are Spark's dataset.frame"
                ) from error
            raise
        return accept(found)

    setattr(cls, name, accepting)


def _asked_of_dataset(error: AttributeError | TypeError, dataset: Dataset) -> str | None:
    """What a method wanted of its data set that other frames have; `None` where the error is another."""
    if isinstance(error, AttributeError):
        return error.name if isinstance(error.obj, Dataset) else None
    return "[column]" if f"'{type(dataset).__name__}' object is not subscriptable" in str(error) else None
