"""Cleaning text that came from outside: no control characters, no invisible ones, even whitespace.

What is removed is what a person cannot see but a model or a terminal acts on: control characters, directional
overrides, zero-width marks, Unicode tag characters, lone surrogates. Nothing is judged by what it says.
"""

import re
import unicodedata

__all__ = ["clean_text", "decode_text", "looks_binary"]

_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters except tab, line ends and next line
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff"
    "\U000e0000-\U000e0fff"
    "]"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0c\x85\u2028\u2029]")
_TRAILING = re.compile(r"[^\S\n]+$", re.MULTILINE)
_SPACES = re.compile(r"(?<=\S)[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def clean_text(text: str) -> str:
    """Text in Unicode NFC, lines ended by `\\n`, at most one blank line in a row.

    Spaces inside a line become one; those at its beginning stay, because they may be the structure of code.
    Idempotent.

    >>> clean_text("Cafe\\u0301\\x00  \\u202eabc \\r\\n\\tx\\n\\n\\n\\ny ")
    'Café abc\\n    x\\n\\ny'
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)).replace("\t", "    ")
    text = _SPACES.sub(" ", _TRAILING.sub("", unicodedata.normalize("NFC", text)))
    return _BLANK_LINES.sub("\n\n", text).strip()


def looks_binary(data: bytes) -> bool:
    """Whether the beginning of a file is not text in any encoding that `decode_text` reads.

    >>> looks_binary(b"\\x89PNG\\r\\n\\x1a\\n\\x00"), looks_binary("Grüße".encode())
    (True, False)
    """
    if data.startswith(tuple(mark for mark, _ in _MARKS)):
        return False
    head = data[:8192]
    return any(byte < 9 or 14 <= byte < 27 or 28 <= byte < 32 or byte == 127 for byte in head)


def decode_text(data: bytes, *, cut: bool = False) -> str:
    """Bytes as text: by byte-order mark, else UTF-8, else Windows-1252.

    Args:
        data: the bytes.
        cut: whether more bytes followed, so that the last character may be half of one; it is then dropped.

    Raises:
        UnicodeDecodeError: it is none of these.

    >>> decode_text("Grüße".encode("utf-16")), decode_text("Grüße".encode("cp1252"))
    ('Grüße', 'Grüße')
    >>> decode_text("Grü".encode()[:-1], cut=True)
    'Gr'
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "ignore" if cut else "strict")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if cut and error.start >= len(data) - 3:
            return data[: error.start].decode("utf-8")
        return data.decode("cp1252")
