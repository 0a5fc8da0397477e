"""Regular expressions in Java's dialect, compiled to Python's.

Spark's params hold Java patterns. Most of the two languages is the same; this translates what differs, and
refuses what has no counterpart, so that no pattern silently means something else.
"""

import functools
import re
import sys
import unicodedata

from fireside.core.errors import InputError

__all__ = ["compile_java", "split_as_java"]

_HORIZONTAL = r" \t\xA0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_VERTICAL = r"\n\x0B\f\r\x85\u2028\u2029"
# Java's names for sets of ASCII characters.
_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0B\f\r",
}
_LONG_CATEGORIES = {
    "IsAlphabetic": ("L", "Nl"),
    "IsLetter": ("L",),
    "IsDigit": ("Nd",),
    "IsPunctuation": ("P",),
}
_ESCAPES = {
    "e": r"\x1B",
    "z": r"\Z",
    "Z": r"(?=(?:\r\n|[\n\r\x85\u2028\u2029])?\Z)",
    "R": rf"(?:\r\n|[{_VERTICAL}])",
}


@functools.lru_cache(maxsize=256)
def compile_java(pattern: str) -> re.Pattern[str]:
    r"""Compile a Java pattern; `\w`, `\d`, `\s` and `\b` know ASCII only, as in Java.

    Raises:
        InputError: the pattern is malformed, or uses what Python has no counterpart for.

    >>> compile_java(r"\p{Punct}+").sub("", "a, b!")
    'a b'
    >>> compile_java("[a-z&&[^b]]")
    Traceback (most recent call last):
    fireside.core.errors.InputError: pattern '[a-z&&[^b]]' uses a class inside a class ...
    """
    try:
        return re.compile(_translate(pattern), re.ASCII)
    except re.error as error:
        raise InputError(f"pattern {pattern!r} is not a regular expression: {error}") from error


def split_as_java(pattern: re.Pattern[str], text: str) -> list[str]:
    """`Pattern.split` of Java: no empty strings at the end, none at the start before an empty match.

    >>> split_as_java(compile_java(","), ",a,,b,,")
    ['', 'a', '', 'b']
    """
    pieces, start = [], 0
    for match in pattern.finditer(text):
        if match.end() == 0:
            continue
        pieces.append(text[start : match.start()])
        start = match.end()
    if start == 0:
        return [text]
    pieces.append(text[start:])
    while pieces and not pieces[-1]:
        pieces.pop()
    return pieces


def _translate(pattern: str) -> str:
    out: list[str] = []
    flags = "".join(re.findall(r"\(\?([a-z]+)", pattern))
    in_class = False
    place = 0
    while place < len(pattern):
        if pattern[place] == "\\":
            text, place = _escape(pattern, place, in_class)
            out.append(text)
            continue
        if in_class and (pattern[place] == "[" or pattern.startswith("&&", place)):
            raise InputError(
                f"pattern {pattern!r} uses a class inside a class or &&, which cannot be translated: "
                "write one plain class"
            )
        text, place, in_class = _plain(pattern, place, in_class, flags)
        out.append(text)
    return "".join(out)


def _plain(pattern: str, place: int, in_class: bool, flags: str) -> tuple[str, int, bool]:
    """Translate what is no escape: its text, the next place, whether that is inside a class."""
    letter = pattern[place]
    if in_class:
        return letter, place + 1, letter != "]"
    if letter == "[":
        opening = "[^" if pattern.startswith("[^", place) else "["
        return opening, place + len(opening), True
    if letter == "$" and "m" not in flags:
        return _ESCAPES["Z"], place + 1, False
    if letter == "." and "s" not in flags:
        return r"[^\n\r\x85\u2028\u2029]", place + 1, False
    if pattern.startswith("(?<", place) and not pattern.startswith(("(?<=", "(?<!"), place):
        return "(?P<", place + 3, False
    return letter, place + 1, False


def _escape(pattern: str, place: int, in_class: bool) -> tuple[str, int]:
    """Translate the escape at a place: its text, and the place after it."""
    letter = pattern[place + 1 : place + 2]
    after = place + 2
    if letter == "Q":
        end = pattern.find("\\E", after)
        end = len(pattern) if end < 0 else end
        return re.escape(pattern[after:end]), min(end + 2, len(pattern))
    if letter in ("p", "P"):
        end = pattern.find("}", after) if pattern.startswith("{", after) else after
        name = pattern[after + 1 : end] if pattern.startswith("{", after) else pattern[after : after + 1]
        return _property(pattern, name, letter == "P", in_class), end + 1
    if letter in ("h", "v", "H", "V"):
        inner = _HORIZONTAL if letter in "hH" else _VERTICAL
        return _set(pattern, inner, letter.isupper(), in_class), after
    if letter == "x" and pattern.startswith("{", after):
        end = pattern.index("}", after)
        return re.escape(chr(int(pattern[after + 1 : end], 16))), end + 1
    if letter == "k" and pattern.startswith("<", after):
        end = pattern.index(">", after)
        return f"(?P={pattern[after + 1 : end]})", end + 1
    if letter in ("G", "X", "N", "c", "0"):
        raise InputError(f"pattern {pattern!r} uses \\{letter}, which cannot be translated")
    return _ESCAPES.get(letter, f"\\{letter}"), after


def _property(pattern: str, name: str, negated: bool, in_class: bool) -> str:
    if name in _POSIX:
        return _set(pattern, _POSIX[name], negated, in_class)
    categories = _LONG_CATEGORIES.get(name, (name.removeprefix("Is"),))
    inner = "".join(_category_ranges(category) for category in categories)
    if not inner:
        raise InputError(
            f"pattern {pattern!r} uses \\p{{{name}}}, which is not known: use a category such as L"
        )
    return _set(pattern, inner, negated, in_class)


def _set(pattern: str, inner: str, negated: bool, in_class: bool) -> str:
    if in_class and negated:
        raise InputError(f"pattern {pattern!r} negates a set inside a class, which cannot be translated")
    return inner if in_class else f"[{'^' if negated else ''}{inner}]"


@functools.lru_cache(maxsize=64)
def _category_ranges(category: str) -> str:
    """The characters of a Unicode category (`"L"`, `"Lu"`), as the inside of a class."""
    ranges: list[tuple[int, int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith(category):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = (ranges[-1][0], code)
            else:
                ranges.append((code, code))
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
