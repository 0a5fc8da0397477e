"""Where a domain's texts come from: frames, files, and what other libraries saved.

`open_texts` recognises

- a folder of text files (.txt, .text, .md, .rst): one text per file,
- JSON Lines (also .zst, .gz), Parquet and CSV: files, folders, globs (read by `fireside.compute`),
- MDS shards, as MosaicML's streaming writes them,
- data sets that Hugging Face's `datasets` saved to disk,
- frames: pandas, polars, Arrow, duckdb, and Spark's, which stay on their cluster.
"""

from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa

from fireside.compute import Dataset, as_dataset
from fireside.compute.files import find_files
from fireside.core.errors import InputError, SchemaError
from fireside.mixing.sources.folder import TEXT_SUFFIXES, TextFolder
from fireside.mixing.sources.mds import INDEX_FILE, MdsTexts
from fireside.mixing.sources.saved_dataset import SPLITS_FILE, STATE_FILE, SavedTexts, refuse_splits
from fireside.mixing.sources.text_dataset import TextDataset

__all__ = ["open_texts"]


def open_texts(source: Any, *, column: str = "text") -> Dataset:
    """Texts as a data set with one column of strings, in an order that is the same every time.

    Args:
        source: a path, or anything that `fireside.compute.as_dataset` takes.
        column: the column of text; a folder of text files has none to choose.

    Raises:
        InputError: nothing there, or a file that cannot be read; it is named.
        SchemaError: no such column, or it is not text.

    >>> open_texts({"text": ["a", "b"], "stars": [1, 5]}).column_names
    ['text']
    """
    if isinstance(source, str | PathLike):
        saved = _saved_by_others(Path(source).expanduser(), column)
        if saved is not None:
            return saved
    dataset = as_dataset(source).select([column])
    kind = dataset.schema.field(column).type
    if kind != pa.string():
        raise SchemaError(f"column {column!r} holds {kind}, not text: choose another column")
    return dataset


def _saved_by_others(path: Path, column: str) -> Dataset | None:
    """A data set from the layouts that `compute` does not know; `None` where it should look itself."""
    if (path / SPLITS_FILE).is_file():
        refuse_splits(path)
    if (path / STATE_FILE).is_file():
        return TextDataset(SavedTexts(path, column))
    if (path / INDEX_FILE).is_file():
        return TextDataset(MdsTexts(path, column))
    files = find_files(path) if path.exists() else []
    text = [file for file in files if file.suffix.lower() in TEXT_SUFFIXES]
    if not text:
        return None
    if len(text) < len(files):
        other = next(file for file in files if file not in text)
        raise InputError(
            f"{path} has text files ({text[0].name}, ...) and others ({other.name}, ...): "
            "give them apart, as domains or folders of their own"
        )
    return TextDataset(TextFolder(files))
