"""Leaving out words that say little."""

import pyarrow as pa
import pyarrow.compute as pc

from fireside.ml.base import Transformer
from fireside.ml.columns import column_without_nulls
from fireside.ml.feature.stop_words import load_stop_words
from fireside.ml.feature.text.lists import filter_lists, split_lists
from fireside.ml.feature.text.lower_case import lower_case, lower_one
from fireside.ml.feature.unary import STRING_LIST
from fireside.ml.multi_column import column_pairs
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCol, HasInputCols, HasOutputCol, HasOutputCols
from fireside.ml.row_function import Row, RowFunction, present
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import input_field, is_string_list

__all__ = ["StopWordsRemover"]


class StopWordsRemover(RowTransform, HasInputCol, HasOutputCol, HasInputCols, HasOutputCols, Transformer):
    """Filters stop words out of lists of words. A null word is kept, as in Spark.

    >>> remover = StopWordsRemover(inputCol="words", outputCol="kept", stopWords=["the"])
    >>> remover.transform({"words": [["The", "ember"]]})
    {'words': [['The', 'ember']], 'kept': [['ember']]}
    """

    stopWords: Param[list[str]] = param(
        TypeConverters.toListString,
        "the words to leave out",
        default_of=lambda stage: load_stop_words("english"),
    )
    getStopWords, setStopWords = accessors(stopWords)
    caseSensitive: Param[bool] = param(
        TypeConverters.toBoolean, "whether case matters when words are compared", default=False
    )
    getCaseSensitive, setCaseSensitive = accessors(caseSensitive)
    locale: Param[str] = param(
        TypeConverters.toString, "whose rules of case hold; unused where case matters", default="en"
    )
    getLocale, setLocale = accessors(locale)

    @staticmethod
    def loadDefaultStopWords(language: str) -> list[str]:
        """The list of a language, such as `"english"`."""
        return load_stop_words(language)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = []
        for source, target in column_pairs(self):
            input_field(
                self, schema, source, wanted="a list of strings (as Tokenizer makes)", fits=is_string_list
            )
            fields.append(pa.field(target, STRING_LIST))
        return fields

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        return [self._filtered(batch, source) for source, _ in column_pairs(self)]

    def _filtered(self, batch: pa.RecordBatch, column: str) -> pa.Array:
        bounds, words = split_lists(column_without_nulls(self, batch, column).cast(STRING_LIST))
        stop, looked_up = pa.array(self.getStopWords(), pa.string()), words
        if not self.getCaseSensitive():
            looked_up, stop = lower_case(looked_up), lower_case(stop)
        is_stop = pc.is_in(looked_up, value_set=stop, skip_nulls=True)
        return filter_lists(bounds, words, pc.invert(is_stop).to_numpy(zero_copy_only=False))

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        pairs = column_pairs(self)
        folded = str if self.getCaseSensitive() else lower_one
        stop = {folded(word) for word in self.getStopWords()}

        def function(row: Row) -> Row:
            for source, target in pairs:
                words = present(row[source])
                row[target] = [word for word in words if word is None or folded(word) not in stop]
            return row

        return function if all(schema.field(source).type == STRING_LIST for source, _ in pairs) else None
