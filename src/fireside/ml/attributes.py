"""What Spark's schemas say about a column beyond its type: sizes of vectors, labels of indices.

It lies in the metadata of a field, as the JSON that Spark itself writes there, under the key `ml_attr`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from fireside.ml.linalg.vector_type import VECTOR_TYPE

__all__ = [
    "attributes_of",
    "binary_field",
    "entries_of",
    "labels_of",
    "nominal_field",
    "ordinal_field",
    "vector_field_of",
    "vector_field_of_entries",
    "vector_size_of",
]

SPARK_METADATA = b"SPARK::metadata::json"
"""Where Spark puts the metadata of a column when it hands it over as Arrow."""


def attributes_of(field: pa.Field) -> dict[str, Any]:
    """The attributes of a column; empty where nothing is known."""
    text = (field.metadata or {}).get(SPARK_METADATA)
    found = json.loads(text).get("ml_attr") if text else None
    return found if isinstance(found, dict) else {}


def vector_field_of(name: str, size: int | None = None, names: Sequence[str] | None = None) -> pa.Field:
    """The field of a column of vectors, with their size and the names of their entries where they are known.

    >>> vector_size_of(vector_field_of("features", 3))
    3
    """
    attributes: dict[str, Any] = {} if size is None else {"num_attrs": size}
    if names is not None:
        numeric = [{"idx": index, "name": entry} for index, entry in enumerate(names)]
        attributes = {"attrs": {"numeric": numeric}, "num_attrs": len(names)}
    return _field(name, VECTOR_TYPE, attributes)


def vector_field_of_entries(name: str, entries: Sequence[Mapping[str, Any]]) -> pa.Field:
    """The field of a column of vectors, with the attributes of every entry, as `entries_of` returns them.

    >>> field = vector_field_of_entries("v", [{"type": "binary", "name": "red"}, {"type": "numeric"}])
    >>> vector_size_of(field), entries_of(field)
    (2, [{'idx': 0, 'name': 'red', 'type': 'binary'}, {'idx': 1, 'type': 'numeric'}])
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for index, entry in enumerate(entries):
        rest = {key: value for key, value in entry.items() if key not in ("idx", "type")}
        # Of a number without a name there is nothing to say, and Spark does not.
        if rest or entry["type"] != "numeric":
            groups.setdefault(entry["type"], []).append({"idx": index, **rest})
    return _field(name, VECTOR_TYPE, {"attrs": groups, "num_attrs": len(entries)})


def entries_of(field: pa.Field) -> list[dict[str, Any]] | None:
    """What is known of each entry of the vectors in a column, in order; `None` where it is known of none."""
    size, groups = vector_size_of(field), attributes_of(field).get("attrs")
    if size is None or not isinstance(groups, dict):
        return None
    entries: list[dict[str, Any]] = [{"idx": index, "type": "numeric"} for index in range(size)]
    for kind, group in groups.items():
        for entry in group:
            entries[entry["idx"]] = {**entry, "type": kind}
    return entries


def vector_size_of(field: pa.Field) -> int | None:
    """The size of the vectors in a column, where its metadata tell."""
    size = attributes_of(field).get("num_attrs")
    return size if isinstance(size, int) else None


def nominal_field(
    name: str, kind: pa.DataType, *, labels: Sequence[str] | None = None, num_values: int | None = None
) -> pa.Field:
    """The field of a column of category indices, with the labels or at least their number.

    >>> labels_of(nominal_field("index", pa.float64(), labels=["a", "b"]))
    ['a', 'b']
    """
    attributes: dict[str, Any] = {"type": "nominal"}
    if labels is not None:
        attributes |= {"name": name, "vals": list(labels)}
    if num_values is not None:
        attributes["num_vals"] = num_values
    return _field(name, kind, attributes)


def ordinal_field(name: str, kind: pa.DataType, labels: Sequence[str]) -> pa.Field:
    """The field of a column of category indices whose order means something, with their labels."""
    return _field(name, kind, {"type": "nominal", "ord": True, "vals": list(labels)})


def binary_field(name: str, kind: pa.DataType) -> pa.Field:
    """The field of a column of zeros and ones."""
    return _field(name, kind, {"type": "binary"})


def labels_of(field: pa.Field) -> list[str] | None:
    """The labels of the category indices in a column, where its metadata tell."""
    labels = attributes_of(field).get("vals")
    return [str(label) for label in labels] if isinstance(labels, list) else None


def _field(name: str, kind: pa.DataType, attributes: dict[str, Any]) -> pa.Field:
    metadata = {SPARK_METADATA: json.dumps({"ml_attr": attributes})} if attributes else None
    return pa.field(name, kind, metadata=metadata)
