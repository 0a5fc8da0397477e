"""`Param`: one setting of a stage, declared once.

Declared in a class body, a param is a descriptor. On the class it is unbound; on a stage it is bound to the
uid of that stage, so that it can be a key of a param map that is meant for one stage among many.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from fireside.core.errors import InputError
from fireside.ml.param.type_converters import TypeConverters

if TYPE_CHECKING:
    from fireside.ml.param.params import Params
    from fireside.ml.param.validators import Check

__all__ = ["UNBOUND", "Default", "Param", "ParamTypeError", "param"]

T = TypeVar("T")

UNBOUND = "undefined"
"""The parent of a param that belongs to no stage yet."""


class ParamTypeError(InputError, TypeError):
    """A param that a stage does not have, or a value of the wrong type for one."""


class Default(Generic[T]):
    """The default of a param: a value, or a function of the stage."""

    __slots__ = ("of",)

    def __init__(self, of: Callable[["Params"], T]) -> None:
        self.of = of


class Param(Generic[T]):
    """A setting with a name, a documentation, and a type.

    Args:
        parent: the stage (or its uid) that the param belongs to.
        name: its name, in camelCase.
        doc: one line for people.
        typeConverter: makes a value of the right type or raises `TypeError`.
        default: the default, where there is one.
        check: what values are allowed, where not all are.
    """

    __slots__ = ("check", "declared", "default", "doc", "name", "parent", "typeConverter")

    def __init__(
        self,
        parent: "Params | str",
        name: str,
        doc: str,
        typeConverter: Callable[[Any], T] | None = None,
        *,
        default: Default[T] | None = None,
        check: "Check | None" = None,
    ) -> None:
        uid = parent if isinstance(parent, str) else getattr(parent, "uid", None)
        if uid is None:
            raise ParamTypeError(
                f"the parent of param {name!r} has no uid: call super().__init__() before Param(self, ...), "
                "or give Params._dummy() in the body of a class"
            )
        self.parent: str = uid
        self.name = name
        self.doc = doc
        self.typeConverter = TypeConverters.identity if typeConverter is None else typeConverter
        self.default = default
        self.check = check
        self.declared: tuple[type, str] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.declared = (owner, name)
        if not self.name:
            self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: "Params", owner: type) -> "Param[T]": ...

    def __get__(self, instance: "Params | None", owner: type) -> "Param[T]":
        return self if instance is None else self.bound_to(instance.uid)

    def __set__(self, instance: "Params", value: T | None) -> None:
        # Assigning would hide the param; the type of `value` is what the constructor's keyword takes.
        raise AttributeError(
            f"{self.name} of {instance.uid} is a param, not its value: call setParams({self.name}=...)"
        )

    def bound_to(self, uid: str) -> "Param[T]":
        """The same param, as one stage's."""
        bound = Param(uid, self.name, self.doc, self.typeConverter, default=self.default, check=self.check)
        bound.declared = self.declared
        return bound

    def with_default(self, value: T) -> "Param[T]":
        """The same param with another default, for a class that inherits it."""
        default = Default(lambda stage: value)
        return Param(self.parent, self.name, self.doc, self.typeConverter, default=default, check=self.check)

    def convert(self, value: Any, *, stage: str) -> T:
        """A value of the param's type, checked.

        Raises:
            ParamTypeError: it is of another type.
            InputError: it is not allowed.
        """
        try:
            converted = self.typeConverter(value)
        except TypeError as error:
            raise ParamTypeError(f"{stage}: param {self.name} cannot be set: {error}") from error
        if self.check is not None and not self.check.allows(converted):
            raise InputError(f"{stage}: param {self.name} must be {self.check.text}, got {value!r}")
        return converted

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A stage's param is pickled as where it is declared: its check and its default are functions.
        if self.parent == UNBOUND or self.declared is None:
            return super().__reduce_ex__(protocol)
        return _declared_param, (*self.declared, self.parent)

    def __str__(self) -> str:
        return f"{self.parent}__{self.name}"

    def __repr__(self) -> str:
        return f"Param(parent={self.parent!r}, name={self.name!r}, doc={self.doc!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Param) and (self.parent, self.name) == (other.parent, other.name)

    def __hash__(self) -> int:
        return hash((self.parent, self.name))


def _declared_param(owner: type, attribute: str, uid: str) -> Param[Any]:
    declared: Param[Any] = vars(owner)[attribute]
    return declared.bound_to(uid)


_NO_DEFAULT: Any = object()


def param(
    converter: Callable[[Any], T],
    doc: str,
    *,
    default: T = _NO_DEFAULT,
    default_of: Callable[["Params"], T] | None = None,
    check: "Check | None" = None,
) -> Param[T]:
    """Declare a param in the body of a stage's class; it takes the name it is assigned to.

    Args:
        converter: one of `TypeConverters`.
        doc: one line for people.
        default: the default value; without it the param starts undefined.
        default_of: computes the default from the stage, in place of `default`.
        check: which values are allowed.
    """
    if default_of is None and default is not _NO_DEFAULT:

        def default_of(stage: "Params") -> T:
            return default

    made = None if default_of is None else Default(default_of)
    return Param(UNBOUND, "", doc, converter, default=made, check=check)
