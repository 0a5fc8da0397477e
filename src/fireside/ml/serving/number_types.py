"""Which type the JSON numbers of a column have: JSON has one kind of number, and stages know several.

`1` and `1.0` are the same number in JSON, and JavaScript writes both as `1`. A stage that writes numbers as
text tells them apart: the labels "1" and "1.0" of an indexer, the features "x=1" and "x=1.0" of a hasher.
"""

import re
from collections.abc import Collection, Mapping
from typing import Literal

from fireside.core.errors import ConfigError
from fireside.ml.base import Transformer
from fireside.ml.feature import FeatureHasher, HashingTF, StringIndexerModel
from fireside.ml.multi_column import column_pairs
from fireside.ml.serving.stage_columns import columns_made, columns_read, stages_of

__all__ = ["NumberType", "number_types"]

NumberType = Literal["double", "long", "untold"]
"""What a column's numbers become; untold where that would have to be guessed."""

_LONG = re.compile(r"0|-?[1-9]\d*")
_DOUBLE = re.compile(r"-?\d+\.\d+(E-?\d+)?")


def number_types(
    model: Transformer, stated: Mapping[str, NumberType], passed_on: Collection[str] = ()
) -> dict[str, NumberType]:
    """The columns whose numbers are not, or need not be, doubles.

    What is stated holds. Otherwise the labels of an indexer tell, and a hasher of numbers as text leaves it
    untold; all other numbers are doubles.

    Args:
        model: a transformer.
        stated: column to type, as the server was told.
        passed_on: columns that are answered although no stage makes them.

    Raises:
        ConfigError: a type is stated of a column that the model does not read.

    >>> from fireside.ml.feature import StringIndexer
    >>> indexer = StringIndexer(inputCol="x", outputCol="i")
    >>> number_types(indexer.fit({"x": [3, 4]}), {}), number_types(indexer.fit({"x": [3.0, 4.5]}), {})
    ({'x': 'long'}, {'x': 'double'})
    """
    found: dict[str, NumberType] = {}
    read: set[str] = set()
    made: set[str] = set()
    are_told = True
    for stage in stages_of(model):
        names = columns_read(stage)
        # SQL does not tell what it reads.
        are_told = are_told and bool(names)
        for name, kind in _text_of_numbers(stage).items():
            if name not in made and found.get(name, "untold") == "untold":
                found[name] = kind
        read.update(set(names) - made)
        made.update(columns_made(stage))
    for name in stated:
        if are_told and name not in read and name not in passed_on:
            raise ConfigError(f"a type is stated of column {name!r}, but the model reads {sorted(read)}")
    return {**found, **stated}


def _text_of_numbers(stage: object) -> dict[str, NumberType]:
    """The columns whose numbers a stage writes as text."""
    match stage:
        case StringIndexerModel():
            pairs = zip(column_pairs(stage), stage.labelsArray, strict=True)
            return {source: _type_of_labels(labels) for (source, _), labels in pairs}
        case FeatureHasher() if stage.isDefined("categoricalCols"):
            return dict.fromkeys(stage.getCategoricalCols(), "untold")
        case HashingTF():
            return {stage.getInputCol(): "untold"}
    return {}


def _type_of_labels(labels: Collection[str]) -> NumberType:
    """The type of the numbers among labels.

    >>> [_type_of_labels(labels) for labels in (["1", "-2"], ["1.0", "1.0E10"], ["sea"], ["1", "2.5"])]
    ['long', 'double', 'double', 'untold']
    """
    are_long = any(_LONG.fullmatch(label) for label in labels)
    are_double = any(_DOUBLE.fullmatch(label) for label in labels)
    if are_long and are_double:
        return "untold"
    return "long" if are_long else "double"
