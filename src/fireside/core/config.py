"""Configuration: frozen, keyword-only, slotted dataclasses that validate themselves.

A configuration is written to JSON with `to_dict` and read back with `from_dict`, which refuses names it
does not know, so that a misspelt setting is an error and not a default.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar, dataclass_transform, get_args, get_origin

import msgspec

from fireside.core.errors import ConfigError

__all__ = ["config", "from_dict", "to_dict"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def config(cls: type[T]) -> type[T]:
    """Make a class a frozen, keyword-only, slotted dataclass.

    Validation belongs into `__post_init__`, and raises `ConfigError`.

    >>> @config
    ... class Window:
    ...     size: int = 1024
    >>> Window(size=8)
    Window(size=8)
    """
    return dataclass(frozen=True, kw_only=True, slots=True)(cls)


def to_dict(value: Any) -> dict[str, Any]:
    """The JSON-ready dictionary of a configuration, nested ones included.

    >>> @config
    ... class Window:
    ...     size: int = 1024
    >>> to_dict(Window())
    {'size': 1024}
    """
    plain = msgspec.to_builtins(value)
    assert isinstance(plain, dict)
    return plain


def from_dict(cls: type[T], mapping: Mapping[str, Any]) -> T:
    """A configuration from a dictionary, types checked.

    Raises:
        ConfigError: an unknown name (the nearest known one is suggested), a wrong type, or a value that
            the configuration itself refuses.

    >>> @config
    ... class Window:
    ...     size: int = 1024
    >>> from_dict(Window, {"size": 8})
    Window(size=8)
    >>> from_dict(Window, {"sise": 8})
    Traceback (most recent call last):
    fireside.core.errors.ConfigError: Window has no setting 'sise'; did you mean 'size'? Known: size
    """
    refuse_unknown(cls, mapping)
    try:
        return msgspec.convert(mapping, cls)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, ConfigError):
            raise error.__cause__ from None
        raise ConfigError(f"{cls.__name__}: {error}") from error


def refuse_unknown(cls: type, mapping: Mapping[str, Any]) -> None:
    """Raise `ConfigError` where a mapping, at any depth, has a name that its dataclass has not."""
    known = {field.name: field.type for field in fields(cls)}
    for name, value in mapping.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ConfigError(f"{cls.__name__} has no setting {name!r}{hint} Known: {', '.join(known)}")
        kind = known[name]
        if isinstance(value, Mapping) and isinstance(kind, type) and is_dataclass(kind):
            refuse_unknown(kind, value)
        if isinstance(value, list) and get_origin(kind) is list:
            (item,) = get_args(kind)
            for one in value if is_dataclass(item) else ():
                if isinstance(one, Mapping):
                    refuse_unknown(item, one)
