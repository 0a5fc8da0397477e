"""PDF files, by pypdf: the text that is in them; pages that are pictures have none."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from fireside.agents.corpus.formats.content import Content, ReadingLimits, UnreadableError
from fireside.agents.corpus.pairs import key_value_pairs
from fireside.agents.corpus.text import clean_text
from fireside.core.extras import require

__all__ = ["read_pdf"]


def read_pdf(data: bytes, limits: ReadingLimits) -> Content:
    """The text of the pages, each under a heading `Page n`; no link, script or attachment is opened.

    Raises:
        UnreadableError: it is damaged, locked by a password, or has no text.
    """
    require("pypdf", extra="agents")
    if len(data) > limits.max_file_bytes:
        raise UnreadableError(f"it is larger than {limits.max_file_bytes:,} bytes: split it")
    with _quiet():
        # The parser of a format this large fails in more ways than it documents; each is one bad file.
        try:
            return _read(data, limits)
        except UnreadableError:
            raise
        except RecursionError as error:
            raise UnreadableError("its objects are nested too deeply") from error
        except Exception as error:
            raise UnreadableError(f"it is not a sound PDF ({type(error).__name__}: {error})") from error


def _read(data: bytes, limits: ReadingLimits) -> Content:
    reader = require("pypdf", extra="agents").PdfReader(BytesIO(data))
    # Many files are encrypted with an empty password, only to forbid printing.
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableError("it is locked by a password: save it without one")
    pages, length, left_out = [], 0, ""
    for number, page in enumerate(reader.pages, start=1):
        if number > limits.max_pages or length > limits.max_characters:
            left_out = f"pages {number} to {len(reader.pages)} were left out"
            break
        text = clean_text(page.extract_text() or "")
        if text:
            # No line of a page is a heading of ours, whatever it begins with.
            pages.append(
                f"## Page {number}\n"
                + "\n".join(f" {x}" if x.startswith("#") else x for x in text.split("\n"))
            )
            length += len(text)
    if not pages:
        raise UnreadableError("it has no text: scanned pages must be recognised (OCR) first")
    text = "\n\n".join(pages)
    pairs = [(name.split(" - ", 1)[-1], value) for name, value in key_value_pairs(text)]
    return Content(text, _title(reader.metadata), pairs, left_out)


def _title(metadata: Any) -> str:
    title = metadata.title if metadata else None
    return title.strip() if isinstance(title, str) else ""


@contextmanager
def _quiet() -> Iterator[None]:
    """pypdf logs each oddity of a file; the reader reports the file once."""
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
