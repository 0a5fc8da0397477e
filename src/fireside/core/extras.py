"""Optional dependencies, asked for by the name of the extra that brings them."""

import importlib
from types import ModuleType

from fireside.core.errors import MissingExtraError

__all__ = ["require"]


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra to install.

    Args:
        module: dotted name of the module, such as `"usearch.index"`.
        extra: the extra of this package that brings it, such as `"agents"`.

    Raises:
        MissingExtraError: the module, or something that it needs, is not installed.

    >>> require("json", extra="ml").__name__
    'json'
    >>> require("no_such_module", extra="ml")
    Traceback (most recent call last):
    fireside.core.errors.MissingExtraError: no_such_module is not installed: pip install 'fireside[ml]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed: pip install 'fireside[{extra}]'") from error
