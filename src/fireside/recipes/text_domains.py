"""Two text domains that every Python brings along: its reference manual and its library's source.

Together with the user's documents they make the three domains of the demonstration's language model. Both
are under the PSF licence; they are read where they lie and never copied into the project.
"""

import ast
import importlib
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from fireside.core.errors import DocumentsError

__all__ = ["python_code", "python_reference"]

NOT_LIBRARY = {
    "site-packages",
    "test",
    "tests",
    "idlelib",
    "turtledemo",
    "lib2to3",
    "__pycache__",
    "pydoc_data",
}


def python_reference() -> list[str]:
    """The language reference's topics and the standard library's docstrings, one text each.

    Raises:
        DocumentsError: this Python ships neither.
    """
    topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    texts = [topics[name] for name in sorted(topics)]
    texts += [docstring for source in _sources() for docstring in _docstrings(source)]
    return _not_empty(texts, "reference")


def python_code() -> list[str]:
    """The source of each module of the standard library, docstrings and all, one text each.

    Raises:
        DocumentsError: this Python ships without its library's source.
    """
    return _not_empty([source for source in _sources() if len(source) > 200], "source")


def _sources() -> Iterator[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    for file in sorted(library.rglob("*.py")):
        if NOT_LIBRARY.isdisjoint(file.relative_to(library).parts):
            yield file.read_text("utf-8", errors="replace")


def _docstrings(source: str) -> Iterator[str]:
    """The docstrings of a module long enough to be prose, joined by class or module."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # the library ships a few files that are broken on purpose
        return
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    scopes: list[ast.Module | ast.ClassDef] = [tree, *classes]
    for scope in scopes:
        parts = [ast.get_docstring(scope) or ""]
        parts += [
            ast.get_docstring(node) or ""
            for node in scope.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        text = "\n\n".join(part for part in parts if part)
        if len(text) > 200:
            yield text


def _not_empty(texts: list[str], what: str) -> list[str]:
    if not texts:
        raise DocumentsError(
            f"this Python has no {what} to read: use one from python.org or your distribution, or give --docs"
        )
    return texts
