"""A folder of plain text files: one text per file, in the order of their paths."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fireside.core.errors import InputError

__all__ = ["TEXT_SUFFIXES", "TextFolder"]

TEXT_SUFFIXES = (".txt", ".text", ".md", ".rst")


class TextFolder:
    """Text files.

    Args:
        files: in the order in which they are read.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)

    @property
    def num_texts(self) -> int:
        """One text per file."""
        return len(self._files)

    def texts(self) -> Iterator[str]:
        """The contents of each file.

        Raises:
            InputError: a file cannot be read or is not UTF-8; it is named.
        """
        for file in self._files:
            try:
                yield file.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(
                    f"cannot read {file} ({error}): convert it to UTF-8 text or take it out of the folder"
                ) from error
