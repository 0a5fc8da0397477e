"""Splitting text at white space."""

from typing import ClassVar

import numpy as np
import pyarrow as pa

from fireside.ml.base import Transformer
from fireside.ml.columns import column_without_nulls
from fireside.ml.feature.text.java_regex import compile_java, split_as_java
from fireside.ml.feature.text.lists import join_lists
from fireside.ml.feature.text.lower_case import lower_case, lower_one
from fireside.ml.feature.unary import OneColumn
from fireside.ml.row_function import Row, RowFunction, present
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import is_string

__all__ = ["Tokenizer"]


class Tokenizer(RowTransform, OneColumn, Transformer):
    r"""Lower-cases text and splits it at each white-space character, as Java's `split("\s")` does.

    Two spaces in a row make an empty token, as they do in Spark; `RegexTokenizer` makes none.

    >>> Tokenizer(inputCol="text", outputCol="words").transform({"text": ["Hearth  and home "]})
    {'text': ['Hearth  and home '], 'words': [['hearth', '', 'and', 'home']]}
    """

    _wanted: ClassVar = ("a string", is_string)

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        from fireside.ml.feature.text.split_kernel import split_column

        text = column_without_nulls(self, batch, self.getInputCol()).cast(pa.string())
        space = np.isin(np.arange(256), np.frombuffer(b" \t\n\x0b\f\r", np.uint8))
        bounds, tokens = split_column(lower_case(text), space, runs=False, minimum=0)
        return [join_lists(bounds, tokens)]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        source, target, space = self.getInputCol(), self.getOutputCol(), compile_java("\\s")

        def function(row: Row) -> Row:
            row[target] = split_as_java(space, lower_one(present(row[source])))
            return row

        return function if is_string(schema.field(source).type) else None
