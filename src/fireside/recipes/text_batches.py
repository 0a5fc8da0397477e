"""Texts from anywhere, batch by batch, without nulls and in UTF-8."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from fireside.core.errors import InputError
from fireside.mixing import open_texts
from fireside.ml.feature import RegexTokenizer

__all__ = ["WORD_PATTERN", "text_batches", "words_stage"]

WORD_PATTERN = r"[\p{L}\p{M}\p{N}_]"
"""What words are made of, in every script: letters, their marks, digits and the underscore."""


def text_batches(source: Any, *, column: str, name: str) -> Iterator[pa.StringArray]:
    """The texts of a source, some at a time.

    Args:
        source: what `fireside.mixing.open_texts` takes; rows on a cluster are brought here.
        column: the column of text.
        name: what an error calls the source.

    Raises:
        InputError: a text is null or not UTF-8, or the source cannot be read.

    >>> [texts.to_pylist() for texts in text_batches({"text": ["a", "b"]}, column="text", name="texts")]
    [['a', 'b']]
    """
    for batch in open_texts(source, column=column).batches():
        texts = batch.column(0)
        if texts.null_count:
            raise InputError(f"{name}: {texts.null_count} rows have no text (null): drop such rows first")
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise InputError(f"{name}: a text is not UTF-8 ({error}): convert or drop it first") from error
        yield texts


def words_stage() -> RegexTokenizer:
    """Appends `words`, in lower case, to rows of `text`.

    >>> words_stage().transform({"text": ["Straße, 中文!"]})["words"]
    [['straße', '中文']]
    """
    return RegexTokenizer(inputCol="text", outputCol="words", pattern=f"{WORD_PATTERN.replace('[', '[^')}+")
