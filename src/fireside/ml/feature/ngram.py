"""Sequences of neighbouring words."""

import pyarrow as pa

from fireside.ml.base import Transformer
from fireside.ml.columns import column_without_nulls
from fireside.ml.feature.text.lists import join_lists, split_lists
from fireside.ml.feature.unary import STRING_LIST, WordsColumn
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import gt_eq
from fireside.ml.row_function import Row, RowFunction, present
from fireside.ml.row_transform import RowTransform

__all__ = ["NGram"]


class NGram(RowTransform, WordsColumn, Transformer):
    """All runs of `n` words, joined by spaces; none where a list is shorter.

    A null word reads "null", as in Spark.

    >>> NGram(inputCol="words", outputCol="pairs").transform({"words": [["a", "b", "c"], ["d"]]})["pairs"]
    [['a b', 'b c'], []]
    """

    n: Param[int] = param(TypeConverters.toInt, "number of words in a run", default=2, check=gt_eq(1))
    getN, setN = accessors(n)

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        column = column_without_nulls(self, batch, self.getInputCol()).cast(STRING_LIST)
        bounds, words = split_lists(column)
        from fireside.ml.feature.text.run_kernel import join_runs

        return [join_lists(*join_runs(bounds, words.fill_null("null"), self.getN()))]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        source, target, n = self.getInputCol(), self.getOutputCol(), self.getN()

        def function(row: Row) -> Row:
            words = ["null" if word is None else word for word in present(row[source])]
            row[target] = [" ".join(words[place : place + n]) for place in range(len(words) - n + 1)]
            return row

        return function if schema.field(source).type == STRING_LIST else None
