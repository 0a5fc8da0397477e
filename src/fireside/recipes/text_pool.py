"""`TextPool`: distinct texts on disk, some of which are dropped step by step."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fireside.compute import Dataset, as_dataset, map_batches
from fireside.mixing.tokenise import text_digest
from fireside.recipes.text_batches import WORD_PATTERN, words_stage

__all__ = ["TextPool"]

BoolArray = npt.NDArray[np.bool_]

POOL_SCHEMA = pa.schema([("row", pa.int64()), ("text", pa.string())])
TEXT_SCHEMA = pa.schema([("text", pa.string())])
BATCH_ROWS = 4096


class TextPool:
    """Texts that have words, each once, in the order in which they came.

    In memory are a digest of each text while the pool is filled, and then one bit.

    Args:
        file: where the texts lie until `delete`.
        batches: the texts.

    Attributes:
        num_read: how many texts came.
        num_without_words: how many of them had no word.
        num_exact_duplicates: how many others were the same as an earlier one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     pool = TextPool(Path(directory) / "pool.parquet", [pa.array(["a", "!", "b", "a", "c"])])
    ...     _ = pool.drop(np.array([True, False, False]))
    ...     pool.texts().to_table().to_pydict()
    {'row': [1, 2], 'text': ['b', 'c']}
    """

    def __init__(self, file: Path, batches: Iterable[pa.StringArray]) -> None:
        self._file = file
        self.num_read = self.num_without_words = num_texts = 0
        seen: set[bytes] = set()
        with pq.ParquetWriter(file, POOL_SCHEMA, compression="zstd") as writer:
            for texts in batches:
                self.num_read += len(texts)
                texts = texts.filter(pc.match_substring_regex(texts, WORD_PATTERN))
                self.num_without_words -= len(texts)
                texts = texts.filter(_first_seen(texts, seen))
                rows = pa.array(np.arange(num_texts, num_texts + len(texts)))
                num_texts += len(texts)
                writer.write_batch(pa.record_batch([rows, texts], schema=POOL_SCHEMA))
        self.num_without_words += self.num_read
        self.num_exact_duplicates = self.num_read - self.num_without_words - num_texts
        self._kept = np.ones(num_texts, np.bool_)

    @property
    def num_texts(self) -> int:
        """How many texts have not been dropped."""
        return int(np.count_nonzero(self._kept))

    def texts(self) -> Dataset:
        """The texts that have not been dropped, streamed: columns `row`, a number that stays, and `text`."""
        pool = as_dataset(self._file, batch_rows=BATCH_ROWS)
        return map_batches(pool, partial(_rows_kept, kept=self._kept), POOL_SCHEMA)

    def words(self) -> Dataset:
        """Their words, streamed: a column `words`."""
        words: Dataset = words_stage().transform(self.texts())
        return words.select(["words"])

    def drop(self, chosen: BoolArray) -> int:
        """Drop some of the texts that are there, bool[`num_texts`]; returns how many."""
        kept = self._kept.copy()
        kept[np.flatnonzero(kept)[chosen]] = False
        # A new array, so that data sets that were handed out stay as they were.
        self._kept = kept
        return int(np.count_nonzero(chosen))

    def write(self, places: npt.NDArray[np.integer], files: Sequence[Path]) -> list[tuple[int, int]]:
        """Write each text to one of some Parquet files.

        Args:
            places: int[`num_texts`], the place of the file of each text.
            files: one that gets no text is not made.

        Returns:
            For each file, how many texts it has, and how many characters.
        """
        totals = np.zeros((len(files), 2), np.int64)
        place_of = np.zeros(len(self._kept), np.int64)
        place_of[self._kept] = places
        with ExitStack() as stack:
            writers: dict[int, pq.ParquetWriter] = {}
            for batch in self.texts().batches():
                mine = place_of[batch["row"].to_numpy()]
                for place in np.unique(mine).tolist():
                    if place not in writers:
                        writer = pq.ParquetWriter(files[place], TEXT_SCHEMA, compression="zstd")
                        writers[place] = stack.enter_context(writer)
                    texts = batch["text"].filter(pa.array(mine == place))
                    writers[place].write_batch(pa.record_batch([texts], schema=TEXT_SCHEMA))
                    totals[place] += len(texts), pc.sum(pc.utf8_length(texts)).as_py()
        return [(int(texts), int(characters)) for texts, characters in totals]

    def delete(self) -> None:
        """Delete the file."""
        self._file.unlink()


def _first_seen(texts: pa.StringArray, seen: set[bytes]) -> pa.BooleanArray:
    """Which texts are not among those seen; all are added to them."""
    first = []
    for text in texts.to_pylist():
        digest = text_digest(text)
        first.append(digest not in seen)
        seen.add(digest)
    return pa.array(first, pa.bool_())


def _rows_kept(batch: pa.RecordBatch, *, kept: BoolArray) -> pa.RecordBatch:
    return batch.filter(pa.array(kept[batch["row"].to_numpy()]))
