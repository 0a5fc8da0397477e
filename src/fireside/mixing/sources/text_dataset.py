"""`TextDataset`: texts that are made one by one, as a data set with the one column `text`."""

from collections.abc import Iterator
from typing import Protocol, final

import pyarrow as pa

from fireside.compute.dataset import Dataset

__all__ = ["TEXT_SCHEMA", "TextDataset", "TextSource"]

TEXT_SCHEMA = pa.schema([("text", pa.string())])

_BATCH_CHARACTERS = 1 << 22
"""A batch is closed by the text that reaches this length, so that long texts do not pile up in memory."""


class TextSource(Protocol):
    """Texts in a fixed order."""

    @property
    def num_texts(self) -> int | None:
        """How many there are; `None` where only reading them could tell."""
        ...

    def texts(self) -> Iterator[str]:
        """All texts, from the first on, anew on each call."""
        ...


@final
class TextDataset(Dataset):
    """The texts of a source, in batches.

    Args:
        source: where the texts come from.
    """

    def __init__(self, source: TextSource) -> None:
        self._source = source

    @property
    def schema(self) -> pa.Schema:
        return TEXT_SCHEMA

    @property
    def num_rows(self) -> int | None:
        return self._source.num_texts

    def batches(self) -> Iterator[pa.RecordBatch]:
        texts: list[str] = []
        length = 0
        for text in self._source.texts():
            texts.append(text)
            length += len(text)
            if length >= _BATCH_CHARACTERS:
                yield pa.RecordBatch.from_pydict({"text": texts}, schema=TEXT_SCHEMA)
                texts, length = [], 0
        if texts:
            yield pa.RecordBatch.from_pydict({"text": texts}, schema=TEXT_SCHEMA)

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches()), schema=TEXT_SCHEMA)

    def _select(self, columns: list[str]) -> "TextDataset":
        return self
