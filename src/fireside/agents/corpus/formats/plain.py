"""Plain text."""

from fireside.agents.corpus.formats.content import Content, ReadingLimits, UnreadableError
from fireside.agents.corpus.pairs import key_value_pairs
from fireside.agents.corpus.text import clean_text, decode_text, looks_binary

__all__ = ["decoded", "read_plain", "text_of"]


def read_plain(data: bytes, limits: ReadingLimits) -> Content:
    """The text as it stands, and its lines `Key: value`.

    >>> read_plain(b"Owner: Ada", ReadingLimits()).pairs
    [('Owner', 'Ada')]
    """
    text = text_of(data, limits)
    return Content(text, pairs=key_value_pairs(text))


def text_of(data: bytes, limits: ReadingLimits) -> str:
    """Cleaned text of a file's bytes; see `decoded`."""
    return clean_text(decoded(data, limits))


def decoded(data: bytes, limits: ReadingLimits) -> str:
    """Text of a file's bytes, of which the caller gave at most `limits.max_file_bytes`, as it stands.

    Raises:
        UnreadableError: they are not text.
    """
    if looks_binary(data):
        raise UnreadableError("it is binary, not text")
    try:
        return decode_text(data, cut=len(data) >= limits.max_file_bytes)
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is neither UTF-8 nor UTF-16 nor Windows-1252 ({error.reason})") from error
