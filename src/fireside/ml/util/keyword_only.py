"""`keyword_only`, which pyspark has at its root."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["keyword_only"]

T = TypeVar("T")


def keyword_only(method: Callable[..., T]) -> Callable[..., T]:
    """A method that takes keywords alone, and finds those that were given in `self._input_kwargs`.

    Raises:
        TypeError: there are other arguments.
    """

    @functools.wraps(method)
    def with_keywords(self: Any, *others: Any, **keywords: Any) -> T:
        if others:
            raise TypeError(f"{method.__name__} takes keywords alone, got {others!r}: write name=value")
        self._input_kwargs = keywords
        return method(self, **keywords)

    return with_keywords
