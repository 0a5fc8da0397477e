"""Spark's names of types, such as `array<float>`, as Arrow types; without pyspark."""

from typing import Any

import pyarrow as pa

from fireside.core.errors import InputError

__all__ = ["arrow_type"]

_SIMPLE = {
    "boolean": pa.bool_(), "tinyint": pa.int8(), "byte": pa.int8(), "smallint": pa.int16(),
    "short": pa.int16(), "int": pa.int32(), "integer": pa.int32(), "bigint": pa.int64(), "long": pa.int64(),
    "float": pa.float32(), "real": pa.float32(), "double": pa.float64(), "string": pa.string(),
    "binary": pa.binary(),
}  # fmt: skip


def arrow_type(kind: Any) -> pa.DataType:
    """An Arrow type from itself, from a Spark type, or from the name of one.

    Raises:
        InputError: there is no such type.

    >>> arrow_type("struct<a:int,b:array<float>>")
    StructType(struct<a: int32, b: list<item: float>>)
    """
    if isinstance(kind, pa.DataType):
        return kind
    text = kind.simpleString() if hasattr(kind, "simpleString") else kind
    if not isinstance(text, str):
        raise InputError(f"{kind!r} is no type: give an Arrow type, or the name of one of Spark's")
    text = text.replace(" ", "")
    if text.lower() in _SIMPLE:
        return _SIMPLE[text.lower()]
    head, _, rest = text.partition("<")
    if head.lower() == "array" and rest.endswith(">"):
        return pa.list_(arrow_type(rest[:-1]))
    if head.lower() == "struct" and rest.endswith(">"):
        fields = [part.partition(":") for part in _split(rest[:-1])]
        return pa.struct([(name, arrow_type(inner)) for name, _, inner in fields])
    raise InputError(
        f"{text!r} is no type that is known here: {', '.join(_SIMPLE)}, array<...> or struct<...>"
    )


def _split(text: str) -> list[str]:
    """The parts between commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
