"""Texts that are nearly an earlier one, found by MinHash over their words."""

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fireside.compute import Dataset
from fireside.ml.feature import HashingTF, MinHashLSH, NGram

__all__ = ["SIMILARITY", "near_duplicates"]

SIMILARITY = 0.8
SHINGLE_WORDS = 3
NUM_BUCKETS = 1 << 20
MISSED = 0.002
"""Probability with which a pair just at the similarity may be missed."""


def near_duplicates(words: Dataset, *, seed: int, similarity: float = SIMILARITY) -> npt.NDArray[np.bool_]:
    """Which texts have nearly the shingles of an earlier one.

    Near means an exact Jaccard similarity of at least `similarity`, among the pairs that MinHash finds. A
    pair at that bound is missed with probability `MISSED` at most. Texts too short for a shingle are near
    nothing. The shingles of all texts are held in memory, 12 bytes each, and the pairs that are near: texts
    that are all near one another cost the square of their number.

    Args:
        words: a column `words` of lists of strings; read once.
        seed: of the hash functions.
        similarity: above 0, at most 1.

    Returns:
        bool[N].

    >>> from fireside.compute import as_dataset
    >>> text = "the old fire by the sea was lit again that night".split()
    >>> near_duplicates(as_dataset({"words": [text, ["another"], text]}), seed=1)
    array([False, False,  True])
    """
    sketched, num_texts = _shingled(words)
    near = np.zeros(num_texts, np.bool_)
    if sketched.num_rows < 2:
        return near
    tables = num_hash_tables(similarity)
    lsh = MinHashLSH(inputCol="sets", outputCol="hashes", numHashTables=tables, seed=seed).fit(sketched)
    pairs = lsh.approxSimilarityJoin(sketched, sketched, threshold=1 - similarity + 1e-9)
    left, right = (
        pc.struct_field(pairs[side].combine_chunks(), "row").to_numpy() for side in ("datasetA", "datasetB")
    )
    near[right[left < right]] = True
    return near


def num_hash_tables(similarity: float) -> int:
    """The fewest hash tables that miss a pair of this similarity with probability `MISSED` at most.

    A table finds it with probability `similarity`, so all T miss it with (1 - similarity)^T.

    >>> num_hash_tables(0.8), num_hash_tables(0.5), num_hash_tables(1.0)
    (4, 9, 1)
    """
    return 1 if similarity >= 1 else max(1, math.ceil(math.log(MISSED) / math.log1p(-similarity)))


def _shingled(words: Dataset) -> tuple[pa.Table, int]:
    """The row number and the set of shingles of each text that has any, and how many texts there are."""
    shingles = NGram(n=SHINGLE_WORDS, inputCol="words", outputCol="shingles")
    sets = HashingTF(inputCol="shingles", outputCol="sets", binary=True, numFeatures=NUM_BUCKETS)
    columns = sets.transform(shingles.transform(words.select(["words"])))
    tables = [pa.schema([("row", pa.int64()), columns.schema.field("sets")]).empty_table()]
    num_texts = 0
    for batch in columns.batches():
        some = pc.greater(pc.list_value_length(batch["shingles"]), 0)
        rows = pa.array(np.arange(num_texts, num_texts + batch.num_rows))
        tables.append(pa.table([rows.filter(some), batch["sets"].filter(some)], schema=tables[0].schema))
        num_texts += batch.num_rows
    return pa.concat_tables(tables), num_texts
