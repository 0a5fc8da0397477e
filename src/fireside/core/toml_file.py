"""Settings out of a TOML file, with errors that name the file."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fireside.core.errors import ConfigError, InputError

__all__ = ["read_toml"]

T = TypeVar("T")


def read_toml(path: str | os.PathLike[str], name: str, make: Callable[[dict[str, Any], Path], T]) -> T:
    """What `make` makes of the file's table and its directory.

    Args:
        path: the file.
        name: what errors call it.
        make: may raise `ConfigError`.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is not TOML, or `make` said so.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the {name} {path} ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    try:
        return make(table, path.parent.absolute())
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
