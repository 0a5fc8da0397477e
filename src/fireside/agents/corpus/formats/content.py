"""What a reader makes of a file, and how far it may go."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["Content", "Reader", "ReadingLimits", "UnreadableError"]


@config
class ReadingLimits:
    """How much of a folder is read. What lies beyond a limit is named in the list of problems.

    Attributes:
        max_files: in the whole folder.
        max_file_bytes: of one file. Text is cut there; formats that cannot be cut are left out.
        max_characters: of the text of one document; the rest is left out.
        max_pages: of a PDF.
        max_rows: of a CSV file, or of a list in a JSON file.
    """

    max_files: int = 20_000
    max_file_bytes: int = 32 * 2**20
    max_characters: int = 2_000_000
    max_pages: int = 2_000
    max_rows: int = 20_000

    def __post_init__(self) -> None:
        for name in ("max_files", "max_file_bytes", "max_characters", "max_pages", "max_rows"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: give 1 or more")


class Content(NamedTuple):
    """What a reader found.

    Attributes:
        text: with markdown headings; not yet cleaned.
        title: empty where the file does not say.
        pairs: named values.
        left_out: what was not read because of a limit; empty where everything was.
    """

    text: str
    title: str = ""
    pairs: Sequence[tuple[str, str]] = ()
    left_out: str = ""


class UnreadableError(Exception):
    """A file is not what its name says, or is locked; the message is the reason, in one line."""


Reader = Callable[[bytes, ReadingLimits], Content]
