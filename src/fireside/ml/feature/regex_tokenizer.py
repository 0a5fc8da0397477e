"""Splitting text at, or into, the matches of a regular expression."""

from typing import ClassVar

import numpy as np
import pyarrow as pa

from fireside.ml.base import Transformer
from fireside.ml.columns import column_without_nulls
from fireside.ml.feature.text.automaton import automaton_of
from fireside.ml.feature.text.java_regex import compile_java, split_as_java
from fireside.ml.feature.text.lists import join_lists
from fireside.ml.feature.text.lower_case import lower_case, lower_one
from fireside.ml.feature.unary import OneColumn
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import gt_eq
from fireside.ml.row_function import Row, RowFunction, present
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import is_string

__all__ = ["RegexTokenizer"]


class RegexTokenizer(RowTransform, OneColumn, Transformer):
    r"""Splits text at the matches of a pattern (`gaps`), or keeps the matches themselves.

    Patterns are Java's. Those without anchors, look-arounds and references become automata, which compiled
    code runs over the memory of the column; other patterns go row by row.

    >>> RegexTokenizer(inputCol="text", outputCol="words", pattern=r"\W+").transform({"text": ["Ash, oak!"]})
    {'text': ['Ash, oak!'], 'words': [['ash', 'oak']]}
    """

    _wanted: ClassVar = ("a string", is_string)

    minTokenLength: Param[int] = param(
        TypeConverters.toInt, "tokens of fewer characters are left out", default=1, check=gt_eq(0)
    )
    getMinTokenLength, setMinTokenLength = accessors(minTokenLength)
    gaps: Param[bool] = param(
        TypeConverters.toBoolean, "whether the pattern matches what is between tokens", default=True
    )
    getGaps, setGaps = accessors(gaps)
    pattern: Param[str] = param(
        TypeConverters.toString, "regular expression in Java's dialect", default="\\s+"
    )
    getPattern, setPattern = accessors(pattern)
    toLowercase: Param[bool] = param(
        TypeConverters.toBoolean, "whether text is put into lower case first", default=True
    )
    getToLowercase, setToLowercase = accessors(toLowercase)

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        text = column_without_nulls(self, batch, self.getInputCol()).cast(pa.string())
        if self.getToLowercase():
            text = lower_case(text)
        pattern, minimum, gaps = self.getPattern(), self.getMinTokenLength(), self.getGaps()
        from fireside.ml.feature.text.split_kernel import byte_class, split_column

        known = byte_class(pattern)
        if known is not None and gaps:
            table, runs = known
            return [join_lists(*split_column(text, table, runs=runs, minimum=minimum))]
        if known is not None and known[1]:
            # Runs of a class are what lies between runs of all other characters.
            table = np.logical_not(known[0])
            return [join_lists(*split_column(text, table, runs=True, minimum=max(1, minimum)))]
        if (automaton := automaton_of(pattern)) is not None:
            from fireside.ml.feature.text.token_kernel import cut_column

            return [join_lists(*cut_column(text, automaton, gaps=gaps, minimum=minimum))]
        return [pa.array([self._tokens(row) for row in text.to_pylist()], pa.list_(pa.string()))]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        source, target, lowers = self.getInputCol(), self.getOutputCol(), self.getToLowercase()

        def function(row: Row) -> Row:
            text = present(row[source])
            row[target] = self._tokens(lower_one(text) if lowers else text)
            return row

        return function if is_string(schema.field(source).type) else None

    def _tokens(self, text: str) -> list[str]:
        """The tokens of one text, already in the case wanted."""
        pattern, minimum = compile_java(self.getPattern()), self.getMinTokenLength()
        if self.getGaps():
            tokens = split_as_java(pattern, text)
        else:
            tokens = [match.group() for match in pattern.finditer(text)]
        return [token for token in tokens if _java_length(token) >= minimum]


def _java_length(token: str) -> int:
    """Characters as Java counts them: two for each beyond the basic plane."""
    return len(token) if token.isascii() else len(token.encode("utf-16-le")) // 2
