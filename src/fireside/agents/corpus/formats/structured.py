"""JSON files: objects and lists of them, as lines of `path: value`."""

from typing import Any

import msgspec

from fireside.agents.corpus.formats.content import Content, ReadingLimits, UnreadableError
from fireside.agents.corpus.formats.plain import text_of

__all__ = ["read_json"]

_NAMES = ("title", "name", "label", "id")
_JOIN = " - "


def read_json(data: bytes, limits: ReadingLimits) -> Content:
    """Each value under the path of names that leads to it; objects in a list go by their own name or id.

    Raises:
        UnreadableError: it is not JSON, or is too large or too deep to be read.

    >>> content = read_json(b'{"name": "Depot", "parts": [{"id": "bolt", "weight": 3}]}', ReadingLimits())
    >>> content.title, content.text, content.pairs[-1]
    ('Depot', 'name: Depot\\nparts - bolt - weight: 3', ('parts - bolt - weight', '3'))
    """
    if len(data) > limits.max_file_bytes:
        raise UnreadableError(f"it is larger than {limits.max_file_bytes:,} bytes: split it")
    try:
        value = msgspec.json.decode(text_of(data, limits))
        pairs: list[tuple[str, str]] = []
        left_out: list[str] = []
        _walk(value, "", limits, pairs, left_out)
    except msgspec.DecodeError as error:
        raise UnreadableError(f"it is not JSON ({error})") from error
    except RecursionError as error:
        raise UnreadableError("its values are nested too deeply") from error
    if not pairs:
        raise UnreadableError("it has no values")
    lines = [f"{path}: {text}" if path else text for path, text in pairs]
    title = _name(value) if isinstance(value, dict) else ""
    return Content("\n".join(lines), title, [pair for pair in pairs if pair[0]], "; ".join(left_out))


def _walk(
    value: Any, path: str, limits: ReadingLimits, pairs: list[tuple[str, str]], left_out: list[str]
) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _walk(inner, f"{path}{_JOIN}{name}" if path else name, limits, pairs, left_out)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        if len(value) > limits.max_rows:
            left_out.append(f"{len(value) - limits.max_rows:,} items of {path or 'the list'} were left out")
        for number, item in enumerate(value[: limits.max_rows], start=1):
            name = (_name(item) if isinstance(item, dict) else "") or str(number)
            # The name of an item is its label, not one more value below it.
            rest = (
                {k: v for k, v in item.items() if k not in _NAMES or _text(v) != name}
                if isinstance(item, dict)
                else item
            )
            _walk(rest, f"{path}{_JOIN}{name}" if path else name, limits, pairs, left_out)
    elif isinstance(value, list):
        if value:
            pairs.append((path, "; ".join(map(_text, value))))
    elif value is not None and _text(value):
        pairs.append((path, _text(value)))


def _name(item: dict[str, Any]) -> str:
    for key in _NAMES:
        if isinstance(item.get(key), str | int) and str(item[key]).strip():
            return " ".join(str(item[key]).split())
    return ""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())
