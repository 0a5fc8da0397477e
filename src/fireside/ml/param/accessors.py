"""`getX()` and `setX(value)`, made from the declaration of a param and typed by it."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

from fireside.ml.param.param import Param
from fireside.ml.param.params import Params

__all__ = ["Getter", "Setter", "accessors"]

T = TypeVar("T")
S = TypeVar("S", bound=Params)


class Getter(Generic[T]):
    """A method `getX()`: the value of a param, or its default.

    >>> from fireside.ml.param import TypeConverters, param
    >>> class Scale(Params):
    ...     factor: Param[float] = param(TypeConverters.toFloat, "what to multiply by", default=1.0)
    ...     getFactor = Getter(factor)
    ...     setFactor = Setter(factor)
    >>> Scale().setFactor(3).getFactor()
    3.0
    """

    def __init__(self, param: Param[T]) -> None:
        self.param = param

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return f"The value of `{self.param.name}`: {self.param.doc}"

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: Params, owner: type) -> Callable[[], T]: ...

    def __get__(self, instance: Params | None, owner: type) -> Any:
        if instance is None:
            return self
        return lambda: instance.getOrDefault(self.param.name)

    def __call__(self, instance: Params) -> T:
        value: T = instance.getOrDefault(self.param.name)
        return value


class Setter(Generic[T]):
    """A method `setX(value)`: sets a param, and returns the stage."""

    def __init__(self, param: Param[T]) -> None:
        self.param = param

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return f"Set `{self.param.name}`: {self.param.doc}"

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: S, owner: type) -> Callable[[T], S]: ...

    def __get__(self, instance: Params | None, owner: type) -> Any:
        if instance is None:
            return self
        return lambda value: instance._set(**{self.param.name: value})

    def __call__(self, instance: S, value: T) -> S:
        return instance._set(**{self.param.name: value})


def accessors(param: Param[T]) -> tuple[Getter[T], Setter[T]]:
    """Both methods of a param."""
    return Getter(param), Setter(param)
